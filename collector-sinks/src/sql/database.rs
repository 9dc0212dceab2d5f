//! The connections to one database, and the calls over them.

#[cfg(feature = "mysql")]
mod facts;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::sync::Arc;

use collector_core::error::{Error, ErrorKind, Result};
use futures_util::future::BoxFuture;

use super::config::SqlConfig;
use super::error::Place;
use super::session::Session;
use super::statements::Texts;

/// The connections to one database.
pub(super) struct Database {
    texts: Arc<Texts>,
    place: Arc<Place>,
    link: Link,
}

enum Link {
    #[cfg(feature = "sqlite")]
    File(sqlite::File),
    #[cfg(feature = "mysql")]
    Server(Box<mysql::Server>),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("place", &self.place).field("writes", &self.writes()).finish()
    }
}

impl Database {
    /// Opens for writing, with the newest schema.
    ///
    /// Boxed, because the compiler does not see that futures of the pool can be sent when they are nested deeper.
    pub(super) fn open(config: &SqlConfig) -> BoxFuture<'_, Result<Self>> {
        Box::pin(Self::open_for(config, true))
    }

    /// Opens for reading, beside writers or without one.
    pub(super) fn open_reader(config: &SqlConfig) -> BoxFuture<'_, Result<Self>> {
        Box::pin(Self::open_for(config, false))
    }

    async fn open_for(config: &SqlConfig, writes: bool) -> Result<Self> {
        config.validate()?;
        #[cfg(feature = "mysql")]
        if let Some(server) = &config.server {
            return mysql::open(server, &config.table_prefix, writes).await;
        }
        #[cfg(feature = "sqlite")]
        return if writes { sqlite::open(config).await } else { sqlite::open_reader(config).await };
        #[cfg(not(feature = "sqlite"))]
        Err(Error::new(ErrorKind::ConfigInvalid, "this program is built without SQLite; name a server")
            .with("path", config.path.display()))
    }

    /// Opens a server's database over connections that somebody else made.
    #[cfg(feature = "mysql")]
    pub(super) fn over(pool: sea_orm::DatabaseConnection, config: &SqlConfig) -> BoxFuture<'_, Result<Self>> {
        Box::pin(mysql::over(pool, config))
    }

    pub(super) fn writes(&self) -> bool {
        match &self.link {
            #[cfg(feature = "sqlite")]
            Link::File(file) => file.writes(),
            #[cfg(feature = "mysql")]
            Link::Server(server) => server.writes,
        }
    }

    /// Begins a transaction that may write; in a file it waits for the one before it.
    pub(super) async fn write(&self) -> Result<Session> {
        if !self.writes() {
            return Err(self
                .place
                .name(Error::new(ErrorKind::Storage, "the store is open for reading only")));
        }
        self.begin(true).await
    }

    /// Begins a transaction that sees one state of the database.
    pub(super) async fn read(&self) -> Result<Session> {
        self.begin(false).await
    }

    async fn begin(&self, writes: bool) -> Result<Session> {
        let tx = match &self.link {
            #[cfg(feature = "sqlite")]
            Link::File(file) => file.begin(writes).await,
            #[cfg(feature = "mysql")]
            Link::Server(server) => server.begin(writes).await,
        };
        let tx = tx.map_err(|error| super::error::storage(&self.place, error))?;
        Ok(Session::new(tx, Arc::clone(&self.texts), Arc::clone(&self.place), writes))
    }

    /// The numbers a transaction needs, where they are drawn ahead.
    #[cfg(feature = "mysql")]
    pub(super) async fn draw(&self, need: super::write::Need) -> Result<Option<super::keys::Drawn>> {
        match &self.link {
            #[cfg(feature = "sqlite")]
            Link::File(_) => Ok(None),
            Link::Server(server) => server.draw(&self.texts, &self.place, need).await.map(Some),
        }
    }

    /// Whether other processes may write at the same time.
    pub(super) fn is_shared(&self) -> bool {
        self.texts.dialect.is_shared()
    }

    /// Makes a call, whole and more than once if need be. Gives its result, and whether it was the first attempt.
    pub(super) async fn repeat<T, F: Future<Output = Result<T>>>(
        &self,
        attempt: impl FnMut() -> F,
    ) -> Result<(T, bool)> {
        self.repeat_as(attempt, false).await
    }

    /// The same, when it does not matter how often.
    pub(super) async fn call<T, F: Future<Output = Result<T>>>(
        &self,
        attempt: impl FnMut() -> F,
    ) -> Result<T> {
        Ok(self.repeat_as(attempt, false).await?.0)
    }

    /// The same for calls that touch all rows there are.
    pub(super) async fn call_long<T, F: Future<Output = Result<T>>>(
        &self,
        attempt: impl FnMut() -> F,
    ) -> Result<T> {
        Ok(self.repeat_as(attempt, true).await?.0)
    }

    #[cfg_attr(
        not(feature = "mysql"),
        expect(unused_variables, reason = "calls to a file take as long as they take")
    )]
    async fn repeat_as<T, F: Future<Output = Result<T>>>(
        &self,
        attempt: impl FnMut() -> F,
        long: bool,
    ) -> Result<(T, bool)> {
        match &self.link {
            #[cfg(feature = "sqlite")]
            Link::File(_) => {
                let mut attempt = attempt;
                Ok((attempt().await?, true))
            }
            #[cfg(feature = "mysql")]
            Link::Server(server) => server.repeat(attempt, long).await,
        }
    }

    /// Brings a file into order after its last worker is gone.
    #[cfg_attr(not(feature = "sqlite"), expect(clippy::unused_async, reason = "only files need it"))]
    pub(super) async fn tidy(&self) -> Result<()> {
        match &self.link {
            #[cfg(feature = "sqlite")]
            Link::File(file) => {
                file.checkpoint().await.map_err(|error| super::error::storage(&self.place, error))
            }
            #[cfg(feature = "mysql")]
            Link::Server(_) => Ok(()),
        }
    }

    /// Sees to it that nothing is left in a file of what was deleted from it. What a server leaves in its own files goes
    /// when it is written over.
    #[cfg_attr(not(feature = "sqlite"), expect(clippy::unused_async, reason = "only files need it"))]
    pub(super) async fn shred(&self) -> Result<()> {
        match &self.link {
            #[cfg(feature = "sqlite")]
            Link::File(file) => {
                match file.shred().await.map_err(|error| super::error::storage(&self.place, error))? {
                    true => Ok(()),
                    false => Err(self.place.name(Error::new(
                        ErrorKind::Storage,
                        "somebody reads the store and keeps its log from being emptied: what was erased may still \
                         stand in it; say the same once more when they have ended",
                    ))),
                }
            }
            #[cfg(feature = "mysql")]
            Link::Server(_) => Ok(()),
        }
    }
}
