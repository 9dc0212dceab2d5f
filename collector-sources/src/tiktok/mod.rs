//! TikTok's own APIs: the Research API, and TikTok One.
//!
//! There is no default: `mode = "research"` is for approved non-commercial researchers only, who refresh or drop what they
//! keep after 30 days; `mode = "one"` is for partners whom TikTok approved for TikTok One. Without `mode` the configuration
//! is refused; everybody else uses another source, such as [`ensembledata`](crate::ensembledata).
//!
//! # Collects
//!
//! `mode = "research"`:
//!
//! | kind | subject | what comes | aspect |
//! | --- | --- | --- | --- |
//! | `keyword`, `hashtag`, `sound` | words, hashtag, sound id | a page of 100 posts of a span of days, and their authors | `post_author` |
//! | `region` | country | the same, of everybody whose account was made there | `post_author` |
//! | `posts` | post ids | up to 100 posts that were made within 30 days, and their authors | `post_author` |
//! | `user_videos` | handle | a page of somebody's own posts | `own_posts` |
//! | `profile` | handle | counters, biography, picture | `profile` |
//! | `followers`, `following` | handle | a page of up to 100 people, without counters | `list_row` |
//!
//! `mode = "one"`:
//!
//! | kind | subject | what comes | aspect |
//! | --- | --- | --- | --- |
//! | `discover` | country | a page of 200 creators of the marketplace, with counters | `list_row` |
//! | `creator` | handle | the same of one creator, with biography, labels and price | `profile` |
//! | `creator_videos` | handle | a page of 50 of somebody's posts | `own_posts` |
//!
//! A query's `handles`, `ids` (`tiktok:handle:…` only: neither API finds anybody by another key), `keywords`, `regions`,
//! `max_pages` (of each window of a search) and `hydrate` are honoured; for research also `hashtags`, `posts` and
//! `extra.sounds`. `extra.whole_regions = true` searches everybody of the `regions`. Searches of `one` need `regions`, each
//! asked by itself, and leave `hashtags` and `posts` to other sources. What else a query may say stands in `options.tiktok`:
//! [`ResearchOptions`], [`OneOptions`].
//!
//! Posts are searched over [`days`](ResearchOptions::days) up to now, 30 by default, or over fixed days. One search takes
//! 30 days at most: a longer span becomes windows, each a task of its own. Everybody whose posts are found is looked up,
//! unless `hydrate` is off; rows of `discover` only when they have no biography.
//!
//! | field | research | one |
//! | --- | --- | --- |
//! | `handle` | `videos[].username`, `user_followers[].username`; of a profile the one asked for | `handle_name` |
//! | `name` | `display_name` | `display_name` |
//! | `bio`, `has_email`, `email`, `links` | `bio_description`; `links` also `bio_url` | `bio` |
//! | `country` | `videos[].region_code`: where the account was made | `country_code`, else the country searched |
//! | `categories` | | `content_labels`, `industry_labels` |
//! | `verified` | `is_verified` | |
//! | `followers`, `following`, `likes`, `videos` | `follower_count`, `following_count`, `likes_count`, `video_count` | `followers_count`, `following_count`, `likes_count`, `videos_count` |
//! | `avatar` | `avatar_url`: works for 48 hours | `profile_image` |
//! | `posts[].id`, `created_at` | `id` or `video_id`, `create_time` or the upper half of the id | `video_id`, `create_time` |
//! | `posts[].views`, `likes`, `comments`, `shares` | `view_count`, `like_count`, `comment_count`, `share_count`; left out is zero | `video_views`, `likes`, `comments`, `shares` |
//! | `posts[].hashtags` | `hashtag_names` | `caption_hashtags` |
//! | `extra.video_tag` | `video_tag` of a post that was paid for | |
//! | `extra.creator_id`, `median_views`, `engagement_rate`, `creator_price`, `creator_price_currency` | | `creator_id` (of the marketplace, no key of the platform), `median_views`, `engagement_rate`, `creator_price`, `currency` |
//!
//! # Requests and cost
//!
//! Research: one `POST` per call to `/v2/research/video/query/`, `/user/info/`, `/user/followers/` or `/user/following/`. A
//! token for two hours is got from `/v2/oauth/token/` with the first call and again before it ends: one for all calls,
//! through the same client, counted as a request of the call that got it, and never shown. Every request but those for
//! lists of people is a unit, failures too: the vendor allows 1,000 a day for the whole organisation. Lists of people have
//! a quota of 20,000 requests of their own and take no units. `check` gets a token, which is free.
//!
//! One: one `GET` per call, one unit each. The token is long-lived and goes into the header `Access-Token`. `check` asks
//! for the list of labels.
//!
//! # Options (unit, default)
//!
//! See [`TikTokConfig`]: `mode` (required), `client_key` and `client_secret` (required for `research`), `access_token` and
//! `account_id` (required for `one`), `name` (`tiktok`), `base_url`, `units_per_day` (units, 1,000 for `research`),
//! `in_flight` (calls, 4), `per_second` (calls, 5 and 2), `burst` (calls, none), `timeout` (duration, `30s`), `max_body`
//! (bytes, 32 MiB), `keep_email` (flag, off), `extra_ca` (PEM text, none).
//!
//! # Limits
//!
//! - What the Research API gave is to be refreshed within 30 days, and to be dropped when it is not given any more
//!   ([`TikTokConfig::keep_for`]). What was not got anew for 30 days is dropped before each run and once a day: answers,
//!   what they said, that it was asked, and identities that nobody else shows. Whoever other sources show, too, is merged
//!   anew from what those say, and is changed at every sink; whoever nobody else shows is deleted there. Of everybody whom
//!   this source shows the daily figures before these 30 days go as well, other sources' included: whose they are cannot be
//!   told. Who wants to keep those gives this mode a store of its own. Ask again in time (`refresh`) for whom to keep.
//! - Change logs and sheets that were written before are not rewritten, and pictures go with the next collection: delete
//!   what lies elsewhere yourself. Of somebody's posts the latest twelve are kept as long as their author is got anew, each
//!   with the figures that were seen of it last.
//! - Posts appear after up to two days, and their counters can be ten days old; profiles are as of the call.
//! - Whether the last day of a span counts is not documented: a day more is asked for, and posts beside the span are left
//!   out. Posts of the present day may be missing.
//! - Accounts of people below 18, private ones and some countries' are not shown. About 4,000 to 5,000 followers can be
//!   read of one account.
//! - A search that is lost on the way (a page refused as expired, or for its cursor) is asked for again after 5, 10, 15, 20
//!   and 25 seconds, then begun anew, twice at most.
//! - TikTok One cuts searches off at 250 creators: one that has so many is divided by followers until none has.
//! - A quota of the day that is used up parks the account until 00:00 UTC, whichever of the two it was.
//! - The vendor sees captions' words approximately: a search can show posts without the keyword.
//! - With `keep_email` off, addresses are masked in names and biographies; the stored raw answer still has them.
//!
//! # Errors
//!
//! Research. The code decides, not the status; data that comes with status 500 is an answer:
//!
//! | `error.code` | kind or absence |
//! | --- | --- |
//! | `access_token_invalid`, `invalid_token` | of an older token: the task is asked again with a new one; of a new one: `Unauthorized` |
//! | `scope_not_authorized`, `permission_denied` | `Unauthorized`; of a list of people `Rejected` |
//! | `scope_permission_missed` | `Unauthorized` |
//! | `invalid_params`, `invalid_param`, `invalid_request` | by the message: absent (not found, restricted, private), lost search, `Unavailable`, else `Rejected` |
//! | `invalid_file_upload` | `Rejected` |
//! | `rate_limit_exceeded` | `RateLimited`, with the wait asked for, else 10 s |
//! | `daily_quota_limit_exceeded` | `QuotaExhausted` until 00:00 UTC |
//! | `internal_error`, `timeout`, `ok` without data | `Unavailable` |
//! | of the token: `invalid_client` and all but the next | `Unauthorized` |
//! | of the token: `server_error`, `temporarily_unavailable`, none | `Unavailable` |
//!
//! One. The status is 200 for most failures:
//!
//! | `code` | kind or absence |
//! | --- | --- |
//! | 0, 20001 | an answer |
//! | 40007, 40121 | absent: not found |
//! | 40122 | absent: restricted |
//! | 40001, 40003, 40101–40107, 40110, 40113, 40117, 40118, 40124, 40125, 40130, 40131 | `Unauthorized` |
//! | 40100 | of a minute: `RateLimited`, 5 minutes; of the day: `QuotaExhausted` until 00:00 UTC |
//! | 40132 | `RateLimited` |
//! | 41000 | `Blocked` |
//! | 50000, 50002, 51000–51999 | `Unavailable` |
//! | 40000, 40002, 40006, 40008, 40009, 40051, 40200–40202, 40400, 40700, 41001, 41002, others | `Rejected` |
//!
//! Of both: an answer that is no JSON, or cut short, is `Unavailable`; a captcha page `Blocked`; JSON of another shape, or
//! a cursor that does not move, `Malformed`. A single row or value that cannot be used is reported as malformed with its
//! path; the rest of the page counts.
//!
//! # Example
//!
//! ```no_run
//! use collector_core::context::Context;
//! use collector_core::source::Source;
//! use collector_core::task::Query;
//! use collector_sources::tiktok::{Mode, TikTok, TikTokConfig};
//!
//! # async fn example(key: String, secret: String) -> collector_core::error::Result<()> {
//! let config = TikTokConfig {
//!     mode: Some(Mode::Research),
//!     client_key: key.into(),
//!     client_secret: secret.into(),
//!     ..TikTokConfig::default()
//! };
//! let source = TikTok::new(config)?;
//! let query = Query { hashtags: vec!["kbeauty".into()], regions: vec!["KR".into()], ..Query::default() };
//! let tasks = source.seed(&query)?;
//! let payload = source.fetch(&Context::detached(), &tasks).await?;
//! for creator in source.parse(&tasks, &payload)?.items {
//!     println!("{:?} of {:?}", creator.handle, creator.country);
//! }
//! # Ok(())
//! # }
//! ```

mod config;
mod day;
mod named;
mod one;
mod research;
mod secrets;
mod source;

pub use config::{Mode, TikTokConfig};
pub use one::OneOptions;
pub use research::ResearchOptions;
pub use source::TikTok;
