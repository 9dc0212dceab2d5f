//! Paths into an answer: JSONPath of RFC 9535. Plain ones are steps that are followed while the answer is read; the
//! others are asked of the answer as a tree.

use std::fmt;

use serde_json::Value;
use serde_json_path::JsonPath;

/// One step of a plain path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// `.name`, `['name']`
    Member(Box<str>),
    /// `[3]`
    Index(usize),
    /// `[*]`, `.*`
    Each,
}

/// A path, understood.
#[derive(Clone)]
pub(super) struct Path {
    text: Box<str>,
    /// The steps, when nothing but steps is asked for.
    steps: Option<Vec<Step>>,
    full: JsonPath,
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if !text.starts_with('$') {
            return Err(format!("`{text}` is no path: a path begins with `$`, such as `$.data.items[*]`"));
        }
        let full = JsonPath::parse(text).map_err(|error| {
            format!("`{text}` is no JSONPath of RFC 9535: {error}; for example `$.data.items[*]`")
        })?;
        Ok(Self { text: text.into(), steps: steps(text), full })
    }

    /// The steps of a plain path.
    pub(super) fn steps(&self) -> Option<&[Step]> {
        self.steps.as_deref()
    }

    /// Everything the path selects, in a tree.
    pub(super) fn select<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        self.full.query(value).all()
    }

    /// The text of the path, with its last "each" replaced by a number.
    pub(super) fn at(&self, number: usize) -> String {
        match self.text.rsplit_once("[*]") {
            Some((before, after)) => format!("{before}[{number}]{after}"),
            None if self.steps.is_some() => self.text.to_string(),
            None => format!("{} number {number}", self.text),
        }
    }
}

/// The steps of a path that has nothing but plain ones.
fn steps(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = if let Some(after) = rest.strip_prefix("[*]").or_else(|| rest.strip_prefix(".*"))
        {
            (Step::Each, after)
        } else if let Some(after) = rest.strip_prefix('.') {
            let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
            let end = after.find(|c| !name(c)).unwrap_or(after.len());
            let (name, after) = after.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
            (Step::Member(name.into()), after)
        } else {
            let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
            (bracketed(inside)?, after)
        };
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

/// A quoted name without escapes, or a number from the front.
fn bracketed(inside: &str) -> Option<Step> {
    let quoted = |quote| inside.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    match quoted('\'').or_else(|| quoted('"')) {
        Some(name) if name.contains(['\\', '\'', '"']) => None,
        Some(name) => Some(Step::Member(name.into())),
        None => inside.parse().ok().map(Step::Index),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(text: &str) -> Option<String> {
        let path = Path::parse(text).unwrap();
        path.steps().map(|steps| format!("{steps:?}"))
    }

    #[test]
    fn plain_paths_are_steps() {
        assert_eq!(shown("$").as_deref(), Some("[]"));
        assert_eq!(
            shown("$.data['user list'][*].ids[0]").as_deref(),
            Some(r#"[Member("data"), Member("user list"), Each, Member("ids"), Index(0)]"#)
        );
        assert_eq!(shown("$.이름.*").as_deref(), Some(r#"[Member("이름"), Each]"#));
    }

    #[test]
    fn everything_else_is_asked_of_the_tree() {
        for text in ["$..id", "$.a[?@.b == 'x|y]']", "$[-1]", "$[0:2]", "$['a','b']", r"$['a\'b']"] {
            assert_eq!(shown(text), None, "{text}");
        }
        let value = json!({"a": [{"b": 1, "on": true}, {"b": 2}]});
        let path = Path::parse("$.a[?@.on].b").unwrap();
        assert_eq!(path.select(&value), [&json!(1)]);
    }

    #[test]
    fn what_is_no_path_is_refused_with_the_text() {
        for text in ["", "data.items", "$.", "$.a[", "$[?]", "$.a b"] {
            let error = Path::parse(text).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn an_element_is_named_by_its_number() {
        assert_eq!(Path::parse("$.a[*].user").unwrap().at(3), "$.a[3].user");
        assert_eq!(Path::parse("$.user").unwrap().at(0), "$.user");
        assert_eq!(Path::parse("$..user").unwrap().at(1), "$..user number 1");
    }
}
