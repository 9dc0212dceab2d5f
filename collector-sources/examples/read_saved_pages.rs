//! Reads saved pages of a list with a site's description, and shows what is in them as CSV:
//!
//! ```text
//! cargo run -p collector-sources --features full --example read_saved_pages -- \
//!     examples/configs/sites/ranking.toml ranking FOLDER [EXPECTED.csv]
//! ```
//!
//! Nothing is asked for on the network. With a table of what a person reads in the same pages (columns `page`, `handle`,
//! `country`, `followers`, `views`, `likes`, `engagement`), every cell is compared, and the end is `N of N rows`.

#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use collector_core::clock::{Clock, SystemClock};
use collector_core::creator::CreatorSighting;
use collector_core::source::Source;
use collector_core::task::{Payload, Task};
use collector_sources::web::{Site, Web, WebConfig};
use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Names in the expected table and what they mean.
const COUNTRIES: [(&str, &str); 17] = [
    ("Aruba", "AW"),
    ("Australia", "AU"),
    ("Brazil", "BR"),
    ("Chile", "CL"),
    ("Ecuador", "EC"),
    ("France", "FR"),
    ("India", "IN"),
    ("Ireland", "IE"),
    ("Japan", "JP"),
    ("Mexico", "MX"),
    ("Russia", "RU"),
    ("South Korea", "KR"),
    ("Spain", "ES"),
    ("Turkey", "TR"),
    ("U.K.", "GB"),
    ("U.S.A", "US"),
    ("Vietnam", "VN"),
];

/// A creator in a page: what the columns of the table say, in the same order.
#[derive(Debug, PartialEq)]
struct Row {
    page: usize,
    handle: String,
    country: Option<String>,
    followers: Option<u64>,
    views: Option<u64>,
    likes: Option<u64>,
    engagement: Option<f64>,
}

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [site, list, folder, expected @ ..] = args.as_slice() else {
        return Err(
            "give a site's description, the name of a list in it, and a folder with saved pages".into()
        );
    };
    let rows = read(Path::new(site), list, Path::new(folder))?;
    let Some(expected) = expected.first() else {
        show(&rows)?;
        return Ok(ExitCode::SUCCESS);
    };
    let expected = table(Path::new(expected))?;
    let mut right = 0;
    for (at, wanted) in expected.iter().enumerate() {
        match rows.get(at) {
            Some(row) if row == wanted => right += 1,
            other => eprintln!("row {}: expected {wanted:?}, read {other:?}", at + 1),
        }
    }
    println!("{right} of {} rows, every field", expected.len());
    let all = right == expected.len() && rows.len() == expected.len();
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the pages of a folder say, page by page in the order of their names.
fn read(site: &Path, list: &str, folder: &Path) -> Result<Vec<Row>> {
    let file = site.display().to_string();
    let site = Site::from_toml(&std::fs::read_to_string(site)?, &file)?;
    let contact = "https://team.example/bot".to_owned();
    let source = Web::new(WebConfig { contact, site: Some(site), ..WebConfig::default() })?;
    let mut pages: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    pages.retain(|path| path.extension().is_some_and(|end| end == "html"));
    pages.sort();
    let mut rows = Vec::new();
    for (number, path) in pages.iter().enumerate() {
        let task = Task::new(source.name(), "list", list).per_run();
        let payload = Payload::new(std::fs::read(path)?, SystemClock.now());
        let page = source.parse(&[task], &payload)?;
        for fault in &page.malformed {
            eprintln!("{}: {}: {}", path.display(), fault.part, fault.reason);
        }
        rows.extend(page.items.iter().map(|seen| row(number + 1, seen)));
    }
    Ok(rows)
}

fn row(page: usize, seen: &CreatorSighting) -> Row {
    let extra = |name: &str| seen.extra.get(name);
    Row {
        page,
        handle: seen.handle.as_deref().unwrap_or_default().to_owned(),
        country: seen.country.as_deref().map(str::to_owned),
        followers: seen.followers,
        views: extra("median_views").and_then(Value::as_u64),
        likes: extra("median_likes").and_then(Value::as_u64),
        engagement: extra("engagement_rate").and_then(Value::as_f64),
    }
}

/// The expected table, read by other means than the pages are.
fn table(path: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for record in csv::Reader::from_path(path)?.records() {
        let record = record?;
        let cell = |at: usize| record.get(at).unwrap_or_default().to_owned();
        let country = match cell(2).as_str() {
            "" => None,
            name => {
                let known = COUNTRIES.iter().find(|(known, _)| *known == name);
                Some(known.ok_or_else(|| format!("no code is known for {name}"))?.1.to_owned())
            }
        };
        rows.push(Row {
            page: cell(0).parse()?,
            handle: cell(1),
            country,
            followers: number(&cell(3))?,
            views: number(&cell(4))?,
            likes: number(&cell(5))?,
            engagement: match cell(6).strip_suffix('%') {
                Some(share) => Some((share.parse::<f64>()? * 10.0).round() / 1_000.0),
                None => None,
            },
        });
    }
    Ok(rows)
}

/// `25.9m` as a number.
fn number(text: &str) -> Result<Option<u64>> {
    let (digits, factor) = match text.strip_suffix('m') {
        Some(digits) => (digits, 1_000_000.0),
        None => match text.strip_suffix('k') {
            Some(digits) => (digits, 1_000.0),
            None => (text, 1.0),
        },
    };
    Ok(if digits.is_empty() { None } else { Some((digits.parse::<f64>()? * factor).round() as u64) })
}

fn show(rows: &[Row]) -> Result<()> {
    let mut out = csv::Writer::from_writer(std::io::stdout());
    out.write_record(["page", "handle", "country", "followers", "views", "likes", "engagement"])?;
    for row in rows {
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        out.write_record([
            row.page.to_string(),
            row.handle.clone(),
            row.country.clone().unwrap_or_default(),
            number(row.followers),
            number(row.views),
            number(row.likes),
            row.engagement.map(|share| share.to_string()).unwrap_or_default(),
        ])?;
    }
    Ok(out.flush()?)
}
