//! Posts: ids that lead back to their creator, and counters that fit the creator's reach.

use super::effects::World;
use super::names::CAPTIONS;
use super::population::{Creator, Population, purpose};
use super::random::{Dice, hash};

/// The moment up to which creators have posted, 2026-11-01. Fixed, so that posts are a pure function of the seed.
pub(super) const LATEST_POST: u64 = 1_793_491_200;

/// Bits of a post id's lower half that hold which of the creator's posts it is.
const INDEX_BITS: u32 = 10;

/// The truth about one post.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Post {
    pub(super) id: u64,
    /// 0 is the newest.
    pub(super) index: u32,
    /// Unix seconds.
    pub(super) created_at: u64,
    pub(super) caption: &'static str,
    /// The number of the hashtag the post carries.
    pub(super) hashtag: u32,
    pub(super) views: u64,
    pub(super) likes: u64,
    pub(super) comments: u64,
    pub(super) shares: u64,
    pub(super) saves: u64,
    pub(super) duration_ms: u64,
    pub(super) photo: bool,
    pub(super) pinned: bool,
}

impl World<'_> {
    /// Computes one of a creator's posts as of the present generation.
    pub(super) fn post(&self, creator: &Creator, index: u32) -> Post {
        let seed = self.population.seed();
        let packed = (creator.index << INDEX_BITS) | index;
        let mut dice = Dice::new(seed, purpose::POST, u64::from(packed));
        let born_views =
            (creator.followers as f64 * (0.05 + 1.6 * dice.unit().powi(3))) as u64 + dice.below(400);
        let views = born_views + self.changes(creator.index) * (born_views / 30 + 1);
        let share_of_views = |thousandths: u64| views * thousandths / 1_000;
        Post {
            id: post_id(self.population, creator, index),
            index,
            created_at: posted_at(seed, creator, index),
            caption: dice.pick(CAPTIONS),
            hashtag: creator.hashtags[(index % 2) as usize],
            views,
            likes: share_of_views(20 + dice.below(120)),
            comments: share_of_views(1 + dice.below(8)),
            shares: share_of_views(dice.below(12)),
            saves: share_of_views(2 + dice.below(25)),
            duration_ms: 6_000 + dice.below(170_000),
            photo: dice.chance(0.1),
            pinned: dice.chance(0.05),
        }
    }
}

/// Finds the creator and the position of a post.
pub(super) fn find_post(population: &Population, id: u64) -> Option<(u32, u32)> {
    let packed = population.post_ids.undo(id as u32);
    let (index, position) = (packed >> INDEX_BITS, packed & ((1 << INDEX_BITS) - 1));
    if index >= population.len() {
        return None;
    }
    let creator = population.creator(index);
    (position < creator.videos && post_id(population, &creator, position) == id).then_some((index, position))
}

/// Post ids carry the second of their birth in the upper half, as the real ones do.
fn post_id(population: &Population, creator: &Creator, index: u32) -> u64 {
    let packed = (creator.index << INDEX_BITS) | index;
    (posted_at(population.seed(), creator, index) << 32) | u64::from(population.post_ids.apply(packed))
}

/// Posts follow each other at the creator's own pace, never before the account was opened.
pub(super) fn posted_at(seed: u64, creator: &Creator, index: u32) -> u64 {
    let pace = hash(seed, purpose::PACE, u64::from(creator.index));
    let newest = LATEST_POST - pace % (40 * 86_400);
    let wished = 40_000 + (pace >> 32) % (10 * 86_400);
    let room = (newest - creator.created_at) / u64::from(creator.videos + 1);
    newest - u64::from(index) * wished.min(room)
}

#[cfg(test)]
mod tests {
    use super::super::effects::Effects;
    use super::*;

    #[test]
    fn post_ids_lead_back_and_forgeries_do_not() {
        let population = Population::new(42, 3_000);
        let effects = Effects::default();
        let world = World { population: &population, effects: &effects };
        for index in (0..3_000).step_by(7) {
            let creator = population.creator(index);
            for position in [0, 1, 2, creator.videos - 1] {
                let post = world.post(&creator, position);
                assert_eq!(post.id.to_string().len(), 19);
                assert_eq!(find_post(&population, post.id), Some((index, position)));
                assert_eq!(find_post(&population, post.id ^ (1 << 40)), None, "wrong birth");
                assert!(post.created_at >= creator.created_at && post.created_at <= LATEST_POST);
            }
            assert_eq!(
                find_post(&population, world.post(&creator, creator.videos).id),
                None,
                "past the last"
            );
        }
        assert_eq!(find_post(&population, 0), None);
    }

    #[test]
    fn newer_posts_come_first_and_engagement_stays_below_reach() {
        let population = Population::new(1, 100);
        let effects = Effects::default();
        let world = World { population: &population, effects: &effects };
        let creator = population.creator(4);
        let posts: Vec<Post> = (0..creator.videos).map(|index| world.post(&creator, index)).collect();
        assert!(posts.windows(2).all(|pair| pair[0].created_at > pair[1].created_at));
        assert!(posts.iter().all(|post| post.likes + post.comments + post.shares <= post.views));
        assert!(posts.iter().all(|post| creator.hashtags.contains(&post.hashtag)));
    }
}
