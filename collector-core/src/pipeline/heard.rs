//! Whether each part of a query is heard by somebody.
//!
//! One query goes to several sources, and each leaves alone what it has no use for. What all of them leave alone would be
//! lost without a word.

use super::worker::Parts;
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};
use crate::id::Name;
use crate::task::{Query, Task};

/// Refuses a part of a query that no source makes use of.
///
/// # Errors
/// `ConfigInvalid` naming the part.
pub(super) fn refuse_unheard<D: Domain>(
    parts: &Parts<D>,
    query: &Query,
    asked: Option<&[Name]>,
) -> Result<()> {
    let sources = || parts.asked(asked);
    let sample = sample(query);
    for (name, part) in said(&sample) {
        let without = part.left_out(&sample);
        let alone = part.alone(&sample);
        let heard = sources().any(|slot| {
            let seed = |query: &Query| -> Result<Vec<Task>> { slot.source.seed(query) };
            // Whoever refuses it understands it, and says so when the whole query is asked.
            let (Ok(with), Ok(rest), Ok(only)) = (seed(&sample), seed(&without), seed(&alone)) else {
                return true;
            };
            // The same person under two names is one task, with either name left out.
            with != rest || !only.is_empty()
        });
        if !heard {
            let message = format!(
                "no source that is asked makes use of `{name}`: leave it out, or ask a source that does"
            );
            let asked: Vec<&str> = sources().map(|slot| &*slot.name).collect();
            return Err(Error::new(ErrorKind::ConfigInvalid, message).with("sources", asked.join(", ")));
        }
    }
    Ok(())
}

/// A part of a query that can be taken out.
enum Part {
    Texts(TextsOf),
    Extra(String),
}

impl Part {
    fn left_out(&self, query: &Query) -> Query {
        let mut query = query.clone();
        match self {
            Self::Texts(of) => of(&mut query).clear(),
            Self::Extra(name) => drop(query.extra.remove(name)),
        }
        query
    }

    /// The query with nothing but this part of what it asks for.
    fn alone(&self, query: &Query) -> Query {
        let mut query = query.clone();
        let mut kept = Query { options: std::mem::take(&mut query.options), ..Query::default() };
        (kept.max_pages, kept.hydrate) = (query.max_pages, query.hydrate);
        match self {
            Self::Texts(of) => *of(&mut kept) = std::mem::take(of(&mut query)),
            Self::Extra(name) => kept.extra.extend(query.extra.remove_entry(name)),
        }
        kept
    }
}

/// Where a part of a query is.
type TextsOf = fn(&mut Query) -> &mut Vec<String>;

const TEXTS: [(&str, TextsOf); 6] = [
    ("handles", |query| &mut query.handles),
    ("ids", |query| &mut query.ids),
    ("hashtags", |query| &mut query.hashtags),
    ("keywords", |query| &mut query.keywords),
    ("posts", |query| &mut query.posts),
    ("regions", |query| &mut query.regions),
];

/// One of each: enough to see who hears it.
fn sample(query: &Query) -> Query {
    let mut sample = query.clone();
    for (_, of) in TEXTS {
        of(&mut sample).truncate(1);
    }
    sample
}

fn said(query: &Query) -> Vec<(String, Part)> {
    let mut looked_at = query.clone();
    let texts = TEXTS.into_iter().filter(|(_, of)| !of(&mut looked_at).is_empty());
    let texts = texts.map(|(name, of)| (name.to_owned(), Part::Texts(of)));
    let extra = query.extra.keys().map(|name| (format!("extra.{name}"), Part::Extra(name.clone())));
    texts.chain(extra).collect()
}
