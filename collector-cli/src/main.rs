//! The `collector` command. Everything it does is in the library, so that it can be built with more sources.

/// The C library's allocator keeps what many threads have freed: a process that serves for weeks would grow to several times
/// what it needs. The library leaves this to whoever embeds it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    if std::env::args_os().any(|argument| argument == "serve") {
        collector_cli::allocator::give_back_at_once();
    }
    collector_cli::App::new().run()
}
