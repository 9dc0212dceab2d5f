//! The absences that `ARCHITECTURE.md` promises.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

/// Crates that `package` needs, by name, as `cargo tree` has them.
fn needs(package: &str) -> Vec<String> {
    needs_with(package, &["--all-features"])
}

/// The same with these features.
fn needs_with(package: &str, features: &[&str]) -> Vec<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args([
            "tree",
            "--offline",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--edges",
            "normal",
            "-p",
            package,
        ])
        .args(features)
        .output()
        .expect("cargo tree runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8_lossy(&output.stdout);
    names.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn assert_free_of(package: &str, banned: &[&str]) {
    let needs = needs(package);
    assert!(needs.len() > 5, "cargo tree said nothing about {package}");
    for name in banned {
        assert!(!needs.iter().any(|need| need == name), "{package} needs {name}");
    }
}

#[test]
fn core_knows_no_vendor_database_or_network_client() {
    assert_free_of(
        "collector-core",
        &[
            "collector-sources",
            "collector-sinks",
            "reqwest",
            "hyper",
            "sea-orm",
            "sqlx",
            "rusqlite",
            "object_store",
            "redis",
        ],
    );
}

#[test]
fn sources_and_sinks_never_see_each_other() {
    assert_free_of("collector-sources", &["collector-sinks", "sea-orm", "sqlx"]);
    assert_free_of("collector-sinks", &["collector-sources"]);
}

#[test]
fn backends_that_fetch_nothing_need_no_network_client() {
    let needs = needs_with("collector-sinks", &["--no-default-features", "--features", "sqlite,jsonl"]);
    assert!(!needs.iter().any(|need| need == "reqwest" || need == "object_store"), "{needs:?}");
}

#[test]
fn there_is_one_tls_stack() {
    assert_free_of("collector-cli", &["openssl", "native-tls", "aws-lc-rs", "aws-lc-sys"]);
}

/// Source files of a crate, without its tests.
fn sources(of: &str) -> Vec<(PathBuf, String)> {
    fn collect(dir: &Path, files: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(dir).expect("a source folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                // What stands below the first test module is not shipped.
                let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
                files.push((path, shipped));
            }
        }
    }
    let mut files = Vec::new();
    collect(&root().join(of).join("src"), &mut files);
    assert!(!files.is_empty(), "{of} has no sources");
    files
}

fn assert_only_in(crates: &[&str], word: &str, allowed: &[&str]) {
    for (path, text) in crates.iter().flat_map(|of| sources(of)) {
        let shown = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        if allowed.iter().any(|place| shown.contains(place)) {
            continue;
        }
        let at = text.lines().position(|line| !line.trim_start().starts_with("//") && line.contains(word));
        assert!(at.is_none(), "`{word}` in {shown}:{}", at.unwrap_or(0) + 1);
    }
}

const LIBRARIES: &[&str] = &["collector-core", "collector-sources", "collector-sinks"];

#[test]
fn only_the_program_reads_the_environment() {
    assert_only_in(LIBRARIES, "env::var", &[]);
}

#[test]
fn two_places_build_a_client() {
    // Vendors are chosen by the operator, links to pictures by anybody: their client trusts nothing.
    let places = ["collector-sources/src/http", "collector-sinks/src/images/client.rs"];
    assert_only_in(LIBRARIES, "Client::builder", &places);
    // The bucket's service is handed one, and wraps it.
    let wraps = ["collector-sinks/src/images/s3/service.rs"];
    assert_only_in(LIBRARIES, "Client::new", &[places.as_slice(), &wraps].concat());
}

#[test]
fn nothing_is_installed_process_wide() {
    assert_only_in(LIBRARIES, "install_default", &[]);
    assert_only_in(LIBRARIES, "set_global_default", &[]);
    assert_only_in(LIBRARIES, "signal::", &["store/ledger"]);
}

#[test]
fn only_the_engine_sleeps_and_spawns() {
    let engine = [
        "collector-core/src/pipeline",
        "collector-core/src/clock.rs",
        "collector-core/src/context",
        "collector-core/src/lock/keeper",
        // Between attempts at one transaction; the engine sees one call.
        "collector-sinks/src/sql/repeat",
        "testkit",
        "simulator",
    ];
    assert_only_in(LIBRARIES, "time::sleep", &engine);
    assert_only_in(LIBRARIES, "tokio::spawn", &engine);
}

#[test]
fn no_unsafe_anywhere() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    for member in
        ["collector-core", "collector-sources", "collector-sinks", "collector-cli", "examples", "tests"]
    {
        let manifest = std::fs::read_to_string(root().join(member).join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member} does not inherit the lints");
    }
}

/// The rights that the tests' servers give are the ones that people are told to give.
#[test]
fn the_tests_have_the_rights_of_the_docs() {
    let folder = root().join("tests/services/rights");
    let told = std::fs::read_to_string(root().join("docs/permissions.md")).expect("the page of rights");
    let told = told
        .replace("'CHOOSE'", "'@PASSWORD@'")
        .replace(">CHOOSE", ">@PASSWORD@")
        .replace("BUCKET", "@BUCKET@");
    for file in ["mysql.sql", "redis.acl", "s3.json"] {
        let given = std::fs::read_to_string(folder.join(file)).expect("the rights of the tests");
        assert!(told.contains(given.trim()), "docs/permissions.md does not have what rights/{file} says");
    }
}
