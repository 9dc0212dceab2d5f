//! Joins file, requests and parsing into a [`Source`].

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use collector_core::admission::Limits;
use collector_core::context::Context;
use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::fingerprint::Volatile;
use collector_core::id::{Ids, Name};
use collector_core::known::not_known;
use collector_core::pipeline::SourceOptions;
use collector_core::source::{CallSpec, Role, Source};
use collector_core::store::Budget;
use collector_core::task::{Page, Payload, Query, Task};

use super::auth::Auth;
use super::faults::Faults;
use super::pager::param;
use super::parse::{Parser, charged, kind_of, lost_submission};
use super::plan::{Kind, Plan, Stage};
use super::request::unusable;
use super::{seed, unmatched};
use crate::http::{Address, Http, HttpOptions, Request, Secret, Shown};

/// What a source file does not say.
#[derive(Clone, Default)]
pub struct DeclarativeConfig {
    /// The instance's name.
    pub name: String,
    /// The file's name, for messages.
    pub file: String,
    /// The file's text.
    pub text: String,
    /// The secrets it names.
    pub secrets: BTreeMap<String, Secret>,
    /// Another address instead of the file's: for tests and proxies.
    pub base_url: Option<Address>,
    /// Keep e-mail addresses. When off, only the fact that there is one is kept. Default off.
    pub keep_email: bool,
    /// PEM text of certificate authorities to trust besides the machine's own.
    pub extra_ca: Option<String>,
}

/// Not the file's text, which is long, and in which somebody may have written a secret nevertheless.
impl fmt::Debug for DeclarativeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, file, text, secrets, base_url, keep_email, extra_ca } = self;
        f.debug_struct("DeclarativeConfig")
            .field("name", name)
            .field("file", file)
            .field("text", &format_args!("{} bytes", text.len()))
            .field("secrets", secrets)
            .field("base_url", base_url)
            .field("keep_email", keep_email)
            .field("extra_ca", extra_ca)
            .finish()
    }
}

/// A source that a file describes. See the [module](super).
pub struct Declarative {
    name: Name,
    pub(super) plan: Plan,
    pub(super) parser: Parser,
    auth: Auth,
    http: Http,
}

/// Not what was made of the file: its headers and examples stand there.
impl fmt::Debug for Declarative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<&Name> = self.plan.kinds.iter().map(|kind| &kind.name).collect();
        f.debug_struct("Declarative")
            .field("name", &self.name)
            .field("base_url", &Shown(&self.plan.base))
            .field("kinds", &kinds)
            .finish_non_exhaustive()
    }
}

impl Declarative {
    /// The source that the file describes. Sends nothing yet.
    ///
    /// # Errors
    /// `ConfigInvalid` naming every fault of the file, and every secret that is missing or that nobody asks for.
    pub fn new(config: DeclarativeConfig) -> Result<Self> {
        let invalid = |message: String| Error::new(ErrorKind::ConfigInvalid, message);
        let mut plan = read(&config).map_err(|faults| invalid(faults.to_string()))?;
        if let Some(base) = &config.base_url {
            let base = base.base("write for example `https://api.example.com/v2`");
            plan.base = base.map_err(invalid)?;
        }
        let secret = secret(&plan, &config)?;
        let http = Http::new(&HttpOptions {
            timeout: plan.timeout,
            idle_timeout: plan.kinds.iter().map(|kind| kind.timeout).max().unwrap_or(plan.timeout),
            max_body: plan.max_body,
            extra_ca: config.extra_ca.map(String::into_bytes),
            keep_headers: plan.kept_headers(),
            ..HttpOptions::default()
        })?;
        let auth = Auth::new(plan.auth.clone(), secret.clone());
        let volatile: Vec<&str> = plan.volatile.iter().map(String::as_str).collect();
        let parser = Parser {
            volatile: Volatile::new(&volatile),
            secrets: forms(&secret),
            parameter: auth.parameter().map(str::to_owned),
        };
        Ok(Self { name: config.name.into(), plan, parser, auth, http })
    }

    /// The same with a made-up secret, for those who only try the file's own answers.
    ///
    /// # Errors
    /// `ConfigInvalid` naming every fault of the file.
    pub fn unsigned(mut config: DeclarativeConfig) -> Result<Self> {
        let plan =
            read(&config).map_err(|faults| Error::new(ErrorKind::ConfigInvalid, faults.to_string()))?;
        config.secrets = plan.secret.into_iter().map(|name| (name, Secret::from("made-up-secret"))).collect();
        Self::new(config)
    }

    /// What the file says of the vendor's limits, for an account of this name.
    pub fn options(&self) -> SourceOptions {
        let limits = &self.plan.limits;
        let budget = (limits.units_per_day.is_some() || limits.requests_per_day.is_some()).then(|| Budget {
            account: Name::clone(&self.name),
            units: limits.units_per_day,
            requests: limits.requests_per_day,
            window: Duration::from_secs(86_400),
            offset: Duration::from_secs(u64::from(limits.reset_hour_utc.unwrap_or(0)) * 3_600),
        });
        SourceOptions {
            limits: Limits {
                in_flight: self.plan.in_flight(),
                per_second: limits.per_second,
                burst: limits.burst,
            },
            budget,
            ..SourceOptions::default()
        }
    }

    /// The paths of the file that lead nowhere in an answer.
    pub fn unmatched(&self, tasks: &[Task], payload: &Payload) -> Vec<super::Unmatched> {
        match kind_of(&self.plan, tasks) {
            Ok(kind) => unmatched::unmatched(kind, payload, &self.parser.secrets),
            Err(_) => Vec::new(),
        }
    }

    /// The request for these tasks, and whether it gets the credential.
    fn request(&self, kind: &Kind, tasks: &[Task]) -> Result<(Request, bool)> {
        let (Stage::Download { hosts, at_url: true }, Some(task)) = (&kind.stage, tasks.first()) else {
            return Ok((kind.form.request(&self.plan.base, tasks, kind.paging.as_ref())?, true));
        };
        if task.get(param::NEXT).is_some() {
            return Ok((kind.form.request(&self.plan.base, tasks, kind.paging.as_ref())?, true));
        }
        let url = task.get(param::URL).ok_or_else(|| unusable("it has no address"))?;
        let url = self.plan.base.join(url).map_err(|_| unusable("its address is none"))?;
        let own = url.origin() == self.plan.base.origin();
        let allowed = url.scheme() == "https"
            && url.host_str().is_some_and(|host| hosts.iter().any(|known| known == host));
        if !own && !allowed {
            let message = "the job's result is at a host that the source's file does not allow: add it to `download.hosts`";
            let host = url.host_str().unwrap_or("none").to_owned();
            return Err(Error::new(ErrorKind::Rejected, message).with("host", host));
        }
        Ok((Request::get(url), own))
    }

    /// The task that `check` asks for.
    fn probe(&self) -> Option<Task> {
        let (kind, subject) = self.plan.check.as_ref()?;
        Some(seed::task(&self.plan, &self.name, self.plan.kind(kind)?, subject))
    }
}

/// The plan of a file, with what the configuration says.
pub(super) fn read(config: &DeclarativeConfig) -> Result<Plan, Faults> {
    Plan::read(&config.file, &config.text, config.keep_email)
}

/// The secret that the file names.
fn secret(plan: &Plan, config: &DeclarativeConfig) -> Result<Secret> {
    let invalid = |message: String| Error::new(ErrorKind::ConfigInvalid, message).with("file", &config.file);
    let wanted = plan.secret.as_deref();
    if let Some(name) = config.secrets.keys().find(|name| Some(name.as_str()) != wanted) {
        let message = match wanted {
            Some(wanted) => not_known("secret", name, [wanted]),
            None => format!("the secret `{name}` is given, and the file has no `auth` that names it"),
        };
        return Err(invalid(message));
    }
    let Some(wanted) = wanted else { return Ok(Secret::default()) };
    let given = config.secrets.get(wanted).filter(|secret| !secret.is_empty()).cloned();
    given.ok_or_else(|| {
        invalid(format!(
            "the file names the secret `{wanted}`: give it in the source's table, as secrets = {{ {wanted} = {{ env = \"NAME\" }} }}"
        ))
    })
}

/// A secret in the spellings in which it may come back.
fn forms(secret: &Secret) -> Vec<Secret> {
    if secret.is_empty() {
        return Vec::new();
    }
    let encoded: String = url::form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
    let mut forms = vec![secret.clone()];
    if encoded != secret.expose() {
        forms.push(encoded.into());
    }
    forms
}

#[async_trait]
impl Source for Declarative {
    type Item = CreatorSighting;

    fn name(&self) -> &str {
        &self.name
    }

    fn kinds(&self) -> Vec<Name> {
        self.plan.kinds.iter().map(|kind| Name::clone(&kind.name)).collect()
    }

    fn call(&self, kind: &str) -> CallSpec {
        self.plan.kind(kind).map_or_else(|| CallSpec::new(Role::Hydration), Kind::spec)
    }

    fn seed(&self, query: &Query) -> Result<Vec<Task>> {
        seed::roots(&self.plan, &self.name, query)
    }

    fn lookup(&self, ids: &Ids) -> Option<Task> {
        seed::lookup(&self.plan, &self.name, ids)
    }

    async fn check(&self, cx: &Context) -> Result<()> {
        let Some(task) = self.probe() else {
            // Without a call to ask, a token can still be got.
            return self.auth.try_token(&self.http, cx).await;
        };
        let tasks = [task];
        let payload = self.fetch(cx, &tasks).await?;
        self.parse(&tasks, &payload)?;
        unmatched::refused(&self.unmatched(&tasks, &payload))
    }

    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload> {
        let kind = kind_of(&self.plan, tasks)?;
        let (request, own) = self.request(kind, tasks)?;
        let request = request.timeout(kind.timeout);
        let (request, token) =
            if own { self.auth.sign(&self.http, cx, request).await? } else { (request, None) };
        let submits = matches!(kind.stage, Stage::Submit { .. });
        let answered = self.http.exchange(cx, request).await;
        let mut payload = answered.map_err(|error| {
            if submits && error.is_maybe_charged() { lost_submission(error) } else { error }
        })?;
        for (_, value) in &mut payload.headers {
            *value =
                self.parser.secrets.iter().fold(std::mem::take(value), |value, secret| secret.scrub(&value));
        }
        if let Some(token) = token {
            self.auth.judged(payload.status, &token).await?;
        }
        payload.cost = charged(&self.plan, &payload);
        Ok(payload)
    }

    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<CreatorSighting>> {
        self.parser.read(&self.plan, tasks, payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "base_url = \"https://api.example/v2\"\nheaders = { x-key = \"hunter2\" }\n[calls.person]\nsubject = \"handle\"\n\
                        path = \"/people/{subject}\"\nfields = { handle = \"$.name\" }\n";

    #[test]
    fn debug_shows_neither_what_stands_in_the_file_nor_a_secret() {
        let config = DeclarativeConfig {
            name: "api".into(),
            file: "api.toml".into(),
            text: FILE.into(),
            secrets: [("key".to_owned(), "hunter3".into())].into(),
            base_url: Some("https://me:hunter4@api.example".into()),
            ..DeclarativeConfig::default()
        };
        let shown = format!("{config:?}");
        for part in ["\"api\"", "\"api.toml\"", &format!("{} bytes", FILE.len()), "\"key\": [redacted]"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("hunter") && !shown.contains("people"), "{shown}");
        let source =
            Declarative::new(DeclarativeConfig { base_url: None, secrets: BTreeMap::new(), ..config });
        let shown = format!("{:?}", source.unwrap());
        assert!(shown.contains("\"https://api.example/v2\"") && shown.contains("\"person\""), "{shown}");
        assert!(!shown.contains("hunter"), "{shown}");
    }
}
