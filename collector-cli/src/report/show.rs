//! What `collector show` prints.

use collector_core::clock::Timestamp;
use collector_core::creator::{Creator, Creators, DayCount, Explanation, Field, Growth, SourceAsOf};
use collector_core::domain::Day;
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
    /// With `--explain`: how followers grew, and what that is computed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth: Option<Vec<Growth>>,
}

impl ShowReport {
    pub(crate) fn new(known: &Known<Creators>) -> Self {
        let entity: &Creator = &known.record.entity;
        Self {
            key: known.record.key.0,
            version: known.record.version,
            ids: known.ids.clone(),
            lost: known.lost.iter().map(|lost| format!("{} since {}", lost.id, lost.since)).collect(),
            creator: entity.clone(),
            facts: known.record.facts.clone(),
            explanation: None,
            growth: None,
        }
    }

    /// Says besides where everything comes from: what these sightings and days have to say.
    pub(crate) fn explained(self, known: &Known<Creators>, creators: &Creators, history: &[Day]) -> Self {
        let explanation = Some(creators.explain(&known.sightings, &known.lost));
        Self { explanation, growth: Some(creators.growth(history)), ..self }
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
        let growth = self.growth.as_deref().unwrap_or_default();
        rest.extend(growth.iter().map(grown));
        let told = |name: &String| growth.iter().any(|one| one.name == name);
        let facts = self.facts.iter().filter(|(name, _)| !told(name));
        rest.extend(facts.map(|(name, value)| row(name, shown(value))));
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

/// One line a field, and one for each who says the same or something else.
fn explained(explanation: &Explanation) -> Rows {
    let mut rows = Rows::new();
    for field in &explanation.fields {
        let mut by = field.said_by.as_ref().map(said_by).unwrap_or_default();
        if field.aged {
            by.push_str(", old");
        }
        rows.push(vec![plain(&field.field), shown(&field.value), by]);
        let same = field.agree.iter().map(|by| vec![String::new(), "the same".to_owned(), said_by(by)]);
        rows.extend(same);
        for other in &field.disagree {
            let old = if other.aged { ", old" } else { "" };
            let by = said_by(&other.by) + old;
            rows.push(vec![String::new(), format!("not {}", shown(&other.value)), by]);
        }
    }
    rows
}

/// The growth over some days, and the two figures behind it.
fn grown(growth: &Growth) -> Vec<String> {
    let count = |figure: DayCount| {
        let followers = u64::try_from(figure.count).map_or_else(|_| figure.count.to_string(), number);
        format!("{followers} on {}", day(figure.day))
    };
    let now = count(growth.now);
    let text = match (growth.share, growth.before) {
        (Some(share), Some(before)) => {
            format!("{:+.2} %: followers {}, {now}", share * 100.0, count(before))
        }
        (_, Some(before)) => format!("not known: followers {}, {now}", count(before)),
        (_, None) => {
            let (since, until) = (day(growth.since), day(growth.until));
            format!("not known: followers {now}, and of no day from {since} to {until}")
        }
    };
    row(growth.name, text)
}

/// A day as a date.
fn day(day: i32) -> String {
    let text = when(Timestamp::from_secs(i64::from(day) * 86_400));
    text.split([' ', 'T']).next().unwrap_or_default().to_owned()
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
    use collector_core::creator::{CreatorSighting, PostStats};
    use collector_core::domain::Sighting;
    use collector_core::id::RecordKey;
    use collector_core::sink::Record;
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
            growth: None,
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
    fn an_explanation_says_who_agrees_who_does_not_and_what_growth_is_computed_from() {
        let seen = |source: &str, day: i64, followers: u64| Sighting {
            source: source.into(),
            aspect: "profile".into(),
            seen_at: Timestamp::from_secs(day * 86_400),
            item: CreatorSighting { followers: Some(followers), ..CreatorSighting::showing("profile") },
        };
        let known = Known {
            record: Record {
                key: RecordKey(7),
                version: 3,
                entity: Creator::default().into(),
                facts: [("growth_7d".to_owned(), json!(0.1)), ("pictures".to_owned(), json!("a.jpg"))].into(),
            },
            ids: Ids::default(),
            lost: vec![],
            sightings: vec![seen("a", 20_100, 1_100), seen("b", 20_099, 1_100), seen("c", 20_050, 900)],
        };
        let days =
            [(20_093, 1_000), (20_100, 1_100)].map(|(day, count)| Day { day, figures: vec![Some(count)] });
        let report = ShowReport::new(&known).explained(&known, &Creators::default(), &days);
        let text = report.text();
        for words in [
            &["followers  1,100", "a profile, 2025-01-12"][..],
            &["the same", "b profile, 2025-01-11"],
            &["not 900", "c profile, 2024-11-23", ", old"],
            &["growth_7d", "+10.00 %: followers 1,000 on 2025-01-05, 1,100 on 2025-01-12"],
            &[
                "growth_30d",
                "not known: followers 1,100 on 2025-01-12, and of no day from 2024-11-28 to 2024-12-13",
            ],
        ] {
            assert!(
                text.lines().any(|line| words.iter().all(|word| line.contains(word))),
                "{words:?}\n{text}"
            );
        }
        assert_eq!(text.matches("growth_7d").count(), 1, "{text}");
        assert!(text.contains("a.jpg"), "{text}");
        assert_eq!(json!(report)["growth"][0]["before"]["count"], json!(1_000));
    }

    #[test]
    fn json_has_the_documented_keys() {
        let json = json!(report());
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["creator", "facts", "ids", "key", "lost", "version"]);
    }
}
