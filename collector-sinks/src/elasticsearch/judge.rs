//! What the answer to a bulk says of each of its items. They are matched by position, and only when there are as many as
//! were sent.

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::sink::{Facts, Wrote};
use serde::Deserialize;
use serde_json::Value;

use super::cluster::Answer;
use super::error::{Fault, malformed};

#[derive(Deserialize)]
struct BulkAnswer {
    items: Vec<BulkItem>,
}

/// The only kind of action that is sent.
#[derive(Deserialize)]
struct BulkItem {
    index: ItemResult,
}

#[derive(Deserialize)]
struct ItemResult {
    #[serde(rename = "_id")]
    id: String,
    status: u16,
    #[serde(default)]
    error: Option<Value>,
}

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Stored,
    /// A newer version is there.
    Superseded,
    /// The server will never take it.
    Rejected(String),
    /// The cluster has too much to do.
    Busy,
    /// The index takes no writes.
    Blocked,
    /// Not now, for another reason.
    Later,
    /// The user may not write here.
    Forbidden,
    /// There is nothing to write to.
    NoIndex,
}

/// The verdicts on all items of a successful answer, in order.
///
/// # Errors
/// `Malformed` for an answer that is not about these items.
pub(super) fn judge(answer: &Answer, ids: &[&str]) -> Result<Vec<Verdict>> {
    let what = "the answer to a bulk cannot be understood";
    let BulkAnswer { items } = answer.json(what)?;
    if items.len() != ids.len() {
        let counts = format!("{} for {}", items.len(), ids.len());
        return Err(
            malformed("the answer to a bulk has another number of items", answer).with("items", counts)
        );
    }
    if items.iter().zip(ids).any(|(item, id)| item.index.id != **id) {
        return Err(malformed("the answer to a bulk is about other items", answer));
    }
    Ok(items.into_iter().map(|item| verdict(&item.index)).collect())
}

fn verdict(item: &ItemResult) -> Verdict {
    if matches!(item.status, 200..300) && item.error.is_none() {
        return Verdict::Stored;
    }
    let fault = item.error.as_ref().map(Fault::of).unwrap_or_default();
    if fault.is("index_not_found_exception") {
        return Verdict::NoIndex;
    }
    if fault.kinds.iter().any(|kind| BUSY.iter().any(|busy| kind.contains(busy))) {
        return Verdict::Busy;
    }
    if fault.is("cluster_block_exception") {
        return Verdict::Blocked;
    }
    match item.status {
        409 => Verdict::Superseded,
        429 => Verdict::Busy,
        401 | 403 => Verdict::Forbidden,
        // A success with a fault beside it is none.
        200..300 | 404 | 408 | 500.. => Verdict::Later,
        status => Verdict::Rejected(format!(
            "the search index refuses the record: {status} {}",
            fault.about_record()
        )),
    }
}

const BLOCKED: &str = "the search index takes no changes just now: it is being made anew, or a disk is full";

/// Parts of the kinds by which a node says that it has too much to do, whatever the status beside them.
const BUSY: [&str; 3] = ["rejected_execution", "circuit_breaking", "unavailable_shards"];

impl Verdict {
    /// What all of them say when nothing was let in, or in to nowhere.
    pub(super) fn refusal(verdicts: &[Self], answer: &Answer) -> Option<Error> {
        let all = |is: Self| !verdicts.is_empty() && verdicts.iter().all(|verdict| *verdict == is);
        let error = |kind, message| Some(Error::new(kind, message).with("node", &answer.node));
        if all(Self::Forbidden) {
            return error(
                ErrorKind::Unauthorized,
                "the user may not write to the search index; give it `write` on it",
            );
        }
        if all(Self::NoIndex) {
            return error(ErrorKind::Unavailable, "there is no index behind the name; it is made anew");
        }
        if all(Self::Blocked) {
            return error(ErrorKind::Unavailable, BLOCKED);
        }
        None
    }

    pub(super) fn into_wrote(self) -> Wrote {
        match self {
            Self::Stored => Wrote::Stored(Facts::new()),
            Self::Superseded => Wrote::Superseded,
            Self::Rejected(reason) => Wrote::Rejected(reason),
            Self::Busy | Self::Blocked | Self::Later | Self::Forbidden | Self::NoIndex => {
                Wrote::Retry { after: None }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(body: &str) -> Answer {
        let (node, content_type) = ("http://a:9200".into(), "application/json".into());
        Answer { node, status: 200, content_type, retry_after: None, body: body.to_owned().into() }
    }

    fn items(items: &[(u16, Option<&str>)]) -> Value {
        let item = |(at, (status, kind)): (usize, &(u16, Option<&str>))| {
            let mut item = json!({ "_id": at.to_string(), "status": status });
            if let Some(kind) = kind {
                item["error"] = json!({ "type": kind, "reason": "about mina@mail.example" });
            }
            json!({ "index": item })
        };
        json!({ "errors": true, "items": items.iter().enumerate().map(item).collect::<Vec<_>>() })
    }

    const IDS: [&str; 14] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"];

    #[test]
    fn each_item_is_judged_by_itself() {
        use Verdict::*;
        let rejected = "the search index refuses the record: 400 strict_dynamic_mapping_exception";
        let rows = [
            (200, None, Stored),
            (201, None, Stored),
            (409, Some("version_conflict_engine_exception"), Superseded),
            (429, Some("es_rejected_execution_exception"), Busy),
            (429, Some("rejected_execution_exception"), Busy),
            (503, Some("unavailable_shards_exception"), Busy),
            (500, Some("circuit_breaking_exception"), Busy),
            (503, None, Later),
            (500, Some("null_pointer_exception"), Later),
            (403, Some("cluster_block_exception"), Blocked),
            (403, Some("security_exception"), Forbidden),
            (404, Some("index_not_found_exception"), NoIndex),
            (400, Some("strict_dynamic_mapping_exception"), Rejected(rejected.to_owned())),
            (200, Some("strange_exception"), Later),
        ];
        let body = items(&rows.clone().map(|(status, kind, _)| (status, kind))).to_string();
        let found = judge(&answer(&body), &IDS[..rows.len()]).unwrap();
        for ((status, kind, expected), found) in rows.into_iter().zip(found) {
            assert_eq!(found, expected, "{status} {kind:?}");
        }
    }

    #[test]
    fn an_answer_about_other_items_is_none() {
        let body = items(&[(200, None), (200, None)]).to_string();
        for count in [0, 1, 3] {
            let error = judge(&answer(&body), &IDS[..count]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
        }
        assert_eq!(judge(&answer(&body), &["1", "0"]).unwrap_err().kind(), ErrorKind::Malformed);
        for wrong in [
            "",
            "<html>busy</html>",
            "{}",
            r#"{"items":[{"delete":{"status":200}}]}"#,
            body.split_at(body.len() / 2).0,
        ] {
            assert_eq!(judge(&answer(wrong), &IDS[..2]).unwrap_err().kind(), ErrorKind::Malformed, "{wrong}");
        }
    }
}
