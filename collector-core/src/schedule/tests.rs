//! What becomes of slots.

use std::time::Duration;

use super::*;
use crate::clock::Timestamp;

const HOUR: i64 = 3_600;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_000_000 * HOUR + secs)
}

fn hours(count: i64) -> Timestamp {
    at(count * HOUR)
}

fn hourly() -> Schedule {
    Schedule::new("hourly", When::every(Duration::from_secs(3_600)).unwrap())
}

fn after(last: i64) -> Past {
    Past { since: hours(0), last: Some(hours(last)), ..Past::default() }
}

fn skips(verdict: &Verdict) -> Vec<(i64, i64, SkipReason)> {
    let hour = |at: Timestamp| (at.as_millis() - hours(0).as_millis()) / 1_000 / HOUR;
    verdict.skipped.iter().map(|skip| (hour(skip.first), hour(skip.last), skip.reason)).collect()
}

#[test]
fn nothing_is_due_before_its_time_nor_before_the_schedule_was_there() {
    let past = Past { since: hours(0), ..Past::default() };
    let early = decide(&hourly(), &past, at(HOUR - 1));
    assert_eq!((early.fire, early.look_again), (None, Some(hours(1))));
    let first = decide(&hourly(), &past, hours(1));
    assert_eq!((first.fire, first.look_again), (Some(hours(1)), Some(hours(2))));
    assert!(first.skipped.is_empty());
}

#[test]
fn a_slot_is_due_after_its_delay_and_keeps_its_planned_moment() {
    let schedule = hourly().jitter(Duration::from_secs(600));
    let delay = schedule.delay();
    assert!(delay > Duration::ZERO && delay < Duration::from_secs(600), "{delay:?}");
    assert_eq!(delay, hourly().jitter(Duration::from_secs(600)).delay());
    let moment = Duration::from_millis(1);
    assert_eq!(decide(&schedule, &after(3), hours(4) + delay - moment).fire, None);
    let due = decide(&schedule, &after(3), hours(4) + delay);
    assert_eq!((due.fire, due.look_again), (Some(hours(4)), Some(hours(5) + delay)));
}

#[test]
fn without_catching_up_what_is_a_minute_late_is_missed() {
    let schedule = hourly().catch_up(CatchUp::None);
    let late = decide(&schedule, &after(3), at(5 * HOUR + 60));
    assert_eq!(late.fire, None);
    assert_eq!(skips(&late), [(4, 5, SkipReason::Missed)]);
    let on_time = decide(&schedule, &after(3), at(5 * HOUR + 59));
    assert_eq!(on_time.fire, Some(hours(5)));
    assert_eq!(skips(&on_time), [(4, 4, SkipReason::Missed)]);
}

#[test]
fn the_latest_is_made_up_for_and_takes_the_place_of_the_others() {
    let verdict = decide(&hourly(), &after(3), at(9 * HOUR + 1_800));
    assert_eq!(verdict.fire, Some(hours(9)));
    assert_eq!(skips(&verdict), [(4, 8, SkipReason::Superseded)]);
}

#[test]
fn what_overlaps_is_skipped_also_when_the_run_has_ended_since() {
    let running = Past { running: true, ..after(3) };
    let verdict = decide(&hourly(), &running, at(5 * HOUR + 1));
    assert_eq!((verdict.fire, verdict.waits), (None, false));
    assert_eq!(skips(&verdict), [(4, 5, SkipReason::Overlap)]);
    let ended = Past { ended: Some(at(5 * HOUR + 30)), ..after(3) };
    let verdict = decide(&hourly(), &ended, at(6 * HOUR));
    assert_eq!(verdict.fire, Some(hours(6)));
    assert_eq!(skips(&verdict), [(4, 5, SkipReason::Overlap)]);
    // It ended at the very moment the next one was due.
    let ended = Past { ended: Some(hours(4)), ..after(3) };
    assert_eq!(decide(&hourly(), &ended, hours(4)).fire, Some(hours(4)));
}

#[test]
fn the_newest_waits_for_the_run_before_and_is_not_late_then() {
    let schedule = hourly().overlap(Overlap::Queue).catch_up(CatchUp::None);
    let running = Past { running: true, ..after(3) };
    let verdict = decide(&schedule, &running, at(6 * HOUR + 120));
    assert_eq!((verdict.fire, verdict.waits), (None, true));
    assert_eq!(skips(&verdict), [(4, 5, SkipReason::Superseded)]);
    assert_eq!(verdict.look_again, Some(hours(7)));
    let ended = Past { ended: Some(at(6 * HOUR + 1_800)), last: Some(hours(5)), ..after(3) };
    assert_eq!(decide(&schedule, &ended, at(6 * HOUR + 1_810)).fire, Some(hours(6)));
    let late = decide(&schedule, &ended, at(6 * HOUR + 1_860));
    assert_eq!(skips(&late), [(6, 6, SkipReason::Missed)]);
}

#[test]
fn a_pause_is_the_reason_of_what_came_due_in_it_whenever_somebody_looks() {
    let paused = vec![Pause { from: at(4 * HOUR + 1), to: Some(at(7 * HOUR)) }];
    let past = Past { paused, ..after(3) };
    let verdict = decide(&hourly(), &past, at(8 * HOUR));
    assert_eq!(verdict.fire, Some(hours(8)));
    assert_eq!(
        skips(&verdict),
        [(4, 4, SkipReason::Superseded), (5, 6, SkipReason::Paused), (7, 7, SkipReason::Superseded)]
    );
    let open = Past { paused: vec![Pause { from: at(4 * HOUR + 1), to: None }], ..after(3) };
    let verdict = decide(&hourly(), &open, at(6 * HOUR));
    assert_eq!(verdict.fire, None);
    assert_eq!(skips(&verdict), [(4, 4, SkipReason::Superseded), (5, 6, SkipReason::Paused)]);
    let just = decide(&hourly(), &open, at(4 * HOUR + 10));
    assert_eq!((just.fire, skips(&just)), (None, vec![(4, 4, SkipReason::Missed)]));
}

#[test]
fn a_clock_that_steps_back_an_hour_neither_repeats_nor_loses_a_slot() {
    let minutely = Schedule::new("m", When::every(Duration::from_secs(60)).unwrap());
    let mut past = Past { since: at(0), ..Past::default() };
    let mut fired = Vec::new();
    let (mut now, mut looks) = (at(0), 0);
    while now < at(4 * HOUR) {
        let verdict = decide(&minutely, &past, now);
        assert!(verdict.skipped.is_empty(), "{:?}", verdict.skipped);
        if let Some(slot) = verdict.fire {
            fired.push(slot);
            past.last = Some(slot);
        }
        now = now + Duration::from_secs(20);
        looks += 1;
        if looks == 360 {
            now = now - Duration::from_secs(3_600);
        }
    }
    let every: Vec<Timestamp> = (1..240).map(|minute| at(minute * 60)).collect();
    assert_eq!(fired, every);
}

#[test]
fn ten_years_of_missed_minutes_are_one_range() {
    let minutely = Schedule::new("m", When::cron("* * * * *", "Europe/Berlin").unwrap());
    let decade = Duration::from_secs(10 * 365 * 86_400);
    let verdict = decide(&minutely, &Past { since: at(0), ..Past::default() }, at(0) + decade);
    assert_eq!(verdict.skipped.len(), 1);
    assert_eq!(verdict.skipped[0].first, at(60));
    assert_eq!(verdict.fire, Some(at(0) + decade));
}

#[test]
fn the_names_of_reasons_are_read_back() {
    for reason in SkipReason::ALL {
        assert_eq!(SkipReason::from_name(reason.as_str()), Some(reason));
    }
    assert_eq!(SkipReason::from_name("other"), None);
}
