//! Placeholder
pub mod admission;
pub mod clock;
pub mod context;
pub mod creator;
pub mod domain;
pub mod error;
mod forward;
pub mod fingerprint;
pub mod id;
pub mod lock;
pub mod observe;
pub mod pipeline;
pub mod retry;
pub mod sink;
pub mod source;
pub mod store;
pub mod task;
#[cfg(feature = "testkit")]
pub mod testkit;
