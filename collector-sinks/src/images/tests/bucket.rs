//! The same tests as on a folder, on the bucket that the environment names.

#![allow(clippy::duplicate_mod, reason = "the same tests, with another home")]

use super::place::Place;
use super::{files, place};

#[path = "conformance.rs"]
mod conformance;
#[path = "stage.rs"]
mod stage;
#[path = "sweeps.rs"]
mod sweeps;
#[path = "upkeep.rs"]
mod upkeep;
#[path = "writes.rs"]
mod writes;

fn home() -> Place {
    Place::bucket()
}
