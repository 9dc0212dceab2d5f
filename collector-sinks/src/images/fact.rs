//! What the sink reports about a record's picture, and reads back with the next version of the record.

use collector_core::clock::Timestamp;
use collector_core::sink::Facts;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name under which the fact stands in a record.
pub const AVATAR: &str = "avatar";

/// What is known about the picture of a record: the value of the fact [`AVATAR`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PictureFact {
    /// The link, without what belongs to its signature. A picture whose link is known is not fetched again.
    pub link: String,
    /// What became of it.
    #[serde(flatten)]
    pub state: PictureState,
}

/// What became of a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PictureState {
    /// It is kept.
    Kept(KeptPicture),
    /// It could not be kept.
    Missing(MissingPicture),
}

/// A kept picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPicture {
    /// Where it is, below the sink's folder.
    pub key: String,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub hash: String,
    /// Its type, by its bytes.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Its bytes.
    pub bytes: u64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// A picture that could not be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingPicture {
    /// What is wrong with it.
    pub problem: Problem,
    /// The same in words.
    pub why: String,
    /// When it was tried last.
    pub tried: Timestamp,
}

/// Why a picture could not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Problem {
    /// The host says that there is none.
    Gone,
    /// The link had ended or was refused, and so was the newer one that the source gave when it was asked again.
    Ended,
    /// The host failed again and again.
    Unavailable,
    /// What came is no picture, is broken, or is too large.
    Unusable,
    /// The link leads to where nothing may be fetched from.
    Forbidden,
}

impl PictureFact {
    /// The fact of a record; `None` when it has none, or one that this version cannot read.
    pub fn of(facts: &Facts) -> Option<Self> {
        Self::deserialize(facts.get(AVATAR)?).ok()
    }

    /// The kept picture.
    pub fn kept(&self) -> Option<&KeptPicture> {
        match &self.state {
            PictureState::Kept(kept) => Some(kept),
            PictureState::Missing(_) => None,
        }
    }

    pub(super) fn missing(&self) -> Option<&MissingPicture> {
        match &self.state {
            PictureState::Missing(missing) => Some(missing),
            PictureState::Kept(_) => None,
        }
    }

    /// The fact as the sink reports it.
    pub(super) fn report(&self) -> Facts {
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        Facts::from([(AVATAR.to_owned(), value)])
    }

    /// The report of a record that has no picture any more.
    pub(super) fn none() -> Facts {
        Facts::from([(AVATAR.to_owned(), Value::Null)])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fact_is_read_as_it_was_written() {
        let kept = KeptPicture {
            key: "ab/abcd.jpg".into(),
            hash: "abcd".into(),
            media_type: "image/jpeg".into(),
            bytes: 7,
            width: 2,
            height: 3,
        };
        let fact = PictureFact { link: "/a/b".into(), state: PictureState::Kept(kept) };
        let expected = json!({ "link": "/a/b", "key": "ab/abcd.jpg", "hash": "abcd", "type": "image/jpeg",
                               "bytes": 7, "width": 2, "height": 3 });
        assert_eq!(fact.report()[AVATAR], expected);
        assert_eq!(PictureFact::of(&fact.report()), Some(fact));

        let missing =
            MissingPicture { problem: Problem::Gone, why: "x".into(), tried: Timestamp::from_secs(1) };
        let fact = PictureFact { link: "/a/b".into(), state: PictureState::Missing(missing) };
        assert_eq!(fact.report()[AVATAR]["problem"], "gone");
        assert_eq!(PictureFact::of(&fact.report()), Some(fact));
    }

    #[test]
    fn a_foreign_fact_is_none() {
        for value in
            [Value::Null, json!("key"), json!({ "link": 7 }), json!({ "link": "x", "problem": "new" })]
        {
            assert_eq!(PictureFact::of(&Facts::from([(AVATAR.to_owned(), value)])), None);
        }
    }
}
