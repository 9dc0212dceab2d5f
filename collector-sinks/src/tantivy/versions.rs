//! Which version of a record the index has.

use std::collections::HashMap;

use collector_core::id::RecordKey;
use tantivy::columnar::Column;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Searcher, SegmentReader, TERMINATED, Term};

use super::mapping::{KEY, VERSION};

/// Versions of what is committed, deleted records included, and of what was written since.
///
/// Records get their keys in order, so each part of the index holds a range of them: a new record's key lies outside
/// all ranges and costs no look-up.
pub(super) struct Versions {
    key: Field,
    parts: Vec<Part>,
    written: HashMap<RecordKey, u64>,
}

struct Part {
    segment: SegmentReader,
    versions: Column<u64>,
    first: u64,
    last: u64,
}

impl Versions {
    pub(super) fn new(key: Field, searcher: &Searcher) -> tantivy::Result<Self> {
        let parts = searcher.segment_readers().iter().map(Part::new).collect::<tantivy::Result<_>>()?;
        Ok(Self { key, parts, written: HashMap::new() })
    }

    /// The version of this record; `None` when it was never written.
    pub(super) fn get(&self, key: RecordKey) -> tantivy::Result<Option<u64>> {
        if let Some(version) = self.written.get(&key) {
            return Ok(Some(*version));
        }
        let term = Term::from_field_u64(self.key, key.0);
        for part in self.parts.iter().filter(|part| (part.first..=part.last).contains(&key.0)) {
            if let Some(version) = part.get(&term)? {
                return Ok(Some(version));
            }
        }
        Ok(None)
    }

    pub(super) fn wrote(&mut self, key: RecordKey, version: u64) {
        self.written.insert(key, version);
    }
}

impl Part {
    fn new(segment: &SegmentReader) -> tantivy::Result<Self> {
        let keys = segment.fast_fields().u64(KEY)?;
        let versions = segment.fast_fields().u64(VERSION)?;
        Ok(Self { segment: segment.clone(), versions, first: keys.min_value(), last: keys.max_value() })
    }

    fn get(&self, term: &Term) -> tantivy::Result<Option<u64>> {
        let index = self.segment.inverted_index(term.field())?;
        let Some(mut found) = index.read_postings(term, IndexRecordOption::Basic)? else { return Ok(None) };
        let mut newest = None;
        while found.doc() != TERMINATED {
            if !self.segment.is_deleted(found.doc()) {
                newest = newest.max(self.versions.first(found.doc()));
            }
            found.advance();
        }
        Ok(newest)
    }
}
