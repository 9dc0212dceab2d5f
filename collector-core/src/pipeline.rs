//! The generic parallel engine: a builder, and what a run promises.
//!
//! ```text
//! seed ─▶ tasks ─ claim ─▶ fetch ─▶ commit ─▶ project
//! ```
//!
//! Each stage has a file of its own. They overlap, joined by bounded queues:
//!
//! * `claim` asks the store for tasks and the lock for leases, as far as there is room;
//! * `dispatch` starts claimed calls as admission lets them; `permits` asks for what it needs of a shared rate;
//! * `fetch` makes one call, reads the answer and passes judgement on each task;
//! * `commit` writes finished calls together, in one transaction;
//! * `project` hands changes to one sink and settles what became of them;
//! * `worker` is what they share, and the heartbeat;
//! * `handle` starts, waits and stops; `events` tells what happens meanwhile;
//! * `ending` finds out that a run is over, `conclude` what it came to and why, `report` is what is told of it;
//! * `parking` keeps accounts out and tries them again, `reconcile` compares what was spent with what vendors counted;
//! * `refresh` asks again about those who are known, `through` waits for resets between runs.
//! * `scheduler` begins the runs of jobs that have a schedule;
//! * `waiting` says why nothing gets on, in the log and in the store; `vitals` how the accounts and sinks are;
//! * `watch` ends runs that nobody waits for; `expecting` counts what is expected of them.
//!
//! # Promises
//! * At most `in-flight + commit window` calls are bought again after a crash; nothing is lost or written twice.
//! * Nothing a vendor does stops another vendor's work: it can only park its own account.
//! * Every queue, batch, wait, body and chain of pages has a limit.

mod check;
mod claim;
mod commit;
mod conclude;
mod dispatch;
mod ending;
mod estimate;
mod events;
mod expecting;
mod fetch;
mod fills;
mod handle;
mod heard;
mod keeping;
mod listed;
mod parking;
mod permits;
mod project;
mod reconcile;
mod refresh;
mod report;
mod scheduler;
mod through;
mod vitals;
mod waiting;
mod watch;
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use check::{Checked, PartKind};
pub use estimate::{Estimate, LaneEstimate};
pub use events::Events;
pub use expecting::missed_by;
pub use handle::{Engine, Handle};
pub use listed::Roots;
pub use reconcile::{ELSEWHERE, Elsewhere, spent_elsewhere};
pub use refresh::Refresh;
pub use report::{DeadGroup, End, RunReport};
pub use scheduler::{Looked, Scheduled, Scheduler};
pub use vitals::{AccountVitals, Seen, SinkVitals, Vitals, account_seen, sink_seen};

use crate::admission::{Admission, HostHold, Limits, SharedRate};
use crate::clock::{Clock, SystemClock};
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};
use crate::expect::Expect;
use crate::id::{Digest, Name};
use crate::lock::{LeaseOptions, Lock, MemoryLock};
use crate::observe::{Observer, Silent};
use crate::retry::{ExponentialBackoff, RetryPolicy};
use crate::sink::Sink;
use crate::source::{Role, Source};
use crate::store::{Budget, MemoryStore, RunSpec, Store};
use crate::task::{Cost, Query};
use worker::{Account, Slot};

/// How a source is used.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourceOptions {
    /// The account its calls are booked on; the source's own name when absent.
    pub account: Option<Name>,
    /// The host it talks to: a wait asked for by a host holds all its accounts. The account's name when absent.
    pub host: Option<Name>,
    /// In-flight calls and rate.
    pub limits: Limits,
    /// Units or requests a window, if they are limited.
    pub budget: Option<Budget>,
    /// How old what it gave may become without being got anew, where the vendor's terms say so. Before a run begins, what
    /// the store keeps of it and is older is dropped: see [`Store::expire`].
    pub keep_for: Option<Duration>,
}

/// Settings of the engine; every one has a default that suits most.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Prefix of lock keys: deployments that share a lock and collect the same share this.
    pub namespace: String,
    /// Silence after which other workers take over from this one.
    pub worker_ttl: Duration,
    /// Finished calls that may wait for their commit: with those in flight, what a crash can cost.
    pub commit_window: usize,
    /// How long a commit waits for company while other calls are running.
    pub commit_linger: Duration,
    /// Bytes of answers in memory at once.
    pub body_bytes: usize,
    /// Changes that may wait for a sink; beyond them nothing is claimed.
    pub max_pending: u64,
    /// Open hydration tasks beyond which discovery waits.
    pub max_open_hydration: u64,
    /// Follow-ups of follow-ups: the longest chain of pages.
    pub max_depth: u32,
    /// How long running calls may go on after a stop.
    pub drain: Duration,
    /// How long a run whose other vendors are done waits for one that answers nothing. What is open then stays open, and
    /// the next run of the job goes on with it.
    pub vendor_patience: Duration,
    /// A run ends without a sink that has let nothing through for this long. Longer than servers take to start again.
    pub sink_patience: Duration,
    /// How long one write to a sink may take.
    pub sink_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            namespace: "collector".into(),
            worker_ttl: Duration::from_secs(30),
            commit_window: 64,
            commit_linger: Duration::from_millis(10),
            body_bytes: 64 << 20,
            max_pending: 200_000,
            max_open_hydration: 20_000,
            max_depth: 10_000,
            drain: Duration::from_secs(25),
            vendor_patience: Duration::from_secs(7_200),
            sink_patience: Duration::from_secs(45),
            sink_timeout: Duration::from_secs(60),
        }
    }
}

/// What a run is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name. An unfinished run of the same name and query is resumed.
    pub name: String,
    /// What to collect.
    pub query: Query,
    /// How long an answer stays fresh: what was answered inside it is not asked again.
    pub fresh_for: Duration,
    /// Whom of those who are known already to ask about again. Such a job looks for nobody: its query is empty.
    pub refresh: Option<Refresh>,
    /// What it has to bring: a run that brings less is partial. Default nothing.
    pub expect: Expect,
    /// The sources it begins with, of those that discover; all of them when absent.
    pub sources: Option<Vec<Name>>,
}

impl Job {
    /// A job that asks nothing again within a day.
    pub fn new(name: impl Into<String>, query: Query) -> Self {
        Self {
            name: name.into(),
            query,
            fresh_for: Duration::from_secs(86_400),
            refresh: None,
            expect: Expect::default(),
            sources: None,
        }
    }

    /// A job that asks again about those who are known.
    pub fn refreshing(name: impl Into<String>, refresh: Refresh) -> Self {
        Self { refresh: Some(refresh), ..Self::new(name, Query::default()) }
    }

    /// Beginning with these sources only: a pipeline may serve jobs that begin with different ones.
    #[must_use]
    pub fn beginning_with(mut self, sources: impl IntoIterator<Item = impl Into<Name>>) -> Self {
        self.sources = Some(sources.into_iter().map(Into::into).collect());
        self
    }

    /// With this window of freshness.
    #[must_use]
    pub fn fresh_for(mut self, window: Duration) -> Self {
        self.fresh_for = window;
        self
    }

    /// With this to bring.
    #[must_use]
    pub fn expect(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }

    /// What makes a run of it the same run.
    fn key(&self) -> Digest {
        match &self.refresh {
            None => Digest::of_json(&(&self.name, &self.query)),
            Some(refresh) => Digest::of_json(&(&self.name, &self.query, refresh)),
        }
    }

    /// How long an answer stays fresh. Whom a vendor does not know any more is not asked about again any sooner than others.
    fn window(&self) -> Duration {
        self.refresh.map_or(self.fresh_for, |refresh| refresh.older_than)
    }

    /// Whether it looks for nobody and asks again.
    ///
    /// # Errors
    /// `ConfigInvalid` for a job that does both: the two have windows of their own.
    fn refreshes(&self) -> Result<bool> {
        if self.refresh.is_some() && !self.query.is_empty() {
            let message =
                "a job either looks for people or asks again about those who are known: make two of it";
            return Err(Error::new(ErrorKind::ConfigInvalid, message).with("job", &self.name));
        }
        Ok(self.refresh.is_some())
    }

    /// Its run.
    fn spec(&self) -> RunSpec {
        RunSpec { job: self.name.clone(), key: self.key(), fresh_for: self.window() }
    }
}

struct Part<D: Domain> {
    source: Arc<dyn Source<Item = D::Item>>,
    options: SourceOptions,
    discover: bool,
    /// Whether it is asked about everything the others find.
    enrich: bool,
    /// Whether another part is the source, and this one a further account of it.
    further: bool,
}

/// Builds an [`Engine`]. What is not given is in memory and keeps nothing.
pub struct Pipeline<D: Domain> {
    domain: Arc<D>,
    parts: Vec<Part<D>>,
    sinks: Vec<Arc<dyn Sink<D::Entity>>>,
    store: Option<Arc<dyn Store<D>>>,
    lock: Arc<dyn Lock>,
    lease: LeaseOptions,
    rate: Option<Arc<dyn SharedRate>>,
    retry: Arc<dyn RetryPolicy>,
    observer: Arc<dyn Observer>,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

impl<D: Domain> std::fmt::Debug for Pipeline<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sources = self.parts.iter().map(|part| part.source.name()).collect::<Vec<_>>();
        f.debug_struct("Pipeline").field("sources", &sources).finish_non_exhaustive()
    }
}

impl<D: Domain> Pipeline<D> {
    /// A pipeline that collects what `domain` says.
    pub fn new(domain: impl Into<Arc<D>>) -> Self {
        Self {
            domain: domain.into(),
            parts: Vec::new(),
            sinks: Vec::new(),
            store: None,
            lock: Arc::new(MemoryLock::default()),
            lease: LeaseOptions::default(),
            rate: None,
            retry: Arc::new(ExponentialBackoff::default()),
            observer: Arc::new(Silent),
            clock: Arc::new(SystemClock),
            settings: Settings::default(),
        }
    }

    /// Adds a source that discovers and hydrates, with default options.
    #[must_use]
    pub fn source(self, source: impl Source<Item = D::Item>) -> Self {
        self.source_with(source, SourceOptions::default())
    }

    /// Adds a source that discovers and hydrates.
    #[must_use]
    pub fn source_with(mut self, source: impl Source<Item = D::Item>, options: SourceOptions) -> Self {
        self.parts.push(Part { discover: true, ..Part::new(source, options) });
        self
    }

    /// Adds a further account of a source that was added before: the same instance, by its name, with another credential.
    ///
    /// Calls are spread over the accounts, each within its own limits and budget. What an account that is kept out cannot
    /// get, the others get.
    #[must_use]
    pub fn account_with(mut self, source: impl Source<Item = D::Item>, options: SourceOptions) -> Self {
        self.parts.push(Part { further: true, ..Part::new(source, options) });
        self
    }

    /// Adds a source that is asked about everything the others find, with default options.
    #[must_use]
    pub fn enrich(self, source: impl Source<Item = D::Item>) -> Self {
        self.enrich_with(source, SourceOptions::default())
    }

    /// Adds a source that is asked about everything the others find.
    #[must_use]
    pub fn enrich_with(mut self, source: impl Source<Item = D::Item>, options: SourceOptions) -> Self {
        self.parts.push(Part { enrich: true, ..Part::new(source, options) });
        self
    }

    /// Adds a source that discovers and hydrates, and is asked about everything the others find, too.
    #[must_use]
    pub fn source_and_enrich_with(
        mut self,
        source: impl Source<Item = D::Item>,
        options: SourceOptions,
    ) -> Self {
        self.parts.push(Part { discover: true, enrich: true, ..Part::new(source, options) });
        self
    }

    /// Adds a sink; sinks work side by side and never see each other.
    #[must_use]
    pub fn sink(mut self, sink: impl Sink<D::Entity>) -> Self {
        self.sinks.push(Arc::new(sink));
        self
    }

    /// Sets the store of record.
    #[must_use]
    pub fn store(mut self, store: impl Store<D>) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Sets the lock.
    #[must_use]
    pub fn lock(mut self, lock: impl Lock, options: LeaseOptions) -> Self {
        (self.lock, self.lease) = (Arc::new(lock), options);
        self
    }

    /// Keeps told rates together with other processes of this namespace; without this, each process keeps them for
    /// itself. Rates that are learned stay each process's own.
    #[must_use]
    pub fn rate(mut self, rate: impl SharedRate) -> Self {
        self.rate = Some(Arc::new(rate));
        self
    }

    /// Sets the retry policy.
    #[must_use]
    pub fn retry(mut self, retry: impl RetryPolicy) -> Self {
        self.retry = Arc::new(retry);
        self
    }

    /// Sets who is told what happens.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Changes the settings.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Checks everything that can be checked without a network.
    ///
    /// # Errors
    /// `ConfigInvalid` naming every fault at once.
    pub fn build(self) -> Result<Engine<D>> {
        let faults = self.faults();
        if !faults.is_empty() {
            return Err(Error::new(
                ErrorKind::ConfigInvalid,
                format!("cannot build the pipeline: {}", faults.join("; ")),
            ));
        }
        let mut accounts: Vec<Account> = Vec::new();
        let mut hosts: BTreeMap<Name, HostHold> = BTreeMap::new();
        let mut slots = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            let name = Name::from(part.source.name());
            let account = part.options.account.clone().unwrap_or_else(|| Arc::clone(&name));
            let at = accounts.iter().position(|known| known.name == account).unwrap_or_else(|| {
                let host = part.options.host.clone().unwrap_or_else(|| Arc::clone(&account));
                let hold = hosts.entry(host).or_default().clone();
                let limits = part.options.limits.clone();
                let admission = Mutex::new(match &self.rate {
                    Some(_) => Admission::sharing(limits, hold),
                    None => Admission::new(limits, hold),
                });
                let budget = part
                    .options
                    .budget
                    .clone()
                    .map(|budget| Budget { account: Arc::clone(&account), ..budget });
                let recent = vitals::Recent::default();
                accounts.push(Account { name: Arc::clone(&account), admission, budget, recent });
                accounts.len() - 1
            });
            let mut kinds: Vec<_> =
                part.source.kinds().into_iter().map(|kind| (part.source.call(&kind), kind)).collect();
            // Hydration is claimed before discovery.
            kinds.sort_by_key(|(spec, _)| spec.role == Role::Discovery);
            let Part { source, discover, enrich, further, options } = part;
            slots.push(Slot {
                name,
                source,
                kinds,
                account: at,
                discover,
                enrich,
                keep_for: options.keep_for,
                further,
            });
        }
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new(Arc::clone(&self.domain))));
        Ok(Engine::new(worker::Parts {
            domain: self.domain,
            slots,
            accounts,
            sinks: self.sinks,
            store,
            lock: self.lock,
            lease: self.lease,
            rate: self.rate,
            retry: self.retry,
            observer: self.observer,
            clock: self.clock,
            settings: self.settings,
            expects: expecting::Expects::default(),
        }))
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.parts.is_empty() {
            faults.push("no source was added".to_owned());
        }
        let sources = || self.parts.iter().filter(|part| !part.further);
        repeated("source", sources().map(|part| part.source.name()), &mut faults);
        for part in self.parts.iter().filter(|part| part.further) {
            part.further_faults(sources().find(|main| main.source.name() == part.source.name()), &mut faults);
        }
        let accounts = self.parts.iter().map(|part| format!("{} of {}", part.account(), part.source.name()));
        let accounts: Vec<String> = accounts.collect();
        repeated("account", accounts.iter().map(String::as_str), &mut faults);
        repeated("sink", self.sinks.iter().map(|sink| sink.name()), &mut faults);
        if self.sinks.len() > 60 {
            faults.push(format!("{} sinks, at most 60 fit", self.sinks.len()));
        }
        for sink in &self.sinks {
            let limits = sink.limits();
            if limits.items == 0 || limits.in_flight == 0 {
                faults.push(format!(
                    "sink `{}` takes no changes: items and in_flight must be at least 1",
                    sink.name()
                ));
            }
        }
        for part in &self.parts {
            if part.options.limits.in_flight == 0 {
                faults.push(format!(
                    "source `{}` may not call: in_flight must be at least 1",
                    part.source.name()
                ));
            }
            if part.options.limits.per_second.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
                faults.push(format!("source `{}`: per_second must be above 0", part.source.name()));
            }
            part.faults(&mut faults);
        }
        self.account_faults(&mut faults);
        if self.settings.commit_window == 0 {
            faults.push("commit_window must be at least 1".to_owned());
        }
        if self.settings.max_pending == 0 {
            faults.push("max_pending must be at least 1, or nothing is ever claimed".to_owned());
        }
        if self.settings.sink_timeout.is_zero() {
            faults.push("sink_timeout must be above 0".to_owned());
        }
        if self.lease.ttl < Duration::from_millis(300) {
            faults
                .push(format!("a lease of {:?} cannot be renewed in time: at least 300 ms", self.lease.ttl));
        }
        if self.settings.worker_ttl < Duration::from_millis(300) {
            faults.push(format!(
                "a worker_ttl of {:?} is too short: at least 300 ms",
                self.settings.worker_ttl
            ));
        }
        faults
    }

    /// Sources that share an account share its limits and its budget, so they have to agree on them.
    fn account_faults(&self, faults: &mut Vec<String>) {
        let mut known: BTreeMap<&str, &Part<D>> = BTreeMap::new();
        for part in &self.parts {
            let account = part.account();
            let first = *known.entry(account).or_insert(part);
            let (a, b) = (&first.options, &part.options);
            if (&a.limits, &a.host, &a.budget) != (&b.limits, &b.host, &b.budget) {
                faults.push(format!(
                    "sources `{}` and `{}` share the account `{account}`: give both the same limits, host and budget",
                    first.source.name(),
                    part.source.name()
                ));
            }
        }
    }
}

impl<D: Domain> Part<D> {
    /// A source that is used for nothing yet.
    fn new(source: impl Source<Item = D::Item>, options: SourceOptions) -> Self {
        Self { source: Arc::new(source), options, discover: false, enrich: false, further: false }
    }

    /// The name of its account.
    fn account(&self) -> &str {
        self.options.account.as_deref().unwrap_or(self.source.name())
    }

    /// What would keep a further account from doing the same as the first one.
    fn further_faults(&self, main: Option<&Self>, faults: &mut Vec<String>) {
        let (name, account) = (self.source.name(), self.account());
        match main {
            None => faults.push(format!(
                "the account `{account}` belongs to source `{name}`, which was not added: add the source first"
            )),
            Some(main) if main.source.kinds() != self.source.kinds() => faults.push(format!(
                "the account `{account}` of source `{name}` gets other kinds of task than its first account: give both \
                 the same options"
            )),
            Some(_) => {}
        }
    }

    /// What would keep the source's tasks from ever being claimed.
    fn faults(&self, faults: &mut Vec<String>) {
        let name = self.source.name();
        let kinds = self.source.kinds();
        if kinds.is_empty() {
            faults.push(format!("source `{name}` has no kind of task"));
        }
        for kind in kinds {
            let spec = self.source.call(&kind);
            if spec.tasks == 0 {
                faults
                    .push(format!("source `{name}`: a call of `{kind}` takes no tasks, at least 1 it must"));
            }
            if spec.timeout.is_zero() {
                faults.push(format!("source `{name}`: the timeout of `{kind}` must be above 0"));
            }
            let budget = self.options.budget.as_ref();
            if budget.is_some_and(|budget| budget.fits(Cost::none(), spec.worst_cost) == 0) {
                faults.push(format!(
                    "source `{name}`: a call of `{kind}` may cost {} units and {} requests, more than its whole budget",
                    spec.worst_cost.units, spec.worst_cost.requests
                ));
            }
        }
        if self.options.budget.as_ref().is_some_and(|budget| budget.window.is_zero()) {
            faults.push(format!("source `{name}`: the window of its budget must be above 0"));
        }
    }
}

fn repeated<'a>(what: &str, names: impl Iterator<Item = &'a str>, faults: &mut Vec<String>) {
    let mut seen = std::collections::BTreeSet::new();
    faults.extend(
        names.filter(|name| !seen.insert(*name)).map(|name| format!("two {what}s are named `{name}`")),
    );
}
