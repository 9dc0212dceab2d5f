//! `collector lists`: the lists of the store.

use std::collections::BTreeSet;

use collector_core::clock::{Clock, SystemClock};
use collector_core::id::{Ids, RecordKey};
use collector_core::known::not_known;
use collector_core::store::owners_of;

use super::Session;
use crate::args::{Lists, ListsCommand, ListsRemove};
use crate::compose::{self, AnyStore};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::report::{ListEntry, ListRemoved, ListsReport};

pub(super) async fn execute(session: &Session, args: &Lists) -> Result<Exit> {
    match &args.command {
        None => show(session, args).await,
        Some(ListsCommand::Remove(args)) => remove(session, args).await,
    }
}

async fn show(session: &Session, args: &Lists) -> Result<Exit> {
    let store = compose::open_reader(&session.store(&args.store)?).await?;
    let mut lists = Vec::new();
    for list in store.lists().await? {
        let ids = store.list(&list.name).await?.unwrap_or_default().into_iter().map(|member| member.ids);
        let ids: Vec<Ids> = ids.collect();
        let collected = owners_of(&*store, &ids).await?.iter().flatten().count() as u64;
        lists.push(ListEntry::new(list, collected));
    }
    session.output.print(&ListsReport { lists }, ListsReport::text)?;
    Ok(Exit::Complete)
}

async fn remove(session: &Session, args: &ListsRemove) -> Result<Exit> {
    let place = session.store(&args.store)?;
    // Looked for beside a writer first: a wrong name makes no store and waits for nobody.
    let members = members(&compose::open_reader(&place).await?, &args.name).await?.len() as u64;
    compose::open_store(&place).await?.put_list(&args.name, &[], SystemClock.now()).await?;
    session.output.print(&ListRemoved { name: args.name.clone(), members }, ListRemoved::text)?;
    Ok(Exit::Complete)
}

/// Who is on a list, in its order.
pub(super) async fn members(store: &AnyStore, name: &str) -> Result<Vec<Ids>> {
    if let Some(members) = store.list(name).await? {
        return Ok(members.into_iter().map(|member| member.ids).collect());
    }
    let lists = store.lists().await?;
    let known = lists.iter().map(|list| list.name.as_str());
    Err(Failure::usage(not_known("list", name, known))
        .advise("`collector lists` shows them; `collector import FILE --list NAME` makes one"))
}

/// The records of whoever is on a list and is collected.
pub(super) async fn collected(store: &AnyStore, name: &str) -> Result<BTreeSet<RecordKey>> {
    let members = members(store, name).await?;
    Ok(owners_of(&**store, &members).await?.into_iter().flatten().collect())
}
