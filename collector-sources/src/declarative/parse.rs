//! Bytes to pages. Pure: the same stored answer reads the same next year.

use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::fingerprint::Volatile;
use collector_core::id::{Digest, Name};
use collector_core::task::{Absence, Cost, Outcome, Page, Payload, Task};
use url::Url;

use super::error::{judge, shortened, unreadable};
use super::pager::{Turn, number, param};
use super::plan::{Kind, Plan, Polling, Stage};
use super::reader::{Document, Row};
use super::request::{next_url, unusable};
use super::seed;
use super::subject::Subject;
use crate::http::Secret;
use crate::values::answer::body;

/// Longer ids of jobs are none.
const LONGEST_JOB: usize = 1_024;

/// What reading depends on besides the answer.
#[derive(Debug)]
pub(super) struct Parser {
    pub(super) volatile: Volatile,
    pub(super) secrets: Vec<Secret>,
    /// The query parameter that carries the credential.
    pub(super) parameter: Option<String>,
}

/// The kind of these tasks.
pub(super) fn kind_of<'p>(plan: &'p Plan, tasks: &[Task]) -> Result<&'p Kind> {
    let first = tasks.first().ok_or_else(|| unusable("there is none"))?;
    if tasks.iter().any(|task| task.kind() != first.kind()) {
        return Err(unusable("the call's tasks are of several kinds"));
    }
    plan.kind(first.kind()).ok_or_else(|| {
        let message = "the source's file has no call of this kind any more: put it back, or discard the task";
        Error::new(ErrorKind::Rejected, message).with("kind", first.kind())
    })
}

impl Parser {
    /// Reads the answer to `tasks`.
    ///
    /// # Errors
    /// When the whole answer is a failure.
    pub(super) fn read(
        &self,
        plan: &Plan,
        tasks: &[Task],
        payload: &Payload,
    ) -> Result<Page<CreatorSighting>> {
        let kind = kind_of(plan, tasks)?;
        let body = body(payload);
        let document = kind.reader.read(body, &self.volatile);
        match judge(&kind.rules, payload, document.as_ref().ok(), &self.secrets) {
            Some(Ok(absence)) => return Ok(absent(plan, kind, tasks, payload, document.ok(), absence)),
            Some(Err(error)) => return Err(submitted_perhaps(kind, payload, error)),
            None => {}
        }
        let document = match document {
            Ok(document) => document,
            Err(error) => return Err(submitted_perhaps(kind, payload, unreadable(payload, &error))),
        };
        let mut page = Page::answering(tasks.len(), document.print);
        page.cost = Some(charged(plan, payload).unwrap_or_else(|| kind.price.of(document.rows.count)));
        match &kind.stage {
            Stage::Submit { id, poll, every } => {
                let job = job_id(&document, *id)?;
                let since = payload.at.as_secs().to_string();
                let next = later(&tasks[0], poll).param(param::JOB, job).param(param::SINCE, since);
                page.follow_ups.push(next.not_before(payload.at + *every));
            }
            Stage::Poll(polling) => {
                if let Some(outcome) = page.outcomes.first_mut() {
                    *outcome =
                        self.poll(kind, polling, &tasks[0], payload, &document, &mut page.follow_ups)?;
                }
            }
            Stage::Plain | Stage::Download { .. } => {
                self.people(plan, kind, tasks, payload, document, &mut page)?
            }
        }
        Ok(page)
    }

    /// What a job's state means.
    fn poll(
        &self,
        kind: &Kind,
        polling: &Polling,
        task: &Task,
        payload: &Payload,
        document: &Document,
        follow_ups: &mut Vec<Task>,
    ) -> Result<Outcome> {
        let text = |slot: usize| document.seen.get(slot).and_then(|seen| seen.scalar()?.text());
        let Some(status) = text(polling.status) else {
            let message = "the answer has no state of the job";
            return Err(Error::new(ErrorKind::Malformed, message).with("call", &kind.call));
        };
        if polling.ready.iter().any(|ready| *ready == status) {
            let mut next = later(task, &polling.download);
            if let Some(slot) = polling.url {
                let url = text(slot).filter(|url| !url.is_empty() && url.len() <= 8 * LONGEST_JOB);
                let url =
                    url.ok_or_else(|| Error::new(ErrorKind::Malformed, "the finished job has no address"))?;
                next = next.param(param::URL, url);
            }
            follow_ups.push(next);
            return Ok(Outcome::Done);
        }
        let status = shortened(&status, &self.secrets);
        if polling.failed.contains(&status) {
            let error = Error::new(ErrorKind::Rejected, "the vendor's job has failed").with("state", status);
            return Ok(Outcome::Failed(error));
        }
        let since = number(task, param::SINCE)?.and_then(|secs| i64::try_from(secs).ok());
        let waited = since.map(|since| payload.at.since(collector_core::clock::Timestamp::from_secs(since)));
        if waited.is_some_and(|waited| waited >= polling.give_up_after) {
            let message =
                "the vendor's job was not ready in time; raise `give_up_after` if it may take longer";
            return Ok(Outcome::Failed(Error::new(ErrorKind::Rejected, message).with("state", status)));
        }
        Ok(Outcome::Later { at: payload.at + polling.every })
    }

    fn people(
        &self,
        plan: &Plan,
        kind: &Kind,
        tasks: &[Task],
        payload: &Payload,
        document: Document,
        page: &mut Page<CreatorSighting>,
    ) -> Result<()> {
        let Document { seen, rows, items, .. } = document;
        if items.is_none() && !kind.may_lack_items {
            let path = kind.reader.items().map(|(path, _)| path.to_string()).unwrap_or_default();
            let message = "the answer has no place where creators could be";
            return Err(Error::new(ErrorKind::Malformed, message)
                .with("items", path)
                .with("call", &kind.call));
        }
        let count = rows.count;
        page.malformed = rows.malformed;
        // Nothing of it could be used: that is no answer.
        let useless = rows.rows.is_empty() && count > 0;
        let failed = |page: &Page<CreatorSighting>| {
            let first = page.malformed.first().map(|part| format!("{}: {}", part.part, part.reason));
            let message = format!("no item of the answer can be used; {}", first.unwrap_or_default());
            Error::new(ErrorKind::Malformed, message)
        };
        if kind.batch.is_some() {
            self.batch(kind, tasks, rows.rows, page);
            if useless {
                let outcomes: Vec<Outcome> = tasks.iter().map(|_| Outcome::Failed(failed(page))).collect();
                page.outcomes = outcomes;
            }
            return Ok(());
        }
        let task = &tasks[0];
        let person = kind.subject.as_ref().filter(|subject| subject.is_person());
        let mut about_another = person.is_some() && kind.paging.is_none() && count > 0;
        page.items.reserve(rows.rows.len());
        for Row { mut item, .. } in rows.rows {
            if let Some(subject) = person {
                about_another &= !is_about(subject, task.subject(), &item);
                name(subject, task.subject(), &mut item);
            }
            page.items.push(item);
        }
        if useless {
            let error = failed(page);
            page.outcomes = vec![Outcome::Failed(error)];
            return Ok(());
        }
        if person.is_some() && kind.paging.is_none() && (count == 0 || about_another) {
            page.outcomes = vec![Outcome::Absent(Absence::NotFound)];
        }
        self.then(plan, kind, task, page);
        if let Some(pager) = &kind.paging {
            let url = self.url(plan, kind, tasks)?;
            let secret = self.parameter.as_deref();
            match pager.next(&Turn { task, seen: &seen, rows: count, payload, url: &url, secret }) {
                Ok(next) => page.follow_ups.extend(next),
                Err(error) => page.outcomes = vec![Outcome::Failed(error)],
            }
        }
        Ok(())
    }

    /// The address that an answer's own addresses count from.
    fn url(&self, plan: &Plan, kind: &Kind, tasks: &[Task]) -> Result<Url> {
        match tasks.first().and_then(|task| task.get(param::NEXT)) {
            Some(next) => next_url(&plan.base, next),
            None => kind.form.url(&plan.base, tasks),
        }
    }

    fn batch(&self, kind: &Kind, tasks: &[Task], rows: Vec<Row>, page: &mut Page<CreatorSighting>) {
        page.outcomes.fill_with(|| Outcome::Absent(Absence::NotFound));
        let same = |a: &str, b: &str| kind.subject.as_ref().map_or(a == b, |subject| subject.same(a, b));
        for Row { mut item, matched, .. } in rows {
            let of = matched.and_then(|matched| tasks.iter().position(|task| same(task.subject(), &matched)));
            if let Some((task, outcome)) =
                of.and_then(|at| Some((tasks.get(at)?, page.outcomes.get_mut(at)?)))
            {
                *outcome = Outcome::Done;
                if let Some(subject) = &kind.subject {
                    name(subject, task.subject(), &mut item);
                }
            }
            page.items.push(item);
        }
        // A row of a batch that cannot be used says in its place whose it was only when it is matched: the others of
        // the call are answered, and whoever is missing then is not found, as when the row had not come.
        if !page.malformed.is_empty() {
            for outcome in page.outcomes.iter_mut().filter(|outcome| matches!(outcome, Outcome::Absent(_))) {
                let message = "nobody came back for it, and some items of the answer cannot be used";
                *outcome = Outcome::Failed(Error::new(ErrorKind::Malformed, message));
            }
        }
    }

    /// Looks up everybody found, unless the query does not want it.
    fn then(&self, plan: &Plan, kind: &Kind, task: &Task, page: &mut Page<CreatorSighting>) {
        let wanted = task.get(param::HYDRATE) != Some("false");
        let Some(then) = kind.then.as_ref().filter(|_| wanted).and_then(|then| plan.kind(then)) else {
            return;
        };
        let mut known = std::collections::BTreeSet::new();
        for item in &page.items {
            let subject = match then.subject {
                Some(Subject::Uid) => item.uid.as_deref(),
                Some(Subject::SecUid) => item.sec_uid.as_deref(),
                Some(Subject::Handle) => item.handle.as_deref(),
                _ => None,
            };
            if let Some(subject) = subject
                && known.insert(subject)
            {
                page.follow_ups.push(seed::task(plan, task.source(), then, subject));
            }
        }
    }
}

/// The answer that there is nobody; it need not be JSON.
fn absent(
    plan: &Plan,
    kind: &Kind,
    tasks: &[Task],
    payload: &Payload,
    document: Option<Document>,
    absence: Absence,
) -> Page<CreatorSighting> {
    let print = document.map_or_else(|| Digest::of(&payload.body), |document| document.print);
    let mut page = Page::answering(tasks.len(), print);
    page.outcomes.fill_with(|| Outcome::Absent(absence));
    page.cost = Some(charged(plan, payload).unwrap_or_else(|| kind.price.of(0)));
    page
}

/// Whether an item says that it is about the subject, or does not say about whom.
fn is_about(subject: &Subject, asked: &str, item: &CreatorSighting) -> bool {
    let said = match subject {
        Subject::Uid => &item.uid,
        Subject::SecUid => &item.sec_uid,
        Subject::Handle => &item.handle,
        _ => &None,
    };
    said.as_deref().is_none_or(|said| subject.same(said, asked))
}

/// An item that does not say whose it is belongs to whoever was asked for.
fn name(subject: &Subject, asked: &str, item: &mut CreatorSighting) {
    if item.uid.is_some() || item.sec_uid.is_some() || item.handle.is_some() {
        return;
    }
    let place = match subject {
        Subject::Uid => &mut item.uid,
        Subject::SecUid => &mut item.sec_uid,
        Subject::Handle => &mut item.handle,
        _ => return,
    };
    *place = Some(asked.trim_start_matches('@').into());
}

/// The same job's next task.
fn later(task: &Task, kind: &Name) -> Task {
    let next = Task::new(Name::clone(task.source()), Name::clone(kind), task.subject())
        .per_run()
        .priority(task.rank());
    task.params().iter().fold(next, |next, (name, value)| next.param(name, value))
}

fn job_id(document: &Document, slot: usize) -> Result<String> {
    let job = document.seen.get(slot).and_then(|seen| seen.scalar()?.text().map(|text| text.into_owned()));
    job.filter(|job| !job.is_empty() && job.len() <= LONGEST_JOB).ok_or_else(|| {
        let message =
            "the submission was answered, and the answer has no id of the job; it is not submitted again";
        Error::new(ErrorKind::Malformed, message).maybe_charged()
    })
}

/// A submission that failed in an unclear way is not sent again by itself: the vendor may be working on it.
fn submitted_perhaps(kind: &Kind, payload: &Payload, error: Error) -> Error {
    let unclear = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout);
    // 503 says that nothing was begun; the others may come from somebody in between.
    if !matches!(kind.stage, Stage::Submit { .. }) || !unclear || payload.status == 503 {
        return error;
    }
    lost_submission(error)
}

/// The failure of a submission of which nobody knows whether it arrived.
pub(super) fn lost_submission(cause: Error) -> Error {
    let message = "the answer to the submission was lost, and the vendor may be working on it: it is not submitted again \
                   by itself; replay the dead letter to do so";
    Error::new(ErrorKind::Unexpected, message).maybe_charged().caused_by(cause)
}

/// What the answer says the call cost.
pub(super) fn charged(plan: &Plan, payload: &Payload) -> Option<Cost> {
    let header = || {
        let value = payload.header(plan.cost_header.as_deref()?)?.trim();
        // Fractions of units are rounded up: budgets are never exceeded.
        let whole = value.parse::<u64>().ok();
        let rounded = || {
            value
                .parse::<f64>()
                .ok()
                .filter(|units| (0.0..1e15).contains(units))
                .map(|units| units.ceil() as u64)
        };
        whole.or_else(rounded).map(Cost::units)
    };
    payload.cost.or_else(header)
}
