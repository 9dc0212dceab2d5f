//! The configuration file: what it means, checked as a whole before anything is built.

mod duration;
mod fault;
mod places;
mod secret;
mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use collector_core::task::Query;
use serde::{Deserialize, Serialize, Serializer};
use toml::de::DeTable;

pub use fault::{Fault, Faults};
pub use places::{JsonlPlace, LockPlace, StorePlace};

pub(crate) use duration::{FORM as DURATION_FORM, format as format_duration, parse as parse_duration};
pub(crate) use fault::not_known;
pub(crate) use tree::{Environment, Node};

use crate::ids;
use crate::registry::{Registry, SourceBuilder};
use tree::Document;

/// How long an answer stands when a job does not say.
const FRESH_FOR: Duration = Duration::from_secs(7 * 86_400);

/// What a job is called that was made up on the command line. No configured job can be called so.
pub(crate) const AD_HOC: &str = "command line";

/// The longest name of a source or a job: they become keys in stores and logs.
const MAX_NAME: usize = 40;

/// The tables and keys at the top of a file.
const SECTIONS: [&str; 6] = ["store", "lock", "jsonl", "run", "sources", "jobs"];

/// A configuration in which every key was understood.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// The store of record.
    pub store: StorePlace,
    /// The lock.
    pub lock: LockPlace,
    /// Where changes are written as JSON Lines, if at all.
    pub jsonl: Option<JsonlPlace>,
    /// Settings of the engine.
    pub run: RunOptions,
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
    /// How long running calls may take to end after the first signal. Default 25 seconds.
    #[serde(serialize_with = "as_text")]
    pub drain: Duration,
    /// When failed calls are tried again.
    pub retry: RetryOptions,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            in_flight: None,
            commit_window: const { NonZeroUsize::new(64).unwrap() },
            drain: Duration::from_secs(25),
            retry: RetryOptions::default(),
        }
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
        }
    }
}

#[derive(Deserialize)]
struct JobTable {
    name: String,
    discover: Option<Vec<String>>,
    #[serde(default)]
    enrich: Vec<String>,
    #[serde(default)]
    query: Query,
    fresh_for: Option<Duration>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct UrlTable {
    url: Option<String>,
}

#[derive(Deserialize)]
struct JsonlTable {
    path: PathBuf,
}

fn as_text<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_duration(*duration))
}

impl Config {
    /// Reads a configuration from its text. Paths in it count from `file`'s folder.
    ///
    /// Without an environment secrets are not resolved, only checked for their form: enough to look into a store.
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
        let document = Document::new(text, dir, env);
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            // The message alone: the toml crate's own display quotes the line, which may hold a secret.
            document.fault(error.span().map_or(0, |span| span.start), "", error.message());
        }
        let config = if document.is_faultless() {
            let root = toml::Spanned::new(root.span(), toml::de::DeValue::Table(root.into_inner()));
            Self::read(file, &Node::new(&document, &root, ""), registry)
        } else {
            None
        };
        let (faults, warnings) = document.finish();
        match config {
            Some(config) if faults.is_empty() => Ok(Self { warnings, ..config }),
            _ => Err(Faults::new(file, faults)),
        }
    }

    fn read(file: &Path, root: &Node<'_>, registry: &Registry) -> Option<Self> {
        for (name, node) in root.entries() {
            if !SECTIONS.contains(&name) {
                node.fault(not_known("key", name, SECTIONS));
            }
        }
        let sources = read_sources(root, registry);
        let jobs = read_jobs(root, &sources.names);
        let store = read_url(root, "store", places::store, StorePlace::default_in(root.document().dir()));
        let lock = read_url(root, "lock", places::lock, LockPlace::Memory);
        let jsonl = root.get("jsonl").map(|node| read_jsonl(&node));
        let run = root.get("run").map_or_else(|| Some(RunOptions::default()), |node| node.read());
        Some(Self {
            file: file.to_owned(),
            store: store?,
            lock: lock?,
            jsonl: jsonl.flatten(),
            run: run?,
            sources: sources.entries,
            jobs,
            warnings: Vec::new(),
        })
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

fn read_url<T>(
    root: &Node<'_>,
    section: &str,
    place: impl Fn(&Node<'_>, &str) -> Option<T>,
    default: T,
) -> Option<T> {
    let Some(node) = root.get(section) else { return Some(default) };
    match node.read::<UrlTable>()?.url {
        Some(url) => place(&node.get("url")?, &url),
        None => Some(default),
    }
}

fn read_jsonl(node: &Node<'_>) -> Option<JsonlPlace> {
    let table: JsonlTable = node.read()?;
    let place = JsonlPlace::new(node.document().dir(), &table.path);
    if place.is_none() {
        node.fault_in("path", "the path is empty; write a file's name, or \"-\" for standard output");
    }
    place
}

struct Sources<'a> {
    entries: BTreeMap<String, SourceEntry>,
    /// All names, those of refused entries included: a job that uses one has no fault of its own.
    names: Vec<&'a str>,
}

fn read_sources<'a>(root: &Node<'a>, registry: &Registry) -> Sources<'a> {
    let mut sources = Sources { entries: BTreeMap::new(), names: Vec::new() };
    let Some(section) = root.get("sources") else {
        root.fault("no source is configured; add a table such as [sources.ensembledata]");
        return sources;
    };
    if !section.value().is_table() {
        section.fault("expected a table for each source, such as [sources.ensembledata]");
    }
    for (name, node) in section.entries() {
        sources.names.push(name);
        check_name(&node, name);
        if let Some(entry) = read_source(&node, name, registry) {
            sources.entries.insert(name.to_owned(), entry);
        }
    }
    sources
}

fn read_source(node: &Node<'_>, name: &str, registry: &Registry) -> Option<SourceEntry> {
    let keys: SourceKeys = node.partly().read()?;
    check_source(node, &keys);
    let kind = keys.kind.clone().unwrap_or_else(|| name.to_owned());
    let builder = registry.read(&kind, &node.without(SourceKeys::KEYS))?;
    let account = keys.account.clone().unwrap_or_else(|| name.to_owned());
    Some(SourceEntry { kind, account, keys, builder })
}

fn check_source(node: &Node<'_>, keys: &SourceKeys) {
    if keys.per_second.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
        node.fault_in("per_second", "expected a number above 0; leave the key out for no limit");
    }
    if keys.burst.is_some() && keys.per_second.is_none() {
        node.fault_in("burst", "a burst needs `per_second` beside it");
    }
    for (key, limit) in [("units_per_day", keys.units_per_day), ("requests_per_day", keys.requests_per_day)] {
        if limit == Some(0) {
            node.fault_in(key, "expected a whole number from 1; leave the key out for no limit");
        }
    }
    if keys.reset_hour_utc.is_some_and(|hour| hour > 23) {
        node.fault_in("reset_hour_utc", "expected an hour from 0 to 23");
    }
    if let Some(account) = node.get("account") {
        check_name(&account, keys.account.as_deref().unwrap_or_default());
    }
}

fn check_name(node: &Node<'_>, name: &str) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_plain) {
        let form = format!("1 to {MAX_NAME} letters, digits, `_`, `-` or `.`");
        node.fault(format!("{name:?} is no name; use {form}"));
    }
}

fn read_jobs(root: &Node<'_>, sources: &[&str]) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    let Some(section) = root.get("jobs") else { return jobs };
    if !section.value().is_array() {
        section.fault("expected a list of tables, each under [[jobs]]");
    }
    for node in section.elements() {
        let Some(job) = read_job(&node, sources) else { continue };
        if jobs.iter().any(|other| other.name == job.name) {
            node.fault_in("name", format!("a job called {:?} is above; choose another name", job.name));
        }
        jobs.push(job);
    }
    jobs
}

fn read_job(node: &Node<'_>, sources: &[&str]) -> Option<Job> {
    let table: JobTable = node.read()?;
    if let Some(name) = node.get("name") {
        check_name(&name, &table.name);
    }
    check_uses(node, "discover", table.discover.as_deref().unwrap_or_default(), sources);
    check_uses(node, "enrich", &table.enrich, sources);
    if table.discover.as_ref().is_some_and(Vec::is_empty) {
        node.fault_in("discover", "the list is empty; name a source, or leave the key out to ask them all");
    }
    let query = tidy(&table.query).unwrap_or_else(|(key, wrong)| {
        node.get("query").unwrap_or_else(|| node.clone()).fault_in(key, wrong);
        table.query.clone()
    });
    if query.is_empty() {
        node.fault_in("query", "the query asks for nothing; add for example hashtags = [\"kbeauty\"]");
    }
    if table.fresh_for.is_some_and(|span| span.is_zero()) {
        node.fault_in("fresh_for", "expected a time above 0, such as \"7d\"");
    }
    let enriching = |name: &&str| table.enrich.iter().any(|other| other == name);
    let others = || sources.iter().filter(|name| !enriching(name)).map(|name| (*name).to_owned()).collect();
    Some(Job {
        name: table.name,
        discover: table.discover.unwrap_or_else(others),
        enrich: table.enrich,
        query,
        fresh_for: table.fresh_for.unwrap_or(FRESH_FOR),
    })
}

fn check_uses(node: &Node<'_>, key: &str, uses: &[String], sources: &[&str]) {
    for name in uses {
        if !sources.contains(&name.as_str()) {
            node.fault_in(key, not_known("source", name, sources.iter().copied()));
        }
    }
}

/// A query with handles, hashtags and countries as sources want them.
///
/// # Errors
/// The key that is wrong, and how.
pub(crate) fn tidy(query: &Query) -> Result<Query, (&'static str, String)> {
    let each = |key, list: &[String], read: fn(&str) -> Result<String, String>| {
        list.iter().map(|text| read(text)).collect::<Result<Vec<_>, _>>().map_err(|wrong| (key, wrong))
    };
    let query = Query {
        handles: each("handles", &query.handles, ids::handle)?,
        hashtags: each("hashtags", &query.hashtags, ids::hashtag)?,
        regions: each("regions", &query.regions, ids::region)?,
        ..query.clone()
    };
    if query.max_pages == Some(0) {
        return Err((
            "max_pages",
            "expected a whole number from 1; leave the key out for no limit".to_owned(),
        ));
    }
    Ok(query)
}

#[cfg(test)]
mod tests;
