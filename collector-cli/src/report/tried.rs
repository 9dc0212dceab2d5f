//! What `collector try` prints.

use collector_core::creator::{CreatorSighting, Field};
use collector_core::error::{Error, ErrorChain};
use collector_core::source::CallSpec;
use collector_core::task::{Cost, Malformed, Outcome, Page, Payload, Task};
use collector_core::trace::Trace;
use serde::Serialize;
use serde_json::Value;

use super::{Rows, aligned, count, number, plain, took};
use crate::exit::Exit;

/// Longest value shown, in characters.
const LONGEST_VALUE: usize = 60;

/// Follow-up tasks and unused values shown to people; JSON has them all.
const MOST_SHOWN: usize = 20;

/// One call, and where every value of its answer went.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct TryReport {
    /// How the command ends.
    pub exit: &'static str,
    /// What was asked for.
    pub task: String,
    /// The requests that were sent, secrets masked; none when a kept answer was read.
    pub requests: Vec<String>,
    /// What came; null when no answer came.
    pub answer: Option<TryAnswer>,
    /// Units and requests the call cost, as the answer or the price list says; null when neither does.
    pub cost: Option<Cost>,
    /// What a call of this kind can cost at most.
    pub worst_cost: Cost,
    /// Why there is no usable answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<&'static str>,
    /// What became of the task: `done`, `absent: not_found` …
    pub outcome: Option<String>,
    /// People in the answer.
    pub items: usize,
    /// The tasks that follow.
    pub follow_ups: Vec<String>,
    /// Parts of the answer that could not be understood.
    pub malformed: Vec<Malformed>,
    /// Paths of the source's file that lead nowhere in the answer, with what they were tried on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmatched: Vec<String>,
    /// Where each field came from, and what nobody maps.
    pub trace: Option<Trace>,
    /// Why nothing could be traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untraced: Option<String>,
    /// Fields of a creator that nobody in the answer has.
    pub stayed_empty: Vec<&'static str>,
}

/// What came.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct TryAnswer {
    /// The status.
    pub status: u16,
    /// The kept headers.
    pub headers: Vec<(String, String)>,
    /// The size of the body.
    pub bytes: usize,
    /// Milliseconds the exchange took.
    pub took_ms: u64,
}

impl TryAnswer {
    pub(crate) fn new(payload: &Payload) -> Self {
        Self {
            status: payload.status,
            headers: payload.headers.clone(),
            bytes: payload.body.len(),
            took_ms: u64::try_from(payload.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl TryReport {
    pub(crate) fn new(task: &Task, spec: &CallSpec, requests: Vec<String>) -> Self {
        Self {
            exit: Exit::Complete.as_str(),
            task: task.to_string(),
            requests,
            answer: None,
            cost: None,
            worst_cost: spec.worst_cost,
            error: None,
            advice: None,
            outcome: None,
            items: 0,
            follow_ups: Vec::new(),
            malformed: Vec::new(),
            unmatched: Vec::new(),
            trace: None,
            untraced: None,
            stayed_empty: Vec::new(),
        }
    }

    /// Notes that there is no usable answer; tells how the command ends.
    pub(crate) fn failed(&mut self, error: &Error) -> Exit {
        self.error = Some(ErrorChain(error).to_string());
        self.advice = Some(super::check::advice(error.kind()));
        let exit = match Exit::of_error(error.kind()) {
            // Nothing of ours failed: the vendor's answer is missing.
            Exit::Aborted => Exit::Partial,
            exit => exit,
        };
        self.exit = exit.as_str();
        exit
    }

    /// Notes what the answer says.
    pub(crate) fn page(&mut self, page: &Page<CreatorSighting>) {
        self.cost = page.cost;
        self.outcome = page.outcomes.first().map(outcome);
        self.items = page.items.len();
        self.follow_ups = page.follow_ups.iter().map(ToString::to_string).collect();
        self.malformed.clone_from(&page.malformed);
        let nobody = |field: &&Field| !page.items.iter().any(|item| has(item, **field));
        // Former handles are not in any answer: they come about by merging.
        let fields = Field::ALL.iter().filter(|field| **field != Field::FormerHandles);
        self.stayed_empty = fields.filter(nobody).map(|field| field.name()).collect();
    }

    /// How the command ends: a task that failed is partial, "nobody of that name" is an answer.
    pub(crate) fn exit(&mut self, page: &Page<CreatorSighting>) -> Exit {
        let failed = page.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed(_)));
        let exit = if failed { Exit::Partial } else { Exit::Complete };
        self.exit = exit.as_str();
        exit
    }

    /// What people read.
    pub fn text(&self) -> String {
        let mut text = aligned(0, &self.head());
        if let Some(trace) = &self.trace {
            text.push_str(&traced(trace));
        }
        if !self.stayed_empty.is_empty() && self.outcome.is_some() {
            text.push_str(&format!("\nStayed empty: {}\n", self.stayed_empty.join(", ")));
        }
        text
    }

    fn head(&self) -> Rows {
        let mut rows: Rows = vec![row("task", plain(&self.task))];
        rows.extend(self.requests.iter().map(|request| row("request", plain(request))));
        if let Some(answer) = &self.answer {
            let time = took(std::time::Duration::from_millis(answer.took_ms));
            let sent = if self.requests.is_empty() { "kept".to_owned() } else { format!("in {time}") };
            let bytes = count(answer.bytes as u64, "byte", "bytes");
            rows.push(row("answer", format!("status {}, {bytes}, {sent}", answer.status)));
            let units = |cost: Cost| count(cost.units, "unit", "units");
            let most = format!("at most {}", units(self.worst_cost));
            rows.push(row(
                "cost",
                self.cost.map_or(most.clone(), |cost| format!("{} ({most})", units(cost))),
            ));
        }
        rows.extend(self.error.iter().map(|error| row("failed", plain(error))));
        rows.extend(self.advice.iter().map(|advice| row("what to do", (*advice).to_owned())));
        if let Some(outcome) = &self.outcome {
            rows.push(row("outcome", outcome.clone()));
            rows.push(row("people", number(self.items as u64)));
        }
        let shown = self.follow_ups.iter().take(MOST_SHOWN);
        rows.extend(shown.map(|task| row("follows", plain(task))));
        rows.extend(more(self.follow_ups.len()).map(|more| row("", more)));
        let malformed = |part: &Malformed| format!("{}: {}", plain(&part.part), plain(&part.reason));
        rows.extend(self.malformed.iter().map(|part| row("malformed", malformed(part))));
        rows.extend(self.unmatched.iter().map(|lost| row("no match", plain(lost))));
        rows.extend(self.untraced.iter().map(|why| row("not traced", plain(why))));
        rows
    }
}

/// Whether somebody in the answer has this field.
fn has(item: &CreatorSighting, field: Field) -> bool {
    match field {
        Field::Posts => !item.posts.is_empty(),
        Field::Extra => !item.extra.is_empty(),
        stated => stated.stated_by(item).is_some(),
    }
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Absent(absence) => format!("absent: {}", absence.as_str()),
        Outcome::Later { at } => format!("ask again at {at}"),
        Outcome::Restart(task) => format!("begin again with {task}"),
        Outcome::Failed(error) => format!("failed: {}", ErrorChain(error)),
    }
}

fn traced(trace: &Trace) -> String {
    let mut text = "\nField and value, and where in the answer it comes from\n".to_owned();
    let from = |field: &collector_core::trace::Traced| {
        let mut from = field.from.join(", ");
        if !field.else_from.is_empty() {
            from.push_str(&format!(", else {}", field.else_from.join(", ")));
        }
        vec![plain(&field.field), shown(&field.value), format!("← {}", plain(&from))]
    };
    text.push_str(&aligned(2, &trace.fields.iter().map(from).collect::<Rows>()));
    let values: usize = trace.unused.iter().map(|unused| unused.values).sum();
    if values > 0 {
        text.push_str(&format!("\nNobody maps {}\n", count(values as u64, "value", "values")));
    }
    let unused = |unused: &collector_core::trace::Unused| {
        let value = if unused.value.is_null() {
            count(unused.values as u64, "value", "values")
        } else {
            shown(&unused.value)
        };
        vec![plain(&unused.path), value]
    };
    let mut rows: Rows = trace.unused.iter().take(MOST_SHOWN).map(unused).collect();
    rows.extend(more(trace.unused.len()).map(|more| vec![more]));
    text.push_str(&aligned(2, &rows));
    let notes = [
        (trace.empty > 0, format!("{} hold nothing", count(trace.empty as u64, "value", "values"))),
        (trace.cut, "lists were looked at up to their third element".to_owned()),
        (!trace.complete, "the answer is too large to try every value: paths may be missing".to_owned()),
    ];
    for (_, note) in notes.into_iter().filter(|(is, _)| *is) {
        text.push_str(&format!("  ({note})\n"));
    }
    text
}

/// What is not shown of so many.
fn more(many: usize) -> Option<String> {
    let hidden = many.checked_sub(MOST_SHOWN).filter(|hidden| *hidden > 0)?;
    Some(format!("… and {} more; --json has them all", number(hidden as u64)))
}

/// A value, short and on one line.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => plain(text),
        other => other.to_string(),
    };
    if text.chars().count() <= LONGEST_VALUE {
        return text;
    }
    text.chars().take(LONGEST_VALUE).chain(['…']).collect()
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}
