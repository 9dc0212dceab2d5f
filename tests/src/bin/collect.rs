//! One run of the collector through its library, measured by `bench`.

fn main() -> std::process::ExitCode {
    collector_tests::bench::collect::main()
}
