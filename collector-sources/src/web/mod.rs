//! Creators' pages on the web: TikTok's profiles, and any site that is described in a file.
//!
//! # Collects
//!
//! | kind | subject | what comes | aspect |
//! | --- | --- | --- | --- |
//! | `profile` | handle | the page about one account | `profile` |
//! | `profile_by_uid` | uid | the same, found by the platform's number | `profile` |
//! | `list` | name of a list in the site's description | a page with several creators | `list_row` |
//!
//! Without a description the site is TikTok. Its profile pages carry their data as JSON, in three shapes:
//! `__UNIVERSAL_DATA_FOR_REHYDRATION__` since late 2023, `SIGI_STATE` before, and `__NEXT_DATA__` before that.
//!
//! | field | path below `userInfo` |
//! | --- | --- |
//! | `uid`, `sec_uid`, `handle` | `user.id`, `user.secUid`, `user.uniqueId` |
//! | `name`, `bio` | `user.nickname`, `user.signature`, addresses masked |
//! | `links` | `user.bioLink.link` with a scheme, and links in the biography |
//! | `language`, `country` | `user.language`, `user.region` (rarely sent) |
//! | `verified`, `private` | `user.verified`; `user.privateAccount` or `user.secret`, or code 10222 |
//! | `account_type` | `organization` by `user.isOrganization`, else `business` or `personal` by `user.commerceUserInfo.commerceUser` |
//! | `categories`, `has_shop` | `user.commerceUserInfo.category`, `user.ttSeller` |
//! | `created_at` | `user.createTime`, 0 is unknown |
//! | `followers`, `following`, `videos` | `statsV2.followerCount`, `followingCount`, `videoCount`; else JSON-LD (followers); else `stats` |
//! | `likes` | `statsV2.heartCount`; else JSON-LD; else the larger of `stats.heart` and `stats.heartCount` |
//! | `avatar` | `user.avatarLarger`, else `avatarMedium`, else `avatarThumb` |
//! | `extra.likes_given`, `extra.friends` | `diggCount`, `friendCount`, as above |
//! | `extra.rounded` | the fields whose counter comes from `stats` and is 10,000 or more: rounded by TikTok |
//! | `extra.live` | whether `user.roomId` says something |
//!
//! `stats.heartCount` is cut to 32 bits: a negative number is unknown, and of two that differ the larger counts. Zeros of
//! a private account that shows no videos are unknown.
//!
//! A description ([`Site`]) names lists, rows and fields by CSS selector, `meta` tag, JSON-LD, JSON in a script or
//! regular expression, and what is made of each value by [filters](crate::values::Filter).
//!
//! A query's `handles`, `ids` (`tiktok:handle:…`, `tiktok:uid:…`), `max_pages` and `hydrate` are honoured; of a described
//! site also `keywords` and `hashtags`, by every list with that placeholder, and `extra.lists`, names of lists to read.
//! Everybody in a list is looked up when the site has a profile page, unless `hydrate` is off. `regions` and `posts` are
//! for other sources, and so are `keywords` and `hashtags` on TikTok, whose `robots.txt` forbids its searches.
//!
//! # Requests and cost
//!
//! One `GET` per page, and up to five more for redirects within the site. `robots.txt` is fetched once a day for each
//! host, once however many calls wait for it, and counts as a request. Nothing costs units; `requests_per_day` limits
//! requests.
//!
//! Every request says who asks: `collector/VERSION (+CONTACT)`. Rules are read for the token `collector`, else for `*`,
//! and always obeyed: see RFC 9309. A site whose `robots.txt` is missing (4xx) allows everything; one that cannot send it
//! (5xx, 429, no answer) allows nothing until it can, unless rules of the last 30 days are known. `Crawl-delay` up to
//! five minutes is kept: a call that comes too early is given back with the wait, and nothing is sent.
//!
//! No cookies are kept, no signature is made, no challenge is solved: a page that wants to see a person is `Blocked`,
//! and the account is parked.
//!
//! # Options (unit, default)
//!
//! See [`WebConfig`]: `name` (`web`), `contact` (required), `site` (a description, TikTok), `base_url`, `in_flight`
//! (calls, 1), `per_second` (calls; 1/15 for TikTok, else 1/2), `timeout` (duration, `30s`), `max_body` (bytes, 8 MiB),
//! `keep_email` (flag, off), `extra_ca` (PEM text, none).
//!
//! # Limits
//!
//! - TikTok's pages show no videos, and no country for most accounts.
//! - Pages are read as they are sent: what a script adds later is not there.
//! - Pages that are counted end with one that has no rows. Such a page has to be the site's own: it has what `empty` finds,
//!   or, without `empty`, the element that rows stood in on the page before. Any other is a failure, and asks for `empty`.
//! - 2,000 rows of a page are read, and 100 pages of a list unless its description says otherwise.
//! - A profile page that shows another handle than the one asked for is a sighting of whoever it shows; the task counts
//!   as "not found".
//! - With `keep_email` off, addresses are masked in names and biographies; the stored page still has them.
//!
//! # Errors
//!
//! | answer | kind or absence |
//! | --- | --- |
//! | 404; code 10202, 10221 (also for banned accounts) | absent: not found |
//! | 410 | absent: deleted |
//! | code 10222 without data | absent: private |
//! | 451; codes 10223 to 10231 | absent: restricted |
//! | 401, 403, a redirect to a login, captcha, script challenge, TikTok's shell or empty page; codes 10000, 10102, 10113, 10114, 10204 | `Blocked` |
//! | 429; too early for `Crawl-delay` | `RateLimited`, with the wait |
//! | 408, 425, 5xx; a page that was cut; `robots.txt` that cannot be had; codes 450, 10101, 10111 | `Unavailable` |
//! | forbidden by `robots.txt`; other statuses and codes; redirects elsewhere | `Rejected` |
//! | nothing of the description found, data of another shape, no HTML | `Malformed` |
//!
//! A field that stands nowhere, or whose value cannot be used, is reported as malformed with the selector and the page it
//! was tried on; the rest counts. `check` tries the first list and the `example` of the profile page and reports the
//! same.
//!
//! # Example
//!
//! ```no_run
//! use collector_core::context::Context;
//! use collector_core::source::Source;
//! use collector_core::task::Query;
//! use collector_sources::web::{Web, WebConfig};
//!
//! # async fn example() -> collector_core::error::Result<()> {
//! let source = Web::new(WebConfig { contact: "https://team.example/bot".into(), ..WebConfig::default() })?;
//! let tasks = source.seed(&Query { handles: vec!["@tiktok".into()], ..Query::default() })?;
//! let payload = source.fetch(&Context::detached(), &tasks).await?;
//! for creator in source.parse(&tasks, &payload)?.items {
//!     println!("{:?} has {:?} followers", creator.handle, creator.followers);
//! }
//! # Ok(())
//! # }
//! ```

mod charset;
mod config;
mod error;
mod extract;
mod frame;
mod gate;
mod html;
mod jsonld;
mod parse;
mod plan;
mod request;
mod robots;
mod site;
mod source;
mod tiktok;
mod wire;

pub use config::WebConfig;
pub use site::{Extractor, ListPage, ProfilePage, Site, Standard};
pub use source::Web;
