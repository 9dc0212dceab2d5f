//! Pictures of creators: [`ImagesSink`] fetches them and keeps them in a folder, in a bucket, or in any object store.
//!
//! # Collects
//! The avatar of each record, as it came, under the hash of its bytes: `ab/ab12….jpg`. What it found out is reported as
//! the fact [`AVATAR`] and becomes part of the record:
//!
//! ```json
//! {"avatar":{"link":"/tos-alisg-avt-0068/7f…~c5_1080x1080.webp","key":"ab/ab12….webp","hash":"ab12…",
//!            "type":"image/webp","bytes":48212,"width":1080,"height":1080}}
//! {"avatar":{"link":"/tos-alisg-avt-0068/7f…~c5_1080x1080.webp","problem":"gone","why":"the host answers 404",
//!            "tried":"2026-11-01T00:00:00Z"}}
//! ```
//!
//! # Requests and cost
//! One request a picture. A picture whose link is known, its signature left out, is never fetched again, and the same
//! bytes behind two links are one file. One write a picture, by a bounded number of blocking threads.
//!
//! | what happens | what the sink does |
//! | --- | --- |
//! | the link has ended, by its own word or by 401, 403, 410 | asks for a newer version of the record, once; if that one's link has ended too: `ended` |
//! | 404 | `gone` |
//! | 408, 425, 429, 5xx, no connection, no answer in time, cut short | later, four times in all; then `unavailable` |
//! | no picture, a broken one, too large, too many pixels, compressed | `unusable` |
//! | a link that must not be asked for, or leads there | `forbidden` |
//! | the folder fails | the whole batch stays pending |
//! | a bucket refuses one picture for now | that one later |
//!
//! Nothing here rejects a record: a creator with a bad picture is as good as one without. `ended` and `unavailable` are
//! tried again with the record's next version after an hour, the others after a week, or when the link changes. Only the
//! engine refuses a change, where a link has ended and no source can be asked for a newer one.
//!
//! # Options
//! See [`ImagesConfig`].
//!
//! # Limits
//! Links come out of answers, so anybody may have chosen them. Only `http` and `https` are asked, on ports 80 and 443,
//! by name: no bare address in any spelling, no name of the local network. Names are resolved by the sink, and only
//! public addresses are connected to; so with each of at most three redirects, none of which may give up TLS. No proxy
//! of the environment is used. `allow` names addresses that are exempt, for a simulator on the same machine.
//!
//! The type is told by the bytes: JPEG, PNG, WebP, GIF, AVIF, HEIC; never SVG or HTML. The size is read out of the
//! file's own words, nothing is decoded or unpacked. At most 32 MiB of pictures are in memory. A host that does not
//! answer three times in a row, or badly twenty times, is left alone for a while; at most [`per_host`](ImagesConfig::per_host) downloads wait for one.
//!
//! Pictures that no record refers to any more are collected by [`ImagesSink::upkeep`], once a day, or by [`sweep`].
//!
//! # Errors
//! `ConfigInvalid` for a folder or a bucket that cannot be used; `Unavailable` while the place fails; `Unauthorized` when it refuses
//! the credential. No error and no log line holds a link: they are signed.
//!
//! # Example
//! ```
//! use collector_sinks::images::{ImagesConfig, ImagesSink};
//!
//! # fn main() -> collector_core::error::Result<()> {
//! let sink = ImagesSink::new(ImagesConfig::new("images"))?;
//! # drop(sink);
//! # Ok(())
//! # }
//! ```

mod address;
mod client;
mod config;
mod copy;
mod download;
mod fact;
mod forget;
mod hosts;
mod link;
mod memory;
#[cfg(feature = "s3")]
pub mod s3;
mod shelf;
mod sink;
mod sniff;
mod sweep;
mod upkeep;
mod used;

#[cfg(test)]
mod tests;

pub use config::ImagesConfig;
pub use copy::Copied;
pub use fact::{AVATAR, KeptPicture, MissingPicture, PictureFact, PictureState, Problem};
pub use sink::ImagesSink;
pub use sweep::{Swept, sweep};
pub use upkeep::Upkeep;
