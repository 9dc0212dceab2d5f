//! The people of a page, each once.

use std::collections::HashMap;

use collector_core::creator::{CreatorSighting, PostSeen};

/// The people of a list, each once with all posts, in the order they were first seen.
#[derive(Debug, Default)]
pub(crate) struct Found {
    seen: Vec<CreatorSighting>,
    places: HashMap<Box<str>, usize>,
}

impl Found {
    /// Adds somebody, and a post of theirs. What is not modelled of later rows comes to that of the first.
    pub(crate) fn add(&mut self, author: CreatorSighting, post: Option<PostSeen>) {
        let key = author.uid.as_ref().or(author.sec_uid.as_ref()).or(author.handle.as_ref());
        let place = *self.places.entry(key.cloned().unwrap_or_default()).or_insert(self.seen.len());
        match self.seen.get_mut(place) {
            None => self.seen.push(author),
            Some(known) => {
                for (name, value) in author.extra {
                    known.extra.entry(name).or_insert(value);
                }
            }
        }
        if let (Some(author), Some(post)) = (self.seen.get_mut(place), post)
            && author.posts.iter().all(|known| known.id != post.id)
        {
            author.posts.push(post);
        }
    }

    /// Everybody.
    pub(crate) fn into_sightings(self) -> Vec<CreatorSighting> {
        self.seen
    }
}
