//! The answers that a file brings with it, and whether what has to come of them does.

use collector_core::clock::Timestamp;
use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, Result};
use collector_core::source::Source;
use collector_core::task::{Outcome, Page, Payload, Task};
use serde::Serialize;
use serde_json::Value;

use super::config::{Example, Expect};
use super::pager::param;
use super::plan::{Kind, Stage};
use super::source::Declarative;
use super::{seed, unmatched};

/// When all examples came: 2026-01-31T12:30:00Z.
const AT: Timestamp = Timestamp::from_secs(1_769_862_600);

/// What an example asks for that does not say.
const SUBJECT: &str = "example";

/// What came of one example.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Tried {
    /// Its number in the file, from 1.
    pub number: usize,
    /// The kind of call.
    pub call: String,
    /// What is not as expected; none when all is.
    pub faults: Vec<String>,
    /// Paths that lead nowhere in its answer.
    pub unmatched: Vec<super::Unmatched>,
}

/// An answer of the file, and the tasks it answers.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The tasks of the call.
    pub tasks: Vec<Task>,
    /// The answer.
    pub payload: Payload,
}

impl Declarative {
    /// The file's examples: the tasks and the answer of each, in order.
    pub fn answers(&self) -> Vec<Answered> {
        self.plan
            .examples
            .iter()
            .filter_map(|example| Some(self.answered(self.kind(example)?, example)))
            .collect()
    }

    /// Tries the file's examples. Asks nobody.
    pub fn examples(&self) -> Vec<Tried> {
        self.plan
            .examples
            .iter()
            .enumerate()
            .map(|(number, example)| self.example(number + 1, example))
            .collect()
    }

    fn kind(&self, example: &Example) -> Option<&Kind> {
        match &*example.call {
            "" => self.plan.kinds.first(),
            name => self.plan.kind(name),
        }
    }

    fn example(&self, number: usize, example: &Example) -> Tried {
        let Some(kind) = self.kind(example) else {
            // Refused when the file was read.
            return Tried { number, call: example.call.clone(), faults: Vec::new(), unmatched: Vec::new() };
        };
        let Answered { tasks, payload } = self.answered(kind, example);
        let faults = compared(&example.expect, &self.parse(&tasks, &payload));
        let unmatched = unmatched::unmatched(kind, &payload, &self.parser.secrets);
        // What answers nobody has no items that a path could be in.
        let people = example.expect.creators.is_some() || example.expect.count.is_some_and(|count| count > 0);
        let unmatched = if people { unmatched } else { Vec::new() };
        Tried { number, call: kind.name.to_string(), faults, unmatched }
    }

    fn answered(&self, kind: &Kind, example: &Example) -> Answered {
        let one = vec![SUBJECT.to_owned()];
        let subjects = if example.subjects.is_empty() { &one } else { &example.subjects };
        let task = |subject: &String| {
            let task = seed::task(&self.plan, &self.name().into(), kind, subject);
            match kind.stage {
                Stage::Poll(_) | Stage::Download { .. } => {
                    task.param(param::JOB, "job").param(param::SINCE, (AT.as_secs() - 60).to_string())
                }
                _ => task,
            }
        };
        let mut payload = Payload::new(example.answer.clone().into_bytes(), AT);
        payload.status = example.status.unwrap_or(200);
        let headers = example.headers.iter();
        payload.headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        Answered { tasks: subjects.iter().map(task).collect(), payload }
    }
}

/// What is not as expected.
fn compared(expect: &Expect, said: &Result<Page<CreatorSighting>>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut differs = |what: &str, expected: String, found: String| {
        if expected != found {
            faults.push(format!("{what}: expected {expected}, found {found}"));
        }
    };
    if let Some(outcome) = &expect.outcome {
        differs("outcome", outcome.clone(), outcome_of(said));
    }
    let page = match said {
        Ok(page) => page,
        Err(error) => {
            if expect.outcome.is_none() {
                differs("outcome", "an answer".to_owned(), explained(error));
            }
            return faults;
        }
    };
    if let Some(count) = expect.count {
        differs("count", count.to_string(), page.items.len().to_string());
    }
    if let Some(malformed) = expect.malformed {
        let found: Vec<String> =
            page.malformed.iter().map(|part| format!("{}: {}", part.part, part.reason)).collect();
        if found.len() != malformed {
            differs("malformed", malformed.to_string(), format!("{} {found:?}", found.len()));
        }
    }
    if let Some(units) = expect.units {
        differs(
            "units",
            units.to_string(),
            page.cost.map_or("unknown".to_owned(), |cost| cost.units.to_string()),
        );
    }
    if let Some(follow_ups) = &expect.follow_ups {
        // The source is named by the configuration, not by the file.
        let shown = |task: &Task| {
            let whole = task.to_string();
            whole.split_once('/').map_or(whole.clone(), |(_, task)| task.to_owned())
        };
        let found: Vec<String> = page.follow_ups.iter().map(shown).collect();
        differs("follow_ups", format!("{follow_ups:?}"), format!("{found:?}"));
    }
    if let Some(creators) = &expect.creators {
        differs("creators", creators.len().to_string(), page.items.len().to_string());
        for (number, (expected, item)) in creators.iter().zip(&page.items).enumerate() {
            let item = serde_json::to_value(item).unwrap_or_default();
            for (name, value) in expected {
                let expected = serde_json::to_value(value).unwrap_or_default();
                let found = item.get(name).cloned().unwrap_or_default();
                if !same(&expected, &found) {
                    differs(&format!("creators[{number}].{name}"), expected.to_string(), found.to_string());
                }
            }
        }
    }
    faults
}

/// Whether the found value is the expected one; of an object only what is expected counts.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.iter().all(|(name, value)| same(value, found.get(name).unwrap_or(&Value::Null)))
        }
        // TOML has no `null`: an empty text says that nothing is known.
        (Value::String(text), Value::Null) => text.is_empty(),
        (expected, found) => expected == found,
    }
}

fn outcome_of(said: &Result<Page<CreatorSighting>>) -> String {
    match said {
        Err(error) => error.kind().to_string(),
        Ok(page) => match page.outcomes.first() {
            Some(Outcome::Done) => "done".to_owned(),
            Some(Outcome::Later { .. }) => "later".to_owned(),
            Some(Outcome::Absent(absence)) => absence.as_str().to_owned(),
            Some(Outcome::Failed(error)) => error.kind().to_string(),
            Some(Outcome::Restart(_)) | None => "restart".to_owned(),
        },
    }
}

fn explained(error: &Error) -> String {
    format!("{}: {error}", error.kind())
}
