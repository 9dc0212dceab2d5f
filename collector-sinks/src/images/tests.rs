//! What must never get through, and what must: the sink against hosts, files and places that behave in every way.

mod bombs;
#[cfg(feature = "s3")]
mod bucket;
mod conformance;
mod copies;
mod files;
mod place;
#[cfg(feature = "s3")]
mod refusals;
mod ssrf;
mod stage;
#[cfg(feature = "s3")]
mod strict;
mod sweeps;
mod upkeep;
mod writes;

/// Where the tests of this module keep pictures; those of `bucket` and `strict` have another.
fn home() -> place::Place {
    place::Place::folder()
}
