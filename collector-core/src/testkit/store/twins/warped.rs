//! The test domain with a fault in it, for what a wrapper around a store cannot break from outside.

use std::borrow::Cow;

use super::Fault;
use crate::domain::{About, Day, Domain, Lost, Sighting};
use crate::id::{Digest, Ids};
use crate::testkit::store::domain::{Person, Seen, TestDomain};

#[derive(Debug, Clone, Copy)]
pub(super) struct Warped(pub(super) Option<Fault>);

impl Domain for Warped {
    type Item = Seen;
    type Entity = Person;

    fn about<'a>(&self, item: &'a Seen) -> About<'a> {
        let mut about = TestDomain.about(item);
        let Ids { strong, weak } = &mut about.ids;
        match self.0 {
            Some(Fault::HandlesJoin) => strong.append(weak),
            Some(Fault::HandlesAreNobodys) => weak.clear(),
            Some(Fault::SecondKeyDecides) if strong.len() > 1 => drop(strong.remove(0)),
            Some(Fault::NeverJoins) => strong.truncate(1),
            Some(Fault::OneSidePerSource) => about.aspect = Cow::Borrowed("profile"),
            _ => {}
        }
        about
    }

    fn carry(&self, older: &Seen, newer: &mut Seen) -> bool {
        TestDomain.carry(older, newer)
    }

    fn merge(&self, latest: &[Sighting<Seen>], lost: &[Lost]) -> Person {
        let lost = if self.0 == Some(Fault::KeepsLostHandles) { &[] } else { lost };
        TestDomain.merge(latest, lost)
    }

    fn digest(&self, person: &Person) -> Digest {
        match self.0 {
            Some(Fault::TimesAreChanges) => Digest::of_json(person),
            _ => TestDomain.digest(person),
        }
    }

    fn measures(&self, person: &Person) -> Option<Vec<Option<i64>>> {
        TestDomain.measures(person).filter(|_| self.0 != Some(Fault::MeasuresNothing))
    }

    fn history(&self, item: &Seen) -> Vec<Day> {
        if self.0 == Some(Fault::ForgetsOtherDays) { Vec::new() } else { TestDomain.history(item) }
    }
}
