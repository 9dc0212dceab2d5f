//! `collector status`: what the store holds, what is open, what is wrong.

use collector_core::pipeline::DeadGroup;

use super::Session;
use crate::args::StoreChoice;
use crate::compose;
use crate::exit::Exit;
use crate::failure::Result;
use crate::report::{ParkedAccount, StatusReport};

/// The newest dead letters that are grouped; the total is counted apart.
const LETTERS: usize = 10_000;

pub(super) async fn execute(session: &Session, choice: &StoreChoice) -> Result<Exit> {
    let place = session.store(choice)?;
    let store = compose::open_reader(&place).await?;
    let report = StatusReport {
        store: place.to_string(),
        counts: store.counts().await?,
        parked: store.parked().await?.into_iter().map(ParkedAccount::from).collect(),
        dead: DeadGroup::of(&store.dead_letters(LETTERS).await?),
    };
    session.output.print(&report, StatusReport::text)?;
    Ok(Exit::Complete)
}
