//! Kinds of call, and the request each one makes. Pure.

use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::source::{CallSpec, Role};
use collector_core::task::{Cost, Task};
use url::Url;

use crate::http::{Request, Secret};

/// The most posts one call may ask for; the vendor answers 464 to more.
const POSTS_PER_CALL: usize = 100;

/// Names of a task's parameters.
pub(super) mod param {
    /// The cursor to send; absent on the first page.
    pub(crate) const CURSOR: &str = "cursor";
    /// Empty pages in a row before this one.
    pub(crate) const EMPTY: &str = "empty";
    /// `false` when the people found are not to be looked up.
    pub(crate) const HYDRATE: &str = "hydrate";
    /// Pages that may still be read, this one included; absent when there is no limit.
    pub(crate) const PAGES_LEFT: &str = "pages_left";
}

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A profile by handle.
    Profile,
    /// A profile by `secUid`.
    ProfileBySecUid,
    /// A page of a hashtag's posts.
    Hashtag,
    /// Posts by id, many at a time.
    Posts,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Profile, Self::ProfileBySecUid, Self::Hashtag, Self::Posts];

    /// Its name in tasks.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::ProfileBySecUid => "profile_by_secuid",
            Self::Hashtag => "hashtag",
            Self::Posts => "posts",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind all tasks of one call share.
    pub(super) fn of(tasks: &[Task]) -> Result<Self> {
        let [first, rest @ ..] = tasks else {
            return Err(Error::new(ErrorKind::Rejected, "a call without tasks"));
        };
        let kind = Self::from_name(first.kind()).ok_or_else(|| {
            Error::new(ErrorKind::Rejected, "no such kind of task; discard it, or update the adapter")
                .with("kind", first.kind())
        })?;
        if tasks.len() > kind.batch() || rest.iter().any(|task| task.kind() != first.kind()) {
            return Err(Error::new(
                ErrorKind::Rejected,
                "a call serves tasks of one kind, up to its batch size",
            )
            .with("kind", kind.name())
            .with("tasks", tasks.len()));
        }
        Ok(kind)
    }

    fn batch(self) -> usize {
        match self {
            Self::Posts => POSTS_PER_CALL,
            Self::Profile | Self::ProfileBySecUid | Self::Hashtag => 1,
        }
    }

    /// How calls of this kind are made.
    pub(super) fn spec(self, timeout: Duration) -> CallSpec {
        let role = if self == Self::Hashtag { Role::Discovery } else { Role::Hydration };
        CallSpec::new(role).batch(self.batch()).worst_cost(self.cost(self.batch())).timeout(timeout)
    }

    /// What a call costs by the vendor's price list when it brought `posts` posts.
    pub(super) fn cost(self, posts: usize) -> Cost {
        match self {
            // Calls that find nothing are charged too, normally with one unit.
            Self::Posts => Cost::units((2 * posts as u64).max(1)),
            Self::Profile | Self::ProfileBySecUid | Self::Hashtag => Cost::units(1),
        }
    }
}

/// Where and as whom requests are made.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    pub(super) base: Url,
    pub(super) token: Secret,
    pub(super) timeout: Duration,
}

impl Requests {
    /// The request that serves these tasks.
    ///
    /// # Errors
    /// `Rejected` for tasks that are not of one known kind, or have parameters no request can be made of.
    pub(super) fn serving(&self, tasks: &[Task]) -> Result<Request> {
        let kind = Kind::of(tasks)?;
        let subject = tasks.first().map_or("", Task::subject);
        Ok(match kind {
            Kind::Profile => self.get(&["tt", "user", "info"]).query("username", subject),
            Kind::ProfileBySecUid => self.get(&["tt", "user", "info-from-secuid"]).query("secUid", subject),
            Kind::Hashtag => {
                hashtag_page(self.get(&["tt", "hashtag", "posts"]).query("name", subject), tasks)?
            }
            Kind::Posts => {
                let ids: Vec<&str> = tasks.iter().map(Task::subject).collect();
                self.get(&["tt", "post", "multi-info"]).query("ids", &ids.join(";"))
            }
        }
        .secret_query("token", &self.token))
    }

    /// The request that asks for the units used on the UTC day of `now`. It costs nothing.
    pub(super) fn used_units(&self, now: Timestamp) -> Request {
        let day: String = now.to_string().chars().take("YYYY-MM-DD".len()).collect();
        self.get(&["customer", "get-used-units"]).query("date", &day).secret_query("token", &self.token)
    }

    fn get(&self, path: &[&str]) -> Request {
        let mut url = self.base.clone();
        // Only addresses without a host have no segments, and the configuration refuses those.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Request::get(url).timeout(self.timeout)
    }
}

fn hashtag_page(request: Request, tasks: &[Task]) -> Result<Request> {
    match tasks.first().and_then(|task| task.get(param::CURSOR)) {
        None => Ok(request),
        Some(cursor) if cursor.parse::<u64>().is_ok() => Ok(request.query("cursor", cursor)),
        Some(cursor) => {
            Err(Error::new(ErrorKind::Rejected, "the task's cursor is not a number; discard the task")
                .with("cursor", format!("{:?}", cursor.chars().take(40).collect::<String>())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(base: &str) -> Requests {
        let (base, token) = (Url::parse(base).unwrap(), "0123456789abcdef".into());
        Requests { base, token, timeout: Duration::from_secs(30) }
    }

    fn shown(tasks: &[Task]) -> String {
        requests("https://api.test/apis").serving(tasks).unwrap().shown()
    }

    #[test]
    fn each_kind_has_its_path_and_parameters() {
        for (task, expected) in [
            (Task::new("e", "profile", "mina.k"), "user/info?username=mina.k"),
            (Task::new("e", "profile_by_secuid", "MS4wLj-_"), "user/info-from-secuid?secUid=MS4wLj-_"),
            (Task::new("e", "hashtag", "k뷰티"), "hashtag/posts?name=k%EB%B7%B0%ED%8B%B0"),
            (
                Task::new("e", "hashtag", "a&b=c+d%").param("cursor", "20"),
                "hashtag/posts?name=a%26b%3Dc%2Bd%25&cursor=20",
            ),
            (Task::new("e", "posts", "71"), "post/multi-info?ids=71"),
        ] {
            assert_eq!(shown(&[task]), format!("https://api.test/apis/tt/{expected}&token=[redacted]"));
        }
        let two = [Task::new("e", "posts", "71"), Task::new("e", "posts", "72")];
        assert!(shown(&two).contains("ids=71%3B72"), "{}", shown(&two));
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
            &[Task::new("e", "followers", "x")],
            &[profile(), profile()],
            &[Task::new("e", "posts", "71"), profile()],
            &posts,
        ];
        for tasks in bad {
            let error = requests("https://api.test").serving(tasks).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected, "{tasks:?}");
        }
        assert!(requests("https://api.test").serving(&posts[..100]).is_ok());
        let cursor = [Task::new("e", "hashtag", "x").param("cursor", "next")];
        assert_eq!(requests("https://api.test").serving(&cursor).unwrap_err().kind(), ErrorKind::Rejected);
    }

    #[test]
    fn worst_cost_is_that_of_a_full_call() {
        let spec = |kind: Kind| kind.spec(Duration::from_secs(30));
        assert_eq!((spec(Kind::Posts).tasks, spec(Kind::Posts).worst_cost), (100, Cost::units(200)));
        assert_eq!((spec(Kind::Hashtag).tasks, spec(Kind::Hashtag).worst_cost), (1, Cost::units(1)));
        assert_eq!(spec(Kind::Hashtag).role, Role::Discovery);
        assert_eq!(spec(Kind::Profile).role, Role::Hydration);
        assert_eq!(Kind::Posts.cost(0), Cost::units(1));
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(Kind::from_name("Profile"), None);
    }
}
