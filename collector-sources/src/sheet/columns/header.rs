//! Which row names the columns.

use collector_core::sheet::Cell;

use super::super::recognise::{SEC_UID_PREFIX, recognise};
use super::super::table::{Sheet, SheetRow};
use super::Role;

/// Words in headers of columns that name creators, without blanks and lines.
pub(super) const CREATOR_WORDS: &[&str] = &[
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
pub(super) const UID_WORDS: &[&str] = &["uid", "userid", "tiktokuid", "고유번호", "고유id"];
pub(super) const SEC_UID_WORDS: &[&str] = &["secuid", "secuserid"];
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
pub(super) const SAMPLE: usize = 500;

/// A header's text, so that spellings compare.
pub(super) fn word(text: &str) -> String {
    let kept = text
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '\u{feff}' | '\u{200b}' | '*'));
    kept.flat_map(char::to_lowercase).take(40).collect()
}

/// The row whose cells are words that name columns.
pub(super) fn by_words(sheet: &Sheet) -> Option<usize> {
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
pub(super) fn is_telling(cell: &Cell) -> bool {
    let text = cell.shown();
    let text = text.trim();
    let is_number = text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let telling = is_number || text.contains(['@', '＠', '/']) || text.starts_with(SEC_UID_PREFIX);
    telling && recognise(cell, Role::Any).is_ok()
}

/// A first row that names nobody, or says so less clearly than the rows below it.
pub(super) fn by_contents(sheet: &Sheet, used: &[(Role, usize)]) -> Option<usize> {
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
