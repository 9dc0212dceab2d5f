//! Fills a newer index with what an older one keeps.

use collector_core::context::Context;
use collector_core::creator::Creator;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::RecordKey;
use collector_core::sink::{Change, Wrote};
use serde::Deserialize;
use serde_json::{Value, json};

use super::bulk::Bulk;
use super::cluster::{Cluster, Method, Request};
use super::config::ElasticsearchConfig;
use super::index::{Alias, Name};
use super::mapping::{self, GONE, KEY, Source};

/// Records read at once.
const PAGE: usize = 1_000;

#[derive(Deserialize)]
struct Page {
    timed_out: bool,
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_source")]
    source: Source,
}

/// Copies every record and every deletion, by key, into the index that is filled under an alias; gives how many. The older
/// index takes no writes meanwhile.
pub(super) async fn copy(
    cx: &Context,
    cluster: &Cluster,
    config: &ElasticsearchConfig,
    older: &Name,
    filling: &str,
) -> Result<u64> {
    // What was written last is not visible by itself yet.
    Alias { cluster, config }.refresh(cx, older).await?;
    let bulk = Bulk::new(config);
    let (mut after, mut copied) = (None, 0);
    loop {
        let page = read(cx, cluster, older, Part::All, after).await?;
        let Some(last) = page.last() else { return Ok(copied) };
        after = Some(last.key());
        let outcomes = bulk.write(cx, cluster, filling, &page).await?;
        if let Some(at) =
            outcomes.iter().position(|wrote| !matches!(wrote, Wrote::Stored(_) | Wrote::Superseded))
        {
            return Err(stopped(filling, &page[at], &outcomes[at]));
        }
        copied += page.len() as u64;
    }
}

/// What of an index is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    All,
    Deletions,
}

/// Some of what an index keeps, by key; nothing at the end.
pub(super) async fn read(
    cx: &Context,
    cluster: &Cluster,
    older: &Name,
    part: Part,
    after: Option<RecordKey>,
) -> Result<Vec<Change<Creator>>> {
    let what = "cannot read the older search index";
    let mut body = json!({ "size": PAGE, "sort": [{ KEY: "asc" }], "track_total_hits": false });
    if let Part::Deletions = part {
        body["query"] = json!({ "term": { GONE: true } });
    }
    if let Some(after) = after {
        body["search_after"] = Value::from(vec![mapping::id(after)]);
    }
    let path = format!("/{}/_search?allow_partial_search_results=false", older.as_str());
    let request = Request::new(Method::Post, path).json(&body).about_records();
    let answer = cluster.succeed(cx, what, &request).await?;
    let page: Page = answer.json(what)?;
    if page.timed_out {
        return Err(Error::new(ErrorKind::Timeout, what));
    }
    let unreadable = || {
        let message = "a record of the older search index cannot be read; delete that index, and rebuild it from the store";
        Error::new(ErrorKind::Malformed, message).with("index", older.as_str())
    };
    page.hits.hits.into_iter().map(|hit| hit.source.change().ok_or_else(unreadable)).collect()
}

fn stopped(filling: &str, change: &Change<Creator>, wrote: &Wrote) -> Error {
    let message = match wrote {
        Wrote::Rejected(reason) => format!("the newer search index refuses a record: {reason}"),
        _ => "the newer search index does not take records just now; it goes on where it stopped".to_owned(),
    };
    Error::new(ErrorKind::Unavailable, message).with("alias", filling).with("record", change.key())
}
