//! How the `collector` command's allocator treats memory that was freed.

/// Starts the program once more with an allocator that gives freed memory back to the system at once, unless the environment
/// says how it is to be. For a process that works a little now and then, and for months: what mimalloc keeps at hand
/// otherwise is as much as what is in use. It costs a twentieth more time; one that works and ends keeps it at hand.
///
/// To be called first in `main`: mimalloc reads its options before that, and from the environment alone.
#[cfg(unix)]
pub fn give_back_at_once() {
    use std::os::unix::process::CommandExt as _;

    const DELAY: &str = "MIMALLOC_PURGE_DELAY";
    if std::env::var_os(DELAY).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut again = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // Comes back only when the system refuses; then this process goes on as it is.
    drop(again.args(arguments).env(DELAY, "0").exec());
}

/// Does nothing: a program cannot take its own place here.
#[cfg(not(unix))]
pub fn give_back_at_once() {}
