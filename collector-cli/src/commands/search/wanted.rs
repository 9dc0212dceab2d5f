//! From what was typed to a query and the index that is asked.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use collector_core::id::RecordKey;
use collector_core::search::syntax::SyntaxError;
use collector_core::search::{CreatorIndex, Filter, Query, SearchField, Test};

use super::super::{Session, lists};
use crate::args::{ConfigFile, StoreChoice, Wanted};
use crate::compose;
use crate::config::SearchPlace;
use crate::failure::{Failure, Result};
use crate::report::plain;

/// A query that can be asked: its lists are looked up.
pub(in crate::commands) struct Asked {
    pub(in crate::commands) index: Arc<dyn CreatorIndex>,
    pub(in crate::commands) query: Query,
}

impl Asked {
    pub(in crate::commands) async fn new(
        session: &Session,
        wanted: &Wanted,
        store: &StoreChoice,
    ) -> Result<Self> {
        let query = query(wanted)?;
        let index = compose::open_index(&place(session, wanted, &store.file)?)?;
        Ok(Self { index, query: with_lists(session, query, store).await? })
    }
}

/// The text and the options together.
fn query(wanted: &Wanted) -> Result<Query> {
    let text = plain(&wanted.text.join(" "));
    let mut query = Query::parse(&text).map_err(|error| {
        Failure::usage(format!(
            "the query, at character {}: {}",
            error.character(&text),
            shown(&error, &text)
        ))
        .advise("`collector search --help` shows the language")
    })?;
    for (option, name, value) in wanted.conditions.given() {
        let value = plain(value);
        query
            .condition(name, &value)
            .map_err(|error| Failure::usage(format!("--{option}: {}", shown(&error, &value))))?;
    }
    let members = |name: &String| Filter::new(SearchField::List, [Test::Is(name.clone())]);
    query.filters.extend(wanted.conditions.list.iter().map(members));
    Ok(query)
}

/// What is wrong, and the text with a line that points at it.
fn shown(error: &SyntaxError, text: &str) -> String {
    let pointer = error.pointer(text);
    let lines: Vec<String> = pointer.lines().map(|line| format!("  {line}")).collect();
    format!("{error}\n{}", lines.join("\n"))
}

/// The same with the members of its lists, as the store has them now; a query without lists needs no store.
async fn with_lists(session: &Session, query: Query, choice: &StoreChoice) -> Result<Query> {
    let names: BTreeSet<String> = query.lists().map(str::to_owned).collect();
    if names.is_empty() {
        return Ok(query);
    }
    let store = compose::open_reader(&session.store(choice)?).await?;
    let mut members: HashMap<String, BTreeSet<RecordKey>> = HashMap::new();
    for name in names {
        let keys = lists::collected(&store, &name).await?;
        members.insert(name, keys);
    }
    query.with_lists(|name| Ok(members.get(name).cloned().unwrap_or_default()))
}

/// The index that is asked; a configuration is only needed when it is not named.
fn place(session: &Session, wanted: &Wanted, file: &ConfigFile) -> Result<SearchPlace> {
    if let Some(url) = &wanted.index {
        return SearchPlace::parse(Path::new(""), url)
            .map_err(|wrong| Failure::usage(format!("--index: {wrong}")));
    }
    let config = session.places(file)?;
    config.search.ok_or_else(|| {
        Failure::usage(format!("{} has no search index", config.file.display())).advise(
            "add the section [search] with url = \"tantivy:search\" and run a job, or name an index with --index",
        )
    })
}
