//! Runs one benchmark and prints one JSON object, or a short table without `--json`.

fn main() -> std::process::ExitCode {
    collector_tests::bench::main()
}
