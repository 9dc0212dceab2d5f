//! `collector show`: one creator.

use super::Session;
use crate::args::Show;
use crate::compose;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::ids;
use crate::report::ShowReport;

pub(super) async fn execute(session: &Session, args: &Show) -> Result<Exit> {
    let subjects = ids::subject(&args.creator).map_err(Failure::usage)?;
    let place = session.store(&args.store)?;
    let store = compose::open_reader(&place).await?;
    for id in &subjects {
        if let Some(known) = store.find(id).await? {
            let mut report = ShowReport::new(&known);
            if args.explain {
                let history = store.history(known.record.key).await?;
                report = report.explained(&known, &compose::creators(), &history);
            }
            session.output.print(&report, ShowReport::text)?;
            return Ok(Exit::Complete);
        }
    }
    let asked = subjects.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    Err(Failure::partial(format!("nobody in {place} is {asked}"))
        .advise(format!("collect them: collector run --handles {}", args.creator)))
}
