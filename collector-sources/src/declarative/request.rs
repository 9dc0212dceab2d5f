//! The request each task makes. Pure.

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::Task;
use serde_json::{Map, Value};
use url::Url;

use super::pager::{self, Pager, Way, cursor_value, param};
use super::template::{Filling, Hole, Template};
use crate::http::{HeaderName, HeaderValue, Request};

/// What a request is made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Form {
    pub(super) post: bool,
    pub(super) path: Vec<Template>,
    pub(super) query: Vec<(String, Template)>,
    pub(super) headers: Vec<(HeaderName, Template)>,
    pub(super) body: Option<Tree>,
    pub(super) form: Vec<(String, Template)>,
    pub(super) separator: String,
}

/// A body of JSON with placeholders.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    Text(Template),
    Other(Value),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    fn fill(&self, filling: &Filling<'_>) -> Value {
        match self {
            Self::Text(text) if text.is(Hole::Subjects) => {
                filling.subjects.iter().copied().map(Value::from).collect()
            }
            Self::Text(text) => text.fill(filling).into(),
            Self::Other(value) => value.clone(),
            Self::List(list) => list.iter().map(|tree| tree.fill(filling)).collect(),
            Self::Object(members) => members
                .iter()
                .filter(|(_, tree)| !is_left_out(tree, filling))
                .map(|(name, tree)| (name.clone(), tree.fill(filling)))
                .collect(),
        }
    }

    pub(super) fn has(&self, hole: Hole) -> bool {
        match self {
            Self::Text(text) => text.has(hole),
            Self::Other(_) => false,
            Self::List(list) => list.iter().any(|tree| tree.has(hole)),
            Self::Object(members) => members.iter().any(|(_, tree)| tree.has(hole)),
        }
    }
}

/// A region nobody asked for is not sent.
fn is_left_out(tree: &Tree, filling: &Filling<'_>) -> bool {
    matches!(tree, Tree::Text(text) if text.is(Hole::Region) && filling.region.is_empty())
}

impl Form {
    /// Whether any part of it has this placeholder.
    pub(super) fn has(&self, hole: Hole) -> bool {
        let mut texts = self
            .path
            .iter()
            .chain(self.query.iter().chain(&self.form).map(|(_, text)| text))
            .chain(self.headers.iter().map(|(_, text)| text));
        texts.any(|text| text.has(hole)) || self.body.as_ref().is_some_and(|body| body.has(hole))
    }

    /// The address without a query.
    pub(super) fn url(&self, base: &Url, tasks: &[Task]) -> Result<Url> {
        let filling = self.filling(tasks);
        let mut url = base.clone();
        let mut segments = Vec::new();
        for template in &self.path {
            let segment = template.fill(&filling);
            if matches!(segment.as_str(), "." | "..") {
                return Err(unusable("a subject that would change the path"));
            }
            segments.push(segment);
        }
        // Only addresses without a host have no segments, and the file's check refuses those.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        Ok(url)
    }

    fn filling<'t>(&'t self, tasks: &'t [Task]) -> Filling<'t> {
        let first = |name: &str| tasks.first().and_then(|task| task.get(name)).unwrap_or_default();
        Filling {
            subjects: tasks.iter().map(Task::subject).collect(),
            separator: &self.separator,
            region: first(param::REGION),
            job: first(param::JOB),
        }
    }

    /// The request that serves these tasks, without its credential.
    ///
    /// # Errors
    /// `Rejected` for tasks no request can be made of.
    pub(super) fn request(&self, base: &Url, tasks: &[Task], paging: Option<&Pager>) -> Result<Request> {
        let task = tasks.first().ok_or_else(|| unusable("no task"))?;
        let filling = self.filling(tasks);
        let mut url = self.url(base, tasks)?;
        let mut query: Vec<(String, String)> = Vec::new();
        if let Some(next) = task.get(param::NEXT) {
            url = next_url(base, next)?;
        } else {
            let asked = |text: &Template| !(text.is(Hole::Region) && filling.region.is_empty());
            query.extend(
                self.query
                    .iter()
                    .filter(|(_, text)| asked(text))
                    .map(|(name, text)| (name.clone(), text.fill(&filling))),
            );
        }
        let mut body = self.body.as_ref().map(|body| body.fill(&filling));
        let mut form: Vec<(String, String)> =
            self.form.iter().map(|(name, text)| (name.clone(), text.fill(&filling))).collect();
        for (name, value) in paging.map(|pager| places(pager, task)).transpose()?.into_iter().flatten() {
            match (paging.is_some_and(|pager| pager.in_body), &mut body) {
                (true, Some(body)) => put(body, name, value),
                (true, None) => form.push((name.join("."), plain(&value))),
                (false, _) => query.push((name.join("."), plain(&value))),
            }
        }
        let mut request = if !self.post {
            Request::get(url)
        } else if form.is_empty() {
            Request::post(url, "application/json", body.map(|body| body.to_string()).unwrap_or_default())
        } else {
            let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            Request::post(url, "application/x-www-form-urlencoded", encoded)
        };
        for (name, value) in query {
            request = request.query(&name, &value);
        }
        request =
            request.header(HeaderName::from_static("accept"), HeaderValue::from_static("application/json"));
        for (name, text) in &self.headers {
            let value = HeaderValue::from_str(&text.fill(&filling))
                .map_err(|_| unusable("a header that would hold characters no header can carry"))?;
            request = request.header(name.clone(), value);
        }
        Ok(request)
    }
}

/// The address of a list's next page, at the host of the base.
pub(super) fn next_url(base: &Url, next: &str) -> Result<Url> {
    let url = base.join(next).map_err(|_| unusable("a next page that is no address"))?;
    if url.origin() == base.origin() { Ok(url) } else { Err(unusable("a next page at another host")) }
}

/// Where a page is, as parameters.
fn places<'p>(pager: &'p Pager, task: &Task) -> Result<Vec<(&'p [String], Value)>> {
    let mut places: Vec<(&[String], Value)> = Vec::new();
    match &pager.way {
        Way::Page { first } => {
            let page = pager::number(task, param::PAGE)?.unwrap_or(*first);
            places.push((&pager.param, page.into()));
        }
        Way::Offset { first, .. } => {
            let offset = pager::number(task, param::OFFSET)?.unwrap_or(*first);
            places.push((&pager.param, offset.into()));
        }
        Way::Cursor => {
            places.extend(task.get(param::CURSOR).map(|cursor| (&*pager.param, cursor_value(cursor))))
        }
        Way::Single | Way::Link { .. } | Way::NextUrl => {}
    }
    if task.get(param::NEXT).is_none() {
        places.extend(pager.size.as_ref().map(|(name, size)| (name.as_slice(), Value::from(*size))));
    }
    Ok(places)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Puts a value into a body, one name inside another.
fn put(body: &mut Value, names: &[String], value: Value) {
    let Some((name, inside)) = names.split_first() else {
        *body = value;
        return;
    };
    if !body.is_object() {
        *body = Value::Object(Map::new());
    }
    if let Some(members) = body.as_object_mut() {
        put(members.entry(name.clone()).or_insert(Value::Null), inside, value);
    }
}

pub(super) fn unusable(what: &str) -> Error {
    Error::new(ErrorKind::Rejected, format!("no request can be made of the task: {what}; discard it"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_is_put_into_a_body_inside_what_is_there() {
        let mut body = json!({"filter": {"tag": "tea"}});
        put(&mut body, &["filter".into(), "after".into()], json!("c"));
        put(&mut body, &["size".into()], json!(10));
        assert_eq!(body, json!({"filter": {"tag": "tea", "after": "c"}, "size": 10}));
    }

    #[test]
    fn a_stored_address_never_leads_to_another_host() {
        let base = Url::parse("https://api.test/v1").unwrap();
        assert_eq!(next_url(&base, "/v1/x?a=1").unwrap().as_str(), "https://api.test/v1/x?a=1");
        for next in ["//evil.test/x", "https://evil.test/", "http://api.test/"] {
            assert_eq!(next_url(&base, next).unwrap_err().kind(), ErrorKind::Rejected, "{next}");
        }
    }
}
