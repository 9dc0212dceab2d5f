//! Takes values out of a page, as a description says. Pure.

use std::cell::OnceCell;

use collector_core::creator::{CreatorSighting, Field};
use collector_core::task::Malformed;
use scraper::ElementRef;
use serde_json::Value;

use super::html::{self, Document};
use super::jsonld::Entity;
use super::plan::{Css, FieldPlan, Origin, Place};
use super::site::Standard;
use crate::values::{Filter, Target, apply_all};

/// Elements taken of a list.
const MOST_ELEMENTS: usize = 100;

/// A page that values are taken from.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) document: &'a Document,
    /// How people may see its address.
    pub(super) shown: &'a str,
    entity: OnceCell<Option<Entity>>,
}

/// A value, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Taken {
    Value(Value),
    /// Nothing stands where it should; the text says where that is.
    Nothing(String),
    /// Something stands there that cannot be used.
    Unfit(String),
}

impl<'a> View<'a> {
    pub(super) fn new(document: &'a Document, shown: &'a str) -> Self {
        Self { document, shown, entity: OnceCell::new() }
    }

    /// Whom the page's own data is about.
    pub(super) fn entity(&self) -> Option<&Entity> {
        self.entity.get_or_init(|| Entity::of(self.document)).as_ref()
    }

    /// The value of a place, in a row or on the page; the first of several places that has one.
    pub(super) fn take(&self, place: &Place, row: Option<ElementRef<'_>>) -> Taken {
        let first = self.take_one(place, row);
        if matches!(first, Taken::Value(Value::Null) | Taken::Nothing(_)) {
            for other in &place.otherwise {
                match self.take(other, row) {
                    Taken::Value(Value::Null) | Taken::Nothing(_) => {}
                    taken => return taken,
                }
            }
        }
        first
    }

    fn take_one(&self, place: &Place, row: Option<ElementRef<'_>>) -> Taken {
        let Some(mut value) = self.raw(&place.origin, row) else {
            return Taken::Nothing(place.origin.shown());
        };
        if let Some(pattern) = &place.pattern {
            value = matched(pattern, value);
            if value.is_null() {
                return Taken::Nothing(format!("{} with pattern `{pattern}`", place.origin.shown()));
            }
        }
        let filters: &[Filter] =
            if place.filters.is_empty() && !is_structured(&value) { &[Filter::Trim] } else { &place.filters };
        match apply_all(filters, value) {
            Ok(value) => Taken::Value(value),
            Err(unfit) => Taken::Unfit(format!("{unfit}; it stands at {}", place.origin.shown())),
        }
    }

    /// What stands there as it is; `None` when nothing does.
    fn raw(&self, from: &Origin, row: Option<ElementRef<'_>>) -> Option<Value> {
        match from {
            Origin::Css { css, attr, all } => self.elements(css, attr.as_deref(), *all, row),
            Origin::Row { attr } => self.attribute(row?, attr).map(Value::from),
            Origin::Meta(name) => match name.as_str() {
                "title" => self.document.title(),
                "canonical" => self.document.canonical(),
                name => self.document.meta(name),
            }
            .map(Value::from),
            Origin::Jsonld(path) => Some(self.entity()?.at(path)).filter(|value| !value.is_null()),
            Origin::Script { css, pointer } => {
                let script = self.document.html.select(&css.selector).next().map(html::raw_text)?;
                let json: Value = serde_json::from_str(script.trim()).ok()?;
                json.pointer(pointer).cloned()
            }
            Origin::Value(value) => Some(value.as_str().into()),
            Origin::Address => self.document.base.as_ref().map(|url| url.as_str().into()),
        }
    }

    fn elements(
        &self,
        css: &Css,
        attr: Option<&str>,
        all: bool,
        row: Option<ElementRef<'_>>,
    ) -> Option<Value> {
        let of = |element: ElementRef<'_>| match attr {
            Some(attr) => self.attribute(element, attr),
            None => Some(html::text(element)),
        };
        let mut found: Vec<String> = match row {
            Some(row) => row.select(&css.selector).filter_map(of).take(MOST_ELEMENTS).collect(),
            None => self.document.html.select(&css.selector).filter_map(of).take(MOST_ELEMENTS).collect(),
        };
        if all && !found.is_empty() {
            return Some(found.into());
        }
        (!found.is_empty()).then(|| found.swap_remove(0).into())
    }

    fn attribute(&self, element: ElementRef<'_>, name: &str) -> Option<String> {
        let value = element.attr(name)?;
        let link = matches!(name, "href" | "src").then(|| self.document.link(value)).flatten();
        Some(link.map_or_else(|| value.to_owned(), Into::into))
    }

    /// Sets the fields of a sighting, and tells what could not be found or used.
    pub(super) fn fill(
        &self,
        fields: &[FieldPlan],
        row: Option<ElementRef<'_>>,
        seen: &mut CreatorSighting,
        mut tell: impl FnMut(&FieldPlan, Taken),
    ) {
        for field in fields {
            match self.take(&field.place, row) {
                Taken::Value(value) => {
                    if let Err(misfit) = field.target.set(seen, &value) {
                        tell(
                            field,
                            Taken::Unfit(format!("{misfit}; it stands at {}", field.place.origin.shown())),
                        );
                    }
                }
                Taken::Nothing(_) if field.place.optional => {}
                taken => tell(field, taken),
            }
        }
    }

    /// Fills the fields that are still unknown from what pages of many sites have in common.
    pub(super) fn fill_standard(
        &self,
        standards: &[Standard],
        seen: &mut CreatorSighting,
        malformed: &mut Vec<Malformed>,
    ) {
        for standard in standards {
            for &field in Field::ALL {
                if field.stated_by(seen).is_some() {
                    continue;
                }
                let value = match standard {
                    Standard::Jsonld => self.entity().map_or(Value::Null, |entity| entity.field(field)),
                    Standard::Meta => self.meta(field),
                };
                let set = apply_all(usual(field), value).map_err(|unfit| unfit.to_string());
                let Some(target) = Target::from_name(field.name()) else { continue };
                if let Err(reason) = set.and_then(|value| target.set(seen, &value)) {
                    malformed.push(Malformed { part: format!("{} ({standard:?})", field.name()), reason });
                }
            }
        }
    }

    fn meta(&self, field: Field) -> Value {
        let names: &[&str] = match field {
            Field::Name => &["og:title", "twitter:title"],
            Field::Bio => &["og:description", "description", "twitter:description"],
            Field::Avatar => &["og:image:secure_url", "og:image", "twitter:image"],
            Field::Handle => &["profile:username"],
            _ => &[],
        };
        names.iter().find_map(|name| self.document.meta(name)).map_or(Value::Null, Value::from)
    }
}

/// What is made of a value in schema.org's or Open Graph's words.
fn usual(field: Field) -> &'static [Filter] {
    match field {
        Field::Handle => &[Filter::Handle],
        Field::Followers | Field::Following | Field::Likes | Field::Videos => &[Filter::Count],
        Field::CreatedAt => &[Filter::Date],
        Field::Language => &[Filter::Language],
        Field::Links => &[Filter::Url],
        Field::Avatar => &[Filter::Trim, Filter::Url],
        Field::Uid => &[Filter::Text],
        _ => &[Filter::Trim],
    }
}

/// What is shown of a value by an expression: its first group, or all of the match.
fn matched(pattern: &regex::Regex, value: Value) -> Value {
    match value {
        Value::String(text) => {
            let found = pattern.captures(&text);
            let part = found.and_then(|groups| groups.get(1).or_else(|| groups.get(0)));
            part.map_or(Value::Null, |part| part.as_str().into())
        }
        Value::Array(elements) => {
            let found: Vec<_> = elements
                .into_iter()
                .map(|value| matched(pattern, value))
                .filter(|value| !value.is_null())
                .collect();
            if found.is_empty() { Value::Null } else { found.into() }
        }
        Value::Number(number) => matched(pattern, number.to_string().into()),
        _ => Value::Null,
    }
}

/// Whether a value of a page's data is no text, so that it is not trimmed into one.
fn is_structured(value: &Value) -> bool {
    match value {
        Value::String(_) => false,
        Value::Array(elements) => elements.iter().any(is_structured),
        _ => true,
    }
}

impl Origin {
    /// The place as people wrote it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Css { css, attr: Some(attr), .. } => format!("css `{}` with attribute `{attr}`", css.text),
            Self::Css { css, .. } => format!("css `{}`", css.text),
            Self::Row { attr } => format!("the row's attribute `{attr}`"),
            Self::Meta(name) => format!("meta `{name}`"),
            Self::Jsonld(path) => format!("jsonld `{path}`"),
            Self::Script { css, pointer } => format!("script `{}` at `{pointer}`", css.text),
            Self::Value(_) => "value".to_owned(),
            Self::Address => "address".to_owned(),
        }
    }
}
