//! The recorded answers that `docs/model.md` is made of: what is asked, and what a fuzzer begins with.

use collector_core::task::Task;
use serde_json::Value;

const ENSEMBLEDATA: &str = include_str!("../../collector-sources/tests/fixtures/model/ensembledata.jsonl");
const ECHOTIK: &str = include_str!("../../collector-sources/tests/fixtures/model/echotik.jsonl");
const RESEARCH: &str = include_str!("../../collector-sources/tests/fixtures/model/tiktok-research.jsonl");
const ONE: &str = include_str!("../../collector-sources/tests/fixtures/model/tiktok-one.jsonl");
const WEB: &str = include_str!("../../collector-sources/tests/fixtures/model/web.jsonl");

/// Answers of one source.
pub(crate) struct Samples(Vec<Value>);

impl Samples {
    /// Those of this file; none of a source that has no file.
    pub(crate) fn of(file: &str) -> Self {
        let text = match file {
            "ensembledata" => ENSEMBLEDATA,
            "echotik" => ECHOTIK,
            "tiktok-research" => RESEARCH,
            "tiktok-one" => ONE,
            "web" => WEB,
            _ => "",
        };
        Self(text.lines().map(|line| serde_json::from_str(line).expect("a line of samples")).collect())
    }

    /// What the first answer of a kind was asked for.
    pub(crate) fn task(&self, source: &str, kind: &str) -> Option<Task> {
        let sample = self.0.iter().find(|sample| sample["kind"] == kind)?;
        let task = Task::new(source, kind, sample["subject"].as_str().unwrap_or_default());
        let params = sample["params"].as_object().into_iter().flatten();
        Some(
            params.fold(task, |task, (name, value)| {
                task.param(name.as_str(), value.as_str().unwrap_or_default())
            }),
        )
    }

    /// The bytes of each answer.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = Vec<u8>> {
        self.0.iter().map(|sample| {
            let body = sample["body"].to_string();
            match sample["script"].as_str() {
                None => body.into_bytes(),
                // What would end the script cannot stand in it.
                Some(script) => format!(
                    "<!DOCTYPE html><html><body><script id=\"{script}\" type=\"application/json\">{}</script></body></html>",
                    body.replace("</", "<\\/")
                )
                .into_bytes(),
            }
        })
    }
}
