//! `collector sources new`: a crate with one more source, ready to be built and tested.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::super::Session;
use crate::args::NewSource;
use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// A file of the crate: its path, and its text with the names in `{…}`.
const FILES: [(&str, &str); 13] = [
    ("Cargo.toml", include_str!("new/Cargo.toml.in")),
    (".gitignore", include_str!("new/gitignore.in")),
    ("README.md", include_str!("new/README.md.in")),
    ("collector.toml", include_str!("new/collector.toml.in")),
    ("src/main.rs", include_str!("new/src/main.rs.in")),
    ("src/lib.rs", include_str!("new/src/lib.rs.in")),
    ("src/config.rs", include_str!("new/src/config.rs.in")),
    ("src/request.rs", include_str!("new/src/request.rs.in")),
    ("src/parse.rs", include_str!("new/src/parse.rs.in")),
    ("src/source.rs", include_str!("new/src/source.rs.in")),
    ("tests/hostile.rs", include_str!("new/tests/hostile.rs.in")),
    ("fixtures/page-1.json", include_str!("new/fixtures/page-1.json")),
    ("fixtures/page-2.json", include_str!("new/fixtures/page-2.json")),
];

/// Names that cannot be a crate's.
const TAKEN: [&str; 9] =
    ["collector", "core", "std", "alloc", "test", "self", "super", "crate", "proc_macro"];

/// The longest name.
const LONGEST: usize = 40;

pub(super) fn execute(session: &Session, args: &NewSource) -> Result<Exit> {
    let names = Names::of(&args.name)?;
    if session.registry.types().any(|known| known == names.name) {
        return Err(Failure::usage(format!(
            "there is a source of type {} already; nothing was written",
            names.name
        ))
        .advise("choose another name, or configure that one"));
    }
    let checkout = checkout(args.collector.as_deref())?;
    let folder = args.dir.clone().unwrap_or_else(|| PathBuf::from(&names.name));
    // An empty folder is as good as none.
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
        return Err(Failure::usage(format!("{} is there already; nothing was written", folder.display()))
            .advise("name another folder with --dir"));
    }
    for (path, text) in FILES {
        let text = if path.ends_with(".json") { text.to_owned() } else { names.put(text, &checkout) };
        write(&folder.join(path), &text)?;
    }
    report(session, &names, &folder)
}

fn report(session: &Session, names: &Names, folder: &Path) -> Result<Exit> {
    let folder = folder.display().to_string();
    let next = [
        format!("cd {folder} && cargo test"),
        "make src/request.rs and src/parse.rs the vendor's, with its answers in fixtures/".to_owned(),
        format!("cargo run -- try {} --kind search --key tea", names.name),
    ];
    let files: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
    let object =
        serde_json::json!({ "exit": "complete", "code": 0, "dir": folder, "files": files, "next": next });
    session.output.print(&object, |_| {
        let steps: String = next.iter().map(|step| format!("  - {step}\n")).collect();
        format!("{folder} is a crate of its own, with the source {}\n\nnext\n{steps}", names.name)
    })?;
    Ok(Exit::Complete)
}

fn write(path: &Path, text: &str) -> Result<()> {
    let cannot =
        |error: std::io::Error| Failure::aborted(format!("cannot write {}: {error}", path.display()));
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(cannot)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)
}

/// Where the collector's own crates lie: as told, or around the folder the command runs in.
fn checkout(told: Option<&Path>) -> Result<PathBuf> {
    let is_one = |folder: &Path| folder.join("collector-cli/Cargo.toml").is_file();
    let found = match told {
        Some(told) => Some(told.to_path_buf()).filter(|folder| is_one(folder)),
        None => {
            let here = std::env::current_dir()
                .map_err(|error| Failure::usage(format!("there is no present folder: {error}")))?;
            here.ancestors().find(|folder| is_one(folder)).map(Path::to_path_buf)
        }
    };
    let found = found.and_then(|folder| folder.canonicalize().ok());
    found.ok_or_else(|| {
        let place = told.map_or_else(|| "here or above".to_owned(), |told| format!("in {}", told.display()));
        Failure::usage(format!("the collector's sources are not {place}; nothing was written"))
            .advise("say --collector DIR, the folder of its checkout")
    })
}

/// One name in every spelling that is needed.
#[derive(Debug, PartialEq, Eq)]
struct Names {
    name: String,
    crate_name: String,
    type_name: String,
    env: String,
}

impl Names {
    fn of(name: &str) -> Result<Self> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let good = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(plain)
            && name.ends_with(|c: char| c.is_ascii_alphanumeric())
            && name.len() <= LONGEST;
        let crate_name = name.replace('-', "_");
        if !good || TAKEN.contains(&crate_name.as_str()) || is_keyword(&crate_name) {
            return Err(Failure::usage(format!("{name:?} cannot be the name of a source and a crate"))
                .advise("small letters, digits, - and _, for example `acme`"));
        }
        let capital = |word: &str| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        };
        let type_name = crate_name.split('_').map(capital).collect();
        Ok(Self { name: name.to_owned(), env: crate_name.to_ascii_uppercase(), type_name, crate_name })
    }

    fn put(&self, text: &str, checkout: &Path) -> String {
        // A path as a TOML text, whatever is in it.
        let path = |member: &str| toml::Value::from(checkout.join(member).display().to_string()).to_string();
        text.replace("{name}", &self.name)
            .replace("{crate}", &self.crate_name)
            .replace("{Type}", &self.type_name)
            .replace("{ENV}", &self.env)
            .replace("{host}", &self.crate_name.replace('_', "-"))
            .replace("{cli}", &path("collector-cli"))
            .replace("{core}", &path("collector-core"))
            .replace("{sources}", &path("collector-sources"))
    }
}

fn is_keyword(word: &str) -> bool {
    const KEYWORDS: &str = "as async await break const continue dyn else enum extern false fn for gen if impl in let \
        loop match mod move mut pub ref return static struct trait true type unsafe use where while abstract become box \
        do final macro override priv try typeof unsized virtual yield union";
    KEYWORDS.split_ascii_whitespace().any(|keyword| keyword == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_spelt_for_every_place() {
        let names = Names::of("acme-people_2").unwrap();
        assert_eq!(
            (names.crate_name.as_str(), names.type_name.as_str(), names.env.as_str()),
            ("acme_people_2", "AcmePeople2", "ACME_PEOPLE_2")
        );
        for bad in
            ["", "Acme", "2nd", "a b", "../x", "-x", "x-", "fn", "core", "acme\n", "ä", &"x".repeat(41)]
        {
            assert!(Names::of(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nothing_is_left_to_be_put_in() {
        let names = Names::of("acme").unwrap();
        for (path, text) in FILES {
            let put = names.put(text, Path::new("/a \"b\""));
            for left in ["{name}", "{crate}", "{Type}", "{ENV}", "{host}", "{cli}", "{core}", "{sources}"] {
                assert!(!put.contains(left), "{left} in {path}");
            }
        }
        let manifest = names.put(FILES[0].1, Path::new("/a \"b\""));
        let manifest: toml::Table = toml::from_str(&manifest).unwrap();
        assert_eq!(
            manifest["dependencies"]["collector-core"]["path"].as_str(),
            Some("/a \"b\"/collector-core")
        );
    }
}
