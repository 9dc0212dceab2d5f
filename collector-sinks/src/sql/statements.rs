//! From statement templates to text: table prefixes, value lists, many-row inserts.
//!
//! Lists and inserts come in powers of two, so that a connection's cache of prepared statements sees the same few
//! texts again and again.

use super::dialect::Dialect;

/// The most keys in one list and rows in one insert. Every statement wakes the connection's thread and is waited for,
/// which takes longer than most statements; larger ones cost memory per prepared text: an insert of 256 rows of seven
/// columns takes 170 KB for as long as its connection lives.
pub(super) const CHUNK: usize = 128;

/// A many-row insert.
#[derive(Debug)]
pub(super) struct Insert {
    /// The table, without prefix.
    pub(super) table: &'static str,
    /// Its columns, in the order of the values.
    pub(super) columns: &'static [&'static str],
    /// The columns that make a row the same row; empty when there is none to meet.
    pub(super) key: &'static [&'static str],
    /// What a row that exists takes over from the new one; empty leaves it as it is.
    pub(super) update: &'static [&'static str],
}

/// Renders templates for one store.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    pub(super) dialect: Dialect,
    prefix: String,
    /// The most bytes of values in one insert; no limit at first.
    pub(super) insert_bytes: usize,
    /// The most bytes of values in one row; no limit at first.
    pub(super) row_bytes: usize,
}

impl Texts {
    pub(super) fn new(dialect: Dialect, prefix: &str) -> Self {
        Self { dialect, prefix: prefix.to_owned(), insert_bytes: usize::MAX, row_bytes: usize::MAX }
    }

    /// A statement: `@` stands for the table prefix, words in braces for what the [dialect](Dialect::word) says.
    pub(super) fn plain(&self, template: &str, locks: bool) -> String {
        let mut text = String::with_capacity(template.len() + 64);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            self.push_prefixed(&mut text, before);
            let (word, after) = after.split_once('}').unwrap_or((after, ""));
            self.push_prefixed(&mut text, &self.dialect.word(word, locks));
            rest = after;
        }
        self.push_prefixed(&mut text, rest);
        text
    }

    fn push_prefixed(&self, text: &mut String, part: &str) {
        for (i, part) in part.split('@').enumerate() {
            if i > 0 {
                text.push_str(&self.prefix);
            }
            text.push_str(part);
        }
    }

    /// A statement with a list of `count` values at `(?*)`.
    pub(super) fn list(&self, template: &str, locks: bool, count: usize) -> String {
        let mut list = String::with_capacity(2 * count + 1);
        push_list(&mut list, count);
        self.plain(template, locks).replace("(?*)", &list)
    }

    /// The query for many rows of these columns, and whether it gives them as one value.
    pub(super) fn pack(&self, columns: &[&str], from: &str) -> (String, bool) {
        let (columns, packed) = self.dialect.pack(columns);
        (format!("SELECT {columns} {from}"), packed)
    }

    /// An insert of `rows` rows.
    pub(super) fn insert(&self, insert: &Insert, rows: usize) -> String {
        let (table, columns) = (insert.table, insert.columns.join(", "));
        let mut text = format!("{} {}{table} ({columns}) VALUES ", self.dialect.insert(), self.prefix);
        text.reserve(rows * (2 * insert.columns.len() + 3));
        for row in 0..rows {
            if row > 0 {
                text.push(',');
            }
            push_list(&mut text, insert.columns.len());
        }
        if !insert.key.is_empty() {
            text.push_str(&self.dialect.on_conflict(insert.key, insert.update));
        }
        text
    }

    /// An insert of what a query gives. SQLite needs a `WHERE` there to tell the query's end from the conflict's part.
    pub(super) fn insert_from(&self, insert: &Insert, query: &str) -> String {
        let (table, columns) = (insert.table, insert.columns.join(", "));
        let conflict = self.dialect.on_conflict(insert.key, insert.update);
        format!(
            "{} {}{table} ({columns}) {}{conflict}",
            self.dialect.insert(),
            self.prefix,
            self.plain(query, true)
        )
    }

    /// The most rows of `columns` columns in one insert: a power of two.
    pub(super) fn rows_at_once(&self, columns: usize) -> usize {
        let fit = (self.dialect.max_values() / columns.max(1)).max(1);
        let power = 1 << fit.ilog2();
        power.min(CHUNK)
    }
}

fn push_list(text: &mut String, count: usize) {
    text.push('(');
    for i in 0..count {
        text.push_str(if i == 0 { "?" } else { ",?" });
    }
    text.push(')');
}

/// Cuts `len` rows into statements of powers of two, none above `most`: the rows each takes, and how many it has. When
/// `fill` is set the last ones may have up to a quarter more than they take: one statement costs more than some rows.
pub(super) fn cuts(mut len: usize, most: usize, fill: bool) -> impl Iterator<Item = (usize, usize)> {
    std::iter::from_fn(move || {
        if len == 0 {
            return None;
        }
        let above = len.next_power_of_two();
        let filled = fill && above <= most && (above - len) * 4 <= above;
        let size = if filled { above } else { (1 << len.ilog2()).min(most) };
        let take = size.min(len);
        len -= take;
        Some((take, size))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSERT: Insert = Insert { table: "t", columns: &["a", "b"], key: &["a"], update: &["b"] };

    #[cfg(feature = "sqlite")]
    #[test]
    fn texts_have_prefix_lists_and_rows() {
        let texts = Texts::new(Dialect::Sqlite, "x_");
        assert_eq!(
            texts.list("SELECT a FROM @t WHERE b = ? AND a IN (?*)", true, 2),
            "SELECT a FROM x_t WHERE b = ? AND a IN (?,?)"
        );
        assert_eq!(
            texts.insert(&INSERT, 2),
            "INSERT OR FAIL INTO x_t (a, b) VALUES (?,?),(?,?) ON CONFLICT (a) DO UPDATE SET b = excluded.b"
        );
        assert_eq!(
            texts.plain("CREATE INDEX @i ON @t (a){where a = 0}", false),
            "CREATE INDEX x_i ON x_t (a) WHERE a = 0"
        );
    }

    #[test]
    fn cuts_take_every_row_once_in_few_sizes() {
        let sizes = |len, fill| cuts(len, 256, fill).map(|(_, size)| size).collect::<Vec<_>>();
        assert_eq!(sizes(1_000, false), [256, 256, 256, 128, 64, 32, 8]);
        assert_eq!(sizes(1_000, true), [256, 256, 256, 256]);
        assert_eq!(sizes(300, true), [256, 32, 16], "44 would waste more than a quarter of 64");
        for (len, fill) in (0..700).flat_map(|len| [(len, false), (len, true)]) {
            let all: Vec<_> = cuts(len, 256, fill).collect();
            assert_eq!(all.iter().map(|(take, _)| take).sum::<usize>(), len);
            assert!(all.iter().all(|(take, size)| take <= size && *size <= 256 && size.is_power_of_two()));
            assert!(fill || all.iter().all(|(take, size)| take == size));
        }
    }

    #[cfg(feature = "mysql")]
    #[test]
    fn a_servers_texts_lock_in_order_and_name_the_index() {
        let texts = Texts::new(Dialect::MySql, "x_");
        let template = "SELECT a FROM @t{index @t_ready} WHERE a IN (?*){lock a}";
        assert_eq!(
            texts.list(template, true, 2),
            "SELECT a FROM x_t FORCE INDEX (x_t_ready) WHERE a IN (?,?) ORDER BY a FOR UPDATE"
        );
        assert_eq!(
            texts.insert(&INSERT, 1),
            "INSERT INTO x_t (a, b) VALUES (?,?) ON DUPLICATE KEY UPDATE b = VALUES(b)"
        );
    }

    #[test]
    fn a_statement_never_has_more_values_than_the_server_takes() {
        let dialects = [
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite,
            #[cfg(feature = "mysql")]
            Dialect::MySql,
        ];
        for (columns, dialect) in (1..400).flat_map(|columns| dialects.map(|dialect| (columns, dialect))) {
            let rows = Texts::new(dialect, "").rows_at_once(columns);
            assert!(rows.is_power_of_two() && rows * columns <= dialect.max_values(), "{columns}");
        }
    }
}
