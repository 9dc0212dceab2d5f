//! `collector erase`: one creator out of everything that is kept.

mod unfinished;

use std::sync::Arc;

use collector_core::clock::{Clock, SystemClock};
use collector_core::context::{ByteBudget, Context};
use collector_core::id::Ids;
use collector_core::store::Store;
use tokio::time::Instant;

use self::unfinished::Unfinished;
use super::{Session, consent, deliver, rebuild};
use crate::args::Erase;
use crate::compose::{self, AnyStore};
use crate::config::{Config, JsonlPlace};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::ids;
use crate::progress::Line;
use crate::report::{EraseReport, number};

pub(super) async fn execute(session: &Session, args: &Erase) -> Result<Exit> {
    let subjects = ids::subject(&args.creator).map_err(Failure::usage)?;
    let config = session.places(&args.file)?;
    // Looked at first: a store that is not there is not made.
    drop(compose::open_reader(&config.store).await?);
    let plan = format!(
        "{} is taken out of {}: record, history, answers, pictures, lists, letters, index and change log; \
         and kept out from now on. Nothing brings it back.",
        args.creator, config.store
    );
    consent::agreed_to(session, &plan, args.yes).await?;
    let began = Instant::now();
    let store = compose::open_store(&config.store).await?;
    let who = whole(&store, Ids { strong: Vec::new(), weak: subjects }).await?;
    // Once the store has forgotten, nothing else says what is to be looked for elsewhere: noted before that.
    let mut left = Unfinished::load(&store).await?;
    left.expect(&store, &who).await?;
    let worker = format!("erase-{}", std::process::id()).into();
    let erased = store.erase(&worker, &who, SystemClock.now()).await;
    store.close(&worker).await?;
    let erased = erased?;
    left.erased(&store, &erased).await?;
    drop(store);
    let mut report = EraseReport::new(&erased);
    let line = Line::new(&session.output, "sinks");
    let say = |pending| line.say(&format!("{} pending", number(pending)));
    report.deliver(deliver::everything(&config, &session.stop, &say).await?);
    drop(line);
    if !left.is_empty() {
        let done = elsewhere(session, &config, &left, &mut report).await;
        done.map_err(|failure| failure.advise("look for what is left: the same command once more"))?;
        Unfinished::done(&compose::open_store(&config.store).await?).await?;
    }
    report.end(began.elapsed());
    session.output.print(&report, EraseReport::text)?;
    Ok(report.exit())
}

/// What was typed may be a strong identity or a weak one; who is known says which.
async fn whole(store: &AnyStore, asked: Ids) -> Result<Ids> {
    for id in asked.iter() {
        if let Some(known) = store.find(id).await? {
            return Ok(known.ids);
        }
    }
    // Nobody is known by it: answers are looked through, and whoever shows it is kept out.
    let Some(first) = asked.weak.into_iter().next() else { return Ok(Ids::none()) };
    Ok(match first.kind.ends_with(":handle") {
        true => Ids { strong: Vec::new(), weak: vec![first] },
        false => Ids { strong: vec![first], weak: Vec::new() },
    })
}

/// Files that a deletion does not reach by itself.
async fn elsewhere(
    session: &Session,
    config: &Config,
    left: &Unfinished,
    report: &mut EraseReport,
) -> Result<()> {
    if let Some(place @ JsonlPlace::File(_)) = &config.jsonl {
        report.lines = collector_sinks::jsonl::erase(place.as_path(), &left.records).await?;
    }
    if let Some(options) = &config.images {
        let cx = Context::new(session.stop.clone(), Arc::new(SystemClock), ByteBudget::new(0));
        let store = compose::open_reader(&config.store).await?;
        report.pictures = compose::images(options)?.forget(&cx, &left.facts, &*store).await?;
    }
    if config.search.is_some() {
        // A deleted record stands in the index's files until they are merged: a new index takes the place of the old one.
        rebuild::index(session, config).await?;
    }
    Ok(())
}
