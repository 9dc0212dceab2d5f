//! Schedules over every change of the clocks of twelve zones: three replicas that start, stop and race on one store, in
//! virtual time, against an oracle that goes through the local wall clocks minute by minute.

mod oracle;
mod race;

use std::path::Path;

use collector_core::schedule::{CatchUp, Overlap};
use jiff::tz::TimeZoneDatabase;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use self::oracle::Expected;
use self::race::Race;
use super::Failure;
use super::process::rounded;

/// Zones whose clocks are changed in many ways: by half an hour, at midnight, a minute after it, by a whole day.
const ZONES: [&str; 12] = [
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Sao_Paulo",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Pacific/Apia",
];

/// What is scheduled in every zone.
pub(super) const LINES: [(&str, CatchUp, Overlap); 6] = [
    ("30 2 * * *", CatchUp::Latest, Overlap::Skip),
    ("*/15 * * * *", CatchUp::None, Overlap::Skip),
    ("0,20,40 0-3 * * *", CatchUp::Latest, Overlap::Queue),
    ("15,45 1,2,23 * * *", CatchUp::None, Overlap::Queue),
    ("0 0 * * 0,6", CatchUp::Latest, Overlap::Skip),
    ("10 */2 1-15 * *", CatchUp::None, Overlap::Skip),
];

/// How much is looked at before and behind each change, in seconds.
const WINDOW: i64 = 30 * 3_600;
/// The years that are looked at.
const YEARS: (&str, &str) = ("1990-01-01T00:00:00Z", "2038-01-01T00:00:00Z");

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Restarts of a replica in each zone, spread over its changes.
    #[arg(long, default_value_t = 10_000)]
    restarts: usize,
    /// How many of the twelve zones.
    #[arg(long, default_value_t = ZONES.len())]
    zones: usize,
    /// Of each zone only so many changes.
    #[arg(long)]
    changes: Option<usize>,
    /// Replicas at once.
    #[arg(long, default_value_t = 3)]
    replicas: usize,
    /// What chance begins with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What was found, added up.
#[derive(Debug, Default)]
struct Found {
    changes: usize,
    restarts: usize,
    slots: usize,
    fired: usize,
    skipped: usize,
    refused: usize,
    lost: usize,
    double: usize,
    strange: usize,
    other_reason: usize,
    example: Option<String>,
}

pub(super) async fn run(args: &Args, _dir: &Path) -> Result<Map<String, Value>, Failure> {
    let began = Instant::now();
    let mut found = Found::default();
    for (at, zone) in ZONES.iter().take(args.zones).enumerate() {
        let mut changes = changes(zone)?;
        changes.truncate(args.changes.unwrap_or(usize::MAX));
        for (number, change) in changes.iter().enumerate() {
            // The rest of an uneven share goes to the first changes.
            let restarts =
                args.restarts / changes.len() + usize::from(number < args.restarts % changes.len());
            let seed = args.seed.wrapping_mul(1_000_003) ^ ((at as u64) << 32) ^ number as u64;
            one(zone, *change, restarts, args.replicas, seed, &mut found).await?;
        }
    }
    let figures = json!({
        "workload": "schedule",
        "zones": args.zones.min(ZONES.len()),
        "changes": found.changes,
        "schedules": LINES.len(),
        "replicas": args.replicas,
        "restarts": found.restarts,
        "slots": found.slots,
        "fired": found.fired,
        "skipped": found.skipped,
        "races_lost": found.refused,
        "lost": found.lost,
        "double": found.double,
        "strange": found.strange,
        "other_reason": found.other_reason,
        "example": found.example,
        "wall_s": rounded(began.elapsed().as_secs_f64(), 3),
    });
    match figures {
        Value::Object(figures) => Ok(figures),
        _ => Err("the figures are no object".into()),
    }
}

/// When the clock of a zone was or will be changed, in seconds since the epoch.
fn changes(zone: &str) -> Result<Vec<i64>, Failure> {
    let zone = TimeZoneDatabase::bundled().get(zone)?;
    let (from, to): (jiff::Timestamp, jiff::Timestamp) = (YEARS.0.parse()?, YEARS.1.parse()?);
    let mut offset = zone.to_offset(from);
    let changes = zone.following(from).take_while(|change| change.timestamp() < to);
    // Some are changes of a name only.
    Ok(changes
        .filter(|change| std::mem::replace(&mut offset, change.offset()) != change.offset())
        .map(|change| change.timestamp().as_second())
        .collect())
}

/// Everything around one change.
async fn one(
    zone: &str,
    change: i64,
    restarts: usize,
    replicas: usize,
    seed: u64,
    found: &mut Found,
) -> Result<(), Failure> {
    let race = Race::around(zone, change, restarts, replicas, seed)?;
    let seen = race.run().await?;
    found.changes += 1;
    found.restarts += race.starts();
    found.refused += seen.refused;
    for (at, (line, catch_up, overlap)) in LINES.iter().enumerate() {
        let expected = oracle::fates(zone, line, *catch_up, *overlap, &race, at)?;
        found.slots += expected.len();
        let mut complain = |kind: &str, slot: i64, what: String| {
            let when = jiff::Timestamp::from_second(slot).map(|at| at.to_string()).unwrap_or_default();
            found
                .example
                .get_or_insert_with(|| format!("{kind}: {zone} {line:?} {when}: {what} (seed {seed})"));
        };
        for (slot, fate) in &expected {
            let fates = seen.of(at, *slot);
            match (fates.as_slice(), fate) {
                ([one], expected) if one == expected => match expected {
                    Expected::Fired => found.fired += 1,
                    Expected::Open => {}
                    _ => found.skipped += 1,
                },
                ([], Expected::Open) => {}
                ([] | [Expected::Missed | Expected::Superseded | Expected::Overlap], Expected::Fired)
                | ([], _) => {
                    found.lost += 1;
                    complain("lost", *slot, format!("expected {fate:?}, saw {fates:?}"));
                }
                ([_], _) => {
                    found.other_reason += 1;
                    complain("other reason", *slot, format!("expected {fate:?}, saw {fates:?}"));
                }
                _ => {
                    found.double += 1;
                    complain("double", *slot, format!("{fates:?}"));
                }
            }
        }
        for slot in seen.fired(at) {
            if !expected.contains_key(&slot) {
                found.strange += 1;
                complain("strange", slot, "fired, and the wall clock says nothing of it".to_owned());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn replicas_that_come_and_go_fire_what_the_oracle_says() {
        let args = Args { restarts: 80, zones: ZONES.len(), changes: Some(2), replicas: 3, seed: 7 };
        let figures = run(&args, Path::new("")).await.expect("figures");
        for count in ["lost", "double", "strange", "other_reason"] {
            assert_eq!(figures[count], 0, "{figures:?}");
        }
        assert!(figures["fired"].as_u64() > Some(1_000), "{figures:?}");
        assert!(figures["races_lost"].as_u64() > Some(100), "{figures:?}");
    }
}
