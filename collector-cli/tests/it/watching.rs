//! Nobody has to look: what a run has to bring, who is told, what is measured, what `status` says beside it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::harness::{Sandbox, Simulator, config, get, until};

/// Takes every message and answers 200.
struct Receiver {
    url: String,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/T1/h00k-5ecret", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut bytes = Vec::new();
                let mut buffer = [0; 4_096];
                let body = loop {
                    let more = stream.read(&mut buffer).unwrap_or(0);
                    bytes.extend_from_slice(&buffer[..more]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    if let Some((_, body)) = text.split_once("\r\n\r\n")
                        && let Ok(json) = serde_json::from_str::<Value>(body)
                    {
                        break Some(json);
                    }
                    if more == 0 {
                        break None;
                    }
                };
                kept.lock().unwrap().extend(body);
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .unwrap_or(());
            }
        });
        Self { url, heard }
    }
}

/// A job that asks for these people and expects more of them.
fn text(simulator: &Simulator, more: &str) -> String {
    let handles: Vec<String> = simulator.handles(5).iter().map(|handle| format!("{handle:?}")).collect();
    let text = config(simulator.url()).replace("\"@nobody.of.that.name\"", &handles.join(", "));
    format!("[store]\nurl = \"sqlite:c.db\"\n{text}expect = {{ min_creators = 100 }}\n{more}")
}

#[test]
fn a_run_that_brings_less_than_expected_is_partial() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::new();
    sandbox.write("collector.toml", &text(&simulator, ""));
    let json = sandbox.run(&["run", "people", "--json"]).expect(1).json();
    assert_eq!((&json["exit"], &json["counts"]["dead"]), (&"partial".into(), &0.into()), "{json:#}");
    let missed = json["reasons"][0].as_str().unwrap().to_owned();
    assert!(missed.starts_with("expected 100 or more, got "), "{missed}");
    let status = sandbox.run(&["status", "--json"]).expect(0).json();
    let job = &status["jobs"][0];
    assert_eq!((&job["job"], &job["last"]["end"]), (&"people".into(), &"partial".into()), "{job:#}");
    assert_eq!(job["last"]["missed"][0], missed.as_str());
    let account = &status["accounts"][0];
    assert_eq!(account["account"], "ensembledata");
    let disks: Vec<&str> =
        status["disks"].as_array().unwrap().iter().map(|disk| disk["place"].as_str().unwrap()).collect();
    assert_eq!(disks, ["store", "jsonl"]);
    assert!(status["disks"].as_array().unwrap().iter().all(|disk| disk["used"].as_u64().unwrap() > 0));
    let shown = sandbox.run(&["status"]).expect(0).stdout;
    assert!(shown.ends_with("less came than expected, as the jobs above tell.\n"), "{shown}");
    assert!(shown.contains(&missed) && shown.contains("\njobs\n") && shown.contains("\ndisk\n"), "{shown}");
    // Who limits a run expects no more of it, and less may be expected.
    sandbox
        .run(&["run", "people", "--limit", "2", "--store", "sqlite:other.db", "--jsonl", "other.jsonl"])
        .expect(0);
    let less = text(&simulator, "").replace("min_creators = 100", "min_creators = 1");
    sandbox.write("collector.toml", &less);
    sandbox.run(&["run", "people"]).expect(0);
    let status = sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["jobs"][0]["last"]["missed"], serde_json::json!([]), "{status:#}");
}

#[cfg(unix)]
#[test]
fn what_serve_does_is_measured_told_and_shown() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let receiver = Receiver::start();
    let sandbox = Sandbox::new();
    let more = "every = \"1s\"\n[run]\nworker_ttl = \"3s\"\n[notify]\nwebhook = { env = \"HOOK\" }\n";
    sandbox.write("collector.toml", &text(&simulator, more));
    let mut command = sandbox.command(&["serve", "--admin", "127.0.0.1:0"]);
    command.env("HOOK", &receiver.url);
    let mut serving = sandbox.start_with(command);
    let line = serving.await_stderr("serving as");
    let address = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();

    let metrics = || get(&address, "/metrics").unwrap();
    let fired = "collector_slots_total{job=\"people\",outcome=\"fired\"} ";
    until("a run that ended", || {
        // What the store said a moment ago may be from before.
        let text = metrics();
        text.contains(fired)
            && text.contains("collector_job_last_end_seconds{job=\"people\",end=\"partial\"} ")
    });
    let text = metrics();
    for word in [
        "collector_store_up 1\n",
        "collector_workers 1\n",
        "collector_calls_total{source=\"ensembledata\",kind=\"profile\",outcome=\"answered\"} 5\n",
        "collector_job_last_end_seconds{job=\"people\",end=\"partial\"} ",
        "collector_disk_used_bytes{place=\"store\"} ",
        "collector_sink_pending{sink=\"jsonl\"} 0\n",
        "collector_waiting{reason=\"none\"} 0\n",
    ] {
        assert!(text.contains(word), "{word} is missing in\n{text}");
    }
    assert!(simulator.handles(5).iter().all(|handle| !text.contains(handle)), "a handle in\n{text}");

    until("the message", || !receiver.heard.lock().unwrap().is_empty());
    until("what a worker says of its account", || {
        let status = sandbox.run(&["status", "--json"]).expect(0).json();
        status["accounts"][0]["seen"]["breaker"] == "closed"
    });
    let status = sandbox.run(&["status", "--json"]).expect(0).json();
    let job = &status["jobs"][0];
    assert!(job["next"].is_string() && job["last"]["end"] == "partial", "{job:#}");
    serving.signal("TERM");
    let done = serving.wait().expect(0);
    let heard = receiver.heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 1, "one message for one cause: {heard:#?}");
    assert_eq!((&heard[0]["cause"], &heard[0]["state"]), (&"job/people".into(), &"partial".into()));
    assert!(heard[0]["happened"].as_str().unwrap().contains("expected 100 or more, got "), "{heard:#?}");
    let note = std::fs::read(sandbox.path().join("c.db")).unwrap();
    assert!(!String::from_utf8_lossy(&note).contains("h00k-5ecret"), "a secret in the store");
    assert!(!done.stderr.contains("h00k-5ecret"), "{done:#?}");
}
