//! What a person is told about a server that cannot be used, and that no password is ever told.

use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use collector_sinks::redis::{Redis, RedisConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::server::{self, OwnServer};

async fn refusal(config: RedisConfig) -> Error {
    let shown = format!("{config:?}");
    let error = Redis::new(config).unwrap().check().await.unwrap_err();
    assert!(error.to_string().contains("redis://127.0.0.1:"), "the address is missing: {error}");
    let said = format!("{error:?} {error} {shown}");
    assert!(!said.contains("hunter2") && !said.contains("hunter3"), "{said}");
    error
}

fn assert_says(error: &Error, kind: ErrorKind, what: &str) {
    assert!(error.kind() == kind && error.message().contains(what), "{kind}, {what}: {error:?}");
}

#[tokio::test]
async fn a_server_that_is_well_has_nothing_to_warn_of() {
    let Some(config) = server::given() else { return };
    assert_eq!(Redis::new(config).unwrap().check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_password_a_wrong_user_and_none() {
    let Some(server) = OwnServer::start(&["--requirepass", "hunter2"]).await else { return };
    let config = server.config();
    Redis::new(config.clone().password("hunter2")).unwrap().check().await.unwrap();
    let wrong = refusal(config.clone().password("hunter3")).await;
    assert_says(&wrong, ErrorKind::Unauthorized, "correct them");
    let nobody = refusal(config.clone().user("nobody").password("hunter2")).await;
    assert_says(&nobody, ErrorKind::Unauthorized, "correct them");
    assert_says(&refusal(config).await, ErrorKind::Unauthorized, "wants a password");
}

const RIGHTS: [&str; 9] =
    ["+evalsha", "+script|load", "+set", "+get", "+del", "+pttl", "+pexpire", "+time", "+info"];

fn set_user(server: &OwnServer, keys: &str, rights: &[&str]) {
    let mut words = vec!["ACL", "SETUSER", "someone", "reset", "on", ">hunter2", keys];
    words.extend(rights);
    assert_eq!(server.cli(&words).trim(), "OK");
}

#[tokio::test]
async fn each_missing_right_is_named_and_the_documented_ones_suffice() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let config = server.config().user("someone").password("hunter2");
    set_user(&server, "~collector:*", &RIGHTS);
    assert_eq!(Redis::new(config.clone()).unwrap().check().await.unwrap(), Vec::<String>::new());
    for missing in &RIGHTS[..8] {
        let rest: Vec<_> = RIGHTS.into_iter().filter(|right| right != missing).collect();
        server.cli(&["SCRIPT", "FLUSH"]);
        set_user(&server, "~collector:*", &rest);
        let error = refusal(config.clone()).await;
        assert_says(&error, ErrorKind::Unauthorized, missing.trim_start_matches('+'));
    }
    set_user(&server, "~elsewhere:*", &RIGHTS);
    assert_says(&refusal(config.clone()).await, ErrorKind::Unauthorized, "may not use our keys");
    set_user(&server, "~collector:*", &RIGHTS[..8]);
    let warnings = Redis::new(config).unwrap().check().await.unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("+info"), "{warnings:?}");
}

#[tokio::test]
async fn a_replica_a_full_server_and_one_that_throws_locks_away() {
    let Some(primary) = OwnServer::start(&[]).await else { return };
    let port = primary.address().port().to_string();
    let Some(replica) = OwnServer::start(&["--replicaof", &format!("127.0.0.1 {port}")]).await else {
        return;
    };
    assert_says(&refusal(replica.config()).await, ErrorKind::Unavailable, "read-only replica");

    primary.cli(&["CONFIG", "SET", "maxmemory", "100mb"]);
    primary.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let warnings = Redis::new(primary.config()).unwrap().check().await.unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("allkeys-lru"), "{warnings:?}");

    primary.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    primary.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_says(&refusal(primary.config()).await, ErrorKind::Unavailable, "out of memory");
}

#[tokio::test]
async fn a_shard_of_a_cluster_and_a_database_that_is_not_there() {
    let cluster = ["--cluster-enabled", "yes"];
    let (Some(one), Some(other)) = (OwnServer::start(&cluster).await, OwnServer::start(&cluster).await)
    else {
        return;
    };
    one.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "8000"]);
    other.cli(&["CLUSTER", "ADDSLOTSRANGE", "8001", "16383"]);
    one.cli(&["CLUSTER", "MEET", "127.0.0.1", &other.address().port().to_string()]);
    let limit = Instant::now() + Duration::from_secs(30);
    while !one.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok") {
        assert!(Instant::now() < limit, "{}", one.cli(&["CLUSTER", "INFO"]));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_says(&refusal(one.config()).await, ErrorKind::ConfigInvalid, "one shard of a cluster");

    let Some(server) = OwnServer::start(&[]).await else { return };
    let beyond = RedisConfig::parse(&format!("redis://{}/4711", server.address())).unwrap();
    assert_says(&refusal(beyond).await, ErrorKind::ConfigInvalid, "no database of that number");
}

/// A server that says this to everybody, and hangs up.
async fn saying(words: &'static str) -> RedisConfig {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            assert!(stream.read(&mut [0; 64]).await.unwrap() > 0);
            stream.write_all(words.as_bytes()).await.unwrap();
        }
    });
    RedisConfig::parse(&format!("redis://:hunter2@{address}")).unwrap()
}

#[tokio::test]
async fn another_kind_of_server_and_none_at_all() {
    let web = refusal(saying("HTTP/1.1 400 Bad Request\r\n\r\n").await).await;
    assert_says(&web, ErrorKind::ConfigInvalid, "is no Redis");
    let mute = refusal(saying("").await).await;
    assert_says(&mute, ErrorKind::Unavailable, "hung up at the first word");

    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let error = refusal(RedisConfig::parse(&format!("redis://{nobody}")).unwrap()).await;
    assert_says(&error, ErrorKind::Unavailable, "nothing listens there");
}
