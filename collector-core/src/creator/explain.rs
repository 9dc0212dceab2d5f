//! Why a creator is as it is: who said what, and who disagrees.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::merge::Panel;
use super::{Creator, CreatorSighting, Creators, Field, SourceAsOf};
use crate::domain::{Lost, Sighting};

/// Where each value of a creator comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The fields that have a value, or that somebody stated.
    pub fields: Vec<Explained>,
}

/// Where one value comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explained {
    /// The field's name; `extra.` and the source's own name for what is not modelled.
    pub field: Cow<'static, str>,
    /// The value taken; null when none of those stated holds any more (a handle that is somebody else's).
    pub value: Value,
    /// Who said it; for posts, who showed most of them. `None` for what several made together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said_by: Option<SourceAsOf>,
    /// Whether it is older than the field's maximum age, and taken because nobody has a younger one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub aged: bool,
    /// Who says the same, whom to believe first first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agree: Vec<SourceAsOf>,
    /// Who says something else, whom to believe first first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disagree: Vec<Said>,
}

/// Something that was said and not taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Said {
    /// What.
    pub value: Value,
    /// Who said it, and when it was true.
    #[serde(flatten)]
    pub by: SourceAsOf,
    /// Whether it is older than the field's maximum age, so that anything younger stands before it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub aged: bool,
}

impl Creators {
    /// Says where each value of the creator that [`merge`](crate::domain::Domain::merge) makes of the same
    /// sightings comes from, and who disagrees.
    pub fn explain(&self, latest: &[Sighting<CreatorSighting>], lost: &[Lost]) -> Explanation {
        let panel = self.panel(latest, lost);
        let creator = panel.merge();
        let stated = Field::STATED.iter().filter_map(|&field| panel.explain_stated(field));
        let made = [Field::FormerHandles, Field::Posts]
            .into_iter()
            .filter_map(|field| explain_made(&creator, field));
        let extra = creator.extra.keys().filter_map(|name| panel.explain_extra(name));
        Explanation { fields: stated.chain(made).chain(extra).collect() }
    }
}

impl Panel<'_> {
    fn explain_stated(&self, field: Field) -> Option<Explained> {
        let said = |index: usize| Some((index, to_json(&field.stated_by(&self.sightings[index].item)?)));
        let said: Vec<(usize, Value)> = self.ranked(field).into_iter().filter_map(said).collect();
        let winner = said.iter().position(|(index, _)| self.stated(field, *index));
        self.explain(Cow::Borrowed(field.name()), field, said, winner)
    }

    fn explain_extra(&self, name: &str) -> Option<Explained> {
        let said = |index: usize| Some((index, self.sightings[index].item.extra.get(name)?.clone()));
        let said = self.ranked(Field::Extra).into_iter().filter_map(said);
        let said: Vec<(usize, Value)> = said.filter(|(_, value)| !value.is_null()).collect();
        self.explain(Cow::Owned(format!("{}.{name}", Field::Extra)), Field::Extra, said, Some(0))
    }

    /// Sorts those who said something about a field into the winner, who agrees and who does not.
    fn explain(
        &self,
        name: Cow<'static, str>,
        field: Field,
        mut said: Vec<(usize, Value)>,
        winner: Option<usize>,
    ) -> Option<Explained> {
        let taken = winner.filter(|&at| at < said.len()).map(|at| said.remove(at));
        if taken.is_none() && said.is_empty() {
            return None;
        }
        let (by, value) = taken.map_or((None, Value::Null), |(index, value)| (Some(index), value));
        let (agree, disagree): (Vec<_>, Vec<_>) = said.into_iter().partition(|(_, other)| *other == value);
        // A handle is the youngest anyway; a sighting that shows none does not make it old.
        let aged = |index: usize| field != Field::Handle && !self.is_current(field, index);
        Some(Explained {
            field: name,
            value,
            said_by: by.map(|index| self.source(index)),
            aged: by.is_some_and(aged),
            agree: agree.into_iter().map(|(index, _)| self.source(index)).collect(),
            disagree: disagree
                .into_iter()
                .map(|(index, value)| Said { value, by: self.source(index), aged: aged(index) })
                .collect(),
        })
    }
}

fn explain_made(creator: &Creator, field: Field) -> Option<Explained> {
    let value = match field {
        Field::Posts => to_json(creator.posts.as_ref()?),
        made => to_json(&made.value_in(creator)?),
    };
    let said_by = creator.said_by(field).cloned();
    Some(Explained {
        field: Cow::Borrowed(field.name()),
        value,
        said_by,
        aged: false,
        agree: Vec::new(),
        disagree: Vec::new(),
    })
}

/// Texts, numbers and lists of them always have a JSON form.
fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
