//! An item type of your own, without any creator in sight: books of a catalogue that answers page by page.
//!
//! ```sh
//! cargo run --example own_item -- ./books 300
//! ```
//!
//! Kill it at any moment and start it again: it goes on where it was, asks for no page twice that was committed, and
//! `books.jsonl` holds every book once.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::domain::{Keyed, LastWins};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Digest, Ids, Name};
use collector_core::pipeline::{End, Job, Pipeline};
use collector_core::source::{CallSpec, Role, Source};
use collector_core::task::{Page, Payload, Query, Task};
use collector_sinks::jsonl::{JsonlConfig, JsonlSink};
use collector_sinks::sql::{SqlConfig, SqlStore};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// What is collected.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Book {
    isbn: String,
    title: String,
}

impl Keyed for Book {
    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.isbn)
    }
}

/// The catalogue's answer.
#[derive(Debug, Serialize, Deserialize)]
struct Shelf {
    books: Vec<Book>,
    next: Option<u32>,
}

/// A catalogue. A real one would make an HTTP request in `fetch`; this one makes its answer up.
#[derive(Debug)]
struct Catalogue {
    pages: u32,
}

#[async_trait]
impl Source for Catalogue {
    type Item = Book;

    fn name(&self) -> &str {
        "catalogue"
    }

    fn kinds(&self) -> Vec<Name> {
        vec!["shelf".into()]
    }

    fn call(&self, _kind: &str) -> CallSpec {
        CallSpec::new(Role::Discovery)
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        Ok(query
            .keywords
            .iter()
            .map(|word| Task::new("catalogue", "shelf", word.as_str()).per_run())
            .collect())
    }

    fn lookup(&self, _ids: &Ids) -> Option<Task> {
        None
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        cx.clock().sleep(Duration::from_millis(5)).await;
        let page: u32 = tasks[0].get("page").and_then(|page| page.parse().ok()).unwrap_or(0);
        let book = |n: u32| Book {
            isbn: format!("978-{:09}", page * 10 + n),
            title: format!("Volume {n} of shelf {page}"),
        };
        let shelf =
            Shelf { books: (0..10).map(book).collect(), next: (page + 1 < self.pages).then_some(page + 1) };
        let body = serde_json::to_vec(&shelf)
            .map_err(|error| Error::new(ErrorKind::Unexpected, "cannot write the answer").caused_by(error))?;
        Ok(Payload::new(body, cx.now()))
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<Book>> {
        let shelf: Shelf = serde_json::from_slice(&payload.body).map_err(|error| {
            Error::new(ErrorKind::Malformed, "the answer is not a shelf").caused_by(error)
        })?;
        let mut page = Page::answering(tasks.len(), Digest::of(&payload.body));
        page.items = shelf.books;
        page.follow_ups.extend(shelf.next.map(|next| {
            Task::new("catalogue", "shelf", tasks[0].subject()).per_run().param("page", next.to_string())
        }));
        Ok(page)
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().unwrap_or_else(|| "books".into()));
    let pages = args.next().map_or(Ok(100), |pages| pages.parse())?;
    std::fs::create_dir_all(&dir)?;

    let books = Arc::new(LastWins::<Book>::new());
    let store = SqlStore::open(&SqlConfig::new(dir.join("books.db")), Arc::clone(&books)).await?;
    let engine = Pipeline::new(books)
        .source(Catalogue { pages })
        .store(store)
        .sink(JsonlSink::new(JsonlConfig::new(dir.join("books.jsonl"))))
        .build()?;

    let stop = CancellationToken::new();
    let on_signal = stop.clone();
    tokio::spawn(async move {
        collector_examples::asked_to_stop().await;
        on_signal.cancel();
    });

    let query = Query { keywords: vec!["novels".into()], ..Query::default() };
    let report = engine.run(Job::new("books", query), stop).await?;
    let how = if report.resumed { "went on and " } else { "" };
    match report.end {
        End::Complete => {
            println!("{how}collected {} books in {} answers", report.counts.items, report.counts.answers)
        }
        _ => println!("{how}not complete: {}", report.reasons.join("; ")),
    }
    Ok(())
}
