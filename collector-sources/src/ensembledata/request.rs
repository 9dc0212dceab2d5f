//! The request each kind of call makes. Pure.

use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::Task;
use url::Url;

use super::cost::Settings;
use super::kind::{Kind, Paging, param};
use crate::http::{Request, Secret};
use crate::values::call::unusable;

/// Where and as whom requests are made.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    pub(super) base: Url,
    pub(super) token: Secret,
    pub(super) settings: Settings,
}

impl Requests {
    /// The request that serves these tasks.
    ///
    /// # Errors
    /// `Rejected` for tasks that are not of one known kind, for long calls where they are not allowed, and for
    /// parameters no request can be made of.
    pub(super) fn serving(&self, tasks: &[Task]) -> Result<Request> {
        let kind = Kind::of(tasks)?;
        if kind.is_long() && !self.settings.long_calls {
            let message =
                "the call runs for minutes: set `long_calls = true` in the source's settings, or discard it";
            return Err(Error::new(ErrorKind::Rejected, message).with("kind", kind.name()));
        }
        let subjects: Vec<&str> = tasks.iter().map(Task::subject).collect();
        let timeout = self.settings.spec(kind).timeout;
        let request = self.get(kind.path()).timeout(timeout).query(kind.subject(), &subjects.join(";"));
        let request = match tasks {
            [task] => self.asked(request, kind, task)?,
            _ => request,
        };
        Ok(request.secret_query("token", &self.token))
    }

    /// Adds what one task asks besides its subject.
    fn asked(&self, request: Request, kind: Kind, task: &Task) -> Result<Request> {
        let request = match kind {
            Kind::UserPosts | Kind::UserPostsBySecUid => {
                let request = request.query("depth", &self.settings.depth.to_string());
                with_number(request, "oldest_createtime", task, param::SINCE)?
            }
            Kind::Followers | Kind::Followings => {
                let sec_uid = task.get(param::SEC_UID).ok_or_else(|| unusable(task, param::SEC_UID))?;
                request.query("secUid", sec_uid)
            }
            Kind::HashtagRecent => with_number(request, "days", task, param::DAYS)?,
            Kind::Keyword | Kind::KeywordFull => self.search(request, kind, task),
            Kind::Lives => with_text(request, "country", task, param::COUNTRY),
            Kind::ProfileBySecUid if self.settings.alternative_method => {
                request.query("alternative_method", "true")
            }
            _ => request,
        };
        paged(request, kind, task)
    }

    fn search(&self, request: Request, kind: Kind, task: &Task) -> Request {
        let request = request.query("period", task.get(param::PERIOD).unwrap_or("0"));
        let request = with_text(request, "sorting", task, param::SORTING);
        let request = with_text(request, "country", task, param::COUNTRY);
        let request = with_text(request, "match_exactly", task, param::EXACT);
        if kind == Kind::Keyword && self.settings.author_stats {
            request.query("get_author_stats", "true")
        } else {
            request
        }
    }

    /// The request that asks for the units used on the UTC day of `now`. It costs nothing.
    pub(super) fn used_units(&self, now: Timestamp) -> Request {
        let day: String = now.to_string().chars().take("YYYY-MM-DD".len()).collect();
        let request = self.get(["customer", "get-used-units"]).timeout(self.settings.timeout);
        request.query("date", &day).secret_query("token", &self.token)
    }

    fn get<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Request {
        let mut url = self.base.clone();
        // Only addresses without a host have no segments, and the configuration refuses those.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Request::get(url)
    }
}

/// Adds where the list goes on.
fn paged(request: Request, kind: Kind, task: &Task) -> Result<Request> {
    let cursor = match (kind.paging(), kind) {
        (Paging::Whole, _) => return Ok(request),
        (_, Kind::UserPosts | Kind::UserPostsBySecUid) => "start_cursor",
        (Paging::Offset | Paging::Time, _) => "cursor",
    };
    let request = with_number(request, cursor, task, param::CURSOR)?;
    Ok(with_text(request, "page_token", task, param::PAGE_TOKEN))
}

fn with_text(request: Request, name: &str, task: &Task, param: &str) -> Request {
    match task.get(param) {
        Some(text) => request.query(name, text),
        None => request,
    }
}

fn with_number(request: Request, name: &str, task: &Task, param: &'static str) -> Result<Request> {
    match task.get(param) {
        None => Ok(request),
        Some(number) if number.parse::<u64>().is_ok() => Ok(request.query(name, number)),
        Some(_) => Err(unusable(task, param)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn requests(base: &str) -> Requests {
        let (base, token) = (Url::parse(base).unwrap(), "0123456789abcdef".into());
        let settings = Settings {
            timeout: Duration::from_secs(30),
            long_timeout: Duration::from_secs(900),
            long_calls: true,
            depth: 2,
            author_stats: false,
            alternative_method: false,
        };
        Requests { base, token, settings }
    }

    fn shown(tasks: &[Task]) -> String {
        requests("https://api.test/apis").serving(tasks).unwrap().shown()
    }

    #[test]
    fn every_kind_has_its_request() {
        let task = |kind: &'static str, subject: &'static str| Task::new("e", kind, subject);
        let list = |kind| task(kind, "71").param("sec_uid", "MS4w");
        for (task, expected) in [
            (task("profile", "mina.k"), "user/info?username=mina.k"),
            (task("profile_by_secuid", "MS4wLj-_"), "user/info-from-secuid?secUid=MS4wLj-_"),
            (task("hashtag", "k뷰티"), "hashtag/posts?name=k%EB%B7%B0%ED%8B%B0"),
            (
                task("hashtag", "a&b=c+d%").param("cursor", "20"),
                "hashtag/posts?name=a%26b%3Dc%2Bd%25&cursor=20",
            ),
            (task("hashtag_recent", "x").param("days", "7"), "hashtag/recent-posts?name=x&days=7"),
            (task("keyword", "skin care"), "keyword/search?name=skin+care&period=0"),
            (
                task("keyword", "x").param("period", "30").param("sorting", "1").param("country", "US"),
                "keyword/search?name=x&period=30&sorting=1&country=US",
            ),
            (
                task("keyword_full", "x").param("exact", "true"),
                "keyword/full-search?name=x&period=0&match_exactly=true",
            ),
            (task("user_search", "x").param("cursor", "10"), "user/search?keyword=x&cursor=10"),
            (
                task("user_posts", "mina").param("since", "1700000000"),
                "user/posts?username=mina&depth=2&oldest_createtime=1700000000",
            ),
            (
                task("user_posts_by_secuid", "MS4w").param("cursor", "1790000000000"),
                "user/posts-from-secuid?secUid=MS4w&depth=2&start_cursor=1790000000000",
            ),
            (list("followers"), "user/followers?id=71&secUid=MS4w"),
            (
                list("followings").param("cursor", "1790000000").param("page_token", "eyJ4IjoxfQ=="),
                "user/followings?id=71&secUid=MS4w&cursor=1790000000&page_token=eyJ4IjoxfQ%3D%3D",
            ),
            (task("liked_posts", "MS4w"), "user/liked-posts?secUid=MS4w"),
            (task("posts", "71"), "post/multi-info?ids=71"),
            (task("comments", "71").param("cursor", "31"), "post/comments?aweme_id=71&cursor=31"),
            (task("sound_posts", "70"), "music/posts?music_id=70"),
            (task("lives", "x").param("country", "KR"), "live/search?keyword=x&country=KR"),
        ] {
            assert_eq!(shown(&[task]), format!("https://api.test/apis/tt/{expected}&token=[redacted]"));
        }
        let two = [Task::new("e", "posts", "71"), Task::new("e", "posts", "72")];
        assert!(shown(&two).contains("ids=71%3B72"), "{}", shown(&two));
    }

    #[test]
    fn settings_reach_the_request() {
        let mut requests = requests("https://api.test/apis");
        requests.settings.author_stats = true;
        requests.settings.alternative_method = true;
        let shown = |kind: &'static str| requests.serving(&[Task::new("e", kind, "x")]).unwrap().shown();
        assert!(shown("keyword").contains("get_author_stats=true"));
        assert!(!shown("keyword_full").contains("get_author_stats"), "that endpoint does not know it");
        assert!(shown("profile_by_secuid").contains("alternative_method=true"));
    }

    #[test]
    fn a_long_call_needs_the_setting() {
        let mut requests = requests("https://api.test/apis");
        requests.settings.long_calls = false;
        for kind in ["hashtag_recent", "keyword_full"] {
            let error = requests.serving(&[Task::new("e", kind, "x").param("days", "7")]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert!(error.message().contains("`long_calls = true`"), "{error}");
        }
    }

    #[test]
    fn a_base_address_with_and_without_a_slash_is_the_same() {
        let task = [Task::new("e", "profile", "x")];
        let with = requests("http://127.0.0.1:9/apis/").serving(&task).unwrap().shown();
        assert_eq!(with, requests("http://127.0.0.1:9/apis").serving(&task).unwrap().shown());
        assert!(with.starts_with("http://127.0.0.1:9/apis/tt/user/info?"), "{with}");
        assert!(requests("http://h").serving(&task).unwrap().shown().starts_with("http://h/tt/user"));
    }

    #[test]
    fn used_units_are_asked_for_the_utc_day() {
        let request = requests("https://api.test/apis").used_units(Timestamp::from_secs(1_795_359_599));
        assert_eq!(
            request.shown(),
            "https://api.test/apis/customer/get-used-units?date=2026-11-22&token=[redacted]"
        );
    }

    #[test]
    fn a_call_that_cannot_be_made_is_rejected() {
        let profile = || Task::new("e", "profile", "x");
        let posts: Vec<Task> = (0..101).map(|id| Task::new("e", "posts", format!("71{id}"))).collect();
        let bad: [&[Task]; 5] = [
            &[],
            &[Task::new("e", "friends", "x")],
            &[profile(), profile()],
            &[Task::new("e", "posts", "71"), profile()],
            &posts,
        ];
        for tasks in bad {
            let error = requests("https://api.test").serving(tasks).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected, "{tasks:?}");
        }
        assert!(requests("https://api.test").serving(&posts[..100]).is_ok());
        for task in [
            Task::new("e", "hashtag", "x").param("cursor", "next"),
            Task::new("e", "user_posts", "x").param("since", "yesterday"),
            Task::new("e", "followers", "71"),
        ] {
            let error = requests("https://api.test").serving(std::slice::from_ref(&task)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected, "{task}");
        }
    }
}
