//! What `collector sources test` prints.

use std::path::Path;

use collector_sources::declarative::{Spoilt, Tried};
use serde::Serialize;

use super::{Rows, aligned, count, plain};
use crate::exit::Exit;

/// Whether a source that a file describes reads its own answers.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct TestReport {
    /// How the command ends: `partial` when anything is not as expected, or when there is nothing to try.
    pub exit: &'static str,
    /// The file.
    pub file: String,
    /// What came of each of its examples.
    pub examples: Vec<Tried>,
    /// What came of the same answers, spoilt.
    pub spoilt: Spoilt,
}

impl TestReport {
    pub(crate) fn new(file: &Path, examples: Vec<Tried>, spoilt: Spoilt) -> Self {
        let good = !examples.is_empty()
            && spoilt.faults.is_empty()
            && examples.iter().all(|example| example.faults.is_empty());
        let exit = if good { Exit::Complete } else { Exit::Partial };
        Self { exit: exit.as_str(), file: file.display().to_string(), examples, spoilt }
    }

    pub(crate) fn exit(&self) -> Exit {
        if self.exit == Exit::Complete.as_str() { Exit::Complete } else { Exit::Partial }
    }

    /// What people read.
    pub fn text(&self) -> String {
        let mut rows: Rows = Vec::new();
        for example in &self.examples {
            let verdict = if example.faults.is_empty() { "as expected" } else { "NOT AS EXPECTED" };
            rows.push(vec![format!("example {}", example.number), example.call.clone(), verdict.to_owned()]);
            rows.extend(example.faults.iter().map(|fault| vec![String::new(), String::new(), plain(fault)]));
            let lost = example.unmatched.iter().map(|lost| format!("note: {lost}"));
            rows.extend(lost.map(|lost| vec![String::new(), String::new(), plain(&lost)]));
        }
        if self.examples.is_empty() {
            rows.push(vec![
                "NO EXAMPLES".to_owned(),
                String::new(),
                "add an [[example]] with an answer".to_owned(),
            ]);
        }
        let verdict = if self.spoilt.faults.is_empty() { "all read well" } else { "NOT ALL READ WELL" };
        let answers = count(self.spoilt.answers as u64, "spoilt answer", "spoilt answers");
        rows.push(vec![answers, String::new(), verdict.to_owned()]);
        rows.extend(self.spoilt.faults.iter().map(|fault| vec![String::new(), String::new(), plain(fault)]));
        format!("{}\n{}", self.file, aligned(2, &rows))
    }
}
