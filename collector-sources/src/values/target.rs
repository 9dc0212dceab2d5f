//! Where a value goes: the fields of a creator, by the names they have everywhere else.

use std::fmt;

use collector_core::clock::Timestamp;
use collector_core::creator::{CreatorSighting, Field, FieldType};
use serde_json::Value;

/// Longest text kept, in characters.
const LONGEST_TEXT: usize = 5_000;

/// Elements of a list kept.
const MOST_ELEMENTS: usize = 50;

/// Longest name of an own field, in bytes.
const LONGEST_NAME: usize = 64;

/// The prefix of fields that are not modelled.
const EXTRA: &str = "extra.";

/// A place in what a source says about a creator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Target {
    /// A field of the model.
    Field(Field),
    /// When it was true.
    AsOf,
    /// A field that is not modelled, by its name without `extra.`.
    Extra(Box<str>),
}

impl Target {
    /// The place with this name: a field of the model, `as_of`, or `extra.` and a name of letters, digits and `_`.
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some(own) = name.strip_prefix(EXTRA) {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let fits = (1..=LONGEST_NAME).contains(&own.len()) && own.bytes().all(good);
            return fits.then(|| Self::Extra(own.into()));
        }
        if name == "as_of" {
            return Some(Self::AsOf);
        }
        let field = Field::from_name(name)?;
        // What is made out of several sightings cannot be said by one.
        let stated = !matches!(field.info().value, FieldType::Object) && field != Field::FormerHandles;
        stated.then_some(Self::Field(field))
    }

    /// The names of all places but the own ones.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let fields = Field::ALL.iter().map(|field| field.name());
        fields.chain(["as_of"]).filter(|name| Self::from_name(name).is_some())
    }

    /// Puts a value there; `null` leaves the place as it is. Texts and lists are cut to what anybody needs.
    ///
    /// # Errors
    /// What the place takes, when this value is nothing of the kind.
    pub fn set(&self, seen: &mut CreatorSighting, value: &Value) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        match self {
            Self::Extra(name) => {
                seen.extra.insert(name.clone(), value.clone());
            }
            Self::AsOf => seen.as_of = Some(self.time(value)?),
            Self::Field(field) => self.set_field(*field, seen, value)?,
        }
        Ok(())
    }

    fn set_field(&self, field: Field, seen: &mut CreatorSighting, value: &Value) -> Result<(), String> {
        match field {
            Field::Uid => seen.uid = Some(self.text(value)?),
            Field::SecUid => seen.sec_uid = Some(self.text(value)?),
            Field::Handle => seen.handle = Some(self.text(value)?),
            Field::Name => seen.name = Some(self.text(value)?),
            Field::Bio => seen.bio = Some(self.text(value)?),
            Field::Links => seen.links = self.list(value)?,
            Field::Language => seen.language = Some(self.text(value)?),
            Field::Country => seen.country = Some(self.text(value)?),
            Field::Categories => seen.categories = self.list(value)?,
            Field::Verified => seen.verified = Some(self.flag(value)?),
            Field::Private => seen.private = Some(self.flag(value)?),
            Field::AccountType => seen.account_type = Some(self.text(value)?),
            Field::HasShop => seen.has_shop = Some(self.flag(value)?),
            Field::HasEmail => seen.has_email = Some(self.flag(value)?),
            Field::Email => seen.email = Some(self.text(value)?),
            Field::CreatedAt => seen.created_at = Some(self.time(value)?),
            Field::Followers => seen.followers = Some(self.number(value)?),
            Field::Following => seen.following = Some(self.number(value)?),
            Field::Likes => seen.likes = Some(self.number(value)?),
            Field::Videos => seen.videos = Some(self.number(value)?),
            Field::Gmv30d => seen.gmv_30d = Some(self.number(value)?),
            Field::Units30d => seen.units_30d = Some(self.number(value)?),
            Field::AvgPrice => seen.avg_price = Some(self.number(value)?),
            Field::Currency => seen.currency = Some(self.text(value)?),
            Field::EcScore => seen.ec_score = Some(self.number(value)?),
            Field::Avatar => seen.avatar = Some(self.text(value)?),
            _ => return Err(format!("`{self}` cannot be set by a source")),
        }
        Ok(())
    }

    fn text(&self, value: &Value) -> Result<Box<str>, String> {
        match value {
            Value::String(text) => Ok(clipped(text)),
            // Identities often come as numbers.
            Value::Number(number) => Ok(number.to_string().into()),
            _ => Err(self.misfit("a text", value)),
        }
    }

    fn list(&self, value: &Value) -> Result<Vec<Box<str>>, String> {
        let Value::Array(elements) = value else { return Ok(vec![self.text(value)?]) };
        elements
            .iter()
            .filter(|element| !element.is_null())
            .take(MOST_ELEMENTS)
            .map(|element| self.text(element))
            .collect()
    }

    fn flag(&self, value: &Value) -> Result<bool, String> {
        value
            .as_bool()
            .ok_or_else(|| self.misfit("`true` or `false`: try the filter `flag` or `present`", value))
    }

    fn number(&self, value: &Value) -> Result<u64, String> {
        value.as_u64().ok_or_else(|| {
            self.misfit("a whole number from 0 on: try the filter `count`, `int` or `hundredths`", value)
        })
    }

    fn time(&self, value: &Value) -> Result<Timestamp, String> {
        let text = value.as_str();
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| self.misfit("a moment: try the filter `unix_s`, `unix_ms` or `date`", value))
    }

    fn misfit(&self, takes: &str, value: &Value) -> String {
        let found = match value {
            Value::Null => "nothing",
            Value::Bool(_) => "a flag",
            Value::Number(_) => "another number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        format!("`{self}` takes {takes}; found {found}")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => fmt::Display::fmt(field, f),
            Self::AsOf => f.write_str("as_of"),
            Self::Extra(name) => write!(f, "{EXTRA}{name}"),
        }
    }
}

fn clipped(text: &str) -> Box<str> {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => text.get(..end).unwrap_or_default().into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn target(name: &str) -> Target {
        Target::from_name(name).unwrap_or_else(|| panic!("{name}"))
    }

    #[test]
    fn every_field_of_a_sighting_can_be_set_by_its_name() {
        for name in Target::names() {
            let target = target(name);
            let good = [json!("2026-01-31T00:00:00Z"), json!(12), json!(true)];
            let mut seen = CreatorSighting::default();
            let set = good.iter().any(|value| target.set(&mut seen, value).is_ok());
            assert!(set, "{name} takes no value");
            assert_ne!(seen, CreatorSighting::default(), "{name} was not set");
            assert_eq!(target.to_string(), name);
        }
        assert!(Target::names().count() >= 27);
    }

    #[test]
    fn names_that_are_no_place_are_refused() {
        for name in ["", "fans", "posts", "extra", "former_handles", "extra.", "extra.a b", "aspect"] {
            assert_eq!(Target::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_value_of_another_kind_is_refused_and_changes_nothing() {
        let mut seen = CreatorSighting::default();
        for (name, value) in [
            ("followers", json!("12")),
            ("followers", json!(-1)),
            ("verified", json!(1)),
            ("created_at", json!(1_700_000_000)),
            ("name", json!({})),
            ("links", json!([{}])),
        ] {
            let misfit = target(name).set(&mut seen, &value).unwrap_err();
            assert!(misfit.contains(name), "{misfit}");
        }
        for name in Target::names() {
            target(name).set(&mut seen, &Value::Null).unwrap();
        }
        assert_eq!(seen, CreatorSighting::default());
    }

    #[test]
    fn own_fields_keep_their_type_and_texts_are_bounded() {
        let mut seen = CreatorSighting::default();
        target("extra.rank").set(&mut seen, &json!([1, "a"])).unwrap();
        target("bio").set(&mut seen, &json!("é".repeat(LONGEST_TEXT + 1))).unwrap();
        target("links").set(&mut seen, &json!("https://example.com")).unwrap();
        target("uid").set(&mut seen, &json!(7_234_567_890_123_456_789_u64)).unwrap();
        assert_eq!(seen.extra.get("rank"), Some(&json!([1, "a"])));
        assert_eq!(seen.bio.unwrap().chars().count(), LONGEST_TEXT);
        assert_eq!(&*seen.links[0], "https://example.com");
        assert_eq!(seen.uid.as_deref(), Some("7234567890123456789"));
    }
}
