//! A server that is away from the real binary: what it says meanwhile, and that it goes on by itself.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Output};

use collector_core::testkit::proxy::{Path as Way, TcpProxy};
use collector_sources::simulator::{Running, SimulatorConfig};
use collector_tests::services;
use serde_json::Value;
use url::Url;

use crate::support::{built, get, handles, simulator, start, stats, until};

const CREATORS: u32 = 120;

/// A simulator, and a folder with a configuration over it.
async fn stage(latency_ms: u64, parts: &str) -> (Running, tempfile::TempDir) {
    let running =
        simulator(SimulatorConfig { creators: CREATORS, latency_ms, ..SimulatorConfig::default() }).await;
    let url = running.url();
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("handles.txt"), handles(&url, CREATORS).await.join("\n"))
        .expect("the handles are written");
    let config = format!(
        "[store]\nurl = \"sqlite:collector.db\"\n{parts}[sources.ensembledata]\nbase_url = \"{url}/ensembledata\"\n\
         token = {{ env = \"COLLECTOR_TEST_TOKEN\" }}\nin_flight = 4\n"
    );
    std::fs::write(dir.path().join("collector.toml"), config).expect("the configuration is written");
    (running, dir)
}

fn run(dir: &Path) -> Child {
    start(&built("collector"), dir, &["run", "--config", "collector.toml", "--file", "handles.txt", "--json"])
}

fn status(dir: &Path) -> Value {
    let child = start(&built("collector"), dir, &["status", "--json", "--config", "collector.toml"]);
    json(&child.wait_with_output().expect("it ends"))
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

async fn ended(child: Child) -> Output {
    tokio::task::spawn_blocking(|| child.wait_with_output().expect("it ends"))
        .await
        .expect("it is waited for")
}

/// Where a server listens.
fn address(url: &str) -> SocketAddr {
    let url = Url::parse(url).expect("a URL");
    url.socket_addrs(|| None).expect("an address with its port")[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_its_search_server_gets_everything_and_the_next_one_delivers_it_for_nothing() {
    let server = services::search();
    // Without a server it never comes back, and the half of it can be shown all the same.
    let behind = server.as_deref().map_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9)), address);
    let proxy = TcpProxy::to(behind).await.expect("a proxy");
    proxy.set(Way::Refuse);
    let index = format!("outage-{:08x}", rand::random::<u32>());
    let parts = format!("[search]\nurl = \"http://{}/{index}\"\n", proxy.address());
    let (simulator, dir) = stage(0, &parts).await;

    let output = ended(run(dir.path())).await;
    let report = json(&output);
    assert_eq!(output.status.code(), Some(1), "{report}");
    let reasons = report["reasons"].to_string();
    assert!(reasons.contains(&format!("pending {CREATORS}: search")), "{reasons}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("waiting: search unreachable since"), "{said}");
    let counts = &status(dir.path())["counts"];
    assert_eq!((&counts["entities"], &counts["waiting"]), (&CREATORS.into(), &serde_json::json!({})));
    let calls = stats(&simulator.url()).await["calls"].clone();
    assert_eq!(calls, CREATORS);

    if let Some(server) = server {
        proxy.set(Way::Open);
        let output = ended(run(dir.path())).await;
        assert_eq!(output.status.code(), Some(0), "{}", json(&output));
        assert_eq!(stats(&simulator.url()).await["calls"], calls, "nobody was asked again");
        get(&server, &format!("/{index}/_refresh")).await;
        let found: Value =
            serde_json::from_str(&get(&server, &format!("/{index}/_count")).await).expect("JSON");
        assert_eq!(found["count"], CREATORS);
    }
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_away_is_named_in_log_and_status_and_the_run_ends_complete() {
    let Some(redis) = services::redis() else { return };
    let proxy = TcpProxy::to(address(&redis)).await.expect("a proxy");
    let url = Url::parse(&redis).expect("a URL");
    let prefix = format!("collector:outage-{:08x}", rand::random::<u32>());
    let parts = format!(
        "[lock]\nurl = \"redis://{}/0\"\npassword = {{ file = \"password\" }}\nprefix = \"{prefix}\"\nttl = \"3s\"\n",
        proxy.address()
    );
    let (simulator, dir) = stage(50, &parts).await;
    std::fs::write(dir.path().join("password"), url.password().unwrap_or_default())
        .expect("the password is written");
    let mut child = run(dir.path());
    until("the first answers", async || {
        assert!(child.try_wait().expect("a status").is_none(), "it ended by itself");
        stats(&simulator.url()).await["subjects_distinct"].as_u64().unwrap_or(0) > 10
    })
    .await;
    proxy.set(Way::Refuse);
    proxy.cut();
    let mut named = Value::Null;
    until("`status` names the lock", async || {
        let waiting = status(dir.path())["counts"]["waiting"].take();
        named = waiting.as_object().and_then(|all| all.values().next().cloned()).unwrap_or_default();
        named["part"] == "lock"
    })
    .await;
    assert_eq!(named["problem"], "unreachable", "{named}");
    assert!(named["error"].as_str().is_some_and(|error| error.contains("redis://")), "{named}");
    proxy.set(Way::Open);
    let output = ended(child).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let words = format!("waiting: lock unreachable since {}", named["since"].as_str().expect("a moment"));
    assert!(said.contains(&words), "{words} is not in the log: {said}");
    let counts = &status(dir.path())["counts"];
    assert_eq!((&counts["entities"], &counts["waiting"]), (&CREATORS.into(), &serde_json::json!({})));
    assert_eq!(stats(&simulator.url()).await["bought_more_than_once"], 0);
    simulator.stop().await;
}
