//! `collector search`: finds creators, also while a run writes the index.

mod wanted;

use collector_core::context::Context;

use super::Session;
use crate::args::Search;
use crate::exit::Exit;
use crate::failure::Result;
use crate::report::SearchReport;

pub(super) use wanted::Asked;

pub(super) async fn execute(session: &Session, args: &Search) -> Result<Exit> {
    let Asked { index, mut query } = Asked::new(session, &args.wanted, &args.store).await?;
    query.limit = args.limit.get();
    query.after = args.after;
    query.facets.clone_from(&args.facets);
    let report = SearchReport::new(index.search(&Context::detached(), &query).await?);
    if session.output.is_json() {
        session.output.data(&report.json_lines()?)?;
    } else {
        session.output.data(&report.text())?;
    }
    Ok(Exit::Complete)
}
