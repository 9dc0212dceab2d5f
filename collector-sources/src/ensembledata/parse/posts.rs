//! Posts by id: the answer leaves out what it does not have, in an order of its own.

use std::collections::HashMap;

use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::{Absence, Malformed, Outcome, Page, Payload, Task};

use super::super::follow;
use super::super::kind::Kind;
use super::super::wire::Listing;
use super::post;
use super::row;
use super::{Answer, Reader};
use crate::values::found::Found;

pub(super) fn read(reader: &Reader, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
    let posts = match reader.open::<Listing<'_>>(payload)? {
        Answer::Data { data, .. } => data,
        Answer::Absent(absence) => return absent(reader, tasks, payload, absence),
    };
    let mut page =
        reader.page(tasks, payload, reader.settings.price(Kind::Posts, tasks, Some(posts.rows.len())))?;
    page.outcomes.fill_with(|| Outcome::Absent(Absence::NotFound));
    let asked: HashMap<&str, usize> =
        tasks.iter().enumerate().map(|(index, task)| (task.subject(), index)).collect();
    let mut found = Found::default();
    for (index, raw) in posts.rows.iter().enumerate() {
        let place = format!("{}[{index}]", posts.place);
        let read = row::read(Kind::Posts, raw, &place, reader.keep_email, &mut page.malformed);
        let id = post::readable_id(raw);
        let outcome = id.and_then(|id| page.outcomes.get_mut(*asked.get(&*id)?));
        match (read, outcome) {
            (Ok(None), _) => {}
            (Ok(Some(row)), outcome) => {
                found.add(row.author, row.post);
                outcome.into_iter().for_each(|outcome| *outcome = Outcome::Done);
            }
            (Err(malformed), Some(outcome)) => *outcome = Outcome::Failed(failure(malformed)),
            (Err(malformed), None) => page.malformed.push(malformed),
        }
    }
    page.items = found.into_sightings();
    let done = tasks.iter().zip(&page.outcomes).filter(|(_, outcome)| matches!(outcome, Outcome::Done));
    page.follow_ups = done.filter_map(|(task, _)| follow::comments(task)).collect();
    Ok(page)
}

/// Nothing came for anybody. Which of several posts a refusal means is not said.
fn absent(
    reader: &Reader,
    tasks: &[Task],
    payload: &Payload,
    absence: Absence,
) -> Result<Page<CreatorSighting>> {
    if absence != Absence::NotFound && tasks.len() > 1 {
        let message =
            "the vendor withholds one of several posts without saying which: ask for them one by one";
        return Err(Error::new(ErrorKind::Rejected, message).with("status", payload.status));
    }
    reader.absent(tasks, payload, reader.settings.price(Kind::Posts, tasks, None), absence)
}

fn failure(malformed: Malformed) -> Error {
    Error::new(ErrorKind::Malformed, malformed.reason).with("at", malformed.part)
}
