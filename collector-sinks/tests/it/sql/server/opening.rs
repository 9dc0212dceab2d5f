//! Opening: wrong passwords, databases, servers and rights; tables that are made by several at once.

use std::sync::Arc;
use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use collector_core::store::Store;
use collector_core::testkit::store::TestDomain;
use collector_sinks::sql::{Migrate, ServerConfig, SqlConfig, SqlStore, SslMode};
use sea_orm::ConnectionTrait;
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};

use super::{Tables, tables};

async fn open(config: &SqlConfig) -> Result<SqlStore<TestDomain>, Error> {
    SqlStore::open(config, Arc::new(TestDomain)).await
}

async fn refused(config: SqlConfig, parts: &[&str]) {
    let error = match open(&config).await {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error,
    };
    let shown = format!("{error} {error:?}");
    for part in parts {
        assert!(shown.contains(part), "{shown} does not say {part:?}");
    }
    let password = config.server.as_ref().map_or("", |server| server.password.expose());
    assert!(password.is_empty() || !shown.contains(password), "{shown} shows the password");
}

fn with(tables: &Tables, change: impl FnOnce(&mut ServerConfig)) -> SqlConfig {
    let mut config = tables.config();
    change(config.server.as_mut().unwrap());
    config
}

#[tokio::test]
async fn a_wrong_password_is_told_with_user_and_host() {
    let Some(tables) = tables().await else { return };
    let config = with(&tables, |server| server.password = "not-it-at-all".into());
    refused(config, &["1045", "Access denied", "password", "check both"]).await;
}

#[tokio::test]
async fn a_missing_database_is_named() {
    let Some(tables) = tables().await else { return };
    let config =
        with(&tables, |server| server.url = server.url.rsplit_once('/').unwrap().0.to_owned() + "/nowhere");
    refused(config, &["nowhere", "database"]).await;
}

#[tokio::test]
async fn nobody_there_is_told_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("mysql://a@127.0.0.1:{port}/d");
    let server =
        ServerConfig { connect_timeout: Duration::from_secs(2), ..ServerConfig::new(url, "pw-secret") };
    refused(SqlConfig::on(server), &["does not answer", &port.to_string()]).await;
}

#[tokio::test]
async fn another_kind_of_server_is_noticed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
        }
    };
    let url = format!("mysql://a@127.0.0.1:{port}/d");
    let config = SqlConfig::on(ServerConfig::new(url, "pw-secret"));
    tokio::select! {
        () = answering => unreachable!(),
        () = refused(config, &["does not speak MySQL's protocol"]) => {}
    }
}

#[tokio::test]
async fn encryption_the_server_lacks_is_told_with_the_setting() {
    let Some(tables) = tables().await else { return };
    let has_tls = open(&with(&tables, |server| server.ssl_mode = SslMode::Required)).await.is_ok();
    let config = with(&tables, |server| server.ssl_mode = SslMode::VerifyIdentity);
    let part = if has_tls { "ssl_ca" } else { "ssl_mode" };
    refused(config, &[part]).await;
    open(&with(&tables, |server| server.ssl_mode = SslMode::Disabled)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_that_open_at_once_make_the_tables_once() {
    let Some(tables) = tables().await else { return };
    let config = tables.config();
    let opened = futures_util::future::join_all((0..8).map(|_| open(&config))).await;
    for store in opened {
        store.unwrap().counts().await.unwrap();
    }
    assert!(tables.names().await.iter().all(|name| name.starts_with(&tables.prefix)));
}

#[tokio::test]
async fn tables_that_were_made_half_way_are_completed() {
    let (Some(whole), Some(tables)) = (tables().await, tables().await) else { return };
    open(&whole.config()).await.unwrap();
    let raw = tables.raw().await;
    let prefix = &tables.prefix;
    let begun = whole.names().await.into_iter().filter_map(|name| {
        let own = name.strip_prefix(&whole.prefix)?;
        (own != "list_member").then(|| format!("CREATE TABLE {prefix}{own} LIKE {name}"))
    });
    let whole = &whole.prefix;
    let rest = [
        format!("ALTER TABLE {prefix}dead DROP INDEX {whole}dead_by_task"),
        format!("INSERT INTO {prefix}meta SELECT * FROM {whole}meta WHERE name <> 'schema'"),
        format!("UPDATE {prefix}meta SET value = 2 WHERE name = 'begun'"),
    ];
    for statement in begun.collect::<Vec<_>>().into_iter().chain(rest) {
        raw.execute_unprepared(&statement).await.unwrap();
    }
    let store = open(&tables.config()).await.unwrap();
    assert_eq!(store.list("nobody").await.unwrap(), None);
    let index = format!("ALTER TABLE {prefix}dead DROP INDEX {prefix}dead_by_task");
    // There again: dropping it succeeds, or the user may not alter; it never says that there is none.
    if let Err(error) = raw.execute_unprepared(&index).await {
        assert!(!error.to_string().contains("1091"), "{error}");
    }
}

#[tokio::test]
async fn another_programs_table_is_never_taken_for_ours() {
    let Some(tables) = tables().await else { return };
    let foreign = format!("{}run", tables.prefix);
    let raw = tables.raw().await;
    raw.execute_unprepared(&format!("CREATE TABLE {foreign} (title TEXT)")).await.unwrap();
    for _ in 0..2 {
        refused(tables.config(), &["table_prefix", &foreign]).await;
    }
}

#[tokio::test]
async fn tables_are_not_made_when_they_are_only_to_be_checked() {
    let Some(tables) = tables().await else { return };
    refused(with(&tables, |server| server.migrate = Migrate::Check), &["missing"]).await;
    assert!(tables.names().await.is_empty());
    open(&tables.config()).await.unwrap();
    open(&with(&tables, |server| server.migrate = Migrate::Check)).await.unwrap();
    let reader = SqlStore::open_reader(&tables.config(), Arc::new(TestDomain)).await.unwrap();
    let error = reader.unpark("a").await.unwrap_err();
    assert!(error.to_string().contains("for reading only"), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let Some(tables) = tables().await else { return };
    open(&tables.config()).await.unwrap();
    let newer = format!("UPDATE {}meta SET value = 99 WHERE name = 'schema'", tables.prefix);
    tables.raw().await.execute_unprepared(&newer).await.unwrap();
    refused(tables.config(), &["version 99"]).await;
}

#[tokio::test]
async fn a_callers_connections_serve_as_well() {
    let Some(tables) = tables().await else { return };
    let options: MySqlConnectOptions = tables.url.parse().unwrap();
    let pool = MySqlPoolOptions::new().max_connections(3).connect_with(options).await.unwrap();
    let config = SqlConfig { server: None, ..tables.config() };
    let strict = "SET SESSION sql_mode = ''";
    pool.acquire().await.unwrap();
    match SqlStore::from_pool(pool.clone(), &config, Arc::new(TestDomain)).await {
        Ok(store) => store.counts().await.map(|_| ()).unwrap(),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}"),
    }
    let options: MySqlConnectOptions = tables.url.parse().unwrap();
    let lax = MySqlPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    sea_orm::sqlx::query(strict).execute(&lax).await.unwrap();
    let error = SqlStore::from_pool(lax, &config, Arc::new(TestDomain)).await.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("STRICT_ALL_TABLES"), "{error}");
}
