//! Accounts for every row of a sheet.

use std::collections::HashMap;

use collector_core::error::Result;
use collector_core::id::{Id, IdHash, Ids};
use serde::Serialize;

use super::columns::{self, Choice, Columns};
use super::recognise::{NotRecognised, recognise};
use super::table::{Sheet, SheetRow};

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Verdict {
    /// Names the columns, or stands above the row that does.
    Header,
    /// Nothing is in it.
    Blank,
    /// Names somebody no row before it did.
    Recognised,
    /// Names somebody again.
    Twice {
        /// The row that did first.
        first: u64,
    },
    /// Names nobody.
    NotRecognised {
        /// Why.
        reason: String,
    },
}

impl Verdict {
    /// Its name in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Blank => "blank",
            Self::Recognised => "recognised",
            Self::Twice { .. } => "twice",
            Self::NotRecognised { .. } => "not recognised",
        }
    }
}

/// A row and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowReport {
    /// The row's number, as a spreadsheet shows it.
    pub row: u64,
    /// What became of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The member it names: an index into [`Imported::members`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<usize>,
    /// What was left out although the row names somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How many rows became what; they add up to all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RowCounts {
    /// All rows.
    pub rows: u64,
    /// Rows that name somebody for the first time: as many as there are members.
    pub recognised: u64,
    /// Rows that name somebody again.
    pub twice: u64,
    /// Rows that name nobody.
    pub not_recognised: u64,
    /// Rows with nothing in them.
    pub blank: u64,
    /// Headers and what stands above them.
    pub header: u64,
}

/// A sheet that was accounted for.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The columns that were used.
    pub columns: Columns,
    /// Every row, in the sheet's order.
    pub rows: Vec<RowReport>,
    /// Everybody named, once, in the order in which they first occur.
    pub members: Vec<Ids>,
}

impl Imported {
    /// Adds the rows up.
    pub fn counts(&self) -> RowCounts {
        let mut counts = RowCounts { rows: self.rows.len() as u64, ..RowCounts::default() };
        for row in &self.rows {
            *match row.verdict {
                Verdict::Header => &mut counts.header,
                Verdict::Blank => &mut counts.blank,
                Verdict::Recognised => &mut counts.recognised,
                Verdict::Twice { .. } => &mut counts.twice,
                Verdict::NotRecognised { .. } => &mut counts.not_recognised,
            } += 1;
        }
        counts
    }
}

/// Recognises creators in a sheet and accounts for every row.
///
/// # Errors
/// `ConfigInvalid` when a chosen column is not there, or no column names a creator.
pub fn import(sheet: &Sheet, choice: &Choice) -> Result<Imported> {
    let columns = columns::find(sheet, choice)?;
    let mut people = People::default();
    let mut rows = Vec::with_capacity(sheet.rows.len());
    for (at, row) in sheet.rows.iter().enumerate() {
        let report = |verdict| RowReport { row: row.number, verdict, member: None, note: None };
        rows.push(match row {
            row if row.is_blank() => report(Verdict::Blank),
            _ if columns.header.is_some_and(|header| at <= header) => report(Verdict::Header),
            row => people.meet(row, &columns),
        });
    }
    Ok(Imported { columns, rows, members: people.members })
}

/// Everybody met so far.
#[derive(Default)]
struct People {
    members: Vec<Ids>,
    rows: Vec<u64>,
    known: HashMap<IdHash, usize>,
}

impl People {
    fn meet(&mut self, row: &SheetRow, columns: &Columns) -> RowReport {
        let number = row.number;
        let refused = |reason| RowReport {
            row: number,
            verdict: Verdict::NotRecognised { reason },
            member: None,
            note: None,
        };
        let Named { ids, wrong } = named(row, columns);
        if ids.strongest().is_none() {
            return refused(wrong.unwrap_or_else(|| NotRecognised::Empty.to_string()));
        }
        if let Some((a, b)) = contradiction(&ids) {
            return refused(format!("the row names two creators: {a} and {b}"));
        }
        match self.same(&ids) {
            Err(first) => {
                refused(format!("contradicts row {first}, which gives the same creator another number"))
            }
            Ok(Some(member)) => {
                self.complete(member, ids);
                let verdict = Verdict::Twice { first: self.rows[member] };
                RowReport { row: number, verdict, member: Some(member), note: wrong }
            }
            Ok(None) => {
                let member = self.members.len();
                self.members.push(Ids::none());
                self.rows.push(number);
                self.complete(member, ids);
                RowReport { row: number, verdict: Verdict::Recognised, member: Some(member), note: wrong }
            }
        }
    }

    /// The member with one of these identities; the row of one with another value of a strong kind is an error.
    fn same(&self, ids: &Ids) -> Result<Option<usize>, u64> {
        let mut same = None;
        for member in ids.iter().filter_map(|id| self.known.get(&id.hash()).copied()) {
            if !self.members[member].compatible(ids) || same.is_some_and(|other| other != member) {
                return Err(self.rows[member]);
            }
            same = Some(member);
        }
        Ok(same)
    }

    fn complete(&mut self, member: usize, ids: Ids) {
        let known = &mut self.members[member];
        for id in ids.iter() {
            self.known.entry(id.hash()).or_insert(member);
        }
        add(known, ids);
    }
}

/// Adds identities that are not there yet.
fn add(known: &mut Ids, ids: Ids) {
    let new = |list: &[Id], id: &Id| !list.contains(id);
    ids.strong.into_iter().for_each(|id| {
        if new(&known.strong, &id) {
            known.strong.push(id)
        }
    });
    ids.weak.into_iter().for_each(|id| {
        if new(&known.weak, &id) {
            known.weak.push(id)
        }
    });
}

/// What a row says.
struct Named {
    ids: Ids,
    /// What in it could not be used.
    wrong: Option<String>,
}

fn named(row: &SheetRow, columns: &Columns) -> Named {
    let mut named = Named { ids: Ids::none(), wrong: None };
    for (role, at) in &columns.used {
        match recognise(row.cell(*at), *role) {
            Ok(ids) => add(&mut named.ids, ids),
            Err(NotRecognised::Empty) => {}
            Err(wrong) => {
                // The first column tells most.
                let column = columns.names.get(*at).map_or("", String::as_str);
                let several = columns.used.len() > 1;
                let wrong = if several { format!("{column}: {wrong}") } else { wrong.to_string() };
                named.wrong.get_or_insert(wrong);
            }
        }
    }
    named
}

/// Two identities of one kind with different values.
fn contradiction(ids: &Ids) -> Option<(&Id, &Id)> {
    let all: Vec<&Id> = ids.iter().collect();
    let pairs = all.iter().enumerate().flat_map(|(at, a)| all[at + 1..].iter().map(move |b| (*a, *b)));
    pairs.into_iter().find(|(a, b)| a.kind == b.kind && a.value != b.value)
}

#[cfg(test)]
mod tests {
    use super::super::{ReadOptions, read};
    use super::*;

    fn imported(text: &str) -> Imported {
        import(&read("x.csv", text.as_bytes(), &ReadOptions::default()).unwrap(), &Choice::default()).unwrap()
    }

    #[test]
    fn every_row_is_accounted_for() {
        let text = "Spring list,,\n\nname,handle,uid\nMina,@mina,6784512345\n,,\nJo,jo.e,\nMina again,MINA,\nx,n/a,\n\
                    y,@eve,7.01E+18\nz,@ann,6784512345\nw,@jo.e,6784512399\n";
        let imported = imported(text);
        let results: Vec<_> =
            imported.rows.iter().map(|row| (row.row, row.verdict.as_str(), row.member)).collect();
        let expected = [
            (1, "header", None),
            (2, "blank", None),
            (3, "header", None),
            (4, "recognised", Some(0)),
            (5, "blank", None),
            (6, "recognised", Some(1)),
            (7, "twice", Some(0)),
            (8, "not recognised", None),
            (9, "recognised", Some(2)),
            (10, "twice", Some(0)),
            (11, "twice", Some(1)),
        ];
        assert_eq!(results, expected);
        assert!(imported.rows[8].note.as_deref().unwrap().contains("uid: the number 7.01E+18 was rounded"));
        let counts = imported.counts();
        let sum = counts.recognised + counts.twice + counts.not_recognised + counts.blank + counts.header;
        assert_eq!((counts.rows, sum, counts.recognised), (11, 11, imported.members.len() as u64));
        assert_eq!(imported.members[1].strongest().unwrap().to_string(), "tiktok:uid:6784512399");
    }

    #[test]
    fn contradictions_name_nobody() {
        let text = "handle,link,uid\n@mina,https://www.tiktok.com/@mina,6784512345\n@jo,https://www.tiktok.com/@eve,\n\
                    @mina,,6784512346\n@ann,https://www.tiktok.com/@ann,6784512347\n";
        let rows = imported(text).rows;
        let reason = |at: usize| match &rows[at].verdict {
            Verdict::NotRecognised { reason } => reason.clone(),
            other => panic!("{other:?}"),
        };
        assert!(reason(2).contains("two creators: tiktok:handle:jo and tiktok:handle:eve"), "{}", reason(2));
        assert!(reason(3).contains("contradicts row 2"), "{}", reason(3));
        assert_eq!(rows[4].verdict, Verdict::Recognised);
    }
}
