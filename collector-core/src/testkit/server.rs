//! A small HTTP server that answers by script: whole answers and every way an answer can go wrong.
//!
//! One answer per connection, on this machine only. For real sockets, so not for tests under paused time.

mod answer;
mod request;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

pub use answer::Answer;
pub use request::Seen;

use answer::Delivery;

/// What the beginning of an answer that is reset later may take to arrive.
const SETTLE: Duration = Duration::from_millis(20);

/// A scripted server; it ends when it is dropped.
#[derive(Debug)]
pub struct ScriptServer {
    address: SocketAddr,
    state: Arc<State>,
    accepting: AbortHandle,
}

/// Says what a request is answered with.
type Responder = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<Answer>>,
    responder: Mutex<Option<Responder>>,
    routes: Mutex<BTreeMap<String, Answer>>,
    seen: Mutex<Vec<Seen>>,
    count: watch::Sender<usize>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("unused", &lock(&self.script).len()).finish_non_exhaustive()
    }
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
        *lock(&self.state.responder) = None;
        *lock(&self.state.script) = answers.into_iter().collect();
        self.forget_seen();
    }

    /// Answers every request by what it asks for, until the next [`script`](Self::script); forgets what was seen
    /// before.
    pub fn respond(&self, responder: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        *lock(&self.state.responder) = Some(Arc::new(responder));
        self.forget_seen();
    }

    fn forget_seen(&self) {
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
        let responder = lock(&self.responder).clone();
        let answer = match responder {
            Some(responder) => Some(responder(&seen)),
            None => lock(&self.script).pop_front(),
        };
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
    // Pieces are to arrive as pieces.
    stream.set_nodelay(true)?;
    let Some(seen) = request::read(&mut stream).await? else { return Ok(()) };
    let answer = state.answer(seen);
    match answer.delivery {
        Delivery::Hang => std::future::pending().await,
        Delivery::Reset => stream.set_zero_linger(),
        Delivery::Closed => stream.shutdown().await,
        Delivery::Whole => {
            stream.write_all(&answer.bytes()).await?;
            stream.shutdown().await
        }
        Delivery::Cut(after) => {
            stream.write_all(&answer.bytes_until(after)).await?;
            stream.shutdown().await
        }
        Delivery::Stall(after) => {
            stream.write_all(&answer.bytes_until(after)).await?;
            std::future::pending().await
        }
        Delivery::ResetAfter(after) => {
            stream.write_all(&answer.bytes_until(after)).await?;
            // A reset throws away what has not been read: the beginning is to arrive.
            sleep(SETTLE).await;
            stream.set_zero_linger()
        }
        Delivery::Pieces(bytes, every) => pieces(&mut stream, &answer, bytes, every).await,
    }
}

async fn pieces(
    stream: &mut (impl AsyncWrite + Unpin),
    answer: &Answer,
    bytes: usize,
    every: Duration,
) -> io::Result<()> {
    stream.write_all(&answer.bytes_until(0)).await?;
    for piece in answer.body.chunks(bytes) {
        sleep(every).await;
        stream.write_all(piece).await?;
        stream.flush().await?;
    }
    stream.shutdown().await
}

#[cfg(test)]
pub(super) mod client;
#[cfg(test)]
mod tests;
