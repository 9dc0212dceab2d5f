//! The rates that machines share.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use collector_core::admission::{AHEAD, MOST, Permits, Rate, SharedRate};
use collector_core::error::Result;
use redis::Script;

use super::{Redis, error};

/// A bucket by elapsed time, on the server's clock: spacing of calls and slack of the bucket in µs, how far ahead, how
/// many at most. Answers with the µs until each granted call, and until the first that was not.
///
/// The key holds the moment at which the bucket is full again, and lasts an hour longer. A bucket nobody knows has one call in it: if the server
/// lost it, others may just have emptied it. One that is emptier than calls can have made it was written under another
/// clock; `min` has its arguments in this order so that what is no number counts as that. `collector_core`'s rate in
/// memory does the same sums.
const TAKE: &str = r"
local spacing, slack = tonumber(ARGV[1]), tonumber(ARGV[2])
local ahead, most = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full_at = tonumber(redis.pcall('GET', KEYS[1]) or '') or (now + slack)
full_at = math.min(now + ahead + slack + spacing, full_at)
local answer = {}
while true do
  local start = math.max(now, full_at - slack)
  if start > now + ahead or #answer == most then
    answer[#answer + 1] = math.ceil(start - now)
    break
  end
  answer[#answer + 1] = math.ceil(start - now)
  full_at = math.max(full_at, start) + spacing
end
local keep = 3600000 + math.max(0, full_at - now) / 1000
redis.call('SET', KEYS[1], string.format('%.3f', full_at), 'PX', string.format('%.0f', keep))
return answer";

/// A [`SharedRate`] on Redis or Valkey: one round trip for all calls of the next 50 ms.
///
/// Time is the server's. When it loses its data or its clock is set, a bucket is taken for empty: too slow for a
/// moment, never too fast.
#[derive(Clone)]
pub struct RedisRate {
    redis: Redis,
    take: Script,
}

impl RedisRate {
    /// Rates on this server.
    pub fn new(redis: Redis) -> Self {
        Self { redis, take: Script::new(TAKE) }
    }
}

#[async_trait]
impl SharedRate for RedisRate {
    async fn ask(&self, name: &str, rate: Rate, most: usize) -> Result<Permits> {
        let spacing = 1e6 / rate.per_second();
        let mut call = self.take.key(format!("{}:rate:{name}", self.redis.config().key_prefix()));
        call.arg(spacing)
            .arg((rate.burst() - 1.0) * spacing)
            .arg(AHEAD.as_micros() as u64)
            .arg(most.min(MOST));
        let answer: Vec<u64> = self
            .redis
            .ask("rate", |mut connection| async move { call.invoke_async(&mut connection).await })
            .await?;
        let mut starts: Vec<_> = answer.into_iter().map(Duration::from_micros).collect();
        let next = starts.pop().ok_or_else(|| error::nonsense(self.redis.address(), "rate"))?;
        Ok(Permits { starts, next })
    }
}

impl fmt::Debug for RedisRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRate").field("redis", &self.redis).finish_non_exhaustive()
    }
}
