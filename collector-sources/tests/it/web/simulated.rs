//! The source against the simulator's pages, which were written from the facts and share no type with it: what is read is
//! compared with what is true.

use std::collections::{BTreeMap, VecDeque};

use collector_core::context::Context;
use collector_core::creator::CreatorSighting;
use collector_core::error::ErrorKind;
use collector_core::source::Source;
use collector_core::task::{Absence, Outcome, Page, Query, Task};
use collector_sources::http::{Http, HttpOptions, Request};
use collector_sources::simulator::{PageShape, Running, Simulator, SimulatorConfig};
use collector_sources::web::{Web, WebConfig};
use serde_json::{Value, json};
use url::Url;

use super::CONTACT;

const RANKING: &str = r#"
base_url = "https://ranking.example"
[profile]
url = "/creators/{handle}"
standard = ["jsonld"]
absent = "p.nobody"
[profile.fields]
country = { css = "dd.country", filters = ["country"] }
language = { css = "dd.language", filters = ["language"] }
verified = { css = "h1 .badge", filters = ["present"], optional = true, else = [{ value = "no", filters = ["flag"] }] }
[lists.ranking]
url = "/ranking"
rows = "tbody tr"
empty = "p.no-creators"
next = { css = "a[rel=next]", attr = "href" }
[lists.ranking.fields]
handle = { css = "td:first-child a", filters = ["handle"] }
country = { css = "td:nth-child(2)", filters = ["country"] }
followers = { css = "td:nth-child(3)", filters = ["count"] }
likes = { css = "td:nth-child(4)", filters = ["count"] }
"extra.likes_per_follower" = { css = "td:nth-child(5)", filters = ["percent"] }
"#;

struct World {
    simulator: Running,
    web: Web,
    cx: Context,
}

impl World {
    async fn start(config: SimulatorConfig, description: Option<&str>) -> Self {
        let simulator = Simulator::start(config).await.unwrap();
        let base_url = format!("{}/web", simulator.url());
        let web = match description {
            Some(description) => super::described(description, base_url),
            None => {
                let (contact, base_url) = (CONTACT.into(), Some(base_url.into()));
                Web::new(WebConfig { contact, base_url, ..WebConfig::default() }).unwrap()
            }
        };
        Self { simulator, web, cx: Context::detached() }
    }

    async fn json(&self, path: &str) -> Vec<Value> {
        let http = Http::new(&HttpOptions::default()).unwrap();
        let url = Url::parse(&format!("{}{path}", self.simulator.url())).unwrap();
        let payload = http.exchange(&self.cx, Request::get(url)).await.unwrap();
        payload
            .body
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()
    }

    async fn truth(&self) -> Vec<Value> {
        self.json("/truth?limit=100000").await
    }

    async fn ask(&self, task: &Task) -> Result<Page<CreatorSighting>, collector_core::error::Error> {
        let tasks = std::slice::from_ref(task);
        self.web.parse(tasks, &self.web.fetch(&self.cx, tasks).await?)
    }

    fn profile(&self, handle: &str) -> Task {
        self.web.seed(&Query { handles: vec![handle.into()], ..Query::default() }).unwrap().remove(0)
    }
}

fn text<'a>(truth: &'a Value, key: &str) -> Option<&'a str> {
    truth[key].as_str()
}

fn rounded(number: u64) -> u64 {
    match number {
        0..10_000 => number,
        10_000..1_000_000 => number / 100 * 100,
        _ => number / 100_000 * 100_000,
    }
}

#[tokio::test]
async fn every_profile_in_every_shape_says_what_is_true() {
    for shape in
        [PageShape::Mixed, PageShape::Universal, PageShape::Rounded, PageShape::Sigi, PageShape::Next]
    {
        let config = SimulatorConfig { creators: 120, page_shape: shape, ..SimulatorConfig::default() };
        let world = World::start(config, None).await;
        let truth = world.truth().await;
        assert_eq!(truth.len(), 120);
        for (index, person) in truth.iter().enumerate() {
            let page = world.ask(&world.profile(text(person, "handle").unwrap())).await.unwrap();
            assert!(matches!(page.outcomes[..], [Outcome::Done]), "{shape:?} {person}: {page:?}");
            assert!(page.malformed.is_empty(), "{:?}", page.malformed);
            let seen = &page.items[0];
            assert_eq!(seen.uid.as_deref(), text(person, "uid"));
            assert_eq!(seen.sec_uid.as_deref(), text(person, "sec_uid"));
            assert_eq!(seen.handle.as_deref(), text(person, "handle"));
            assert_eq!(seen.name.as_deref(), text(person, "name"));
            assert_eq!(seen.language.as_deref(), text(person, "language"));
            assert_eq!(seen.country.as_deref(), text(person, "country").filter(|_| index % 5 == 0));
            assert_eq!(seen.verified, person["verified"].as_bool());
            assert_eq!(seen.private, person["private"].as_bool());
            assert_eq!(seen.has_shop, person["has_shop"].as_bool());
            assert_eq!(seen.created_at.map(|at| at.as_secs()), person["created_at"].as_i64());
            let hides = person["private"] == json!(true) && index % 2 == 0;
            let exact = |key: &str| person[key].as_u64().filter(|_| !hides);
            let coarse = |key: &str| exact(key).map(rounded);
            let old = !matches!(shape, PageShape::Universal) && (shape != PageShape::Mixed || index % 8 < 3);
            // Followers and likes stand exactly in the page's other data.
            assert_eq!(seen.followers, exact("followers"), "{shape:?} {index}");
            assert_eq!(seen.likes, exact("hearts"), "{shape:?} {index}");
            assert_eq!(seen.videos, exact("videos"));
            assert_eq!(seen.following, if old { coarse("following") } else { exact("following") });
        }
    }
}

#[tokio::test]
async fn nobody_is_not_found_and_a_number_finds_whoever_has_it() {
    for shape in [PageShape::Universal, PageShape::Sigi, PageShape::Next] {
        let config = SimulatorConfig { creators: 10, page_shape: shape, ..SimulatorConfig::default() };
        let world = World::start(config, None).await;
        let page = world.ask(&world.profile("no.such.handle.at.all")).await.unwrap();
        assert!(matches!(page.outcomes[..], [Outcome::Absent(Absence::NotFound)]), "{shape:?}: {page:?}");
        let truth = world.truth().await;
        let ids = vec![format!("tiktok:uid:{}", text(&truth[3], "uid").unwrap())];
        let task = world.web.seed(&Query { ids, ..Query::default() }).unwrap().remove(0);
        let page = world.ask(&task).await.unwrap();
        assert_eq!(page.items[0].handle.as_deref(), text(&truth[3], "handle"));
        assert!(matches!(page.outcomes[..], [Outcome::Done]));
    }
}

#[tokio::test]
async fn a_captcha_shuts_us_out_and_rules_are_obeyed() {
    let config = SimulatorConfig { creators: 10, captcha_rate: 1.0, ..SimulatorConfig::default() };
    let world = World::start(config, None).await;
    let handle = text(&world.truth().await[0], "handle").unwrap().to_owned();
    assert_eq!(world.ask(&world.profile(&handle)).await.unwrap_err().kind(), ErrorKind::Blocked);

    let robots = Some("User-agent: collector\nDisallow: /web/\n".to_owned());
    let world =
        World::start(SimulatorConfig { creators: 10, robots, ..SimulatorConfig::default() }, None).await;
    assert_eq!(world.ask(&world.profile(&handle)).await.unwrap_err().kind(), ErrorKind::Rejected);
    let calls = world.json("/stats").await[0]["calls"].clone();
    assert_eq!(calls, json!(1), "only the rules were asked for");
}

#[tokio::test]
async fn a_renamed_member_is_no_profile() {
    let renamed_fields = BTreeMap::from([("userInfo".to_owned(), "userInformation".to_owned())]);
    let config = SimulatorConfig {
        creators: 10,
        page_shape: PageShape::Universal,
        renamed_fields,
        ..SimulatorConfig::default()
    };
    let world = World::start(config, None).await;
    let handle = text(&world.truth().await[0], "handle").unwrap().to_owned();
    let error = world.ask(&world.profile(&handle)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert!(error.to_string().contains("webapp.user-detail"), "{error}");
}

#[tokio::test]
async fn a_ranking_is_walked_to_its_end_and_everybody_is_looked_up_once() {
    let world =
        World::start(SimulatorConfig { creators: 95, ..SimulatorConfig::default() }, Some(RANKING)).await;
    let extra = [("lists".to_owned(), json!(["ranking"]))].into();
    let mut open: VecDeque<Task> = world.web.seed(&Query { extra, ..Query::default() }).unwrap().into();
    let (mut rows, mut profiles) = (BTreeMap::new(), BTreeMap::new());
    while let Some(task) = open.pop_front() {
        let page = world.ask(&task).await.unwrap();
        assert!(page.malformed.is_empty(), "{:?}", page.malformed);
        open.extend(page.follow_ups);
        let seen = if &**task.kind() == "list" { &mut rows } else { &mut profiles };
        for item in page.items {
            let handle = item.handle.clone().unwrap();
            assert!(seen.insert(handle, item).is_none(), "somebody was seen twice");
        }
    }
    let truth = world.truth().await;
    assert_eq!((rows.len(), profiles.len()), (truth.len(), truth.len()));
    for person in &truth {
        let handle = text(person, "handle").unwrap();
        let (row, profile) = (&rows[handle], &profiles[handle]);
        assert_eq!((&*row.aspect, &*profile.aspect), ("list_row", "profile"));
        assert_eq!(row.followers, person["followers"].as_u64().map(rounded));
        assert_eq!(row.likes, person["hearts"].as_u64().map(rounded));
        assert_eq!(row.country.as_deref(), text(person, "country"));
        assert!(row.extra["likes_per_follower"].as_f64().is_some_and(|share| share >= 4.0));
        assert_eq!(profile.name.as_deref(), text(person, "name"));
        assert_eq!(profile.country.as_deref(), text(person, "country"));
        assert_eq!(profile.language.as_deref(), text(person, "language"));
        assert_eq!(profile.verified, person["verified"].as_bool());
        for (said, key) in [
            (profile.followers, "followers"),
            (profile.following, "following"),
            (profile.likes, "hearts"),
            (profile.videos, "videos"),
        ] {
            assert_eq!(said, person[key].as_u64(), "{handle} {key}");
        }
    }
    let stats = &world.json("/stats").await[0];
    // Five pages of twenty, a page for each, and the rules once.
    assert_eq!(stats["calls"], json!(5 + 95 + 1));
    assert_eq!(stats["bought_more_than_once"], json!(0));
}
