//! Every text that is sent to a server, as a list: `tests/fixtures/mysql.sql` shows it to whoever changes one, and what
//! one kind of server would not understand is found although the tests have only the other.

use super::dialect::Dialect;
use super::schema::VERSIONS;
use super::statements::Texts;

const SOURCES: &[&str] = &[
    include_str!("again.rs"),
    include_str!("aliases.rs"),
    include_str!("barred.rs"),
    include_str!("budgets.rs"),
    include_str!("cancel.rs"),
    include_str!("claim.rs"),
    include_str!("counters.rs"),
    include_str!("dead.rs"),
    include_str!("enqueue.rs"),
    include_str!("entities.rs"),
    include_str!("erase.rs"),
    include_str!("expire.rs"),
    include_str!("fills.rs"),
    include_str!("history.rs"),
    include_str!("keys.rs"),
    include_str!("lanes.rs"),
    include_str!("lists.rs"),
    include_str!("migration.rs"),
    include_str!("notes.rs"),
    include_str!("outbox.rs"),
    include_str!("payloads.rs"),
    include_str!("read.rs"),
    include_str!("runs.rs"),
    include_str!("schema.rs"),
    include_str!("settle.rs"),
    include_str!("sides.rs"),
    include_str!("sinks.rs"),
    include_str!("slots.rs"),
    include_str!("stale.rs"),
    include_str!("take.rs"),
    include_str!("tasks.rs"),
    include_str!("tidy.rs"),
    include_str!("verdicts.rs"),
    include_str!("workers.rs"),
    include_str!("write.rs"),
];

/// Words that MySQL 8.0 to 9 or MariaDB reserve and that could pass for a name here.
const RESERVED: &[&str] = &[
    "add",
    "all",
    "analyze",
    "between",
    "call",
    "change",
    "check",
    "column",
    "condition",
    "cross",
    "cube",
    "database",
    "div",
    "each",
    "empty",
    "except",
    "exists",
    "explain",
    "fetch",
    "function",
    "grant",
    "group",
    "groups",
    "index",
    "intersect",
    "interval",
    "key",
    "keys",
    "kill",
    "lag",
    "lead",
    "leave",
    "limit",
    "lines",
    "load",
    "lock",
    "long",
    "manual",
    "match",
    "mod",
    "of",
    "offset",
    "option",
    "order",
    "out",
    "over",
    "parallel",
    "parse",
    "partition",
    "precision",
    "purge",
    "qualify",
    "range",
    "rank",
    "read",
    "recursive",
    "references",
    "release",
    "rename",
    "repeat",
    "replace",
    "require",
    "restrict",
    "return",
    "row",
    "rows",
    "schema",
    "sensitive",
    "separator",
    "show",
    "signal",
    "spatial",
    "sql",
    "starting",
    "stored",
    "system",
    "table",
    "tablesample",
    "terminated",
    "then",
    "to",
    "trigger",
    "undo",
    "union",
    "unique",
    "unlock",
    "update",
    "usage",
    "use",
    "using",
    "values",
    "virtual",
    "when",
    "where",
    "while",
    "window",
    "with",
    "write",
    "xor",
    "zerofill",
];

/// The string literals of a source file that are statements, or the end of one. Lines that end with `\` go on.
fn statements(source: &str) -> Vec<String> {
    let shipped = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code: String =
        shipped.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let literals = code.split('"').skip(1).step_by(2);
    let joined = literals.map(|literal| literal.split("\\\n").map(str::trim_start).collect::<String>());
    let starts = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "FROM "];
    joined.filter(|text| starts.iter().any(|start| text.starts_with(start) && text.len() > 16)).collect()
}

fn rendered() -> Vec<String> {
    let texts = Texts::new(Dialect::MySql, "");
    let mut all: Vec<String> = SOURCES.iter().flat_map(|source| statements(source)).collect();
    all.extend(Dialect::MySql.extra().iter().map(|text| (*text).to_owned()));
    let mut all: Vec<String> = all.iter().map(|template| texts.plain(template, true)).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn the_texts_are_those_that_were_looked_at() {
    let seen = include_str!("../../tests/fixtures/mysql.sql");
    let now = rendered().join(";\n") + ";\n";
    if now != seen {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/mysql.sql");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
        panic!("tests/fixtures/mysql.sql is not what is sent; {} is: read it and copy it", path.display());
    }
}

/// Texts that only one kind of server gets, and texts that are made when they run.
const ELSEWHERE: &[&str] = &["texts.rs", "statements.rs", "transfer.rs", "dialect.rs"];

#[test]
fn no_file_is_forgotten() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sql");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_file() && !ELSEWHERE.contains(&name.as_str()) {
            let source = std::fs::read_to_string(&path).unwrap();
            let forgotten = SOURCES.iter().all(|known| *known != source) && !statements(&source).is_empty();
            assert!(!forgotten, "{name} sends statements and is not in the list");
        }
    }
}

#[test]
fn both_kinds_of_server_understand_every_text() {
    let all = rendered();
    assert!(all.len() > 100, "only {} statements were found", all.len());
    for text in &all {
        for banned in [
            "RETURNING",
            "->",
            " AS new",
            "ON CONFLICT",
            "excluded.",
            "||",
            "json_",
            "JSON_",
            "0900",
            "INTERSECT",
            "EXCEPT",
            "FOR SHARE",
            "WITHOUT ROWID",
            "AUTOINCREMENT",
            "IFNULL",
            "{",
            "}",
            "@",
        ] {
            assert!(!text.contains(banned), "{banned} in {text}");
        }
    }
}

#[test]
fn no_name_is_reserved() {
    for statement in VERSIONS.iter().copied().flatten().filter(|text| text.starts_with("CREATE TABLE")) {
        let (table, columns) = statement.split_once('(').unwrap();
        let mut names = vec![table.trim_start_matches("CREATE TABLE @").trim()];
        names.extend(columns.split(',').filter_map(|column| column.split_whitespace().next()));
        for name in names.iter().filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')) {
            assert!(!RESERVED.contains(name), "{name} is reserved");
        }
    }
}
