//! The admin listener: whether the process lives, and whether it is ready. Never a token, nothing personal.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Router;
use axum::extract;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, Result};
use crate::monitor::{self, Monitor};

/// How far the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Configuration and schema are not accepted yet, or the store was never reached.
    Starting = 0,
    /// It does what it is there for.
    Ready = 1,
    /// It takes nothing new any more.
    Draining = 2,
}

/// What the listener tells.
#[derive(Debug, Default)]
pub(super) struct State {
    phase: AtomicU8,
    monitor: Option<Arc<Monitor>>,
}

impl State {
    /// Of a process whose metrics this monitor knows.
    pub(super) fn of(monitor: Arc<Monitor>) -> Self {
        Self { monitor: Some(monitor), ..Self::default() }
    }

    /// Goes on to a phase.
    pub(super) fn is(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::SeqCst);
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            1 => Phase::Ready,
            2 => Phase::Draining,
            _ => Phase::Starting,
        }
    }
}

/// Every page of the listener.
pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(state)
}

/// That it answers is all there is to tell: it asks nobody.
async fn livez() -> &'static str {
    "alive\n"
}

async fn readyz(extract::State(state): extract::State<Arc<State>>) -> (StatusCode, &'static str) {
    match state.phase() {
        Phase::Ready => (StatusCode::OK, "ready\n"),
        Phase::Starting => {
            (StatusCode::SERVICE_UNAVAILABLE, "starting: the store has not been reached yet\n")
        }
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining: nothing new is taken\n"),
    }
}

/// Answers also before the store was reached, and while the process drains.
async fn metrics(extract::State(state): extract::State<Arc<State>>) -> impl IntoResponse {
    let text = match &state.monitor {
        Some(monitor) => monitor.text().await,
        None => String::new(),
    };
    ([(CONTENT_TYPE, monitor::CONTENT_TYPE)], text)
}

/// A listener that answers until it is stopped.
#[derive(Debug)]
pub(super) struct Admin {
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Admin {
    /// Listens.
    pub(super) async fn listen(address: SocketAddr, state: Arc<State>) -> Result<Self> {
        let refused = |error: std::io::Error| {
            Failure::usage(format!("--admin: cannot listen on {address}: {error}")).advise(
                "choose another port, such as --admin 127.0.0.1:0 for a free one, or leave the role out",
            )
        };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let stop = CancellationToken::new();
        let until = stop.clone();
        let server = tokio::spawn(async move {
            let served = axum::serve(listener, router(state));
            tokio::select! {
                // A client that keeps its connection open is not waited for.
                () = until.cancelled() => {}
                ended = served => if let Err(error) = ended {
                    tracing::error!(%error, "the admin listener stopped");
                },
            }
        });
        Ok(Self { address, stop, server })
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers no more.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        // One that panicked has stopped, too.
        drop(self.server.await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(address: SocketAddr, path: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn it_is_ready_between_its_start_and_its_end_and_alive_all_along() {
        let state = Arc::new(State::default());
        let admin = Admin::listen("127.0.0.1:0".parse().unwrap(), Arc::clone(&state)).await.unwrap();
        let address = admin.address();
        for (phase, code, word) in [
            (Phase::Starting, " 503 ", "starting"),
            (Phase::Ready, " 200 ", "ready"),
            (Phase::Draining, " 503 ", "draining"),
        ] {
            state.is(phase);
            let ready = asked(address, "/readyz").await;
            assert!(ready.contains(code) && ready.contains(word), "{phase:?}: {ready}");
            assert!(asked(address, "/livez").await.contains(" 200 "), "{phase:?}");
        }
        assert!(asked(address, "/else").await.contains(" 404 "));
        let taken = Admin::listen(address, state).await.unwrap_err();
        assert!(taken.to_string().contains(&address.to_string()), "{taken}");
        admin.stop().await;
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}
