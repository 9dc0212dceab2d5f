//! Writes `docs/model.md` anew: `cargo run -p collector-sources --features full --example model_reference`.

#[path = "../../tests/it/model/mapping.rs"]
mod mapping;
#[path = "../../tests/it/model/page.rs"]
mod page;
#[path = "../../tests/it/model/samples.rs"]
mod samples;

fn main() -> Result<(), page::Failure> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/model.md");
    Ok(std::fs::write(path, page::page()?)?)
}
