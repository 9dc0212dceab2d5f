//! Trying the server without writing: each step says which part failed.

use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cluster::{Answer, Body, Cluster, Method, Request};
use super::config::ElasticsearchConfig;
use super::error::{malformed, refused};
use super::index::{Alias, Name};
use super::mapping::fingerprint;

/// The oldest versions that have everything that is used: major and minor.
const OLDEST_ELASTICSEARCH: (u32, u32) = (7, 10);
const OLDEST_OPENSEARCH: (u32, u32) = (1, 0);

#[derive(Deserialize)]
struct Banner {
    version: Version,
}

#[derive(Deserialize)]
struct Version {
    number: String,
    #[serde(default)]
    distribution: Option<String>,
}

/// Asks who the server is, which index is in use, and whether it may be asked and written.
///
/// # Errors
/// `Unavailable`, `Unauthorized`, `ConfigInvalid`, `Malformed`, each with the server's answer and what to do.
pub(super) async fn check(cx: &Context, cluster: &Cluster, config: &ElasticsearchConfig) -> Result<()> {
    server(cx, cluster).await?;
    let alias = Alias { cluster, config };
    let Some(name) = alias.current(cx).await? else { return Ok(()) };
    if name.is_current(&config.index) {
        fields(cx, &alias, &name).await?;
    }
    may_ask(cx, cluster, config).await?;
    may_write(cx, cluster, config).await
}

async fn server(cx: &Context, cluster: &Cluster) -> Result<()> {
    let what = "the server does not say what it is";
    let request = Request::new(Method::Get, "/");
    let answer = cluster.send(cx, &request).await?;
    // Who may only use an index may not read this, and some services do not have it; the next step tells.
    if matches!(answer.status, 403..=405) {
        return Ok(());
    }
    if !answer.is_success() {
        return Err(refused(request.about, what, &answer));
    }
    let banner: Banner = answer.json(what)?;
    suits(&banner, &answer)
}

fn suits(banner: &Banner, answer: &Answer) -> Result<()> {
    let Version { number, distribution } = &banner.version;
    let (is, oldest) = match distribution.as_deref() {
        None => ("Elasticsearch", OLDEST_ELASTICSEARCH),
        Some("opensearch") => ("OpenSearch", OLDEST_OPENSEARCH),
        Some(_) => return Err(malformed("the server is of a kind that is not known", answer)),
    };
    let mut parts = number.split('.').map(|part| part.parse::<u32>().ok());
    let version = parts.next().flatten().zip(parts.next().flatten());
    let Some(version) = version else { return Err(malformed("the server's version cannot be read", answer)) };
    if version < oldest {
        let (major, minor) = oldest;
        let message = format!(
            "{is} {}.{} is too old; {major}.{minor} is the oldest that will do",
            version.0, version.1
        );
        return Err(Error::new(ErrorKind::ConfigInvalid, message).with("node", &answer.node));
    }
    Ok(())
}

/// An index of our name whose fields somebody else made would find other creators.
async fn fields(cx: &Context, alias: &Alias<'_>, name: &Name) -> Result<()> {
    if alias.format(cx, name).await?.as_deref() == Some(fingerprint().as_str()) {
        return Ok(());
    }
    let message =
        "the search index was not made by the sink, although its name says so; delete it and rebuild it";
    Err(Error::new(ErrorKind::ConfigInvalid, message).with("index", name.as_str()))
}

async fn may_ask(cx: &Context, cluster: &Cluster, config: &ElasticsearchConfig) -> Result<()> {
    let path = format!("/{}/_search", config.index);
    let request = Request::new(Method::Post, path).json(&json!({ "size": 0 }));
    cluster.succeed(cx, "the search index cannot be asked", &request).await.map(drop)
}

/// Sends a write that can only fail: of a record that no key leads to, on the condition that it is there.
async fn may_write(cx: &Context, cluster: &Cluster, config: &ElasticsearchConfig) -> Result<()> {
    let what = "the search index cannot be written";
    let action = json!({ "index": { "_id": "check", "if_seq_no": 0, "if_primary_term": 1_000_000_000 } });
    let path = format!("/{}/_bulk?require_alias=true", config.index);
    let lines = format!("{action}\n{{}}\n");
    let request = Request { body: Body::Lines(lines.into()), ..Request::new(Method::Post, path) };
    let answer = cluster.succeed(cx, what, &request).await?;
    let body: Value = answer.json(what)?;
    let item = &body["items"][0]["index"];
    match item["status"].as_u64() {
        Some(409) => Ok(()),
        Some(status) => {
            let status = u16::try_from(status).unwrap_or_default();
            let body = item.to_string().into();
            Err(refused(request.about, what, &Answer { status, body, ..answer }))
        }
        None => Err(malformed(what, &answer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suited(body: &str) -> Result<()> {
        let (node, content_type) = ("http://a:9200".into(), "application/json".into());
        let body = body.to_owned().into();
        let answer = Answer { node, status: 200, content_type, retry_after: None, body };
        suits(&answer.json("what")?, &answer)
    }

    #[test]
    fn only_servers_that_have_everything_suit() {
        for good in [
            r#"{"version":{"number":"7.10.2"}}"#,
            r#"{"version":{"number":"9.1.0-SNAPSHOT"}}"#,
            r#"{"version":{"number":"2.19.1","distribution":"opensearch"}}"#,
        ] {
            suited(good).unwrap();
        }
        for (wrong, kind) in [
            (r#"{"version":{"number":"7.9.3"}}"#, ErrorKind::ConfigInvalid),
            (r#"{"version":{"number":"6.8.0"}}"#, ErrorKind::ConfigInvalid),
            (r#"{"version":{"number":"x"}}"#, ErrorKind::Malformed),
            (r#"{"version":{"number":"1.0","distribution":"solr"}}"#, ErrorKind::Malformed),
            (r#"{"couchdb":"Welcome","version":"3.3"}"#, ErrorKind::Malformed),
            ("<html>", ErrorKind::Malformed),
        ] {
            assert_eq!(suited(wrong).unwrap_err().kind(), kind, "{wrong}");
        }
    }
}
