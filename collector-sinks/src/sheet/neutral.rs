//! Text that a spreadsheet would run.

use std::borrow::Cow;

/// What a formula begins with, also in full width, and what is passed over before one.
const BEGINNINGS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// The text with an apostrophe in front when a spreadsheet would run it as a formula. Plain numbers with a sign stay.
pub fn neutralised(text: &str) -> Cow<'_, str> {
    // Blanks, and quotation marks that some programs take off, may stand before it.
    let bare = text.trim_start_matches([' ', '\u{a0}', '\u{3000}', '"', '\u{feff}', '\u{200b}']);
    if bare.starts_with(BEGINNINGS) && !is_number(text) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether it is a number with at most a sign: letters would be names in a formula.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits(whole) && all_digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_get_an_apostrophe_and_nothing_else_does() {
        for text in [
            "=1+1",
            "+cmd|' /C calc'!A0",
            "-2+3+cmd|' /C calc'!A0",
            "@SUM(A1:A9)",
            "@mina",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1+1",
            "\u{feff}=1",
            "＝1",
            "\"=1",
            "-",
            "--5",
            "+82 10",
            "-1e5",
        ] {
            assert_eq!(neutralised(text), format!("'{text}"), "{text:?}");
        }
        for text in ["", "mina", "a=b", "1-2", "-5", "+5", "-0.25", "'=1", "뷰티", "http://x/?a=b"] {
            assert_eq!(neutralised(text), text, "{text:?}");
        }
    }
}
