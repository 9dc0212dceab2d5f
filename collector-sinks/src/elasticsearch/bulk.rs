//! Writing many changes: requests of bounded size, each item of the answer judged by itself.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use collector_core::context::Context;
use collector_core::creator::Creator;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::sink::{Change, Wrote};
use serde_json::json;

use super::cluster::{About, Answer, Body, Cluster, Method, Request};
use super::config::ElasticsearchConfig;
use super::error::refused;
use super::judge::{Verdict, judge};
use super::mapping;

/// A bulk is never made smaller than this because the cluster is busy.
const LEAST_BYTES: usize = 64 << 10;

/// Writes changes.
#[derive(Debug)]
pub(super) struct Bulk {
    timeout: Duration,
    most: usize,
    /// Bytes of the next request: halved when the server takes less, slowly grown again.
    bytes: AtomicUsize,
}

/// A change as it is sent.
struct Line {
    at: usize,
    id: String,
    bytes: Vec<u8>,
}

impl Bulk {
    pub(super) fn new(config: &ElasticsearchConfig) -> Self {
        let most = config.bulk_bytes;
        Self { timeout: config.bulk_timeout, most, bytes: AtomicUsize::new(most) }
    }

    /// Writes a batch to an alias, never to an index of that name that the server would make by itself; one outcome per
    /// change.
    ///
    /// # Errors
    /// When nothing is known to be written. Once something is, the rest is `Retry` instead, so that nothing that was
    /// stored is sent again.
    pub(super) async fn write(
        &self,
        cx: &Context,
        cluster: &Cluster,
        alias: &str,
        batch: &[Change<Creator>],
    ) -> Result<Vec<Wrote>> {
        let mut outcomes = vec![Wrote::Retry { after: None }; batch.len()];
        let lines = lines(batch, &mut outcomes);
        let mut parts: VecDeque<Vec<Line>> = split(lines, self.bytes.load(Ordering::Relaxed)).into();
        let mut is_any_known = false;
        while let Some(part) = parts.pop_front() {
            let answer = cluster.send(cx, &self.request(alias, &part)).await;
            match answer.and_then(|answer| self.judge(&answer, &part)) {
                Ok(Judged::Each(verdicts)) => {
                    is_any_known = true;
                    let verdicts = part.iter().zip(verdicts);
                    verdicts.for_each(|(line, wrote)| outcomes[line.at] = wrote);
                }
                Ok(Judged::TooLarge) => match halves(part) {
                    Ok((first, second)) => {
                        [second, first].into_iter().for_each(|part| parts.push_front(part))
                    }
                    Err(line) => {
                        is_any_known = true;
                        outcomes[line.at] = Wrote::Rejected(too_large(line.bytes.len()));
                    }
                },
                Err(error) if is_any_known => {
                    tracing::warn!(%error, "part of a batch could not be written; it is offered again");
                    let after = error.wait();
                    let rest = part.iter().chain(parts.iter().flatten());
                    rest.for_each(|line| outcomes[line.at] = Wrote::Retry { after });
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(outcomes)
    }

    fn request(&self, alias: &str, lines: &[Line]) -> Request {
        let path = format!("/{alias}/_bulk?require_alias=true");
        let mut body = Vec::with_capacity(lines.iter().map(|line| line.bytes.len()).sum());
        lines.iter().for_each(|line| body.extend_from_slice(&line.bytes));
        Request {
            body: Body::Lines(Bytes::from(body)),
            timeout: Some(self.timeout),
            ..Request::new(Method::Post, path).about_records()
        }
    }

    fn judge(&self, answer: &Answer, lines: &[Line]) -> Result<Judged> {
        let what = "the search index does not take changes";
        match answer.status {
            200..300 => {}
            413 => {
                self.shrink(lines);
                return Ok(Judged::TooLarge);
            }
            status => {
                if status == 429 {
                    self.shrink(lines);
                }
                return Err(unwritten(refused(About::Records, what, answer)));
            }
        }
        let ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
        let verdicts = judge(answer, &ids)?;
        if let Some(error) = Verdict::refusal(&verdicts, answer) {
            return Err(error);
        }
        if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Busy)) {
            self.shrink(lines);
        } else {
            self.grow();
        }
        Ok(Judged::Each(verdicts.into_iter().map(Verdict::into_wrote).collect()))
    }

    fn shrink(&self, lines: &[Line]) {
        let sent: usize = lines.iter().map(|line| line.bytes.len()).sum();
        let bytes = (sent / 2).max(LEAST_BYTES).min(self.most);
        self.bytes.fetch_min(bytes, Ordering::Relaxed);
    }

    fn grow(&self) {
        let grown = |bytes: usize| (bytes < self.most).then(|| (bytes + bytes / 10).min(self.most));
        // No change is no failure.
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).unwrap_or_default();
    }
}

/// What a request came to.
enum Judged {
    Each(Vec<Wrote>),
    TooLarge,
}

/// A request that the server refused as a whole wrote nothing; only kinds that pause a sink, none that end the run.
fn unwritten(error: Error) -> Error {
    match error.kind() {
        ErrorKind::ConfigInvalid => Error::new(ErrorKind::Unavailable, error.to_string()),
        _ => error,
    }
}

fn too_large(bytes: usize) -> String {
    format!("the record takes {bytes} bytes, and the server takes less at once (its http.max_content_length)")
}

/// Action and document of each change. One that cannot be written is settled here.
fn lines(batch: &[Change<Creator>], outcomes: &mut [Wrote]) -> Vec<Line> {
    let mut lines = Vec::with_capacity(batch.len());
    for (at, (change, outcome)) in batch.iter().zip(outcomes).enumerate() {
        match line(change) {
            Ok(bytes) => lines.push(Line { at, id: mapping::id(change.key()), bytes }),
            Err(reason) => *outcome = Wrote::Rejected(reason),
        }
    }
    lines
}

fn line(change: &Change<Creator>) -> std::result::Result<Vec<u8>, String> {
    // The server's versions are signed.
    i64::try_from(change.version()).map_err(|_| format!("version {} is too large", change.version()))?;
    let action = json!({ "index": {
        "_id": mapping::id(change.key()),
        "version": change.version(),
        "version_type": "external_gte",
    } });
    let unwritable = |error: serde_json::Error| format!("the record cannot be written as JSON: {error}");
    let document = mapping::document(change).map_err(unwritable)?;
    let mut bytes = serde_json::to_vec(&action).map_err(unwritable)?;
    bytes.push(b'\n');
    serde_json::to_writer(&mut bytes, &document).map_err(unwritable)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Parts of at most so many bytes, in order; a line that is larger goes alone.
fn split(lines: Vec<Line>, most: usize) -> Vec<Vec<Line>> {
    let mut parts: Vec<Vec<Line>> = Vec::new();
    let mut bytes = 0;
    for line in lines {
        bytes += line.bytes.len();
        match parts.last_mut() {
            Some(part) if bytes <= most => part.push(line),
            _ => {
                bytes = line.bytes.len();
                parts.push(vec![line]);
            }
        }
    }
    parts
}

/// Two parts of about the same bytes; the line itself when there is one only.
fn halves(mut part: Vec<Line>) -> std::result::Result<(Vec<Line>, Vec<Line>), Line> {
    let second = part.split_off(part.len().div_ceil(2));
    match (part.pop(), second.is_empty()) {
        (Some(only), true) if part.is_empty() => Err(only),
        (last, _) => {
            part.extend(last);
            Ok((part, second))
        }
    }
}

#[cfg(test)]
mod tests {
    use collector_core::id::RecordKey;

    use super::*;

    fn line_of(at: usize, bytes: usize) -> Line {
        Line { at, id: String::new(), bytes: vec![b'x'; bytes] }
    }

    fn places(parts: &[Vec<Line>]) -> Vec<Vec<usize>> {
        parts.iter().map(|part| part.iter().map(|line| line.at).collect()).collect()
    }

    #[test]
    fn parts_keep_the_order_and_the_bound() {
        let lines =
            [40, 40, 40, 500, 10, 90, 1].into_iter().enumerate().map(|(at, bytes)| line_of(at, bytes));
        assert_eq!(places(&split(lines.collect(), 100)), [vec![0, 1], vec![2], vec![3], vec![4, 5], vec![6]]);
        assert!(split(Vec::new(), 100).is_empty());
    }

    #[test]
    fn a_part_is_halved_until_one_line_is_left() {
        let part = (0..5).map(|at| line_of(at, 1)).collect();
        let Ok((first, second)) = halves(part) else { panic!("five lines are no single one") };
        assert_eq!(places(&[first, second]), [vec![0, 1, 2], vec![3, 4]]);
        let Ok((first, second)) = halves(vec![line_of(0, 1), line_of(1, 1)]) else { panic!("nor are two") };
        assert_eq!(places(&[first, second]), [vec![0], vec![1]]);
        assert!(matches!(halves(vec![line_of(7, 1)]), Err(Line { at: 7, .. })));
    }

    #[test]
    fn an_action_carries_key_and_version_and_a_deletion_is_a_document() {
        let bytes = line(&Change::Delete { key: RecordKey(255), version: 9 }).unwrap();
        let lines: Vec<serde_json::Value> = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        let action = json!({ "_id": "00000000000000ff", "version": 9, "version_type": "external_gte" });
        assert_eq!(lines[0]["index"], action);
        assert_eq!((lines.len(), &lines[1]["record"]["gone"]), (2, &json!(true)));
        assert!(line(&Change::Delete { key: RecordKey(1), version: u64::MAX }).is_err());
    }
}
