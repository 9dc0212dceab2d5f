//! What a table holds, as one number that does not depend on the order of its rows.

use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::Digest;
use sea_orm::Value;

use super::super::database::Database;
use super::tables::{Most, Table};
use super::{require_going, steps};

/// How many rows a table has, and the sum of their hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contents {
    /// Its rows.
    pub rows: u64,
    /// The sum of its rows' hashes: the same rows, the same number.
    pub hash: u128,
}

impl Contents {
    fn add(&mut self, row: &[Value]) {
        self.rows += 1;
        self.hash = self.hash.wrapping_add(u128::from_be_bytes(Digest::of(&encoded(row)).0));
    }

    /// Of every copied table of a store, in their order.
    pub(super) async fn of_all(
        database: &Database,
        tables: &[Table],
        cx: &Context,
        seen: &(dyn Fn(&'static str, u64) + Send + Sync),
    ) -> Result<Vec<Self>> {
        let mut all = Vec::with_capacity(tables.len());
        for table in tables {
            all.push(Self::of(database, table, cx, seen).await?);
        }
        Ok(all)
    }

    async fn of(
        database: &Database,
        table: &Table,
        cx: &Context,
        seen: &(dyn Fn(&'static str, u64) + Send + Sync),
    ) -> Result<Self> {
        let (mut contents, mut after) = (Self::default(), None);
        loop {
            require_going(cx)?;
            let rows = steps::read(database, table, after.as_deref(), Most::AT_ONCE).await?;
            let Some(last) = rows.last() else { return contents.counted(database, table).await };
            after = Some(table.key_of(last));
            rows.iter().for_each(|row| contents.add(row));
            seen(table.name, contents.rows);
        }
    }
}

impl Contents {
    /// Refuses what was read if the database counts other rows: then they changed meanwhile.
    async fn counted(self, database: &Database, table: &Table) -> Result<Self> {
        let counted = steps::count(database, table).await?;
        if counted == self.rows {
            return Ok(self);
        }
        let message =
            "rows came or went while they were compared; let nobody work in either store, and begin anew";
        let error = Error::new(ErrorKind::Storage, message).with("table", table.name);
        Err(error.with("read", self.rows).with("counted", counted))
    }
}

/// One number for all tables, which a database can keep; never 0.
pub(super) fn fingerprint(tables: &[Table], contents: &[Contents]) -> u64 {
    let mut text = String::new();
    for (table, Contents { rows, hash }) in tables.iter().zip(contents) {
        text.push_str(&format!("{} {rows} {hash:x}\n", table.name));
    }
    super::marks::number(text.as_bytes())
}

/// A row as bytes: what differs is written differently.
fn encoded(row: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    for value in row {
        match value {
            Value::BigInt(Some(number)) => {
                bytes.push(1);
                bytes.extend(number.to_be_bytes());
            }
            Value::String(Some(text)) => part(&mut bytes, 2, text.as_bytes()),
            Value::Bytes(Some(data)) => part(&mut bytes, 3, data),
            _ => bytes.push(0),
        }
    }
    bytes
}

fn part(bytes: &mut Vec<u8>, kind: u8, data: &[u8]) {
    bytes.push(kind);
    bytes.extend((data.len() as u64).to_be_bytes());
    bytes.extend(data);
}

#[cfg(test)]
mod tests {
    use super::super::super::values::{int, text};
    use super::*;

    fn of(rows: &[Vec<Value>]) -> Contents {
        let mut contents = Contents::default();
        rows.iter().for_each(|row| contents.add(row));
        contents
    }

    #[test]
    fn the_order_of_rows_does_not_count_and_every_value_does() {
        let (a, b) = (vec![int(1), text("a"), Value::String(None)], vec![int(2), text("b"), text("")]);
        let both = of(&[a.clone(), b.clone()]);
        assert_eq!(both, of(&[b.clone(), a.clone()]));
        assert_eq!(both.rows, 2);
        for other in [
            vec![int(1), text("a"), text("")],
            vec![int(3), text("a"), Value::String(None)],
            vec![text("1"), text("a"), Value::String(None)],
            vec![int(1), Value::Bytes(Some(b"a".to_vec())), Value::String(None)],
        ] {
            assert_ne!(of(std::slice::from_ref(&a)).hash, of(&[other]).hash);
        }
        assert_ne!(of(&[vec![text("ab"), text("c")]]).hash, of(&[vec![text("a"), text("bc")]]).hash);
    }
}
