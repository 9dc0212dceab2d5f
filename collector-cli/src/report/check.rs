//! What `collector check` prints.

use collector_core::error::{Error, ErrorChain, ErrorKind};
use serde::Serialize;

use super::{aligned, plain};
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
    /// `store`, `lock`, `rate`, `sink` or `source`.
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
        let base =
            Self { part, name: name.into(), ok: true, kind: None, message: String::new(), advice: None };
        match result {
            Ok(message) => Self { message, ..base },
            Err(error) => Self {
                ok: false,
                kind: Some(error.kind()),
                message: ErrorChain(&error).to_string(),
                advice: Some(advice(error.kind())),
                ..base
            },
        }
    }
}

/// What to do about it. A check asks once, so what would be tried again in a run is worth a look.
pub(super) fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unavailable | ErrorKind::Timeout => {
            "look whether the address is right and the other side is up"
        }
        kind => kind.advice(),
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
            let found = if part.ok { part.message.as_str() } else { "" };
            [part.part, &part.name, verdict, found].map(str::to_owned).to_vec()
        };
        let rows: Vec<_> = self.parts.iter().map(row).collect();
        let mut text = format!("{}: understood, {}\n{}\n", self.config, jobs(&self.jobs), aligned(2, &rows));
        let failed: Vec<&PartCheck> = self.parts.iter().filter(|part| !part.ok).collect();
        for part in &failed {
            text.push_str(&format!("{} {}: {}\n", part.part, part.name, plain(&part.message)));
            text.push_str(&format!("  what to do: {}\n", part.advice.unwrap_or_default()));
        }
        if failed.is_empty() {
            let job = self.jobs.first().map_or("--hashtag kbeauty", String::as_str);
            text.push_str(&format!("Everything works. Next: collector run {job}"));
        }
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
