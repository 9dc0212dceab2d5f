//! A format that has changed, seen by what is missing: pure.
//!
//! An answer in which a field was renamed can still be read; the field is only not known any more, in everybody. So for
//! each kind of call it is counted in how many items each field is known, and how many items an answer has. What the
//! latest answers have less of than the ones before is drift: a field known in less than half as many items, or less
//! than a fifth of the items.
//!
//! Chance is not drift. A window of the latest answers counts only when it would hardly ever look like this by itself:
//! rarer than once in [`ODDS`] windows, of which everything that stands in one answer counts as one.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::store::Fill;

/// Answers that are looked at together.
pub const BUCKET: u64 = 50;

/// Buckets that are not part of what is normal yet.
const BUCKETS: usize = 4;

/// Answers that make a norm.
pub const NORM: u64 = 200;

/// How rare it has to be that chance makes a window look like this, as one in so many.
pub const ODDS: f64 = 5e8;

/// The share of what is normal below which a field has drifted.
const FIELD_SHARE: f64 = 0.5;

/// The same for items.
const ITEM_SHARE: f64 = 0.2;

/// How answers were filled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Tally {
    answers: u64,
    items: u64,
    filled: Vec<u64>,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.items += other.items;
        for (field, count) in other.filled.iter().enumerate() {
            *self.slot(field) += count;
        }
    }

    fn slot(&mut self, field: usize) -> &mut u64 {
        if self.filled.len() <= field {
            self.filled.resize(field + 1, 0);
        }
        &mut self.filled[field]
    }

    /// The share of items in which a field is known.
    fn rate(&self, field: usize) -> f64 {
        let filled = self.filled.get(field).copied().unwrap_or(0);
        if self.items == 0 { 0.0 } else { filled as f64 / self.items as f64 }
    }

    fn per_answer(&self) -> f64 {
        if self.answers == 0 { 0.0 } else { self.items as f64 / self.answers as f64 }
    }
}

/// What has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// The field that is missing; `None` when items are.
    pub field: Option<&'static str>,
    /// What is normal: the share of items, or items an answer.
    pub normal: f64,
    /// What it is now.
    pub now: f64,
    /// In how many of the latest answers.
    pub answers: u64,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, normal, now, answers } = self;
        match field {
            Some(field) => write!(
                f,
                "`{field}` was known in {:.0} % of the items and is in {:.0} % of those of the last {answers} answers",
                normal * 100.0,
                now * 100.0
            ),
            None => write!(
                f,
                "an answer had {normal:.1} items and the last {answers} answers have {now:.1} on average"
            ),
        }
    }
}

/// Watches the answers to one kind of call.
#[derive(Debug)]
pub struct FillWatch {
    fields: &'static [&'static str],
    /// What is normal, as far as it is not in `recent`.
    norm: Tally,
    /// Full buckets, the latest last.
    recent: VecDeque<Tally>,
    current: Tally,
    /// What became part of the norm and is not in the store yet.
    unsaved: Tally,
}

impl FillWatch {
    /// Watches these fields; of an empty list it watches nothing.
    pub fn new(fields: &'static [&'static str]) -> Self {
        let tally = Tally::default;
        Self { fields, norm: tally(), recent: VecDeque::new(), current: tally(), unsaved: tally() }
    }

    /// Takes what was counted before into the norm.
    pub fn learn(&mut self, fill: &Fill) {
        let mut tally = Tally { answers: fill.answers, items: fill.items, filled: Vec::new() };
        for (at, field) in self.fields.iter().enumerate() {
            *tally.slot(at) = fill.filled.get(*field).copied().unwrap_or(0);
        }
        self.norm.add(&tally);
    }

    /// Counts an answer: one bit per field for each item. Tells what has changed, once.
    pub fn saw(&mut self, items: impl IntoIterator<Item = u64>) -> Option<Drift> {
        if self.fields.is_empty() {
            return None;
        }
        self.current.answers += 1;
        for item in items {
            self.current.items += 1;
            let mut left = item;
            while left != 0 {
                *self.current.slot(left.trailing_zeros() as usize) += 1;
                left &= left - 1;
            }
        }
        if self.current.answers < BUCKET {
            return None;
        }
        self.recent.push_back(std::mem::take(&mut self.current));
        let drift = self.judge();
        if drift.is_some() {
            // What is found anew is judged anew; what has drifted does not become normal.
            self.recent.clear();
        } else if self.recent.len() > BUCKETS
            && let Some(oldest) = self.recent.pop_front()
        {
            self.accept(&oldest);
        }
        drift
    }

    fn accept(&mut self, tally: &Tally) {
        self.norm.add(tally);
        self.unsaved.add(tally);
    }

    /// Compares the latest buckets, more and more of them, with everything before.
    fn judge(&self) -> Option<Drift> {
        let mut now = Tally::default();
        for taken in 1..=self.recent.len().min(BUCKETS) {
            let split = self.recent.len() - taken;
            now.add(self.recent.get(split)?);
            let mut norm = self.norm.clone();
            self.recent.iter().take(split).for_each(|bucket| norm.add(bucket));
            if let Some(drift) = compare(self.fields, &norm, &now) {
                return Some(drift);
            }
        }
        None
    }

    /// What to keep in the store since the last time; at the end everything, unless it looks like drift.
    pub fn unsaved(&mut self, end: bool) -> Option<(u64, u64, BTreeMap<String, u64>)> {
        if end {
            let current = std::mem::take(&mut self.current);
            self.recent.push_back(current);
            let drift = self.judge();
            for bucket in std::mem::take(&mut self.recent) {
                if drift.is_none() {
                    self.accept(&bucket);
                }
            }
        }
        let Tally { answers, items, filled } = std::mem::take(&mut self.unsaved);
        let named = self.fields.iter().zip(filled).filter(|(_, count)| *count > 0);
        let named = named.map(|(field, count)| ((*field).to_owned(), count)).collect();
        (answers > 0).then_some((answers, items, named))
    }
}

fn compare(fields: &'static [&'static str], norm: &Tally, now: &Tally) -> Option<Drift> {
    if norm.answers < NORM || now.answers < BUCKET {
        return None;
    }
    let (normal, mean) = (norm.per_answer(), now.per_answer());
    // Of fewer items than answers nothing can be told by halves.
    if mean < normal * ITEM_SHARE {
        return Some(Drift { field: None, normal, now: mean, answers: now.answers });
    }
    let told = now.items.min(now.answers) as f64;
    let sure_norm = 1.0 - 1.0 / (norm.items as f64 + 2.0);
    let missing = fields.iter().enumerate().filter_map(|(at, field)| {
        let (normal, rate) = (norm.rate(at), now.rate(at));
        let rare = told * divergence(rate, normal.min(sure_norm)) >= ODDS.ln();
        (rate <= normal * FIELD_SHARE && rare).then_some((field, normal, rate))
    });
    // The one that is missing most.
    let worst = missing.max_by(|a, b| (a.1 - a.2).total_cmp(&(b.1 - b.2)));
    worst.map(|(field, normal, rate)| Drift { field: Some(field), normal, now: rate, answers: now.answers })
}

/// How unlike two shares are: so often as `exp(-n × this)` at most, chance makes the first one or less of `n` items
/// where the second one is true.
fn divergence(seen: f64, truth: f64) -> f64 {
    let part = |share: f64, of: f64| if share <= 0.0 { 0.0 } else { share * (share / of).ln() };
    if truth <= 0.0 { 0.0 } else { part(seen, truth) + part(1.0 - seen, 1.0 - truth) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[&str] = &["name", "followers", "links"];

    /// Answers with one item: the name always, followers in most, links in one of six.
    fn healthy(at: u64) -> u64 {
        1 | (u64::from(at % 20 != 0) << 1) | (u64::from(at % 6 == 0) << 2)
    }

    fn until_found(watch: &mut FillWatch, most: u64, item: impl Fn(u64) -> u64) -> Option<(u64, Drift)> {
        (1..=most).find_map(|at| Some((at, watch.saw([item(at)])?)))
    }

    #[test]
    fn a_field_that_is_gone_is_found_within_two_hundred_answers_whenever_it_goes() {
        for before in [250, 251, 299, 1_000, 1_033] {
            let mut watch = FillWatch::new(FIELDS);
            assert_eq!(until_found(&mut watch, before, healthy), None);
            let (after, drift) = until_found(&mut watch, 200, |at| healthy(at) & !2).unwrap();
            assert_eq!((drift.field, drift.now < 0.5), (Some("followers"), true), "{before}");
            assert!(after <= 100, "{after} answers later");
        }
        let mut watch = FillWatch::new(FIELDS);
        assert_eq!(until_found(&mut watch, 1_000, healthy), None);
        let (after, drift) = until_found(&mut watch, 200, |at| healthy(at) & !4).unwrap();
        assert_eq!(drift.field, Some("links"), "a rare field takes longer: {after}");
    }

    #[test]
    fn what_comes_and_goes_by_chance_is_no_drift() {
        let mut watch = FillWatch::new(FIELDS);
        let mut random = 9_u64;
        for _ in 0..200_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let draw = (random >> 33) % 100;
            let item = 1 | (u64::from(draw < 60) << 1) | (u64::from(draw % 10 == 0) << 2);
            assert_eq!(watch.saw([item]), None);
        }
    }

    #[test]
    fn fewer_items_are_drift_and_no_norm_is_none() {
        let mut watch = FillWatch::new(FIELDS);
        for _ in 0..300 {
            assert_eq!(watch.saw([7; 20]), None);
        }
        let found = (0..100).find_map(|_| watch.saw([7; 2])).unwrap();
        assert_eq!((found.field, found.now), (None, 2.0));
        let mut young = FillWatch::new(FIELDS);
        assert!((0..150).all(|_| young.saw([7]).is_none()));
        assert!((0..49).all(|_| young.saw([0]).is_none()), "fewer than 200 answers say nothing");
    }

    #[test]
    fn what_is_learned_counts_and_what_drifted_does_not() {
        let filled = [("name".to_owned(), 500), ("followers".to_owned(), 480)].into();
        let fill = Fill { source: "s".into(), kind: "k".into(), day: 1, answers: 500, items: 500, filled };
        let mut watch = FillWatch::new(FIELDS);
        watch.learn(&fill);
        let (after, _) = until_found(&mut watch, 60, |_| 1).unwrap();
        assert_eq!((after, watch.unsaved(true)), (50, None), "the first bucket of a start is enough");
        let (again, _) = until_found(&mut watch, 60, |_| 1).unwrap();
        assert_eq!(again, 50, "a second start finds it again");
        assert_eq!(until_found(&mut watch, 70, |_| 3), None);
        assert_eq!(watch.unsaved(true).map(|(answers, items, _)| (answers, items)), Some((70, 70)));
    }
}
