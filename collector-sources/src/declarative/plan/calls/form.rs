//! The request of a call.

use std::collections::BTreeMap;

use collector_core::known::not_known;

use super::super::{header_name, template, templates};
use super::Reading;
use crate::declarative::faults::{Notes, join};
use crate::declarative::request::{Form, Tree};
use crate::declarative::template::Template;
use crate::http::HeaderName;

pub(super) fn headers(
    key: &str,
    headers: &BTreeMap<String, String>,
    notes: &mut Notes,
) -> Vec<(HeaderName, Template)> {
    let read = |(name, text): (&String, &String)| {
        let key = join(key, name);
        if name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("cookie") {
            notes.fault(&*key, "credentials belong to `auth`, and never stand in this file");
            return None;
        }
        Some((header_name(&key, name, notes)?, template(&key, text, notes)?))
    };
    headers.iter().filter_map(read).collect()
}

impl Reading<'_> {
    pub(super) fn form(&self, notes: &mut Notes) -> Form {
        let call = self.call;
        let mut headers_of = self.headers.to_vec();
        headers_of.extend(headers(&self.key("headers"), &call.headers, notes));
        let body =
            call.body.as_ref().map(|body| tree(&self.key("body"), &toml::Value::Table(body.clone()), notes));
        let has_body = body.is_some() || !call.form.is_empty();
        let post = match call.method.as_deref() {
            None => has_body,
            Some("GET") => false,
            Some("POST") => true,
            Some(other) => {
                notes.fault(self.key("method"), not_known("method", other, ["GET", "POST"]));
                false
            }
        };
        if !post && has_body {
            notes.fault(
                self.key("method"),
                "a `GET` has no body: write `POST`, or take `body` and `form` out",
            );
        }
        if body.is_some() && !call.form.is_empty() {
            notes.fault(self.key("form"), "`body` and `form` exclude each other");
        }
        Form {
            post,
            path: self.path("path", &call.path, notes),
            query: templates(&self.key("query"), &call.query, notes),
            headers: headers_of,
            body,
            form: templates(&self.key("form"), &call.form, notes),
            separator: call
                .batch
                .as_ref()
                .and_then(|batch| batch.separator.clone())
                .unwrap_or_else(|| ",".to_owned()),
        }
    }

    /// The segments of a path.
    pub(super) fn path(&self, key: &str, text: &str, notes: &mut Notes) -> Vec<Template> {
        let key = self.key(key);
        if text.is_empty() {
            notes.fault(&*key, "missing: the path that is appended to `base_url`, such as `/search`");
        }
        if text.contains(['?', '#']) || text.contains("://") {
            notes.fault(
                &*key,
                format!("`{text}` is more than a path: parameters belong to `query`, the host to `base_url`"),
            );
        }
        let segments = text.strip_prefix('/').unwrap_or(text).split('/');
        segments.filter_map(|segment| template(&key, segment, notes)).collect()
    }
}

fn tree(key: &str, value: &toml::Value, notes: &mut Notes) -> Tree {
    match value {
        toml::Value::String(text) => match template(key, text, notes) {
            Some(text) => Tree::Text(text),
            None => Tree::Other(serde_json::Value::Null),
        },
        toml::Value::Array(list) => {
            let element = |(number, value)| tree(&format!("{key}[{number}]"), value, notes);
            Tree::List(list.iter().enumerate().map(element).collect())
        }
        toml::Value::Table(table) => {
            let member =
                |(name, value): (&String, &toml::Value)| (name.clone(), tree(&join(key, name), value, notes));
            Tree::Object(table.iter().map(member).collect())
        }
        toml::Value::Integer(number) => Tree::Other((*number).into()),
        toml::Value::Float(number) => Tree::Other((*number).into()),
        toml::Value::Boolean(flag) => Tree::Other((*flag).into()),
        toml::Value::Datetime(time) => Tree::Other(time.to_string().into()),
    }
}
