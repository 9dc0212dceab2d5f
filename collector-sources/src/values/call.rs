//! The tasks of one call: of one kind, and no more of them than it can serve.

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::Task;

/// The longest beginning of a parameter that is repeated, in characters.
const LONGEST_SHOWN: usize = 40;

/// The kind that all tasks of one call share; `batch` says how many of a kind one call can serve.
///
/// # Errors
/// `Rejected` for no task, an unknown kind, tasks of several kinds or more than one call can serve.
pub(crate) fn kind_of<K: Copy>(
    tasks: &[Task],
    from_name: impl Fn(&str) -> Option<K>,
    batch: impl Fn(K) -> usize,
) -> Result<K> {
    let rejected = |message: &'static str| Error::new(ErrorKind::Rejected, message);
    let [first, rest @ ..] = tasks else { return Err(rejected("a call without tasks")) };
    let kind = from_name(first.kind()).ok_or_else(|| {
        rejected("no such kind of task; discard it, or update the adapter").with("kind", first.kind())
    })?;
    if tasks.len() > batch(kind) || rest.iter().any(|task| task.kind() != first.kind()) {
        return Err(rejected("a call serves tasks of one kind, up to its batch size")
            .with("kind", first.kind())
            .with("tasks", tasks.len()));
    }
    Ok(kind)
}

/// The only task of a call, and its kind.
///
/// # Errors
/// `Rejected` for no task, several, or an unknown kind.
#[cfg(feature = "tiktok")]
pub(crate) fn only<K: Copy>(tasks: &[Task], from_name: impl Fn(&str) -> Option<K>) -> Result<(K, &Task)> {
    let kind = kind_of(tasks, from_name, |_| 1)?;
    let task = tasks.first().ok_or_else(|| Error::new(ErrorKind::Rejected, "a call without tasks"))?;
    Ok((kind, task))
}

/// A task that its source cannot do anything with.
pub(crate) fn unusable(task: &Task, param: &'static str) -> Error {
    let message = "a parameter of the task is missing or nothing the vendor could be sent; discard the task";
    let found =
        task.get(param).map(|text| format!("{:?}", text.chars().take(LONGEST_SHOWN).collect::<String>()));
    Error::new(ErrorKind::Rejected, message).with(param, found.unwrap_or_else(|| "missing".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(tasks: &[Task]) -> Result<u8> {
        kind_of(tasks, |name| (name == "a").then_some(7), |_| 2)
    }

    #[test]
    fn a_call_serves_some_tasks_of_one_known_kind() {
        let task = |kind: &'static str, subject: &'static str| Task::new("s", kind, subject);
        assert_eq!(kind(&[task("a", "1"), task("a", "2")]).unwrap(), 7);
        for (tasks, told) in [
            (vec![], "without tasks"),
            (vec![task("b", "1")], "no such kind"),
            (vec![task("a", "1"), task("b", "2")], "of one kind"),
            (vec![task("a", "1"), task("a", "2"), task("a", "3")], "batch size"),
        ] {
            let error = kind(&tasks).unwrap_err();
            assert!(error.kind() == ErrorKind::Rejected && error.message().contains(told), "{error}");
        }
    }
}
