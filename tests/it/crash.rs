//! The real binary, killed in mid-run.

use std::collections::BTreeSet;

use collector_sources::simulator::SimulatorConfig;

use crate::support::{built, change_log, handles, simulator, start, stats, until};

const CREATORS: u32 = 400;
const KILLS: u64 = 4;
const IN_FLIGHT: u64 = 16;
const WINDOW: u64 = 16;

#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_nothing_is_lost_doubled_or_bought_again_beyond_the_window() {
    let running =
        simulator(SimulatorConfig { creators: CREATORS, latency_ms: 20, ..SimulatorConfig::default() }).await;
    let url = running.url();
    let dir = tempfile::tempdir().expect("a folder");
    let handles = handles(&url, CREATORS).await;
    std::fs::write(dir.path().join("handles.txt"), handles.join("\n")).expect("the handles are written");
    let config = format!(
        "[store]\nurl = \"sqlite:collector.db\"\n[jsonl]\npath = \"creators.jsonl\"\n[run]\ncommit_window = {WINDOW}\n\
         [sources.ensembledata]\nbase_url = \"{url}/ensembledata\"\ntoken = {{ env = \"COLLECTOR_TEST_TOKEN\" }}\n\
         in_flight = {IN_FLIGHT}\n"
    );
    std::fs::write(dir.path().join("collector.toml"), config).expect("the config is written");
    let args = ["run", "--config", "collector.toml", "--file", "handles.txt", "--json"];
    let binary = built("collector");
    for kill in 1..=KILLS {
        let mut child = start(&binary, dir.path(), &args);
        let target = u64::from(CREATORS) * kill / (KILLS + 2);
        until("the next share of the answers", async || {
            assert!(
                child.try_wait().expect("a status").is_none(),
                "the collector ended by itself before kill {kill}"
            );
            stats(&url).await["subjects_distinct"].as_u64().unwrap_or(0) >= target
        })
        .await;
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
    }
    let output = start(&binary, dir.path(), &args).wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));

    let records = change_log(&dir.path().join("creators.jsonl"));
    let stored: BTreeSet<String> =
        records.values().filter_map(|record| record["handle"].as_str().map(str::to_owned)).collect();
    assert_eq!(records.len(), handles.len(), "one record per creator");
    assert_eq!(stored, handles.iter().cloned().collect(), "exactly these creators");
    let calls = stats(&url).await["calls"].as_u64().expect("a number");
    let again = calls - u64::from(CREATORS);
    assert!(again <= KILLS * (IN_FLIGHT + WINDOW), "{again} calls were bought again");
    assert!(again > 0, "no kill hit a call in flight; the test shows nothing");
    running.stop().await;
}
