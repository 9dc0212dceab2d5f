//! The fields of a creator: where each stands, and how it becomes what it is.

use collector_core::known::not_known;

use super::super::path;
use super::Reading;
use crate::declarative::faults::{Notes, join};
use crate::declarative::path::Path;
use crate::declarative::reader::Field;
use crate::values::{Filter, Target};

impl Reading<'_> {
    pub(super) fn fields(&self, notes: &mut Notes) -> Vec<Field> {
        let call = self.call;
        if call.fields.is_empty() {
            notes.fault(
                self.key("fields"),
                "missing: where the fields of a creator stand, such as handle = \"$.username\"",
            );
        }
        let extra = call.extra.iter().map(|(name, text)| ("extra", format!("extra.{name}"), name, text));
        let fields = call.fields.iter().map(|(name, text)| ("fields", name.clone(), name, text));
        let all: Vec<Field> = fields
            .chain(extra)
            .filter_map(|(table, target, name, text)| {
                let key = self.key(&join(table, name));
                let place = Target::from_name(&target)
                    .filter(|target| (table == "extra") == matches!(target, Target::Extra(_)));
                if place.is_none() {
                    let message = if table == "extra" {
                        format!("`{name}` is no name: use letters, digits and `_`")
                    } else {
                        not_known("field", name, Target::names())
                    };
                    notes.fault(&*key, message);
                }
                let (path, filters) = piped(&key, text, notes)?;
                let required = call.required.contains(&target);
                Some(Field { target: place?, filters, path, key: join(table, name), required })
            })
            .collect();
        for (number, name) in call.required.iter().enumerate() {
            if !all.iter().any(|field| field.target.to_string() == *name) {
                let known: Vec<String> = all.iter().map(|field| field.target.to_string()).collect();
                let message = not_known("field", name, known.iter().map(String::as_str));
                notes.fault(self.key(&format!("required[{number}]")), message);
            }
        }
        all
    }
}

/// A path and the filters behind it.
fn piped(key: &str, text: &str, notes: &mut Notes) -> Option<(Path, Vec<Filter>)> {
    let mut parts = split(text).into_iter();
    let path = path(key, parts.next().unwrap_or_default(), notes);
    let filters: Vec<Filter> = parts
        .filter_map(|name| {
            let filter = Filter::from_name(name.trim());
            if filter.is_none() {
                notes.fault(
                    key,
                    not_known("filter", name.trim(), Filter::ALL.iter().map(|filter| filter.name())),
                );
            }
            filter
        })
        .collect();
    Some((path?, filters))
}

/// Splits at `|`, but not within quotes or brackets, where it belongs to the path.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth = depth.saturating_sub(1),
            (None, '|') if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_inside_of_a_path_is_none_before_a_filter() {
        assert_eq!(
            split("$.a[?@.b == 1 || @.c == ']|'].d | int | zero_is_unknown"),
            ["$.a[?@.b == 1 || @.c == ']|'].d ", " int ", " zero_is_unknown"]
        );
        assert_eq!(split("$.a"), ["$.a"]);
    }
}
