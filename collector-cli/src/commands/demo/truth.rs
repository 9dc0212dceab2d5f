//! Compares what was collected with what is true.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use collector_core::creator::Creator;
use collector_sinks::images::{ImagesSink, KeptPicture, PictureFact};

use super::people::{People, Person};
use crate::compose::AnyStore;
use crate::failure::Result;

/// Records read at once.
const PAGE: usize = 500;

/// What stands where an e-mail address was.
const MASK: &str = "[e-mail]";

/// The host of every address in a biography.
const MAIL_HOST: &str = "@example.com";

/// How well a collection matches the truth.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Score {
    /// Creators in the store.
    pub(super) creators: u64,
    /// Compared one by one.
    pub(super) checked: u64,
    /// True and not in the store.
    pub(super) missing: u64,
    /// Without a number of followers, although a vendor tells it.
    pub(super) incomplete: u64,
    /// With another handle or number of followers, although a vendor tells the true one and the handle never changed hands.
    pub(super) wrong: u64,
    /// Records beyond the first of one creator.
    pub(super) duplicates: u64,
    /// Records that nobody could have joined: of creators who are shown under two handles, and once without ids.
    pub(super) duplicates_excused: u64,
    /// Records in which one creator's number stands beside another's picture.
    pub(super) mixed: u64,
    /// Creators whose present handle or number of followers no vendor tells.
    pub(super) untold: u64,
    /// Creators whose first handle somebody else has now. Who loses a handle is asked for once more.
    pub(super) handed_over: u64,
    /// Fields compared: all that a vendor tells who knows the creator.
    pub(super) fields: u64,
    /// Of those, what is not as it is true, by field.
    pub(super) wrong_fields: BTreeMap<&'static str, u64>,
    /// Pictures that the compared creators truly have, each counted once.
    pub(super) pictures_expected: u64,
    /// Of the compared creators: pictures that are kept and whole, each counted once.
    pub(super) pictures_stored: u64,
    /// Creators without their picture.
    pub(super) pictures_missing: u64,
    /// The handle of somebody who is there.
    pub(super) example: Option<String>,
}

/// Finds whose a record is.
struct Index<'a> {
    uids: HashMap<&'a str, usize>,
    sec_uids: HashMap<&'a str, usize>,
    pictures: HashMap<&'a str, Option<usize>>,
    handles: HashMap<&'a str, usize>,
}

impl<'a> Index<'a> {
    fn new(people: &'a [Person]) -> Self {
        let mut pictures: HashMap<&str, Option<usize>> = HashMap::new();
        for (at, person) in people.iter().enumerate() {
            // A picture that two have tells neither.
            pictures.entry(&person.avatar_uri).and_modify(|whose| *whose = None).or_insert(Some(at));
        }
        let by =
            |key: fn(&'a Person) -> &'a str| people.iter().enumerate().map(move |(at, one)| (key(one), at));
        let mut handles: HashMap<&str, usize> = by(|one| &one.handle).collect();
        // Lists show the first handle, so whoever had it is meant by a record without anything else.
        handles.extend(by(|one| &one.first_handle));
        Self {
            uids: by(|one| &one.uid).collect(),
            sec_uids: by(|one| &one.sec_uid).collect(),
            pictures,
            handles,
        }
    }

    fn by_number(&self, record: &Creator) -> Option<usize> {
        let uid = record.uid.as_deref().and_then(|uid| self.uids.get(uid));
        uid.or_else(|| self.sec_uids.get(record.sec_uid.as_deref()?)).copied()
    }

    fn by_picture(&self, record: &Creator) -> Option<usize> {
        let shown = record.extra.get("avatar_uri")?.value.as_str()?;
        self.pictures.get(shown).copied().flatten()
    }

    fn whose(&self, record: &Creator) -> Option<usize> {
        let by_handle = || self.handles.get(record.handle.as_deref()?).copied();
        self.by_number(record).or_else(|| self.by_picture(record)).or_else(by_handle)
    }
}

impl Score {
    /// Compares a store with the truth.
    pub(super) async fn of(store: &AnyStore, images: &ImagesSink, people: &People) -> Result<Self> {
        let all = &people.all;
        let index = Index::new(all);
        let mut score = Self { creators: store.counts().await?.entities, ..Self::default() };
        // Of each creator the records, and the pictures that are kept whole.
        let mut found: Vec<Vec<(Creator, Option<KeptPicture>)>> = vec![Vec::new(); all.len()];
        let mut after = None;
        loop {
            let keys = store.keys(after, PAGE).await?;
            let Some(last) = keys.last() else { break };
            after = Some(*last);
            for known in store.known(&keys).await? {
                let record = known.record;
                let Some(whose) = index.whose(&record.entity) else { continue };
                let shown = index.by_number(&record.entity).zip(index.by_picture(&record.entity));
                score.mixed += u64::from(shown.is_some_and(|(a, b)| a != b));
                let kept = PictureFact::of(&record.facts).and_then(|fact| fact.kept().cloned());
                let whole = match kept {
                    Some(kept) if images.size(&kept.key).await? == Some(kept.bytes) => Some(kept),
                    _ => None,
                };
                if let Some(found) = found.get_mut(whose) {
                    found.push((record.entity.as_ref().clone(), whole));
                }
            }
        }
        score.compare(all, &found);
        Ok(score)
    }

    fn compare(&mut self, all: &[Person], found: &[Vec<(Creator, Option<KeptPicture>)>]) {
        let takers: BTreeSet<&str> =
            all.iter().filter_map(|person| person.first_handle_taken_by.as_deref()).collect();
        let (mut expected, mut stored) = (HashSet::new(), HashSet::new());
        for (person, records) in all.iter().zip(found) {
            self.checked += 1;
            self.handed_over += u64::from(person.first_handle_taken_by.is_some());
            expected.insert(&*person.avatar_uri);
            self.duplicates += (records.len() as u64).saturating_sub(1);
            self.duplicates_excused += u64::from(person.renamed && !person.shows_ids());
            let pictures = records.iter().filter_map(|(_, kept)| kept.as_ref());
            stored.extend(pictures.map(|kept| &*kept.hash));
            self.pictures_missing += u64::from(records.iter().all(|(_, kept)| kept.is_none()));
            // Of two records the one that says more is shown.
            let Some((record, _)) = records.iter().max_by_key(|(record, _)| record.sources.len()) else {
                self.missing += 1;
                continue;
            };
            let moved = person.first_handle_taken_by.is_some() || takers.contains(&*person.uid);
            self.count(person, record, moved);
        }
        self.pictures_expected = expected.len() as u64;
        self.pictures_stored = stored.len() as u64;
    }

    fn count(&mut self, person: &Person, record: &Creator, handle_changed_hands: bool) {
        let told = fields(person, record);
        self.fields += told.len() as u64;
        for (name, _) in told.iter().filter(|(_, right)| !right) {
            *self.wrong_fields.entry(name).or_default() += 1;
        }
        let says = |name: &str| told.iter().find(|(field, _)| *field == name).map(|(_, right)| *right);
        self.untold += u64::from(says("handle").is_none() || says("followers").is_none());
        if says("followers").is_some() && record.followers.is_none() {
            self.incomplete += 1;
        } else if [says("handle"), says("followers")].contains(&Some(false)) && !handle_changed_hands {
            self.wrong += 1;
        }
        if self.example.is_none() {
            self.example = record.handle.as_deref().map(str::to_owned);
        }
    }

    /// The harmonic mean of how many records are one creator's first and only, and how many creators have such a record.
    pub(super) fn identity_f1(&self) -> f64 {
        let right = self.checked.saturating_sub(self.missing) as f64;
        let wrong = (self.missing + self.duplicates + self.mixed) as f64;
        if right + wrong == 0.0 { 1.0 } else { 2.0 * right / (2.0 * right + wrong) }
    }

    /// The share of the compared fields that are as they are true.
    pub(super) fn field_accuracy(&self) -> f64 {
        let wrong = self.wrong_fields.values().sum::<u64>();
        if self.fields == 0 { 1.0 } else { 1.0 - wrong as f64 / self.fields as f64 }
    }
}

/// The fields that a vendor tells who knows the creator, and whether each is right.
fn fields(person: &Person, record: &Creator) -> Vec<(&'static str, bool)> {
    let text =
        |said: &Option<Box<str>>, is: &str| said.as_deref().is_some_and(|said| plain(said) == plain(is));
    let count = |said: Option<u64>, is: u64| said == Some(is);
    let (counted, in_database) = (person.is_counted(), person.is_known_to("echotik"));
    let resident = in_database || person.is_known_to("web");
    // EnsembleData's lists show everybody, without counters.
    let mut fields = vec![
        (person.is_looked_up() || !person.renamed, "handle", text(&record.handle, &person.handle)),
        (true, "name", text(&record.name, &person.name)),
        (true, "bio", text(&record.bio, &person.bio)),
        (resident, "country", text(&record.country, &person.country)),
        (true, "language", text(&record.language, &person.language)),
        (true, "verified", record.verified == Some(person.verified)),
        (counted, "followers", count(record.followers, person.followers)),
        (counted, "following", count(record.following, person.following)),
        (counted, "likes", count(record.likes, person.hearts)),
        (counted, "videos", count(record.videos, person.videos)),
        (in_database, "has_shop", record.has_shop == Some(person.has_shop)),
    ];
    if let Some(sold) = person.commerce {
        fields.push((in_database, "gmv_30d", count(record.gmv_30d, sold.gmv_30d)));
        // Zero is unknown there.
        fields.push((in_database && sold.ec_score > 0, "ec_score", count(record.ec_score, sold.ec_score)));
    }
    fields.into_iter().filter(|(told, ..)| *told).map(|(_, name, right)| (name, right)).collect()
}

/// A text without what vendors do to blanks, and without addresses, which are not kept.
fn plain(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.map(|word| if word.ends_with(MAIL_HOST) { MASK } else { word }).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn person(json: serde_json::Value) -> Person {
        serde_json::from_value(json).unwrap()
    }

    fn jo() -> Person {
        person(json!({
            "uid": "1", "handle": "jo", "first_handle": "jo", "followers": 7, "avatar_uri": "a",
            "known_by": ["ensembledata"], "ids_at": ["ensembledata"],
        }))
    }

    fn record(handle: &str, followers: u64) -> Creator {
        Creator { handle: Some(handle.into()), followers: Some(followers), ..Creator::default() }
    }

    #[test]
    fn missing_wrong_and_double_are_told_apart() {
        let all = vec![jo(); 5];
        let one = |record: Creator| vec![(record, None)];
        let listed = Creator { handle: Some("jo".into()), ..Creator::default() };
        let twice = vec![(record("jo", 7), None), (record("jo", 7), None)];
        let found = [one(record("jo", 8)), one(record("al", 7)), one(listed), Vec::new(), twice];
        let mut score = Score::default();
        score.compare(&all, &found);
        assert_eq!((score.checked, score.missing, score.incomplete, score.wrong), (5, 1, 1, 2));
        assert_eq!((score.duplicates, score.duplicates_excused), (1, 0));
        assert_eq!(score.wrong_fields["followers"], 2, "another number, and none");
        assert_eq!(score.example.as_deref(), Some("jo"));
        assert!((score.identity_f1() - 8.0 / 10.0).abs() < 1e-9);
    }

    #[test]
    fn what_nobody_tells_does_not_count() {
        let moved = Person { renamed: true, first_handle: "old".into(), ..jo() };
        assert!(fields(&moved, &record("jo", 7)).contains(&("handle", true)));
        let unknown = person(json!({ "handle": "jo", "first_handle": "old", "renamed": true }));
        let names: Vec<_> = fields(&unknown, &record("old", 0)).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["name", "bio", "language", "verified"]);
        let mut score = Score::default();
        score.count(&unknown, &record("old", 0), false);
        assert_eq!((score.untold, score.wrong, score.incomplete), (1, 0, 0));
    }

    #[test]
    fn a_handle_that_changed_hands_excuses_the_handle_alone() {
        let mut score = Score::default();
        score.count(&jo(), &record("al", 7), true);
        assert_eq!((score.wrong, score.wrong_fields["handle"]), (0, 1), "the accuracy counts it");
    }

    #[test]
    fn pictures_count_once_and_records_are_found_by_all_they_say() {
        let kept = KeptPicture {
            key: "a.jpg".into(),
            hash: "a".into(),
            media_type: "image/jpeg".into(),
            bytes: 3,
            width: 1,
            height: 1,
        };
        let all = vec![jo(); 2];
        let (mut score, with) = (Score::default(), |kept| vec![(record("jo", 7), kept)]);
        score.compare(&all, &[with(Some(kept)), with(None)]);
        assert_eq!((score.pictures_expected, score.pictures_stored, score.pictures_missing), (1, 1, 1));

        let people = [jo(), Person { uid: "2".into(), handle: "al".into(), avatar_uri: "b".into(), ..jo() }];
        let index = Index::new(&people);
        assert_eq!(index.whose(&Creator { uid: Some("2".into()), ..record("jo", 1) }), Some(1));
        assert_eq!(index.whose(&record("al", 1)), Some(1));
        assert_eq!(index.whose(&record("nobody", 1)), None);
    }

    #[test]
    fn blanks_and_addresses_make_no_difference() {
        assert_eq!(plain("tea\n\u{b}and ✉ jo@example.com"), plain("tea and ✉ [e-mail]"));
        assert_ne!(plain("tea"), plain("teas"));
    }
}
