//! Whole creators, page by page, without latency: how many a second, and in how much memory.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::detail::{collect, floor, store_name};
use super::process::{Simulator, collected, median, rounded};
use super::stores::read_log;
use super::{Failure, ListSource, SinkKind, StoreKind};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Creators in the list.
    #[arg(long, default_value_t = 100_000)]
    creators: u32,
    /// Creators a page; at most 1,000 pages are read.
    #[arg(long, default_value_t = 100)]
    page: u32,
    /// Calls at once.
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
    /// Where the engine keeps its state.
    #[arg(long, default_value = "sqlite")]
    store: StoreKind,
    /// Where records go.
    #[arg(long, default_value = "jsonl")]
    sink: SinkKind,
    /// Who reads the list.
    #[arg(long, default_value = "roster")]
    source: ListSource,
    /// Keep a search index, too.
    #[arg(long)]
    search: bool,
    /// How often floor and collector are measured in turn; medians count.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

pub(super) async fn run(args: &Args, dir: &Path) -> Result<Map<String, Value>, Failure> {
    let SinkKind::Jsonl = args.sink;
    let pages = args.creators.div_ceil(args.page);
    let simulator = Simulator::start(json!({ "creators": args.creators })).await?;
    let urls: Vec<String> = (1..=pages)
        .map(|page| format!("{}/list/creators?page={page}&size={}", simulator.url(), args.page))
        .collect();
    // The first reading renders the simulator's pages; it counts for nobody.
    floor(dir, &urls, args.in_flight, None).await?;
    let (mut rates, mut floors, mut rounds) = (Vec::new(), Vec::new(), Vec::new());
    let mut delivered = usize::MAX;
    for round in 0..args.rounds {
        floors.push(floor(dir, &urls, args.in_flight, Some(&dir.join("floor.jsonl"))).await?);
        let into = dir.join(format!("round-{round}"));
        std::fs::create_dir_all(&into)?;
        let mut collect = collect(&into, args.store, &simulator, args.in_flight);
        collect.extend([
            "--pages".to_owned(),
            pages.to_string(),
            "--page-size".into(),
            args.page.to_string(),
        ]);
        collect.extend(["--list-source".to_owned(), args.source.name().to_owned()]);
        if args.search {
            collect.push("--search".to_owned());
        }
        let one = collected(&collect).await?;
        let log = read_log(&into.join("creators.jsonl"))?;
        delivered = delivered.min(log.keys.len());
        rates.push(f64::from(args.creators) / one.wall_s);
        rounds.push(one);
        std::fs::remove_dir_all(&into)?;
    }
    simulator.stop().await?;
    let of = |name: &str| median(rounds.iter().map(|round| round.number(name)).collect());
    let floor_rates = floors.iter().map(|floor| f64::from(args.creators) / floor.wall_s).collect();
    let floor_user_s = median(floors.iter().map(|floor| floor.number("user_s")).collect());
    let figures = json!({
        "workload": "list",
        "store": store_name(args.store),
        "source": args.source.name(),
        "search": args.search,
        "creators": args.creators,
        "delivered": delivered,
        "per_s": rounded(median(rates), 0),
        "floor_per_s": rounded(median(floor_rates), 0),
        "user_s": rounded(of("user_s"), 3),
        "floor_user_s": rounded(floor_user_s, 3),
        "sys_s": rounded(of("sys_s"), 3),
        "rss_mb": rounded(of("rss_mb"), 1),
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}
