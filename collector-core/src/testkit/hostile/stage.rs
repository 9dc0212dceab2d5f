//! A source, a server that plays the vendor, and a search followed to its end.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::super::case::{Checked, Violation, ensure};
use super::super::server::{Answer, ScriptServer, Seen};
use super::{HostileHarness, Recording, Token};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::id::RunId;
use crate::source::Source;
use crate::task::{Outcome, Page, Payload, Task};

/// The deadline of a call that should be answered.
pub(super) const CALL: Duration = Duration::from_secs(30);

/// The deadline of a call that never is.
pub(super) const SHORT: Duration = Duration::from_millis(300);

/// The most a call may outlast its deadline or its stop signal: much, because machines are busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Calls after which a search is endless.
const MOST_CALLS: usize = 50;

/// One call, and what came of it.
pub(super) struct Step {
    pub(super) tasks: Vec<Task>,
    /// The call of the same kind that led to it.
    pub(super) after: Option<usize>,
    /// The answer it got, by its number in the recording.
    pub(super) number: usize,
    /// The keys of its items.
    pub(super) keys: BTreeSet<String>,
    /// The failure of the call, or of one of its tasks.
    pub(super) failed: Option<Error>,
    /// A follow-up that had been asked already, or came twice.
    pub(super) back: Option<Task>,
}

/// A search followed until nothing is open.
pub(super) struct Walk {
    pub(super) steps: Vec<Step>,
    /// Whether it came to an end.
    pub(super) ended: bool,
}

impl Walk {
    pub(super) fn keys(&self) -> BTreeSet<String> {
        self.steps.iter().flat_map(|step| step.keys.iter().cloned()).collect()
    }

    /// It ended, and no call failed.
    pub(super) fn must_be_whole(&self, when: &str) -> Checked {
        for step in &self.steps {
            if let Some(error) = &step.failed {
                return Err(Violation::new(format!("{when}: {} failed: {error:?}", shown(&step.tasks))));
            }
        }
        ensure!(self.ended, "{when}: the search does not end");
        Ok(())
    }
}

pub(super) struct Stage<'h, H: HostileHarness + ?Sized> {
    pub(super) harness: &'h H,
    pub(super) server: ScriptServer,
    pub(super) source: Arc<dyn Source<Item = H::Item>>,
    recording: Arc<Recording>,
    /// The calls of the recording, played as it is.
    pub(super) steps: Vec<Step>,
}

impl<'h, H: HostileHarness + ?Sized> Stage<'h, H> {
    /// Plays the recording as it is; everything in it must be read.
    pub(super) async fn set(harness: &'h H) -> Checked<Self> {
        let server = ScriptServer::start().await;
        let server =
            server.map_err(|error| Violation::new(format!("no port for the scripted server: {error}")))?;
        let recording = harness.recording();
        for (path, answer) in &recording.beside {
            server.route(path.clone(), answer.clone());
        }
        if let Token::Renewed { path, answers, .. } = harness.token() {
            let [first, _] = *answers;
            server.route(path, first);
        }
        let source = harness.source(&server.url());
        let mut stage = Self { harness, server, source, recording: Arc::new(recording), steps: Vec::new() };
        let walk = stage.walk(|_, _, answer| answer).await?;
        walk.must_be_whole("the recording as it is")?;
        ensure!(!walk.keys().is_empty(), "the recording as it is shows nobody");
        stage.steps = walk.steps;
        Ok(stage)
    }

    /// Plays the recording, each answer changed by `spoil`, from now on.
    fn play(
        &self,
        spoil: impl Fn(usize, &Seen, Answer) -> Answer + Send + Sync + 'static,
    ) -> Arc<Mutex<Played>> {
        let played = Arc::new(Mutex::new(Played::default()));
        let (recording, noted) = (Arc::clone(&self.recording), Arc::clone(&played));
        self.server.respond(move |seen| {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            let number = recording.number_for(seen);
            let Some((number, answer)) = number.and_then(|n| Some((n, recording.numbered(n)?.clone())))
            else {
                noted.unknown.get_or_insert_with(|| format!("{} {}", seen.method, seen.path()));
                return Answer::status(404);
            };
            noted.last = Some(number);
            spoil(number, seen, answer)
        });
        played
    }

    /// Follows the query to its end, with each answer changed by `spoil`.
    pub(super) async fn walk(
        &self,
        spoil: impl Fn(usize, &Seen, Answer) -> Answer + Send + Sync + 'static,
    ) -> Checked<Walk> {
        let played = self.play(spoil);
        let roots = self.source.seed(&self.harness.query());
        let roots = roots.map_err(|error| Violation::new(format!("`seed` failed: {error:?}")))?;
        ensure!(!roots.is_empty(), "the harness's query seeds nothing");
        let mut known: HashSet<_> = roots.iter().map(|task| task.id(RunId(1))).collect();
        let mut open: VecDeque<(Option<usize>, Task)> = roots.into_iter().map(|task| (None, task)).collect();
        let mut walk = Walk { steps: Vec::new(), ended: false };
        while let Some((from, task)) = open.pop_front() {
            if walk.steps.len() == MOST_CALLS {
                return Ok(walk);
            }
            let tasks = batch(task, &mut open, |kind| self.source.call(kind).tasks);
            let said = self.call(&tasks).await;
            let mut played = played.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(request) = &played.unknown {
                return Err(Violation::new(format!("the recording has no answer for {request}")));
            }
            let number = played.last.take();
            let number = number.ok_or_else(|| {
                Violation::new(format!("{} sent no request: {}", shown(&tasks), describe(&said)))
            })?;
            let after = from.filter(|step| {
                walk.steps[*step].tasks.first().map(Task::kind) == tasks.first().map(Task::kind)
            });
            let mut step = Step { tasks, after, number, keys: BTreeSet::new(), failed: None, back: None };
            match said {
                Err(error) => step.failed = Some(error),
                Ok(page) => {
                    step.keys = self.keys(&page);
                    let at = walk.steps.len();
                    for task in page.follow_ups {
                        if known.insert(task.id(RunId(1))) {
                            open.push_back((Some(at), task));
                        } else {
                            step.back = Some(task);
                        }
                    }
                    for (task, outcome) in step.tasks.iter().zip(page.outcomes) {
                        match outcome {
                            Outcome::Failed(error) => step.failed = Some(error),
                            Outcome::Later { .. } => open.push_back((None, task.clone())),
                            Outcome::Restart(task) => open.push_back((None, task)),
                            Outcome::Done | Outcome::Absent(_) => {}
                        }
                    }
                }
            }
            walk.steps.push(step);
        }
        walk.ended = true;
        Ok(walk)
    }

    /// One call of a step, with its answers changed by `spoil`.
    pub(super) async fn ask(
        &self,
        step: &Step,
        spoil: impl Fn(Answer) -> Answer + Send + Sync + 'static,
    ) -> Result<Page<H::Item>> {
        self.play(move |_, _, answer| spoil(answer));
        self.call(&step.tasks).await
    }

    /// The same, where the request decides, too.
    pub(super) async fn ask_seeing(
        &self,
        step: &Step,
        spoil: impl Fn(&Seen, Answer) -> Answer + Send + Sync + 'static,
    ) -> Result<Page<H::Item>> {
        self.play(move |_, seen, answer| spoil(seen, answer));
        self.call(&step.tasks).await
    }

    /// One exchange of a step, with its answers changed by `spoil`.
    pub(super) async fn fetch(
        &self,
        step: &Step,
        deadline: Duration,
        spoil: impl Fn(Answer) -> Answer + Send + Sync + 'static,
    ) -> Checked<Result<Payload>> {
        self.play(move |_, _, answer| spoil(answer));
        let cx = context(deadline);
        let ended = tokio::time::timeout(deadline + PATIENCE, self.source.fetch(&cx, &step.tasks)).await;
        ended.map_err(|_| {
            Violation::new(format!("{} with {deadline:?} to go did not end", shown(&step.tasks)))
        })
    }

    async fn call(&self, tasks: &[Task]) -> Result<Page<H::Item>> {
        let payload = self.source.fetch(&context(CALL), tasks).await?;
        self.source.parse(tasks, &payload)
    }

    pub(super) fn keys(&self, page: &Page<H::Item>) -> BTreeSet<String> {
        page.items.iter().map(|item| self.harness.key(item)).collect()
    }

    /// The answer of a step, as it was recorded.
    pub(super) fn recorded(&self, step: &Step) -> Checked<Answer> {
        let answer = self.recording.numbered(step.number).cloned();
        answer.ok_or_else(|| Violation::new("the recording lost an answer"))
    }

    pub(super) fn document(&self, step: &Step) -> Checked<Option<Value>> {
        Ok(self.harness.document(&self.recorded(step)?))
    }

    /// The answer of a step with another document, as a payload that `parse` can be given.
    pub(super) fn payload_with(&self, step: &Step, document: &Value) -> Checked<Payload> {
        let answer = self.harness.with_document(&self.recorded(step)?, document);
        Ok(payload(&answer))
    }

    /// The pointer to the rows.
    pub(super) fn rows(&self) -> Checked<&'static str> {
        self.harness
            .rows()
            .ok_or_else(|| Violation::new("the harness does not say where the rows are: implement `rows`"))
    }

    /// The first two pages of a list.
    pub(super) fn pages(&self) -> Checked<[&Step; 2]> {
        let second = self.steps.iter().find(|step| step.after.is_some());
        let first = second.and_then(|step| self.steps.get(step.after?));
        match (first, second) {
            (Some(first), Some(second)) => Ok([first, second]),
            _ => Err(Violation::new("no call of the recording leads to another page of the same kind")),
        }
    }

    /// Parses, where a panic is a violation.
    pub(super) fn parse(&self, step: &Step, payload: &Payload, what: &str) -> Checked<Result<Page<H::Item>>> {
        let parse = || self.source.parse(&step.tasks, payload);
        let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(parse));
        let said = said.map_err(|_| Violation::new(format!("`parse` panicked on {what}")))?;
        if let Ok(page) = &said {
            let (tasks, outcomes) = (step.tasks.len(), page.outcomes.len());
            ensure!(tasks == outcomes, "{tasks} tasks, {outcomes} outcomes on {what}");
        }
        Ok(said)
    }
}

#[derive(Default)]
struct Played {
    /// The number of the answer given last.
    last: Option<usize>,
    /// The first request nothing was recorded for.
    unknown: Option<String>,
}

/// As many open tasks of one kind as a call serves.
fn batch(first: Task, open: &mut VecDeque<(Option<usize>, Task)>, size: impl Fn(&str) -> usize) -> Vec<Task> {
    let size = size(first.kind());
    let mut tasks = vec![first];
    while tasks.len() < size && open.front().is_some_and(|(_, next)| next.kind() == tasks[0].kind()) {
        tasks.extend(open.pop_front().map(|(_, task)| task));
    }
    tasks
}

pub(super) fn context(deadline: Duration) -> Context {
    Context::detached().for_call("hostile".into(), CancellationToken::new(), deadline)
}

/// An answer as a source would have kept it.
pub(super) fn payload(answer: &Answer) -> Payload {
    let mut payload = Payload::new(answer.body.clone(), crate::clock::Timestamp::from_secs(1_795_359_599));
    payload.status = answer.status;
    payload.headers = answer.headers.clone();
    payload
}

/// What a call came to.
#[derive(Debug)]
pub(super) enum Verdict<'a> {
    /// It failed, as a whole or for one task at least.
    Failed(&'a Error),
    /// An answer: there is nothing.
    Absent,
    /// An answer.
    Done,
}

pub(super) fn verdict<I>(said: &Result<Page<I>>) -> Verdict<'_> {
    let page = match said {
        Err(error) => return Verdict::Failed(error),
        Ok(page) => page,
    };
    let failed = page.outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Failed(error) => Some(error),
        _ => None,
    });
    match failed {
        Some(error) => Verdict::Failed(error),
        None if page.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Absent(_))) => Verdict::Absent,
        None => Verdict::Done,
    }
}

/// The call failed with one of these kinds.
pub(super) fn must_fail<'a, I>(
    said: &'a Result<Page<I>>,
    kinds: &[ErrorKind],
    what: &str,
) -> Checked<&'a Error> {
    match verdict(said) {
        Verdict::Failed(error) if kinds.contains(&error.kind()) => Ok(error),
        _ => {
            let wanted: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
            Err(Violation::new(format!("{what} must be {}, was {}", wanted.join(" or "), describe(said))))
        }
    }
}

pub(super) fn describe<I>(said: &Result<Page<I>>) -> String {
    match said {
        Err(error) => format!("{error:?}"),
        Ok(page) => {
            let (items, outcomes) = (page.items.len(), &page.outcomes);
            format!("a page with {items} items and the outcomes {outcomes:?}")
        }
    }
}

pub(super) fn shown(tasks: &[Task]) -> String {
    match tasks {
        [first, rest @ ..] if !rest.is_empty() => format!("the call for {first} and {} more", rest.len()),
        [first, ..] => format!("the call for {first}"),
        [] => "a call for nothing".to_owned(),
    }
}
