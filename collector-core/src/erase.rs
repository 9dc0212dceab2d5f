//! Taking one person out of what shows others, too: pure.
//!
//! An answer as received is bytes that nobody knows the meaning of but its source; what can be known is where in it
//! somebody's identities stand. [`Traces::cut`] takes out the smallest element of a list that holds one of them (a row,
//! a post, a mention), or says that the whole answer is about nobody else.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::Value;

use crate::domain::Lost;
use crate::id::{Id, Ids};
use crate::task::Task;

/// What stands where a text of somebody else's named them.
const ERASED: &str = "[erased]";

/// The names of fields that hold whom something is about: a handle that is an ordinary word counts there only.
const NAMING: [&str; 7] = ["unique", "handle", "user", "author", "account", "creator", "screen"];

/// How JSON that is kept in a text begins.
const NESTED: [char; 2] = ['{', '['];

/// The identities of somebody, to be looked for.
#[derive(Debug, Clone, Default)]
pub struct Traces {
    /// In lower case: handles are shown in any, and no two keys differ in nothing else.
    strong: HashSet<String>,
    weak: HashSet<String>,
}

/// What is left of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// They are not in it.
    Untouched,
    /// The rest of it, which does not show them.
    Rest(Bytes),
    /// Nothing: it is about nobody else, or cannot be told apart.
    Nothing,
}

/// What became of a part of an answer.
enum Part {
    Kept,
    Changed,
    /// It holds an identity outside every list in it.
    Theirs,
}

impl Traces {
    /// Looks for these identities, and for weak ones that they showed once.
    pub fn of(ids: &Ids, lost: &[Lost]) -> Self {
        let lower = |id: &Id| id.value.to_lowercase();
        let shown = lost.iter().map(|lost| &lost.id);
        let mut weak: HashSet<String> = ids.weak.iter().chain(shown).map(lower).collect();
        weak.remove("");
        Self { strong: ids.strong.iter().map(lower).filter(|value| !value.is_empty()).collect(), weak }
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.strong.is_empty() && self.weak.is_empty()
    }

    /// Whether a text is one of the identities, with or without `@`.
    pub fn is(&self, text: &str) -> bool {
        let text = text.strip_prefix('@').unwrap_or(text).to_lowercase();
        self.strong.contains(&text) || self.weak.contains(&text)
    }

    /// Whether one of the identities stands anywhere in these bytes, as a word of its own.
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        let lower = bytes.to_ascii_lowercase();
        self.all().any(|needle| finds(&lower, needle.as_bytes()).next().is_some())
    }

    /// Takes them out of an answer.
    pub fn cut(&self, body: &Bytes) -> Cut {
        if self.is_empty() || !self.are_in(body) {
            return Cut::Untouched;
        }
        let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let Ok(mut answer) = serde_json::from_slice::<Value>(text) else {
            // A page: what belongs to whom in it only its source knows.
            return if self.is_named_in(&String::from_utf8_lossy(body)) {
                Cut::Nothing
            } else {
                Cut::Untouched
            };
        };
        match self.part(&mut answer, "") {
            Part::Kept => Cut::Untouched,
            Part::Changed => Cut::Rest(answer.to_string().into()),
            Part::Theirs => Cut::Nothing,
        }
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        self.strong.iter().chain(&self.weak)
    }

    /// Takes them out of a part, lists inside it first.
    fn part(&self, value: &mut Value, key: &str) -> Part {
        match value {
            Value::Array(list) => self.list(list, key),
            Value::Object(object) => {
                let mut part = Part::Kept;
                let mut gone = Vec::new();
                for (name, value) in object.iter_mut() {
                    match self.part(value, name) {
                        Part::Kept => {}
                        Part::Changed => part = part.and(Part::Changed),
                        // A map from people to what is known of them: its entries are as good as a list's.
                        Part::Theirs if self.is(name) => gone.push(name.clone()),
                        Part::Theirs => part = Part::Theirs,
                    }
                }
                let strong = |name: &&String| self.strong.contains(&name.to_lowercase());
                let named: Vec<String> = object.keys().filter(strong).cloned().collect();
                for name in gone.into_iter().chain(named) {
                    object.remove(&name);
                    part = part.and(Part::Changed);
                }
                part
            }
            Value::String(text) => self.text(text, key),
            Value::Number(number) if self.strong.contains(&number.to_string()) => Part::Theirs,
            _ => Part::Kept,
        }
    }

    fn list(&self, list: &mut Vec<Value>, key: &str) -> Part {
        let mut part = Part::Kept;
        list.retain_mut(|value| match self.part(value, key) {
            Part::Kept => true,
            Part::Changed => {
                part = Part::Changed;
                true
            }
            Part::Theirs => {
                part = Part::Changed;
                false
            }
        });
        part
    }

    fn text(&self, text: &mut String, key: &str) -> Part {
        if text.starts_with(NESTED)
            && let Ok(mut inner) = serde_json::from_str::<Value>(text)
        {
            let part = self.part(&mut inner, key);
            if matches!(part, Part::Changed) {
                *text = inner.to_string();
            }
            return part;
        }
        if self.is(text) && self.counts(text, key) {
            return Part::Theirs;
        }
        match self.without(text) {
            Some(rest) => {
                *text = rest;
                Part::Changed
            }
            None => Part::Kept,
        }
    }

    /// Whether a text that is one of the identities means them: a handle may be a word that means something else.
    fn counts(&self, text: &str, key: &str) -> bool {
        let key = key.to_ascii_lowercase();
        text.starts_with('@')
            || self.strong.contains(&text.to_lowercase())
            || is_distinctive(text)
            || NAMING.iter().any(|name| key.contains(name))
    }

    /// A text that names them among other words, without the names.
    fn without(&self, text: &str) -> Option<String> {
        let lower = text.to_ascii_lowercase();
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for needle in self.all() {
            let names = |at: &usize| {
                is_distinctive(needle)
                    || self.strong.contains(needle)
                    || lower.as_bytes().get(at.wrapping_sub(1)) == Some(&b'@')
            };
            let found = finds(lower.as_bytes(), needle.as_bytes()).filter(names);
            spans.extend(found.map(|at| (at, at + needle.len())));
        }
        if spans.is_empty() {
            return None;
        }
        spans.sort_unstable();
        let mut rest = String::with_capacity(text.len());
        let mut from = 0;
        for (start, end) in spans {
            if start >= from {
                rest.push_str(text.get(from..start)?);
                rest.push_str(ERASED);
                from = end;
            }
        }
        rest.push_str(text.get(from..)?);
        Some(rest)
    }

    /// Whether a text that is no JSON names them.
    fn is_named_in(&self, text: &str) -> bool {
        self.without(text).is_some()
    }
}

/// Whether a task asks about them.
pub fn is_about(task: &Task, traces: &Traces) -> bool {
    let target = task.target().is_some_and(|target| traces.is(&target.id.value));
    let named = std::iter::once(task.subject()).chain(task.params().values().map(String::as_str));
    target || named.into_iter().any(|text| traces.is(text) && traces.counts(text, NAMING[0]))
}

impl Part {
    fn and(self, other: Self) -> Self {
        if matches!(self, Self::Theirs) { self } else { other }
    }
}

/// Whether a handle is no ordinary word.
fn is_distinctive(handle: &str) -> bool {
    handle.len() >= 12 || handle.bytes().any(|byte| byte.is_ascii_digit() || byte == b'_' || byte == b'.')
}

/// Where `needle` stands as a word of its own: `anna` does not stand in `anna.maria`.
fn finds<'a>(text: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let is_word = |at: Option<usize>| {
        at.and_then(|at| text.get(at)).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    let is_joint =
        |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|byte| matches!(byte, b'.' | b'-'));
    let is_free = move |start: usize| {
        let (before, end) = (start.checked_sub(1), start + needle.len());
        let opens = !is_word(before) && !(is_joint(before) && is_word(start.checked_sub(2)));
        opens && !is_word(Some(end)) && !(is_joint(Some(end)) && is_word(Some(end + 1)))
    };
    let first = needle.first().copied();
    let mut from = 0;
    std::iter::from_fn(move || {
        let first = first?;
        loop {
            let at = from + text.get(from..)?.iter().position(|byte| *byte == first)?;
            from = at + 1;
            if text.get(at..at + needle.len()) == Some(needle) && is_free(at) {
                return Some(at);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn traces() -> Traces {
        let ids = Ids {
            strong: vec![
                Id::new("tiktok:uid", "7000000000000000001"),
                Id::new("tiktok:sec_uid", "MS4wLjABx-Y"),
            ],
            weak: vec![Id::new("tiktok:handle", "zoe")],
        };
        let lost =
            Lost { id: Id::new("tiktok:handle", "zoe.was_here"), since: crate::clock::Timestamp::default() };
        Traces::of(&ids, &[lost])
    }

    fn cut(answer: &Value) -> Option<Value> {
        match traces().cut(&Bytes::from(answer.to_string())) {
            Cut::Rest(rest) => Some(serde_json::from_slice(&rest).unwrap()),
            Cut::Untouched => Some(answer.clone()),
            Cut::Nothing => None,
        }
    }

    #[test]
    fn their_row_goes_and_others_stay_as_they_are() {
        let other = json!({ "author": { "unique_id": "bo", "uid": 12 }, "desc": "hi" });
        let answer = json!({ "data": [
            { "author": { "uid": 7_000_000_000_000_000_001_u64, "nickname": "Zoe Z" }, "desc": "mine" }, other,
        ], "cursor": 2 });
        assert_eq!(cut(&answer), Some(json!({ "data": [other], "cursor": 2 })));
    }

    #[test]
    fn a_mention_goes_and_the_post_that_has_it_stays() {
        let answer = json!({ "data": [{
            "author": { "unique_id": "bo" },
            "desc": "with @Zoe and @zoe.maria",
            "text_extra": [{ "user_unique_id": "Zoe" }, { "hashtag_name": "tag" }],
        }] });
        let rest = json!({ "data": [{
            "author": { "unique_id": "bo" },
            "desc": "with @[erased] and @zoe.maria",
            "text_extra": [{ "hashtag_name": "tag" }],
        }] });
        assert_eq!(cut(&answer), Some(rest));
    }

    #[test]
    fn an_answer_about_nobody_else_goes_whole() {
        assert_eq!(cut(&json!({ "data": { "user": { "unique_id": "ZOE", "bio": "x" } } })), None);
        assert_eq!(traces().cut(&Bytes::from_static(b"<a href='/@zoe'>Zoe</a>")), Cut::Nothing);
    }

    #[test]
    fn a_handle_that_is_a_word_means_them_only_where_people_are_named() {
        let answer =
            json!({ "data": [{ "type": "zoe", "author": { "unique_id": "bo" } }], "zoe": { "a": 1 } });
        assert_eq!(cut(&answer), Some(answer.clone()));
        let page = Bytes::from_static(b"<p class=zoe>a zoe in the zoo</p>");
        assert_eq!(traces().cut(&page), Cut::Untouched);
    }

    #[test]
    fn entries_of_a_map_by_person_and_json_in_texts_are_looked_into() {
        let answer = json!({ "users": { "zoe": { "uid": "7000000000000000001" }, "bo": { "uid": "2" } },
            "rows": "[{\"sec_uid\":\"MS4wLjABx-Y\"},{\"sec_uid\":\"other\"}]" });
        let rest = json!({ "users": { "bo": { "uid": "2" } }, "rows": "[{\"sec_uid\":\"other\"}]" });
        assert_eq!(cut(&answer), Some(rest));
    }

    #[test]
    fn a_word_inside_a_longer_one_is_somebody_else() {
        for text in ["zoes", "zoe_", "zoe.m", "xzoe", "m.zoe", "zoe-x"] {
            assert!(!traces().are_in(text.as_bytes()), "{text}");
        }
        for text in ["zoe", "ZOE.", "@zoe님", "\"zoe\"", "a zoe, b", "zoe.was_here"] {
            assert!(traces().are_in(text.as_bytes()), "{text}");
        }
    }
}
