//! Small texts by name: how far something is, that must go on after it was killed.

use collector_core::error::Result;

use super::session::Session;
use super::statements::Insert;
use super::values::text;

const NOTE: Insert =
    Insert { table: "note", columns: &["name", "value"], key: &["name"], update: &["value"] };

/// The text under a name.
pub(super) async fn get(tx: &Session, name: &str) -> Result<Option<String>> {
    let row = tx.one("SELECT value FROM @note WHERE name = ?", vec![text(name)]).await?;
    row.map(|row| row.text(0)).transpose()
}

/// Keeps a text, or takes it away.
pub(super) async fn put(tx: &Session, name: &str, value: Option<&str>) -> Result<()> {
    match value {
        Some(value) => tx.insert(&NOTE, vec![[text(name), text(value)]]).await,
        None => tx.run("DELETE FROM @note WHERE name = ?", vec![text(name)]).await,
    }
}
