//! Runs the collector on the clock of a simulator; for `bench quota` and `bench days`.

/// The allocator of the `collector` command: memory is measured here as it is there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    // As `collector serve` does.
    if std::env::args_os().any(|argument| argument == "days") {
        collector_cli::allocator::give_back_at_once();
    }
    collector_tests::bench::clocked::main()
}
