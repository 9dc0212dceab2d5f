//! The cases: one function each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::case::{Checked, Violation, ensure};
use super::judged::{JUDGED, people};
use super::{Population, SearchHarness};
use crate::clock::Timestamp;
use crate::context::Context;
use crate::creator::Creator;
use crate::error::{Error, ErrorKind};
use crate::id::RecordKey;
use crate::search::{
    Bound, CreatorIndex, Direction, Document, FieldKind, Filter, MemoryIndex, Plan, Query, Results, Scope,
    SearchField, Sort, Term, Test,
};
use crate::sink::{Change, Sink, Wrote};

/// Creators and queries of the random comparison.
const CREATORS: u64 = 150;
const QUERIES: usize = 400;

/// Values of each field that are asked for.
const ASKED: usize = 4;

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

pub(super) async fn fields<H: SearchHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    let mut random = Population::new(SEED, stage.cx.now());
    let batch: Vec<_> = (0..CREATORS).map(|key| random.put(key, 1)).collect();
    stage.write(&batch).await?;
    let documents = batch.iter().filter_map(|change| match change {
        Change::Put(record) => Some(Document::of(record)),
        Change::Delete { .. } => None,
    });
    let documents: Vec<_> = documents.collect();
    for field in SearchField::ALL.iter().copied().filter(|field| field.kind() != FieldKind::List) {
        for mut query in queries_on(field, &documents) {
            query.limit = PAGE;
            query.facets.extend(Some(field).filter(|field| field.info().facet));
            stage.compare(&query).await?;
        }
    }
    Ok(())
}

/// Every kind of question about a field: with values that somebody has, and one that nobody has.
fn queries_on(field: SearchField, documents: &[Document]) -> Vec<Query> {
    let mut queries = vec![
        Query::all().with(Filter::new(field, [Test::Known])),
        Query::all().with(Filter::not(field, [Test::Known])),
    ];
    let asked: Vec<Test> = match field.kind() {
        FieldKind::Text => {
            queries.extend(term_queries(field, documents));
            Vec::new()
        }
        _ if field.is_number() => {
            queries.extend([Direction::Ascending, Direction::Descending].map(|direction| {
                let mut query = Query::all();
                query.sort = Some(Sort::By(field, direction));
                query
            }));
            ranges(field, documents)
        }
        _ => {
            let of = |document: &Document| first(&document.keywords, field);
            let values = documents.iter().filter_map(of).chain([String::from("nobody")]);
            values.collect::<BTreeSet<_>>().into_iter().take(ASKED).map(Test::Is).collect()
        }
    };
    let many = (asked.len() > 1).then(|| Filter::new(field, asked.clone()));
    let single =
        asked.into_iter().flat_map(|test| [Filter::new(field, [test.clone()]), Filter::not(field, [test])]);
    queries.extend(single.chain(many).map(|filter| Query::all().with(filter)));
    queries
}

fn term_queries(field: SearchField, documents: &[Document]) -> Vec<Query> {
    let texts = documents.iter().filter_map(|document| first(&document.texts, field));
    let texts: BTreeSet<_> = texts.collect();
    let of = |text: &String| {
        let words: String = text.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let term = Term { scope: Scope::Field(field), ..Term::new(words) };
        let excluded = Term { excluded: true, ..term.clone() };
        let prefix = Term { prefix: true, ..term.clone() };
        [term, excluded, prefix].map(|term| Query { terms: vec![term], ..Query::all() })
    };
    // A token by itself can be less than a word.
    let queries = texts.iter().take(ASKED).flat_map(of);
    queries.filter(|query| Plan::new(query, Timestamp::default()).is_ok()).collect()
}

fn ranges(field: SearchField, documents: &[Document]) -> Vec<Test> {
    let values: BTreeSet<i64> = documents.iter().filter_map(|document| document.number(field)).collect();
    let at = |value: &i64| Some(Bound::At(*value));
    let ends = values.first().into_iter().chain(values.last()).chain(values.iter().nth(values.len() / 2));
    let tests = ends.flat_map(|value| {
        [Test::Within(at(value), None), Test::Within(None, at(value)), Test::Within(at(value), at(value))]
    });
    tests.chain([Test::Within(at(&1), at(&0))]).collect()
}

fn first(values: &[(SearchField, String)], field: SearchField) -> Option<String> {
    values.iter().find(|(of, _)| *of == field).map(|(_, value)| value.clone())
}

pub(super) async fn completes<H: SearchHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::open(harness).await?;
    let mut random = Population::new(SEED, stage.cx.now());
    let batch: Vec<_> = (0..CREATORS).map(|key| random.put(key, 1)).collect();
    stage.write(&batch).await?;
    for typed in
        ["m", "mi", "mina", "mina.", "mina.k", "뷰", "뷰티", "리", "b", "beauty_", "skin c", "💄", "nobody"]
    {
        let found = stage.compare(&Query::completing(typed, PAGE)).await?;
        ensure!(found.total > 0 || typed == "nobody", "{typed} completes to nobody");
    }
    for step in [1, 3, 200] {
        let members: BTreeSet<_> = (1..CREATORS).step_by(step).map(RecordKey).collect();
        let some = Test::Among("spring".into(), Arc::new(members));
        for filter in [Filter::new(SearchField::List, [some.clone()]), Filter::not(SearchField::List, [some])]
        {
            stage.compare(&Query::all().with(filter)).await?;
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
