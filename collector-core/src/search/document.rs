//! What an index keeps of a record.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::FieldKind;
use super::field::{Read, SearchField, millionths};
use super::tokens::{Tokens, keyword};
use crate::creator::{Creator, growth_in};
use crate::id::RecordKey;
use crate::sink::Record;

/// The most values of one field that are indexed.
const MAX_VALUES: usize = 100;

/// What an index keeps of a record, as tokens and numbers: a backend adds nothing and leaves nothing out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Document {
    /// The record's key.
    pub key: RecordKey,
    /// The record's version.
    pub version: u64,
    /// Values of [text](FieldKind::Text) fields: tokens, joined by single spaces. A phrase is found within one value.
    pub texts: Vec<(SearchField, String)>,
    /// Values of [keyword](FieldKind::Keyword) fields and of [flags](FieldKind::Flag) (`yes`, `no`), each once.
    pub keywords: Vec<(SearchField, String)>,
    /// Values of fields that are [numbers](SearchField::is_number).
    pub numbers: Vec<(SearchField, i64)>,
    /// Fields that have a value and are no [column](SearchField::is_column).
    pub known: Vec<SearchField>,
}

impl Document {
    /// What is indexed of this record.
    pub fn of(record: &Record<Creator>) -> Self {
        let mut document = Self { key: record.key, version: record.version, ..Self::default() };
        for field in SearchField::ALL {
            document.add(*field, record);
        }
        document.add_hashtag_words();
        document.keywords.sort_unstable();
        document.keywords.dedup();
        document.note_known(&record.entity);
        document
    }

    /// The record as it is kept beside its document, to show what was found: without an e-mail address.
    pub fn kept(record: &Record<Creator>) -> Record<Creator> {
        let mut record = record.clone();
        if record.entity.email.is_some() {
            Arc::make_mut(&mut record.entity).email = None;
        }
        record
    }

    /// The value in a field of numbers.
    pub fn number(&self, field: SearchField) -> Option<i64> {
        self.numbers.iter().find(|(of, _)| *of == field).map(|(_, value)| *value)
    }

    fn add(&mut self, field: SearchField, record: &Record<Creator>) {
        let creator = &*record.entity;
        match field.read() {
            Read::Texts(read) if field.kind() == FieldKind::Text => {
                let mut left = MAX_VALUES;
                read(creator, &mut |text| {
                    if left > 0 {
                        left -= 1;
                        self.add_words(field, Tokens::of(text));
                    }
                });
            }
            Read::Texts(read) => {
                let mut left = MAX_VALUES;
                read(creator, &mut |text| {
                    if left > 0 {
                        left -= 1;
                        self.add_keyword(field, text);
                    }
                });
            }
            Read::Flag(read) => {
                let word = read(creator).map(flag);
                self.keywords.extend(word.map(|word| (field, word.to_owned())));
            }
            Read::Number(read) => self.numbers.extend(read(creator).map(|value| (field, value))),
            Read::Share(name) => {
                let share = growth_in(&record.facts, name).map(millionths);
                self.numbers.extend(share.map(|share| (field, share)));
            }
            Read::Elsewhere => {}
        }
    }

    fn add_keyword(&mut self, field: SearchField, text: &str) {
        let value = keyword(text.trim_start_matches(['#', '@']));
        if !value.is_empty() {
            self.keywords.push((field, value));
        }
    }

    /// The tokens of a text; of the biography also whom and what it names.
    fn add_words(&mut self, field: SearchField, tokens: Tokens) {
        if field == SearchField::Bio {
            tokens.tags.iter().take(MAX_VALUES).for_each(|tag| self.add_keyword(SearchField::Hashtag, tag));
            tokens
                .mentions
                .iter()
                .take(MAX_VALUES)
                .for_each(|name| self.add_keyword(SearchField::Mention, name));
        }
        if !tokens.joined.is_empty() {
            self.texts.push((field, tokens.joined));
        }
    }

    /// The words of all hashtags.
    fn add_hashtag_words(&mut self) {
        let tags = self.keywords.iter().filter(|(field, _)| *field == SearchField::Hashtag);
        let tags: BTreeSet<String> = tags.map(|(_, tag)| Tokens::of(tag).joined).collect();
        let tags = tags.into_iter().filter(|words| !words.is_empty());
        self.texts.extend(tags.map(|words| (SearchField::HashtagWords, words)));
    }

    fn note_known(&mut self, creator: &Creator) {
        let held = self.keywords.iter().chain(&self.texts).map(|(field, _)| *field);
        let known: BTreeSet<SearchField> = held.filter(|field| !field.is_column()).collect();
        // The words of the name are also those of the handle.
        let is_known = |field: &SearchField| *field != SearchField::Name || creator.name.is_some();
        self.known = known.into_iter().filter(is_known).collect();
    }
}

/// A flag as a keyword.
pub(super) const fn flag(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::creator::PostStats;
    use crate::sink::Facts;

    fn record(creator: Creator) -> Record<Creator> {
        Record { key: RecordKey(1), version: 1, entity: Arc::new(creator), facts: Facts::new() }
    }

    #[test]
    fn an_address_is_in_no_document() {
        let creator = Creator {
            handle: Some("mina".into()),
            name: Some("Mina secret@mail.example".into()),
            bio: Some("ask ＳＥＣＲＥＴ＠mail.example #a".into()),
            links: vec!["mailto:secret@mail.example".into(), "https://secret@mail.example/".into()],
            email: Some("secret@mail.example".into()),
            has_email: Some(true),
            ..Creator::default()
        };
        let document = format!("{:?}", Document::of(&record(creator.clone())));
        assert!(!document.contains("secret") && document.contains("HasEmail, \"yes\""), "{document}");
        assert_eq!(Document::kept(&record(creator)).entity.email, None);
    }

    #[test]
    fn tags_of_posts_and_biography_are_one_list() {
        let posts = PostStats { hashtags: vec!["#KBeauty".into(), "뷰티".into()], ..PostStats::default() };
        let bio = Some("#kbeauty @friend".into());
        let document = Document::of(&record(Creator { bio, posts: Some(posts), ..Creator::default() }));
        let of = |field| document.keywords.iter().filter(move |(f, _)| *f == field).map(|(_, v)| v.as_str());
        assert_eq!(of(SearchField::Hashtag).collect::<Vec<_>>(), ["kbeauty", "뷰티"]);
        assert_eq!(of(SearchField::Mention).collect::<Vec<_>>(), ["friend"]);
        assert!(document.texts.contains(&(SearchField::HashtagWords, "뷰티 티".to_owned())));
    }

    #[test]
    fn growth_is_read_from_the_facts_in_either_direction() {
        let mut record = record(Creator::default());
        record.facts.insert("growth_7d".to_owned(), serde_json::json!(-0.25));
        record.facts.insert("growth_30d".to_owned(), serde_json::json!(1.5));
        let document = Document::of(&record);
        assert_eq!(document.number(SearchField::Growth7d), Some(-250_000));
        assert_eq!(document.number(SearchField::Growth30d), Some(1_500_000));
        assert_eq!(document.number(SearchField::Growth90d), None);
    }

    #[test]
    fn a_name_is_known_only_when_there_is_one() {
        let document = Document::of(&record(Creator { handle: Some("mina".into()), ..Creator::default() }));
        assert_eq!(document.known, [SearchField::Handle]);
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        let categories = (0..1_000).map(|n| format!("c{n}").into()).collect();
        let document = Document::of(&record(Creator { categories, ..Creator::default() }));
        assert!(document.keywords.len() <= MAX_VALUES + 1);
    }
}
