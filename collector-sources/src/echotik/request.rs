//! The request each kind of call makes. Pure.

use collector_core::clock::Timestamp;
use collector_core::error::Result;
use collector_core::task::Task;
use url::Url;

use super::date::Period;
use super::kind::{Kind, Settings, TEN, param};
use crate::http::{HeaderName, Request, Secret};
use crate::values::call::unusable;

/// A picture nobody has: asking for it is free, and tells whether the credentials are accepted.
const NO_PICTURE: &str = "https://echosell-images.tos-ap-southeast-1.volces.com/user-avatar/0/none.jpg";

/// Hits of one search; there is no second page.
const HITS: &str = "30";

/// Where and as whom requests are made.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    pub(super) base: Url,
    /// User name and password as they are sent.
    pub(super) basic: Secret,
    pub(super) settings: Settings,
}

impl Requests {
    /// The request that serves these tasks, made at `now`.
    ///
    /// # Errors
    /// `Rejected` for tasks that are not of one known kind, and for parameters no request can be made of.
    pub(super) fn serving(&self, tasks: &[Task], now: Timestamp) -> Result<Request> {
        let kind = Kind::of(tasks)?;
        let subjects: Vec<&str> = tasks.iter().map(Task::subject).collect();
        // Each is one of several: with a comma in it, it would be two.
        if kind.batch() > 1
            && let Some(task) = tasks.iter().find(|task| task.subject().contains(','))
        {
            return Err(unusable(task, "subject"));
        }
        let request = self.get(kind).query(kind.subject(), &subjects.join(","));
        let request = match tasks {
            [task] => asked(request, kind, task, now)?,
            _ => request,
        };
        self.signed(request)
    }

    /// A request that costs nothing and needs valid credentials.
    ///
    /// # Errors
    /// `ConfigInvalid` for credentials that cannot be sent.
    pub(super) fn check(&self) -> Result<Request> {
        self.signed(self.get(Kind::Pictures).query(Kind::Pictures.subject(), NO_PICTURE))
    }

    fn signed(&self, request: Request) -> Result<Request> {
        request.secret_header(HeaderName::from_static("authorization"), "Basic ", &self.basic)
    }

    fn get(&self, kind: Kind) -> Request {
        let mut url = self.base.clone();
        // Only addresses without a host have no segments, and the configuration refuses those.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(kind.path());
        }
        Request::get(url).timeout(self.settings.timeout)
    }
}

/// Adds what one task asks besides its subject.
fn asked(request: Request, kind: Kind, task: &Task, now: Timestamp) -> Result<Request> {
    let request = match kind {
        Kind::List => filtered(request, task),
        Kind::Ranking => {
            let period = period(task)?;
            let request = filtered(request, task)
                .query("date", &ranking_date(task, period, now)?)
                .query(param::RANK_TYPE, period.code());
            with_number(request, param::RANK_FIELD, task, param::RANK_FIELD)?
        }
        Kind::Search => {
            let request = request.query("type", "1").query("size", HITS);
            with_text(request, "region", task, param::REGION)
        }
        // The latest first: the figures over the latest videos stand on them.
        Kind::Videos => request.query("influencer_video_sort_field", "4").query("sort_type", "1"),
        Kind::Trend => {
            let day = |name: &'static str| task.get(name).ok_or_else(|| unusable(task, name));
            request.query("start_date", day(param::FROM)?).query("end_date", day(param::TO)?)
        }
        Kind::LiveVideos => request.query("offset", &number(task, param::CURSOR, 0)?.to_string()),
        Kind::Details | Kind::DetailsByHandle | Kind::Pictures | Kind::LiveProfile => request,
    };
    match kind.pages() {
        None => Ok(request),
        Some(most) => {
            let page = number(task, param::PAGE, 1)?;
            // The vendor begins with 1, and an earlier edition of its documents said what 0 would do.
            if page == 0 || page > u64::from(most) {
                return Err(unusable(task, param::PAGE));
            }
            Ok(request.query("page_num", &page.to_string()).query("page_size", &TEN.to_string()))
        }
    }
}

fn filtered(mut request: Request, task: &Task) -> Request {
    for (name, value) in task.params() {
        if let Some(name) = name.strip_prefix(param::FILTER) {
            request = request.query(name, value);
        }
    }
    request
}

/// How long the ranking of a task counts.
///
/// # Errors
/// `Rejected` when the task does not say.
pub(super) fn period(task: &Task) -> Result<Period> {
    task.get(param::RANK_TYPE).and_then(Period::of_code).ok_or_else(|| unusable(task, param::RANK_TYPE))
}

/// The first day of the ranking a task asks for at `now`.
///
/// # Errors
/// `Rejected` when the task says neither a day nor how far to look back.
pub(super) fn ranking_date(task: &Task, period: Period, now: Timestamp) -> Result<String> {
    if let Some(date) = task.get(param::DATE) {
        return Ok(date.to_owned());
    }
    let back = task.get(param::BACK).and_then(|back| back.parse().ok());
    Ok(period.before(now, back.ok_or_else(|| unusable(task, param::BACK))?).to_string())
}

fn with_text(request: Request, name: &str, task: &Task, param: &str) -> Request {
    match task.get(param) {
        Some(text) => request.query(name, text),
        None => request,
    }
}

fn with_number(request: Request, name: &str, task: &Task, param: &'static str) -> Result<Request> {
    match task.get(param) {
        Some(number) if number.parse::<u64>().is_ok() => Ok(request.query(name, number)),
        _ => Err(unusable(task, param)),
    }
}

/// The number of a parameter; `without` when there is none.
fn number(task: &Task, param: &'static str, without: u64) -> Result<u64> {
    match task.get(param) {
        None => Ok(without),
        Some(text) => text.parse().map_err(|_| unusable(task, param)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use collector_core::error::ErrorKind;

    use super::*;
    use crate::echotik::config::RealTime;

    fn requests(base: &str) -> Requests {
        let settings = Settings {
            timeout: Duration::from_secs(30),
            pictures: true,
            picture_units: 0,
            real_time: RealTime::Off,
        };
        Requests { base: base.parse().unwrap(), basic: "c2VjcmV0OmNhbmFyeQ==".into(), settings }
    }

    fn now() -> Timestamp {
        "2026-11-30T13:00:00Z".parse().unwrap()
    }

    fn sent(tasks: &[Task]) -> String {
        let request = requests("https://api.test/").serving(tasks, now()).unwrap();
        assert!(!format!("{request:?}").contains("c2Vj"), "{request:?}");
        request.shown().strip_prefix("https://api.test/api/v3").unwrap().to_owned()
    }

    #[test]
    fn each_kind_has_its_path_and_parameters() {
        let task = |kind: &str, subject: &str| Task::new("e", kind, subject);
        let details: Vec<Task> = (1..=10).map(|n| task("details", &format!("700000{n}"))).collect();
        assert!(sent(&details).starts_with("/echotik/influencer/detail?user_ids=7000001%2C7000002%2C"));
        assert_eq!(sent(&[task("details_by_handle", "mina")]), "/echotik/influencer/detail?unique_ids=mina");
        assert_eq!(
            sent(&[task("list", "US")
                .param("where.influencer_category_name", "Food & Beverage")
                .param("page", "3")]),
            "/echotik/influencer/list?region=US&influencer_category_name=Food+%26+Beverage&page_num=3&page_size=10"
        );
        let ranking = task("ranking", "US").param("rank_type", "2").param("influencer_rank_field", "1");
        assert_eq!(
            sent(&[ranking.clone().param("back", "1")]),
            "/echotik/influencer/ranklist?region=US&date=2026-11-23&rank_type=2&influencer_rank_field=1&page_num=1&page_size=10"
        );
        assert!(sent(&[ranking.param("date", "2026-11-02")]).contains("date=2026-11-02"));
        assert_eq!(
            sent(&[task("search", "tea").param("region", "ES")]),
            "/echotik/search/items?sk=tea&type=1&size=30&region=ES"
        );
        assert_eq!(
            sent(&[task("videos", "7000001")]),
            "/echotik/influencer/video/list?user_id=7000001&influencer_video_sort_field=4&sort_type=1&page_num=1&page_size=10"
        );
        assert_eq!(
            sent(&[task("trend", "7000001")
                .param("from", "2026-11-01")
                .param("to", "2026-11-29")
                .param("page", "2")]),
            "/echotik/influencer/trend?user_id=7000001&start_date=2026-11-01&end_date=2026-11-29&page_num=2&page_size=10"
        );
        let pictures = [task("pictures", "https://a.test/x.jpg"), task("pictures", "https://a.test/y.jpg")];
        assert_eq!(
            sent(&pictures),
            "/echotik/batch/cover/download?cover_urls=https%3A%2F%2Fa.test%2Fx.jpg%2Chttps%3A%2F%2Fa.test%2Fy.jpg"
        );
        assert_eq!(sent(&[task("live_profile", "mina")]), "/realtime/influencer/detail?unique_id=mina");
        assert_eq!(
            sent(&[task("live_videos", "mina").param("cursor", "17")]),
            "/realtime/influencer/video/list?unique_id=mina&offset=17"
        );
        assert!(sent(&[task("live_videos", "mina")]).ends_with("&offset=0"));
    }

    #[test]
    fn a_call_that_cannot_be_made_is_rejected() {
        let details = |count: usize| -> Vec<Task> {
            (0..count).map(|id| Task::new("e", "details", format!("71{id}"))).collect()
        };
        let bad: Vec<Vec<Task>> = vec![
            vec![],
            details(11),
            vec![Task::new("e", "friends", "x")],
            vec![Task::new("e", "details", "71"), Task::new("e", "details_by_handle", "x")],
            vec![Task::new("e", "list", "US").param("page", "0")],
            vec![Task::new("e", "list", "US").param("page", "10001")],
            vec![Task::new("e", "list", "US").param("page", "next")],
            vec![Task::new("e", "trend", "71")],
            vec![Task::new("e", "ranking", "US").param("rank_type", "1").param("influencer_rank_field", "1")],
            vec![Task::new("e", "pictures", "https://a.test/a,b.jpg")],
            vec![Task::new("e", "live_videos", "x").param("cursor", "-1")],
        ];
        for tasks in bad {
            let error = requests("https://api.test").serving(&tasks, now()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected, "{tasks:?}");
        }
        assert!(requests("https://api.test").serving(&details(10), now()).is_ok());
    }

    #[test]
    fn a_base_address_may_have_a_path() {
        let shown = requests("http://127.0.0.1:9/echotik").check().unwrap().shown();
        assert!(
            shown.starts_with("http://127.0.0.1:9/echotik/api/v3/echotik/batch/cover/download?"),
            "{shown}"
        );
    }
}
