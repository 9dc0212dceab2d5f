//! What can be wrong with a server before anything relies on it.

use std::collections::BTreeMap;
use std::time::Duration;

use collector_core::admission::{Rate, SharedRate};
use collector_core::error::Result;
use collector_core::lock::{Acquired, LeaseOptions, Lock, LockKey};

use super::scripts::{TAGS, key_name};
use super::{Redis, RedisLock, RedisRate};

/// The oldest version that is supported.
const OLDEST: u64 = 6;

impl Redis {
    /// Asks whether the server works and may be used; gives what works and is unwise nevertheless, a sentence each.
    ///
    /// It takes and gives back keys of its own under the prefix, because only that shows every right that is missing.
    ///
    /// # Errors
    /// `Unauthorized` naming the missing right, or for a wrong password; `ConfigInvalid` for what is no Redis or only
    /// a part of a cluster; `Unavailable` for a server that is down or takes no writes.
    pub async fn check(&self) -> Result<Vec<String>> {
        self.try_commands().await?;
        self.try_lock().await?;
        self.try_rate().await?;
        let info = self
            .ask("info", |mut connection| async move {
                redis::cmd("INFO").query_async::<String>(&mut connection).await
            })
            .await;
        Ok(match info {
            Ok(info) => warnings(&Facts::of(&info)),
            Err(error) => vec![format!(
                "version and memory policy of Redis are unknown; grant `+info` to have them checked: {error}"
            )],
        })
    }

    /// Runs what our scripts run, by itself: of a command in a script the server does not say which right is missing.
    async fn try_commands(&self) -> Result<()> {
        let key = key_name(self.config().key_prefix(), &format!("check:{:016x}", rand::random::<u64>()));
        let commands: [(&str, &[&str]); 5] = [
            ("SET", &["1", "NX", "PX", "5000"]),
            ("GET", &[]),
            ("PTTL", &[]),
            ("PEXPIRE", &["5000"]),
            ("DEL", &[]),
        ];
        for (name, arguments) in commands {
            let mut command = redis::cmd(name);
            command.arg(&key).arg(arguments);
            self.run(&command).await?;
        }
        self.run(&redis::cmd("TIME")).await
    }

    async fn run(&self, command: &redis::Cmd) -> Result<()> {
        self.ask("check", |mut connection| async move { command.exec_async(&mut connection).await }).await
    }

    /// Goes once through everything a lock does, in every part of a cluster.
    async fn try_lock(&self) -> Result<()> {
        let lock = RedisLock::new(self.clone());
        let run = rand::random::<u64>();
        // Several names for each tag: together they hardly leave out a shard.
        let keys: Vec<_> = (0..TAGS * 4).map(|n| LockKey(format!("check:{run:016x}:{n}").into())).collect();
        let options = LeaseOptions { ttl: Duration::from_secs(5), min_hold: Duration::from_millis(1) };
        let answers = lock.try_acquire_many(&keys, options).await?;
        let leases: Vec<_> = answers
            .into_iter()
            .filter_map(|answer| match answer {
                Acquired::Granted(lease) => Some(lease),
                Acquired::Held { .. } => None,
            })
            .collect();
        lock.try_acquire_many(&keys, options).await?;
        lock.renew_many(&leases).await?;
        lock.release_many(leases).await.map(drop)
    }

    async fn try_rate(&self) -> Result<()> {
        RedisRate::new(self.clone()).ask("check", Rate::new(1.0, 1.0), 0).await.map(drop)
    }
}

/// `INFO`, by name.
struct Facts<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Facts<'a> {
    fn of(info: &'a str) -> Self {
        Self(info.lines().filter_map(|line| line.trim_end().split_once(':')).collect())
    }

    fn text(&self, name: &str) -> &'a str {
        self.0.get(name).copied().unwrap_or_default()
    }

    fn major(&self) -> Option<u64> {
        self.text("redis_version").split('.').next()?.parse().ok()
    }
}

fn warnings(facts: &Facts<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    if facts.major().is_some_and(|major| major < OLDEST) {
        let version = facts.text("redis_version");
        warnings.push(format!("this is Redis {version}; {OLDEST} or newer is supported"));
    }
    let policy = facts.text("maxmemory_policy");
    let bounded = !matches!(facts.text("maxmemory"), "" | "0");
    if bounded && !matches!(policy, "" | "noeviction") {
        warnings.push(format!(
            "Redis throws locks away when its memory is full (maxmemory-policy {policy}); set noeviction"
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_policy_that_would_throw_locks_away_is_warned_of() {
        let warned = |info: &str| warnings(&Facts::of(info)).join("; ");
        assert_eq!(warned("redis_version:7.0.15\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n"), "");
        assert_eq!(warned("redis_version:7.0.15\r\nmaxmemory:9\r\nmaxmemory_policy:noeviction\r\n"), "");
        assert!(warned("maxmemory:9\r\nmaxmemory_policy:volatile-ttl\r\n").contains("volatile-ttl"));
        assert!(warned("# Server\r\nredis_version:5.0.14\r\n").contains("5.0.14"));
        assert_eq!(warned("no such thing"), "");
    }
}
