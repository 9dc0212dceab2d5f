//! What a server says about itself when it is connected to.

use collector_core::error::{Error, ErrorKind, Result};
use sea_orm::sqlx::{self, Executor as _, MySqlConnection, Row as _};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::sql::error::{Place, storage, unreadable};

const QUERY: &str =
    "SELECT VERSION(), CAST(@@max_allowed_packet AS SIGNED), @@SESSION.sql_mode, COALESCE(DATABASE(), '')";

/// The most bytes in one insert: more gain nothing, and are held in memory on both sides.
const INSERT_BYTES: usize = 4 << 20;

/// See the [module page](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    version: String,
    max_packet: i64,
    sql_mode: String,
    pub(super) database: String,
}

impl Facts {
    /// Asks over one connection.
    pub(super) async fn of_connection(connection: &mut MySqlConnection) -> Result<Self, sqlx::Error> {
        let row = connection.fetch_one(sqlx::query(QUERY)).await?;
        Ok(Self {
            version: row.try_get(0)?,
            max_packet: row.try_get(1)?,
            sql_mode: row.try_get(2)?,
            database: row.try_get(3)?,
        })
    }

    /// Asks over any connection of a pool.
    pub(super) async fn of_pool(pool: &DatabaseConnection, place: &Place) -> Result<Self> {
        let row = pool.query_one_raw(Statement::from_string(DbBackend::MySql, QUERY)).await;
        let row = row.map_err(|error| storage(place, error))?;
        let row = row.ok_or_else(|| unreadable("the server's version", "no row"))?;
        let unread = |error| unreadable("the server's version", error);
        Ok(Self {
            version: row.try_get_by_index(0).map_err(unread)?,
            max_packet: row.try_get_by_index(1).map_err(unread)?,
            sql_mode: row.try_get_by_index(2).map_err(unread)?,
            database: row.try_get_by_index(3).map_err(unread)?,
        })
    }

    /// Refuses servers that lack what the store needs, above all `SKIP LOCKED`.
    pub(super) fn check_version(&self, place: &Place) -> Result<()> {
        let version = &self.version;
        let mut numbers =
            version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
        let number = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let fits = match () {
            () if version.contains("MariaDB") => number >= (10, 6),
            () if version.contains("TiDB") => false,
            () => number >= (8, 0),
        };
        if fits {
            return Ok(());
        }
        let message = "the server is neither MySQL 8 nor MariaDB 10.6, nor newer; use one of these";
        Err(place.name(Error::new(ErrorKind::Storage, message)).with("version", version))
    }

    /// Refuses connections that cut what is too long instead of saying so.
    pub(super) fn check_mode(&self, place: &Place) -> Result<()> {
        if self.sql_mode.contains("STRICT_ALL_TABLES") || self.sql_mode.contains("STRICT_TRANS_TABLES") {
            return Ok(());
        }
        let message =
            "the connections cut what is too long instead of refusing it; add STRICT_ALL_TABLES to sql_mode";
        Err(place.name(Error::new(ErrorKind::ConfigInvalid, message)).with("sql_mode", &self.sql_mode))
    }

    /// The most bytes in one row: a packet, without room for what surrounds the values.
    pub(super) fn row_bytes(&self) -> usize {
        usize::try_from(self.max_packet).unwrap_or_default().saturating_sub(64 << 10)
    }

    /// The most bytes in one insert: half a packet, as what surrounds values needs room too.
    pub(super) fn insert_bytes(&self) -> usize {
        usize::try_from(self.max_packet / 2).unwrap_or_default().clamp(1 << 10, INSERT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(version: &str) -> Facts {
        Facts {
            version: version.into(),
            max_packet: 16 << 20,
            sql_mode: String::new(),
            database: String::new(),
        }
    }

    fn place() -> Place {
        Place::Server { host: "h:1".into(), database: "d".into() }
    }

    #[test]
    fn versions_that_lack_what_is_needed_are_refused() {
        for fit in
            ["8.0.36", "8.4.0", "9.1.0", "10.6.0-MariaDB", "10.11.19-MariaDB-0+deb12u1", "11.4.2-MariaDB-log"]
        {
            assert!(facts(fit).check_version(&place()).is_ok(), "{fit}");
        }
        for unfit in ["5.7.44-log", "10.5.23-MariaDB", "8.0.11-TiDB-v7.5.0", "", "5.5.5-10.4.1-MariaDB"] {
            let error = facts(unfit).check_version(&place()).unwrap_err().to_string();
            assert!(error.contains(unfit) && error.contains("MariaDB 10.6"), "{error}");
        }
    }

    #[test]
    fn an_insert_is_at_most_half_a_packet_and_four_mebibytes() {
        let with = |max_packet| Facts { max_packet, ..facts("8.0.36") }.insert_bytes();
        assert_eq!(with(1 << 20), 512 << 10);
        assert_eq!(with(16 << 20), 4 << 20);
        assert_eq!(with(-1), 1 << 10);
    }

    #[test]
    fn connections_that_cut_are_refused() {
        let with = |mode: &str| Facts { sql_mode: mode.into(), ..facts("8.0.36") }.check_mode(&place());
        assert!(with("STRICT_TRANS_TABLES,NO_ZERO_DATE").is_ok());
        assert_eq!(with("NO_ENGINE_SUBSTITUTION").unwrap_err().kind(), ErrorKind::ConfigInvalid);
    }
}
