//! What `collector search` prints.

use collector_core::clock::Timestamp;
use collector_core::creator::Creator;
use collector_core::search::{Cursor, Facet, Hit, Results};
use serde::Serialize;

use super::{Rows, aligned, count, number, plain, when};
use crate::failure::{Failure, Result};

/// Characters of a name that are shown.
const MAX_NAME: usize = 40;

/// Creators that were found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchReport {
    results: Results,
}

/// The last line of `--json`.
#[derive(Serialize)]
struct Summary<'a> {
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Cursor>,
    #[serde(skip_serializing_if = "<[Facet]>::is_empty")]
    facets: &'a [Facet],
}

impl SearchReport {
    pub(crate) fn new(results: Results) -> Self {
        Self { results }
    }

    /// One object a line: each creator with `key`, `version` and `creator`, then one with `total`, and `next` and
    /// `facets` if there are any.
    pub(crate) fn json_lines(&self) -> Result<String> {
        let cannot = |error| Failure::aborted(format!("cannot write JSON: {error}"));
        let Results { total, hits, facets, next } = &self.results;
        let mut lines = String::new();
        for hit in hits {
            lines.push_str(&serde_json::to_string(hit).map_err(cannot)?);
            lines.push('\n');
        }
        let summary = Summary { total: *total, next: *next, facets };
        lines.push_str(&serde_json::to_string(&summary).map_err(cannot)?);
        Ok(lines)
    }

    /// What people read.
    pub(crate) fn text(&self) -> String {
        let Results { total, hits, facets, next } = &self.results;
        let mut text = String::new();
        if !hits.is_empty() {
            let mut rows: Rows = vec![TITLES.map(str::to_owned).to_vec()];
            rows.extend(hits.iter().map(row));
            text.push_str(&aligned(0, &rows));
            text.push('\n');
        }
        for facet in facets {
            text.push_str(&format!("{}\n", shown(facet)));
        }
        text.push_str(&format!("{} found", count(*total, "creator", "creators")));
        if let Some(next) = next {
            text.push_str(&format!(", {} shown; more: --after {next}", hits.len()));
        }
        text
    }
}

/// The name comes last: its characters may be wide.
const TITLES: [&str; 8] = ["handle", "followers", "er", "views", "country", "flags", "seen", "name"];

fn row(hit: &Hit) -> Vec<String> {
    let Creator { handle, name, followers, posts, country, .. } = &hit.creator;
    let or_none = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
    let seen = hit.creator.sources.iter().map(|source| source.as_of).max();
    let posts = posts.as_ref();
    vec![
        or_none(handle.as_deref().map(|handle| format!("@{}", plain(handle)))),
        or_none(followers.map(number)),
        or_none(posts.and_then(|posts| posts.engagement_rate).map(|rate| format!("{:.1}%", rate * 100.0))),
        or_none(posts.and_then(|posts| posts.avg_views).map(number)),
        or_none(country.as_deref().map(plain)),
        or_none(Some(flags(&hit.creator)).filter(|flags| !flags.is_empty())),
        or_none(seen.map(day)),
        plain(name.as_deref().unwrap_or_default()).chars().take(MAX_NAME).collect(),
    ]
}

/// What is known to be so.
fn flags(creator: &Creator) -> String {
    let flags = [
        ("email", creator.has_email),
        ("shop", creator.has_shop),
        ("verified", creator.verified),
        ("private", creator.private),
    ];
    let is: Vec<&str> = flags.iter().filter(|(_, is)| *is == Some(true)).map(|(name, _)| *name).collect();
    is.join(",")
}

fn day(at: Timestamp) -> String {
    when(at).split(' ').next().unwrap_or_default().to_owned()
}

fn shown(facet: &Facet) -> String {
    let mut parts: Vec<String> =
        facet.values.iter().map(|value| format!("{} {}", plain(&value.value), number(value.count))).collect();
    if facet.more > 0 {
        parts.push(format!("and {} more", number(facet.more)));
    }
    if facet.unknown > 0 {
        parts.push(format!("unknown {}", number(facet.unknown)));
    }
    if parts.is_empty() {
        parts.push("-".to_owned());
    }
    format!("{}: {}", facet.field, parts.join(", "))
}
