//! Brings a database to the schema of this program: forward only, safe to repeat. In a file in one transaction; on a
//! server, where every statement of the schema ends its transaction, one after the other under a lock, with a mark that
//! says whether an attempt ended half way.

use collector_core::error::{Error, ErrorKind, Result};

use super::schema::VERSIONS;
use super::session::Session;
use super::values::{int, text};

const META: &str =
    "CREATE TABLE IF NOT EXISTS @meta (name {name} NOT NULL PRIMARY KEY, value {int} NOT NULL){clustered}";

/// The row with the version that is complete.
const SCHEMA: &str = "schema";

/// The newest schema this program knows.
pub(super) fn newest() -> u64 {
    VERSIONS.len() as u64
}

/// The statements between a version and the newest.
fn missing(present: u64) -> Vec<&'static str> {
    let versions = VERSIONS.get(usize::try_from(present).unwrap_or(usize::MAX)..).unwrap_or_default();
    versions.iter().copied().flatten().copied().collect()
}

/// Adds what a file lacks.
#[cfg(feature = "sqlite")]
pub(super) async fn migrate(tx: &Session) -> Result<()> {
    tx.define(META).await?;
    let present = version(tx).await?;
    check(tx, present)?;
    for statement in missing(present) {
        tx.define(statement).await?;
    }
    if present < newest() {
        note(tx, SCHEMA, newest()).await?;
    }
    Ok(())
}

pub(super) async fn note(tx: &Session, name: &str, value: u64) -> Result<()> {
    tx.run("DELETE FROM @meta WHERE name = ?", vec![text(name)]).await?;
    tx.run("INSERT INTO @meta (name, value) VALUES (?, ?)", vec![text(name), int(value)]).await
}

/// Refuses a database that is newer, or older and not to be changed.
pub(super) async fn require(tx: &Session) -> Result<()> {
    let present = version(tx).await?;
    check(tx, present)?;
    if present == newest() {
        return Ok(());
    }
    Err(tx.place().name(Error::new(
        ErrorKind::Storage,
        format!(
            "the database has schema version {present} and this program reads {}; open it for writing once",
            newest()
        ),
    )))
}

async fn version(tx: &Session) -> Result<u64> {
    value(tx, SCHEMA).await
}

pub(super) async fn value(tx: &Session, name: &str) -> Result<u64> {
    let row = tx.one("SELECT value FROM @meta WHERE name = ?", vec![text(name)]).await?;
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
    Err(tx.place().name(Error::new(ErrorKind::Storage, message)))
}

#[cfg(feature = "mysql")]
pub(super) use shared::migrate_shared;

#[cfg(feature = "mysql")]
mod shared {
    use collector_core::error::{Error, ErrorKind, Result};
    use collector_core::id::Digest;

    use super::super::counters::COUNTERS;
    use super::super::database::Database;
    use super::super::session::Session;
    use super::super::statements::Insert;
    use super::super::values::{int, text};
    use super::{META, SCHEMA, check, missing, newest, note, value, version};

    /// The row that is there while a version is being added: then what exists is ours.
    const BEGUN: &str = "begun";
    /// How long to wait for another process that is at it.
    const WAIT_SECONDS: u64 = 600;

    const COUNTER: Insert = Insert { table: "counter", columns: &["id", "n"], key: &["id"], update: &[] };

    /// Adds what a server's database lacks. The lock belongs to the connection, which the transaction holds; it is
    /// given back also after an error, as the connection lives on.
    pub(in crate::sql) async fn migrate_shared(database: &Database, name: &str, prefix: &str) -> Result<()> {
        let tx = database.write().await?;
        // Somebody who only works here lacks the right to make tables, and does not need it when all are there.
        if version(&tx).await.is_ok_and(|present| present == newest()) {
            tx.end().await;
            return Ok(());
        }
        // At most 64 characters, whatever the names are.
        let lock = text(format!("collector {}", Digest::of(format!("{name}/{prefix}").as_bytes())));
        let got = tx.one("SELECT GET_LOCK(?, ?)", vec![lock.clone(), int(WAIT_SECONDS)]).await?;
        if got.map_or(Ok(None), |row| row.int_or_null(0))? != Some(1) {
            let message =
                "another process has been making the tables for ten minutes; look at it, or try again";
            return Err(tx.place().name(Error::new(ErrorKind::Storage, message)));
        }
        let done = add(&tx).await;
        let released = tx.rows("SELECT RELEASE_LOCK(?)", vec![lock]).await;
        done?;
        released?;
        tx.commit().await
    }

    /// Refuses to take another program's tables for its own.
    async fn refuse_foreign(tx: &Session, present: u64) -> Result<()> {
        let table = |statement: &str| {
            let name = statement.strip_prefix("CREATE TABLE ")?.split_whitespace().next()?.to_owned();
            Some(text(tx.named(&name)))
        };
        let tables: Vec<_> = missing(present).into_iter().filter_map(table).collect();
        let query = "SELECT table_name FROM information_schema.tables \
                     WHERE table_schema = DATABASE() AND table_name IN (?*)";
        let Some(row) = tx.rows_in(query, &[], &tables).await?.into_iter().next() else { return Ok(()) };
        let message = "a table of this name is there already and is not this program's; choose another database or \
                       set `table_prefix`";
        Err(tx.place().name(Error::new(ErrorKind::Storage, message)).with("table", row.text(0)?))
    }

    async fn add(tx: &Session) -> Result<()> {
        tx.define(META).await?;
        let present = version(tx).await?;
        check(tx, present)?;
        if present == newest() {
            return Ok(());
        }
        let again = value(tx, BEGUN).await? != 0;
        if !again {
            refuse_foreign(tx, present).await?;
        }
        note(tx, BEGUN, newest()).await?;
        let mut statements = missing(present);
        if present == 0 {
            statements.extend(tx.dialect().extra());
        }
        for statement in statements {
            if again {
                tx.define_again(statement).await?;
            } else {
                tx.define(statement).await?;
            }
        }
        tx.insert(&COUNTER, (0..COUNTERS as u64).map(|id| [int(id), int(0)]).collect()).await?;
        note(tx, SCHEMA, newest()).await?;
        note(tx, BEGUN, 0).await
    }
}
