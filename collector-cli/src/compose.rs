//! From configuration to a running engine.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::Clock;
use collector_core::creator::{CreatorSighting, Creators};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::lock::{Lock, MemoryLock};
use collector_core::observe::{Observer, Silent};
use collector_core::pipeline::{Engine, Job as Task, Pipeline, Settings, SourceOptions};
use collector_core::replay::{Answers, Replayed};
use collector_core::retry::ExponentialBackoff;
use collector_core::search::CreatorIndex;
use collector_core::source::Source;
use collector_core::store::{Budget, MemoryStore, Store};
use collector_sinks::elasticsearch::{ElasticsearchSearch, ElasticsearchSink};
use collector_sinks::images::s3::BucketAccess;
use collector_sinks::images::{ImagesConfig, ImagesSink};
use collector_sinks::jsonl::{JsonlConfig, JsonlSink};
use collector_sinks::redis::{Redis, RedisLock, RedisRate};
use collector_sinks::sql::{SqlConfig, SqlStore};
use collector_sinks::tantivy::{TantivyConfig, TantivySearch, TantivySink};

use crate::config::{
    Bucket, Config, ImagesOptions, ImagesPlace, Job, JsonlPlace, LockPlace, RunOptions, SearchPlace,
    SourceEntry, StorePlace,
};
use crate::registry::{AnySource, Built};

/// The vendors' budgets are counted by the day.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Any store of creators.
pub(crate) type AnyStore = Arc<dyn Store<Creators>>;

/// The domain, as the whole command uses it.
pub(crate) fn creators() -> Creators {
    Creators::default()
}

/// What differs from an ordinary run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    /// Stored answers that are served instead of being bought.
    pub(crate) answers: Option<Arc<Answers>>,
    /// Book every call in the store, also those of accounts without a budget: a cap counts what is booked.
    pub(crate) book_calls: bool,
    /// The clock, if it is not the machine's.
    pub(crate) clock: Option<Arc<dyn Clock>>,
}

/// The engine for one job.
pub(crate) fn engine(
    config: &Config,
    job: &Job,
    store: &AnyStore,
    observer: impl Observer,
) -> Result<Engine<Creators>> {
    engine_with(config, job, store, observer, &Setup::default())
}

/// The engine for one job that is not quite ordinary.
pub(crate) fn engine_with(
    config: &Config,
    job: &Job,
    store: &AnyStore,
    observer: impl Observer,
    setup: &Setup,
) -> Result<Engine<Creators>> {
    let mut pipeline = base(config, store, observer);
    if let Some(clock) = &setup.clock {
        pipeline = pipeline.clock(Arc::clone(clock));
    }
    pipeline = with_sinks(with_lock(pipeline, config)?, config)?;
    for name in &job.discover {
        pipeline = with_source(pipeline, accounts_of(config, name, store, setup)?, Pipeline::source_with);
    }
    for name in job.enrich.iter().filter(|name| !job.discover.contains(name)) {
        pipeline = with_source(pipeline, accounts_of(config, name, store, setup)?, Pipeline::enrich_with);
    }
    pipeline.build()
}

/// Adds a source with its accounts: the first one as `add` does it, the others as further ones.
fn with_source(
    pipeline: Pipeline<Creators>,
    accounts: Vec<(AnySource, SourceOptions)>,
    add: impl Fn(Pipeline<Creators>, AnySource, SourceOptions) -> Pipeline<Creators>,
) -> Pipeline<Creators> {
    accounts.into_iter().enumerate().fold(pipeline, |pipeline, (at, (source, options))| match at {
        0 => add(pipeline, source, options),
        _ => pipeline.account_with(source, options),
    })
}

/// The engine for all jobs of a configuration: each says with which sources it begins. Everybody who is found is enriched
/// by whatever a job with a schedule enriches with.
pub(crate) fn serving(
    config: &Config,
    store: &AnyStore,
    observer: impl Observer,
) -> Result<Engine<Creators>> {
    let mut pipeline = with_sinks(with_lock(base(config, store, observer), config)?, config)?;
    let discovers = |name: &String| config.jobs.iter().any(|job| job.discover.contains(name));
    let enriches = |name: &String| {
        let mut scheduled = config.jobs.iter().filter(|job| job.timing.is_some());
        scheduled.any(|job| job.enrich.contains(name))
    };
    for name in config.sources.keys() {
        let add = match (discovers(name), enriches(name)) {
            (true, true) => Pipeline::source_and_enrich_with,
            (false, true) => Pipeline::enrich_with,
            // Also one that no job names: what is open for it is got.
            (_, false) => Pipeline::source_with,
        };
        pipeline = with_source(pipeline, accounts_of(config, name, store, &Setup::default())?, add);
    }
    pipeline.build()
}

/// A job as the engine for all jobs runs it.
pub(crate) fn served(job: &Job) -> Task {
    let sources = job.discover.iter().map(String::as_str);
    let mut task = Task::new(&job.name, job.query.clone())
        .fresh_for(job.fresh_for)
        .beginning_with(sources)
        .expect(job.expect.to_engine());
    task.refresh = job.refresh.map(Into::into);
    task
}

fn base(config: &Config, store: &AnyStore, observer: impl Observer) -> Pipeline<Creators> {
    Pipeline::new(creators())
        .store(Arc::clone(store))
        .observer(observer)
        .retry(retry(&config.run))
        .settings(settings(&config.run))
}

fn with_lock(pipeline: Pipeline<Creators>, config: &Config) -> Result<Pipeline<Creators>> {
    Ok(match &config.lock.url {
        LockPlace::Memory => pipeline.lock(MemoryLock::default(), config.lock.lease()),
        LockPlace::Redis(server) => {
            let redis = Redis::new((**server).clone())?;
            // Who shares a lock shares the vendors' rates.
            pipeline.rate(RedisRate::new(redis.clone())).lock(RedisLock::new(redis), config.lock.lease())
        }
    })
}

/// What keeps processes of one deployment apart, where there can be several.
pub(crate) fn shared_lock(config: &Config) -> Result<Option<Arc<dyn Lock>>> {
    Ok(match &config.lock.url {
        LockPlace::Memory => None,
        LockPlace::Redis(server) => Some(Arc::new(RedisLock::new(Redis::new((**server).clone())?))),
    })
}

fn with_sinks(mut pipeline: Pipeline<Creators>, config: &Config) -> Result<Pipeline<Creators>> {
    if let Some(options) = &config.images {
        pipeline = pipeline.sink(images(options)?);
    }
    if let Some(place) = &config.jsonl {
        pipeline = pipeline.sink(jsonl(place));
    }
    Ok(match &config.search {
        Some(SearchPlace::Tantivy(path)) => pipeline.sink(TantivySink::new(TantivyConfig::new(path))),
        Some(SearchPlace::Server(server)) => pipeline.sink(ElasticsearchSink::new((**server).clone())?),
        None => pipeline,
    })
}

/// The engine that gives the sinks what they are owed; `source` is the only one it has. Nothing is claimed for it, so
/// it needs no lock.
pub(crate) fn delivering(
    config: &Config,
    store: &AnyStore,
    source: impl Source<Item = CreatorSighting>,
) -> Result<Engine<Creators>> {
    let pipeline =
        Pipeline::new(creators()).store(Arc::clone(store)).settings(settings(&config.run)).source(source);
    with_sinks(pipeline, config)?.build()
}

/// Builds everything a job needs but its store, and plans it: what is refused here was refused before anything
/// was written or asked.
pub(crate) fn rehearse(config: &Config, job: &Job) -> Result<()> {
    let engine = engine(config, job, &in_memory(), Silent)?;
    if job.refresh.is_some() { Ok(()) } else { engine.plan(&job.query).map(|_| ()) }
}

/// A store that is gone with the command.
pub(crate) fn in_memory() -> AnyStore {
    Arc::new(MemoryStore::new(Arc::new(creators())))
}

/// The database of a store; `None` for one in memory.
pub(crate) fn sql_config(place: &StorePlace) -> Option<SqlConfig> {
    match place {
        StorePlace::Sqlite(path) => Some(SqlConfig::new(path)),
        StorePlace::Server(config) => Some((**config).clone()),
        StorePlace::Memory => None,
    }
}

/// Opens the store for writing; makes it when it is not there.
pub(crate) async fn open_store(place: &StorePlace) -> Result<AnyStore> {
    match place {
        StorePlace::Sqlite(path) => {
            Ok(Arc::new(SqlStore::open(&SqlConfig::new(path), Arc::new(creators())).await?))
        }
        StorePlace::Server(config) => Ok(Arc::new(SqlStore::open(config, Arc::new(creators())).await?)),
        StorePlace::Memory => Ok(in_memory()),
    }
}

/// Opens a store for reading only, beside a writer that may be running.
pub(crate) async fn open_reader(place: &StorePlace) -> Result<AnyStore> {
    match place {
        StorePlace::Sqlite(path) if !path.is_file() => {
            let message = "there is no store yet; `collector run` makes it, or name another with --store";
            Err(Error::new(ErrorKind::ConfigInvalid, message).with("file", path.display()))
        }
        StorePlace::Sqlite(path) => {
            Ok(Arc::new(SqlStore::open_reader(&SqlConfig::new(path), Arc::new(creators())).await?))
        }
        StorePlace::Server(config) => {
            Ok(Arc::new(SqlStore::open_reader(config, Arc::new(creators())).await?))
        }
        StorePlace::Memory => {
            let message = "a store in memory ends with its command: there is nothing to look into";
            Err(Error::new(ErrorKind::ConfigInvalid, message))
        }
    }
}

/// Opens the search index to ask it, beside a writer that may be running.
pub(crate) fn open_index(place: &SearchPlace) -> Result<Arc<dyn CreatorIndex>> {
    match place {
        SearchPlace::Tantivy(path) => Ok(Arc::new(TantivySearch::open(path)?)),
        SearchPlace::Server(server) => Ok(Arc::new(ElasticsearchSearch::new((**server).clone())?)),
    }
}

/// The sink that keeps pictures.
pub(crate) fn images(options: &ImagesOptions) -> Result<ImagesSink> {
    let mut config = ImagesConfig::default();
    config.allow.clone_from(&options.allow);
    match &options.url {
        ImagesPlace::Folder(folder) => {
            config.folder.clone_from(folder);
            ImagesSink::new(config)
        }
        ImagesPlace::Bucket(bucket) => ImagesSink::in_bucket(bucket.config.clone(), access(bucket)?, config),
    }
}

/// Who we are to a bucket: a key of the configuration, or what the environment says in the ways of Amazon's programs.
fn access(bucket: &Bucket) -> Result<BucketAccess> {
    match &bucket.key {
        Some((id, secret)) => BucketAccess::key(id.expose(), secret.expose()),
        None => {
            let readable = |(name, value): (OsString, OsString)| {
                Some((name.into_string().ok()?, value.into_string().ok()?))
            };
            BucketAccess::found_in(std::env::vars_os().filter_map(readable))
        }
    }
}

fn jsonl(place: &JsonlPlace) -> JsonlSink {
    // Standard output is called "-" there, too.
    JsonlSink::new(JsonlConfig::new(place.as_path()))
}

/// A source once for each of its accounts, the first one being the source.
fn accounts_of(
    config: &Config,
    name: &str,
    store: &AnyStore,
    setup: &Setup,
) -> Result<Vec<(AnySource, SourceOptions)>> {
    let entry = entry(config, name)?;
    std::iter::once(entry)
        .chain(&entry.further)
        .map(|entry| Ok(set_up(built(config, name, entry)?, store, setup)))
        .collect()
}

/// A source as this run uses it.
fn set_up(
    (mut source, mut options): (AnySource, SourceOptions),
    store: &AnyStore,
    setup: &Setup,
) -> (AnySource, SourceOptions) {
    if let Some(answers) = &setup.answers {
        source = Arc::new(Replayed::<Creators>::new(source, Arc::clone(store), Arc::clone(answers)));
    }
    if setup.book_calls && options.budget.is_none() {
        let account = options.account.clone().unwrap_or_else(|| source.name().into());
        options.budget =
            Some(Budget { account, units: None, requests: None, window: DAY, offset: Duration::ZERO });
    }
    (source, options)
}

/// One configured source, with its first account, and how it may be used.
pub(crate) fn source(config: &Config, name: &str) -> Result<(AnySource, SourceOptions)> {
    built(config, name, entry(config, name)?)
}

fn entry<'a>(config: &'a Config, name: &str) -> Result<&'a SourceEntry> {
    config.sources.get(name).ok_or_else(|| {
        Error::new(ErrorKind::ConfigInvalid, "the source is not configured").with("source", name)
    })
}

fn built(config: &Config, name: &str, entry: &SourceEntry) -> Result<(AnySource, SourceOptions)> {
    let built = (entry.builder)(name).map_err(|error| error.with("source", name))?.built;
    let options = options(entry, &built, &config.run);
    Ok((built.source, options))
}

/// What the configuration says, and where it says nothing what suits the vendor.
fn options(entry: &SourceEntry, built: &Built<AnySource>, run: &RunOptions) -> SourceOptions {
    let keys = &entry.keys;
    let mut options = built.options.clone();
    options.account = Some(entry.account.as_str().into());
    // What the vendor allows is allowed to the account, whatever it is called here.
    if let Some(budget) = &mut options.budget {
        budget.account = entry.account.as_str().into();
    }
    if let Some(in_flight) = keys.in_flight.or(run.in_flight) {
        options.limits.in_flight = in_flight.get();
    }
    if keys.per_second.is_some() {
        options.limits.per_second = keys.per_second;
        options.limits.burst = keys.burst.map(std::num::NonZeroU32::get);
    }
    if keys.units_per_day.is_some() || keys.requests_per_day.is_some() {
        options.budget = Some(Budget {
            account: entry.account.as_str().into(),
            units: keys.units_per_day,
            requests: keys.requests_per_day,
            window: DAY,
            offset: Duration::from_secs(u64::from(keys.reset_hour_utc.unwrap_or(0)) * 3_600),
        });
    }
    options
}

fn retry(run: &RunOptions) -> ExponentialBackoff {
    ExponentialBackoff::default()
        .delays(run.retry.base, run.retry.cap)
        .attempts(run.retry.attempts.get())
        .elapsed(run.retry.elapsed)
}

fn settings(run: &RunOptions) -> Settings {
    Settings {
        commit_window: run.commit_window.get(),
        worker_ttl: run.worker_ttl,
        drain: run.drain,
        vendor_patience: run.vendor_patience,
        ..Settings::default()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn example(name: &str) -> Config {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/configs").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let env = |_: &str| Some("0123456789abcdef".to_owned());
        Config::parse(&path, &text, &crate::sources::builtin(), Some(&env)).unwrap()
    }

    #[test]
    fn servers_of_the_example_are_understood() {
        let config = example("servers.toml");
        let images = config.images.as_ref().map(|options| options.url.to_string());
        assert_eq!(images.as_deref(), Some("s3://creator-pictures/tiktok"));
        let (Some(SearchPlace::Server(_)), StorePlace::Server(_), LockPlace::Redis(_)) =
            (&config.search, &config.store, &config.lock.url)
        else {
            panic!("{config:?}");
        };
    }

    #[test]
    fn every_job_of_the_example_can_be_planned() {
        let config = example("laptop.toml");
        assert!(config.jobs.len() >= 4);
        for job in &config.jobs {
            rehearse(&config, job).unwrap_or_else(|error| panic!("{}: {error}", job.name));
        }
    }
}
