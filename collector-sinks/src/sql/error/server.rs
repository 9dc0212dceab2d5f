//! What a database server says: its number and text, what to do about it, and whether trying again helps.
//!
//! Numbers: <https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html> and
//! <https://mariadb.com/kb/en/mariadb-error-code-reference/>.

use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, sqlx};

use super::Place;

/// Whether trying again helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Trouble {
    /// Somebody else changed or held the same rows; nothing was written. At once, and all of it.
    Conflict,
    /// The server cannot be reached, or went away in the middle. Later, on another connection.
    Away,
    /// The server does not write (any more). Later, on another connection: it may lead to another server.
    ReadOnly,
    /// Not by itself.
    Lasting,
}

/// What a server said, as the cause of our error.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Fault {
    trouble: Trouble,
    text: String,
}

/// Whether trying again helps against this error.
pub(in crate::sql) fn trouble(error: &Error) -> Trouble {
    let fault = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Fault>());
    fault.map_or(Trouble::Lasting, |fault| fault.trouble)
}

const RIGHTS: &str = "the user lacks a right; grant SELECT, INSERT, UPDATE and DELETE on the store's tables, and \
                      CREATE and INDEX to whoever makes them (migrate = \"auto\")";
const CROWDED: &str = "the server takes no more connections; raise its limit or lower `connections`";
const READ_ONLY: &str =
    "the server only reads: a replica, or a primary that was switched; point the url at the primary";
const FULL: &str = "the server's disk is full; make room, acknowledged work is safe";
const CONFLICT: &str =
    "other workers hold or change the same rows again and again; lower the number of workers";
const GONE: &str = "the server went away in the middle; it may be starting again";
const FOREIGN: &str =
    "the tables are not those of this program; choose another database or set `table_prefix`";

/// What each number means to whoever runs the program. Those that are not here are shown with the server's own text.
const KNOWN: &[(u16, Trouble, &str)] = &[
    (1020, Trouble::Conflict, CONFLICT),
    (1021, Trouble::Lasting, FULL),
    (1040, Trouble::Away, CROWDED),
    (1044, Trouble::Lasting, RIGHTS),
    (
        1045,
        Trouble::Lasting,
        "the server refuses the user or its password; check both, and from where the user may come",
    ),
    (1049, Trouble::Lasting, "there is no such database; create it, or correct its name in the url"),
    (1050, Trouble::Lasting, FOREIGN),
    (1053, Trouble::Away, GONE),
    (1054, Trouble::Lasting, FOREIGN),
    // Two workers added the same thing; the second finds it there when it tries again.
    (1062, Trouble::Conflict, CONFLICT),
    (1114, Trouble::Lasting, FULL),
    (
        1129,
        Trouble::Lasting,
        "the server has blocked this machine after failed connections; run FLUSH HOSTS there",
    ),
    (1130, Trouble::Lasting, "the server lets nobody in from this machine; check the user's host part"),
    (1142, Trouble::Lasting, RIGHTS),
    (1143, Trouble::Lasting, RIGHTS),
    (
        1146,
        Trouble::Lasting,
        "a table of the store is missing; restore it from a copy, or open an empty database",
    ),
    (1152, Trouble::Away, GONE),
    (1153, Trouble::Lasting, "an answer is larger than the server takes; raise its max_allowed_packet"),
    (1203, Trouble::Away, CROWDED),
    (1205, Trouble::Conflict, CONFLICT),
    (1213, Trouble::Conflict, CONFLICT),
    (1226, Trouble::Away, CROWDED),
    (1227, Trouble::Lasting, RIGHTS),
    (1290, Trouble::ReadOnly, READ_ONLY),
    (1317, Trouble::Away, GONE),
    (1406, Trouble::Lasting, "a name or text is longer than its column"),
    (
        1461,
        Trouble::Lasting,
        "the server keeps no more prepared statements; raise its max_prepared_stmt_count",
    ),
    (1568, Trouble::Conflict, CONFLICT),
    (
        1698,
        Trouble::Lasting,
        "the server knows this user by other means than a password; make a user with one",
    ),
    (1792, Trouble::ReadOnly, READ_ONLY),
    (1836, Trouble::ReadOnly, READ_ONLY),
    (1927, Trouble::Away, GONE),
    (3100, Trouble::Conflict, CONFLICT),
    (3572, Trouble::Conflict, CONFLICT),
    (4031, Trouble::Away, GONE),
];

/// Numbers whose text repeats what was to be written: somebody's data.
const REPEATS_DATA: &[u16] = &[1062, 1264, 1292, 1366, 4025];

/// Wraps an error of a server in use.
pub(super) fn storage(place: &Place, error: &DbErr) -> Error {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout | ConnAcquireErr::ConnectionClosed) => {
            failed(place, Trouble::Away, SILENT, error.to_string())
        }
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => of_driver(place, error),
        _ => failed(place, Trouble::Lasting, "the database refuses", error.to_string()),
    }
}

const SILENT: &str =
    "the server does not answer; check that it runs and that the url names its host and port";

fn of_driver(place: &Place, error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(refused) => {
            let Some(refused) = refused.try_downcast_ref::<MySqlDatabaseError>() else {
                return failed(place, Trouble::Lasting, "the database refuses", error.to_string());
            };
            of_number(place, refused.number(), refused.message())
        }
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            failed(place, Trouble::Away, GONE, error.to_string())
        }
        // After a call was given up, its connection may answer what nobody asks any more: another one helps.
        sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed => {
            failed(place, Trouble::Away, "the server's answer is not understood", error.to_string())
        }
        sqlx::Error::Tls(_) => failed(place, Trouble::Lasting, CERTIFICATE, error.to_string()),
        _ => failed(place, Trouble::Lasting, "the database refuses", error.to_string()),
    }
}

fn of_number(place: &Place, number: u16, text: &str) -> Error {
    let known = KNOWN.iter().find(|(known, ..)| *known == number);
    let (trouble, advice) =
        known.map_or((Trouble::Lasting, "the database refuses"), |(_, trouble, advice)| (*trouble, *advice));
    let text = if REPEATS_DATA.contains(&number) { "(text left out: it repeats data)" } else { text };
    failed(place, trouble, advice, format!("{number}: {text}"))
}

fn failed(place: &Place, trouble: Trouble, advice: &str, text: String) -> Error {
    let error = place.name(Error::new(ErrorKind::Storage, advice)).with("answer", &text);
    error.caused_by(Fault { trouble, text })
}

const CERTIFICATE: &str = "the server's certificate is not accepted; set ssl_ca to the certificate that signed it. One of \
                           X.509 version 1 is never accepted: make one of version 3, or set ssl_mode to disabled";

/// Wraps an error of the first connection: it tells most about a wrong configuration.
pub(in crate::sql) fn connecting(place: &Place, error: &sqlx::Error) -> Error {
    let text = error.to_string();
    let advice = match error {
        sqlx::Error::Database(_) => return of_driver(place, error),
        _ if text.contains("certificate") || text.contains("CertVersion") => CERTIFICATE,
        sqlx::Error::Tls(_) => {
            "the encrypted connection fails; check ssl_mode, and that the server has TLS switched on"
        }
        _ if text.contains("RSA") => {
            "the server takes a password from this user only over an encrypted connection; set ssl_mode to required"
        }
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => ANOTHER,
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => ANOTHER,
        sqlx::Error::Io(_) => return failed(place, Trouble::Away, SILENT, text),
        sqlx::Error::Protocol(_) | sqlx::Error::Decode(_) => ANOTHER,
        _ => return of_driver(place, error),
    };
    failed(place, Trouble::Lasting, advice, text)
}

const ANOTHER: &str = "what answers there does not speak MySQL's protocol; check the url's host and port";

/// A call took too long.
pub(in crate::sql) fn timed_out(place: &Place, after: Duration) -> Error {
    failed(place, Trouble::Away, SILENT, format!("nothing within {after:?}"))
}

/// More numbers were used than were drawn: the transaction begins again with more.
pub(in crate::sql) fn short_of_numbers(place: &Place) -> Error {
    failed(
        place,
        Trouble::Conflict,
        "a transaction adds far more than was expected; add less at once",
        "none".into(),
    )
}

/// An error that lasted until nobody wanted to wait any more.
pub(in crate::sql) fn gave_up(error: Error, attempts: u32, elapsed: Duration) -> Error {
    if attempts > 1 {
        error.with("attempts", attempts).with("elapsed", format!("{elapsed:.1?}"))
    } else {
        error
    }
}

/// Whether a statement of the schema failed because an earlier attempt got that far: the table or index exists.
pub(in crate::sql) fn is_there_already(error: &DbErr) -> bool {
    matches!(number(error), Some(1050 | 1060 | 1061))
}

/// Whether a transaction cannot begin because one is open on the connection.
pub(in crate::sql) fn is_begun_already(error: &DbErr) -> bool {
    number(error) == Some(1568)
}

fn number(error: &DbErr) -> Option<u16> {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return None;
    };
    let sqlx::Error::Database(refused) = &**error else { return None };
    refused.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::Server { host: "db.example:3306".into(), database: "creators".into() }
    }

    #[test]
    fn an_error_names_host_database_number_text_and_remedy() {
        let shown = of_number(&place(), 1049, "Unknown database 'creators'").to_string();
        for part in ["create it", "db.example:3306", "creators", "1049: Unknown database"] {
            assert!(shown.contains(part), "{shown} lacks {part}");
        }
    }

    #[test]
    fn what_others_did_is_tried_again_and_what_stays_is_not() {
        let of = |number| trouble(&of_number(&place(), number, ""));
        for number in [1213, 1205, 1020, 1062] {
            assert_eq!(of(number), Trouble::Conflict, "{number}");
        }
        for number in [1290, 1792, 1836] {
            assert_eq!(of(number), Trouble::ReadOnly, "{number}");
        }
        for number in [1053, 1040, 1927] {
            assert_eq!(of(number), Trouble::Away, "{number}");
        }
        for number in [1045, 1049, 1142, 9_999] {
            assert_eq!(of(number), Trouble::Lasting, "{number}");
        }
        assert_eq!(trouble(&timed_out(&place(), Duration::from_secs(1))), Trouble::Away);
    }

    #[test]
    fn numbers_are_in_order_and_once() {
        assert!(KNOWN.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn data_is_not_repeated() {
        let error = of_number(&place(), 1062, "Duplicate entry 'ann@example.org' for key 'name'");
        assert!(!format!("{error} {error:?}").contains("ann@"));
    }
}
