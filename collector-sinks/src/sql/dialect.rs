//! Everything in which SQL servers differ. All other statements are text that SQLite, MySQL 8 and MariaDB share:
//! `?` for values, no `RETURNING`, no row aliases, no reserved words as names.

use std::fmt::Write as _;

use sea_orm::DbBackend;

/// The kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// SQLite 3.35 or newer.
    Sqlite,
}

impl Dialect {
    /// sea-orm's name for it.
    pub(super) fn backend(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
        }
    }

    /// The most values one statement may have.
    pub(super) fn max_values(self) -> usize {
        match self {
            Self::Sqlite => 32_766,
        }
    }

    /// The beginning of an insert. A failed statement always ends its transaction, so it need not be undone alone:
    /// SQLite would keep a copy of every page it touches for that.
    pub(super) fn insert(self) -> &'static str {
        match self {
            Self::Sqlite => "INSERT OR FAIL INTO",
        }
    }

    /// The end of an `INSERT` that replaces `columns` of a row with the same `key`, or leaves it when there are none.
    pub(super) fn on_conflict(self, key: &[&str], columns: &[&str]) -> String {
        match self {
            Self::Sqlite => {
                let mut text = format!(" ON CONFLICT ({}) DO ", key.join(", "));
                if columns.is_empty() {
                    text.push_str("NOTHING");
                }
                for (i, column) in columns.iter().enumerate() {
                    let before = if i == 0 { "UPDATE SET" } else { "," };
                    // Writing to a String cannot fail.
                    write!(text, "{before} {column} = excluded.{column}").unwrap_or_default();
                }
                text
            }
        }
    }

    /// An aggregate that gives all rows as one JSON array of arrays. SQLite's rows cross threads one by one, and each
    /// may wake the other side; one large value does so once.
    pub(super) fn pack(self, columns: &[&str]) -> String {
        match self {
            Self::Sqlite => format!("json_group_array(json_array({}))", columns.join(", ")),
        }
    }

    /// The words of the schema: each stands in braces there.
    pub(super) fn types(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Sqlite => &[
                ("{serial}", "INTEGER PRIMARY KEY"),
                ("{int}", "INTEGER"),
                ("{name}", "TEXT"),
                ("{text}", "TEXT"),
                ("{hash}", "BLOB"),
                ("{bytes}", "BLOB"),
                // Rows live in the key's own B-tree, as they always do in InnoDB.
                ("{clustered}", " WITHOUT ROWID"),
                ("{rows}", ""),
            ],
        }
    }

    /// Restricts an index to the rows that are looked for, where the server can: finished work leaves it.
    pub(super) fn partial(self, condition: &str) -> String {
        match self {
            Self::Sqlite => format!(" WHERE {condition}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_replaces_the_named_columns_or_nothing() {
        assert_eq!(
            Dialect::Sqlite.on_conflict(&["a", "b"], &["c", "d"]),
            " ON CONFLICT (a, b) DO UPDATE SET c = excluded.c, d = excluded.d"
        );
        assert_eq!(Dialect::Sqlite.on_conflict(&["a"], &[]), " ON CONFLICT (a) DO NOTHING");
    }
}
