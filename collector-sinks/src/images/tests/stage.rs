//! What these tests share: a sink on a folder of its own, a host on this machine, records that point to it.

use std::net::SocketAddr;
use std::sync::Arc;

use collector_core::clock::Timestamp;
use collector_core::context::{ByteBudget, Context};
use collector_core::creator::{Creator, SourceAsOf};
use collector_core::id::RecordKey;
use collector_core::sink::{Change, Facts, Record, Sink, Wrote};
use collector_core::testkit::fakes::ManualClock;
use collector_core::testkit::server::{Answer, ScriptServer};
use tokio_util::sync::CancellationToken;

use super::place::Place;
use super::{files, home};
use crate::images::{AVATAR, ImagesConfig, ImagesSink, PictureFact, Problem};

/// The moment at which every stage begins.
pub(super) const NOW: i64 = 1_800_000_000;

pub(super) struct Stage {
    pub(super) host: ScriptServer,
    pub(super) sink: ImagesSink,
    pub(super) clock: Arc<ManualClock>,
    pub(super) cx: Context,
    pub(super) place: Place,
}

/// The address of a host on this machine.
pub(super) fn address(host: &ScriptServer) -> SocketAddr {
    host.url().trim_start_matches("http://").parse().unwrap()
}

pub(super) fn picture(payload: &str) -> Answer {
    Answer::status(200).body(files::png(2, 3, payload.as_bytes()))
}

impl Stage {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut ImagesConfig)) -> Self {
        let host = ScriptServer::start().await.unwrap();
        let place = home();
        let mut config = ImagesConfig { allow: vec![address(&host)], ..ImagesConfig::default() };
        change(&mut config);
        let clock = ManualClock::starting_at(Timestamp::from_secs(NOW));
        let cx = Context::new(
            CancellationToken::new(),
            Arc::<ManualClock>::clone(&clock),
            ByteBudget::new(1 << 20),
        );
        let sink = place.sink(config);
        Sink::<Creator>::open(&sink, &cx, None).await.unwrap();
        Self { host, sink, clock, cx, place }
    }

    pub(super) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.host.url())
    }

    /// Version 1 of record 1 with this avatar.
    pub(super) fn shows(&self, link: &str) -> Record<Creator> {
        record(1, 1, Some(link))
    }

    pub(super) async fn write(&self, records: &[Record<Creator>]) -> Vec<Wrote> {
        let batch: Vec<_> = records.iter().cloned().map(Change::Put).collect();
        self.sink.write(&self.cx, &batch).await.unwrap().outcomes
    }

    pub(super) async fn write_one(&self, record: &Record<Creator>) -> Wrote {
        self.write(std::slice::from_ref(record)).await.remove(0)
    }

    /// Writes a picture at this path and gives what was reported.
    pub(super) async fn stored(&self, record: &Record<Creator>) -> PictureFact {
        reported(&self.write_one(record).await).expect("a report")
    }

    pub(super) async fn problem(&self, record: &Record<Creator>) -> Problem {
        problem(&self.write_one(record).await)
    }
}

pub(super) fn record(key: u64, version: u64, avatar: Option<&str>) -> Record<Creator> {
    let entity = Arc::new(creator(avatar, NOW));
    Record { key: RecordKey(key), version, entity, facts: Facts::new() }
}

/// A creator whose avatar was shown at this time.
pub(super) fn creator(avatar: Option<&str>, seen: i64) -> Creator {
    let source =
        SourceAsOf { source: "api".into(), aspect: "profile".into(), as_of: Timestamp::from_secs(seen) };
    Creator { avatar: avatar.map(Into::into), sources: vec![source], ..Creator::default() }
}

pub(super) fn reported(wrote: &Wrote) -> Option<PictureFact> {
    match wrote {
        Wrote::Stored(facts) => PictureFact::of(facts),
        _ => None,
    }
}

pub(super) fn problem(wrote: &Wrote) -> Problem {
    let fact = reported(wrote).unwrap_or_else(|| panic!("no report: {wrote:?}"));
    fact.missing().unwrap_or_else(|| panic!("a picture: {fact:?}")).problem
}

/// Whether nothing was reported.
pub(super) fn is_silent(wrote: &Wrote) -> bool {
    *wrote == Wrote::Stored(Facts::new())
}

/// The next version of a record, which has the fact that was reported.
pub(super) fn after(record: &Record<Creator>, fact: &PictureFact) -> Record<Creator> {
    let facts = Facts::from([(AVATAR.to_owned(), serde_json::to_value(fact).unwrap())]);
    Record { version: record.version + 1, facts, ..record.clone() }
}
