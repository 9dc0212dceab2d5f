//! Traces of a source that reads in every way there is: first choice and second, flags, lists, texts in texts.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::json;

use super::*;
use crate::clock::Timestamp;
use crate::context::Context;
use crate::creator::{CreatorSighting, PostSeen, aspect};
use crate::id::{Digest, Ids, Name};
use crate::source::{CallSpec, Role};
use crate::task::{Page, Query};

#[derive(Default)]
struct Vendor {
    reads: AtomicUsize,
}

#[async_trait]
impl Source for Vendor {
    type Item = CreatorSighting;

    fn name(&self) -> &str {
        "vendor"
    }
    fn kinds(&self) -> Vec<Name> {
        vec!["list".into()]
    }
    fn call(&self, _: &str) -> CallSpec {
        CallSpec::new(Role::Discovery)
    }
    fn seed(&self, _: &Query) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }
    fn lookup(&self, _: &Ids) -> Option<Task> {
        None
    }
    async fn check(&self, _: &Context) -> Result<()> {
        Ok(())
    }
    async fn fetch(&self, _: &Context, _: &[Task]) -> Result<Payload> {
        Err(Error::new(ErrorKind::Unavailable, "nobody is asked"))
    }
    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let answer: Value = serde_json::from_slice(&payload.body).unwrap();
        let rows = answer["rows"].as_array().ok_or_else(|| Error::new(ErrorKind::Malformed, "no rows"))?;
        let mut page = Page::answering(tasks.len(), Digest::of(&payload.body));
        page.items = rows.iter().filter(|row| row["kind"] == 1).map(sighting).collect();
        let next = answer["next"].as_u64().map(|next| Task::new("vendor", "list", next.to_string()));
        page.follow_ups.extend(next);
        Ok(page)
    }
}

fn sighting(row: &Value) -> CreatorSighting {
    let text = |value: &Value| value.as_str().map(Into::into);
    let inside: Value =
        row["raw"].as_str().and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default();
    CreatorSighting {
        uid: text(&row["id"]),
        name: text(&row["name"]).or_else(|| text(&row["alias"])),
        verified: row["badge"].as_u64().map(|badge| badge > 0),
        private: Some(row["hidden"].as_u64().unwrap_or(1) != 0),
        country: text(&inside["country"]),
        posts: row["clips"].as_array().into_iter().flatten().map(post).collect(),
        ..CreatorSighting::showing(aspect::LIST_ROW)
    }
}

fn post(clip: &Value) -> PostSeen {
    PostSeen {
        id: clip["id"].as_str().unwrap_or_default().into(),
        views: clip["plays"].as_u64(),
        ..PostSeen::default()
    }
}

fn row(number: u64) -> Value {
    json!({
        "kind": 1, "id": number.to_string(), "name": format!("name {number}"), "alias": "also",
        "badge": 1, "hidden": 1, "raw": r#"{"country":"KR"}"#, "nothing": null, "blank": "",
        "clips": [{ "id": "7", "plays": 100 + number, "songs": [1, 2] }],
        "noise": { "a": [1, 2, { "b": "c" }], "d": true },
    })
}

fn traced(answer: &Value) -> (Trace, usize) {
    let (vendor, tasks) = (Vendor::default(), [Task::new("vendor", "list", "x")]);
    let payload = Payload::new(answer.to_string(), Timestamp::from_secs(0));
    let trace = trace(&vendor, &tasks, &payload).unwrap();
    (trace, vendor.reads.into_inner())
}

fn from(trace: &Trace, name: &str) -> String {
    let field = trace.fields.iter().find(|traced| traced.field == name);
    let field = field.unwrap_or_else(|| panic!("{name} is missing in {trace:#?}"));
    format!("{} | {}", field.from.join(" "), field.else_from.join(" "))
}

#[test]
fn every_field_knows_its_paths() {
    let (trace, _) = traced(&json!({ "rows": [row(1), row(2)], "next": 20, "page": 3 }));
    assert_eq!(from(&trace, "uid"), "rows[].id | ");
    assert_eq!(from(&trace, "name"), "rows[].name | rows[].alias");
    assert_eq!(from(&trace, "verified"), "rows[].badge | ", "a number that is read as a flag");
    assert_eq!(from(&trace, "private"), "rows[].hidden | ", "only 0 differs from what is assumed");
    assert_eq!(from(&trace, "country"), "rows[].raw | ", "a document inside a text");
    assert_eq!(from(&trace, "posts[].id"), "rows[].clips[].id | ");
    assert_eq!(from(&trace, "posts[].views"), "rows[].clips[].plays | ");
    assert_eq!(from(&trace, special::FOLLOW_UPS), "next | ");
    assert_eq!(from(&trace, special::ITEMS), "rows[].kind | ", "rows stand and fall with it");
    assert_eq!(trace.fields.iter().find(|traced| traced.field == "name").unwrap().value, "name 1");
    let unused: Vec<(&str, usize)> =
        trace.unused.iter().map(|unused| (unused.path.as_str(), unused.values)).collect();
    assert_eq!(unused, [("page", 1), ("rows[].clips[].songs", 2), ("rows[].noise", 4)]);
    assert_eq!((trace.empty, trace.cut, trace.complete), (4, false, true));
}

#[test]
fn a_long_list_is_cut_and_the_work_is_bounded() {
    let rows: Vec<Value> = (0..2_000).map(row).collect();
    let (trace, reads) = traced(&json!({ "rows": rows }));
    assert!(trace.cut && trace.complete);
    assert_eq!(from(&trace, "uid"), "rows[].id | ");
    assert!(reads < 1_000, "{reads}");

    let wide: serde_json::Map<String, Value> =
        (0..3_000).map(|number| (format!("k{number}"), json!(number))).collect();
    let mut first = row(1);
    first["noise"] = Value::Object(wide);
    first["noise"]["id"] = json!("x");
    let (trace, reads) = traced(&json!({ "rows": [first] }));
    assert!(trace.complete, "an object nobody reads is one finding");
    assert!(reads < 500, "{reads}");
}

#[test]
fn what_cannot_be_tried_in_full_says_so() {
    let (vendor, tasks) = (Vendor::default(), [Task::new("vendor", "list", "x")]);
    let payload = Payload::new(json!({ "rows": [row(1)] }).to_string(), Timestamp::from_secs(0));
    let trace = within(&vendor, &tasks, &payload, 7).unwrap();
    assert!(!trace.complete);
    // One more reading is the answer as it came.
    assert_eq!(vendor.reads.into_inner(), 8);
}

#[test]
fn an_answer_that_cannot_be_read_is_told_as_it_is() {
    let (vendor, tasks) = (Vendor::default(), [Task::new("vendor", "list", "x")]);
    let error = |body: &'static str| {
        let payload = Payload::new(body, Timestamp::from_secs(0));
        trace(&vendor, &tasks, &payload).unwrap_err().message().to_owned()
    };
    assert!(error("<html>").contains("no JSON"));
    assert_eq!(error("{}"), "no rows");
}
