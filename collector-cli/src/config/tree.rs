//! Reads typed settings out of a TOML document and collects every fault on the way, instead of the first one.
//!
//! Each table is read by an ordinary serde struct. What serde's own errors cannot say is added here: the line, the
//! whole key, the value as written, the known keys. A value that is wrong is noted, passed over, and the struct
//! is read once more without it, so that the next fault is found too.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use collector_core::known::not_known;
use serde::de::value::{SeqDeserializer, StrDeserializer, StringDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Unexpected, Visitor,
};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Fault;
use super::wrong::{Place, Wrong};
use super::{duration, secret};

/// The name by which a newtype says that it is a path.
const CONFIG_PATH: &str = "ConfigPath";

/// The environment variables: given, so that tests have their own.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A document being read.
pub(crate) struct Document<'a> {
    text: &'a str,
    dir: &'a Path,
    /// `None` leaves secrets unresolved.
    env: Option<Environment<'a>>,
    faults: RefCell<Vec<Fault>>,
    warnings: RefCell<BTreeSet<String>>,
    /// Whether only the places where things are kept get their secrets.
    only_places: bool,
    /// Where the values begin that were found wrong and are passed over.
    wrong: RefCell<BTreeSet<usize>>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(text: &'a str, dir: &'a Path, env: Option<Environment<'a>>) -> Self {
        Self {
            text,
            dir,
            env,
            faults: RefCell::default(),
            warnings: RefCell::default(),
            only_places: false,
            wrong: RefCell::default(),
        }
    }

    /// Where relative paths count from.
    pub(crate) fn dir(&self) -> &'a Path {
        self.dir
    }

    /// The same for somebody who asks no vendor and tells nobody: their secrets are left alone.
    pub(crate) fn only_places(self) -> Self {
        Self { only_places: true, ..self }
    }

    /// Whether only the places matter.
    pub(crate) fn is_of_places(&self) -> bool {
        self.only_places
    }

    pub(crate) fn fault(&self, at: usize, key: impl Into<String>, message: impl Into<String>) {
        let before = self.text.as_bytes().iter().take(at);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        self.faults.borrow_mut().push(Fault { line, key: key.into(), message: message.into() });
    }

    pub(crate) fn warn(&self, message: String) {
        self.warnings.borrow_mut().insert(message);
    }

    pub(crate) fn is_faultless(&self) -> bool {
        self.faults.borrow().is_empty()
    }

    pub(crate) fn finish(self) -> (Vec<Fault>, Vec<String>) {
        (self.faults.into_inner(), self.warnings.into_inner().into_iter().collect())
    }

    /// The value as it stands in the file, short and on one line.
    fn quote(&self, value: &Spanned<DeValue<'_>>) -> String {
        match value.get_ref() {
            DeValue::Table(_) => "a table".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            _ => {
                let written = self.text.get(value.span()).unwrap_or("a value");
                let line = written.lines().next().unwrap_or_default();
                let short: String = line.chars().take(60).collect();
                if short.len() < written.len() { format!("{short}…") } else { short }
            }
        }
    }
}

/// One value of the document, with the way to it.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    document: &'a Document<'a>,
    value: &'a Spanned<DeValue<'a>>,
    key: String,
    /// Keys of this table that are somebody else's: passed over, and listed as known.
    others: &'static [&'static str],
    /// Whether unknown keys of this table are somebody else's fault to report.
    lenient: bool,
    /// The table whose keys count where this one is silent, but for some.
    under: Option<(Box<Node<'a>>, &'static [&'static str])>,
}

impl<'a> Node<'a> {
    pub(crate) fn new(
        document: &'a Document<'a>,
        value: &'a Spanned<DeValue<'a>>,
        key: impl Into<String>,
    ) -> Self {
        Self { document, value, key: key.into(), others: &[], lenient: false, under: None }
    }

    /// The same table for a reader who does not know these keys.
    pub(crate) fn without(&self, others: &'static [&'static str]) -> Self {
        Self { others, ..self.clone() }
    }

    /// The same table for a reader of a few of its keys.
    pub(crate) fn partly(&self) -> Self {
        Self { lenient: true, ..self.clone() }
    }

    /// The same table over another one, whose keys count where this one is silent; `own` are not taken from there.
    pub(crate) fn over(&self, under: &Self, own: &'static [&'static str]) -> Self {
        Self { under: Some((Box::new(under.clone()), own)), ..self.clone() }
    }

    pub(crate) fn document(&self) -> &'a Document<'a> {
        self.document
    }

    /// Where this value's secrets are found; `None` when they are left alone.
    pub(crate) fn env(&self) -> Option<Environment<'a>> {
        let asks_nobody = ["sources", "notify"].iter().any(|section| self.key.starts_with(section));
        let spared = self.document.only_places && asks_nobody;
        self.document.env.filter(|_| !spared)
    }

    pub(crate) fn value(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    /// Notes a fault of this value.
    pub(crate) fn fault(&self, message: impl Into<String>) {
        self.document.fault(self.start(), self.key.clone(), message);
    }

    /// Notes a fault of the value under `key` of this table; of the table itself when it is not there.
    pub(crate) fn fault_in(&self, key: &str, message: impl Into<String>) {
        match self.get(key) {
            Some(node) => node.fault(message),
            None => self.document.fault(self.start(), join(&self.key, key), message),
        }
    }

    pub(super) fn place(&self) -> Place {
        Place { start: self.start(), key: self.key.clone() }
    }

    /// The value as it stands in the file.
    pub(super) fn quoted(&self) -> String {
        self.document.quote(self.value)
    }

    fn start(&self) -> usize {
        self.value.span().start
    }

    /// The value under `key` of this table.
    pub(crate) fn get(&self, key: &str) -> Option<Node<'a>> {
        self.entries().find(|(name, _)| *name == key).map(|(_, node)| node)
    }

    /// The values of this table; none when it is no table.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        let table = self.value().as_table();
        let mut entries: Vec<(&'a str, Node<'a>)> = Vec::new();
        for (name, value) in table.into_iter().flat_map(DeTable::iter) {
            let name: &'a str = name.get_ref();
            entries.push((name, Node::new(self.document, value, join(&self.key, name))));
        }
        if let Some((under, own)) = &self.under {
            for (name, node) in under.entries() {
                if !own.contains(&name) && !entries.iter().any(|(known, _)| *known == name) {
                    entries.push((name, node));
                }
            }
        }
        entries.into_iter()
    }

    /// The values of this list; none when it is no list.
    pub(crate) fn elements(&self) -> impl Iterator<Item = Node<'a>> {
        let document = self.document;
        let key = self.key.clone();
        let values = self.value().as_array().into_iter().flat_map(|array| array.iter());
        values.enumerate().map(move |(index, value)| Node::new(document, value, format!("{key}[{index}]")))
    }

    /// Reads this value, noting every fault in it. `None` when nothing usable is left.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        loop {
            let error = match T::deserialize(self.clone()) {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            let place = error.place.unwrap_or_else(|| self.place());
            if let Some(message) = error.message {
                self.document.fault(place.start, place.key, message);
            }
            // Each round passes over one more value, so the rounds end; the whole cannot be passed over.
            let is_new = self.document.wrong.borrow_mut().insert(place.start);
            if place.start == self.start() || !is_new {
                return None;
            }
        }
    }

    fn is_wrong(&self) -> bool {
        self.document.wrong.borrow().contains(&self.start())
    }

    fn entries_for(&self, known: Option<&'static [&'static str]>) -> Entries<'a> {
        let mut entries = Vec::new();
        for (name, node) in self.entries() {
            let is_known = known.is_none_or(|known| known.contains(&name));
            if is_known && !node.is_wrong() {
                entries.push((name, node));
            } else if !is_known && !self.lenient && !self.others.contains(&name) {
                let known = self.others.iter().chain(known.unwrap_or_default()).copied();
                self.note_unknown(name, &node, known);
            }
        }
        Entries { entries: entries.into_iter(), value: None }
    }

    /// Notes an unknown key, once: the table may be read again.
    fn note_unknown(&self, name: &str, node: &Node<'_>, known: impl Iterator<Item = &'static str>) {
        if self.document.wrong.borrow_mut().insert(node.start()) {
            node.fault(not_known("key", name, known));
        }
    }

    fn visit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let located = self.clone();
        let result = match self.value.get_ref() {
            DeValue::String(text) => visitor.visit_str(text),
            DeValue::Integer(number) => visit_integer(number, visitor),
            DeValue::Float(number) => match number.as_str().replace('_', "").parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(de::Error::invalid_value(Unexpected::Other("number"), &visitor)),
            },
            DeValue::Boolean(flag) => visitor.visit_bool(*flag),
            DeValue::Datetime(time) => visitor.visit_string(time.to_string()),
            DeValue::Array(_) => visitor.visit_seq(Elements(self.elements().collect::<Vec<_>>().into_iter())),
            DeValue::Table(_) => visitor.visit_map(self.entries_for(None)),
        };
        result.map_err(|error| error.at(&located))
    }
}

fn visit_integer<'a, V: Visitor<'a>>(
    number: &toml::de::DeInteger<'_>,
    visitor: V,
) -> Result<V::Value, Wrong> {
    if let Ok(number) = i64::from_str_radix(number.as_str(), number.radix()) {
        visitor.visit_i64(number)
    } else if let Ok(number) = u64::from_str_radix(number.as_str(), number.radix()) {
        visitor.visit_u64(number)
    } else {
        Err(de::Error::invalid_value(Unexpected::Other("number"), &visitor))
    }
}

/// `parent.name`, with the name in quotes when it is not plain.
fn join(parent: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let name = if plain { name.to_owned() } else { format!("{name:?}") };
    if parent.is_empty() { name } else { format!("{parent}.{name}") }
}

impl<'a> Deserializer<'a> for Node<'a> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.visit(visitor)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    /// A newtype called `Secret` is a secret: it stands in the environment or in a file of its own. One called
    /// `ConfigPath` counts from the configuration's folder.
    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let value = match (name, self.value()) {
            (secret::NEWTYPE, _) => {
                secret::resolve(&self).map_err(|message| Wrong::new(message).at(&self))?
            }
            (CONFIG_PATH, DeValue::String(path)) => {
                self.document.dir.join(path.as_ref()).to_string_lossy().into_owned()
            }
            _ => return visitor.visit_newtype_struct(self),
        };
        let inner: StringDeserializer<Wrong> = value.into_deserializer();
        visitor.visit_newtype_struct(inner).map_err(|error| error.at(&self))
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.value.get_ref() {
            DeValue::String(text) if name == "Duration" => {
                let span = duration::parse(text).ok_or_else(|| {
                    Wrong::new(format!(
                        "expected {}, found {}",
                        duration::FORM,
                        self.document.quote(self.value)
                    ))
                });
                visit_duration(span.map_err(|error| error.at(&self))?, visitor)
                    .map_err(|error| error.at(&self))
            }
            DeValue::Table(_) if name != "Duration" => {
                visitor.visit_map(self.entries_for(Some(fields))).map_err(|error| error.at(&self))
            }
            _ if name == "Duration" => Err(self.refused(duration::FORM)),
            _ => Err(self.refused("a table")),
        }
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.value.get_ref() {
            DeValue::String(text) => {
                let variant: StrDeserializer<'_, Wrong> = text.as_ref().into_deserializer();
                visitor.visit_enum(variant).map_err(|error| error.at(&self))
            }
            _ => Err(self.refused("text in quotes")),
        }
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

impl Node<'_> {
    fn refused(&self, form: &str) -> Wrong {
        Wrong::new(format!("expected {form}, found {}", self.quoted())).at(self)
    }
}

/// Hands a span of time to the visitor of [`Duration`], which takes seconds and nanoseconds.
fn visit_duration<'a, V: Visitor<'a>>(span: Duration, visitor: V) -> Result<V::Value, Wrong> {
    let parts = [span.as_secs(), u64::from(span.subsec_nanos())];
    visitor.visit_seq(SeqDeserializer::<_, Wrong>::new(parts.into_iter()))
}

struct Entries<'a> {
    entries: std::vec::IntoIter<(&'a str, Node<'a>)>,
    value: Option<Node<'a>>,
}

impl<'a> de::MapAccess<'a> for Entries<'a> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some((name, node)) = self.entries.next() else { return Ok(None) };
        self.value = Some(node);
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let node =
            self.value.take().ok_or_else(|| Wrong::new("a value was asked for before its key".to_owned()))?;
        seed.deserialize(node)
    }
}

struct Elements<'a>(std::vec::IntoIter<Node<'a>>);

impl<'a> de::SeqAccess<'a> for Elements<'a> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let next = self.0.find(|node| !node.is_wrong());
        next.map(|node| seed.deserialize(node)).transpose()
    }
}
