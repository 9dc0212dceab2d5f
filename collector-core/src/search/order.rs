//! In which order creators are returned, and where a page ends.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::SearchField;
use crate::id::{Digest, RecordKey};

/// Which end comes first. Creators without a value come last either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// The largest, latest first.
    #[default]
    Descending,
    /// The smallest, earliest first.
    Ascending,
}

/// What a query is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// [Relevance](super::Relevance), then followers.
    Relevance,
    /// A field of numbers.
    By(SearchField, Direction),
}

/// A sort as a backend applies it: score, then a column, then the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Whether the score goes first, the highest first.
    pub by_score: bool,
    /// The column that goes next.
    pub field: SearchField,
    /// Its direction.
    pub direction: Direction,
}

impl From<Sort> for Order {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Relevance => {
                Self { by_score: true, field: SearchField::Followers, direction: Direction::Descending }
            }
            Sort::By(field, direction) => Self { by_score: false, field, direction },
        }
    }
}

impl Order {
    /// The place of a creator: places of one order compare as creators are returned.
    pub fn place(self, score: u32, value: Option<i64>, key: RecordKey) -> Place {
        let ordered = match self.direction {
            Direction::Ascending => value.unwrap_or_default(),
            // Unlike the negative, this exists for every number.
            Direction::Descending => !value.unwrap_or_default(),
        };
        let rank = if self.by_score { !score } else { u32::MAX };
        let ordered = if value.is_some() { ordered } else { 0 };
        Place { rank, unknown: value.is_none(), ordered, key }
    }

    /// What a place of this order was made of: the score (zero where it does not count), the value, the key. For a
    /// backend that is told where to go on in its own terms.
    pub fn parts(self, place: Place) -> (u32, Option<i64>, RecordKey) {
        let value = match self.direction {
            Direction::Ascending => place.ordered,
            Direction::Descending => !place.ordered,
        };
        let score = if self.by_score { !place.rank } else { 0 };
        (score, (!place.unknown).then_some(value), place.key)
    }
}

/// Where a creator stands among the results of a query; smaller is earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    rank: u32,
    unknown: bool,
    ordered: i64,
    key: RecordKey,
}

/// Where the next page of a query begins: opaque text for users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    query: u64,
    place: Place,
}

impl Cursor {
    /// The page behind `place` of the query with this digest.
    pub(super) fn new(query: Digest, place: Place) -> Self {
        Self { query: short(query), place }
    }

    /// The place, if it belongs to the query with this digest.
    pub(super) fn place_in(self, query: Digest) -> Option<Place> {
        (self.query == short(query)).then_some(self.place)
    }
}

fn short(digest: Digest) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = digest.0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { rank, unknown, ordered, key } = self.place;
        write!(f, "{:x}-{rank:x}-{}-{:x}-{:x}", self.query, u8::from(unknown), ordered as u64, key.0)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('-').collect();
        let [query, rank, unknown, ordered, key] = parts[..] else { return Err(NO_CURSOR) };
        let number = |text: &str| {
            let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
            u64::from_str_radix(text, 16).ok().filter(|_| is_hex).ok_or(NO_CURSOR)
        };
        let place = Place {
            rank: u32::try_from(number(rank)?).map_err(|_| NO_CURSOR)?,
            unknown: match unknown {
                "0" => false,
                "1" => true,
                _ => return Err(NO_CURSOR),
            },
            ordered: number(ordered)? as i64,
            key: RecordKey(number(key)?),
        };
        Ok(Self { query: number(query)?, place })
    }
}

const NO_CURSOR: &str = "this is no cursor; copy the one a page of results ends with";

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: RecordKey = RecordKey(7);

    #[test]
    fn the_highest_score_then_the_most_followers_then_the_lowest_key_go_first() {
        let order = Order::from(Sort::Relevance);
        let sorted = [
            order.place(9, None, KEY),
            order.place(8, Some(i64::MAX), KEY),
            order.place(8, Some(1), RecordKey(1)),
            order.place(8, Some(1), RecordKey(2)),
            order.place(8, Some(0), KEY),
            order.place(8, Some(i64::MIN), KEY),
            order.place(8, None, KEY),
        ];
        assert!(sorted.is_sorted() && sorted.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn the_unknown_come_last_in_both_directions() {
        for direction in [Direction::Ascending, Direction::Descending] {
            let order = Order::from(Sort::By(SearchField::AvgViews, direction));
            for value in [i64::MIN, -1, 0, i64::MAX] {
                assert!(order.place(1, Some(value), RecordKey(9)) < order.place(99, None, RecordKey(1)));
            }
        }
    }

    #[test]
    fn a_place_gives_back_what_it_was_made_of() {
        for sort in [Sort::Relevance, Sort::By(SearchField::AvgViews, Direction::Ascending)] {
            let order = Order::from(sort);
            for value in [None, Some(i64::MIN), Some(-1), Some(0), Some(i64::MAX)] {
                let score = if order.by_score { 65_537 } else { 0 };
                assert_eq!(order.parts(order.place(score, value, KEY)), (score, value, KEY));
            }
        }
    }

    #[test]
    fn a_cursor_reads_what_it_writes_and_knows_its_query() {
        for value in [None, Some(i64::MIN), Some(0), Some(i64::MAX)] {
            let place = Order::from(Sort::Relevance).place(65_536, value, RecordKey(u64::MAX));
            let cursor = Cursor::new(Digest::of(b"a"), place);
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
            assert_eq!(cursor.place_in(Digest::of(b"a")), Some(place));
            assert_eq!(cursor.place_in(Digest::of(b"b")), None);
        }
        for wrong in ["", "x", "1-2-3-4-5", "1-1-0-1", "1-1-0-1-+1", "1-100000000-0-1-1", "1-1-0-1-1-"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
