//! The small domain the suite stores: people with a number, a second key and a handle.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::{About, Day, Domain, Lost, Sighting};
use crate::id::{Digest, Id, Ids};

/// What one source said about one person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// The strongest identity, of the kind `t:uid`.
    pub uid: Option<String>,
    /// The second strong identity, of the kind `t:sec`.
    pub sec: Option<String>,
    /// The weak identity, of the kind `t:handle`.
    pub handle: Option<String>,
    /// Which side it shows.
    pub aspect: String,
    /// Some words.
    pub text: String,
    /// A figure.
    pub count: u64,
    /// The figure on other days.
    #[serde(default)]
    pub days: Vec<(i32, i64)>,
}

impl Seen {
    /// A sighting of the aspect `profile` that says `text` about nobody yet.
    pub fn saying(text: impl Into<String>) -> Self {
        Self { aspect: "profile".into(), text: text.into(), ..Self::default() }
    }

    /// With this strongest identity.
    #[must_use]
    pub fn uid(mut self, uid: impl Into<String>) -> Self {
        self.uid = Some(uid.into());
        self
    }

    /// With this second strong identity.
    #[must_use]
    pub fn sec(mut self, sec: impl Into<String>) -> Self {
        self.sec = Some(sec.into());
        self
    }

    /// With this handle.
    #[must_use]
    pub fn handle(mut self, handle: impl Into<String>) -> Self {
        self.handle = Some(handle.into());
        self
    }

    /// Of this aspect.
    #[must_use]
    pub fn aspect(mut self, aspect: impl Into<String>) -> Self {
        self.aspect = aspect.into();
        self
    }

    /// With this figure.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// With the figure of another day.
    #[must_use]
    pub fn on_day(mut self, day: i32, count: i64) -> Self {
        self.days.push((day, count));
        self
    }
}

/// The identity `t:uid` with this value.
pub fn uid(value: &str) -> Id {
    Id::new("t:uid", value)
}

/// The identity `t:sec` with this value.
pub fn sec(value: &str) -> Id {
    Id::new("t:sec", value)
}

/// The identity `t:handle` with this value.
pub fn handle(value: &str) -> Id {
    Id::new("t:handle", value)
}

/// One person, merged from all sightings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Person {
    /// The words of the newest sighting.
    pub text: String,
    /// The figure of the newest sighting.
    pub count: u64,
    /// The newest handle nobody else has shown since.
    pub handle: Option<String>,
    /// Every (source, aspect) that was seen.
    pub seen: BTreeSet<(String, String)>,
    /// When the newest sighting was true; not a change by itself.
    pub as_of: Timestamp,
}

/// The suite's [`Domain`]: [`Seen`] makes [`Person`].
#[derive(Debug, Clone, Copy, Default)]
pub struct TestDomain;

impl Domain for TestDomain {
    type Item = Seen;
    type Entity = Person;

    fn about<'a>(&self, item: &'a Seen) -> About<'a> {
        let strong = item.uid.as_deref().map(uid).into_iter().chain(item.sec.as_deref().map(sec));
        let ids =
            Ids { strong: strong.collect(), weak: item.handle.as_deref().map(handle).into_iter().collect() };
        About { ids, aspect: Cow::Borrowed(&item.aspect), as_of: None }
    }

    fn carry(&self, _older: &Seen, _newer: &mut Seen) -> bool {
        false
    }

    fn merge(&self, latest: &[Sighting<Seen>], lost: &[Lost]) -> Person {
        let mut ordered: Vec<_> = latest.iter().collect();
        // Source and aspect break ties, so that the order of the slice does not matter.
        ordered.sort_by(|a, b| (b.seen_at, &b.source, &b.aspect).cmp(&(a.seen_at, &a.source, &a.aspect)));
        let Some(newest) = ordered.first() else { return Person::default() };
        Person {
            text: newest.item.text.clone(),
            count: newest.item.count,
            handle: ordered.iter().find_map(|sighting| kept_handle(sighting, lost)),
            seen: latest.iter().map(|s| (s.source.to_string(), s.aspect.to_string())).collect(),
            as_of: newest.seen_at,
        }
    }

    fn digest(&self, person: &Person) -> Digest {
        Digest::of_json(&(&person.text, person.count, &person.handle, &person.seen))
    }

    fn measures(&self, person: &Person) -> Option<Vec<Option<i64>>> {
        Some(vec![i64::try_from(person.count).ok()])
    }

    fn history(&self, item: &Seen) -> Vec<Day> {
        item.days.iter().map(|(day, count)| Day { day: *day, figures: vec![Some(*count)] }).collect()
    }
}

/// The handle a sighting shows, unless somebody else has shown it since.
fn kept_handle(sighting: &Sighting<Seen>, lost: &[Lost]) -> Option<String> {
    let shown = sighting.item.handle.as_deref()?;
    let gone = lost.iter().any(|lost| lost.id == handle(shown) && lost.since >= sighting.seen_at);
    (!gone).then(|| shown.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(source: &str, at: i64, item: Seen) -> Sighting<Seen> {
        Sighting {
            source: source.into(),
            aspect: item.aspect.as_str().into(),
            seen_at: Timestamp::from_secs(at),
            item,
        }
    }

    #[test]
    fn the_newest_sighting_speaks_and_a_lost_handle_is_silent() {
        let mut latest = vec![
            sighting("a", 1, Seen::saying("old").handle("x")),
            sighting("b", 2, Seen::saying("new").count(7)),
        ];
        let person = TestDomain.merge(&latest, &[]);
        assert_eq!((person.text.as_str(), person.count, person.handle.as_deref()), ("new", 7, Some("x")));
        latest.reverse();
        assert_eq!(TestDomain.merge(&latest, &[]), person);
        let lost = Lost { id: handle("x"), since: Timestamp::from_secs(3) };
        assert_eq!(TestDomain.merge(&latest, &[lost]).handle, None);
        let before = Lost { id: handle("x"), since: Timestamp::from_secs(0) };
        assert_eq!(TestDomain.merge(&latest, &[before]).handle.as_deref(), Some("x"));
    }

    #[test]
    fn a_later_time_alone_is_no_change() {
        let early = TestDomain.merge(&[sighting("a", 1, Seen::saying("t"))], &[]);
        let late = TestDomain.merge(&[sighting("a", 9, Seen::saying("t"))], &[]);
        assert_ne!(early, late);
        assert_eq!(TestDomain.digest(&early), TestDomain.digest(&late));
        let other = TestDomain.merge(&[sighting("a", 9, Seen::saying("u"))], &[]);
        assert_ne!(TestDomain.digest(&late), TestDomain.digest(&other));
    }
}
