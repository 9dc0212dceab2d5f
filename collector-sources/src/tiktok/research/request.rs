//! The request each kind of call makes. Pure.

use collector_core::error::Result;
use collector_core::task::Task;
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use super::super::day::{Day, Window};
use super::grant::Credentials;
use super::kind::{Kind, param};
use crate::http::Request;
use crate::values::call::{only, unusable};

/// The most rows of one page.
pub(super) const PAGE: u32 = 100;

const VIDEO_FIELDS: &str = "id,username,region_code,create_time,video_description,hashtag_names,view_count,\
    like_count,comment_count,share_count,video_tag,video_mention_list";
const USER_FIELDS: &str = "display_name,bio_description,avatar_url,is_verified,follower_count,following_count,\
    likes_count,video_count,bio_url";

/// Where requests are made.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    pub(super) base: Url,
}

impl Requests {
    /// The kind of the one task of a call.
    ///
    /// # Errors
    /// `Rejected` for no task, several, or an unknown kind.
    pub(super) fn kind_of(tasks: &[Task]) -> Result<(Kind, &Task)> {
        only(tasks, Kind::from_name)
    }

    /// The request that serves these tasks on the day `today`, without its token.
    ///
    /// # Errors
    /// `Rejected` for tasks no request can be made of.
    pub(super) fn serving(&self, tasks: &[Task], today: Day) -> Result<Request> {
        let (kind, task) = Self::kind_of(tasks)?;
        let fields = match kind.condition() {
            Some(_) => Some(VIDEO_FIELDS),
            None if kind == Kind::Profile => Some(USER_FIELDS),
            None => None,
        };
        let body = match kind.condition() {
            Some(condition) => search(kind, condition, task, today)?,
            None if kind == Kind::Profile => json!({ "username": task.subject() }),
            None => with_cursor(json!({ "username": task.subject(), "max_count": PAGE }), task)?,
        };
        let url = self.url(["v2", "research"].into_iter().chain(kind.path()));
        let request = Request::post(url, "application/json", body.to_string());
        Ok(match fields {
            Some(fields) => request.query("fields", fields),
            None => request,
        })
    }

    /// The request for an access token.
    pub(super) fn grant(&self, credentials: &Credentials) -> Request {
        let mut form = Serializer::new(String::new());
        form.append_pair("client_key", credentials.key.expose())
            .append_pair("client_secret", credentials.secret.expose())
            .append_pair("grant_type", "client_credentials");
        Request::post(
            self.url(["v2", "oauth", "token", ""]),
            "application/x-www-form-urlencoded",
            form.finish(),
        )
    }

    fn url<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Url {
        let mut url = self.base.clone();
        // Only addresses without a host have no segments, and the configuration refuses those.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

fn search(kind: Kind, condition: &str, task: &Task, today: Day) -> Result<Value> {
    let is = |name: &str, values: Vec<&str>| {
        let operation = if values.len() == 1 { "EQ" } else { "IN" };
        json!({ "operation": operation, "field_name": name, "field_values": values })
    };
    let subjects =
        if kind == Kind::Posts { task.subject().split(',').collect() } else { vec![task.subject()] };
    let mut conditions = vec![is(condition, subjects)];
    if let Some(regions) = task.get(param::REGIONS) {
        conditions.push(is("region_code", regions.split(',').collect()));
    }
    let (window, _) = windows(task, today)?;
    let body = json!({
        "query": { "and": conditions },
        "start_date": window.since.to_string(),
        "end_date": window.end_date(today).to_string(),
        "max_count": PAGE,
    });
    let mut body = with_cursor(body, task)?;
    if let Some(id) = task.get(param::SEARCH_ID) {
        body["search_id"] = id.into();
    }
    Ok(body)
}

fn with_cursor(mut body: Value, task: &Task) -> Result<Value> {
    if let Some(cursor) = task.get(param::CURSOR) {
        let cursor: u64 = cursor.parse().map_err(|_| unusable(task, param::CURSOR))?;
        body["cursor"] = cursor.into();
    }
    Ok(body)
}

/// The window a task searches, and the older ones that its span has besides.
///
/// # Errors
/// `Rejected` when the task does not say which span.
pub(super) fn windows(task: &Task, today: Day) -> Result<(Window, Vec<Window>)> {
    let day = |name: &'static str| match task.get(name) {
        None => Ok(None),
        Some(text) => text.parse::<Day>().map(Some).map_err(|()| unusable(task, name)),
    };
    let until = day(param::UNTIL)?.unwrap_or(today);
    let since = match day(param::SINCE)? {
        Some(since) => since.min(until),
        None => {
            let days: u32 = task
                .get(param::DAYS)
                .and_then(|days| days.parse().ok())
                .ok_or_else(|| unusable(task, param::DAYS))?;
            until.minus(days.saturating_sub(1))
        }
    };
    let mut windows = Window::all(since, until);
    let newest = windows.remove(0);
    Ok((newest, windows))
}

#[cfg(test)]
mod tests {
    use collector_core::error::ErrorKind;

    use super::*;

    fn today() -> Day {
        "20261130".parse().unwrap()
    }

    fn requests() -> Requests {
        Requests { base: Url::parse("https://api.test").unwrap() }
    }

    fn task(kind: &'static str, subject: &'static str) -> Task {
        Task::new("t", kind, subject)
    }

    fn body(task: &Task) -> Value {
        search(Kind::from_name(task.kind()).unwrap(), "c", task, today()).unwrap()
    }

    #[test]
    fn paths_end_in_a_slash_and_lists_of_people_have_no_fields() {
        let shown = |task: Task| requests().serving(&[task], today()).unwrap().shown();
        assert_eq!(shown(task("followers", "mina")), "https://api.test/v2/research/user/followers/");
        assert_eq!(shown(task("following", "mina")), "https://api.test/v2/research/user/following/");
        let profile = shown(task("profile", "mina"));
        assert!(
            profile.starts_with("https://api.test/v2/research/user/info/?fields=display_name%2C"),
            "{profile}"
        );
        let videos = shown(task("hashtag", "x").param("days", "30"));
        assert!(
            videos.starts_with("https://api.test/v2/research/video/query/?fields=id%2Cusername"),
            "{videos}"
        );
    }

    #[test]
    fn a_search_says_everything_on_every_page() {
        let first = task("hashtag", "k뷰티").param("since", "20261101").param("until", "20261129");
        let expected = json!({
            "query": { "and": [
                { "operation": "EQ", "field_name": "c", "field_values": ["k뷰티"] },
                { "operation": "IN", "field_name": "region_code", "field_values": ["KR", "US"] },
            ] },
            "start_date": "20261101", "end_date": "20261130", "max_count": 100,
        });
        let first = first.param("regions", "KR,US");
        assert_eq!(body(&first), expected);
        let second = body(&first.param("cursor", "100").param("search_id", "7300000000000000001"));
        assert_eq!((&second["cursor"], &second["search_id"]), (&json!(100), &json!("7300000000000000001")));
        assert_eq!(second["query"], expected["query"]);
        let posts = task("posts", "71,72").param("since", "20261101").param("until", "20261102");
        assert_eq!(body(&posts)["query"]["and"][0]["operation"], "IN");
    }

    #[test]
    fn an_open_span_ends_today() {
        let (window, rest) = windows(&task("hashtag", "x").param("days", "31"), today()).unwrap();
        assert_eq!((window.since.to_string(), window.until), ("20261101".to_owned(), today()));
        assert_eq!(rest.iter().map(|w| w.since.to_string()).collect::<Vec<_>>(), ["20261031"]);
        let (window, rest) = windows(&task("hashtag", "x").param("since", "20261201"), today()).unwrap();
        assert_eq!((window.since, rest.len()), (today(), 0), "a span to come is the present day");
    }

    #[test]
    fn what_cannot_be_asked_is_rejected() {
        let profile = || task("profile", "x");
        for tasks in [
            vec![],
            vec![profile(), profile()],
            vec![task("friends", "x")],
            vec![task("hashtag", "x")],
            vec![task("hashtag", "x").param("days", "soon")],
            vec![task("hashtag", "x").param("since", "2026")],
            vec![task("followers", "x").param("cursor", "next")],
        ] {
            let error = requests().serving(&tasks, today()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected, "{tasks:?}");
        }
    }
}
