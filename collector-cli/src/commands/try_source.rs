//! `collector try`: one call, or a kept answer, and where every value of it went.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use collector_core::clock::{Clock, SystemClock};
use collector_core::context::{ByteBudget, Context, RequestLog};
use collector_core::creator::id_kind;
use collector_core::error::Error;
use collector_core::id::{Id, Ids, Name};
use collector_core::known::not_known;
use collector_core::task::{Payload, Query, Task};
use collector_core::trace::trace;

use super::Session;
use crate::args::Try;
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::registry::AnySource;
use crate::report::{TryAnswer, TryReport};
use crate::{compose, ids};

/// Bytes an answer may have, kept or fresh.
const MOST_BYTES: usize = 256 << 20;

pub(super) async fn execute(session: &Session, args: &Try) -> Result<Exit> {
    let config = session.config(&args.file)?;
    let known = || config.sources.keys().map(String::as_str);
    if !config.sources.contains_key(&args.source) {
        return Err(Failure::usage(not_known("source", &args.source, known())));
    }
    let (source, options) = compose::source(&config, &args.source)?;
    let task = task(&source, args)?;
    let log = RequestLog::default();
    let account = options.account.unwrap_or_else(|| Name::from(source.name()));
    let payload = match &args.from {
        Some(file) => Ok(kept(file)?),
        None => fetch(session, &source, &task, account, &log).await,
    };
    let spec = source.call(task.kind());
    let mut report = TryReport::new(&task, &spec, log.requests());
    let exit = match payload {
        Ok(payload) => {
            let exit = read(&source, &task, &payload, &mut report);
            report.unmatched = unmatched(&config, &args.source, &task, &payload)?;
            exit
        }
        Err(error) => report.failed(&error),
    };
    session.output.print(&report, TryReport::text)?;
    Ok(exit)
}

/// What of the source's file finds nothing in the answer.
fn unmatched(config: &Config, name: &str, task: &Task, payload: &Payload) -> Result<Vec<String>> {
    let Some(entry) = config.sources.get(name) else { return Ok(Vec::new()) };
    let made = (entry.builder)(name)?;
    Ok((made.unmatched)(std::slice::from_ref(task), payload))
}

/// What is asked for.
fn task(source: &AnySource, args: &Try) -> Result<Task> {
    let Some(kind) = &args.kind else { return seeded(source, &args.key) };
    let kinds = source.kinds();
    if !kinds.iter().any(|known| **known == **kind) {
        return Err(Failure::usage(not_known("kind", kind, kinds.iter().map(|kind| &**kind))));
    }
    let task = Task::new(source.name(), kind.as_str(), args.key.as_str());
    args.params.iter().try_fold(task, |task, param| match param.split_once('=') {
        Some((name, value)) => Ok(task.param(name, value)),
        None => Err(Failure::usage(format!("--param {param}: expected NAME=VALUE, such as cursor=20"))),
    })
}

/// The task a source makes of what people write.
fn seeded(source: &AnySource, key: &str) -> Result<Task> {
    let cannot = || {
        let kinds = source.kinds().join(", ");
        Failure::usage(format!("{} cannot be asked for {key:?} by itself", source.name()))
            .advise(format!("name the kind of call with --kind: {kinds}"))
    };
    if let Some(tag) = key.strip_prefix('#') {
        let hashtags = vec![ids::hashtag(tag).map_err(Failure::usage)?];
        return first_root(source, Query { hashtags, ..Query::default() })?.ok_or_else(cannot);
    }
    let subjects = ids::subject(key).map_err(Failure::usage)?;
    if let Some(task) = subjects.iter().find_map(|id| source.lookup(&only(id))) {
        return Ok(task);
    }
    let handle = subjects.iter().find(|id| &*id.kind == id_kind::TIKTOK_HANDLE);
    let Some(handle) = handle else { return Err(cannot()) };
    let query = Query { handles: vec![handle.value.to_string()], ..Query::default() };
    first_root(source, query)?.ok_or_else(cannot)
}

fn first_root(source: &AnySource, query: Query) -> Result<Option<Task>> {
    Ok(source.seed(&query)?.into_iter().next())
}

/// One identity, as a source is asked about it.
fn only(id: &Id) -> Ids {
    if &*id.kind == id_kind::TIKTOK_HANDLE {
        Ids { strong: Vec::new(), weak: vec![id.clone()] }
    } else {
        Ids { strong: vec![id.clone()], weak: Vec::new() }
    }
}

async fn fetch(
    session: &Session,
    source: &AnySource,
    task: &Task,
    account: Name,
    log: &RequestLog,
) -> std::result::Result<Payload, Error> {
    let cx = Context::new(session.stop.clone(), Arc::new(SystemClock), ByteBudget::new(MOST_BYTES));
    let timeout = source.call(task.kind()).timeout;
    let cx = cx.logging_requests(log).for_call(account, session.stop.clone(), timeout);
    cx.guard(source.fetch(&cx, std::slice::from_ref(task))).await
}

/// An answer out of a file.
fn kept(file: &Path) -> Result<Payload> {
    let cannot = |error: std::io::Error| Failure::usage(format!("cannot read {}: {error}", file.display()));
    let mut body = Vec::new();
    let most = MOST_BYTES as u64 + 1;
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut body)
    } else {
        std::fs::File::open(file).map_err(cannot)?.take(most).read_to_end(&mut body)
    };
    if read.map_err(cannot)? > MOST_BYTES {
        return Err(Failure::usage(format!("{} is larger than an answer can be", file.display())));
    }
    Ok(Payload::new(body, SystemClock.now()))
}

/// Reads an answer and finds out where everything in it went.
fn read(source: &AnySource, task: &Task, payload: &Payload, report: &mut TryReport) -> Exit {
    let tasks = std::slice::from_ref(task);
    report.answer = Some(TryAnswer::new(payload));
    let page = match source.parse(tasks, payload) {
        Ok(page) => page,
        Err(error) => return report.failed(&error),
    };
    report.page(&page);
    match trace(&**source, tasks, payload) {
        Ok(trace) => report.trace = Some(trace),
        // The page was read all the same: some sources answer in other formats.
        Err(error) => report.untraced = Some(error.message().to_owned()),
    }
    report.exit(&page)
}
