//! Posts by id, a hundred a call: one broken row and one silently missing id touch one task each.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::detail::collect;
use super::process::{Simulator, collected, rounded};
use super::stores::Rows;
use super::{Failure, StoreKind};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Posts to fetch.
    #[arg(long, default_value_t = 5_000)]
    posts: u32,
    /// Calls at once.
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    // Asking for the truth first needs the population; the knobs that name posts come after.
    let simulator = Simulator::start(json!({ "creators": args.posts })).await?;
    let truth = simulator.truth(args.posts, 3).await?;
    let ids: Vec<String> = truth
        .iter()
        .filter_map(|one| one["posts"].as_array())
        .flatten()
        .filter_map(|post| post["id"].as_str().map(str::to_owned))
        .take(args.posts as usize)
        .collect();
    if ids.len() < args.posts as usize {
        return Err(format!("the population has only {} posts", ids.len()).into());
    }
    let (broken, missing) = (&ids[ids.len() / 3], &ids[ids.len() / 2]);
    simulator.post("/control", json!({ "broken_posts": [broken], "missing_posts": [missing] })).await?;
    std::fs::write(dir.join("posts.txt"), ids.join("\n"))?;
    let mut collect = collect(dir, StoreKind::Sqlite, &simulator, args.in_flight);
    collect.extend(["--posts".to_owned(), dir.join("posts.txt").display().to_string()]);
    let one = collected(&collect).await?;
    let stats = simulator.stats().await?;
    simulator.stop().await?;
    let rows = Rows::open(&dir.join("collector.db")).await?;
    let by_state = |state: u8| format!("SELECT COUNT(*) FROM task WHERE state = {state}");
    let figures = json!({
        "workload": "batch",
        "posts": args.posts,
        "calls": stats["calls"],
        "done": rows.count(&by_state(STATE_DONE)).await?,
        "absent": rows.count(&by_state(STATE_ABSENT)).await?,
        "dead": rows.count("SELECT COUNT(*) FROM dead").await?,
        "wall_s": rounded(one.wall_s, 3),
        "user_s": rounded(one.number("user_s"), 3),
        "rss_mb": rounded(one.number("rss_mb"), 1),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// How the store writes these states of a task.
const STATE_DONE: u8 = 3;
const STATE_ABSENT: u8 = 4;
