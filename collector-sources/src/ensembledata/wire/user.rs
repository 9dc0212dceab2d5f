//! Where answers have people.

use serde::Deserialize;

use super::Slot;
use crate::mobile::{Stats, User};
use crate::values::lenient::Part;

/// The data of a profile answer. When `user` is missing, the data may be the user itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Profile<'a> {
    #[serde(borrow)]
    pub(in super::super) user: Slot<Part<User<'a>>>,
    pub(in super::super) stats: Part<Stats>,
}

/// A row of a list of people: the person, or an object with the person in it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct PersonRow<'a> {
    /// Of a search.
    #[serde(borrow)]
    pub(in super::super) user_info: Slot<Part<User<'a>>>,
    /// Of a list of comments.
    pub(in super::super) user: Slot<Part<User<'a>>>,
}
