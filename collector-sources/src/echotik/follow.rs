//! Tasks an answer leads to: the next page of a list, and what was asked for beside it. Pure.

use collector_core::clock::Timestamp;
use collector_core::creator::{CreatorSighting, aspect, id_kind};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Id, Name};
use collector_core::task::{Scope, Task};
use serde_json::Value;

use super::config::RealTime;
use super::date::Date;
use super::kind::{Kind, Settings, TEN, param};
use super::seed;
use super::{AVATAR_SOURCE, DATABASE_POSTS, TREND};
use crate::values::ident;

/// What was asked for of the person that `details` showed, in answers received at `at`. The second value says which key
/// it lacks.
pub(super) fn lists(
    details: &Task,
    seen: &CreatorSighting,
    at: Timestamp,
) -> (Vec<Task>, Option<&'static str>) {
    let (mut tasks, mut missing) = (Vec::new(), None);
    for name in seed::LISTS {
        let Some(count) = details.get(name).and_then(|count| count.parse::<u32>().ok()) else { continue };
        match list(details, name, count, seen, at) {
            Ok(task) => tasks.push(task),
            Err(key) => missing = Some(key),
        }
    }
    (tasks, missing)
}

fn list(
    details: &Task,
    name: &str,
    count: u32,
    seen: &CreatorSighting,
    at: Timestamp,
) -> Result<Task, &'static str> {
    let task = |kind: Kind, subject: &str| {
        Task::new(Name::clone(details.source()), kind.name(), subject).priority(details.rank())
    };
    let uid = || seen.uid.as_deref().ok_or("user_id");
    match name {
        param::TREND_DAYS => {
            let (uid, today) = (uid()?, Date::of(at));
            // The present day is not there yet.
            let days = [today.plus(-i32::try_from(count).unwrap_or(i32::MAX)), today.plus(-1)];
            let [from, to] = days.map(|day| day.to_string());
            let task = task(Kind::Trend, uid).param(param::FROM, from).param(param::TO, to);
            Ok(task.about(Id::new(id_kind::TIKTOK_UID, uid), TREND))
        }
        param::VIDEOS_PAGES => {
            let uid = uid()?;
            let task = task(Kind::Videos, uid).param(param::PAGES_LEFT, count.to_string());
            Ok(task.about(Id::new(id_kind::TIKTOK_UID, uid), DATABASE_POSTS))
        }
        _ => {
            let handle = seen.handle.as_deref().and_then(ident::handle).ok_or("unique_id")?;
            let task = task(Kind::LiveVideos, &handle).param(param::PAGES_LEFT, count.to_string());
            Ok(task.about(Id::new(id_kind::TIKTOK_HANDLE, handle), aspect::OWN_POSTS))
        }
    }
}

/// How many tasks of which kind the answer to `task` leads to at most. Of lists nobody knows how long they are.
pub(super) fn at_most(settings: &Settings, task: &Task) -> Vec<(Kind, u64)> {
    let Some(kind @ (Kind::Details | Kind::DetailsByHandle)) = Kind::from_name(task.kind()) else {
        return Vec::new();
    };
    let is_live = match settings.real_time {
        RealTime::Off => false,
        RealTime::Missing => kind == Kind::DetailsByHandle,
        RealTime::Always => true,
    };
    let asked = |name: &str| task.get(name).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
    let days = asked(param::TREND_DAYS);
    // Behind a page that is full another one is asked for.
    let trend = if days == 0 { 0 } else { days / TEN as u64 + 1 };
    let mut most = vec![
        (Kind::LiveProfile, u64::from(is_live)),
        (Kind::Pictures, u64::from(settings.pictures)),
        (Kind::Videos, asked(param::VIDEOS_PAGES)),
        (Kind::LiveVideos, asked(param::LIVE_VIDEOS_PAGES)),
        (Kind::Trend, trend),
    ];
    most.retain(|(_, tasks)| *tasks > 0);
    most
}

/// The task that makes a link out of the picture of somebody whom the answer to `asked` showed, if it needs one.
///
/// Who asks again although the answer is fresh wants a new link, too.
pub(super) fn picture(asked: &Task, seen: &CreatorSighting) -> Option<Task> {
    let (Some(Value::String(link)), Some(uid)) = (seen.extra.get(AVATAR_SOURCE), &seen.uid) else {
        return None;
    };
    let task = Task::new(Name::clone(asked.source()), Kind::Pictures.name(), link.as_str())
        .priority(asked.rank())
        .param(param::UID, &**uid);
    let again =
        matches!(asked.kind().as_ref(), "details" | "details_by_handle") && asked.scope() == Scope::Run;
    Some(if again { task.per_run() } else { task })
}

/// The page after `page`, which had `rows` rows, the last of them `last`; `None` after the last page there is or was
/// asked for. Nothing tells how long a list is: a page that is not full is its last.
///
/// # Errors
/// `Malformed` when this page is the one before it once more: it would never end.
pub(super) fn next_page(page: &Task, kind: Kind, rows: usize, last: Option<&str>) -> Result<Option<Task>> {
    let number = page.get(param::PAGE).and_then(|number| number.parse().ok()).unwrap_or(1_u32);
    if last.is_some() && last == page.get(param::AFTER) {
        return Err(Error::new(ErrorKind::Malformed, "the same page came twice: the list would never end")
            .with("page", number));
    }
    let next = number.saturating_add(1);
    if rows < TEN || kind.pages().is_none_or(|most| next > most) {
        return Ok(None);
    }
    Ok(following(page, &[param::PAGE, param::AFTER]).map(|task| {
        let task = task.param(param::PAGE, next.to_string());
        match last {
            Some(last) => task.param(param::AFTER, last),
            None => task,
        }
    }))
}

/// The page of a list of the platform behind `cursor`; `None` when the query's limit is reached.
pub(super) fn next_cursor(page: &Task, cursor: u64) -> Option<Task> {
    following(page, &[param::CURSOR]).map(|task| task.param(param::CURSOR, cursor.to_string()))
}

/// `page` once more, without what says which page it is, and with one page less to go.
fn following(page: &Task, changing: &[&str]) -> Option<Task> {
    let mut task = Task::new(Name::clone(page.source()), Name::clone(page.kind()), page.subject())
        .per_run()
        .priority(page.rank());
    let kept = |name: &str| !changing.contains(&name) && name != param::PAGES_LEFT && name != param::AGAIN;
    for (name, value) in page.params().iter().filter(|(name, _)| kept(name)) {
        task = task.param(name, value);
    }
    match page.get(param::PAGES_LEFT).and_then(|left| left.parse::<u32>().ok()) {
        None => Some(task),
        Some(0 | 1) => None,
        Some(left) => Some(task.param(param::PAGES_LEFT, (left - 1).to_string())),
    }
}

/// `task` with one parameter changed; `None` takes it away.
pub(super) fn changed(task: &Task, name: &str, value: Option<&str>) -> Task {
    let mut other = Task::new(Name::clone(task.source()), Name::clone(task.kind()), task.subject())
        .per_run()
        .priority(task.rank());
    for (known, kept) in task.params().iter().filter(|(known, _)| *known != name) {
        other = other.param(known, kept);
    }
    match value {
        Some(value) => other.param(name, value),
        None => other,
    }
}
