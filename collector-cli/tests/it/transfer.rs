//! Moving everything a configuration keeps to the stores of another one.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Done, Sandbox, Simulator, config, get, until};

const PLACES: &str = "[store]\nurl = \"sqlite:collector.db\"\n[images]\nurl = \"file:images\"\n\
                      [search]\nurl = \"tantivy:search\"\n";

/// A folder with a configuration and everything of these creators.
fn collected(simulator: &Simulator, handles: &[String]) -> Sandbox {
    let sandbox = Sandbox::new();
    let host = simulator.url().trim_start_matches("http://");
    let places = PLACES.replace("file:images\"\n", &format!("file:images\"\nallow = [\"{host}\"]\n"));
    sandbox.write("collector.toml", &format!("{places}{}", config(simulator.url())));
    sandbox.run(&["run", "--handles", &handles.join(",")]).expect(0);
    for folder in ["new", "other"] {
        std::fs::create_dir(sandbox.path().join(folder)).unwrap();
        sandbox.write(&format!("{folder}/collector.toml"), PLACES);
    }
    sandbox
}

/// Everything about everybody.
fn shown(sandbox: &Sandbox, config: &str, handles: &[String]) -> Vec<Value> {
    let show = |handle: &String| {
        sandbox
            .run(&["show", &format!("@{handle}"), "--json", "--explain", "--config", config])
            .expect(0)
            .json()
    };
    handles.iter().map(show).collect()
}

fn pictures(folder: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(pictures(&path));
        // A killed process leaves the file it was writing under a name of its own, `….jpg#1`.
        } else if path.extension().is_some_and(|ending| ending == "jpg" || ending == "png") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            found.insert(name, path.metadata().unwrap().len());
        }
    }
    found
}

/// Calls that were answered, and pictures that were served.
fn asked(simulator: &Simulator) -> (u64, Value) {
    let stats: Value = serde_json::from_str(&get(simulator.url(), "/stats").unwrap()).unwrap();
    (simulator.stat("calls"), stats["pictures"]["served"].clone())
}

fn found(sandbox: &Sandbox, config: &str) -> Vec<String> {
    let done = sandbox.run(&["search", "--json", "--sort", "followers", "--config", config]).expect(0);
    let hits = done.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    hits.filter_map(|hit| Some(hit.get("creator")?["handle"].as_str()?.to_owned())).collect()
}

fn transfer(sandbox: &Sandbox, to: &str) -> Done {
    sandbox.run(&["transfer", "--to", to, "--json"])
}

#[test]
fn everything_is_moved_whenever_it_is_killed_and_nobody_is_asked() {
    let simulator = Simulator::start(&["--creators", "40"]);
    let handles = simulator.handles(12);
    let sandbox = collected(&simulator, &handles);
    let asked = asked(&simulator);
    assert!(asked.0 > 0 && asked.1 == 12, "{asked:?}");
    let before = shown(&sandbox, "collector.toml", &handles);

    // Killed once as soon as it writes, and once when its rows are there.
    for sign in ["new/collector.db", "new/images"] {
        let mut running = sandbox.start(&["transfer", "--to", "new/collector.toml"]);
        until("it writes", || sandbox.path().join(sign).exists());
        running.signal("KILL");
        running.wait();
    }
    let report = transfer(&sandbox, "new/collector.toml").expect(0).json();
    assert_eq!(report["reasons"], serde_json::json!([]), "{report}");
    assert!(report["tables"].as_array().unwrap().iter().all(|table| table["same"] == true), "{report}");
    assert_eq!(report["pictures"]["pictures"], 12, "{report}");
    assert_eq!(report["pending"], serde_json::json!({ "images": 0, "search": 0 }));

    // The target may not ask the simulator for pictures, so a record whose picture it asked for would differ.
    assert_eq!(shown(&sandbox, "new/collector.toml", &handles), before);
    assert_eq!(pictures(&sandbox.path().join("new/images")), pictures(&sandbox.path().join("images")));
    assert_eq!(found(&sandbox, "new/collector.toml"), found(&sandbox, "collector.toml"));
    assert_eq!(found(&sandbox, "new/collector.toml").len(), 12);
    assert_eq!(self::asked(&simulator), asked);

    let again = transfer(&sandbox, "new/collector.toml").expect(0).json();
    assert_eq!((&again["before"], &again["pictures"]["copied"]), (&true.into(), &0.into()), "{again}");
    let back = sandbox.run(&["transfer", "--config", "new/collector.toml", "--to", "other/collector.toml"]);
    assert!(back.expect(0).stdout.contains("the same on both sides"));
    assert_eq!(shown(&sandbox, "other/collector.toml", &handles), before);
}

#[test]
fn what_cannot_be_moved_is_refused_before_anything_is_written() {
    let simulator = Simulator::start(&["--creators", "20"]);
    let sandbox = collected(&simulator, &simulator.handles(2));
    let refused = |to: &str, words: &[&str]| transfer(&sandbox, to).refuses(2, words);
    refused("collector.toml", &["the same store", "--to"]);
    sandbox.write("new/bare.toml", "[store]\nurl = \"sqlite:bare.db\"\n");
    refused("new/bare.toml", &["keeps no pictures", "add [images]"]);
    sandbox.write("new/memory.toml", "[store]\nurl = \"memory:\"\n");
    refused("new/memory.toml", &["in memory", "name a file or a server"]);
    refused("new/none.toml", &["new/none.toml"]);
    let mut nobody_agrees = sandbox.command(&["transfer", "--to", "new/collector.toml"]);
    let done = Done::from(nobody_agrees.env_remove("COLLECTOR_YES").output().unwrap());
    done.refuses(2, &["rows      sqlite:collector.db  ->  sqlite:new/collector.db", "--yes"]);
    assert_eq!(std::fs::read_dir(sandbox.path().join("new")).unwrap().count(), 3, "the configurations");

    transfer(&sandbox, "new/collector.toml").expect(0);
    sandbox.run(&["run", "--handles", &simulator.handles(5).join(",")]).expect(0);
    refused("new/collector.toml", &["worked in since", "begin anew"]);
    let other = ["transfer", "--config", "other/collector.toml", "--to", "new/collector.toml"];
    sandbox.run(&other).refuses(2, &["no store to move"]);
}
