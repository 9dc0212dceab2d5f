//! Answers as each source gets them, recorded from the simulator: nobody in them exists.

use std::sync::Arc;

use async_trait::async_trait;
use collector_core::clock::Timestamp;
use collector_core::context::Context;
use collector_core::creator::CreatorSighting;
use collector_core::error::Result;
use collector_core::id::{Ids, Name};
use collector_core::source::{CallSpec, Source};
use collector_core::task::{Page, Payload, Query, Task};
use collector_sources::echotik::{EchoTik, EchoTikConfig, RealTime};
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use collector_sources::tiktok::{Mode, TikTok, TikTokConfig};
use collector_sources::web::{Web, WebConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Any source of creators.
pub(crate) type AnySource = Arc<dyn Source<Item = CreatorSighting>>;

/// Makes a source of this name.
pub(crate) type Make = fn(&str) -> Result<AnySource>;

/// Each source: its heading in the page, its file of answers, and itself at this address.
pub(crate) const SOURCES: [(&str, &str, Make); 5] = [
    ("`ensembledata`", "ensembledata", ensembledata),
    ("`echotik`", "echotik", echotik),
    ("`tiktok`, `mode = \"research\"`", "tiktok-research", research),
    ("`tiktok`, `mode = \"one\"`", "tiktok-one", one),
    ("`web`, TikTok's profile pages", "web", web),
];

/// One recorded answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) tasks: Vec<Task>,
    /// The id of the script that holds it in its page, of an answer that is a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) script: Option<String>,
    pub(crate) body: Value,
}

impl Sample {
    /// The answer as the source gets it.
    pub(crate) fn payload(&self) -> Payload {
        // A day on which all its posts are made: one that is to come says nothing.
        Payload::new(self.body.to_string(), Timestamp::from_secs(1_830_000_000))
    }

    /// The source that reads it: of a page, one that is given only the JSON in it.
    pub(crate) fn reader(&self, source: &AnySource) -> AnySource {
        match &self.script {
            None => Arc::clone(source),
            Some(script) => Arc::new(Embedded { pages: Arc::clone(source), script: script.clone() }),
        }
    }
}

/// The folder of the recorded answers.
pub(crate) fn folder() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model")
}

/// The recorded answers of one source.
pub(crate) fn recorded(file: &str) -> std::io::Result<Vec<Sample>> {
    let text = std::fs::read_to_string(folder().join(format!("{file}.jsonl")))?;
    text.lines().map(|line| serde_json::from_str(line).map_err(Into::into)).collect()
}

fn ensembledata(url: &str) -> Result<AnySource> {
    Ok(Arc::new(EnsembleData::new(EnsembleDataConfig {
        base_url: format!("{url}/ensembledata").into(),
        token: "simulated-token1".into(),
        long_calls: true,
        keep_email: true,
        ..EnsembleDataConfig::default()
    })?))
}

fn echotik(url: &str) -> Result<AnySource> {
    Ok(Arc::new(EchoTik::new(EchoTikConfig {
        base_url: format!("{url}/echotik").into(),
        username: "simulated".into(),
        password: "simulated-password1".into(),
        pictures: true,
        real_time: RealTime::Always,
        keep_email: true,
        ..EchoTikConfig::default()
    })?))
}

fn research(url: &str) -> Result<AnySource> {
    Ok(Arc::new(TikTok::new(TikTokConfig {
        mode: Some(Mode::Research),
        base_url: Some(format!("{url}/tiktok").into()),
        client_key: "simulated-client-key".into(),
        client_secret: "simulated-token1".into(),
        keep_email: true,
        ..TikTokConfig::default()
    })?))
}

fn one(url: &str) -> Result<AnySource> {
    Ok(Arc::new(TikTok::new(TikTokConfig {
        mode: Some(Mode::One),
        base_url: Some(format!("{url}/tiktokone").into()),
        access_token: "simulated-token1".into(),
        account_id: "71".into(),
        keep_email: true,
        ..TikTokConfig::default()
    })?))
}

fn web(url: &str) -> Result<AnySource> {
    Ok(Arc::new(Web::new(WebConfig {
        base_url: Some(format!("{url}/web").into()),
        contact: "https://team.example/bot".to_owned(),
        keep_email: true,
        ..WebConfig::default()
    })?))
}

/// Reads pages of which it is given only the JSON in a script.
struct Embedded {
    pages: AnySource,
    script: String,
}

#[async_trait]
impl Source for Embedded {
    type Item = CreatorSighting;

    fn name(&self) -> &str {
        self.pages.name()
    }

    fn kinds(&self) -> Vec<Name> {
        self.pages.kinds()
    }

    fn call(&self, kind: &str) -> CallSpec {
        self.pages.call(kind)
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        self.pages.seed(query)
    }

    fn lookup(&self, ids: &Ids) -> Option<Task> {
        self.pages.lookup(ids)
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        self.pages.check(cx).await
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        self.pages.fetch(cx, tasks).await
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        // What would end the script cannot stand in it.
        let data = String::from_utf8_lossy(&payload.body).replace("</", "<\\/");
        let page = format!(
            "<!DOCTYPE html><html><body><script id=\"{}\" type=\"application/json\">{data}</script></body></html>",
            self.script
        );
        let mut whole = Payload::new(page, payload.at);
        whole.status = payload.status;
        whole.headers.clone_from(&payload.headers);
        self.pages.parse(tasks, &whole)
    }
}
