//! Schedules, their slots, and who serves with which configuration.
//!
//! A schedule's row is locked while a decision about its slots is written, and its turn tells whether the decision is
//! still about what is there: so a slot is fired once, however many replicas look at the same moment.

use std::collections::BTreeMap;

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::RunId;
use collector_core::schedule::SkipReason;
use collector_core::store::{Firing, SLOTS_KEPT, ScheduleState, Served, Server, SlotFate, SlotRow};

use super::error::unreadable;
use super::session::Session;
use super::statements::Insert;
use super::values::{Row, hash, int, int_or_null, millis, text, text_or_null, time, time_or_null, to_json};

const CONFIG: Insert =
    Insert { table: "config", columns: &["hash", "generation"], key: &["hash"], update: &[] };

const SERVER: Insert = Insert {
    table: "server",
    columns: &["name", "version", "generation", "beat", "ttl"],
    key: &["name"],
    update: &["version", "generation", "beat", "ttl"],
};

const SCHEDULE: Insert =
    Insert { table: "schedule", columns: &["name", "moments", "since", "turn"], key: &["name"], update: &[] };

const SLOT: Insert = Insert {
    table: "slot",
    columns: &["schedule", "planned", "until", "run", "reason", "settled"],
    key: &["schedule", "planned"],
    update: &["until", "run", "reason", "settled"],
};

const STATE: &str = "SELECT s.name, s.since, s.last, s.run, r.id, r.ended, s.paused, s.turn, s.moments FROM @schedule s \
                     LEFT JOIN @run r ON r.id = s.run";

/// How new a server's configuration is; `None` when nobody had it before.
pub(super) async fn generation(tx: &Session, server: &Server) -> Result<Option<u64>> {
    let query = "SELECT generation FROM @config WHERE hash = ?";
    tx.one(query, vec![hash(server.config.0)]).await?.map(|row| row.int(0)).transpose()
}

/// Makes a configuration that nobody had before the newest. Nobody else writes meanwhile.
pub(super) async fn add_config(tx: &Session, server: &Server) -> Result<u64> {
    let count = tx.one("SELECT COUNT(*) FROM @config", vec![]).await?.map_or(Ok(0), |row| row.int(0))?;
    tx.insert(&CONFIG, vec![[hash(server.config.0), int(count)]]).await?;
    Ok(count)
}

/// Puts a server on the list, and its schedules. Tells whether nobody alive has a newer configuration.
pub(super) async fn enlist(
    tx: &Session,
    server: &Server,
    generation: u64,
    schedules: &[Served],
    now: Timestamp,
) -> Result<bool> {
    // Searched first, without a lock: the deletion would wait for everybody alive.
    for row in tx.rows("SELECT name FROM @server WHERE beat + ttl <= ?", vec![time(now)]).await? {
        tx.run("DELETE FROM @server WHERE name = ?", vec![text(row.text(0)?)]).await?;
    }
    let row = [text(&*server.id), text(&server.version), int(generation), time(now), millis(server.ttl)];
    tx.insert(&SERVER, vec![row]).await?;
    let newest = is_newest(tx, generation, now).await?;
    let known = tx.rows("SELECT name, moments FROM @schedule", vec![]).await?;
    let known =
        known.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect::<Result<BTreeMap<_, _>>>()?;
    let mut new = Vec::new();
    for served in schedules {
        match known.get(&*served.name) {
            None => new.push([text(&*served.name), text(&served.when), time(now), int(0)]),
            Some(when) if *when != served.when && newest => begin_anew(tx, served, now).await?,
            Some(_) => {}
        }
    }
    tx.insert(&SCHEDULE, new).await?;
    Ok(newest)
}

async fn begin_anew(tx: &Session, served: &Served, now: Timestamp) -> Result<()> {
    if let Some(mut state) = locked(tx, &served.name).await?
        && state.begin_anew(&served.when, now)
    {
        save(tx, &state).await?;
    }
    Ok(())
}

async fn is_newest(tx: &Session, generation: u64, now: Timestamp) -> Result<bool> {
    let newer = "SELECT COUNT(*) FROM @server WHERE generation > ? AND beat + ttl > ?";
    let row = tx.one(newer, vec![int(generation), time(now)]).await?;
    Ok(row.map_or(Ok(0), |row| row.int(0))? == 0)
}

/// Whether a server is on the list and nobody alive has a newer configuration.
pub(super) async fn is_current(tx: &Session, server: &str, now: Timestamp) -> Result<bool> {
    match tx.one("SELECT generation FROM @server WHERE name = ?", vec![text(server)]).await? {
        Some(row) => is_newest(tx, row.int(0)?, now).await,
        None => Ok(false),
    }
}

/// All schedules, by name.
pub(super) async fn states(tx: &Session) -> Result<Vec<ScheduleState>> {
    tx.rows(&format!("{STATE} ORDER BY s.name"), vec![]).await?.iter().map(state).collect()
}

/// A schedule that is about to be changed.
pub(super) async fn locked(tx: &Session, name: &str) -> Result<Option<ScheduleState>> {
    if tx.one("SELECT name FROM @schedule WHERE name = ?{lock}", vec![text(name)]).await?.is_none() {
        return Ok(None);
    }
    tx.one(&format!("{STATE} WHERE s.name = ?{{lock}}"), vec![text(name)])
        .await?
        .as_ref()
        .map(state)
        .transpose()
}

fn state(row: &Row) -> Result<ScheduleState> {
    let run = row.int_or_null(3)?.map(RunId);
    let ended = match row.int_or_null(4)? {
        Some(_) => row.time_or_null(5)?,
        // A run that is not there any more does not go on.
        None => Some(Timestamp::default()),
    };
    Ok(ScheduleState {
        name: row.text(0)?.into(),
        since: row.time(1)?,
        last: row.time_or_null(2)?,
        run: run.map(|run| (run, ended)),
        paused: row.json_or_none(6)?,
        turn: row.int(7)?,
        when: row.text(8)?,
    })
}

/// Writes a schedule's state.
pub(super) async fn save(tx: &Session, state: &ScheduleState) -> Result<()> {
    let paused = if state.paused.is_empty() { None } else { Some(to_json(&state.paused)?) };
    let save =
        "UPDATE @schedule SET moments = ?, since = ?, last = ?, run = ?, paused = ?, turn = ? WHERE name = ?";
    let run = int_or_null(state.run.map(|(run, _)| run.0));
    let values = vec![
        text(&state.when),
        time(state.since),
        time_or_null(state.last),
        run,
        text_or_null(paused),
        int(state.turn),
        text(&*state.name),
    ];
    tx.run(save, values).await
}

/// Writes what became of slots, and forgets the oldest ones.
pub(super) async fn add(tx: &Session, firing: &Firing, run: Option<RunId>, now: Timestamp) -> Result<()> {
    let before = newest_first(tx, &firing.schedule, 1).await?.into_iter().next();
    let rows = SlotRow::of(firing, run, before.as_ref(), now);
    let rows = rows.iter().map(|row| {
        let (run, reason) = match row.fate {
            SlotFate::Fired(run) => (Some(run.0), None),
            SlotFate::Skipped(reason) => (None, Some(reason.as_str().to_owned())),
        };
        let (run, reason) = (int_or_null(run), text_or_null(reason));
        [text(&*firing.schedule), time(row.first), time(row.last), run, reason, time(row.at)]
    });
    tx.insert(&SLOT, rows.collect()).await?;
    let old = vec![text(&*firing.schedule), time(now - SLOTS_KEPT)];
    tx.run("DELETE FROM @slot WHERE schedule = ? AND planned < ?", old).await
}

/// What became of a schedule's slots, newest first.
pub(super) async fn newest_first(tx: &Session, schedule: &str, max: usize) -> Result<Vec<SlotRow>> {
    let query = "SELECT planned, until, run, reason, settled FROM @slot WHERE schedule = ? \
                 ORDER BY planned DESC LIMIT ?";
    let rows = tx.rows(query, vec![text(schedule), int(max.min(1 << 32) as u64)]).await?;
    rows.iter().map(slot).collect()
}

fn slot(row: &Row) -> Result<SlotRow> {
    let fate = match (row.int_or_null(2)?, row.text_or_null(3)?) {
        (Some(run), _) => SlotFate::Fired(RunId(run)),
        (None, reason) => {
            let reason = reason.unwrap_or_default();
            let known = SkipReason::from_name(&reason);
            SlotFate::Skipped(known.ok_or_else(|| unreadable("why a slot was skipped", reason))?)
        }
    };
    Ok(SlotRow { first: row.time(0)?, last: row.time(1)?, fate, at: row.time(4)? })
}
