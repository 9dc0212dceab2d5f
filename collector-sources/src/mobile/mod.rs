//! The platform's own mobile objects, which several vendors pass on as they are: people and posts.

pub(crate) mod figures;
pub(crate) mod person;
mod post;
mod user;

pub(crate) use post::{Hashtags, Post, PostId, Statistics};
pub(crate) use user::{Formats, Image, Stats, User};
