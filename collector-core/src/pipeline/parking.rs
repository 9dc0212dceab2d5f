//! Accounts that are kept out: until their reset, or until a person acts; then they are tried with one call.

use std::sync::Arc;
use std::time::Duration;

use super::worker::{Account, Worker};
use crate::admission::Park;
use crate::domain::Domain;
use crate::error::{Error, ErrorChain, ErrorKind, Result};
use crate::lock::{Acquired, Lease, LockKey};
use crate::observe::Event;
use crate::store::Parked;

/// How long an account stays out whose vendor shut us out.
const SHUT_OUT: Duration = Duration::from_secs(3_600);

impl<D: Domain> Worker<D> {
    /// Keeps an account out, here and for every other worker.
    pub(super) async fn park(&self, account: usize, error: &Error) -> Result<()> {
        let now = self.now();
        let account = &self.parts.accounts[account];
        let until = error.until().or(match error.kind() {
            ErrorKind::QuotaExhausted => account.budget.as_ref().map(|budget| budget.reset_after(now)),
            ErrorKind::Blocked => Some(now + SHUT_OUT),
            _ => None,
        });
        let parked = Parked {
            account: Arc::clone(&account.name),
            until,
            kind: error.kind(),
            reason: ErrorChain(error).to_string(),
            since: now,
        };
        let _alone = self.parking.lock().await;
        if account.admission().parked().is_some() {
            return Ok(());
        }
        tell(&parked);
        account.admission().park(Park::from(&parked));
        self.observe(&Event::Parked { account: Arc::clone(&account.name), kind: parked.kind, until });
        self.store().park(&parked).await?;
        // What it was to get, other accounts of its source may get.
        self.wet_all();
        Ok(())
    }

    /// Lets in accounts that wait for a person: that somebody started a worker is the sign that they acted, and one
    /// call shows whether it helped.
    pub(super) async fn lift_parking(&self) -> Result<()> {
        for park in self.store().parked().await?.into_iter().filter(|park| park.until.is_none()) {
            if let Some(account) = self.parts.accounts.iter().find(|account| account.name == park.account) {
                tracing::info!(account = %park.account, reason = park.reason, "account is tried again");
                account.admission().try_again();
                self.store().unpark(&park.account).await?;
            }
        }
        Ok(())
    }

    /// Who is kept out, whatever is being noted at this moment included.
    pub(super) async fn parked(&self) -> Result<Vec<Parked>> {
        let _alone = self.parking.lock().await;
        self.store().parked().await
    }

    /// Takes over what the store knows of parked accounts, lets in those whose time has come, and tries those that wait
    /// for a person once in a while.
    pub(super) async fn sync_parking(&self) -> Result<()> {
        let _alone = self.parking.lock().await;
        let now = self.now();
        let parked = self.store().parked().await?;
        for account in &self.parts.accounts {
            match parked.iter().find(|park| park.account == account.name) {
                Some(park) if park.until.is_some_and(|until| until <= now) => {
                    self.store().unpark(&account.name).await?;
                    account.admission().unpark();
                }
                // Its one call is on its way, and says more than the row does.
                Some(_) if account.admission().on_trial() => {}
                Some(park) if park.tries_at().is_some_and(|at| at <= now) => {
                    self.try_account(account).await?
                }
                Some(park) => account.admission().park(Park::from(park)),
                None => account.admission().unpark(),
            }
        }
        Ok(())
    }

    /// Lets an account in for one call, unless another worker does.
    async fn try_account(&self, account: &Account) -> Result<()> {
        let Some(lease) = self.alone(&format!("try:{}", account.name)).await else { return Ok(()) };
        let now = self.now();
        let mut parked = self.store().parked().await?;
        parked.retain(|park| park.account == account.name && park.tries_at().is_some_and(|at| at <= now));
        if let Some(park) = parked.pop() {
            // It stays parked for everybody else, who will not try it for as long again.
            self.store().park(&Parked { since: now, ..park.clone() }).await?;
            tracing::info!(account = %park.account, reason = park.reason, "account is tried with one call");
            account.admission().try_again();
        }
        self.keeper.release(vec![lease]).await;
        Ok(())
    }

    /// Notes in the store that an account got an answer when it was tried.
    pub(super) async fn passed_trial(&self, account: usize) -> Result<()> {
        let account = &self.parts.accounts[account];
        if account.admission().take_passed() {
            let _alone = self.parking.lock().await;
            tracing::info!(account = %account.name, "account is let in again");
            self.store().unpark(&account.name).await?;
            // A beat may have looked before.
            account.admission().unpark();
        }
        Ok(())
    }

    /// Takes a lock for something that one worker is to do; `None` when another does it, or nobody can tell.
    pub(super) async fn alone(&self, what: &str) -> Option<Lease> {
        let key = LockKey(format!("{}:{what}", self.parts.settings.namespace).into());
        match self.keeper.acquire(vec![key]).await.ok()?.pop()? {
            Acquired::Granted(lease) => Some(lease),
            Acquired::Held { .. } => None,
        }
    }
}

/// Says in the log that an account is kept out, and what a person can do about it.
fn tell(parked: &Parked) {
    let Parked { account, until, kind, reason, .. } = parked;
    match (until, parked.tries_at()) {
        (Some(until), _) => tracing::warn!(%account, %kind, %until, reason, "account is parked"),
        (None, Some(at)) => tracing::warn!(
            %account,
            %kind,
            reason,
            tried_at = %at,
            "account is parked and asks for a person: {}",
            kind.advice()
        ),
        (None, None) => {
            tracing::warn!(%account, %kind, reason, "account is parked and asks for a person: {}", kind.advice());
        }
    }
}
