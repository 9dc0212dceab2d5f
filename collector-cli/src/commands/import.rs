//! `collector import`: a list of creators out of a file, every row accounted for.

use std::path::Path;

use collector_core::clock::{Clock, SystemClock};
use collector_core::sheet::Cell;
use collector_sinks::sheet::{Column, Format, SheetWriter};
use collector_sources::sheet::{Imported, RowReport, Sheet, Verdict, import};

use super::{Session, files};
use crate::args::Import;
use crate::compose::{self, AnyStore};
use crate::config::StorePlace;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::report::{ImportReport, ListReport};

/// The columns of the report beside the file.
const COLUMNS: [&str; 6] = ["row", "result", "creator", "first_row", "reason", "value"];

pub(super) async fn execute(session: &Session, args: &Import) -> Result<Exit> {
    let choice = files::columns(&args.sheet)?;
    let sheet = files::sheet(&args.file, &args.sheet)?;
    let imported = import(&sheet, &choice).map_err(|error| files::wrong(&args.file, error))?;
    let mut report = ImportReport::new(&args.file, &sheet, &imported);
    if !args.dry_run {
        let place = session.store(&args.store)?;
        report.list = Some(keep(&place, &name(args)?, &imported).await?);
        report.report = Some(write_report(&args.file, &sheet, &imported)?);
    }
    session.output.print(&report, ImportReport::text)?;
    Ok(report.exit())
}

/// The list's name: as typed, or the file's.
fn name(args: &Import) -> Result<String> {
    let stem = || args.file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = args.list.clone().or_else(stem).filter(|name| name != "-");
    name.ok_or_else(|| Failure::usage("standard input has no name; name the list with --list NAME"))
}

async fn keep(place: &StorePlace, name: &str, imported: &Imported) -> Result<ListReport> {
    if *place == StorePlace::Memory {
        return Err(Failure::usage(
            "a store in memory ends with its command: there is nowhere to keep a list",
        ));
    }
    if imported.members.is_empty() {
        return Err(Failure::usage("no row names a creator: there is nothing to keep")
            .advise("look at the columns: name the right one with --column handle=B"));
    }
    let store: AnyStore = compose::open_store(place).await?;
    let before = store.list(name).await?.map_or(0, |members| members.len() as u64);
    store.put_list(name, &imported.members, SystemClock.now()).await?;
    Ok(ListReport { name: name.to_owned(), members: imported.members.len() as u64, before })
}

/// Writes what became of every row beside the file.
fn write_report(path: &Path, sheet: &Sheet, imported: &Imported) -> Result<String> {
    let (file, name) = files::beside(path, "report.csv")?;
    let columns = COLUMNS.map(Column::new).to_vec();
    let out = std::io::BufWriter::new(file);
    let mut writer = SheetWriter::new(Format::Csv { delimiter: b',' }, out, columns, files::folder(&name))?;
    writer.names()?;
    for (row, report) in sheet.rows.iter().zip(&imported.rows) {
        let value = imported.columns.used.first().map_or(Cell::Empty, |(_, at)| row.cell(*at).clone());
        writer.row(&cells(report, imported, value))?;
    }
    let file = writer.finish()?.into_inner().map_err(|error| cannot_write(&name, error.error()))?;
    file.sync_all().map_err(|error| cannot_write(&name, &error))?;
    Ok(name.display().to_string())
}

fn cannot_write(name: &Path, error: &std::io::Error) -> Failure {
    Failure::aborted(format!("cannot write {}: {error}", name.display()))
}

fn cells(report: &RowReport, imported: &Imported, value: Cell) -> [Cell; COLUMNS.len()] {
    let member = report.member.and_then(|at| imported.members.get(at)?.strongest());
    let (first, reason) = match &report.verdict {
        Verdict::Twice { first } => (Cell::Whole(i64::try_from(*first).unwrap_or(i64::MAX)), Cell::Empty),
        Verdict::NotRecognised { reason } => (Cell::Empty, Cell::text(reason.as_str())),
        _ => (Cell::Empty, Cell::Empty),
    };
    let note = report.note.as_deref().map_or(reason, Cell::text);
    [
        Cell::Whole(i64::try_from(report.row).unwrap_or(i64::MAX)),
        Cell::text(report.verdict.as_str()),
        member.map_or(Cell::Empty, |id| Cell::text(id.to_string())),
        first,
        note,
        value,
    ]
}
