//! Which encoding a text is in, and its characters.

use std::borrow::Cow;

use collector_core::error::Result;
use encoding_rs::{EUC_KR, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::read::malformed;

/// One character in this many may be unreadable: more is another encoding, or no text.
const READABLE: usize = 50;
/// How far zero bytes are looked for.
const HEAD: usize = 64 << 10;

/// A text with where it comes from.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    pub(super) text: Cow<'a, str>,
    /// The encoding's name, as people know it.
    pub(super) encoding: &'static str,
    /// Characters that could not be read.
    pub(super) unreadable: usize,
}

/// Decodes UTF-8, UTF-16 of either order, or CP949.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded<'_>> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return checked(with(encoding, bytes.get(mark..).unwrap_or_default()));
    }
    if let Some(encoding) = wide(bytes)? {
        return checked(with(encoding, bytes));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Decoded { text: Cow::Borrowed(text), encoding: "UTF-8", unreadable: 0 });
    }
    // A list in one of them with a few broken bytes reads far worse in the other.
    let korean = with(EUC_KR, bytes);
    if korean.unreadable == 0 {
        return Ok(korean);
    }
    let unicode = with(UTF_8, bytes);
    checked(if unicode.unreadable <= korean.unreadable { unicode } else { korean })
}

fn with<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Decoded<'a> {
    let (text, broken) = encoding.decode_without_bom_handling(bytes);
    let unreadable =
        if broken { text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count() } else { 0 };
    let name = match encoding.name() {
        // What encoding_rs calls EUC-KR is Windows code page 949, which contains it.
        "EUC-KR" => "CP949",
        other => other,
    };
    Decoded { text, encoding: name, unreadable }
}

fn checked(decoded: Decoded<'_>) -> Result<Decoded<'_>> {
    if decoded.unreadable * READABLE <= decoded.text.chars().count() {
        return Ok(decoded);
    }
    let message = "the text is neither UTF-8, UTF-16 nor CP949; save it as \"CSV UTF-8\"";
    Err(malformed(message))
}

/// The byte order of UTF-16 without a mark: every second byte of its line breaks and commas is zero.
fn wide(bytes: &[u8]) -> Result<Option<&'static Encoding>> {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let mut zeros = [0_usize; 2];
    for (at, byte) in head.iter().enumerate() {
        zeros[at % 2] += usize::from(*byte == 0);
    }
    match zeros {
        [0, 0] => Ok(None),
        [even, odd] if odd > even * 10 => Ok(Some(UTF_16LE)),
        [even, odd] if even > odd * 10 => Ok(Some(UTF_16BE)),
        _ => Err(malformed("the file is no text: it holds zero bytes; save the list as .xlsx or .csv")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "이름,계정\n뷰티 지은,@jieun\n똠방각하,@ttom\n";

    fn utf16(little: bool, mark: bool) -> Vec<u8> {
        let mark = if mark { "\u{feff}" } else { "" };
        let units = format!("{mark}{TEXT}").encode_utf16().collect::<Vec<_>>();
        units.iter().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    }

    #[test]
    fn each_encoding_gives_the_same_text() {
        let (cp949, _, lost) = EUC_KR.encode(TEXT);
        assert!(!lost, "the sample has syllables that only CP949 has");
        let files = [
            (TEXT.as_bytes().to_vec(), "UTF-8"),
            (format!("\u{feff}{TEXT}").into_bytes(), "UTF-8"),
            (utf16(true, true), "UTF-16LE"),
            (utf16(false, true), "UTF-16BE"),
            (utf16(true, false), "UTF-16LE"),
            (utf16(false, false), "UTF-16BE"),
            (cp949.into_owned(), "CP949"),
        ];
        for (bytes, encoding) in files {
            let decoded = decode(&bytes).unwrap();
            assert_eq!((&*decoded.text, decoded.encoding, decoded.unreadable), (TEXT, encoding, 0));
        }
    }

    #[test]
    fn a_broken_byte_costs_one_character_and_no_text_is_refused() {
        let mut bytes = TEXT.repeat(10).into_bytes();
        bytes[30] = 0xff;
        let decoded = decode(&bytes).unwrap();
        assert_eq!(decoded.encoding, "UTF-8");
        assert!((1..=3).contains(&decoded.unreadable), "{}", decoded.unreadable);
        assert!(decode(&[0, 1, 2, 0, 0, 7, 0, 9, 0, 0]).unwrap_err().to_string().contains("no text"));
        assert!(decode(&[0xff; 400]).unwrap_err().to_string().contains("CSV UTF-8"));
        assert!(decode(b"").unwrap().text.is_empty());
    }
}
