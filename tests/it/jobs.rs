//! A vendor that works on an answer, and a collector that is killed while it does.

use collector_core::testkit::server::{Answer, ScriptServer};
use serde_json::json;

use crate::support::{built, change_log, start, until};

const SOURCE: &str = r#"
base_url = "http://replaced.example"
[calls.export]
subject = "keyword"
path = "/exports"
body = { query = "{subject}" }
items = "$.rows[*]"
paging = { type = "single" }
fields = { uid = "$.id", handle = "$.name", followers = "$.fans" }
[calls.export.job]
id = "$.job"
[calls.export.job.poll]
path = "/exports/{job}"
every = "50ms"
status = "$.state"
ready = ["done"]
[calls.export.job.download]
path = "/exports/{job}/rows"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_submitted_once_however_often_the_collector_is_killed_before_its_download() {
    let server = ScriptServer::start().await.expect("a server");
    let dir = tempfile::tempdir().expect("a folder");
    let config = format!(
        "[store]\nurl = \"sqlite:collector.db\"\n[jsonl]\npath = \"creators.jsonl\"\n[sources.export]\ntype = \"http\"\n\
         file = \"export.toml\"\nbase_url = \"{}\"\n[[jobs]]\nname = \"tea\"\nquery = {{ keywords = [\"tea\"] }}\n",
        server.url()
    );
    std::fs::write(dir.path().join("collector.toml"), config).expect("the config is written");
    std::fs::write(dir.path().join("export.toml"), SOURCE).expect("the source is written");
    let args = ["run", "tea", "--json"];
    let binary = built("collector");
    let running = || std::iter::repeat_n(Answer::json(&json!({ "state": "running" })), 500);
    let mut submissions = 0;
    for kill in 0..3 {
        let submitted = (kill == 0).then(|| Answer::json(&json!({ "job": "j-1" })));
        server.script(submitted.into_iter().chain(running()));
        let mut child = start(&binary, dir.path(), &args);
        until("two questions about the job", async || {
            assert!(child.try_wait().expect("a status").is_none(), "it ended by itself before kill {kill}");
            server.seen().iter().filter(|seen| seen.method == "GET").count() >= 2
        })
        .await;
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
        submissions += server.seen().iter().filter(|seen| seen.method == "POST").count();
    }
    server.script([
        Answer::json(&json!({ "state": "done" })),
        Answer::json(&json!({ "rows": [{ "id": "1", "name": "tea.room", "fans": 7 }] })),
    ]);
    let output = start(&binary, dir.path(), &args).wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    submissions += server.seen().iter().filter(|seen| seen.method == "POST").count();
    assert_eq!(submissions, 1, "the job was submitted once");
    assert!(server.seen().iter().any(|seen| seen.target == "/exports/j-1/rows"), "{:?}", server.seen());
    let records = change_log(&dir.path().join("creators.jsonl"));
    let fans: Vec<_> = records.values().map(|record| record["followers"].as_u64()).collect();
    assert_eq!(fans, [Some(7)]);
}
