//! A job: submitted, polled, downloaded.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Kind, Polling, Price, Stage, duration, path, templates};
use super::Reading;
use crate::declarative::config::Job;
use crate::declarative::faults::Notes;
use crate::declarative::reader::ReaderBuilder;
use crate::declarative::request::Form;
use crate::declarative::template::Hole;

impl Reading<'_> {
    /// The three kinds of a job.
    pub(super) fn job(&self, job: &Job, answer: Kind, notes: &mut Notes) -> Option<Vec<Kind>> {
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
