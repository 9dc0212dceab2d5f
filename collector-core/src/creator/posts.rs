//! Figures over a creator's latest posts.

use std::cmp::Reverse;

use super::{CreatorSighting, PostSeen, PostStats};
use crate::domain::Sighting;

/// More says little about now, and costs a page more at most vendors.
const LATEST: usize = 12;

/// A dozen posts have few tags that say anything; spam has hundreds.
const HASHTAGS: usize = 30;

/// Keeps a hostile figure from writing a number that does not survive JSON.
const MAX_RATE: f64 = 1_000_000.0;

/// A post, and which sighting shows it newest.
struct Seen<'a> {
    post: &'a PostSeen,
    pinned: bool,
    by: usize,
}

/// The figures over the latest posts of all sightings that count, and which sighting showed most of them; `None` when
/// none shows a post that counts.
pub(super) fn stats(
    sightings: &[&Sighting<CreatorSighting>],
    counts: impl Fn(usize) -> bool,
) -> Option<(PostStats, usize)> {
    let latest = latest(sightings, counts);
    let by = most_frequent(&latest, sightings)?;
    let posts: Vec<&PostSeen> = latest.iter().map(|seen| seen.post).collect();
    let views = || posts.iter().filter_map(|post| post.views);
    let stats = PostStats {
        seen: posts.len() as u32,
        avg_views: mean(views()),
        median_views: median(views().collect()),
        avg_likes: mean(posts.iter().filter_map(|post| post.likes)),
        avg_comments: mean(posts.iter().filter_map(|post| post.comments)),
        avg_shares: mean(posts.iter().filter_map(|post| post.shares)),
        engagement_rate: engagement_rate(&posts),
        hashtags: hashtags(&posts),
        last_post_at: posts.iter().filter_map(|post| post.created_at).max(),
    };
    Some((stats, by))
}

/// Adds the posts of an older sighting to a newer one of the same side: each page of a search shows a post or two, and
/// together they are what the figures stand on. Tells whether that changed what the newer one shows.
///
/// The latest [`LATEST`] and as many pinned ones are kept, in one order, so that the order of calls does not matter.
pub(super) fn carry(older: &[PostSeen], newer: &mut Vec<PostSeen>) -> bool {
    if older.iter().all(|post| newer.iter().any(|known| known.id == post.id && known.pinned >= post.pinned)) {
        return false;
    }
    let before = newer.clone();
    for post in older.iter().filter(|post| !post.id.is_empty()) {
        match newer.iter_mut().find(|known| known.id == post.id) {
            Some(known) => known.pinned |= post.pinned,
            None => newer.push(post.clone()),
        }
    }
    newer.sort_by(|a, b| {
        (a.pinned, Reverse(a.created_at), Reverse(&a.id)).cmp(&(
            b.pinned,
            Reverse(b.created_at),
            Reverse(&b.id),
        ))
    });
    let (mut latest, mut pinned) = (0, 0);
    newer.retain(|post| {
        let count = if post.pinned { &mut pinned } else { &mut latest };
        *count += 1;
        *count <= LATEST
    });
    *newer != before
}

/// Replaces posts by what the same answer says of them when it is read again, where that is more and nothing else: so a
/// figure that was not understood is known, and one that a later answer brought stays. Tells whether any was replaced.
pub(super) fn mend(again: &[PostSeen], known: &mut [PostSeen]) -> bool {
    let mut mended = false;
    for post in again.iter().filter(|post| !post.id.is_empty()) {
        let Some(known) = known.iter_mut().find(|known| known.id == post.id) else { continue };
        if *known != *post && is_part_of(known, post) {
            *known = PostSeen { pinned: known.pinned || post.pinned, ..post.clone() };
            mended = true;
        }
    }
    mended
}

/// Whether a post shows nothing that another one does not show the same way.
fn is_part_of(less: &PostSeen, more: &PostSeen) -> bool {
    let same = |a: Option<u64>, b: Option<u64>| a.is_none() || a == b;
    (less.created_at.is_none() || less.created_at == more.created_at)
        && same(less.views, more.views)
        && same(less.likes, more.likes)
        && same(less.comments, more.comments)
        && same(less.shares, more.shares)
        && (less.hashtags.is_empty() || less.hashtags == more.hashtags)
}

/// The latest posts that are not pinned, each as its newest sighting shows it.
///
/// A post without an id cannot be told from others and does not count.
fn latest<'a>(sightings: &[&'a Sighting<CreatorSighting>], counts: impl Fn(usize) -> bool) -> Vec<Seen<'a>> {
    let posts_of = |(by, sighting): (usize, &&'a Sighting<CreatorSighting>)| {
        sighting.item.posts.iter().map(move |post| Seen { post, pinned: post.pinned, by })
    };
    let counted = sightings.iter().enumerate().filter(|(by, _)| counts(*by));
    let mut seen: Vec<Seen<'a>> =
        counted.flat_map(posts_of).filter(|seen| !seen.post.id.is_empty()).collect();
    seen.sort_by(|a, b| {
        let newest = |seen: &Seen<'_>| {
            let sighting = sightings[seen.by];
            (Reverse(sighting.seen_at), &sighting.source, &sighting.aspect)
        };
        a.post.id.cmp(&b.post.id).then_with(|| newest(a).cmp(&newest(b)))
    });
    // Not every source tells that a post is pinned; one that does is believed.
    seen.dedup_by(|older, newest| {
        let same = older.post.id == newest.post.id;
        newest.pinned |= same && older.pinned;
        same
    });
    seen.retain(|seen| !seen.pinned);
    seen.sort_by(|a, b| {
        (Reverse(a.post.created_at), Reverse(&a.post.id))
            .cmp(&(Reverse(b.post.created_at), Reverse(&b.post.id)))
    });
    seen.truncate(LATEST);
    seen
}

fn most_frequent(latest: &[Seen<'_>], sightings: &[&Sighting<CreatorSighting>]) -> Option<usize> {
    let mut shown = vec![0_usize; sightings.len()];
    latest.iter().for_each(|seen| shown[seen.by] += 1);
    let order = |&by: &usize| (Reverse(shown[by]), &sightings[by].source, &sightings[by].aspect);
    (0..sightings.len()).filter(|&by| shown[by] > 0).min_by(|a, b| order(a).cmp(&order(b)))
}

/// The mean, rounded half up.
fn mean(values: impl Iterator<Item = u64>) -> Option<u64> {
    let (sum, count) =
        values.fold((0_u128, 0_u128), |(sum, count), value| (sum + u128::from(value), count + 1));
    (sum + count / 2).checked_div(count).and_then(|mean| u64::try_from(mean).ok())
}

/// The median; of an even number the mean of the middle two, rounded half up.
fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    let upper = values.len() / 2;
    let lower = values.len().checked_sub(1)? / 2;
    mean([values[lower], values[upper]].into_iter())
}

fn engagement_rate(posts: &[&PostSeen]) -> Option<f64> {
    let rates: Vec<f64> = posts.iter().filter_map(|post| rate(post)).collect();
    if rates.is_empty() {
        return None;
    }
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    Some((mean.min(MAX_RATE) * 1e6).round() / 1e6)
}

fn rate(post: &PostSeen) -> Option<f64> {
    let views = post.views.filter(|&views| views > 0)?;
    let reactions = [post.likes, post.comments, post.shares];
    let known = reactions.iter().flatten();
    let sum: u128 = known.clone().map(|&count| u128::from(count)).sum();
    known.clone().next().map(|_| sum as f64 / views as f64)
}

/// The hashtags, most used first, equal ones by name.
fn hashtags(posts: &[&PostSeen]) -> Vec<Box<str>> {
    let mut tags: Vec<&str> = posts.iter().flat_map(|post| post.hashtags.iter().map(|tag| &**tag)).collect();
    tags.sort_unstable();
    let mut counted: Vec<(usize, &str)> =
        tags.chunk_by(|a, b| a == b).map(|same| (same.len(), same[0])).collect();
    // Stable, so that equal counts stay in order of name.
    counted.sort_by_key(|(count, _)| Reverse(*count));
    counted.into_iter().take(HASHTAGS).map(|(_, tag)| tag.into()).collect()
}
