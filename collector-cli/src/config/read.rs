//! From the document's tables to the configuration, noting every fault on the way.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use collector_core::domain::Domain;
use collector_core::known::not_known;
use collector_core::schedule::{CatchUp, Overlap};
use collector_core::task::Query;
use serde::Deserialize;

use super::places::{JsonlPlace, StorePlace};
use super::tree::Node;
use super::{
    Config, Expectations, FRESH_FOR, Job, RefreshOptions, RunOptions, SourceEntry, SourceKeys, images, lock,
    notify, search, store, timing,
};
use crate::compose::creators;
use crate::ids;
use crate::registry::Registry;

/// The longest name of a source or a job: they become keys in stores and logs.
const MAX_NAME: usize = 40;

/// The tables and keys at the top of a file.
const SECTIONS: [&str; 9] =
    ["store", "lock", "images", "search", "jsonl", "run", "notify", "sources", "jobs"];

#[derive(Deserialize)]
struct JobTable {
    name: String,
    discover: Option<Vec<String>>,
    #[serde(default)]
    enrich: Vec<String>,
    #[serde(default)]
    query: Query,
    fresh_for: Option<Duration>,
    refresh: Option<RefreshTable>,
    #[serde(default)]
    expect: Expectations,
    schedule: Option<String>,
    timezone: Option<String>,
    every: Option<Duration>,
    jitter: Option<Duration>,
    catch_up: Option<CatchUp>,
    overlap: Option<Overlap>,
}

#[derive(Deserialize)]
struct RefreshTable {
    older_than: Duration,
    per_day: NonZeroU64,
}

#[derive(Deserialize)]
struct JsonlTable {
    path: PathBuf,
}

/// The whole configuration; `None` when a part is missing, which was noted as a fault.
pub(super) fn config(file: &Path, root: &Node<'_>, registry: &Registry) -> Option<Config> {
    for (name, node) in root.entries() {
        if !SECTIONS.contains(&name) {
            node.fault(not_known("key", name, SECTIONS));
        }
    }
    let sources = read_sources(root, registry);
    let jobs = read_jobs(root, &sources.names);
    let (store, keep) = store::read(root).unzip();
    let lock = lock::read(root);
    if let (Some(StorePlace::Server(_)), Some(lock)) = (&store, &lock)
        && lock.is_lonely()
    {
        match root.get("lock") {
            Some(node) => node.fault_in("url", lock::LONELY),
            None => root.document().fault(0, "lock.url", lock::LONELY),
        }
    }
    let search = search::read(root);
    let images = root.get("images").map(|node| images::read(&node));
    let jsonl = root.get("jsonl").map(|node| read_jsonl(&node));
    let run = root.get("run").map_or_else(|| Some(RunOptions::default()), |node| node.read());
    let notify = notify::read(root);
    Some(Config {
        file: file.to_owned(),
        store: store?,
        keep: keep?,
        lock: lock?,
        search: search?,
        images: images.flatten(),
        jsonl: jsonl.flatten(),
        run: run?,
        notify: notify?,
        sources: sources.entries,
        jobs,
        warnings: Vec::new(),
    })
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
        // Who asks no vendor needs none.
        if !root.document().is_of_places() {
            root.fault("no source is configured; add a table such as [sources.ensembledata]");
        }
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
    let Some(accounts) = node.get(ACCOUNTS) else {
        let entry = read_account(node, name, registry)?;
        let account = entry.keys.account.clone().unwrap_or_else(|| name.to_owned());
        return Some(SourceEntry { account, ..entry });
    };
    if accounts.entries().next().is_none() {
        accounts.fault(format!(
            "expected a table for each account, such as [{}.{ACCOUNTS}.second]",
            node.place().key
        ));
    }
    if node.get("account").is_some() {
        node.fault_in("account", "the accounts have names of their own below; leave this key out");
    }
    let mut entries: Vec<Option<SourceEntry>> = Vec::new();
    for (account, own) in accounts.entries() {
        check_name(&own, account);
        for key in OF_THE_SOURCE.into_iter().filter(|key| own.get(key).is_some()) {
            own.fault_in(key, "this key is the source's, the same for all its accounts");
        }
        // Each is read, so that every fault is told.
        let entry = read_account(&own.over(node, &OF_THE_ACCOUNTS), name, registry);
        entries.push(entry.map(|entry| SourceEntry { account: format!("{name}.{account}"), ..entry }));
    }
    let mut entries = entries.into_iter().collect::<Option<Vec<_>>>()?.into_iter();
    let first = entries.next()?;
    Some(SourceEntry { further: entries.collect(), ..first })
}

/// The table of a source's accounts.
const ACCOUNTS: &str = "accounts";

/// Keys that an account cannot have for itself.
const OF_THE_SOURCE: [&str; 3] = ["type", "account", ACCOUNTS];

/// Keys of a source that are not its accounts'.
const OF_THE_ACCOUNTS: [&str; 2] = ["account", ACCOUNTS];

/// A source with one credential; what its account is called is the caller's to say.
fn read_account(node: &Node<'_>, name: &str, registry: &Registry) -> Option<SourceEntry> {
    let keys: SourceKeys = node.partly().read()?;
    check_source(node, &keys);
    let kind = keys.kind.clone().unwrap_or_else(|| name.to_owned());
    let builder = registry.read(&kind, &node.without(SourceKeys::KEYS))?;
    Some(SourceEntry { kind, account: String::new(), keys, further: Vec::new(), builder })
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
    if table.refresh.is_some() {
        // The time it asks after is the window.
        for key in ["query", "fresh_for"].into_iter().filter(|key| node.get(key).is_some()) {
            node.fault_in(
                key,
                "a job with `refresh` asks about those who are known; look for others in a job of its own",
            );
        }
    }
    if query.is_empty() && table.refresh.is_none() {
        node.fault_in("query", "the query asks for nothing; add for example hashtags = [\"kbeauty\"]");
    }
    if table.refresh.as_ref().is_some_and(|refresh| refresh.older_than.is_zero()) {
        let refresh = node.get("refresh").unwrap_or_else(|| node.clone());
        refresh.fault_in("older_than", "expected a time above 0, such as \"30d\"");
    }
    if table.fresh_for.is_some_and(|span| span.is_zero()) {
        node.fault_in("fresh_for", "expected a time above 0, such as \"7d\"");
    }
    check_expectations(node, &table.expect);
    let enriching = |name: &&str| table.enrich.iter().any(|other| other == name);
    let others = || -> Vec<String> {
        sources.iter().filter(|name| !enriching(name)).map(|name| (*name).to_owned()).collect()
    };
    if table.discover.is_none() && others().is_empty() && !sources.is_empty() {
        let message = "no source is left to begin with: all of them enrich; name one under `discover`";
        node.fault_in("enrich", message);
    }
    let keys = timing::Keys {
        schedule: table.schedule,
        timezone: table.timezone,
        every: table.every,
        jitter: table.jitter,
        catch_up: table.catch_up,
        overlap: table.overlap,
    };
    Some(Job {
        timing: timing::read(node, &table.name, keys),
        name: table.name,
        discover: table.discover.unwrap_or_else(others),
        enrich: table.enrich,
        query,
        fresh_for: table.fresh_for.unwrap_or(FRESH_FOR),
        refresh: table
            .refresh
            .map(|refresh| RefreshOptions { older_than: refresh.older_than, per_day: refresh.per_day.get() }),
        expect: table.expect,
    })
}

fn check_expectations(node: &Node<'_>, expect: &Expectations) {
    let Some(node) = node.get("expect") else { return };
    if expect.min_creators == Some(0) {
        node.fault_in("min_creators", "expected a whole number from 1; leave the key out to expect none");
    }
    let fields = creators();
    if let Err(error) = expect.to_engine().check(fields.fields()) {
        node.fault_in("fill", error.message());
    }
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
fn tidy(query: &Query) -> Result<Query, (&'static str, String)> {
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
