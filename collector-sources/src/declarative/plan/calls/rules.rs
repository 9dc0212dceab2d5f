//! The rules that say what failures mean.

use std::borrow::Cow;

use super::super::path;
use super::Reading;
use crate::declarative::config::ErrorRule;
use crate::declarative::error::{Meaning, Rule};
use crate::declarative::faults::{Notes, join};
use crate::declarative::path::Path;
use crate::declarative::reader::ReaderBuilder;
use crate::declarative::walk::Scalar;

/// A rule, before the places of its values are known.
pub(super) struct RuleOfFile {
    status: Option<u16>,
    path: Option<Path>,
    equals: Option<Scalar<'static>>,
    meaning: Meaning,
    message: Option<Path>,
    wait: Option<Path>,
}

pub(super) fn rules(errors: &[ErrorRule], notes: &mut Notes) -> Vec<RuleOfFile> {
    let read = |(number, rule): (usize, &ErrorRule)| {
        let key = format!("errors[{number}]");
        if rule.status.is_none() && rule.path.is_none() {
            notes.fault(
                &*key,
                "missing: `status`, `path` or both: without them every answer would be a failure",
            );
        }
        if rule.equals.is_some() && rule.path.is_none() {
            notes.fault(join(&key, "equals"), "missing: the `path` at which it stands");
        }
        let equals = rule.equals.as_ref().and_then(|value| {
            let scalar = match value {
                toml::Value::String(text) => Some(Scalar::Text(Cow::Owned(text.clone()))),
                toml::Value::Integer(number) => {
                    Some(u64::try_from(*number).map_or(Scalar::Signed(*number), Scalar::Unsigned))
                }
                toml::Value::Boolean(flag) => Some(Scalar::Flag(*flag)),
                _ => None,
            };
            if scalar.is_none() {
                notes.fault(join(&key, "equals"), "expected a text, a whole number, `true` or `false`");
            }
            scalar
        });
        let meaning = if rule.kind.is_empty() {
            notes.fault(
                join(&key, "kind"),
                "missing: what it means, such as `quota_exhausted` or `not_found`",
            );
            None
        } else {
            notes.take(&join(&key, "kind"), Meaning::parse(&rule.kind))
        };
        let mut read = |name: &str, text: &Option<String>| {
            text.as_deref().and_then(|text| path(&join(&key, name), text, notes))
        };
        let (path, message, wait) =
            (read("path", &rule.path), read("message", &rule.message), read("wait", &rule.wait));
        Some(RuleOfFile { status: rule.status, path, equals, meaning: meaning?, message, wait })
    };
    errors.iter().enumerate().filter_map(read).collect()
}

impl Reading<'_> {
    /// Adds the paths of the rules to a reader.
    pub(super) fn place_rules(&self, builder: &mut ReaderBuilder) -> Vec<Rule> {
        let mut add = |path: &Option<Path>| path.as_ref().map(|path| builder.add(path));
        let place = |rule: &RuleOfFile| Rule {
            status: rule.status,
            value: add(&rule.path),
            equals: rule.equals.clone(),
            meaning: rule.meaning,
            message: add(&rule.message),
            wait: add(&rule.wait),
        };
        self.rules.iter().map(place).collect()
    }
}
