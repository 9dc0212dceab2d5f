//! Says again and again that all is well; silence is the alarm.

use std::time::Duration;

use collector_core::context::Context;
use collector_core::error::ErrorChain;
use collector_sources::http::{Http, Request, status_error};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::named;
use crate::config::{Address, Method, NotifyOptions};

/// How long the other side may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where it is said, and whether it is true.
pub(super) struct Heartbeat {
    http: Http,
    address: Address,
    method: Method,
    every: Duration,
    well: watch::Sender<bool>,
}

/// One that beats.
pub(super) struct Beating(JoinHandle<()>);

impl Beating {
    /// Ends it.
    pub(super) async fn stop(self) {
        self.0.abort();
        drop(self.0.await);
    }
}

impl Heartbeat {
    pub(super) fn new(address: Address, options: &NotifyOptions, http: Http) -> Self {
        let (method, every) = (options.heartbeat_method, options.heartbeat_every);
        Self { http, address, method, every, well: watch::Sender::new(false) }
    }

    /// Whether all is well from now on.
    pub(super) fn say(&self, well: bool) {
        self.well.send_replace(well);
    }

    /// Beats until it is stopped: at once when all is well for the first time, and then at its pace.
    pub(super) fn start(&self) -> Beating {
        let mut well = self.well.subscribe();
        let (http, address, method, every) =
            (self.http.clone(), self.address.clone(), self.method, self.every);
        Beating(tokio::spawn(async move {
            while well.wait_for(|well| *well).await.is_ok() {
                beat(&http, &address, method).await;
                tokio::time::sleep(every).await;
            }
        }))
    }
}

async fn beat(http: &Http, address: &Address, method: Method) {
    let url = address.expose().clone();
    let request = match method {
        Method::Get => Request::get(url),
        Method::Post => Request::post(url, "text/plain", ""),
    };
    let sent = http.exchange(&Context::detached(), request.secret_address().timeout(TIMEOUT)).await;
    let failed = match sent {
        Ok(answer) => status_error(&answer),
        Err(error) => Some(error),
    };
    if let Some(error) = failed {
        let error = named(error, "heartbeat");
        tracing::warn!(error = %ErrorChain(&error), "the heartbeat was not heard; it is sent again at its time");
    }
}
