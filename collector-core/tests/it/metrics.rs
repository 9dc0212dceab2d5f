//! Metrics as a contract: table, page, exposition, dashboard and alert rules tell the same names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use collector_core::error::ErrorKind;
use collector_core::metrics::{Disk, Form, LABELS, Meter, Metric, Snapshot, TABLE, expose, page};
use collector_core::observe::{Event, Observer};
use collector_core::pipeline::{Job, SourceOptions};
use collector_core::store::{Budget, Store, Waiting};
use tokio_util::sync::CancellationToken;

use crate::support::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// One line of an exposition.
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    number: f64,
}

fn samples(text: &str) -> Vec<Sample> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (head, number) = line.rsplit_once(' ').unwrap();
        let (name, labels) = head.split_once('{').unwrap_or((head, "}"));
        let labels = labels.strip_suffix('}').unwrap();
        let pairs = labels.split("\",").filter(|pair| !pair.is_empty());
        let labels = pairs.map(|pair| {
            let (label, value) = pair.split_once("=\"").unwrap();
            (label.to_owned(), value.trim_end_matches('"').to_owned())
        });
        let number = if number == "+Inf" { f64::INFINITY } else { number.parse().unwrap() };
        Sample { name: name.to_owned(), labels: labels.collect(), number }
    };
    lines.map(sample).collect()
}

/// The metric that a sample is of.
fn metric_of(sample: &Sample) -> &'static Metric {
    let is = |metric: &&&Metric| match metric.form() {
        Form::Histogram => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|part| sample.name.strip_suffix(part) == Some(metric.name())),
        _ => sample.name == metric.name(),
    };
    TABLE.iter().find(is).unwrap_or_else(|| panic!("{} is not in the table", sample.name))
}

/// What a run of everything that can happen exposes: calls that work and fail, a sink that is down for a while, an account
/// that is kept out.
async fn after_a_small_run() -> String {
    let world = World::of_things();
    let meter = Meter::default();
    let api = Scripted::new("api", |asked: &Asked| match asked.subject() {
        "h003" => Reply::fail(ErrorKind::Rejected),
        "h004" if asked.before == 0 => Reply::fail(ErrorKind::Timeout),
        subject => Said::items([Thing::new(subject, "https://link.example/x")]).costs(1).into(),
    });
    let refused = Scripted::new("refused", |_: &Asked| Reply::<Thing>::fail(ErrorKind::Unauthorized));
    let slow = TrickySink::new("slow", |write, _| if write == 1 { Trick::FailBefore } else { Trick::Fine });
    let budget = Budget {
        account: "api".into(),
        units: Some(1_000),
        requests: None,
        window: DAY,
        offset: std::time::Duration::ZERO,
    };
    let options = SourceOptions { budget: Some(budget), ..SourceOptions::default() };
    let early = world.pipeline().source(api.clone()).observer(meter.clone()).build().unwrap();
    run(&early, Job { name: "early".to_owned(), ..handles(["e0", "e1"]) }).await;
    let engine = world
        .pipeline()
        .source_with(api, options)
        .source(refused)
        .sink(slow)
        .observer(meter.clone())
        .build()
        .unwrap();
    let handle = engine.start().await.unwrap();
    let begun = handle.submit(many(8)).await.unwrap();
    within(HOUR, handle.wait(begun, &CancellationToken::new())).await.unwrap();
    within(HOUR, async {
        while world.counts().await.sinks.values().any(|sink| sink.pending > 0) {
            tokio::time::sleep(SECOND).await;
        }
    })
    .await;
    // What a scheduler says.
    meter.event(&Event::Slot { job: "job".into(), outcome: "fired" });
    let snapshot = Snapshot {
        store: Some((world.counts().await, world.store.parked().await.unwrap())),
        vitals: vec![handle.vitals()],
        disks: vec![Disk { place: "store", used: 5, free: Some(7) }],
        ..Snapshot::new("1.2.3", BEGIN)
    };
    let text = expose(&meter, &snapshot);
    handle.shutdown().await.unwrap();
    text
}

#[test]
fn the_page_is_made_from_the_table() {
    let path = root().join("docs/metrics.md");
    if std::env::var_os("COLLECTOR_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/metrics.md is not what the table says; run this test with COLLECTOR_WRITE_DOCS=1"
    );
}

#[test]
fn labels_are_a_closed_set_and_every_one_is_explained() {
    let explained: BTreeSet<&str> = LABELS.iter().map(|(label, _)| *label).collect();
    let used: BTreeSet<&str> = TABLE.iter().flat_map(|metric| metric.labels()).copied().collect();
    assert_eq!(used, explained);
    let names: BTreeSet<&str> = TABLE.iter().map(|metric| metric.name()).collect();
    assert_eq!(names.len(), TABLE.len(), "a name is there twice");
    for metric in TABLE {
        assert!(metric.name().starts_with("collector_"), "{}", metric.name());
        assert_eq!(metric.name().ends_with("_total"), metric.form() == Form::Counter, "{}", metric.name());
        assert!(metric.meaning().ends_with('.') && !metric.unit().is_empty(), "{}", metric.name());
    }
}

#[tokio::test(start_paused = true)]
async fn everything_exposed_is_in_the_table_and_everything_in_the_table_is_exposed() {
    let text = after_a_small_run().await;
    let samples = samples(&text);
    let mut exposed = BTreeSet::new();
    for sample in &samples {
        let metric = metric_of(sample);
        let labels: Vec<&str> = sample.labels.iter().map(|(label, _)| label.as_str()).collect();
        let mut expected = metric.labels().to_vec();
        if sample.name.ends_with("_bucket") {
            expected.push("le");
        }
        assert_eq!(labels, expected, "{}", sample.name);
        exposed.insert(metric.name());
    }
    let table: BTreeSet<&str> = TABLE.iter().map(|metric| metric.name()).collect();
    assert_eq!(exposed, table, "{text}");
    for metric in TABLE {
        let kind = format!("# TYPE {} {}\n", metric.name(), metric.form().as_str());
        assert_eq!(text.matches(&kind).count(), 1, "{kind}");
    }
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(seen.insert(line.rsplit_once(' ').unwrap().0), "{line} is there twice");
    }
    assert!(text.ends_with('\n'));
}

#[tokio::test(start_paused = true)]
async fn the_numbers_are_those_of_the_run() {
    let text = after_a_small_run().await;
    let numbers: BTreeMap<String, f64> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .zip(samples(&text))
        .map(|(line, sample)| (line.rsplit_once(' ').unwrap().0.to_owned(), sample.number))
        .collect();
    let number = |name: &str| numbers.get(name).copied().unwrap_or_else(|| panic!("no {name} in\n{text}"));
    let lane = "source=\"api\",kind=\"thing\"";
    assert_eq!(number(&format!("collector_calls_total{{{lane},outcome=\"answered\"}}")), 9.0);
    assert_eq!(number(&format!("collector_calls_total{{{lane},outcome=\"timeout\"}}")), 1.0);
    assert_eq!(number(&format!("collector_tasks_total{{{lane},outcome=\"done\"}}")), 9.0);
    assert_eq!(number(&format!("collector_tasks_total{{{lane},outcome=\"dead\"}}")), 1.0);
    assert_eq!(number(&format!("collector_tasks_total{{{lane},outcome=\"again\"}}")), 1.0);
    assert_eq!(number(&format!("collector_call_duration_seconds_count{{{lane}}}")), 11.0);
    assert_eq!(number("collector_dead_letters{part=\"api\",reason=\"rejected\"}"), 1.0);
    assert_eq!(number("collector_account_parked{account=\"refused\",reason=\"unauthorized\"}"), 1.0);
    assert_eq!(number("collector_account_parked{account=\"api\",reason=\"none\"}"), 0.0);
    assert_eq!(number("collector_account_parked_until_seconds{account=\"refused\"}"), f64::INFINITY);
    let (spent, left) = (
        number("collector_account_units_spent{account=\"api\"}"),
        number("collector_account_units_left{account=\"api\"}"),
    );
    assert_eq!(spent + left, 1_000.0);
    assert_eq!(number("collector_breaker{account=\"api\",state=\"closed\"}"), 1.0);
    assert_eq!(number("collector_sink_failures_total{sink=\"slow\",reason=\"unavailable\"}"), 1.0);
    assert_eq!(number("collector_sink_pending{sink=\"slow\"}"), 0.0);
    assert_eq!(number("collector_sink_lag_seconds{sink=\"slow\"}"), 0.0);
    assert_eq!(number("collector_sink_changes_total{sink=\"sink\",outcome=\"stored\"}"), 9.0);
    assert_eq!(number("collector_workers"), 1.0);
    assert_eq!(number("collector_records"), 9.0);
    assert_eq!(number("collector_items_total{outcome=\"changed\"}"), 9.0);
    assert_eq!(number("collector_waiting{reason=\"none\"}"), 0.0);
    assert_eq!(number("collector_disk_free_bytes{place=\"store\"}"), 7.0);
}

#[tokio::test(start_paused = true)]
async fn no_label_holds_a_handle_a_link_a_key_or_a_message() {
    let text = after_a_small_run().await;
    let names = ["api", "refused", "thing", "page", "sink", "slow", "store", "job", "early", "1.2.3", "none"];
    let words = ["answered", "done", "absent", "dead", "again", "stored", "rejected", "owed", "changed"];
    let more = ["unchanged", "fired", "complete", "partial", "cancelled", "closed", "open", "half_open"];
    let kinds = ErrorKind::ALL.iter().map(|kind| kind.as_str());
    let allowed: BTreeSet<&str> = names.into_iter().chain(words).chain(more).chain(kinds).collect();
    for sample in samples(&text) {
        for (label, value) in sample.labels.iter().filter(|(label, _)| label != "le") {
            assert!(allowed.contains(value.as_str()), "{}: {label} is {value:?}", sample.name);
        }
    }
    assert!(!text.contains("h003") && !text.contains("link.example") && !text.contains("scripted"));
}

#[test]
fn who_waits_has_the_same_words_in_the_metric_and_in_the_log() {
    let waiting = Waiting {
        part: "lock".to_owned(),
        problem: "unreachable".to_owned(),
        since: BEGIN,
        error: "connection refused".to_owned(),
    };
    assert_eq!(waiting.reason(), "lock unreachable");
    assert!(waiting.to_string().contains(&waiting.reason()), "{waiting}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_exposed_with_one_reason() {
    let world = World::of_things();
    let gate = Gate::open();
    let lock = GatedLock(world.lock.clone(), gate.clone());
    let engine = world
        .pipeline()
        .lock(lock, collector_core::lock::LeaseOptions::default())
        .source(Scripted::<Thing>::willing("api"))
        .build()
        .unwrap();
    let handle = Arc::new(engine.start().await.unwrap());
    gate.down(true);
    handle.submit(many(3)).await.unwrap();
    within(HOUR, async {
        while handle.waiting().is_none() {
            tokio::time::sleep(SECOND).await;
        }
    })
    .await;
    let snapshot = Snapshot { vitals: vec![handle.vitals()], ..Snapshot::new("1", BEGIN) };
    let text = expose(&Meter::default(), &snapshot);
    let reason = handle.waiting().unwrap().reason();
    let waiting: Vec<&str> = text.lines().filter(|line| line.starts_with("collector_waiting{")).collect();
    assert_eq!(waiting, [format!("collector_waiting{{reason=\"{reason}\"}} 1")]);
    assert!(text.contains("collector_store_up 0\n"), "the store was not asked");
    gate.down(false);
    within(HOUR, handle.shutdown()).await.unwrap();
}

/// Words in an expression that look like our metrics.
fn names_in(text: &str) -> BTreeSet<&str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c| !word(c)).filter(|word| word.starts_with("collector_")).collect()
}

/// The names that may stand in an expression.
fn known_names() -> BTreeSet<String> {
    let parts = |metric: &&Metric| match metric.form() {
        Form::Histogram => {
            ["_bucket", "_sum", "_count"].map(|part| format!("{}{part}", metric.name())).to_vec()
        }
        _ => vec![metric.name().to_owned()],
    };
    TABLE.iter().flat_map(parts).collect()
}

/// Every string under a key with this name, however deep.
fn texts<'a>(json: &'a serde_json::Value, key: &str, found: &mut Vec<&'a str>) {
    match json {
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                match value {
                    serde_json::Value::String(text) if name == key => found.push(text),
                    value => texts(value, key, found),
                }
            }
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| texts(value, key, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_uses_only_names_of_the_table() {
    let text = std::fs::read_to_string(root().join("dashboards/grafana.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut expressions = Vec::new();
    texts(&dashboard, "expr", &mut expressions);
    assert!(expressions.len() >= 15, "{} expressions", expressions.len());
    let known = known_names();
    for expression in &expressions {
        let names = names_in(expression);
        assert!(!names.is_empty(), "{expression} measures nothing of ours");
        for name in names {
            assert!(known.contains(name), "{name} in {expression}");
        }
    }
    let ids: Vec<i64> =
        dashboard["panels"].as_array().unwrap().iter().filter_map(|panel| panel["id"].as_i64()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "two panels have one id");
}

#[test]
fn the_alert_rules_use_only_names_of_the_table() {
    let text = std::fs::read_to_string(root().join("dashboards/alerts.yaml")).unwrap();
    let (known, mut rules) = (known_names(), 0);
    for line in text.lines() {
        let Some((_, expression)) = line.split_once("expr: ") else { continue };
        rules += 1;
        let names = names_in(expression);
        assert!(!names.is_empty(), "{expression} measures nothing of ours");
        for name in names {
            assert!(known.contains(name), "{name} in {expression}");
        }
    }
    assert!(rules >= 10, "{rules} rules");
    // Words in texts are names, too.
    for name in names_in(&text) {
        assert!(known.contains(name), "{name}");
    }
}
