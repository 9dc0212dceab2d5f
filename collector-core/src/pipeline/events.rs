//! What happens in a started engine, for whoever listens.

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::observe::Event;

/// Events that a listener may be behind before it misses the oldest.
pub(super) const ROOM: usize = 1_024;

/// The events of a started engine from the moment of [`Handle::events`](super::Handle::events) on.
///
/// The engine never waits for a listener: one that is more than 1,024 events behind misses the oldest of them.
#[derive(Debug)]
pub struct Events {
    receiver: Receiver<Event>,
    closed: CancellationToken,
    missed: u64,
}

impl Events {
    /// What `receiver` hears, until `closed` fires and everything before was heard.
    pub(super) fn new(receiver: Receiver<Event>, closed: CancellationToken) -> Self {
        Self { receiver, closed, missed: 0 }
    }

    /// The next event; `None` once the engine has ended and everything was heard. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let heard = tokio::select! {
                biased;
                heard = self.receiver.recv() => heard,
                () = self.closed.cancelled() => return None,
            };
            match heard {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(events)) => self.missed += events,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// How many events were missed so far because the listener was too slow.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}
