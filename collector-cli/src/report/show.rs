//! What `collector show` prints.

use collector_core::creator::{Creator, Creators, Explanation, Field, SourceAsOf};
use collector_core::id::{Id, Ids};
use collector_core::sink::Facts;
use collector_core::store::Known;
use serde::Serialize;
use serde_json::Value;

use super::{Rows, aligned, number, plain, when};

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
    pub creator: Creator,
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
            creator: entity.clone(),
            facts: known.record.facts.clone(),
            explanation: explain.then(|| creators.explain(&known.sightings, &known.lost)),
        }
    }

    /// What people read.
    pub fn text(&self) -> String {
        let mut text = self.title();
        text.push_str(&match &self.explanation {
            None => aligned(2, &self.fields()),
            Some(explanation) => aligned(2, &explained(explanation)),
        });
        let mut rest: Rows = self.sources().iter().map(|by| row("source", said_by(by))).collect();
        rest.extend(self.ids.iter().map(|id: &Id| row("id", id.to_string())));
        rest.extend(self.lost.iter().map(|lost| row("former id", lost.clone())));
        rest.extend(self.facts.iter().map(|(name, value)| row(name, shown(value))));
        rest.push(row("record", format!("{}, version {}", self.key, self.version)));
        text.push('\n');
        text + &aligned(2, &rest)
    }

    fn title(&self) -> String {
        let text = |text: &Option<Box<str>>| text.as_deref().map(plain);
        match (text(&self.creator.handle), text(&self.creator.name)) {
            (Some(handle), Some(name)) => format!("@{handle}  {name}\n"),
            (Some(handle), None) => format!("@{handle}\n"),
            (None, name) => format!("{}\n", name.unwrap_or_else(|| "(no handle known)".to_owned())),
        }
    }

    /// The fields that are known, in the order of the table of fields.
    fn fields(&self) -> Rows {
        let creator = serde_json::json!(self.creator);
        let named = Field::ALL.iter().filter(|field| **field != Field::Extra);
        let known = named.filter_map(|field| Some((field.name(), creator.get(field.name())?)));
        let mut rows: Rows = known.flat_map(|(name, value)| field_rows(name, value)).collect();
        rows.extend(
            self.creator.extra.iter().map(|(name, extra)| row(&format!("extra.{name}"), shown(&extra.value))),
        );
        rows
    }

    fn sources(&self) -> &[SourceAsOf] {
        &self.creator.sources
    }
}

fn row(label: &str, value: String) -> Vec<String> {
    vec![plain(label), value]
}

/// One line a field; a table's fields follow it as `table.field`.
fn field_rows(name: &str, value: &Value) -> Rows {
    match value {
        Value::Null => Vec::new(),
        Value::Object(fields) => {
            fields.iter().flat_map(|(inner, value)| field_rows(&format!("{name}.{inner}"), value)).collect()
        }
        value => vec![row(name, shown(value))],
    }
}

/// One line a field, and one for each who says something else.
fn explained(explanation: &Explanation) -> Rows {
    let mut rows = Rows::new();
    for field in &explanation.fields {
        let mut by = field.said_by.as_ref().map(said_by).unwrap_or_default();
        if field.aged {
            by.push_str(", old");
        }
        if !field.agree.is_empty() {
            by.push_str(&format!(" (+{} the same)", field.agree.len()));
        }
        rows.push(vec![plain(&field.field), shown(&field.value), by]);
        for other in &field.disagree {
            rows.push(vec![String::new(), format!("not {}", shown(&other.value)), said_by(&other.by)]);
        }
    }
    rows
}

fn said_by(by: &SourceAsOf) -> String {
    format!("{} {}, {}", by.source, by.aspect, when(by.as_of))
}

/// The longest value that is shown whole beside others.
const WIDEST: usize = 56;

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
    use collector_core::creator::PostStats;
    use serde_json::json;

    use super::*;

    fn report() -> ShowReport {
        ShowReport {
            key: 7,
            version: 3,
            ids: Ids { strong: vec![Id::new("tiktok:uid", "67")], weak: vec![] },
            lost: vec![],
            creator: Creator {
                handle: Some("jo".into()),
                name: Some("Jo\u{1b}[2J".into()),
                followers: Some(12_345),
                verified: Some(true),
                bio: Some("x".repeat(100).into()),
                categories: vec!["a".into(), "b".into()],
                posts: Some(PostStats { seen: 3, ..PostStats::default() }),
                ..Creator::default()
            },
            facts: Facts::new(),
            explanation: None,
        }
    }

    #[test]
    fn a_creator_is_shown_in_columns_without_unknown_fields_or_control_characters() {
        let text = report().text();
        assert!(text.starts_with("@jo  Jo\u{fffd}[2J\n"), "{text}");
        for line in ["  followers   12,345", "  verified    yes", "  categories  a, b", "  posts.seen  3"] {
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
