//! Single values out of the answers of vendors and the pages of sites, and how they become what a creator has.
//!
//! [`Filter`] is a closed list of small pure conversions, by name; a chain of them makes a value out of what was found.
//! [`Target`] is the list of places a value can go to. Both are shared by the sources that a person describes in a file.
//!
//! `null` means "not known" everywhere: no filter is asked about it, and setting it leaves a place as it was.
//!
//! Inside, the adapters share what answers are made of: values that may come in another type than documented,
//! identities, biographies, and bodies that are not what was asked for.

#[cfg(any(feature = "declarative", feature = "echotik", feature = "ensembledata", feature = "tiktok"))]
#[cfg_attr(
    not(any(feature = "echotik", feature = "ensembledata", feature = "tiktok")),
    allow(dead_code, reason = "a source that a file describes needs a part of it")
)]
pub(crate) mod answer;
#[cfg(any(
    feature = "declarative",
    feature = "echotik",
    feature = "ensembledata",
    feature = "tiktok",
    feature = "web"
))]
#[cfg_attr(
    not(any(feature = "echotik", feature = "ensembledata", feature = "tiktok")),
    allow(dead_code, reason = "pages and sources that a file describes need a part of it")
)]
pub(crate) mod bio;
#[cfg(any(feature = "echotik", feature = "ensembledata", feature = "tiktok"))]
pub(crate) mod call;
#[cfg(feature = "values")]
mod country;
#[cfg(feature = "values")]
mod date;
#[cfg(feature = "values")]
mod filter;
#[cfg(any(feature = "echotik", feature = "ensembledata", feature = "tiktok"))]
pub(crate) mod found;
#[cfg(any(feature = "echotik", feature = "ensembledata", feature = "tiktok", feature = "web"))]
pub(crate) mod ident;
#[cfg(feature = "values")]
mod language;
#[cfg(any(feature = "declarative", feature = "echotik", feature = "ensembledata", feature = "tiktok"))]
#[cfg_attr(
    not(any(feature = "echotik", feature = "ensembledata", feature = "tiktok")),
    allow(dead_code, reason = "a source that a file describes needs a part of it")
)]
pub(crate) mod lenient;
#[cfg(any(feature = "echotik", feature = "tiktok"))]
pub(crate) mod list;
#[cfg(any(feature = "echotik", feature = "ensembledata", feature = "tiktok", feature = "web"))]
pub(crate) mod named;
#[cfg(feature = "values")]
mod number;
#[cfg(feature = "values")]
mod target;
#[cfg(any(feature = "echotik", feature = "ensembledata", feature = "tiktok"))]
pub(crate) mod text;

#[cfg(feature = "values")]
pub use filter::{Filter, Unfit, apply_all};
#[cfg(feature = "values")]
pub use target::Target;
