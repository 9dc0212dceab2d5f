//! Writes `docs/model.md` anew: `cargo run -p collector-sources --features full --example model_reference`.
//!
//! With `--record` the answers that it is found out from are first recorded anew, from the simulator.

#[path = "../../tests/it/model/page.rs"]
mod page;
mod record;
#[path = "../../tests/it/model/samples.rs"]
mod samples;

#[tokio::main]
async fn main() -> Result<(), page::Failure> {
    if std::env::args().any(|argument| argument == "--record") {
        record::record().await?;
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/model.md");
    Ok(std::fs::write(path, page::page()?)?)
}
