//! Every adapter against vendors on their worst day.

#[cfg(feature = "declarative")]
mod declarative;
#[cfg(feature = "echotik")]
mod echotik;
#[cfg(feature = "ensembledata")]
mod ensembledata;
#[cfg(feature = "tiktok")]
mod tiktok;
#[cfg(feature = "web")]
mod web;

use std::sync::Arc;

use collector_core::clock::Timestamp;
use collector_core::creator::CreatorSighting;
use collector_core::source::Source;
use collector_core::task::{Outcome, Payload, Query, Task};
use collector_core::testkit::hostile::{HostileHarness, Recording, Token};
use collector_core::testkit::mutate::{junk, scrambled, survive};
use collector_core::testkit::server::Answer;
use serde_json::Value;

type Creators = dyn Source<Item = CreatorSighting>;

/// One query and what a vendor in good order answers to it.
struct Play {
    source: fn(&str) -> Arc<Creators>,
    query: Query,
    recording: Recording,
    rows: Option<&'static str>,
    total: Option<&'static str>,
    token: Token,
    page: Option<Template>,
}

/// A document that stands in a page: how it is found, and what the page with another one is.
#[derive(Clone, Copy)]
struct Template {
    read: fn(&Answer) -> Option<Value>,
    write: fn(&Value) -> Answer,
}

impl Play {
    fn new(source: fn(&str) -> Arc<Creators>, query: Query, recording: Recording, token: Token) -> Self {
        Self { source, query, recording, rows: None, total: None, token, page: None }
    }

    fn rows(self, pointer: &'static str) -> Self {
        Self { rows: Some(pointer), ..self }
    }

    fn total(self, pointer: &'static str) -> Self {
        Self { total: Some(pointer), ..self }
    }

    fn in_pages(self, page: Template) -> Self {
        Self { page: Some(page), ..self }
    }
}

impl HostileHarness for Play {
    type Item = CreatorSighting;

    fn source(&self, base_url: &str) -> Arc<Creators> {
        (self.source)(base_url)
    }

    fn query(&self) -> Query {
        self.query.clone()
    }

    fn recording(&self) -> Recording {
        self.recording.clone()
    }

    fn key(&self, item: &CreatorSighting) -> String {
        item.uid.as_deref().or(item.handle.as_deref()).unwrap_or_default().to_owned()
    }

    fn rows(&self) -> Option<&'static str> {
        self.rows
    }

    fn total(&self) -> Option<&'static str> {
        self.total
    }

    fn document(&self, answer: &Answer) -> Option<Value> {
        match self.page {
            Some(page) => (page.read)(answer),
            None => serde_json::from_slice(&answer.body).ok(),
        }
    }

    fn with_document(&self, answer: &Answer, document: &Value) -> Answer {
        match self.page {
            Some(page) => (page.write)(document),
            None => answer.clone().body(document.to_string()),
        }
    }

    fn token(&self) -> Token {
        self.token.clone()
    }
}

fn payload(body: &str) -> Payload {
    Payload::new(body.to_owned(), Timestamp::from_secs(1_795_359_599))
}

/// A good answer to these tasks, and a thousand made of it at random, the same each time: `parse` says something of each.
fn survives_scrambling(source: &Creators, tasks: &[Task], seed: u64, body: &str) {
    // What is refused at the door would not be read at all.
    let page = source.parse(tasks, &payload(body)).unwrap_or_else(|error| panic!("{}: {error:?}", tasks[0]));
    let well = |outcome: &Outcome| matches!(outcome, Outcome::Done | Outcome::Absent(_));
    assert!(page.outcomes.iter().all(well), "{}: {:?}", tasks[0], page.outcomes);
    survives(source, tasks, seed, body);
}

fn survives(source: &Creators, tasks: &[Task], seed: u64, body: &str) {
    for spoilt in junk().into_iter().chain(scrambled(body.as_bytes(), seed, 1_000)) {
        survive(source, tasks, 200, &spoilt).unwrap_or_else(|violation| panic!("{}: {violation}", tasks[0]));
    }
}
