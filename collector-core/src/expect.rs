//! What somebody expects of a job: that it brings less is a fault, although every answer was in order. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// What a run has to bring. A run that brings less is partial.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Expect {
    /// The fewest records: those that the run's answers show, and those that it did not ask for because they are fresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// The least share of these records in which a field is known, from 0 to 1, by the names of
    /// [`Domain::fields`](crate::domain::Domain::fields).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fill: BTreeMap<String, f64>,
}

/// What a run brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Brought {
    /// Records.
    pub records: u64,
    /// In how many of them each field is known.
    pub known: BTreeMap<String, u64>,
}

impl Expect {
    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.records.is_none() && self.fill.is_empty()
    }

    /// Refuses fields that do not exist and shares that are none.
    ///
    /// # Errors
    /// `ConfigInvalid` naming the field and the nearest one there is.
    pub fn check(&self, fields: &[&str]) -> Result<()> {
        for (field, share) in &self.fill {
            if !fields.contains(&field.as_str()) {
                let nearest = fields.iter().max_by(|a, b| near(a, field).total_cmp(&near(b, field)));
                let nearest = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
                let message = format!("nothing can be expected of `{field}`, which is no field{nearest}");
                return Err(Error::new(ErrorKind::ConfigInvalid, message));
            }
            if !(*share > 0.0 && *share <= 1.0) {
                let message = format!(
                    "a share is expected of `{field}`, above 0 and at most 1, such as 0.95; got {share}"
                );
                return Err(Error::new(ErrorKind::ConfigInvalid, message));
            }
        }
        Ok(())
    }

    /// What is missing, one sentence each.
    pub fn missed(&self, brought: &Brought) -> Vec<String> {
        let mut missed = Vec::new();
        if let Some(least) = self.records.filter(|least| brought.records < *least) {
            missed.push(format!("expected {least} or more, got {}", brought.records));
        }
        for (field, least) in &self.fill {
            let known = brought.known.get(field).copied().unwrap_or(0);
            // Of nobody no share can be told; `records` says how many there have to be.
            if brought.records > 0 && (known as f64) < least * brought.records as f64 {
                let share = known as f64 / brought.records as f64;
                missed.push(format!(
                    "expected `{field}` in {:.1} % or more, it is known in {:.1} % ({known} of {})",
                    least * 100.0,
                    share * 100.0,
                    brought.records
                ));
            }
        }
        missed
    }
}

fn near(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

/// Why a job's latest run was not what was expected; kept in the store until a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The run.
    pub run: crate::id::RunId,
    /// What is missing, one sentence each.
    pub missed: Vec<String>,
}

/// What is kept while a run that something is expected of is going on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) expect: Expect,
    /// The keys of records that were seen.
    pub(crate) keys: BTreeSet<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect() -> Expect {
        Expect { records: Some(500), fill: [("followers".to_owned(), 0.95)].into() }
    }

    fn brought(records: u64, followers: u64) -> Brought {
        Brought { records, known: [("followers".to_owned(), followers)].into() }
    }

    #[test]
    fn what_is_missing_is_told_with_both_numbers() {
        assert!(expect().missed(&brought(500, 475)).is_empty(), "exactly enough is enough");
        assert_eq!(
            expect().missed(&brought(499, 474)),
            [
                "expected 500 or more, got 499",
                "expected `followers` in 95.0 % or more, it is known in 95.0 % (474 of 499)"
            ]
        );
        assert_eq!(expect().missed(&brought(0, 0)), ["expected 500 or more, got 0"]);
        assert!(Expect::default().missed(&Brought::default()).is_empty() && Expect::default().is_empty());
        let unknown = Brought { records: 500, ..Brought::default() };
        assert_eq!(expect().missed(&unknown).len(), 1, "a field nobody knows is missing");
    }

    #[test]
    fn what_cannot_be_expected_is_refused() {
        let fields = ["followers", "following"];
        expect().check(&fields).unwrap();
        let of = |field: &str, share| Expect { records: None, fill: [(field.to_owned(), share)].into() };
        let refused = of("folowers", 0.5).check(&fields).unwrap_err();
        assert!(refused.message().contains("did you mean `followers`?"), "{refused}");
        for share in [0.0, -1.0, 1.01, 95.0, f64::NAN, f64::INFINITY] {
            assert!(of("followers", share).check(&fields).is_err(), "{share}");
        }
    }
}
