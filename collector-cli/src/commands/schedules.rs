//! `collector schedules`: what runs by itself, what became of its slots, and pausing it.

use collector_core::clock::{Clock, SystemClock};

use super::Session;
use crate::args::{Schedules, SchedulesChange, SchedulesCommand};
use crate::compose;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::report::{ScheduleEntry, SchedulePaused, SchedulesReport};
use collector_core::known::not_known;

/// How many slots of each schedule are shown.
const SHOWN: usize = 5;

pub(super) async fn execute(session: &Session, args: &Schedules) -> Result<Exit> {
    match &args.command {
        None => show(session, args).await,
        Some(SchedulesCommand::Pause(args)) => change(session, args, true).await,
        Some(SchedulesCommand::Resume(args)) => change(session, args, false).await,
    }
}

async fn show(session: &Session, args: &Schedules) -> Result<Exit> {
    let store = compose::open_reader(&session.store(&args.store)?).await?;
    let mut schedules = Vec::new();
    for state in store.schedules().await? {
        let slots = store.slots(&state.name, SHOWN).await?;
        schedules.push(ScheduleEntry { state, slots });
    }
    session.output.print(&SchedulesReport { schedules }, SchedulesReport::text)?;
    Ok(Exit::Complete)
}

async fn change(session: &Session, args: &SchedulesChange, paused: bool) -> Result<Exit> {
    let place = session.store(&args.store)?;
    // Looked for beside a writer first: a wrong name makes no store and waits for nobody.
    let known = compose::open_reader(&place).await?.schedules().await?;
    if !known.iter().any(|state| *state.name == *args.name) {
        let names = known.iter().map(|state| &*state.name);
        return Err(Failure::usage(not_known("schedule", &args.name, names))
            .advise("`collector schedules` shows them; one is known once `collector serve` served it"));
    }
    let store = compose::open_store(&place).await?;
    let changed = store.pause_schedule(&args.name, paused, SystemClock.now()).await?;
    let report = SchedulePaused { name: args.name.clone(), paused, changed };
    session.output.print(&report, SchedulePaused::text)?;
    Ok(Exit::Complete)
}
