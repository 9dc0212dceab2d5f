//! The floor: a bare client loop, and a loop that also parses and writes.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Failure;
use super::process::{Usage, client};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file with one address a line.
    #[arg(long)]
    urls: std::path::PathBuf,
    /// Calls at once.
    #[arg(long)]
    in_flight: usize,
    /// Read rows of creators from each answer and append them to this file.
    #[arg(long)]
    rows_to: Option<std::path::PathBuf>,
}

/// The row of the simulator's list, as a client would type it.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    id: String,
    handle: String,
    name: String,
    bio: String,
    country: String,
    language: String,
    verified: bool,
    followers: u64,
    following: u64,
    likes: u64,
    videos: u64,
    avatar: String,
}

#[derive(Debug, Deserialize)]
struct Rows {
    items: Vec<Row>,
}

/// Reads every address once.
pub(super) async fn run(args: &Args) -> Result<Map<String, Value>, Failure> {
    let text = std::fs::read_to_string(&args.urls)?;
    let urls: Arc<Vec<String>> = Arc::new(text.lines().map(str::to_owned).collect());
    let file = match &args.rows_to {
        Some(path) => {
            Some(Arc::new(std::sync::Mutex::new(std::io::BufWriter::new(std::fs::File::create(path)?))))
        }
        None => None,
    };
    let client = client()?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..args.in_flight {
        let (client, urls, next, file) = (client.clone(), Arc::clone(&urls), Arc::clone(&next), file.clone());
        loops.spawn(async move {
            let (mut bytes, mut rows) = (0, 0);
            while let Some(url) = urls.get(next.fetch_add(1, Ordering::Relaxed)) {
                let body = client.get(url).send().await?.error_for_status()?.bytes().await?;
                bytes += body.len();
                if let Some(file) = &file {
                    let read: Rows = serde_json::from_slice(&body)?;
                    rows += read.items.len();
                    let mut out = Vec::with_capacity(body.len());
                    for row in &read.items {
                        serde_json::to_writer(&mut out, row)?;
                        out.push(b'\n');
                    }
                    file.lock().unwrap_or_else(std::sync::PoisonError::into_inner).write_all(&out)?;
                }
            }
            Ok::<_, Failure>((bytes, rows))
        });
    }
    let (mut bytes, mut rows) = (0, 0);
    while let Some(done) = loops.join_next().await {
        let (more_bytes, more_rows) = done??;
        bytes += more_bytes;
        rows += more_rows;
    }
    if let Some(file) = file {
        file.lock().unwrap_or_else(std::sync::PoisonError::into_inner).flush()?;
    }
    let usage = Usage::own()?;
    Ok(json!({ "bytes": bytes, "rows": rows, "user_s": usage.user_s, "sys_s": usage.sys_s, "rss_mb": usage.rss_mb })
        .as_object()
        .cloned()
        .unwrap_or_default())
}
