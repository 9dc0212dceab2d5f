//! The knobs of the simulator and what they accept.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::echotik::EchoTikKnobs;
use super::images::{MOST_PICTURE_BYTES, PictureKnobs};
use super::population::{MAX_CREATORS, MAX_LIST, default_hashtags, longest_list};
use super::tiktok::TikTokKnobs;
use super::vendor::Vendor;

/// Longest wait one knob may ask for, so that a slip of the pen does not hang a test for days.
const LONGEST_WAIT_MS: u64 = 600_000;

/// Answers are streamed, but a client under test may store what it reads.
const LARGEST_PADDING: u64 = 4 << 30;

/// Counting an entity's changes walks the generations.
const LAST_GENERATION: u32 = 1_000;

/// A list that is years behind shows nothing that one of a year does not.
const MOST_STALE_DAYS: u32 = 365;

/// Makes the struct, and the list of its fields with their documentation, so that help cannot differ from it.
macro_rules! knobs {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[doc = $doc:literal])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        pub struct $name { $($(#[doc = $doc])* pub $field: $type,)* }

        impl $name {
            /// Every knob and what it does, in the order of the fields.
            pub const KNOBS: &[(&str, &str)] = &[$((stringify!($field), concat!($($doc),*)),)*];
        }
    };
}

knobs! {
/// Everything about a simulator that can be set, at start or, but for the first five, while it runs.
///
/// Shares and rates are between 0 and 1. A *rate* is a share of calls and follows from the seed and the number
/// of the call; a *share* is a share of creators and follows from the seed and the creator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimulatorConfig {
    /// Seed of the population and of every failure on purpose. Fixed at start. Default 42.
    pub seed: u64,
    /// Creators in the population, 1 to 4,194,304. Fixed at start. Default 5,000.
    pub creators: u32,
    /// Hashtags the creators share. Fixed at start. Default: one per 1,500 creators, at least 12.
    pub hashtags: Option<u32>,
    /// Address to listen on; port 0 takes a free one. Fixed at start. Default 127.0.0.1:0.
    pub bind: SocketAddr,
    /// Address that links in answers begin with, such as `http://simulator:8080`. Fixed at start. Default: where it
    /// listens.
    pub public_url: Option<String>,
    /// The token clients must send, 15 to 17 characters. Default `simulated-token1`.
    pub token: String,

    /// Milliseconds every answer but a 429 waits. Default 0.
    pub latency_ms: u64,
    /// Milliseconds by which the latency grows at most, differently for each call. Default 0.
    pub jitter_ms: u64,
    /// Calls per second and vendor; beyond it the answer is a 429. Default: no limit.
    pub per_second: Option<f64>,
    /// Calls that may come at once after a pause. Default: one second's worth.
    pub burst: Option<f64>,
    /// How a 429 says when to come back. Default `seconds`.
    pub retry_after: RetryAfter,

    /// Vendors that answer every call with a 503, never charged. Default none.
    pub dead: BTreeSet<Vendor>,
    /// Rate of calls that fail with a 500, never charged. Default 0.
    pub error_rate: f64,
    /// How many calls in a row fail when one does; the rate stays the same. Default 1.
    pub error_burst: u32,
    /// Rate of calls a proxy answers with an HTML page and status 200, not charged. Default 0.
    pub html_rate: f64,
    /// Rate of calls answered with a captcha page and status 200, not charged. Default 0.
    pub captcha_rate: f64,
    /// Rate of answers cut in the middle, charged all the same. Default 0.
    pub truncate_rate: f64,
    /// What a cut answer looks like. Default `connection`.
    pub truncate: Truncation,
    /// Rate of answers whose body trickles. Default 0.
    pub slow_rate: f64,
    /// Milliseconds a trickling body takes. Default 2,000.
    pub slow_body_ms: u64,
    /// Rate of answers padded to `oversize_bytes`. Default 0.
    pub oversize_rate: f64,
    /// Bytes of a padded answer, at most 4 GiB. Default 64 MiB.
    pub oversize_bytes: u64,
    /// Rate of answers with a member nested 300 levels deep. Default 0.
    pub deep_rate: f64,
    /// Rate of answers whose values change type: numbers to text, text of digits to numbers, flags to 0 and 1,
    /// display names to objects. Default 0.
    pub mistyped_rate: f64,
    /// Member names to write differently from now on, old to new. Default none.
    pub renamed_fields: BTreeMap<String, String>,

    /// Units a simulated day allows before every answer is a 495. Default: no limit.
    pub units_per_day: Option<u64>,
    /// Whether charged answers carry the header `units_charged`. Default true.
    pub units_header: bool,
    /// State of the account the token belongs to. Default `active`.
    pub account: AccountState,
    /// Status of answers that carry data, 200 to 499; the vendor sometimes sends data with a 4xx. Default 200.
    pub success_status: u16,

    /// What a lookup of nobody is answered with. Default `null`.
    pub unknown_user: UnknownUser,
    /// Shape of a profile by handle. Default `merged`.
    pub profile_shape: ProfileShape,
    /// Where the posts of a hashtag page sit. Default `data_data`.
    pub list_location: ListLocation,
    /// The cursor of the last hashtag page. Default `absent`.
    pub last_cursor: LastCursor,
    /// Empty pages with a cursor in the middle of every hashtag's list. Default 0.
    pub empty_pages: u32,
    /// Posts of the page before that every hashtag page but the first repeats, at most 20. Default 0.
    pub duplicates: u32,
    /// Whether authors inside posts have all counters at zero, which means unknown. Default true.
    pub zero_counters: bool,
    /// Ids of posts whose row in `post/multi-info` is malformed, charged all the same. Default none.
    pub broken_posts: BTreeSet<String>,
    /// Ids of posts that `post/multi-info` leaves out without a word. Default none.
    pub missing_posts: BTreeSet<String>,
    /// Number of creators whose profile comes malformed, spread over the population. Default 0.
    pub broken_profiles: u32,

    /// Shape of the data inside profile pages. Default `mixed`.
    pub page_shape: PageShape,
    /// Text of `/robots.txt`. Default: profiles and the ranking are open to everybody.
    pub robots: Option<String>,

    /// The state of the world; each one changes `changed_share` of the creators. At most 1,000. Default 0.
    pub generation: u32,
    /// Share of creators whose counters and biography change with each generation. Default 0.2.
    pub changed_share: f64,
    /// Share of creators who have a new handle since the lists were made. Default 0.
    pub renamed_share: f64,
    /// Share of creators whose handle somebody else uses since the lists were made, at most 0.5. Default 0.
    pub reused_share: f64,
    /// Share of creators whom a vendor does not know, others at each vendor: EnsembleData's lists show them and its
    /// lookups do not find them; of others, the plain list has no row. Default 0.
    pub unknown_share: f64,
    /// Share of creators whose answers carry a handle but no stable id, others at each vendor. Default 0.
    pub no_id_share: f64,
    /// Days by which the plain list and EchoTik's database are behind: they show the generation before the present one; the
    /// list says `as_of`. At most 365. Default 0.
    pub stale_days: u32,

    /// TikTok's own APIs: their quotas and their moods. Default: the published quotas, and none of the moods.
    pub tiktok: TikTokKnobs,
    /// EchoTik: its account, its moods, and the forms its answers come in. Default: an account without limit, and the
    /// usual forms.
    pub echotik: EchoTikKnobs,
    /// What the image host does. Default: every picture is served, and links last as long as the vendor's.
    pub pictures: PictureKnobs,
}
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            seed: 42,
            creators: 5_000,
            hashtags: None,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            public_url: None,
            token: "simulated-token1".to_owned(),
            latency_ms: 0,
            jitter_ms: 0,
            per_second: None,
            burst: None,
            retry_after: RetryAfter::default(),
            dead: BTreeSet::new(),
            error_rate: 0.0,
            error_burst: 1,
            html_rate: 0.0,
            captcha_rate: 0.0,
            truncate_rate: 0.0,
            truncate: Truncation::default(),
            slow_rate: 0.0,
            slow_body_ms: 2_000,
            oversize_rate: 0.0,
            oversize_bytes: 64 << 20,
            deep_rate: 0.0,
            mistyped_rate: 0.0,
            renamed_fields: BTreeMap::new(),
            units_per_day: None,
            units_header: true,
            account: AccountState::default(),
            success_status: 200,
            unknown_user: UnknownUser::default(),
            profile_shape: ProfileShape::default(),
            list_location: ListLocation::default(),
            last_cursor: LastCursor::default(),
            empty_pages: 0,
            duplicates: 0,
            zero_counters: true,
            broken_posts: BTreeSet::new(),
            missing_posts: BTreeSet::new(),
            broken_profiles: 0,
            page_shape: PageShape::default(),
            robots: None,
            generation: 0,
            changed_share: 0.2,
            renamed_share: 0.0,
            reused_share: 0.0,
            unknown_share: 0.0,
            no_id_share: 0.0,
            stale_days: 0,
            tiktok: TikTokKnobs::default(),
            echotik: EchoTikKnobs::default(),
            pictures: PictureKnobs::default(),
        }
    }
}

/// How a 429 says when to come back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// Header `Retry-After` with whole seconds.
    #[default]
    Seconds,
    /// Header `Retry-After` with a date.
    HttpDate,
    /// Not at all.
    Absent,
    /// Only as the member `retry_after` of the body, in seconds.
    Body,
}

/// What a cut answer looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    /// The connection closes before as many bytes came as `Content-Length` promised.
    #[default]
    Connection,
    /// A complete answer that holds half a JSON document.
    Json,
}

/// State of the account a token belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Everything in order.
    #[default]
    Active,
    /// The token was revoked: 491.
    TokenUnknown,
    /// The e-mail address was not confirmed: 492.
    EmailUnverified,
    /// The subscription ran out: 493.
    Expired,
}

/// What a lookup of nobody is answered with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownUser {
    /// `{"data":null}`.
    #[default]
    Null,
    /// `{"data":{"user":null}}`.
    UserNull,
    /// `{"data":{}}`.
    Empty,
    /// Status 463.
    #[serde(rename = "463")]
    Invalid,
    /// Status 473.
    #[serde(rename = "473")]
    NotFound,
    /// The profile of somebody else, as the vendor's inner search sometimes picks.
    NearMiss,
}

/// Shape of a profile by handle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileShape {
    /// `data.user` with web and mobile members and `data.stats`.
    #[default]
    Merged,
    /// `data.user` with mobile members only, counters inside.
    Mobile,
    /// The mobile user directly at `data`.
    Flat,
}

/// Shape of the data inside profile pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageShape {
    /// All of the following: most pages in the newest one.
    #[default]
    Mixed,
    /// `__UNIVERSAL_DATA_FOR_REHYDRATION__` with exact counters, since late 2023.
    Universal,
    /// The same without exact counters, whose rounded ones stand beside JSON-LD.
    Rounded,
    /// `SIGI_STATE`, 2022 and 2023.
    Sigi,
    /// `__NEXT_DATA__`, 2019 to 2021.
    Next,
}

/// Where the posts of a hashtag page sit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListLocation {
    /// `data.data`, with the cursor beside it.
    #[default]
    DataData,
    /// `data.posts`, with the cursor beside it.
    DataPosts,
    /// `data`, with the cursor at top level.
    Data,
}

/// The cursor of the last page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastCursor {
    /// No member `nextCursor`.
    #[default]
    Absent,
    /// `"nextCursor":null`.
    Null,
    /// The cursor that was just sent.
    Same,
}

/// Why a simulator does not start or does not take a knob.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// A knob has a value outside its range.
    #[error("simulator knob `{knob}` is {value}: {remedy}")]
    Invalid {
        /// The knob's name.
        knob: &'static str,
        /// What was asked for.
        value: String,
        /// What would be accepted.
        remedy: String,
    },
    /// The address could not be listened on.
    #[error("cannot listen on {address}: choose another address, or port 0 for a free one")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

impl SimulatorConfig {
    /// With everything that makes a population hard to merge, in the measure real ones have it: creators renamed,
    /// handles reused, creators a vendor does not know, answers without ids, vendors that are days behind.
    #[must_use]
    pub fn with_effects(self) -> Self {
        Self {
            renamed_share: 0.03,
            reused_share: 0.005,
            unknown_share: 0.08,
            no_id_share: 0.02,
            stale_days: 3,
            generation: self.generation.max(1),
            ..self
        }
    }

    /// The number of hashtags in force.
    pub(super) fn hashtag_count(&self) -> u32 {
        self.hashtags.unwrap_or_else(|| default_hashtags(self.creators))
    }

    /// Checks that every knob is within its range.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::Invalid`] for the first knob that is not.
    pub fn validate(&self) -> Result<(), SimulatorError> {
        self.validate_population()?;
        self.validate_token()?;
        for (knob, share) in self
            .shares()
            .into_iter()
            .chain(self.tiktok.shares())
            .chain(self.echotik.shares())
            .chain(self.pictures.shares())
        {
            // Handles move inside pairs of creators, so more than every second one cannot.
            let most = if knob == "reused_share" { 0.5 } else { 1.0 };
            check(knob, share, (0.0..=most).contains(&share), || {
                format!("choose a share between 0 and {most}")
            })?;
        }
        for (knob, wait) in [
            ("latency_ms", self.latency_ms),
            ("jitter_ms", self.jitter_ms),
            ("slow_body_ms", self.slow_body_ms),
            ("pictures.latency_ms", self.pictures.latency_ms),
        ] {
            check(knob, wait, wait <= LONGEST_WAIT_MS, || format!("choose at most {LONGEST_WAIT_MS}"))?;
        }
        for (knob, calls) in [("per_second", self.per_second), ("burst", self.burst)] {
            let least = if knob == "burst" { 1.0 } else { f64::MIN_POSITIVE };
            let calls = calls.unwrap_or(1.0);
            check(knob, calls, calls.is_finite() && calls >= least, || {
                "choose a positive number, for a burst at least 1".to_owned()
            })?;
        }
        check("error_burst", self.error_burst, self.error_burst >= 1, || "choose at least 1".to_owned())?;
        check("oversize_bytes", self.oversize_bytes, self.oversize_bytes <= LARGEST_PADDING, || {
            format!("choose at most {LARGEST_PADDING}")
        })?;
        check("pictures.bytes", self.pictures.bytes, self.pictures.bytes <= MOST_PICTURE_BYTES, || {
            format!("choose at most {MOST_PICTURE_BYTES}")
        })?;
        check("success_status", self.success_status, (200..500).contains(&self.success_status), || {
            "choose a status from 200 to 499".to_owned()
        })?;
        check("generation", self.generation, self.generation <= LAST_GENERATION, || {
            format!("choose at most {LAST_GENERATION}")
        })?;
        check("stale_days", self.stale_days, self.stale_days <= MOST_STALE_DAYS, || {
            format!("choose at most {MOST_STALE_DAYS}")
        })?;
        check("duplicates", self.duplicates, self.duplicates <= 20, || "choose at most 20".to_owned())
    }

    fn validate_population(&self) -> Result<(), SimulatorError> {
        check("creators", self.creators, (1..=MAX_CREATORS).contains(&self.creators), || {
            format!("choose 1 to {MAX_CREATORS}")
        })?;
        let hashtags = self.hashtag_count();
        check("hashtags", hashtags, (1..=MAX_CREATORS).contains(&hashtags), || {
            format!("choose 1 to {MAX_CREATORS}")
        })?;
        let longest = longest_list(self.creators, hashtags);
        check("hashtags", hashtags, longest <= MAX_LIST, || {
            format!(
                "a list would hold {longest} posts of at most {MAX_LIST}; choose more hashtags or fewer creators"
            )
        })
    }

    fn validate_token(&self) -> Result<(), SimulatorError> {
        let length = self.token.chars().count();
        check("token", format!("{length} characters long"), (15..=17).contains(&length), || {
            "choose 15 to 17 characters, as the vendor's tokens have".to_owned()
        })
    }

    fn shares(&self) -> [(&'static str, f64); 13] {
        [
            ("error_rate", self.error_rate),
            ("html_rate", self.html_rate),
            ("captcha_rate", self.captcha_rate),
            ("truncate_rate", self.truncate_rate),
            ("slow_rate", self.slow_rate),
            ("oversize_rate", self.oversize_rate),
            ("deep_rate", self.deep_rate),
            ("mistyped_rate", self.mistyped_rate),
            ("changed_share", self.changed_share),
            ("renamed_share", self.renamed_share),
            ("reused_share", self.reused_share),
            ("unknown_share", self.unknown_share),
            ("no_id_share", self.no_id_share),
        ]
    }
}

fn check(
    knob: &'static str,
    value: impl ToString,
    accepted: bool,
    remedy: impl FnOnce() -> String,
) -> Result<(), SimulatorError> {
    if accepted {
        Ok(())
    } else {
        Err(SimulatorError::Invalid { knob, value: value.to_string(), remedy: remedy() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_survives_a_round_trip() {
        let config = SimulatorConfig::default();
        config.validate().unwrap();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<SimulatorConfig>(&text).unwrap(), config);
        assert_eq!(serde_json::from_str::<SimulatorConfig>("{}").unwrap(), config);
    }

    #[test]
    fn every_knob_is_told_with_what_it_does() {
        let serde_json::Value::Object(knobs) = serde_json::json!(SimulatorConfig::default()) else {
            panic!("knobs are an object")
        };
        assert_eq!(SimulatorConfig::KNOBS.len(), knobs.len());
        for (name, what) in SimulatorConfig::KNOBS {
            assert!(knobs.contains_key(*name), "{name}");
            assert!(what.contains("Default"), "{name}: {what}");
        }
    }

    #[test]
    fn effects_come_together_and_are_valid() {
        let config = SimulatorConfig::default().with_effects();
        config.validate().unwrap();
        assert_eq!(SimulatorConfig { generation: 7, ..config }.with_effects().generation, 7);
    }

    #[test]
    fn unknown_knobs_are_refused() {
        let refused = serde_json::from_str::<SimulatorConfig>(r#"{"latncy_ms":5}"#).unwrap_err();
        assert!(refused.to_string().contains("latncy_ms"), "{refused}");
    }

    #[test]
    fn values_out_of_range_name_knob_value_and_remedy() {
        let base = SimulatorConfig::default;
        let cases = [
            ("creators", SimulatorConfig { creators: 0, ..base() }),
            ("creators", SimulatorConfig { creators: MAX_CREATORS + 1, ..base() }),
            ("hashtags", SimulatorConfig { hashtags: Some(0), ..base() }),
            ("hashtags", SimulatorConfig { hashtags: Some(1), creators: 50_000, ..base() }),
            ("token", SimulatorConfig { token: "short".to_owned(), ..base() }),
            ("error_rate", SimulatorConfig { error_rate: 1.5, ..base() }),
            ("html_rate", SimulatorConfig { html_rate: f64::NAN, ..base() }),
            ("reused_share", SimulatorConfig { reused_share: 0.6, ..base() }),
            ("latency_ms", SimulatorConfig { latency_ms: u64::MAX, ..base() }),
            ("per_second", SimulatorConfig { per_second: Some(0.0), ..base() }),
            ("per_second", SimulatorConfig { per_second: Some(f64::INFINITY), ..base() }),
            ("burst", SimulatorConfig { burst: Some(0.5), ..base() }),
            ("error_burst", SimulatorConfig { error_burst: 0, ..base() }),
            ("oversize_bytes", SimulatorConfig { oversize_bytes: u64::MAX, ..base() }),
            ("success_status", SimulatorConfig { success_status: 700, ..base() }),
            ("generation", SimulatorConfig { generation: 1_001, ..base() }),
            ("duplicates", SimulatorConfig { duplicates: 21, ..base() }),
            ("stale_days", SimulatorConfig { stale_days: 366, ..base() }),
        ];
        for (knob, config) in cases {
            let refused = config.validate().unwrap_err().to_string();
            assert!(refused.contains(knob) && refused.contains("choose"), "{refused}");
        }
    }

    #[test]
    fn a_refused_token_is_not_repeated() {
        let config = SimulatorConfig { token: "hunter2".to_owned(), ..SimulatorConfig::default() };
        assert!(!config.validate().unwrap_err().to_string().contains("hunter2"));
    }
}
