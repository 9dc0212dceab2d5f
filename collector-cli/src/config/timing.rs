//! When a job runs by itself.

use std::time::Duration;

use collector_core::schedule::{CatchUp, Overlap, Schedule, When};
use serde::Serialize;

use super::as_text;
use super::tree::Node;

/// Where a cron line says nothing of a zone.
const ZONE: &str = "UTC";
/// More would put slots of one day into the next.
const MOST_JITTER: Duration = Duration::from_secs(86_400);
/// What a schedule looks like, for messages.
const FORM: &str = "schedule = \"0 3 * * *\" or every = \"6h\"";

/// When a job runs by itself, as it was written and as it is understood.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Timing {
    /// The cron line, if it is one.
    #[serde(rename = "schedule", skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// The time zone of the cron line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The interval, if it is one.
    #[serde(serialize_with = "some_as_text", skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
    /// Over which time jobs of the same moment are spread.
    #[serde(serialize_with = "as_text")]
    pub jitter: Duration,
    /// What becomes of slots that came due while nobody was there.
    pub catch_up: CatchUp,
    /// What becomes of a slot that comes due while the run before goes on.
    pub overlap: Overlap,
    /// What it means.
    #[serde(skip)]
    pub schedule: Schedule,
}

fn some_as_text<S: serde::Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => as_text(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// The keys of a job's table that are about time.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) schedule: Option<String>,
    pub(super) timezone: Option<String>,
    pub(super) every: Option<Duration>,
    pub(super) jitter: Option<Duration>,
    pub(super) catch_up: Option<CatchUp>,
    pub(super) overlap: Option<Overlap>,
}

/// When the job of a table runs by itself, if it does; faults are noted.
pub(super) fn read(node: &Node<'_>, job: &str, keys: Keys) -> Option<Timing> {
    let when = match (&keys.schedule, keys.every) {
        (Some(_), Some(_)) => {
            node.fault_in("every", "a job has `schedule` or `every`, not both; leave one of them out");
            None
        }
        (None, None) => {
            let beside = [
                ("timezone", keys.timezone.is_some()),
                ("jitter", keys.jitter.is_some()),
                ("catch_up", keys.catch_up.is_some()),
                ("overlap", keys.overlap.is_some()),
            ];
            for (key, _) in beside.into_iter().filter(|(_, written)| *written) {
                node.fault_in(key, format!("`{key}` is about when a job runs; write {FORM} beside it"));
            }
            None
        }
        (Some(line), None) => read_line(node, line, keys.timezone.as_deref()),
        (None, Some(every)) => {
            if keys.timezone.is_some() {
                node.fault_in(
                    "timezone",
                    "an interval has no time zone; leave it out, or write a `schedule`",
                );
            }
            When::every(every).map_err(|error| node.fault_in("every", error.message())).ok()
        }
    };
    let jitter = keys.jitter.unwrap_or_default();
    if jitter > MOST_JITTER {
        node.fault_in("jitter", "expected at most 24h");
    }
    let (catch_up, overlap) = (keys.catch_up.unwrap_or_default(), keys.overlap.unwrap_or_default());
    Some(Timing {
        schedule: Schedule::new(job, when?).jitter(jitter).catch_up(catch_up).overlap(overlap),
        timezone: keys.schedule.is_some().then(|| keys.timezone.unwrap_or_else(|| ZONE.to_owned())),
        line: keys.schedule,
        every: keys.every,
        jitter,
        catch_up,
        overlap,
    })
}

fn read_line(node: &Node<'_>, line: &str, zone: Option<&str>) -> Option<When> {
    let known = match zone.map(When::check_zone) {
        Some(Err(error)) => {
            node.fault_in("timezone", error.message());
            None
        }
        _ => Some(zone.unwrap_or(ZONE)),
    };
    // Both may be wrong, and both are told.
    let when = When::cron(line, known.unwrap_or(ZONE));
    let when = when.map_err(|error| node.fault_in("schedule", error.message())).ok();
    when.filter(|_| known.is_some())
}
