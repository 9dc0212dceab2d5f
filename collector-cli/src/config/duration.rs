//! Spans of time as people write them: `30s`, `7d`, `1h30m`.

use std::time::Duration;

/// The units, largest first, in milliseconds.
const UNITS: [(&str, u64); 6] =
    [("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// What a duration looks like, for messages.
pub(crate) const FORM: &str = "a duration such as \"500ms\", \"30s\", \"15m\", \"12h\" or \"7d\"";

/// Reads a duration: numbers with a unit, one after another. A number alone has no unit and is refused.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at_checked(letters)?;
        let millis = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        let part = number.parse::<u64>().ok()?.checked_mul(millis)?;
        total = total.checked_add(Duration::from_millis(part))?;
        rest = tail;
    }
    Some(total)
}

/// Writes a duration as [`parse`] reads it, in the largest units that lose nothing.
pub(crate) fn format(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, millis) in UNITS {
        let count = left / millis;
        // Weeks are only written when they say it all: "10d" is clearer than "1w3d".
        if count > 0 && (unit != "w" || left % millis == 0) {
            text.push_str(&format!("{count}{unit}"));
            left %= millis;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_written() {
        let table = [
            ("500ms", 500),
            ("30s", 30_000),
            ("15m", 900_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("10d", 864_000_000),
            ("0s", 0),
        ];
        for (text, millis) in table {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse(text), Some(duration), "{text}");
            assert_eq!(parse(&format(duration)), Some(duration), "{text}");
        }
        assert_eq!(format(Duration::from_secs(10 * 86_400)), "10d");
        assert_eq!(format(Duration::from_secs(14 * 86_400)), "2w");
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            " ",
            "7",
            "d",
            "7 d",
            "7days",
            "-3s",
            "1.5h",
            "7d!",
            "99999999999999999999d",
            "7ü",
            "18446744073709551615w",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
