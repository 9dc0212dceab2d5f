//! What a database says, as our error: always `Storage`, with the place and a remedy.

#[cfg(feature = "mysql")]
mod server;

use std::path::PathBuf;

use collector_core::error::{Error, ErrorKind};
use sea_orm::DbErr;
#[cfg(feature = "sqlite")]
use sea_orm::{RuntimeErr, sqlx};

#[cfg(feature = "mysql")]
pub(super) use server::{
    Trouble, connecting, gave_up, is_begun_already, is_there_already, short_of_numbers, timed_out, trouble,
};

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In this file.
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite has files"))]
    File(PathBuf),
    /// On this host, in this database.
    #[cfg(feature = "mysql")]
    Server { host: String, database: String },
}

impl Place {
    /// Names the place in an error.
    pub(super) fn name(&self, error: Error) -> Error {
        match self {
            Self::File(path) => error.with("file", path.display()),
            #[cfg(feature = "mysql")]
            Self::Server { host, database } => error.with("host", host).with("database", database),
        }
    }
}

/// SQLite's primary result codes that a person can do something about
/// (<https://www.sqlite.org/rescode.html>).
#[cfg(feature = "sqlite")]
const ADVICE: &[(i32, &str)] = &[
    (5, "the database is busy; another program holds it locked"),
    (8, "the database cannot be written; check the permissions of the file and its folder"),
    (10, "the disk does not answer as it should; check the disk and the system's log"),
    (11, "the database is damaged; restore it from a copy"),
    (13, "the disk is full; make room and start again, acknowledged work is safe"),
    (14, "the database cannot be opened; check that its folder exists and can be written"),
    (26, "the file is not a database; choose another path or move it away"),
];

/// Wraps a database's error.
pub(super) fn storage(place: &Place, error: DbErr) -> Error {
    match place {
        #[cfg(feature = "sqlite")]
        Place::File(_) => {
            let message = code(&error).and_then(advice).unwrap_or("the database refuses");
            place.name(Error::new(ErrorKind::Storage, message)).caused_by(error)
        }
        #[cfg(not(feature = "sqlite"))]
        Place::File(_) => place.name(Error::new(ErrorKind::Storage, "the database refuses")).caused_by(error),
        #[cfg(feature = "mysql")]
        Place::Server { .. } => server::storage(place, &error),
    }
}

/// A row is larger than the server takes. Said before it is sent: the server would only hang up.
pub(super) fn too_large(place: &Place, table: &str, size: usize, limit: usize) -> Error {
    let message = "an answer is larger than the server takes; raise its max_allowed_packet";
    place
        .name(Error::new(ErrorKind::Storage, message))
        .with("table", table)
        .with("bytes", size)
        .with("limit", limit)
}

/// Something in the database is not what this program wrote.
pub(super) fn unreadable(what: &str, error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Storage, "the store holds something unreadable; restore it from a copy")
        .with("what", what)
        .with("reason", error)
}

#[cfg(feature = "sqlite")]
fn advice(code: i32) -> Option<&'static str> {
    // The low byte of an extended code is the primary one.
    ADVICE.iter().find(|(known, _)| *known == code & 0xff).map(|(_, advice)| *advice)
}

#[cfg(feature = "sqlite")]
fn code(error: &DbErr) -> Option<i32> {
    let (DbErr::Conn(inner) | DbErr::Exec(inner) | DbErr::Query(inner)) = error else { return None };
    let RuntimeErr::SqlxError(error) = inner else { return None };
    let sqlx::Error::Database(error) = &**error else { return None };
    error.code()?.parse().ok()
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[test]
    fn an_extended_code_has_its_primary_ones_advice() {
        assert_eq!(advice(8 | (1 << 8)), advice(8));
        assert!(advice(13).is_some_and(|advice| advice.contains("full")));
        assert_eq!(advice(1), None);
    }
}
