//! The suite itself: the reference passes every case, and every case fails for an index that breaks its promise.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::context::Context;
use crate::error::Result;
use crate::search::{MemoryIndex, Query, Results, SearchField};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Sound,
    OrdersByKey,
    ForgetsExclusions,
    UnknownFirst,
    TotalOfPage,
    FacetsOfPage,
    RepeatsOne,
    SkipsOne,
    PagesByNumber,
    TakesAnyCursor,
    ForgetsOneField,
    CompletesWholeWords,
    ForgetsLists,
}

use Flaw::*;

/// Which cases must catch which flaw.
const CAUGHT: &[(Flaw, &[Case])] = &[
    (OrdersByKey, &[Case::Judged, Case::Same]),
    (ForgetsExclusions, &[Case::Judged, Case::Same]),
    (UnknownFirst, &[Case::Judged, Case::Same]),
    (TotalOfPage, &[Case::Counts, Case::Paging]),
    (FacetsOfPage, &[Case::Counts, Case::Same]),
    (RepeatsOne, &[Case::Paging, Case::Moving]),
    (SkipsOne, &[Case::Paging, Case::Moving]),
    (PagesByNumber, &[Case::Moving]),
    (TakesAnyCursor, &[Case::OtherQuery]),
    (ForgetsOneField, &[Case::Fields]),
    (CompletesWholeWords, &[Case::Completes]),
    (ForgetsLists, &[Case::Completes]),
];

struct Flawed {
    index: MemoryIndex,
    flaw: Flaw,
    /// Where a page begins, for the index that counts.
    at: AtomicUsize,
}

#[async_trait]
impl CreatorIndex for Flawed {
    async fn search(&self, cx: &Context, query: &Query) -> Result<Results> {
        let mut query = query.clone();
        match self.flaw {
            ForgetsExclusions => {
                query.terms.retain(|term| !term.excluded);
                query.filters.retain(|filter| !filter.excluded);
            }
            ForgetsOneField => query.filters.retain(|filter| filter.field != SearchField::AvgShares),
            CompletesWholeWords => query.terms.iter_mut().for_each(|term| term.prefix = false),
            ForgetsLists => query.filters.retain(|filter| filter.field != SearchField::List),
            TakesAnyCursor if query.after.is_some() && !query.terms.is_empty() => query.after = None,
            FacetsOfPage if !query.facets.is_empty() => return self.of_page(cx, &query).await,
            PagesByNumber => return self.by_number(cx, &query).await,
            _ => {}
        }
        let mut results = self.index.search(cx, &query).await?;
        match self.flaw {
            OrdersByKey => results.hits.sort_by_key(|hit| hit.key),
            UnknownFirst => results.hits.sort_by_key(|hit| hit.creator.followers.is_some()),
            TotalOfPage => results.total = results.hits.len() as u64,
            RepeatsOne if query.after.is_some() => results.hits.extend(results.hits.first().cloned()),
            SkipsOne if results.next.is_some() => drop(results.hits.pop()),
            _ => {}
        }
        Ok(results)
    }
}

impl Flawed {
    async fn of_page(&self, cx: &Context, query: &Query) -> Result<Results> {
        let results = self.index.search(cx, query).await?;
        let few = Query { facets: Vec::new(), ..query.clone() };
        let mut few = self.index.search(cx, &few).await?;
        few.facets = results.facets;
        for facet in &mut few.facets {
            facet.values.iter_mut().for_each(|value| value.count = value.count.min(few.hits.len() as u64));
        }
        Ok(few)
    }

    async fn by_number(&self, cx: &Context, query: &Query) -> Result<Results> {
        let all = Query { limit: Query::MAX_LIMIT, after: None, ..query.clone() };
        let mut results = self.index.search(cx, &all).await?;
        let paged = self.index.search(cx, query).await?;
        let from = if query.after.is_some() { self.at.load(Ordering::SeqCst) } else { 0 };
        results.hits = results.hits.into_iter().skip(from).take(query.limit).collect();
        self.at.store(from + results.hits.len(), Ordering::SeqCst);
        results.next = paged.next.filter(|_| !results.hits.is_empty());
        Ok(results)
    }
}

struct Harness {
    index: MemoryIndex,
    flaw: Flaw,
}

#[async_trait]
impl SearchHarness for Harness {
    async fn sink(&self) -> Arc<dyn Sink<Creator>> {
        Arc::new(self.index.clone())
    }

    async fn index(&self) -> Arc<dyn CreatorIndex> {
        Arc::new(Flawed { index: self.index.clone(), flaw: self.flaw, at: AtomicUsize::new(0) })
    }
}

mod reference {
    use super::*;
    crate::search_conformance!(Harness { index: MemoryIndex::new(), flaw: Sound });
}

#[tokio::test]
async fn every_flaw_is_caught() {
    for (flaw, cases) in CAUGHT {
        for case in *cases {
            let harness = Harness { index: MemoryIndex::new(), flaw: *flaw };
            assert!(case.check(&harness).await.is_err(), "{case:?} does not notice {flaw:?}");
        }
    }
}

#[test]
fn every_case_catches_something() {
    for case in Case::ALL {
        assert!(CAUGHT.iter().any(|(_, cases)| cases.contains(case)), "{case:?} was never seen to fail");
    }
}
