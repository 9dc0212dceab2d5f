//! Which row is the header and which columns say who is meant: chosen by the caller, or guessed.

mod guess;
mod header;

use collector_core::error::{Error, ErrorKind, Result};
use serde::Serialize;

use super::table::{Form, Sheet, column, letters};

/// What a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whatever names a creator; a row of digits is the platform's number.
    Any,
    /// Handles or links; a row of digits is a handle.
    Handle,
    /// The platform's number for an account.
    Uid,
    /// The platform's second key.
    SecUid,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Any, Self::Handle, Self::Uid, Self::SecUid];

    /// Its name, as it is typed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "creator",
            Self::Handle => "handle",
            Self::Uid => "uid",
            Self::SecUid => "sec_uid",
        }
    }

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// The columns a caller chooses; those left out are guessed if none is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    /// What each column says, and the column: its letters, its number from 1, or the text in its header.
    pub columns: Vec<(Role, String)>,
}

impl Choice {
    /// Adds what was typed: `handle=B`, `uid=3`, `creator=Account`; without a role the column may say anything.
    ///
    /// # Errors
    /// `ConfigInvalid` naming the roles there are.
    pub fn add(&mut self, typed: &str) -> Result<()> {
        let (role, name) = typed.split_once('=').unwrap_or((Role::Any.as_str(), typed));
        let role = Role::from_name(role.trim()).ok_or_else(|| {
            let known = Role::ALL.map(Role::as_str).join(", ");
            invalid(format!("a column cannot be {:?}; write ROLE=COLUMN with one of: {known}", role.trim()))
        })?;
        self.columns.push((role, name.trim().to_owned()));
        Ok(())
    }
}

/// The columns that say who is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Columns {
    /// The header's index among the rows, if there is one.
    #[serde(skip)]
    pub header: Option<usize>,
    /// What each column says, and its index: the most telling one first.
    pub used: Vec<(Role, usize)>,
    /// Whether they were guessed.
    pub guessed: bool,
    /// The names of all columns: their header, or their letters.
    pub names: Vec<String>,
}

impl Columns {
    /// The used columns in words: `B "account" as creator`.
    pub fn shown(&self) -> String {
        let one = |(role, at): &(Role, usize)| {
            let (letter, name) = (letters(*at), self.names.get(*at).map_or("", String::as_str));
            let name = if name == letter { String::new() } else { format!(" {name:?}") };
            format!("{letter}{name} as {}", role.as_str())
        };
        self.used.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Finds header and columns.
///
/// # Errors
/// `ConfigInvalid` when a chosen column is not there, or no column names a creator.
pub(super) fn find(sheet: &Sheet, choice: &Choice) -> Result<Columns> {
    // Lines of JSON name their columns themselves, and a plain list of names has none.
    let may_have = sheet.names.is_empty() && !matches!(sheet.form, Form::Words { .. });
    let by_words = if may_have { header::by_words(sheet) } else { None };
    let mut names = names(sheet, by_words);
    if !choice.columns.is_empty() {
        let used = choice.columns.iter().map(|(role, name)| Ok((*role, chosen(name, &names)?)));
        let used: Vec<_> = used.collect::<Result<_>>()?;
        let by_contents = || may_have.then(|| header::by_contents(sheet, &used)).flatten();
        let header = by_words.or_else(by_contents);
        return Ok(Columns { names: self::names(sheet, header), header, used, guessed: false });
    }
    let used = guess::columns(sheet, by_words, &names);
    if used.is_empty() {
        let known = names.join(", ");
        let message = "no column names creators; name it, such as --column handle=B";
        return Err(invalid(message.to_owned()).with("columns", known));
    }
    let header = match may_have {
        true => by_words.or_else(|| header::by_contents(sheet, &used)),
        false => None,
    };
    if header != by_words {
        names = self::names(sheet, header);
    }
    Ok(Columns { header, used, guessed: true, names })
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::ConfigInvalid, message)
}

fn names(sheet: &Sheet, header: Option<usize>) -> Vec<String> {
    let header = header.and_then(|at| sheet.rows.get(at));
    let name = |at: usize| {
        let named = sheet.names.get(at).cloned();
        let named = named.or_else(|| header.map(|row| row.cell(at).shown().trim().to_owned()));
        named.filter(|name| !name.is_empty()).unwrap_or_else(|| letters(at))
    };
    (0..sheet.width()).map(name).collect()
}

/// The column a caller means: by header, by letters, by number.
fn chosen(name: &str, names: &[String]) -> Result<usize> {
    let same = |known: &String| header::word(known) == header::word(name);
    let by_number = || name.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let at = names.iter().position(|known| known == name).or_else(|| names.iter().position(same));
    let at = at.or_else(|| column(name)).or_else(by_number).filter(|at| *at < names.len());
    at.ok_or_else(|| {
        let all: Vec<_> =
            names.iter().enumerate().map(|(at, name)| format!("{} {name:?}", letters(at))).collect();
        invalid(format!("there is no column {name:?}; there are: {}", all.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{ReadOptions, read};
    use super::*;

    fn columns(text: &str) -> Columns {
        find(&read("x.csv", text.as_bytes(), &ReadOptions::default()).unwrap(), &Choice::default()).unwrap()
    }

    #[test]
    fn header_and_column_are_guessed() {
        let table = [
            ("이름,아이디,비고\n미나,mina.k,x\n지은,jieun,y\n", Some(0), vec![(Role::Any, 1)]),
            (
                "name,country\nmina,https://www.tiktok.com/@mina\njo,https://www.tiktok.com/@jo\n",
                Some(0),
                vec![(Role::Any, 1)],
            ),
            ("2026 spring\n\nno,influencer,followers\n1,mina.k,10\n2,jo,20\n", Some(2), vec![(Role::Any, 1)]),
            ("@mina\n@jo\n", None, vec![(Role::Any, 0)]),
            ("mina\njo.e\n", None, vec![(Role::Any, 0)]),
            ("mina\n@jo_2041_kim\nkim_min_2041\nlee_min_2042\nkim_jun_2043\n", None, vec![(Role::Any, 0)]),
            ("Compte,Ville\n@mina,Paris\n@jo,Lyon\n@eve,Nice\n", Some(0), vec![(Role::Any, 0)]),
            ("전화,별명\n01012345678,mina.k\n01012345679,jo.e\n", Some(0), vec![(Role::Any, 1)]),
            ("handle,uid\nmina,6784512345\njo,6784512346\n", Some(0), vec![(Role::Any, 0), (Role::Uid, 1)]),
        ];
        for (text, header, used) in table {
            let found = columns(text);
            assert_eq!((found.header, found.used), (header, used), "{text}");
        }
        assert_eq!(columns("이름,아이디\n미나,mina.k\n").shown(), "B \"아이디\" as creator");
    }

    #[test]
    fn a_column_is_chosen_by_letter_number_or_header() {
        let sheet = read("x.csv", "name,계정 ID\nmina,jo\n".as_bytes(), &ReadOptions::default()).unwrap();
        for typed in ["handle=B", "handle=2", "handle=계정id", "handle = 계정 ID"] {
            let mut choice = Choice::default();
            choice.add(typed).unwrap();
            assert_eq!(find(&sheet, &choice).unwrap().used, [(Role::Handle, 1)], "{typed}");
        }
        let mut choice = Choice::default();
        choice.add("Z").unwrap();
        let error = find(&sheet, &choice).unwrap_err().to_string();
        assert!(error.contains("\"Z\"") && error.contains("B \"계정 ID\""), "{error}");
        assert!(choice.add("handel=B").unwrap_err().to_string().contains("sec_uid"));
    }

    #[test]
    fn a_sheet_without_creators_is_refused_with_its_columns() {
        let sheet = read("x.csv", "이름,도시\n미나,서울\n".as_bytes(), &ReadOptions::default()).unwrap();
        let error = find(&sheet, &Choice::default()).unwrap_err().to_string();
        assert!(error.contains("--column") && error.contains("도시"), "{error}");
    }
}
