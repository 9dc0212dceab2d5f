//! Who follows, likes and comments whom: arithmetic on creators' numbers, so that both ends of a tie agree.

use super::effects::World;
use super::population::purpose;
use super::posts::LATEST_POST;
use super::random::hash;
use super::vendor::Vendor;

/// Followers of one creator that lists can show.
const FOLLOWERS: u32 = 250;

/// Posts one creator liked.
const LIKED: u32 = 45;

/// People who comment on one post.
const COMMENTERS: u32 = 70;

/// Posts that use one sound.
const SOUND_POSTS: u32 = 40;

/// Seconds between two ties of one creator.
const PACE: u64 = 3_600;

/// Creators looked at for one search of people, so that a search in millions stays quick.
const EXAMINED: u32 = 3_000;

/// People one search finds at most.
const MOST_FOUND: usize = 60;

impl World<'_> {
    /// Who follows a creator, the latest first.
    pub(super) fn followers(&self, index: u32) -> Vec<u32> {
        self.neighbours(index, FOLLOWERS)
    }

    /// Whom a creator follows, the latest first.
    pub(super) fn followings(&self, index: u32) -> Vec<u32> {
        let everybody = self.population.len();
        let ties = FOLLOWERS.min(everybody.saturating_sub(1));
        (1..=ties).map(|step| (index + everybody - step) % everybody).collect()
    }

    /// Whether nobody may see whom a creator follows.
    pub(super) fn hides_followings(&self, index: u32) -> bool {
        self.trait_of(index, 1).is_multiple_of(10)
    }

    /// The authors of the posts a creator liked, the latest first; none when they are hidden.
    pub(super) fn liked(&self, index: u32) -> Vec<u32> {
        if self.trait_of(index, 2).is_multiple_of(3) { self.neighbours(index, LIKED) } else { Vec::new() }
    }

    /// Who commented on a post of a creator.
    pub(super) fn commenters(&self, index: u32) -> Vec<u32> {
        self.neighbours(index, COMMENTERS)
    }

    /// Whose posts use a sound.
    pub(super) fn users_of_sound(&self, sound: u64) -> Vec<u32> {
        let start =
            hash(self.population.seed(), purpose::SOUND, sound) % u64::from(self.population.len().max(1));
        self.neighbours(start as u32, SOUND_POSTS)
    }

    /// Whether a creator is live.
    pub(super) fn is_live(&self, index: u32) -> bool {
        self.trait_of(index, 3).is_multiple_of(6)
    }

    /// People with these words in handle or name. In a large population only a part of it is looked at.
    pub(super) fn people_called(&self, words: &str) -> Vec<u32> {
        let (words, everybody) = (words.to_lowercase(), self.population.len());
        let start =
            words.bytes().fold(0, |sum: u32, byte| sum.wrapping_mul(31) + u32::from(byte)) % everybody.max(1);
        let start = if everybody <= EXAMINED { 0 } else { start };
        let called = |index: &u32| {
            let creator = self.present(*index);
            creator.handle.contains(&words) || creator.name.to_lowercase().contains(&words)
        };
        let examined = (0..EXAMINED.min(everybody)).map(|step| (start + step) % everybody);
        examined
            .filter(|index| self.knows(Vendor::EnsembleData, *index))
            .filter(called)
            .take(MOST_FOUND)
            .collect()
    }

    fn neighbours(&self, index: u32, most: u32) -> Vec<u32> {
        let everybody = self.population.len();
        (1..=most.min(everybody.saturating_sub(1))).map(|step| (index + step) % everybody).collect()
    }

    fn trait_of(&self, index: u32, which: u64) -> u64 {
        hash(self.population.seed(), purpose::TIE, u64::from(index) << 3 | which)
    }
}

/// When the tie at a position of a list came about, unix seconds.
pub(super) fn tied_at(position: usize) -> u64 {
    LATEST_POST - position as u64 * PACE
}

/// The first position whose tie is older than a moment; 0 for the moment 0.
pub(super) fn list_position(seconds: u64) -> usize {
    if seconds == 0 { 0 } else { (LATEST_POST.saturating_sub(seconds) / PACE + 1) as usize }
}

#[cfg(test)]
mod tests {
    use super::super::effects::Effects;
    use super::super::population::Population;
    use super::*;

    #[test]
    fn both_ends_of_a_tie_agree_and_nobody_follows_themselves() {
        for everybody in [1, 2, 40, 1_000] {
            let (population, effects) = (Population::new(3, everybody), Effects::default());
            let world = World { population: &population, effects: &effects };
            for index in 0..everybody.min(50) {
                let followers = world.followers(index);
                assert!(!followers.contains(&index));
                assert!(followers.iter().all(|follower| world.followings(*follower).contains(&index)));
            }
        }
    }

    #[test]
    fn a_moment_leads_to_the_tie_after_it() {
        assert_eq!(list_position(0), 0);
        for position in [0, 1, 99, 249] {
            assert_eq!(list_position(tied_at(position)), position + 1);
        }
    }

    #[test]
    fn people_are_found_by_a_part_of_their_name() {
        let (population, effects) = (Population::new(3, 100_000), Effects::default());
        let world = World { population: &population, effects: &effects };
        let found = world.people_called("GLOW");
        assert_eq!(found.len(), MOST_FOUND);
        assert!(found.iter().all(|index| {
            let creator = population.creator(*index);
            format!("{} {}", creator.handle, creator.name.to_lowercase()).contains("glow")
        }));
        assert!(world.people_called("nobody is called so").is_empty());
    }
}
