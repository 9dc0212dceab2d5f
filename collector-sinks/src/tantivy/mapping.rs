//! The index's fields, derived from core's table, and what of a record goes into them.

use std::sync::Arc;

use collector_core::creator::Creator;
use collector_core::id::{Digest, RecordKey};
use collector_core::search::{Document, FieldKind, SearchField, tokens};
use collector_core::sink::{Change, Facts, Record};
use serde::{Deserialize, Serialize};
use tantivy::TantivyDocument;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};

/// Changes with what this file puts into an index.
const FORMAT: u32 = 1;

/// Names that stay the same in every format: with them an older index is read to make a newer one.
pub(super) const KEY: &str = "_key";
pub(super) const VERSION: &str = "_version";
const GONE: &str = "_gone";
pub(super) const KEPT: &str = "_kept";
const KNOWN: &str = "_known";

/// The one value of the field that marks a deleted record.
pub(super) const GONE_VALUE: &str = "gone";

/// Says which indexes this program can use as they are: two that would hold other tokens or columns differ.
pub(super) fn fingerprint() -> String {
    let table: Vec<_> = SearchField::ALL.iter().map(|field| field.info()).collect();
    Digest::of_json(&(FORMAT, tokens::VERSION, table)).to_string()
}

/// The fields of an index.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    pub(super) schema: Schema,
    pub(super) key: Field,
    pub(super) gone: Field,
    pub(super) known: Field,
    pub(super) kept: Field,
    version: Field,
    /// By the field's number; `None` for what is kept elsewhere.
    fields: Vec<Option<Field>>,
}

/// What is kept beside the tokens, to show what was found and to make the index anew.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) creator: Creator,
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    pub(super) facts: Facts,
}

#[derive(Serialize)]
struct KeptRef<'a> {
    creator: &'a Creator,
    #[serde(skip_serializing_if = "Facts::is_empty")]
    facts: &'a Facts,
}

impl Mapping {
    pub(super) fn new() -> Self {
        let mut schema = Schema::builder();
        let key = schema.add_u64_field(KEY, INDEXED | FAST);
        let version = schema.add_u64_field(VERSION, FAST);
        let gone = schema.add_text_field(GONE, keyword(false));
        let known = schema.add_text_field(KNOWN, keyword(false));
        let kept = schema.add_bytes_field(KEPT, STORED);
        let fields = SearchField::ALL.iter().map(|field| add(&mut schema, *field)).collect();
        Self { schema: schema.build(), key, gone, known, kept, version, fields }
    }

    /// The index's field; `None` for what no index has.
    pub(super) fn field(&self, field: SearchField) -> Option<Field> {
        self.fields.get(field as usize).copied().flatten()
    }

    /// What is indexed of a change.
    pub(super) fn document(&self, change: &Change<Creator>) -> serde_json::Result<TantivyDocument> {
        match change {
            Change::Put(record) => self.live(record),
            Change::Delete { key, version } => {
                let mut document = self.numbered(*key, *version);
                document.add_text(self.gone, GONE_VALUE);
                Ok(document)
            }
        }
    }

    fn numbered(&self, key: RecordKey, version: u64) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_u64(self.key, key.0);
        document.add_u64(self.version, version);
        document
    }

    fn live(&self, record: &Record<Creator>) -> serde_json::Result<TantivyDocument> {
        let Document { key, version, texts, keywords, numbers, known, .. } = Document::of(record);
        let mut document = self.numbered(key, version);
        for (field, text) in texts.iter().chain(&keywords) {
            self.field(*field).into_iter().for_each(|field| document.add_text(field, text));
        }
        for (field, number) in numbers {
            self.field(field).into_iter().for_each(|field| document.add_i64(field, number));
        }
        known.iter().for_each(|field| document.add_text(self.known, field.name()));
        let kept = Document::kept(record);
        let kept = serde_json::to_vec(&KeptRef { creator: &kept.entity, facts: &kept.facts })?;
        document.add_bytes(self.kept, &kept);
        Ok(document)
    }
}

impl Kept {
    /// As the record it was.
    pub(super) fn into_record(self, key: RecordKey, version: u64) -> Record<Creator> {
        Record { key, version, entity: Arc::new(self.creator), facts: self.facts }
    }
}

fn add(schema: &mut SchemaBuilder, field: SearchField) -> Option<Field> {
    match field.kind() {
        FieldKind::Text => Some(schema.add_text_field(field.name(), text())),
        FieldKind::Keyword | FieldKind::Flag => {
            Some(schema.add_text_field(field.name(), keyword(field.is_column())))
        }
        FieldKind::Number | FieldKind::Rate | FieldKind::Time => {
            Some(schema.add_i64_field(field.name(), FAST))
        }
        _ => None,
    }
}

/// Tokens come joined by spaces; positions are for phrases. Lengths would only serve a score that is not ours.
fn text() -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("whitespace")
        .set_index_option(IndexRecordOption::WithFreqsAndPositions)
        .set_fieldnorms(false);
    TextOptions::default().set_indexing_options(indexing)
}

fn keyword(is_column: bool) -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false);
    let options = TextOptions::default().set_indexing_options(indexing);
    if is_column { options.set_fast("raw") } else { options }
}
