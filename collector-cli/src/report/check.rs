//! What `collector check` prints.

use collector_core::error::{Error, ErrorChain, ErrorKind};
use serde::Serialize;

use super::aligned;
use crate::exit::Exit;

/// What `collector check` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// `complete` when every part works, else `partial`.
    pub exit: &'static str,
    /// The configuration file.
    pub config: String,
    /// The jobs it holds.
    pub jobs: Vec<String>,
    /// Every part, and whether it works.
    pub parts: Vec<PartCheck>,
    /// What is allowed and unwise.
    pub warnings: Vec<String>,
}

/// One part, and whether it works.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PartCheck {
    /// `store`, `lock`, `sink` or `source`.
    pub part: &'static str,
    /// Its name or place.
    pub name: String,
    /// Whether it works.
    pub ok: bool,
    /// What failed, as a kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ErrorKind>,
    /// What was found, in words.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<&'static str>,
}

impl PartCheck {
    pub(crate) fn new(part: &'static str, name: impl Into<String>, result: Result<String, Error>) -> Self {
        let base = Self { part, name: name.into(), ok: true, kind: None, message: String::new(), advice: None };
        match result {
            Ok(message) => Self { message, ..base },
            Err(error) => Self {
                ok: false,
                kind: Some(error.kind()),
                message: ErrorChain(&error).to_string(),
                advice: Some(error.kind().advice()),
                ..base
            },
        }
    }
}

impl CheckReport {
    pub(crate) fn exit(parts: &[PartCheck]) -> Exit {
        if parts.iter().all(|part| part.ok) { Exit::Complete } else { Exit::Partial }
    }

    /// What people read.
    pub fn text(&self) -> String {
        let row = |part: &PartCheck| {
            let verdict = if part.ok { "ok" } else { "FAILED" };
            vec![part.part.to_owned(), part.name.clone(), verdict.to_owned(), part.message.clone()]
        };
        let rows: Vec<_> = self.parts.iter().map(row).collect();
        let mut text = format!("{}: understood, {}\n", self.config, jobs(&self.jobs));
        text.push_str(&aligned(2, &rows));
        let failed: Vec<&PartCheck> = self.parts.iter().filter(|part| !part.ok).collect();
        for part in &failed {
            if let Some(advice) = part.advice {
                text.push_str(&format!("\n{} {}: {advice}", part.part, part.name));
            }
        }
        text.push_str(match (failed.as_slice(), self.jobs.first()) {
            ([], Some(job)) => return text + &format!("\nEverything works. Next: collector run {job}"),
            ([], None) => "\nEverything works. Next: collector run --hashtag kbeauty, or add a [[jobs]] table",
            _ => "",
        });
        text
    }
}

fn jobs(jobs: &[String]) -> String {
    match jobs {
        [] => "no jobs".to_owned(),
        [one] => format!("1 job: {one}"),
        many => format!("{} jobs: {}", many.len(), many.join(", ")),
    }
}
