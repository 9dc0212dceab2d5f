//! The `collector` command. Everything it does is in the library, so that it can be built with more sources.

fn main() -> std::process::ExitCode {
    collector_cli::App::new().run()
}
