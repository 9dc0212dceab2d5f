//! Texts, codes and moments, as vendors write them.

use collector_core::clock::Timestamp;

/// Longest part of a vendor's message that is shown.
const LONGEST_MESSAGE: usize = 200;

/// ISO 639-1 from a language tag; `un` means unknown here.
pub(crate) fn language(tag: &str) -> Option<Box<str>> {
    let language = tag.split(['-', '_']).next()?.to_ascii_lowercase();
    let known =
        language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase()) && language != "un";
    known.then(|| language.into())
}

/// ISO 3166 from the vendor's code, which also says UK.
pub(crate) fn country(code: &str) -> Option<Box<str>> {
    let code = code.trim().to_ascii_uppercase();
    let known = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    known.then(|| if code == "UK" { "GB".into() } else { code.into() })
}

/// A moment in unix seconds or milliseconds; 0 means unknown.
pub(crate) fn moment(number: u64) -> Option<Timestamp> {
    let number = i64::try_from(number).ok()?;
    match number {
        0 => None,
        // In seconds this would be the year 5138.
        100_000_000_000.. => Some(Timestamp::from_millis(number)),
        _ => Some(Timestamp::from_secs(number)),
    }
}

/// The first `most` characters.
pub(crate) fn clipped(text: &str, most: usize) -> Box<str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => text.get(..end).unwrap_or_default().into(),
        None => text.into(),
    }
}

/// A message from outside, short enough for one line and without control characters.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_iso() {
        assert_eq!(country("uk").as_deref(), Some("GB"));
        assert_eq!(country("KR").as_deref(), Some("KR"));
        assert_eq!([country("KOR"), country("1A"), country("한국")], [None, None, None]);
        assert_eq!(language("zh-Hant").as_deref(), Some("zh"));
        assert_eq!([language("un"), language("한"), language("eng")], [None, None, None]);
    }

    #[test]
    fn moments_are_seconds_or_milliseconds() {
        assert_eq!(moment(0), None);
        assert_eq!(moment(1_700_000_000), Some(Timestamp::from_secs(1_700_000_000)));
        assert_eq!(moment(1_700_000_000_000), Some(Timestamp::from_secs(1_700_000_000)));
        assert_eq!(moment(u64::MAX), None);
    }

    #[test]
    fn texts_are_clipped_between_characters() {
        assert_eq!(&*clipped("뷰티풀", 2), "뷰티");
        assert_eq!(&*clipped("ab", 2), "ab");
    }
}
