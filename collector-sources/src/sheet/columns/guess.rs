//! Which columns say who is meant.

use collector_core::sheet::Cell;

use super::super::recognise::recognise;
use super::super::table::{Sheet, SheetRow};
use super::Role;
use super::header::{CREATOR_WORDS, SAMPLE, SEC_UID_WORDS, UID_WORDS, is_telling, word};

/// How well a column says who is meant.
struct Score {
    points: usize,
    role: Role,
    at: usize,
    /// Whether its header says that it names creators.
    called: bool,
    /// Cells that can only be somebody's name.
    telling: usize,
}

/// The columns that say who is meant, the most telling one first; none when there is none.
pub(super) fn columns(sheet: &Sheet, header: Option<usize>, names: &[String]) -> Vec<(Role, usize)> {
    let rows: Vec<&SheetRow> = sheet
        .rows
        .iter()
        .skip(header.map_or(0, |at| at + 1))
        .filter(|row| !row.is_blank())
        .take(SAMPLE)
        .collect();
    let scored = names.iter().enumerate().filter_map(|(at, name)| score(&rows, at, name));
    let mut scored: Vec<Score> = scored.collect();
    scored.sort_by_key(|score| (std::cmp::Reverse(score.points), score.at));
    // Further columns complete the first where they are named so and hold links, or are keys by name.
    let completes =
        |score: &Score| score.role != Role::Any || (score.called && score.telling * 2 >= rows.len());
    let used = scored.iter().enumerate().filter(|(place, score)| *place == 0 || completes(score));
    used.map(|(_, score)| (score.role, score.at)).collect()
}

/// A link or `@` in a cell counts most, then a name in the header, then a bare word; least of all a number, which may
/// be somebody's telephone. `None` when hardly anybody is named.
fn score(rows: &[&SheetRow], at: usize, name: &str) -> Option<Score> {
    let word = word(name);
    let called = CREATOR_WORDS.contains(&word.as_str());
    let role = match word.as_str() {
        word if UID_WORDS.contains(&word) => Role::Uid,
        word if SEC_UID_WORDS.contains(&word) => Role::SecUid,
        _ => Role::Any,
    };
    let (mut good, mut numbers, mut telling) = (0, 0, 0);
    for cell in rows.iter().map(|row| row.cell(at)).filter(|cell| recognise(cell, role).is_ok()) {
        good += 1;
        let is_number = is_number(cell);
        numbers += usize::from(is_number);
        telling += usize::from(!is_number && is_telling(cell));
    }
    let named = called || role != Role::Any;
    if good == 0 || !(named || telling > 0 || good * 2 >= rows.len()) {
        return None;
    }
    let header = match (called, role) {
        (true, _) => 6,
        (false, Role::Any) => 0,
        (false, _) => 2,
    };
    Some(Score { points: 2 * good - numbers + 8 * telling + header * rows.len(), role, at, called, telling })
}

fn is_number(cell: &Cell) -> bool {
    let text = cell.shown();
    let text = text.trim();
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
