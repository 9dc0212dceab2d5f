//! Everything in which SQL servers differ. All other statements are text that SQLite, MySQL 8 and MariaDB share:
//! `?` for values, no `RETURNING`, no row aliases, no `->`, no reserved words as names.

use std::fmt::Write as _;

use sea_orm::DbBackend;

/// The kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// SQLite 3.35 or newer: one process writes.
    #[cfg(feature = "sqlite")]
    Sqlite,
    /// MySQL 8 or MariaDB 10.6 and newer: many processes write at once.
    #[cfg(feature = "mysql")]
    MySql,
}

impl Dialect {
    /// sea-orm's name for it.
    pub(super) fn backend(self) -> DbBackend {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => DbBackend::Sqlite,
            #[cfg(feature = "mysql")]
            Self::MySql => DbBackend::MySql,
        }
    }

    /// Whether other processes may write at the same time: then what is read to be changed is locked, numbers are
    /// drawn ahead of the transaction, and totals are added to instead of replaced.
    pub(super) fn is_shared(self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => false,
            #[cfg(feature = "mysql")]
            Self::MySql => true,
        }
    }

    /// The most values one statement may have.
    pub(super) fn max_values(self) -> usize {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => 32_766,
            // The protocol's limit is 65,535; drivers have broken close below it.
            #[cfg(feature = "mysql")]
            Self::MySql => 60_000,
        }
    }

    /// The beginning of an insert. A failed statement always ends its transaction, so it need not be undone alone:
    /// SQLite would keep a copy of every page it touches for that.
    pub(super) fn insert(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "INSERT OR FAIL INTO",
            #[cfg(feature = "mysql")]
            Self::MySql => "INSERT INTO",
        }
    }

    /// The end of an `INSERT` that replaces `columns` of a row with the same `key`, or leaves it when there are none.
    pub(super) fn on_conflict(self, key: &[&str], columns: &[&str]) -> String {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => {
                let start = format!(" ON CONFLICT ({}) DO ", key.join(", "));
                if columns.is_empty() {
                    return start + "NOTHING";
                }
                assignments(start + "UPDATE SET", columns, |column| format!("excluded.{column}"))
            }
            // `VALUES()` is the form that both know; MariaDB has no row alias.
            #[cfg(feature = "mysql")]
            Self::MySql => {
                let start = " ON DUPLICATE KEY UPDATE".to_owned();
                match key.first() {
                    Some(first) if columns.is_empty() => format!("{start} {first} = {first}"),
                    _ => assignments(start, columns, |column| format!("VALUES({column})")),
                }
            }
        }
    }

    /// The columns of a query for many rows, and whether all of them come as one value: a JSON array of arrays.
    /// SQLite's rows cross threads one by one, and each may wake the other side; one large value does so once.
    pub(super) fn pack(self, columns: &[&str]) -> (String, bool) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => (format!("json_group_array(json_array({}))", columns.join(", ")), true),
            // A server's aggregates are cut at a length that others may set.
            #[cfg(feature = "mysql")]
            Self::MySql => (columns.join(", "), false),
        }
    }

    /// What a word in braces stands for; `locks` says whether the transaction may lock rows.
    ///
    /// | word | means |
    /// | --- | --- |
    /// | `lock` | the rows are about to be changed |
    /// | `lock X` | the same, in the order of X |
    /// | `share` | the rows are not to be changed by others before the end |
    /// | `skip` | as `lock`, without those that others have locked |
    /// | `index X` | the index to use, where the server might choose to lock more rows than asked |
    /// | `where C` | an index needs only the rows for which C holds |
    #[cfg_attr(not(feature = "mysql"), expect(unused_variables, reason = "nobody else writes to a file"))]
    pub(super) fn word(self, word: &str, locks: bool) -> String {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => match word.split_once(' ') {
                // Finished work leaves the index.
                Some(("where", condition)) => format!(" WHERE {condition}"),
                Some(_) => String::new(),
                None => sqlite_type(word).to_owned(),
            },
            #[cfg(feature = "mysql")]
            Self::MySql => match (word.split_once(' '), word) {
                (Some(("index", name)), _) => format!(" FORCE INDEX ({name})"),
                (Some(("lock", order)), _) if locks => format!(" ORDER BY {order} FOR UPDATE"),
                (Some(_), _) => String::new(),
                (None, "lock") if locks => " FOR UPDATE".to_owned(),
                (None, "skip") if locks => " FOR UPDATE SKIP LOCKED".to_owned(),
                // `FOR SHARE` is MySQL's alone.
                (None, "share") if locks => " LOCK IN SHARE MODE".to_owned(),
                (None, word) => mysql_type(word).to_owned(),
            },
        }
    }

    /// What a new schema needs beside the tables all servers share.
    #[cfg(feature = "mysql")]
    pub(super) fn extra(self) -> &'static [&'static str] {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => &[],
            // Several workers owe changes at the same time; on a file it is mostly one.
            #[cfg(feature = "mysql")]
            Self::MySql => &["CREATE INDEX @pending_by_worker ON @pending (worker)"],
        }
    }
}

fn assignments(mut text: String, columns: &[&str], value: impl Fn(&str) -> String) -> String {
    for (i, column) in columns.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        write!(text, "{comma} {column} = {}", value(column)).unwrap_or_default();
    }
    text
}

/// The words of the schema. Those of locks mean nothing here: nobody else writes.
#[cfg(feature = "sqlite")]
fn sqlite_type(word: &str) -> &'static str {
    match word {
        "serial" => "INTEGER PRIMARY KEY",
        "int" => "INTEGER",
        "name" | "text" => "TEXT",
        "hash" | "bytes" => "BLOB",
        // Rows live in the key's own B-tree, as they always do in InnoDB.
        "clustered" => " WITHOUT ROWID",
        _ => "",
    }
}

/// Keys are compared byte by byte: `Ann` is not `ann`. Collations named `0900` exist in MySQL only.
#[cfg(feature = "mysql")]
fn mysql_type(word: &str) -> &'static str {
    match word {
        "serial" => "BIGINT NOT NULL PRIMARY KEY",
        "int" => "BIGINT",
        "name" => "VARCHAR(255)",
        "text" => "LONGTEXT",
        "hash" => "BINARY(16)",
        "bytes" => "LONGBLOB",
        "clustered" | "rows" => {
            " ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "sqlite")]
    #[test]
    fn a_conflict_replaces_the_named_columns_or_nothing() {
        assert_eq!(
            Dialect::Sqlite.on_conflict(&["a", "b"], &["c", "d"]),
            " ON CONFLICT (a, b) DO UPDATE SET c = excluded.c, d = excluded.d"
        );
        assert_eq!(Dialect::Sqlite.on_conflict(&["a"], &[]), " ON CONFLICT (a) DO NOTHING");
        assert_eq!(Dialect::Sqlite.word("lock id", true), "");
    }

    #[cfg(feature = "mysql")]
    #[test]
    fn a_servers_conflict_needs_no_row_alias() {
        assert_eq!(
            Dialect::MySql.on_conflict(&["a", "b"], &["c", "d"]),
            " ON DUPLICATE KEY UPDATE c = VALUES(c), d = VALUES(d)"
        );
        assert_eq!(Dialect::MySql.on_conflict(&["a"], &[]), " ON DUPLICATE KEY UPDATE a = a");
    }

    #[cfg(feature = "mysql")]
    #[test]
    fn rows_are_locked_only_where_something_is_written() {
        let word = |word, locks| Dialect::MySql.word(word, locks);
        assert_eq!(word("lock", true), " FOR UPDATE");
        assert_eq!(word("lock id", true), " ORDER BY id FOR UPDATE");
        assert_eq!(word("skip", true), " FOR UPDATE SKIP LOCKED");
        assert_eq!(word("share", true), " LOCK IN SHARE MODE");
        for locking in ["lock", "lock id", "skip", "share"] {
            assert_eq!(word(locking, false), "");
        }
        assert_eq!(word("where a = 0", true), "", "MySQL has no partial indexes");
    }
}
