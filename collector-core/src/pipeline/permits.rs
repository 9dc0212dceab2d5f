//! Asks the shared rate for what waiting calls need, beside everything else.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::fetch::Call;
use super::waiting::Part;
use super::worker::Worker;
use crate::admission::{Permits, Rate, SharedRate};
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(2);

/// A request for an account. One that is dropped in the middle, with its worker, does not keep the account waiting,
/// which outlives the worker.
struct Request<D: Domain> {
    worker: Arc<Worker<D>>,
    account: usize,
    asked: usize,
    answered: bool,
}

impl<D: Domain> Drop for Request<D> {
    fn drop(&mut self) {
        if !self.answered {
            self.worker.parts.accounts[self.account].admission().permits_forgotten();
        }
    }
}

type Answer<D> = (Request<D>, Result<Permits>);

/// The requests that are under way, at most one per account.
pub(super) struct Permissions<D: Domain> {
    worker: Arc<Worker<D>>,
    requests: JoinSet<Answer<D>>,
}

impl<D: Domain> Permissions<D> {
    pub(super) fn new(worker: Arc<Worker<D>>) -> Self {
        Self { worker, requests: JoinSet::new() }
    }

    /// Asks for the accounts that need it; `calls` wait, by slot.
    pub(super) fn ask(&mut self, calls: &[VecDeque<Call>]) {
        let parts = &self.worker.parts;
        let Some(service) = &parts.rate else { return };
        let now = self.worker.tick();
        for (at, account) in parts.accounts.iter().enumerate() {
            let of_account = parts.slots.iter().zip(calls).filter(|(slot, _)| slot.account == at);
            let waiting = of_account.map(|(_, calls)| calls.len()).sum();
            let Some((rate, most)) = account.admission().permits_wanted(now, waiting) else { continue };
            let name = format!("{}:{}", parts.settings.namespace, account.name);
            let request =
                Request { worker: Arc::clone(&self.worker), account: at, asked: most, answered: false };
            self.requests.spawn(request.send(Arc::clone(service), name, rate));
        }
    }

    /// Waits for an answer and hands out what it brings; for ever if nothing was asked.
    pub(super) async fn answered(&mut self) {
        match self.requests.join_next().await {
            Some(Ok(answer)) => self.hand_out(answer),
            Some(Err(error)) => self.worker.fail(
                Error::new(ErrorKind::Unexpected, "asking the shared rate ended abnormally").caused_by(error),
            ),
            None => std::future::pending().await,
        }
    }

    fn hand_out(&self, (mut request, permits): Answer<D>) {
        request.answered = true;
        let (now, account) = (self.worker.tick(), &self.worker.parts.accounts[request.account]);
        match permits {
            Ok(permits) => {
                self.worker.troubles.works(Part::Rate);
                account.admission().permits_granted(now, request.asked, &permits, rand::random());
            }
            Err(error) => {
                self.worker.troubles.failed(Part::Rate, "rate", &error, self.worker.now());
                account.admission().permits_failed(now);
            }
        }
    }
}

impl<D: Domain> Request<D> {
    async fn send(self, service: Arc<dyn SharedRate>, name: String, rate: Rate) -> Answer<D> {
        let asked = timeout(LIMIT, service.as_ref().ask(&name, rate, self.asked)).await;
        let permits = asked.unwrap_or_else(|_| {
            let message =
                "the shared rate did not answer in time; check that its service is up and reachable";
            Err(Error::new(ErrorKind::Unavailable, message).with("waited", format!("{LIMIT:?}")))
        });
        (self, permits)
    }
}
