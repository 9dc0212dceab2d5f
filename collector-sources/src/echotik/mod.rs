//! EchoTik: a database of TikTok creators with what they sell, and the platform itself in real time.
//!
//! # Collects
//!
//! | kind | subject | what comes | aspect |
//! | --- | --- | --- | --- |
//! | `details`, `details_by_handle` | uid, handle | what the database has about up to ten people a call | `database` |
//! | `list` | region | a page of ten creators, as fully as details | `list_row` |
//! | `ranking` | region | a page of ten creators with rank, period figures and totals | `ranking_row` |
//! | `search` | words | up to thirty creators with counters | `search_row` |
//! | `videos` | uid | a page of ten videos | `database_posts` |
//! | `trend` | uid | ten days of figures, which fill in the daily history | `trend` |
//! | `pictures` | a picture's name | links that work, ten a call | `picture` |
//! | `live_profile` | handle | the profile, asked of the platform | `profile` |
//! | `live_videos` | handle | a page of own posts, asked of the platform | `own_posts` |
//!
//! A query's `handles`, `ids` (`tiktok:uid:…`, `tiktok:handle:…`), `keywords` and `regions` are honoured, `max_pages` (of
//! lists and rankings) and `hydrate`; `extra.listings` ([`Listing`]) and `extra.rankings` ([`Ranking`]) read lists and
//! rankings of each region; `options.echotik` ([`EchoTikOptions`]) reads videos and trends of those asked for. `hashtags`
//! and `posts` are for other sources; of a query with `hashtags` and `regions` that asks for no `keywords`, lists or
//! rankings, the first 100 pages of each region's list are read, a thousand creators; `max_pages` makes it more or fewer,
//! and `extra.listings = [{}]` all. Who is shown in part, by rankings and searches, is looked up; `hydrate` makes it
//! everybody or nobody.
//!
//! The database is a day old at best, so what it says is dated a day back; a profile asked of the platform stands
//! against it. Where fields come from:
//!
//! | field | path |
//! | --- | --- |
//! | `uid`, `handle`, `name`, `bio` | `user_id`, `unique_id`, `nick_name`, `signature` |
//! | `language`, `country`, `categories` | `language`, `region` (the market), `category` |
//! | `email`, `has_email` | `contact_email`, and addresses in `signature` and `nick_name` |
//! | `links` | links in `signature` |
//! | `has_shop` | `seller_id` is there, else `show_case_flag` |
//! | `followers`, `following`, `videos` | `total_followers_cnt`, `total_following_cnt`, `total_post_video_cnt` |
//! | `likes` | `total_likes_cnt`; not `total_digg_cnt`, which counts the videos the vendor has |
//! | `gmv_30d`, `currency` | `total_sale_gmv_30d_amt` in hundredths, `USD` |
//! | `avg_price` | `avg_30d_price` in hundredths, where the market's money is the dollar: in the US |
//! | `units_30d` | `total_video_sale_30d_cnt` of those who sell in videos alone (`sales_flag` 1) |
//! | `ec_score` | `ec_score` in hundredths |
//! | `avatar` | `avatar` where it is a link; else `pictures` |
//! | `posts` | `video_id`, `create_time`, `total_views_cnt`, `total_digg_cnt`, `total_comments_cnt`, `total_shares_cnt`, hashtags of `video_desc` |
//! | daily history | `trend`: `dt`, `total_followers_cnt`, `total_post_video_cnt` |
//! | `followers`, `videos` of a ranking | `total_followers_history_cnt`, `total_post_video_history_cnt`: the names without `history` are growth there |
//! | `live_profile`, `live_videos` | the platform's own objects, as with `ensembledata` |
//!
//! Everything else that says something is in `extra` under the vendor's names: increments, sales, averages, `seller_id`,
//! `interaction_rate`, and the documents inside texts as documents. `extra.ranking` has a ranking's figures with `rank`,
//! `by`, `period` and `date`; `extra.trend` those of the newest day; `extra.avatar_source` the picture's name in the
//! vendor's store. Zeros are left out: the vendor writes them for "not computed yet" as well.
//!
//! Not used: creators of a product or a shop, lives and products of a creator, followers, milestones and searches in
//! real time.
//!
//! # Requests and cost
//!
//! One `GET` per call, with user name and password as basic authentication, which appear in no error or log. A successful
//! call costs one request of the account's quota; refusals and failures cost none. Converting pictures is free as
//! documented; `picture_units` reserves what an account is charged nevertheless. So a unit is a request, `units_per_day` limits
//! them, and an estimate counts a call for each ten people, and of what their answers lead to as much as the options allow:
//! a profile each with `real_time`, ten pictures a call, a page of videos or ten days of a trend each.
//!
//! | kind | path behind `/api/v3` |
//! | --- | --- |
//! | `details`, `details_by_handle` | `/echotik/influencer/detail` |
//! | `list` | `/echotik/influencer/list` |
//! | `ranking` | `/echotik/influencer/ranklist` |
//! | `search` | `/echotik/search/items` |
//! | `videos` | `/echotik/influencer/video/list` |
//! | `trend` | `/echotik/influencer/trend` |
//! | `pictures` | `/echotik/batch/cover/download` |
//! | `live_profile` | `/realtime/influencer/detail` |
//! | `live_videos` | `/realtime/influencer/video/list` |
//!
//! `check` converts a picture that does not exist.
//!
//! # Options (unit, default)
//!
//! See [`EchoTikConfig`]: `name` (`echotik`), `base_url`, `username` and `password` (required), `in_flight` (calls, 4),
//! `per_second` (calls, none), `burst` (calls, none), `timeout` (duration, `30s`), `max_body` (bytes, 32 MiB),
//! `keep_email` (flag, off), `pictures` (flag, off), `picture_units` (units, 0), `real_time` (`off`, `missing`, `always`;
//! `off`), `extra_ca` (PEM text, none).
//!
//! # Limits
//!
//! - Lists say neither how long they are nor whether there is more: a page with less than ten rows is the last one. A
//!   list has at most 10,000 pages.
//! - The database is computed anew once a day; a sweep that crosses that moment may repeat or miss somebody.
//! - A ranking exists when its period is over, and up to three periods back are tried for the latest one. Further pages
//!   are of the day that the first one was found at.
//! - Trends go 180 days back, with gaps: a day that is missing mostly means that nothing changed.
//! - Regions are ISO 3166 codes; which ones have creators is not documented, and one without any is an empty list.
//! - An account is asked by handle or uid; a `secUid` finds nobody here.
//! - Real time takes one call at once: give an instance that asks the platform much `in_flight = 1`.
//! - The quota has no reset anybody has documented: an account that used it up asks for a
//!   person, and is tried with one call every six hours.
//! - Links to pictures that were converted end after one to three days.
//! - With `keep_email` off, addresses are masked in names and biographies; the stored raw answer still has them.
//!
//! # Errors
//!
//! A success is a status below 300 with `code` 0. Otherwise the text counts before the number:
//!
//! | what comes | kind or absence |
//! | --- | --- |
//! | `Usage Limit Exceeded`, whatever the numbers | `QuotaExhausted` |
//! | 401, 403 as status or `code`; `auth error`, `unauthorized` | `Unauthorized` |
//! | 429 as status or `code`; `rate limit`, `quota` | `RateLimited`, with the wait asked for |
//! | `code` 500 of the platform | `Unavailable` |
//! | any other `code` of the platform | asked once more, then `Rejected`; absent when it says that there is nobody |
//! | any other `code` of the database | `Rejected` |
//! | 5xx, no JSON, broken JSON | `Unavailable` |
//! | a path that is not there | `Rejected` |
//! | success without `code` or `data`, JSON of another shape, a page that comes twice | `Malformed` |
//! | success without the creator asked for | absent: not found |
//! | `off_mark` above 0, `user_canceled` | absent: deleted |
//! | the platform's status 10222; 10223 to 10230 | absent: private; restricted |
//!
//! Raw control characters are read as blanks. A row or value that cannot be used is reported as malformed with its path
//! and costs its creator or itself; the rest of the answer counts.
//!
//! # Example
//!
//! ```no_run
//! use collector_core::context::Context;
//! use collector_core::source::Source;
//! use collector_core::task::Query;
//! use collector_sources::echotik::{EchoTik, EchoTikConfig};
//!
//! # async fn example(username: String, password: String) -> collector_core::error::Result<()> {
//! let config =
//!     EchoTikConfig { username: username.into(), password: password.into(), ..EchoTikConfig::default() };
//! let source = EchoTik::new(config)?;
//! let tasks = source.seed(&Query { handles: vec!["@tiktok".into()], ..Query::default() })?;
//! let payload = source.fetch(&Context::detached(), &tasks).await?;
//! for creator in source.parse(&tasks, &payload)?.items {
//!     println!("{:?} sold for {:?} cents", creator.handle, creator.gmv_30d);
//! }
//! # Ok(())
//! # }
//! ```

mod config;
mod date;
mod error;
mod follow;
mod kind;
mod options;
mod parse;
mod request;
mod seed;
mod source;
mod wire;

pub use config::{EchoTikConfig, RealTime};
pub use options::{EchoTikOptions, Listing, RankBy, RankPeriod, Ranking, Sells, Sort};
pub use source::EchoTik;

/// What the database has about somebody.
const DATABASE: &str = "database";

/// Somebody's videos, as far as the database has them.
const DATABASE_POSTS: &str = "database_posts";

/// A row of a ranking: other members than a list's row has.
const RANKING_ROW: &str = "ranking_row";

/// A row of a search.
const SEARCH_ROW: &str = "search_row";

/// Somebody's figures day by day.
const TREND: &str = "trend";

/// A link to a picture, and nothing else.
const PICTURE: &str = "picture";

/// The host of the vendor's own store of pictures, which serves nobody.
const STORED_PICTURES: &str = "echosell-images.tos-ap-southeast-1.volces.com";

/// Where a picture's name in that store is kept.
const AVATAR_SOURCE: &str = "avatar_source";
