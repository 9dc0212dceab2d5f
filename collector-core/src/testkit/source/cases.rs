//! The cases: one function each.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::case::{Checked, Violation, ensure};
use super::super::server::{Answer, Seen};
use super::SourceHarness;
use crate::context::Context;
use crate::error::{Error, ErrorChain, ErrorKind, Result};
use crate::id::{Ids, RunId};
use crate::source::Source;
use crate::task::{Outcome, Page, Payload, Query, Task};

/// The deadline of a call that should be answered: the server is on this machine.
const CALL: Duration = Duration::from_secs(20);

/// The deadline of a call that never is.
const SHORT: Duration = Duration::from_millis(300);

/// The most a call may outlast its deadline or its stop signal: much, because machines are busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pages after which a search is endless.
const MAX_PAGES: usize = 50;

type Part<H> = Arc<dyn Source<Item = <H as SourceHarness>::Item>>;

pub(super) async fn pure<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let (a, b) = (harness.source().await, harness.source().await);
    let (query, ids) = (harness.query(), Ids::none());
    for source in [&a, &a, &b] {
        ensure!(source.name() == a.name(), "`name` changed");
        ensure!(source.kinds() == a.kinds(), "`kinds` changed");
        ensure!(a.kinds().iter().all(|kind| source.call(kind) == a.call(kind)), "`call` changed");
        ensure!(
            source.seed(&query).ok() == a.seed(&query).ok(),
            "`seed` gives other tasks for the same query"
        );
        ensure!(source.lookup(&ids) == a.lookup(&ids), "`lookup` changed");
    }
    let root = root(harness, &a)?;
    let stored: Task = through_json(&root)?;
    ensure!(stored == root, "a task changes when it is stored");
    harness.script(vec![harness.page(&[1, 2, 3], Some(&harness.cursors()[0]))]).await;
    let payload =
        a.fetch(&context(CALL), std::slice::from_ref(&root)).await.map_err(|e| failed("fetch", &e))?;
    let first = shown(harness, &a, &root, &payload)?;
    for source in [&a, &b, &a] {
        ensure!(
            shown(harness, source, &stored, &payload)? == first,
            "`parse` says something else of the same answer"
        );
    }
    Ok(())
}

/// Everything a page says, comparable.
fn shown<H: SourceHarness + ?Sized>(
    harness: &H,
    source: &Part<H>,
    task: &Task,
    payload: &Payload,
) -> Checked<String> {
    let page = source.parse(std::slice::from_ref(task), payload).map_err(|error| failed("parse", &error))?;
    let numbers: Vec<_> = page.items.iter().map(|item| harness.number(item)).collect();
    let Page { follow_ups, outcomes, malformed, fingerprint, cost, .. } = page;
    Ok(format!("{numbers:?} {follow_ups:?} {outcomes:?} {malformed:?} {fingerprint} {cost:?}"))
}

pub(super) async fn seeds<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    let root = root(harness, &source)?;
    ensure!(**root.source() == *source.name(), "the root names the source {}", root.source());
    ensure!(source.kinds().contains(root.kind()), "`kinds` does not name the root's kind {}", root.kind());
    for kind in source.kinds() {
        let spec = source.call(&kind);
        ensure!(spec.tasks >= 1 && !spec.timeout.is_zero(), "the call of {kind} cannot be made: {spec:?}");
    }
    let nothing = source.seed(&Query::default()).map_err(|error| failed("seed of nothing", &error))?;
    ensure!(nothing.is_empty(), "an empty query seeds {nothing:?}");
    many_roots(&source)?;
    if let Some(query) = harness.impossible() {
        let refused = source.seed(&query);
        let kind = refused.as_ref().err().map(Error::kind);
        ensure!(
            kind == Some(ErrorKind::ConfigInvalid),
            "what it cannot honour must be `ConfigInvalid`: {refused:?}"
        );
    }
    Ok(())
}

/// The largest slice of a query, everything in it twice: not too many roots, each with an id of its own.
fn many_roots<I: Send + Sync + 'static>(source: &Arc<dyn Source<Item = I>>) -> Checked {
    let handles = (0..Query::MAX_ROOTS).map(|n| format!("handle{}", n / 2)).collect();
    // Not every source takes handles.
    let Ok(roots) = source.seed(&Query { handles, ..Query::default() }) else { return Ok(()) };
    ensure!(roots.len() <= Query::MAX_ROOTS, "{} roots from one slice", roots.len());
    let ids: BTreeSet<_> = roots.iter().map(|root| root.id(RunId(1))).collect();
    ensure!(ids.len() == roots.len(), "{} roots have {} ids", roots.len(), ids.len());
    Ok(())
}

pub(super) async fn pages<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    let [first, second] = harness.cursors();
    let pages = vec![
        harness.page(&[0, 1, 2], Some(&first)),
        harness.page(&[3, 4, 5], Some(&second)),
        harness.page(&[6, 7, 8], None),
    ];
    let walk = walk(harness, &source, root(harness, &source)?, pages.clone()).await?;
    walk.must_have(0..9)?;
    ensure!(walk.seen.len() == 3, "three pages took {} requests", walk.seen.len());
    for (seen, cursor) in walk.seen.iter().skip(1).zip([&first, &second]) {
        ensure!(
            seen.carries(cursor),
            "the cursor {cursor:?} did not arrive: {} {}",
            seen.method,
            seen.target
        );
    }
    for (done, task) in walk.tasks.iter().enumerate() {
        let rest = pages.get(done..).unwrap_or_default().to_vec();
        let resumed = self::walk(harness, &source, through_json(task)?, rest).await?;
        resumed.must_have(3 * done as u64..9)?;
    }
    Ok(())
}

pub(super) async fn empty_page<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    let root = root(harness, &source)?;
    let pages = vec![harness.page(&[], Some(&harness.cursors()[0])), harness.page(&[1], None)];
    walk(harness, &source, root.clone(), pages).await?.must_have(1..2)?;
    walk(harness, &source, root, vec![harness.page(&[], None)]).await?.must_have(0..0)
}

pub(super) async fn repeated_cursor<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    let cursor = &harness.cursors()[0];
    harness.script(vec![harness.page(&[0], Some(cursor)), harness.page(&[1], Some(cursor))]).await;
    let page = answered(&source, &root(harness, &source)?).await?;
    let next = same_kind(&page, 0)?;
    let task = next.first().ok_or_else(|| Violation::new("a page with a cursor has no follow-up"))?;
    match call(&source, task).await {
        Err(_) => Ok(()),
        Ok(page) => {
            let failed = matches!(page.outcomes[..], [Outcome::Failed(_)]);
            ensure!(failed, "a page that repeats its own cursor was taken: {:?}", page.outcomes);
            Ok(())
        }
    }
}

pub(super) async fn outcomes<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    let root = root(harness, &source)?;
    for page in [harness.page(&[1, 2], None), harness.page(&[], None)] {
        harness.script(vec![page]).await;
        let page = answered(&source, &root).await?;
        ensure!(
            matches!(page.outcomes[..], [Outcome::Done]),
            "a good page for one task: {:?}",
            page.outcomes
        );
        ensure!(page.malformed.is_empty(), "a good page has malformed parts: {:?}", page.malformed);
    }
    harness.script(vec![harness.page(&[1, 2], None)]).await;
    let payload =
        source.fetch(&context(CALL), std::slice::from_ref(&root)).await.map_err(|e| failed("fetch", &e))?;
    for count in 1..=source.call(root.kind()).tasks.min(100) {
        let tasks: Vec<_> = (0..count).map(|n| root.clone().param("conformance", n.to_string())).collect();
        let answers = source.parse(&tasks, &payload).map(|page| page.outcomes.len());
        // An answer to one task need not make sense for several: then it is an error, not a shorter list.
        ensure!(
            answers.as_ref().map_or(true, |answers| *answers == count),
            "{count} tasks, {answers:?} outcomes"
        );
    }
    Ok(())
}

pub(super) async fn bad_item<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    harness.script(vec![harness.page_with_bad_item(&[0, 1, 2])]).await;
    let page = answered(&source, &root(harness, &source)?).await?;
    let numbers: BTreeSet<_> = page.items.iter().map(|item| harness.number(item)).collect();
    ensure!(numbers == BTreeSet::from([0, 1, 2]), "of the good items 0, 1 and 2 it read {numbers:?}");
    ensure!(page.malformed.len() == 1, "one bad item, but malformed are {:?}", page.malformed);
    ensure!(matches!(page.outcomes[..], [Outcome::Done]), "a page with a bad item: {:?}", page.outcomes);
    Ok(())
}

pub(super) async fn one_exchange<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    let page = harness.page(&[1], None);
    let answers = [
        page.clone(),
        Answer::status(404),
        Answer::status(429).header("retry-after", "600"),
        Answer::status(500),
        Answer::status(503).header("retry-after", "600"),
    ];
    for answer in answers {
        harness.script(vec![answer.clone(), page.clone()]).await;
        let payload = fetch_root(harness, &source, CALL).await?.map_err(|error| {
            Violation::new(format!("a complete answer with status {} must be `Ok`: {error:?}", answer.status))
        })?;
        let requests = harness.seen().await.len();
        ensure!(requests == 1, "one fetch made {requests} requests after status {}", answer.status);
        ensure!(payload.status == answer.status, "status {} was kept as {}", answer.status, payload.status);
        ensure!(payload.body == answer.body, "the body of status {} was not kept as it came", answer.status);
        let asked = answer.headers.iter().find(|(name, _)| name == "retry-after").map(|(_, value)| &**value);
        ensure!(
            payload.header("retry-after") == asked,
            "`retry-after` was not kept with status {}",
            answer.status
        );
    }
    Ok(())
}

pub(super) async fn cut_body<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    let page = harness.page(&[1, 2, 3], None);
    let half = page.body.len() / 2;
    for answer in [page.clone().cut_after(half), page.clone().cut_after(0), Answer::reset()] {
        harness.script(vec![answer.clone(), page.clone()]).await;
        let error = must_fail(fetch_root(harness, &source, CALL).await?, &answer)?;
        ensure!(error.kind() == ErrorKind::Unavailable, "a cut answer must be `Unavailable`: {error:?}");
        ensure!(error.is_maybe_charged(), "a cut answer may have been charged: {error:?}");
        let requests = harness.seen().await.len();
        ensure!(requests == 1, "one fetch made {requests} requests after a cut answer");
    }
    Ok(())
}

pub(super) async fn timeout<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    let slow = harness.page(&[1, 2, 3], None).drip(SHORT * 4);
    for answer in [Answer::hang(), slow] {
        harness.script(vec![answer.clone()]).await;
        let error = must_fail(fetch_root(harness, &source, SHORT).await?, &answer)?;
        ensure!(
            error.kind() == ErrorKind::Timeout,
            "no complete answer in time must be `Timeout`: {error:?}"
        );
        ensure!(error.is_maybe_charged(), "an answer that came too late may have been charged: {error:?}");
    }
    Ok(())
}

pub(super) async fn kinds<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    let root = root(harness, &source)?;
    let failures = harness.failures();
    ensure!(!failures.is_empty(), "the harness knows no failure; declare it");
    for (answer, kind) in failures {
        harness.script(vec![answer.clone()]).await;
        let said = call(&source, &root).await;
        let (got, wait) = kind_of(&said);
        ensure!(got == Some(kind), "{} must be `{kind}`, was {}", summary(&answer), describe(&said));
        let asked = answer.headers.iter().find(|(name, _)| name == "retry-after");
        let asked = asked.and_then(|(_, value)| value.parse().ok()).map(Duration::from_secs);
        let kept = kind != ErrorKind::RateLimited || wait == asked;
        ensure!(kept, "{} asks to wait {asked:?}, the error says {wait:?}", summary(&answer));
    }
    Ok(())
}

/// What kind of failure a call came to, and how long the vendor asks to wait.
fn kind_of<I>(said: &Result<Page<I>>) -> (Option<ErrorKind>, Option<Duration>) {
    match said {
        Err(error) => (Some(error.kind()), error.wait()),
        Ok(page) => match &page.outcomes[..] {
            [Outcome::Failed(error)] => (Some(error.kind()), error.wait()),
            [Outcome::Absent(_)] => (Some(ErrorKind::NotFound), None),
            _ => (None, None),
        },
    }
}

pub(super) async fn stops<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    let root = root(harness, &source)?;
    harness.script(vec![Answer::hang()]).await;
    let stop = CancellationToken::new();
    let cx = Context::detached().for_call(source.name().into(), stop.clone(), CALL);
    let stopping = async {
        while harness.seen().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        stop.cancel();
        tokio::time::sleep(PATIENCE).await;
    };
    let said = tokio::select! {
        said = source.fetch(&cx, std::slice::from_ref(&root)) => said,
        () = stopping => return Err(Violation::new("a call goes on after it was stopped")),
    };
    let kind = said.as_ref().err().map(Error::kind);
    ensure!(kind == Some(ErrorKind::Cancelled), "a stopped call must be `Cancelled`: {said:?}");
    Ok(())
}

pub(super) async fn secrets<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let secret = harness.secret().ok_or_else(|| Violation::new("the harness names no secret; declare it"))?;
    let source = harness.source().await;
    let root = root(harness, &source)?;
    let hidden = |place: &str, text: String| {
        // The violation must not print what it found.
        ensure!(!text.contains(&secret), "the secret appears in {place}");
        Ok(())
    };
    hidden("a task", format!("{root:?} {root}"))?;
    let echo =
        |answer: Answer| answer.header("set-cookie", format!("session={secret}")).header("x-echo", &*secret);
    let page = harness.page(&[1], Some(&harness.cursors()[0]));
    let refused = Answer::status(401).body(format!("{{\"error\": \"the token {secret} is not valid\"}}"));
    let mut answers = vec![
        page.clone(),
        refused,
        page.clone().cut_after(3),
        Answer::reset(),
        Answer::hang(),
        Answer::html(format!("<html>{secret}")),
        Answer::status(500).body(secret.clone()),
    ];
    answers.extend(harness.failures().into_iter().map(|(answer, _)| answer));
    for answer in answers {
        // Not the body: it may hold the secret.
        let place = format!("status {}", answer.status);
        let deadline = if answer == Answer::hang() { SHORT } else { CALL };
        harness.script(vec![echo(answer)]).await;
        let said = source.fetch(&context(deadline), std::slice::from_ref(&root)).await;
        if let Ok(payload) = &said {
            hidden(&format!("the kept headers of {place}"), format!("{:?}", payload.headers))?;
        }
        match said.and_then(|payload| source.parse(std::slice::from_ref(&root), &payload)) {
            Err(error) => hidden(&format!("the error after {place}"), every_form(&error))?,
            Ok(page) => hidden(
                &format!("what was read of {place}"),
                format!("{:?} {:?} {:?}", page.follow_ups, page.outcomes, page.malformed),
            )?,
        }
    }
    Ok(())
}

fn every_form(error: &Error) -> String {
    format!("{error} {error:?} {} {:?}", ErrorChain(error), std::error::Error::source(error))
}

/// A search followed to its end.
struct Walk {
    numbers: Vec<u64>,
    tasks: Vec<Task>,
    seen: Vec<Seen>,
}

impl Walk {
    fn must_have(&self, expected: std::ops::Range<u64>) -> Checked {
        let mut numbers = self.numbers.clone();
        numbers.sort_unstable();
        let all: Vec<_> = expected.collect();
        ensure!(numbers == all, "items {all:?} once each, in any order; got {:?}", self.numbers);
        Ok(())
    }
}

/// Follows a search from `task`; the answers are scripted.
async fn walk<H: SourceHarness + ?Sized>(
    harness: &H,
    source: &Part<H>,
    task: Task,
    answers: Vec<Answer>,
) -> Checked<Walk> {
    harness.script(answers).await;
    let mut open = VecDeque::from([task]);
    let mut walk = Walk { numbers: Vec::new(), tasks: Vec::new(), seen: Vec::new() };
    while let Some(task) = open.pop_front() {
        ensure!(walk.tasks.len() < MAX_PAGES, "the search does not end");
        let page = answered(source, &task).await?;
        walk.numbers.extend(page.items.iter().map(|item| harness.number(item)));
        open.extend(
            same_kind(&page, walk.tasks.len())?.into_iter().filter(|next| next.kind() == task.kind()),
        );
        walk.tasks.push(task);
    }
    walk.seen = harness.seen().await;
    Ok(walk)
}

/// The follow-ups of a page, which must all be new.
fn same_kind<I>(page: &Page<I>, number: usize) -> Checked<Vec<Task>> {
    let ids: BTreeSet<_> = page.follow_ups.iter().map(|task| task.id(RunId(1))).collect();
    ensure!(ids.len() == page.follow_ups.len(), "page {number} has the same follow-up twice");
    Ok(page.follow_ups.clone())
}

pub(super) fn root<H: SourceHarness + ?Sized>(harness: &H, source: &Part<H>) -> Checked<Task> {
    let roots = source.seed(&harness.query()).map_err(|error| failed("seed", &error))?;
    match <[Task; 1]>::try_from(roots) {
        Ok([root]) => Ok(root),
        Err(roots) => Err(Violation::new(format!("the harness's query must seed one root, seeds {roots:?}"))),
    }
}

fn context(deadline: Duration) -> Context {
    Context::detached().for_call("conformance".into(), CancellationToken::new(), deadline)
}

/// Fetches the root; that it ends at all is part of the promise.
async fn fetch_root<H: SourceHarness + ?Sized>(
    harness: &H,
    source: &Part<H>,
    deadline: Duration,
) -> Checked<Result<Payload>> {
    let root = root(harness, source)?;
    let cx = context(deadline);
    let fetch = source.fetch(&cx, std::slice::from_ref(&root));
    let ended = tokio::time::timeout(deadline + PATIENCE, fetch).await;
    ended.map_err(|_| Violation::new(format!("a call with {deadline:?} to go did not end")))
}

fn must_fail(said: Result<Payload>, answer: &Answer) -> Checked<Error> {
    match said {
        Err(error) => Ok(error),
        Ok(payload) => {
            let length = payload.body.len();
            Err(Violation::new(format!("{} was taken for an answer of {length} bytes", summary(answer))))
        }
    }
}

async fn call<I: Send + Sync + 'static>(source: &Arc<dyn Source<Item = I>>, task: &Task) -> Result<Page<I>> {
    let tasks = std::slice::from_ref(task);
    let payload = source.fetch(&context(CALL), tasks).await?;
    source.parse(tasks, &payload)
}

/// A call that must bring a page with the task's outcome `Done`.
async fn answered<I: Send + Sync + 'static>(
    source: &Arc<dyn Source<Item = I>>,
    task: &Task,
) -> Checked<Page<I>> {
    let page = call(source, task).await.map_err(|error| failed("a good page", &error))?;
    ensure!(matches!(page.outcomes[..], [Outcome::Done]), "a good page for one task: {:?}", page.outcomes);
    Ok(page)
}

fn through_json(task: &Task) -> Checked<Task> {
    let stored = serde_json::to_string(task).and_then(|text| serde_json::from_str(&text));
    stored.map_err(|error| Violation::new(format!("a task cannot be stored: {error}")))
}

fn summary(answer: &Answer) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    let start: String = body.chars().take(60).collect();
    format!("status {} with {start:?}", answer.status)
}

fn describe<I>(said: &Result<Page<I>>) -> String {
    match said {
        Err(error) => format!("{error:?}"),
        Ok(page) => format!("a page with outcomes {:?}", page.outcomes),
    }
}

pub(super) fn failed(call: &str, error: &Error) -> Violation {
    Violation::new(format!("{call} failed: {error:?}"))
}
