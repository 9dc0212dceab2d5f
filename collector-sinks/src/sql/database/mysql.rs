//! The connections to one database of a server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use collector_core::error::{Error, ErrorKind, Result};
use futures_util::future::BoxFuture;
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlSslMode};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _, Executor as _, MySqlConnection};
use sea_orm::{
    AccessMode, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    SqlxMySqlConnector, TransactionOptions, TransactionTrait,
};
use tokio::time::{Instant, timeout};

use super::facts::Facts;
use super::{Database, Link};
use crate::sql::config::{Address, Migrate, ServerConfig, SqlConfig, SslMode};
use crate::sql::dialect::Dialect;
use crate::sql::error::{Place, connecting, is_begun_already, timed_out};
use crate::sql::keys::{Drawn, Keys, Source};
use crate::sql::migration;
use crate::sql::repeat::Limits;
use crate::sql::statements::Texts;
use crate::sql::write::Need;

/// Prepared statements kept per connection. The server counts those of all connections, 16,382 at most as it comes.
const STATEMENTS: usize = 200;
/// After this time without use a connection is asked whether it still leads anywhere.
const IDLE: Duration = Duration::from_secs(10);
/// After this time it is closed.
const UNUSED: Duration = Duration::from_secs(300);
/// A connection is not used longer, so that a server that was moved is found.
const LIFETIME: Duration = Duration::from_secs(1_800);
/// Longest call that touches all rows there are: registering a sink, moving a schema.
const LONG: Duration = Duration::from_secs(1_800);

/// What is set for every connection. A server that cuts what is too long would damage what it keeps; one that waits
/// for a row longer than a call may take would only be asked again.
///
/// A process that stands still, or whose machine is gone without a word, keeps the rows it has locked as long as the server
/// keeps its connection: hours, as it comes. MariaDB ends a transaction in which nothing is said for five seconds; MySQL
/// can only end connections in which nothing is said, and `IDLE` is less than that. Each reads only its own comment.
const SESSION: [&str; 2] = [
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), innodb_lock_wait_timeout = 10 \
     /*M!100300 , idle_transaction_timeout = 5 */ /*!80000 , wait_timeout = 30 */",
];

/// The connections to one database.
pub(super) struct Server {
    pool: DatabaseConnection,
    /// Whether the connections were made here, so that their settings are known.
    is_ours: bool,
    pub(super) writes: bool,
    limits: Limits,
    distrust: Distrust,
    keys: Arc<Keys>,
}

/// Since when connections are not trusted that were made before.
#[derive(Debug, Clone, Default)]
struct Distrust(Arc<Mutex<Option<Instant>>>);

impl Distrust {
    fn those_before(&self, moment: Instant) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *since = (*since).max(Some(moment));
    }

    fn of(&self, age: Duration) -> bool {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| age >= since.elapsed())
    }
}

/// Opens the database that the configuration names.
pub(super) async fn open(config: &ServerConfig, prefix: &str, writes: bool) -> Result<Database> {
    let address = Address::of(&config.url).map_err(|fault| Error::new(ErrorKind::ConfigInvalid, fault))?;
    let place = Place::Server { host: address.to_string(), database: address.database.clone() };
    let options = connect(config, &address);
    let facts = probe(&options, &place, config.connect_timeout).await?;
    let distrust = Distrust::default();
    let server = Server {
        pool: pool(config, options, &distrust),
        is_ours: true,
        writes,
        limits: limits(config, place.clone()),
        distrust,
        keys: Arc::default(),
    };
    finish(server, place, facts, prefix, config.migrate).await
}

/// Takes connections that somebody else made. What the configuration says of the server counts, except where and how
/// to connect.
pub(super) async fn over(pool: DatabaseConnection, config: &SqlConfig) -> Result<Database> {
    if pool.get_database_backend() != DbBackend::MySql {
        let message =
            "only connections to MySQL or MariaDB can be shared; a SQLite file is opened by its path";
        return Err(Error::new(ErrorKind::ConfigInvalid, message));
    }
    config.validate_prefix()?;
    let prefix = &config.table_prefix;
    let config = config.server.clone().unwrap_or_else(|| ServerConfig::new("", ""));
    let place = Place::Server { host: "(connections of the caller)".into(), database: String::new() };
    let facts = Facts::of_pool(&pool, &place).await?;
    let place =
        Place::Server { host: "(connections of the caller)".into(), database: facts.database.clone() };
    facts.check_mode(&place)?;
    let limits = limits(&config, place.clone());
    let keys = Arc::default();
    let server = Server { pool, is_ours: false, writes: true, limits, distrust: Distrust::default(), keys };
    finish(server, place, facts, prefix, config.migrate).await
}

fn limits(config: &ServerConfig, place: Place) -> Limits {
    Limits {
        attempt: config.call_timeout,
        patience: config.patience,
        place: Arc::new(place),
        away: Arc::default(),
    }
}

/// Checks the server and its tables.
async fn finish(
    server: Server,
    place: Place,
    facts: Facts,
    prefix: &str,
    migrate: Migrate,
) -> Result<Database> {
    facts.check_version(&place)?;
    let mut texts = Texts::new(Dialect::MySql, prefix);
    texts.insert_bytes = facts.insert_bytes();
    texts.row_bytes = facts.row_bytes();
    let writes = server.writes;
    let database =
        Database { texts: Arc::new(texts), place: Arc::new(place), link: Link::Server(Box::new(server)) };
    if writes && migrate == Migrate::Auto {
        let migrate = || -> BoxFuture<'_, _> {
            Box::pin(migration::migrate_shared(&database, &facts.database, prefix))
        };
        database.call_long(migrate).await?;
    } else {
        database.call(|| -> BoxFuture<'_, _> { Box::pin(require(&database)) }).await?;
    }
    Ok(database)
}

async fn require(database: &Database) -> Result<()> {
    let tx = database.read().await?;
    let done = migration::require(&tx).await;
    tx.end().await;
    done
}

fn connect(config: &ServerConfig, address: &Address) -> MySqlConnectOptions {
    let mode = match config.ssl_mode {
        SslMode::Disabled => MySqlSslMode::Disabled,
        SslMode::Preferred => MySqlSslMode::Preferred,
        SslMode::Required => MySqlSslMode::Required,
        SslMode::VerifyCa => MySqlSslMode::VerifyCa,
        SslMode::VerifyIdentity => MySqlSslMode::VerifyIdentity,
    };
    let options = MySqlConnectOptions::new()
        .host(&address.host)
        .port(address.port)
        .username(&address.user)
        .password(config.password.expose())
        .database(&address.database)
        .ssl_mode(mode)
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging();
    match &config.ssl_ca {
        Some(file) => options.ssl_ca(file),
        None => options,
    }
}

/// Connects once, without the pool: its waiting hides what is wrong.
async fn probe(options: &MySqlConnectOptions, place: &Place, limit: Duration) -> Result<Facts> {
    let first = async {
        let mut connection = options.connect().await.map_err(|error| connecting(place, &error))?;
        settle(&mut connection).await.map_err(|error| connecting(place, &error))?;
        let facts = Facts::of_connection(&mut connection).await.map_err(|error| connecting(place, &error))?;
        connection.close().await.map_err(|error| connecting(place, &error))?;
        Ok(facts)
    };
    timeout(limit, first).await.unwrap_or_else(|_| Err(timed_out(place, limit)))
}

/// Sets what every connection has in common.
async fn settle(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    for statement in SESSION {
        connection.execute(statement).await?;
    }
    Ok(())
}

fn pool(config: &ServerConfig, options: MySqlConnectOptions, distrust: &Distrust) -> DatabaseConnection {
    let distrust = distrust.clone();
    let pool = MySqlPoolOptions::new()
        .max_connections(config.connections)
        .acquire_timeout(config.connect_timeout)
        .idle_timeout(UNUSED)
        .max_lifetime(LIFETIME)
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(settle(connection)))
        // A call that is given up while it begins leaves a transaction open that nobody knows of.
        .after_release(|connection, _| {
            Box::pin(async move { connection.execute("ROLLBACK").await.map(|_| true) })
        })
        .before_acquire(move |connection, about| {
            let distrusted = distrust.of(about.age);
            Box::pin(
                async move { Ok(!distrusted && (about.idle_for < IDLE || connection.ping().await.is_ok())) },
            )
        })
        .connect_lazy_with(options);
    SqlxMySqlConnector::from_sqlx_mysql_pool(pool)
}

impl Server {
    /// Begins a transaction. Writing ones see what others have committed, reading ones one state.
    pub(super) async fn begin(&self, writes: bool) -> Result<DatabaseTransaction, DbErr> {
        let (isolation_level, access_mode) = match (writes, self.is_ours) {
            (true, true) => (None, None),
            (true, false) => (Some(IsolationLevel::ReadCommitted), None),
            (false, _) => (Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly)),
        };
        let options = TransactionOptions { isolation_level, access_mode, ..TransactionOptions::default() };
        match self.pool.begin_with_options(options).await {
            // Somebody gave up in the middle of beginning, and the caller's pool did not clean up after it.
            Err(error) if !self.is_ours && is_begun_already(&error) => {
                self.pool.begin().await?.rollback().await?;
                self.pool.begin_with_options(options).await
            }
            begun => begun,
        }
    }

    pub(super) async fn draw(&self, texts: &Texts, place: &Place, need: Need) -> Result<Drawn> {
        let source = Source { pool: &self.pool, texts, place, is_ours: self.is_ours };
        self.keys.draw(source, need).await
    }

    pub(super) async fn repeat<T, F: Future<Output = Result<T>>>(
        &self,
        attempt: impl FnMut() -> F,
        long: bool,
    ) -> Result<(T, bool)> {
        let distrust = |began| self.distrust.those_before(began);
        if long {
            let limits = Limits { attempt: LONG.max(self.limits.attempt), ..self.limits.clone() };
            return limits.repeat(attempt, distrust).await;
        }
        self.limits.repeat(attempt, distrust).await
    }
}
