//! What the server says, as our error. One place decides what an answer means and what a person can do.
//!
//! Requests that carry records or questions may be quoted in the server's reasons; of those only the kind of the
//! fault and names of our own fields are shown.

use std::error::Error as StdError;
use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use collector_core::search::SearchField;
use serde_json::Value;

use super::cluster::{About, Answer};

/// Characters of a server's reason that are shown.
const MAX_REASON: usize = 240;

/// The fault a server reports, in whatever form: an object with type and reason, or a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fault {
    /// The kinds, the outermost first.
    pub(super) kinds: Vec<String>,
    reason: String,
}

impl Fault {
    /// Reads the value of `error`.
    pub(super) fn of(error: &Value) -> Self {
        let mut fault = Self::default();
        let mut at = Some(error);
        // Causes in each other: a server's chains are short.
        for _ in 0..8 {
            let Some(object) = at.and_then(Value::as_object) else { break };
            fault.kinds.extend(object.get("type").and_then(Value::as_str).map(plain));
            let roots = object.get("root_cause").and_then(Value::as_array);
            let roots = roots.into_iter().flatten().filter_map(|root| root.get("type")?.as_str());
            fault.kinds.extend(roots.map(plain));
            if fault.reason.is_empty() {
                fault.reason = object.get("reason").and_then(Value::as_str).map(cut).unwrap_or_default();
            }
            at = object.get("caused_by");
        }
        if let Some(text) = error.as_str() {
            fault.reason = cut(text);
        }
        fault.kinds.dedup();
        fault
    }

    /// Reads a whole answer.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        body.get("error").map(Self::of).unwrap_or_default()
    }

    /// Whether it is of this kind.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kinds.iter().any(|known| known == kind)
    }

    /// What may be shown of a fault about a record: kinds, and names of our fields.
    pub(super) fn about_record(&self) -> String {
        let kinds = if self.kinds.is_empty() { "no reason given".to_owned() } else { self.kinds.join(": ") };
        let named = |field: &&SearchField| self.reason.contains(&format!("[{}]", field.name()));
        match SearchField::ALL.iter().find(named) {
            Some(field) => format!("{kinds}, field `{field}`"),
            None => kinds,
        }
    }

    fn shown(&self, about: About) -> String {
        match about {
            About::Index if !self.reason.is_empty() => {
                format!("{}: {}", self.kinds.first().map_or("error", String::as_str), self.reason)
            }
            _ => self.about_record(),
        }
    }
}

/// A kind as the server's own names are: nothing that somebody wrote.
fn plain(kind: &str) -> String {
    kind.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(80).collect()
}

fn cut(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REASON).collect()
}

/// An answer that is no success.
pub(super) fn refused(about: About, what: &str, answer: &Answer) -> Error {
    let fault = Fault::of_answer(answer);
    let (kind, remedy) = meaning(answer.status, &fault);
    let error = Error::new(kind, format!("{what}{remedy}"))
        .with("node", &answer.node)
        .with("status", answer.status)
        .with("answer", answered(about, answer, &fault));
    match answer.retry_after {
        Some(wait) => error.retry_after(wait),
        None => error,
    }
}

fn answered(about: About, answer: &Answer, fault: &Fault) -> String {
    if fault == &Fault::default() {
        return format!("{} bytes of {}", answer.body.len(), answer.content_type);
    }
    fault.shown(about)
}

fn meaning(status: u16, fault: &Fault) -> (ErrorKind, &'static str) {
    if fault.is("index_not_found_exception") || fault.is("alias_not_found_exception") {
        return (ErrorKind::Unavailable, GONE);
    }
    if fault.kinds.iter().any(|kind| kind.starts_with("too_many") && kind.contains("clauses")) {
        return (ErrorKind::ConfigInvalid, TOO_MUCH);
    }
    if fault.is("cluster_block_exception") {
        return (ErrorKind::Unavailable, BLOCKED);
    }
    match status {
        401 => (ErrorKind::Unauthorized, "; check user and password, or the key"),
        403 => (ErrorKind::Unauthorized, "; the user lacks a right, see the list in this module's page"),
        407 => (ErrorKind::Unauthorized, "; a proxy in between wants a login of its own"),
        408 | 504 => (ErrorKind::Timeout, "; the cluster is slow or a node is missing"),
        413 => (ErrorKind::Rejected, "; the server takes less at once: lower `bulk_bytes`"),
        429 => (ErrorKind::RateLimited, "; the cluster is busy"),
        500.. => (ErrorKind::Unavailable, "; look at the cluster's own log"),
        404 | 405 => (ErrorKind::Malformed, NOT_A_CLUSTER),
        300..=399 => (ErrorKind::Malformed, "; a redirect: give the address it leads to"),
        _ => (ErrorKind::Rejected, ""),
    }
}

const GONE: &str =
    "; there is no index behind this name: the sink makes it when it is opened, so start again";
const TOO_MUCH: &str = "; the query has more alternatives than the server allows: write more of the last word, or \
                        name fewer values";
const BLOCKED: &str = "; the index takes no writes just now: it is being replaced, or a disk is full";
const NOT_A_CLUSTER: &str = "; is the address that of Elasticsearch or OpenSearch?";

/// An answer that cannot be understood: another kind of server, or half of an answer.
pub(super) fn malformed(what: &str, answer: &Answer) -> Error {
    Error::new(ErrorKind::Malformed, format!("{what}{NOT_A_CLUSTER}"))
        .with("node", &answer.node)
        .with("status", answer.status)
        .with("answer", format!("{} bytes of {}", answer.body.len(), answer.content_type))
}

/// What became of a request that got no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// Nobody took it.
    NotSent,
    /// It may have been carried out.
    InDoubt,
}

/// No whole answer came.
pub(super) fn lost(node: &str, error: elasticsearch::Error, timeout: Duration) -> (Lost, Error) {
    let said = chain(&error);
    let is_sent = !said.contains("(Connect)") && !said.contains("error trying to connect");
    let (kind, message) = if error.is_timeout() {
        (ErrorKind::Timeout, format!("no complete answer within {timeout:?}"))
    } else if said.contains("certificate") {
        (
            ErrorKind::Unavailable,
            format!("the node's certificate is not trusted{}", certificate_remedy(&said)),
        )
    } else if is_sent {
        (ErrorKind::Unavailable, "the connection to the node broke".to_owned())
    } else {
        (
            ErrorKind::Unavailable,
            "the node cannot be reached; is it running, and is the address right?".to_owned(),
        )
    };
    let lost = if is_sent { Lost::InDoubt } else { Lost::NotSent };
    (lost, Error::new(kind, message).with("node", node).with("cause", cut(&last_cause(&error))))
}

fn certificate_remedy(said: &str) -> &'static str {
    if said.contains("UnknownIssuer") || said.contains("CaUsedAsEndEntity") {
        "; give the authority that signed it as `ca_pem`"
    } else if said.contains("NotValidForName") {
        "; it is for another name: use the name that stands in it"
    } else if said.contains("Expired") || said.contains("NotValidYet") {
        "; look at its dates and at this machine's clock"
    } else if said.contains("UnsupportedCertVersion") {
        "; it is of version 1: make one of version 3"
    } else {
        ""
    }
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    causes(error).map(|error| format!("{error}; {error:?}; ")).collect()
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn last_cause(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let (node, content_type) = ("http://a:9200".into(), "application/json".into());
        Answer { node, status, content_type, retry_after: None, body: body.to_owned().into() }
    }

    #[test]
    fn each_status_has_its_kind_and_the_remedy() {
        let rows = [
            (401, "{}", ErrorKind::Unauthorized, "password"),
            (403, "{}", ErrorKind::Unauthorized, "right"),
            (404, "{}", ErrorKind::Malformed, "OpenSearch"),
            (413, "{}", ErrorKind::Rejected, "bulk_bytes"),
            (429, "{}", ErrorKind::RateLimited, "busy"),
            (503, "<html>", ErrorKind::Unavailable, "log"),
            (504, "", ErrorKind::Timeout, "slow"),
            (404, r#"{"error":{"type":"index_not_found_exception"}}"#, ErrorKind::Unavailable, "start again"),
            (400, r#"{"error":{"type":"too_many_nested_clauses"}}"#, ErrorKind::ConfigInvalid, "fewer"),
            (403, r#"{"error":{"type":"cluster_block_exception"}}"#, ErrorKind::Unavailable, "disk"),
        ];
        for (status, body, kind, remedy) in rows {
            let error = refused(About::Index, "cannot", &answer(status, body));
            assert_eq!(error.kind(), kind, "{status}");
            assert!(error.to_string().contains(remedy), "{error}");
        }
    }

    #[test]
    fn a_reason_about_a_record_shows_nothing_of_it() {
        let error = json!({
            "type": "mapper_parsing_exception",
            "reason": "failed to parse field [followers] of type [long]. Preview of field's value: 'mina@mail.example'",
            "caused_by": { "type": "illegal_argument_exception", "reason": "For input string: mina@mail.example" },
        });
        let fault = Fault::of(&error);
        let shown = fault.about_record();
        assert_eq!(shown, "mapper_parsing_exception: illegal_argument_exception, field `followers`");
        let body = json!({ "error": error }).to_string();
        assert!(!refused(About::Records, "cannot", &answer(400, &body)).to_string().contains("mina"));
        assert!(refused(About::Index, "cannot", &answer(400, &body)).to_string().contains("Preview"));
    }

    #[test]
    fn a_fault_without_end_is_read_as_far_as_it_is_useful() {
        let mut error = json!({ "type": "x".repeat(10_000), "reason": "y".repeat(10_000) });
        for _ in 0..50 {
            error = json!({ "type": "a", "caused_by": error });
        }
        let shown = Fault::of(&error).shown(About::Index);
        assert!(shown.len() < 1_000, "{}", shown.len());
        assert_eq!(Fault::of(&json!("Unauthorized")).shown(About::Index), "error: Unauthorized");
    }
}
