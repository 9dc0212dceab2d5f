//! Counts what runs bring of which something is expected.
//!
//! Whose record an answer shows is asked of the store after the answer was committed, and kept in a note of the run. So it
//! is known after a restart, and to the other workers that work on the run; what was kept less than a second before a crash
//! may be missing from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::worker::Worker;
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};
use crate::expect::{Brought, Expect, Missed, Tally};
use crate::id::{Id, RecordKey, RunId};
use crate::store::{FinishedCall, Store};
use crate::task::Task;

/// How often what was counted is kept.
const KEEP: Duration = Duration::from_secs(1);

/// Records up to which the count is kept; a longer one is this process's own.
const MOST_KEPT: usize = 200_000;

/// Runs that are remembered as those nothing is expected of.
const MOST_RUNS: usize = 1_000;

/// Records that are read together.
const CHUNK: usize = 500;

/// What is expected of jobs, by their names.
#[derive(Debug, Default)]
pub(super) struct Expects(Mutex<BTreeMap<String, Expect>>);

impl Expects {
    /// Notes what is expected of a job.
    pub(super) fn note(&self, job: &str, expect: &Expect) {
        let mut jobs = self.jobs();
        match expect.is_empty() {
            true => drop(jobs.remove(job)),
            false => drop(jobs.insert(job.to_owned(), expect.clone())),
        }
    }

    fn of(&self, job: &str) -> Option<Expect> {
        self.jobs().get(job).cloned()
    }

    fn is_any(&self) -> bool {
        !self.jobs().is_empty()
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<String, Expect>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The runs of which something is expected.
#[derive(Debug, Default)]
pub(super) struct Expecting(Mutex<BTreeMap<RunId, Option<Watched>>>);

#[derive(Debug)]
struct Watched {
    tally: Tally,
    /// Records seen when it was last kept, and when that was.
    kept: usize,
    kept_at: Option<Instant>,
    /// Since when it has been over and too little.
    missed_since: Option<Instant>,
}

impl Watched {
    fn new(tally: Tally) -> Self {
        let kept = tally.keys.len();
        Self { tally, kept, kept_at: None, missed_since: None }
    }
}

/// Who a finished call speaks of, by the runs that expect something.
pub(super) type Shown = BTreeMap<RunId, Vec<Id>>;

fn note(run: RunId) -> String {
    format!("@expect/{run}")
}

fn missed_note(job: &str) -> Option<String> {
    let name = format!("@missed/{job}");
    (name.len() <= 200).then_some(name)
}

/// Why a job's latest run was not what was expected; `None` when it was, or nothing is expected.
///
/// # Errors
/// `Storage`.
pub async fn missed_by<D: Domain>(store: &dyn Store<D>, job: &str) -> Result<Option<Missed>> {
    let Some(name) = missed_note(job) else { return Ok(None) };
    Ok(store.note(&name).await?.and_then(|text| serde_json::from_str(&text).ok()))
}

impl Expecting {
    fn runs(&self) -> MutexGuard<'_, BTreeMap<RunId, Option<Watched>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn knows(&self, run: RunId) -> bool {
        self.runs().contains_key(&run)
    }

    /// Whether something is expected of any run.
    fn is_idle(&self) -> bool {
        self.runs().values().all(Option::is_none)
    }

    fn remember(&self, run: RunId, tally: Option<Tally>) {
        let mut runs = self.runs();
        if runs.len() >= MOST_RUNS {
            runs.retain(|_, watched| watched.is_some());
        }
        runs.insert(run, tally.map(Watched::new));
    }
}

/// Notes what is expected of a run that begins with these tasks. Whoever need not be asked, being fresh, is counted: they
/// are not shown by any answer.
pub(super) async fn begin<D: Domain>(
    store: &dyn Store<D>,
    run: RunId,
    expect: &Expect,
    roots: &[Task],
) -> Result<()> {
    if expect.is_empty() {
        return Ok(());
    }
    let mut tally = kept(store, run).await?.unwrap_or_default();
    tally.expect = expect.clone();
    if store.run(run).await?.is_some_and(|state| state.counts.fresh > 0) {
        let ids: Vec<Id> = roots.iter().filter_map(|task| Some(task.target()?.id.clone())).collect();
        for ids in ids.chunks(CHUNK) {
            tally.keys.extend(store.owners(ids).await?.into_iter().flatten().map(|key| key.0));
        }
    }
    keep(store, run, &tally).await
}

async fn kept<D: Domain>(store: &dyn Store<D>, run: RunId) -> Result<Option<Tally>> {
    // One that cannot be read was written by another version: nothing is expected then.
    Ok(store.note(&note(run)).await?.and_then(|text| serde_json::from_str(&text).ok()))
}

async fn keep<D: Domain>(store: &dyn Store<D>, run: RunId, tally: &Tally) -> Result<()> {
    if tally.keys.len() > MOST_KEPT {
        return Ok(());
    }
    let text = serde_json::to_string(tally).map_err(|error| {
        Error::new(ErrorKind::Unexpected, "what a run brought cannot be written").caused_by(error)
    })?;
    store.put_note(&note(run), Some(&text)).await
}

impl<D: Domain> Worker<D> {
    /// Learns whether something is expected of a run: whoever began it may be another process, and may have come no further.
    async fn learn_expected(&self, run: RunId) -> Result<()> {
        if self.expecting.knows(run) {
            return Ok(());
        }
        let mut tally = kept(self.store(), run).await?;
        if tally.is_none()
            && self.parts.expects.is_any()
            && let Some(state) = self.store().run(run).await?
            && state.ended.is_none()
            && let Some(expect) = self.parts.expects.of(&state.job)
        {
            let new = Tally { expect, ..Tally::default() };
            keep(self.store(), run, &new).await?;
            tally = Some(new);
        }
        self.expecting.remember(run, tally);
        Ok(())
    }

    /// Who these calls speak of, of runs that something is expected of.
    pub(super) async fn shown_in<'a>(
        &self,
        calls: impl Iterator<Item = &'a FinishedCall<D>>,
    ) -> Result<Shown> {
        let mut shown = Shown::new();
        for call in calls {
            let runs: BTreeSet<RunId> = call.tasks.iter().map(|task| task.claimed.run).collect();
            for run in runs {
                self.learn_expected(run).await?;
                if self.expecting.runs().get(&run).is_some_and(Option::is_some) {
                    let ids = call
                        .items
                        .iter()
                        .filter_map(|item| self.parts.domain.about(item).ids.strongest().cloned());
                    shown.entry(run).or_default().extend(ids);
                }
            }
        }
        Ok(shown)
    }

    /// Counts whose records they are.
    pub(super) async fn count_shown(&self, shown: Shown) -> Result<()> {
        for (run, ids) in shown {
            let owners = self.store().owners(&ids).await?;
            let due = {
                let mut runs = self.expecting.runs();
                let Some(Some(watched)) = runs.get_mut(&run) else { continue };
                watched.tally.keys.extend(owners.into_iter().flatten().map(|key| key.0));
                let due = watched.kept_at.is_none_or(|at| self.tick().saturating_duration_since(at) >= KEEP);
                (due && watched.tally.keys.len() > watched.kept).then(|| {
                    watched.kept_at = Some(self.tick());
                    watched.kept = watched.tally.keys.len();
                    watched.tally.clone()
                })
            };
            if let Some(tally) = due {
                self.join_tally(run, tally).await?;
            }
        }
        Ok(())
    }

    /// Keeps what was counted of every run, and hears what others counted.
    pub(super) async fn keep_tallies(&self) -> Result<()> {
        if self.expecting.is_idle() {
            return Ok(());
        }
        let tallies: Vec<(RunId, Tally)> = {
            let runs = self.expecting.runs();
            runs.iter().filter_map(|(run, watched)| Some((*run, watched.as_ref()?.tally.clone()))).collect()
        };
        for (run, tally) in tallies {
            self.join_tally(run, tally).await?;
        }
        Ok(())
    }

    /// Takes together what is kept and what was counted here. Of two workers that do so at once one may overwrite the
    /// other, who does it again with the next beat.
    async fn join_tally(&self, run: RunId, mut tally: Tally) -> Result<()> {
        // Without the note somebody else has judged the run.
        let Some(kept) = kept(self.store(), run).await? else { return Ok(()) };
        if !tally.keys.is_subset(&kept.keys) {
            tally.keys.extend(&kept.keys);
            keep(self.store(), run, &tally).await?;
        }
        if let Some(Some(watched)) = self.expecting.runs().get_mut(&run) {
            watched.tally.keys.extend(kept.keys);
            watched.tally.expect = kept.expect;
        }
        Ok(())
    }

    /// What a run that is over did not bring. `None` while other workers may still know better.
    pub(super) async fn missed(&self, run: RunId, job: &str) -> Result<Option<Vec<String>>> {
        self.learn_expected(run).await?;
        let tally = {
            let runs = self.expecting.runs();
            let Some(Some(watched)) = runs.get(&run) else { return Ok(Some(Vec::new())) };
            watched.tally.clone()
        };
        self.join_tally(run, tally).await?;
        let tally = match self.expecting.runs().get(&run) {
            Some(Some(watched)) => watched.tally.clone(),
            _ => return Ok(Some(Vec::new())),
        };
        let missed = tally.expect.missed(&self.brought(&tally).await?);
        if !missed.is_empty() && self.store().counts().await?.workers > 1 {
            let ttl = self.parts.settings.worker_ttl;
            let now = self.tick();
            if let Some(Some(watched)) = self.expecting.runs().get_mut(&run)
                && now.saturating_duration_since(*watched.missed_since.get_or_insert(now)) < ttl
            {
                return Ok(None);
            }
        }
        if let Some(name) = missed_note(job) {
            let text = serde_json::to_string(&Missed { run, missed: missed.clone() }).ok();
            self.store().put_note(&name, text.as_deref().filter(|_| !missed.is_empty())).await?;
        }
        Ok(Some(missed))
    }

    /// Nothing is expected of the run any more: it has been judged.
    pub(super) async fn expect_no_more(&self, run: RunId) -> Result<()> {
        let watched = self.expecting.runs().insert(run, None);
        match watched {
            Some(Some(_)) => self.store().put_note(&note(run), None).await,
            _ => Ok(()),
        }
    }

    async fn brought(&self, tally: &Tally) -> Result<Brought> {
        let mut brought = Brought { records: tally.keys.len() as u64, ..Brought::default() };
        if tally.expect.fill.is_empty() {
            return Ok(brought);
        }
        let domain = Arc::clone(&self.parts.domain);
        let fields: Vec<(u64, &String)> = tally
            .expect
            .fill
            .keys()
            .filter_map(|field| Some((domain.fields().iter().position(|name| name == field)? as u64, field)))
            .collect();
        brought.records = 0;
        let keys: Vec<RecordKey> = tally.keys.iter().map(|key| RecordKey(*key)).collect();
        for chunk in keys.chunks(CHUNK) {
            for known in self.store().known(chunk).await? {
                brought.records += 1;
                let filled = known.sightings.iter().fold(0, |all, seen| all | domain.filled(&seen.item));
                for (bit, field) in &fields {
                    *brought.known.entry((*field).clone()).or_default() += filled >> bit & 1;
                }
            }
        }
        Ok(brought)
    }
}
