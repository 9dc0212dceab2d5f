//! From core's plan to the server's questions.

use std::collections::BTreeSet;

use collector_core::id::RecordKey;
use collector_core::search::tokens::Phrase;
use collector_core::search::{Condition, Direction, Facet, Match, Part, Place, Plan, SearchField};
use serde_json::{Value, json};

use super::mapping::{GONE, KEY, KNOWN, has, id};

/// Values in one clause; the server's own limit is 65,536.
const MAX_TERMS: usize = 50_000;

/// Words a phrase's open end may stand for. Ends of up to 19 characters are indexed and not looked for at all.
const MAX_ENDS: u32 = 1_000;

/// Values of a facet that are fetched: with more than these, how many are not listed is the server's estimate.
pub(super) const MAX_BUCKETS: usize = 1_000;

/// Below this count of values the server's estimate is as good as exact; the most it allows.
const PRECISION: u32 = 40_000;

/// The question for one page of a plan. It asks for one creator more than the page has.
pub(super) fn search(plan: &Plan) -> Value {
    let mut body = json!({
        "size": plan.limit + 1,
        "query": query(plan),
        "sort": sort(plan),
        "track_scores": !plan.ranked.is_empty(),
        "track_total_hits": true,
    });
    if let Some(place) = plan.after {
        body["search_after"] = Value::from(after(plan, place));
    }
    if !plan.facets.is_empty() {
        body["aggs"] = facets(&plan.facets);
    }
    body
}

/// The query whose score is the plan's relevance.
fn query(plan: &Plan) -> Value {
    let ranked: Vec<_> = plan.ranked.iter().map(|parts| best_of(parts)).collect();
    let required: Vec<_> = plan.required.iter().map(condition).collect();
    let gone = json!({ "term": { GONE: true } });
    let excluded: Vec<_> = plan.excluded.iter().map(condition).chain([gone]).collect();
    json!({ "bool": { "must": ranked, "filter": required, "must_not": excluded } })
}

/// A ranked term counts as the best of its parts, each of which has the constant score of its class. The weights are
/// exact in 32-bit floating point.
fn best_of(parts: &[Part]) -> Value {
    let part = |part: &Part| json!({ "constant_score": { "filter": matches(&part.is), "boost": part.class.weight() } });
    json!({ "dis_max": { "queries": parts.iter().map(part).collect::<Vec<_>>() } })
}

fn condition(condition: &Condition) -> Value {
    match condition {
        Condition::Any(conditions) => any(conditions),
        Condition::Match(comparison) => matches(comparison),
        Condition::Range(field, from, to) => json!({ "range": { field.name(): { "gte": from, "lte": to } } }),
        Condition::Known(field) if field.is_column() => json!({ "exists": { "field": field.name() } }),
        Condition::Known(field) => json!({ "term": { KNOWN: field.name() } }),
        Condition::Among(keys) => among(keys),
    }
}

/// One of them. Values of a field are one clause, because the server counts clauses.
fn any(conditions: &[Condition]) -> Value {
    let mut clauses = Vec::new();
    let mut values: Vec<(SearchField, Vec<Value>)> = Vec::new();
    for one in conditions {
        let value = match one {
            Condition::Match(Match::Keyword(field, value)) => Some((*field, Value::from(value.as_str()))),
            Condition::Range(field, from, to) if from == to => Some((*field, Value::from(*from))),
            _ => None,
        };
        match value {
            None => clauses.push(condition(one)),
            Some((field, value)) => match values.iter_mut().find(|(of, _)| *of == field) {
                Some((_, values)) => values.push(value),
                None => values.push((field, vec![value])),
            },
        }
    }
    clauses.extend(values.into_iter().map(|(field, values)| json!({ "terms": { field.name(): values } })));
    one_of(clauses)
}

fn one_of(clauses: Vec<Value>) -> Value {
    json!({ "bool": { "should": clauses, "minimum_should_match": 1 } })
}

fn among(keys: &BTreeSet<RecordKey>) -> Value {
    let keys: Vec<_> = keys.iter().map(|key| id(*key)).collect();
    one_of(keys.chunks(MAX_TERMS).map(|keys| json!({ "terms": { KEY: keys } })).chain([nobody()]).collect())
}

/// For a list without members: something must stand there, and nobody be found.
fn nobody() -> Value {
    json!({ "match_none": {} })
}

fn matches(comparison: &Match) -> Value {
    match comparison {
        Match::Keyword(field, value) => json!({ "term": { field.name(): value } }),
        Match::Prefix(field, start) => json!({ "prefix": { field.name(): start } }),
        Match::Phrase(field, words) => phrase(*field, words),
    }
}

/// The tokens are ours; the field's analyzer cuts them at the spaces they are joined with.
fn phrase(field: SearchField, phrase: &Phrase) -> Value {
    let joined = phrase.tokens.join(" ");
    match (phrase.tokens.len(), phrase.prefix) {
        (0, _) => nobody(),
        (1, true) => json!({ "prefix": { field.name(): joined } }),
        (1, false) => json!({ "term": { field.name(): joined } }),
        (_, false) => json!({ "match_phrase": { field.name(): { "query": joined } } }),
        (_, true) => {
            json!({ "match_phrase_prefix": { field.name(): { "query": joined, "max_expansions": MAX_ENDS } } })
        }
    }
}

/// Score, whether the value is known, value, key: the parts of a [`Place`].
fn sort(plan: &Plan) -> Value {
    let order = &plan.order;
    let direction = match order.direction {
        Direction::Descending => "desc",
        Direction::Ascending => "asc",
    };
    let score = order.by_score.then(|| json!({ "_score": { "order": "desc" } }));
    let known = json!({ has(order.field): { "order": "desc", "missing": 0 } });
    let value = json!({ order.field.name(): { "order": direction, "missing": 0 } });
    let key = json!({ KEY: { "order": "asc" } });
    score.into_iter().chain([known, value, key]).collect()
}

/// A place in the terms of [`sort`].
fn after(plan: &Plan, place: Place) -> Vec<Value> {
    let (score, value, key) = plan.order.parts(place);
    let score = plan.order.by_score.then(|| json!(score));
    let known = json!(u8::from(value.is_some()));
    score.into_iter().chain([known, json!(value.unwrap_or_default()), json!(id(key))]).collect()
}

/// The names under which a field's values, their number and the creators without one are counted.
pub(super) fn facet_names(field: SearchField) -> [String; 3] {
    ["values", "distinct", "unknown"].map(|what| format!("{what}:{}", field.name()))
}

fn facets(fields: &[SearchField]) -> Value {
    let mut aggs = serde_json::Map::new();
    for field in fields {
        let name = field.name();
        let [values, distinct, unknown] = facet_names(*field);
        let order = json!([{ "_count": "desc" }, { "_key": "asc" }]);
        let terms =
            json!({ "field": name, "size": MAX_BUCKETS, "shard_size": 2 * MAX_BUCKETS, "order": order });
        aggs.insert(values, json!({ "terms": terms }));
        let count = json!({ "cardinality": { "field": name, "precision_threshold": PRECISION } });
        // Inside of another one, because OpenSearch 2.19 fails now and then where it may take a short cut.
        aggs.insert(distinct, json!({ "filter": { "match_all": {} }, "aggs": { "count": count } }));
        aggs.insert(unknown, json!({ "missing": { "field": name } }));
    }
    Value::Object(aggs)
}

// What is fetched is enough to show and to see that there is more.
const _: () = assert!(MAX_BUCKETS > Facet::MAX_VALUES);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use collector_core::clock::Timestamp;
    use collector_core::search::Query;

    use super::*;

    fn plan(text: &str) -> Plan {
        Plan::new(&Query::parse(text).unwrap(), Timestamp::from_secs(1_700_000_000)).unwrap()
    }

    #[test]
    fn many_values_of_a_field_are_one_clause() {
        let text = format!("country:{}", (0..900).map(|n| format!("c{n}")).collect::<Vec<_>>().join(","));
        let query = query(&plan(&text)).to_string();
        assert_eq!(query.matches("term").count(), 2, "{query}");
        let numbers = query_of("followers:1,2,3,5..9");
        assert!(numbers.contains(r#""terms":{"followers":[1,2,3]}"#), "{numbers}");
        assert_eq!(numbers.matches("range").count(), 1, "{numbers}");
    }

    fn query_of(text: &str) -> String {
        query(&plan(text)).to_string()
    }

    #[test]
    fn a_large_list_is_cut_to_what_the_server_takes_and_an_empty_one_finds_nobody() {
        let keys: BTreeSet<_> = (0..MAX_TERMS as u64 * 2 + 1).map(RecordKey).collect();
        let list = condition(&Condition::Among(Arc::new(keys)));
        assert_eq!(list["bool"]["should"].as_array().unwrap().len(), 4);
        let none = condition(&Condition::Among(Arc::default()));
        assert_eq!(none["bool"]["should"], json!([{ "match_none": {} }]));
    }

    #[test]
    fn the_place_behind_which_a_page_begins_has_the_parts_that_are_sorted_by() {
        for text in ["mina", "sort:er:asc", "sort:followers mina"] {
            let plan = plan(text);
            for value in [None, Some(i64::MIN), Some(i64::MAX)] {
                let place = plan.order.place(65_536, value, RecordKey(7));
                let (sorted, after) = (sort(&plan), after(&plan, place));
                assert_eq!(sorted.as_array().unwrap().len(), after.len(), "{text}");
                assert_eq!(after.last().unwrap(), "0000000000000007");
                assert_eq!(after[after.len() - 2], json!(value.unwrap_or(0)));
            }
        }
    }

    #[test]
    fn deleted_records_are_left_out_of_every_question() {
        for text in ["", "mina", "-mina country:kr"] {
            assert!(query_of(text).contains(GONE), "{text}");
        }
    }
}
