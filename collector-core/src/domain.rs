//! What is collected: how sightings become one entity.

mod last_wins;

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

pub use last_wins::{Keyed, LastWins};

use crate::clock::Timestamp;
use crate::id::{Digest, Id, Ids, Name};
use crate::sink::Facts;

/// What an item tells about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct About<'a> {
    /// Who it is about.
    pub ids: Ids,
    /// Which side of the thing it shows: a profile, a post's author, a list row. The latest of each counts.
    pub aspect: Cow<'a, str>,
    /// When it was true, if the item says so; else the answer's time counts.
    pub as_of: Option<Timestamp>,
}

/// What one source said about one thing at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting<I> {
    /// Who said it.
    pub source: Name,
    /// Which side it shows.
    pub aspect: Name,
    /// When it was true.
    pub seen_at: Timestamp,
    /// What was said.
    pub item: I,
}

/// A weak identity that is not shown any more: somebody else has shown it since, or it was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Lost {
    /// The identity.
    pub id: Id,
    /// The last moment at which it may have been theirs: from then on it is not.
    pub since: Timestamp,
}

/// The figures of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Day {
    /// Days since 1970-01-01 in UTC, as [`Timestamp::day`] counts them.
    pub day: i32,
    /// The figures, in the order of [`Domain::measures`]; `None` for one that is not known.
    pub figures: Vec<Option<i64>>,
}

/// What is collected. `Creators` is ours; [`LastWins`] serves the rest.
///
/// # Contract
/// 1. All methods are pure.
/// 2. `merge` does not depend on the order of `latest`; `merge_owned` makes the same of the same.
/// 3. `digest` leaves out times and what changes from call to call (signatures in links); two entities with one
///    digest are not worth a write.
/// 4. An item and an entity read back from JSON are what was written.
pub trait Domain: Send + Sync + 'static {
    /// What sources yield.
    type Item: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// The merged view.
    type Entity: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Who an item is about, which side it shows, and when.
    fn about<'a>(&self, item: &'a Self::Item) -> About<'a>;

    /// What an older item of the same (source, aspect) still adds to a newer one, which replaces it: parts that add up,
    /// such as posts seen. Tells whether it added anything. Nothing may depend on the order of several calls.
    fn carry(&self, older: &Self::Item, newer: &mut Self::Item) -> bool;

    /// What an older item of the same (source, aspect), read again from its answer, mends in what was
    /// [carried](Self::carry) from it: parts that were understood less well the first time. Tells whether it mended
    /// anything.
    fn mend(&self, _again: &Self::Item, _newer: &mut Self::Item) -> bool {
        false
    }

    /// The entity that these sightings make: the latest of each (source, aspect), and the weak identities that
    /// they do not show any more.
    fn merge(&self, latest: &[Sighting<Self::Item>], lost: &[Lost]) -> Self::Entity;

    /// [`merge`](Self::merge) of sightings that nobody needs any more: what it moves it need not copy.
    fn merge_owned(&self, latest: Vec<Sighting<Self::Item>>, lost: &[Lost]) -> Self::Entity {
        self.merge(&latest, lost)
    }

    /// What counts as a change of the entity.
    fn digest(&self, entity: &Self::Entity) -> Digest;

    /// The day's figures worth keeping as history, in a fixed order; `None` keeps none.
    fn measures(&self, entity: &Self::Entity) -> Option<Vec<Option<i64>>>;

    /// What a thing's [history](Self::history) tells, as facts of its record: how it grew. The oldest day comes first.
    /// By default nothing.
    fn trend(&self, _history: &[Day]) -> Facts {
        Facts::new()
    }

    /// The names of the fields that [`filled`](Self::filled) speaks of; at most 64. By default none.
    fn fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// Which of the [`fields`](Self::fields) an item knows: the first one is the lowest bit. A field that stops being
    /// known is how a format that has changed shows.
    fn filled(&self, _item: &Self::Item) -> u64 {
        0
    }

    /// Figures of days gone by that an item brings along, in the order of [`measures`](Self::measures). Most bring none.
    fn history(&self, _item: &Self::Item) -> Vec<Day> {
        Vec::new()
    }
}
