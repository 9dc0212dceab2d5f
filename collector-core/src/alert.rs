//! Who has to be told what: from what is wrong now to messages. Pure.
//!
//! [`Alerts::look`] is told everything that is wrong at a moment; whatever it is not told about is in order. It says what is
//! new: one message when a cause appears, one when its state changes, one when it has been over for two minutes. What comes
//! and goes is told ever more rarely: from the third message about a cause within a day on, a state has to last before it is
//! told, and twice as long each time.
//!
//! ```
//! use collector_core::alert::{Alerts, Topic, Trouble};
//! use collector_core::clock::Timestamp;
//!
//! let mut alerts = Alerts::default();
//! let trouble = Trouble::new(Topic::Disk, "store", "low")
//!     .happened("the store's disk has 300 MB left")
//!     .costs("below 100 MB nothing is written any more")
//!     .to_do("collector status");
//! let told = alerts.look(Timestamp::from_secs(1), std::slice::from_ref(&trouble));
//! assert_eq!(told.len(), 1);
//! assert!(alerts.look(Timestamp::from_secs(2), &[trouble]).is_empty(), "it is said once");
//! assert!(alerts.look(Timestamp::from_secs(3), &[]).is_empty(), "is it over for good?");
//! assert!(alerts.look(Timestamp::from_secs(200), &[])[0].resolved);
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Messages about one cause within [`DAY`] that are told at once.
const FREE: u32 = 2;

/// How long a state has to last before the next message.
const SETTLE: Duration = Duration::from_secs(300);

/// How long a cause has to be over before that is told, at least: of what comes and goes the last word is that it is wrong.
const CALM: Duration = Duration::from_secs(120);

/// The longest it has to.
const LONGEST: Duration = Duration::from_secs(6 * 3_600);

const DAY: Duration = Duration::from_secs(86_400);

/// Causes that are kept apart; of more than these the latest are not told.
const MOST: usize = 1_000;

/// What a cause is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Topic {
    /// A job's latest run: `partial`, `failed`.
    Job,
    /// A job that should have begun or ended: `late`.
    Schedule,
    /// An account that is kept out: `parked`, `blocked`, `drifting`, `refused`.
    Account,
    /// A disk: `low`.
    Disk,
    /// Leases that end under running work: `lost`.
    Lease,
    /// A worker that does not get on: what it waits for.
    Waiting,
}

impl Topic {
    /// Its name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Schedule => "schedule",
            Self::Account => "account",
            Self::Disk => "disk",
            Self::Lease => "lease",
            Self::Waiting => "waiting",
        }
    }
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It mends itself, or something is missing.
    Warning,
    /// Nothing gets better until somebody acts.
    Error,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What it is about.
    pub topic: Topic,
    /// Which job, account, disk.
    pub about: String,
    /// What is wrong with it, in a word; another word is another state.
    pub state: String,
    /// How much it matters.
    pub severity: Severity,
    /// What happened, as a sentence without a period.
    pub happened: String,
    /// What it cost or will cost.
    pub cost: String,
    /// What to type or to do.
    pub to_do: String,
}

impl Trouble {
    /// A warning without words.
    pub fn new(topic: Topic, about: impl Into<String>, state: impl Into<String>) -> Self {
        Self {
            topic,
            about: about.into(),
            state: state.into(),
            severity: Severity::Warning,
            happened: String::new(),
            cost: String::new(),
            to_do: String::new(),
        }
    }

    /// That somebody has to act.
    #[must_use]
    pub fn serious(mut self) -> Self {
        self.severity = Severity::Error;
        self
    }

    /// What happened.
    #[must_use]
    pub fn happened(mut self, happened: impl Into<String>) -> Self {
        self.happened = happened.into();
        self
    }

    /// What it cost.
    #[must_use]
    pub fn costs(mut self, cost: impl Into<String>) -> Self {
        self.cost = cost.into();
        self
    }

    /// What to type.
    #[must_use]
    pub fn to_do(mut self, to_do: impl Into<String>) -> Self {
        self.to_do = to_do.into();
        self
    }

    fn cause(&self) -> String {
        format!("{}/{}", self.topic.as_str(), self.about)
    }
}

/// Something to tell somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What it is about, the same in every message about it: `account/ensembledata`.
    pub cause: String,
    /// Whether it is over.
    pub resolved: bool,
    /// When this was found.
    pub at: Timestamp,
    /// Since when it is, or was, so.
    pub since: Timestamp,
    /// What is, or was, wrong.
    #[serde(flatten)]
    pub trouble: Trouble,
}

/// Three lines for people: what happened, what it cost, what to type.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trouble { topic, about, state, happened, cost, to_do, .. } = &self.trouble;
        let topic = topic.as_str();
        if self.resolved {
            return write!(
                f,
                "[resolved] {topic} {about}: no longer {state} (since {})\nIt was: {happened}",
                self.since
            );
        }
        write!(f, "[{state}] {topic} {about}: {happened}\nCost: {cost}\nNext: {to_do}")
    }
}

/// What is known about a cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    /// What was told last; `None` when that it is over, or nothing yet.
    told: Option<String>,
    /// What is wrong with it, or was.
    trouble: Trouble,
    /// Whether it is wrong now.
    wrong: bool,
    /// Since when it is as it is.
    since: Timestamp,
    /// Since when it has been wrong, whatever the state.
    opened: Timestamp,
    /// When messages were told, of the last day.
    messages: VecDeque<Timestamp>,
}

impl Known {
    /// How long a state has to last before it is told.
    fn settle(&self) -> Duration {
        let told = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        let least = if self.wrong { Duration::ZERO } else { CALM };
        match told.checked_sub(FREE) {
            None => least,
            Some(more) => SETTLE.saturating_mul(1 << more.min(16)).min(LONGEST),
        }
    }
}

/// Which causes are open, and what was told about them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alerts(BTreeMap<String, Known>);

impl Alerts {
    /// What there is to tell, when this is all that is wrong now.
    pub fn look(&mut self, now: Timestamp, wrong: &[Trouble]) -> Vec<Message> {
        let mut seen = std::collections::BTreeSet::new();
        for trouble in wrong {
            let cause = trouble.cause();
            // The worst state of a cause counts; among equals the first.
            if seen.contains(&cause)
                && self.0.get(&cause).is_some_and(|known| known.trouble.severity >= trouble.severity)
            {
                continue;
            }
            if self.0.len() >= MOST && !self.0.contains_key(&cause) {
                continue;
            }
            self.note(now, &cause, trouble);
            seen.insert(cause);
        }
        let mut messages = Vec::new();
        for (cause, known) in &mut self.0 {
            if known.wrong && !seen.contains(cause) {
                (known.wrong, known.since) = (false, now);
            }
            // After a clock that stepped back nothing waits for the old time to come again.
            known.since = known.since.min(now);
            known.messages.retain(|at| now.since(*at) < DAY && *at <= now);
            messages.extend(due(cause, known, now));
        }
        // What was over a day ago and is not spoken of any more is like new when it comes again.
        self.0.retain(|_, known| known.wrong || known.told.is_some() || !known.messages.is_empty());
        messages
    }

    fn note(&mut self, now: Timestamp, cause: &str, trouble: &Trouble) {
        match self.0.get_mut(cause) {
            None => {
                let known = Known {
                    told: None,
                    trouble: trouble.clone(),
                    wrong: true,
                    since: now,
                    opened: now,
                    messages: VecDeque::new(),
                };
                self.0.insert(cause.to_owned(), known);
            }
            Some(known) => {
                if !known.wrong || known.trouble.state != trouble.state {
                    known.since = now;
                }
                if !known.wrong && known.told.is_none() {
                    known.opened = now;
                }
                known.wrong = true;
                known.trouble = trouble.clone();
            }
        }
    }

    /// Whether something is wrong that somebody has to act on.
    pub fn is_serious(&self) -> bool {
        self.0.values().any(|known| known.wrong && known.trouble.severity == Severity::Error)
    }

    /// Everything that is wrong, by cause.
    pub fn open(&self) -> impl Iterator<Item = (&str, &Trouble)> {
        self.0.iter().filter(|(_, known)| known.wrong).map(|(cause, known)| (cause.as_str(), &known.trouble))
    }
}

/// The message about a cause, if it is time for one.
fn due(cause: &str, known: &mut Known, now: Timestamp) -> Option<Message> {
    let state = known.wrong.then(|| known.trouble.state.clone());
    if state == known.told || now.since(known.since) < known.settle() {
        return None;
    }
    let message = Message {
        cause: cause.to_owned(),
        resolved: !known.wrong,
        at: now,
        since: if known.wrong { known.since } else { known.opened },
        trouble: known.trouble.clone(),
    };
    known.told = state;
    known.messages.push_back(now);
    Some(message)
}

#[cfg(test)]
mod tests;
