//! `docs/model.md` says what the code does: where each field comes from is found by reading recorded answers.

mod page;
mod samples;

#[test]
fn the_page_of_the_model_is_what_the_code_says() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/model.md");
    let written = std::fs::read_to_string(page).unwrap();
    assert!(
        written == page::page().unwrap(),
        "write it anew: cargo run -p collector-sources --features full --example model_reference"
    );
}
