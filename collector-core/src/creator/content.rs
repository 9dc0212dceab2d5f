//! What counts as a change of a creator.

use super::{Creator, Field, FieldValue};
use crate::fingerprint::without_signature;
use crate::id::{Digest, Parts};

/// The digest of a creator without what says nothing new: times of sightings, the avatar's signature, and which of
/// several sources that agree was believed. Who knows the creator at all does count.
pub(super) fn digest(creator: &Creator) -> Digest {
    let mut parts = Parts::new();
    parts.push(creator.platform.as_bytes());
    for &field in Field::ALL {
        let Some(value) = field.value_in(creator) else { continue };
        // By name: a field that is added to the table later changes nobody's digest.
        parts.push(field.name().as_bytes());
        match value {
            FieldValue::Text(link) if field == Field::Avatar => {
                parts.push(without_signature(link).as_bytes())
            }
            FieldValue::Text(text) => parts.push(text.as_bytes()),
            FieldValue::List(texts) => {
                parts.number(texts.len() as u64);
                texts.iter().for_each(|text| parts.push(text.as_bytes()));
            }
            FieldValue::Flag(flag) => parts.number(flag.into()),
            FieldValue::Number(number) => parts.number(number),
            FieldValue::Time(time) => parts.number(time.as_millis().cast_unsigned()),
        }
    }
    parts.number(creator.posts.is_some().into());
    if let Some(posts) = &creator.posts {
        parts.json(Field::Posts.name(), posts);
    }
    parts.number(creator.extra.len() as u64);
    for (name, extra) in &creator.extra {
        parts.json(name, &extra.value);
    }
    for source in sources(creator) {
        parts.push(source.as_bytes());
    }
    parts.digest()
}

/// The names of the sources, each once, whatever their order.
fn sources(creator: &Creator) -> Vec<&str> {
    let mut names: Vec<&str> = creator.sources.iter().map(|source| &*source.source).collect();
    names.sort_unstable();
    names.dedup();
    names
}
