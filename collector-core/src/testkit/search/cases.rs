//! The cases: one function each.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::case::{Checked, Violation, ensure};
use super::judged::{JUDGED, people};
use super::{Population, SearchHarness};
use crate::context::Context;
use crate::creator::Creator;
use crate::error::{Error, ErrorKind};
use crate::id::RecordKey;
use crate::search::{CreatorIndex, MemoryIndex, Query, Results, SearchField};
use crate::sink::{Change, Sink, Wrote};

/// Creators and queries of the random comparison.
const CREATORS: u64 = 150;
const QUERIES: usize = 400;

/// Creators that are paged through, and how many at once.
const PAGED: u64 = 100;
const PAGE: usize = 7;

/// The sequence of creators and queries; a failure says which query, so one seed is enough.
const SEED: u64 = 20_261_122;

pub(super) async fn judged<H: SearchHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    stage.write(&people(stage.cx.now())).await?;
    for (text, expected) in JUDGED {
        let query = Query::parse(text).map_err(|error| Violation::new(format!("{text}: {error}")))?;
        let results = stage.ask(&query).await?;
        let found: Vec<_> = results.hits.iter().filter_map(|hit| hit.creator.handle.as_deref()).collect();
        ensure!(found == *expected, "{text} found {found:?} instead of {expected:?}");
        ensure!(results.total == expected.len() as u64, "{text} counted {}", results.total);
    }
    Ok(())
}

pub(super) async fn same<H: SearchHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    let mut random = Population::new(SEED, stage.cx.now());
    let mut first: Vec<_> = (0..CREATORS).map(|key| random.put(key, 1)).collect();
    // The order of writing is not the order of keys.
    first.sort_by_key(|change| change.key().0 % 7);
    for batch in first.chunks(40) {
        stage.write(batch).await?;
    }
    let mut second: Vec<_> = (0..CREATORS).step_by(3).map(|key| random.put(key, 2)).collect();
    second.extend((0..CREATORS).step_by(11).map(|key| Change::Delete { key: RecordKey(key), version: 3 }));
    stage.write(&second).await?;
    for _ in 0..QUERIES {
        let mut query = random.query();
        // Pages, too.
        for _ in 0..3 {
            match stage.compare(&query).await?.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
    }
    Ok(())
}

pub(super) async fn counts<H: SearchHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    stage.write(&people(stage.cx.now())).await?;
    let mut query = Query::parse("뷰티").map_err(|error| Violation::new(error.message))?;
    query.facets = vec![SearchField::Country, SearchField::Tier];
    query.limit = 1;
    let results = stage.ask(&query).await?;
    ensure!((results.total, results.hits.len()) == (4, 1), "total {} on a page of one", results.total);
    ensure!(results.next.is_some(), "there is no next page");
    let shown = |at: usize| {
        let facet = &results.facets[at];
        let values: Vec<_> = facet.values.iter().map(|value| (value.value.as_str(), value.count)).collect();
        (values, facet.unknown)
    };
    ensure!(results.facets.len() == 2, "{} facets instead of 2", results.facets.len());
    ensure!(shown(0) == (vec![("kr", 2)], 2), "countries: {:?}", shown(0));
    ensure!(shown(1) == (vec![("nano", 2), ("micro", 1), ("mid", 1)], 0), "tiers: {:?}", shown(1));
    Ok(())
}

pub(super) async fn paging<H: SearchHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    let mut random = Population::new(SEED, stage.cx.now());
    let batch: Vec<_> = (0..PAGED).map(|key| random.put(key, 1)).collect();
    stage.write(&batch).await?;
    for text in ["sort:followers", "sort:er:asc", "mina", "-mina sort:as_of"] {
        let mut query = Query::parse(text).map_err(|error| Violation::new(error.message))?;
        query.limit = Query::MAX_LIMIT;
        let whole: Vec<_> = stage.ask(&query).await?.hits.iter().map(|hit| hit.key).collect();
        query.limit = PAGE;
        let (mut paged, mut pages) = (Vec::new(), 0);
        loop {
            let results = stage.ask(&query).await?;
            ensure!(results.total == whole.len() as u64, "{text}: page {pages} counts {}", results.total);
            paged.extend(results.hits.iter().map(|hit| hit.key));
            pages += 1;
            query.after = results.next;
            if query.after.is_none() {
                break;
            }
            ensure!(pages <= whole.len(), "{text}: the pages do not end");
        }
        ensure!(paged == whole, "{text}: pages give {paged:?} instead of {whole:?}");
        ensure!(pages == whole.len().div_ceil(PAGE), "{text}: {pages} pages");
    }
    Ok(())
}

pub(super) async fn moving<H: SearchHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    let mut random = Population::new(SEED, stage.cx.now());
    let mut now: Vec<_> = (0..PAGED).map(|key| random.put(key, 1)).collect();
    stage.write(&now).await?;
    let mut query = Query { limit: PAGE, ..Query::all() };
    let mut seen = BTreeMap::<u64, u32>::new();
    for round in 0.. {
        let results = stage.ask(&query).await?;
        results.hits.iter().for_each(|hit| *seen.entry(hit.key.0).or_default() += 1);
        query.after = results.next;
        if query.after.is_none() {
            break;
        }
        ensure!(round < 2 * PAGED, "the pages do not end");
        // Some come, some go, and the rest changes without changing places.
        let mut batch =
            vec![random.put(PAGED + round, 1), Change::Delete { key: RecordKey(round * 5), version: 900 }];
        let others = now.iter_mut().filter(|change| change.key().0 % 5 != 0);
        batch.extend(others.map(|change| another(change, round + 2)));
        stage.write(&batch).await?;
    }
    for key in (0..PAGED).filter(|key| key % 5 != 0) {
        let times = seen.get(&key).copied().unwrap_or_default();
        ensure!(times == 1, "creator {key}, who was there all the time, is on the pages {times} times");
    }
    ensure!(seen.values().all(|times| *times == 1), "somebody is on two pages: {seen:?}");
    Ok(())
}

pub(super) async fn other_query<H: SearchHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    stage.write(&people(stage.cx.now())).await?;
    let query = Query { limit: 1, ..Query::all() };
    let after = stage.ask(&query).await?.next;
    ensure!(after.is_some(), "there is no next page");
    let mut other = Query::parse("mina").map_err(|error| Violation::new(error.message))?;
    other.after = after;
    match stage.index.search(&stage.cx, &other).await {
        Err(error) if error.kind() == ErrorKind::ConfigInvalid => Ok(()),
        Err(error) => Err(failed(&error)),
        Ok(_) => Err(Violation::new("the cursor was taken")),
    }
}

/// The next version, with another biography.
fn another(change: &mut Change<Creator>, version: u64) -> Change<Creator> {
    if let Change::Put(record) = change {
        record.version = version;
        Arc::make_mut(&mut record.entity).bio = Some(format!("version {version}").into());
    }
    change.clone()
}

fn failed(error: &Error) -> Violation {
    Violation::new(format!("{}: {error}", error.kind()))
}

/// An index under test, and the reference beside it.
struct Stage<'a, H: SearchHarness + ?Sized> {
    harness: &'a H,
    sink: Arc<dyn Sink<Creator>>,
    index: Arc<dyn CreatorIndex>,
    reference: MemoryIndex,
    cx: Context,
}

impl<'a, H: SearchHarness + ?Sized> Stage<'a, H> {
    async fn open(harness: &'a H) -> Checked<Self> {
        let cx = Context::detached();
        let sink = harness.sink().await;
        sink.open(&cx, None).await.map_err(|error| failed(&error))?;
        let index = harness.index().await;
        Ok(Self { harness, sink, index, reference: MemoryIndex::new(), cx })
    }

    async fn write(&self, batch: &[Change<Creator>]) -> Checked {
        let written = self.sink.write(&self.cx, batch).await.map_err(|error| failed(&error))?;
        let is_done = |outcome: &Wrote| matches!(outcome, Wrote::Stored(_) | Wrote::Superseded);
        ensure!(written.outcomes.iter().all(is_done), "a change was not stored: {:?}", written.outcomes);
        self.reference.write(&self.cx, batch).await.map_err(|error| failed(&error))?;
        self.harness.settle().await;
        Ok(())
    }

    async fn ask(&self, query: &Query) -> Checked<Results> {
        self.index.search(&self.cx, query).await.map_err(|error| Violation::new(format!("{query}: {error}")))
    }

    /// Asks both; they must say the same.
    async fn compare(&self, query: &Query) -> Checked<Results> {
        let expected = self.reference.search(&self.cx, query).await.map_err(|error| failed(&error))?;
        let found = self.ask(query).await?;
        ensure!(found == expected, "{query}\nfound    {}\nexpected {}", told(&found), told(&expected));
        Ok(found)
    }
}

/// Results in short.
fn told(results: &Results) -> String {
    let hits: Vec<_> = results.hits.iter().map(|hit| (hit.key.0, hit.version, hit.relevance.0)).collect();
    format!("{} in all: {hits:?}, next {:?}, facets {:?}", results.total, results.next, results.facets)
}
