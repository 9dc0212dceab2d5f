//! The engine on a virtual clock, through its public interface: hours pass in milliseconds.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod accounts;
mod building;
mod crashes;
mod creators;
mod drift;
mod enriching;
mod expecting;
mod failures;
mod flow;
mod freshness;
mod links;
mod lists;
mod machines;
mod metrics;
mod outages;
mod pace;
mod quota;
mod refreshing;
mod retries;
mod schedules;
mod serving;
mod shared_rate;
mod silent;
mod sinks;
mod stopping;
mod support;
