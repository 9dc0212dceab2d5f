//! Creators' pages: the conformance suite, what a site asks of its visitors, described sites, and the simulator.

mod conformance;
mod described;
mod robots;
#[cfg(feature = "simulator")]
mod simulated;

use collector_sources::web::{Site, Web, WebConfig};

const CONTACT: &str = "https://team.example/bot";

/// A described site at this address.
fn described(description: &str, base_url: String) -> Web {
    let site = Site::from_toml(description, "site.toml").unwrap();
    Web::new(WebConfig {
        contact: CONTACT.into(),
        site: Some(site),
        base_url: Some(base_url.into()),
        ..WebConfig::default()
    })
    .unwrap()
}
