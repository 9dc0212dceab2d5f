//! Running a test where files cannot grow: the nearest thing to a full disk that needs no privileges.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// Says to the inner test where to write.
const FOLDER: &str = "COLLECTOR_SINKS_LIMITED_FOLDER";

/// Runs the test of this name again in a process whose files end at `kib` KiB. Gives the folder to use inside that
/// process, and nothing outside of it, where the work is done by then.
pub(crate) fn inside(test: &str, kib: u32) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Some(folder.into());
    }
    let folder = TempDir::new().unwrap();
    // In blocks of 512 bytes, as POSIX has it. A program that ignores the signal sees the write fail.
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kib * 2);
    let program = std::env::current_exe().unwrap();
    let run = Command::new("sh")
        .args(["-c", &script, "sh"])
        .arg(program)
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("1 passed"), "no test has the name {test}: {said}");
    None
}
