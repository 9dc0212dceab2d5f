//! `collector rebuild`: the merged view anew from the answers that are kept, the index anew from the store.

mod index;

use std::sync::Arc;

use collector_core::clock::SystemClock;
use collector_core::error::ErrorKind;
use collector_core::known::not_known;
use collector_core::rebuild::{Rebuild as Reading, Rebuilt};
use collector_core::replay::Answers;
use collector_core::store::Store;
use tokio::time::Instant;

pub(super) use index::index;

use super::{Session, deliver};
use crate::args::Rebuild;
use crate::compose::{self, AnyStore};
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::progress::Line;
use crate::report::{RebuildReport, number};

/// The most letters that are looked at.
const LETTERS: usize = 1_000_000;

pub(super) async fn execute(session: &Session, args: &Rebuild) -> Result<Exit> {
    let began = Instant::now();
    let config = session.config(&args.file)?;
    if let Some(name) = args.source.as_deref().filter(|name| !config.sources.contains_key(*name)) {
        let known = config.sources.keys().map(String::as_str);
        return Err(Failure::usage(format!("--source: {}", not_known("source", name, known))));
    }
    // Looked at first: a store that is not there is not made.
    drop(compose::open_reader(&config.store).await?);
    let mut report = RebuildReport::default();
    if args.parse {
        let store = compose::open_store(&config.store).await?;
        let read = read_again(session, &config, &store, args).await;
        report.parse = Some(read.map_err(|error| {
            if error.kind() == ErrorKind::Cancelled {
                Failure::partial("stopped; what was read again is kept")
                    .advise("go on: the same command once more")
            } else {
                error.into()
            }
        })?);
        report.letters = readable(&config, &store).await?;
        drop(store);
        let line = Line::new(&session.output, "sinks");
        let say = |pending| line.say(&format!("{} pending", number(pending)));
        report.deliver(deliver::everything(&config, &session.stop, &say).await?);
    }
    if args.search {
        report.indexed = Some(index(session, &config).await?);
    }
    report.end(began.elapsed());
    session.output.print(&report, RebuildReport::text)?;
    Ok(report.exit())
}

async fn read_again(
    session: &Session,
    config: &Config,
    store: &AnyStore,
    args: &Rebuild,
) -> std::result::Result<Rebuilt, collector_core::error::Error> {
    let names = config.sources.keys().filter(|name| args.source.as_ref().is_none_or(|only| only == *name));
    let sources = names.map(|name| Ok(compose::source(config, name)?.0));
    let sources = sources.collect::<std::result::Result<Vec<_>, collector_core::error::Error>>()?;
    let line = Line::new(&session.output, "answers");
    let watch = |done: &Rebuilt| {
        line.say(&format!("{} read again, {} records changed", number(done.answers), number(done.versions)));
    };
    let reading = Reading::new(Arc::clone(store), sources, Arc::new(SystemClock));
    reading.run(args.source.as_deref(), args.afresh, &session.stop, &watch).await
}

/// Dead letters whose answers can be read now: their tasks are opened by `dead replay`.
async fn readable(config: &Config, store: &AnyStore) -> Result<u64> {
    let letters = store.dead_letters(LETTERS).await?;
    let (answers, mut readable) = (Answers::new(), 0);
    for name in config.sources.keys() {
        let (source, _) = compose::source(config, name)?;
        readable += answers.gather(&*source, &**store, &letters).await?.len() as u64;
    }
    Ok(readable)
}
