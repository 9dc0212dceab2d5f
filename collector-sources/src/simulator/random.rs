//! Repeatable chance: hashes, dice and reversible scrambles, all pure functions of a seed.
//!
//! Nothing here keeps state between calls, so any creator or post can be computed alone, in any order, on
//! any thread. That is what makes a population of millions start at once.

/// One step of SplitMix64: spreads the bits of `value` over all 64.
pub(super) fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Hashes a seed, a purpose and an index; different purposes give unrelated numbers for one index.
pub(super) fn hash(seed: u64, purpose: u64, index: u64) -> u64 {
    mix(mix(seed ^ mix(purpose)) ^ index)
}

/// Turns a hash into a number in `0.0..1.0`.
pub(super) fn unit(hash: u64) -> f64 {
    // 53 bits are what a double holds exactly.
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// A stream of repeatable numbers for one thing.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64, purpose: u64, index: u64) -> Self {
        Self(hash(seed, purpose, index))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in `0..limit`, or 0 when `limit` is 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        // Multiply and shift avoids both a division and the bias of `%` being visible in small ranges.
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    pub(super) fn unit(&mut self) -> f64 {
        unit(self.next())
    }

    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// One entry of a word list; the empty string for an empty list.
    pub(super) fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let at = self.below(words.len() as u64) as usize;
        words.get(at).copied().unwrap_or_default()
    }
}

/// A reversible shuffle of the numbers below `2^bits`: neighbours land far apart, and the way back is exact.
#[derive(Debug, Clone)]
pub(super) struct Scramble {
    mask: u32,
    shift: u32,
    key: u32,
    multipliers: [u32; 3],
    inverses: [u32; 3],
}

impl Scramble {
    pub(super) fn new(bits: u32, seed: u64, purpose: u64) -> Self {
        let mask = if bits >= 32 { u32::MAX } else { (1 << bits) - 1 };
        let odd = |round: u64| (hash(seed, purpose, round) as u32) | 1;
        let multipliers = [odd(1), odd(2), odd(3)];
        Self {
            mask,
            // A right shift by at least half the width undoes itself when applied twice.
            shift: bits.div_ceil(2),
            key: hash(seed, purpose, 0) as u32 & mask,
            multipliers,
            inverses: multipliers.map(inverse),
        }
    }

    pub(super) fn apply(&self, plain: u32) -> u32 {
        let mut value = (plain ^ self.key) & self.mask;
        for multiplier in self.multipliers {
            value = value.wrapping_mul(multiplier) & self.mask;
            value ^= value >> self.shift;
        }
        value
    }

    pub(super) fn undo(&self, scrambled: u32) -> u32 {
        let mut value = scrambled & self.mask;
        for inverse in self.inverses.iter().rev() {
            value ^= value >> self.shift;
            value = value.wrapping_mul(*inverse) & self.mask;
        }
        value ^ self.key
    }
}

/// The multiplicative inverse of an odd number modulo 2^32, by Newton's iteration.
fn inverse(odd: u32) -> u32 {
    let mut guess = odd;
    // Each round doubles the number of right bits, starting from 3.
    for _ in 0..4 {
        guess = guess.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(guess)));
    }
    guess
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scramble_is_reversible_and_stays_in_its_width() {
        for bits in [22, 23, 32] {
            let scramble = Scramble::new(bits, 42, 7);
            for plain in (0..100_000).chain([(1 << 22) - 1]) {
                let scrambled = scramble.apply(plain);
                assert_eq!(scramble.undo(scrambled), plain, "bits {bits}");
                assert!(bits == 32 || scrambled < 1 << bits);
            }
            assert_ne!(scramble.apply(0).abs_diff(scramble.apply(1)), 1, "neighbours must part");
        }
    }

    #[test]
    fn dice_repeat_for_one_seed_and_differ_between_purposes() {
        let rolls = |purpose| {
            let mut dice = Dice::new(1, purpose, 9);
            [dice.below(1_000), dice.below(1_000), dice.below(1_000)]
        };
        assert_eq!(rolls(1), rolls(1));
        assert_ne!(rolls(1), rolls(2));
    }

    #[test]
    fn chance_meets_its_share() {
        let hits = (0..10_000).filter(|index| Dice::new(3, 1, *index).chance(0.03)).count();
        assert!((250..350).contains(&hits), "{hits}");
    }
}
