//! A small HTTP server that answers by script: whole answers and every way an answer can go wrong.
//!
//! One answer per connection, on this machine only. For real sockets, so not for tests under paused time.

mod answer;
mod request;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

pub use answer::Answer;
pub use request::Seen;

use answer::Delivery;

/// A scripted server; it ends when it is dropped.
#[derive(Debug)]
pub struct ScriptServer {
    address: SocketAddr,
    state: Arc<State>,
    accepting: AbortHandle,
}

#[derive(Debug, Default)]
struct State {
    script: Mutex<VecDeque<Answer>>,
    routes: Mutex<BTreeMap<String, Answer>>,
    seen: Mutex<Vec<Seen>>,
    count: watch::Sender<usize>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ScriptServer {
    /// A server on a free port of this machine. Without a script it answers 500.
    ///
    /// # Errors
    /// When the machine gives no port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (address, state) = (listener.local_addr()?, Arc::new(State::default()));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle();
        Ok(Self { address, state, accepting })
    }

    /// Its address, without a final slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers the next requests like this, one after the other; forgets what was scripted and seen before.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        *lock(&self.state.script) = answers.into_iter().collect();
        lock(&self.state.seen).clear();
        self.state.count.send_replace(0);
    }

    /// Always answers requests for this path (without query) like this. They neither use up the script nor are
    /// they seen: for `robots.txt`, tokens and other calls beside the one that is tested.
    pub fn route(&self, path: impl Into<String>, answer: Answer) {
        lock(&self.state.routes).insert(path.into(), answer);
    }

    /// The requests since the last [`script`](Self::script).
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.state.seen).clone()
    }

    /// Waits until so many requests were seen.
    pub async fn until_seen(&self, count: usize) {
        // The sender lives as long as `self`, so waiting cannot fail.
        drop(self.state.count.subscribe().wait_for(|seen| *seen >= count).await);
    }

    /// Answers of the script that nobody asked for yet.
    pub fn unused(&self) -> usize {
        lock(&self.state.script).len()
    }
}

impl Drop for ScriptServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    fn answer(&self, seen: Seen) -> Answer {
        if let Some(answer) = lock(&self.routes).get(seen.path()) {
            return answer.clone();
        }
        let answer = lock(&self.script).pop_front();
        lock(&self.seen).push(seen);
        self.count.send_modify(|count| *count += 1);
        answer.unwrap_or_else(|| Answer::status(500).body("no answer is scripted for this request"))
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // A connection that ended badly is the client's affair; its task is only taken off the list.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                connections.spawn(serve(stream, Arc::clone(&state)));
            }
        }
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) -> io::Result<()> {
    let Some(seen) = request::read(&mut stream).await? else { return Ok(()) };
    let answer = state.answer(seen);
    match answer.delivery {
        Delivery::Hang => std::future::pending().await,
        Delivery::Reset => stream.set_zero_linger(),
        Delivery::Whole => {
            stream.write_all(&answer.bytes()).await?;
            stream.shutdown().await
        }
        Delivery::Cut(after) => {
            let end = answer.head_len() + after.min(answer.body.len());
            stream.write_all(answer.bytes().get(..end).unwrap_or_default()).await?;
            stream.shutdown().await
        }
        Delivery::Drip(every) => drip(&mut stream, &answer, every).await,
    }
}

async fn drip(
    stream: &mut (impl AsyncWrite + Unpin),
    answer: &Answer,
    every: std::time::Duration,
) -> io::Result<()> {
    let bytes = answer.bytes();
    let (head, body) = bytes.split_at(answer.head_len());
    stream.write_all(head).await?;
    for byte in body {
        sleep(every).await;
        stream.write_all(std::slice::from_ref(byte)).await?;
        stream.flush().await?;
    }
    stream.shutdown().await
}

#[cfg(test)]
pub(super) mod client;
#[cfg(test)]
mod tests;
