//! Cuts a query's text into terms and conditions.

use std::ops::Range;

use super::value::{self, Value};
use super::{SyntaxError, WORDS, names};
use crate::known::mistyped;
use crate::search::query::{Filter, Scope, Term, Test};
use crate::search::tokens::Phrase;
use crate::search::{Direction, FieldKind, Query, SearchField, Sort};

type Result<T> = std::result::Result<T, SyntaxError>;

/// Reads a whole text into a query.
pub(super) fn read(query: &mut Query, text: &str) -> Result<()> {
    let mut scanner = Scanner { text, at: 0 };
    while scanner.skip_space() {
        scanner.item(query)?;
    }
    Ok(())
}

/// Reads one condition whose name and value are apart. The value is taken whole, spaces and all.
pub(super) fn read_condition(query: &mut Query, name: &str, value: &str) -> Result<()> {
    let mut scanner = Scanner { text: value, at: 0 };
    let excluded = scanner.take('-');
    let values = scanner.values(|_| false)?;
    match apply(query, &Named { name, span: 0..value.len(), excluded }, &values) {
        Err(error) if error.start > value.len() => Err(SyntaxError::new(0..value.len(), error.message)),
        other => other,
    }
}

/// The name of a condition.
struct Named<'a> {
    name: &'a str,
    span: Range<usize>,
    excluded: bool,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let is = self.peek() == Some(wanted);
        if is {
            self.at += wanted.len_utf8();
        }
        is
    }

    /// The text up to a character for which `ends` holds.
    fn take_until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(ends).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Whether something follows.
    fn skip_space(&mut self) -> bool {
        self.take_until(|c| !c.is_whitespace());
        self.peek().is_some()
    }

    fn item(&mut self, query: &mut Query) -> Result<()> {
        let start = self.at;
        let excluded = self.take('-');
        match self.peek() {
            None => Err(self.wrong(start, "expected a word or a condition behind `-`")),
            Some(c) if c.is_whitespace() => {
                Err(self.wrong(start, "expected a word or a condition behind `-`; quote a dash"))
            }
            Some('#') => self.tag(query, excluded),
            Some('@') => self.handle(query, excluded),
            Some('"') => {
                let text = self.quoted()?;
                self.term(query, start, text, Scope::Any, excluded)
            }
            Some(_) => self.word_or_condition(query, start, excluded),
        }
    }

    fn tag(&mut self, query: &mut Query, excluded: bool) -> Result<()> {
        let start = self.at;
        self.take('#');
        let tag = self.take_until(char::is_whitespace);
        if tag.is_empty() {
            return Err(self.wrong(start, "expected a hashtag behind `#`, such as #kbeauty"));
        }
        let any = vec![Test::Is(tag.to_owned())];
        query.filters.push(Filter { field: SearchField::Hashtag, any, excluded });
        Ok(())
    }

    fn handle(&mut self, query: &mut Query, excluded: bool) -> Result<()> {
        let start = self.at;
        self.take('@');
        let written = self.take_until(char::is_whitespace).trim_start_matches('@');
        let text = written.trim_end_matches('*').to_owned();
        let prefix = text.len() < written.len();
        if text.is_empty() {
            return Err(self.wrong(start, "expected a handle behind `@`, such as @mina"));
        }
        query.terms.push(Term { text, scope: Scope::Handle, prefix, excluded });
        Ok(())
    }

    fn word_or_condition(&mut self, query: &mut Query, start: usize, excluded: bool) -> Result<()> {
        let from = self.at;
        let word = self.take_until(|c| c.is_whitespace() || matches!(c, ':' | '"'));
        let is_name = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if self.peek() != Some(':') || !is_name {
            // A colon elsewhere is part of the word: 10:30.
            let more = self.take_until(|c| c.is_whitespace() || c == '"');
            return self.term(query, start, format!("{word}{more}"), Scope::Any, excluded);
        }
        let named = Named { name: word, span: from..self.at, excluded };
        self.take(':');
        if let Some(scope) = text_scope(word) {
            return self.scoped(query, scope, &named);
        }
        let values = self.values(char::is_whitespace)?;
        apply(query, &named, &values)
    }

    /// A term in one text: `name:mina`.
    fn scoped(&mut self, query: &mut Query, scope: Scope, named: &Named<'_>) -> Result<()> {
        let start = self.at;
        let text = match self.peek() {
            Some('"') => self.quoted()?,
            _ => self.take_until(char::is_whitespace).to_owned(),
        };
        if text.is_empty() {
            let message = format!("expected a text behind `{0}:`, such as {0}:mina", named.name);
            return Err(SyntaxError::new(named.span.clone(), message));
        }
        self.term(query, start, text, scope, named.excluded)
    }

    fn term(
        &mut self,
        query: &mut Query,
        start: usize,
        text: String,
        scope: Scope,
        excluded: bool,
    ) -> Result<()> {
        let starred = self.take('*');
        let bare = text.trim_end_matches('*');
        let prefix = starred || bare.len() < text.len();
        if Phrase::of(bare, false).is_empty() {
            return Err(self.wrong(start, "this holds neither a word nor an emoji"));
        }
        query.terms.push(Term { text: bare.to_owned(), scope, prefix, excluded });
        Ok(())
    }

    /// Values with commas between them, up to a character outside quotes for which `ends` holds.
    fn values(&mut self, ends: fn(char) -> bool) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        loop {
            let start = self.at;
            let is_quoted = self.peek() == Some('"');
            let text = match is_quoted {
                true => self.quoted()?,
                false => self.take_until(|c| c == ',' || ends(c)).trim().to_owned(),
            };
            if text.is_empty() {
                return Err(self.wrong(start, "expected a value here"));
            }
            values.push(Value { text, is_quoted, span: start..self.at });
            if !self.take(',') {
                break;
            }
        }
        match self.peek() {
            Some(c) if !ends(c) => Err(self.wrong(self.at, "expected a comma or a space behind the quotes")),
            _ => Ok(values),
        }
    }

    fn quoted(&mut self) -> Result<String> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + at + 1;
                    return Ok(text);
                }
                '\\' => text.extend(chars.next().map(|(_, c)| c)),
                c => text.push(c),
            }
        }
        Err(SyntaxError::new(start..self.text.len(), "the quote is not closed"))
    }

    fn wrong(&self, start: usize, message: &str) -> SyntaxError {
        SyntaxError::new(start..self.at.max(start), message)
    }
}

/// The texts that can be looked into by name.
fn text_scope(name: &str) -> Option<Scope> {
    if name.eq_ignore_ascii_case("who") {
        return Some(Scope::Who);
    }
    SearchField::from_name(name).filter(|field| field.kind() == FieldKind::Text).map(Scope::Field)
}

fn apply(query: &mut Query, named: &Named<'_>, values: &[Value]) -> Result<()> {
    let found = match named.name.to_ascii_lowercase().as_str() {
        "sort" => return sort(query, named, values),
        "has" => (each(values, has)?, named.excluded),
        "is" => (each(values, |value| Ok((flag_field(value)?, Test::from(true))))?, named.excluded),
        "known" => (each(values, |value| Ok((field(value)?, Test::Known)))?, named.excluded),
        "unknown" => (each(values, |value| Ok((field(value)?, Test::Known)))?, !named.excluded),
        _ => return compare(query, named, values),
    };
    push(query, found.0, found.1);
    Ok(())
}

/// A condition on one field: one of the values must hold.
fn compare(query: &mut Query, named: &Named<'_>, values: &[Value]) -> Result<()> {
    let Some(field) = SearchField::from_name(named.name) else {
        let message = mistyped("field", named.name, names(|_| true).chain(WORDS));
        return Err(SyntaxError::new(named.span.clone(), message + "; quote what is no field"));
    };
    let any = values.iter().map(|value| value::test(field, value)).collect::<Result<_>>()?;
    query.filters.push(Filter { field, any, excluded: named.excluded });
    Ok(())
}

fn each(
    values: &[Value],
    read: impl Fn(&Value) -> Result<(SearchField, Test)>,
) -> Result<Vec<(SearchField, Test)>> {
    values.iter().map(read).collect()
}

/// Conditions on several fields: all must hold.
fn push(query: &mut Query, found: Vec<(SearchField, Test)>, excluded: bool) {
    let filters = found.into_iter().map(|(field, test)| Filter { field, any: vec![test], excluded });
    query.filters.extend(filters);
}

/// `has:email` is the flag `has_email`; `has:bio` asks whether it is known.
fn has(value: &Value) -> Result<(SearchField, Test)> {
    if let Some(flag) = SearchField::from_name(&format!("has_{}", value.text)) {
        return Ok((flag, Test::from(true)));
    }
    let field = field(value)?;
    let test = if field.kind() == FieldKind::Flag { Test::from(true) } else { Test::Known };
    Ok((field, test))
}

fn flag_field(value: &Value) -> Result<SearchField> {
    let is_flag = |field: SearchField| field.kind() == FieldKind::Flag;
    SearchField::from_name(&value.text)
        .filter(|field| is_flag(*field))
        .ok_or_else(|| SyntaxError::new(value.span.clone(), mistyped("flag", &value.text, names(is_flag))))
}

fn field(value: &Value) -> Result<SearchField> {
    let is_there = |field: SearchField| field.kind() != FieldKind::List;
    SearchField::from_name(&value.text)
        .filter(|field| is_there(*field))
        .ok_or_else(|| SyntaxError::new(value.span.clone(), mistyped("field", &value.text, names(is_there))))
}

fn sort(query: &mut Query, named: &Named<'_>, values: &[Value]) -> Result<()> {
    let [value] = values else {
        return Err(SyntaxError::new(named.span.clone(), "one field can be sorted by"));
    };
    let wrong = |message: String| Err(SyntaxError::new(value.span.clone(), message));
    if named.excluded {
        return wrong("write sort:FIELD:asc for the other direction".to_owned());
    }
    if query.sort.is_some() {
        return wrong("the query is sorted already".to_owned());
    }
    let (name, direction) = match value.text.split_once(':') {
        None => (value.text.as_str(), Direction::Descending),
        Some((name, "desc")) => (name, Direction::Descending),
        Some((name, "asc")) => (name, Direction::Ascending),
        Some((_, other)) => return wrong(format!("`{other}` is no direction; asc and desc are")),
    };
    let is_relevance = name.eq_ignore_ascii_case("relevance") && direction == Direction::Descending;
    let field = SearchField::from_name(name).filter(|field| field.is_number());
    query.sort = match field {
        _ if is_relevance => Some(Sort::Relevance),
        Some(field) => Some(Sort::By(field, direction)),
        None => {
            let known = names(SearchField::is_number).chain(["relevance"]);
            return wrong(mistyped("order", name, known) + "; a number, a share or a time can be sorted by");
        }
    };
    Ok(())
}
