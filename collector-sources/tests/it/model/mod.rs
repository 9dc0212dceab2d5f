//! `docs/model.md` says what the code does: where each field comes from is found by reading recorded answers.

mod mapping;
mod page;
mod samples;

use std::path::Path;

use samples::{SOURCES, Sample, recorded};

#[test]
fn the_page_of_the_model_is_what_the_code_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/model.md");
    let written = std::fs::read_to_string(page).unwrap();
    assert!(
        written == page::page().unwrap(),
        "write it anew: cargo run -p collector-sources --features full --example model_reference"
    );
}

/// A kind of call that somebody adds is on the page, or nothing is.
#[test]
fn a_kind_without_an_answer_is_missed() {
    for (heading, file, source) in SOURCES {
        let (source, samples) = (source("http://vendor.test").unwrap(), recorded(file).unwrap());
        for kind in source.kinds() {
            let others: Vec<Sample> =
                samples.iter().filter(|sample| *sample.kind != *kind).cloned().collect();
            assert!(others.len() < samples.len(), "{heading}: {kind}");
            let error = mapping::mapping(heading, file, &source, &others).unwrap_err().to_string();
            assert!(error.contains(&format!("{file}.jsonl has no answer of the kind `{kind}`")), "{error}");
        }
    }
}

/// So is a source. What a file describes is in the file.
#[test]
fn every_adapter_is_on_the_page() {
    let folders = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let adapters =
        folders.map(|folder| folder.unwrap().path()).filter(|path| path.join("source.rs").exists());
    let mut names: Vec<String> =
        adapters.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let described = names.iter().position(|name| name == "declarative").unwrap();
    names.remove(described);
    for name in names {
        let named = format!("`{name}`");
        assert!(SOURCES.iter().any(|(heading, ..)| heading.contains(&named)), "{named}: add it to SOURCES");
    }
}
