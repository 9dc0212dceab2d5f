//! Where every value of a configuration comes from.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Config;

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Setting {
    /// The key, as `jobs[0].query.hashtags`.
    pub key: String,
    /// The value; a secret only says where it is kept.
    pub value: Value,
    /// `default`, or the file and line.
    pub origin: String,
}

/// Every value of a configuration, in the order of its keys.
pub(crate) fn settings(config: &Config, text: &str) -> Vec<Setting> {
    let mut written = BTreeMap::new();
    let (root, _) = DeTable::parse_recoverable(text);
    table(root.get_ref(), "", text, &mut written);
    let mut values = BTreeMap::new();
    if let Ok(value) = serde_json::to_value(config) {
        flatten(&value, "", &mut values);
    }
    let mut settings: BTreeMap<String, Setting> = BTreeMap::new();
    for (key, value) in values {
        let key = renamed(&key);
        let line = written.get(&key).map(|(line, _)| *line);
        settings.insert(key.clone(), Setting { key, value, origin: origin(&config.file, line) });
    }
    // Keys that only an adapter understands are known from the file alone.
    for (key, (line, value)) in written {
        let origin = origin(&config.file, Some(line));
        settings.entry(key.clone()).or_insert(Setting { key, value, origin });
    }
    settings.into_values().filter(|setting| !matches!(setting.key.as_str(), "file" | "warnings")).collect()
}

fn origin(file: &Path, line: Option<usize>) -> String {
    line.map_or_else(|| "default".to_owned(), |line| format!("{}:{line}", file.display()))
}

/// The key a value has in the file.
fn renamed(key: &str) -> String {
    match key {
        "store" => "store.url".to_owned(),
        "keep.payloads" => "store.payloads".to_owned(),
        "keep.runs" => "store.runs".to_owned(),
        "jsonl" => "jsonl.path".to_owned(),
        key => key.to_owned(),
    }
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

fn flatten(value: &Value, key: &str, values: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| flatten(value, &join(key, name), values));
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(at, item)| flatten(item, &format!("{key}[{at}]"), values));
        }
        Value::Null => {}
        value => {
            values.insert(key.to_owned(), value.clone());
        }
    }
}

type Written = BTreeMap<String, (usize, Value)>;

fn table(table: &DeTable<'_>, key: &str, text: &str, written: &mut Written) {
    for (name, value) in table {
        entry(value, &join(key, name.get_ref()), text, written);
    }
}

fn entry(value: &Spanned<DeValue<'_>>, key: &str, text: &str, written: &mut Written) {
    match value.get_ref() {
        DeValue::Table(inner) if !is_secret(inner) => table(inner, key, text, written),
        DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => {
            for (at, item) in items.iter().enumerate() {
                entry(item, &format!("{key}[{at}]"), text, written);
            }
        }
        leaf => {
            let before = text.as_bytes().iter().take(value.span().start);
            let line = 1 + before.filter(|byte| **byte == b'\n').count();
            written.insert(key.to_owned(), (line, plain(leaf)));
        }
    }
}

/// A table that says where a secret is kept.
fn is_secret(table: &DeTable<'_>) -> bool {
    table.len() == 1 && table.keys().all(|name| matches!(name.get_ref().as_ref(), "env" | "file"))
}

fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(without_password(text)),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(number.as_str()),
        },
        DeValue::Float(number) => match number.as_str().replace('_', "").parse::<f64>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(number.as_str()),
        },
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| plain(item.get_ref())).collect(),
        DeValue::Table(inner) => {
            inner.iter().map(|(name, value)| (name.get_ref().to_string(), plain(value.get_ref()))).collect()
        }
    }
}

/// An address without the user and password that may stand in it.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match host.rsplit_once('@') {
        Some((user, _)) => {
            let rest = rest.get(user.len() + 1..).unwrap_or_default();
            format!("{scheme}://[redacted]@{rest}")
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_says_where_it_comes_from_and_no_secret_is_shown() {
        let text = "[store]\nurl = \"sqlite:x.db\"\n[run]\nretry = { attempts = 3 }\n[sources.ensembledata]\n\
                    token = { env = \"TOKEN\" }\nbase_url = \"https://me:hunter2@example.com/x\"\n[[jobs]]\nname = \"a\"\n\
                    query = { handles = [\"b\"] }\n";
        let registry = crate::sources::builtin();
        let config = Config::parse(Path::new("c.toml"), text, &registry, None).unwrap();
        let settings = settings(&config, text);
        let of = |key: &str| {
            let setting =
                settings.iter().find(|setting| setting.key == key).unwrap_or_else(|| panic!("{key}"));
            (setting.value.to_string(), setting.origin.clone())
        };
        let told = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
        assert_eq!(of("store.url"), told("\"sqlite:x.db\"", "c.toml:2"));
        assert_eq!(of("lock.url"), told("\"memory:\"", "default"));
        assert_eq!(of("run.retry.attempts"), told("3", "c.toml:4"));
        assert_eq!(of("run.retry.base"), told("\"500ms\"", "default"));
        assert_eq!(of("run.commit_window"), told("64", "default"));
        assert_eq!(of("sources.ensembledata.type"), told("\"ensembledata\"", "default"));
        assert_eq!(of("sources.ensembledata.token"), told("{\"env\":\"TOKEN\"}", "c.toml:6"));
        assert_eq!(
            of("sources.ensembledata.base_url"),
            told("\"https://[redacted]@example.com/x\"", "c.toml:7")
        );
        assert_eq!(of("jobs[0].query.handles"), told("[\"b\"]", "c.toml:10"));
        assert_eq!(of("jobs[0].fresh_for").1, "default");
        assert!(!settings.iter().any(|setting| setting.key == "file"));
    }
}
