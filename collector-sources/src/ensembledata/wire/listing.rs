//! Lists of posts or people, wherever an answer has them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::values::lenient::{Count, Text};

/// More rows than any endpoint returns at once; a longer list is refused before it fills the memory.
pub(in super::super) const MOST_ROWS: usize = 5_000;

/// Rows, each still unread: at `data`, or inside it with the cursors beside them.
#[derive(Debug)]
pub(in super::super) struct Listing<'a> {
    pub(in super::super) rows: Vec<&'a RawValue>,
    pub(in super::super) next_cursor: Count,
    /// The second cursor, where there is one.
    pub(in super::super) next_page_token: Text<'a>,
    /// Where the rows were, for the paths of malformed ones.
    pub(in super::super) place: &'static str,
}

impl Listing<'_> {
    fn empty() -> Self {
        Self { rows: Vec::new(), next_cursor: Count::Missing, next_page_token: Text::Missing, place: "data" }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Listing<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListingVisitor(PhantomData))
    }
}

struct ListingVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for ListingVisitor<'a> {
    type Value = Listing<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, or an object with one")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        let rows = RowsVisitor(PhantomData).visit_seq(seq)?;
        Ok(Listing { rows, ..Listing::empty() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut listing = Listing::empty();
        let (mut empty, mut listed) = (true, false);
        while let Some(key) = map.next_key::<String>()? {
            empty = false;
            match LISTS.iter().find(|(name, _)| *name == key) {
                Some((_, place)) => {
                    listed = true;
                    if let Some(Rows(rows)) = map.next_value()? {
                        (listing.rows, listing.place) = (rows, place);
                    }
                }
                None if key == "nextCursor" => listing.next_cursor = map.next_value()?,
                None if key == "nextPageToken" => listing.next_page_token = map.next_value()?,
                None => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        // `{}` is an answer that has nothing; an object without a list is one nobody here knows.
        if listed || empty { Ok(listing) } else { Err(A::Error::custom("no list")) }
    }
}

/// Where an object may have its list. One table for all endpoints: no object has two of them, and answers were
/// seen with the list of another.
const LISTS: [(&str, &str); 11] = [
    ("data", "data.data"),
    ("posts", "data.posts"),
    ("aweme_list", "data.aweme_list"),
    ("liked_posts", "data.liked_posts"),
    ("users", "data.users"),
    ("user_list", "data.user_list"),
    ("userList", "data.userList"),
    ("followers", "data.followers"),
    ("followings", "data.followings"),
    ("comments", "data.comments"),
    ("lives", "data.lives"),
];

struct Rows<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Rows<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor(PhantomData)).map(Self)
    }
}

struct RowsVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for RowsVisitor<'a> {
    type Value = Vec<&'a RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = seq.next_element()? {
            if rows.len() == MOST_ROWS {
                return Err(A::Error::custom(format_args!("more than {MOST_ROWS} rows in one answer")));
            }
            rows.push(row);
        }
        Ok(rows)
    }
}
