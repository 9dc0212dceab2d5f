//! The examples as programs: asked over HTTP, stopped by SIGTERM.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};

use collector_sources::simulator::SimulatorConfig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{TOKEN, built, get, handles, simulator, start, until};

fn terminate(child: &Child) {
    let id = i32::try_from(child.id()).expect("a process id");
    kill(Pid::from_raw(id), Signal::SIGTERM).expect("the signal is sent");
}

/// Waits until it has ended, without blocking the simulator, and gives what it said from now on.
async fn ended(mut child: Child) -> String {
    let mut status = None;
    until("the program's end", async || {
        status = child.try_wait().expect("a status");
        status.is_some()
    })
    .await;
    let (mut said, mut complained) = (String::new(), String::new());
    child.stdout.take().expect("its output").read_to_string(&mut said).expect("text");
    child.stderr.take().expect("its errors").read_to_string(&mut complained).expect("text");
    assert!(status.is_some_and(|status| status.success()), "{status:?}: {said}{complained}");
    said
}

/// A service on a free port, with its address.
fn serve(dir: &std::path::Path, vendor: &str) -> (Child, String) {
    let mut child = start(&built("examples/embed_in_axum"), dir, &["service", vendor, TOKEN, "127.0.0.1:0"]);
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    output.read_line(&mut line).expect("a line");
    child.stdout = Some(output.into_inner());
    let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("it said {line:?}"));
    (child, url.to_owned())
}

/// The status and the body of an answer.
async fn ask(method: &str, url: &str) -> (u16, String) {
    let method = method.parse().expect("a method");
    let answer = client().request(method, url).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

fn client() -> reqwest::Client {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().expect("a client")
}

async fn json(method: &str, url: &str) -> Value {
    let (status, body) = ask(method, url).await;
    assert_eq!(status, 200, "{url}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{url}: {error}: {body}"))
}

/// Refreshes somebody and waits for the run's end; gives the run.
async fn refreshed(url: &str, handle: &str) -> Value {
    let run = json("POST", &format!("{url}/refresh/{handle}")).await["run"].clone();
    let mut state = Value::Null;
    until("the end of a refresh", async || {
        state = json("GET", &format!("{url}/runs/{run}")).await;
        state["ended"] != Value::Null
    })
    .await;
    state
}

#[tokio::test(flavor = "multi_thread")]
async fn the_web_service_refreshes_finds_refuses_and_stops() {
    let vendor = simulator(SimulatorConfig { creators: 200, ..SimulatorConfig::default() }).await;
    let known: Value = get(&vendor.url(), "/truth?from=0&limit=200")
        .await
        .lines()
        .map(|line| serde_json::from_str(line).expect("a truth is JSON"))
        .find(|row: &Value| row["handle"].is_string())
        .expect("somebody");
    let everybody = handles(&vendor.url(), 200).await;
    let dir = tempfile::tempdir().expect("a folder");
    let (child, url) = serve(dir.path(), &format!("{}/ensembledata", vendor.url()));
    let mut found = None;
    for handle in everybody.iter().take(20) {
        let state = refreshed(&url, handle).await;
        assert_eq!((&state["open"], &state["pending"]), (&0.into(), &0.into()), "{state}");
        let hits = json("GET", &format!("{url}/search?q=%40{handle}")).await;
        if hits["total"] == 1 {
            assert_eq!(hits["hits"][0]["creator"]["handle"], **handle);
            found = Some(handle.clone());
            break;
        }
    }
    let found = found.unwrap_or_else(|| panic!("nobody of 20 was found, for example {known}"));

    let (status, why) = ask("GET", &format!("{url}/search?q=folowers%3A10k..")).await;
    assert_eq!(status, 400);
    assert!(why.contains("did you mean `followers`?") && why.contains("\n^^^^^^^^"), "{why}");
    assert_eq!(ask("GET", &format!("{url}/search?q=list%3Anobody")).await.0, 400, "it keeps no lists");
    assert_eq!(ask("GET", &format!("{url}/runs/999999")).await, (404, "there is no run 999999".to_owned()));
    terminate(&child);
    ended(child).await;

    let (child, url) = serve(dir.path(), &format!("{}/ensembledata", vendor.url()));
    let hits = json("GET", &format!("{url}/search?q=%40{found}")).await;
    assert_eq!(hits["total"], 1, "what was found before the restart is found after it");
    terminate(&child);
    ended(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_of_another_api_pages_and_is_tried_again() {
    let output = Command::new(built("examples/custom_source")).arg("57").output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Six pages, and every third call fails: eight calls.
    assert_eq!(said.trim(), "Complete: 57 reviews, 2 retries");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sink_of_another_format_writes_everybody() {
    let vendor = simulator(SimulatorConfig { creators: 40, ..SimulatorConfig::default() }).await;
    let everybody = handles(&vendor.url(), 40).await;
    let dir = tempfile::tempdir().expect("a folder");
    let vendor_url = format!("{}/ensembledata", vendor.url());
    let mut args = vec!["creators.csv", &vendor_url, TOKEN];
    args.extend(everybody.iter().map(String::as_str));
    let said = ended(start(&built("examples/custom_sink"), dir.path(), &args)).await;
    let text = std::fs::read_to_string(dir.path().join("creators.csv")).expect("the file");
    let lines = text.lines().count();
    assert!(lines > 20 && text.starts_with("key,version,handle,name,followers\n"), "{said}{text}");
    assert!(said.contains(" creators written to creators.csv"), "{said}");
    assert!(everybody.iter().filter(|handle| text.contains(&format!(",{handle},"))).count() > 20, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_asked_to_stop_says_how_far_it_came() {
    let dir = tempfile::tempdir().expect("a folder");
    let child = start(&built("examples/own_item"), dir.path(), &["books", "100000"]);
    let log = dir.path().join("books/books.jsonl");
    until("some books", async || std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() > 20))
        .await;
    terminate(&child);
    let said = ended(child).await;
    assert!(said.contains("not complete") && said.contains("stopped before it was done"), "{said}");
}
