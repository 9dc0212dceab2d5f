//! The servers a benchmark shares with its processes: named by the environment, as `tests/services/up.sh` prints it.

use std::net::SocketAddr;

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
    /// Where pictures are kept, if they are.
    bucket: Option<Bucket>,
    /// What the run's tables, keys and index begin with.
    name: String,
}

/// A bucket, its key, and who may be asked for pictures.
#[derive(Debug)]
struct Bucket {
    url: Url,
    access_key: String,
    secret_key: String,
    allow: String,
}

/// One of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Server {
    /// The lock and the shared rate.
    Redis,
    /// The store.
    Mysql,
    /// The index.
    Search,
    /// The pictures.
    S3,
}

impl Server {
    /// What the log and `status` call the parts that it serves.
    pub(super) fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Redis => &["lock", "rate"],
            Self::Mysql => &["store"],
            Self::Search => &["search"],
            Self::S3 => &["images"],
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Mysql => "mysql",
            Self::Search => "search",
            Self::S3 => "s3",
        }
    }
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
        Ok(Self { mysql, redis, search: find("COLLECTOR_TEST_SEARCH")?, bucket: None, name })
    }

    /// Keeps pictures, too; they come from the simulator.
    pub(super) fn with_pictures(mut self, simulator: &str) -> Result<Self, Failure> {
        let var =
            |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set, see tests/services"));
        self.bucket = Some(Bucket {
            url: find("COLLECTOR_TEST_S3")?,
            access_key: var("COLLECTOR_TEST_S3_ACCESS_KEY")?,
            secret_key: var("COLLECTOR_TEST_S3_SECRET_KEY")?,
            allow: simulator.trim_start_matches("http://").to_owned(),
        });
        Ok(self)
    }

    fn url(&mut self, server: Server) -> Result<&mut Url, Failure> {
        Ok(match server {
            Server::Redis => &mut self.redis,
            Server::Mysql => &mut self.mysql,
            Server::Search => &mut self.search,
            Server::S3 => &mut self.bucket.as_mut().ok_or("this run keeps no pictures")?.url,
        })
    }

    /// Where a server listens.
    pub(super) fn address(&mut self, server: Server) -> Result<SocketAddr, Failure> {
        let addresses =
            self.url(server)?.socket_addrs(|| Some(if server == Server::Redis { 6379 } else { 3306 }))?;
        Ok(*addresses.first().ok_or("the server's name has no address")?)
    }

    /// From now on a server is reached somewhere else; with `open` it wants no password there.
    pub(super) fn reach(&mut self, server: Server, at: SocketAddr, open: bool) -> Result<(), Failure> {
        let url = self.url(server)?;
        url.set_ip_host(at.ip()).map_err(|()| "this URL has no host")?;
        url.set_port(Some(at.port())).map_err(|()| "this URL has no port")?;
        if open {
            url.set_password(None).map_err(|()| "this URL has no password")?;
        }
        Ok(())
    }

    /// What the run's tables, keys and index begin with.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The configuration of every process.
    pub(super) fn config(&self, vendor: &str, knobs: &Knobs) -> String {
        let Knobs { ttl_s, in_flight, commit_window, per_second, units_per_day } = *knobs;
        let (mysql, redis, name) = (bare(&self.mysql), bare(&self.redis), &self.name);
        let password = match self.redis.password() {
            Some(_) => "password = { env = \"BENCH_REDIS\" }\n",
            None => "",
        };
        let images = self.bucket.as_ref().map_or_else(String::new, |bucket| {
            format!(
                "[images]\nurl = \"{}/{name}\"\naccess_key = {{ env = \"BENCH_S3_KEY\" }}\n\
                 secret_key = {{ env = \"BENCH_S3_SECRET\" }}\nallow = [\"{}\"]\n\n",
                bucket.url.as_str().trim_end_matches('/'),
                bucket.allow
            )
        });
        let mut text = format!(
            "[store]\nurl = \"{mysql}\"\npassword = {{ env = \"BENCH_MYSQL\" }}\ntable_prefix = \"{name}_\"\n\n\
             {images}[lock]\nurl = \"{redis}\"\n{password}prefix = \"collector:{name}\"\n\
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
        let mut secrets = vec![
            ("BENCH_TOKEN", TOKEN.to_owned()),
            ("BENCH_MYSQL", password(&self.mysql)),
            ("BENCH_REDIS", password(&self.redis)),
        ];
        if let Some(bucket) = &self.bucket {
            secrets.push(("BENCH_S3_KEY", bucket.access_key.clone()));
            secrets.push(("BENCH_S3_SECRET", bucket.secret_key.clone()));
        }
        secrets
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
        // A run that never reached the server has made no index.
        if client.head(self.index()).send().await?.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(0);
        }
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

    /// The rows of a query for whole numbers, so many a row; NULL is -1.
    pub(super) async fn numbers<const N: usize>(&self, sql: &str) -> Result<Vec<[i64; N]>, Failure> {
        let sql = sql.replace('@', &self.prefix);
        let rows = self.connection.query_all_raw(Statement::from_string(DbBackend::MySql, sql)).await?;
        let number = |row: &sea_orm::QueryResult, at| row.try_get_by_index::<Option<i64>>(at);
        let mut read = Vec::with_capacity(rows.len());
        for row in rows {
            let mut numbers = [0; N];
            for (at, slot) in numbers.iter_mut().enumerate() {
                *slot = number(&row, at)?.unwrap_or(-1);
            }
            read.push(numbers);
        }
        Ok(read)
    }
}
