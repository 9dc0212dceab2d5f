//! Of whom a source has said nothing for long.

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::id::RecordKey;
use collector_core::store::Stale;

use super::session::Session;
use super::sides::Sides;
use super::values::{int, signed};

/// Living records whose sighting of a side is old or missing, the oldest first. Sightings are found by their record: an
/// index by time would be written with every answer, and this is asked once a day.
pub(super) async fn stale(
    tx: &Session,
    (source, aspect): (&str, &str),
    before: Timestamp,
    after: Option<(Timestamp, RecordKey)>,
    max: usize,
) -> Result<Vec<Stale>> {
    let side = Sides::load(tx).await?.find(source, aspect);
    // Numbers of sides begin with 0; nobody was ever sighted by one that is not there.
    let side = side.and_then(|side| i64::try_from(side).ok()).unwrap_or(-1);
    let (from, key) = after.map_or((-1, 0), |(seen_at, key)| (seen_at.as_millis(), key.0));
    let query = "SELECT id, seen, ids FROM (SELECT e.id AS id, COALESCE(s.seen_at, 0) AS seen, e.ids AS ids \
                 FROM @entity e LEFT JOIN @sighting s ON s.entity = e.id AND s.side = ? \
                 WHERE e.merged_into IS NULL) k \
                 WHERE seen < ? AND (seen > ? OR (seen = ? AND id > ?)) ORDER BY seen, id LIMIT ?";
    let values =
        vec![signed(side), signed(before.as_millis()), signed(from), signed(from), int(key), int(max as u64)];
    let rows = tx.rows(query, values).await?;
    rows.iter()
        .map(|row| Ok(Stale { key: RecordKey(row.int(0)?), ids: row.json(2)?, seen_at: row.time(1)? }))
        .collect()
}
