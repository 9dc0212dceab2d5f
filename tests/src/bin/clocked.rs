//! Runs the collector's command line on the clock of a simulator; for `bench quota`.

fn main() -> std::process::ExitCode {
    collector_tests::bench::command::main()
}
