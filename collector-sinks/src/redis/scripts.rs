//! What runs inside the server, and how a batch becomes calls.
//!
//! Each script takes keys of one hash tag and two arguments a key, and answers with one number a key, so that a batch
//! works wherever keys of one tag live together: on one server, behind a proxy, on a cluster that has one shard.

use collector_core::error::Result;
use collector_core::lock::LockKey;
use futures_util::future::try_join_all;
use redis::Script;
use xxhash_rust::xxh3::xxh3_64;

use super::{Redis, error};

/// Takes free keys: owner and ttl in ms. Answers [`TAKEN`], or the rest of the other's ttl in ms (-1: it has none).
const ACQUIRE: &str = r"
local answers = {}
for i, key in ipairs(KEYS) do
  if redis.call('SET', key, ARGV[2 * i - 1], 'NX', 'PX', ARGV[2 * i]) then
    answers[i] = -2
  else
    answers[i] = redis.call('PTTL', key)
  end
end
return answers";

/// The answer for a key that was free: what its rest of ttl was before.
pub(super) const TAKEN: i64 = -2;

/// Gives keys their ttl again: owner and ttl in ms. Answers 1 for a key that is the owner's, else 0; sets no key anew.
const RENEW: &str = r"
local answers = {}
for i, key in ipairs(KEYS) do
  answers[i] = 0
  if redis.pcall('GET', key) == ARGV[2 * i - 1] then
    answers[i] = redis.call('PEXPIRE', key, ARGV[2 * i])
  end
end
return answers";

/// Gives keys back: owner and how many ms they stay taken. Answers 1 for a key that was the owner's, else 0.
///
/// A key that stays taken gets a value that is nobody's, so that nobody can renew it or give it back.
const RELEASE: &str = r"
local answers = {}
for i, key in ipairs(KEYS) do
  answers[i] = 0
  if redis.pcall('GET', key) == ARGV[2 * i - 1] then
    answers[i] = 1
    if ARGV[2 * i] == '0' then
      redis.call('DEL', key)
    else
      redis.call('SET', key, 'released', 'PX', ARGV[2 * i])
    end
  end
end
return answers";

/// The lock's scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) acquire: Script,
    pub(super) renew: Script,
    pub(super) release: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self { acquire: Script::new(ACQUIRE), renew: Script::new(RENEW), release: Script::new(RELEASE) }
    }
}

/// Hash tags: how many parts a batch falls into at most.
pub(super) const TAGS: u64 = 16;

/// The most keys in one script: a longer one would keep the server from everybody else.
const MAX_SCRIPT: usize = 500;

/// One key of a batch.
pub(super) struct Entry<'a> {
    pub(super) key: &'a LockKey,
    pub(super) owner: u128,
    pub(super) millis: u64,
}

/// The name of a key in the server. The tag in braces says where in a cluster it lives; those in `key` do not count,
/// because the first pair does.
pub(super) fn key_name(prefix: &str, key: &str) -> String {
    format!("{prefix}:{{{:02}}}:{key}", tag(key))
}

/// The same on every machine and in every version.
fn tag(key: &str) -> usize {
    (xxh3_64(key.as_bytes()) % TAGS) as usize
}

impl Redis {
    /// Runs a script over a batch, all parts at once; gives one number per entry, in order.
    pub(super) async fn each(
        &self,
        what: &'static str,
        script: &Script,
        entries: &[Entry<'_>],
    ) -> Result<Vec<i64>> {
        let parts = parts(entries);
        let calls = parts.iter().map(|part| {
            let mut call = script.prepare_invoke();
            for &at in part {
                let entry = &entries[at];
                call.key(key_name(self.config().key_prefix(), &entry.key.0));
                call.arg(format!("{:032x}", entry.owner)).arg(entry.millis);
            }
            call
        });
        let calls: Vec<_> = calls.collect();
        let answers: Vec<Vec<i64>> = self
            .ask(what, |connection| async move {
                try_join_all(calls.iter().map(|call| {
                    let mut connection = connection.clone();
                    async move { call.invoke_async(&mut connection).await }
                }))
                .await
            })
            .await?;
        gather(entries.len(), &parts, answers).ok_or_else(|| error::nonsense(self.address(), what))
    }
}

/// The places of a batch's entries, by tag and in order, at most [`MAX_SCRIPT`] in each part.
fn parts(entries: &[Entry<'_>]) -> Vec<Vec<usize>> {
    let mut tags: Vec<Vec<usize>> = vec![Vec::new(); TAGS as usize];
    for (at, entry) in entries.iter().enumerate() {
        tags[tag(&entry.key.0)].push(at);
    }
    tags.iter().flat_map(|tag| tag.chunks(MAX_SCRIPT)).map(<[usize]>::to_vec).collect()
}

/// Brings the answers of the parts into the order of the batch.
fn gather(len: usize, parts: &[Vec<usize>], answers: Vec<Vec<i64>>) -> Option<Vec<i64>> {
    let mut gathered = vec![0; len];
    for (part, answers) in parts.iter().zip(answers) {
        if part.len() != answers.len() {
            return None;
        }
        part.iter().zip(answers).for_each(|(&at, answer)| gathered[at] = answer);
    }
    Some(gathered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_over_the_tags_and_keep_their_order() {
        let keys: Vec<_> = (0..3_200).map(|n| LockKey(format!("c:s:profile:{n}").into())).collect();
        let entries: Vec<_> = keys.iter().map(|key| Entry { key, owner: 1, millis: 1 }).collect();
        let parts = parts(&entries);
        assert_eq!(parts.len() as u64, TAGS);
        assert!(parts.iter().all(|part| (100..=300).contains(&part.len())), "{parts:?}");
        let answers = parts.iter().map(|part| part.iter().map(|at| *at as i64).collect()).collect();
        let gathered = gather(entries.len(), &parts, answers).unwrap();
        assert!(gathered.iter().copied().eq(0..3_200));
    }

    #[test]
    fn a_name_has_our_tag_before_any_of_the_key() {
        let name = key_name("collector", "c:s:{x}:1");
        assert!(name.starts_with("collector:{") && name.ends_with("}:c:s:{x}:1"), "{name}");
        assert_eq!(name.find('{'), Some("collector:".len()));
    }

    #[test]
    fn a_short_answer_is_none() {
        assert_eq!(gather(2, &[vec![0, 1]], vec![vec![1]]), None);
    }
}
