//! One change as one line.

use collector_core::id::RecordKey;
use collector_core::sink::{Change, Facts};
use serde::Serialize;

/// How every line begins; tells our file from another one.
pub(super) const START: &[u8] = b"{\"key\":";

#[derive(Serialize)]
struct Line<'a, T> {
    key: RecordKey,
    version: u64,
    op: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<&'a Facts>,
}

/// Appends a change to `buffer`; an error leaves the buffer as it was.
pub(super) fn push<T: Serialize>(buffer: &mut Vec<u8>, change: &Change<T>) -> serde_json::Result<()> {
    let line = match change {
        Change::Put(record) => Line {
            key: record.key,
            version: record.version,
            op: "put",
            record: Some(&*record.entity),
            facts: Some(&record.facts).filter(|facts| !facts.is_empty()),
        },
        Change::Delete { key, version } => {
            Line { key: *key, version: *version, op: "delete", record: None, facts: None }
        }
    };
    let before = buffer.len();
    match serde_json::to_writer(&mut *buffer, &line) {
        Ok(()) => {
            buffer.push(b'\n');
            Ok(())
        }
        Err(error) => {
            buffer.truncate(before);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use collector_core::sink::Record;

    use super::*;

    fn put<T>(entity: T, facts: Facts) -> Change<T> {
        Change::Put(Record { key: RecordKey(7), version: 3, entity: Arc::new(entity), facts })
    }

    #[test]
    fn a_line_is_one_object_without_line_breaks() {
        let mut buffer = Vec::new();
        push(&mut buffer, &put("a\nb", Facts::new())).unwrap();
        push(&mut buffer, &put("c", Facts::from([("k".into(), 1.into())]))).unwrap();
        push::<&str>(&mut buffer, &Change::Delete { key: RecordKey(7), version: 4 }).unwrap();
        let expected = "{\"key\":7,\"version\":3,\"op\":\"put\",\"record\":\"a\\nb\"}\n\
                        {\"key\":7,\"version\":3,\"op\":\"put\",\"record\":\"c\",\"facts\":{\"k\":1}}\n\
                        {\"key\":7,\"version\":4,\"op\":\"delete\"}\n";
        assert_eq!(String::from_utf8(buffer.clone()).unwrap(), expected);
        assert!(buffer.starts_with(START));
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let mut buffer = b"before\n".to_vec();
        // JSON has no objects with such keys.
        let change = put(BTreeMap::from([(vec![1], 2)]), Facts::new());
        assert!(push(&mut buffer, &change).is_err());
        assert_eq!(buffer, b"before\n");
    }
}
