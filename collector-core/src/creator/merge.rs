//! How sightings become one creator: field by field, and every field knows its source.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::content;
use super::handles::{LostHandles, canonical_handle};
use super::{Creator, CreatorSighting, DayFigures, Extra, Field, Growth, SourceAsOf, aspect, fill, posts};
use crate::clock::Timestamp;
use crate::domain::{About, Day, Domain, Lost, Sighting};
use crate::id::{Digest, Id, Ids, Name};
use crate::sink::Facts;

/// The domain of creators of one platform.
///
/// Without a precedence all sources are believed alike: the youngest value is taken.
///
/// ```
/// use collector_core::creator::{Creators, Field};
///
/// let creators = Creators::default()
///     .precedence(["tiktok", "ensembledata", "echotik"])
///     .field_precedence(Field::Country, ["echotik"]);
/// ```
#[derive(Debug, Clone)]
pub struct Creators {
    platform: Name,
    kinds: IdKinds,
    precedence: Vec<Name>,
    by_field: BTreeMap<Field, Vec<Name>>,
    max_age: BTreeMap<Field, Option<Duration>>,
}

/// The kinds of identity of a platform, made once.
#[derive(Debug, Clone)]
struct IdKinds {
    uid: Arc<str>,
    sec_uid: Arc<str>,
    handle: Arc<str>,
}

impl Default for Creators {
    /// The creators of TikTok.
    fn default() -> Self {
        Self::of("tiktok")
    }
}

impl Creators {
    /// The creators of a platform. Its name begins the kinds of their identities: `tiktok:uid`.
    pub fn of(platform: impl Into<Name>) -> Self {
        let platform = platform.into();
        let kind = |what: &str| format!("{platform}:{what}").into();
        let kinds = IdKinds { uid: kind("uid"), sec_uid: kind("sec_uid"), handle: kind("handle") };
        Self { platform, kinds, precedence: Vec::new(), by_field: BTreeMap::new(), max_age: BTreeMap::new() }
    }

    /// Believes these sources first, in this order; those not named come after them, all alike.
    #[must_use]
    pub fn precedence<N: Into<Name>>(mut self, sources: impl IntoIterator<Item = N>) -> Self {
        self.precedence = sources.into_iter().map(Into::into).collect();
        self
    }

    /// Believes these sources first for one field, in place of the general order.
    #[must_use]
    pub fn field_precedence<N: Into<Name>>(
        mut self,
        field: Field,
        sources: impl IntoIterator<Item = N>,
    ) -> Self {
        self.by_field.insert(field, sources.into_iter().map(Into::into).collect());
        self
    }

    /// Takes another maximum age than [the table's](super::FieldInfo::max_age); `None` for a value that does not
    /// age.
    #[must_use]
    pub fn max_age(mut self, field: Field, max_age: Option<Duration>) -> Self {
        self.max_age.insert(field, max_age);
        self
    }

    /// How followers grew by the daily history, oldest day first, and what that is computed from: what
    /// [`trend`](Domain::trend) puts among a record's facts, and why the rest is not known.
    pub fn growth(&self, history: &[Day]) -> Vec<Growth> {
        fill::growths(history)
    }

    /// The order of a source for a field; lower is believed first.
    fn rank(&self, field: Field, source: &str) -> usize {
        let order = self.by_field.get(&field).unwrap_or(&self.precedence);
        order.iter().position(|name| **name == *source).unwrap_or(order.len())
    }

    /// Whether a value of this age is current.
    pub(super) fn is_current(&self, field: Field, age: Duration) -> bool {
        let max_age = self.max_age.get(&field).copied().unwrap_or_else(|| field.info().max_age);
        max_age.is_none_or(|max_age| age <= max_age)
    }

    /// The creator of whom nobody else has said anything: most are like this when they are found.
    fn alone(&self, sighting: Sighting<CreatorSighting>) -> Creator {
        let posts = posts::stats(&[&sighting], |_| true).map(|(stats, _)| stats);
        let Sighting { source, aspect, seen_at, mut item } = sighting;
        let mut creator = Creator { platform: Arc::clone(&self.platform), posts, ..Creator::default() };
        Field::move_all(&mut item, &mut creator);
        let stated = std::mem::take(&mut item.extra).into_iter().filter(|(_, value)| !value.is_null());
        creator.extra = stated.map(|(name, value)| (name, Extra { value, from: 0 })).collect();
        creator.sources = vec![SourceAsOf { source, aspect, as_of: seen_at }];
        creator
    }

    /// What these sightings and lost identities have to say.
    pub(super) fn panel<'a>(
        &'a self,
        sightings: &'a [Sighting<CreatorSighting>],
        lost: &'a [Lost],
    ) -> Panel<'a> {
        let replaced = |old: &Sighting<CreatorSighting>| {
            sightings
                .iter()
                .any(|new| new.seen_at > old.seen_at && new.source == old.source && new.aspect == old.aspect)
        };
        Panel {
            creators: self,
            sightings: sightings.iter().filter(|sighting| !replaced(sighting)).collect(),
            lost: LostHandles::new(lost, &self.kinds.handle),
            // Not the clock: the same sightings make the same creator next year.
            now: sightings.iter().map(|sighting| sighting.seen_at).max().unwrap_or_default(),
        }
    }
}

impl Domain for Creators {
    type Item = CreatorSighting;
    type Entity = Creator;

    fn about<'a>(&self, item: &'a CreatorSighting) -> About<'a> {
        let strong = [(&self.kinds.uid, &item.uid), (&self.kinds.sec_uid, &item.sec_uid)];
        let strong =
            strong.into_iter().filter_map(|(kind, value)| Some(Id::new(Arc::clone(kind), identity(value)?)));
        let handle = identity(&item.handle).map(canonical_handle).filter(|handle| !handle.is_empty());
        let weak = handle.map(|handle| Id::new(Arc::clone(&self.kinds.handle), handle));
        About {
            ids: Ids { strong: strong.collect(), weak: weak.into_iter().collect() },
            aspect: Cow::Borrowed(&item.aspect),
            as_of: item.as_of,
        }
    }

    fn carry(&self, older: &CreatorSighting, newer: &mut CreatorSighting) -> bool {
        posts::carry(&older.posts, &mut newer.posts)
    }

    fn mend(&self, again: &CreatorSighting, newer: &mut CreatorSighting) -> bool {
        posts::mend(&again.posts, &mut newer.posts)
    }

    fn trend(&self, history: &[Day]) -> Facts {
        fill::growth(history)
    }

    fn fields(&self) -> &'static [&'static str] {
        fill::names()
    }

    fn filled(&self, item: &CreatorSighting) -> u64 {
        fill::filled(item)
    }

    fn merge(&self, latest: &[Sighting<CreatorSighting>], lost: &[Lost]) -> Creator {
        self.panel(latest, lost).merge()
    }

    fn merge_owned(&self, latest: Vec<Sighting<CreatorSighting>>, lost: &[Lost]) -> Creator {
        match <[_; 1]>::try_from(latest) {
            Ok([only]) if lost.is_empty() => self.alone(only),
            Ok(only) => self.merge(&only, lost),
            Err(several) => self.merge(&several, lost),
        }
    }

    fn digest(&self, entity: &Creator) -> Digest {
        content::digest(entity)
    }

    fn measures(&self, entity: &Creator) -> Option<Vec<Option<i64>>> {
        Some(figures([entity.followers, entity.following, entity.likes, entity.videos]))
    }

    fn history(&self, item: &CreatorSighting) -> Vec<Day> {
        let day = |one: &DayFigures| Day {
            day: one.day,
            figures: figures([one.followers, one.following, one.likes, one.videos]),
        };
        item.history.iter().map(day).collect()
    }
}

/// A day's figures in the order they are kept in.
fn figures(counts: [Option<u64>; 4]) -> Vec<Option<i64>> {
    counts.map(|count| count.map(|count| i64::try_from(count).unwrap_or(i64::MAX))).into()
}

/// An identity that says somebody. Empty and zero are what vendors write for "unknown": as identities they would
/// join everybody who has none.
fn identity(value: &Option<Box<str>>) -> Option<&str> {
    value.as_deref().filter(|value| !value.trim().is_empty() && *value != "0")
}

/// The sightings of one creator, of each (source, aspect) the latest, asked field by field.
pub(super) struct Panel<'a> {
    creators: &'a Creators,
    pub(super) sightings: Vec<&'a Sighting<CreatorSighting>>,
    lost: LostHandles<'a>,
    /// The newest sighting's time, from which ages count.
    now: Timestamp,
}

impl<'a> Panel<'a> {
    /// What sighting `index` states about a field and still holds: a handle that is somebody else's does not, nor does
    /// anything that was said of whoever has that handle.
    pub(super) fn stated(&self, field: Field, index: usize) -> bool {
        let says = field.stated_by(&self.sightings[index].item).is_some();
        says && if field == Field::Handle { !self.shows_lost(index) } else { self.is_theirs(index) }
    }

    /// Whether a sighting is about the creator for sure: one without another identity than a handle that was lost since may
    /// be about whoever has it now.
    fn is_theirs(&self, index: usize) -> bool {
        let CreatorSighting { uid, sec_uid, .. } = &self.sightings[index].item;
        uid.is_some() || sec_uid.is_some() || !self.shows_lost(index)
    }

    fn shows_lost(&self, index: usize) -> bool {
        let Sighting { item, seen_at, .. } = self.sightings[index];
        item.handle.as_deref().is_some_and(|handle| self.lost.includes(handle, *seen_at))
    }

    /// Whether what a sighting states about a field is not too old.
    pub(super) fn is_current(&self, field: Field, index: usize) -> bool {
        self.creators.is_current(field, self.now.since(self.sightings[index].seen_at))
    }

    /// Whom to believe first about a field. Total over distinct (source, aspect), so that the order in which
    /// sightings come does not matter.
    pub(super) fn compare(&self, field: Field, a: usize, b: usize) -> Ordering {
        let (x, y) = (self.sightings[a], self.sightings[b]);
        let newest = || y.seen_at.cmp(&x.seen_at);
        let rank = || self.creators.rank(field, &x.source).cmp(&self.creators.rank(field, &y.source));
        let not_profile =
            |sighting: &Sighting<_>| field.is_best_in_profiles() && *sighting.aspect != *aspect::PROFILE;
        let profile = || not_profile(x).cmp(&not_profile(y));
        let names = || (&x.source, &x.aspect).cmp(&(&y.source, &y.aspect));
        match (self.is_current(field, a), self.is_current(field, b)) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (true, true) => rank().then_with(profile).then_with(newest).then_with(names),
            (false, false) => newest().then_with(rank).then_with(profile).then_with(names),
        }
    }

    /// Whose value a field takes.
    fn winner(&self, field: Field) -> Option<usize> {
        (0..self.sightings.len())
            .filter(|&index| self.stated(field, index))
            .min_by(|&a, &b| self.compare(field, a, b))
    }

    /// All sightings, whom to believe first about a field first.
    pub(super) fn ranked(&self, field: Field) -> Vec<usize> {
        let mut ranked: Vec<usize> = (0..self.sightings.len()).collect();
        ranked.sort_by(|&a, &b| self.compare(field, a, b));
        ranked
    }

    pub(super) fn merge(&self) -> Creator {
        let mut creator = Creator { platform: Arc::clone(&self.creators.platform), ..Creator::default() };
        let mut said: Vec<(Field, usize)> = Vec::with_capacity(Field::ALL.len());
        for &field in Field::STATED {
            if let Some(winner) = self.winner(field) {
                field.copy(&self.sightings[winner].item, &mut creator);
                said.push((field, winner));
            }
        }
        if let Some((stats, by)) = posts::stats(&self.sightings, |index| self.is_theirs(index)) {
            creator.posts = Some(stats);
            said.push((Field::Posts, by));
        }
        creator.former_handles = self.lost.former(&self.sightings, creator.handle.as_deref());
        creator.extra = self.extra();
        self.attribute(&mut creator, &said);
        creator
    }

    /// What is not modelled, each name from whom to believe first; still with this panel's indices.
    fn extra(&self) -> BTreeMap<Box<str>, Extra> {
        let mut extra = BTreeMap::new();
        for from in self.ranked(Field::Extra).into_iter().filter(|&from| self.is_theirs(from)) {
            let values = self.sightings[from].item.extra.iter().filter(|(_, value)| !value.is_null());
            for (name, value) in values {
                extra.entry(name.clone()).or_insert_with(|| Extra { value: value.clone(), from });
            }
        }
        extra
    }

    /// Lists the sources, the one that says most first, and notes who said what.
    fn attribute(&self, creator: &mut Creator, said: &[(Field, usize)]) {
        let mut counts = vec![0_usize; self.sightings.len()];
        said.iter().for_each(|(_, by)| counts[*by] += 1);
        creator.extra.values().for_each(|extra| counts[extra.from] += 1);

        let mut order: Vec<usize> = (0..self.sightings.len()).collect();
        order.sort_by_key(|&index| {
            let sighting = self.sightings[index];
            (Reverse(counts[index]), &sighting.source, &sighting.aspect)
        });
        let mut position = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, &index)| position[index] = at);

        creator.sources = order.iter().map(|&index| self.source(index)).collect();
        let positions = said.iter().map(|&(field, by)| (field, position[by]));
        creator.from = positions.filter(|(_, at)| *at > 0).collect();
        creator.extra.values_mut().for_each(|extra| extra.from = position[extra.from]);
    }

    /// Who a sighting is from.
    pub(super) fn source(&self, index: usize) -> SourceAsOf {
        let Sighting { source, aspect, seen_at, .. } = self.sightings[index];
        SourceAsOf { source: Arc::clone(source), aspect: Arc::clone(aspect), as_of: *seen_at }
    }
}
