//! One spelling for what people take for the same text.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::MAX_TEXT;
use super::class::JOINER;

/// The text without differences of case, width, compatibility form and diacritics; the first [`MAX_TEXT`] characters.
///
/// Folding a folded text changes nothing. Marks that make another letter (of Kana, Hangul, Thai, Devanagari …) stay.
pub fn fold(text: &str) -> Cow<'_, str> {
    let text = match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    };
    if !text.chars().all(is_simple) {
        return Cow::Owned(fold_all(text));
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Borrowed(text)
}

/// Characters that stay as they are but for the case of ASCII letters; most texts hold no others.
const fn is_simple(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{7f}' | '\u{ac00}'..='\u{d7a3}' | '\u{4e00}'..='\u{9fff}' | '\u{3041}'..='\u{3096}'
            | '\u{30a1}'..='\u{30fa}' | '\u{30fc}' | '\u{3001}'..='\u{3002}' | '\u{1f300}'..='\u{1f3fa}'
            | '\u{1f400}'..='\u{1f64f}' | '\u{1f680}'..='\u{1f6ff}' | '\u{1f900}'..='\u{1f9ff}'
    )
}

fn fold_all(text: &str) -> String {
    let decomposed = text.chars().nfkd().filter(|c| !is_dropped(*c));
    let letters = decomposed.flat_map(char::to_lowercase).filter(|c| !is_dropped(*c));
    let mut folded = String::with_capacity(text.len());
    // A compatibility form can stand for eighteen characters; the bound holds behind it, too.
    for c in letters.nfc().take(MAX_TEXT) {
        match alike(c) {
            Some(letters) => folded.push_str(letters),
            None => folded.push(c),
        }
    }
    folded
}

/// Diacritics, vowel points that are usually left out, skin tones, and what cannot be seen.
const fn is_dropped(c: char) -> bool {
    matches!(
        c,
        '\u{0300}'..='\u{036f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}' | '\u{0591}'..='\u{05bd}' | '\u{05bf}' | '\u{05c1}'..='\u{05c2}'
            | '\u{05c4}'..='\u{05c5}' | '\u{05c7}' | '\u{0610}'..='\u{061a}' | '\u{0640}'
            | '\u{064b}'..='\u{065f}' | '\u{0670}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{00ad}' | '\u{200c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e01ef}'
    )
}

/// Letters that no decomposition takes apart.
const fn alike(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ŧ' => "t",
        'ı' => "i",
        'ς' => "σ",
        '\u{200b}' => " ",
        _ => return None,
    })
}

const _: () = assert!(!is_dropped(JOINER), "it holds emoji together");
