//! The SQL store: the contract, and what is particular to it.

mod atomic;
mod conformance;
mod files;
mod identities;
mod outbox;
mod stage;
