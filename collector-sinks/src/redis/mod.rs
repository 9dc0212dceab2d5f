//! What machines share when they share nothing else: a lock and rates, on Redis ≥ 6 or Valkey.
//!
//! # Collects
//! Nothing. [`RedisLock`] keeps machines from getting the same thing twice; correctness never rests on it. [`RedisRate`]
//! keeps machines that call on one account within its told rate, together.
//!
//! # Requests and cost
//! One round trip for a batch of keys, whatever part of it is free; about 3 µs a key in the server. Every lease
//! is renewed three times a ttl, hundreds in a call.
//!
//! # Options
//! See [`RedisConfig`]. A lock needs no persistence and no replica: after a restart with nothing kept, running work
//! notices the loss at its next renewal.
//!
//! # Limits
//! One server, a primary with replicas, or a cluster behind a proxy or with one shard: every script touches keys of one
//! hash tag (`collector:{07}:…`) only. A cluster of several shards without a proxy is refused by [`Redis::check`].
//! A failover that loses the last writes can let a second machine have a key; the store's claims remain the fence.
//!
//! The server's user needs these rights:
//! `~collector:* +evalsha +script|load +set +get +del +pttl +pexpire`, for rates `+time` too, and `+select` for a database
//! other than 0; `+info` lets `check` look at version and memory policy.
//!
//! # Errors
//! `Unavailable` for a server that does not answer, in bounded time and with its address; `Unauthorized` for a wrong
//! password and missing rights; `ConfigInvalid` for what is no Redis or cannot be trusted. No password is in any of
//! them.
//!
//! # Example
//! ```no_run
//! use collector_core::lock::{LeaseOptions, Lock, LockKey};
//! use collector_sinks::redis::{Redis, RedisConfig, RedisLock};
//!
//! # async fn lock() -> collector_core::error::Result<()> {
//! let redis = Redis::new(RedisConfig::parse("rediss://locks.example.org")?.user("collector").password("…"))?;
//! for warning in redis.check().await? {
//!     eprintln!("{warning}");
//! }
//! let lock = RedisLock::new(redis);
//! lock.try_acquire_many(&[LockKey("demo:s:profile:1".into())], LeaseOptions::default()).await?;
//! # Ok(())
//! # }
//! ```

mod check;
mod config;
mod connection;
mod debts;
mod error;
mod lock;
mod rate;
mod scripts;
mod tls;

pub use config::RedisConfig;
pub use connection::Redis;
pub use lock::RedisLock;
pub use rate::RedisRate;
