//! What `collector search` takes.

use std::num::NonZeroUsize;

use clap::Args;
use collector_core::search::{Cursor, SearchField};

use super::StoreChoice;

/// The words of the query language, in short.
pub(super) const LANGUAGE: &str = "\
The query is one line of text; options say the same:
  뷰티 \"skin care\" beaut* -shop         words, words next to each other, beginnings, without
  @mina #kbeauty who:min*               handle, hashtag, beginning of handle or name
  country:kr,jp -country:us             one of them, not this one
  followers:10k..100k er:>=3%           ranges; also ..5k, 1m.., <10k
  last_post:<30d created:2024           times: ages and dates
  has:email is:verified unknown:country flags; known or not
  list:spring -list:\"not again\"         on a list of the store, or not
  sort:followers sort:er:asc            order

  collector search 'country:kr followers:10k..100k -shop \"skin care\" has:email sort:followers'
  collector search 'skin care' --country KR --followers 10k..100k --has email --sort followers";

#[derive(Debug, Args)]
#[command(after_help = LANGUAGE)]
pub(crate) struct Search {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    #[command(flatten)]
    pub(crate) store: StoreChoice,
    /// How many to show
    #[arg(long, value_name = "N", default_value = "20")]
    pub(crate) limit: NonZeroUsize,
    /// Show those behind this place: what a page of results ends with
    #[arg(long, value_name = "CURSOR", value_parser = cursor)]
    pub(crate) after: Option<Cursor>,
    /// Count the values of this field over everybody found; may be given several times
    #[arg(long = "facet", value_name = "FIELD", value_delimiter = ',', value_parser = facet)]
    pub(crate) facets: Vec<SearchField>,
}

/// Who is to be found, and where.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// What to find, in the language below; a text that begins with - goes behind --
    #[arg(value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// The index, instead of the configured one: tantivy:PATH
    #[arg(long, value_name = "URL")]
    pub(crate) index: Option<String>,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
}

impl Wanted {
    /// Whether anybody is asked for.
    pub(crate) fn asks(&self) -> bool {
        !self.text.is_empty() || self.conditions.given().next().is_some() || !self.conditions.list.is_empty()
    }

    /// The one list that is asked for, when nothing else is.
    pub(crate) fn only_list(&self) -> Option<&str> {
        match &*self.conditions.list {
            [name] if self.text.is_empty() && self.conditions.given().next().is_none() => Some(name),
            _ => None,
        }
    }
}

/// Conditions that have an option. Each value is read as behind the field's colon.
#[derive(Debug, Args)]
pub(crate) struct Conditions {
    /// Country of residence: KR or KR,JP
    #[arg(long, value_name = "CODE")]
    country: Vec<String>,
    /// Language: ko or ko,en
    #[arg(long, value_name = "CODE")]
    language: Vec<String>,
    /// Platform
    #[arg(long, value_name = "NAME")]
    platform: Vec<String>,
    /// Category in the source's words
    #[arg(long, value_name = "NAME")]
    category: Vec<String>,
    /// Hashtag without #
    #[arg(long, value_name = "TAG")]
    hashtag: Vec<String>,
    /// nano, micro, mid, macro, mega
    #[arg(long, value_name = "NAME")]
    tier: Vec<String>,
    /// Source that has shown them
    #[arg(long, value_name = "NAME")]
    source: Vec<String>,
    /// Member of this list, by its whole name
    #[arg(long, value_name = "NAME")]
    pub(crate) list: Vec<String>,
    /// Followers: 10k..100k
    #[arg(long, value_name = "RANGE")]
    followers: Vec<String>,
    /// Engagement rate: >=3%
    #[arg(long, value_name = "RANGE")]
    er: Vec<String>,
    /// Average views: 10k..
    #[arg(long, value_name = "RANGE")]
    views: Vec<String>,
    /// Latest post: <30d
    #[arg(long, value_name = "TIME")]
    last_post: Vec<String>,
    /// Has email, shop, avatar, bio …
    #[arg(long, value_name = "FIELD")]
    has: Vec<String>,
    /// Is verified, private
    #[arg(long, value_name = "FLAG")]
    is: Vec<String>,
    /// Nobody has said this field
    #[arg(long, value_name = "FIELD")]
    unknown: Vec<String>,
    /// Order: followers, er, views, last_post … or followers:asc
    #[arg(long, value_name = "FIELD")]
    sort: Option<String>,
}

impl Conditions {
    /// Every condition that was given, but lists: the option's name, the language's name, the value. A list's name is
    /// none of the language: it may hold anything.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        let lists: [(&str, &str, &[String]); 15] = [
            ("country", "country", &self.country),
            ("language", "language", &self.language),
            ("platform", "platform", &self.platform),
            ("category", "category", &self.category),
            ("hashtag", "hashtag", &self.hashtag),
            ("tier", "tier", &self.tier),
            ("source", "source", &self.source),
            ("followers", "followers", &self.followers),
            ("er", "er", &self.er),
            ("views", "views", &self.views),
            ("last-post", "last_post", &self.last_post),
            ("has", "has", &self.has),
            ("is", "is", &self.is),
            ("unknown", "unknown", &self.unknown),
            ("sort", "sort", self.sort.as_slice()),
        ];
        lists
            .into_iter()
            .flat_map(|(option, name, values)| values.iter().map(move |v| (option, name, v.as_str())))
    }
}

fn cursor(text: &str) -> Result<Cursor, String> {
    text.parse().map_err(str::to_owned)
}

fn facet(text: &str) -> Result<SearchField, String> {
    let facets = || SearchField::ALL.iter().copied().filter(|field| field.info().facet);
    SearchField::from_name(text)
        .filter(|field| field.info().facet)
        .ok_or_else(|| collector_core::known::not_known("facet", text, facets().map(SearchField::name)))
}
