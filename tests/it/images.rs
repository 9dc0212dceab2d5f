//! Pictures end to end: the simulator's vendor and image host, the engine, a store, the guarded sink.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::creator::{Creator, Creators, id_kind};
use collector_core::id::Id;
use collector_core::pipeline::{End, Engine, Job, Pipeline, RunReport, SourceOptions};
use collector_core::sink::MemorySink;
use collector_core::store::{MemoryStore, Store};
use collector_core::task::Query;
use collector_sinks::images::{ImagesConfig, ImagesSink, PictureFact, Problem};
use collector_sinks::sql::{SqlConfig, SqlStore};
use collector_sources::simulator::{PictureKnobs, Running, SimulatorConfig};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::{ensembledata, handles, simulator, stats};

const CREATORS: u32 = 120;

struct World {
    vendor: Running,
    store: Arc<dyn Store<Creators>>,
    /// The other sink: creators must be there whatever their pictures are.
    others: MemorySink<Creator>,
    folder: TempDir,
}

impl World {
    async fn new(pictures: PictureKnobs, sqlite: bool) -> Self {
        let config = SimulatorConfig { creators: CREATORS, pictures, ..SimulatorConfig::default() };
        let (vendor, folder) = (simulator(config).await, TempDir::new().unwrap());
        let creators = Arc::new(Creators::default());
        let store: Arc<dyn Store<Creators>> = match sqlite {
            true => {
                Arc::new(SqlStore::open(&SqlConfig::new(folder.path().join("c.db")), creators).await.unwrap())
            }
            false => Arc::new(MemoryStore::new(creators)),
        };
        Self { vendor, store, others: MemorySink::named("others"), folder }
    }

    fn engine(&self) -> Engine<Creators> {
        let mut images = ImagesConfig::new(self.pictures());
        images.allow = vec![self.vendor.url().trim_start_matches("http://").parse().unwrap()];
        images.first_byte_timeout = Duration::from_millis(400);
        images.durable = false;
        let limits = Limits { in_flight: 32, per_second: None, burst: None };
        Pipeline::new(Creators::default())
            .store(Arc::clone(&self.store))
            .sink(ImagesSink::new(images).unwrap())
            .sink(self.others.clone())
            .source_with(ensembledata(&self.vendor), SourceOptions { limits, ..SourceOptions::default() })
            .build()
            .unwrap()
    }

    fn pictures(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    async fn run(&self, fresh_for: Duration) -> RunReport {
        let handles = handles(&self.vendor.url(), CREATORS).await;
        let job = Job::new("all", Query { handles, ..Query::default() }).fresh_for(fresh_for);
        let report = self.engine().run(job, CancellationToken::new()).await.unwrap();
        assert!(report.balances(), "{report:?}");
        report
    }

    /// The fact of every creator.
    async fn facts(&self) -> Vec<PictureFact> {
        let mut facts = Vec::new();
        for handle in handles(&self.vendor.url(), CREATORS).await {
            let known = self.store.find(&Id::new(id_kind::TIKTOK_HANDLE, handle)).await.unwrap().unwrap();
            facts.extend(PictureFact::of(&known.record.facts));
        }
        facts
    }

    async fn stats(&self) -> Value {
        stats(&self.vendor.url()).await
    }
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_is_kept_and_what_had_ended_was_asked_for_once_more() {
    for sqlite in [false, true] {
        let knobs = PictureKnobs { expired_share: 0.3, bytes: 500, ..PictureKnobs::default() };
        let world = World::new(knobs, sqlite).await;
        let report = world.run(Duration::from_secs(3_600)).await;
        assert_eq!(report.end, End::Complete, "sqlite {sqlite}: {:?}", report.reasons);
        let facts = world.facts().await;
        let keys: BTreeSet<_> =
            facts.iter().map(|fact| world.pictures().join(&fact.kept().unwrap().key)).collect();
        assert_eq!((facts.len(), &keys), (CREATORS as usize, &files(&world.pictures())));
        assert_eq!(keys.len(), CREATORS as usize);
        let stats = world.stats().await;
        assert_eq!(
            (&stats["pictures"]["served"], &stats["pictures"]["refused"]),
            (&CREATORS.into(), &0.into())
        );
        let again = report.counts.answers - u64::from(CREATORS);
        assert!((24..48).contains(&again), "{again} of {CREATORS} had ended");
        // The others have the facts, too.
        let known = world.others.records().iter().filter(|one| PictureFact::of(&one.facts).is_some()).count();
        assert_eq!(known, CREATORS as usize);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_fetches_profiles_and_not_one_picture() {
    let world = World::new(PictureKnobs { bytes: 0, ..PictureKnobs::default() }, true).await;
    world.run(Duration::from_secs(3_600)).await;
    let (facts, files_before) = (world.facts().await, files(&world.pictures()));
    // Everything is stale at once, and every link is signed anew.
    let report = world.run(Duration::from_millis(1)).await;
    assert_eq!((report.end, report.counts.answers), (End::Complete, u64::from(CREATORS)));
    assert_eq!(world.stats().await["pictures"]["calls"], CREATORS);
    assert_eq!((world.facts().await, files(&world.pictures())), (facts, files_before));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_pictures_hold_nobody_and_nothing() {
    let knobs = PictureKnobs {
        bytes: 100,
        expired_share: 0.2,
        gone_share: 0.15,
        wrong_type_share: 0.15,
        cut_share: 0.05,
        error_rate: 0.05,
        hang_rate: 0.01,
        ..PictureKnobs::default()
    };
    let world = World::new(knobs, true).await;
    let report = world.run(Duration::from_secs(3_600)).await;
    assert_eq!(report.end, End::Complete, "{:?}", report.reasons);
    assert!(report.dead.is_empty() && report.sinks["images"].rejected == 0);
    assert_eq!(world.others.records().len(), CREATORS as usize);
    let facts = world.facts().await;
    assert_eq!(facts.len(), CREATORS as usize);
    let with = |wanted| {
        let problems = facts.iter().filter_map(|fact| match &fact.state {
            collector_sinks::images::PictureState::Missing(missing) => Some(missing.problem),
            collector_sinks::images::PictureState::Kept(_) => None,
        });
        problems.filter(|problem| *problem == wanted).count()
    };
    assert!(with(Problem::Gone) > 5 && with(Problem::Unusable) > 5 && with(Problem::Unavailable) > 0);
    assert_eq!((with(Problem::Ended), with(Problem::Forbidden)), (0, 0));
    let kept = facts.iter().filter(|fact| fact.kept().is_some()).count();
    assert!(kept > CREATORS as usize / 2, "{kept}");
    assert_eq!(files(&world.pictures()).len(), kept);
}
