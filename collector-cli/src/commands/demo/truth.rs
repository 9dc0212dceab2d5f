//! Compares what was collected with what is true.

use std::collections::HashSet;

use collector_core::creator::{Creator, id_kind};
use collector_core::id::Id;
use collector_sinks::images::{ImagesSink, KeptPicture, PictureFact};
use serde_json::Value;

use super::vendor::Vendor;
use crate::compose::AnyStore;
use crate::failure::Result;

/// Truths that are asked for at once.
const PAGE: u64 = 1_000;

/// Creators that are compared one by one; a demo that is larger is compared by number beyond them.
const MOST_CHECKED: u64 = 50_000;

/// How well a collection matches the truth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Score {
    /// Creators in the store.
    pub(super) creators: u64,
    /// Compared one by one.
    pub(super) checked: u64,
    /// True and not in the store.
    pub(super) missing: u64,
    /// Found in a list, and not looked up yet: the followers are not known.
    pub(super) incomplete: u64,
    /// In the store with another handle or another number of followers.
    pub(super) wrong: u64,
    /// In the store and not true: somebody who is there twice.
    pub(super) duplicates: u64,
    /// Pictures that the compared creators truly have, each counted once.
    pub(super) pictures_expected: u64,
    /// Of the compared creators: pictures that are kept and whole, each counted once.
    pub(super) pictures_stored: u64,
    /// Creators without their picture.
    pub(super) pictures_missing: u64,
    /// The handle of somebody who is there.
    pub(super) example: Option<String>,
}

/// The pictures of those compared so far.
#[derive(Debug, Default)]
struct Pictures {
    /// What the vendor calls them.
    expected: HashSet<String>,
    /// What they are kept as.
    stored: HashSet<String>,
}

impl Score {
    /// Compares a store with the vendor's truth.
    pub(super) async fn of(store: &AnyStore, images: &ImagesSink, vendor: &Vendor) -> Result<Self> {
        let mut score = Self { creators: store.counts().await?.entities, ..Self::default() };
        let mut pictures = Pictures::default();
        while score.checked < MOST_CHECKED {
            let page = vendor.lines(&format!("/truth?from={}&limit={PAGE}", score.checked)).await?;
            for truth in &page {
                let uid = truth.get("uid").and_then(Value::as_str).unwrap_or_default();
                let known = store.find(&Id::new(id_kind::TIKTOK_UID, uid)).await?;
                score.count(truth, known.as_ref().map(|known| &*known.record.entity));
                let kept = known.and_then(|known| PictureFact::of(&known.record.facts)?.kept().cloned());
                let whole = match kept {
                    Some(kept) => is_whole(&kept, images.size(&kept.key).await?).then_some(kept),
                    None => None,
                };
                score.count_picture(truth, whole, &mut pictures);
            }
            if (page.len() as u64) < PAGE {
                break;
            }
        }
        // Beyond what was compared one by one nobody knows who is who.
        if score.checked < MOST_CHECKED {
            score.duplicates = score.creators.saturating_sub(score.checked - score.missing);
        }
        score.pictures_expected = pictures.expected.len() as u64;
        score.pictures_stored = pictures.stored.len() as u64;
        Ok(score)
    }

    fn count_picture(&mut self, truth: &Value, kept: Option<KeptPicture>, pictures: &mut Pictures) {
        let Some(name) = truth.get("avatar_uri").and_then(Value::as_str) else { return };
        pictures.expected.insert(name.to_owned());
        match kept {
            Some(kept) => drop(pictures.stored.insert(kept.hash)),
            None => self.pictures_missing += 1,
        }
    }

    fn count(&mut self, truth: &Value, found: Option<&Creator>) {
        self.checked += 1;
        let Some(creator) = found else {
            self.missing += 1;
            return;
        };
        let same_handle = creator.handle.as_deref() == truth.get("handle").and_then(Value::as_str);
        let same_followers = creator.followers == truth.get("followers").and_then(Value::as_u64);
        if creator.followers.is_none() {
            self.incomplete += 1;
        } else if !(same_handle && same_followers) {
            self.wrong += 1;
        }
        if self.example.is_none() {
            self.example = creator.handle.as_deref().map(str::to_owned);
        }
    }
}

/// Whether a picture is where the record says, with as many bytes.
fn is_whole(kept: &KeptPicture, size: Option<u64>) -> bool {
    size == Some(kept.bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_and_wrong_are_told_apart() {
        let mut score = Score::default();
        let creator = Creator { handle: Some("jo".into()), followers: Some(7), ..Creator::default() };
        score.count(&json!({ "handle": "jo", "followers": 7 }), Some(&creator));
        score.count(&json!({ "handle": "jo", "followers": 8 }), Some(&creator));
        score.count(&json!({ "handle": "al", "followers": 7 }), Some(&creator));
        score.count(&json!({ "handle": "jo", "followers": 7 }), None);
        let listed = Creator { handle: Some("jo".into()), ..Creator::default() };
        score.count(&json!({ "handle": "jo", "followers": 7 }), Some(&listed));
        assert_eq!((score.checked, score.missing, score.incomplete, score.wrong), (5, 1, 1, 2));
        assert_eq!(score.example.as_deref(), Some("jo"));
    }

    #[test]
    fn pictures_count_once_and_only_when_they_are_whole() {
        let kept = |hash: &str| KeptPicture {
            key: format!("{hash}.jpg"),
            hash: hash.into(),
            media_type: "image/jpeg".into(),
            bytes: 3,
            width: 1,
            height: 1,
        };
        let (mut score, mut pictures) = (Score::default(), Pictures::default());
        let truth = |uri: &str| json!({ "avatar_uri": uri });
        score.count_picture(&truth("x"), Some(kept("a")), &mut pictures);
        score.count_picture(&truth("x"), Some(kept("a")), &mut pictures);
        score.count_picture(&truth("y"), None, &mut pictures);
        let counts = (pictures.expected.len(), pictures.stored.len(), score.pictures_missing);
        assert_eq!(counts, (2, 1, 1));

        assert!(!is_whole(&kept("a"), None));
        assert!(!is_whole(&kept("a"), Some(2)), "cut");
        assert!(is_whole(&kept("a"), Some(3)));
    }
}
