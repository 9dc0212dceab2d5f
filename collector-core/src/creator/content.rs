//! What counts as a change of a creator.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Creator, Field, FieldValue};
use crate::fingerprint::without_signature;

/// A creator without what says nothing new: times of sightings, the avatar's signature, and which of several
/// sources that agree was believed. Who knows the creator at all does count.
pub(super) struct Content<'a>(pub(super) &'a Creator);

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let creator = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("platform", &creator.platform)?;
        for &field in Field::ALL {
            match (field, field.value_in(creator)) {
                (_, None) => {}
                (Field::Avatar, Some(FieldValue::Text(link))) => {
                    map.serialize_entry(field.name(), &without_signature(link))?
                }
                (_, Some(value)) => map.serialize_entry(field.name(), &value)?,
            }
        }
        map.serialize_entry(Field::Posts.name(), &creator.posts)?;
        map.serialize_entry(Field::Extra.name(), &Values(creator))?;
        map.serialize_entry("sources", &sources(creator))?;
        map.end()
    }
}

/// The values of `extra` without their sources.
struct Values<'a>(&'a Creator);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.extra.iter().map(|(name, extra)| (name, &extra.value)))
    }
}

/// The names of the sources, each once, whatever their order.
fn sources(creator: &Creator) -> Vec<&str> {
    let mut names: Vec<&str> = creator.sources.iter().map(|source| &*source.source).collect();
    names.sort_unstable();
    names.dedup();
    names
}
