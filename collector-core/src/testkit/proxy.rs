//! A TCP proxy with faults that are switched while it runs.
//!
//! It stands between a client and a real server, knows no protocol, and does what it is told at once: no chance is
//! involved.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

/// How long after a port was somebody else's it is tried again.
const TAKEN: Duration = Duration::from_millis(10);

/// What happens to the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Path {
    /// They pass.
    #[default]
    Open,
    /// Each piece passes after this long.
    Slow(Duration),
    /// They wait, in connections that are accepted and never answered; they pass when the path is open again.
    Hang,
    /// What the client says passes, what the server answers is lost.
    Mute,
    /// New connections are refused. Those that exist go on: see [`TcpProxy::cut`].
    Refuse,
}

/// A proxy to one server. It ends when dropped, with its connections.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    path: watch::Sender<Path>,
    /// Counts the cuts.
    cuts: watch::Sender<u64>,
    /// Connections up to this number hang.
    held: watch::Sender<u64>,
    accepted: Arc<AtomicU64>,
    accepting: Option<AbortHandle>,
}

impl TcpProxy {
    /// A proxy on a free port of this machine, open.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn to(server: SocketAddr) -> io::Result<Self> {
        let listener = listen().await?;
        let address = listener.local_addr()?;
        let (path, cuts, held) = Default::default();
        let accepted = Arc::new(AtomicU64::new(0));
        let mut proxy = Self { address, path, cuts, held, accepted, accepting: None };
        proxy.accepting = Some(tokio::spawn(accept(listener, proxy.line(server))).abort_handle());
        Ok(proxy)
    }

    fn line(&self, server: SocketAddr) -> Line {
        Line {
            server,
            path: self.path.subscribe(),
            cuts: self.cuts.subscribe(),
            held: self.held.subscribe(),
            accepted: Arc::clone(&self.accepted),
            number: 0,
        }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, this happens to the bytes.
    pub fn set(&self, path: Path) {
        self.path.send_replace(path);
    }

    /// Makes the connections that exist hang, whatever becomes of their client; newer ones do not.
    pub fn hold(&self) {
        self.held.send_replace(self.accepted.load(Ordering::SeqCst));
    }

    /// Lets pass what was held.
    pub fn let_go(&self) {
        self.held.send_replace(0);
    }

    /// Ends the connections that exist.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

/// Listens below the ports that the system gives to connections by itself: one of those could be the near end of somebody's
/// connection when it is wanted back after [`Path::Refuse`].
async fn listen() -> io::Result<TcpListener> {
    for _ in 0..50 {
        let port = 20_000 + rand::random::<u16>() % 12_000;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return Ok(listener);
        }
    }
    TcpListener::bind(("127.0.0.1", 0)).await
}

/// What a connection needs to know.
#[derive(Clone)]
struct Line {
    server: SocketAddr,
    path: watch::Receiver<Path>,
    cuts: watch::Receiver<u64>,
    held: watch::Receiver<u64>,
    accepted: Arc<AtomicU64>,
    /// Of the connection, from 1.
    number: u64,
}

impl Line {
    /// Waits until bytes pass; how.
    async fn passable(&mut self) -> io::Result<Path> {
        let number = self.number;
        self.held.wait_for(|held| *held < number).await.map_err(io::Error::other)?;
        let path = self.path.wait_for(|path| *path != Path::Hang).await.map_err(io::Error::other)?;
        Ok(*path)
    }
}

async fn accept(mut listener: TcpListener, line: Line) {
    let mut connections = JoinSet::new();
    let mut path = line.path.clone();
    loop {
        if *path.borrow_and_update() == Path::Refuse {
            match refuse_until_open(listener, &mut path).await {
                Ok(again) => listener = again,
                Err(_) => return,
            }
        }
        tokio::select! {
            Some(_) = connections.join_next() => {}
            changed = path.changed() => if changed.is_err() { return },
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { return };
                let mut line = line.clone();
                line.cuts.mark_unchanged();
                line.number = line.accepted.fetch_add(1, Ordering::SeqCst) + 1;
                connections.spawn(serve(client, line));
            }
        }
    }
}

/// Keeps the port without listening, which is what refuses. Somebody else may have it for a moment, as the near end of a
/// connection of theirs: then it refuses all the same, and is taken as soon as it can be.
async fn refuse_until_open(
    listener: TcpListener,
    path: &mut watch::Receiver<Path>,
) -> io::Result<TcpListener> {
    let address = listener.local_addr()?;
    drop(listener);
    let mut kept = keep(address);
    loop {
        tokio::select! {
            open = async { path.wait_for(|path| *path != Path::Refuse).await.map(drop) } => {
                open.map_err(io::Error::other)?;
                if let Ok(listener) = kept.and_then(|socket| socket.listen(1_024)) {
                    return Ok(listener);
                }
                sleep(TAKEN).await;
                kept = keep(address);
            }
            () = sleep(TAKEN), if kept.is_err() => kept = keep(address),
        }
    }
}

fn keep(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Serves one connection until both sides or a cut end it.
async fn serve(client: TcpStream, line: Line) -> io::Result<()> {
    let mut cuts = line.cuts.clone();
    tokio::select! {
        done = relay(client, line) => done,
        _ = cuts.changed() => Ok(()),
    }
}

async fn relay(client: TcpStream, line: Line) -> io::Result<()> {
    let (mut asking, mut answering) = (line.clone(), line);
    cut_hard(&client)?;
    // Whoever hangs does not even find out whether the server is there.
    asking.passable().await?;
    let server = TcpStream::connect(asking.server).await?;
    cut_hard(&server)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // Either side may end first: what the other has said before still gets through.
    tokio::try_join!(
        pump(from_client, to_server, &mut asking, Direction::Asked),
        pump(from_server, to_client, &mut answering, Direction::Answered),
    )
    .map(drop)
}

/// Has a cut felt as such: what is under way is thrown away.
fn cut_hard(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_zero_linger()
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Asked,
    Answered,
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    line: &mut Line,
    direction: Direction,
) -> io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        match line.passable().await? {
            Path::Mute if direction == Direction::Answered => continue,
            Path::Slow(pause) => sleep(pause).await,
            Path::Open | Path::Hang | Path::Mute | Path::Refuse => {}
        }
        to.write_all(piece.get(..read).unwrap_or_default()).await?;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    const SOON: Duration = Duration::from_millis(100);
    const LIMIT: Duration = Duration::from_secs(20);

    /// A server that says everything back, and a proxy to it.
    async fn echo() -> TcpProxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = TcpProxy::to(listener.local_addr().unwrap()).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        proxy
    }

    async fn say(stream: &mut TcpStream, limit: Duration) -> io::Result<()> {
        let mut answer = [0; 4];
        timeout(limit, async {
            stream.write_all(b"ping").await?;
            stream.read_exact(&mut answer).await
        })
        .await??;
        assert_eq!(&answer, b"ping");
        Ok(())
    }

    async fn connect(proxy: &TcpProxy) -> TcpStream {
        TcpStream::connect(proxy.address()).await.unwrap()
    }

    #[tokio::test]
    async fn bytes_pass_and_pass_slowly() {
        let proxy = echo().await;
        let mut stream = connect(&proxy).await;
        say(&mut stream, LIMIT).await.unwrap();
        proxy.set(Path::Slow(SOON));
        let started = Instant::now();
        say(&mut stream, LIMIT).await.unwrap();
        assert!(started.elapsed() >= 2 * SOON, "each way takes its time");
    }

    #[tokio::test]
    async fn what_hangs_passes_later_and_what_is_mute_never() {
        let proxy = echo().await;
        let mut stream = connect(&proxy).await;
        proxy.set(Path::Hang);
        assert!(say(&mut stream, SOON).await.is_err());
        let mut newer = connect(&proxy).await;
        assert!(say(&mut newer, SOON).await.is_err(), "accepted, not answered");
        proxy.set(Path::Open);
        let mut late = [0; 4];
        timeout(LIMIT, stream.read_exact(&mut late)).await.unwrap().unwrap();
        proxy.set(Path::Mute);
        assert!(say(&mut stream, SOON).await.is_err());
        proxy.set(Path::Open);
        say(&mut stream, LIMIT).await.unwrap();
    }

    #[tokio::test]
    async fn a_mute_server_still_hears() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = TcpProxy::to(listener.local_addr().unwrap()).await.unwrap();
        proxy.set(Path::Mute);
        let mut client = connect(&proxy).await;
        client.write_all(b"ping").await.unwrap();
        let (mut server, _) = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
        let mut heard = [0; 4];
        timeout(LIMIT, server.read_exact(&mut heard)).await.unwrap().unwrap();
        assert_eq!(&heard, b"ping");
        server.write_all(b"pong").await.unwrap();
        assert!(timeout(SOON, client.read(&mut heard)).await.is_err(), "it was heard");
    }

    #[tokio::test]
    async fn what_hangs_from_the_beginning_is_cut_too() {
        let proxy = echo().await;
        proxy.set(Path::Hang);
        let mut stream = connect(&proxy).await;
        assert!(say(&mut stream, SOON).await.is_err());
        proxy.cut();
        let ended = timeout(LIMIT, stream.read(&mut [0; 4])).await.unwrap();
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    }

    #[tokio::test]
    async fn what_is_held_waits_while_newer_connections_pass() {
        let proxy = echo().await;
        let mut old = connect(&proxy).await;
        say(&mut old, LIMIT).await.unwrap();
        proxy.hold();
        assert!(say(&mut old, SOON).await.is_err());
        say(&mut connect(&proxy).await, LIMIT).await.unwrap();
        proxy.let_go();
        let mut late = [0; 4];
        timeout(LIMIT, old.read_exact(&mut late)).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_refusing_port_refuses_and_opens_again() {
        let proxy = echo().await;
        let mut old = connect(&proxy).await;
        say(&mut old, LIMIT).await.unwrap();
        proxy.set(Path::Refuse);
        let refused = async {
            while TcpStream::connect(proxy.address()).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, refused).await.unwrap();
        say(&mut old, LIMIT).await.unwrap();
        proxy.cut();
        assert!(say(&mut old, LIMIT).await.is_err());
        proxy.set(Path::Open);
        let opened = async {
            while TcpStream::connect(proxy.address()).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, opened).await.unwrap();
        say(&mut connect(&proxy).await, LIMIT).await.unwrap();
    }
}
