//! TikTok.

mod config;
mod day;
mod named;
mod one;
mod research;
mod secrets;
mod source;

pub use config::{Mode, TikTokConfig};
pub use one::OneOptions;
pub use research::ResearchOptions;
pub use source::TikTok;
