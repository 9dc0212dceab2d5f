//! An index in memory: the reference for every other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{CreatorIndex, Document, Facet, Hit, Place, Plan, Query, Relevance, Results, SearchField};
use crate::clock::Timestamp;
use crate::context::Context;
use crate::creator::Creator;
use crate::error::Result;
use crate::id::{Name, RecordKey};
use crate::sink::{BatchLimits, Change, Facts, Position, Record, Sink, Written, Wrote};

/// A search index in memory: it looks at every document, so it suits tests and thousands of creators.
///
/// Clones share their documents. Versions of deleted records are remembered, so that a late write does not bring one
/// back.
#[derive(Clone)]
pub struct MemoryIndex {
    name: Name,
    slots: Arc<Mutex<BTreeMap<RecordKey, Slot>>>,
}

struct Slot {
    version: u64,
    /// `None` once deleted.
    held: Option<(Document, Record<Creator>)>,
}

impl Default for MemoryIndex {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryIndex").field("name", &self.name).finish_non_exhaustive()
    }
}

impl MemoryIndex {
    /// An empty index called `search`.
    pub fn new() -> Self {
        Self { name: "search".into(), slots: Arc::default() }
    }

    /// Answers a query that is asked at this moment.
    ///
    /// # Errors
    /// `ConfigInvalid` for a query that cannot be answered.
    pub fn answer(&self, query: &Query, now: Timestamp) -> Result<Results> {
        let plan = Plan::new(query, now)?;
        let slots = self.slots();
        let documents = slots.values().filter_map(|slot| slot.held.as_ref());
        let mut found: Vec<Found<'_>> =
            documents.filter_map(|(document, record)| Found::new(&plan, document, record)).collect();
        found.sort_by_key(|found| found.place);
        let facets = plan.facets.iter().map(|field| facet(*field, &found)).collect();
        let behind = found.iter().filter(|found| plan.after.is_none_or(|after| found.place > after));
        let page: Vec<_> = behind.take(plan.limit + 1).collect();
        let next = page.get(plan.limit).and_then(|_| page.get(plan.limit - 1));
        Ok(Results {
            total: found.len() as u64,
            hits: page.iter().take(plan.limit).map(|found| found.hit()).collect(),
            facets,
            next: next.map(|last| plan.cursor(last.place)),
        })
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<RecordKey, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A document that matches.
struct Found<'a> {
    place: Place,
    relevance: Relevance,
    document: &'a Document,
    record: &'a Record<Creator>,
}

impl<'a> Found<'a> {
    fn new(plan: &Plan, document: &'a Document, record: &'a Record<Creator>) -> Option<Self> {
        let relevance = plan.relevance(document)?;
        Some(Self { place: plan.place(relevance, document), relevance, document, record })
    }

    fn hit(&self) -> Hit {
        Hit {
            key: self.record.key,
            version: self.record.version,
            relevance: self.relevance,
            creator: (*self.record.entity).clone(),
            facts: self.record.facts.clone(),
        }
    }
}

fn facet(field: SearchField, found: &[Found<'_>]) -> Facet {
    let (mut counts, mut unknown) = (BTreeMap::<&str, u64>::new(), 0);
    for found in found {
        let values = found.document.keywords.iter().filter(|(of, _)| *of == field);
        let values: BTreeSet<&str> = values.map(|(_, value)| value.as_str()).collect();
        unknown += u64::from(values.is_empty());
        values.into_iter().for_each(|value| *counts.entry(value).or_default() += 1);
    }
    Facet::new(field, counts.into_iter().map(|(value, count)| (value.to_owned(), count)), unknown)
}

#[async_trait]
impl CreatorIndex for MemoryIndex {
    async fn search(&self, cx: &Context, query: &Query) -> Result<Results> {
        self.answer(query, cx.now())
    }
}

#[async_trait]
impl Sink<Creator> for MemoryIndex {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits::default()
    }

    async fn open(&self, _cx: &Context, _position: Option<Position>) -> Result<()> {
        Ok(())
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    async fn write(&self, _cx: &Context, batch: &[Change<Creator>]) -> Result<Written> {
        let mut slots = self.slots();
        let outcomes = batch.iter().map(|change| put(&mut slots, change)).collect();
        Ok(Written { outcomes, position: None })
    }
}

fn put(slots: &mut BTreeMap<RecordKey, Slot>, change: &Change<Creator>) -> Wrote {
    if slots.get(&change.key()).is_some_and(|slot| slot.version >= change.version()) {
        return Wrote::Superseded;
    }
    let held = match change {
        Change::Put(record) => Some((Document::of(record), Document::kept(record))),
        Change::Delete { .. } => None,
    };
    slots.insert(change.key(), Slot { version: change.version(), held });
    Wrote::Stored(Facts::new())
}
