//! How fast a search server takes creators and answers questions about them.
//!
//! ```text
//! cargo run --release -p collector-sinks --features elasticsearch --example search_speed -- \
//!     http://127.0.0.1:9200/collector-speed 50000
//! ```
//!
//! The creators are random, from a seed; the index stays, so that it can be looked at. Give a name that nothing else
//! uses, and delete the index behind it afterwards.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::time::Duration;

use collector_core::context::Context;
use collector_core::search::{CreatorIndex, Query, SearchField};
use collector_core::sink::Sink;
use collector_core::testkit::search::Population;
use collector_sinks::elasticsearch::{ElasticsearchConfig, ElasticsearchSearch, ElasticsearchSink};
use tokio::time::Instant;

/// Questions of each kind.
const TIMES: usize = 200;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(creators)) = (args.next(), args.next()) else {
        return Err("usage: search_speed URL CREATORS".into());
    };
    let config = ElasticsearchConfig::at(&url)?;
    fill(&config, creators.parse()?).await?;
    // The server makes visible what was written once a second.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let index = ElasticsearchSearch::new(config)?;
    for (what, text) in [
        ("filters", "country:kr followers:10k.. er:1%.. has:email sort:er"),
        ("text and filters", "mina country:kr,us f:1..1m"),
        ("phrase", "\"skin care\" -country:kr"),
        ("everybody", "sort:followers:asc"),
        ("beginning", "who:mi* f:1.."),
    ] {
        ask(&index, what, &[Query::parse(text)?]).await?;
    }
    let mut random = Population::new(11, Context::detached().now());
    let mut queries: Vec<Query> = (0..TIMES).map(|_| random.query()).collect();
    queries.iter_mut().for_each(|query| query.facets.clear());
    ask(&index, "random, without facets", &queries).await?;
    let mut facets = Query::parse("followers:1..")?;
    facets.facets =
        vec![SearchField::Country, SearchField::Tier, SearchField::Hashtag, SearchField::Category];
    ask(&index, "four facets", &[facets]).await
}

async fn fill(config: &ElasticsearchConfig, creators: u64) -> Result<(), Box<dyn Error>> {
    let (sink, cx) = (ElasticsearchSink::new(config.clone())?, Context::detached());
    sink.open(&cx, None).await?;
    let mut random = Population::new(7, cx.now());
    let batches = (0..creators).collect::<Vec<_>>();
    let mut writing = Duration::ZERO;
    for keys in batches.chunks(sink.limits().items) {
        let batch: Vec<_> = keys.iter().map(|key| random.put(*key, 1)).collect();
        let begun = Instant::now();
        sink.write(&cx, &batch).await?;
        writing += begun.elapsed();
    }
    println!("{creators} creators in {writing:.1?}: {:.0} a second", creators as f64 / writing.as_secs_f64());
    Ok(())
}

async fn ask(index: &ElasticsearchSearch, what: &str, queries: &[Query]) -> Result<(), Box<dyn Error>> {
    let cx = Context::detached();
    let (mut times, mut found) = (Vec::with_capacity(TIMES), 0);
    for query in queries.iter().cycle().take(TIMES) {
        let begun = Instant::now();
        found = index.search(&cx, query).await?.total;
        times.push(begun.elapsed());
    }
    times.sort();
    let (half, most) = (times[TIMES / 2], times[TIMES * 99 / 100]);
    println!("{what:24} p50 {half:>9.1?}  p99 {most:>9.1?}  (last found {found})");
    Ok(())
}
