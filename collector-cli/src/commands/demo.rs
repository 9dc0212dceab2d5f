//! `collector demo`: collects from made-up vendors, and compares with the truth.
//!
//! Three processes, all of them this command: this one, the vendors (`simulate`), and the one that collects, which is
//! killed and started again with `--crash`.

mod board;
mod child;
mod collecting;
mod folder;
mod memory;
mod people;
mod servers;
mod tries;
mod truth;
mod vendor;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use self::board::Board;
use self::child::{Seen, Supervisor};
use self::collecting::Ended;
use self::folder::{Ask, Folder, LIST};
use self::people::People;
use self::servers::Servers;
use self::truth::Score;
use self::vendor::{Stats, Vendor};
use super::Session;
use crate::args::{ConfigFile, Demo};
use crate::compose;
use crate::config::{Config, StorePlace};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::report::{DemoCrash, DemoCreators, DemoImages, DemoMerge, DemoReport, DemoSearch, shell};

/// The name of the job that searches for everybody.
const JOB: &str = "demo";

/// How much of the creators and of their fields has to be right: the rest are handles that changed hands on the way.
const LEAST_RIGHT: f64 = 0.995;

pub(super) async fn execute(session: &Session, args: Demo) -> Result<Exit> {
    if let Some(job) = &args.collect {
        return collecting::execute(session, &args, job).await;
    }
    let began = Instant::now();
    let mut folder = Folder::prepare(&args.dir, args.creators)?;
    let vendor = Vendor::start(&args, folder.port()).await?;
    let result = match settle_port(session, &mut folder, &vendor) {
        Ok(()) => demonstrate(session, &args, &folder, &vendor, began).await,
        Err(failure) => Err(failure),
    };
    // Ended also after a failure; were we killed, the closed pipe would end it.
    vendor.stop().await;
    let (report, exit) = result?;
    session.output.print(&report, DemoReport::text)?;
    Ok(exit)
}

/// Keeps the port of the first time, so that links to pictures stay as they are.
fn settle_port(session: &Session, folder: &mut Folder, vendor: &Vendor) -> Result<()> {
    let port = vendor.address().port();
    match folder.port() {
        None => folder.keep_port(port),
        Some(known) if known == port => Ok(()),
        Some(known) => {
            session.output.note(&format!(
                "port {known} is taken: the made-up vendors listen on {port} this time; pictures that are here stay"
            ));
            Ok(())
        }
    }
}

async fn demonstrate(
    session: &Session,
    args: &Demo,
    folder: &Folder,
    vendor: &Vendor,
    began: Instant,
) -> Result<(DemoReport, Exit)> {
    let people = People::ask(vendor, args.creators).await?;
    let (config, job) = configure(session, args, folder, vendor, &people).await?;
    let started = Instant::now();
    let mut supervisor = Supervisor::new(session, args, vendor, began);
    let ended = {
        let mut board = Board::new(&session.output, &config, vendor, args.creators);
        tokio::select! {
            ended = supervisor.collect(job) => ended?,
            never = board.follow() => match never {},
        }
    };
    let took = started.elapsed();
    let findings = Findings {
        score: score(&config, &people).await?,
        least: people.least_calls(),
        searchable: board::searchable(&config).await.unwrap_or_default(),
        searches: searches(&config, &folder.config()).await?,
        stats: vendor.stats().await?,
        took,
    };
    Ok(findings.report(args, folder, ended, supervisor.seen()))
}

/// Writes the configuration and reads it back, with the name of its job.
async fn configure(
    session: &Session,
    args: &Demo,
    folder: &Folder,
    vendor: &Vendor,
    people: &People,
) -> Result<(Config, &'static str)> {
    let servers = args.config.as_deref().map(Servers::read).transpose()?;
    let write = |ask: Ask<'_>| {
        let file = folder.write_config(vendor, ask, args.in_flight, servers.as_ref())?;
        session.config(&ConfigFile { config: file })
    };
    let config = write(Ask::Everybody(people))?;
    match is_known(folder, &config).await? {
        false => Ok((config, Ask::Everybody(people).job())),
        true => Ok((write(Ask::Known)?, Ask::Known.job())),
    }
}

/// Whether a demo that was complete left the list of everybody.
async fn is_known(folder: &Folder, config: &Config) -> Result<bool> {
    let is_there = match &config.store {
        StorePlace::Sqlite(file) => file.is_file(),
        _ => !folder.is_new(),
    };
    if !is_there {
        return Ok(false);
    }
    let store = compose::open_reader(&config.store).await?;
    Ok(store.lists().await?.iter().any(|list| list.name == LIST))
}

/// Compares what is kept with the truth.
async fn score(config: &Config, people: &People) -> Result<Score> {
    let options = config.images.as_ref().ok_or_else(|| Failure::aborted("a demo keeps pictures"))?;
    let images = compose::images(options)?;
    Score::of(&compose::open_reader(&config.store).await?, &images, people).await
}

/// Searches to try, as commands.
async fn searches(config: &Config, file: &Path) -> Result<Vec<DemoSearch>> {
    let index = config.search.as_ref().and_then(|place| compose::open_index(place).ok());
    // A demo that was stopped at once has none.
    let Some(index) = index else { return Ok(Vec::new()) };
    let file = shell(&file.display().to_string());
    let search = |chosen: tries::Try| DemoSearch {
        what: chosen.what,
        command: format!("collector search {} --config {file}", shell(&chosen.query)),
        query: chosen.query,
        found: chosen.found,
    };
    Ok(tries::choose(&*index).await?.into_iter().map(search).collect())
}

/// What there is to say at the end.
struct Findings {
    score: Score,
    least: Option<BTreeMap<&'static str, u64>>,
    searchable: u64,
    searches: Vec<DemoSearch>,
    stats: Stats,
    took: Duration,
}

impl Findings {
    fn report(self, args: &Demo, folder: &Folder, ended: Ended, seen: &Seen) -> (DemoReport, Exit) {
        let crash = args.crash.then_some(DemoCrash { bought_again: self.stats.bought_again, ..seen.crash });
        let exit = match ended.exit() {
            Exit::Complete if !self.is_faultless(crash.as_ref()) => Exit::Partial,
            exit => exit,
        };
        let (score, stats) = (&self.score, &self.stats);
        let report = DemoReport {
            exit: exit.as_str(),
            code: exit.code(),
            dir: args.dir.display().to_string(),
            config: folder.config().display().to_string(),
            again: !folder.is_new(),
            creators: self.creators(args),
            images: DemoImages {
                expected: score.pictures_expected,
                stored: score.pictures_stored,
                missing: score.pictures_missing,
                downloaded: stats.pictures,
            },
            merge: self.merge(),
            calls: self.calls(),
            units: stats.units,
            bought_twice: stats.bought_twice,
            first_record_s: seen.first_record.map(seconds),
            peak_rss_mb: seen.peak_rss_mb,
            took_s: seconds(self.took),
            crash,
            example: score.example.clone(),
            searches: self.searches,
            fresh: ended.fresh,
            reasons: ended.reasons,
            run: ended.run,
        };
        (report, exit)
    }

    fn creators(&self, args: &Demo) -> DemoCreators {
        let score = &self.score;
        DemoCreators {
            population: args.creators.into(),
            stored: score.creators,
            searchable: self.searchable,
            checked: score.checked,
            missing: score.missing,
            incomplete: score.incomplete,
            wrong: score.wrong,
            duplicates: score.duplicates,
            untold: score.untold,
            handed_over: score.handed_over,
        }
    }

    fn merge(&self) -> DemoMerge {
        let score = &self.score;
        DemoMerge {
            identity_f1: rounded(score.identity_f1()),
            field_accuracy: rounded(score.field_accuracy()),
            fields: score.fields,
            wrong_fields: score.wrong_fields.clone(),
            mixed: score.mixed,
        }
    }

    /// By vendor what was asked, and the least that must be.
    fn calls(&self) -> BTreeMap<String, u64> {
        let asked = self.stats.by_vendor.iter().map(|(vendor, calls)| ((*vendor).to_owned(), *calls));
        let least = self.least.iter().flatten().map(|(vendor, calls)| (format!("{vendor}_least"), *calls));
        asked.chain(least).chain([("total".to_owned(), self.stats.calls)]).collect()
    }

    /// Whether everything is as the truth says, and nothing was bought twice but what a killed process held.
    fn is_faultless(&self, crash: Option<&DemoCrash>) -> bool {
        let score = &self.score;
        // Either of two who are shown under one handle may lose it, and whoever does is asked for once more.
        let lost = crash.map_or(0, |crash| crash.taken_over) + 2 * score.handed_over;
        // Of creators who are shown under two handles, once without a number, nobody can know that they are one.
        score.missing + score.incomplete + score.wrong + score.mixed == 0
            && score.duplicates <= score.duplicates_excused
            && score.identity_f1() >= LEAST_RIGHT
            && score.field_accuracy() >= LEAST_RIGHT
            && score.pictures_missing == 0
            && score.pictures_stored == score.pictures_expected
            && self.searchable == score.creators
            && self.stats.bought_again <= lost
    }
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}

fn rounded(share: f64) -> f64 {
    // Never up to one when something is wrong.
    (share * 100_000.0).floor() / 100_000.0
}
