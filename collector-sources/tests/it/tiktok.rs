//! TikTok's own APIs against the conformance suite, and what goes beyond it: tokens, windows, lost searches.

mod one;
mod research;
#[cfg(feature = "simulator")]
mod simulated;
mod token;
