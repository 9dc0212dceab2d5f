//! Brings a database to the schema of this program: forward only, in one transaction, safe to repeat.

use collector_core::error::{Error, ErrorKind, Result};

use super::schema::VERSIONS;
use super::session::Session;
use super::values::{int, text};

/// The newest schema this program knows.
pub(super) fn newest() -> u64 {
    VERSIONS.len() as u64
}

/// Adds what the database lacks.
pub(super) async fn migrate(tx: &Session) -> Result<()> {
    let create = "CREATE TABLE IF NOT EXISTS @meta (name {name} NOT NULL PRIMARY KEY, value {int} NOT NULL){clustered}";
    tx.define(create).await?;
    let present = version(tx).await?;
    check(tx, present)?;
    for version in VERSIONS.get(usize::try_from(present).unwrap_or(usize::MAX)..).unwrap_or_default() {
        for statement in *version {
            tx.define(statement).await?;
        }
    }
    if present < newest() {
        tx.run("DELETE FROM @meta WHERE name = 'schema'", vec![]).await?;
        tx.run("INSERT INTO @meta (name, value) VALUES (?, ?)", vec![text("schema"), int(newest())]).await?;
    }
    Ok(())
}

/// Refuses a database that is newer, or older and opened for reading only.
pub(super) async fn require(tx: &Session) -> Result<()> {
    let present = version(tx).await?;
    check(tx, present)?;
    if present == newest() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Storage,
        format!(
            "the database has schema version {present} and this program reads {}; open it for writing once",
            newest()
        ),
    )
    .with("file", tx.file().display()))
}

async fn version(tx: &Session) -> Result<u64> {
    let row = tx.one("SELECT value FROM @meta WHERE name = 'schema'", vec![]).await?;
    row.map_or(Ok(0), |row| row.int(0))
}

fn check(tx: &Session, present: u64) -> Result<()> {
    if present <= newest() {
        return Ok(());
    }
    let message = format!(
        "the database has schema version {present} and this program knows {}; use a newer one",
        newest()
    );
    Err(Error::new(ErrorKind::Storage, message).with("file", tx.file().display()))
}
