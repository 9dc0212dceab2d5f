//! What a query begins with, and how somebody known is asked about. Pure.

use std::collections::BTreeSet;

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Ids, Name};
use collector_core::task::{Query, Task};
use serde_json::Value;

use super::pager::{Way, param};
use super::plan::{Kind, Plan, Stage};
use super::subject::Subject;
use super::template::Hole;

/// People who are known come before everybody else.
const KNOWN_FIRST: i16 = 10;

/// The calls that are asked by themselves: of several about one kind of person the first.
fn asked(plan: &Plan) -> Vec<(&Kind, &Subject)> {
    let mut asked: Vec<(&Kind, &Subject)> = Vec::new();
    for kind in plan.kinds.iter().filter(|kind| matches!(kind.stage, Stage::Plain | Stage::Submit { .. })) {
        let Some(subject) = &kind.subject else { continue };
        let again = subject.is_person() || *subject == Subject::Post;
        if !(again && asked.iter().any(|(_, other)| *other == subject)) {
            asked.push((kind, subject));
        }
    }
    asked
}

/// The root tasks of a query.
///
/// # Errors
/// `ConfigInvalid` for a part of it that the file cannot honour.
pub(super) fn roots(plan: &Plan, source: &Name, query: &Query) -> Result<Vec<Task>> {
    let asked = asked(plan);
    let ids = ids(plan, &asked, query)?;
    let mut roots = Vec::new();
    let mut known = BTreeSet::new();
    for (kind, subject) in asked {
        for text in subjects(subject, query, &ids)? {
            let regions = if kind.form.has(Hole::Region) { query.regions.as_slice() } else { &[] };
            let each: Vec<Option<&String>> =
                if regions.is_empty() { vec![None] } else { regions.iter().map(Some).collect() };
            for region in each {
                if known.insert((Name::clone(&kind.name), text.clone(), region)) {
                    let task = root(plan, source, kind, &text, query);
                    roots.push(
                        region.into_iter().fold(task, |task, region| task.param(param::REGION, region)),
                    );
                }
            }
        }
    }
    Query::roots(roots)
}

fn root(plan: &Plan, source: &Name, kind: &Kind, subject: &str, query: &Query) -> Task {
    let mut task = task(plan, source, kind, subject);
    let pages = kind.paging.as_ref().is_some_and(|pager| pager.way != Way::Single);
    // What is downloaded has the pages of a call that only submits.
    if let Some(most) = query.max_pages.filter(|_| pages || matches!(kind.stage, Stage::Submit { .. })) {
        task = task.param(param::MAX_PAGES, most.to_string());
    }
    match query.hydrate {
        Some(false) => task.param(param::HYDRATE, "false"),
        _ => task,
    }
}

/// The task of a kind about one subject.
pub(super) fn task(plan: &Plan, source: &Name, kind: &Kind, subject: &str) -> Task {
    let task = Task::new(Name::clone(source), Name::clone(&kind.name), subject);
    match kind.subject.as_ref().and_then(|what| what.id(&plan.platform, subject)) {
        Some(id) if matches!(kind.stage, Stage::Plain) => {
            task.priority(KNOWN_FIRST).about(id, kind.aspect.as_str())
        }
        _ => task.per_run(),
    }
}

/// The task that asks about somebody, by the identity that says most.
pub(super) fn lookup(plan: &Plan, source: &Name, ids: &Ids) -> Option<Task> {
    let asked = asked(plan);
    [Subject::Uid, Subject::SecUid, Subject::Handle].iter().find_map(|by| {
        let (kind, _) = asked.iter().find(|(_, subject)| *subject == by)?;
        let subject = by.among(&plan.platform, ids)?;
        Some(task(plan, source, kind, subject))
    })
}

/// A query's strong identities, by what they are.
fn ids<'q>(plan: &Plan, asked: &[(&Kind, &Subject)], query: &'q Query) -> Result<Vec<(Subject, &'q str)>> {
    if !asked.iter().any(|(_, subject)| subject.is_person()) {
        return Ok(Vec::new());
    }
    let mut ids = Vec::new();
    for text in &query.ids {
        let Some(rest) = text.trim().strip_prefix(&*plan.platform).and_then(|rest| rest.strip_prefix(':'))
        else {
            continue;
        };
        let (what, value) = rest.split_once(':').unwrap_or((rest, ""));
        match Subject::parse(what) {
            Ok(subject) if !value.is_empty() && asked.iter().any(|(_, asked)| **asked == subject) => {
                ids.push((subject, value));
            }
            _ => {
                let message = "the source's file has no call whose `subject` is that identity";
                let shown: String = text.chars().take(60).collect();
                return Err(Error::new(ErrorKind::ConfigInvalid, message).with("id", shown));
            }
        }
    }
    Ok(ids)
}

fn subjects(subject: &Subject, query: &Query, ids: &[(Subject, &str)]) -> Result<Vec<String>> {
    let plain = |texts: &[String], sign: char| -> Vec<String> {
        texts
            .iter()
            .map(|text| text.trim().trim_start_matches(sign).to_owned())
            .filter(|text| !text.is_empty())
            .collect()
    };
    let mut subjects = match subject {
        // Capital letters are no other handle.
        Subject::Handle => plain(&query.handles, '@').iter().map(|handle| handle.to_lowercase()).collect(),
        Subject::Hashtag => plain(&query.hashtags, '#'),
        Subject::Keyword => plain(&query.keywords, ' '),
        Subject::Post => plain(&query.posts, ' '),
        Subject::Uid | Subject::SecUid => Vec::new(),
        Subject::Extra(name) => extra(name, query.extra.get(&**name))?,
    };
    subjects.extend(ids.iter().filter(|(what, _)| what == subject).map(|(_, value)| (*value).to_owned()));
    Ok(subjects)
}

/// `true` asks once, a text or number for it, a list for each.
fn extra(name: &str, value: Option<&Value>) -> Result<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let read = match value {
        None | Some(Value::Null | Value::Bool(false)) => return Ok(Vec::new()),
        Some(Value::Bool(true)) => return Ok(vec![name.to_owned()]),
        Some(Value::Array(list)) => list.iter().map(one).collect(),
        Some(value) => one(value).map(|text| vec![text]),
    };
    read.ok_or_else(|| {
        let message = format!("`extra.{name}` takes `true`, a text, a number, or a list of these");
        Error::new(ErrorKind::ConfigInvalid, message)
    })
}
