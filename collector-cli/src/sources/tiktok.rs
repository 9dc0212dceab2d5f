//! TikTok's own APIs.

use std::num::NonZeroUsize;
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::error::Result;
use collector_core::pipeline::SourceOptions;
use collector_core::store::Budget;
use collector_sources::tiktok::{Mode, TikTok, TikTokConfig};
use serde::Deserialize;

use super::{ConfigPath, Secret, read_ca};
use crate::registry::{Built, SourceFactory};

/// The vendor counts by the UTC day.
const DAY: Duration = Duration::from_secs(86_400);

/// The keys of `[sources.tiktok]` besides those every source has.
#[derive(Debug, Deserialize)]
pub(super) struct TikTokTable {
    /// Not required here: what is said when it is missing is more than that.
    mode: Option<Mode>,
    client_key: Option<Secret>,
    client_secret: Option<Secret>,
    access_token: Option<Secret>,
    account_id: Option<String>,
    base_url: Option<String>,
    timeout: Option<Duration>,
    max_body: Option<NonZeroUsize>,
    #[serde(default)]
    keep_email: bool,
    ca_file: Option<ConfigPath>,
}

pub(super) struct TikTokFactory;

impl SourceFactory for TikTokFactory {
    type Config = TikTokTable;
    type Source = TikTok;

    fn build(name: &str, table: &TikTokTable) -> Result<Built<TikTok>> {
        let defaults = TikTokConfig::default();
        let secret = |secret: &Option<Secret>| secret.as_ref().map_or("", |secret| secret.expose()).into();
        let config = TikTokConfig {
            name: name.to_owned(),
            mode: table.mode,
            base_url: table.base_url.clone(),
            client_key: secret(&table.client_key),
            client_secret: secret(&table.client_secret),
            access_token: secret(&table.access_token),
            account_id: table.account_id.clone().unwrap_or_default(),
            timeout: table.timeout.unwrap_or(defaults.timeout),
            max_body: table.max_body.map_or(defaults.max_body, NonZeroUsize::get),
            keep_email: table.keep_email,
            extra_ca: table.ca_file.as_ref().map(|path| read_ca(path.as_path())).transpose()?,
            ..defaults
        };
        let in_flight = usize::try_from(config.in_flight).unwrap_or(usize::MAX);
        let limits = Limits { in_flight, per_second: config.rate(), burst: config.burst };
        let budget = config.units().map(|units| Budget {
            account: name.into(),
            units: Some(units),
            requests: None,
            window: DAY,
            offset: Duration::ZERO,
        });
        Ok(Built {
            source: TikTok::new(config)?,
            options: SourceOptions { limits, budget, ..SourceOptions::default() },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    fn built(table: &str) -> Result<Config, String> {
        let text =
            format!("[sources.tiktok]\n{table}\n[[jobs]]\nname = \"a\"\nquery = {{ handles = [\"x\"] }}\n");
        let env = |_: &str| Some("made-up-credential".to_owned());
        let registry = crate::sources::builtin();
        Config::parse(Path::new("collector.toml"), &text, &registry, Some(&env))
            .map_err(|faults| faults.to_string())
    }

    const KEYS: &str = "client_key = { env = \"K\" }\nclient_secret = { env = \"S\" }";

    #[test]
    fn without_a_mode_it_is_refused_with_what_to_use_instead() {
        let config = built(KEYS).unwrap();
        let error = crate::compose::source(&config, "tiktok").err().unwrap().to_string();
        for words in ["approved non-commercial researchers only", "after 30 days", "`ensembledata`"] {
            assert!(error.contains(words), "{words:?} in {error}");
        }
        let unknown = built("mode = \"display\"").unwrap_err();
        assert!(unknown.contains("research") && unknown.contains("one"), "{unknown}");
    }

    #[test]
    fn the_vendors_quota_is_kept_unless_the_configuration_says_otherwise() {
        let research = format!("mode = \"research\"\naccount = \"lab\"\n{KEYS}");
        let budget = |table: &str| {
            let (_, options) = crate::compose::source(&built(table).unwrap(), "tiktok").unwrap();
            options.budget.unwrap()
        };
        let usual = budget(&research);
        assert_eq!((&*usual.account, usual.units, usual.requests), ("lab", Some(1_000), None));
        assert_eq!(budget(&format!("units_per_day = 50\n{research}")).units, Some(50));
    }
}
