//! What `collector show` prints.

use collector_core::creator::{Creator, Creators, Explanation, SourceAsOf};
use collector_core::id::{Id, Ids};
use collector_core::sink::Facts;
use collector_core::store::Known;
use serde::Serialize;
use serde_json::Value;

use super::{Rows, aligned, number, plain};

/// Everything known about one creator.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct ShowReport {
    /// The record's key.
    pub key: u64,
    /// Its version: grows with every change.
    pub version: u64,
    /// The identities.
    pub ids: Ids,
    /// Identities that are somebody else's now, with the time since when.
    pub lost: Vec<String>,
    /// The merged view.
    pub creator: Value,
    /// What sinks reported.
    pub facts: Facts,
    /// With `--explain`: where each value comes from, and who disagrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

impl ShowReport {
    pub(crate) fn new(known: &Known<Creators>, creators: &Creators, explain: bool) -> Self {
        let entity: &Creator = &known.record.entity;
        Self {
            key: known.record.key.0,
            version: known.record.version,
            ids: known.ids.clone(),
            lost: known.lost.iter().map(|lost| format!("{} since {}", lost.id, lost.since)).collect(),
            creator: serde_json::json!(entity),
            facts: known.record.facts.clone(),
            explanation: explain.then(|| creators.explain(&known.sightings, &known.lost)),
        }
    }

    /// What people read.
    pub fn text(&self) -> String {
        let mut text = self.title();
        match &self.explanation {
            None => text.push_str(&aligned(2, &self.fields())),
            Some(explanation) => text.push_str(&explained(explanation)),
        }
        let mut rest: Rows = self.ids.iter().map(|id: &Id| row("id", &id.to_string())).collect();
        rest.extend(self.lost.iter().map(|lost| row("former id", lost)));
        rest.extend(self.facts.iter().map(|(name, value)| row(name, &shown(value))));
        rest.push(row("record", &format!("{}, version {}", self.key, self.version)));
        text.push('\n');
        text + &aligned(2, &rest)
    }

    fn title(&self) -> String {
        let get = |name: &str| self.creator.get(name).and_then(Value::as_str).map(plain);
        match (get("handle"), get("name")) {
            (Some(handle), Some(name)) => format!("@{handle}  {name}\n"),
            (Some(handle), None) => format!("@{handle}\n"),
            (None, name) => format!("{}\n", name.unwrap_or_else(|| "(no handle known)".to_owned())),
        }
    }

    fn fields(&self) -> Rows {
        let fields = self.creator.as_object().into_iter().flatten();
        fields.flat_map(|(name, value)| field_rows(name, value)).collect()
    }
}

fn row(label: &str, value: &str) -> Vec<String> {
    vec![plain(label), value.to_owned()]
}

/// One line a field; a table's fields follow it as `table.field`.
fn field_rows(name: &str, value: &Value) -> Rows {
    match value {
        Value::Null => Vec::new(),
        Value::Object(fields) => {
            fields.iter().flat_map(|(inner, value)| field_rows(&format!("{name}.{inner}"), value)).collect()
        }
        value => vec![row(name, &shown(value))],
    }
}

fn explained(explanation: &Explanation) -> String {
    let mut rows = Rows::new();
    for field in &explanation.fields {
        let by = field.said_by.as_ref().map(said_by).unwrap_or_default();
        let aged = if field.aged { " (old)" } else { "" };
        rows.push(vec![plain(&field.field), shown(&field.value), format!("{by}{aged}")]);
        for other in &field.agree {
            rows.push(vec![String::new(), "  agrees".to_owned(), said_by(other)]);
        }
        for other in &field.disagree {
            rows.push(vec![String::new(), format!("  not {}", shown(&other.value)), said_by(&other.by)]);
        }
    }
    aligned(2, &rows)
}

fn said_by(by: &SourceAsOf) -> String {
    format!("{} {}, {}", by.source, by.aspect, by.as_of)
}

/// The longest value that is shown whole beside others.
const WIDEST: usize = 60;

/// A value on one line.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(amount) => amount.as_u64().map_or_else(|| amount.to_string(), number),
        Value::String(text) => plain(text),
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            format!("{} entries", items.len())
        }
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => format!("{} entries", fields.len()),
    };
    match text.char_indices().nth(WIDEST) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> ShowReport {
        ShowReport {
            key: 7,
            version: 3,
            ids: Ids { strong: vec![Id::new("tiktok:uid", "67")], weak: vec![] },
            lost: vec![],
            creator: json!({
                "handle": "jo", "name": "Jo\u{1b}[2J", "followers": 12_345, "verified": true, "country": null,
                "bio": "x".repeat(100), "hashtags": ["a", "b"], "posts": { "seen": 3 }, "sources": [{ "source": "e" }],
            }),
            facts: Facts::new(),
            explanation: None,
        }
    }

    #[test]
    fn a_creator_is_shown_in_columns_without_unknown_fields_or_control_characters() {
        let text = report().text();
        assert!(text.starts_with("@jo  Jo\u{fffd}[2J\n"), "{text}");
        for line in ["  followers   12,345", "  verified    yes", "  hashtags    a, b", "  posts.seen  3", "  sources     1 entries"] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("country") && text.contains('…'), "{text}");
    }

    #[test]
    fn json_has_the_documented_keys() {
        let json = json!(report());
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["creator", "facts", "ids", "key", "lost", "version"]);
    }
}
