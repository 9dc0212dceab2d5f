//! One call and where its values went, and what there is to ask.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{CANARY, Done, Sandbox, Simulator, get};

/// Where a field came from.
fn from<'a>(report: &'a Value, field: &str) -> Vec<&'a str> {
    let fields = report["trace"]["fields"].as_array().unwrap();
    let found = fields.iter().find(|traced| traced["field"] == field);
    let found = found.unwrap_or_else(|| panic!("{field} is missing in {report:#}"));
    found["from"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect()
}

#[test]
fn one_call_shows_request_cost_and_where_everything_went() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    let handle = &simulator.handles(1)[0];
    let done = sandbox.run(&["try", "ensembledata", "--key", &format!("@{handle}"), "--json"]).expect(0);
    let report = done.json();
    let request = report["requests"][0].as_str().unwrap();
    assert!(
        request.starts_with("GET http://127.0.0.1:") && request.contains("token=[redacted]"),
        "{request}"
    );
    assert_eq!((&report["answer"]["status"], &report["cost"]["units"]), (&200.into(), &1.into()));
    assert_eq!((&report["outcome"], &report["items"]), (&"done".into(), &1.into()));
    assert_eq!(from(&report, "followers"), ["data.stats.followerCount"]);
    assert_eq!(from(&report, "uid"), ["data.user.id"]);
    assert_eq!(from(&report, "extra.avatar_uri"), ["data.user.avatar_larger.uri"]);
    assert_eq!(report["trace"]["complete"], true);
    let unused = report["trace"]["unused"].as_array().unwrap();
    assert!(unused.iter().any(|unused| unused["path"] == "data.user.avatar_thumb" && unused["values"] == 5));
    assert!(report["stayed_empty"].as_array().unwrap().contains(&"posts".into()));
    assert_eq!((simulator.stat("calls"), simulator.stat("units_charged")), (1, 1), "one call, and no more");
    assert_eq!(sandbox.files(), ["collector.toml"], "nothing was written");

    let text = sandbox.run(&["try", "ensembledata", "--key", handle]).expect(0);
    for words in ["← data.stats.followerCount", "Nobody maps", "Stayed empty: ", "1 unit (at most 1 unit)"]
    {
        assert!(text.stdout.contains(words), "{words:?} is missing: {text:#?}");
    }
    assert!(!format!("{text:?}{done:?}").contains(CANARY));
}

#[test]
fn any_kind_can_be_tried_and_nobody_is_an_answer() {
    let simulator = Simulator::start(&["--creators", "600"]);
    let sandbox = Sandbox::with_config(&simulator);
    let handle = &simulator.handles(1)[0];
    let posts = ["try", "ensembledata", "--kind", "user_posts", "--key", handle, "--json"];
    let report = sandbox.run(&posts).expect(0).json();
    assert_eq!(from(&report, "posts[].views"), ["data[].statistics.play_count"]);
    assert_eq!(from(&report, "followers"), ["data[].author.follower_count"]);
    let page = ["--kind", "hashtag", "--key", &simulator.hashtag(), "--param", "cursor=20", "--json"];
    // A page whose list goes on.
    let report = sandbox.run(&[&["try", "ensembledata"], &page[..]].concat()).expect(0).json();
    assert!(report["requests"][0].as_str().unwrap().contains("cursor=20"));
    assert!(from(&report, "(follow-ups)").contains(&"data.nextCursor"));

    let nobody = sandbox.run(&["try", "ensembledata", "--key", "@nobody.of.that.name"]).expect(0);
    assert!(nobody.stdout.contains("absent: not_found"), "{nobody:#?}");
    let refused = |args: &[&str], words: &[&str]| {
        sandbox.run(&[&["try"], args].concat()).refuses(2, words);
    };
    refused(&["ensembledat", "--key", "x"], &["ensembledat", "did you mean `ensembledata`?"]);
    refused(&["ensembledata", "--key", "x", "--kind", "user_post"], &["did you mean `user_posts`?"]);
    refused(&["ensembledata", "--key", "tiktok:uid:77"], &["--kind", "profile_by_secuid"]);
    refused(&["ensembledata", "--key", "x", "--kind", "posts", "--param", "y"], &["NAME=VALUE"]);
    // Without `long_calls` such kinds are none of this source's.
    refused(&["ensembledata", "--key", "x", "--kind", "keyword_full"], &["unknown kind `keyword_full`"]);
}

#[test]
fn a_kept_answer_is_read_without_asking_anybody() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    let hashtag = simulator.hashtag();
    let path = format!("/ensembledata/tt/hashtag/posts?name={hashtag}&token={CANARY}");
    let body = get(simulator.url(), &path).unwrap();
    sandbox.write("page.json", &body);
    let calls = simulator.stat("calls");
    let key = format!("#{hashtag}");
    let args = ["try", "ensembledata", "--key", &key, "--from", "page.json", "--json"];
    let report = sandbox.run(&args).expect(0).json();
    assert_eq!(report["requests"].as_array().unwrap().len(), 0);
    assert_eq!(from(&report, "posts[].id"), ["data.data[].aweme_id"]);
    assert_eq!((simulator.stat("calls"), &report["trace"]["cut"]), (calls, &true.into()));

    for (body, words) in [("<html>", "no JSON"), ("{\"data\":[1,2", "cut short"), ("", "empty")] {
        let done = through_stdin(&sandbox, body).expect(1);
        assert!(done.stdout.contains(words), "{body}: {done:#?}");
    }
    let quota = through_stdin(&sandbox, r#"{"detail":"x","code":495}"#).expect(4);
    assert!(quota.stdout.contains("units are used up"), "{quota:#?}");
    sandbox.run(&["try", "ensembledata", "--key", "@x", "--from", "none.json"]).refuses(2, &["none.json"]);
}

fn through_stdin(sandbox: &Sandbox, body: &str) -> Done {
    let mut command = sandbox.command(&["try", "ensembledata", "--key", "@x", "--from", "-"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    Done::from(child.wait_with_output().unwrap())
}

#[test]
fn sources_are_listed_with_what_they_need_and_cost() {
    let sandbox = Sandbox::new();
    let bare = sandbox.run(&["sources", "list", "--json"]).expect(0).json();
    let types = bare["types"].as_array().unwrap();
    let names: Vec<&str> = types.iter().filter_map(|known| known["type"].as_str()).collect();
    assert_eq!(names, ["echotik", "ensembledata", "http", "tiktok", "web"]);
    let vendor = types.iter().find(|known| known["type"] == "ensembledata").unwrap();
    assert_eq!((&bare["config"], &vendor["needs"]), (&Value::Null, &serde_json::json!(["token"])));
    assert!(vendor["takes"].as_array().unwrap().contains(&"long_calls".into()));

    sandbox.write(
        "collector.toml",
        "[sources.deep]\ntype = \"ensembledata\"\ntoken = { env = \"TOKEN\" }\ndepth = 7\nunits_per_day = 900\n\
         [sources.wrong]\ntype = \"ensembledata\"\ntoken = { env = \"TOKEN\" }\ndepth = 0\n",
    );
    let done = sandbox.run(&["sources", "list", "--json"]).expect(2);
    let instances = done.json()["instances"].clone();
    let kinds = instances[0]["kinds"].as_array().unwrap();
    let posts = kinds.iter().find(|kind| kind["kind"] == "user_posts").unwrap();
    assert_eq!(
        (&posts["units"], &posts["role"]),
        (&8.into(), &"hydration".into()),
        "it follows the settings"
    );
    assert_eq!(instances[0]["units_per_day"], 900);
    assert!(instances[1]["error"].as_str().unwrap().contains("`depth` is 0"), "{instances:#}");
    let text = sandbox.run(&["sources", "list"]).expect(2).stdout;
    assert!(text.contains("needs  token") && text.contains("cannot be used: "), "{text}");
    assert!(!text.contains(CANARY));
}
