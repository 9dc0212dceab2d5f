//! What a run does at its end, and a process that serves now and then, so that nobody has to think of it.

mod turn;

use std::convert::Infallible;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::{Clock, SystemClock};
use collector_core::context::{ByteBudget, Context};
use collector_core::error::{Error, ErrorChain, Result};
use collector_core::store::{Terms, Tidied};
use collector_sinks::images::{ImagesSink, Swept, Upkeep};
use tokio_util::sync::CancellationToken;

use self::turn::Turn;
use crate::compose::{self, AnyStore};
use crate::config::{Config, ImagesPlace, StorePlace};

/// How long after its start a process that serves looks first. By then a turn has ended whose process was killed before.
const SOON: Duration = Duration::from_secs(120);

/// How often it looks whether there is something to do; that is the case once a day.
const EVERY: Duration = Duration::from_secs(3_600);

/// Keeps the store and the pictures tidy for as long as a process serves that is called `who`. It may be dropped anywhere:
/// each step is written or it is not, and the next process goes on there.
pub(crate) async fn serving(
    config: &Config,
    store: &AnyStore,
    clock: &dyn Clock,
    who: &str,
    stop: &CancellationToken,
) -> Infallible {
    clock.sleep(SOON).await;
    loop {
        if let Err(error) = in_turn(config, store, clock, who, stop).await {
            tracing::warn!(error = %ErrorChain(&error), "cannot find out who tidies the store; that is tried again");
        }
        clock.sleep(EVERY).await;
        pictures(config, stop).await;
    }
}

/// [`store`], unless another process that serves is at it.
async fn in_turn(
    config: &Config,
    store: &AnyStore,
    clock: &dyn Clock,
    who: &str,
    stop: &CancellationToken,
) -> Result<()> {
    let Some(turn) = Turn::take(store, clock, who).await? else { return Ok(()) };
    // When somebody else has it meanwhile, they go on where this process was.
    let _done = turn.during(self::store(config, store, clock, stop)).await;
    turn.give_back().await
}

/// Removes from the store what is not kept, and drops what the terms of vendors let nobody keep, in small batches, once a
/// day. That it fails takes nothing from the run: it is tried again, and goes on there.
pub(crate) async fn store(config: &Config, store: &AnyStore, clock: &dyn Clock, stop: &CancellationToken) {
    match collector_core::store::upkeep(&**store, &config.keep.retention(), &terms(config), clock, stop).await
    {
        Ok(None) => {}
        Ok(Some(tidied)) if tidied.is_empty() => tracing::debug!("nothing in the store was too old to keep"),
        Ok(Some(Tidied { answers, sightings, records, tasks, runs, days, .. })) => tracing::info!(
            answers,
            sightings,
            records,
            tasks,
            runs,
            days,
            "removed from the store what is not kept"
        ),
        Err(error) => tracing::warn!(
            error = %ErrorChain(&error),
            "cannot remove from the store what is not kept; that is tried again"
        ),
    }
}

/// How long what the sources give may be kept, where something says so.
fn terms(config: &Config) -> Vec<Terms> {
    let term = |name: &String| match compose::source(config, name) {
        Ok((_, options)) => options.keep_for.map(|keep_for| Terms { source: name.as_str().into(), keep_for }),
        Err(error) => {
            let error = ErrorChain(&error);
            tracing::warn!(source = name, %error, "it is not known how long what a source gave may be kept");
            None
        }
    };
    config.sources.keys().filter_map(term).collect()
}

/// Collects the pictures that no record refers to, once a day. That it fails takes nothing from the run: the next one
/// goes on.
pub(crate) async fn pictures(config: &Config, stop: &CancellationToken) {
    match tidy(config, stop).await {
        Ok(None | Some(Upkeep::NotDue)) => {}
        Ok(Some(Upkeep::Shared(stores))) => tracing::warn!(
            stores = stores.join(", "),
            "pictures that no record refers to stay: several stores use the folder; give each its own"
        ),
        Ok(Some(Upkeep::Swept(Swept { kept, put_aside, restored, deleted, .. }))) => {
            tracing::info!(
                kept,
                put_aside,
                restored,
                deleted,
                "collected the pictures that no record refers to"
            );
        }
        Ok(Some(_)) => {}
        Err(_) if stop.is_cancelled() => tracing::debug!("stopped while pictures were collected"),
        Err(error) => tracing::warn!(
            error = %ErrorChain(&error),
            "cannot collect the pictures that no record refers to; that is tried again"
        ),
    }
}

/// `None` where there is nothing to do.
async fn tidy(config: &Config, stop: &CancellationToken) -> Result<Option<Upkeep>> {
    let Some(options) = &config.images else { return Ok(None) };
    let name = match (&config.store, &options.url) {
        // It knows nothing of the pictures that earlier runs kept.
        (StorePlace::Memory, _) => return Ok(None),
        (StorePlace::Sqlite(file), ImagesPlace::Folder(folder)) => {
            seen_from(&absolute(folder)?, &absolute(file)?)
        }
        (StorePlace::Sqlite(file), ImagesPlace::Bucket(_)) => absolute(file)?,
        (StorePlace::Server(server), _) => PathBuf::from(format!("{} {}", config.store, server.table_prefix)),
    };
    let sink: ImagesSink = compose::images(options)?;
    let store = compose::open_reader(&config.store).await?;
    let cx = Context::new(stop.clone(), Arc::new(SystemClock), ByteBudget::new(0));
    sink.upkeep(&cx, &name.to_string_lossy(), &*store).await.map(Some)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| {
        Error::new(collector_core::error::ErrorKind::ConfigInvalid, "cannot find what is configured")
            .with("path", path.display())
            .caused_by(error)
    })
}

/// A file as it is reached from a folder, so that its name stays when both are moved together.
fn seen_from(folder: &Path, file: &Path) -> PathBuf {
    let common = folder.components().zip(file.components()).take_while(|(a, b)| a == b).count();
    if common == 0 {
        return file.to_owned();
    }
    let up = folder.components().skip(common).map(|_| Component::ParentDir);
    up.chain(file.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;
    use collector_core::id::Digest;
    use collector_core::store::{RunEnd, RunSpec};
    use collector_core::testkit::fakes::ManualClock;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// Begins and ends a run.
    async fn ran(store: &AnyStore, clock: &ManualClock) -> collector_core::id::RunId {
        let key = Digest::of(clock.now().to_string().as_bytes());
        let spec = RunSpec { job: "a".to_owned(), key, fresh_for: DAY };
        let run = store.begin_run(&spec, clock.now()).await.unwrap().run;
        store.end_run(run, RunEnd::Complete, clock.now()).await.unwrap();
        run
    }

    /// Lets time pass for processes that serve until the store has been tidied anew. Of each step some is left for taking a
    /// turn.
    async fn pass(store: &AnyStore, clock: &ManualClock, step: Duration) {
        let before = store.note("tidied").await.unwrap();
        for _ in 0..100 {
            for part in [step, Duration::from_secs(5)] {
                clock.advance(part);
                for _ in 0..200 {
                    if store.note("tidied").await.unwrap() != before {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
        panic!("nobody tidied the store: {before:?} at {}", clock.now());
    }

    #[tokio::test]
    async fn who_serves_tidies_the_store_soon_after_the_start_and_then_once_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("collector.toml");
        let text = "[store]\nurl = \"sqlite:c.db\"\nruns = \"30d\"\n[sources.ensembledata]\ntoken = { env = \"T\" }\n\
                    [[jobs]]\nname = \"a\"\nquery = { handles = [\"x\"] }\n";
        let env = |_: &str| Some("a-token-of-16-ch".to_owned());
        let config = Config::parse(&path, text, &crate::sources::builtin(), Some(&env)).unwrap();
        let store = compose::open_store(&config.store).await.unwrap();
        let clock = ManualClock::starting_at(Timestamp::from_secs(1_700_000_000));
        let first = ran(&store, &clock).await;
        clock.advance(20 * DAY);
        let second = ran(&store, &clock).await;
        clock.advance(15 * DAY);
        let began = clock.now();

        let stop = CancellationToken::new();
        let replica = |who| serving(&config, &store, &*clock, who, &stop);
        let there = async |run| store.run(run).await.unwrap().is_some();
        let watching = async {
            clock.until_asleep(2).await;
            pass(&store, &clock, Duration::from_secs(10)).await;
            assert!(clock.now().since(began) < Duration::from_secs(300), "{}", clock.now());
            assert!(!there(first).await && there(second).await, "35 and 15 days old");
            let at = clock.now();
            pass(&store, &clock, Duration::from_secs(1_800)).await;
            let rest = clock.now().since(at);
            assert!(rest > DAY / 2 && rest < 3 * DAY / 2, "{rest:?}");
            assert!(there(second).await);
            // The newest of a job stays whatever its age.
            ran(&store, &clock).await;
            clock.advance(15 * DAY);
            pass(&store, &clock, Duration::from_secs(1_800)).await;
            assert!(!there(second).await);
        };
        tokio::select! {
            never = replica("one") => match never {},
            never = replica("two") => match never {},
            () = watching => {}
        }
    }

    #[test]
    fn a_store_keeps_its_name_when_it_moves_with_its_pictures() {
        let seen = |folder: &str, file: &str| seen_from(Path::new(folder), Path::new(file));
        assert_eq!(seen("/a/images", "/a/collector.db"), Path::new("../collector.db"));
        assert_eq!(seen("/b/c/images", "/b/c/collector.db"), Path::new("../collector.db"));
        assert_eq!(seen("/a/images/tiktok", "/a/x/c.db"), Path::new("../../x/c.db"));
        assert_eq!(seen("/a", "/a/c.db"), Path::new("c.db"));
    }
}
