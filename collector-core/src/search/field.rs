//! The one table of what can be searched: name, kind, where the value comes from, what it is good for.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::creator::{Creator, PostStats};

/// What kind of value a field has, and with it what can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FieldKind {
    /// Words: searched as text.
    Text,
    /// Whole values, compared after folding: equality, and facets where the table says so.
    Keyword,
    /// Yes or no; facets.
    Flag,
    /// A whole number: ranges and sorting.
    Number,
    /// A share, kept as millionths: 5 % is 50,000. Ranges and sorting.
    Rate,
    /// A moment, in milliseconds: ranges, ages and sorting.
    Time,
    /// A list of creators kept elsewhere; its members are looked up when the query is asked.
    List,
}

/// Puts each text of a field.
type ReadTexts = fn(&Creator, &mut dyn FnMut(&str));

/// Where a field's value is in a creator.
pub(super) enum Read {
    /// Any number of texts.
    Texts(ReadTexts),
    /// Yes, no, or not known.
    Flag(fn(&Creator) -> Option<bool>),
    /// A number, or not known.
    Number(fn(&Creator) -> Option<i64>),
    /// A share among the record's facts, under this name.
    Share(&'static str),
    /// Not in the creator: made from its other texts, or kept elsewhere.
    Elsewhere,
}

/// A field's row in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SearchFieldInfo {
    /// Its name in queries, indexes and results.
    pub name: &'static str,
    /// Shorter names a query may use.
    pub aliases: &'static [&'static str],
    /// The kind of its value.
    pub kind: FieldKind,
    /// Whether its values can be counted: [`Query::facets`](super::Query::facets).
    pub facet: bool,
    /// What it means.
    pub definition: &'static str,
}

macro_rules! search_fields {
    ($($(#[doc = $definition:literal])+ $variant:ident $name:literal $aliases:expr, $kind:ident, $facet:literal, $read:expr;)*) => {
        /// A field of the search index.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum SearchField {
            $($(#[doc = $definition])+ $variant,)*
        }

        impl SearchField {
            /// Every field, in the order in which queries are written out.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its row in the table.
            pub const fn info(self) -> SearchFieldInfo {
                match self {
                    $(Self::$variant => SearchFieldInfo {
                        name: $name,
                        aliases: &$aliases,
                        kind: FieldKind::$kind,
                        facet: $facet,
                        definition: concat!($($definition),+).trim_ascii(),
                    },)*
                }
            }

            pub(super) const fn read(self) -> Read {
                match self {
                    $(Self::$variant => $read,)*
                }
            }
        }
    };
}

search_fields! {
    /// The handle, without `@`.
    Handle "handle" ["h"], Keyword, false, Read::Texts(|c, put| one(&c.handle, put));
    /// A handle shown before.
    FormerHandle "former_handle" ["former"], Keyword, false, Read::Texts(|c, put| many(&c.former_handles, put));
    /// The platform's number for the account.
    Uid "uid" ["id"], Keyword, false, Read::Texts(|c, put| one(&c.uid, put));
    /// The platform's second key for the account.
    SecUid "sec_uid" [], Keyword, false, Read::Texts(|c, put| one(&c.sec_uid, put));
    /// Words of the display name, of the handle and of former handles.
    Name "name" ["nick"], Text, false, Read::Texts(names);
    /// Words of the biography.
    Bio "bio" ["about"], Text, false, Read::Texts(|c, put| one(&c.bio, put));
    /// Words of hashtags, with which a tag is found by a part of it.
    HashtagWords "hashtag_words" [], Text, false, Read::Elsewhere;
    /// Hashtags of the latest posts and of the biography, without `#`.
    Hashtag "hashtag" ["tag", "hashtags"], Keyword, true, Read::Texts(|c, put| posts(c, |p| many(&p.hashtags, put)));
    /// Handles named in the biography, without `@`.
    Mention "mention" ["mentions"], Keyword, false, Read::Elsewhere;
    /// The platform.
    Platform "platform" [], Keyword, true, Read::Texts(|c, put| put(&c.platform));
    /// ISO 3166 country of residence.
    Country "country" ["region"], Keyword, true, Read::Texts(|c, put| one(&c.country, put));
    /// ISO 639-1 language.
    Language "language" ["lang"], Keyword, true, Read::Texts(|c, put| one(&c.language, put));
    /// ISO 4217 currency of the amounts.
    Currency "currency" [], Keyword, true, Read::Texts(|c, put| one(&c.currency, put));
    /// Categories in the source's words.
    Category "category" ["cat", "categories"], Keyword, true, Read::Texts(|c, put| many(&c.categories, put));
    /// `business`, `personal` … in the source's words.
    AccountType "account_type" ["type"], Keyword, true, Read::Texts(|c, put| one(&c.account_type, put));
    /// By followers: `nano` below 10,000, `micro` below 100,000, `mid` below 500,000, `macro` below 1,000,000, `mega`.
    Tier "tier" [], Keyword, true, Read::Texts(|c, put| c.followers.map(tier).into_iter().for_each(put));
    /// Hosts of the links, without `www.`.
    Link "link" ["links"], Keyword, true, Read::Texts(|c, put| c.links.iter().filter_map(|l| host(l)).for_each(put));
    /// Sources that have shown the creator.
    Source "source" ["sources"], Keyword, true, Read::Texts(|c, put| c.sources.iter().for_each(|s| put(&s.source)));
    /// Verified by the platform.
    Verified "verified" [], Flag, true, Read::Flag(|c| c.verified);
    /// Private account.
    Private "private" [], Flag, true, Read::Flag(|c| c.private);
    /// Has a shop.
    HasShop "has_shop" ["shop"], Flag, true, Read::Flag(|c| c.has_shop);
    /// Shows an e-mail address. The address itself is not in the index.
    HasEmail "has_email" ["email"], Flag, true, Read::Flag(|c| c.has_email);
    /// Has a picture.
    HasAvatar "has_avatar" ["avatar"], Flag, true, Read::Flag(|c| c.avatar.is_some().then_some(true));
    /// Followers.
    Followers "followers" ["f"], Number, false, Read::Number(|c| count(c.followers));
    /// Accounts followed.
    Following "following" [], Number, false, Read::Number(|c| count(c.following));
    /// Likes received.
    Likes "likes" [], Number, false, Read::Number(|c| count(c.likes));
    /// Posts published.
    Videos "videos" [], Number, false, Read::Number(|c| count(c.videos));
    /// Sold in the last 30 days, in hundredths of the currency.
    Gmv30d "gmv_30d" ["gmv"], Number, false, Read::Number(|c| count(c.gmv_30d));
    /// Pieces sold in the last 30 days.
    Units30d "units_30d" ["units"], Number, false, Read::Number(|c| count(c.units_30d));
    /// Average price of what is sold, in hundredths of the currency.
    AvgPrice "avg_price" ["price"], Number, false, Read::Number(|c| count(c.avg_price));
    /// How well the account sells, in hundredths of a point of the source's scale.
    EcScore "ec_score" [], Number, false, Read::Number(|c| count(c.ec_score));
    /// Posts behind the averages.
    PostsSeen "posts_seen" [], Number, false, Read::Number(|c| c.posts.as_ref().map(|p| i64::from(p.seen)));
    /// Average views of the latest posts.
    AvgViews "avg_views" ["views"], Number, false, Read::Number(|c| average(c, |p| p.avg_views));
    /// Median views of the latest posts.
    MedianViews "median_views" [], Number, false, Read::Number(|c| average(c, |p| p.median_views));
    /// Average likes of the latest posts.
    AvgLikes "avg_likes" [], Number, false, Read::Number(|c| average(c, |p| p.avg_likes));
    /// Average comments of the latest posts.
    AvgComments "avg_comments" [], Number, false, Read::Number(|c| average(c, |p| p.avg_comments));
    /// Average shares of the latest posts.
    AvgShares "avg_shares" [], Number, false, Read::Number(|c| average(c, |p| p.avg_shares));
    /// Mean of (likes + comments + shares) / views over the latest posts.
    EngagementRate "engagement_rate" ["er"], Rate, false, Read::Number(|c| c.posts.as_ref()?.engagement_rate.map(millionths));
    /// Growth of followers over 7 days until they last changed.
    Growth7d "growth_7d" ["growth"], Rate, false, Read::Share("growth_7d");
    /// Growth of followers over 30 days.
    Growth30d "growth_30d" [], Rate, false, Read::Share("growth_30d");
    /// Growth of followers over 90 days.
    Growth90d "growth_90d" [], Rate, false, Read::Share("growth_90d");
    /// When the latest post was published.
    LastPostAt "last_post_at" ["last_post"], Time, false, Read::Number(|c| Some(c.posts.as_ref()?.last_post_at?.as_millis()));
    /// When the account was made.
    CreatedAt "created_at" ["created"], Time, false, Read::Number(|c| c.created_at.map(|at| at.as_millis()));
    /// When a source last showed something new about the creator.
    AsOf "as_of" ["seen", "age"], Time, false, Read::Number(|c| c.sources.iter().map(|s| s.as_of.as_millis()).max());
    /// Member of this list.
    List "list" ["lists"], List, false, Read::Elsewhere;
}

impl SearchField {
    /// Its name in queries, indexes and results.
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// The kind of its value.
    pub const fn kind(self) -> FieldKind {
        self.info().kind
    }

    /// The field with this name or alias, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        Self::ALL.iter().copied().find(|field| is(field.name()) || field.info().aliases.iter().any(|a| is(a)))
    }

    /// Whether its values form a column of numbers: ranges and sorting.
    pub const fn is_number(self) -> bool {
        matches!(self.kind(), FieldKind::Number | FieldKind::Rate | FieldKind::Time)
    }

    /// Whether an index keeps its values as a column, from which it knows who has one. For the others the document
    /// says so: [`Document::known`](super::Document::known).
    pub const fn is_column(self) -> bool {
        self.is_number() || self.info().facet
    }
}

impl fmt::Display for SearchField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for SearchField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

fn one(text: &Option<Box<str>>, put: &mut dyn FnMut(&str)) {
    many(text.as_slice(), put);
}

fn many(texts: &[Box<str>], put: &mut dyn FnMut(&str)) {
    texts.iter().for_each(|text| put(text));
}

fn names(creator: &Creator, put: &mut dyn FnMut(&str)) {
    one(&creator.name, put);
    one(&creator.handle, put);
    many(&creator.former_handles, put);
}

fn posts(creator: &Creator, read: impl FnOnce(&PostStats)) {
    if let Some(stats) = &creator.posts {
        read(stats);
    }
}

fn average(creator: &Creator, read: fn(&PostStats) -> Option<u64>) -> Option<i64> {
    count(read(creator.posts.as_ref()?))
}

fn count(number: Option<u64>) -> Option<i64> {
    number.map(|number| i64::try_from(number).unwrap_or(i64::MAX))
}

/// A share as whole millionths. A cast saturates; there is no share that is not a number.
pub(super) fn millionths(share: f64) -> i64 {
    (share * 1e6).round() as i64
}

const fn tier(followers: u64) -> &'static str {
    match followers {
        0..10_000 => "nano",
        10_000..100_000 => "micro",
        100_000..500_000 => "mid",
        500_000..1_000_000 => "macro",
        _ => "mega",
    }
}

/// The host of a link, with or without a scheme.
fn host(link: &str) -> Option<&str> {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next()?;
    // What stands before `@` would be a login, and with `mailto:` an address.
    let host = host.split(':').next().filter(|host| !host.contains('@') && host.contains('.'))?;
    Some(host.strip_prefix("www.").unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_aliases_are_unique() {
        let mut seen = BTreeSet::new();
        for field in SearchField::ALL {
            assert!(seen.insert(field.name()), "{field} is there twice");
            field
                .info()
                .aliases
                .iter()
                .for_each(|alias| assert!(seen.insert(alias), "{alias} is there twice"));
            assert_eq!(SearchField::from_name(&field.name().to_uppercase()), Some(*field));
        }
    }

    #[test]
    fn only_the_host_of_a_link_is_kept() {
        assert_eq!(host("https://www.instagram.com/mina?x=1"), Some("instagram.com"));
        assert_eq!(host("linktr.ee/mina"), Some("linktr.ee"));
        assert_eq!(host("http://shop.example:8080/"), Some("shop.example"));
        for none in ["mailto:a@b.example", "https://user:pw@host.example/", "nothing", ""] {
            assert_eq!(host(none), None, "{none}");
        }
    }

    #[test]
    fn tiers_begin_where_the_table_says() {
        let tiers = [0, 9_999, 10_000, 99_999, 100_000, 499_999, 500_000, 999_999, 1_000_000].map(tier);
        assert_eq!(tiers, ["nano", "nano", "micro", "micro", "mid", "mid", "macro", "macro", "mega"]);
    }
}
