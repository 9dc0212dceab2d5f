//! [`ImagesSink`]: decides about each record's picture, and joins the other parts.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use collector_core::clock::Timestamp;
use collector_core::context::Context;
use collector_core::creator::{Creator, Field};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::RecordKey;
use collector_core::sink::{BatchLimits, Change, Facts, Position, Record, Sink, Written, Wrote};
use futures_util::future::join_all;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::sync::Semaphore;

use super::client::{self, Lookup, SystemLookup};
use super::config::ImagesConfig;
use super::download::{Downloader, Picture, Trouble};
use super::fact::{AVATAR, KeptPicture, MissingPicture, PictureFact, PictureState, Problem};
use super::hosts::{Fault, Hosts};
use super::link::Link;
use super::memory::{Ended, Failed, Memory};
#[cfg(feature = "s3")]
use super::s3::{self, BucketAccess, BucketConfig};
use super::shelf::{Name, NotKept, Shelf, ToKeep, failed};
use super::sweep::{Swept, sweep};

/// Changes in one write: few enough that a slow picture keeps few others waiting, enough to share a transaction.
const BATCH: usize = 64;
const BATCHES: usize = 4;

/// What may mend itself is tried again with the next version of a record after this time; the rest later.
const SOON: Duration = Duration::from_secs(3_600);
const LATER: Duration = Duration::from_secs(7 * 86_400);

/// As much of a link as is reported when it cannot be read.
const SHOWN: usize = 200;

/// A sink that fetches pictures and keeps them. See the [module page](super).
#[derive(Debug)]
pub struct ImagesSink {
    config: ImagesConfig,
    shelf: Shelf,
    downloader: Downloader,
    hosts: Hosts,
    places: Semaphore,
    memory: Memory,
    /// Set when a write failed: then nothing is downloaded before the place answers again.
    doubtful: AtomicBool,
}

impl ImagesSink {
    /// A sink into the configured folder; nothing is touched before it is opened.
    ///
    /// # Errors
    /// `ConfigInvalid` when this machine cannot do TLS.
    pub fn new(config: ImagesConfig) -> Result<Self> {
        let shelf = Shelf::in_folder(&config);
        Self::build(config, shelf, Arc::new(SystemLookup))
    }

    /// A sink into any object store; the configured folder does not count. The store's own retries should be off: the
    /// engine retries.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn into_store(store: Arc<dyn ObjectStore>, config: ImagesConfig) -> Result<Self> {
        let shelf = Shelf::given(store, &config);
        Self::build(config, shelf, Arc::new(SystemLookup))
    }

    /// A sink into a bucket; the configured folder does not count. No request is made before it is opened.
    ///
    /// # Errors
    /// `ConfigInvalid` for options that cannot be meant, and when this machine cannot do TLS.
    #[cfg(feature = "s3")]
    pub fn in_bucket(bucket: BucketConfig, access: BucketAccess, config: ImagesConfig) -> Result<Self> {
        let bucket = bucket.validated()?;
        let shelf = Shelf::in_bucket(s3::open(&bucket, access)?, bucket.conditional, &config);
        Self::build(config, shelf, Arc::new(SystemLookup))
    }

    pub(super) fn build(config: ImagesConfig, shelf: Shelf, lookup: Arc<dyn Lookup>) -> Result<Self> {
        Ok(Self {
            downloader: Downloader::new(client::build(&config, lookup)?, &config),
            shelf,
            hosts: Hosts::new(config.per_host.get()),
            places: Semaphore::new(config.in_flight.get()),
            memory: Memory::default(),
            doubtful: AtomicBool::new(false),
            config,
        })
    }

    /// Puts aside pictures that no record refers to, and deletes those put aside before. See [`sweep`].
    ///
    /// # Errors
    /// As for [`sweep`].
    pub async fn sweep(
        &self,
        cx: &Context,
        grace: Duration,
        is_used: impl Fn(&str) -> bool,
    ) -> Result<Swept> {
        sweep(&**self.place().await?, cx.now(), grace, is_used).await
    }

    /// The size in bytes of the picture with this key; `None` when it is not there.
    ///
    /// # Errors
    /// `Storage`, `Unavailable` or `Unauthorized` when the place cannot be asked.
    pub async fn size(&self, key: &str) -> Result<Option<u64>> {
        let path = object_store::path::Path::parse(key).map_err(|error| failed(key, error.into()))?;
        match self.place().await?.head(&path).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(key, error)),
        }
    }

    /// Where pictures are kept.
    pub(super) async fn place(&self) -> Result<&Arc<dyn ObjectStore>> {
        self.shelf.open().await
    }

    /// The same with its own way of writing.
    pub(super) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    async fn write_one(&self, cx: &Context, change: &Change<Creator>) -> Result<Wrote> {
        let Change::Put(record) = change else { return Ok(nothing_new()) };
        tokio::select! {
            biased;
            () = cx.stop().cancelled() => Ok(Wrote::Retry { after: None }),
            wrote = self.picture(cx, record) => wrote,
        }
    }

    async fn picture(&self, cx: &Context, record: &Record<Creator>) -> Result<Wrote> {
        let Some(text) = record.entity.avatar.as_deref() else { return Ok(without_picture(&record.facts)) };
        let known = PictureFact::of(&record.facts);
        let link = match self.downloader.link(text) {
            Ok(link) => link,
            Err(trouble) => {
                let case = Case { cx, record, known, link: text, name: shown(text) };
                return Ok(self.trouble(&case, trouble));
            }
        };
        let case = Case { cx, record, known, link: text, name: link.name() };
        if case.is_settled() {
            return Ok(nothing_new());
        }
        let place = format!("{} {}", link.host(), case.name);
        if let Some(kept) = self.memory.kept(&place, cx.now()) {
            return Ok(case.report(PictureState::Kept(kept)));
        }
        match self.fetch(&case, &link).await {
            Ok(picture) => match self.keep(cx, picture).await {
                Ok(kept) => {
                    self.memory.keep(&place, kept.clone(), cx.now());
                    self.memory.settled(record.key, &case.name);
                    Ok(case.report(PictureState::Kept(kept)))
                }
                Err(NotKept::Later(wait, error)) => {
                    tracing::debug!(record = %record.key, %error, "a picture is not kept yet");
                    Ok(Wrote::Retry { after: Some(wait) })
                }
                Err(NotKept::Place(error)) => Err(in_a_run(error)),
            },
            Err(trouble) => Ok(self.trouble(&case, trouble)),
        }
    }

    async fn fetch(&self, case: &Case<'_>, link: &Link) -> Result<Picture, NoPicture> {
        let cx = case.cx;
        if link.ends_at().is_some_and(|ends| ends <= cx.now()) {
            return Err(Trouble::Ended("the link has ended".to_owned()).into());
        }
        let now = || cx.clock().monotonic();
        let visit = self.hosts.visit(&link.host(), now).await.map_err(NoPicture::HostRests)?;
        // After the host's own permit: who waits for a host that hangs holds no place of the others.
        let _place = self.places.acquire().await;
        let done = self.downloader.fetch(link).await;
        let Err(Trouble::Busy { fault, after, .. }) = &done else {
            visit.answered();
            return done.map_err(NoPicture::Trouble);
        };
        let failed_before = self.memory.has_failed(case.record.key, &case.name);
        let fault = if failed_before { Fault::Again } else { *fault };
        let rests = visit.failed(now(), fault, *after);
        done.map_err(|trouble| rests.map_or(NoPicture::Trouble(trouble), NoPicture::HostRests))
    }

    async fn keep(&self, cx: &Context, picture: Picture) -> Result<KeptPicture, NotKept> {
        let Picture { bytes, kind, size, _permit } = picture;
        let name = Name::of(&bytes);
        let kept = KeptPicture {
            key: name.key(kind),
            hash: name.hash(),
            media_type: kind.media_type().to_owned(),
            bytes: bytes.len() as u64,
            width: size.width,
            height: size.height,
        };
        let to_keep = ToKeep { key: &kept.key, media_type: kind.media_type(), bytes };
        let put = self.shelf.put(to_keep, cx.now()).await;
        if put.is_err() {
            self.doubtful.store(true, Ordering::SeqCst);
        }
        put.map(|()| kept)
    }

    /// What a missing picture means for its record.
    fn trouble(&self, case: &Case<'_>, none: impl Into<NoPicture>) -> Wrote {
        let key = case.record.key;
        match none.into() {
            NoPicture::HostRests(wait) => Wrote::Retry { after: Some(wait) },
            NoPicture::Trouble(Trouble::Busy { after, why, .. }) => {
                match self.memory.failed(key, &case.name, after) {
                    Failed::Again(wait) => Wrote::Retry { after: Some(wait) },
                    Failed::GiveUp => case.missing(Problem::Unavailable, why),
                }
            }
            // Asked and in vain, not long ago: asking again would only cost.
            NoPicture::Trouble(Trouble::Ended(_)) if case.ended_before() => nothing_new(),
            NoPicture::Trouble(Trouble::Ended(why)) => {
                match self.memory.ended(key, case.link, case.heard(), case.cx.now()) {
                    Ended::Ask => Wrote::Refresh(why),
                    Ended::GiveUp => case.missing(Problem::Ended, why),
                }
            }
            NoPicture::Trouble(Trouble::Gone) => {
                case.missing(Problem::Gone, "the host answers 404".to_owned())
            }
            NoPicture::Trouble(Trouble::Unusable(why)) => case.missing(Problem::Unusable, why),
            NoPicture::Trouble(Trouble::Forbidden(why)) => case.missing(Problem::Forbidden, why),
        }
    }

    /// Downloads are in vain while what was downloaded cannot be kept.
    async fn require_place(&self) -> Result<()> {
        if self.doubtful.load(Ordering::SeqCst) {
            self.shelf.check().await.map_err(in_a_run)?;
            self.doubtful.store(false, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// Why nothing was fetched.
enum NoPicture {
    /// The host failed so often that it is left alone for this long.
    HostRests(Duration),
    Trouble(Trouble),
}

impl From<Trouble> for NoPicture {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// One record and its link.
struct Case<'a> {
    cx: &'a Context,
    record: &'a Record<Creator>,
    known: Option<PictureFact>,
    link: &'a str,
    /// What the link stands for.
    name: String,
}

impl Case<'_> {
    /// What is known about this very picture.
    fn known(&self) -> Option<&PictureFact> {
        self.known.as_ref().filter(|known| known.link == self.name)
    }

    fn missing_for(&self) -> Option<(Problem, Duration)> {
        let missing = self.known()?.missing()?;
        Some((missing.problem, self.cx.now().since(missing.tried)))
    }

    /// Whether the picture is kept, or was tried so lately that nothing else can come of it.
    fn is_settled(&self) -> bool {
        match self.missing_for() {
            Some((Problem::Ended | Problem::Unavailable, age)) => age < SOON,
            Some((_, age)) => age < LATER,
            None => self.known().is_some(),
        }
    }

    fn ended_before(&self) -> bool {
        self.missing_for().is_some_and(|(problem, age)| problem == Problem::Ended && age < LATER)
    }

    /// When whoever gave the link was last heard.
    fn heard(&self) -> Option<Timestamp> {
        self.record.entity.said_by(Field::Avatar).map(|source| source.as_of)
    }

    fn report(&self, state: PictureState) -> Wrote {
        let fact = PictureFact { link: self.name.clone(), state };
        if self.known.as_ref() == Some(&fact) { nothing_new() } else { Wrote::Stored(fact.report()) }
    }

    fn missing(&self, problem: Problem, why: String) -> Wrote {
        tracing::debug!(record = %self.record.key, ?problem, why, "a picture cannot be kept");
        // Forbidden links are seen anew with each version: the date of the first time stands.
        if let Some((Problem::Forbidden, age)) = self.missing_for()
            && problem == Problem::Forbidden
            && age < LATER
        {
            return nothing_new();
        }
        self.report(PictureState::Missing(MissingPicture { problem, why, tried: self.cx.now() }))
    }
}

fn nothing_new() -> Wrote {
    Wrote::Stored(Facts::new())
}

/// A record that shows no picture any more loses the fact about its last one.
fn without_picture(facts: &Facts) -> Wrote {
    match facts.get(AVATAR) {
        None | Some(serde_json::Value::Null) => nothing_new(),
        Some(_) => Wrote::Stored(PictureFact::none()),
    }
}

/// A place that was fine when the run began: what was taken away may come back, and nothing else needs to stop for it.
fn in_a_run(error: Error) -> Error {
    if error.kind() != ErrorKind::ConfigInvalid {
        return error;
    }
    Error::new(ErrorKind::Unavailable, "the place for pictures cannot be used any more").caused_by(error)
}

/// The beginning of a link that cannot be read, without its query.
fn shown(link: &str) -> String {
    link.chars().take_while(|c| !matches!(c, '?' | '#')).filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// The place of each key's newest version in a batch.
fn newest(batch: &[Change<Creator>]) -> HashMap<RecordKey, usize> {
    let mut newest: HashMap<RecordKey, usize> = HashMap::with_capacity(batch.len());
    for (at, change) in batch.iter().enumerate() {
        let known = newest.entry(change.key()).or_insert(at);
        if batch.get(*known).is_some_and(|other| other.version() <= change.version()) {
            *known = at;
        }
    }
    newest
}

#[async_trait]
impl Sink<Creator> for ImagesSink {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits { items: BATCH, in_flight: BATCHES, ..BatchLimits::default() }
    }

    async fn open(&self, _cx: &Context, _position: Option<Position>) -> Result<()> {
        self.shelf.open().await?;
        self.shelf.check().await
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        self.shelf.check().await
    }

    async fn write(&self, cx: &Context, batch: &[Change<Creator>]) -> Result<Written> {
        self.require_place().await?;
        let newest = newest(batch);
        let writes = batch.iter().enumerate().map(|(at, change)| {
            let is_newest = newest.get(&change.key()) == Some(&at);
            async move { if is_newest { self.write_one(cx, change).await } else { Ok(Wrote::Superseded) } }
        });
        let outcomes = join_all(writes).await.into_iter().collect::<Result<_>>()?;
        Ok(Written { outcomes, position: None })
    }
}
