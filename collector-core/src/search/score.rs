//! What a match is worth.

use serde::{Serialize, Serializer};

/// Where a term is found, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It is the handle.
    Handle,
    /// The handle begins with it.
    HandlePrefix,
    /// In the display name, or among the words of present and former handles.
    Name,
    /// In the biography.
    Bio,
    /// In a hashtag.
    Hashtag,
}

impl Class {
    /// Every class, the best first.
    pub const ALL: [Self; 5] = [Self::Handle, Self::HandlePrefix, Self::Name, Self::Bio, Self::Hashtag];

    /// What a term counts that is found there: a power of 16, so that no number of terms (there are at most
    /// 15) in a lesser place outweighs one in a better place, and sums are exact also in 32-bit floating
    /// point, which search engines use.
    pub const fn weight(self) -> u32 {
        1 << (4 * (Self::ALL.len() - 1 - self as usize))
    }
}

/// The most terms a query can be ranked by: one less than the base of the weights.
pub(super) const MAX_TERMS: usize = 15;

/// The sum over a query's terms of the best class each is found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Relevance(pub u32);

impl Relevance {
    /// Whether nothing was ranked.
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// The terms whose best place is this class.
    pub const fn terms_in(self, class: Class) -> u32 {
        (self.0 / class.weight()) % 16
    }
}

impl Serialize for Relevance {
    /// As terms by class: `{"name": 1, "bio": 2}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let terms = Class::ALL.iter().map(|class| (class, self.terms_in(*class)));
        serializer.collect_map(terms.filter(|(_, terms)| *terms > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_place_outweighs_all_terms_in_lesser_ones() {
        for pair in Class::ALL.windows(2) {
            assert!(pair[0].weight() > pair[1].weight() * MAX_TERMS as u32, "{pair:?}");
        }
        let most = Class::Handle.weight() * MAX_TERMS as u32;
        assert_eq!(most as f32 as u32, most);
        assert_eq!((most as f32 + 1.0) as u32, most + 1);
    }

    #[test]
    fn the_classes_can_be_read_back() {
        let sum = Class::Name.weight() * 15 + Class::Hashtag.weight() * 2;
        let json = serde_json::to_string(&Relevance(sum)).unwrap();
        assert_eq!(json, r#"{"name":15,"hashtag":2}"#);
    }
}
