//! What a database says, as our error: always `Storage`, with the file and a remedy.

use std::path::Path;

use collector_core::error::{Error, ErrorKind};
use sea_orm::{DbErr, RuntimeErr, sqlx};

/// SQLite's primary result codes that a person can do something about
/// (<https://www.sqlite.org/rescode.html>).
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
pub(super) fn storage(file: &Path, error: DbErr) -> Error {
    let message = code(&error).and_then(advice).unwrap_or("the database refuses");
    Error::new(ErrorKind::Storage, message).with("file", file.display()).caused_by(error)
}

/// Something in the database is not what this program wrote.
pub(super) fn unreadable(what: &str, error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Storage, "the store holds something unreadable; restore it from a copy")
        .with("what", what)
        .with("reason", error)
}

fn advice(code: i32) -> Option<&'static str> {
    // The low byte of an extended code is the primary one.
    ADVICE.iter().find(|(known, _)| *known == code & 0xff).map(|(_, advice)| *advice)
}

fn code(error: &DbErr) -> Option<i32> {
    let (DbErr::Conn(inner) | DbErr::Exec(inner) | DbErr::Query(inner)) = error else { return None };
    let RuntimeErr::SqlxError(error) = inner else { return None };
    let sqlx::Error::Database(error) = &**error else { return None };
    error.code()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extended_code_has_its_primary_ones_advice() {
        assert_eq!(advice(8 | (1 << 8)), advice(8));
        assert!(advice(13).is_some_and(|advice| advice.contains("full")));
        assert_eq!(advice(1), None);
    }
}
