//! Somebody is taken out of everything: looked for by search, in every row of the database, in every byte of every file;
//! and a vendor that shows them again does not bring them back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use collector_core::context::Context;
use collector_core::creator::Creators;
use collector_core::search::{CreatorIndex, Query};
use collector_core::store::Store;
use collector_sinks::sql::{SqlConfig, SqlStore};
use collector_sinks::tantivy::TantivySearch;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::collect::{INDEX, STORE};
use super::dead::Collector;
use super::detail::{collect, handles};
use super::process::{Simulator, collected, rounded};
use super::stores::Rows;
use super::workers::named;
use super::{Failure, StoreKind};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators that are kept.
    #[arg(long, default_value_t = 5_000)]
    creators: u32,
    /// How many of them are fetched one by one, besides being on pages with others.
    #[arg(long, default_value_t = 1_000)]
    profiles: u32,
    /// Calls at once.
    #[arg(long, default_value_t = 32)]
    in_flight: usize,
    /// The binary; the workspace's own is built when absent.
    #[arg(long)]
    binary: Option<PathBuf>,
}

const PAGE: u32 = 100;

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let binary = named(args.binary.as_ref()).await?;
    let simulator = Simulator::start(json!({ "creators": args.creators })).await?;
    let truth = simulator.truth(args.creators, 0).await?;
    let profiles = args.profiles.min(args.creators);
    handles(&simulator, profiles, dir).await?;
    let fill = async || -> Result<(), Failure> {
        let pages = collect(dir, StoreKind::Sqlite, &simulator, args.in_flight);
        let mut lists = pages.clone();
        lists.extend(["--search".to_owned(), "--fresh-for-s".into(), "0".into()]);
        lists.extend(["--pages".to_owned(), args.creators.div_ceil(PAGE).to_string()]);
        collected(&lists).await?;
        let mut one_by_one = pages;
        one_by_one.extend(["--search".to_owned(), "--fresh-for-s".into(), "0".into()]);
        one_by_one.extend(["--handles".to_owned(), dir.join("handles.txt").display().to_string()]);
        collected(&one_by_one).await?;
        Ok(())
    };
    fill().await?;
    // Somebody who has a profile of their own, too, and a name that is no ordinary word.
    let of = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let known = truth.iter().take(profiles as usize);
    let who = known.max_by_key(|one| of(one, "handle").len()).ok_or("nobody is there to be erased")?;
    let traces: Vec<String> = ["handle", "uid", "sec_uid"].iter().map(|name| of(who, name)).collect();
    let found_before = found(dir, &traces).await?;
    let before = Trace::look(dir, &traces).await?;

    let config = format!(
        "[store]\nurl = \"sqlite:{STORE}\"\n\n[jsonl]\npath = \"creators.jsonl\"\n\n[search]\nurl = \"tantivy:{INDEX}\"\n"
    );
    std::fs::write(dir.join("collector.toml"), config)?;
    let began = Instant::now();
    let collector = Collector { binary: &binary, dir };
    let erased = collector.say(&["erase", &format!("@{}", traces[0]), "--yes"]).await?;
    let erase_s = began.elapsed().as_secs_f64();
    let report: Value = serde_json::from_slice(&erased.stdout)?;
    // The file the handles were read from is the benchmark's own.
    std::fs::remove_file(dir.join("handles.txt"))?;
    let after = Trace::look(dir, &traces).await?;
    let found_after = found(dir, &traces).await?;
    let calls = |stats: &Value| stats["calls"].as_u64().unwrap_or(0);
    let asked = calls(&simulator.stats().await?);
    handles(&simulator, profiles, dir).await?;
    fill().await?;
    let asked_again = calls(&simulator.stats().await?) - asked;
    std::fs::remove_file(dir.join("handles.txt"))?;
    let late = Trace::look(dir, &traces).await?;
    let found_late = found(dir, &traces).await?;
    simulator.stop().await?;
    let rows = Rows::open(&dir.join(STORE)).await?;
    let figures = json!({
        "workload": "erase",
        "creators": args.creators,
        "exit_code": erased.status.code(),
        "erase_s": rounded(erase_s, 3),
        "took_s": report["took_s"],
        "answers_removed": report["answers_removed"],
        "answers_rewritten": report["answers_rewritten"],
        "bytes_scanned": after.bytes,
        "found_before": found_before,
        "rows_before": before.rows,
        "files_before": before.files.len(),
        "found": found_after,
        "rows": after.rows,
        "files": after.files,
        "asked_again": asked_again,
        "found_late": found_late,
        "rows_late": late.rows,
        "files_late": late.files,
        "others": rows.count("SELECT COUNT(*) FROM entity WHERE merged_into IS NULL").await?,
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// How many a search finds by one of the traces.
async fn found(dir: &Path, traces: &[String]) -> Result<u64, Failure> {
    let index = TantivySearch::open(dir.join(INDEX))?;
    let mut found = 0;
    for trace in traces {
        let query = Query::parse(&format!("{trace:?}")).map_err(|error| error.to_string())?;
        let results = index.search(&Context::detached(), &query).await?;
        // Somebody else may have a word of theirs in a biography.
        let theirs = results.hits.iter().filter(|hit| {
            serde_json::to_string(hit)
                .is_ok_and(|text| traces.iter().any(|trace| text.contains(trace.as_str())))
        });
        found += theirs.count() as u64;
    }
    Ok(found)
}

/// Where somebody still stands.
#[derive(Debug, Default)]
struct Trace {
    /// Rows of any table of the database, answers unpacked.
    rows: usize,
    /// Files, byte for byte.
    files: Vec<String>,
    /// Bytes that were looked at in files.
    bytes: u64,
}

impl Trace {
    async fn look(dir: &Path, traces: &[String]) -> Result<Self, Failure> {
        let rows = rows(dir, traces).await? + answers(dir, traces).await?;
        let mut trace = Self { rows, ..Self::default() };
        let mut open = vec![dir.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    open.push(path);
                    continue;
                }
                let bytes = std::fs::read(&path)?;
                trace.bytes += bytes.len() as u64;
                let name = path.strip_prefix(dir).unwrap_or(&path).display();
                let of = traces.iter().filter(|trace| has(&bytes, trace.as_bytes()));
                trace.files.extend(of.map(|trace| format!("{name}: {trace}")));
            }
        }
        Ok(trace)
    }
}

/// Whether bytes hold a word.
fn has(bytes: &[u8], word: &[u8]) -> bool {
    let Some((first, rest)) = word.split_first() else { return false };
    let mut left = bytes;
    while let Some(at) = left.iter().position(|byte| byte == first) {
        left = left.get(at + 1..).unwrap_or_default();
        if left.starts_with(rest) {
            return true;
        }
    }
    false
}

/// Every column of every table as text.
async fn rows(dir: &Path, traces: &[String]) -> Result<usize, Failure> {
    let rows = Rows::open(&dir.join(STORE)).await?;
    let mut count = 0;
    for table in rows.texts("SELECT name FROM sqlite_master WHERE type = 'table'").await? {
        for column in rows.texts(&format!("SELECT name FROM pragma_table_info('{table}')")).await? {
            for trace in traces {
                // Bytes are compared as text, too; the platform's numbers and names hold nothing that needs quoting.
                let of = format!(
                    "SELECT COUNT(*) FROM \"{table}\" WHERE instr(CAST(\"{column}\" AS TEXT), '{trace}')"
                );
                count += usize::try_from(rows.count(&of).await?)?;
            }
        }
    }
    Ok(count)
}

/// Answers, which are packed in their rows.
async fn answers(dir: &Path, traces: &[String]) -> Result<usize, Failure> {
    let creators = Arc::new(Creators::default());
    let store = SqlStore::open_reader(&SqlConfig::new(dir.join(STORE)), creators).await?;
    let (mut after, mut count) = (None, 0);
    loop {
        let page = store.answers(None, after, 500).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some(last.payload.id);
        let shows = |body: &[u8]| traces.iter().any(|trace| has(body, format!("\"{trace}\"").as_bytes()));
        count += page.iter().filter(|answer| shows(&answer.payload.body)).count();
    }
}
