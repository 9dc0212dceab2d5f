//! How lists go on. Pure.

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::Name;
use collector_core::task::{Payload, Task};
use serde_json::Value;
use url::Url;

use super::walk::{Scalar, Seen};

/// Names of tasks' parameters.
pub(super) mod param {
    /// The number of a page.
    pub(in super::super) const PAGE: &str = "page";
    /// The number of rows before a page.
    pub(in super::super) const OFFSET: &str = "offset";
    /// A cursor, as JSON.
    pub(in super::super) const CURSOR: &str = "cursor";
    /// The address of a page: path and query.
    pub(in super::super) const NEXT: &str = "next";
    /// The last of the pages that were asked for side by side.
    pub(in super::super) const TO: &str = "to";
    /// Which page of a list it is, counted from 1; only where there is a most.
    pub(in super::super) const NTH: &str = "nth";
    /// The most pages that are read.
    pub(in super::super) const MAX_PAGES: &str = "max_pages";
    /// Whether everybody found is looked up.
    pub(in super::super) const HYDRATE: &str = "hydrate";
    /// The country a search is restricted to.
    pub(in super::super) const REGION: &str = "region";
    /// The vendor's id of a job.
    pub(in super::super) const JOB: &str = "job";
    /// When a job was submitted, in seconds since 1970.
    pub(in super::super) const SINCE: &str = "since";
    /// The address of a job's result.
    pub(in super::super) const URL: &str = "url";
}

/// Pages that one page may ask for side by side; the last of them asks for more.
const MOST_AT_ONCE: u64 = 1_000;

/// Longer cursors and addresses are no places in a list.
const LONGEST_PLACE: usize = 8 << 10;

/// How a list goes on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Way {
    Single,
    Page { first: u64 },
    Offset { first: u64, size: u64 },
    Cursor,
    Link { rel: String },
    NextUrl,
}

/// How a list goes on, with the places of the values that say so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pager {
    pub(super) way: Way,
    /// Where the place is sent; in a body one name inside another.
    pub(super) param: Vec<String>,
    pub(super) in_body: bool,
    pub(super) size: Option<(Vec<String>, u64)>,
    pub(super) page_size: Option<u64>,
    pub(super) cursor: Option<usize>,
    pub(super) more: Option<usize>,
    pub(super) total: Option<usize>,
    pub(super) pages: Option<usize>,
}

/// Where a page was, and what it says of how the list goes on.
pub(super) struct Turn<'t> {
    pub(super) task: &'t Task,
    pub(super) seen: &'t [Seen<'static>],
    pub(super) rows: usize,
    pub(super) payload: &'t Payload,
    /// The address of the page.
    pub(super) url: &'t Url,
    /// The query parameter that carries the credential.
    pub(super) secret: Option<&'t str>,
}

impl Turn<'_> {
    fn value(&self, slot: Option<usize>) -> Option<&Seen<'static>> {
        self.seen.get(slot?)
    }

    fn number(&self, slot: Option<usize>) -> Option<u64> {
        self.value(slot)?.scalar()?.number()
    }

    /// Whether the answer says that there is more; `None` when it does not say.
    fn more(&self, slot: Option<usize>) -> Option<bool> {
        match self.value(slot)? {
            Seen::Scalar(scalar) => Some(scalar.is_set()),
            Seen::Null => Some(false),
            _ => None,
        }
    }
}

impl Pager {
    /// The tasks that the list goes on with.
    ///
    /// # Errors
    /// `Malformed` for a place that repeats itself, or is none.
    pub(super) fn next(&self, turn: &Turn<'_>) -> Result<Vec<Task>> {
        if turn.more(self.more) == Some(false) {
            return Ok(Vec::new());
        }
        match &self.way {
            Way::Single => Ok(Vec::new()),
            Way::Page { first } => {
                let of_rows = || Some(turn.number(self.total)?.div_ceil(self.page_size?.max(1)));
                let pages = turn.number(self.pages).or_else(of_rows);
                self.counted(turn, param::PAGE, *first, 1, pages)
            }
            Way::Offset { first, size } => {
                let size = (*size).max(1);
                let pages = turn.number(self.total).map(|total| total.saturating_sub(*first).div_ceil(size));
                self.counted(turn, param::OFFSET, *first, size, pages)
            }
            Way::Cursor => self.cursor(turn),
            Way::Link { rel } => {
                let links = turn.payload.headers.iter().filter(|(name, _)| name == "link");
                addressed(turn, links.filter_map(|(_, value)| related(value, rel)).next())
            }
            Way::NextUrl => match turn.value(self.cursor) {
                Some(Seen::Scalar(Scalar::Text(url))) if !url.is_empty() => addressed(turn, Some(url)),
                Some(Seen::Odd(found)) => Err(no_place(found)),
                _ => Ok(Vec::new()),
            },
        }
    }

    /// Pages with numbers: one after the other, or side by side when it is known how many there are.
    fn counted(
        &self,
        turn: &Turn<'_>,
        name: &'static str,
        first: u64,
        step: u64,
        pages: Option<u64>,
    ) -> Result<Vec<Task>> {
        let here = number(turn.task, name)?.unwrap_or(first);
        let page_of = |place: u64| place.saturating_sub(first) / step;
        let place_of = |page: u64| first.saturating_add(page.saturating_mul(step));
        let page = page_of(here);
        let most = number(turn.task, param::MAX_PAGES)?.unwrap_or(u64::MAX);
        if page.saturating_add(1) >= most {
            return Ok(Vec::new());
        }
        // The pages up to there were asked for by an earlier one.
        if number(turn.task, param::TO)?.is_some_and(|to| here < to) {
            return Ok(Vec::new());
        }
        let task = |page: u64| going_on(turn.task, name, place_of(page).to_string());
        match pages {
            Some(pages) => {
                let end = pages.min(most).min(page.saturating_add(1 + MOST_AT_ONCE));
                let last = place_of(end.saturating_sub(1)).to_string();
                let more = (page + 1)..end;
                let alone = more.clone().nth(1).is_none();
                Ok(more
                    .map(|page| if alone { task(page) } else { task(page).param(param::TO, last.clone()) })
                    .collect())
            }
            None if turn.more(self.more).unwrap_or(turn.rows > 0) => Ok(vec![task(page + 1)]),
            None => Ok(Vec::new()),
        }
    }

    fn cursor(&self, turn: &Turn<'_>) -> Result<Vec<Task>> {
        let place = match turn.value(self.cursor) {
            Some(Seen::Scalar(Scalar::Text(text))) if text.is_empty() => return Ok(Vec::new()),
            Some(Seen::Scalar(scalar)) => scalar.to_json().to_string(),
            Some(Seen::Odd(found)) => return Err(no_place(found)),
            _ => return Ok(Vec::new()),
        };
        follow(turn, param::CURSOR, place)
    }
}

/// The address of the next page, which has to be at the same place.
fn addressed(turn: &Turn<'_>, next: Option<&str>) -> Result<Vec<Task>> {
    let Some(next) = next else { return Ok(Vec::new()) };
    let url = turn.url.join(next).map_err(|_| no_place("a text that is no address"))?;
    if url.origin() != turn.url.origin() {
        let message =
            "the next page is at another host, which gets no credential: the list is not followed there";
        return Err(Error::new(ErrorKind::Malformed, message).with("host", url.host_str().unwrap_or("none")));
    }
    let mut kept = url.clone();
    // The credential joins the address again when it is sent. An address without it stays as the vendor wrote it.
    if let Some(secret) = turn.secret.filter(|secret| url.query_pairs().any(|(name, _)| name == *secret)) {
        let others: Vec<_> = url.query_pairs().filter(|(name, _)| name != secret).collect();
        kept.set_query(None);
        if !others.is_empty() {
            kept.query_pairs_mut().extend_pairs(others);
        }
    }
    let query = kept.query().map(|query| format!("?{query}")).unwrap_or_default();
    follow(turn, param::NEXT, format!("{}{query}", kept.path()))
}

/// The page at this place.
fn follow(turn: &Turn<'_>, name: &'static str, place: String) -> Result<Vec<Task>> {
    if place.len() > LONGEST_PLACE {
        return Err(no_place("a text longer than 8 KiB"));
    }
    if turn.task.get(name) == Some(&place) {
        let message = "the page names its own place as the next one: the list would never end";
        return Err(Error::new(ErrorKind::Malformed, message).with("at", place));
    }
    let nth = number(turn.task, param::NTH)?.unwrap_or(1);
    let task = going_on(turn.task, name, place);
    match number(turn.task, param::MAX_PAGES)? {
        Some(most) if nth >= most => Ok(Vec::new()),
        Some(_) => Ok(vec![task.param(param::NTH, (nth + 1).to_string())]),
        None => Ok(vec![task]),
    }
}

fn no_place(found: &str) -> Error {
    Error::new(ErrorKind::Malformed, format!("where the list goes on is {found}"))
}

/// The same task at another place.
fn going_on(task: &Task, name: &'static str, place: String) -> Task {
    let next = Task::new(Name::clone(task.source()), Name::clone(task.kind()), task.subject())
        .per_run()
        .priority(task.rank());
    let kept = task.params().iter().filter(|(known, _)| *known != name && *known != param::TO);
    kept.fold(next, |next, (known, value)| next.param(known, value)).param(name, place)
}

/// A number among a task's parameters.
pub(super) fn number(task: &Task, name: &'static str) -> Result<Option<u64>> {
    let Some(text) = task.get(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        let short: String = text.chars().take(40).collect();
        Error::new(ErrorKind::Rejected, "a parameter of the task is no number; discard the task")
            .with(name, short)
    })
}

/// The cursor of a task, as JSON; what is no JSON is text.
pub(super) fn cursor_value(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => value,
        _ => Value::from(text),
    }
}

/// The address with this relation in a `Link` header (RFC 8288).
fn related<'h>(header: &'h str, rel: &str) -> Option<&'h str> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (url, after) = after.split_once('>')?;
        let end = end_of_link(after);
        let (parameters, after) = after.split_at_checked(end)?;
        let is_it = |parameter: &str| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().trim_matches('"');
            let named = name.trim().eq_ignore_ascii_case("rel");
            Some(named && value.split_ascii_whitespace().any(|one| one.eq_ignore_ascii_case(rel)))
        };
        if parameters.split(';').any(|parameter| is_it(parameter).unwrap_or(false)) {
            return Some(url);
        }
        rest = after;
    }
    None
}

/// Where a link's parameters end: at a comma outside of quotes.
fn end_of_link(text: &str) -> usize {
    let mut quoted = false;
    text.char_indices()
        .find(|(_, c)| {
            quoted ^= *c == '"';
            *c == ',' && !quoted
        })
        .map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;
    use serde_json::json;

    use super::*;

    fn pager(way: Way) -> Pager {
        Pager {
            way,
            param: vec!["p".into()],
            in_body: false,
            size: None,
            page_size: Some(10),
            cursor: Some(0),
            more: Some(1),
            total: Some(2),
            pages: Some(3),
        }
    }

    fn seen(values: [Value; 4]) -> Vec<Seen<'static>> {
        let scalar = |value: Value| match value {
            Value::Null => Seen::Nothing,
            Value::Bool(flag) => Seen::Scalar(Scalar::Flag(flag)),
            Value::String(text) => Seen::Scalar(Scalar::Text(text.into())),
            Value::Number(number) => Seen::Scalar(Scalar::Unsigned(number.as_u64().unwrap())),
            _ => Seen::Odd("an object"),
        };
        values.map(scalar).into()
    }

    fn next(way: Way, task: &Task, values: [Value; 4], rows: usize) -> Result<Vec<String>> {
        let payload = Payload::new("", Timestamp::from_secs(0));
        with(way, task, values, rows, &payload)
    }

    fn with(
        way: Way,
        task: &Task,
        values: [Value; 4],
        rows: usize,
        payload: &Payload,
    ) -> Result<Vec<String>> {
        let url = Url::parse("https://api.test/v1/list").unwrap();
        let seen = seen(values);
        let turn = Turn { task, seen: &seen, rows, payload, url: &url, secret: Some("key") };
        Ok(pager(way).next(&turn)?.iter().map(|task| format!("{:?}", task.params())).collect())
    }

    fn root() -> Task {
        Task::new("s", "list", "x").per_run()
    }

    const NONE: [Value; 4] = [Value::Null, Value::Null, Value::Null, Value::Null];

    #[test]
    fn pages_end_with_an_empty_one_or_when_the_answer_says_so() {
        let way = || Way::Page { first: 1 };
        assert_eq!(next(way(), &root(), NONE, 3).unwrap(), [r#"{"page": "2"}"#]);
        assert!(next(way(), &root(), NONE, 0).unwrap().is_empty());
        assert_eq!(
            next(way(), &root(), [json!(null), json!(true), json!(null), json!(null)], 0).unwrap().len(),
            1
        );
        assert!(
            next(way(), &root(), [json!(null), json!(0), json!(null), json!(null)], 9).unwrap().is_empty()
        );
        assert_eq!(next(way(), &root().param("max_pages", "1"), NONE, 3).unwrap().len(), 0);
    }

    #[test]
    fn pages_that_are_counted_are_asked_for_side_by_side_once() {
        let way = || Way::Page { first: 1 };
        let of = |total: u64, pages: Value| [json!(null), json!(null), json!(total), pages];
        let all = next(way(), &root(), of(31, json!(null)), 10).unwrap();
        assert_eq!(all, ["2", "3", "4"].map(|page| format!(r#"{{"page": "{page}", "to": "4"}}"#)));
        assert_eq!(next(way(), &root(), of(0, json!(2)), 10).unwrap(), [r#"{"page": "2"}"#]);
        let third = root().param("page", "3").param("to", "4");
        assert!(next(way(), &third, of(31, json!(null)), 10).unwrap().is_empty());
        // The list has grown meanwhile.
        let fourth = root().param("page", "4").param("to", "4");
        assert_eq!(next(way(), &fourth, of(41, json!(null)), 10).unwrap(), [r#"{"page": "5"}"#]);
        assert_eq!(next(way(), &root(), of(u64::MAX, json!(null)), 10).unwrap().len(), 1_000);
        assert_eq!(next(way(), &root().param("max_pages", "3"), of(99, json!(null)), 10).unwrap().len(), 2);
        let offset = next(Way::Offset { first: 0, size: 10 }, &root(), of(25, json!(null)), 10).unwrap();
        assert_eq!(offset, ["10", "20"].map(|at| format!(r#"{{"offset": "{at}", "to": "20"}}"#)));
    }

    #[test]
    fn cursors_keep_their_kind_and_end_empty() {
        let at = |value: Value| [value, json!(null), json!(null), json!(null)];
        assert_eq!(next(Way::Cursor, &root(), at(json!("20")), 0).unwrap(), [r#"{"cursor": "\"20\""}"#]);
        assert_eq!(next(Way::Cursor, &root(), at(json!(20)), 0).unwrap(), [r#"{"cursor": "20"}"#]);
        for end in [json!(null), json!("")] {
            assert!(next(Way::Cursor, &root(), at(end), 5).unwrap().is_empty());
        }
        let again = next(Way::Cursor, &root().param("cursor", "20"), at(json!(20)), 5).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Malformed);
        assert_eq!(next(Way::Cursor, &root(), at(json!({})), 5).unwrap_err().kind(), ErrorKind::Malformed);
        let second = root().param("max_pages", "2");
        assert_eq!(
            next(Way::Cursor, &second, at(json!("c")), 1).unwrap(),
            [r#"{"cursor": "\"c\"", "max_pages": "2", "nth": "2"}"#]
        );
        assert!(next(Way::Cursor, &second.param("nth", "2"), at(json!("d")), 1).unwrap().is_empty());
        assert_eq!(
            (cursor_value("20"), cursor_value("\"20\""), cursor_value("a b")),
            (json!(20), json!("20"), json!("a b"))
        );
    }

    #[test]
    fn a_next_address_stays_at_its_host_and_loses_the_credential() {
        let at = |url: &str| [json!(url), json!(null), json!(null), json!(null)];
        assert_eq!(
            next(Way::NextUrl, &root(), at("https://api.test/v1/list?key=hunter2&c=a%26b"), 0).unwrap(),
            [r#"{"next": "/v1/list?c=a%26b"}"#]
        );
        assert_eq!(
            next(Way::NextUrl, &root(), at("?page=2"), 0).unwrap(),
            [r#"{"next": "/v1/list?page=2"}"#]
        );
        for url in
            ["https://evil.test/v1/list", "http://api.test/v1/list", "//evil.test/", "https://api.test:8443/"]
        {
            let error = next(Way::NextUrl, &root(), at(url), 0).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed, "{url}");
        }
    }

    #[test]
    fn a_link_header_is_read_as_the_rfc_has_it() {
        let header = r#"<https://api.test/v1/list?page=1>; rel="prev", </v1/list?a=1,2&page=3>; title="a, b"; REL="last next""#;
        let mut payload = Payload::new("", Timestamp::from_secs(0));
        payload.headers.push(("link".into(), header.into()));
        let follows = with(Way::Link { rel: "next".into() }, &root(), NONE, 0, &payload).unwrap();
        assert_eq!(follows, [r#"{"next": "/v1/list?a=1,2&page=3"}"#]);
        assert!(with(Way::Link { rel: "first".into() }, &root(), NONE, 0, &payload).unwrap().is_empty());
        for hostile in ["", "<", "<>", "<a>;rel", "<a>; rel=\"next", ";;;<>;=;,,"] {
            related(hostile, "next");
        }
    }
}
