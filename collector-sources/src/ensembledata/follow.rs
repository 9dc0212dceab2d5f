//! Tasks an answer leads to: the next page of a list, and what was asked for beside it. Pure.

use collector_core::clock::Timestamp;
use collector_core::creator::{CreatorSighting, aspect, id_kind};
use collector_core::id::{Id, Name};
use collector_core::task::Task;

use super::kind::{Kind, param};
use crate::values::ident;

/// The lists of a creator that are read after the profile, which has the keys they are asked by.
pub(super) const LISTS: [&str; 4] =
    [param::POSTS_PAGES, param::FOLLOWERS_PAGES, param::FOLLOWING_PAGES, param::LIKED_PAGES];

/// The lists that `profile` asked for, of the person it showed. The second value says which cannot be asked for.
pub(super) fn lists(profile: &Task, seen: &CreatorSighting) -> (Vec<Task>, Option<&'static str>) {
    let (mut tasks, mut missing) = (Vec::new(), None);
    for name in LISTS {
        let Some(pages) = profile.get(name) else { continue };
        match list(profile, name, seen) {
            Ok(task) => tasks.push(inheriting(task.param(param::PAGES_LEFT, pages), profile)),
            Err(key) => missing = Some(key),
        }
    }
    (tasks, missing)
}

/// The first page of one list, or the key it lacks.
fn list(profile: &Task, name: &str, seen: &CreatorSighting) -> Result<Task, &'static str> {
    let source = || Name::clone(profile.source());
    let sec_uid = || seen.sec_uid.as_deref().ok_or("sec_uid");
    match name {
        param::POSTS_PAGES => own_posts(profile, seen),
        param::LIKED_PAGES => Ok(Task::new(source(), Kind::LikedPosts.name(), sec_uid()?).per_run()),
        _ => {
            let kind = if name == param::FOLLOWERS_PAGES { Kind::Followers } else { Kind::Followings };
            let task = Task::new(source(), kind.name(), seen.uid.as_deref().ok_or("uid")?).per_run();
            Ok(task.param(param::SEC_UID, sec_uid()?))
        }
    }
}

/// Somebody's own posts: by `secUid`, which is a unit cheaper, else by handle.
fn own_posts(profile: &Task, seen: &CreatorSighting) -> Result<Task, &'static str> {
    let task = |kind: Kind, subject: &str, id: &str| {
        let task = Task::new(Name::clone(profile.source()), kind.name(), subject).priority(profile.rank());
        let task = task.about(Id::new(id, subject), aspect::OWN_POSTS);
        match profile.get(param::SINCE) {
            Some(since) => task.param(param::SINCE, since),
            None => task,
        }
    };
    match (&seen.sec_uid, seen.handle.as_deref().and_then(ident::handle)) {
        (Some(sec_uid), _) => Ok(task(Kind::UserPostsBySecUid, sec_uid, id_kind::TIKTOK_SEC_UID)),
        (None, Some(handle)) => Ok(task(Kind::UserPosts, &handle, id_kind::TIKTOK_HANDLE)),
        (None, None) => Err("sec_uid"),
    }
}

/// The comments of a post whose task asked for them.
pub(super) fn comments(post: &Task) -> Option<Task> {
    let pages = post.get(param::COMMENTS_PAGES)?;
    let task = Task::new(Name::clone(post.source()), Kind::Comments.name(), post.subject()).per_run();
    Some(inheriting(task.param(param::PAGES_LEFT, pages), post))
}

fn inheriting(task: Task, from: &Task) -> Task {
    match from.get(param::HYDRATE) {
        Some(hydrate) => task.param(param::HYDRATE, hydrate),
        None => task,
    }
}

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) cursor: u64,
    /// The second cursor, where there is one.
    pub(super) page_token: Option<String>,
    /// Empty pages in a row before it.
    pub(super) empty: u32,
}

/// The page of a list after `page`; `None` when the query's limit is reached.
pub(super) fn next_page(page: &Task, next: &Next) -> Option<Task> {
    let mut task = Task::new(Name::clone(page.source()), Name::clone(page.kind()), page.subject())
        .per_run()
        .priority(page.rank());
    let changing = [param::CURSOR, param::PAGE_TOKEN, param::EMPTY, param::PAGES_LEFT];
    for (name, value) in page.params().iter().filter(|(name, _)| !changing.contains(&name.as_str())) {
        task = task.param(name, value);
    }
    task = task.param(param::CURSOR, next.cursor.to_string());
    if let Some(token) = &next.page_token {
        task = task.param(param::PAGE_TOKEN, token);
    }
    if next.empty > 0 {
        task = task.param(param::EMPTY, next.empty.to_string());
    }
    match page.get(param::PAGES_LEFT).and_then(|left| left.parse::<u32>().ok()) {
        None => Some(task),
        Some(0 | 1) => None,
        Some(left) => Some(task.param(param::PAGES_LEFT, (left - 1).to_string())),
    }
}

/// The moment before which a task's own posts are not wanted.
pub(super) fn since(task: &Task) -> Option<Timestamp> {
    task.get(param::SINCE)?.parse().ok().map(Timestamp::from_secs)
}

#[cfg(test)]
mod tests {
    use collector_core::task::Scope;

    use super::*;

    const SEC_UID: &str = "MS4wLjABAAAAmade-up_0123456789";

    #[test]
    fn the_next_page_carries_what_the_root_asked() {
        let next = |cursor, empty| Next { cursor, page_token: None, empty };
        let root = Task::new("ensembledata", "hashtag", "x").per_run();
        let root = root.param("hydrate", "false").param("pages_left", "2");
        let second = next_page(&root, &next(20, 0)).unwrap();
        assert_eq!(second.to_string(), "ensembledata/hashtag x cursor=20 hydrate=false pages_left=1");
        assert_eq!(second.scope(), Scope::Run);
        assert_eq!(next_page(&second, &next(40, 0)), None);
        let endless = Task::new("ensembledata", "hashtag", "x");
        assert_eq!(
            next_page(&endless, &next(20, 2)).unwrap().to_string(),
            "ensembledata/hashtag x cursor=20 empty=2"
        );
    }

    #[test]
    fn both_cursors_go_on_and_those_sent_do_not() {
        let page = Task::new("e", "followings", "71").param("sec_uid", "S").param("page_token", "old");
        let next = Next { cursor: 9, page_token: Some("new".into()), empty: 0 };
        let second = next_page(&page, &next).unwrap();
        assert_eq!(second.to_string(), "e/followings 71 cursor=9 page_token=new sec_uid=S");
        let last = next_page(&second, &Next { page_token: None, ..next }).unwrap();
        assert_eq!(last.get("page_token"), None);
    }

    fn seen(uid: Option<&str>, sec_uid: Option<&str>) -> CreatorSighting {
        let text = |text: Option<&str>| text.map(Into::into);
        CreatorSighting {
            uid: text(uid),
            sec_uid: text(sec_uid),
            handle: Some("Mina".into()),
            ..Default::default()
        }
    }

    #[test]
    fn lists_follow_the_profile_that_has_their_keys() {
        let profile = Task::new("e", "profile", "mina").priority(10).param("hydrate", "false");
        let profile = profile.param("posts_pages", "2").param("since", "7").param("followers_pages", "3");
        let profile = profile.param("following_pages", "1").param("liked_pages", "1");
        let (tasks, missing) = lists(&profile, &seen(Some("71"), Some(SEC_UID)));
        let shown: Vec<String> = tasks.iter().map(|task| task.to_string().replace(SEC_UID, "S")).collect();
        assert_eq!(
            shown,
            [
                "e/user_posts_by_secuid S hydrate=false pages_left=2 since=7",
                "e/followers 71 hydrate=false pages_left=3 sec_uid=S",
                "e/followings 71 hydrate=false pages_left=1 sec_uid=S",
                "e/liked_posts S hydrate=false pages_left=1",
            ]
        );
        assert_eq!(missing, None);
        assert!(lists(&Task::new("e", "profile", "mina"), &seen(None, None)).0.is_empty());
    }

    #[test]
    fn without_keys_only_the_posts_can_be_asked_for() {
        let profile = Task::new("e", "profile", "mina").param("posts_pages", "1").param("liked_pages", "1");
        let (tasks, missing) = lists(&profile, &seen(Some("71"), None));
        assert_eq!(tasks.iter().map(Task::to_string).collect::<Vec<_>>(), ["e/user_posts mina pages_left=1"]);
        assert_eq!(missing, Some("sec_uid"));
    }
}
