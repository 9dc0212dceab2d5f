//! Goes over everything that matches: counts it, counts values, and keeps one page.

use std::collections::{BinaryHeap, HashMap};

use collector_core::id::RecordKey;
use collector_core::search::{Facet, Order, Place, Plan, Relevance, SearchField};
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

use super::mapping::KEY;

/// What a page is made of.
#[derive(Debug)]
pub(super) struct Page {
    /// Everything that matches.
    pub(super) total: u64,
    /// The first places behind the cursor, one more than the page has, in order.
    pub(super) first: Vec<Candidate>,
    /// In the order they were asked for.
    pub(super) facets: Vec<Facet>,
}

/// A creator that may be on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) place: Place,
    pub(super) relevance: Relevance,
    pub(super) key: RecordKey,
    pub(super) at: DocAddress,
}

/// Collects one page of a plan.
pub(super) struct Pager<'a>(pub(super) &'a Plan);

/// What one part of the index gives.
pub(super) struct Found {
    total: u64,
    first: Vec<Candidate>,
    facets: Vec<(HashMap<String, u64>, u64)>,
}

pub(super) struct SegmentPager {
    segment: SegmentOrdinal,
    order: Order,
    after: Option<Place>,
    keys: Column<u64>,
    values: Column<i64>,
    total: u64,
    first: Best,
    facets: Vec<Counter>,
}

impl Collector for Pager<'_> {
    type Fruit = Page;
    type Child = SegmentPager;

    fn for_segment(&self, segment: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<SegmentPager> {
        let plan = self.0;
        let columns = reader.fast_fields();
        let facets = plan.facets.iter().map(|field| Counter::new(reader, *field));
        Ok(SegmentPager {
            segment,
            order: plan.order,
            after: plan.after,
            keys: columns.u64(KEY)?,
            values: columns.i64(plan.order.field.name())?,
            total: 0,
            first: Best { most: plan.limit + 1, heap: BinaryHeap::new() },
            facets: facets.collect::<tantivy::Result<_>>()?,
        })
    }

    fn requires_scoring(&self) -> bool {
        !self.0.ranked.is_empty()
    }

    fn merge_fruits(&self, parts: Vec<tantivy::Result<Found>>) -> tantivy::Result<Page> {
        let mut total = 0;
        let mut first = Vec::new();
        let mut counts: Vec<(HashMap<String, u64>, u64)> = vec![Default::default(); self.0.facets.len()];
        for part in parts {
            let part = part?;
            total += part.total;
            first.extend(part.first);
            for (all, (values, unknown)) in counts.iter_mut().zip(part.facets) {
                values.into_iter().for_each(|(value, count)| *all.0.entry(value).or_default() += count);
                all.1 += unknown;
            }
        }
        first.sort_unstable();
        first.truncate(self.0.limit + 1);
        let facets = self.0.facets.iter().zip(counts);
        let facets = facets.map(|(field, (counts, unknown))| Facet::new(*field, counts, unknown)).collect();
        Ok(Page { total, first, facets })
    }
}

impl SegmentCollector for SegmentPager {
    type Fruit = tantivy::Result<Found>;

    fn collect(&mut self, doc: DocId, score: Score) {
        self.total += 1;
        self.facets.iter_mut().for_each(|facet| facet.count(doc));
        let key = RecordKey(self.keys.first(doc).unwrap_or_default());
        // Weights are whole numbers, and their sums exact.
        let relevance = Relevance(score as u32);
        let place = self.order.place(relevance.0, self.values.first(doc), key);
        if self.after.is_none_or(|after| place > after) {
            let at = DocAddress::new(self.segment, doc);
            self.first.offer(Candidate { place, relevance, key, at });
        }
    }

    fn harvest(self) -> tantivy::Result<Found> {
        let facets = self.facets.into_iter().map(Counter::values).collect::<tantivy::Result<_>>()?;
        Ok(Found { total: self.total, first: self.first.heap.into_vec(), facets })
    }
}

/// The first places of those offered, and no more of them than needed.
struct Best {
    most: usize,
    /// The worst is on top.
    heap: BinaryHeap<Candidate>,
}

impl Best {
    fn offer(&mut self, candidate: Candidate) {
        if self.heap.len() < self.most {
            self.heap.push(candidate);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && candidate < *worst
        {
            *worst = candidate;
        }
    }
}

/// Counts the values of one field.
struct Counter {
    column: Option<StrColumn>,
    counts: Vec<u32>,
    unknown: u64,
}

impl Counter {
    fn new(reader: &SegmentReader, field: SearchField) -> tantivy::Result<Self> {
        let column = reader.fast_fields().str(field.name())?;
        let counts = vec![0; column.as_ref().map_or(0, |column| column.num_terms())];
        Ok(Self { column, counts, unknown: 0 })
    }

    fn count(&mut self, doc: DocId) {
        let mut is_known = false;
        for value in self.column.iter().flat_map(|column| column.term_ords(doc)) {
            is_known = true;
            let count = usize::try_from(value).ok().and_then(|value| self.counts.get_mut(value));
            count.into_iter().for_each(|count| *count += 1);
        }
        self.unknown += u64::from(!is_known);
    }

    /// The values that were met, by name.
    fn values(self) -> tantivy::Result<(HashMap<String, u64>, u64)> {
        let Some(column) = &self.column else { return Ok((HashMap::new(), self.unknown)) };
        let met = || self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let values: Vec<u64> = met().map(|(value, _)| value as u64).collect();
        let mut counts = met().map(|(_, count)| u64::from(*count));
        let mut named = HashMap::with_capacity(values.len());
        column.dictionary().sorted_ords_to_term_cb(&values, |name| {
            let name = String::from_utf8_lossy(name).into_owned();
            named.insert(name, counts.next().unwrap_or_default());
        })?;
        Ok((named, self.unknown))
    }
}

#[cfg(test)]
mod tests {
    use collector_core::search::Sort;

    use super::*;

    #[test]
    fn only_the_first_places_are_held() {
        let mut best = Best { most: 3, heap: BinaryHeap::new() };
        for key in [7, 2, 9, 1, 8, 3].map(RecordKey) {
            let place = Order::from(Sort::Relevance).place(1, None, key);
            best.offer(Candidate { place, relevance: Relevance(1), key, at: DocAddress::new(0, 0) });
            assert!(best.heap.len() <= 3);
        }
        let held = best.heap.into_sorted_vec();
        assert_eq!(held.iter().map(|candidate| candidate.key.0).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
