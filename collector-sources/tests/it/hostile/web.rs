//! Creators' pages: TikTok's profiles, and a described site with a list and profiles.

use std::sync::Arc;

use collector_core::task::{Query, Task};
use collector_core::testkit::hostile::{Recording, Token};
use collector_core::testkit::server::Answer;
use collector_sources::web::{Site, Web, WebConfig};
use serde_json::{Value, json};

use super::{Creators, Play, Template, payload, survives_scrambling};

fn source(site: Option<&str>, base_url: &str) -> Arc<Creators> {
    let config = WebConfig {
        contact: "https://team.example/bot".into(),
        site: site.map(|description| Site::from_toml(description, "site.toml").unwrap()),
        base_url: Some(base_url.into()),
        max_body: 32 << 20,
        ..WebConfig::default()
    };
    Arc::new(Web::new(config).unwrap())
}

/// A site that forbids nothing of what is asked.
fn recording() -> Recording {
    let rules =
        Answer::status(200).header("content-type", "text/plain").body("User-agent: *\nDisallow: /search\n");
    Recording::new().beside("/robots.txt", rules)
}

mod tiktok {
    use super::*;

    const START: &str = "<script id=\"__UNIVERSAL_DATA_FOR_REHYDRATION__\" type=\"application/json\">";

    fn tiktok(base_url: &str) -> Arc<Creators> {
        source(None, base_url)
    }

    fn page(data: &Value) -> Answer {
        let data = data.to_string().replace('<', "\\u003C");
        let filler = "<p>x</p>".repeat(250);
        Answer::html(format!(
            "<!DOCTYPE html><html><head><title>Mina</title>{START}{data}</script></head><body>{filler}</body></html>"
        ))
    }

    fn data(answer: &Answer) -> Option<Value> {
        let text = str::from_utf8(&answer.body).ok()?;
        let (_, after) = text.split_once(START)?;
        serde_json::from_str(after.split_once("</script>")?.0).ok()
    }

    fn user() -> Value {
        json!({
            "id": "6800000000000000001", "uniqueId": "mina.k", "nickname": "Mina 민아", "signature": "tea",
            "secUid": "MS4wLjABAAAAmade-up_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST",
            "verified": true, "privateAccount": false, "secret": false, "createTime": 1_600_000_000,
            "ttSeller": true, "language": "ko", "region": "KR", "roomId": "",
            "bioLink": { "link": "shop.example/me", "risk": 0 }, "commerceUserInfo": { "commerceUser": true },
            "avatarLarger": "https://p16.cdn.example/a.jpeg?x-expires=1",
        })
    }

    fn universal() -> Value {
        let stats = json!({ "followerCount": 123_400, "followingCount": 12, "heartCount": 7_000_000, "videoCount": 9 });
        let exact = json!({ "followerCount": "123432", "followingCount": "12", "heartCount": "7012345", "videoCount": "9" });
        let info = json!({ "user": user(), "stats": stats, "statsV2": exact });
        json!({ "__DEFAULT_SCOPE__": {
            "webapp.app-context": { "region": "DE" },
            "webapp.user-detail": { "userInfo": info, "statusCode": 0, "statusMsg": "" },
        } })
    }

    fn play() -> Play {
        let query = Query { handles: vec!["mina.k".into()], ..Query::default() };
        let recording = recording().answer("/@mina.k", &[], page(&universal()));
        Play::new(tiktok, query, recording, Token::None).in_pages(Template { read: data, write: page })
    }

    collector_core::source_hostile!(play(), without: {
        RepeatedCursor: "a profile has no pages",
        ShrinkingTotal: "a profile has no pages",
        DuplicateRows: "a profile has no rows",
        ReorderedRows: "a profile has no rows",
        TruncatedJson: "the answer is a page: cut ones are among those changed at random, and read as cut below",
        ExpiringToken: "pages need no credential",
    });

    #[test]
    fn a_page_whose_data_was_cut_is_no_answer() {
        let source = tiktok("http://vendor.test");
        let task = Task::new("web", "profile", "mina.k");
        let page = String::from_utf8(page(&universal()).body.to_vec()).unwrap();
        let [begin, end] = [page.find("{\"__DEFAULT").unwrap(), page.find("</script>").unwrap()];
        for keep in (0..begin).step_by(10).chain((begin..end).step_by(7)) {
            if !page.is_char_boundary(keep) {
                continue;
            }
            let said = source.parse(std::slice::from_ref(&task), &payload(&page[..keep]));
            assert!(said.is_err(), "{keep} bytes: {said:?}");
        }
    }

    #[test]
    fn every_shape_survives_pages_that_were_changed_at_random() {
        let source = tiktok("http://vendor.test");
        let stats =
            json!({ "followerCount": 123_400, "followingCount": 12, "heart": 7_000_000, "videoCount": 9 });
        let sigi = json!({
            "UserModule": { "users": { "mina.k": user() }, "stats": { "mina.k": stats } },
            "UserPage": { "statusCode": 0 },
        });
        let next = json!({ "props": { "pageProps": { "userInfo": { "user": user(), "stats": stats }, "statusCode": 0 } } });
        let script = |id: &str, data: &Value| {
            let filler = "<p>x</p>".repeat(250);
            format!(
                "<!DOCTYPE html><html><head><script id=\"{id}\">{data}</script></head><body>{filler}</body></html>"
            )
        };
        let universal = String::from_utf8(page(&universal()).body.to_vec()).unwrap();
        for (seed, page) in
            (0..).zip([universal, script("SIGI_STATE", &sigi), script("__NEXT_DATA__", &next)])
        {
            survives_scrambling(&*source, &[Task::new("web", "profile", "mina.k")], seed, &page);
        }
    }
}

mod site {
    use super::*;

    const SITE: &str = r#"
base_url = "https://site.example"

[profile]
url = "/people/{handle}"
absent = ".nobody"

[profile.fields]
handle = { css = ".handle", filters = ["handle"] }
name = { css = ".name" }
followers = { css = ".followers", filters = ["count"] }
country = { css = ".country", filters = ["country"], optional = true }

[lists.people]
url = "/people"
rows = "li.person"
empty = "p.none"
next = { css = "a[rel=next]", attr = "href" }

[lists.people.fields]
handle = { css = ".handle", filters = ["handle"] }
followers = { css = ".followers", filters = ["count"], optional = true }
"#;

    fn site(base_url: &str) -> Arc<Creators> {
        source(Some(SITE), base_url)
    }

    /// A value as a page shows it. What a page is made from travels beside it, where no page is read.
    fn element(name: &str, value: &Value) -> String {
        let text = match value {
            Value::Null => return String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        format!("<b class=\"{name}\">{text}</b>")
    }

    fn elements(values: &Value) -> String {
        values.as_object().into_iter().flatten().map(|(name, value)| element(name, value)).collect()
    }

    fn render(document: &Value) -> Answer {
        let body = match document.get("people") {
            Some(people) => {
                let row = |person: &Value| format!("<li class=\"person\">{}</li>", elements(person));
                let rows: String = people.as_array().into_iter().flatten().map(row).collect();
                let next = document.get("next").filter(|next| !next.is_null());
                let next = next.map(|next| match next {
                    Value::String(link) => format!("<a rel=\"next\" href=\"{link}\">more</a>"),
                    other => format!("<a rel=\"next\" href='{other}'>more</a>"),
                });
                format!("<ul>{rows}</ul>{}", next.unwrap_or_default())
            }
            None => elements(document),
        };
        let page =
            format!("<!DOCTYPE html><html><head><title>People</title></head><body>{body}</body></html>");
        let made_from: String = document
            .to_string()
            .chars()
            .flat_map(|c| if c.is_ascii() { vec![c] } else { vec!['?'] })
            .collect();
        Answer::html(page).header("x-made-from", made_from)
    }

    fn made_from(answer: &Answer) -> Option<Value> {
        let (_, text) = answer.headers.iter().find(|(name, _)| name == "x-made-from")?;
        serde_json::from_str(text).ok()
    }

    const PAGES: Template = Template { read: made_from, write: render };

    fn person(number: u64) -> Value {
        json!({ "handle": format!("@user{number}"), "followers": "1.2K" })
    }

    fn people(numbers: std::ops::Range<u64>, next: Option<&str>) -> Answer {
        let people: Vec<_> = numbers.map(person).collect();
        render(&json!({ "people": people, "next": next }))
    }

    fn mina() -> Value {
        json!({ "handle": "@mina", "name": "Mina", "followers": "1,234", "country": "Korea" })
    }

    mod list {
        use super::*;

        fn play() -> Play {
            let extra = [("lists".to_owned(), json!(["people"]))].into();
            let query = Query { extra, hydrate: Some(false), ..Query::default() };
            let recording = recording().answer("/people", &[], people(1..5, Some("/people?after=4"))).answer(
                "/people",
                &[("after", "4")],
                people(5..8, None),
            );
            Play::new(site, query, recording, Token::None).rows("/people").in_pages(PAGES)
        }

        collector_core::source_hostile!(play(), without: {
            ShrinkingTotal: "the site tells no total",
            TruncatedJson: "the answer is a page without JSON, of which every beginning is a page, too",
            ExpiringToken: "pages need no credential",
        });
    }

    mod profile {
        use super::*;

        fn play() -> Play {
            let query = Query { handles: vec!["mina".into()], ..Query::default() };
            let recording = recording().answer("/people/mina", &[], render(&mina()));
            Play::new(site, query, recording, Token::None).in_pages(PAGES)
        }

        collector_core::source_hostile!(play(), without: {
            RepeatedCursor: "a profile has no pages",
            ShrinkingTotal: "a profile has no pages",
            DuplicateRows: "a profile has no rows",
            ReorderedRows: "a profile has no rows",
            TruncatedJson: "the answer is a page without JSON, of which every beginning is a page, too",
            ExpiringToken: "pages need no credential",
        });
    }

    #[test]
    fn a_page_with_data_survives_being_changed_at_random() {
        const DATA: &str = r#"
base_url = "https://site.example"
[profile]
url = "/people/{handle}"
standard = ["jsonld", "meta"]
[profile.fields]
followers = { css = ".followers", pattern = "(?i)^[\\d.,]+\\s?[kmb]?\\b", filters = ["count"] }
categories = { css = "li", all = true, optional = true }
"#;
        let data = json!({
            "@type": "ProfilePage",
            "mainEntity": { "@type": "Person", "name": "Mina 민아", "alternateName": "@mina", "description": "tea",
                "interactionStatistic": { "interactionType": "LikeAction", "userInteractionCount": "7,012,345" } },
        });
        let page = format!(
            "<meta property=og:image content='https://cdn.example/mina.jpg?a=1&amp;b=2'>\
             <script type=application/ld+json>{data}</script><dl><dd class=followers>1.2K followers</dl>\
             <ul><li>tea<li>cakes</ul>"
        );
        let source = source(Some(DATA), "http://vendor.test");
        survives_scrambling(&*source, &[Task::new("web", "profile", "mina")], 1, &page);
    }
}
