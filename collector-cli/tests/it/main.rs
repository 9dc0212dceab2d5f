//! Runs the built command as people do: arguments, files, signals, exit codes.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod dead;
mod demo;
mod described;
mod found;
mod harness;
mod limits;
mod lists;
mod new_source;
mod run;
mod search;
mod serve;
mod setup;
mod simulate;
mod transfer;
mod try_source;
mod upkeep;
mod usage;
mod watching;
