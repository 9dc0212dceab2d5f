//! What a character is to the tokeniser.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;

use super::{MAX_WORD, span};

/// What a character is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A word of a script with spaces.
    Word,
    /// A run of a script without spaces.
    Run,
    /// An emoji or a symbol people search for.
    Emoji,
    /// What separates.
    Other,
}

/// Joins emoji into one.
pub(super) const JOINER: char = '\u{200d}';

impl Class {
    pub(super) fn of(c: char) -> Self {
        match c {
            'a'..='z' | '0'..='9' => Self::Word,
            c if c.is_ascii() => Self::Other,
            c if is_run(c) => Self::Run,
            c if is_emoji(c) => Self::Emoji,
            c if c.is_alphanumeric() || is_combining_mark(c) => Self::Word,
            _ => Self::Other,
        }
    }
}

/// Scripts that are written without spaces, or in which words grow together: Han, Kana, Hangul, Thai, Lao, Myanmar, Khmer.
pub(super) const fn is_run(c: char) -> bool {
    matches!(
        c,
        '\u{0e01}'..='\u{0e3a}' | '\u{0e40}'..='\u{0e4e}' | '\u{0e81}'..='\u{0ece}' | '\u{0edc}'..='\u{0edf}'
            | '\u{1000}'..='\u{103f}' | '\u{1050}'..='\u{109f}' | '\u{1780}'..='\u{17d3}'
            | '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
            | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}'
            | '\u{3041}'..='\u{3096}' | '\u{3099}'..='\u{309a}' | '\u{309d}'..='\u{309f}'
            | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{3105}'..='\u{312f}' | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
            | '\u{1b000}'..='\u{1b16f}' | '\u{20000}'..='\u{3ffff}'
    )
}

/// Pictographs, dingbats, arrows and flags' letters.
const fn is_emoji(c: char) -> bool {
    matches!(
        c,
        '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{2500}'..='\u{27bf}' | '\u{2900}'..='\u{297f}'
            | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}'
    )
}

const fn is_flag_letter(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

/// The bytes of the emoji at the beginning: two letters of a flag, or pictographs that are joined, no more of them than
/// a word has characters.
pub(super) fn emoji(text: &str) -> usize {
    let mut chars = text.char_indices();
    let Some((_, first)) = chars.next() else { return 0 };
    let mut end = first.len_utf8();
    if is_flag_letter(first) {
        return match chars.next() {
            Some((at, second)) if is_flag_letter(second) => at + second.len_utf8(),
            _ => end,
        };
    }
    let mut left = MAX_WORD / 2 - 1;
    while left > 0
        && let Some((_, JOINER)) = chars.next()
        && let Some((at, part)) = chars.next()
        && is_emoji(part)
    {
        end = at + part.len_utf8();
        left -= 1;
    }
    end
}

/// Puts the word at the beginning into `word`, without apostrophes, and gives the bytes it takes in the text.
pub(super) fn take_word(text: &str, word: &mut String) -> usize {
    word.clear();
    let mut left = MAX_WORD;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let is_word = Class::of(c) == Class::Word;
        let joins = matches!(c, '\'' | '\u{2019}')
            && chars.peek().is_some_and(|(_, next)| Class::of(*next) == Class::Word);
        if !is_word && !joins {
            return at;
        }
        if is_word && left > 0 {
            left -= 1;
            word.push(c);
        }
    }
    text.len()
}

/// A folded text without e-mail addresses.
pub(super) fn without_addresses(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        let local = before.trim_end_matches(|c: char| is_address(c) || c == '+' || c == '%').len();
        let domain = span(after, is_address);
        if local < before.len() && is_domain(after.get(..domain).unwrap_or_default()) {
            kept.push_str(before.get(..local).unwrap_or_default());
            kept.push(' ');
            rest = after.get(domain..).unwrap_or_default();
        } else {
            kept.push_str(before);
            kept.push('@');
            rest = after;
        }
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

fn is_address(c: char) -> bool {
    matches!(c, '.' | '-' | '_') || Class::of(c) == Class::Word
}

fn is_domain(text: &str) -> bool {
    let labels = text.trim_end_matches(['.', '-', '_']).rsplit_once('.');
    labels.is_some_and(|(name, top)| !name.is_empty() && top.chars().count() >= 2)
}

/// The columns a character takes on a terminal.
pub fn columns(c: char) -> usize {
    match Class::of(c) {
        _ if matches!(c, '\u{ff01}'..='\u{ff60}' | '\u{3000}'..='\u{303f}') => 2,
        _ if is_combining_mark(c) || c == JOINER => 0,
        Class::Run if !matches!(c, '\u{0e00}'..='\u{10ff}' | '\u{1780}'..='\u{17ff}') => 2,
        Class::Emoji if c >= '\u{1f000}' => 2,
        _ => 1,
    }
}
