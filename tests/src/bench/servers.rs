//! The servers a benchmark shares with its processes: named by the environment, as `tests/services/up.sh` prints it.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use serde_json::Value;
use url::Url;

use super::Failure;
use super::collect::TOKEN;
use super::process::client;

/// Where everything of one run is kept, under names of its own.
#[derive(Debug)]
pub(super) struct Servers {
    mysql: Url,
    redis: Url,
    search: Url,
    /// What the run's tables, keys and index begin with.
    name: String,
}

/// What the configuration of a run says besides its servers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Knobs {
    /// What a worker and a lease may be silent, in seconds.
    pub(super) ttl_s: u64,
    /// Calls at once in a process.
    pub(super) in_flight: u32,
    /// Finished calls that may wait for their commit.
    pub(super) commit_window: u32,
    /// The rate the vendor told us.
    pub(super) per_second: Option<u32>,
    /// What may be spent a day.
    pub(super) units_per_day: Option<u32>,
}

fn find(variable: &str) -> Result<Url, Failure> {
    let text = std::env::var(variable)
        .map_err(|_| format!("{variable} is not set: eval \"$(tests/services/up.sh)\" starts the servers"))?;
    Ok(Url::parse(&text).map_err(|error| format!("{variable} is no URL: {error}"))?)
}

/// The URL without its password.
fn bare(url: &Url) -> Url {
    let mut url = url.clone();
    // Fails for URLs that cannot have a password, and then there is none.
    url.set_password(None).unwrap_or_default();
    url
}

impl Servers {
    /// Those the environment names.
    pub(super) fn find() -> Result<Self, Failure> {
        let name = format!("bench{:08x}", rand::random::<u32>());
        let (mysql, redis) = (find("COLLECTOR_TEST_MYSQL")?, find("COLLECTOR_TEST_REDIS")?);
        Ok(Self { mysql, redis, search: find("COLLECTOR_TEST_SEARCH")?, name })
    }

    /// The configuration of every process.
    pub(super) fn config(&self, vendor: &str, knobs: &Knobs) -> String {
        let Knobs { ttl_s, in_flight, commit_window, per_second, units_per_day } = *knobs;
        let (mysql, redis, name) = (bare(&self.mysql), bare(&self.redis), &self.name);
        let mut text = format!(
            "[store]\nurl = \"{mysql}\"\npassword = {{ env = \"BENCH_MYSQL\" }}\ntable_prefix = \"{name}_\"\n\n\
             [lock]\nurl = \"{redis}\"\npassword = {{ env = \"BENCH_REDIS\" }}\nprefix = \"collector:{name}\"\n\
             ttl = \"{ttl_s}s\"\n\n[search]\nurl = \"{}\"\n\n\
             [run]\nworker_ttl = \"{ttl_s}s\"\ncommit_window = {commit_window}\n\n\
             [sources.ensembledata]\nbase_url = \"{vendor}\"\ntoken = {{ env = \"BENCH_TOKEN\" }}\n\
             in_flight = {in_flight}\n",
            self.index(),
        );
        for (key, value) in [("per_second", per_second), ("units_per_day", units_per_day)] {
            if let Some(value) = value {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        text
    }

    /// The secrets that the configuration names.
    pub(super) fn secrets(&self) -> Vec<(&'static str, String)> {
        let password = |url: &Url| url.password().unwrap_or_default().to_owned();
        vec![
            ("BENCH_TOKEN", TOKEN.to_owned()),
            ("BENCH_MYSQL", password(&self.mysql)),
            ("BENCH_REDIS", password(&self.redis)),
        ]
    }

    fn index(&self) -> String {
        format!("{}/{}", self.search.as_str().trim_end_matches('/'), self.name)
    }

    /// Opens the database for counting.
    pub(super) async fn rows(&self) -> Result<ServerRows, Failure> {
        let connection = Database::connect(self.mysql.as_str()).await?;
        Ok(ServerRows { connection, prefix: format!("{}_", self.name) })
    }

    /// How many documents can be found.
    pub(super) async fn documents(&self) -> Result<i64, Failure> {
        let client = client()?;
        // What was written within the last second need not be found yet.
        client.post(format!("{}/_refresh", self.index())).send().await?.error_for_status()?;
        let answer = client.get(format!("{}/_count", self.index())).send().await?.text().await?;
        let read: Value = serde_json::from_str(&answer)?;
        Ok(read["count"].as_i64().ok_or_else(|| format!("the search server answered {answer}"))?)
    }
}

/// A run's tables.
#[derive(Debug)]
pub(super) struct ServerRows {
    connection: DatabaseConnection,
    prefix: String,
}

impl ServerRows {
    /// The first column of the first row; `@` stands for the prefix of the tables.
    pub(super) async fn count(&self, sql: &str) -> Result<i64, Failure> {
        let sql = sql.replace('@', &self.prefix);
        let row = self.connection.query_one_raw(Statement::from_string(DbBackend::MySql, sql)).await?;
        Ok(row.ok_or("no row")?.try_get_by_index(0)?)
    }
}
