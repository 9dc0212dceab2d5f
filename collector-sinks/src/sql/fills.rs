//! How answers were filled, by source, kind and day.

use std::collections::BTreeMap;

use collector_core::error::Result;
use collector_core::store::Fill;

use super::session::Session;
use super::statements::Insert;
use super::values::{Row, int, json, signed, text};

const FILL: Insert = Insert {
    table: "fill",
    columns: &["source", "kind", "day", "answers", "items", "filled"],
    key: &["source", "kind", "day"],
    update: &["answers", "items", "filled"],
};

/// Adds to what is known of the same source, kind and day.
pub(super) async fn add(tx: &Session, fills: &[Fill]) -> Result<()> {
    let mut sums: BTreeMap<(&str, &str, i32), Fill> = BTreeMap::new();
    for fill in fills {
        let key = (&*fill.source, &*fill.kind, fill.day);
        match sums.get_mut(&key) {
            Some(sum) => sum.add(fill),
            None => drop(sums.insert(key, fill.clone())),
        }
    }
    let mut rows = Vec::with_capacity(sums.len());
    for ((source, kind, day), mut sum) in sums {
        let query = "SELECT source, kind, day, answers, items, filled FROM @fill \
                     WHERE source = ? AND kind = ? AND day = ?{lock}";
        let values = vec![text(source), text(kind), signed(i64::from(day))];
        if let Some(row) = tx.one(query, values).await? {
            sum.add(&read(&row)?);
        }
        rows.push([
            text(source),
            text(kind),
            signed(i64::from(day)),
            int(sum.answers),
            int(sum.items),
            json(&sum.filled)?,
        ]);
    }
    tx.insert(&FILL, rows).await
}

fn read(row: &Row) -> Result<Fill> {
    Ok(Fill {
        source: row.text(0)?.into(),
        kind: row.text(1)?.into(),
        day: row.small(2)?,
        answers: row.int(3)?,
        items: row.int(4)?,
        filled: row.json(5)?,
    })
}

/// Everything since a day.
pub(super) async fn since(tx: &Session, day: i32) -> Result<Vec<Fill>> {
    let query = "SELECT source, kind, day, answers, items, filled FROM @fill WHERE day >= ? \
                 ORDER BY source, kind, day";
    tx.rows(query, vec![signed(i64::from(day))]).await?.iter().map(read).collect()
}

/// Forgets a source's.
pub(super) async fn forget(tx: &Session, source: &str) -> Result<()> {
    tx.run("DELETE FROM @fill WHERE source = ?", vec![text(source)]).await
}
