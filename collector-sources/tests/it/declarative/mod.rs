//! Sources that a file describes: the conformance suite, faults of files, tokens, jobs, and the files of the reference.

mod conformance;
mod faults;
mod requests;

use std::sync::Arc;

use collector_core::error::ErrorKind;
use collector_core::source::Source;
use collector_sources::declarative::{Declarative, DeclarativeConfig, EXAMPLES, reference};

/// The secret every test gives.
const SECRET: &str = "canary-secret+0/1";

/// The source of a file, at this address; `secret` is the name under which it gets its secret.
fn source(text: &str, url: &str, secret: Option<&str>) -> Arc<Declarative> {
    let config = DeclarativeConfig {
        name: "api".into(),
        file: "api.toml".into(),
        text: text.into(),
        secrets: secret.into_iter().map(|name| (name.to_owned(), SECRET.into())).collect(),
        base_url: Some(url.into()),
        ..DeclarativeConfig::default()
    };
    Arc::new(Declarative::new(config).unwrap_or_else(|error| panic!("{error}")))
}

/// The source of a file as it stands, with a made-up secret.
fn unsigned(name: &str, text: &str) -> Declarative {
    let config = DeclarativeConfig { file: name.into(), text: text.into(), ..DeclarativeConfig::default() };
    Declarative::unsigned(config).unwrap_or_else(|error| panic!("{error}"))
}

/// The name of the secret that a file uses.
fn secret_of(text: &str) -> Option<&str> {
    let line = text.lines().find_map(|line| line.strip_prefix("secret = \""))?;
    line.strip_suffix('"')
}

#[test]
fn every_file_of_the_reference_reads_its_own_answers() {
    for (name, text) in EXAMPLES {
        let source = unsigned(name, text);
        let tried = source.examples();
        assert!(!tried.is_empty(), "{name} has no examples");
        for example in tried {
            assert!(example.faults.is_empty(), "{name}, example {}: {:#?}", example.number, example.faults);
        }
    }
}

#[test]
fn every_kind_of_every_file_of_the_reference_has_an_example() {
    for (name, text) in EXAMPLES {
        let source = unsigned(name, text);
        let answered: Vec<_> =
            source.answers().iter().map(|answer| answer.tasks[0].kind().to_string()).collect();
        for kind in source.kinds() {
            assert!(answered.iter().any(|known| **known == *kind), "{name} has no example of {kind}");
        }
    }
}

#[test]
fn the_page_of_the_reference_is_what_the_types_say() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/http-source.md");
    let written = std::fs::read_to_string(page).unwrap();
    assert!(
        written == reference(),
        "write it anew: cargo run -p collector-sources --features full --example http_source_reference"
    );
}

#[test]
fn an_example_that_is_not_as_expected_says_where() {
    let (_, text) = EXAMPLES[0];
    let spoilt = text.replace("\"followers\": 1200", "\"fans\": 1200").replace("units = 1\n", "units = 3\n");
    let tried = source(&spoilt, "http://localhost/", None).examples();
    assert_eq!(
        tried[0].faults,
        ["units: expected 3, found 1", "creators[0].followers: expected 1200, found null"]
    );
    let lost: Vec<_> = tried[0].unmatched.iter().map(|lost| format!("{} {}", lost.key, lost.path)).collect();
    assert!(lost.contains(&"calls.page.fields.followers $.followers".to_owned()), "{lost:?}");
    assert!(
        tried[0].unmatched.iter().all(|lost| lost.tried_on.contains("tea.room")),
        "{:?}",
        tried[0].unmatched
    );
}

#[test]
fn a_secret_that_is_missing_or_that_nobody_asks_for_is_refused_by_name() {
    let (_, text) = EXAMPLES[1];
    let with = |name: Option<&str>| {
        let secrets = name.into_iter().map(|name| (name.to_owned(), SECRET.into())).collect();
        let config = DeclarativeConfig { text: text.into(), secrets, ..DeclarativeConfig::default() };
        Declarative::new(config).map(drop).unwrap_err()
    };
    assert_eq!(with(None).kind(), ErrorKind::ConfigInvalid);
    assert!(with(None).message().contains("secrets = { key = "), "{}", with(None));
    assert!(with(Some("kye")).message().contains("did you mean `key`?"), "{}", with(Some("kye")));
    assert!(!format!("{:?}", with(Some("kye"))).contains(SECRET));
}

#[test]
fn no_answer_of_any_file_can_be_spoilt_so_that_reading_fails_badly() {
    for (name, text) in EXAMPLES {
        let spoilt = unsigned(name, text).spoilt();
        assert!(spoilt.answers > 1_000, "{name}: {}", spoilt.answers);
        assert_eq!(spoilt.faults, Vec::<String>::new(), "{name}");
    }
}
