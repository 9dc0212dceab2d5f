//! What must never get through, and what must: the sink against hosts, files and places that behave in every way.

mod bombs;
mod conformance;
mod files;
mod ssrf;
mod stage;
mod sweeps;
mod upkeep;
mod writes;
