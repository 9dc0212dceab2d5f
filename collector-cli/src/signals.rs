//! Signals: the first asks, the second ends.

use tokio_util::sync::CancellationToken;

use crate::exit::Signal;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// Waits for the second signal; the first one cancels `stop`.
pub(crate) async fn second(stop: CancellationToken, output: Output) -> Result<Signal> {
    let mut signals = Signals::new()?;
    signals.next().await;
    stop.cancel();
    output.note("stopping: what is under way is finished first; press Ctrl-C once more to stop at once");
    Ok(signals.next().await)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::aborted(format!("cannot listen for signals: {error}")))
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}
