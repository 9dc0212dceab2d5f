//! Runs the built command as people do: arguments, files, signals, exit codes.

mod harness;
mod run;
mod simulate;
mod usage;
