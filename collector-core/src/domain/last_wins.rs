//! The simplest domain: an item has a key, and the latest one wins.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{About, Domain, Lost, Sighting};
use crate::id::{Digest, Id, Ids};

/// An item that knows its own key.
pub trait Keyed {
    /// The key: the same thing always has the same one.
    fn key(&self) -> Cow<'_, str>;
}

/// A [`Domain`] in which the entity is the latest item.
pub struct LastWins<T> {
    /// The kind of every key, made once.
    kind: Arc<str>,
    item: PhantomData<fn() -> T>,
}

impl<T> LastWins<T> {
    /// The domain of `T`.
    pub fn new() -> Self {
        Self { kind: Arc::from("key"), item: PhantomData }
    }
}

impl<T> Default for LastWins<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> std::fmt::Debug for LastWins<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LastWins")
    }
}

impl<T> Domain for LastWins<T>
where
    T: Keyed + Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Item = T;
    /// `None` only for a thing nobody has seen, which no store keeps.
    type Entity = Option<T>;

    fn about<'a>(&self, item: &'a T) -> About<'a> {
        let key = Id::new(Arc::clone(&self.kind), item.key().as_ref());
        About { ids: Ids { strong: vec![key], weak: Vec::new() }, aspect: Cow::Borrowed(""), as_of: None }
    }

    fn carry(&self, _older: &T, _newer: &mut T) -> bool {
        false
    }

    fn merge(&self, latest: &[Sighting<T>], _lost: &[Lost]) -> Option<T> {
        // The source's name breaks ties, so that the order of the slice does not matter.
        latest
            .iter()
            .max_by(|a, b| (a.seen_at, &a.source).cmp(&(b.seen_at, &b.source)))
            .map(|latest| latest.item.clone())
    }

    fn digest(&self, entity: &Option<T>) -> Digest {
        Digest::of_json(entity)
    }

    fn measures(&self, _entity: &Option<T>) -> Option<Vec<Option<i64>>> {
        None
    }
}
