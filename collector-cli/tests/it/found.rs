//! What a search finds, as a file; lists as conditions.

use serde_json::Value;

use crate::harness::{Sandbox, Simulator};
use crate::search::{lines, with_index};

/// Handles of whoever is found, in order.
fn found(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let done = sandbox.run(&[&["search", "--json", "--limit", "1000"], args].concat()).expect(0);
    let (creators, summary) = lines(&done);
    assert_eq!(summary["total"], creators.len(), "{summary}");
    creators.iter().map(|hit| hit["creator"]["handle"].as_str().unwrap().to_owned()).collect()
}

/// The same of whoever is written to a file.
fn exported(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let args = [&["export", "--force", "-o", "out.jsonl", "--json"], args].concat();
    let json = sandbox.run(&args).expect(0).json();
    let lines = sandbox.lines("out.jsonl");
    assert_eq!((&json["rows"], &json["known"]), (&lines.len().into(), &lines.len().into()), "{json}");
    lines.iter().map(|line| line["handle"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_rows_of_a_search_are_written_in_its_order_however_many() {
    let simulator = Simulator::start(&["--creators", "560"]);
    let sandbox = with_index(&simulator);
    sandbox.write("handles.txt", &simulator.handles(560).join("\n"));
    sandbox.run(&["run", "--file", "handles.txt", "--yes"]).expect(0);

    let whole = found(&sandbox, &["--sort", "followers:asc"]);
    assert_eq!(whole.len(), 560);
    let written = exported(&sandbox, &["--sort", "followers:asc"]);
    assert!(written == whole, "{} rows over several pages, or another order", written.len());
    let written = exported(&sandbox, &["sort:followers:asc", "--limit", "503"]);
    assert!(written == whole[..503], "{} rows, or another order", written.len());
    let some = ["--country", "KR", "--country", "kr,us", "--followers", "..1m", "--", "-is:private"];
    let expected = found(&sandbox, &some);
    assert!(!expected.is_empty() && expected.len() < 300, "{}", expected.len());
    assert_eq!(exported(&sandbox, &some), expected);
    assert_eq!(exported(&sandbox, &["followers:..0"]), [""; 0]);

    sandbox.run(&["export", "--country", "KR", "-o", "out.xlsx"]).expect(0);
    sandbox.run(&["export", "--all", "--country", "KR", "-o", "x.csv"]).refuses(2, &["--all", "the query"]);
    sandbox.run(&["export", "--like", "handles.txt", "mina", "-o", "x.csv"]).refuses(2, &["--like"]);
    sandbox.run(&["export", "folowers:10k", "-o", "x.csv"]).refuses(2, &["did you mean `followers`?"]);
    sandbox.run(&["export", "mina", "--index", "tantivy:none", "-o", "x.csv"]).refuses(2, &["none"]);
    assert!(!sandbox.files().iter().any(|name| name.starts_with("x.csv")), "{:?}", sandbox.files());
}

#[test]
fn lists_are_conditions_of_a_search_and_of_an_export() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = with_index(&simulator);
    let handles = simulator.handles(12);
    sandbox.run(&["run", "--handles", &handles.join(",")]).expect(0);
    let import = |name: &str, members: &[String]| {
        sandbox.write("list.csv", &format!("handle\n{}\n", members.join("\n")));
        sandbox.run(&["import", "list.csv", "--list", name]).expect(0);
    };
    let sorted = |mut handles: Vec<String>| {
        handles.sort();
        handles
    };
    import("봄, 2026", &[&handles[..6], &["nobody.has.this".to_owned()]].concat());
    import("done", &handles[4..9]);
    let expected = |range: &[String]| sorted(range.to_vec());

    assert_eq!(sorted(found(&sandbox, &["--list", "봄, 2026"])), expected(&handles[..6]));
    assert_eq!(sorted(found(&sandbox, &["list:\"봄, 2026\" -list:done"])), expected(&handles[..4]));
    assert_eq!(sorted(found(&sandbox, &["list:\"봄, 2026\",done"])), expected(&handles[..9]));
    assert_eq!(
        sorted(found(&sandbox, &["--", "-list:done"])),
        sorted([&handles[..4], &handles[9..]].concat())
    );
    let both = ["--list", "봄, 2026", "--list", "done"];
    assert_eq!(sorted(exported(&sandbox, &both)), expected(&handles[4..6]));
    assert_eq!(sorted(exported(&sandbox, &["list:done"])), expected(&handles[4..9]));

    // A list alone is everybody on it, in its order; the store is the one that is named.
    sandbox.run(&["export", "--list", "봄, 2026", "-o", "list.jsonl", "--limit", "7"]).expect(0);
    let rows = sandbox.lines("list.jsonl");
    let named: Vec<&Value> = rows.iter().map(|row| &row["asked_for"]).collect();
    assert_eq!((named.len(), named[0], named[6]), (7, &handles[0].clone().into(), &"nobody.has.this".into()));
    let by_place =
        ["--store", "sqlite:collector.db", "--index", "tantivy:found/here", "--config", "none.toml"];
    assert_eq!(found(&sandbox, &[&by_place[..], &["list:done"]].concat()).len(), 5);

    let unknown = ["unknown list `don`; did you mean `done`?", "collector lists"];
    sandbox.run(&["search", "list:don"]).refuses(2, &unknown);
    sandbox.run(&["search", "--list", "don"]).refuses(2, &unknown);
    sandbox.run(&["export", "mina", "-o", "x.csv", "--", "-list:don"]).refuses(2, &unknown);
}

#[test]
fn lists_are_shown_with_how_many_are_collected_and_are_removed() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    sandbox.run(&["lists"]).refuses(2, &["there is no store yet"]);
    let handles = simulator.handles(5);
    sandbox.run(&["run", "--handles", &handles.join(",")]).expect(0);
    let none = sandbox.run(&["lists"]).expect(0).stdout;
    assert!(none.contains("no list yet") && none.contains("collector import"), "{none}");
    sandbox.write("list.csv", &format!("handle\n{}\nnobody.has.this\n", handles[..3].join("\n")));
    for name in ["spring", "봄"] {
        sandbox.run(&["import", "list.csv", "--list", name]).expect(0);
    }

    let lists = sandbox.run(&["lists", "--json"]).expect(0).json()["lists"].clone();
    let counts = |list: &Value| (list["name"].clone(), list["members"].clone(), list["collected"].clone());
    let expected = |name: &str| (name.into(), 4.into(), 3.into());
    let told: Vec<_> = lists.as_array().unwrap().iter().map(counts).collect();
    assert_eq!(told, [expected("spring"), expected("봄")]);
    let table = sandbox.run(&["lists"]).expect(0).stdout;
    assert!(table.starts_with("members  collected") && table.contains("봄"), "{table}");

    sandbox.run(&["lists", "remove", "sprin"]).refuses(2, &["did you mean `spring`?"]);
    let json = sandbox.run(&["lists", "remove", "spring", "--json"]).expect(0).json();
    assert_eq!((&json["name"], &json["members"]), (&"spring".into(), &4.into()));
    let left = sandbox.run(&["lists", "--json"]).expect(0).json()["lists"].clone();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["name"]), (1, &"봄".into()));
    sandbox.run(&["lists", "remove", "spring"]).refuses(2, &["unknown list `spring`"]);
    sandbox.run(&["show", &handles[0]]).expect(0);
}
