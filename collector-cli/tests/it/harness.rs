//! The built command, a simulator beside it, and waiting with a limit.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// What stands for every credential here; long enough to be found, as long as a real one.
pub(crate) const CANARY: &str = "c4n4ry-5ecret-16";

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder to run the command in.
pub(crate) struct Sandbox(TempDir);

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a configuration for this simulator.
    pub(crate) fn with_config(simulator: &Simulator) -> Self {
        let sandbox = Self::new();
        sandbox.write("collector.toml", &config(simulator.url()));
        sandbox
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// The names of all files in it.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn lines(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path().join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_collector"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        command.env_remove("COLLECTOR_CONFIG").env_remove("NO_COLOR").env("TOKEN", CANARY);
        // What is spent here is nobody's money; the tests of asking take it away again.
        command.env("COLLECTOR_YES", "1");
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        Done::from(self.command(args).output().unwrap())
    }

    /// Starts the command.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        self.start_with(self.command(args))
    }

    /// Starts this command of its own.
    pub(crate) fn start_with(&self, mut command: Command) -> Running {
        Running(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }
}

/// A configuration whose only source is a simulator.
pub(crate) fn config(url: &str) -> String {
    format!(
        r#"[jsonl]
path = "creators.jsonl"
[sources.ensembledata]
token = {{ env = "TOKEN" }}
base_url = "{url}/ensembledata"
[[jobs]]
name = "people"
query = {{ handles = ["@nobody.of.that.name"] }}
"#
    )
}

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Done {
    /// The one object on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The words are on standard error, and the command ended with this code.
    #[track_caller]
    pub(crate) fn refuses(self, code: i32, words: &[&str]) -> Self {
        let done = self.expect(code);
        for word in words {
            assert!(done.stderr.contains(word), "{word:?} is missing: {done:#?}");
        }
        done
    }
}

/// A command under way; killed when the test is over.
pub(crate) struct Running(Option<Child>);

impl Running {
    fn child(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }

    /// Sends a signal, such as `INT`.
    #[cfg(unix)]
    pub(crate) fn signal(&mut self, name: &str) {
        let pid = self.child().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Reads standard error until a line has this word; gives the line.
    pub(crate) fn await_stderr(&mut self, word: &str) -> String {
        let stderr = self.child().stderr.take().unwrap();
        let mut reader = BufReader::new(stderr);
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert!(reader.read_line(&mut line).unwrap() > 0, "ended without saying {word:?}");
        }
        self.child().stderr = Some(reader.into_inner());
        line
    }

    pub(crate) fn wait(mut self) -> Done {
        Done::from(self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A simulator in a process of its own; it ends with the test.
pub(crate) struct Simulator {
    child: Child,
    url: String,
}

impl Simulator {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_collector"));
        let base = ["simulate", "--until-stdin-closes", "--token", CANARY];
        let mut child =
            command.args(base).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it counted.
    pub(crate) fn stat(&self, name: &str) -> u64 {
        let stats: Value = serde_json::from_str(&get(&self.url, "/stats").unwrap()).unwrap();
        stats[name].as_u64().unwrap()
    }

    /// Handles of the first creators.
    pub(crate) fn handles(&self, amount: usize) -> Vec<String> {
        let truth = get(&self.url, &format!("/truth?limit={amount}")).unwrap();
        let handle = |line: &str| {
            let truth: Value = serde_json::from_str(line).unwrap();
            truth["handle"].as_str().unwrap().to_owned()
        };
        truth.lines().filter(|line| line.starts_with('{')).map(handle).collect()
    }

    /// The name of a hashtag.
    pub(crate) fn hashtag(&self) -> String {
        let lines = get(&self.url, "/truth/hashtags").unwrap();
        let first: Value =
            serde_json::from_str(lines.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
        first["name"].as_str().unwrap().to_owned()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The body of an answer; chunks are left as they are, one line of a chunk's length before each.
pub(crate) fn get(url: &str, path: &str) -> std::io::Result<String> {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{head}");
    Ok(body.to_owned())
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let rounds = PATIENCE.as_millis() / 10;
    for _ in 0..rounds {
        if is_so() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("waited in vain: {what}");
}

/// The path of the example configurations.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/configs").join(name)
}
