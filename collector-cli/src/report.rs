//! What commands print: types whose fields are the keys of `--json`, and what people read instead.
//!
//! Times are RFC 3339 in UTC; counts are whole numbers; a key whose value is unknown is left out or `null`.

mod check;
mod dead;
mod demo;
mod import;
mod lists;
mod plan;
mod rebuild;
mod run;
mod schedules;
mod search;
mod show;
mod sources;
mod status;
mod test_source;
mod text;
mod transfer;
mod tried;

pub use check::{CheckReport, PartCheck};
pub use dead::{DeadLetters, LetterReport, ReplayReport};
pub use demo::{DemoCrash, DemoCreators, DemoImages, DemoMerge, DemoReport, DemoSearch};
pub use import::{ImportReport, ListReport, RowExample};
pub use lists::{ListEntry, ListRemoved, ListsReport};
pub use plan::{BudgetReport, PlanReport};
pub use rebuild::{EraseReport, RebuildReport};
pub use run::RunOutcome;
pub use search::SearchReport;
pub use show::ShowReport;
pub use sources::{KindReport, SourceReport, SourcesReport, TypeReport};
pub(crate) use status::kept_out;
pub use status::{AccountStatus, JobParked, JobStatus, LastRun, ParkedAccount, StatusReport};
pub use test_source::TestReport;
pub use transfer::{TransferPictures, TransferReport, TransferTable};
pub use tried::{TryAnswer, TryReport};

pub(crate) use demo::shell;
pub(crate) use schedules::{ScheduleEntry, SchedulePaused, SchedulesReport};
pub(crate) use text::{Rows, aligned, count, number, plain, took, when};
pub(crate) use transfer::Delivered;
