//! What a source file means: every key checked, every path, filter and placeholder understood, before anything is asked.

mod calls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use collector_core::id::Name;
use collector_core::known::not_known;
use collector_core::source::{CallSpec, Role};
use collector_core::task::Cost;
use url::Url;

use super::auth::{OAuth, Way as AuthWay};
use super::config::{self, Example, Limits, SourceFile};
use super::error::Rule;
use super::faults::{Document, Faults, Notes, join};
use super::pager::Pager;
use super::path::Path;
use super::reader::Reader;
use super::request::Form;
use super::subject::Subject;
use super::template::Template;
use crate::http::{HeaderName, HttpOptions, Unusable, plain};

/// Calls in flight, when nothing is said.
const IN_FLIGHT: usize = 8;

/// A source, understood.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) base: Url,
    pub(super) platform: Name,
    pub(super) timeout: Duration,
    pub(super) max_body: usize,
    pub(super) volatile: Vec<String>,
    pub(super) auth: AuthWay,
    /// The name of the secret that calls are signed with.
    pub(super) secret: Option<String>,
    pub(super) limits: Limits,
    pub(super) cost_header: Option<String>,
    pub(super) check: Option<(Name, String)>,
    pub(super) kinds: Vec<Kind>,
    pub(super) examples: Vec<Example>,
}

/// What one kind of task does.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) name: Name,
    /// The call's name in the file.
    pub(super) call: Name,
    pub(super) stage: Stage,
    pub(super) subject: Option<Subject>,
    pub(super) form: Form,
    pub(super) reader: Arc<Reader>,
    pub(super) rules: Vec<Rule>,
    pub(super) paging: Option<Pager>,
    pub(super) batch: Option<usize>,
    /// The kind that looks up everybody found.
    pub(super) then: Option<Name>,
    pub(super) aspect: String,
    /// Whether an answer without the place of items is an empty one.
    pub(super) may_lack_items: bool,
    pub(super) price: Price,
    pub(super) timeout: Duration,
}

/// What a kind of task is in the life of a job.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    /// Not part of one.
    Plain,
    /// Begins one; where its id is.
    Submit { id: usize, poll: Name, every: Duration },
    /// Asks for its state.
    Poll(Polling),
    /// Gets its result; besides the base's host it may be at these.
    Download { hosts: Vec<String>, at_url: bool },
}

/// How a job's state is read.
#[derive(Debug, Clone)]
pub(super) struct Polling {
    pub(super) status: usize,
    pub(super) ready: Vec<String>,
    pub(super) failed: Vec<String>,
    pub(super) every: Duration,
    pub(super) give_up_after: Duration,
    pub(super) download: Name,
    pub(super) url: Option<usize>,
}

/// What calls cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Price {
    pub(super) call: u64,
    pub(super) item: u64,
    pub(super) most_items: u64,
}

impl Price {
    pub(super) fn of(self, items: usize) -> Cost {
        Cost::units(self.call.saturating_add(self.item.saturating_mul(items as u64)))
    }
}

impl Kind {
    pub(super) fn spec(&self) -> CallSpec {
        let worst = self.price.call.saturating_add(self.price.item.saturating_mul(self.price.most_items));
        CallSpec::new(self.role())
            .batch(self.batch.unwrap_or(1))
            .worst_cost(Cost::units(worst))
            .timeout(self.timeout)
    }

    pub(super) fn role(&self) -> Role {
        Subject::role(self.subject.as_ref())
    }
}

impl Plan {
    /// Understands the text of a source file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(file: &str, text: &str, keep_email: bool) -> Result<Self, Faults> {
        let (document, source): (Document, SourceFile) = Document::read(file, text)?;
        let mut notes = Notes::default();
        let plan = Self::understand(source, keep_email, &mut notes);
        match (plan, document.told(notes)) {
            (_, Some(faults)) => Err(faults),
            (Some(plan), None) => Ok(plan),
            (None, None) => Err(document.fault("the file describes no source")),
        }
    }

    fn understand(source: SourceFile, keep_email: bool, notes: &mut Notes) -> Option<Self> {
        let timeout = duration("timeout", source.timeout.as_deref(), Duration::from_secs(30), notes);
        let base = base_url(&source.base_url, notes);
        let (auth, secret) =
            source.auth.as_ref().map_or((Some(AuthWay::Nobody), None), |auth| read_auth(auth, notes));
        read_limits(&source.limits, notes);
        if source.calls.is_empty() {
            notes.fault("calls", "missing: at least one call, such as [calls.search]");
        }
        let kinds = calls::understand(&source, timeout, keep_email, notes);
        let check = source.check.as_ref().and_then(|check| {
            let known = kinds.iter().map(|kind| &*kind.name);
            let kind = kinds
                .iter()
                .find(|kind| *kind.name == *check.call && !matches!(kind.stage, Stage::Submit { .. }));
            if kind.is_none() {
                notes.fault("check.call", not_known("call", &check.call, known));
            }
            Some((Name::clone(&kind?.name), check.subject.clone()))
        });
        let header = source.cost.header.as_deref().map(|name| header_name("cost.header", name, notes));
        check_examples(&source.example, &kinds, notes);
        let max_body = source
            .max_body
            .map_or(HttpOptions::default().max_body, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        if max_body == 0 {
            notes.fault("max_body", "it is 0: choose at least a few megabytes");
        }
        let platform = source.platform.as_deref().unwrap_or("tiktok");
        if platform.is_empty()
            || !platform
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        {
            notes.fault(
                "platform",
                format!("{platform:?} is no name: use lower-case letters, digits and `_`"),
            );
        }
        Some(Self {
            base: base?,
            platform: platform.into(),
            timeout,
            max_body,
            volatile: source.volatile,
            auth: auth?,
            secret,
            limits: source.limits,
            cost_header: header.flatten().map(|name| name.as_str().to_owned()),
            check,
            kinds,
            examples: source.example,
        })
    }

    /// The kind with this name.
    pub(super) fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| *kind.name == *name)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.limits.in_flight.unwrap_or(IN_FLIGHT)
    }

    /// The headers that answers have to keep.
    pub(super) fn kept_headers(&self) -> Vec<HeaderName> {
        let linked = self.kinds.iter().any(
            |kind| matches!(&kind.paging, Some(pager) if matches!(pager.way, super::pager::Way::Link { .. })),
        );
        let link = linked.then(|| HeaderName::from_static("link"));
        let cost = self.cost_header.as_deref().and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        link.into_iter().chain(cost).collect()
    }
}

fn base_url(text: &str, notes: &mut Notes) -> Option<Url> {
    if text.is_empty() {
        notes.fault(
            "base_url",
            "missing: the address that paths are appended to, such as `https://api.example.com/v2`",
        );
        return None;
    }
    address("base_url", text, notes)
}

/// An address without credentials. What is wrong is told without the address, which may hold a password.
fn address(key: &str, text: &str, notes: &mut Notes) -> Option<Url> {
    let url = plain(text).map_err(|fault| match fault {
        Unusable::NoAddress(_) => format!("it {fault}: write for example `https://api.example.com/v2`"),
        Unusable::NoHost => format!("an address {fault}"),
        Unusable::NotPlain => format!("an address here {fault}; credentials belong to `auth`"),
    });
    notes.take(key, url)
}

fn read_auth(auth: &config::Auth, notes: &mut Notes) -> (Option<AuthWay>, Option<String>) {
    let secret = auth.secret.clone().filter(|secret| !secret.is_empty());
    let secret = notes.need("auth.secret", secret, "the name under which `collector.toml` gives the secret");
    let takes: &[&str] = match auth.r#type.as_str() {
        "header" => &["name", "prefix"],
        "query" => &["name"],
        "basic" => &["user"],
        "bearer" => &[],
        "oauth" => &["token_url", "client_id", "scope", "send"],
        "" => {
            notes.fault("auth.type", "missing: `header`, `query`, `basic`, `bearer` or `oauth`");
            return (None, secret);
        }
        other => {
            notes.fault(
                "auth.type",
                not_known("type", other, ["header", "query", "basic", "bearer", "oauth"]),
            );
            return (None, secret);
        }
    };
    let given = [
        ("name", &auth.name),
        ("prefix", &auth.prefix),
        ("user", &auth.user),
        ("token_url", &auth.token_url),
        ("client_id", &auth.client_id),
        ("scope", &auth.scope),
        ("send", &auth.send),
    ];
    for (key, _) in given.iter().filter(|(key, value)| value.is_some() && !takes.contains(key)) {
        notes.fault(format!("auth.{key}"), format!("`{}` does not take it; take it out", auth.r#type));
    }
    let way = match auth.r#type.as_str() {
        "header" => notes
            .need("auth.name", auth.name.as_deref(), "the header that carries the secret")
            .and_then(|name| {
                let name = header_name("auth.name", name, notes)?;
                Some(AuthWay::Header { name, prefix: auth.prefix.clone().unwrap_or_default() })
            }),
        "query" => notes
            .need("auth.name", auth.name.clone(), "the query parameter that carries the secret")
            .map(|name| AuthWay::Query { name }),
        "basic" => notes.need("auth.user", auth.user.clone(), "the user").map(|user| AuthWay::Basic { user }),
        "bearer" => Some(AuthWay::Header {
            name: HeaderName::from_static("authorization"),
            prefix: "Bearer ".to_owned(),
        }),
        _ => read_oauth(auth, notes).map(AuthWay::OAuth),
    };
    (way, secret)
}

fn read_oauth(auth: &config::Auth, notes: &mut Notes) -> Option<OAuth> {
    let url = notes
        .need("auth.token_url", auth.token_url.as_deref(), "where tokens are got")
        .and_then(|url| address("auth.token_url", url, notes));
    let client = notes.need("auth.client_id", auth.client_id.clone(), "the client's id");
    let basic = match auth.send.as_deref() {
        None | Some("body") => false,
        Some("basic") => true,
        Some(other) => {
            notes.fault("auth.send", not_known("way", other, ["body", "basic"]));
            false
        }
    };
    Some(OAuth { url: url?, client: client?, scope: auth.scope.clone(), basic })
}

fn read_limits(limits: &Limits, notes: &mut Notes) {
    if limits.in_flight == Some(0) {
        notes.fault("limits.in_flight", "it is 0: choose at least 1");
    }
    if limits.per_second.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
        notes.fault("limits.per_second", "choose a number above 0, or leave it out");
    }
    if limits.burst.is_some() && limits.per_second.is_none() {
        notes.fault("limits.burst", "a burst needs `per_second` beside it");
    }
    if limits.burst == Some(0) {
        notes.fault("limits.burst", "it is 0: choose at least 1");
    }
    if limits.reset_hour_utc.is_some_and(|hour| hour > 23) {
        notes.fault("limits.reset_hour_utc", "choose an hour from 0 to 23");
    }
    for (key, limit) in
        [("units_per_day", limits.units_per_day), ("requests_per_day", limits.requests_per_day)]
    {
        if limit == Some(0) {
            notes.fault(format!("limits.{key}"), "it is 0: choose at least 1, or leave it out");
        }
    }
}

fn check_examples(examples: &[Example], kinds: &[Kind], notes: &mut Notes) {
    for (number, example) in examples.iter().enumerate() {
        let key = format!("example[{number}]");
        let alone = example.call.is_empty() && kinds.len() == 1;
        if !alone && !kinds.iter().any(|kind| *kind.name == *example.call) {
            let known = kinds.iter().map(|kind| &*kind.name);
            notes.fault(join(&key, "call"), not_known("call", &example.call, known));
        }
    }
}

fn duration(key: &str, text: Option<&str>, default: Duration, notes: &mut Notes) -> Duration {
    let Some(text) = text else { return default };
    match crate::duration::parse(text).filter(|duration| !duration.is_zero()) {
        Some(duration) => duration,
        None => {
            notes.fault(key, format!("`{text}` is no duration: write for example `30s`, `5m` or `2h`"));
            default
        }
    }
}

fn header_name(key: &str, name: &str, notes: &mut Notes) -> Option<HeaderName> {
    let name =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no name of a header"));
    notes.take(key, name)
}

fn path(key: &str, text: &str, notes: &mut Notes) -> Option<Path> {
    notes.take(key, Path::parse(text))
}

fn template(key: &str, text: &str, notes: &mut Notes) -> Option<Template> {
    notes.take(key, Template::parse(text))
}

fn templates(key: &str, texts: &BTreeMap<String, String>, notes: &mut Notes) -> Vec<(String, Template)> {
    let read =
        |(name, text): (&String, &String)| Some((name.clone(), template(&join(key, name), text, notes)?));
    texts.iter().filter_map(read).collect()
}
