//! Numbers as people write them: `32.5m`, `1.2만`, `1,234,567`, `16.60%`.

/// Longer texts are no numbers.
const LONGEST: usize = 64;

/// More digits than any counter has; what is beyond them is no number we keep.
const MOST_DIGITS: usize = 18;

/// Words for powers of ten, in lower case. `b` is a billion, as in English.
const WORDS: &[(u32, &[&str])] = &[
    (3, &["k", "thousand", "tsd", "mil", "тыс", "tys", "rb", "ribu", "천", "千"]),
    (4, &["w", "만", "万", "萬"]),
    (5, &["lakh", "lakhs", "lac"]),
    (
        6,
        &[
            "m",
            "mm",
            "mi",
            "mio",
            "mln",
            "mn",
            "million",
            "millions",
            "millionen",
            "millones",
            "jt",
            "juta",
            "tr",
            "triệu",
            "млн",
        ],
    ),
    (7, &["cr", "crore", "crores"]),
    (8, &["억", "億", "亿"]),
    (9, &["b", "bn", "billion", "billions", "mrd", "md", "mld", "milliarden", "milliards", "млрд"]),
];

/// Which character stands before the fraction where a number can be read both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// `1,234.5`: English, Korean, Japanese …
    Dot,
    /// `1.234,5`: German, Spanish, Portuguese, Indonesian …
    Comma,
}

/// A decimal number: `digits` divided by ten to the power of `scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    digits: u128,
    scale: u32,
}

impl Decimal {
    /// The nearest whole number, half away from zero; `None` when negative or beyond 64 bits.
    fn rounded(self) -> Option<u64> {
        let divisor = 10_u128.checked_pow(self.scale)?;
        let (whole, rest) = (self.digits / divisor, self.digits % divisor);
        let up = u128::from(rest * 2 >= divisor && rest > 0);
        u64::try_from(whole + up).ok().filter(|number| !self.negative || *number == 0)
    }

    /// The nearest floating-point number after a move of the point by `shift` places to the left.
    fn shifted(self, shift: u32) -> Option<f64> {
        let sign = if self.negative { "-" } else { "" };
        // Read as written text, so that 12.9 % is the number nearest to 0.129.
        format!("{sign}{}e-{}", self.digits, self.scale + shift)
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
    }
}

/// A count with or without words: `32.5m`, `1.2만`, `1억 2천만`, `1,234`. One point and three digits are thousands
/// when no word follows, because counts are whole: `1.234` is 1234.
pub(super) fn count(text: &str, point: Point) -> Option<u64> {
    let text = folded(text)?;
    let mut rest = text.strip_prefix('+').unwrap_or(&text).trim_start();
    let mut sum = 0_u128;
    let mut largest = u32::MAX;
    loop {
        let (number, after) = split_number(rest)?;
        let (power, words, after) = split_words(after.trim_start())?;
        let reading = if words == 0 { Whole::Thousands } else { Whole::AsWritten };
        let value = plain(number, point, reading)?;
        // Only myriads are put together: 1억 2천만; each smaller than the one before.
        if power >= largest {
            return None;
        }
        let divisor = 10_u128.checked_pow(value.scale)?;
        let scaled = value.digits.checked_mul(10_u128.checked_pow(power)?)?;
        let part = scaled / divisor + u128::from((scaled % divisor) * 2 >= divisor && scaled % divisor > 0);
        sum = sum.checked_add(part)?;
        rest = after.trim_start();
        let more = rest.strip_prefix('+').unwrap_or(rest).trim();
        if more.is_empty() {
            return u64::try_from(sum).ok();
        }
        if words == 0 || !is_east_asian(rest, &text) {
            return None;
        }
        largest = power;
    }
}

/// A number with a fraction: `1,234.5`, `-3`, `16.60`.
pub(super) fn decimal(text: &str, point: Point) -> Option<f64> {
    signed(&folded(text)?, point)?.shifted(0)
}

/// A share of one hundred as a share of one: `16.60%` is 0.166. The sign may be missing.
pub(super) fn percent(text: &str, point: Point) -> Option<f64> {
    let text = folded(text)?;
    let bare = text.strip_suffix(['%', '٪']).or_else(|| text.strip_prefix('%')).unwrap_or(&text);
    signed(bare.trim(), point)?.shifted(2)
}

/// An amount in hundredths: `1,234.5` is 123450. A currency's sign or code before or after it is left out.
pub(super) fn hundredths(text: &str, point: Point) -> Option<u64> {
    let text = folded(text)?;
    let bare = text.trim_matches(|c: char| !c.is_ascii_digit() && c != '-');
    let amount = signed(bare, point)?;
    Decimal { digits: amount.digits.checked_mul(100)?, ..amount }.rounded()
}

fn signed(text: &str, point: Point) -> Option<Decimal> {
    let (negative, bare) = match text.strip_prefix(['-', '−']) {
        Some(bare) => (true, bare),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (number, rest) = split_number(bare.trim_start())?;
    let value = plain(number, point, Whole::AsWritten)?;
    rest.trim().is_empty().then_some(Decimal { negative, ..value })
}

/// Lower case with ASCII digits and plain spaces; `None` when it is too long to be a number.
fn folded(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST * 4 || text.chars().count() > LONGEST {
        return None;
    }
    let fold = |c: char| match c {
        '٠'..='٩' => ascii_digit(c, '٠'),
        '۰'..='۹' => ascii_digit(c, '۰'),
        '०'..='९' => ascii_digit(c, '०'),
        '０'..='９' => ascii_digit(c, '０'),
        '，' | '٬' => ',',
        '．' | '٫' => '.',
        '％' => '%',
        '’' => '\'',
        c if c.is_whitespace() => ' ',
        c => c,
    };
    Some(text.chars().map(fold).flat_map(char::to_lowercase).collect())
}

fn ascii_digit(c: char, zero: char) -> char {
    char::from_digit(u32::from(c) - u32::from(zero), 10).unwrap_or(c)
}

/// The digits and separators a text begins with, and what follows.
fn split_number(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    if !bytes.first()?.is_ascii_digit() {
        return None;
    }
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let joins = match byte {
            b'.' | b',' => digit(end + 1),
            // Exactly three digits: what follows a space may as well be another number.
            b' ' | b'\'' | b'_' => (1..=3).all(|step| digit(end + step)) && !digit(end + 4),
            byte => byte.is_ascii_digit(),
        };
        if !joins {
            break;
        }
        end += 1;
    }
    text.split_at_checked(end)
}

/// The power of ten the words at the beginning stand for, how many words, and what follows.
fn split_words(text: &str) -> Option<(u32, usize, &str)> {
    let (mut power, mut words, mut rest) = (0, 0, text);
    loop {
        let first = rest.chars().next().filter(|c| c.is_alphabetic());
        let Some(first) = first else { break };
        // A word of Latin or Cyrillic letters ends with them; an ideograph or syllable is a word by itself.
        let end = if is_myriad_script(first) {
            first.len_utf8()
        } else {
            rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len())
        };
        let (word, after) = rest.split_at_checked(end)?;
        power += WORDS.iter().find(|(_, names)| names.contains(&word)).map(|(power, _)| *power)?;
        words += 1;
        rest = after.strip_prefix('.').unwrap_or(after);
        if !is_myriad_script(first) || words == 3 {
            break;
        }
    }
    Some((power, words, rest))
}

fn is_myriad_script(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// Whether another number may follow: only where numbers are written in myriads. `rest` is the end of `whole`.
fn is_east_asian(rest: &str, whole: &str) -> bool {
    whole.strip_suffix(rest).is_some_and(|read| read.chars().any(is_myriad_script))
}

/// How a single point of the locale with three digits after it is read.
#[derive(Clone, Copy, PartialEq)]
enum Whole {
    Thousands,
    AsWritten,
}

/// Digits with separators as a number.
fn plain(text: &str, point: Point, whole: Whole) -> Option<Decimal> {
    let (mark, other) = match point {
        Point::Dot => ('.', ','),
        Point::Comma => (',', '.'),
    };
    let text: String = text.chars().filter(|c| !matches!(c, ' ' | '\'' | '_')).collect();
    let marks = text.matches(mark).count();
    let others = text.matches(other).count();
    let after = |c: char| text.rsplit_once(c).map_or(0, |(_, fraction)| fraction.len());
    let grouped = |c: char| is_grouped(&text, c);
    let decimal_mark = match (marks, others) {
        (0, 0) => None,
        // Both: the one that comes last, once, is before the fraction.
        (1.., 1..) => {
            let last = if text.rfind(mark) > text.rfind(other) { mark } else { other };
            let first = if last == mark { other } else { mark };
            let head = text.split(last).next().unwrap_or_default();
            if text.matches(last).count() != 1 || !is_grouped(head, first) {
                return None;
            }
            Some(last)
        }
        (1, 0) if after(mark) == 3 && whole == Whole::Thousands && grouped(mark) => None,
        (1, 0) => Some(mark),
        (0, 1) if after(other) == 3 && grouped(other) => None,
        (0, 1) => Some(other),
        (_, 0) if grouped(mark) => None,
        (0, _) if grouped(other) => None,
        _ => return None,
    };
    let scale = decimal_mark.map_or(0, after);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let fits = digits.trim_start_matches('0').len() <= MOST_DIGITS;
    let digits = digits.parse().ok().filter(|_| fits)?;
    Some(Decimal { negative: false, digits, scale: u32::try_from(scale).ok()? })
}

/// Whether `c` separates groups as they are written: three digits last, two or three before, no leading zero.
fn is_grouped(text: &str, c: char) -> bool {
    let mut groups = text.split(c);
    let first = groups.next().unwrap_or_default();
    let mut rest: Vec<&str> = groups.collect();
    let Some(last) = rest.pop() else { return true };
    (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && last.len() == 3
        && rest.iter().all(|group| matches!(group.len(), 2 | 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_with_words_are_whole_numbers() {
        for (text, expected) in [
            ("0", 0),
            ("1234", 1_234),
            ("32.5m", 32_500_000),
            ("32.5 M", 32_500_000),
            ("873.1k", 873_100),
            ("12,3K", 12_300),
            ("1.2B", 1_200_000_000),
            ("1.2만", 12_000),
            ("1,234만", 12_340_000),
            ("1.234만", 12_340),
            ("1억 2천만", 120_000_000),
            ("1억 2,345만", 123_450_000),
            ("1만 2345", 12_345),
            ("3천", 3_000),
            ("4.5万", 45_000),
            ("2億", 200_000_000),
            ("1.2w", 12_000),
            ("1,2 Mio.", 1_200_000),
            ("3,4 Mrd.", 3_400_000_000),
            ("12 mil", 12_000),
            ("2,5 jt", 2_500_000),
            ("15,3 тыс.", 15_300),
            ("7 млн", 7_000_000),
            ("5 lakh", 500_000),
            ("1.5 Cr", 15_000_000),
            ("1,234", 1_234),
            ("1.234", 1_234),
            ("1,234,567", 1_234_567),
            ("1.234.567", 1_234_567),
            ("12,34,567", 1_234_567),
            ("1 234 567", 1_234_567),
            ("1\u{a0}234", 1_234),
            ("1\u{202f}234,5", 1_235),
            ("1'234'567", 1_234_567),
            ("10K+", 10_000),
            ("+1,000", 1_000),
            ("١٬٢٣٤", 1_234),
            ("１２３", 123),
            ("1.2345k", 1_235),
        ] {
            assert_eq!(count(text, Point::Dot), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_can_be_read_both_ways_is_read_as_the_locale_has_it() {
        for (text, dot, comma) in [
            ("1.234M", 1_234_000, 1_234_000_000),
            ("1,234M", 1_234_000_000, 1_234_000),
            ("1.5M", 1_500_000, 1_500_000),
            ("1.234", 1_234, 1_234),
            ("1,234", 1_234, 1_234),
        ] {
            assert_eq!(
                (count(text, Point::Dot), count(text, Point::Comma)),
                (Some(dot), Some(comma)),
                "{text}"
            );
        }
        assert_eq!(
            (decimal("1.234", Point::Dot), decimal("1.234", Point::Comma)),
            (Some(1.234), Some(1234.0))
        );
    }

    #[test]
    fn anything_else_is_no_count() {
        for text in [
            "",
            "-",
            "-5",
            "abc",
            "1.2.3",
            "1,2,3",
            "12K followers",
            "1K 2",
            "2천만 1억",
            "1.5X",
            "K",
            "1..2",
            "1e9",
            "12 345 6",
            "99999999999999999999",
            "9999999999999999B",
            "1만 억",
            "N/A",
            "0x10",
        ] {
            assert_eq!(count(text, Point::Dot), None, "{text}");
        }
        assert_eq!(count(&"1".repeat(1_000), Point::Dot), None);
    }

    #[test]
    fn shares_are_exact() {
        for (text, point, expected) in [
            ("16.60%", Point::Dot, 0.166),
            ("12.9%", Point::Dot, 0.129),
            ("12,9 %", Point::Comma, 0.129),
            ("%12,9", Point::Comma, 0.129),
            ("100", Point::Dot, 1.0),
            ("0.05％", Point::Dot, 0.0005),
            ("-3%", Point::Dot, -0.03),
        ] {
            assert_eq!(percent(text, point), Some(expected), "{text}");
        }
        for text in ["", "%", "a%", "1%2", "12.9%%"] {
            assert_eq!(percent(text, Point::Dot), None, "{text}");
        }
    }

    #[test]
    fn amounts_lose_their_currency_and_become_hundredths() {
        for (text, point, expected) in [
            ("$1,234.5", Point::Dot, Some(123_450)),
            ("1.234,56 €", Point::Comma, Some(123_456)),
            ("₩12,000", Point::Dot, Some(1_200_000)),
            ("USD 0.005", Point::Dot, Some(1)),
            ("0", Point::Dot, Some(0)),
            ("-5", Point::Dot, None),
            ("free", Point::Dot, None),
        ] {
            assert_eq!(hundredths(text, point), expected, "{text}");
        }
    }
}
