//! Single values out of the answers of vendors and the pages of sites, and how they become what a creator has.
//!
//! [`Filter`] is a closed list of small pure conversions, by name; a chain of them makes a value out of what was found.
//! [`Target`] is the list of places a value can go to. Both are shared by the sources that a person describes in a file.
//!
//! `null` means "not known" everywhere: no filter is asked about it, and setting it leaves a place as it was.

mod country;
mod date;
mod filter;
mod language;
mod number;
mod target;

pub use filter::{Filter, Unfit, apply_all};
pub use target::Target;
