//! `collector export`: creators to a file people open in a spreadsheet.

mod found;
mod like;
mod rows;

use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use collector_sinks::sheet::{Column, Format, SheetWriter};
use serde::Serialize;

use self::found::Found;
use self::like::Like;
use self::rows::{Everybody, Listed, Row, Rows};
use super::search::Asked;
use super::{Session, files};
use crate::args::Export;
use crate::compose::{self, AnyStore};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::report::{count, number};

/// What was written.
#[derive(Debug, Serialize)]
struct Exported {
    exit: &'static str,
    code: u8,
    output: String,
    rows: u64,
    known: u64,
    not_collected: u64,
    not_recognised: u64,
}

impl Exported {
    fn none(path: &Path) -> Self {
        Self {
            exit: Exit::Complete.as_str(),
            code: Exit::Complete.code(),
            output: path.display().to_string(),
            rows: 0,
            known: 0,
            not_collected: 0,
            not_recognised: 0,
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}: {}", self.output, count(self.rows, "row", "rows"));
        for (amount, what) in [
            (self.known, "known"),
            (self.not_collected, "not collected yet"),
            (self.not_recognised, "not recognised"),
        ] {
            if amount > 0 {
                text.push_str(&format!(", {} {what}", number(amount)));
            }
        }
        text
    }
}

/// Whose rows are written.
enum Whom<'a> {
    Everybody,
    List(&'a str),
    Like(&'a Path),
    Found,
}

pub(super) async fn execute(session: &Session, args: &Export) -> Result<Exit> {
    let name = args.output.to_string_lossy();
    let format = Format::of(&name).ok_or_else(|| {
        Failure::usage(format!("{name}: the name has to end in .xlsx, .csv, .tsv or .jsonl"))
    })?;
    let whom = whom(args)?;
    if args.like.is_none() && (args.sheet.sheet.is_some() || !args.sheet.columns.is_empty()) {
        return Err(Failure::usage("--sheet and --column say how the file of --like is read; there is none"));
    }
    let target = Target::new(&args.output, args.force)?;
    let job = Job {
        store: compose::open_reader(&session.store(&args.store)?).await?,
        format,
        target,
        most: args.limit,
    };
    let exported = match whom {
        Whom::Like(file) => {
            let like = Like::read(file, &args.sheet, format)?;
            job.write(like).await?
        }
        Whom::List(list) => {
            let listed = Listed::new(&job.store, list).await?;
            job.write(listed).await?
        }
        Whom::Everybody => job.write(Everybody::default()).await?,
        Whom::Found => job.write(Found::new(Asked::new(session, &args.wanted, &args.store).await?)).await?,
    };
    session.output.print(&exported, Exported::text)?;
    Ok(Exit::Complete)
}

fn whom(args: &Export) -> Result<Whom<'_>> {
    let asks = args.wanted.asks();
    match (&args.like, args.all) {
        (None, false) => match args.wanted.only_list() {
            Some(list) => Ok(Whom::List(list)),
            None if asks => Ok(Whom::Found),
            None => Err(Failure::usage(
                "nothing says whom: write a query, or choose one of --list NAME, --all and --like FILE",
            )),
        },
        _ if asks => Err(Failure::usage(
            "--all and --like leave nobody out: take them away, or the query and its conditions",
        )),
        (Some(file), _) => Ok(Whom::Like(file)),
        (None, true) => Ok(Whom::Everybody),
    }
}

/// One file to write.
struct Job {
    store: AnyStore,
    format: Format,
    target: Target,
    /// Rows at most.
    most: Option<NonZeroUsize>,
}

impl Job {
    /// Writes the rows; the file appears when it is whole.
    async fn write(self, mut rows: impl Rows) -> Result<Exported> {
        let Self { store, format, target, most } = self;
        let format = rows.format().unwrap_or(format);
        let columns: Vec<Column> = rows.columns();
        let folder = files::folder(&target.path).to_owned();
        let mut writer = SheetWriter::new(format, BufWriter::new(target.open()?), columns, &folder)?;
        let mut exported = Exported::none(&target.path);
        let mut left = most.map_or(usize::MAX, NonZeroUsize::get);
        if rows.needs_names() {
            writer.names()?;
        }
        while left > 0 {
            let mut some = rows.next(&store).await?;
            if some.is_empty() {
                break;
            }
            some.truncate(left);
            left -= some.len();
            for row in some {
                tally(&mut exported, &row);
                if row.head { writer.head(&row.cells)? } else { writer.row(&row.cells)? }
            }
        }
        let file = writer.finish()?.into_inner().map_err(|error| target.cannot("write", error.error()))?;
        target.finish(&file)?;
        Ok(exported)
    }
}

fn tally(exported: &mut Exported, row: &Row) {
    use collector_sinks::sheet::creators::Status;
    let Some(status) = row.status else { return };
    exported.rows += 1;
    *match status {
        Status::Known | Status::Renamed => &mut exported.known,
        Status::NotCollected => &mut exported.not_collected,
        Status::NotRecognised => &mut exported.not_recognised,
    } += 1;
}

/// The file to write: under another name until it is whole.
struct Target {
    path: PathBuf,
    part: PathBuf,
}

impl Target {
    fn new(path: &Path, force: bool) -> Result<Self> {
        if path.exists() && !force {
            return Err(Failure::usage(format!("{} is there already; nothing was written", path.display()))
                .advise("choose another name, or replace it with --force"));
        }
        let mut part = path.as_os_str().to_owned();
        part.push(format!(".{}.part", std::process::id()));
        Ok(Self { path: path.to_owned(), part: PathBuf::from(part) })
    }

    fn open(&self) -> Result<File> {
        let file = OpenOptions::new().write(true).read(true).create(true).truncate(true).open(&self.part);
        file.map_err(|error| self.cannot("make", &error))
    }

    fn finish(&self, file: &File) -> Result<()> {
        file.sync_all().map_err(|error| self.cannot("write", &error))?;
        std::fs::rename(&self.part, &self.path).map_err(|error| self.cannot("name", &error))
    }

    fn cannot(&self, what: &str, error: &std::io::Error) -> Failure {
        Failure::aborted(format!("cannot {what} {}: {error}", self.path.display()))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // After a success it has its name already; nobody is left to tell if half a file stays.
        drop(std::fs::remove_file(&self.part));
    }
}
