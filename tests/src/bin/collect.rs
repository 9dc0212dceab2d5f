//! One run of the collector through its library, measured by `bench`.

/// The allocator of the `collector` command: time and memory are measured here as they are there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    collector_tests::bench::collect::main()
}
