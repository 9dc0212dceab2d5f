//! The request each kind of call makes. Pure.

use collector_core::error::Result;
use collector_core::task::Task;
use serde_json::json;
use url::Url;

use super::kind::{Kind, param};
use crate::http::{HeaderName, Request, Secret};
use crate::values::call::only;

/// Rows of one page of a search: the most its clients have seen taken.
pub(super) const PAGE: u64 = 200;

/// Posts of one page.
const POSTS: &str = "50";

/// Parameters of a task that are not the vendor's.
const OURS: [&str; 2] = [param::PAGES_LEFT, param::HYDRATE];

/// Where and as whom requests are made.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    pub(super) base: Url,
    pub(super) token: Secret,
    pub(super) account: String,
}

impl Requests {
    /// The kind of the one task of a call.
    ///
    /// # Errors
    /// `Rejected` for no task, several, or an unknown kind.
    pub(super) fn kind_of(tasks: &[Task]) -> Result<(Kind, &Task)> {
        only(tasks, Kind::from_name)
    }

    /// The request that serves these tasks.
    ///
    /// # Errors
    /// `Rejected` for tasks no request can be made of.
    pub(super) fn serving(&self, tasks: &[Task]) -> Result<Request> {
        let (kind, task) = Self::kind_of(tasks)?;
        let mut request = self.get(kind.path())?;
        request = match kind {
            Kind::Discover => request
                .query("country_codes", &json!([task.subject()]).to_string())
                .query("page_size", &PAGE.to_string()),
            Kind::Creator => request.query("handle_name", task.subject()),
            Kind::Videos => request.query("handle_name", task.subject()).query("limit", POSTS),
        };
        if kind == Kind::Discover && task.get(param::PAGE).is_none() {
            request = request.query(param::PAGE, "1");
        }
        for (name, value) in task.params().iter().filter(|(name, _)| !OURS.contains(&name.as_str())) {
            request = request.query(name, value);
        }
        Ok(request)
    }

    /// The request for the labels that creators are searched by.
    ///
    /// # Errors
    /// `ConfigInvalid` when the token cannot be sent.
    pub(super) fn labels(&self) -> Result<Request> {
        Ok(self.get(&["tto", "tcm", "category", "label", ""])?.query("label_type", "SEARCH"))
    }

    fn get(&self, path: &[&str]) -> Result<Request> {
        let mut url = self.base.clone();
        // Only addresses without a host have no segments, and the configuration refuses those.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let request = Request::get(url).query("tto_tcm_account_id", &self.account);
        request.secret_header(HeaderName::from_static("access-token"), "", &self.token)
    }
}

#[cfg(test)]
mod tests {
    use collector_core::error::ErrorKind;

    use super::*;

    #[test]
    fn every_kind_has_its_request() {
        let base = Url::parse("https://api.test/open_api/v1.3").unwrap();
        let requests = Requests { base, token: "made-up".into(), account: "71".into() };
        let shown = |task: Task| requests.serving(&[task]).unwrap().shown();
        let start = "https://api.test/open_api/v1.3/tto/tcm/creator";
        let search = Task::new("t", "discover", "KR").param("keyword_search", "skin care");
        let search = search.param("pages_left", "2").param("hydrate", "true");
        assert_eq!(
            shown(search.clone()),
            format!(
                "{start}/discover/?tto_tcm_account_id=71&country_codes=%5B%22KR%22%5D&page_size=200&page=1\
                 &keyword_search=skin+care"
            )
        );
        assert!(shown(search.param("page", "2")).ends_with("&keyword_search=skin+care&page=2"));
        assert_eq!(
            shown(Task::new("t", "creator", "mina")),
            format!("{start}/public/?tto_tcm_account_id=71&handle_name=mina")
        );
        assert_eq!(
            shown(Task::new("t", "creator_videos", "mina").param("cursor", "9")),
            format!("{start}/public/video/list/?tto_tcm_account_id=71&handle_name=mina&limit=50&cursor=9")
        );
        for tasks in [vec![], vec![Task::new("t", "friends", "x")]] {
            assert_eq!(requests.serving(&tasks).unwrap_err().kind(), ErrorKind::Rejected);
        }
    }
}
