//! Which row is the header and which columns say who is meant: chosen by the caller, or guessed.

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::sheet::Cell;
use serde::Serialize;

use super::recognise::{SEC_UID_PREFIX, recognise};
use super::table::{Form, Sheet, SheetRow, column, letters};

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

/// Words in headers of columns that name creators, without blanks and lines.
const CREATOR_WORDS: &[&str] = &[
    "handle",
    "username",
    "account",
    "accountid",
    "accountname",
    "tiktok",
    "tiktokid",
    "tiktokhandle",
    "tiktoklink",
    "tiktokurl",
    "tiktokaccount",
    "profile",
    "profileurl",
    "profilelink",
    "link",
    "url",
    "creator",
    "creatorid",
    "creatorhandle",
    "influencer",
    "channel",
    "uniqueid",
    "author",
    "id",
    "핸들",
    "아이디",
    "계정",
    "계정명",
    "계정id",
    "계정링크",
    "유저명",
    "사용자명",
    "프로필",
    "프로필링크",
    "링크",
    "주소",
    "채널",
    "채널명",
    "채널링크",
    "크리에이터",
    "인플루언서",
    "틱톡",
    "틱톡id",
    "틱톡아이디",
    "틱톡계정",
    "틱톡링크",
    "アカウント",
    "ユーザー名",
    "账号",
    "達人",
];
const UID_WORDS: &[&str] = &["uid", "userid", "tiktokuid", "고유번호", "고유id"];
const SEC_UID_WORDS: &[&str] = &["secuid", "secuserid"];
/// Words in headers of other columns: they show that a row is a header.
const OTHER_WORDS: &[&str] = &[
    "name",
    "nickname",
    "country",
    "region",
    "followers",
    "follower",
    "email",
    "memo",
    "note",
    "notes",
    "category",
    "no",
    "no.",
    "date",
    "이름",
    "성명",
    "닉네임",
    "국가",
    "팔로워",
    "팔로워수",
    "이메일",
    "메모",
    "비고",
    "카테고리",
    "번호",
    "날짜",
    "구분",
    "상태",
];

/// How far down a header may stand, under titles and blank rows.
const HEADER_WITHIN: usize = 12;
/// How many rows are looked at to tell what a column says.
const SAMPLE: usize = 500;

/// Finds header and columns.
///
/// # Errors
/// `ConfigInvalid` when a chosen column is not there, or no column names a creator.
pub(super) fn find(sheet: &Sheet, choice: &Choice) -> Result<Columns> {
    // Lines of JSON name their columns themselves, and a plain list of names has none.
    let may_have = sheet.names.is_empty() && !matches!(sheet.form, Form::Words { .. });
    let by_words = if may_have { header_by_words(sheet) } else { None };
    let mut names = names(sheet, by_words);
    if !choice.columns.is_empty() {
        let used = choice.columns.iter().map(|(role, name)| Ok((*role, chosen(name, &names)?)));
        let used: Vec<_> = used.collect::<Result<_>>()?;
        let by_contents = || may_have.then(|| header_by_contents(sheet, &used)).flatten();
        let header = by_words.or_else(by_contents);
        return Ok(Columns { names: self::names(sheet, header), header, used, guessed: false });
    }
    let used = guess(sheet, by_words, &names);
    if used.is_empty() {
        let known = names.join(", ");
        let message = "no column names creators; name it, such as --column handle=B";
        return Err(invalid(message.to_owned()).with("columns", known));
    }
    let header = match may_have {
        true => by_words.or_else(|| header_by_contents(sheet, &used)),
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

/// A header's text, so that spellings compare.
fn word(text: &str) -> String {
    let kept = text
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '\u{feff}' | '\u{200b}' | '*'));
    kept.flat_map(char::to_lowercase).take(40).collect()
}

fn header_by_words(sheet: &Sheet) -> Option<usize> {
    let is_known = |cell: &Cell| match cell {
        Cell::Text(text) => {
            let word = word(text);
            let lists = [CREATOR_WORDS, UID_WORDS, SEC_UID_WORDS, OTHER_WORDS];
            lists.iter().any(|words| words.contains(&word.as_str()))
        }
        _ => false,
    };
    // One word of a row with several cells may be anybody's; a row that names somebody is no header.
    let is_header = |row: &SheetRow| {
        let filled = row.cells.iter().filter(|cell| !cell.is_blank()).count();
        let known = row.cells.iter().filter(|cell| is_known(cell)).count();
        known > 0 && known * 3 >= filled && !row.cells.iter().any(is_telling)
    };
    sheet.rows.iter().take(HEADER_WITHIN).position(is_header)
}

/// Whether a cell can only be somebody's name: a handle with `@`, a link, a key, a long number. Bare words never are.
fn is_telling(cell: &Cell) -> bool {
    let text = cell.shown();
    let text = text.trim();
    let is_number = text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let telling = is_number || text.contains(['@', '＠', '/']) || text.starts_with(SEC_UID_PREFIX);
    telling && recognise(cell, Role::Any).is_ok()
}

/// A first row that names nobody, or says so less clearly than the rows below it.
fn header_by_contents(sheet: &Sheet, used: &[(Role, usize)]) -> Option<usize> {
    let (role, at) = *used.first()?;
    let first = sheet.rows.iter().position(|row| !row.is_blank())?;
    let cell = sheet.rows[first].cell(at);
    let below = || {
        sheet.rows.iter().skip(first + 1).take(SAMPLE).map(|row| row.cell(at)).filter(|cell| !cell.is_blank())
    };
    let (mut telling, mut good, mut all) = (0, 0, 0);
    for cell in below() {
        all += 1;
        telling += usize::from(is_telling(cell));
        good += usize::from(recognise(cell, role).is_ok());
    }
    let header = match recognise(cell, role) {
        // A number or an error is no header, only a bad row.
        Err(_) => {
            matches!(cell, Cell::Text(_)) && good * 2 > all && !cell.shown().contains(['@', '/', '+', '#'])
        }
        Ok(_) => !is_telling(cell) && all > 0 && telling * 5 >= all * 4,
    };
    header.then_some(first)
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
    let same = |known: &String| word(known) == word(name);
    let by_number = || name.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let at = names.iter().position(|known| known == name).or_else(|| names.iter().position(same));
    let at = at.or_else(|| column(name)).or_else(by_number).filter(|at| *at < names.len());
    at.ok_or_else(|| {
        let all: Vec<_> =
            names.iter().enumerate().map(|(at, name)| format!("{} {name:?}", letters(at))).collect();
        invalid(format!("there is no column {name:?}; there are: {}", all.join(", ")))
    })
}

fn guess(sheet: &Sheet, header: Option<usize>, names: &[String]) -> Vec<(Role, usize)> {
    let rows: Vec<&SheetRow> = sheet
        .rows
        .iter()
        .skip(header.map_or(0, |at| at + 1))
        .filter(|row| !row.is_blank())
        .take(SAMPLE)
        .collect();
    let mut scored: Vec<(usize, Role, usize)> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let word = word(name);
        let is = |words: &[&str]| words.contains(&word.as_str());
        let role = match () {
            () if is(UID_WORDS) => Role::Uid,
            () if is(SEC_UID_WORDS) => Role::SecUid,
            () => Role::Any,
        };
        let good = rows.iter().filter(|row| recognise(row.cell(at), role).is_ok()).count();
        let telling = rows.iter().filter(|row| is_telling(row.cell(at))).count();
        let called = is(CREATOR_WORDS);
        let named = called || role != Role::Any;
        // A name in the header counts as much as three rows in four; bare words count least.
        let bonus = if called { rows.len() * 3 } else { usize::from(named) * rows.len() };
        if good > 0 && (named || good * 2 >= rows.len() || telling > 0) {
            scored.push((good + 4 * telling + bonus, role, at));
        }
    }
    scored.sort_by_key(|(score, _, at)| (std::cmp::Reverse(*score), *at));
    let Some((_, role, first)) = scored.first().copied() else { return Vec::new() };
    let mut used = vec![(role, first)];
    for (_, role, at) in scored.into_iter().skip(1) {
        let called = names.get(at).is_some_and(|name| CREATOR_WORDS.contains(&word(name).as_str()));
        let telling = rows.iter().filter(|row| is_telling(row.cell(at))).count();
        // Further columns complete the first where they are named so, or hold nothing but links and keys.
        if role != Role::Any || (called && telling * 2 >= rows.len()) {
            used.push((role, at));
        }
    }
    used
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
