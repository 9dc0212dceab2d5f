//! `collector transfer`: everything a configuration keeps, into the stores of another one.
//!
//! Rows first, then pictures, then the target's own sinks, which are owed everybody: so the index is built where it will
//! be used. Each part goes on where an earlier attempt ended; the same command is the way on after anything.

use std::sync::Arc;

use collector_core::clock::{Clock, SystemClock};
use collector_core::context::{ByteBudget, Context};
use collector_core::error::{Error, ErrorKind};
use collector_sinks::images::Copied;
use collector_sinks::sql::{Moved, SqlConfig, Step, Transfer as Rows};
use tokio::time::Instant;

use super::{Session, consent, deliver};
use crate::args::{ConfigFile, Transfer};
use crate::compose;
use crate::config::{Config, ImagesOptions, JsonlPlace, StorePlace};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::progress::Line;
use crate::report::{Delivered, TransferPictures, TransferReport, number, shell};

/// The name of the sink that keeps pictures.
const IMAGES: &str = "images";

pub(super) async fn execute(session: &Session, args: &Transfer) -> Result<Exit> {
    let began = Instant::now();
    let source = session.places(&args.file)?;
    let target = session.places(&ConfigFile { config: args.to.clone() })?;
    if session.output.is_json() && target.jsonl == Some(JsonlPlace::Stdout) {
        return Err(Failure::usage("--json and the target's JSON Lines both want standard output")
            .advise("leave --json out, or write JSON Lines to a file"));
    }
    let journey = Journey::new(session, &source, &target)?;
    consent::agreed_to(session, &journey.plan(), args.yes).await?;
    let report = match journey.travel(began).await {
        Err(error) if session.stop.is_cancelled() && error.kind() == ErrorKind::Cancelled => {
            return Err(
                Failure::partial("stopped; what was copied stays").advise(format!("go on: {}", again(args)))
            );
        }
        done => done?,
    };
    if target.jsonl == Some(JsonlPlace::Stdout) {
        session.output.aside(&report.text(&again(args)));
    } else {
        session.output.print(&report, |report| report.text(&again(args)))?;
    }
    Ok(report.exit())
}

/// The command that goes on.
fn again(args: &Transfer) -> String {
    let file = |path: &std::path::Path| shell(&path.display().to_string());
    format!("collector transfer --config {} --to {}", file(&args.file.config), file(&args.to))
}

/// From one configuration's stores to another's.
struct Journey<'a> {
    session: &'a Session,
    from: SqlConfig,
    to: SqlConfig,
    source: &'a Config,
    target: &'a Config,
    /// Where pictures come from and go to, when they have to move.
    pictures: Option<(&'a ImagesOptions, &'a ImagesOptions)>,
}

impl<'a> Journey<'a> {
    /// Refuses what cannot be meant before anything is opened.
    fn new(session: &'a Session, source: &'a Config, target: &'a Config) -> Result<Self> {
        let (from, to) = (database(&source.store, "source")?, database(&target.store, "target")?);
        if from == to {
            return Err(Failure::usage(format!("source and target have the same store, {}", source.store))
                .advise("name the configuration of the other one with --to"));
        }
        let pictures = match (&source.images, &target.images) {
            (Some(from), None) => {
                return Err(Failure::usage(format!(
                    "the target keeps no pictures, and the source has them in {}",
                    from.url
                ))
                .advise("add [images] to the target's configuration, or take it out of the source's"));
            }
            (Some(from), Some(to)) if from.url.to_string() != to.url.to_string() => Some((from, to)),
            _ => None,
        };
        Ok(Self { session, from, to, source, target, pictures })
    }

    /// What goes where, in words.
    fn plan(&self) -> String {
        let mut lines = vec![format!("rows      {}  ->  {}", self.source.store, self.target.store)];
        match &self.pictures {
            Some((from, to)) => lines.push(format!("pictures  {}  ->  {}", from.url, to.url)),
            None if self.source.images.is_some() => {
                lines.push("pictures  stay: both use the same place".to_owned())
            }
            None => {}
        }
        if let Some(search) = &self.target.search {
            lines.push(format!("index     built anew in {search}"));
        }
        lines.push(
            "nothing is taken away from the source; nobody may work in either store meanwhile".to_owned(),
        );
        lines.join("\n")
    }

    async fn travel(&self, began: Instant) -> Result<TransferReport, Error> {
        let cx = Context::new(self.session.stop.clone(), Arc::new(SystemClock), ByteBudget::new(0));
        // Held until the pictures are there, too: nobody works in either store meanwhile.
        let rows = Rows::open(&self.from, &self.to, SystemClock.now()).await?;
        let moved = self.rows(&rows, &cx).await?;
        let mut report = TransferReport::new(&self.source.store, &self.target.store, &moved);
        if moved.is_whole() {
            report.pictures = self.pictures(&cx).await?.map(TransferPictures::from);
            if self.source.images.is_some() {
                // It has what it had: nothing is downloaded again, and no record gets a new version.
                rows.adopt(&IMAGES.into()).await?;
            }
            drop(rows);
            report.deliver(self.deliver().await?);
        }
        report.end(began.elapsed());
        Ok(report)
    }

    async fn rows(&self, rows: &Rows, cx: &Context) -> Result<Moved, Error> {
        let line = Line::new(&self.session.output, "rows");
        let watch = |step| match step {
            Step::Copied { table, rows } => line.say(&format!("{table}: {} copied", number(rows))),
            Step::Compared { table, rows } => line.say(&format!("{table}: {} compared", number(rows))),
            _ => {}
        };
        rows.run(cx, &watch).await
    }

    async fn pictures(&self, cx: &Context) -> Result<Option<Copied>, Error> {
        let Some((from, to)) = self.pictures else { return Ok(None) };
        let line = Line::new(&self.session.output, "pictures");
        let (from, to) = (compose::images(from)?, compose::images(to)?);
        let watch = |seen: &Copied| {
            line.say(&format!("{} seen, {} copied", number(seen.pictures), number(seen.copied)));
        };
        from.copy_to(&to, cx, &watch).await.map(Some)
    }

    async fn deliver(&self) -> Result<Delivered, Error> {
        let line = Line::new(&self.session.output, "sinks");
        let say = |pending| line.say(&format!("{} pending", number(pending)));
        deliver::everything(self.target, &self.session.stop, &say).await
    }
}

fn database(place: &StorePlace, side: &str) -> Result<SqlConfig> {
    compose::sql_config(place).ok_or_else(|| {
        Failure::usage(format!("the {side}'s store is in memory: it ends with its command"))
            .advise("name a file or a server in [store]")
    })
}
