//! Answers as received: one row per request and fingerprint, so that an answer which says the same writes no blob.

use std::collections::HashMap;

use bytes::Bytes;
use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Digest, PayloadId, TaskId};
use collector_core::store::StoredPayload;
use collector_core::task::{Malformed, Payload, Task};
use sea_orm::Value;
use zstd::bulk::Compressor;

use super::counters::Counter;
use super::error::unreadable;
use super::session::Session;
use super::statements::Insert;
use super::values::{bytes, hash, int, json, text, text_or_null, time};
use super::write::Write;

const ADD: Insert = Insert {
    table: "payload",
    columns: &[
        "id",
        "request",
        "fingerprint",
        "source",
        "status",
        "headers",
        "malformed",
        "codec",
        "body",
        "first_at",
        "last_at",
        "times",
        "tasks",
    ],
    key: &[],
    update: &[],
};

/// Bytes of bodies in one insert, so that no statement holds a second copy of everything.
const INSERT_BYTES: usize = 1 << 20;
/// Level 1: answers are JSON, and higher levels gain less than a tenth for twice the time.
const LEVEL: i32 = 1;
const PLAIN: u64 = 0;
const ZSTD: u64 = 1;

/// An answer to keep.
pub(super) struct Answer<'a> {
    pub(super) source: &'a str,
    pub(super) tasks: Vec<TaskId>,
    /// The same as they were asked.
    pub(super) asked: Vec<&'a Task>,
    pub(super) fingerprint: Digest,
    pub(super) payload: &'a Payload,
    /// Its body, packed.
    pub(super) packed: &'a Packed,
    /// What to keep of it, if not all.
    pub(super) cut: Option<&'a Bytes>,
    pub(super) malformed: &'a [Malformed],
}

/// A body as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    pub(super) codec: u64,
    pub(super) body: Vec<u8>,
}

impl Packed {
    /// The bodies of calls; nothing for one without an answer. Called before a transaction begins: packing takes longer
    /// than most of what is done in it, and others wait for it.
    pub(super) fn all<'a>(bodies: impl Iterator<Item = Option<&'a Payload>>) -> Result<Vec<Option<Self>>> {
        let mut compressor = compressor()?;
        let mut pack = |payload: &Payload| pack(&mut compressor, &payload.body);
        Ok(bodies.map(|payload| payload.map(&mut pack)).collect())
    }
}

/// An answer that is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    pub(super) id: u64,
    pub(super) is_new: bool,
}

struct Newest {
    id: u64,
    fingerprint: [u8; 16],
    last_at: Timestamp,
}

/// Keeps answers; gives one number per answer, in order.
pub(super) async fn keep(write: &mut Write, answers: &[Answer<'_>]) -> Result<Vec<Kept>> {
    let requests: Vec<[u8; 16]> = answers.iter().map(|answer| request(&answer.tasks)).collect();
    let mut newest = newest(&write.tx, &requests).await?;
    let mut kept = Vec::with_capacity(answers.len());
    let mut rows: Vec<[Value; 13]> = Vec::new();
    let mut held = 0;
    for (answer, request) in answers.iter().zip(requests) {
        let at = answer.payload.at;
        match newest.get_mut(&request).filter(|newest| newest.fingerprint == answer.fingerprint.0) {
            Some(newest) => {
                kept.push(Kept { id: newest.id, is_new: false });
                if at > newest.last_at {
                    newest.last_at = at;
                    let again = "UPDATE @payload SET times = times + 1, last_at = ? WHERE id = ?";
                    write.tx.run(again, vec![time(at), int(newest.id)]).await?;
                }
            }
            None => {
                let id = write.counters.next(Counter::PayloadKey);
                write.counters.add(Counter::Payloads, 1);
                newest.insert(request, Newest { id, fingerprint: answer.fingerprint.0, last_at: at });
                kept.push(Kept { id, is_new: true });
                let packed = match answer.cut {
                    Some(rest) => pack(&mut compressor()?, rest),
                    None => answer.packed.clone(),
                };
                held += packed.body.len();
                rows.push(row(id, request, answer, packed)?);
                if held >= INSERT_BYTES {
                    held = 0;
                    write.tx.insert(&ADD, std::mem::take(&mut rows)).await?;
                }
            }
        }
    }
    write.tx.insert(&ADD, rows).await?;
    Ok(kept)
}

/// What makes it the same request: the tasks, in any order.
pub(super) fn request(tasks: &[TaskId]) -> [u8; 16] {
    let mut ids: Vec<[u8; 16]> = tasks.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    Digest::of(ids.as_flattened()).0
}

async fn newest(tx: &Session, requests: &[[u8; 16]]) -> Result<HashMap<[u8; 16], Newest>> {
    let requests: Vec<Value> = requests.iter().copied().map(hash).collect();
    let query = "SELECT p.request, p.id, p.fingerprint, p.last_at FROM \
                 (SELECT MAX(id) AS id FROM @payload WHERE request IN (?*) GROUP BY request) n \
                 JOIN @payload p ON p.id = n.id";
    let rows = tx.rows_in(query, &[], &requests).await?;
    rows.iter()
        .map(|row| {
            Ok((row.hash(0)?, Newest { id: row.int(1)?, fingerprint: row.hash(2)?, last_at: row.time(3)? }))
        })
        .collect()
}

fn row(id: u64, request: [u8; 16], answer: &Answer<'_>, packed: Packed) -> Result<[Value; 13]> {
    let at = answer.payload.at;
    Ok([
        int(id),
        hash(request),
        hash(answer.fingerprint.0),
        text(answer.source),
        int(u64::from(answer.payload.status)),
        json(&answer.payload.headers)?,
        if answer.malformed.is_empty() { text_or_null(None) } else { json(answer.malformed)? },
        int(packed.codec),
        bytes(packed.body),
        time(at),
        time(at),
        int(1),
        if answer.asked.is_empty() { text_or_null(None) } else { json(&answer.asked)? },
    ])
}

pub(super) fn pack(compressor: &mut Compressor<'_>, body: &[u8]) -> Packed {
    match compressor.compress(body) {
        Ok(mut packed) if packed.len() < body.len() => {
            // It was made large enough for the worst, and waits for its transaction among many.
            packed.shrink_to_fit();
            Packed { codec: ZSTD, body: packed }
        }
        // What does not shrink is kept as it is.
        _ => Packed { codec: PLAIN, body: body.to_vec() },
    }
}

pub(super) fn compressor() -> Result<Compressor<'static>> {
    let failed =
        |error: std::io::Error| Error::new(ErrorKind::Storage, "cannot compress answers").caused_by(error);
    Compressor::new(LEVEL).map_err(failed)
}

pub(super) fn unpack(codec: u64, body: Vec<u8>) -> Result<Bytes> {
    match codec {
        PLAIN => Ok(body.into()),
        ZSTD => Ok(zstd::decode_all(body.as_slice()).map_err(|error| unreadable("an answer", error))?.into()),
        other => Err(unreadable("an answer's codec", other)),
    }
}

/// A stored answer.
pub(super) async fn get(tx: &Session, id: PayloadId) -> Result<Option<StoredPayload>> {
    let query = "SELECT source, status, headers, codec, body, first_at FROM @payload WHERE id = ?";
    let Some(row) = tx.one(query, vec![int(id.0)]).await? else { return Ok(None) };
    Ok(Some(StoredPayload {
        id,
        source: row.text(0)?.into(),
        status: row.small(1)?,
        headers: row.json(2)?,
        body: unpack(row.int(3)?, row.bytes(4)?)?,
        at: row.time(5)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_back_whether_it_shrinks_or_not() {
        for body in [b"".as_slice(), b"x", &[7; 10_000]] {
            let packed = pack(&mut compressor().unwrap(), body);
            assert!(packed.body.len() <= body.len());
            assert_eq!(unpack(packed.codec, packed.body).unwrap(), body);
        }
        assert!(unpack(9, vec![]).is_err());
    }

    #[test]
    fn a_request_is_its_tasks_in_any_order() {
        let (a, b) = (TaskId([1; 16]), TaskId([2; 16]));
        assert_eq!(request(&[a, b]), request(&[b, a]));
        assert_ne!(request(&[a, b]), request(&[a]));
    }
}
