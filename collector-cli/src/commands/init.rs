//! `collector init`: a configuration to begin with, and what editors need to help with it.

use std::fs::OpenOptions;
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use super::{Session, files};
use crate::args::Init;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::ids;

/// The configuration; the answers stand in `{…}`.
const CONFIG: &str = include_str!("init/collector.toml");
/// What may stand in a configuration, for editors.
const SCHEMA: &str = include_str!("init/collector.schema.json");
/// The schema's file, beside the configuration.
const SCHEMA_FILE: &str = "collector.schema.json";

/// What the configuration depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answers {
    token: String,
    units: u64,
    hashtag: String,
}

impl Default for Answers {
    fn default() -> Self {
        Self { token: "ENSEMBLEDATA_TOKEN".to_owned(), units: 1_500, hashtag: "kbeauty".to_owned() }
    }
}

impl Answers {
    fn config(&self) -> String {
        CONFIG
            .replace("{schema}", SCHEMA_FILE)
            .replace("{token}", &self.token)
            .replace("{units}", &self.units.to_string())
            .replace("{hashtag}", &self.hashtag)
    }
}

pub(super) async fn execute(session: &Session, args: &Init) -> Result<Exit> {
    let schema = files::folder(&args.config).join(SCHEMA_FILE);
    for path in [&args.config, &schema] {
        if path.exists() {
            return Err(Failure::usage(format!("{} is there already; nothing was written", path.display()))
                .advise("edit it, or name another file with --config FILE"));
        }
    }
    let answers = match (args.yes, std::io::stdin().is_terminal()) {
        (true, _) => Answers::default(),
        (false, true) => ask(session).await?,
        (false, false) => {
            return Err(Failure::usage("nobody is there to answer; nothing was written")
                .advise("say --yes to write the default answers"));
        }
    };
    write(&schema, SCHEMA)?;
    if let Err(failure) = write(&args.config, &answers.config()) {
        // Half of the pair would keep the next try from writing.
        drop(std::fs::remove_file(&schema));
        return Err(failure);
    }
    report(session, args, &schema, &answers)
}

fn report(session: &Session, args: &Init, schema: &Path, answers: &Answers) -> Result<Exit> {
    let config = args.config.display().to_string();
    let next = [
        format!("put the token into the environment: export {}=…", answers.token),
        format!("collector check --config {config}"),
        format!("collector run first --dry-run --config {config}"),
    ];
    let object = serde_json::json!({
        "exit": "complete", "code": 0, "config": config, "schema": schema.display().to_string(), "next": next,
    });
    session.output.print(&object, |_| {
        let steps: String = next.iter().map(|step| format!("  - {step}\n")).collect();
        format!("{config} is written, with {} for editors\n\nnext\n{steps}", schema.display())
    })?;
    Ok(Exit::Complete)
}

fn write(path: &Path, text: &str) -> Result<()> {
    let cannot = |error: std::io::Error| Failure::usage(format!("cannot write {}: {error}", path.display()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)
}

/// Asks on the terminal; the signal to stop ends it.
async fn ask(session: &Session) -> Result<Answers> {
    let output = session.output.clone();
    let answers = tokio::task::spawn_blocking(move || {
        read_answers(&mut std::io::stdin().lock(), |question| output.aside(question))
    });
    let stopped = || Failure::partial("stopped; nothing was written");
    tokio::select! {
        answers = answers => answers.ok().flatten().ok_or_else(stopped),
        () = session.stop.cancelled() => Err(stopped()),
    }
}

/// Reads the answers; `None` when the input ends.
fn read_answers(input: &mut impl BufRead, say: impl Fn(&str)) -> Option<Answers> {
    let default = Answers::default();
    let token =
        answer(input, &say, "The environment variable that holds the token", &default.token, |text| {
            let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            let good = text.len() <= 80
                && text.bytes().all(plain)
                && !text.starts_with(|c: char| c.is_ascii_digit());
            good.then(|| text.to_owned())
                .ok_or("its name: capital letters, digits and _; never the token itself")
        })?;
    let units = answer(input, &say, "Units a day that may be spent", &default.units.to_string(), |text| {
        text.parse().ok().filter(|units| *units > 0).ok_or("a whole number from 1")
    })?;
    let hashtag = answer(input, &say, "A hashtag to begin with", &default.hashtag, |text| {
        let tag = ids::hashtag(text).ok().filter(|tag| tag.chars().all(|c| c.is_alphanumeric() || c == '_'));
        tag.ok_or("one word of letters and digits")
    })?;
    Some(Answers { token, units, hashtag })
}

/// Asks until the answer is good; an empty line is the default.
fn answer<T>(
    input: &mut impl BufRead,
    say: impl Fn(&str),
    question: &str,
    default: &str,
    read: impl Fn(&str) -> Result<T, &'static str>,
) -> Option<T> {
    loop {
        say(&format!("{question} [{default}]"));
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let text = line.trim();
        match read(if text.is_empty() { default } else { text }) {
            Ok(value) => return Some(value),
            Err(wanted) => say(&format!("  expected {wanted}")),
        }
    }
}

#[cfg(test)]
mod tests;
