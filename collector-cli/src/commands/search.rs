//! `collector search`: finds creators, also while a run writes the index.

use std::path::Path;

use collector_core::context::Context;
use collector_core::search::Query;
use collector_core::search::syntax::SyntaxError;

use super::Session;
use crate::args::Search;
use crate::compose;
use crate::config::SearchPlace;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::report::{SearchReport, plain};

pub(super) async fn execute(session: &Session, args: &Search) -> Result<Exit> {
    let query = query(args)?;
    let index = compose::open_index(&place(session, args)?)?;
    let report = SearchReport::new(index.search(&Context::detached(), &query).await?);
    if session.output.is_json() {
        session.output.data(&report.json_lines()?)?;
    } else {
        session.output.data(&report.text())?;
    }
    Ok(Exit::Complete)
}

/// The text and the options together.
fn query(args: &Search) -> Result<Query> {
    let text = plain(&args.text.join(" "));
    let mut query = Query::parse(&text).map_err(|error| {
        Failure::usage(format!(
            "the query, at character {}: {}",
            error.character(&text),
            shown(&error, &text)
        ))
        .advise("`collector search --help` shows the language")
    })?;
    for (option, name, value) in args.conditions.given() {
        let value = plain(value);
        query
            .condition(name, &value)
            .map_err(|error| Failure::usage(format!("--{option}: {}", shown(&error, &value))))?;
    }
    query.limit = args.limit.get();
    query.after = args.after;
    query.facets.clone_from(&args.facets);
    Ok(query)
}

/// What is wrong, and the text with a line that points at it.
fn shown(error: &SyntaxError, text: &str) -> String {
    let pointer = error.pointer(text);
    let lines: Vec<String> = pointer.lines().map(|line| format!("  {line}")).collect();
    format!("{error}\n{}", lines.join("\n"))
}

/// The index that is asked; a configuration is only needed when it is not named.
fn place(session: &Session, args: &Search) -> Result<SearchPlace> {
    if let Some(url) = &args.index {
        return SearchPlace::parse(Path::new(""), url)
            .map_err(|wrong| Failure::usage(format!("--index: {wrong}")));
    }
    let config = session.read_config(&args.file.config, None)?;
    config.search.ok_or_else(|| {
        Failure::usage(format!("{} has no search index", config.file.display())).advise(
            "add the section [search] with url = \"tantivy:search\" and run a job, or name an index with --index",
        )
    })
}
