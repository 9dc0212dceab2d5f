//! The calls of a file, and the kinds of task that each of them makes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use collector_core::creator::aspect;
use collector_core::id::Name;

use super::super::config::{Call, Cost, ErrorRule, Job, Paging, SourceFile};
use super::super::error::{Meaning, Rule};
use super::super::faults::{Notes, join, not_known};
use super::super::pager::{Pager, Way};
use super::super::path::Path;
use super::super::reader::{Field, ItemReader, ReaderBuilder};
use super::super::request::{Form, Tree};
use super::super::subject::Subject;
use super::super::template::{Hole, Template};
use super::super::walk::Scalar;
use super::{Kind, Polling, Price, Stage, duration, header_name, path, template, templates};
use crate::values::{Filter, Target};

const ASPECTS: [&str; 7] = [
    aspect::PROFILE,
    aspect::LIST_ROW,
    aspect::POST_AUTHOR,
    aspect::COUNTED_AUTHOR,
    aspect::OWN_POSTS,
    aspect::COMMENT_WRITER,
    aspect::LIVE_HOST,
];

/// The most subjects of a batch.
const MOST_SUBJECTS: usize = 1_000;

/// All kinds of task, in the order of their calls' names.
pub(super) fn understand(
    source: &SourceFile,
    timeout: Duration,
    keep_email: bool,
    notes: &mut Notes,
) -> Vec<Kind> {
    let rules = rules(&source.errors, notes);
    let headers = headers("headers", &source.headers, notes);
    let kinds: Vec<Kind> = source
        .calls
        .iter()
        .flat_map(|(name, call)| {
            let reading =
                Reading { name, call, source, timeout, keep_email, rules: &rules, headers: &headers };
            reading.kinds(notes)
        })
        .collect();
    for (number, kind) in kinds.iter().enumerate() {
        if kinds.iter().take(number).any(|other| other.name == kind.name) {
            let message = format!("`{}` is a kind of another call, too: choose another name", kind.name);
            notes.fault(format!("calls.{}", kind.call), message);
        }
    }
    kinds
}

/// A rule, before the places of its values are known.
struct RuleOfFile {
    status: Option<u16>,
    path: Option<Path>,
    equals: Option<Scalar<'static>>,
    meaning: Meaning,
    message: Option<Path>,
    wait: Option<Path>,
}

fn rules(errors: &[ErrorRule], notes: &mut Notes) -> Vec<RuleOfFile> {
    let read = |(number, rule): (usize, &ErrorRule)| {
        let key = format!("errors[{number}]");
        if rule.status.is_none() && rule.path.is_none() {
            notes.fault(
                &*key,
                "missing: `status`, `path` or both: without them every answer would be a failure",
            );
        }
        if rule.equals.is_some() && rule.path.is_none() {
            notes.fault(join(&key, "equals"), "missing: the `path` at which it stands");
        }
        let equals = rule.equals.as_ref().and_then(|value| {
            let scalar = match value {
                toml::Value::String(text) => Some(Scalar::Text(Cow::Owned(text.clone()))),
                toml::Value::Integer(number) => {
                    Some(u64::try_from(*number).map_or(Scalar::Signed(*number), Scalar::Unsigned))
                }
                toml::Value::Boolean(flag) => Some(Scalar::Flag(*flag)),
                _ => None,
            };
            if scalar.is_none() {
                notes.fault(join(&key, "equals"), "expected a text, a whole number, `true` or `false`");
            }
            scalar
        });
        let meaning = if rule.kind.is_empty() {
            notes.fault(
                join(&key, "kind"),
                "missing: what it means, such as `quota_exhausted` or `not_found`",
            );
            None
        } else {
            notes.take(&join(&key, "kind"), Meaning::parse(&rule.kind))
        };
        let mut read = |name: &str, text: &Option<String>| {
            text.as_deref().and_then(|text| path(&join(&key, name), text, notes))
        };
        let (path, message, wait) =
            (read("path", &rule.path), read("message", &rule.message), read("wait", &rule.wait));
        Some(RuleOfFile { status: rule.status, path, equals, meaning: meaning?, message, wait })
    };
    errors.iter().enumerate().filter_map(read).collect()
}

fn headers(
    key: &str,
    headers: &BTreeMap<String, String>,
    notes: &mut Notes,
) -> Vec<(crate::http::HeaderName, Template)> {
    let read = |(name, text): (&String, &String)| {
        let key = join(key, name);
        if name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("cookie") {
            notes.fault(&*key, "credentials belong to `auth`, and never stand in this file");
            return None;
        }
        Some((header_name(&key, name, notes)?, template(&key, text, notes)?))
    };
    headers.iter().filter_map(read).collect()
}

/// One call being understood.
struct Reading<'f> {
    name: &'f str,
    call: &'f Call,
    source: &'f SourceFile,
    timeout: Duration,
    keep_email: bool,
    rules: &'f [RuleOfFile],
    headers: &'f [(crate::http::HeaderName, Template)],
}

impl Reading<'_> {
    fn key(&self, inside: &str) -> String {
        format!("calls.{}.{inside}", self.name)
    }

    fn kinds(&self, notes: &mut Notes) -> Vec<Kind> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.bytes().all(plain) {
            notes.fault(
                format!("calls.{}", self.name),
                "a name of 1 to 40 lower-case letters, digits and `_`",
            );
        }
        let kinds = self.try_kinds(notes);
        kinds.unwrap_or_default()
    }

    fn try_kinds(&self, notes: &mut Notes) -> Option<Vec<Kind>> {
        let call = self.call;
        let subject =
            call.subject.as_deref().and_then(|name| notes.take(&self.key("subject"), Subject::parse(name)));
        let form = self.form(notes);
        let items = call.items.as_deref().map(|text| path(&self.key("items"), text, notes));
        let fields = self.fields(notes);
        let aspect = self.aspect(notes);
        self.batch(&form, notes);
        let matched = call.batch.as_ref().and_then(|batch| {
            let key = self.key("batch.match");
            let text = Some(&*batch.r#match).filter(|text| !text.is_empty());
            notes
                .need(&key, text, "the path in an item to the subject it answers")
                .and_then(|text| path(&key, text, notes))
        });
        let price = self.price(&call.cost, notes);
        let timeout = duration(&self.key("timeout"), call.timeout.as_deref(), self.timeout, notes);
        let then = self.then(notes);
        self.check_holes(subject.as_ref(), &form, notes);
        let root = || Path::parse("$").ok();
        let items = match items {
            Some(items) => items,
            None => root(),
        };
        let item = ItemReader::new(Cow::Owned(aspect.clone()), fields, matched, self.keep_email);
        let mut builder = ReaderBuilder::default();
        let rules = self.place_rules(&mut builder);
        let paging = self.paging(&mut builder, notes);
        let answer = Kind {
            name: self.name.into(),
            call: self.name.into(),
            stage: Stage::Plain,
            subject,
            form,
            reader: Arc::new(builder.build(Some((items?, item)))),
            rules,
            paging,
            batch: call.batch.as_ref().map(|batch| batch.size),
            then,
            aspect,
            may_lack_items: call.may_lack_items,
            price,
            timeout,
        };
        match &call.job {
            None => Some(vec![answer]),
            Some(job) => self.job(job, answer, notes),
        }
    }

    fn form(&self, notes: &mut Notes) -> Form {
        let call = self.call;
        let mut headers_of = self.headers.to_vec();
        headers_of.extend(headers(&self.key("headers"), &call.headers, notes));
        let body =
            call.body.as_ref().map(|body| tree(&self.key("body"), &toml::Value::Table(body.clone()), notes));
        let has_body = body.is_some() || !call.form.is_empty();
        let post = match call.method.as_deref() {
            None => has_body,
            Some("GET") => false,
            Some("POST") => true,
            Some(other) => {
                notes.fault(self.key("method"), not_known("method", other, ["GET", "POST"]));
                false
            }
        };
        if !post && has_body {
            notes.fault(
                self.key("method"),
                "a `GET` has no body: write `POST`, or take `body` and `form` out",
            );
        }
        if body.is_some() && !call.form.is_empty() {
            notes.fault(self.key("form"), "`body` and `form` exclude each other");
        }
        Form {
            post,
            path: self.path("path", &call.path, notes),
            query: templates(&self.key("query"), &call.query, notes),
            headers: headers_of,
            body,
            form: templates(&self.key("form"), &call.form, notes),
            separator: call
                .batch
                .as_ref()
                .and_then(|batch| batch.separator.clone())
                .unwrap_or_else(|| ",".to_owned()),
        }
    }

    /// The segments of a path.
    fn path(&self, key: &str, text: &str, notes: &mut Notes) -> Vec<Template> {
        let key = self.key(key);
        if text.is_empty() {
            notes.fault(&*key, "missing: the path that is appended to `base_url`, such as `/search`");
        }
        if text.contains(['?', '#']) || text.contains("://") {
            notes.fault(
                &*key,
                format!("`{text}` is more than a path: parameters belong to `query`, the host to `base_url`"),
            );
        }
        let segments = text.strip_prefix('/').unwrap_or(text).split('/');
        segments.filter_map(|segment| template(&key, segment, notes)).collect()
    }

    fn fields(&self, notes: &mut Notes) -> Vec<Field> {
        let call = self.call;
        if call.fields.is_empty() {
            notes.fault(
                self.key("fields"),
                "missing: where the fields of a creator stand, such as handle = \"$.username\"",
            );
        }
        let extra = call.extra.iter().map(|(name, text)| ("extra", format!("extra.{name}"), name, text));
        let fields = call.fields.iter().map(|(name, text)| ("fields", name.clone(), name, text));
        let all: Vec<Field> = fields
            .chain(extra)
            .filter_map(|(table, target, name, text)| {
                let key = self.key(&join(table, name));
                let place = Target::from_name(&target)
                    .filter(|target| (table == "extra") == matches!(target, Target::Extra(_)));
                if place.is_none() {
                    let message = if table == "extra" {
                        format!("`{name}` is no name: use letters, digits and `_`")
                    } else {
                        not_known("field", name, Target::names())
                    };
                    notes.fault(&*key, message);
                }
                let (path, filters) = piped(&key, text, notes)?;
                let required = call.required.contains(&target);
                Some(Field { target: place?, filters, path, key: join(table, name), required })
            })
            .collect();
        for (number, name) in call.required.iter().enumerate() {
            if !all.iter().any(|field| field.target.to_string() == *name) {
                let known: Vec<String> = all.iter().map(|field| field.target.to_string()).collect();
                let message = not_known("field", name, known.iter().map(String::as_str));
                notes.fault(self.key(&format!("required[{number}]")), message);
            }
        }
        all
    }

    fn aspect(&self, notes: &mut Notes) -> String {
        let default = if self.is_list() { aspect::LIST_ROW } else { aspect::PROFILE };
        let aspect = self.call.aspect.as_deref().unwrap_or(default);
        if !ASPECTS.contains(&aspect) {
            notes.fault(self.key("aspect"), not_known("aspect", aspect, ASPECTS));
        }
        aspect.to_owned()
    }

    /// Whether the answer is a list that may go on.
    fn is_list(&self) -> bool {
        let person = matches!(self.call.subject.as_deref(), Some("handle" | "uid" | "sec_uid"));
        let many = self.call.items.as_deref().is_some_and(|items| items != "$");
        self.call.batch.is_none()
            && (self.call.paging.is_some() || (many && !person) || (many && self.selects_many()))
    }

    /// Whether the path to items can lead to several.
    fn selects_many(&self) -> bool {
        let path = self.call.items.as_deref().and_then(|text| Path::parse(text).ok());
        path.is_some_and(|path| {
            path.steps().is_none_or(|steps| steps.contains(&super::super::path::Step::Each))
        })
    }

    fn batch(&self, form: &Form, notes: &mut Notes) {
        let Some(batch) = &self.call.batch else { return };
        if !(1..=MOST_SUBJECTS).contains(&batch.size) {
            notes.fault(self.key("batch.size"), format!("it is {}: choose 1 to {MOST_SUBJECTS}", batch.size));
        }
        if !form.has(Hole::Subjects) {
            notes.fault(self.key("batch"), "missing: `{subjects}` in `path`, `query`, `form` or `body`");
        }
        if self.call.paging.is_some() {
            notes.fault(self.key("paging"), "a batch has no pages: whoever does not come back is not found");
        }
        if self.call.job.is_some() {
            notes.fault(self.key("job"), "a job has one subject: take `batch` out");
        }
    }

    fn price(&self, cost: &Cost, notes: &mut Notes) -> Price {
        let item = cost.item.unwrap_or(0);
        let batch = self.call.batch.as_ref().map(|batch| batch.size as u64);
        let most_items = cost.most_items.or(batch);
        if item > 0 && most_items.is_none() {
            let what_for = "the most items of an answer: so much is reserved before the call";
            notes.fault(self.key("cost.most_items"), format!("missing: {what_for}"));
        }
        let call = cost.call.unwrap_or(u64::from(item == 0));
        Price { call, item, most_items: most_items.unwrap_or(0) }
    }

    fn then(&self, notes: &mut Notes) -> Option<Name> {
        let then = self.call.then.as_deref()?;
        let person = |call: &Call| matches!(call.subject.as_deref(), Some("handle" | "uid" | "sec_uid"));
        match self.source.calls.get(then) {
            Some(call) if person(call) => Some(then.into()),
            Some(_) => {
                let message = format!(
                    "`{then}` asks about nobody: its `subject` has to be `handle`, `uid` or `sec_uid`"
                );
                notes.fault(self.key("then"), message);
                None
            }
            None => {
                let known = self.source.calls.keys().map(String::as_str);
                notes.fault(self.key("then"), not_known("call", then, known));
                None
            }
        }
    }

    /// What is asked for has to be in the request.
    fn check_holes(&self, subject: Option<&Subject>, form: &Form, notes: &mut Notes) {
        let asks = form.has(Hole::Subject) || form.has(Hole::Subjects);
        match subject {
            Some(Subject::Extra(_)) => {}
            Some(_) if !asks => {
                let message = "missing: `{subject}` in `path`, `query`, `form` or `body`: every subject would get the same answer";
                notes.fault(format!("calls.{}", self.name), message);
            }
            None if asks && self.call.subject.is_none() => {
                notes.fault(
                    self.key("subject"),
                    "missing: what `{subject}` stands for, such as `handle` or `hashtag`",
                );
            }
            _ => {}
        }
        if form.has(Hole::Job) {
            notes.fault(
                format!("calls.{}", self.name),
                "`{job}` is only known to `job.poll` and `job.download`",
            );
        }
    }

    /// Adds the paths of the rules to a reader.
    fn place_rules(&self, builder: &mut ReaderBuilder) -> Vec<Rule> {
        let mut add = |path: &Option<Path>| path.as_ref().map(|path| builder.add(path));
        let place = |rule: &RuleOfFile| Rule {
            status: rule.status,
            value: add(&rule.path),
            equals: rule.equals.clone(),
            meaning: rule.meaning,
            message: add(&rule.message),
            wait: add(&rule.wait),
        };
        self.rules.iter().map(place).collect()
    }

    fn paging(&self, builder: &mut ReaderBuilder, notes: &mut Notes) -> Option<Pager> {
        let Some(paging) = &self.call.paging else {
            if self.is_list() {
                let message =
                    "missing: how the list goes on; write paging = { type = \"single\" } if it has one page";
                notes.fault(self.key("paging"), message);
            }
            return None;
        };
        let takes: &[&str] = match paging.r#type.as_str() {
            "single" => &[],
            "page" => &["param", "in", "first", "size", "size_param", "more", "total", "pages"],
            "offset" => &["param", "in", "first", "size", "size_param", "more", "total"],
            "cursor" => &["param", "in", "size", "size_param", "cursor", "more"],
            "link" => &["rel", "size", "size_param", "more"],
            "next_url" => &["url", "size", "size_param", "more"],
            other => {
                let known = ["page", "offset", "cursor", "link", "next_url", "single"];
                let message = if other.is_empty() {
                    format!("missing: one of {}", known.join(", "))
                } else {
                    not_known("type", other, known)
                };
                notes.fault(self.key("paging.type"), message);
                return None;
            }
        };
        self.check_paging(paging, takes, notes);
        let mut read = |key: &str, text: &Option<String>| {
            text.as_deref().and_then(|text| path(&self.key(&format!("paging.{key}")), text, notes))
        };
        let cursor =
            read("cursor", &paging.cursor).or(read("url", &paging.url)).map(|path| builder.add(&path));
        let more = read("more", &paging.more).map(|path| builder.add(&path));
        let total = read("total", &paging.total).map(|path| builder.add(&path));
        let pages = read("pages", &paging.pages).map(|path| builder.add(&path));
        let way = match paging.r#type.as_str() {
            "page" => Way::Page { first: paging.first.unwrap_or(1) },
            "offset" => Way::Offset { first: paging.first.unwrap_or(0), size: paging.size.unwrap_or(1) },
            "cursor" => Way::Cursor,
            "link" => Way::Link { rel: paging.rel.clone().unwrap_or_else(|| "next".to_owned()) },
            "next_url" => Way::NextUrl,
            _ => Way::Single,
        };
        let names = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let in_body = paging.r#in.as_deref() == Some("body");
        let size = paging.size_param.as_deref().zip(paging.size).map(|(name, size)| (names(name), size));
        Some(Pager {
            param: names(paging.param.as_deref().unwrap_or(&paging.r#type)),
            way,
            in_body,
            size,
            page_size: paging.size,
            cursor,
            more,
            total,
            pages,
        })
    }

    fn check_paging(&self, paging: &Paging, takes: &[&str], notes: &mut Notes) {
        let given = [
            ("param", paging.param.is_some()),
            ("in", paging.r#in.is_some()),
            ("first", paging.first.is_some()),
            ("size", paging.size.is_some()),
            ("size_param", paging.size_param.is_some()),
            ("cursor", paging.cursor.is_some()),
            ("url", paging.url.is_some()),
            ("rel", paging.rel.is_some()),
            ("more", paging.more.is_some()),
            ("total", paging.total.is_some()),
            ("pages", paging.pages.is_some()),
        ];
        for (key, _) in given.iter().filter(|(key, is)| *is && !takes.contains(key)) {
            let message = format!("`{}` does not take it; it takes {}", paging.r#type, takes.join(", "));
            notes.fault(self.key(&format!("paging.{key}")), message);
        }
        let mut missing = |key: &str, what: &str| {
            notes.fault(self.key(&format!("paging.{key}")), format!("missing: {what}"))
        };
        match paging.r#type.as_str() {
            "cursor" if paging.cursor.is_none() => missing("cursor", "the path to the cursor in the answer"),
            "next_url" if paging.url.is_none() => {
                missing("url", "the path to the next address in the answer")
            }
            "offset" if paging.size.is_none() => missing("size", "how many rows a page has"),
            "page" if paging.total.is_some() && paging.size.is_none() => {
                missing("size", "how many rows a page has, which `total` is divided by");
            }
            _ => {}
        }
        if paging.size == Some(0) {
            notes.fault(self.key("paging.size"), "it is 0: choose at least 1");
        }
        if paging.size_param.is_some() && paging.size.is_none() {
            notes.fault(self.key("paging.size_param"), "missing: the `size` that it carries");
        }
        match paging.r#in.as_deref() {
            None | Some("query") => {}
            Some("body") if self.call.body.is_none() && self.call.form.is_empty() => {
                notes.fault(
                    self.key("paging.in"),
                    "the call has no `body` and no `form`; write body = {} for an empty one",
                );
            }
            Some("body") => {}
            Some(other) => notes.fault(self.key("paging.in"), not_known("place", other, ["query", "body"])),
        }
    }

    /// The three kinds of a job.
    fn job(&self, job: &Job, answer: Kind, notes: &mut Notes) -> Option<Vec<Kind>> {
        let need = |key: &str, text: &str, what_for: &str, notes: &mut Notes| {
            let text = notes.need(&self.key(key), Some(text).filter(|text| !text.is_empty()), what_for)?;
            path(&self.key(key), text, notes)
        };
        let id = need("job.id", &job.id, "the path to the job's id", notes);
        let status = need("job.poll.status", &job.poll.status, "the path to the job's state", notes);
        let url =
            job.download.url.as_deref().and_then(|text| path(&self.key("job.download.url"), text, notes));
        if job.poll.ready.is_empty() {
            notes.fault(
                self.key("job.poll.ready"),
                "missing: the states in which the result is there, such as [\"done\"]",
            );
        }
        if job.download.url.is_some() == job.download.path.is_some() {
            notes.fault(self.key("job.download"), "it needs `path` or `url`, one of them");
        }
        let every =
            duration(&self.key("job.poll.every"), job.poll.every.as_deref(), Duration::from_secs(30), notes);
        let give_up = job.poll.give_up_after.as_deref();
        let give_up_after =
            duration(&self.key("job.poll.give_up_after"), give_up, Duration::from_secs(86_400), notes);
        let poll_form = Form {
            path: self.path("job.poll.path", &job.poll.path, notes),
            query: templates(&self.key("job.poll.query"), &job.poll.query, notes),
            headers: self.headers.to_vec(),
            ..Form::default()
        };
        if !poll_form.has(Hole::Job) {
            notes.fault(self.key("job.poll"), "missing: `{job}` in `path` or `query`");
        }
        let download_form = Form {
            path: job
                .download
                .path
                .as_deref()
                .map(|text| self.path("job.download.path", text, notes))
                .unwrap_or_default(),
            query: templates(&self.key("job.download.query"), &job.download.query, notes),
            headers: self.headers.to_vec(),
            ..Form::default()
        };
        let (poll, download) = (format!("{}_poll", self.name), format!("{}_download", self.name));
        let mut builder = ReaderBuilder::default();
        let rules = self.place_rules(&mut builder);
        let stage = Stage::Submit { id: builder.add(&id?), poll: poll.as_str().into(), every };
        let submit = Kind {
            stage,
            reader: Arc::new(builder.build(None)),
            rules,
            paging: None,
            then: None,
            ..answer.clone()
        };
        let mut builder = ReaderBuilder::default();
        let rules = self.place_rules(&mut builder);
        let polling = Polling {
            status: builder.add(&status?),
            ready: job.poll.ready.clone(),
            failed: job.poll.failed.clone(),
            every,
            give_up_after,
            download: download.as_str().into(),
            url: url.map(|url| builder.add(&url)),
        };
        let free = |units: Option<u64>| Price { call: units.unwrap_or(0), item: 0, most_items: 0 };
        let poll = Kind {
            name: poll.into(),
            stage: Stage::Poll(polling),
            form: poll_form,
            reader: Arc::new(builder.build(None)),
            rules,
            price: free(job.poll.cost),
            ..submit.clone()
        };
        let download = Kind {
            name: download.into(),
            stage: Stage::Download { hosts: job.download.hosts.clone(), at_url: job.download.url.is_some() },
            form: download_form,
            price: free(job.download.cost),
            ..answer
        };
        Some(vec![submit, poll, download])
    }
}

/// A path and the filters behind it.
fn piped(key: &str, text: &str, notes: &mut Notes) -> Option<(Path, Vec<Filter>)> {
    let mut parts = split(text).into_iter();
    let path = path(key, parts.next().unwrap_or_default(), notes);
    let filters: Vec<Filter> = parts
        .filter_map(|name| {
            let filter = Filter::from_name(name.trim());
            if filter.is_none() {
                notes.fault(
                    key,
                    not_known("filter", name.trim(), Filter::ALL.iter().map(|filter| filter.name())),
                );
            }
            filter
        })
        .collect();
    Some((path?, filters))
}

/// Splits at `|`, but not within quotes or brackets, where it belongs to the path.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth = depth.saturating_sub(1),
            (None, '|') if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

fn tree(key: &str, value: &toml::Value, notes: &mut Notes) -> Tree {
    match value {
        toml::Value::String(text) => match template(key, text, notes) {
            Some(text) => Tree::Text(text),
            None => Tree::Other(serde_json::Value::Null),
        },
        toml::Value::Array(list) => {
            let element = |(number, value)| tree(&format!("{key}[{number}]"), value, notes);
            Tree::List(list.iter().enumerate().map(element).collect())
        }
        toml::Value::Table(table) => {
            let member =
                |(name, value): (&String, &toml::Value)| (name.clone(), tree(&join(key, name), value, notes));
            Tree::Object(table.iter().map(member).collect())
        }
        toml::Value::Integer(number) => Tree::Other((*number).into()),
        toml::Value::Float(number) => Tree::Other((*number).into()),
        toml::Value::Boolean(flag) => Tree::Other((*flag).into()),
        toml::Value::Datetime(time) => Tree::Other(time.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_inside_of_a_path_is_none_before_a_filter() {
        assert_eq!(
            split("$.a[?@.b == 1 || @.c == ']|'].d | int | zero_is_unknown"),
            ["$.a[?@.b == 1 || @.c == ']|'].d ", " int ", " zero_is_unknown"]
        );
        assert_eq!(split("$.a"), ["$.a"]);
    }
}
