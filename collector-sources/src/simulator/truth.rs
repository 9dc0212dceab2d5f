//! What is true of the population, as JSON Lines: the measure of every merge and of every run.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use serde_json::json;

use super::effects::World;
use super::population::{Commerce, Creator, Population};
use super::query::Query;
use super::server::{Knobs, Shared};
use super::vendor::Vendor;

const DEFAULT_LIMIT: u32 = 100;

/// Creators rendered at a time, so that the truth about millions streams in little memory.
const CHUNK: u32 = 200;

const MAX_POSTS: u32 = 50;

/// One creator as things are now, and what the lists still say.
#[derive(Debug, Serialize)]
struct Truth<'a> {
    index: u32,
    uid: String,
    sec_uid: &'a str,
    handle: &'a str,
    first_handle: String,
    renamed: bool,
    /// Who answers to the first handle now, if somebody else does.
    first_handle_taken_by: Option<String>,
    known: bool,
    has_ids: bool,
    in_list: bool,
    row_has_id: bool,
    /// The vendors that know the creator, and those of them whose answers carry the stable ids.
    known_by: Vec<Vendor>,
    ids_at: Vec<Vendor>,
    /// Those whose rows show the creator as they were before they changed last.
    behind_at: Vec<Vendor>,
    broken_profile: bool,
    changes: u64,
    name: &'a str,
    bio: &'a str,
    country: &'a str,
    language: &'a str,
    followers: u64,
    following: u64,
    hearts: u64,
    likes_given: u64,
    videos: u32,
    verified: bool,
    private: bool,
    has_shop: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    commerce: Option<Commerce>,
    avatar_uri: &'a str,
    hashtags: [&'a str; 2],
    created_at: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    posts: Vec<TruePost<'a>>,
}

#[derive(Debug, Serialize)]
struct TruePost<'a> {
    id: String,
    created_at: u64,
    hashtag: &'a str,
    views: u64,
    likes: u64,
    comments: u64,
    shares: u64,
    saves: u64,
    pinned: bool,
    photo: bool,
}

/// Streams the truth about a part of the population.
pub(super) fn creators(shared: Arc<Shared>, query: &Query) -> Body {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<u32>().ok());
    let from = number("from").unwrap_or_default();
    let limit = number("limit").unwrap_or(DEFAULT_LIMIT);
    let posts = number("posts").unwrap_or_default().min(MAX_POSTS);
    let to = from.saturating_add(limit).min(shared.population.len());
    let knobs = shared.knobs();
    Body::from_stream(stream::unfold((from, shared, knobs), move |(next, shared, knobs)| async move {
        if next >= to {
            return None;
        }
        let until = next.saturating_add(CHUNK).min(to);
        let lines = lines(&shared.population, &knobs, next..until, posts);
        Some((Ok::<_, Infallible>(Bytes::from(lines)), (until, shared, knobs)))
    }))
}

/// The names of all hashtags with the lengths of their lists.
pub(super) fn hashtags(population: &Population) -> String {
    population
        .hashtags()
        .iter()
        .zip(0..)
        .map(|(name, number)| {
            json!({ "name": name, "posts": population.list_len(number) }).to_string() + "\n"
        })
        .collect()
}

fn lines(population: &Population, knobs: &Knobs, range: std::ops::Range<u32>, posts: u32) -> Vec<u8> {
    let world = World { population, effects: &knobs.effects };
    let mut lines = Vec::with_capacity(range.len() * 1_000);
    for index in range {
        let creator = world.present(index);
        let truth = truth(&world, &creator, posts);
        // Writing numbers and text to memory cannot fail.
        if serde_json::to_writer(&mut lines, &truth).is_ok() {
            lines.push(b'\n');
        }
    }
    lines
}

fn truth<'a>(world: &World<'a>, creator: &'a Creator, posts: u32) -> Truth<'a> {
    let population = world.population;
    Truth {
        index: creator.index,
        uid: creator.uid.to_string(),
        sec_uid: &creator.sec_uid,
        handle: &creator.handle,
        first_handle: population.handle(creator.index, super::population::Era::First),
        renamed: world.renamed(creator.index),
        first_handle_taken_by: world.taken_by(creator.index).map(|by| population.creator(by).uid.to_string()),
        known: world.knows(Vendor::EnsembleData, creator.index),
        has_ids: world.shows_ids(Vendor::EnsembleData, creator.index),
        in_list: world.knows(Vendor::List, creator.index),
        row_has_id: world.shows_ids(Vendor::List, creator.index),
        known_by: vendors(|vendor| world.knows(vendor, creator.index)),
        ids_at: vendors(|vendor| world.shows_ids(vendor, creator.index)),
        behind_at: vendors(|vendor| world.is_behind(vendor, creator.index)),
        broken_profile: world.broken(creator.index),
        changes: world.changes(creator.index),
        name: &creator.name,
        bio: &creator.bio,
        country: creator.country,
        language: creator.language,
        followers: creator.followers,
        following: creator.following,
        hearts: creator.hearts,
        likes_given: creator.likes_given,
        videos: creator.videos,
        verified: creator.verified,
        private: creator.private,
        has_shop: creator.has_shop,
        commerce: population.commerce(creator),
        avatar_uri: &creator.avatar_uri,
        hashtags: creator.hashtags.map(|number| population.hashtag(number)),
        created_at: creator.created_at,
        posts: (0..posts.min(creator.videos)).map(|index| true_post(world, creator, index)).collect(),
    }
}

fn vendors(is: impl Fn(Vendor) -> bool) -> Vec<Vendor> {
    Vendor::ALL.into_iter().filter(|vendor| is(*vendor)).collect()
}

fn true_post<'a>(world: &World<'a>, creator: &Creator, index: u32) -> TruePost<'a> {
    let post = world.post(creator, index);
    TruePost {
        id: post.id.to_string(),
        created_at: post.created_at,
        hashtag: world.population.hashtag(post.hashtag),
        views: post.views,
        likes: post.likes,
        comments: post.comments,
        shares: post.shares,
        saves: post.saves,
        pinned: post.pinned,
        photo: post.photo,
    }
}
