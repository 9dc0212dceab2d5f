//! The model's outbox: one wish per sink and record, and the balance.

use std::collections::BTreeMap;

use super::World;
use crate::clock::Timestamp;
use crate::id::RecordKey;
use crate::sink::Change;
use crate::store::{Counts, Fate};
use crate::testkit::store::Person;
use crate::testkit::store::stage::{W1, at, facts, settled, stored};

#[derive(Debug)]
pub(super) struct Outbox {
    sinks: BTreeMap<&'static str, Sink>,
}

#[derive(Debug, Default)]
struct Sink {
    wanted: u64,
    /// Stored or superseded: which of both a version that was overtaken while under way is, is the store's affair.
    over: u64,
    rejected: u64,
    owed: BTreeMap<RecordKey, Owed>,
    hands: Vec<Change<Person>>,
}

#[derive(Debug)]
struct Owed {
    /// `None` for a deletion, whose number only the store knows.
    version: Option<u64>,
    when: When,
}

/// When a change is offered.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Now,
    At(Timestamp),
    /// It is with somebody.
    Taken,
    /// An older version is with somebody, or waits: the newer one may be offered already.
    Perhaps,
}

impl Outbox {
    pub(super) fn new(sinks: impl IntoIterator<Item = &'static str>) -> Self {
        Self { sinks: sinks.into_iter().map(|sink| (sink, Sink::default())).collect() }
    }

    /// Owes a version to every sink but one.
    pub(super) fn wish(&mut self, key: RecordKey, version: Option<u64>, but: Option<&str>) {
        for sink in self.sinks.iter_mut().filter(|(name, _)| Some(**name) != but).map(|(_, sink)| sink) {
            sink.wanted += 1;
            let when = match sink.owed.get(&key).map(|owed| owed.when) {
                None | Some(When::Now) => When::Now,
                Some(_) => When::Perhaps,
            };
            sink.over += u64::from(sink.owed.insert(key, Owed { version, when }).is_some());
        }
    }

    pub(super) fn rejected(&self) -> u64 {
        self.sinks.values().map(|sink| sink.rejected).sum()
    }
}

impl World {
    /// Takes a few changes for a sink, or all.
    pub(super) async fn take(&mut self) {
        self.place.what = "take";
        let name = self.dice.pick(&super::SINKS);
        let max = if self.dice.chance(50) { 2 } else { 100 };
        let taken = self.stage.take(name, W1, max, self.now()).await;
        self.holds("no more than asked for", taken.len() <= max, taken.len());
        let now = self.now();
        let mut sure = 0;
        if let Some(sink) = self.outbox.sinks.get(name) {
            sure = sink.owed.values().filter(|owed| is_due(owed.when, now)).count();
            for change in &taken {
                let owed = sink.owed.get(&change.key());
                let offered = owed.is_some_and(|owed| owed.when == When::Perhaps || is_due(owed.when, now));
                self.holds(
                    "only what is owed, due and with nobody is offered",
                    offered,
                    (change.key(), owed),
                );
                let wanted = owed.and_then(|owed| owed.version);
                let living = matches!(change, Change::Put(_));
                self.same("a deletion is a deletion, a record a record", living, wanted.is_some());
                self.same(
                    "the newest version is offered",
                    change.version(),
                    wanted.unwrap_or(change.version()),
                );
            }
        }
        self.holds("what is due is offered", taken.len() >= sure.min(max), (taken.len(), sure));
        let Some(sink) = self.outbox.sinks.get_mut(name) else { return };
        for change in taken {
            if let Some(owed) = sink.owed.get_mut(&change.key()) {
                owed.when = When::Taken;
                owed.version = owed.version.map(|_| change.version());
            }
            // An older version of it that is still with somebody is settled without effect, in any order.
            sink.hands.push(change);
        }
    }

    /// Settles some of what was taken, each with a fate of its own.
    pub(super) async fn settle(&mut self) {
        self.place.what = "settle";
        let name = self.dice.pick(&super::SINKS);
        let mut hands = match self.outbox.sinks.get_mut(name) {
            Some(sink) => std::mem::take(&mut sink.hands),
            None => return,
        };
        let keep = self.dice.below(hands.len() as u64 + 1) as usize;
        let rest = hands.split_off(keep);
        for change in hands {
            let fate = self.random_fate(name, &change);
            self.stage.settle(name, vec![settled(&change, fate.clone())], self.now()).await;
            self.settled(name, &change, fate);
        }
        if let Some(sink) = self.outbox.sinks.get_mut(name) {
            sink.hands.extend(rest);
        }
    }

    fn is_current(&self, sink: &str, change: &Change<Person>) -> bool {
        let owed = self.outbox.sinks.get(sink).and_then(|sink| sink.owed.get(&change.key()));
        let living = matches!(change, Change::Put(_));
        owed.is_some_and(|owed| match owed.version {
            Some(version) => living && version == change.version(),
            None => !living,
        })
    }

    fn random_fate(&mut self, sink: &str, change: &Change<Person>) -> Fate {
        let current = self.is_current(sink, change);
        let alive = self.people.version(change.key()) == Some(change.version());
        match self.dice.below(8) {
            0 => Fate::Superseded,
            1 if current => Fate::Rejected("no".into()),
            2 if current => Fate::Owed { not_before: at(self.now + 9), ask: vec![] },
            3 | 4 if current && alive => Fate::Stored(facts(sink, self.dice.pick(&["x", "y"]))),
            _ => stored(),
        }
    }

    fn settled(&mut self, name: &str, change: &Change<Person>, fate: Fate) {
        let (key, current) = (change.key(), self.is_current(name, change));
        let Some(sink) = self.outbox.sinks.get_mut(name) else { return };
        if !current {
            // What overtook it is free now, unless it waits for a time of its own or is with somebody.
            if let Some(owed) = sink.owed.get_mut(&key).filter(|owed| owed.when == When::Perhaps) {
                owed.when = When::Now;
            }
            return;
        }
        if let Fate::Owed { not_before, .. } = fate {
            sink.owed.entry(key).and_modify(|owed| owed.when = When::At(not_before));
            return;
        }
        sink.owed.remove(&key);
        match fate {
            Fate::Rejected(_) => sink.rejected += 1,
            _ => sink.over += 1,
        }
        if let Fate::Stored(facts) = fate
            && self.people.report(key, &facts)
        {
            let version = self.people.version(key);
            self.outbox.wish(key, version, Some(name));
        }
    }

    pub(super) fn compare_outbox(&self, counts: &Counts) {
        for (name, sink) in &self.outbox.sinks {
            let seen = counts.sinks.get(*name).copied().unwrap_or_default();
            let seen = (seen.wanted, seen.pending, seen.rejected, seen.stored + seen.superseded);
            let expected = (sink.wanted, sink.owed.len() as u64, sink.rejected, sink.over);
            self.same(
                format_args!("`{name}`: wanted, pending, rejected, stored or superseded"),
                seen,
                expected,
            );
        }
    }
}

fn is_due(when: When, now: Timestamp) -> bool {
    match when {
        When::Now => true,
        When::At(time) => time <= now,
        When::Taken | When::Perhaps => false,
    }
}
