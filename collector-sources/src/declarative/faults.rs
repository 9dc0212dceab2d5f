//! What is wrong with a source file: every fault with its line, its key and what would be right.

use std::collections::BTreeMap;
use std::fmt;

use collector_core::known::not_known;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

/// More faults are not told: by then the file is another kind of file.
const MOST_FAULTS: usize = 50;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The key, such as `calls.search.fields.followers`; empty for the file as a whole.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// All faults of a source file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    file: String,
    faults: Vec<Fault>,
}

impl Faults {
    /// The faults.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.faults.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{}: ", self.file, fault.line)?;
            if !fault.key.is_empty() {
                write!(f, "{}: ", fault.key)?;
            }
            f.write_str(&fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Collects faults by key; lines are found when all are known.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<(String, String)>);

impl Notes {
    pub(super) fn fault(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.0.push((key.into(), message.into()));
    }

    /// The value, or its fault noted.
    pub(super) fn take<T>(&mut self, key: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.fault(key, message)).ok()
    }

    /// The value, or that it is missing.
    pub(super) fn need<T>(&mut self, key: &str, value: Option<T>, what_for: &str) -> Option<T> {
        if value.is_none() {
            self.fault(key, format!("missing: {what_for}"));
        }
        value
    }
}

/// A file that is read into `T`, and then checked.
pub(super) struct Document {
    file: String,
    text: String,
    /// Where each key's value begins.
    places: BTreeMap<String, usize>,
}

impl Document {
    /// Reads the tables of a file.
    ///
    /// # Errors
    /// When it is no TOML, or has keys or values of the wrong kind: all of them.
    pub(super) fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<(Self, T), Faults> {
        let mut document = Self { file: file.to_owned(), text: text.to_owned(), places: BTreeMap::new() };
        let (tree, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let fault = |error: &toml::de::Error| Fault {
                line: document.line(error.span().map_or(0, |span| span.start)),
                key: String::new(),
                message: error.message().to_owned(),
            };
            return Err(document.faults(errors.iter().map(fault).collect()));
        }
        note_places(tree.get_ref(), "", &mut document.places);
        let mut table: toml::Table = toml::from_str(text).map_err(|error| {
            document.faults(vec![Fault { line: 1, key: String::new(), message: error.message().to_owned() }])
        })?;
        let mut notes = Notes::default();
        loop {
            match serde_path_to_error::deserialize::<_, T>(toml::Value::Table(table.clone())) {
                Ok(value) if notes.0.is_empty() => return Ok((document, value)),
                Ok(_) => break,
                Err(error) => {
                    let (key, message) = told(&error);
                    let removed = remove(&mut table, &key);
                    notes.fault(key, message);
                    if !removed || notes.0.len() >= MOST_FAULTS {
                        break;
                    }
                }
            }
        }
        Err(document.told(notes).unwrap_or_else(|| document.faults(Vec::new())))
    }

    /// One fault of the file as a whole.
    pub(super) fn fault(&self, message: &str) -> Faults {
        self.faults(vec![Fault { line: 1, key: String::new(), message: message.to_owned() }])
    }

    /// The faults that were noted, with their lines; `None` when there are none.
    pub(super) fn told(&self, notes: Notes) -> Option<Faults> {
        if notes.0.is_empty() {
            return None;
        }
        let fault = |(key, message): (String, String)| Fault { line: self.line_of(&key), key, message };
        Some(self.faults(notes.0.into_iter().map(fault).collect()))
    }

    fn faults(&self, mut faults: Vec<Fault>) -> Faults {
        faults.sort();
        faults.dedup();
        Faults { file: self.file.clone(), faults }
    }

    /// The line of a key, or of the nearest table around it that stands in the file.
    fn line_of(&self, key: &str) -> usize {
        let mut key = key;
        loop {
            if let Some(at) = self.places.get(key) {
                return self.line(*at);
            }
            let Some(end) = key.rfind(['.', '[']) else { return 1 };
            key = key.get(..end).unwrap_or_default();
        }
    }

    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }
}

fn note_places(table: &DeTable<'_>, key: &str, places: &mut BTreeMap<String, usize>) {
    for (name, value) in table {
        let key = join(key, name.get_ref());
        places.insert(key.clone(), name.span().start);
        note_inside(value.get_ref(), &key, places);
    }
}

fn note_inside(value: &DeValue<'_>, key: &str, places: &mut BTreeMap<String, usize>) {
    match value {
        DeValue::Table(table) => note_places(table, key, places),
        DeValue::Array(elements) => {
            for (number, element) in elements.iter().enumerate() {
                let key = format!("{key}[{number}]");
                places.insert(key.clone(), element.span().start);
                note_inside(element.get_ref(), &key, places);
            }
        }
        _ => {}
    }
}

/// `parent.name`.
pub(super) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

/// The key and the words of an error.
fn told(error: &serde_path_to_error::Error<toml::de::Error>) -> (String, String) {
    let path = error.path().to_string();
    let path = if path == "." { String::new() } else { path };
    let message = error.inner().message();
    if let Some((given, known)) = unknown(message) {
        let key = if path.rsplit('.').next() == Some(given) { path } else { join(&path, given) };
        return (key, not_known("key", given, known));
    }
    (path, message.replace("invalid type: ", "of another type: "))
}

/// The key that is not known, and those that are.
fn unknown(message: &str) -> Option<(&str, Vec<&str>)> {
    let (given, known) = message.strip_prefix("unknown field `")?.split_once('`')?;
    // Between back quotes stand names, and beside them words.
    Some((given, known.split('`').skip(1).step_by(2).collect()))
}

/// Takes the value of a key out of a document, so that the next fault can be found.
fn remove(table: &mut toml::Table, key: &str) -> bool {
    let mut steps: Vec<String> = Vec::new();
    for part in key.split('.') {
        let mut names = part.split('[');
        steps.extend(names.next().filter(|name| !name.is_empty()).map(str::to_owned));
        steps.extend(names.map(|index| index.trim_end_matches(']').to_owned()));
    }
    let Some((last, way)) = steps.split_last() else { return false };
    let mut at: Option<&mut toml::Value> = None;
    for step in way {
        at = match at {
            None => table.get_mut(step),
            Some(toml::Value::Table(table)) => table.get_mut(step),
            Some(toml::Value::Array(list)) => step.parse().ok().and_then(|index: usize| list.get_mut(index)),
            Some(_) => None,
        };
        if at.is_none() {
            return false;
        }
    }
    match at {
        None => table.remove(last).is_some(),
        Some(toml::Value::Table(table)) => table.remove(last).is_some(),
        // An element cannot go without moving the others, whose numbers are told.
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    #[derive(Default)]
    struct Outer {
        name: String,
        inner: BTreeMap<String, Inner>,
        list: Vec<Inner>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        number: u8,
        size: u8,
    }

    fn faults(text: &str) -> String {
        Document::read::<Outer>("x.toml", text)
            .map(|(_, outer)| format!("{outer:?}"))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn every_fault_is_told_with_file_line_key_value_and_what_it_may_have_meant() {
        let told = faults("nam = 1\n[inner.a]\nnumbr = 1\nsize = \"x\"\n[[list]]\n[[list]]\nzzz = 2\n");
        assert_eq!(
            told,
            "x.toml:1: nam: unknown key `nam`; did you mean `name`? known: name, inner, list\n\
             x.toml:3: inner.a.numbr: unknown key `numbr`; did you mean `number`? known: number, size\n\
             x.toml:4: inner.a.size: of another type: string \"x\", expected u8\n\
             x.toml:7: list[1].zzz: unknown key `zzz`; known: number, size"
        );
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        assert!(faults("name = \"a\"\nname = = 2\n").starts_with("x.toml:2: "), "{}", faults("name = = 2"));
    }

    #[test]
    fn a_fault_of_a_key_that_is_missing_stands_at_its_table() {
        let (document, _) = Document::read::<Outer>("x.toml", "\n[inner.a]\nnumber = 1\n").unwrap();
        let mut notes = Notes::default();
        notes.fault("inner.a.size", "missing");
        assert_eq!(document.told(notes).unwrap().to_string(), "x.toml:2: inner.a.size: missing");
    }
}
