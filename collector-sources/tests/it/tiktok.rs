//! TikTok's own APIs against the conformance suite, and what goes beyond it: tokens, windows, lost searches.

mod one;
mod research;
mod token;
