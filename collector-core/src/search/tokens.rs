//! The tokeniser: texts of documents and of queries are cut alike.
//!
//! * A text is [folded](fold) first: compatibility forms (full and half width), case, diacritics.
//! * Words of scripts with spaces are tokens; an apostrophe inside a word is left out.
//! * A run of characters of scripts without spaces (Han, Kana, Hangul, Thai …) gives its pairs of neighbours and its
//!   last character: 리뷰 gives `리뷰 뷰`. So every part of a run is found, a single character as the beginning of a
//!   token.
//! * An emoji is a token, with its joined parts and without skin tone.
//! * E-mail addresses are left out.
//! * `#tags` and `@handles` give their words, and are listed.
//!
//! A token holds no white space, so an analyser that cuts at white space gives the same tokens.

mod class;
mod fold;

pub use class::columns;
pub use fold::fold;

use class::Class;

/// Changes with the tokeniser: an index made by another one is made anew.
pub const VERSION: u32 = 2;

/// Characters of a text that are looked at.
pub const MAX_TEXT: usize = 4_096;

/// Characters of a word that are kept, and the most of any token.
pub const MAX_WORD: usize = 64;

/// A part of a folded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Word(&'a str),
    Run(&'a str),
    Emoji(&'a str),
    Tag(&'a str),
    Mention(&'a str),
}

/// What a text gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tokens {
    /// The tokens, each followed by the next behind one space.
    pub joined: String,
    /// Hashtags in it, folded, without `#`.
    pub tags: Vec<String>,
    /// Handles in it, folded, without `@`.
    pub mentions: Vec<String>,
}

impl Tokens {
    /// The tokens of a document's text.
    pub fn of(text: &str) -> Self {
        let mut tokens = Self::default();
        pieces(&fold(text), |piece| match piece {
            Piece::Word(token) | Piece::Emoji(token) => tokens.push(token),
            Piece::Run(run) => {
                pairs(run).for_each(|pair| tokens.push(pair));
                tokens.push(last(run));
            }
            Piece::Tag(tag) => tokens.tags.push(tag.to_owned()),
            Piece::Mention(handle) => tokens.mentions.push(handle.to_owned()),
        });
        tokens
    }

    fn push(&mut self, token: &str) {
        if !self.joined.is_empty() {
            self.joined.push(' ');
        }
        self.joined.push_str(token);
    }
}

/// What a query's text asks for: tokens next to each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phrase {
    /// The tokens, in order; none when the text has neither word nor emoji.
    pub tokens: Vec<String>,
    /// Whether the last of them is the beginning of a token.
    pub prefix: bool,
}

impl Phrase {
    /// The tokens of a query's text. With `prefix`, its last word may go on.
    ///
    /// The end of a run is left open, because it may stand in the middle of a longer one: 뷰티 is part of 뷰티풀.
    pub fn of(text: &str, prefix: bool) -> Self {
        let mut phrase = Self { tokens: Vec::new(), prefix };
        // The last character of a run that something else follows.
        let mut owed: Option<String> = None;
        pieces(&fold(text), |piece| match piece {
            Piece::Word(token) | Piece::Emoji(token) => {
                phrase.tokens.extend(owed.take());
                phrase.tokens.push(token.to_owned());
                phrase.prefix = prefix;
            }
            Piece::Run(run) => {
                phrase.tokens.extend(owed.take());
                phrase.tokens.extend(pairs(run).map(str::to_owned));
                phrase.prefix = false;
                owed = Some(last(run).to_owned());
                if pairs(run).next().is_none() {
                    phrase.tokens.extend(owed.take());
                    phrase.prefix = true;
                }
            }
            Piece::Tag(_) | Piece::Mention(_) => {}
        });
        phrase
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Whether these tokens, joined by spaces, hold it.
    pub fn is_in(&self, joined: &str) -> bool {
        let tokens: Vec<&str> = joined.split(' ').collect();
        let count = self.tokens.len();
        count > 0 && tokens.windows(count).any(|window| self.is(window))
    }

    fn is(&self, window: &[&str]) -> bool {
        let last = self.tokens.len() - 1;
        self.tokens.iter().zip(window).enumerate().all(|(at, (asked, found))| {
            if at == last && self.prefix { found.starts_with(asked.as_str()) } else { asked == found }
        })
    }
}

/// A value that is compared as a whole: folded, with single spaces, of bounded length.
pub fn keyword(text: &str) -> String {
    let folded = fold(text);
    let mut value = String::with_capacity(folded.len());
    for word in folded.split_whitespace() {
        if !value.is_empty() {
            value.push(' ');
        }
        value.push_str(word);
    }
    match value.char_indices().nth(MAX_KEYWORD) {
        Some((end, _)) => value.get(..end).unwrap_or_default().to_owned(),
        None => value,
    }
}

/// Characters of a keyword that are kept.
const MAX_KEYWORD: usize = 128;

/// Each two neighbours of a run.
fn pairs(run: &str) -> impl Iterator<Item = &str> {
    let second = run.char_indices().skip(1);
    run.char_indices().zip(second).filter_map(|((from, _), (at, c))| run.get(from..at + c.len_utf8()))
}

fn last(run: &str) -> &str {
    run.char_indices().next_back().and_then(|(at, _)| run.get(at..)).unwrap_or(run)
}

/// Cuts a folded text.
fn pieces(folded: &str, mut put: impl FnMut(Piece<'_>)) {
    let text = class::without_addresses(folded);
    let mut word = String::new();
    let mut rest: &str = &text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let class = Class::of(c);
        let length = match class {
            Class::Word => class::take_word(rest, &mut word),
            Class::Run => span(rest, |c| Class::of(c) == Class::Run),
            Class::Emoji => class::emoji(rest),
            Class::Other => c.len_utf8(),
        };
        let (piece, after) = rest.split_at(length);
        match class {
            Class::Word => put(Piece::Word(&word)),
            Class::Run => put(Piece::Run(piece)),
            Class::Emoji => put(Piece::Emoji(piece)),
            Class::Other if c == '#' => {
                label(after, |c| c == '_').into_iter().for_each(|tag| put(Piece::Tag(tag)))
            }
            // Behind a word it is an address or a slip, not somebody who is named.
            Class::Other if c == '@' && Class::of(before) != Class::Word => {
                label(after, |c| matches!(c, '_' | '.'))
                    .into_iter()
                    .for_each(|name| put(Piece::Mention(name)));
            }
            Class::Other => {}
        }
        before = piece.chars().next_back().unwrap_or(' ');
        rest = after;
    }
}

/// The name behind a `#` or `@`.
fn label(text: &str, also: fn(char) -> bool) -> Option<&str> {
    let length = span(text, |c| also(c) || matches!(Class::of(c), Class::Word | Class::Run));
    let label = text.get(..length)?.trim_end_matches('.');
    (!label.is_empty() && label.chars().count() <= MAX_WORD).then_some(label)
}

/// The bytes of the characters at the beginning for which `is` holds.
fn span(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests;
