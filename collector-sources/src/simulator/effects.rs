//! What happened to creators after everybody first learned of them: growth, new handles, deleted accounts.
//!
//! Lists and hashtag pages keep showing the handle a creator had first. Lookups by handle, by `secUid` and by post
//! id tell how things are now. All of it is a pure function of the seed and of the shares in force.

use super::config::SimulatorConfig;
use super::population::{Creator, Era, Population, purpose};
use super::random::{hash, unit};
use super::vendor::Vendor;

/// The shares in force, taken from the knobs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Effects {
    generation: u32,
    changed_share: f64,
    renamed_share: f64,
    reused_share: f64,
    unknown_share: f64,
    no_id_share: f64,
    stale: bool,
    broken_profiles: u32,
}

impl From<&SimulatorConfig> for Effects {
    fn from(config: &SimulatorConfig) -> Self {
        Self {
            generation: config.generation,
            changed_share: config.changed_share,
            renamed_share: config.renamed_share,
            reused_share: config.reused_share,
            unknown_share: config.unknown_share,
            no_id_share: config.no_id_share,
            stale: config.stale_days > 0,
            broken_profiles: config.broken_profiles,
        }
    }
}

/// What became of a creator's first handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Still in use.
    Kept,
    /// Given up for a new one; nobody has the old one.
    Renamed,
    /// Given up for a new one, and `by` now uses the old one.
    Taken { by: u32 },
    /// Given up for the handle that `from` had before.
    Takes { from: u32 },
}

/// A population seen through the effects in force.
#[derive(Debug, Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) population: &'a Population,
    pub(super) effects: &'a Effects,
}

impl World<'_> {
    /// A creator as of the present generation, with the present handle.
    pub(super) fn present(&self, index: u32) -> Creator {
        let mut creator = self.listed(index);
        creator.handle = self.handle_now(index);
        creator
    }

    /// A creator as of the present generation, with the handle that lists still show.
    pub(super) fn listed(&self, index: u32) -> Creator {
        self.after(index, self.changes(index))
    }

    /// A creator as the plain list and EchoTik's lists show them, which may be days behind.
    pub(super) fn row(&self, index: u32) -> Creator {
        let generation = self.effects.generation.saturating_sub(u32::from(self.effects.stale));
        self.after(index, self.changes_up_to(index, generation))
    }

    /// A creator as EchoTik's database has them, which may be days behind: only the handle is the present one.
    pub(super) fn kept(&self, index: u32) -> Creator {
        let mut creator = self.row(index);
        creator.handle = self.handle_now(index);
        creator
    }

    /// Whether a vendor's rows show a creator as they were before their counters and biography changed.
    pub(super) fn is_behind(&self, vendor: Vendor, index: u32) -> bool {
        let keeps_rows = matches!(vendor, Vendor::List | Vendor::EchoTik);
        keeps_rows && self.effects.stale && {
            let before = self.effects.generation.saturating_sub(1);
            self.changes_up_to(index, before) != self.changes(index)
        }
    }

    /// A creator with the first handle after a number of changes.
    fn after(&self, index: u32, changes: u64) -> Creator {
        let mut creator = self.population.creator(index);
        if changes > 0 {
            creator.followers += changes * (creator.followers / 50 + 1);
            creator.hearts += changes * (creator.hearts / 40 + 1);
            creator.following += changes;
            creator.bio.push_str(&format!(" ({changes})"));
        }
        creator
    }

    /// How often a creator's counters and biography changed up to the present generation.
    pub(super) fn changes(&self, index: u32) -> u64 {
        self.changes_up_to(index, self.effects.generation)
    }

    fn changes_up_to(&self, index: u32, generation: u32) -> u64 {
        if self.effects.changed_share <= 0.0 {
            return 0;
        }
        let changed = |generation: &u32| {
            let chance = u64::from(index) | (u64::from(*generation) << 32);
            self.drawn(purpose::CHANGED, chance, self.effects.changed_share)
        };
        (1..=generation).filter(changed).count() as u64
    }

    /// Who answers to a handle today.
    pub(super) fn owner(&self, handle: &str) -> Option<u32> {
        let (index, era) = self.population.find_handle(handle)?;
        match (era, self.fate(index)) {
            (Era::First, Fate::Kept) => Some(index),
            (Era::First, Fate::Taken { by }) => Some(by),
            (Era::First, Fate::Renamed | Fate::Takes { .. }) => None,
            (Era::Second, Fate::Renamed | Fate::Taken { .. }) => Some(index),
            (Era::Second, Fate::Kept | Fate::Takes { .. }) => None,
        }
    }

    /// Whether a vendor knows a creator: EnsembleData's lookups, the plain list, the others altogether.
    pub(super) fn knows(&self, vendor: Vendor, index: u32) -> bool {
        // The list was there before vendors had salts.
        let (purpose, salt) = if vendor == Vendor::List {
            (purpose::NOT_IN_LIST, 0)
        } else {
            (purpose::UNKNOWN, vendor.salt())
        };
        !self.drawn(purpose, u64::from(index) | salt, self.effects.unknown_share)
    }

    /// Whether a vendor's answers about a creator carry the stable ids.
    pub(super) fn shows_ids(&self, vendor: Vendor, index: u32) -> bool {
        // The list was there before vendors had salts.
        let (purpose, salt) = if vendor == Vendor::List {
            (purpose::NO_ID_IN_LIST, 0)
        } else {
            (purpose::NO_ID, vendor.salt())
        };
        !self.drawn(purpose, u64::from(index) | salt, self.effects.no_id_share)
    }

    /// Whether a creator's profile answer is malformed; exactly as many are as the knob says.
    pub(super) fn broken(&self, index: u32) -> bool {
        let everybody = u64::from(self.population.len().max(1));
        let broken = u64::from(self.effects.broken_profiles.min(self.population.len()));
        // Evenly spread: the running total rises exactly `broken` times over the population.
        u64::from(index) * broken / everybody != (u64::from(index) + 1) * broken / everybody
    }

    pub(super) fn renamed(&self, index: u32) -> bool {
        self.fate(index) != Fate::Kept
    }

    /// Who uses a creator's first handle now, if somebody else does.
    pub(super) fn taken_by(&self, index: u32) -> Option<u32> {
        match self.fate(index) {
            Fate::Taken { by } => Some(by),
            Fate::Kept | Fate::Renamed | Fate::Takes { .. } => None,
        }
    }

    fn handle_now(&self, index: u32) -> String {
        match self.fate(index) {
            Fate::Kept => self.population.handle(index, Era::First),
            Fate::Renamed | Fate::Taken { .. } => self.population.handle(index, Era::Second),
            Fate::Takes { from } => self.population.handle(from, Era::First),
        }
    }

    fn fate(&self, index: u32) -> Fate {
        // Handles change hands inside pairs of neighbours, from the even to the odd one.
        let (even, odd) = (index & !1, index | 1);
        // One of two loses a handle, so half the creators times twice the share gives the share.
        let reused = odd < self.population.len()
            && self.drawn(purpose::REUSED, u64::from(even), 2.0 * self.effects.reused_share);
        match (reused, index == even) {
            (true, true) => Fate::Taken { by: odd },
            (true, false) => Fate::Takes { from: even },
            (false, _) if self.drawn(purpose::RENAMED, u64::from(index), self.effects.renamed_share) => {
                Fate::Renamed
            }
            (false, _) => Fate::Kept,
        }
    }

    fn drawn(&self, purpose: u64, index: u64, share: f64) -> bool {
        share > 0.0 && unit(hash(self.population.seed(), purpose, index)) < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYBODY: u32 = 10_000;

    fn count(effects: &Effects, matches: impl Fn(&World<'_>, u32) -> bool) -> usize {
        let population = Population::new(5, EVERYBODY);
        let world = World { population: &population, effects };
        (0..EVERYBODY).filter(|index| matches(&world, *index)).count()
    }

    #[test]
    fn without_effects_everybody_is_as_born() {
        let effects = Effects::default();
        let untouched = |world: &World<'_>, index| {
            let born = world.population.creator(index);
            world.present(index) == born
                && world.owner(&born.handle) == Some(index)
                && world.knows(Vendor::EnsembleData, index)
                && world.shows_ids(Vendor::EnsembleData, index)
                && !world.broken(index)
        };
        assert_eq!(count(&effects, untouched), EVERYBODY as usize);
    }

    #[test]
    fn a_renamed_creator_answers_only_to_the_new_handle() {
        let effects = Effects { renamed_share: 0.03, ..Effects::default() };
        let moved = |world: &World<'_>, index| {
            let (listed, present) = (world.listed(index), world.present(index));
            if listed.handle == present.handle {
                return false;
            }
            assert_eq!(world.owner(&listed.handle), None);
            assert_eq!(world.owner(&present.handle), Some(index));
            true
        };
        let moved = count(&effects, moved);
        assert!((250..350).contains(&moved), "{moved}");
    }

    #[test]
    fn a_reused_handle_answers_with_somebody_else() {
        let effects = Effects { reused_share: 0.005, renamed_share: 0.03, ..Effects::default() };
        let reused = |world: &World<'_>, index| {
            let Some(taker) = world.taken_by(index) else { return false };
            let first = world.listed(index).handle;
            assert_eq!(world.owner(&first), Some(taker));
            assert_eq!(world.present(taker).handle, first);
            assert_eq!(world.owner(&world.listed(taker).handle), None, "the taker left a handle behind");
            assert_eq!(world.owner(&world.present(index).handle), Some(index));
            true
        };
        let reused = count(&effects, reused);
        assert!((30..75).contains(&reused), "{reused}");
    }

    #[test]
    fn unknown_and_without_ids_meet_their_shares() {
        let effects = Effects { unknown_share: 0.08, no_id_share: 0.1, ..Effects::default() };
        let unknown = count(&effects, |world, index| !world.knows(Vendor::EnsembleData, index));
        let without = count(&effects, |world, index| !world.shows_ids(Vendor::EnsembleData, index));
        assert!((700..900).contains(&unknown), "{unknown}");
        assert!((900..1_100).contains(&without), "{without}");
    }

    #[test]
    fn the_plain_list_lacks_others_and_can_be_a_generation_behind() {
        let effects = Effects { unknown_share: 0.08, no_id_share: 0.1, ..Effects::default() };
        let missing = count(&effects, |world, index| !world.knows(Vendor::List, index));
        assert!((700..900).contains(&missing), "{missing}");
        let both = count(&effects, |world, index| {
            !world.knows(Vendor::List, index) && !world.knows(Vendor::EnsembleData, index)
        });
        assert!(both < 120, "{both} are known to nobody");
        assert!(
            count(&effects, |world, index| world.shows_ids(Vendor::List, index)
                != world.shows_ids(Vendor::EnsembleData, index))
                > 1_000
        );
        let behind = Effects { generation: 1, changed_share: 0.2, stale: true, ..Effects::default() };
        let lags = |world: &World<'_>, index| world.row(index) == world.population.creator(index);
        assert_eq!(count(&behind, lags), EVERYBODY as usize);
        let told = |world: &World<'_>, index| {
            let differs = world.kept(index) != world.present(index);
            assert_eq!(world.is_behind(Vendor::EchoTik, index), differs);
            assert!(!world.is_behind(Vendor::EnsembleData, index));
            differs
        };
        assert!((1_850..2_150).contains(&count(&behind, told)));
        let fresh = Effects { stale: false, ..behind };
        assert_eq!(count(&fresh, |world, index| world.row(index) == world.listed(index)), EVERYBODY as usize);
    }

    #[test]
    fn broken_profiles_are_exactly_as_many_as_asked() {
        for broken in [0, 1, 7, 100, EVERYBODY] {
            let effects = Effects { broken_profiles: broken, ..Effects::default() };
            assert_eq!(count(&effects, |world, index| world.broken(index)), broken as usize);
        }
    }

    #[test]
    fn a_generation_changes_its_share_and_leaves_the_rest() {
        let effects = Effects { generation: 1, changed_share: 0.2, ..Effects::default() };
        let changed = |world: &World<'_>, index| {
            let (born, now) = (world.population.creator(index), world.present(index));
            assert_eq!(born.bio == now.bio, born.followers == now.followers);
            born != now
        };
        let changed = count(&effects, changed);
        assert!((1_850..2_150).contains(&changed), "{changed}");
        let later = Effects { generation: 2, ..effects };
        let twice = count(&later, |world, index| world.changes(index) == 2);
        assert!((330..470).contains(&twice), "{twice}");
    }
}
