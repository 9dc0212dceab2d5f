//! Creators as rows.

use collector_core::creator::{Creator, Creators, Field, FieldValue, canonical_handle, id_kind};
use collector_core::id::Ids;
use collector_core::sheet::Cell;
use collector_core::store::Known;
use serde::Serialize;

/// Whether the pool has who was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Yes.
    Known,
    /// Yes, under another handle than the one asked for.
    Renamed,
    /// Nobody has collected them yet, or no source knows them.
    NotCollected,
    /// The row names nobody.
    NotRecognised,
}

impl Status {
    /// Of a creator that was asked for by these identities.
    pub fn of(found: Option<&Creator>, asked: &Ids) -> Self {
        let Some(creator) = found else { return Self::NotCollected };
        let same =
            |handle: &str| creator.handle.as_deref().is_some_and(|now| *canonical_handle(now) == *handle);
        match asked.get(id_kind::TIKTOK_HANDLE) {
            Some(handle) if !same(handle) => Self::Renamed,
            _ => Self::Known,
        }
    }

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Renamed => "renamed",
            Self::NotCollected => "not collected",
            Self::NotRecognised => "not recognised",
        }
    }
}

/// The columns over the latest posts.
const POSTS: [&str; 9] = [
    "posts_seen",
    "avg_views",
    "median_views",
    "avg_likes",
    "avg_comments",
    "avg_shares",
    "engagement_rate",
    "hashtags",
    "last_post_at",
];

/// How followers grew, as facts of the record.
const GROWTH: [&str; 3] = ["growth_7d", "growth_30d", "growth_90d"];

/// The fields that are one cell each, what people look for first in front.
fn fields() -> impl Iterator<Item = Field> {
    const FIRST: [Field; 7] = [
        Field::Handle,
        Field::Name,
        Field::Followers,
        Field::Country,
        Field::Language,
        Field::Likes,
        Field::Videos,
    ];
    let made = |field: &Field| matches!(field, Field::Posts | Field::Extra);
    let rest = Field::ALL.iter().copied().filter(move |field| !made(field) && !FIRST.contains(field));
    FIRST.into_iter().chain(rest)
}

/// The columns' names: `status`, `as_of`, the fields of the [table](Field), figures over posts, growth, `link`.
pub fn columns() -> Vec<&'static str> {
    let mut names = vec!["status", "as_of", "link"];
    names.extend(fields().map(Field::name));
    names.extend(POSTS);
    names.extend(GROWTH);
    names
}

/// A creator's cells, in the order of [`columns`]; without a creator only the status is there.
pub fn cells(status: Status, known: Option<&Known<Creators>>) -> Vec<Cell> {
    let mut cells = vec![Cell::text(status.as_str())];
    let Some(known) = known else {
        cells.resize(columns().len(), Cell::Empty);
        return cells;
    };
    let creator: &Creator = &known.record.entity;
    let as_of = creator.sources.iter().map(|source| source.as_of).max();
    cells.push(as_of.map_or(Cell::Empty, Cell::from));
    cells.push(link(creator));
    cells.extend(fields().map(|field| field.value_in(creator).map_or(Cell::Empty, cell)));
    cells.extend(posts(creator));
    let growth = |name: &&str| known.record.facts.get(*name).and_then(serde_json::Value::as_f64);
    cells.extend(GROWTH.iter().map(|name| growth(name).map_or(Cell::Empty, Cell::Number)));
    cells
}

fn link(creator: &Creator) -> Cell {
    match creator.handle.as_deref() {
        Some(handle) if &*creator.platform == "tiktok" => {
            Cell::text(format!("https://www.tiktok.com/@{handle}"))
        }
        _ => Cell::Empty,
    }
}

fn cell(value: FieldValue<'_>) -> Cell {
    match value {
        // Numbers of accounts are text: as numbers a spreadsheet would round them.
        FieldValue::Text(text) => Cell::text(text),
        FieldValue::List(texts) => Cell::text(texts.join(", ")),
        FieldValue::Flag(flag) => Cell::Flag(flag),
        FieldValue::Number(number) => whole(number),
        FieldValue::Time(at) => Cell::from(at),
    }
}

fn whole(number: u64) -> Cell {
    i64::try_from(number).map_or_else(|_| Cell::text(number.to_string()), Cell::Whole)
}

fn posts(creator: &Creator) -> [Cell; POSTS.len()] {
    let Some(posts) = &creator.posts else { return Default::default() };
    let count = |number: Option<u64>| number.map_or(Cell::Empty, whole);
    [
        Cell::Whole(i64::from(posts.seen)),
        count(posts.avg_views),
        count(posts.median_views),
        count(posts.avg_likes),
        count(posts.avg_comments),
        count(posts.avg_shares),
        posts.engagement_rate.map_or(Cell::Empty, Cell::Number),
        Cell::text(posts.hashtags.join(", ")),
        posts.last_post_at.map_or(Cell::Empty, Cell::from),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use collector_core::clock::Timestamp;
    use collector_core::creator::SourceAsOf;
    use collector_core::id::{Id, RecordKey};
    use collector_core::sink::{Facts, Record};

    use super::*;

    fn known(creator: Creator) -> Known<Creators> {
        let record = Record { key: RecordKey(1), version: 1, entity: Arc::new(creator), facts: Facts::new() };
        Known { record, ids: Ids::none(), lost: vec![], sightings: vec![] }
    }

    fn mina() -> Creator {
        let at = |secs| SourceAsOf {
            source: "s".into(),
            aspect: "profile".into(),
            as_of: Timestamp::from_secs(secs),
        };
        Creator {
            platform: "tiktok".into(),
            handle: Some("Mina.K".into()),
            uid: Some("7012345678901234567".into()),
            followers: Some(12_345),
            verified: Some(false),
            categories: vec!["a".into(), "b".into()],
            sources: vec![at(86_400), at(2 * 86_400)],
            ..Creator::default()
        }
    }

    #[test]
    fn a_creator_has_a_cell_for_every_column() {
        let known = known(mina());
        let cells = cells(Status::Known, Some(&known));
        let cell = |name: &str| &cells[columns().iter().position(|column| *column == name).unwrap()];
        assert_eq!(cells.len(), columns().len());
        assert_eq!(cell("status"), &Cell::Text("known".into()));
        assert_eq!(cell("as_of").shown(), "1970-01-03");
        assert_eq!(cell("link"), &Cell::Text("https://www.tiktok.com/@Mina.K".into()));
        assert_eq!(cell("uid"), &Cell::Text("7012345678901234567".into()), "text, or it would be rounded");
        assert_eq!((cell("followers"), cell("verified")), (&Cell::Whole(12_345), &Cell::Flag(false)));
        assert_eq!((cell("categories"), cell("avg_views")), (&Cell::Text("a, b".into()), &Cell::Empty));
        assert_eq!(super::cells(Status::NotCollected, None).len(), columns().len());
    }

    #[test]
    fn every_field_but_those_of_several_values_is_a_column() {
        let columns = columns();
        for field in Field::ALL.iter().filter(|field| !matches!(field, Field::Posts | Field::Extra)) {
            assert_eq!(columns.iter().filter(|name| **name == field.name()).count(), 1, "{field}");
        }
    }

    #[test]
    fn who_was_asked_for_under_an_old_handle_is_renamed() {
        let asked =
            |handle: &str| Ids { strong: vec![], weak: vec![Id::new(id_kind::TIKTOK_HANDLE, handle)] };
        assert_eq!(Status::of(Some(&mina()), &asked("mina.k")), Status::Known);
        assert_eq!(Status::of(Some(&mina()), &asked("before")), Status::Renamed);
        assert_eq!(Status::of(Some(&mina()), &Ids::none()), Status::Known);
        assert_eq!(Status::of(None, &asked("mina.k")), Status::NotCollected);
    }
}
