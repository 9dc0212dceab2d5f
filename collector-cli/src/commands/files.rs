//! Files that people hand in, and files beside them.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

use collector_core::error::ErrorKind;
use collector_sources::sheet::{Choice, Limits, ReadOptions, Sheet, read};

use crate::args::SheetChoice;
use crate::failure::{Failure, Result};

/// How many names are tried for a file that must not replace another.
const NAMES: u32 = 1_000;

/// Reads a sheet from a file; `-` is standard input.
pub(super) fn sheet(path: &Path, choice: &SheetChoice) -> Result<Sheet> {
    let limits = Limits::default();
    let bytes = bytes(path, limits.file)?;
    let options = ReadOptions { sheet: choice.sheet.clone(), limits };
    read(&path.to_string_lossy(), &bytes, &options).map_err(|error| wrong(path, error))
}

/// The columns that were chosen.
pub(super) fn columns(choice: &SheetChoice) -> Result<Choice> {
    let mut columns = Choice::default();
    for typed in &choice.columns {
        columns.add(typed).map_err(|error| Failure::usage(format!("--column: {error}")))?;
    }
    Ok(columns)
}

/// A file that cannot be used is the caller's to mend.
pub(super) fn wrong(path: &Path, error: collector_core::error::Error) -> Failure {
    match error.kind() {
        ErrorKind::Malformed | ErrorKind::ConfigInvalid => {
            Failure::usage(format!("{}: {error}", path.display()))
        }
        _ => Failure::from(error.with("file", path.display())),
    }
}

/// Reads a file, or standard input, if it is no longer than `most`.
fn bytes(path: &Path, most: usize) -> Result<Vec<u8>> {
    let shown = path.display();
    let cannot = |error: std::io::Error| Failure::usage(format!("cannot read {shown}: {error}"));
    let input: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(File::open(path).map_err(cannot)?),
    };
    let mut bytes = Vec::new();
    input.take(most as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    match bytes.len() > most {
        true => Err(Failure::usage(format!("{shown} is longer than {most} bytes; split it"))),
        false => Ok(bytes),
    }
}

/// Makes `file.ending`, or `file.ending` with a number in between if that is there: nothing is ever replaced.
pub(super) fn beside(path: &Path, ending: &str) -> Result<(File, PathBuf)> {
    let stem = match path.as_os_str() == "-" {
        true => "standard-input".to_owned(),
        false => path.display().to_string(),
    };
    let names = (1..=NAMES).map(|number| match number {
        1 => format!("{stem}.{ending}"),
        number => format!("{stem}.{number}.{ending}"),
    });
    for name in names {
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Ok(file) => return Ok((file, PathBuf::from(name))),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Failure::aborted(format!("cannot make {name}: {error}"))),
        }
    }
    Err(Failure::aborted(format!("there are {NAMES} files like {stem}.{ending} already; take some away")))
}

/// The folder a file lies in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
