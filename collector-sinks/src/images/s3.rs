//! Pictures in a bucket of S3, or of a server that speaks its protocol: MinIO, Ceph, R2 and others.
//!
//! [`ImagesSink::in_bucket`](super::ImagesSink::in_bucket) takes a [`BucketConfig`], which says where, and a
//! [`BucketAccess`], which says who. Nothing is read from the environment or from files, except what a credential
//! service of the cloud names in the access that was given.
//!
//! # Requests and cost
//! One PUT a picture with `If-None-Match: *`, so that what is there is not written again. A picture that is there already
//! and was not wanted for half an hour is written anew, which makes it young to a sweep. Opening and checking ask three
//! times: list, read, write; the write has a condition that cannot hold, so it changes nothing.
//!
//! | what the server answers | what the sink does |
//! | --- | --- |
//! | 412, or 304 | the picture is there: done |
//! | 409, two writers of one picture | writes once more without a condition: both have the same bytes |
//! | 409 again, 429, 5xx, no answer in time | this picture later; the others of its batch are not affected |
//! | no connection, a wrong key, a missing right, no bucket | the whole batch stays pending |
//!
//! # Limits
//! Profiles and single sign-on are not read, see [`BucketAccess::found_in`]. No proxy is used. Buckets are not made. Where a
//! bucket keeps versions, deleted pictures stay as old versions: let a life-cycle rule end them.
//! The rights that are needed stand in `docs/permissions.md`.

mod access;
mod check;
mod config;
mod error;
mod place;
mod service;

pub use access::BucketAccess;
pub use config::BucketConfig;

pub(super) use check::check;
pub(super) use error::explain;
pub(super) use place::{open, put};
