//! Runs the built command as people do: arguments, files, signals, exit codes.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod harness;
mod run;
mod simulate;
mod try_source;
mod usage;
