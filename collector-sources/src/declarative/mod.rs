//! Any JSON API, described in a TOML file. `docs/http-source.md` has every key, path and filter, and whole files.
//!
//! # Collects
//!
//! Whatever the file says: its calls are the kinds of task, and where the fields of a creator stand in an answer is told by
//! JSONPath (RFC 9535) and a closed list of [filters](crate::values::Filter). A call's `subject` says what it is asked
//! for: somebody known, a hashtag, a keyword, a post, or what a query has in `extra`. `max_pages` and `hydrate` are
//! honoured; `regions` where the call has a `{region}`, else they are for other sources.
//!
//! Answers are read once, from front to back, without a tree where paths are names, numbers and `[*]`.
//!
//! # Requests and cost
//!
//! `GET` or `POST` (JSON or a form); a credential in a header, in the query, as basic or bearer credentials, or a token that
//! is got with the client's credentials. Lists go on by page, offset, cursor, `Link` header or an address in the answer;
//! where an answer says how many rows there are, the remaining pages are asked for side by side. Up to 1,000 subjects can
//! be asked for at once. A job is submitted, polled and downloaded in three kinds of task; the job's id is a parameter of
//! the task that polls, and is stored in the transaction that stores the answer to the submission.
//!
//! A call costs 1 unit, or what the file says by call and item, or what a header says.
//!
//! # Options (unit, default)
//!
//! See [`DeclarativeConfig`]: `name`, `file`, `text`, `secrets` (by the names that the file uses), `base_url` (the file's),
//! `keep_email` (flag, off), `extra_ca` (PEM text, none). Everything else stands in the file.
//!
//! # Limits
//!
//! - A place in a list that repeats itself ends it with an error; so does a next address at another host.
//! - At most 1,000 pages are asked for side by side; the last of them asks for more.
//! - Numbers beyond 64 bits lose digits; ids of that size have to come as text.
//! - A submission whose answer was lost is given up with a dead letter, and not sent again by itself. A process that is
//!   killed between the vendor's answer and its commit does not know of it.
//! - With `keep_email` off, addresses are masked in names and biographies; the stored raw answer still has them.
//!
//! # Errors
//!
//! | what came | kind or absence |
//! | --- | --- |
//! | what a rule of the file fits | what the rule says |
//! | 401, 403 | `Unauthorized` |
//! | 401 with a token that worked before | `Unavailable`: the call is made again with a new one |
//! | 404, 410 | absent: not found |
//! | 429 | `RateLimited`, with the wait asked for |
//! | 408, 425, 5xx, a page, an empty answer, JSON cut short | `Unavailable` |
//! | a page with a captcha | `Blocked` |
//! | other 3xx and 4xx | `Rejected` |
//! | JSON without the place of items, or without one item that can be used | `Malformed` |
//!
//! A single item or value that cannot be used is reported as malformed with its path; the rest of the page counts.
//!
//! # Example
//!
//! ```
//! use collector_core::source::Source;
//! use collector_core::task::Query;
//! use collector_sources::declarative::{Declarative, DeclarativeConfig};
//!
//! # fn main() -> collector_core::error::Result<()> {
//! let text = r#"
//!     base_url = "https://api.example"
//!     [calls.person]
//!     subject = "handle"
//!     path = "/people/{subject}"
//!     fields = { handle = "$.name", followers = "$.fans | count" }
//! "#;
//! let config = DeclarativeConfig { name: "api".into(), text: text.into(), ..DeclarativeConfig::default() };
//! let source = Declarative::new(config)?;
//! let tasks = source.seed(&Query { handles: vec!["@tea.room".into()], ..Query::default() })?;
//! assert_eq!(tasks[0].to_string(), "api/person tea.room");
//! # Ok(())
//! # }
//! ```

mod auth;
mod config;
mod error;
mod examples;
mod faults;
mod hostile;
mod pager;
mod parse;
mod path;
mod plan;
mod reader;
mod reference;
mod request;
mod section;
mod seed;
mod source;
mod subject;
mod template;
mod unmatched;
mod walk;

pub use examples::{Answered, Tried};
pub use faults::{Fault, Faults};
pub use hostile::Spoilt;
pub use reference::{EXAMPLES, reference};
pub use source::{Declarative, DeclarativeConfig};
pub use unmatched::Unmatched;
