//! Lists of posts and people: the adapter against the simulator, compared with what is true.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use collector_core::clock::Timestamp;
use collector_core::creator::{CreatorSighting, PostSeen};
use collector_core::source::Source;
use collector_core::task::{Absence, Cost, Outcome, Page, Payload, Query, Task};
use collector_sources::ensembledata::EnsembleDataConfig;
use collector_sources::simulator::{ListLocation, SimulatorConfig, UnknownUser};
use serde_json::{Value, json};

use crate::simulated::{TrueHashtag, Truth, World, creators};

/// What following one root to its end brought.
#[derive(Debug, Default)]
struct Walk {
    people: Vec<CreatorSighting>,
    /// Tasks of other kinds that were led to.
    led_to: BTreeSet<String>,
    pages: usize,
}

impl Walk {
    fn posts(&self) -> BTreeMap<String, usize> {
        let mut posts = BTreeMap::new();
        for post in self.people.iter().flat_map(|person| &person.posts) {
            *posts.entry(post.id.to_string()).or_default() += 1;
        }
        posts
    }

    fn handles(&self) -> Vec<&str> {
        self.people.iter().map(|person| person.handle.as_deref().unwrap()).collect()
    }
}

impl World {
    /// One call, with the check that the price list says what the vendor charged.
    async fn priced(&self, task: &Task) -> Page<CreatorSighting> {
        let tasks = std::slice::from_ref(task);
        let payload = self.source.fetch(&self.cx, tasks).await.unwrap();
        let page = self.source.parse(tasks, &payload).unwrap();
        assert_eq!(page.malformed, [], "{task}");
        let charged = page.cost.unwrap();
        let worst = self.source.call(task.kind()).worst_cost;
        assert!(charged.units <= worst.units, "{task} cost {charged:?}, at most {worst:?}");
        if &**task.kind() != "hashtag_recent" {
            let silent = Payload { headers: Vec::new(), cost: None, ..payload };
            assert_eq!(self.source.parse(tasks, &silent).unwrap().cost, Some(charged), "{task}");
        }
        page
    }

    /// Follows a list to its end.
    async fn walk(&self, root: Task) -> Walk {
        let kind = root.kind().to_string();
        let (mut walk, mut open) = (Walk::default(), VecDeque::from([root]));
        while let Some(task) = open.pop_front() {
            let page = self.priced(&task).await;
            assert!(matches!(page.outcomes[..], [Outcome::Done]), "{task}: {:?}", page.outcomes);
            walk.pages += 1;
            walk.people.extend(page.items);
            for follow_up in page.follow_ups {
                if **follow_up.kind() == *kind {
                    open.push_back(follow_up);
                } else {
                    walk.led_to.insert(follow_up.to_string());
                }
            }
        }
        walk
    }

    async fn everybody(&self) -> Vec<Truth> {
        self.truth("/truth?limit=1000&posts=50").await
    }
}

fn asking(query: Query, options: Value) -> Query {
    Query { options: [("ensembledata".to_owned(), options)].into(), ..query }
}

fn handles(handles: &[&str]) -> Query {
    Query { handles: handles.iter().map(|handle| (*handle).to_owned()).collect(), ..Query::default() }
}

fn counted(person: &CreatorSighting, truth: &Truth) {
    assert_eq!(
        (person.followers, person.following, person.likes, person.videos),
        (Some(truth.followers), Some(truth.following), Some(truth.hearts), Some(truth.videos)),
        "{}",
        truth.handle
    );
}

#[tokio::test]
async fn own_posts_follow_the_profile_and_are_all_there_in_the_end() {
    let world = World::start(creators(40)).await;
    let truths = world.everybody().await;
    let few = truths.iter().filter(|truth| truth.videos <= 50 && !truth.private).take(5);
    for truth in few {
        let root = world.seed(asking(handles(&[&truth.handle]), json!({ "posts_pages": 9 }))).remove(0);
        let profile = world.priced(&root).await;
        let [posts] = &profile.follow_ups[..] else { panic!("{:?}", profile.follow_ups) };
        assert_eq!(&**posts.kind(), "user_posts_by_secuid", "a unit cheaper than by handle");
        let walk = world.walk(posts.clone()).await;
        let expected: BTreeMap<String, usize> = truth.posts.iter().map(|post| (post.id.clone(), 1)).collect();
        assert_eq!(walk.posts(), expected, "each once, pinned ones too");
        assert_eq!(walk.pages, (truth.videos as usize).div_ceil(20));
        for person in &walk.people {
            counted(person, truth);
            assert_eq!(person.aspect, "own_posts");
        }
        let pinned = |person: &&CreatorSighting| person.posts.iter().filter(|post| post.pinned).count();
        let true_pinned = truth.posts.iter().filter(|post| post.pinned).count();
        assert_eq!(walk.people.iter().map(|person| pinned(&person)).sum::<usize>(), true_pinned);
        assert!(walk.led_to.is_empty(), "whose posts they are is known");
    }
}

#[tokio::test]
async fn posts_older_than_asked_are_neither_read_nor_kept() {
    let world = World::start(creators(40)).await;
    let truths = world.everybody().await;
    let truth = truths.iter().find(|truth| truth.videos > 45 && !truth.private).unwrap();
    let day = Timestamp::from_secs(truth.posts[24].created_at);
    let day: String = day.to_string().chars().take(10).collect();
    let since: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
    let options = json!({ "posts_pages": 99, "posts_since": day });
    let root = world.seed(asking(handles(&[&truth.handle]), options)).remove(0);
    let posts = world.priced(&root).await.follow_ups.remove(0);
    let walk = world.walk(posts).await;
    let expected: Vec<&str> = truth
        .posts
        .iter()
        .filter(|post| Timestamp::from_secs(post.created_at) >= since)
        .map(|post| post.id.as_str())
        .collect();
    assert!(expected.len() >= 25);
    assert_eq!(
        walk.posts().keys().map(String::as_str).collect::<BTreeSet<_>>(),
        expected.into_iter().collect()
    );
    assert!(walk.pages <= 3, "{} pages for 25 posts and a few of the same day", walk.pages);
}

#[tokio::test]
async fn posts_of_nobody_are_told_in_every_way() {
    for (unknown_user, absent) in [
        (UnknownUser::Null, true),
        (UnknownUser::Invalid, true),
        (UnknownUser::NotFound, true),
        (UnknownUser::Empty, false),
    ] {
        let world = World::start(SimulatorConfig { unknown_user, ..creators(5) }).await;
        let task = Task::new("ensembledata", "user_posts", "nobody.has.this");
        let page = world.priced(&task).await;
        assert_eq!(
            matches!(page.outcomes[..], [Outcome::Absent(Absence::NotFound)]),
            absent,
            "{unknown_user:?}"
        );
        assert!(page.items.is_empty());
        assert_eq!(page.cost, Some(Cost::units(1)));
    }
}

#[tokio::test]
async fn followers_and_those_followed_come_with_counters_page_by_page() {
    let world = World::start(creators(300)).await;
    let truths = world.everybody().await;
    let by_handle: BTreeMap<&str, &Truth> =
        truths.iter().map(|truth| (truth.handle.as_str(), truth)).collect();
    let mut hidden = 0;
    for truth in truths.iter().take(12) {
        let options = json!({ "followers_pages": 9, "following_pages": 9 });
        let root = world.seed(asking(handles(&[&truth.handle]), options)).remove(0);
        for list in world.priced(&root).await.follow_ups {
            let walk = world.walk(list.clone()).await;
            let people: BTreeSet<&str> = walk.handles().into_iter().collect();
            assert_eq!(people.len(), walk.people.len(), "nobody twice");
            if &**list.kind() == "followings" && people.is_empty() {
                hidden += 1;
                continue;
            }
            assert_eq!((people.len(), walk.pages), (250, 3), "{list}");
            assert!(!people.contains(truth.handle.as_str()));
            for person in &walk.people {
                let truth = by_handle[person.handle.as_deref().unwrap()];
                counted(person, truth);
                assert_eq!(person.created_at, Some(Timestamp::from_secs(truth.created_at)));
            }
            assert!(walk.led_to.is_empty(), "rows with counters need no profile");
        }
    }
    assert!(hidden < 12, "{hidden} hidden lists");
}

#[tokio::test]
async fn an_asked_number_of_pages_and_of_profiles_is_kept() {
    let world = World::start(creators(300)).await;
    let truth = world.everybody().await.remove(0);
    let query = Query { hydrate: Some(true), ..handles(&[&truth.handle]) };
    let root = world.seed(asking(query, json!({ "followers_pages": 2 }))).remove(0);
    let walk = world.walk(world.priced(&root).await.follow_ups.remove(0)).await;
    assert_eq!((walk.people.len(), walk.pages, walk.led_to.len()), (200, 2, 200));
}

/// What is said of each post, but whether it is pinned: not every shape tells.
fn figures(walk: &Walk) -> BTreeMap<String, PostSeen> {
    let posts = walk.people.iter().flat_map(|person| &person.posts);
    posts.map(|post| (post.id.to_string(), PostSeen { pinned: false, ..post.clone() })).collect()
}

/// Name, biography, whether private, and picture of each person; links are signed anew in every answer.
fn faces(walk: &Walk) -> BTreeSet<String> {
    let unsigned = |link: &str| link.split('?').next().unwrap_or_default().to_owned();
    let face = |person: &CreatorSighting| {
        let picture = person.avatar.as_deref().map(unsigned);
        format!("{:?} {:?} {:?} {:?} {picture:?}", person.uid, person.name, person.bio, person.private)
    };
    walk.people.iter().map(face).collect()
}

#[tokio::test]
async fn a_keyword_finds_posts_page_by_page_and_all_at_once() {
    let options = EnsembleDataConfig { long_calls: true, ..EnsembleDataConfig::default() };
    for list_location in [ListLocation::Data, ListLocation::DataPosts] {
        let config = SimulatorConfig { list_location, hashtags: Some(2), ..creators(90) };
        let world = World::with(config, options.clone()).await;
        let hashtag = world.truth::<TrueHashtag>("/truth/hashtags").await.remove(0);
        let query = Query {
            keywords: vec![format!("best {}", hashtag.name)],
            hashtags: vec![hashtag.name.clone()],
            ..Query::default()
        };
        let options =
            json!({ "search": ["posts", "all_posts"], "match_exactly": true, "recent_days": 30_000 });
        let [recent, paged, full] = &world.seed(asking(query, options))[..] else { panic!("three roots") };
        let paged = world.walk(paged.clone()).await;
        assert_eq!((paged.posts().len(), paged.pages), (hashtag.posts, hashtag.posts.div_ceil(10)));
        assert!(
            paged.people.iter().all(|person| person.aspect == "post_author" && person.followers.is_none())
        );
        for whole in [full, recent] {
            let walk = world.walk(whole.clone()).await;
            assert_eq!((walk.pages, walk.posts()), (1, paged.posts()), "{whole}");
            assert_eq!(walk.led_to, paged.led_to, "{whole}");
            assert_eq!(figures(&walk), figures(&paged), "{whole}");
            assert_eq!(faces(&walk), faces(&paged), "{whole}");
        }
    }
}

#[tokio::test]
async fn a_search_with_author_stats_needs_no_profiles() {
    let options = EnsembleDataConfig { author_stats: true, ..EnsembleDataConfig::default() };
    let world = World::with(creators(90), options).await;
    let hashtag = world.truth::<TrueHashtag>("/truth/hashtags").await.remove(0);
    let truths = world.everybody().await;
    let root = world.seed(Query { keywords: vec![hashtag.name], ..Query::default() }).remove(0);
    let walk = world.walk(root).await;
    assert!(walk.led_to.is_empty() && !walk.people.is_empty());
    for person in &walk.people {
        assert_eq!(person.aspect, "counted_author");
        counted(person, truths.iter().find(|truth| person.uid.as_deref() == Some(&truth.uid)).unwrap());
    }
}

#[tokio::test]
async fn an_order_and_a_period_reach_the_vendor() {
    let world = World::start(creators(90)).await;
    let hashtag = world.truth::<TrueHashtag>("/truth/hashtags").await.remove(0);
    let ask = async |options: Value| {
        let query = Query { keywords: vec![hashtag.name.clone()], ..Query::default() };
        world.walk(world.seed(asking(query, options)).remove(0)).await
    };
    let likes = ask(json!({ "order": "likes" })).await;
    let first = |walk: &Walk| walk.people[0].posts[0].clone();
    let most = likes.people.iter().flat_map(|person| &person.posts).map(|post| post.likes).max().unwrap();
    assert_eq!(first(&likes).likes, most);
    let recent = ask(json!({ "order": "recent" })).await;
    let latest =
        recent.people.iter().flat_map(|person| &person.posts).map(|post| post.created_at).max().unwrap();
    assert_eq!(first(&recent).created_at, latest);
    assert!(ask(json!({ "period": 1 })).await.posts().len() < recent.posts().len());
}

#[tokio::test]
async fn people_are_found_by_a_part_of_their_name() {
    let world = World::start(creators(400)).await;
    let truths = world.everybody().await;
    let query = Query { keywords: vec!["Glow".into()], ..Query::default() };
    let root = world.seed(asking(query, json!({ "search": ["users"] }))).remove(0);
    let walk = world.walk(root).await;
    assert!(walk.people.len() > 10 && walk.pages > 1, "{} in {} pages", walk.people.len(), walk.pages);
    for person in &walk.people {
        let truth = truths.iter().find(|truth| person.uid.as_deref() == Some(&truth.uid)).unwrap();
        counted(person, truth);
        assert_eq!(person.aspect, "list_row");
    }
}

#[tokio::test]
async fn likes_comments_sounds_and_lives_lead_to_people() {
    let world = World::start(creators(300)).await;
    let truths = world.everybody().await;
    let hashtag = world.truth::<TrueHashtag>("/truth/hashtags").await.remove(0);

    let mut liked = Vec::new();
    for truth in truths.iter().take(12) {
        let root = Task::new("ensembledata", "liked_posts", truth.sec_uid.as_str()).per_run();
        liked.push(world.walk(root).await.posts().len());
    }
    assert!(liked.contains(&45) && liked.contains(&0), "some hide what they like: {liked:?}");

    let post = truths[0].posts[0].id.clone();
    let query = asking(Query { posts: vec![post], ..Query::default() }, json!({ "comments_pages": 9 }));
    let comments = world.priced(&world.seed(query).remove(0)).await.follow_ups.remove(0);
    let walk = world.walk(comments).await;
    assert_eq!((walk.people.len(), walk.pages), (70, 3));
    assert!(walk.people.iter().all(|person| person.followers.is_none() && person.aspect == "comment_writer"));
    assert_eq!(walk.led_to.len(), 70, "whom nobody counted is looked up");

    let sounds = [("sounds".to_owned(), json!(["7016547803243022337"]))].into();
    let walk = world.walk(world.seed(Query { extra: sounds, ..Query::default() }).remove(0)).await;
    assert_eq!((walk.posts().len(), walk.pages), (40, 3));

    let query = Query { keywords: vec![hashtag.name], ..Query::default() };
    let options = json!({ "search": ["lives"], "seen_from": "KR" });
    let walk = world.walk(world.seed(asking(query, options)).remove(0)).await;
    assert!(!walk.people.is_empty());
    for person in &walk.people {
        let truth = truths.iter().find(|truth| person.uid.as_deref() == Some(&truth.uid)).unwrap();
        assert_eq!((person.followers, person.following), (Some(truth.followers), Some(truth.following)));
        assert!(person.bio.is_some(), "only the document inside the row has it");
    }
}

#[tokio::test]
async fn lists_of_somebody_unknown_or_without_keys_end_at_once() {
    let world = World::start(creators(20)).await;
    for kind in ["followers", "followings", "liked_posts", "comments"] {
        let task = Task::new("ensembledata", kind, "7").param("sec_uid", "MS4wLjABAAAAnobody000000000");
        let page = world.priced(&task).await;
        assert!(matches!(page.outcomes[..], [Outcome::Absent(Absence::NotFound)]), "{kind}");
        assert_eq!(page.cost, Some(Cost::units(1)), "{kind}");
    }
    let world = World::start(SimulatorConfig { no_id_share: 1.0, ..creators(20) }).await;
    let handle = world.everybody().await.remove(0).handle;
    let root =
        world.seed(asking(handles(&[&handle]), json!({ "posts_pages": 1, "liked_pages": 1 }))).remove(0);
    let page = world.call(&[root]).await.unwrap();
    let kinds: Vec<&str> = page.follow_ups.iter().map(|task| &**task.kind()).collect();
    assert_eq!(kinds, ["user_posts"]);
    assert_eq!(page.malformed[0].part, "data.user.sec_uid");
}
