//! How long a page of a plain list takes to read: by a file that describes it, and by code written for it.

use std::path::Path;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::creator::CreatorSighting;
use collector_core::source::Source;
use collector_core::task::{Payload, Query};
use collector_sources::declarative::{Declarative, DeclarativeConfig};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Failure;
use super::collect::described_list;
use super::process::rounded;
use super::roster::Roster;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Rows of a page.
    #[arg(long, default_value_t = 100)]
    page: u64,
    /// How often it is read in each round.
    #[arg(long, default_value_t = 1_000)]
    reads: u32,
    /// How often both are measured in turn; the best counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

pub(super) fn run(args: &Args, _dir: &Path) -> Result<Map<String, Value>, Failure> {
    let rows: Vec<_> = (0..args.page)
        .map(|row| {
            json!({
                "id": (7_000_000_000_000_000_000 + row).to_string(), "handle": format!("tea.room.{row}"),
                "name": format!("Tea Room 차 {row}"), "bio": "green tea, \"every\" day\nand some more words about it",
                "country": "KR", "language": "ko", "verified": row % 7 == 0, "followers": 1_000 * row, "following": row,
                "likes": 100_000 * row, "videos": row * 3, "avatar": format!("https://cdn.example/a/{row}?x-expires=1"),
                "created_at": "2020-01-31T12:30:00Z",
            })
        })
        .collect();
    let body = json!({ "items": rows, "total": 100_000, "next": 2 }).to_string();
    let (file, text) = described_list()?;
    let described = Declarative::new(DeclarativeConfig {
        file: file.into(),
        text: text.into(),
        ..DeclarativeConfig::default()
    })?;
    let coded = Roster::new("http://localhost/", 1, 100)?;
    let query = Query { extra: [("everybody".to_owned(), json!(true))].into(), ..Query::default() };
    let payload = Payload::new(body.clone(), Timestamp::from_secs(1_800_000_000));
    let (mut by_file, mut by_hand) = (Duration::MAX, Duration::MAX);
    for _ in 0..args.rounds {
        by_file = by_file.min(reading(&described, &query, &payload, args)?);
        by_hand = by_hand.min(reading(&coded, &query, &payload, args)?);
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(args.reads) / args.page as f64;
    let figures = json!({
        "workload": "reading",
        "bytes": body.len(),
        "described_us": rounded(each(by_file), 3),
        "by_hand_us": rounded(each(by_hand), 3),
        "ratio": rounded(each(by_file) / each(by_hand), 3),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// The time that all reads of one round take.
fn reading(
    source: &dyn Source<Item = CreatorSighting>,
    query: &Query,
    payload: &Payload,
    args: &Args,
) -> Result<Duration, Failure> {
    let tasks = source.seed(query)?;
    let started = Instant::now();
    for _ in 0..args.reads {
        let page = std::hint::black_box(source.parse(&tasks, payload)?);
        if page.items.len() as u64 != args.page {
            return Err(format!("{} rows were read of {}", page.items.len(), args.page).into());
        }
    }
    Ok(started.elapsed())
}
