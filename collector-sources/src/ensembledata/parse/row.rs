//! One row of a list, whatever it is a list of, and the people of all rows together.

use std::borrow::Cow;

use collector_core::creator::{CreatorSighting, PostSeen, aspect};
use collector_core::task::Malformed;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::kind::{Kind, Rows};
use super::super::wire::{Lenient, LiveData, LiveRow, Part, PersonRow, Slot, Stats, Text, User};
use super::{Fields, post};
use crate::mobile::person;

/// A row that was understood.
pub(super) struct Row {
    pub(super) author: CreatorSighting,
    /// What they posted; rows of people have none.
    pub(super) post: Option<PostSeen>,
}

/// Reads a row; `None` for one that shows something else on purpose. Single values that cannot be used are noted in
/// `malformed`; the rest of the row goes on.
///
/// # Errors
/// Which part of the row makes it unusable: no post id, no author, no identity.
pub(super) fn read(
    kind: Kind,
    raw: &RawValue,
    place: &str,
    keep_email: bool,
    malformed: &mut Vec<Malformed>,
) -> Result<Option<Row>, Malformed> {
    let reader = RowReader { place, keep_email };
    match kind.rows() {
        Rows::Posts => post::read(&reader, raw, aspect::POST_AUTHOR, malformed),
        Rows::OwnPosts => post::read(&reader, raw, aspect::OWN_POSTS, malformed),
        Rows::People => reader.person(raw, aspect::LIST_ROW, malformed),
        Rows::Comments => reader.person(raw, aspect::COMMENT_WRITER, malformed),
        Rows::Lives => reader.live(raw, malformed),
    }
}

/// What reading a row depends on besides the row.
pub(super) struct RowReader<'a> {
    /// Its path in the answer.
    pub(super) place: &'a str,
    pub(super) keep_email: bool,
}

impl RowReader<'_> {
    /// A fault of the row as a whole; `part` is the rest of the path.
    pub(super) fn broken(&self, part: &str, reason: &str) -> Malformed {
        Malformed { part: format!("{}{part}", self.place), reason: reason.to_owned() }
    }

    /// The person of a row.
    ///
    /// # Errors
    /// When nothing in it says who it is.
    pub(super) fn sighting(
        &self,
        user: &User<'_>,
        stats: Option<&Stats>,
        part: &str,
        aspect: &'static str,
        malformed: &mut Vec<Malformed>,
    ) -> Result<CreatorSighting, Malformed> {
        let known = malformed.len();
        let place = format!("{}{part}", self.place);
        let seen =
            person::sighting(user, stats, aspect, self.keep_email, &mut Fields { place: &place, malformed });
        if seen.uid.is_none() && seen.sec_uid.is_none() && seen.handle.is_none() {
            // The row is told once, as a whole.
            malformed.truncate(known);
            return Err(self.broken(part, "no identity: uid, sec_uid or unique_id"));
        }
        Ok(seen)
    }

    fn person(
        &self,
        raw: &RawValue,
        aspect: &'static str,
        malformed: &mut Vec<Malformed>,
    ) -> Result<Option<Row>, Malformed> {
        let row: PersonRow<'_> = decode(raw).map_err(|reason| self.broken("", reason))?;
        let (user, part) = match (row.user_info, row.user) {
            (Slot::Value(Part::Value(user)), _) => (user, ".user_info"),
            (_, Slot::Value(Part::Value(user))) => (user, ".user"),
            (Slot::Missing, Slot::Missing) => (decode(raw).map_err(|reason| self.broken("", reason))?, ""),
            (Slot::Missing, _) => return Err(self.broken(".user", "missing, or not an object")),
            _ => return Err(self.broken(".user_info", "missing, or not an object")),
        };
        if user.user_canceled.is_set() {
            return Ok(None);
        }
        let author = self.sighting(&user, None, part, aspect, malformed)?;
        Ok(Some(Row { author, post: None }))
    }

    fn live(&self, raw: &RawValue, malformed: &mut Vec<Malformed>) -> Result<Option<Row>, Malformed> {
        let row: LiveRow<'_> = decode(raw).map_err(|reason| self.broken("", reason))?;
        let Part::Value(live) = row.lives else {
            return Err(self.broken(".lives", "missing, or not an object"));
        };
        let Part::Value(mut user) = live.author else {
            return Err(self.broken(".lives.author", "missing, or not an object"));
        };
        match live.rawdata.value().map(|text| serde_json::from_str::<Part<LiveData<'_>>>(text)) {
            Some(Ok(Part::Value(data))) => complete(&mut user, data),
            Some(_) => malformed.push(self.broken(".lives.rawdata", "not a document inside a text")),
            None => {}
        }
        let author = self.sighting(&user, None, ".lives.author", aspect::LIVE_HOST, malformed)?;
        Ok(Some(Row { author, post: None }))
    }
}

/// Adds what only the document inside the row tells.
fn complete(user: &mut User<'_>, data: LiveData<'_>) {
    let Part::Value(owner) = data.owner else { return };
    if let (Lenient::Missing, Lenient::Value(bio)) = (&user.signature, owner.bio_description) {
        user.signature = Text::Value(Cow::Owned(bio.into_owned()));
    }
    if let Part::Value(counters) = owner.follow_info {
        user.follower_count = counters.follower_count;
        user.following_count = counters.following_count;
    }
}

/// Decodes a row that must be an object.
pub(super) fn decode<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, &'static str> {
    match serde_json::from_str(raw.get()) {
        Ok(Part::Value(value)) => Ok(value),
        Ok(Part::Missing | Part::Odd(_)) => Err("expected an object, found none"),
        Err(error) if error.is_data() => Err("a key comes twice"),
        Err(_) => Err("text that cannot be decoded, or nested too deep"),
    }
}
