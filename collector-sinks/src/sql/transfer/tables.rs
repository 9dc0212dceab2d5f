//! What is copied: read out of the schema itself, so that a table or column added there is copied, too.

use sea_orm::Value;

use super::super::counters::Counter;
use super::super::schema::VERSIONS;
use super::super::session::Session;
use super::super::statements::{CHUNK, cuts};
use super::super::values::{Row, bytes_of, int};
use collector_core::error::Result;

/// Tables that belong to a machine, or to what is beside the store: at the target they begin empty.
///
/// A worker or server lives where it was started. Each sink registers anew at the target and is owed everything, which fills it.
/// New aliases are moved to the large table before.
pub(super) const LEFT: [&str; 7] =
    ["worker", "sink", "pending", "postponed", "alias_new", "config", "server"];

/// Columns that are read as something else: a claim ends with its worker, so its task is open again.
pub(super) const READ_AS: [(&str, &str, &str); 4] = [
    ("task", "state", "CASE WHEN state = 2 THEN 0 ELSE state END"),
    ("task", "not_before", "CASE WHEN state = 2 THEN NULL ELSE not_before END"),
    ("task", "worker", "CASE WHEN state = 2 THEN NULL ELSE worker END"),
    ("task", "claim", "CASE WHEN state = 2 THEN NULL ELSE claim END"),
];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    /// At most some hundred bytes.
    Name,
    Text,
    /// 16 bytes.
    Hash,
    Bytes,
}

impl Kind {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "serial" | "int" => Self::Number,
            "name" => Self::Name,
            "text" => Self::Text,
            "hash" => Self::Hash,
            "bytes" => Self::Bytes,
            _ => return None,
        })
    }

    /// Whether it may be so long that its length has to be looked at before it is read.
    fn is_long(self) -> bool {
        matches!(self, Self::Text | Self::Bytes)
    }

    fn value(self, row: &Row, at: usize) -> Result<Value> {
        Ok(match self {
            Self::Number => Value::BigInt(row.signed_or_null(at)?),
            Self::Name | Self::Text => Value::String(row.text_or_null(at)?),
            Self::Hash | Self::Bytes => Value::Bytes(row.bytes_or_null(at)?),
        })
    }
}

/// A table of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: Vec<(&'static str, Kind)>,
    /// Its primary key, the order in which it is copied.
    pub(super) key: Vec<&'static str>,
}

/// Those that are copied, in the order of the schema.
pub(super) fn copied() -> Vec<Table> {
    all().into_iter().filter(|table| !LEFT.contains(&table.name)).collect()
}

/// Every table of the newest schema.
pub(super) fn all() -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for statement in VERSIONS.iter().copied().flatten().copied() {
        if let Some(table) = Table::made_by(statement) {
            tables.push(table);
        } else if let Some((name, column)) = added_by(statement)
            && let Some(table) = tables.iter_mut().find(|table| table.name == name)
        {
            table.columns.push(column);
        }
    }
    tables
}

/// `ALTER TABLE @name ADD COLUMN column {type}`.
fn added_by(statement: &'static str) -> Option<(&'static str, (&'static str, Kind))> {
    let (name, column) = statement.strip_prefix("ALTER TABLE @")?.split_once(" ADD COLUMN ")?;
    Some((name, column_of(column)?))
}

/// `name {type} …`.
fn column_of(text: &'static str) -> Option<(&'static str, Kind)> {
    let (name, rest) = text.split_once(" {")?;
    Some((name, Kind::of(rest.split_once('}')?.0)?))
}

/// The parts between commas that stand in no parentheses.
fn parts(body: &'static str) -> impl Iterator<Item = &'static str> {
    let mut depth = 0;
    body.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    })
    .map(str::trim)
}

impl Table {
    /// `CREATE TABLE @name (column {type} …, …, PRIMARY KEY (a, b)){…}`.
    fn made_by(statement: &'static str) -> Option<Self> {
        let (name, rest) = statement.strip_prefix("CREATE TABLE @")?.split_once(" (")?;
        let (body, _) = rest.rsplit_once("){")?;
        let mut table = Self { name, columns: Vec::new(), key: Vec::new() };
        for part in parts(body) {
            if let Some(key) = part.strip_prefix("PRIMARY KEY (") {
                table.key = key.trim_end_matches(')').split(", ").collect();
            } else if let Some(column) = column_of(part) {
                if part.contains("{serial}") || part.contains("PRIMARY KEY") {
                    table.key.push(column.0);
                }
                table.columns.push(column);
            }
        }
        Some(table)
    }

    /// Which of its rows are copied; empty for all. A number that is 0 is as good as none, and of two totals the target
    /// has its own: it has nothing pending, and no aliases in the small table.
    fn condition(&self) -> String {
        if self.name != "counter" {
            return String::new();
        }
        let (first, last) = (Counter::EntityKey as usize, Counter::NewAliases as usize);
        let own = format!("{}, {}", Counter::Unowned as usize, Counter::NewAliases as usize);
        format!("n <> 0 AND id BETWEEN {first} AND {last} AND id NOT IN ({own})")
    }

    /// `FROM … WHERE …` for the rows behind a key.
    fn clause(&self, after: Option<&[Value]>) -> (String, Vec<Value>) {
        let (behind, values) = match after {
            Some(key) => self.behind(key),
            None => (String::new(), Vec::new()),
        };
        let conditions: Vec<String> =
            [self.condition(), behind].into_iter().filter(|condition| !condition.is_empty()).collect();
        let clause = if conditions.is_empty() { String::new() } else { " WHERE ".to_owned() };
        (format!("FROM @{}{clause}{}", self.name, conditions.join(" AND ")), values)
    }

    /// Keys behind this one. The first comparison alone gives a range of the index: MySQL finds none in `(a, b) > (?, ?)`.
    fn behind(&self, key: &[Value]) -> (String, Vec<Value>) {
        let mut columns = self.key.iter().zip(key).rev();
        let Some((last, value)) = columns.next() else { return (String::new(), Vec::new()) };
        columns.fold((format!("{last} > ?"), vec![value.clone()]), |(rest, values), (column, value)| {
            let condition = format!("{column} >= ? AND ({column} > ? OR {rest})");
            (condition, [vec![value.clone(), value.clone()], values].concat())
        })
    }

    fn order(&self, direction: &str) -> String {
        let keys: Vec<String> = self.key.iter().map(|key| format!("{key}{direction}")).collect();
        format!("ORDER BY {}", keys.join(", "))
    }

    fn select_list(&self) -> String {
        let read = |(column, _): &(&'static str, Kind)| {
            let found = READ_AS.iter().find(|(table, name, _)| (*table, *name) == (self.name, *column));
            found.map_or(*column, |(_, _, read_as)| *read_as)
        };
        self.columns.iter().map(read).collect::<Vec<_>>().join(", ")
    }

    /// The key of a row.
    pub(super) fn key_of(&self, row: &[Value]) -> Vec<Value> {
        let at = |key: &&str| self.columns.iter().position(|(name, _)| name == key);
        self.key.iter().filter_map(at).filter_map(|at| row.get(at).cloned()).collect()
    }

    /// The largest key there is.
    pub(super) async fn last(&self, tx: &Session) -> Result<Option<Vec<Value>>> {
        let (from, _) = self.clause(None);
        let query = format!("SELECT {} {from} {} LIMIT 1", self.key.join(", "), self.order(" DESC"));
        let Some(row) = tx.one(&query, vec![]).await? else { return Ok(None) };
        let kind = |key: &str| self.columns.iter().find(|(name, _)| *name == key).map(|(_, kind)| *kind);
        let kinds = self.key.iter().filter_map(|key| kind(key)).enumerate();
        kinds.map(|(at, kind)| kind.value(&row, at)).collect::<Result<_>>().map(Some)
    }

    /// How many rows are copied.
    pub(super) async fn count(&self, tx: &Session) -> Result<u64> {
        let (from, _) = self.clause(None);
        let row = tx.one(&format!("SELECT COUNT(*) {from}"), vec![]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// The next rows behind a key, in its order: at most so many, and about so many bytes; one at least, if there is one.
    pub(super) async fn read(
        &self,
        tx: &Session,
        after: Option<&[Value]>,
        most: Most,
    ) -> Result<Vec<Vec<Value>>> {
        let fit = self.fit(tx, after, most).await?;
        let (from, mut values) = self.clause(after);
        let query = format!("SELECT {} {from} {} LIMIT ?", self.select_list(), self.order(""));
        values.push(int(fit));
        let rows = tx.rows(&query, values).await?;
        rows.iter().map(|row| self.values(row)).collect()
    }

    fn values(&self, row: &Row) -> Result<Vec<Value>> {
        self.columns.iter().enumerate().map(|(at, (_, kind))| kind.value(row, at)).collect()
    }

    /// How many of the next rows have no more than these bytes; without reading them where nothing is long.
    async fn fit(&self, tx: &Session, after: Option<&[Value]>, most: Most) -> Result<u64> {
        let long = self.columns.iter().filter(|(_, kind)| kind.is_long());
        let lengths: Vec<String> = long.map(|(name, _)| format!("COALESCE(LENGTH({name}), 0)")).collect();
        if lengths.is_empty() {
            return Ok(most.rows);
        }
        let (from, mut values) = self.clause(after);
        let query = format!("SELECT {} {from} {} LIMIT ?", lengths.join(" + "), self.order(""));
        values.push(int(most.rows));
        let (mut fit, mut bytes) = (0, 0);
        for row in tx.rows(&query, values).await? {
            bytes += row.int(0)?;
            if fit > 0 && bytes > most.bytes {
                break;
            }
            fit += 1;
        }
        Ok(fit)
    }

    /// Inserts rows in statements that the server takes.
    pub(super) async fn write(&self, tx: &Session, rows: &[Vec<Value>]) -> Result<()> {
        let most_rows = (tx.dialect().max_values() / self.columns.len().max(1)).clamp(1, CHUNK);
        let most_rows = 1 << most_rows.ilog2();
        let mut rest = rows;
        while !rest.is_empty() {
            let (run, behind) = rest.split_at(fitting(rest, tx.insert_bytes()));
            rest = behind;
            let mut run = run.iter();
            for (take, _) in cuts(run.len(), most_rows, false) {
                let values = run.by_ref().take(take).flatten().cloned().collect();
                tx.run(&self.insert(tx, take), values).await?;
            }
        }
        Ok(())
    }

    /// A row that is there already is an error, except where the tables come with rows.
    fn insert(&self, tx: &Session, rows: usize) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let list = format!("({})", vec!["?"; names.len()].join(","));
        let conflict =
            if self.name == "counter" { tx.dialect().on_conflict(&self.key, &["n"]) } else { String::new() };
        let (insert, lists) = (tx.dialect().insert(), vec![list; rows].join(","));
        format!("{insert} @{} ({}) VALUES {lists}{conflict}", self.name, names.join(", "))
    }
}

/// How much is read at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// How many of these rows go into statements of so many bytes; one at least.
fn fitting(rows: &[Vec<Value>], limit: usize) -> usize {
    let mut bytes: usize = 0;
    let fits = |row: &&Vec<Value>| {
        bytes = bytes.saturating_add(row.iter().map(bytes_of).sum());
        bytes <= limit
    };
    rows.iter().take_while(fits).count().max(1)
}
