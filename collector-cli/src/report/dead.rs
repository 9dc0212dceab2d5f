//! What `collector dead` prints.

use collector_core::store::DeadLetter;
use serde::Serialize;

use super::{Rows, aligned, count, number, plain, when};
use crate::exit::Exit;

/// Dead letters, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DeadLetters {
    /// All there are.
    pub total: u64,
    /// Those that were asked for.
    pub letters: Vec<DeadLetter>,
}

impl DeadLetters {
    pub(crate) fn new(total: u64, letters: Vec<DeadLetter>) -> Self {
        Self { total, letters }
    }

    /// What people read.
    pub fn text(&self) -> String {
        if self.letters.is_empty() {
            return "no dead letters".to_owned();
        }
        let rows: Rows = self.letters.iter().map(row).collect();
        let shown = self.letters.len() as u64;
        let more = if shown < self.total { format!(", {} shown", number(shown)) } else { String::new() };
        let mut text = format!("{}{more}\n", count(self.total, "dead letter", "dead letters"));
        text.push_str(&aligned(2, &rows));
        text.push_str("\nnext\n  - collector dead show ID\n  - collector dead replay --all --mend-only\n");
        text
    }
}

fn row(letter: &DeadLetter) -> Vec<String> {
    let answer = if letter.payload.is_some() { "answer kept" } else { "" };
    vec![
        letter.id.to_string(),
        when(letter.at),
        letter.kind.to_string(),
        plain(&letter.what),
        answer.to_owned(),
        plain(&letter.message),
    ]
}

/// One dead letter with its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LetterReport {
    /// The letter.
    pub letter: DeadLetter,
    /// What a person can do about it.
    pub advice: &'static str,
    /// The answer's status.
    pub status: Option<u16>,
    /// The headers that were kept.
    pub headers: Vec<(String, String)>,
    /// The answer's length in bytes.
    pub length: Option<u64>,
    /// The answer's beginning as text.
    pub body: Option<String>,
}

impl LetterReport {
    /// What people read.
    pub fn text(&self) -> String {
        let letter = &self.letter;
        let row = |label: &str, text: String| vec![label.to_owned(), text];
        let mut rows: Rows = vec![
            row("what", plain(&letter.what)),
            row("why", format!("{}: {}", letter.kind, plain(&letter.message))),
            row("what to do", self.advice.to_owned()),
            row("when", when(letter.at)),
        ];
        if let Some(run) = letter.run {
            rows.push(row("run", run.to_string()));
        }
        if let (Some(status), Some(length)) = (self.status, self.length) {
            rows.push(row("answer", format!("status {status}, {}", count(length, "byte", "bytes"))));
        }
        rows.extend(self.headers.iter().map(|(name, value)| row(&plain(name), plain(value))));
        let body = self.body.as_deref().map(|body| format!("\n{}\n", plain(body))).unwrap_or_default();
        format!("dead letter {}\n{}{body}", letter.id, aligned(2, &rows))
    }
}

/// How a replay went.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReplayReport {
    /// `complete`, or `partial` when something is still given up.
    pub exit: &'static str,
    /// The exit code.
    pub code: u8,
    /// Letters that were opened again.
    pub revived: u64,
    /// Of these, how many were mended by reading the stored answer.
    pub mended: u64,
    /// Of these, how many were asked for again.
    pub asked: u64,
    /// Units that were spent.
    pub units: u64,
    /// Letters left alone: their stored answer mends nothing, and nobody was to be asked.
    pub left: u64,
    /// Letters there are now.
    pub dead: u64,
}

impl ReplayReport {
    pub(crate) fn exit(&self) -> Exit {
        if self.dead > 0 { Exit::Partial } else { Exit::Complete }
    }

    /// What people read.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} opened again: {} mended by the stored answer, {} asked for again for {}\n",
            number(self.revived),
            number(self.mended),
            number(self.asked),
            count(self.units, "unit", "units")
        );
        if self.left > 0 {
            text.push_str(&format!("{} left alone: their stored answers mend nothing\n", number(self.left)));
        }
        text.push_str(&match self.dead {
            0 => "no dead letters are left".to_owned(),
            dead => {
                format!("{} left; see collector dead list", count(dead, "dead letter is", "dead letters are"))
            }
        });
        text
    }
}
