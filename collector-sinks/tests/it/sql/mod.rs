//! The SQL store: the contract, and what is particular to it.

#[cfg(feature = "sqlite")]
mod atomic;
#[cfg(feature = "sqlite")]
mod conformance;
#[cfg(feature = "sqlite")]
mod files;
#[cfg(feature = "sqlite")]
mod identities;
mod outbox;
#[cfg(feature = "mysql")]
mod server;
mod stage;
