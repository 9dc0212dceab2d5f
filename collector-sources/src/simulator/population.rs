//! The population: creators, their hashtags and the hashtags' lists, as pure functions of a seed.
//!
//! Nothing is stored per creator. Every identifier can be turned back into the creator's number by arithmetic,
//! so a population of millions starts at once and weighs a few kilobytes.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Serialize;

use super::names::{HANDLE_HEADS, HANDLE_TAILS, HASHTAGS, Locale};
use super::random::{Dice, Scramble, hash};

/// The largest population: posts pack a creator's number into 22 bits.
pub const MAX_CREATORS: u32 = 1 << 22;

/// The most posts one hashtag's list may hold, as at the vendor.
pub(super) const MAX_LIST: u32 = 5_000;

/// How many creators share one hashtag before another is opened, which keeps lists below [`MAX_LIST`].
const CREATORS_PER_HASHTAG: u32 = 1_500;

/// Small populations still have several topics.
const FEWEST_HASHTAGS: u32 = 12;

/// The distance between a creator's first and second hashtag.
const SECOND_HASHTAG: u32 = 5;

/// Walks a list in steps of this prime, so its order looks shuffled. Larger than any list, hence coprime to all.
const STRIDE: u64 = 7_919;

const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const SEC_UID_PREFIX: &str = "MS4wLjABAAAA";

/// 2017-06-01, when the first accounts were opened, and the span in which all others followed (to end of 2025).
const FIRST_ACCOUNT: u64 = 1_496_275_200;
const ACCOUNTS_SPAN: u64 = 270_000_000;

/// What a number is drawn for; each purpose has its own sequence.
pub(super) mod purpose {
    pub(in super::super) const CREATED: u64 = 1;
    pub(in super::super) const PROFILE: u64 = 2;
    pub(in super::super) const HANDLE: u64 = 3;
    pub(in super::super) const SEC_UID: u64 = 4;
    pub(in super::super) const UID: u64 = 5;
    pub(in super::super) const POST: u64 = 6;
    pub(in super::super) const POST_ID: u64 = 7;
    pub(in super::super) const PACE: u64 = 8;
    pub(in super::super) const RENAMED: u64 = 9;
    pub(in super::super) const REUSED: u64 = 10;
    pub(in super::super) const UNKNOWN: u64 = 11;
    pub(in super::super) const NO_ID: u64 = 12;
    pub(in super::super) const CHANGED: u64 = 13;
    pub(in super::super) const FAULT: u64 = 14;
    pub(in super::super) const JITTER: u64 = 15;
    pub(in super::super) const SIGNATURE: u64 = 16;
    pub(in super::super) const QUIRK: u64 = 17;
    pub(in super::super) const PICTURE: u64 = 101;
    pub(in super::super) const PICTURE_FAULT: u64 = 102;
    pub(in super::super) const PICTURE_FATE: u64 = 103;
    pub(in super::super) const STALE_LINKS: u64 = 104;
    pub(in super::super) const TIE: u64 = 18;
    pub(in super::super) const SOUND: u64 = 19;
    pub(in super::super) const NOT_IN_LIST: u64 = 20;
    pub(in super::super) const NO_ID_IN_LIST: u64 = 21;
    pub(in super::super) const COMMERCE: u64 = 22;
}

/// Which of a creator's two possible handles: the one everybody knew first, or the one taken after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    First,
    Second,
}

/// The truth about one creator as the population was born, before any effect.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Creator {
    /// Position in the population, from 0.
    pub index: u32,
    /// Numeric platform id, always 19 digits.
    pub uid: u64,
    /// Second stable id, 76 characters.
    pub sec_uid: String,
    /// Account name, lower case.
    pub handle: String,
    /// Display name, any script.
    pub name: String,
    /// Biography, may hold line breaks, quotes and emoji.
    pub bio: String,
    /// Country of residence, ISO 3166 alpha-2.
    pub country: &'static str,
    /// Language, ISO 639-1.
    pub language: &'static str,
    /// Accounts that follow this one; power law between 500 and 90 million.
    pub followers: u64,
    /// Accounts this one follows.
    pub following: u64,
    /// Likes received.
    pub hearts: u64,
    /// Likes given.
    pub likes_given: u64,
    /// Posts published, 3 to 1,000.
    pub videos: u32,
    /// Whether the platform vouches for the account.
    pub verified: bool,
    /// Whether only followers see the posts.
    pub private: bool,
    /// Whether a shop is attached.
    pub has_shop: bool,
    /// Stable storage key of the avatar.
    pub avatar_uri: String,
    /// Numbers of the two hashtags whose lists show this creator; equal when there is only one hashtag.
    pub hashtags: [u32; 2],
    /// When the account was opened, unix seconds.
    pub created_at: u64,
}

/// What a creator with a shop sold in the last 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Commerce {
    /// Turnover in US cents.
    pub gmv_30d: u64,
    /// Pieces sold.
    pub units_30d: u64,
    /// Average price in US cents.
    pub avg_price: u64,
    /// How well the account sells, 0 to 500 hundredths of a point.
    pub ec_score: u64,
}

/// A made-up population of creators; equal arguments give an equal population.
#[derive(Debug)]
pub struct Population {
    seed: u64,
    creators: u32,
    hashtags: Vec<String>,
    hashtag_numbers: HashMap<String, u32>,
    /// Who lives where, found out when somebody asks.
    countries: OnceLock<HashMap<&'static str, Vec<u32>>>,
    uids: Scramble,
    handles: Scramble,
    sec_uids: Scramble,
    pub(super) post_ids: Scramble,
}

impl Population {
    /// Describes a population of `creators` (at most [`MAX_CREATORS`], more are left out).
    pub fn new(seed: u64, creators: u32) -> Self {
        Self::with_hashtags(seed, creators, default_hashtags(creators))
    }

    /// Describes a population that shares out over a given number of hashtags (at least 1).
    pub fn with_hashtags(seed: u64, creators: u32, hashtags: u32) -> Self {
        let hashtags: Vec<String> = (0..hashtags.max(1)).map(hashtag_name).collect();
        let hashtag_numbers = hashtags.iter().cloned().zip(0..).collect();
        Self {
            seed,
            creators: creators.min(MAX_CREATORS),
            hashtags,
            hashtag_numbers,
            countries: OnceLock::new(),
            uids: Scramble::new(32, seed, purpose::UID),
            handles: Scramble::new(23, seed, purpose::HANDLE),
            sec_uids: Scramble::new(32, seed, purpose::SEC_UID),
            post_ids: Scramble::new(32, seed, purpose::POST_ID),
        }
    }

    /// The seed everything follows from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The number of creators.
    pub fn len(&self) -> u32 {
        self.creators
    }

    /// Whether there are no creators.
    pub fn is_empty(&self) -> bool {
        self.creators == 0
    }

    /// The names of all hashtags, without `#`.
    pub fn hashtags(&self) -> &[String] {
        &self.hashtags
    }

    /// Computes the creator at a position; positions past the end give creators nobody lists.
    pub fn creator(&self, index: u32) -> Creator {
        let mut dice = Dice::new(self.seed, purpose::PROFILE, u64::from(index));
        let locale = Locale::at(dice.below(100));
        let followers = power_law(dice.unit());
        let handle = self.handle(index, Era::First);
        let name = name_of(locale, &mut dice);
        let hashtags = self.hashtags_of(index);
        let bio = self.bio_of(locale, &handle, hashtags, &mut dice);
        Creator {
            index,
            uid: self.uid(index),
            sec_uid: self.sec_uid(index),
            name,
            bio,
            country: locale.country,
            language: locale.language,
            followers,
            following: dice.below(3_000),
            hearts: followers * (4 + dice.below(120)),
            likes_given: dice.below(60_000),
            videos: 3 + (1_000.0 * dice.unit().powi(3)) as u32 % 998,
            verified: dice.chance(0.04) || followers > 3_000_000,
            private: dice.chance(0.02),
            has_shop: dice.chance(0.15),
            avatar_uri: avatar_uri(locale, &mut dice),
            hashtags,
            created_at: self.created_at(index),
            handle,
        }
    }

    /// What a creator sells; nothing without a shop.
    pub fn commerce(&self, creator: &Creator) -> Option<Commerce> {
        creator.has_shop.then(|| {
            let mut dice = Dice::new(self.seed, purpose::COMMERCE, u64::from(creator.index));
            let units_30d = 1 + dice.below(2 + creator.followers / 200);
            let avg_price = 199 + dice.below(9_800);
            Commerce { gmv_30d: units_30d * avg_price, units_30d, avg_price, ec_score: dice.below(501) }
        })
    }

    /// Everybody who lives in a country.
    pub(super) fn of_country(&self, country: &str) -> &[u32] {
        let everybody = self.countries.get_or_init(|| {
            let mut countries: HashMap<&'static str, Vec<u32>> = HashMap::new();
            for index in 0..self.creators {
                let mut dice = Dice::new(self.seed, purpose::PROFILE, u64::from(index));
                countries.entry(Locale::at(dice.below(100)).country).or_default().push(index);
            }
            countries
        });
        everybody.get(country).map_or(&[], Vec::as_slice)
    }

    /// Finds the creator with a numeric id.
    pub fn find_uid(&self, uid: u64) -> Option<u32> {
        let index = self.uids.undo(uid as u32);
        (index < self.creators && self.uid(index) == uid).then_some(index)
    }

    /// Finds the creator with a `sec_uid`.
    pub fn find_sec_uid(&self, sec_uid: &str) -> Option<u32> {
        let digits = sec_uid.strip_prefix(SEC_UID_PREFIX)?.as_bytes().get(..6)?;
        let index = self.sec_uids.undo(u32::try_from(decode(digits, BASE64)?).ok()?);
        (index < self.creators && self.sec_uid(index) == sec_uid).then_some(index)
    }

    /// Finds whose handle this is or was, whatever its case, and from which time of that creator's life.
    pub(super) fn find_handle(&self, handle: &str) -> Option<(u32, Era)> {
        let handle = handle.to_ascii_lowercase();
        let tail = handle.rsplit(['.', '_']).next().unwrap_or_default();
        let coded = (tail.len() == 5).then(|| decode(tail.as_bytes(), BASE32)).flatten();
        let words = handle.trim_end_matches(|character: char| character.is_ascii_digit());
        let counted = handle.strip_prefix(words).and_then(|digits| digits.parse::<u64>().ok());
        [coded, counted].into_iter().flatten().find_map(|code| {
            let plain = self.handles.undo(u32::try_from(code).ok().filter(|code| *code < 1 << 23)?);
            let (index, era) = (plain >> 1, if plain & 1 == 0 { Era::First } else { Era::Second });
            (index < self.creators && self.handle(index, era) == handle).then_some((index, era))
        })
    }

    /// Finds a hashtag by name, whatever its case, without `#`.
    pub(super) fn find_hashtag(&self, name: &str) -> Option<u32> {
        self.hashtag_numbers.get(name.to_lowercase().as_str()).copied()
    }

    /// The name of a hashtag.
    pub(super) fn hashtag(&self, number: u32) -> &str {
        self.hashtags.get(number as usize).map_or("", String::as_str)
    }

    /// How many posts a hashtag's list holds.
    pub(super) fn list_len(&self, hashtag: u32) -> u32 {
        let (first, second) = self.members(hashtag);
        first + second + repeats(first)
    }

    /// The post at a position of a hashtag's list: creator and which of the creator's posts.
    pub(super) fn listed(&self, hashtag: u32, position: u32) -> Option<(u32, u32)> {
        let length = self.list_len(hashtag);
        if position >= length {
            return None;
        }
        let step = u64::from(position) * STRIDE + u64::from(hashtag);
        let slot = (step % u64::from(length)) as u32;
        let (first, second) = self.members(hashtag);
        let count = self.hashtags.len() as u32;
        Some(if slot < first {
            (hashtag + count * slot, 0)
        } else if slot < first + second {
            (self.second_residue(hashtag) + count * (slot - first), 1)
        } else {
            (hashtag + count * (slot - first - second), 2)
        })
    }

    /// A creator's handle in one era.
    pub(super) fn handle(&self, index: u32, era: Era) -> String {
        let plain = (index << 1) | u32::from(era == Era::Second);
        let code = self.handles.apply(plain);
        let mut dice = Dice::new(self.seed, purpose::HANDLE, u64::from(plain) << 1);
        let (head, tail) = (dice.pick(HANDLE_HEADS), dice.pick(HANDLE_TAILS));
        match dice.below(4) {
            0 => format!("{head}.{tail}_{}", encode(code, BASE32, 5)),
            1 => format!("{head}{tail}{code}"),
            2 => format!("{head}_{tail}{code}"),
            _ => format!("{tail}.{}", encode(code, BASE32, 5)),
        }
    }

    pub(super) fn created_at(&self, index: u32) -> u64 {
        FIRST_ACCOUNT + hash(self.seed, purpose::CREATED, u64::from(index)) % ACCOUNTS_SPAN
    }

    /// Platform ids carry the second of their birth in the upper half, as the real ones do.
    fn uid(&self, index: u32) -> u64 {
        (self.created_at(index) << 32) | u64::from(self.uids.apply(index))
    }

    fn sec_uid(&self, index: u32) -> String {
        let mut text = String::with_capacity(76);
        text.push_str(SEC_UID_PREFIX);
        text.push_str(&encode(self.sec_uids.apply(index), BASE64, 6));
        let mut dice = Dice::new(self.seed, purpose::SEC_UID, u64::from(index));
        while text.len() < 76 {
            let missing = 76 - text.len();
            push_base64(&mut text, dice.next(), missing);
        }
        text
    }

    fn hashtags_of(&self, index: u32) -> [u32; 2] {
        let count = self.hashtags.len() as u32;
        let first = index % count;
        [first, (first + SECOND_HASHTAG) % count]
    }

    /// How many creators have a hashtag as their first and as their second.
    fn members(&self, hashtag: u32) -> (u32, u32) {
        (self.of_residue(hashtag), self.of_residue(self.second_residue(hashtag)))
    }

    /// The first hashtag of those whose second one is `hashtag`.
    fn second_residue(&self, hashtag: u32) -> u32 {
        let count = self.hashtags.len() as u32;
        (hashtag + count - SECOND_HASHTAG % count) % count
    }

    fn of_residue(&self, residue: u32) -> u32 {
        let count = self.hashtags.len() as u32;
        (self.creators + count - 1 - residue) / count
    }

    fn bio_of(&self, locale: &Locale, handle: &str, hashtags: [u32; 2], dice: &mut Dice) -> String {
        let mut bio = String::with_capacity(240);
        bio.push_str(dice.pick(locale.openings));
        bio.push_str("\n#");
        bio.push_str(self.hashtag(hashtags[0]));
        bio.push(' ');
        bio.push_str(dice.pick(locale.closings));
        if dice.chance(0.3) {
            bio.push_str("\n✉ ");
            bio.push_str(handle);
            bio.push_str("@example.com");
        }
        bio
    }
}

/// The number of hashtags a population gets when nobody says.
pub(super) fn default_hashtags(creators: u32) -> u32 {
    creators.div_ceil(CREATORS_PER_HASHTAG).max(FEWEST_HASHTAGS)
}

/// The length of the longest list when `creators` share `hashtags`.
pub(super) fn longest_list(creators: u32, hashtags: u32) -> u32 {
    let members = creators.div_ceil(hashtags.max(1));
    2 * members + repeats(members)
}

/// Some creators appear twice in one list, as in real feeds.
fn repeats(members: u32) -> u32 {
    members / 4
}

fn hashtag_name(number: u32) -> String {
    let count = HASHTAGS.len() as u32;
    let name = HASHTAGS[(number % count) as usize];
    match number / count {
        0 => name.to_owned(),
        round => format!("{name}{}", round + 1),
    }
}

/// Pareto with exponent 1: half have fewer than a thousand, a handful of a hundred thousand have tens of millions.
fn power_law(unit: f64) -> u64 {
    (500.0 / (1.0 - unit)).min(90_000_000.0) as u64
}

fn name_of(locale: &Locale, dice: &mut Dice) -> String {
    let head = dice.pick(locale.heads);
    let tail = dice.pick(locale.tails);
    match dice.below(8) {
        0 => format!("{head}{}{tail} ✨", locale.joint),
        1 => head.to_owned(),
        _ => format!("{head}{}{tail}", locale.joint),
    }
}

fn avatar_uri(locale: &Locale, dice: &mut Dice) -> String {
    let region = if matches!(locale.country, "US" | "MX" | "BR") {
        "tos-useast5-avt-0068-tx"
    } else {
        "tos-alisg-avt-0068"
    };
    format!("{region}/{:016x}{:016x}", dice.next(), dice.next())
}

fn encode(value: u32, alphabet: &[u8], width: usize) -> String {
    let base = alphabet.len() as u32;
    let mut digits = vec![b'0'; width];
    let mut rest = value;
    for digit in digits.iter_mut().rev() {
        *digit = alphabet[(rest % base) as usize];
        rest /= base;
    }
    digits.into_iter().map(char::from).collect()
}

fn decode(digits: &[u8], alphabet: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        let worth = alphabet.iter().position(|candidate| candidate == digit)?;
        Some(value * alphabet.len() as u64 + worth as u64)
    })
}

/// Appends up to ten characters of the link-safe base 64 alphabet.
pub(super) fn push_base64(out: &mut String, bits: u64, characters: usize) {
    for place in 0..characters.min(10) {
        out.push(char::from(BASE64[((bits >> (6 * place)) & 63) as usize]));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn one_seed_is_one_population_and_another_seed_is_another() {
        assert_eq!(Population::new(1, 100).creator(7), Population::new(1, 100).creator(7));
        assert_ne!(Population::new(1, 100).creator(7).uid, Population::new(2, 100).creator(7).uid);
        // Growing a population with the same hashtags keeps those who were there.
        let grown = Population::with_hashtags(1, 5_000, 12).creator(7);
        assert_eq!(Population::with_hashtags(1, 100, 12).creator(7), grown);
    }

    #[test]
    fn every_identifier_leads_back_to_its_creator() {
        let population = Population::new(42, 20_000);
        let mut handles = HashSet::new();
        for index in 0..population.len() {
            let creator = population.creator(index);
            assert_eq!(creator.uid.to_string().len(), 19);
            assert_eq!(population.find_uid(creator.uid), Some(index));
            assert_eq!((creator.sec_uid.len(), population.find_sec_uid(&creator.sec_uid)), (76, Some(index)));
            for era in [Era::First, Era::Second] {
                let handle = population.handle(index, era);
                assert_eq!(population.find_handle(&handle), Some((index, era)), "{handle}");
                assert!(handle.len() <= 24, "{handle}");
                assert!(handles.insert(handle), "handles are unique");
            }
        }
    }

    #[test]
    fn strangers_are_not_found() {
        let population = Population::new(42, 1_000);
        let creator = population.creator(3);
        assert_eq!(population.find_uid(creator.uid + (1 << 32)), None, "right number, wrong birth");
        assert_eq!(population.find_uid(0), None);
        let mut forged = creator.sec_uid.clone();
        forged.pop();
        for sec_uid in ["", "MS4wLjABAAAA", "MS4wLjABAAAA뷰뷰뷰", forged.as_str()] {
            assert_eq!(population.find_sec_uid(sec_uid), None, "{sec_uid}");
        }
        for handle in ["", ".", "_", "nobody", "99999999999999999999", "뷰티", "a_zzzzz", "glow4294967295"]
        {
            assert_eq!(population.find_handle(handle), None, "{handle}");
        }
        assert_eq!(population.find_handle(&creator.handle.to_uppercase()), Some((3, Era::First)));
    }

    #[test]
    fn the_lists_of_all_hashtags_show_every_creator() {
        for (creators, hashtags) in [(1, 12), (5_000, 12), (5_001, 1), (700, 3), (700, 5), (40_000, 27)] {
            let population = Population::with_hashtags(9, creators, hashtags);
            let mut seen = HashSet::new();
            for hashtag in 0..hashtags {
                let length = population.list_len(hashtag);
                let posts: HashSet<_> = (0..length).filter_map(|at| population.listed(hashtag, at)).collect();
                assert_eq!(posts.len(), length as usize, "no post twice in a list");
                for (index, _) in &posts {
                    assert!(*index < creators);
                    assert!(population.creator(*index).hashtags.contains(&hashtag));
                }
                assert_eq!(population.listed(hashtag, length), None);
                seen.extend(posts.into_iter().map(|(index, _)| index));
            }
            assert_eq!(seen.len(), creators as usize);
        }
    }

    #[test]
    fn default_lists_respect_the_ceiling_up_to_the_largest_population() {
        for creators in [1, 5_000, 100_000, 2_000_000, MAX_CREATORS] {
            assert!(longest_list(creators, default_hashtags(creators)) <= MAX_LIST, "{creators}");
        }
        let largest = Population::new(1, u32::MAX);
        assert_eq!(largest.len(), MAX_CREATORS);
        let last = largest.creator(MAX_CREATORS - 1);
        assert_eq!(largest.find_handle(&last.handle), Some((MAX_CREATORS - 1, Era::First)));
    }

    #[test]
    fn hashtags_are_found_in_any_case_and_script() {
        let population = Population::new(1, 100_000);
        assert_eq!(population.find_hashtag("KBeauty"), Some(0));
        assert_eq!(population.find_hashtag("뷰티"), Some(1));
        assert_eq!(population.find_hashtag("kbeauty2"), Some(HASHTAGS.len() as u32));
        assert_eq!(population.find_hashtag("nothing"), None);
    }

    #[test]
    fn followers_follow_a_power_law_and_languages_mix() {
        let population = Population::new(42, 5_000);
        let everybody: Vec<Creator> = (0..5_000).map(|index| population.creator(index)).collect();
        let mut followers: Vec<u64> = everybody.iter().map(|creator| creator.followers).collect();
        followers.sort_unstable();
        assert!(followers[0] >= 500 && followers[2_500] < 2_000 && followers[4_999] > 100_000);
        let languages: HashSet<_> = everybody.iter().map(|creator| creator.language).collect();
        assert!(languages.len() >= 8, "{languages:?}");
        let larger = Population::new(42, 100_000);
        let beyond_32_bits = |index: u32| larger.creator(index).hearts > i32::MAX as u64;
        assert!((0..100_000).any(beyond_32_bits), "some counts need more than 32 bits");
        assert!(everybody.iter().any(|creator| creator.bio.contains('"')));
    }
}
