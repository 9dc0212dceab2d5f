//! What a run does at its end so that nobody has to think of it.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use collector_core::clock::{Clock, SystemClock};
use collector_core::context::{ByteBudget, Context};
use collector_core::error::{Error, ErrorChain, Result};
use collector_core::store::{Terms, Tidied};
use collector_sinks::images::{ImagesSink, Swept, Upkeep};
use tokio_util::sync::CancellationToken;

use crate::compose::{self, AnyStore};
use crate::config::{Config, ImagesPlace, StorePlace};

/// Removes from the store what is not kept, and drops what the terms of vendors let nobody keep, in small batches, once a
/// day. That it fails takes nothing from the run: the
/// next one goes on.
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
            "cannot remove from the store what is not kept; the next run tries again"
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
            "cannot collect the pictures that no record refers to; the next run tries again"
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
    use super::*;

    #[test]
    fn a_store_keeps_its_name_when_it_moves_with_its_pictures() {
        let seen = |folder: &str, file: &str| seen_from(Path::new(folder), Path::new(file));
        assert_eq!(seen("/a/images", "/a/collector.db"), Path::new("../collector.db"));
        assert_eq!(seen("/b/c/images", "/b/c/collector.db"), Path::new("../collector.db"));
        assert_eq!(seen("/a/images/tiktok", "/a/x/c.db"), Path::new("../../x/c.db"));
        assert_eq!(seen("/a", "/a/c.db"), Path::new("c.db"));
    }
}
