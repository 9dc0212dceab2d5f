//! Taking over what a sink has: its data was copied, so it is owed only what it was owed at the source.

use collector_core::error::Result;
use collector_core::id::{Name, RecordKey};

use super::super::counters::{Counter, Counters};
use super::super::outbox::{Wish, owe};
use super::super::session::Session;
use super::super::sinks::{self, Sinks};
use super::super::values::int;

/// Whom a store owes to a sink; `None` when it does not know the sink.
pub(super) async fn owed(source: &Session, sink: &str) -> Result<Option<Vec<(RecordKey, u64)>>> {
    let mut known = Sinks::load(source).await?;
    let Some(bit) = known.find(sink).map(|sink| sink.bit()) else { return Ok(None) };
    let query = "SELECT entity, version FROM @pending WHERE (owed & ?) <> 0";
    let rows = source.rows(query, vec![int(bit)]).await?;
    rows.iter().map(|row| Ok((RecordKey(row.int(0)?), row.int(1)?))).collect::<Result<_>>().map(Some)
}

/// Registers a sink that has everything but these records. One that is registered stays as it is.
pub(super) async fn register(target: &Session, sink: &Name, owed: &[(RecordKey, u64)]) -> Result<()> {
    let mut known = Sinks::load(target).await?;
    if known.find(sink).is_some() {
        return Ok(());
    }
    let bit = 1 << sinks::add(target, &mut known, sink).await?;
    let mut counters = Counters::load(target).await?;
    let since = counters.get(Counter::Commit);
    let wish = |(key, version): &(RecordKey, u64)| Wish {
        key: *key,
        version: *version,
        is_new: false,
        mask: bit,
        since,
    };
    // They belong to nobody until a worker comes.
    owe(target, &mut known, &owed.iter().map(wish).collect::<Vec<_>>(), 0).await?;
    known.save(target).await?;
    if !target.dialect().is_shared() && !owed.is_empty() {
        counters.set(Counter::Unowned, 1);
        counters.save(target).await?;
    }
    Ok(())
}
