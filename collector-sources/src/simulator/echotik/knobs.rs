//! What can be changed about this vendor.

use serde::{Deserialize, Serialize};

/// The account, the vendor's moods, and the forms its answers come in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EchoTikKnobs {
    /// User name of the account. Default `simulated`.
    pub username: String,
    /// Password of the account. Default `simulated-password1`.
    pub password: String,
    /// Successful requests the account has in all; then every call is a 500 that says so. Default: no limit.
    pub quota: Option<u64>,
    /// Raw control characters in biographies. Default true.
    pub control_characters: bool,
    /// `code` as text. Default false.
    pub code_as_text: bool,
    /// `"data":null` where there is nothing, in place of an empty list. Default false.
    pub null_when_empty: bool,
    /// Lists as `{"list":[…]}`. Default false.
    pub wrapped_lists: bool,
    /// Pages of more than ten are cut to ten, in place of being refused. Default false.
    pub clamp_pages: bool,
    /// Rate of real-time calls that the platform does not answer. Default 0.
    pub risk_rate: f64,
    /// Days by which rankings are late. Default 1.
    pub ranking_lag_days: u32,
    /// Converted pictures as one object, as documented, in place of a list of pairs. Default false.
    pub pictures_as_object: bool,
    /// Share of creators whose rows have no handle. Default 0.
    pub nameless_share: f64,
    /// Share of creators whose picture the vendor has not copied. Default 0.1.
    pub uncopied_share: f64,
}

impl Default for EchoTikKnobs {
    fn default() -> Self {
        Self {
            username: "simulated".to_owned(),
            password: "simulated-password1".to_owned(),
            quota: None,
            control_characters: true,
            code_as_text: false,
            null_when_empty: false,
            wrapped_lists: false,
            clamp_pages: false,
            risk_rate: 0.0,
            ranking_lag_days: 1,
            pictures_as_object: false,
            nameless_share: 0.0,
            uncopied_share: 0.1,
        }
    }
}

impl EchoTikKnobs {
    /// The knobs that are shares, by name.
    pub(in super::super) fn shares(&self) -> [(&'static str, f64); 3] {
        [
            ("echotik.risk_rate", self.risk_rate),
            ("echotik.nameless_share", self.nameless_share),
            ("echotik.uncopied_share", self.uncopied_share),
        ]
    }
}
