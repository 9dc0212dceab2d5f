//! What a run does at its end without being asked.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::harness::{Sandbox, Simulator, config};

const NOTE: &str = "images/aside/sweeps.json";
const DAY: Duration = Duration::from_secs(86_400);

fn pictures(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(pictures(&path));
        } else if path.extension().is_some_and(|ending| ending != "json") {
            found.insert(path);
        }
    }
    found
}

/// A picture that nobody refers to, a few days old.
fn plant(folder: &Path) -> PathBuf {
    let path = folder.join("ab").join(format!("{}.jpg", "ab".repeat(32)));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    grow_old(&File::create(&path).unwrap());
    path
}

fn grow_old(file: &File) {
    file.set_modified(SystemTime::now() - 3 * DAY).unwrap();
}

/// Has the sweep of a moment ago, what it put aside, and every picture be some days old.
fn days_pass(sandbox: &Sandbox) {
    let path = sandbox.path().join(NOTE);
    let mut note: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    note["swept"] = "2001-09-09T00:00:00Z".into();
    std::fs::write(&path, note.to_string()).unwrap();
    for path in pictures(&sandbox.path().join("images")) {
        grow_old(&File::options().write(true).open(path).unwrap());
    }
    for entry in std::fs::read_dir(sandbox.path().join("images/aside")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            std::fs::rename(&path, path.with_file_name("1000000000")).unwrap();
        }
    }
}

#[test]
fn pictures_that_nobody_refers_to_are_collected_by_the_runs_of_later_days() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::new();
    let host = simulator.url().trim_start_matches("http://");
    let images = format!("[images]\nurl = \"file:images\"\nallow = [\"{host}\"]\n");
    sandbox.write("collector.toml", &format!("{images}{}", config(simulator.url())));
    let folder = sandbox.path().join("images");
    let handles = simulator.handles(6).join(",");
    let run = |words: &[&str]| {
        let done = sandbox.run(&["run", "--handles", &handles, "-v"]).expect(0);
        let line = done.stderr.lines().find(|line| line.contains("that no record refers to")).unwrap_or("");
        assert!(words.iter().all(|word| line.contains(word)), "{words:?}: {done:#?}");
        line.to_owned()
    };

    run(&["kept=6", "put_aside=0"]);
    let all = pictures(&folder);
    assert_eq!(all.len(), 6);
    let planted = plant(&folder);
    assert_eq!(run(&[]), "", "once a day");
    assert!(planted.exists());

    days_pass(&sandbox);
    run(&["put_aside=1", "deleted=0"]);
    assert!(!planted.exists() && all.is_subset(&pictures(&folder)));
    days_pass(&sandbox);
    run(&["put_aside=0", "deleted=1"]);
    assert_eq!(pictures(&folder), all);

    // Another store in the same folder would lose its pictures to the first one's sweeps.
    days_pass(&sandbox);
    plant(&folder);
    let other = ["run", "--handles", &handles, "--store", "sqlite:other.db", "--jsonl", "o.jsonl"];
    let warned = sandbox.run(&other).expect(0).stderr;
    assert!(warned.contains("../collector.db, ../other.db"), "{warned}");
    run(&["WARN", "several stores"]);
    assert_eq!(pictures(&folder).len(), 7);
}
