//! Paths into an answer, and what is done to the values there.

use std::ops::BitOr;

use serde_json::Value;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A member of an object.
    Key(String),
    /// An element of a list.
    Index(usize),
}

/// The way to a value.
pub(super) type Path = Vec<Step>;

/// A path as people write it; elements of lists are alike, so their numbers are left out.
pub(super) fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
            Step::Index(_) => text.push_str("[]"),
        }
    }
    text
}

/// Cuts every list to its first elements; tells whether there was anything to cut.
pub(super) fn cut(value: &mut Value, rows: usize) -> bool {
    match value {
        Value::Array(list) => {
            let longer = list.len() > rows;
            list.truncate(rows);
            list.iter_mut().map(|value| cut(value, rows)).fold(longer, BitOr::bitor)
        }
        Value::Object(object) => object.values_mut().map(|value| cut(value, rows)).fold(false, BitOr::bitor),
        _ => false,
    }
}

/// The paths of the values right below this one; none when it is no object or list.
pub(super) fn children(value: &Value, path: &[Step]) -> Vec<Path> {
    let below = |step: Step| path.iter().cloned().chain([step]).collect();
    match value {
        Value::Array(list) => (0..list.len()).map(|index| below(Step::Index(index))).collect(),
        Value::Object(object) => object.keys().map(|key| below(Step::Key(key.clone()))).collect(),
        _ => Vec::new(),
    }
}

/// The value at a path.
pub(super) fn at<'v>(root: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(root, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
    })
}

fn at_mut<'v>(root: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    path.iter().try_fold(root, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(index),
    })
}

/// The answer without the values at these paths; an element of a list becomes null, so that the others keep their
/// places.
pub(super) fn without(root: &Value, paths: &[Path]) -> Value {
    let mut changed = root.clone();
    for path in paths {
        let Some((last, parents)) = path.split_last() else { return Value::Null };
        match (at_mut(&mut changed, parents), last) {
            (Some(Value::Object(object)), Step::Key(key)) => drop(object.remove(key)),
            (Some(Value::Array(list)), Step::Index(index)) => {
                list.get_mut(*index).into_iter().for_each(|element| *element = Value::Null);
            }
            _ => {}
        }
    }
    changed
}

/// The answer with the values at these paths changed in one of several ways; `None` when none can be changed in this
/// way. All values of an object or list are changed at once.
pub(super) fn changed(root: &Value, paths: &[Path], way: usize) -> Option<Value> {
    let mut changed = root.clone();
    let mut any = false;
    for path in paths {
        any |= at_mut(&mut changed, path).is_some_and(|value| change(value, way));
    }
    any.then_some(changed)
}

fn change(value: &mut Value, way: usize) -> bool {
    match value {
        Value::Array(list) => list.iter_mut().map(|value| change(value, way)).fold(false, BitOr::bitor),
        Value::Object(object) => {
            object.values_mut().map(|value| change(value, way)).fold(false, BitOr::bitor)
        }
        single => match other(single, way) {
            Some(changed) => {
                *single = changed;
                true
            }
            None => false,
        },
    }
}

/// Another value of the same kind.
fn other(value: &Value, way: usize) -> Option<Value> {
    match (value, way) {
        (Value::Bool(flag), 0) => Some(Value::from(!flag)),
        (Value::Number(number), 0) => Some(match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => Value::from(number.checked_add(1).unwrap_or(0)),
            (_, Some(number), _) => Value::from(number - 1),
            (.., number) => Value::from(number.unwrap_or_default() + 1.0),
        }),
        // Numbers that are read as a flag only differ from 0, or from 1.
        (Value::Number(number), 1) => Some(Value::from(u8::from(number.as_u64() == Some(0)) * 2)),
        (Value::String(text), 0 | 1) if !text.is_empty() => Some(Value::from(other_text(text, way == 0))),
        _ => None,
    }
}

/// The text with its last or first letter or digit exchanged for the next of its kind, so that an id stays an id.
fn other_text(text: &str, last: bool) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    let place = if last { text.rfind(is_plain) } else { text.find(is_plain) };
    let replaced = |at: usize| {
        let (before, rest) = text.split_at_checked(at)?;
        let mut rest = rest.chars();
        let next = next(rest.next()?);
        Some([before, &next.to_string(), rest.as_str()].concat())
    };
    place.and_then(replaced).unwrap_or_else(|| format!("{text}x"))
}

fn next(c: char) -> char {
    match c {
        '9' => '1',
        'z' => 'a',
        'Z' => 'A',
        c => char::from_u32(u32::from(c) + 1).unwrap_or('a'),
    }
}

/// How many values that hold something stand here, and how many that hold nothing.
pub(super) fn count(value: &Value) -> (usize, usize) {
    let sum = |a: (usize, usize), b: (usize, usize)| (a.0 + b.0, a.1 + b.1);
    match value {
        Value::Array(list) if !list.is_empty() => list.iter().map(count).fold((0, 0), sum),
        Value::Object(object) if !object.is_empty() => object.values().map(count).fold((0, 0), sum),
        Value::Null | Value::Array(_) | Value::Object(_) => (0, 1),
        Value::String(text) if text.is_empty() => (0, 1),
        _ => (1, 0),
    }
}
