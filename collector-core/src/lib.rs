//! Traits and engine of a creator collector: discover and fetch from several sources in parallel, with retry, budgets
//! and a lock; keep every answer as received; merge what was said into one record; project it to any number of sinks.
//!
//! It knows no vendor, no database and no network client. What is collected is a [`Domain`](domain::Domain): creators
//! ([`creator::Creators`]) or anything with a key ([`domain::LastWins`]).
//!
//! # Promises
//!
//! * **Raw first.** An answer is durable atomically with, never after, what derives from it.
//! * **Never twice.** Nothing inside its window of freshness is fetched again; killed anywhere, nothing is lost or
//!   written twice, and at most the calls in flight and in the commit window are bought again.
//! * **Bounded.** Queues, batches, bodies, pages, attempts, waits.
//! * **Accounted.** `items = changed + unchanged + malformed`, and for each sink
//!   `wanted = stored + superseded + rejected + pending`.
//! * **Apart.** Nothing a vendor does stops another vendor's work.
//!
//! # Example
//!
//! ```
//! use std::borrow::Cow;
//!
//! use async_trait::async_trait;
//! use collector_core::context::Context;
//! use collector_core::domain::{Keyed, LastWins};
//! use collector_core::error::Result;
//! use collector_core::id::{Digest, Ids, Name};
//! use collector_core::pipeline::{End, Job, Pipeline};
//! use collector_core::sink::MemorySink;
//! use collector_core::source::{CallSpec, Role, Source};
//! use collector_core::task::{Page, Payload, Query, Task};
//! use serde::{Deserialize, Serialize};
//! use tokio_util::sync::CancellationToken;
//!
//! #[derive(Clone, Serialize, Deserialize)]
//! struct Word(String);
//!
//! impl Keyed for Word {
//!     fn key(&self) -> Cow<'_, str> {
//!         Cow::Borrowed(&self.0)
//!     }
//! }
//!
//! /// Answers every keyword with itself.
//! struct Echo;
//!
//! #[async_trait]
//! impl Source for Echo {
//!     type Item = Word;
//!     fn name(&self) -> &str {
//!         "echo"
//!     }
//!     fn kinds(&self) -> Vec<Name> {
//!         vec!["word".into()]
//!     }
//!     fn call(&self, _kind: &str) -> CallSpec {
//!         CallSpec::new(Role::Hydration)
//!     }
//!     fn seed(&self, query: &Query) -> Result<Vec<Task>> {
//!         Ok(query.keywords.iter().map(|word| Task::new("echo", "word", word.as_str())).collect())
//!     }
//!     fn lookup(&self, _ids: &Ids) -> Option<Task> {
//!         None
//!     }
//!     async fn check(&self, _cx: &Context) -> Result<()> {
//!         Ok(())
//!     }
//!     async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
//!         Ok(Payload::new(tasks[0].subject().to_owned(), cx.now()))
//!     }
//!     fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<Word>> {
//!         let mut page = Page::answering(tasks.len(), Digest::of(&payload.body));
//!         page.items.push(Word(String::from_utf8_lossy(&payload.body).into_owned()));
//!         Ok(page)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! let query = Query { keywords: vec!["tea".into(), "milk".into()], ..Query::default() };
//! let report = Pipeline::new(LastWins::new())
//!     .source(Echo)
//!     .sink(MemorySink::named("words"))
//!     .build()?
//!     .run(Job::new("words", query), CancellationToken::new())
//!     .await?;
//! assert_eq!(report.end, End::Complete);
//! assert_eq!(report.counts.changed, 2);
//! assert!(report.balances());
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! * `testkit`: conformance suites for [`Source`](source::Source), [`Sink`](sink::Sink), [`Store`](store::Store),
//!   [`Lock`](lock::Lock) and [`RetryPolicy`](retry::RetryPolicy), fakes and scripted faults. Off by default.
//!
//! # Limits
//!
//! A pipeline has at most 60 sinks. Identities, sightings and entities must survive a round through JSON.

pub mod admission;
pub mod alert;
pub mod clock;
pub mod context;
pub mod creator;
pub mod domain;
pub mod drift;
pub mod erase;
pub mod error;
pub mod expect;
pub mod fingerprint;
mod forward;
pub mod id;
pub mod known;
pub mod lock;
pub mod metrics;
pub mod observe;
pub mod pipeline;
pub mod rebuild;
pub mod replay;
pub mod retry;
pub mod schedule;
pub mod search;
pub mod sheet;
pub mod sink;
pub mod source;
pub mod store;
pub mod task;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod trace;
