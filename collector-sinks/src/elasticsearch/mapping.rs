//! The index's fields, derived from core's table, and what of a record goes into them.

use std::sync::Arc;

use collector_core::creator::Creator;
use collector_core::id::{Digest, RecordKey};
use collector_core::search::{Document, FieldKind, SearchField, tokens};
use collector_core::sink::{Change, Facts, Record};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::config::ElasticsearchConfig;

/// Changes with what this file puts into an index.
const FORMAT: u32 = 1;

/// The object that holds what is not in core's table. Its names stay the same in every format: with them an older
/// index is read to make a newer one.
const RECORD: &str = "record";
/// The key as 16 hexadecimal digits: sorted as text, keys come in the order of their numbers, also those beyond the
/// server's whole numbers.
pub(super) const KEY: &str = "record.key";
/// Marks a deleted record. It stays in the index with its version: the server forgets versions of what it deletes, after a
/// minute and whenever it restarts, and a late write would bring the record back.
pub(super) const GONE: &str = "record.gone";
/// Names of the fields that have a value and are no column.
pub(super) const KNOWN: &str = "record.known";
/// For each field of numbers, 1 where it has a value: no number is left to stand for the unknown when sorting.
const HAS: &str = "has";

/// The beginnings of words that are indexed, in characters, so that a phrase whose last word may go on need not be
/// expanded into all those words. The most that a server allows.
const PREFIXES: (u32, u32) = (1, 19);

/// Says which indexes this program can use as they are: two that would hold other tokens or columns differ.
pub(super) fn fingerprint() -> String {
    let table: Vec<_> = SearchField::ALL.iter().map(|field| field.info()).collect();
    Digest::of_json(&(FORMAT, tokens::VERSION, table, properties())).to_string()
}

// The analyzer cuts tokens behind 255 of the server's units, of which a character takes up to two.
const _: () = assert!(2 * tokens::MAX_WORD <= 255);

/// A key as the index has it.
pub(super) fn id(key: RecordKey) -> String {
    format!("{:016x}", key.0)
}

/// The key that was written like this.
pub(super) fn key(id: &str) -> Option<RecordKey> {
    let is_ours =
        id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_ours.then(|| u64::from_str_radix(id, 16).ok().map(RecordKey)).flatten()
}

/// The field that says whether a number is known.
pub(super) fn has(field: SearchField) -> String {
    format!("{RECORD}.{HAS}.{}", field.name())
}

/// What an index is made of: settings, fields and the format's name.
pub(super) fn index(config: &ElasticsearchConfig) -> Value {
    json!({
        "settings": {
            "number_of_shards": config.shards,
            "number_of_replicas": config.replicas,
            // Said, and not left to the default, under which an index nobody asks is not refreshed at all.
            "refresh_interval": "1s",
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": { "format": fingerprint() },
            // The tokens need not be kept: an index is made anew from the record.
            "_source": { "includes": [format!("{RECORD}.*")] },
            "properties": properties(),
        },
    })
}

fn properties() -> Map<String, Value> {
    let numbers = SearchField::ALL.iter().filter(|field| field.is_number());
    let has: Map<String, Value> =
        numbers.map(|field| (field.name().to_owned(), json!({ "type": "byte", "index": false }))).collect();
    let record = json!({
        "dynamic": "strict",
        "properties": {
            "key": { "type": "keyword" },
            "version": { "type": "long", "index": false, "doc_values": false },
            "gone": { "type": "boolean" },
            "known": { "type": "keyword", "doc_values": false },
            "kept": { "type": "keyword", "index": false, "doc_values": false },
            HAS: { "dynamic": "strict", "properties": has },
        },
    });
    let fields =
        SearchField::ALL.iter().filter_map(|field| Some((field.name().to_owned(), property(*field)?)));
    fields.chain([(RECORD.to_owned(), record)]).collect()
}

/// `None` for what no index has.
fn property(field: SearchField) -> Option<Value> {
    let (min, max) = PREFIXES;
    match field.kind() {
        // Tokens come joined by spaces, and none is as long as those that this analyzer cuts; lengths would only serve a
        // score that is not ours.
        FieldKind::Text => Some(json!({
            "type": "text",
            "analyzer": "whitespace",
            "norms": false,
            "index_prefixes": { "min_chars": min, "max_chars": max },
        })),
        FieldKind::Keyword | FieldKind::Flag => {
            Some(json!({ "type": "keyword", "doc_values": field.is_column() }))
        }
        FieldKind::Number | FieldKind::Rate | FieldKind::Time => Some(json!({ "type": "long" })),
        _ => None,
    }
}

/// What of a document is kept: all that is needed to show a record and to make an index anew.
#[derive(Debug, Deserialize)]
pub(super) struct Source {
    record: SourceRecord,
}

#[derive(Debug, Deserialize)]
struct SourceRecord {
    key: String,
    version: u64,
    #[serde(default)]
    kept: Option<String>,
}

/// The record, as text: a server that reads it as JSON may write numbers differently and limits its depth.
#[derive(Debug, Deserialize)]
struct Kept {
    creator: Creator,
    #[serde(default)]
    facts: Facts,
}

#[derive(Serialize)]
struct KeptRef<'a> {
    creator: &'a Creator,
    #[serde(skip_serializing_if = "Facts::is_empty")]
    facts: &'a Facts,
}

impl Source {
    /// The change that made the document; `None` when this is no document of ours.
    pub(super) fn change(self) -> Option<Change<Creator>> {
        let SourceRecord { key: id, version, kept } = self.record;
        let key = key(&id)?;
        let Some(kept) = kept else { return Some(Change::Delete { key, version }) };
        let Kept { creator, facts } = serde_json::from_str(&kept).ok()?;
        Some(Change::Put(Record { key, version, entity: Arc::new(creator), facts }))
    }

    /// The record; `None` for a deleted one, too.
    pub(super) fn record(self) -> Option<Record<Creator>> {
        match self.change()? {
            Change::Put(record) => Some(record),
            Change::Delete { .. } => None,
        }
    }
}

/// What is indexed of a change.
pub(super) fn document(change: &Change<Creator>) -> serde_json::Result<Value> {
    match change {
        Change::Put(record) => live(record),
        Change::Delete { key, version } => {
            Ok(json!({ RECORD: { "key": id(*key), "version": version, "gone": true } }))
        }
    }
}

fn live(record: &Record<Creator>) -> serde_json::Result<Value> {
    let Document { key, version, texts, keywords, numbers, known, .. } = Document::of(record);
    let kept = Document::kept(record);
    let kept = serde_json::to_string(&KeptRef { creator: &kept.entity, facts: &kept.facts })?;
    let mut fields = Map::new();
    for (field, text) in texts.into_iter().chain(keywords) {
        let values = fields.entry(field.name()).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(text.into());
        }
    }
    let has: Map<String, Value> =
        numbers.iter().map(|(field, _)| (field.name().to_owned(), json!(1))).collect();
    fields.extend(numbers.into_iter().map(|(field, number)| (field.name().to_owned(), number.into())));
    let known: Vec<_> = known.iter().map(|field| field.name()).collect();
    let record = json!({ "key": id(key), "version": version, "kept": kept, "known": known, HAS: has });
    fields.insert(RECORD.to_owned(), record);
    Ok(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ElasticsearchConfig {
        ElasticsearchConfig::at("http://localhost:9200/creators").unwrap()
    }

    fn record() -> Record<Creator> {
        let mut extra = std::collections::BTreeMap::new();
        let value = json!([u64::MAX, i64::MIN, 0.1, 1e300, null]);
        extra.insert("n".into(), collector_core::creator::Extra { value, from: 0 });
        let creator = Creator {
            handle: Some("mina".into()),
            email: Some("secret@mail.example".into()),
            bio: Some("뷰티".into()),
            followers: Some(u64::MAX),
            extra,
            ..Creator::default()
        };
        Record { key: RecordKey(u64::MAX), version: 7, entity: Arc::new(creator), facts: Facts::new() }
    }

    #[test]
    fn every_field_of_the_table_has_a_property_and_every_document_fits_them() {
        let index = index(&config());
        let properties = index["mappings"]["properties"].as_object().unwrap();
        for field in SearchField::ALL {
            assert_eq!(properties.contains_key(field.name()), field.kind() != FieldKind::List, "{field}");
            assert_ne!(field.name(), RECORD);
        }
        let document = document(&Change::Put(record())).unwrap();
        for name in document.as_object().unwrap().keys() {
            assert!(properties.contains_key(name), "{name}");
        }
    }

    #[test]
    fn what_is_kept_gives_the_record_back_without_an_address() {
        let document = document(&Change::Put(record())).unwrap();
        assert!(!document.to_string().contains("secret"), "{document}");
        let kept = serde_json::from_value::<Source>(document).unwrap().record().unwrap();
        assert_eq!((kept.key, kept.version), (record().key, 7));
        assert_eq!(kept.entity, Document::kept(&record()).entity);
    }

    #[test]
    fn a_deleted_record_leaves_key_and_version_only() {
        let change = Change::Delete { key: RecordKey(3), version: 9 };
        let document = document(&change).unwrap();
        let expected = json!({ "record": { "key": "0000000000000003", "version": 9, "gone": true } });
        assert_eq!(document, expected);
        let read = serde_json::from_value::<Source>(document).unwrap().change();
        assert!(matches!(read, Some(Change::Delete { key: RecordKey(3), version: 9 })));
    }

    #[test]
    fn keys_as_text_come_in_the_order_of_their_numbers() {
        let keys = [0, 9, 10, 255, 256, i64::MAX as u64, u64::MAX].map(RecordKey);
        assert!(keys.map(id).is_sorted());
        assert_eq!(keys.map(|one| key(&id(one))), keys.map(Some));
        for wrong in ["", "3", "000000000000000G", "000000000000000A", "+00000000000000a"] {
            assert_eq!(key(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_format_is_a_name_that_can_be_part_of_an_index() {
        let format = fingerprint();
        assert_eq!((format.len(), &format), (32, &fingerprint()));
        assert!(format.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
        assert_eq!(index(&config())["mappings"]["_meta"]["format"], format.as_str());
    }
}
