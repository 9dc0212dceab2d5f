//! The search index anew from the store: a folder's or a server's.

use std::sync::Arc;

use collector_core::clock::SystemClock;
use collector_core::context::{ByteBudget, Context};
use collector_core::creator::Creator;
use collector_core::error::{Error, ErrorKind};
use collector_core::sink::Record;
use collector_sinks::elasticsearch::ElasticsearchRebuild;
use collector_sinks::tantivy::{TantivyConfig, TantivyRebuild};

use crate::commands::Session;
use crate::compose::{self, AnyStore};
use crate::config::{Config, SearchPlace};
use crate::failure::{Failure, Result};
use crate::progress::Line;
use crate::report::number;

/// Records that are read together.
const RECORDS: usize = 500;

/// A new index beside the one in use.
enum Fresh {
    Folder(Box<TantivyRebuild>),
    Server(Box<ElasticsearchRebuild>),
}

impl Fresh {
    async fn begin(cx: &Context, place: &SearchPlace) -> Result<Self, Error> {
        Ok(match place {
            SearchPlace::Tantivy(path) => {
                Self::Folder(Box::new(TantivyRebuild::begin(&TantivyConfig::new(path)).await?))
            }
            SearchPlace::Server(server) => {
                Self::Server(Box::new(ElasticsearchRebuild::begin(cx, (**server).clone()).await?))
            }
        })
    }

    /// Gives how many the index took.
    async fn add(&mut self, cx: &Context, records: Vec<Record<Creator>>) -> Result<u64, Error> {
        match self {
            Self::Folder(fresh) => {
                let count = records.len() as u64;
                fresh.add(records).await.map(|()| count)
            }
            Self::Server(fresh) => fresh.add(cx, records).await,
        }
    }

    async fn finish(self, cx: &Context) -> Result<(), Error> {
        match self {
            Self::Folder(fresh) => fresh.finish().await,
            Self::Server(fresh) => fresh.finish(cx).await,
        }
    }

    /// The old one goes on.
    async fn abandon(self) {
        match self {
            Self::Folder(fresh) => drop(fresh),
            Self::Server(fresh) => fresh.abandon().await,
        }
    }
}

/// Makes the index anew; gives how many records it has.
pub(in crate::commands) async fn index(session: &Session, config: &Config) -> Result<u64> {
    let Some(place) = &config.search else {
        return Err(Failure::usage("--search: there is no [search] in the configuration")
            .advise("add one, such as url = \"tantivy:search\""));
    };
    let store = compose::open_reader(&config.store).await?;
    let cx = Context::new(session.stop.clone(), Arc::new(SystemClock), ByteBudget::new(0));
    let made = async {
        let mut fresh = Fresh::begin(&cx, place).await?;
        match fill(session, &cx, &store, &mut fresh).await {
            Ok(done) => fresh.finish(&cx).await.map(|()| done),
            Err(error) => {
                fresh.abandon().await;
                Err(error)
            }
        }
    };
    made.await.map_err(|error| match error.kind() {
        ErrorKind::Cancelled => Failure::partial("stopped; the old index stays in use"),
        _ => error.into(),
    })
}

/// Everybody the store knows. Each page is read when it is wanted, after the new index was begun.
async fn fill(session: &Session, cx: &Context, store: &AnyStore, fresh: &mut Fresh) -> Result<u64, Error> {
    let line = Line::new(&session.output, "index");
    let (mut after, mut done) = (None, 0);
    loop {
        if cx.stop().is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "stopped"));
        }
        let keys = store.keys(after, RECORDS).await?;
        let Some(last) = keys.last() else { return Ok(done) };
        after = Some(*last);
        let records: Vec<_> = store.known(&keys).await?.into_iter().map(|known| known.record).collect();
        done += fresh.add(cx, records).await?;
        line.say(&format!("{} records", number(done)));
    }
}
