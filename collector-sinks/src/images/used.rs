//! Which pictures records refer to.

use collector_core::context::Context;
use collector_core::domain::Domain;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::sink::Facts;
use collector_core::store::Store;
use serde_json::Value;

/// Records that are read together.
const STEP: usize = 500;

/// Pictures that records refer to: eight bytes of each hash. Two that have those in common are taken for one, so one too
/// many is kept, never one too few.
#[derive(Debug, Default)]
pub(super) struct Used(Vec<u64>);

impl Used {
    /// Reads all records.
    ///
    /// # Errors
    /// `Storage`; `Cancelled` when `cx` is stopped.
    pub(super) async fn by<D: Domain>(cx: &Context, store: &dyn Store<D>) -> Result<Self> {
        let (mut used, mut after) = (Vec::new(), None);
        loop {
            if cx.stop().is_cancelled() {
                return Err(Error::new(ErrorKind::Cancelled, "stopped while records were read"));
            }
            let keys = store.keys(after, STEP).await?;
            let Some(last) = keys.last() else { return Ok(Self::of(used)) };
            after = Some(*last);
            for known in store.known(&keys).await? {
                used.extend(pictures(&known.record.facts).filter_map(short));
            }
        }
    }

    pub(super) fn of(mut used: Vec<u64>) -> Self {
        used.sort_unstable();
        used.dedup();
        Self(used)
    }

    /// Whether a record refers to the picture with this key; what is none of ours counts as used.
    pub(super) fn has(&self, key: &str) -> bool {
        short(key).is_none_or(|short| self.0.binary_search(&short).is_ok())
    }
}

/// The keys in a record's facts, whatever their names: a later version may keep more than avatars.
fn pictures(facts: &Facts) -> impl Iterator<Item = &str> {
    facts.values().filter_map(|fact| fact.get("key").and_then(Value::as_str))
}

/// The beginning of the hash that a key names its picture by.
pub(super) fn short(key: &str) -> Option<u64> {
    let (_, file) = key.split_once('/')?;
    u64::from_str_radix(file.get(..16)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_picture_is_used_when_any_fact_names_it() {
        let key = |digit: &str| format!("{0}{0}/{1}.jpg", digit, digit.repeat(64));
        let facts = Facts::from([
            ("avatar".to_owned(), json!({ "link": "x", "key": key("a"), "new": true })),
            ("banner".to_owned(), json!({ "key": key("b") })),
            ("none".to_owned(), Value::Null),
            ("odd".to_owned(), json!({ "key": 7 })),
            ("foreign".to_owned(), json!({ "key": "뷰티" })),
        ]);
        let used = Used::of(pictures(&facts).filter_map(short).collect());
        assert_eq!((used.has(&key("a")), used.has(&key("b")), used.has(&key("c"))), (true, true, false));
        assert!(used.has("notes.txt") && used.has("aa/short.jpg"), "not ours to judge");
    }
}
