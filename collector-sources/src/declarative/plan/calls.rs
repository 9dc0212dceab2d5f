//! The calls of a file, and the kinds of task that each of them makes.

mod fields;
mod form;
mod job;
mod paging;
mod rules;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use collector_core::creator::aspect;
use collector_core::id::Name;
use collector_core::known::not_known;

use self::form::headers;
use self::rules::{RuleOfFile, rules};
use super::super::config::{Call, Cost, SourceFile};
use super::super::faults::Notes;
use super::super::path::{Path, Step};
use super::super::reader::{ItemReader, ReaderBuilder};
use super::super::request::Form;
use super::super::subject::Subject;
use super::super::template::{Hole, Template};
use super::{Kind, Price, Stage, duration, path};
use crate::http::HeaderName;

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

/// One call being understood.
struct Reading<'f> {
    name: &'f str,
    call: &'f Call,
    source: &'f SourceFile,
    timeout: Duration,
    keep_email: bool,
    rules: &'f [RuleOfFile],
    headers: &'f [(HeaderName, Template)],
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
        path.is_some_and(|path| path.steps().is_none_or(|steps| steps.contains(&Step::Each)))
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
}
