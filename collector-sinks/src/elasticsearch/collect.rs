//! From the server's answer to a page of results.

use std::collections::BTreeMap;

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::search::{Facet, Hit, Place, Plan, Relevance, Results, SearchField};
use serde::Deserialize;
use serde_json::Value;

use super::cluster::Answer;
use super::error::malformed;
use super::mapping::Source;
use super::query::facet_names;

const WHAT: &str = "the answer to a search cannot be understood";

#[derive(Deserialize)]
struct SearchAnswer {
    timed_out: bool,
    hits: Hits,
    #[serde(default)]
    aggregations: BTreeMap<String, Counted>,
}

#[derive(Deserialize)]
struct Hits {
    total: Total,
    hits: Vec<Found>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
    relation: String,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "_score")]
    score: Option<f64>,
    #[serde(rename = "_source")]
    source: Source,
    sort: Vec<Value>,
}

/// What any of the three ways to count gives.
#[derive(Deserialize, Default)]
struct Counted {
    #[serde(default)]
    buckets: Vec<Bucket>,
    #[serde(default)]
    sum_other_doc_count: u64,
    /// Distinct values.
    #[serde(default)]
    count: Distinct,
    /// Creators without a value.
    #[serde(default)]
    doc_count: u64,
}

#[derive(Deserialize, Default)]
struct Distinct {
    value: u64,
}

#[derive(Deserialize)]
struct Bucket {
    key: String,
    doc_count: u64,
}

/// The page an answer holds.
///
/// # Errors
/// `Malformed` for an answer of something else, `Timeout` for one that is not complete.
pub(super) fn results(plan: &Plan, answer: &Answer) -> Result<Results> {
    let SearchAnswer { timed_out, hits, aggregations } = answer.json(WHAT)?;
    if timed_out {
        return Err(Error::new(ErrorKind::Timeout, "the search took too long").with("node", &answer.node));
    }
    if hits.total.relation != "eq" || hits.hits.len() > plan.limit + 1 {
        return Err(malformed(WHAT, answer));
    }
    let total = hits.total.value;
    let found = hits.hits.into_iter().map(|found| found.read(plan).ok_or_else(|| malformed(WHAT, answer)));
    let mut found: Vec<(Place, Hit)> = found.collect::<Result<_>>()?;
    let has_more = found.len() > plan.limit;
    found.truncate(plan.limit);
    let next = found.last().filter(|_| has_more).map(|(place, _)| plan.cursor(*place));
    let facets = plan.facets.iter().map(|field| facet(*field, &aggregations));
    let facets = facets.collect::<Option<_>>().ok_or_else(|| malformed(WHAT, answer))?;
    Ok(Results { total, hits: found.into_iter().map(|(_, hit)| hit).collect(), facets, next })
}

impl Found {
    fn read(self, plan: &Plan) -> Option<(Place, Hit)> {
        let relevance = Relevance(if plan.ranked.is_empty() { 0 } else { score(self.score?)? });
        let record = self.source.record()?;
        let [.., known, value, _] = self.sort.as_slice() else { return None };
        let value = if known.as_i64()? == 1 { Some(value.as_i64()?) } else { None };
        let place = plan.order.place(relevance.0, value, record.key);
        let hit = Hit {
            key: record.key,
            version: record.version,
            relevance,
            creator: std::sync::Arc::unwrap_or_clone(record.entity),
            facts: record.facts,
        };
        Some((place, hit))
    }
}

/// Weights are whole numbers, and their sums exact.
fn score(score: f64) -> Option<u32> {
    let is_sum = score.fract() == 0.0 && (0.0..f64::from(u32::MAX)).contains(&score);
    is_sum.then_some(score as u32)
}

fn facet(field: SearchField, counted: &BTreeMap<String, Counted>) -> Option<Facet> {
    let [values, distinct, unknown] = facet_names(field);
    let (values, unknown) = (counted.get(&values)?, counted.get(&unknown)?.doc_count);
    let counts = values.buckets.iter().map(|bucket| (bucket.key.clone(), bucket.doc_count));
    let mut facet = Facet::new(field, counts, unknown);
    if values.sum_other_doc_count > 0 {
        let listed = facet.values.len() as u64;
        facet.more = counted.get(&distinct)?.count.value.saturating_sub(listed).max(facet.more + 1);
    }
    Some(facet)
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;
    use collector_core::search::Query;
    use serde_json::json;

    use super::*;

    fn plan(limit: usize) -> Plan {
        let mut query = Query::parse("mina").unwrap();
        query.limit = limit;
        query.facets = vec![SearchField::Hashtag];
        Plan::new(&query, Timestamp::from_secs(1)).unwrap()
    }

    fn answer(body: &Value) -> Answer {
        let (node, content_type) = ("http://a:9200".into(), "application/json".into());
        Answer { node, status: 200, content_type, retry_after: None, body: body.to_string().into() }
    }

    fn body(hits: u64, others: u64) -> Value {
        let hit = |at: u64| {
            let kept = json!({ "creator": { "platform": "tiktok", "followers": 10 } }).to_string();
            let record = json!({ "key": format!("{at:016x}"), "version": at, "kept": kept });
            json!({ "_score": 4096.0, "_source": { "record": record }, "sort": [4096.0, 1, 10, format!("{at:016x}")] })
        };
        json!({
            "timed_out": false,
            "hits": { "total": { "value": 9, "relation": "eq" }, "hits": (1..=hits).map(hit).collect::<Vec<_>>() },
            "aggregations": {
                "values:hashtag": { "buckets": [{ "key": "a", "doc_count": 3 }], "sum_other_doc_count": others },
                "distinct:hashtag": { "doc_count": 9, "count": { "value": 2_000 } },
                "unknown:hashtag": { "doc_count": 4 },
            },
        })
    }

    #[test]
    fn one_more_than_the_page_says_that_there_is_a_next_one() {
        let page = results(&plan(2), &answer(&body(3, 0))).unwrap();
        assert_eq!((page.total, page.hits.len(), page.next.is_some()), (9, 2, true));
        assert_eq!((page.hits[0].relevance.0, page.hits[1].version), (4096, 2));
        let page = results(&plan(2), &answer(&body(2, 0))).unwrap();
        assert_eq!((page.hits.len(), page.next), (2, None));
    }

    #[test]
    fn values_that_were_not_fetched_are_counted_by_estimate() {
        let facet = |others| results(&plan(2), &answer(&body(1, others))).unwrap().facets.remove(0);
        assert_eq!((facet(0).more, facet(0).unknown), (0, 4));
        assert_eq!(facet(5_000).more, 1_999);
    }

    #[test]
    fn half_an_answer_and_another_one_are_refused() {
        let wrong = |change: &dyn Fn(&mut Value)| {
            let mut body = body(1, 0);
            change(&mut body);
            results(&plan(2), &answer(&body)).unwrap_err().kind()
        };
        assert_eq!(wrong(&|body| body["timed_out"] = json!(true)), ErrorKind::Timeout);
        assert_eq!(wrong(&|body| body["hits"]["total"]["relation"] = json!("gte")), ErrorKind::Malformed);
        assert_eq!(wrong(&|body| body["hits"]["hits"][0]["_score"] = json!(0.5)), ErrorKind::Malformed);
        assert_eq!(wrong(&|body| body["hits"]["hits"][0]["sort"] = json!([1])), ErrorKind::Malformed);
        assert_eq!(wrong(&|body| body["aggregations"] = json!({})), ErrorKind::Malformed);
        assert_eq!(
            wrong(&|body| body["hits"]["hits"][0]["_source"]["record"]["key"] = json!("x")),
            ErrorKind::Malformed
        );
        assert_eq!(wrong(&|body| *body = json!("<html>")), ErrorKind::Malformed);
    }
}
