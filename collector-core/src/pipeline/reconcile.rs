//! Compares what was booked on an account with what its vendor counted: somebody else may spend with the same credential.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fetch::Seat;
use super::worker::{Account, Worker};
use crate::admission::Gate;
use crate::clock::Timestamp;
use crate::domain::Domain;
use crate::error::{ErrorChain, Result};
use crate::observe::Event;
use crate::store::{Budget, Reserved, Store};
use crate::task::Cost;

/// The note that tells what others spent from an account begins with this; the account's name follows. Its text is JSON:
/// `window` (when the vendor's window began), `units`, `at` (when it was noticed last).
pub const ELSEWHERE: &str = "elsewhere ";

/// How often vendors are asked.
const EVERY: Duration = Duration::from_secs(600);
/// How soon after the start it is asked a second time: what was in flight when it was asked first was counted by nobody.
const FIRST: Duration = Duration::from_secs(30);
/// How soon after the account was busy.
const SOON: Duration = Duration::from_secs(5);
/// How long an answer is waited for.
const LIMIT: Duration = Duration::from_secs(30);

/// What others have spent with an account's credential, in one of the vendor's windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Elsewhere {
    /// When the window began.
    pub window: Timestamp,
    /// How many units, at least.
    pub units: u64,
    /// When it was noticed last.
    pub at: Timestamp,
}

/// What others have spent from an account in the newest window in which that was noticed; `None` when it never was.
///
/// # Errors
/// `Storage`.
pub async fn spent_elsewhere<D: Domain>(store: &dyn Store<D>, account: &str) -> Result<Option<Elsewhere>> {
    // One that cannot be read was written by another version.
    let note = store.note(&format!("{ELSEWHERE}{account}")).await?;
    Ok(note.and_then(|text| serde_json::from_str(&text).ok()))
}

/// What one look at an account came to.
enum Look {
    /// The vendor does not tell.
    Silent,
    /// The account was busy, or somebody else is at it.
    Busy,
    /// Compared.
    Done,
}

/// The stage: compares at the start and every few minutes, as long as a vendor tells.
pub(super) async fn run<D: Domain>(worker: Arc<Worker<D>>) {
    let mut accounts: Vec<usize> = (0..worker.parts.accounts.len()).collect();
    accounts
        .retain(|at| worker.parts.accounts[*at].budget.as_ref().is_some_and(|budget| budget.units.is_some()));
    let mut next = FIRST;
    while !accounts.is_empty() && !worker.finish.is_cancelled() {
        let (mut wait, mut silent) = (std::mem::replace(&mut next, EVERY), Vec::new());
        for at in &accounts {
            match look(&worker, *at).await {
                Ok(Look::Silent) => silent.push(*at),
                Ok(Look::Busy) => wait = SOON,
                Ok(Look::Done) => {}
                Err(error) => return worker.fail(error),
            }
        }
        accounts.retain(|at| !silent.contains(at));
        if accounts.is_empty() {
            return;
        }
        tokio::select! {
            () = worker.finish.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Compares one account.
async fn look<D: Domain>(worker: &Arc<Worker<D>>, at: usize) -> Result<Look> {
    let account = &worker.parts.accounts[at];
    let (Some(budget), Some(slot)) =
        (&account.budget, worker.parts.slots.iter().position(|slot| slot.account == at))
    else {
        return Ok(Look::Silent);
    };
    let window = budget.window_at(worker.now());
    {
        let mut admission = account.admission();
        // A free answer says nothing about whether the account may buy again.
        if admission.parked().is_some() || admission.on_trial() {
            return Ok(Look::Done);
        }
        if admission.admit(worker.tick()) != Gate::Go {
            return Ok(Look::Busy);
        }
    }
    let seat = Seat::taken(Arc::clone(worker), slot);
    let cx = worker.cx.for_call(Arc::clone(&account.name), worker.abort.child_token(), LIMIT);
    let told = tokio::select! {
        biased;
        told = cx.guard(worker.parts.slots[slot].source.used(&cx)) => told,
        // Nobody waits for it at the end.
        () = worker.finish.cancelled() => return Ok(Look::Done),
    };
    drop(seat);
    match told {
        Ok(None) => Ok(Look::Silent),
        Err(error) => {
            // The next call says the same, and more loudly.
            tracing::debug!(account = %account.name, error = %ErrorChain(&error), "cannot ask what was used");
            Ok(Look::Done)
        }
        Ok(Some(used)) if budget.window_at(worker.now()) == window => {
            let Some(lease) = worker.alone(&format!("used:{}", account.name)).await else {
                return Ok(Look::Busy);
            };
            let compared = compare(worker, account, budget, window, used.units).await;
            worker.keeper.release(vec![lease]).await;
            compared.map(|()| Look::Done)
        }
        // The window has ended meanwhile.
        Ok(Some(_)) => Ok(Look::Busy),
    }
}

/// Books what the vendor counted and we did not. What we booked was asked for later and is never less than what our calls
/// cost, so whatever more the vendor counted was spent by somebody else.
async fn compare<D: Domain>(
    worker: &Worker<D>,
    account: &Account,
    budget: &Budget,
    window: Timestamp,
    used: u64,
) -> Result<()> {
    let (store, now) = (worker.store(), worker.now());
    // Nothing, so that there is a row of the present window.
    if !matches!(store.reserve(budget, Cost::none(), now).await?, Reserved::Granted { window: booked } if booked == window)
    {
        return Ok(());
    }
    let booked = store.counts().await?.spent.get(&*account.name).map_or(0, |spent| spent.units);
    let elsewhere = used.saturating_sub(booked);
    if elsewhere == 0 {
        return Ok(());
    }
    let left = budget.units.map_or(elsewhere, |most| most.saturating_sub(booked));
    let units = Cost { units: elsewhere.min(left), requests: 0 };
    store.reserve(budget, units, now).await?;
    let known = spent_elsewhere(store, &account.name).await?;
    let before = known.filter(|known| known.window == window).map_or(0, |known| known.units);
    let noted = Elsewhere { window, units: before + elsewhere, at: now };
    let name = format!("{ELSEWHERE}{}", account.name);
    store.put_note(&name, serde_json::to_string(&noted).ok().as_deref()).await?;
    tracing::warn!(
        account = %account.name,
        units = elsewhere,
        used,
        booked,
        "somebody else spends with this account's credential; what they spent is booked as spent"
    );
    worker.observe(&Event::SpentElsewhere { account: Arc::clone(&account.name), units: elsewhere });
    Ok(())
}
