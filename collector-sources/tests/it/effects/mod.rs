//! Two vendors that each know a part, one of them days behind, people who are renamed, handles that moved, answers
//! without ids: the pipeline merges it all in this process, and what comes out is scored against the truth.

mod dead;
mod roster;

use std::collections::{BTreeMap, BTreeSet};

use collector_core::creator::{Creator, Creators};
use collector_core::pipeline::{End, Job, Pipeline};
use collector_core::sink::MemorySink;
use collector_core::task::Query;
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use collector_sources::simulator::SimulatorConfig;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::simulated::{TrueHashtag, World, creators};
pub(crate) use roster::Roster;

const EVERYBODY: u32 = 1_000;

/// What is true of one creator, and who knows what of them.
#[derive(Debug, Deserialize)]
struct Truth {
    uid: String,
    handle: String,
    first_handle: String,
    first_handle_taken_by: Option<String>,
    renamed: bool,
    followers: u64,
    avatar_uri: String,
    country: String,
    /// Whether the vendor's lookups find them.
    known: bool,
    has_ids: bool,
    in_list: bool,
    row_has_id: bool,
}

/// How well a collection matches the truth.
#[derive(Debug, Default, PartialEq)]
struct Score {
    /// Creators of whom somebody showed something.
    people: usize,
    /// In no record.
    missing: usize,
    /// Records beyond the first of one creator.
    duplicates: usize,
    /// Records in which one creator's number stands beside another's picture.
    mixed: usize,
    /// Looked up, and the handle is not the present one: their numbers.
    wrong_handle: Vec<String>,
    /// Looked up, and the followers are not the present ones.
    wrong_followers: usize,
    /// A country that is not theirs.
    wrong_country: usize,
    /// Two records with one handle.
    shared_handles: usize,
}

impl Score {
    fn of(truths: &[Truth], records: &[Creator]) -> Self {
        let mut score = Self { people: truths.len(), ..Self::default() };
        let by_uid: BTreeMap<&str, usize> = index(truths, |truth| &truth.uid);
        let by_picture: BTreeMap<&str, usize> = index(truths, |truth| &truth.avatar_uri);
        let by_handle: BTreeMap<&str, usize> = index(truths, |truth| &truth.first_handle);
        let mut found: BTreeMap<usize, usize> = BTreeMap::new();
        let mut handles = BTreeSet::new();
        for record in records {
            let picture = record.extra.get("avatar_uri").and_then(|extra| extra.value.as_str());
            let whose_picture = picture.map(|picture| by_picture[picture]);
            let whose_number = record.uid.as_deref().map(|uid| by_uid[uid]);
            score.mixed += usize::from(whose_number.zip(whose_picture).is_some_and(|(a, b)| a != b));
            score.shared_handles +=
                usize::from(record.handle.as_deref().is_some_and(|handle| !handles.insert(handle)));
            let by_name = || record.handle.as_deref().and_then(|handle| by_handle.get(handle)).copied();
            let who = whose_number.or(whose_picture).or_else(by_name);
            let truth = &truths[who.unwrap_or_else(|| panic!("whose is {record:?}"))];
            *found.entry(by_uid[truth.uid.as_str()]).or_default() += 1;
            score.compare(truth, record);
        }
        score.missing = truths.len() - found.len();
        score.duplicates = found.values().map(|records| records - 1).sum();
        score
    }

    /// Only what somebody could know: whoever is not looked up is shown as the lists have it.
    fn compare(&mut self, truth: &Truth, record: &Creator) {
        self.wrong_country += usize::from(record.country.as_deref().is_some_and(|is| is != truth.country));
        let looked_up = truth.known && record.sources.iter().any(|from| &*from.aspect == "profile");
        if looked_up {
            let wrong = record.handle.as_deref() != Some(&truth.handle);
            self.wrong_handle.extend(wrong.then(|| truth.uid.clone()));
            self.wrong_followers += usize::from(record.followers != Some(truth.followers));
        }
    }
}

fn index<'a>(truths: &'a [Truth], key: impl Fn(&'a Truth) -> &'a String) -> BTreeMap<&'a str, usize> {
    truths.iter().enumerate().map(|(at, truth)| (key(truth).as_str(), at)).collect()
}

/// Collects everybody from both vendors; tells what is true, and what came out.
async fn collect(config: SimulatorConfig) -> (Vec<Truth>, Vec<Creator>) {
    let token = config.token.as_str().into();
    let world = World::start(config).await;
    let base_url = format!("{}/ensembledata", world.simulator.url()).into();
    let options = EnsembleDataConfig { base_url, token, ..EnsembleDataConfig::default() };
    let hashtags = world.truth::<TrueHashtag>("/truth/hashtags").await;
    let query =
        Query { hashtags: hashtags.into_iter().map(|hashtag| hashtag.name).collect(), ..Query::default() };
    let sink = MemorySink::new();
    let engine = Pipeline::new(Creators::default())
        .source(EnsembleData::new(options).unwrap())
        .source(Roster::new(&world.simulator.url(), EVERYBODY))
        .sink(sink.clone())
        .build()
        .unwrap();
    let report = engine.run(Job::new("everybody", query), CancellationToken::new()).await.unwrap();
    assert_eq!(report.end, End::Complete, "{report:?}");
    let truths = world.truth::<Truth>(&format!("/truth?limit={EVERYBODY}")).await;
    assert_eq!(truths.len(), EVERYBODY as usize);
    (truths, sink.records().into_iter().map(|record| record.entity.as_ref().clone()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_population_merges_without_a_fault() {
    let (truths, records) = collect(creators(EVERYBODY)).await;
    assert_eq!(Score::of(&truths, &records), Score { people: truths.len(), ..Score::default() });
    assert_eq!(records.len(), truths.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_all_effects_nobody_is_lost_or_taken_for_somebody_else() {
    let (truths, records) = collect(creators(EVERYBODY).with_effects()).await;
    // The effects are there at all.
    let count = |is: fn(&Truth) -> bool| truths.iter().filter(|truth| is(truth)).count();
    assert!(count(|truth| truth.renamed) > 20 && count(|truth| truth.first_handle_taken_by.is_some()) > 1);
    assert!(count(|truth| !truth.known) > 50 && count(|truth| !truth.in_list) > 50);
    assert!(count(|truth| !truth.has_ids) > 10 && count(|truth| !truth.row_has_id) > 10);

    let score = Score::of(&truths, &records);
    // One creator can only be two records when a vendor that gives no ids shows them under another handle.
    let excused = count(|truth| truth.renamed && !(truth.has_ids && truth.row_has_id));
    assert!(score.duplicates <= excused, "{score:?}, {excused} may be twice");
    // Lists go on showing a handle at its former owner, so a list can take it from the one who has it now.
    let takers: BTreeSet<&String> =
        truths.iter().filter_map(|truth| truth.first_handle_taken_by.as_ref()).collect();
    assert!(score.wrong_handle.iter().all(|uid| takers.contains(uid)), "{score:?}");
    let (duplicates, wrong_handle) = (score.duplicates, score.wrong_handle.clone());
    assert_eq!(score, Score { people: truths.len(), duplicates, wrong_handle, ..Score::default() });
}
