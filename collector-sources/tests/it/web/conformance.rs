//! A described site against the conformance suite of sources.

use std::sync::Arc;

use async_trait::async_trait;
use collector_core::creator::CreatorSighting;
use collector_core::error::ErrorKind;
use collector_core::source::Source;
use collector_core::task::Query;
use collector_core::testkit::server::{Answer, ScriptServer, Seen};
use collector_core::testkit::source::{SourceHarness, standard_failures};
use serde_json::json;

const SITE: &str = r#"
base_url = "https://site.example"
[lists.people]
url = "/people"
rows = "li.person"
empty = "p.nobody"
next = { css = "a[rel=next]", attr = "href" }
[lists.people.fields]
handle = { css = "a.name", filters = ["handle"] }
followers = { css = "b", filters = ["count"], optional = true }
"#;

struct Pages(ScriptServer);

impl Pages {
    async fn start() -> Self {
        let server = ScriptServer::start().await.unwrap();
        server.route("/robots.txt", Answer::status(404));
        Self(server)
    }
}

fn person(number: u64) -> String {
    format!("<li class=person><a class=name href='/people/user{number}'>@user{number}</a> <b>1.2K</b></li>")
}

fn page(people: &[String], next: Option<&str>) -> Answer {
    let nobody = if people.is_empty() { "<p class=nobody>Nobody</p>" } else { "" };
    let encoded = |cursor: &str| cursor.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let next = next.map(|next| format!("<a rel=next href='?cursor={}'>next</a>", encoded(next)));
    Answer::html(format!("<ul>{}</ul>{nobody}{}", people.concat(), next.unwrap_or_default()))
}

#[async_trait]
impl SourceHarness for Pages {
    type Item = CreatorSighting;

    async fn source(&self) -> Arc<dyn Source<Item = CreatorSighting>> {
        Arc::new(super::described(SITE, self.0.url()))
    }

    async fn script(&self, answers: Vec<Answer>) {
        self.0.script(answers);
    }

    async fn seen(&self) -> Vec<Seen> {
        self.0.seen()
    }

    fn query(&self) -> Query {
        let extra = [("lists".to_owned(), json!(["people"]))].into();
        Query { extra, hydrate: Some(false), ..Query::default() }
    }

    fn page(&self, items: &[u64], next: Option<&str>) -> Answer {
        page(&items.iter().map(|number| person(*number)).collect::<Vec<_>>(), next)
    }

    fn page_with_bad_item(&self, items: &[u64]) -> Answer {
        let mut people: Vec<_> = items.iter().map(|number| person(*number)).collect();
        people.insert(1, "<li class=person><b>7</b></li>".to_owned());
        page(&people, None)
    }

    fn number(&self, item: &CreatorSighting) -> u64 {
        item.handle.as_deref().unwrap().trim_start_matches("user").parse().unwrap()
    }

    fn failures(&self) -> Vec<(Answer, ErrorKind)> {
        let mut failures = standard_failures();
        // Pages need no credential: whoever refuses one shuts us out.
        failures.retain(|(answer, _)| answer.status != 401);
        failures.push((Answer::status(401), ErrorKind::Blocked));
        failures.push((Answer::status(403), ErrorKind::Blocked));
        failures.push((Answer::html("<div class=cf-turnstile>Are you a person?</div>"), ErrorKind::Blocked));
        failures.push((Answer::html("<p>We have a new design</p>"), ErrorKind::Malformed));
        failures.push((Answer::status(302).header("location", "/login?next=/people"), ErrorKind::Blocked));
        failures
    }

    fn impossible(&self) -> Option<Query> {
        Some(Query { handles: vec!["two words".into()], ..Query::default() })
    }
}

collector_core::source_conformance!(
    Pages::start().await,
    without: { Secrets: "pages need no credential, and this source takes none" }
);
