//! The collecting process, as the process that started it sees it: heard, stopped, and killed on request.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::Instant;

use super::collecting::{Ended, Said};
use super::memory;
use super::vendor::{Stats, Vendor};
use crate::args::Demo;
use crate::commands::Session;
use crate::failure::{Failure, Result};
use crate::report::{DemoCrash, count};

/// How often the vendor is asked whether the moment to kill has come.
const GLANCE: Duration = Duration::from_millis(3);

/// Between which parts of the population, in percent, the process is killed: it fetches then.
const FETCHING: (u64, u64) = (10, 70);

/// Starts collecting processes and keeps what they told.
pub(super) struct Supervisor<'a> {
    session: &'a Session,
    args: &'a Demo,
    vendor: &'a Vendor,
    began: Instant,
    seen: Seen,
}

/// What was seen of all processes.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// When the first record was in a sink, from the command's beginning.
    pub(super) first_record: Option<Duration>,
    /// The most memory one of them had.
    pub(super) peak_rss_mb: Option<f64>,
    /// What was killed, and what became of it.
    pub(super) crash: DemoCrash,
}

impl<'a> Supervisor<'a> {
    /// For processes of this demo; `began` is when the command did.
    pub(super) fn new(session: &'a Session, args: &'a Demo, vendor: &'a Vendor, began: Instant) -> Self {
        Self { session, args, vendor, began, seen: Seen::default() }
    }

    /// What was seen.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Collects a job of the demo's configuration, in two processes when one is to be killed.
    pub(super) async fn collect(&mut self, job: &str) -> Result<Ended> {
        let mut kill_at = self.args.crash.then(|| moment_of(self.args.creators));
        loop {
            let process = Process::start(self.args, job)?;
            if let Some(ended) = self.follow(process, kill_at.take()).await? {
                return Ok(ended);
            }
        }
    }

    /// Follows a process to its end; `None` when it was killed on the way.
    async fn follow(&mut self, mut process: Process, kill_at: Option<u64>) -> Result<Option<Ended>> {
        let (vendor, stop) = (self.vendor, self.session.stop.clone());
        let moment = moment(vendor, kill_at);
        tokio::pin!(moment);
        let mut ended = None;
        loop {
            tokio::select! {
                line = process.said.next_line() => match line.map_err(|error| lost(&error))? {
                    Some(line) => self.hear(&line, &mut ended)?,
                    None => break,
                },
                Some(line) = process.complaints.next() => self.session.output.aside(&line),
                // It ends well when its standard input is closed, and says so.
                () = stop.cancelled(), if process.stdin.is_some() => drop(process.stdin.take()),
                stats = &mut moment, if ended.is_none() && process.stdin.is_some() => {
                    return self.kill(process, stats).await;
                }
            }
        }
        while let Some(line) = process.complaints.next().await {
            self.session.output.aside(&line);
        }
        let status = process.child.wait().await.map_err(|error| lost(&error))?;
        ended.map(Some).ok_or_else(|| Failure::aborted(format!("the collecting process failed ({status})")))
    }

    /// Ends a process as a power cut would. One that was done by then has ended by itself.
    async fn kill(&mut self, mut process: Process, stats: Stats) -> Result<Option<Ended>> {
        let peak = process.child.id().and_then(|id| memory::peak_mb(&id.to_string()));
        process.child.kill().await.map_err(|error| lost(&error))?;
        let mut ended = None;
        while let Ok(Some(line)) = process.said.next_line().await {
            // Its last line may be torn.
            drop(self.hear(&line, &mut ended));
        }
        if ended.is_some() {
            return Ok(ended);
        }
        self.remember_peak(peak);
        self.seen.crash.kills += 1;
        self.seen.crash.in_flight = stats.in_flight;
        self.tell(&format!(
            "killed the collecting process (as `kill -9` does) with {} answered and {} in flight; starting it again",
            count(stats.answered, "call", "calls"),
            count(stats.in_flight, "call", "calls")
        ));
        Ok(None)
    }

    fn hear(&mut self, line: &str, ended: &mut Option<Ended>) -> Result<()> {
        let said = serde_json::from_str(line).map_err(|error| {
            Failure::aborted(format!("cannot understand the collecting process: {error}"))
        })?;
        match said {
            Said::FirstRecord => {
                let began = self.began;
                self.seen.first_record.get_or_insert_with(|| began.elapsed());
            }
            Said::TookOver { claims } => self.seen.crash.taken_over += claims,
            Said::Ended(how) => {
                self.remember_peak(how.peak_rss_mb);
                *ended = Some(*how);
            }
        }
        Ok(())
    }

    fn remember_peak(&mut self, peak: Option<f64>) {
        self.seen.peak_rss_mb = self.seen.peak_rss_mb.into_iter().chain(peak).reduce(f64::max);
    }

    /// Scripts find the same in the report.
    fn tell(&self, text: &str) {
        if !self.session.output.is_json() {
            self.session.output.note(text);
        }
    }
}

/// One collecting process; killed when dropped.
struct Process {
    child: Child,
    /// It stops when this is closed, however we end.
    stdin: Option<ChildStdin>,
    said: Lines<BufReader<ChildStdout>>,
    complaints: Complaints,
}

impl Process {
    fn start(args: &Demo, job: &str) -> Result<Self> {
        let mut child = command(args, job)?.spawn().map_err(|error| cannot(&error))?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(cannot(&"it has no pipes"));
        };
        let said = BufReader::new(stdout).lines();
        let complaints = Complaints(Some(BufReader::new(stderr).lines()));
        Ok(Self { child, stdin: Some(stdin), said, complaints })
    }
}

/// The lines of its standard error.
struct Complaints(Option<Lines<BufReader<ChildStderr>>>);

impl Complaints {
    /// The next line; `None` when there will be no other.
    async fn next(&mut self) -> Option<String> {
        let line = self.0.as_mut()?.next_line().await.ok().flatten();
        if line.is_none() {
            self.0 = None;
        }
        line
    }
}

fn command(args: &Demo, job: &str) -> Result<Command> {
    let program = std::env::current_exe().map_err(|error| cannot(&error))?;
    let mut command = Command::new(program);
    command
        .args(["demo", "--collect", job, "--creators", &args.creators.to_string(), "--dir"])
        .arg(&args.dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // Ctrl-C goes to a whole group; we are the one who is asked.
    #[cfg(unix)]
    command.process_group(0);
    Ok(command)
}

/// How many things are to be answered before the process is killed.
fn moment_of(creators: u32) -> u64 {
    let part = |percent: u64| u64::from(creators) * percent / 100;
    rand::random_range(part(FETCHING.0)..=part(FETCHING.1)).max(1)
}

/// Waits until the vendor answered that much; for ever without a number.
async fn moment(vendor: &Vendor, answered: Option<u64>) -> Stats {
    let Some(answered) = answered else { return std::future::pending().await };
    loop {
        match vendor.stats().await {
            Ok(stats) if stats.answered >= answered => return stats,
            _ => tokio::time::sleep(GLANCE).await,
        }
    }
}

fn cannot(why: &impl std::fmt::Display) -> Failure {
    Failure::aborted(format!("cannot start the collecting process: {why}"))
}

fn lost(error: &std::io::Error) -> Failure {
    Failure::aborted(format!("lost the collecting process: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_is_in_the_fetching_phase_whatever_the_population() {
        assert_eq!(moment_of(1), 1);
        for _ in 0..1_000 {
            assert!((500..=3_500).contains(&moment_of(5_000)));
        }
    }
}
