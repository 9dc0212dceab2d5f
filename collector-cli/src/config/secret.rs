//! Secrets: named in the configuration, kept in the environment or in a file of their own.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use collector_core::known::not_known;
use toml::de::DeValue;

use super::tree::{Document, Environment, Node};

/// The name by which a newtype says that it holds a secret: `struct Secret(String)`.
pub(super) const NEWTYPE: &str = "Secret";

/// What to write instead of the secret.
const FORM: &str = "write { env = \"NAME\" } or { file = \"/path/to/secret\" }";

/// The longest secret that is read from a file; a longer one is the wrong file.
const MAX_LENGTH: u64 = 64 << 10;

/// The secret a value names; empty when secrets are not to be resolved. Messages never hold what was found.
pub(super) fn resolve(node: &Node<'_>) -> Result<String, String> {
    if node.value().is_str() {
        return Err(format!("a secret is never written into the configuration; {FORM}"));
    }
    let mut places = Vec::new();
    for (name, place) in node.entries() {
        match (name, place.value()) {
            ("env" | "file", DeValue::String(value)) => places.push((name, value.as_ref())),
            ("env" | "file", _) => return Err(format!("`{name}` is text in quotes; {FORM}")),
            _ => return Err(not_known("key", name, ["env", "file"])),
        }
    }
    let document = node.document();
    match (places.as_slice(), node.env()) {
        ([_], None) => Ok(String::new()),
        ([("env", name)], Some(env)) => from_environment(env, name),
        ([(_, file)], Some(_)) => from_file(document, &document.dir().join(file)),
        ([], _) => Err(format!("a secret is named by exactly one key; {FORM}")),
        _ => Err(format!("`env` and `file` exclude each other; {FORM}")),
    }
}

fn from_environment(env: Environment<'_>, name: &str) -> Result<String, String> {
    let shown = name.escape_debug();
    match env(name) {
        None => Err(format!("the environment variable `{shown}` is not set; set it to the secret")),
        Some(value) => usable(value, &format!("the environment variable `{shown}`")),
    }
}

fn from_file(document: &Document<'_>, path: &Path) -> Result<String, String> {
    let shown = path.display();
    let mut value = String::new();
    let file = File::open(path).map_err(|error| format!("cannot read the secret's file {shown}: {error}"))?;
    if is_readable_by_others(&file) {
        document.warn(format!("others can read the secret in {shown}; run: chmod 600 {shown}"));
    }
    let read = file.take(MAX_LENGTH + 1).read_to_string(&mut value);
    let length = read.map_err(|error| format!("cannot read the secret's file {shown}: {error}"))?;
    if length as u64 > MAX_LENGTH {
        return Err(format!("the file {shown} is longer than a secret can be ({MAX_LENGTH} bytes)"));
    }
    usable(value, &format!("the file {shown}"))
}

/// Takes off the line break that editors add; refuses what no vendor gives out.
fn usable(value: String, place: &str) -> Result<String, String> {
    let value = value.trim();
    if value.is_empty() {
        return Err(format!("{place} is empty"));
    }
    if value.chars().any(char::is_control) {
        return Err(format!("{place} holds more than one line or a control character"));
    }
    Ok(value.to_owned())
}

#[cfg(unix)]
fn is_readable_by_others(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &File) -> bool {
    false
}
