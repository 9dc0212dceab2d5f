//! How much memory a process has had.

/// The most memory of a process that was in the machine's at once, in MiB: `VmHWM` of Linux. `None` elsewhere, and when
/// the process is gone. `process` is its number, or `self`.
pub(super) fn peak_mb(process: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    peak_in(&status)
}

fn peak_in(status: &str) -> Option<f64> {
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = kib.split_whitespace().next()?.parse().ok()?;
    Some((kib / 1024.0 * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_mebibytes() {
        let status = "Name:\tcollector\nVmPeak:\t  999999 kB\nVmHWM:\t   51200 kB\nVmRSS:\t   40000 kB\n";
        assert_eq!(peak_in(status), Some(50.0));
        assert_eq!(peak_in("Name:\tcollector\n"), None);
        assert_eq!(peak_in("VmHWM:\tmany kB\n"), None);
    }

    #[test]
    fn a_process_that_is_gone_has_none() {
        assert_eq!(peak_mb("no-such-process"), None);
    }
}
