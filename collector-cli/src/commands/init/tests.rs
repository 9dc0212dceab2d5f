use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::config::Config;

fn parse(text: &str) -> std::result::Result<Config, String> {
    let env = |_: &str| Some("a-token-of-16-ch".to_owned());
    let registry = crate::sources::builtin();
    Config::parse(Path::new("collector.toml"), text, &registry, Some(&env))
        .map_err(|faults| faults.to_string())
}

#[test]
fn what_is_written_is_understood_and_says_only_defaults() {
    let text = Answers::default().config();
    assert!(text.starts_with("#:schema ./collector.schema.json\n"));
    assert!(["{schema}", "{token}", "{units}", "{hashtag}"].iter().all(|hole| !text.contains(hole)));
    let config = parse(&text).unwrap();
    assert_eq!(
        (config.jobs[0].name.as_str(), config.jobs[0].query.hashtags.as_slice()),
        ("first", &["kbeauty".to_owned()][..])
    );
    assert_eq!(config.sources["ensembledata"].keys.units_per_day, Some(1_500));
    assert_eq!(config.run, crate::config::RunOptions::default());
    // What is commented out is understood, too.
    let all = text.replace("# [[jobs]]", "[[jobs]]").replace("# name", "name").replace("# query", "query");
    let all = all.replace("# in_flight = 8", "in_flight = 8").replace("# per_second", "per_second");
    assert_eq!(
        parse(&all.replace("# keep_email", "keep_email")).unwrap().jobs[1].query.list.as_deref(),
        Some("spring")
    );
}

/// The keys of a table that are understood, as the fault of an unknown one lists them.
fn known(text: &str) -> BTreeSet<String> {
    let faults = parse(text).unwrap_err();
    let (_, known) =
        faults.lines().find(|fault| fault.contains("`zzz`")).unwrap().split_once("known: ").unwrap();
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_schema_knows_exactly_the_keys_that_are_understood() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let keys = |pointer: &str| -> BTreeSet<String> {
        let table = schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
        table.as_object().unwrap().keys().cloned().collect()
    };
    let source = "[sources.ensembledata]\ntoken = { env = \"T\" }\n";
    let tables = [
        ("/properties", format!("zzz = 1\n{source}")),
        ("/properties/store/properties", format!("{source}[store]\nzzz = 1\n")),
        ("/properties/lock/properties", format!("{source}[lock]\nzzz = 1\n")),
        ("/properties/images/properties", format!("{source}[images]\nzzz = 1\n")),
        ("/properties/search/properties", format!("{source}[search]\nzzz = 1\n")),
        ("/properties/jsonl/properties", format!("{source}[jsonl]\nzzz = 1\n")),
        ("/properties/run/properties", format!("{source}[run]\nzzz = 1\n")),
        ("/properties/notify/properties", format!("{source}[notify]\nzzz = 1\n")),
        (
            "/properties/jobs/items/properties/expect/properties",
            format!(
                "{source}[[jobs]]\nname = \"a\"\nquery = {{ hashtags = [\"a\"] }}\nexpect = {{ zzz = 1 }}\n"
            ),
        ),
        ("/properties/run/properties/retry/properties", format!("{source}[run.retry]\nzzz = 1\n")),
        ("/properties/jobs/items/properties", format!("{source}[[jobs]]\nzzz = 1\n")),
        (
            "/properties/jobs/items/properties/query/properties",
            format!("{source}[[jobs]]\nname = \"a\"\nquery = {{ zzz = 1 }}\n"),
        ),
    ];
    for (pointer, text) in tables {
        assert_eq!(keys(pointer), known(&text), "{pointer}");
    }
    // One table stands for sources of all types.
    let types = crate::sources::builtin();
    let of_type = |kind: &str| known(&format!("[sources.x]\ntype = \"{kind}\"\nzzz = 1\n"));
    let of_types: BTreeSet<String> = types.types().flat_map(of_type).collect();
    assert_eq!(keys("/properties/sources/additionalProperties/properties"), of_types);
}

#[test]
fn questions_are_repeated_until_the_answer_is_good() {
    let said = RefCell::new(Vec::new());
    let mut input = "my token\nMY_TOKEN\nlots\n0\n200\n#뷰티\n".as_bytes();
    let answers = read_answers(&mut input, |text| said.borrow_mut().push(text.to_owned())).unwrap();
    assert_eq!(answers, Answers { token: "MY_TOKEN".into(), units: 200, hashtag: "뷰티".into() });
    assert_eq!(said.borrow().iter().filter(|text| text.contains("expected")).count(), 3);
    assert!(parse(&answers.config()).is_ok());
    assert_eq!(read_answers(&mut "\n\n\n".as_bytes(), |_| {}), Some(Answers::default()));
    assert_eq!(read_answers(&mut "X\n".as_bytes(), |_| {}), None);
}
