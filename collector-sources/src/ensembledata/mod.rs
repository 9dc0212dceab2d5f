//! EnsembleData's TikTok API.
//!
//! # Collects
//!
//! | kind | subject | what comes | aspect |
//! | --- | --- | --- | --- |
//! | `profile` | handle | everything about one account | `profile` |
//! | `profile_by_secuid` | `secUid` | the same, found by the key that never moves | `profile` |
//! | `hashtag` | hashtag | a page of about 20 posts, their authors, the next page, a profile task for each author | `post_author` |
//! | `posts` | post id | figures of up to 100 posts a call, and their authors | `post_author` |
//!
//! A query's `handles`, `ids` (`tiktok:sec_uid:…`, `tiktok:handle:…`), `hashtags`, `posts`, `max_pages` and `hydrate`
//! are honoured; `keywords` and `regions` are refused. Authors inside posts come with all counters zero, which means
//! "not delivered"; a zero follower count beside other counters is a real zero.
//!
//! # Requests and cost
//!
//! One `GET` per call; the token is a query parameter and appears in no error or log. Calls cost units, as the header
//! `units_charged` says; without it this list counts:
//!
//! | kind | path | units |
//! | --- | --- | --- |
//! | `profile` | `/tt/user/info` | 1, also when nobody is found |
//! | `profile_by_secuid` | `/tt/user/info-from-secuid` | 1, also when nobody is found |
//! | `hashtag` | `/tt/hashtag/posts` | 1, also for an empty page |
//! | `posts` | `/tt/post/multi-info` | 2 per post returned, at least 1 |
//!
//! `check` asks `/customer/get-used-units`, which is free. Refused calls and the vendor's own failures are not charged.
//!
//! # Options (unit, default)
//!
//! See [`EnsembleDataConfig`]: `name` (`ensembledata`), `base_url`, `token` (required), `units_per_day` (units, none),
//! `in_flight` (calls, 8), `per_second` (calls, none), `burst` (calls, none), `timeout` (duration, `30s`), `max_body`
//! (bytes, 32 MiB), `keep_email` (flag, off), `extra_ca` (PEM text, none).
//!
//! # Limits
//!
//! - A hashtag ends after 4,000 to 5,000 posts, whatever its size.
//! - The vendor's day ends at 00:00 UTC; with no units left the account waits until then.
//! - Links to pictures expire after 24 to 48 hours.
//! - A lookup by handle can bring back somebody with a similar handle: it is kept as a sighting of that somebody, and
//!   the task counts as "not found".
//! - With `keep_email` off, addresses are masked in names and biographies; the stored raw answer still has them.
//!
//! # Errors
//!
//! An object with `data` is an answer, whatever its status. Otherwise:
//!
//! | status, or `code` in the body | kind or absence |
//! | --- | --- |
//! | 463, 473, 404 | absent: not found |
//! | 472 | absent: private |
//! | 469, 471, 474, 520 | absent: restricted |
//! | 401, 403, 491, 492, 493, 422 about `token` | `Unauthorized` |
//! | 495 | `QuotaExhausted` until 00:00 UTC |
//! | 429 | `RateLimited`, with the wait asked for |
//! | 422, 462, 464, 465, 466, 404 for an unknown path | `Rejected` |
//! | 500 and other 5xx, no JSON, JSON cut short | `Unavailable` |
//! | captcha page | `Blocked` |
//! | JSON of another shape, too deep, a cursor that goes back | `Malformed` |
//!
//! A single post or value that cannot be used is reported as malformed with its path; the rest of the page counts.
//!
//! # Example
//!
//! ```no_run
//! use collector_core::context::Context;
//! use collector_core::source::Source;
//! use collector_core::task::Query;
//! use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
//!
//! # async fn example(token: String) -> collector_core::error::Result<()> {
//! let config = EnsembleDataConfig { token: token.into(), ..EnsembleDataConfig::default() };
//! let source = EnsembleData::new(config)?;
//! let tasks = source.seed(&Query { handles: vec!["@tiktok".into()], ..Query::default() })?;
//! let payload = source.fetch(&Context::detached(), &tasks).await?;
//! for creator in source.parse(&tasks, &payload)?.items {
//!     println!("{:?} has {:?} followers", creator.handle, creator.followers);
//! }
//! # Ok(())
//! # }
//! ```

mod config;
mod cost;
mod error;
mod follow;
mod ident;
mod kind;
mod options;
mod parse;
mod request;
mod seed;
mod source;
mod wire;

pub use config::EnsembleDataConfig;
pub use options::{EnsembleDataOptions, Order, Search};
pub use source::EnsembleData;
