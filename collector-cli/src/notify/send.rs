//! Sends messages: each receiver has a queue of its own, so that one that hangs holds up nobody.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use collector_core::alert::Message;
use collector_core::context::Context;
use collector_core::error::{ErrorChain, ErrorKind};
use collector_sources::http::{Http, Request, status_error};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::named;
use crate::config::{Address, NotifyOptions};

/// Messages that wait for a receiver at most; of more the oldest are dropped, and the next one says how many.
const MOST: usize = 100;

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(10);

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long a message is tried again; who does not answer for so long is told what comes next.
const PATIENCE: Duration = Duration::from_secs(6 * 3_600);

/// How long the last messages may take when the process ends; what is not sent by then is kept and sent by the next one.
const LAST_MOMENT: Duration = Duration::from_secs(3);

/// How a receiver wants messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The message as JSON, with the text that people read beside it.
    Json,
    /// `{"text": …}`.
    Slack,
}

/// A message and the note that remembers it.
#[derive(Debug, Clone, PartialEq)]
struct Waiting {
    note: String,
    message: Message,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    dropped: u64,
}

struct Receiver {
    name: &'static str,
    form: Form,
    address: Address,
    http: Http,
    queue: Mutex<Queue>,
    /// Something is waiting, or the end has come.
    wake: Notify,
    /// Something was sent, for whoever keeps what was not.
    sent: Arc<Notify>,
}

impl Receiver {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, waiting: Waiting) {
        {
            let mut queue = self.queue();
            if queue.waiting.len() >= MOST {
                queue.waiting.pop_front();
                queue.dropped += 1;
            }
            queue.waiting.push_back(waiting);
        }
        self.wake.notify_one();
    }

    /// Sends what comes, one after the other, for ever.
    async fn work(self: Arc<Self>) {
        loop {
            let next = self.queue().waiting.front().cloned();
            let Some(next) = next else {
                self.wake.notified().await;
                continue;
            };
            let dropped = self.queue().dropped;
            self.deliver(&next.message, dropped).await;
            {
                let mut queue = self.queue();
                queue.dropped -= dropped.min(queue.dropped);
                // While it was tried, the queue may have dropped it.
                if queue.waiting.front() == Some(&next) {
                    queue.waiting.pop_front();
                }
            }
            self.sent.notify_one();
        }
    }

    /// Tries until it is accepted, refused for good, or too old to matter.
    async fn deliver(&self, message: &Message, dropped: u64) {
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let body = body(self.form, message, dropped);
            let request = Request::post(self.address.expose().clone(), "application/json", body);
            let sent =
                self.http.exchange(&Context::detached(), request.secret_address().timeout(TIMEOUT)).await;
            let error = match sent {
                Ok(answer) => match status_error(&answer) {
                    None => return,
                    Some(error) => error,
                },
                Err(error) => error,
            };
            let passes =
                matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::RateLimited);
            let wait = error.wait().unwrap_or(pause).max(pause);
            let error = named(error, self.name);
            let cause = &message.cause;
            if !passes || began.elapsed() + wait > PATIENCE {
                tracing::error!(cause, error = %ErrorChain(&error), "a message could not be sent and is given up");
                return;
            }
            tracing::warn!(cause, error = %ErrorChain(&error), wait = ?wait, "a message could not be sent; it is tried again");
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// What is sent.
fn body(form: Form, message: &Message, dropped: u64) -> String {
    let mut text = message.to_string();
    if dropped > 0 {
        text.push_str(&format!("\n({dropped} older messages could not be sent and were dropped)"));
    }
    match form {
        Form::Slack => {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            serde_json::json!({ "text": escaped }).to_string()
        }
        Form::Json => {
            let mut json = serde_json::json!(message);
            json["text"] = text.into();
            json["dropped"] = dropped.into();
            json.to_string()
        }
    }
}

/// Everybody who is told.
pub(super) struct Receivers {
    all: Vec<Arc<Receiver>>,
    sent: Arc<Notify>,
}

impl Receivers {
    pub(super) fn new(options: &NotifyOptions, http: &Http) -> Self {
        let sent = Arc::new(Notify::new());
        let receivers = [("webhook", Form::Json, &options.webhook), ("slack", Form::Slack, &options.slack)];
        let all = receivers.into_iter().filter_map(|(name, form, address)| {
            let (address, http, sent) = (address.clone()?, http.clone(), Arc::clone(&sent));
            let (queue, wake) = (Mutex::default(), Notify::new());
            Some(Arc::new(Receiver { name, form, address, http, queue, wake, sent }))
        });
        Self { all: all.collect(), sent }
    }

    /// Begins to send.
    pub(super) fn start(&self) -> JoinSet<()> {
        self.all.iter().map(|receiver| Arc::clone(receiver).work()).collect()
    }

    /// Sends a message to everybody; never waits.
    pub(super) fn tell(&self, note: &str, message: &Message) {
        for receiver in &self.all {
            receiver.push(Waiting { note: note.to_owned(), message: message.clone() });
        }
    }

    /// Sends what an earlier process did not get to.
    pub(super) fn restore(&self, name: &str, note: &str, messages: Vec<Message>) {
        if let Some(receiver) = self.all.iter().find(|receiver| receiver.name == name) {
            for message in messages {
                let waiting = Waiting { note: note.to_owned(), message };
                // Who led before and leads again may still have it.
                if !receiver.queue().waiting.contains(&waiting) {
                    receiver.push(waiting);
                }
            }
        }
    }

    /// What is not sent yet of what one note remembers.
    pub(super) fn unsent(&self, note: &str) -> BTreeMap<String, Vec<Message>> {
        let of = |receiver: &Receiver| -> Vec<Message> {
            let queue = receiver.queue();
            queue
                .waiting
                .iter()
                .filter(|waiting| waiting.note == note)
                .map(|waiting| waiting.message.clone())
                .collect()
        };
        let unsent = self.all.iter().map(|receiver| (receiver.name.to_owned(), of(receiver)));
        unsent.filter(|(_, messages)| !messages.is_empty()).collect()
    }

    /// Waits until something was sent.
    pub(super) async fn sent(&self) {
        self.sent.notified().await;
    }

    /// Gives the last messages a moment, then ends.
    pub(super) async fn finish(&self, mut sending: JoinSet<()>) {
        let idle = || self.all.iter().all(|receiver| receiver.queue().waiting.is_empty());
        let wait = async {
            while !idle() {
                self.sent.notified().await;
            }
        };
        drop(tokio::time::timeout(LAST_MOMENT, wait).await);
        sending.shutdown().await;
    }
}
