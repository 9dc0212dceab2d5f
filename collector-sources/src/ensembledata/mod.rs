//! EnsembleData's TikTok API.
//!
//! # Collects
//!
//! | kind | subject | what comes | aspect |
//! | --- | --- | --- | --- |
//! | `profile` | handle | everything about one account | `profile` |
//! | `profile_by_secuid` | `secUid` | the same, found by the key that never moves | `profile` |
//! | `user_posts`, `user_posts_by_secuid` | handle, `secUid` | somebody's latest posts, and counters | `own_posts` |
//! | `posts` | post id | figures of up to 100 posts a call, and their authors | `post_author` |
//! | `hashtag` | hashtag | a page of about 20 posts and their authors | `post_author` |
//! | `hashtag_recent` | hashtag | all its posts of some days, in one long call | `post_author` |
//! | `keyword` | words | a page of 20 posts and their authors | `post_author` |
//! | `keyword_full` | words | all posts found, in one long call | `post_author` |
//! | `user_search` | words | a page of 10 people with counters | `list_row` |
//! | `lives` | words | a page of 20 people who are live, with followers | `live_host` |
//! | `sound_posts` | sound id | a page of posts that use a sound, and their authors | `post_author` |
//! | `followers`, `followings` | uid | a page of 100 people with counters | `list_row` |
//! | `liked_posts` | `secUid` | a page of posts somebody liked, and their authors | `post_author` |
//! | `comments` | post id | a page of 30 people who commented | `comment_writer` |
//!
//! Authors inside posts mostly come with all counters zero, which means "not delivered"; a zero follower count beside
//! other counters is a real zero, and an author with counters is the aspect `counted_author`. Own posts are the ones
//! that figures over the latest posts stand on; the others add what they show.
//!
//! A query's `handles`, `ids` (`tiktok:sec_uid:…`, `tiktok:handle:…`), `hashtags`, `keywords`, `posts` (ids or links),
//! `max_pages` (of searches) and `hydrate` are honoured, and `extra.sounds`, a list of sounds' ids. What keywords search,
//! and which lists of a creator or post are read besides, stands in `options.ensembledata`: see
//! [`EnsembleDataOptions`]. `regions` are for other sources: no search here can be restricted to them, and
//! `options.ensembledata.seen_from` only changes from where a keyword is searched. Everybody found whom a row does not count is looked up; `hydrate`
//! makes it everybody or nobody.
//!
//! Not used: `/tt/post/info`, which sells one post for what `posts` takes for one of a hundred; answers to comments; and
//! searches for sounds, which show no people.
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
//! | `user_posts` | `/tt/user/posts` | 1, and 1 for each ten posts |
//! | `user_posts_by_secuid` | `/tt/user/posts-from-secuid` | 1 for each ten posts, at least 1 |
//! | `posts` | `/tt/post/multi-info` | 2 per post returned, at least 1 |
//! | `hashtag` | `/tt/hashtag/posts` | 1, also for an empty page |
//! | `hashtag_recent` | `/tt/hashtag/recent-posts` | 1 for each 200 posts read, 25 at most; without the header 25 stay booked |
//! | `keyword` | `/tt/keyword/search` | 1; with `author_stats` 1 more per post |
//! | `keyword_full` | `/tt/keyword/full-search` | 1 for each 20 posts, for each 10 with `match_exactly`, at least 1; 500 are reserved |
//! | `user_search` | `/tt/user/search` | 2 |
//! | `lives` | `/tt/live/search` | 1; with `seen_from` 2 |
//! | `sound_posts` | `/tt/music/posts` | 1 |
//! | `followers`, `followings` | `/tt/user/followers`, `/tt/user/followings` | 2; 1 when nobody is found |
//! | `liked_posts` | `/tt/user/liked-posts` | 1 |
//! | `comments` | `/tt/post/comments` | 1 |
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
//! - Calls that run for minutes are refused unless `long_calls` is set, in `seed` and again when they are made. A whole
//!   keyword search can bring more than 32 MiB: raise `max_body` for it. It reserves 500 units, so a day's budget
//!   below that never grants it.
//! - Own posts begin with up to three pinned ones, which can be years old; they do not count among the latest.
//! - Of followers, at most the 10,000 latest can be paged. Lists that somebody hides come empty.
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
