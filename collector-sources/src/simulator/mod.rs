//! A server that speaks the vendors' wire formats over a made-up population.
//!
//! It exists so that a pipeline can be run, tested and measured without a vendor, a bill or a real person: the
//! population is a pure function of a seed, failures happen on purpose and repeat, and [`/stats`](#endpoints)
//! knows how often every subject was bought. It is written from the vendors' documentation and shares no type
//! with the adapters, so the two can disagree.
//!
//! ```no_run
//! # async fn example() -> Result<(), collector_sources::simulator::SimulatorError> {
//! use collector_sources::simulator::{Simulator, SimulatorConfig};
//!
//! let config = SimulatorConfig { creators: 100_000, latency_ms: 50, ..SimulatorConfig::default() };
//! let simulator = Simulator::start(config).await?;
//! let base_url = format!("{}/ensembledata", simulator.url());
//! // Point an adapter at `base_url`, then:
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Endpoints
//!
//! | path | serves |
//! | --- | --- |
//! | `/ensembledata/tt/user/info`, `/info-from-secuid`, `/posts`, `/posts-from-secuid`, `/search`, `/followers`, `/followings`, `/liked-posts` | EnsembleData's people |
//! | `/ensembledata/tt/hashtag/posts`, `/tt/hashtag/recent-posts`, `/tt/keyword/search`, `/tt/keyword/full-search` | its searches |
//! | `/ensembledata/tt/post/multi-info`, `/tt/post/info`, `/tt/post/comments`, `/tt/music/posts`, `/tt/live/search` | its posts, sounds and lives |
//! | `/ensembledata/customer/get-used-units`, `/customer/get-history` | its meter, free of charge |
//! | `/tiktok/v2/oauth/token/`, `/tiktok/v2/research/video/query/`, `/user/info/`, `/user/followers/`, `/user/following/` | TikTok's Research API; the key is `simulated-client-key`, the secret the token |
//! | `/tiktokone/tto/tcm/creator/discover/`, `/public/`, `/public/video/list/`, `/tto/tcm/category/label/` | TikTok One |
//! | `/echotik/api/v3/echotik/…`, `/echotik/api/v3/realtime/…` | EchoTik: details, lists, rankings, trends, videos, searches, pictures, and the platform in real time |
//! | `/list/creators?page=1&size=100` | whole creators as flat JSON: `{"items":[…],"next":2}`, at most 1,000 a page |
//! | `/web/@handle`, `/web/@uid` | profile pages like TikTok's, in their known shapes |
//! | `/web/ranking?page=1`, `/web/creators/handle` | a ranking site: twenty creators a page, and a page for each |
//! | `/robots.txt` | what is asked of visitors of these pages |
//! | `/images/…` | the pictures that links in answers lead to: signed, for a while |
//! | `GET /stats`, `GET /stats?subjects=true`, `POST /stats/reset` | counts of calls, answers and units |
//! | `GET /truth?from=0&limit=100&posts=0` | JSON Lines: what is true of each creator, on request with posts |
//! | `GET /truth/hashtags` | JSON Lines: every hashtag and the length of its list |
//! | `GET /control`, `POST /control` | the knobs; a JSON object changes those it names |
//! | `POST /control/clock` | `{"advance_s": 3600}` moves the simulated clock ahead |
//!
//! # The population
//!
//! Followers follow a power law; names and biographies are Korean, English, Japanese, Spanish and more. By default it is
//! clean, so that counts are exact. [`SimulatorConfig::with_effects`] makes it as hard to merge as real ones: 3 % of the
//! creators have a new handle that lists do not show yet, 0.5 % of the handles are somebody else's now, each vendor does
//! not know 8 %, others at each, 2 % of the answers lack stable ids, and the plain list is days behind. Each effect is a
//! knob of its own, and `/truth` says what is so.
//!
//! # What counts
//!
//! A call is numbered when the rate limit lets it pass, and its number decides what goes wrong with it. It is charged
//! before its latency begins: a client that goes away in the middle has paid, as at a real vendor. An answer counts
//! for its subjects unless it was cut on the way.
//!
//! In `/stats`, `calls` counts every call, those refused with a 429 too. A subject is what a call asks for: a handle, a
//! `secUid`, a post id, `hashtag#cursor`, a page of the list. `bought_more_than_once` counts the answers beyond the
//! first per subject, `in_flight_twice` the calls that asked for a subject while another call did. Pictures are counted apart, under `pictures`. Times are unix milliseconds. The order of keys, signatures and expiry times of links and
//! `unique_id_modify_time` change with every answer; all else changes only with `generation`.

mod answer;
mod bucket;
mod clock;
mod config;
mod control;
mod echotik;
mod effects;
mod ensembledata;
mod faults;
mod graph;
mod images;
mod json;
mod links;
mod list;
mod names;
mod population;
mod posts;
mod query;
mod random;
mod server;
mod stats;
mod tiktok;
mod truth;
mod vendor;
mod web;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod wire_tests;

pub use self::config::{
    AccountState, LastCursor, ListLocation, PageShape, ProfileShape, RetryAfter, SimulatorConfig,
    SimulatorError, Truncation, UnknownUser,
};
pub use self::echotik::EchoTikKnobs;
pub use self::images::PictureKnobs;
pub use self::population::{Commerce, Creator, MAX_CREATORS, Population};
pub use self::server::{Running, Simulator};
pub use self::tiktok::TikTokKnobs;
pub use self::vendor::Vendor;
