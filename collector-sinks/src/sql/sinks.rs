//! Registered sinks and their balances: `wanted = stored + superseded + rejected + pending`.

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::Name;
use collector_core::sink::Position;

use super::session::Session;
use super::values::{int, ints, text};

/// Sinks are bits of a signed 64-bit number.
const MAX_SINKS: usize = 62;

pub(super) struct Sink {
    /// Its bit's number.
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) wanted: u64,
    pub(super) stored: u64,
    pub(super) superseded: u64,
    pub(super) rejected: u64,
}

impl Sink {
    pub(super) fn bit(&self) -> u64 {
        1 << self.id
    }
}

/// All sinks, with what one transaction adds to their balances.
pub(super) struct Sinks(Vec<Sink>);

impl Sinks {
    pub(super) async fn load(tx: &Session) -> Result<Self> {
        let mut sinks = Vec::new();
        for row in tx.rows("SELECT id, name FROM @sink ORDER BY id", vec![]).await? {
            sinks.push(Sink {
                id: row.int(0)?,
                name: row.text(1)?,
                wanted: 0,
                stored: 0,
                superseded: 0,
                rejected: 0,
            });
        }
        Ok(Self(sinks))
    }

    pub(super) async fn save(&self, tx: &Session) -> Result<()> {
        let statement = "UPDATE @sink SET wanted = wanted + ?, `stored` = `stored` + ?, superseded = superseded + ?, \
                         rejected = rejected + ? WHERE id = ?";
        for sink in &self.0 {
            let added = [sink.wanted, sink.stored, sink.superseded, sink.rejected];
            if added != [0; 4] {
                let mut values = ints(added);
                values.push(int(sink.id));
                tx.run(statement, values).await?;
            }
        }
        Ok(())
    }

    /// Every sink's bit.
    pub(super) fn mask(&self) -> u64 {
        self.0.iter().fold(0, |mask, sink| mask | sink.bit())
    }

    pub(super) fn find(&mut self, name: &str) -> Option<&mut Sink> {
        self.0.iter_mut().find(|sink| sink.name == name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Sink> {
        self.0.iter()
    }

    /// Counts a wish at the sinks of `mask`; it replaces one that `before` still owes.
    pub(super) fn wish(&mut self, mask: u64, before: u64) {
        for sink in self.0.iter_mut().filter(|sink| mask & sink.bit() != 0) {
            sink.wanted += 1;
            sink.superseded += u64::from(before & sink.bit() != 0);
        }
    }
}

/// Registers the named sinks as the active ones; gives their positions, and the bits of those that are new.
pub(super) async fn register(tx: &Session, names: &[Name]) -> Result<(Vec<Option<Position>>, u64)> {
    let mut known = Sinks::load(tx).await?;
    let (mut positions, mut new) = (Vec::with_capacity(names.len()), 0);
    tx.run("UPDATE @sink SET active = 0", vec![]).await?;
    for name in names {
        let id = match known.find(name) {
            Some(sink) => sink.id,
            None => {
                let sink = add(tx, &mut known, name).await?;
                new |= 1 << sink;
                sink
            }
        };
        tx.run("UPDATE @sink SET active = 1 WHERE id = ?", vec![int(id)]).await?;
        let row = tx.one("SELECT place FROM @sink WHERE id = ?", vec![int(id)]).await?;
        let place = row.map(|row| row.text_or_null(0)).transpose()?.flatten();
        positions.push(place.map(Position));
    }
    Ok((positions, new))
}

pub(super) async fn add(tx: &Session, known: &mut Sinks, name: &Name) -> Result<u64> {
    let id = known.0.len();
    if id >= MAX_SINKS {
        let message = format!("a store takes {MAX_SINKS} sinks and {MAX_SINKS} are registered already");
        return Err(Error::new(ErrorKind::ConfigInvalid, message).with("sink", name));
    }
    let insert = "INSERT INTO @sink (id, name, active, wanted, `stored`, superseded, rejected) VALUES (?, ?, 1, 0, 0, 0, 0)";
    tx.run(insert, vec![int(id as u64), text(&**name)]).await?;
    known.0.push(Sink {
        id: id as u64,
        name: name.to_string(),
        wanted: 0,
        stored: 0,
        superseded: 0,
        rejected: 0,
    });
    Ok(id as u64)
}

/// Keeps what a sink said about where it stands.
pub(super) async fn keep_position(tx: &Session, id: u64, position: &Position) -> Result<()> {
    tx.run("UPDATE @sink SET place = ? WHERE id = ?", vec![text(&position.0), int(id)]).await
}
