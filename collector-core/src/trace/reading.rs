//! What a page says, flat and comparable.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::special;
use crate::error::Result;
use crate::source::Source;
use crate::task::{Page, Payload, Task};

/// What an answer was read as.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    /// Each value of each item, by its place.
    values: BTreeMap<String, Value>,
    /// How many items there are, and how many objects in each list of theirs.
    shape: BTreeMap<String, usize>,
    /// Everything that is no field, as text.
    others: [(&'static str, String); 4],
}

/// Reads `answer` in place of the payload's body.
pub(super) fn read<I>(
    source: &dyn Source<Item = I>,
    tasks: &[Task],
    payload: &Payload,
    answer: &Value,
) -> Result<Reading>
where
    I: Serialize + Send + Sync + 'static,
{
    let mut changed = Payload::new(answer.to_string(), payload.at);
    changed.status = payload.status;
    changed.headers.clone_from(&payload.headers);
    changed.cost = payload.cost;
    Ok(Reading::of(&source.parse(tasks, &changed)?))
}

impl Reading {
    fn of<I: Serialize>(page: &Page<I>) -> Self {
        let Page { items, follow_ups, outcomes, malformed, cost, .. } = page;
        let mut reading = Self {
            values: BTreeMap::new(),
            shape: BTreeMap::from([(String::new(), items.len())]),
            others: [
                (special::FOLLOW_UPS, format!("{follow_ups:?}")),
                (special::OUTCOMES, format!("{outcomes:?}")),
                (special::MALFORMED, format!("{malformed:?}")),
                (special::COST, format!("{cost:?}")),
            ],
        };
        for (index, item) in items.iter().enumerate() {
            // An item that cannot be written has no fields to compare.
            reading.add(format!("#{index}"), serde_json::to_value(item).unwrap_or_default());
        }
        reading
    }

    fn add(&mut self, place: String, value: Value) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    self.add(format!("{place}.{key}"), value);
                }
            }
            Value::Array(list) => {
                if list.iter().any(Value::is_object) {
                    self.shape.insert(place.clone(), list.len());
                }
                for (index, value) in list.into_iter().enumerate() {
                    self.add(format!("{place}[{index}]"), value);
                }
            }
            single => drop(self.values.insert(place, single)),
        }
    }

    /// What differs from `before`. When there are more or fewer items than before, every field would differ, which
    /// says nothing about any: then that alone is told.
    pub(super) fn differences(&self, before: &Self) -> BTreeSet<String> {
        if self.shape != before.shape {
            return BTreeSet::from([special::ITEMS.to_owned()]);
        }
        let one_way = |a: &Self, b: &Self| -> BTreeSet<String> {
            let differs = |(place, value): &(&String, &Value)| b.values.get(*place) != Some(value);
            a.values.iter().filter(differs).map(|(place, _)| field(place)).collect()
        };
        let mut differing = one_way(self, before);
        differing.extend(one_way(before, self));
        let others = self.others.iter().zip(&before.others).filter(|(a, b)| a != b);
        differing.extend(others.map(|((name, _), _)| (*name).to_owned()));
        differing
    }

    /// The value of the first item that has this field.
    pub(super) fn example(&self, name: &str) -> Value {
        let found = self.values.iter().find(|(place, _)| field(place) == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Whether it has as many items and parts of items as another.
    pub(super) fn is_shaped_like(&self, other: &Self) -> bool {
        self.shape == other.shape
    }
}

/// The name of a field out of its place: items and elements of lists are alike.
fn field(place: &str) -> String {
    let mut name = String::with_capacity(place.len());
    let (_, inside) = place.split_once('.').unwrap_or_default();
    let mut in_index = false;
    for c in inside.chars() {
        match c {
            '[' => {
                in_index = true;
                name.push_str("[]");
            }
            ']' => in_index = false,
            c if !in_index => name.push(c),
            _ => {}
        }
    }
    name
}
