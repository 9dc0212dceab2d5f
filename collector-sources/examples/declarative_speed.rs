//! How long a page of a plain list takes to read: by a file that describes it, and by code written for it.
//!
//! `cargo run --release -p collector-sources --features full --example declarative_speed`

use std::borrow::Cow;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::creator::{CreatorSighting, aspect};
use collector_core::fingerprint::{self, Volatile};
use collector_core::source::Source;
use collector_core::task::{Payload, Query};
use collector_sources::declarative::{Declarative, DeclarativeConfig, EXAMPLES};
use serde::Deserialize;
use serde_json::json;

/// Rows of a page, and how often it is read in each round.
const ROWS: u64 = 100;
const READS: u32 = 1_000;
const ROUNDS: usize = 5;

#[derive(Deserialize)]
struct Rows<'a> {
    #[serde(borrow)]
    items: Vec<Row<'a>>,
}

#[derive(Deserialize)]
struct Row<'a> {
    id: Box<str>,
    handle: Box<str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    bio: Cow<'a, str>,
    country: Option<Box<str>>,
    language: Option<Box<str>>,
    verified: Option<bool>,
    followers: Option<u64>,
    following: Option<u64>,
    likes: Option<u64>,
    videos: Option<u64>,
    avatar: Option<Box<str>>,
}

/// What somebody would write for this list alone.
fn by_hand(body: &[u8]) -> Result<usize, Box<dyn std::error::Error>> {
    let rows: Rows<'_> = serde_json::from_slice(body)?;
    let print = fingerprint::json(body, &Volatile::new(&[])).ok_or("no JSON")?;
    let items: Vec<CreatorSighting> = rows
        .items
        .into_iter()
        .map(|row| CreatorSighting {
            uid: Some(row.id),
            handle: Some(row.handle),
            name: Some(row.name.into()),
            bio: Some(row.bio.into()),
            country: row.country,
            language: row.language,
            verified: row.verified,
            followers: row.followers,
            following: row.following,
            likes: row.likes,
            videos: row.videos,
            avatar: row.avatar,
            ..CreatorSighting::showing(aspect::LIST_ROW)
        })
        .collect();
    Ok(std::hint::black_box((items, print)).0.len())
}

#[allow(clippy::print_stdout, reason = "the figures are what this program is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: Vec<_> = (0..ROWS)
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
    let (file, text) = EXAMPLES[0];
    let config = DeclarativeConfig {
        name: "s".into(),
        file: file.into(),
        text: text.into(),
        ..DeclarativeConfig::default()
    };
    let source = Declarative::new(config)?;
    let tasks =
        source.seed(&Query { extra: [("everybody".to_owned(), json!(true))].into(), ..Query::default() })?;
    let payload = Payload::new(body.clone(), Timestamp::from_secs(1_800_000_000));
    let (mut described, mut coded) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let started = tokio::time::Instant::now();
        for _ in 0..READS {
            let page = source.parse(&tasks, &payload)?;
            assert_eq!(std::hint::black_box(page).items.len() as u64, ROWS);
        }
        described = described.min(started.elapsed());
        let started = tokio::time::Instant::now();
        for _ in 0..READS {
            assert_eq!(by_hand(body.as_bytes())? as u64, ROWS);
        }
        coded = coded.min(started.elapsed());
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(READS) / ROWS as f64;
    println!("{} bytes a page; µs a creator, the best of {ROUNDS} rounds", body.len());
    println!("described {:.3}\nby hand   {:.3}", each(described), each(coded));
    Ok(())
}
