//! What the suite writes.

/// What a value is made of: chosen to be hard to keep.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its number; another sample has another one.
    pub n: u64,
    /// A text.
    pub text: String,
    /// A whole number of up to 19 digits, as ids have: beyond what a double holds.
    pub number: i64,
    /// A text that may be unknown.
    pub maybe: Option<String>,
}

/// Texts that get lost on the way: emoji, NUL, quotes, line ends, other scripts, marks, nothing, a lot.
const TEXTS: [&str; 12] = [
    "plain",
    "",
    "emoji 👩‍👩‍👧‍👦 🇰🇷 👍🏽",
    "a NUL \0 inside",
    "quotes \" ' ` and \\ and \u{1} and \u{7f}",
    "lines\nof\r\ntext\twith\u{2028}ends",
    "뷰티 크리에이터 ビューティー ﾊﾝｶｸ",
    "עברית ועוד \u{202e}הפוך",
    "e\u{301} is not é",
    " spaces at both ends ",
    "{\"json\": [null]} <b>&amp;</b> %00 ;--",
    "\u{feff}mark \u{fffd} \u{10ffff}",
];

const NUMBERS: [i64; 8] =
    [0, -1, 7_301_234_567_890_123_457, i64::MAX, i64::MIN, 9_007_199_254_740_993, 253_402_300_799_999, 1];

impl Sample {
    /// Sample number `n`; every kind of text and number appears among any 24 in a row.
    pub fn number(n: u64) -> Self {
        let pick = |count: usize| usize::try_from(n).unwrap_or(usize::MAX) % count;
        let text = if n % 24 == 23 { "long ".repeat(4_000) } else { TEXTS[pick(TEXTS.len())].to_owned() };
        let maybe = (n % 3 == 1).then(|| format!("maybe {n}"));
        Self { n, text, number: NUMBERS[pick(NUMBERS.len())], maybe }
    }

    /// The same with another text: the next version of a record.
    #[must_use]
    pub fn saying(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }
}
