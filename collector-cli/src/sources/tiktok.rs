//! TikTok's own APIs.

use std::time::Duration;

use collector_core::error::Result;
use collector_core::pipeline::SourceOptions;
use collector_core::store::Budget;
use collector_sources::tiktok::{Mode, TikTok, TikTokConfig};

use super::Secret;
use super::table::{limits, vendor_options, vendor_table};
use crate::registry::{Built, SourceFactory};

/// The vendor counts by the UTC day.
const DAY: Duration = Duration::from_secs(86_400);

vendor_table! {
    /// The keys of `[sources.tiktok]` besides those every source has.
    pub(super) struct Table {
        /// Not required by its type: what is said when it is missing is more than that.
        mode: Option<Mode>,
        client_key: Option<Secret>,
        client_secret: Option<Secret>,
        access_token: Option<Secret>,
        account_id: Option<String>,
    }
}

pub(super) struct Factory;

impl SourceFactory for Factory {
    type Config = Table;
    type Source = TikTok;
    const NEEDS: &'static [&'static str] = &["mode"];

    fn build(name: &str, table: &Table) -> Result<Built<TikTok>> {
        let secret = |secret: &Option<Secret>| secret.as_ref().map_or("", |secret| secret.expose()).into();
        let config = vendor_options!(name, table, usual => TikTokConfig {
            mode: table.mode,
            client_key: secret(&table.client_key),
            client_secret: secret(&table.client_secret),
            access_token: secret(&table.access_token),
            account_id: table.account_id.clone().unwrap_or_default(),
        });
        let limits = limits(config.in_flight, config.rate(), config.burst);
        let budget = config.units().map(|units| Budget {
            account: name.into(),
            units: Some(units),
            requests: None,
            window: DAY,
            offset: Duration::ZERO,
        });
        let keep_for = config.keep_for();
        Ok(Built {
            source: TikTok::new(config)?,
            options: SourceOptions { limits, budget, keep_for, ..SourceOptions::default() },
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
    fn what_research_gave_may_be_kept_for_thirty_days() {
        let kept = |mode: &str, keys: &str| {
            let config = built(&format!("mode = \"{mode}\"\n{keys}")).unwrap();
            crate::compose::source(&config, "tiktok").unwrap().1.keep_for
        };
        assert_eq!(kept("research", KEYS), Some(30 * super::DAY));
        assert_eq!(kept("one", "access_token = { env = \"T\" }\naccount_id = \"71\""), None);
    }

    #[test]
    fn the_mode_is_among_the_keys_it_cannot_do_without() {
        let registry = crate::sources::builtin();
        let (_, shape) = registry.shapes().find(|(kind, _)| *kind == "tiktok").unwrap();
        assert_eq!(shape.required, ["mode"]);
        assert!(shape.keys.contains(&"base_url") && shape.keys.contains(&"client_key"), "{shape:?}");
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
