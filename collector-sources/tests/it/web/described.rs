//! A site as a file describes it: where everything stands, what is wrong with a description, and what does not fit a page.

use collector_core::clock::Timestamp;
use collector_core::context::Context;
use collector_core::creator::CreatorSighting;
use collector_core::error::ErrorKind;
use collector_core::source::Source;
use collector_core::task::{Absence, Outcome, Page, Payload, Query, Task};
use collector_core::testkit::server::{Answer, ScriptServer};
use collector_sources::web::{Site, Web};
use serde_json::json;

const CREATORS: &str = include_str!("../../../../examples/configs/sites/creators.toml");
const RANKING: &str = include_str!("../../../../examples/configs/sites/ranking.toml");

fn web(description: &str) -> Web {
    super::described(description, "https://creators.example".into())
}

fn read(web: &Web, task: &Task, page: &str) -> Page<CreatorSighting> {
    let payload = Payload::new(page.to_owned(), Timestamp::from_secs(1_700_000_000));
    web.parse(std::slice::from_ref(task), &payload).unwrap()
}

fn list(web: &Web, query: Query) -> Task {
    web.seed(&query).unwrap().remove(0)
}

fn named(name: &str) -> Query {
    Query { extra: [("lists".to_owned(), json!([name]))].into(), ..Query::default() }
}

fn profile(web: &Web) -> Task {
    list(web, Query { handles: vec!["@Mina".into()], ..Query::default() })
}

#[test]
fn a_ranking_row_has_every_field() {
    let web = web(RANKING);
    let row = |name: &str, country: &str| {
        format!(
            "<tr><td><img src='//cdn.example/{name}.jpg'><div><div><a href='/c/{name}'><p>@{name}</p></a></div><p>tea\nmail me@{name}.example</p></div></td>\
             <td><div>{country}</div></td><td>32.5m</td><td>873.1k</td><td>1,234</td><td>16.60%</td><td></td></tr>"
        )
    };
    let page = format!(
        "<table><thead><tr><th>Name</th></tr></thead><tbody>{}{}</tbody></table>",
        row("mina.k", "U.S.A"),
        row("jo_1", "South Korea")
    );
    let read = read(&web, &list(&web, named("ranking")), &page);
    assert!(read.malformed.is_empty(), "{:?}", read.malformed);
    let [mina, jo] = read.items.as_slice() else { panic!("{:?}", read.items) };
    assert_eq!((mina.handle.as_deref(), mina.country.as_deref()), (Some("mina.k"), Some("US")));
    assert_eq!((mina.followers, mina.has_email), (Some(32_500_000), Some(true)));
    assert_eq!(mina.bio.as_deref(), Some("tea\nmail [e-mail]"));
    assert_eq!(mina.avatar.as_deref(), Some("https://cdn.example/mina.k.jpg"));
    assert_eq!(mina.extra.get("median_views"), Some(&json!(873_100)));
    assert_eq!(mina.extra.get("median_likes"), Some(&json!(1_234)));
    assert_eq!(mina.extra.get("engagement_rate"), Some(&json!(0.166)));
    assert_eq!((jo.handle.as_deref(), jo.country.as_deref()), (Some("jo_1"), Some("KR")));
    // Pages are counted until one is empty.
    assert_eq!(read.follow_ups.len(), 1);
    assert_eq!(read.follow_ups[0].get("page"), Some("2"));
    let end = self::read(&web, &read.follow_ups[0], "<table><tbody></tbody></table>");
    assert!(end.follow_ups.is_empty() && matches!(end.outcomes[..], [Outcome::Done]));
}

#[test]
fn a_counted_page_without_rows_is_the_end_only_when_it_is_the_sites_own() {
    let refused = |web: &Web, task: &Task, page: &str| {
        let payload = Payload::new(page.to_owned(), Timestamp::from_secs(1_700_000_000));
        web.parse(std::slice::from_ref(task), &payload).unwrap_err()
    };
    let row = "<tr><td><a href='/c/mina'><p>@mina</p></a></td><td>US</td><td>1.2k</td><td>3</td><td>4</td><td>5%</td></tr>";
    let second = |web: &Web| {
        let first = read(
            web,
            &list(web, named("ranking")),
            &format!("<div><table><tbody>{row}</tbody></table></div>"),
        );
        first.follow_ups.last().unwrap().clone()
    };
    let gateway = "<html><body><div><h1>Service temporarily unavailable</h1></div></body></html>";
    let waiting = "<html><body><div class=cf-turnstile></div></body></html>";

    let web_alone = web(RANKING);
    let task = second(&web_alone);
    let end = read(&web_alone, &task, "<div><table><tbody></tbody></table></div>");
    assert!(matches!(end.outcomes[..], [Outcome::Done]) && end.follow_ups.is_empty());
    let error = refused(&web_alone, &task, gateway);
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert!(error.message().contains("`empty`"), "{error}");
    assert_eq!(refused(&web_alone, &task, waiting).kind(), ErrorKind::Blocked);

    let says = RANKING.replace("max_pages = 50", "max_pages = 50\nempty = \"p.none\"");
    let web_with_empty = web(&says);
    let task = second(&web_with_empty);
    let end = read(&web_with_empty, &task, "<p class=none>No more</p>");
    assert!(matches!(end.outcomes[..], [Outcome::Done]) && end.follow_ups.is_empty());
    for page in [gateway, "<div><table><tbody></tbody></table></div>"] {
        assert_eq!(refused(&web_with_empty, &task, page).kind(), ErrorKind::Malformed, "{page}");
    }
}

#[test]
fn a_profile_page_is_read_by_selector_vocabulary_and_meta_tag() {
    let web = web(CREATORS);
    let data = json!({
        "@type": "ProfilePage",
        "mainEntity": {
            "@type": "Person", "name": "Mina 민아", "alternateName": "@Mina", "description": "tea",
            "sameAs": ["https://instagram.example/mina"],
            "interactionStatistic": { "interactionType": "LikeAction", "userInteractionCount": "7,012,345" },
        },
    });
    let page = format!(
        "<meta property=og:image content='https://cdn.example/mina.jpg?a=1&amp;b=2'><meta name=description content='not this'>\
         <script type=application/ld+json>{data}</script><h1>Mina <i class=badge>✓</i></h1>\
         <dl><dt>Country<dd class=country>대한민국<dt>Followers<dd class=followers>1.2만</dl>\
         <ul class=topics><li>tea<li> cakes </ul>"
    );
    let read = read(&web, &profile(&web), &page);
    assert!(read.malformed.is_empty(), "{:?}", read.malformed);
    let seen = &read.items[0];
    assert_eq!((seen.handle.as_deref(), seen.name.as_deref()), (Some("Mina"), Some("Mina 민아")));
    assert_eq!((seen.bio.as_deref(), seen.country.as_deref()), (Some("tea"), Some("KR")));
    assert_eq!((seen.followers, seen.likes, seen.verified), (Some(12_000), Some(7_012_345), Some(true)));
    assert_eq!(seen.avatar.as_deref(), Some("https://cdn.example/mina.jpg?a=1&b=2"));
    assert_eq!(seen.categories.iter().map(|name| &**name).collect::<Vec<_>>(), ["tea", "cakes"]);
    assert_eq!(&*seen.links[0], "https://instagram.example/mina");
    let nobody = self::read(&web, &profile(&web), "<p class=nobody>No such creator</p>");
    assert!(matches!(nobody.outcomes[..], [Outcome::Absent(Absence::NotFound)]));
}

#[test]
fn a_list_leads_to_its_next_page_and_to_the_people_in_it() {
    let web = web(CREATORS);
    let page = "<ol class=creators><li><a class=name href='/creators/mina?ref=top'>@Mina</a> <span class=followers>1.2K followers</span></li>\
                <li><a class=name href='https://other.example/jo'>@jo</a> <span class=followers>3 followers</span></li></ol>\
                <a rel=next href='/top?after=x%26y'>more</a>";
    let read = read(&web, &list(&web, named("top")), page);
    let shown: Vec<_> = read.follow_ups.iter().map(Task::to_string).collect();
    assert_eq!(
        shown,
        [
            "web/profile Mina url=https://creators.example/creators/mina?ref=top",
            "web/list top pages_left=199 url=https://creators.example/top?after=x%26y",
        ]
    );
    assert_eq!(read.items.iter().map(|seen| seen.followers).collect::<Vec<_>>(), [Some(1_200), Some(3)]);
    let [other] = read.malformed.as_slice() else { panic!("{:?}", read.malformed) };
    assert!(other.part.contains("row 2") && other.reason.contains("`hosts`"), "{other:?}");
    let few = Query { max_pages: Some(1), hydrate: Some(false), ..named("top") };
    assert!(self::read(&web, &list(&web, few), page).follow_ups.is_empty());
}

#[test]
fn a_search_is_a_list_with_a_term() {
    let web = web(CREATORS);
    let task = list(&web, Query { keywords: vec![" Green  TEA ".into()], ..Query::default() });
    assert_eq!(task.to_string(), "web/list search keyword=green tea pages_left=10");
    let refused = |query: Query| web.seed(&query).unwrap_err().to_string();
    let nothing = |query: Query| web.seed(&query).unwrap().is_empty();
    assert!(nothing(Query { hashtags: vec!["tea".into()], ..Query::default() }), "no list has a hashtag");
    assert!(refused(named("nothing")).contains("search, top"));
    assert!(refused(named("search")).contains("`keywords`"));
    assert!(nothing(Query { posts: vec!["1".into()], ..Query::default() }));
}

#[test]
fn what_matches_nothing_is_told_once_with_selector_and_page() {
    let web = web(CREATORS);
    let row = "<li><a class=name href='/creators/a'>@a</a></li>";
    let read = read(&web, &list(&web, named("top")), &format!("<ol class=creators>{}</ol>", row.repeat(3)));
    let [missing] = read.malformed.as_slice() else { panic!("{:?}", read.malformed) };
    assert_eq!(missing.part, "lists.top.fields.followers");
    for word in ["css `.followers`", "any of 3 rows", "https://creators.example/top", "optional = true"] {
        assert!(missing.reason.contains(word), "{word}: {}", missing.reason);
    }
    let unfit = "<ol class=creators><li><a class=name href='/creators/a'>@a</a><i class=followers>3.4.5 many</i></li></ol>";
    let read = self::read(&web, &list(&web, named("top")), unfit);
    assert!(
        read.malformed[0].reason.contains("`count`") && read.malformed[0].part.contains("row 1"),
        "{:?}",
        read.malformed
    );
    assert_eq!(read.items.len(), 1);

    let parse = |task: &Task, page: &str| {
        let payload = Payload::new(page.to_owned(), Timestamp::from_secs(1_700_000_000));
        web.parse(std::slice::from_ref(task), &payload).unwrap_err()
    };
    let error = parse(&list(&web, named("top")), "<p>We have a new design</p>");
    assert_eq!(error.kind(), ErrorKind::Malformed);
    let told = error.to_string();
    assert!(told.contains("ol.creators > li") && told.contains("https://creators.example/top"), "{told}");
    let told = parse(&profile(&web), "<p>We have a new design</p>").to_string();
    assert!(told.contains("dd.followers") && told.contains("/creators/mina"), "{told}");
    let closed = parse(&profile(&web), "<div class=g-recaptcha>");
    assert_eq!(closed.kind(), ErrorKind::Blocked);
}

#[tokio::test]
async fn checking_tries_the_description_on_pages() {
    let server = ScriptServer::start().await.unwrap();
    server.route("/robots.txt", Answer::status(404));
    let web = super::described(CREATORS, server.url());
    let good = "<ol class=creators><li><a class=name href='/creators/mina'>@mina</a><b class=followers>1</b></li></ol>";
    server.script([
        Answer::html(good),
        Answer::html("<dd class=followers>12</dd><p itemprop=alternateName>mina"),
    ]);
    web.check(&Context::detached()).await.unwrap();
    assert_eq!(
        server.seen().iter().map(|seen| seen.path().to_owned()).collect::<Vec<_>>(),
        ["/top", "/creators/mina"]
    );
    server.script([Answer::html(good), Answer::html("<p itemprop=alternateName>mina")]);
    let error = web.check(&Context::detached()).await.unwrap_err().to_string();
    assert!(error.contains("profile.fields.followers") && error.contains("/creators/mina"), "{error}");
}

#[test]
fn a_wrong_description_names_file_key_and_value() {
    for (description, told) in [
        ("base_url = 7", "base_url"),
        ("base_url = \"https://x.example\"\nlists = 1", "lists"),
        ("base_url = \"https://x.example\"", "[profile]"),
        (
            "base_url = \"ftp://x.example\"\n[profile]\nurl = \"/{handle}\"\nstandard = [\"meta\"]",
            "ftp://x.example",
        ),
        ("base_url = \"https://x.example\"\n[profile]\nurl = \"/x\"\nstandard = [\"meta\"]", "profile.url"),
        (
            "base_url = \"https://x.example\"\n[profile]\nurl = \"/{handel}\"\nstandard = [\"meta\"]",
            "{handel}",
        ),
        (
            "base_url = \"https://x.example\"\n[profile]\nurl = \"/{handle}\"\nfields.fans = { css = \"p\" }",
            "profile.fields.fans",
        ),
        (
            "base_url = \"https://x.example\"\n[profile]\nurl = \"/{handle}\"\nfields.name = { css = \"p[\" }",
            "p[",
        ),
        (
            "base_url = \"https://x.example\"\n[profile]\nurl = \"/{handle}\"\nfields.name = { css = \"p\", pattern = \"(\" }",
            "profile.fields.name.pattern",
        ),
        (
            "base_url = \"https://x.example\"\n[profile]\nurl = \"/{handle}\"\nfields.name = { css = \"p\", meta = \"x\" }",
            "profile.fields.name",
        ),
        (
            "base_url = \"https://x.example\"\n[profile]\nurl = \"/{handle}\"\nfields.name = { css = \"p\", filters = [\"shout\"] }",
            "shout",
        ),
        (
            "base_url = \"https://x.example\"\n[profile]\nurl = \"/{handle}\"\nfields.name = { css = \"p\", colour = 1 }",
            "colour",
        ),
        (
            "base_url = \"https://x.example\"\n[lists.a]\nurl = \"/\"\nrows = \"p\"\nfields.name = { css = \"p\" }",
            "lists.a.fields",
        ),
        (
            "base_url = \"https://x.example\"\n[lists.a]\nurl = \"/{page}\"\nrows = \"p\"\nstep = 0\nfields.handle = { css = \"p\" }",
            "lists.a.step",
        ),
    ] {
        let error = Site::from_toml(description, "sites/x.toml").unwrap_err();
        let shown = error.to_string();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        assert!(shown.contains(told) && shown.contains("sites/x.toml"), "{told}: {shown}");
    }
}

/// What a fuzzer begins with: pages that are refused at the door would teach it nothing.
#[test]
fn the_recorded_pages_are_read_to_their_end() {
    let (creators, ranking) = (web(CREATORS), web(RANKING));
    let top = read(&creators, &list(&creators, named("top")), include_str!("../../fixtures/web/top.html"));
    assert_eq!((top.items.len(), top.malformed.len()), (2, 0), "{top:?}");
    assert_eq!(top.items[0].followers, Some(32_500_000));
    let mina = Task::new("web", "profile", "mina.k");
    let profile = read(&creators, &mina, include_str!("../../fixtures/web/profile.html"));
    let [seen] = profile.items.as_slice() else { panic!("{profile:?}") };
    assert!(profile.malformed.is_empty(), "{:?}", profile.malformed);
    assert_eq!((seen.country.as_deref(), seen.verified, seen.categories.len()), (Some("KR"), Some(true), 2));
    let rows =
        read(&ranking, &list(&ranking, named("ranking")), include_str!("../../fixtures/web/ranking.html"));
    assert_eq!((rows.items.len(), rows.items[1].country.as_deref()), (2, Some("KR")), "{rows:?}");
}
