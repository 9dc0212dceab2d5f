//! One connection for lock and rates, made when it is needed and made again when it was lost.
//!
//! A call never connects twice and never tries again: the engine does. Whoever waited while somebody else failed to
//! connect is told of that failure instead of trying in turn.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use collector_core::error::{Error, ErrorChain, ErrorKind, Result};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisResult};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{RedisConfig, error, tls};

/// A Redis or Valkey server. Clones share one connection.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    config: RedisConfig,
    address: String,
    tls: Option<TlsConnector>,
    link: Mutex<Option<Link>>,
    /// Held while connecting; the last failure.
    connecting: tokio::sync::Mutex<Option<Failure>>,
}

/// A connection and the task that drives it, which ends with the last clone.
#[derive(Clone)]
struct Link {
    connection: MultiplexedConnection,
    driver: Arc<Driver>,
}

struct Driver {
    /// Ends the task when it is dropped.
    _task: JoinSet<()>,
    handle: AbortHandle,
}

impl Link {
    fn driven(connection: MultiplexedConnection, driver: impl Future<Output = ()> + Send + 'static) -> Self {
        let mut task = JoinSet::new();
        let handle = task.spawn(driver);
        Self { connection, driver: Arc::new(Driver { _task: task, handle }) }
    }

    /// Whether the server has hung up meanwhile, as it does with connections that were idle for long.
    fn is_over(&self) -> bool {
        self.driver.handle.is_finished()
    }
}

/// What everybody is told who waited for the same attempt.
struct Failure {
    at: Instant,
    kind: ErrorKind,
    message: String,
}

impl Redis {
    /// A server that is not asked anything yet.
    ///
    /// # Errors
    /// `ConfigInvalid` when the private CA cannot be used.
    pub fn new(config: RedisConfig) -> Result<Self> {
        let tls = config.is_tls().then(|| tls::connector(config.authorities())).transpose()?;
        Ok(Self(Arc::new(Inner {
            address: config.address(),
            tls,
            config,
            link: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        })))
    }

    pub(super) fn config(&self) -> &RedisConfig {
        &self.0.config
    }

    pub(super) fn address(&self) -> &str {
        &self.0.address
    }

    /// Asks the server, within its time. What `ask` does more than once must do no harm.
    pub(super) async fn ask<T, F>(
        &self,
        what: &'static str,
        ask: impl FnOnce(MultiplexedConnection) -> F + Send,
    ) -> Result<T>
    where
        F: Future<Output = RedisResult<T>> + Send,
    {
        let link = self.link().await?;
        let limit = self.0.config.response_limit();
        let connection = link.connection.clone();
        let mut doubt = Doubt { inner: &self.0, link: Some(link) };
        let answer = timeout(limit, ask(connection)).await;
        let answer = answer.map_err(|_| error::silent(&self.0.address, what, limit))?;
        if !answer.as_ref().is_err_and(is_broken) {
            doubt.link = None;
        }
        answer.map_err(|cause| error::refused(&self.0.address, cause))
    }

    /// The connection; a new one if there is none.
    async fn link(&self) -> Result<Link> {
        let asked = Instant::now();
        if let Some(link) = self.0.usable() {
            return Ok(link);
        }
        let mut failed = self.0.connecting.lock().await;
        if let Some(link) = self.0.usable() {
            return Ok(link);
        }
        if let Some(failure) = failed.as_ref().filter(|failure| failure.at >= asked) {
            return Err(Error::new(failure.kind, failure.message.clone()));
        }
        match self.connect().await {
            Ok(link) => {
                *self.0.current() = Some(link.clone());
                Ok(link)
            }
            Err(error) => {
                let message = ErrorChain(&error).to_string();
                *failed = Some(Failure { at: Instant::now(), kind: error.kind(), message });
                Err(error)
            }
        }
    }

    /// Connects and logs in; all steps together have the one limit.
    async fn connect(&self) -> Result<Link> {
        let Inner { config, address, tls, .. } = &*self.0;
        let limit = config.connect_limit();
        let end = Instant::now() + limit;
        let silent = |what| error::silent(address, what, limit);
        let connected = timeout_at(end, self.reach()).await;
        let stream = connected.unwrap_or_else(|_| Err(silent("connect")))?;
        let Some(tls) = tls else {
            return timeout_at(end, self.log_in(stream)).await.unwrap_or_else(|_| Err(silent("log in")));
        };
        let secured = timeout_at(end, self.secure(tls, stream)).await;
        let stream = secured.unwrap_or_else(|_| Err(error::silent_in_handshake(address, limit)))?;
        timeout_at(end, self.log_in(stream)).await.unwrap_or_else(|_| Err(silent("log in")))
    }

    async fn reach(&self) -> Result<TcpStream> {
        let unreachable = |cause| error::unreachable(&self.0.address, cause);
        let stream = TcpStream::connect(self.0.config.endpoint()).await.map_err(unreachable)?;
        // A request is written at once; waiting for more would only delay it.
        stream.set_nodelay(true).map_err(unreachable)?;
        Ok(stream)
    }

    async fn secure(&self, tls: &TlsConnector, stream: TcpStream) -> Result<TlsStream<TcpStream>> {
        let address = &self.0.address;
        let (host, _) = self.0.config.endpoint();
        let name = ServerName::try_from(host.to_owned()).map_err(|cause| {
            let message = "the Redis host is no name a certificate can be for";
            Error::new(ErrorKind::ConfigInvalid, message).with("server", address).caused_by(cause)
        })?;
        tls.connect(name, stream).await.map_err(|cause| error::untrusted(address, cause))
    }

    async fn log_in<S>(&self, stream: S) -> Result<Link>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // Each call has a limit of ours, which covers the wait for room in the queue as well.
        let options = AsyncConnectionConfig::new().set_response_timeout(None);
        let login = self.0.config.login();
        let (connection, driver) = MultiplexedConnection::new_with_config(login, stream, options)
            .await
            .map_err(|cause| error::turned_away(&self.0.address, cause))?;
        Ok(Link::driven(connection, driver))
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("address", &self.0.address).finish_non_exhaustive()
    }
}

impl Inner {
    fn usable(&self) -> Option<Link> {
        self.current().clone().filter(|link| !link.is_over())
    }

    fn current(&self) -> MutexGuard<'_, Option<Link>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that owes an answer. If none comes, because it took too long, the caller gave up or the connection
/// broke, the next call makes a new connection: a dead path would swallow that one's answer too.
struct Doubt<'a> {
    inner: &'a Inner,
    link: Option<Link>,
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        let Some(link) = self.link.take() else { return };
        let mut current = self.inner.current();
        if current.as_ref().is_some_and(|known| Arc::ptr_eq(&known.driver, &link.driver)) {
            *current = None;
        }
    }
}

/// Whether the connection cannot be used any more.
fn is_broken(error: &redis::RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_io_error()
}
