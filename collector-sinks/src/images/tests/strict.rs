//! The same tests as on a folder, on a bucket whose server gives no right that `docs/permissions.md` does not name.

#![allow(clippy::duplicate_mod, reason = "the same tests, with another home")]

use super::place::Place;
use super::{files, place};

#[path = "stage.rs"]
mod stage;
#[path = "sweeps.rs"]
mod sweeps;
#[path = "upkeep.rs"]
mod upkeep;
#[path = "writes.rs"]
mod writes;

fn home() -> Place {
    Place::bucket("COLLECTOR_TEST_S3_STRICT")
}
