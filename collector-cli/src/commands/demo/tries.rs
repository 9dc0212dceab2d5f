//! Searches to try on what was collected: chosen from it, and asked once, so that each finds somebody.

use std::collections::BTreeMap;

use collector_core::context::Context;
use collector_core::creator::Creator;
use collector_core::error::Result;
use collector_core::search::{CreatorIndex, Facet, Query, Results, SearchField};

/// A search that finds somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Try {
    /// What it shows, for people.
    pub(super) what: &'static str,
    /// The query.
    pub(super) query: String,
    /// How many it finds.
    pub(super) found: u64,
}

/// Creators whose texts are looked at for words.
const READ: usize = 100;

/// Ranges of followers, the most telling first.
const RANGES: [&str; 4] = ["10k..100k", "1k..10k", "100k..", "..1k"];

/// Characters of a handle that are typed before others are proposed.
const TYPED: usize = 4;

/// Chooses searches by what the index holds.
pub(super) async fn choose(index: &dyn CreatorIndex) -> Result<Vec<Try>> {
    let mut everybody = Query::all();
    everybody.facets = vec![SearchField::Country, SearchField::Hashtag];
    let all = ask(index, everybody, READ).await?;
    let mut tries = Vec::new();
    let korean = ask(index, parse("country:kr")?, READ).await?;
    if let Some(word) = korean_word(&korean) {
        first(index, "a Korean word", [word], &mut tries).await?;
    }
    if let Some(country) = most_frequent(&all, SearchField::Country) {
        let queries = RANGES.map(|range| format!("country:{} followers:{range}", country.to_lowercase()));
        first(index, "a country and a range of followers", queries, &mut tries).await?;
    }
    let handles = all.hits.iter().filter_map(|hit| hit.creator.handle.as_deref());
    if let Some(typed) = handles.filter_map(beginning).next() {
        first(index, "the beginning of a handle or name", [format!("who:{typed}*")], &mut tries).await?;
    }
    if let Some(hashtag) = most_frequent(&all, SearchField::Hashtag) {
        let queries = [format!("#{hashtag} has:email sort:er"), format!("#{hashtag}")];
        first(index, "a hashtag, the most engaging first", queries, &mut tries).await?;
    }
    Ok(tries)
}

/// Takes the first of the queries that finds somebody.
async fn first(
    index: &dyn CreatorIndex,
    what: &'static str,
    queries: impl IntoIterator<Item = String>,
    tries: &mut Vec<Try>,
) -> Result<()> {
    for query in queries {
        let found = ask(index, parse(&query)?, 1).await?.total;
        if found > 0 {
            tries.push(Try { what, query, found });
            break;
        }
    }
    Ok(())
}

async fn ask(index: &dyn CreatorIndex, mut query: Query, limit: usize) -> Result<Results> {
    query.limit = limit;
    index.search(&Context::detached(), &query).await
}

fn parse(text: &str) -> Result<Query> {
    Query::parse(text).map_err(collector_core::search::syntax::SyntaxError::into_error)
}

fn most_frequent(results: &Results, field: SearchField) -> Option<String> {
    let facet: &Facet = results.facets.iter().find(|facet| facet.field == field)?;
    let plain = |value: &str| value.chars().all(char::is_alphanumeric);
    facet.values.iter().map(|count| &count.value).find(|value| plain(value)).cloned()
}

/// The Korean word that most of the creators found have in name or biography; the first of equals.
fn korean_word(results: &Results) -> Option<String> {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for hit in &results.hits {
        words(&hit.creator).for_each(|word| *times.entry(word).or_default() += 1);
    }
    let most = times.values().copied().max()?;
    times.into_iter().find(|(_, count)| *count == most).map(|(word, _)| word.to_owned())
}

fn words(creator: &Creator) -> impl Iterator<Item = &str> {
    let texts = [creator.name.as_deref(), creator.bio.as_deref()];
    let words = texts.into_iter().flatten().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    words.filter(|word| word.chars().nth(1).is_some() && word.chars().all(|c| matches!(c, '가'..='힣')))
}

/// What somebody may have typed of a handle; `None` when it begins with what is no letter.
fn beginning(handle: &str) -> Option<String> {
    let typed: String = handle.chars().take_while(char::is_ascii_alphanumeric).take(TYPED).collect();
    (typed.len() >= 2).then_some(typed)
}

#[cfg(test)]
mod tests {
    use collector_core::id::RecordKey;
    use collector_core::search::{Hit, Relevance};

    use super::*;

    fn found(creators: Vec<Creator>) -> Results {
        let hit = |creator| Hit {
            key: RecordKey(1),
            version: 1,
            relevance: Relevance::default(),
            creator,
            facts: Default::default(),
        };
        let hits: Vec<Hit> = creators.into_iter().map(hit).collect();
        Results { total: hits.len() as u64, hits, facets: Vec::new(), next: None }
    }

    #[test]
    fn the_most_frequent_korean_word_is_chosen() {
        let creator = |name: &str, bio: &str| Creator {
            name: Some(name.into()),
            bio: Some(bio.into()),
            ..Creator::default()
        };
        let results = found(vec![
            creator("뷰티 mina", "스킨케어, 뷰티"),
            creator("Ann", "K뷰티 스킨케어 나"),
            creator("뷰티", ""),
        ]);
        assert_eq!(korean_word(&results).as_deref(), Some("뷰티"));
        assert_eq!(korean_word(&found(vec![creator("Ann", "skin care")])), None);
    }

    #[test]
    fn the_beginning_of_a_handle_is_plain() {
        assert_eq!(beginning("luna.color_3").as_deref(), Some("luna"));
        assert_eq!(beginning("jo.x").as_deref(), Some("jo"));
        assert_eq!(beginning("_x"), None);
    }
}
