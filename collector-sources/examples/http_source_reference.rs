//! Writes `docs/http-source.md` anew: `cargo run -p collector-sources --features full --example http_source_reference`.

fn main() -> std::io::Result<()> {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/http-source.md");
    std::fs::write(page, collector_sources::declarative::reference())
}
