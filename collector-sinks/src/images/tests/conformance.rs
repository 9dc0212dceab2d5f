//! The contract of `Sink`, with a place's contents as what is read back.
//!
//! The sink keeps pictures; which record has which is a fact, and facts are the store's. So the harness keeps the facts
//! of the newest version, as a store does, and reads the files they name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::creator::Creator;
use collector_core::error::Result;
use collector_core::id::RecordKey;
use collector_core::sink::{BatchLimits, Change, Position, Sink, Written, Wrote};
use collector_core::testkit::server::{Answer, ScriptServer};
use collector_core::testkit::sink::{Backend, Found, Sample, SinkHarness};
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use serde_json::{Value, json};

use super::place::Place;
use super::stage::{address, creator};
use super::{files, home};
use crate::images::{ImagesConfig, ImagesSink, PictureFact};

/// The newest version of each record, and its fact.
type Facts = Arc<Mutex<BTreeMap<RecordKey, (u64, Option<PictureFact>)>>>;

struct Pictures {
    host: ScriptServer,
    place: Place,
    facts: Facts,
    backend: Mutex<Backend>,
}

impl Pictures {
    async fn new() -> Self {
        Self {
            host: ScriptServer::start().await.unwrap(),
            place: home(),
            facts: Facts::default(),
            backend: Mutex::new(Backend::Works),
        }
    }
}

/// The sink with a store's part of the work.
#[derive(Debug)]
struct Keeping {
    sink: ImagesSink,
    facts: Facts,
}

#[async_trait]
impl Sink<Creator> for Keeping {
    fn name(&self) -> &str {
        Sink::<Creator>::name(&self.sink)
    }

    fn limits(&self) -> BatchLimits {
        Sink::<Creator>::limits(&self.sink)
    }

    async fn open(&self, cx: &Context, position: Option<Position>) -> Result<()> {
        Sink::<Creator>::open(&self.sink, cx, position).await
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        Sink::<Creator>::check(&self.sink, cx).await
    }

    async fn write(&self, cx: &Context, batch: &[Change<Creator>]) -> Result<Written> {
        let written = self.sink.write(cx, batch).await?;
        let mut facts = self.facts.lock().unwrap();
        for (change, wrote) in batch.iter().zip(&written.outcomes) {
            let Wrote::Stored(reported) = wrote else { continue };
            if facts.get(&change.key()).is_none_or(|(version, _)| *version < change.version()) {
                facts.insert(change.key(), (change.version(), PictureFact::of(reported)));
            }
        }
        Ok(written)
    }
}

#[async_trait]
impl SinkHarness for Pictures {
    type Entity = Creator;

    async fn sink(&self) -> Arc<dyn Sink<Creator>> {
        let config = ImagesConfig { allow: vec![address(&self.host)], ..ImagesConfig::default() };
        let sink = match *self.backend.lock().unwrap() {
            Backend::Works => Ok(self.place.sink(config)),
            Backend::Down => ImagesSink::into_store(Arc::new(Failing(generic)), config),
            Backend::Refuses => ImagesSink::into_store(Arc::new(Failing(denied)), config),
        };
        Arc::new(Keeping { sink: sink.unwrap(), facts: Arc::clone(&self.facts) })
    }

    /// A creator whose avatar carries the sample: each one's is another picture.
    fn make(&self, sample: &Sample) -> Creator {
        let payload =
            json!({ "n": sample.n, "text": sample.text, "number": sample.number, "maybe": sample.maybe });
        let payload = payload.to_string();
        let (kind, whole) = files::KINDS[sample.n as usize % files::KINDS.len()];
        let path = format!("/{}.{kind}", blake3::hash(payload.as_bytes()).to_hex());
        self.host.route(path.clone(), Answer::status(200).body(whole(7, 9, payload.as_bytes())));
        creator(Some(&format!("{}{path}", self.host.url())), 0)
    }

    /// The picture's bytes, told by their hash, and where they came from.
    fn shown(&self, value: &Creator) -> Value {
        json!({ "link": value.avatar })
    }

    async fn read_back(&self) -> Vec<Found> {
        let facts = self.facts.lock().unwrap().clone();
        let mut found = Vec::new();
        for (key, (version, fact)) in facts {
            let Some(fact) = fact else { continue };
            let kept = fact.kept().unwrap();
            let bytes = self.place.read(&kept.key).await;
            assert_eq!(blake3::hash(&bytes).to_hex().as_str(), kept.hash);
            // The link ends in the hash of what the picture carries: it is the right one.
            let payload = fact.link.rsplit('/').next().unwrap().split('.').next().unwrap();
            assert!(carries(&bytes, payload), "another picture: {}", fact.link);
            found.push(Found::new(key, version, json!({ "link": fact.link })));
        }
        found
    }

    async fn backend(&self, does: Backend) -> bool {
        *self.backend.lock().unwrap() = does;
        true
    }
}

/// Whether a picture carries a payload with this hash.
fn carries(bytes: &[u8], hash: &str) -> bool {
    let starts = bytes.windows(5).enumerate().filter(|(_, window)| window == b"{\"may").map(|(at, _)| at);
    starts.into_iter().any(|start| {
        let rest = bytes.get(start..).unwrap_or_default();
        // GIF cuts it into pieces; each but the last is full.
        let joined: Vec<u8> = if bytes.starts_with(b"GIF") {
            let whole = bytes.get(start - 1..).unwrap_or_default();
            let mut pieces = Vec::new();
            let mut at = 0;
            while let Some(length) =
                whole.get(at).map(|length| usize::from(*length)).filter(|length| *length > 0)
            {
                pieces.extend_from_slice(whole.get(at + 1..at + 1 + length).unwrap_or_default());
                at += 1 + length;
            }
            pieces
        } else {
            rest.to_vec()
        };
        let mut values = serde_json::Deserializer::from_slice(&joined).into_iter::<Value>();
        let found = values.next().is_some_and(|value| value.is_ok());
        let end = values.byte_offset();
        found && blake3::hash(joined.get(..end).unwrap_or_default()).to_hex().as_str() == hash
    })
}

fn generic() -> object_store::Error {
    object_store::Error::Generic { store: "test", source: "it is down".into() }
}

fn denied() -> object_store::Error {
    object_store::Error::Unauthenticated { path: "x".into(), source: "who are you".into() }
}

/// A place where everything fails in one way.
#[derive(Debug)]
struct Failing(fn() -> object_store::Error);

impl std::fmt::Display for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Failing")
    }
}

#[async_trait]
impl ObjectStore for Failing {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> object_store::Result<PutResult> {
        Err((self.0)())
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        Err((self.0)())
    }

    async fn get_opts(&self, _: &Path, _: GetOptions) -> object_store::Result<GetResult> {
        Err((self.0)())
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        Box::pin(futures_util::stream::iter([Err((self.0)())]))
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        Box::pin(futures_util::stream::iter([Err((self.0)())]))
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> object_store::Result<ListResult> {
        Err((self.0)())
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> object_store::Result<()> {
        Err((self.0)())
    }
}

collector_core::sink_conformance!(
    Pictures::new().await,
    without: {
        OlderVersion: "it keeps pictures, not records: which version counts is the store's business",
        Delete: "it keeps pictures, not records: a deleted record's picture is collected by a sweep",
        RejectedOne: "it rejects nothing: what is wrong with a picture is a fact",
        Position: "it keeps no place: a picture written twice is one file",
    }
);

#[tokio::test]
async fn while_its_place_is_down_nothing_is_fetched() {
    let stage = Pictures::new().await;
    let record = super::stage::record(1, 1, stage.make(&Sample::number(1)).avatar.as_deref());
    stage.host.script([]);
    let mut config = ImagesConfig::new("unused");
    config.allow = vec![address(&stage.host)];
    let sink = ImagesSink::into_store(Arc::new(Failing(generic)), config).unwrap();
    let cx = Context::detached();
    let link = format!("{}/seen", stage.host.url());
    stage.host.script((0..9).map(|_| super::stage::picture("x")));
    let record = collector_core::sink::Record { entity: Arc::new(creator(Some(&link), 0)), ..record };
    for _ in 0..4 {
        let failed = sink.write(&cx, &[Change::Put(record.clone())]).await.unwrap_err();
        assert_eq!(failed.kind(), collector_core::error::ErrorKind::Unavailable);
    }
    assert_eq!(stage.host.seen().len(), 1);
}
