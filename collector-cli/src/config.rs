//! The configuration file: what it means, checked as a whole before anything is built.

mod duration;
mod fault;
mod images;
mod lock;
mod notify;
mod origin;
mod places;
mod read;
mod search;
mod secret;
mod server;
mod store;
mod timing;
mod tree;
mod wrong;

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use collector_core::expect::Expect;
use collector_core::known::not_known;
use collector_core::pipeline::Refresh;
use collector_core::store::{Payloads, Retention};
use collector_core::task::Query;
use serde::{Deserialize, Serialize, Serializer};
use toml::de::DeTable;

pub use fault::{Fault, Faults};
pub use images::ImagesOptions;
pub use lock::LockOptions;
pub use notify::{Address, Method, NotifyOptions};
pub use origin::Setting;
pub use places::{Bucket, ImagesPlace, JsonlPlace, LockPlace, SearchPlace, StorePlace};
pub use timing::Timing;

pub(crate) use duration::{FORM as DURATION_FORM, format as format_duration, parse as parse_duration};
pub(crate) use origin::settings;
pub(crate) use tree::{Environment, Node};

use crate::registry::{Registry, SourceBuilder};
use tree::Document;

/// How long an answer stands when a job does not say.
const FRESH_FOR: Duration = Duration::from_secs(7 * 86_400);

/// What a job is called that was made up on the command line. No configured job can be called so.
pub(crate) const AD_HOC: &str = "command line";

/// A configuration in which every key was understood.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// The store of record.
    pub store: StorePlace,
    /// What it keeps of what has been replaced or is over.
    pub keep: KeepOptions,
    /// The lock.
    pub lock: LockOptions,
    /// The search index, if there is one.
    pub search: Option<SearchPlace>,
    /// Where pictures are kept, if at all.
    pub images: Option<ImagesOptions>,
    /// Where changes are written as JSON Lines, if at all.
    pub jsonl: Option<JsonlPlace>,
    /// Settings of the engine.
    pub run: RunOptions,
    /// Who is told what goes wrong.
    pub notify: NotifyOptions,
    /// The source instances, by name.
    pub sources: BTreeMap<String, SourceEntry>,
    /// The jobs, in the file's order.
    pub jobs: Vec<Job>,
    /// What is allowed and unwise.
    pub warnings: Vec<String>,
}

/// Settings of the engine.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RunOptions {
    /// Calls at once and account, where the source's table does not say. Default: what suits the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<NonZeroUsize>,
    /// Finished calls that are written together at most: what a crash may cost. Default 64.
    pub commit_window: NonZeroUsize,
    /// Silence after which the other workers of a shared store take over from this one. Default 30 seconds.
    #[serde(serialize_with = "as_text")]
    pub worker_ttl: Duration,
    /// How long running calls may take to end after the first signal. Default 25 seconds.
    #[serde(serialize_with = "as_text")]
    pub drain: Duration,
    /// How long a run whose other vendors are done waits for one that answers nothing. Default 2 hours.
    #[serde(serialize_with = "as_text")]
    pub vendor_patience: Duration,
    /// When failed calls are tried again.
    pub retry: RetryOptions,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            in_flight: None,
            commit_window: const { NonZeroUsize::new(64).unwrap() },
            worker_ttl: Duration::from_secs(30),
            drain: Duration::from_secs(25),
            vendor_patience: Duration::from_secs(7_200),
            retry: RetryOptions::default(),
        }
    }
}

/// What the store keeps of what has been replaced or is over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct KeepOptions {
    /// Which answers: `all`, which is the default, or of each request the `latest`.
    pub payloads: Payloads,
    /// How long runs that have ended and tasks that were answered are kept. Default 90 days.
    #[serde(serialize_with = "as_text")]
    pub runs: Duration,
}

impl Default for KeepOptions {
    fn default() -> Self {
        Self { payloads: Payloads::All, runs: Duration::from_secs(90 * 86_400) }
    }
}

impl KeepOptions {
    pub(crate) fn retention(self) -> Retention {
        Retention { payloads: self.payloads, runs: Some(self.runs) }
    }
}

/// When failed calls are tried again: full jitter up to `base * 2^n`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RetryOptions {
    /// Attempts, the first one included. Default 6.
    pub attempts: NonZeroU32,
    /// The first wait's bound. Default 500 milliseconds.
    #[serde(serialize_with = "as_text")]
    pub base: Duration,
    /// The longest wait. Default 60 seconds.
    #[serde(serialize_with = "as_text")]
    pub cap: Duration,
    /// The longest time from the first attempt to the last. Default 30 minutes.
    #[serde(serialize_with = "as_text")]
    pub elapsed: Duration,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self {
            attempts: const { NonZeroU32::new(6).unwrap() },
            base: Duration::from_millis(500),
            cap: Duration::from_secs(60),
            elapsed: Duration::from_secs(30 * 60),
        }
    }
}

/// The keys every source has, whatever its type.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SourceKeys {
    /// The adapter; the table's name when absent.
    #[serde(rename = "type", skip_serializing)]
    pub kind: Option<String>,
    /// The account that budgets and parking belong to; the table's name when absent.
    #[serde(skip_serializing)]
    pub account: Option<String>,
    /// Calls at once, at the start: the engine adapts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<NonZeroUsize>,
    /// Calls per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// Calls that may come at once after a pause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
    /// The vendor's units that may be spent a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units_per_day: Option<u64>,
    /// Requests that may be sent a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u64>,
    /// The hour at which the vendor's day begins, in UTC. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_hour_utc: Option<u8>,
}

impl SourceKeys {
    const KEYS: &'static [&'static str] = &[
        "type",
        "account",
        "accounts",
        "in_flight",
        "per_second",
        "burst",
        "units_per_day",
        "requests_per_day",
        "reset_hour_utc",
    ];
}

/// A configured source instance, ready to be built.
#[derive(Serialize)]
#[non_exhaustive]
pub struct SourceEntry {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The account it spends from.
    pub account: String,
    /// The keys every source has.
    #[serde(flatten)]
    pub keys: SourceKeys,
    /// Its other accounts, each an entry of its own.
    #[serde(skip)]
    pub further: Vec<SourceEntry>,
    /// Makes the adapter out of its own keys.
    #[serde(skip)]
    pub(crate) builder: SourceBuilder,
}

impl fmt::Debug for SourceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceEntry")
            .field("kind", &self.kind)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// What to collect.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Job {
    /// Its name.
    pub name: String,
    /// The sources that are asked for the query.
    pub discover: Vec<String>,
    /// The sources that are asked about everybody who was found.
    pub enrich: Vec<String>,
    /// The query.
    pub query: Query,
    /// How long an answer stands.
    #[serde(serialize_with = "as_text")]
    pub fresh_for: Duration,
    /// Whom of those who are known to ask about again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<RefreshOptions>,
    /// What a run has to bring.
    #[serde(skip_serializing_if = "Expectations::is_empty")]
    pub expect: Expectations,
    /// When it runs by itself, if it does.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
}

/// Whom of those who are known to ask about again, the oldest word first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RefreshOptions {
    /// Whose last word from a source is older.
    #[serde(serialize_with = "as_text")]
    pub older_than: Duration,
    /// At most so many a day, of each source.
    pub per_day: u64,
}

impl From<RefreshOptions> for Refresh {
    fn from(options: RefreshOptions) -> Self {
        Self { older_than: options.older_than, per_day: options.per_day }
    }
}

/// What a run has to bring: one that brings less is partial.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Expectations {
    /// The fewest creators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_creators: Option<u64>,
    /// The least share of them in which a field is known, by the field's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fill: BTreeMap<String, f64>,
}

impl Expectations {
    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same for the engine.
    pub(crate) fn to_engine(&self) -> Expect {
        Expect { records: self.min_creators, fill: self.fill.clone() }
    }
}

impl Job {
    /// A job made up on the command line: every source is asked.
    pub(crate) fn ad_hoc(config: &Config, sources: &[String], query: Query) -> Self {
        let all = || config.sources.keys().cloned().collect();
        Self {
            name: AD_HOC.to_owned(),
            discover: if sources.is_empty() { all() } else { sources.to_vec() },
            enrich: Vec::new(),
            query,
            fresh_for: FRESH_FOR,
            refresh: None,
            expect: Expectations::default(),
            timing: None,
        }
    }
}

fn as_text<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_duration(*duration))
}

impl Config {
    /// Reads a configuration from its text. Paths in it count from `file`'s folder.
    ///
    /// Without an environment secrets are not resolved, only checked for their form.
    ///
    /// # Errors
    /// Every fault, each with its line and key. Nothing was written or asked.
    pub fn parse(
        file: &Path,
        text: &str,
        registry: &Registry,
        env: Option<Environment<'_>>,
    ) -> Result<Self, Faults> {
        let dir = file.parent().unwrap_or(Path::new(""));
        Self::read(file, text, registry, Document::new(text, dir, env))
    }

    /// The same for somebody who looks into the stores and asks no vendor: the sources' secrets are left alone, and no source is
    /// needed.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn parse_places(
        file: &Path,
        text: &str,
        registry: &Registry,
        env: Environment<'_>,
    ) -> Result<Self, Faults> {
        let dir = file.parent().unwrap_or(Path::new(""));
        Self::read(file, text, registry, Document::new(text, dir, Some(env)).only_places())
    }

    fn read(file: &Path, text: &str, registry: &Registry, document: Document<'_>) -> Result<Self, Faults> {
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            // The message alone: the toml crate's own display quotes the line, which may hold a secret.
            document.fault(error.span().map_or(0, |span| span.start), "", error.message());
        }
        let config = if document.is_faultless() {
            let root = toml::Spanned::new(root.span(), toml::de::DeValue::Table(root.into_inner()));
            read::config(file, &Node::new(&document, &root, ""), registry)
        } else {
            None
        };
        let (faults, warnings) = document.finish();
        match config {
            Some(config) if faults.is_empty() => Ok(Self { warnings, ..config }),
            _ => Err(Faults::new(file, faults)),
        }
    }

    /// The job with this name.
    ///
    /// # Errors
    /// Names the nearest job and those there are.
    pub fn job(&self, name: &str) -> Result<&Job, String> {
        let known = || self.jobs.iter().map(|job| job.name.as_str());
        self.jobs.iter().find(|job| job.name == name).ok_or_else(|| not_known("job", name, known()))
    }
}

#[cfg(test)]
mod tests;
