//! The store on a database server: `COLLECTOR_TEST_MYSQL` names it, as `mysql://user:password@host:port/database`.

mod conformance;
mod opening;
mod outage;
mod together;

use std::sync::atomic::{AtomicU64, Ordering};

use collector_sinks::sql::{ServerConfig, SqlConfig};
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, SqlxMySqlConnector, Statement};

const NAME: &str = "COLLECTOR_TEST_MYSQL";

/// The server of the tests; none, said once per test, when there is none and none is required.
pub(super) fn url() -> Option<String> {
    let url = std::env::var(NAME).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        assert!(
            std::env::var("COLLECTOR_REQUIRE_SERVICES").is_err(),
            "{NAME} is not set, and COLLECTOR_REQUIRE_SERVICES asks for every server"
        );
        eprintln!("skipped: {NAME} is not set");
    }
    url
}

/// Tables of a name of their own; they are dropped at the end.
pub(super) struct Tables {
    url: String,
    pub(super) prefix: String,
}

/// Tables for one test, unless there is no server.
pub(super) async fn tables() -> Option<Tables> {
    Some(Tables::at(url()?))
}

/// A URL without its password, and the password.
pub(super) fn split(url: &str) -> (String, String) {
    let (start, rest) = url.split_once("://").unwrap();
    let (user, place) = rest.rsplit_once('@').unwrap();
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    (format!("{start}://{user}@{place}"), password.to_owned())
}

impl Tables {
    fn at(url: String) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { url, prefix: format!("t{}_{number}_", std::process::id()) }
    }

    pub(super) fn server(&self) -> ServerConfig {
        let (url, password) = split(&self.url);
        ServerConfig { connections: 4, ..ServerConfig::new(url, password) }
    }

    pub(super) fn config(&self) -> SqlConfig {
        SqlConfig { table_prefix: self.prefix.clone(), ..SqlConfig::on(self.server()) }
    }

    /// The database as any program sees it.
    pub(super) async fn raw(&self) -> DatabaseConnection {
        raw(&self.url).await
    }

    pub(super) async fn names(&self) -> Vec<String> {
        let query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() \
                     AND LEFT(table_name, CHAR_LENGTH(?)) = ? ORDER BY table_name";
        let values = [self.prefix.clone().into(), self.prefix.clone().into()];
        let statement = Statement::from_sql_and_values(DbBackend::MySql, query, values);
        let rows = self.raw().await.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// Empties the tables: as if they had just been made.
    pub(super) async fn clear(&self) {
        let raw = self.raw().await;
        for name in self.names().await {
            let statement = match name.strip_prefix(&self.prefix) {
                Some("meta") => continue,
                Some("counter") => format!("UPDATE {name} SET n = 0"),
                _ => format!("DELETE FROM {name}"),
            };
            raw.execute_unprepared(&statement).await.unwrap();
        }
    }

    async fn drop_all(&self) {
        let names = self.names().await;
        if names.is_empty() {
            return;
        }
        let dropped = self.raw().await.execute_unprepared(&format!("DROP TABLE {}", names.join(", "))).await;
        // Who has the program's rights and no more may not; such a database is made for the tests.
        assert!(dropped.is_ok() || dropped.is_err_and(|error| error.to_string().contains("1142")));
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        let tables = &*self;
        // A runtime of its own: the test's cannot wait here.
        std::thread::scope(|scope| {
            let dropping = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(tables.drop_all());
            });
            if dropping.join().is_err() {
                eprintln!("the tables {}* were not dropped", tables.prefix);
            }
        });
    }
}

pub(super) async fn raw(url: &str) -> DatabaseConnection {
    let options: MySqlConnectOptions = url.parse().unwrap();
    let pool = MySqlPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    SqlxMySqlConnector::from_sqlx_mysql_pool(pool)
}
