//! The folder a demo works in: ours, or refused.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::people::{POSTED, People};
use super::servers::Servers;
use super::vendor::{CLIENT_KEY, PASSWORD, TOKEN, USER, VENDORS, Vendor};
use crate::failure::{Failure, Result};

/// The file that says a folder is a demo's.
const MARKER: &str = "collector-demo.json";

/// Whoever has this file locked works in the folder. The system unlocks it, however they end.
const LOCK: &str = "collector-demo.lock";

const CONFIG: &str = "collector.toml";

/// Credentials, each in a file of its own.
const TOKEN_FILE: &str = "token";
const KEY_FILE: &str = "client-key";
const USER_FILE: &str = "user";
const PASSWORD_FILE: &str = "password";

/// What the web source knows of the ranking site.
const SITE_FILE: &str = "ranking.toml";
const SITE: &str = include_str!("ranking.toml");

/// What the vendors of this machine bear, in calls a second.
const PER_SECOND: u32 = 10_000;

const STORE: &str = "collector.db";

/// The folder of the pictures, in the demo's.
const IMAGES: &str = "images";

/// The list of everybody the first demo found.
pub(super) const LIST: &str = "demo";

/// A demo's folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    marker: Marker,
    is_new: bool,
    _lock: fs::File,
}

/// What the marker holds.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Marker {
    /// The population's size: another size is another population.
    creators: u32,
    /// Where the vendor listened last: the links in its answers name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    /// What everything of this demo is called at servers: others use them, too.
    #[serde(default = "new_name")]
    name: String,
}

fn new_name() -> String {
    format!("demo{:08x}", rand::random::<u32>())
}

impl Marker {
    fn write(&self, folder: &Path) -> Result<()> {
        write(&folder.join(MARKER), &json!(self).to_string(), folder)
    }
}

/// What a demo asks for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask<'a> {
    /// Everybody a vendor shows: by these hashtags, in these countries, in the ranking.
    Everybody(&'a People),
    /// Everybody an earlier demo found.
    Known,
}

impl Ask<'_> {
    /// The name of the job that asks for it.
    pub(super) fn job(self) -> &'static str {
        match self {
            Self::Everybody(_) => super::JOB,
            Self::Known => "demo-again",
        }
    }

    fn query(self) -> Value {
        match self {
            Self::Everybody(people) => json!({
                "hashtags": people.hashtags(),
                "regions": people.countries().into_iter().collect::<BTreeSet<_>>(),
                "extra": { "listings": [{}], "lists": ["ranking"] },
                "options": { "tiktok": { "since": POSTED.0, "until": POSTED.1 } },
            }),
            Self::Known => json!({ "list": LIST }),
        }
    }

    /// Who is asked. Each vendor finds people by itself and is asked only about those it showed: asked about everybody, it
    /// would be asked about people it does not know. Of those found once, one vendor tells what is new.
    fn discover(self) -> &'static [&'static str] {
        match self {
            Self::Everybody(_) => &VENDORS,
            Self::Known => &["ensembledata"],
        }
    }
}

impl Folder {
    /// Makes the folder, or takes up one that a demo of the same population made.
    pub(super) fn prepare(path: &Path, creators: u32) -> Result<Self> {
        let marker = path.join(MARKER);
        let known = match fs::read_to_string(&marker) {
            Ok(text) => Some(serde_json::from_str::<Marker>(&text).map_err(|_| foreign(path))?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(refused(path, &error)),
        };
        match &known {
            Some(marker) if marker.creators != creators => {
                let known = marker.creators;
                return Err(Failure::usage(format!(
                    "{} holds a demo of {known} creators, not {creators}",
                    path.display()
                ))
                .advise(format!("add --creators {known}, or choose another --dir")));
            }
            None if !is_empty(path)? => return Err(foreign(path)),
            _ => {}
        }
        fs::create_dir_all(path).map_err(|error| refused(path, &error))?;
        let is_new = known.is_none();
        let marker = known.unwrap_or(Marker { creators, port: None, name: new_name() });
        if is_new {
            // Before anything else, or a folder that was left here would be nobody's.
            marker.write(path)?;
        }
        Ok(Self { path: path.to_owned(), marker, is_new, _lock: lock(path)? })
    }

    /// Whether no demo ran here before.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Where the vendor listened last.
    pub(super) fn port(&self) -> Option<u16> {
        self.marker.port
    }

    /// Keeps where the vendor listens, for the next demo.
    pub(super) fn keep_port(&mut self, port: u16) -> Result<()> {
        if self.marker.port == Some(port) {
            return Ok(());
        }
        self.marker.port = Some(port);
        self.marker.write(&self.path)
    }

    /// The configuration.
    pub(super) fn config(&self) -> PathBuf {
        config_in(&self.path)
    }

    /// Writes the configuration of this time: the vendor may listen somewhere else.
    pub(super) fn write_config(
        &self,
        vendor: &Vendor,
        ask: Ask<'_>,
        in_flight: NonZeroUsize,
        servers: Option<&Servers>,
    ) -> Result<PathBuf> {
        let credentials =
            [(TOKEN_FILE, TOKEN), (KEY_FILE, CLIENT_KEY), (USER_FILE, USER), (PASSWORD_FILE, PASSWORD)];
        for (file, credential) in credentials {
            let file = self.path.join(file);
            write(&file, credential, &self.path)?;
            keep_private(&file).map_err(|error| refused(&self.path, &error))?;
        }
        write(&self.path.join(SITE_FILE), SITE, &self.path)?;
        let mut config = config(vendor.address(), &|name| vendor.base_url(name), ask, in_flight);
        if let Some(servers) = servers {
            servers.put_into(&mut config, &self.marker.name);
        }
        let text = toml::to_string(&config)
            .map_err(|error| Failure::aborted(format!("cannot write TOML: {error}")))?;
        let head =
            "# Written anew by every `collector demo`: the made-up vendors are only there while it runs.\n\n";
        write(&self.config(), &format!("{head}{text}"), &self.path)?;
        Ok(self.config())
    }
}

/// The configuration of a demo in `folder`.
pub(super) fn config_in(folder: &Path) -> PathBuf {
    folder.join(CONFIG)
}

/// The command that goes on with the demo in `folder`.
pub(super) fn again(folder: &Path) -> String {
    format!("collector demo --dir {}", folder.display())
}

fn config(
    vendor: SocketAddr,
    base_url: &dyn Fn(&str) -> String,
    ask: Ask<'_>,
    in_flight: NonZeroUsize,
) -> Value {
    json!({
        "store": { "url": format!("sqlite:{STORE}") },
        "lock": { "url": "memory:" },
        "images": { "url": format!("file:{IMAGES}"), "allow": [vendor] },
        "search": { "url": "tantivy:search" },
        "jsonl": { "path": "creators.jsonl" },
        // Whoever is dead here stays dead.
        "run": { "vendor_patience": "5s" },
        "sources": {
            "ensembledata": {
                "token": { "file": TOKEN_FILE },
                "base_url": base_url("ensembledata"),
                "in_flight": in_flight,
            },
            "tiktok": {
                "mode": "research",
                "client_key": { "file": KEY_FILE },
                "client_secret": { "file": TOKEN_FILE },
                "base_url": base_url("tiktok"),
                "in_flight": in_flight,
                "per_second": PER_SECOND,
                "burst": PER_SECOND,
                "units_per_day": 4_000_000_000_u64,
            },
            "echotik": {
                "username": { "file": USER_FILE },
                "password": { "file": PASSWORD_FILE },
                "base_url": base_url("echotik"),
                "in_flight": in_flight,
            },
            "web": {
                "contact": "https://demo.example/bot",
                "file": SITE_FILE,
                "base_url": base_url("web"),
                "in_flight": in_flight,
                "per_second": PER_SECOND,
                "burst": PER_SECOND,
            },
        },
        "jobs": [{
            "name": ask.job(),
            "discover": ask.discover(),
            "query": ask.query(),
            "fresh_for": "7d",
        }],
    })
}

/// Keeps other demos out: they would write another configuration under the feet of this one.
fn lock(path: &Path) -> Result<fs::File> {
    let file = fs::File::create(path.join(LOCK)).map_err(|error| refused(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(Failure::aborted(format!("another demo is at work in {}", path.display()))
                .advise("wait until it is done, or choose another --dir"))
        }
        Err(fs::TryLockError::Error(error)) => Err(refused(path, &error)),
    }
}

fn is_empty(path: &Path) -> Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(refused(path, &error)),
    }
}

fn write(file: &Path, text: &str, folder: &Path) -> Result<()> {
    let write = || fs::File::create(file)?.write_all(text.as_bytes());
    write().map_err(|error| refused(folder, &error))
}

#[cfg(unix)]
fn keep_private(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn keep_private(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn foreign(path: &Path) -> Failure {
    Failure::usage(format!("{} is not empty and was not made by a demo", path.display()))
        .advise("choose another --dir; nothing was written")
}

fn refused(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot use {}: {error}", path.display())).advise("choose another --dir")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_folder_is_new_once_and_ours_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/demo");
        assert!(Folder::prepare(&path, 50).unwrap().is_new());
        assert!(!Folder::prepare(&path, 50).unwrap().is_new());
        let failure = Folder::prepare(&path, 60).unwrap_err();
        assert_eq!(
            (failure.exit(), failure.advice().unwrap().contains("--creators 50")),
            (Exit::Usage, true)
        );
    }

    #[test]
    fn the_port_is_kept_and_folders_of_older_demos_have_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("demo");
        let mut folder = Folder::prepare(&path, 50).unwrap();
        assert_eq!(folder.port(), None);
        folder.keep_port(4_711).unwrap();
        drop(folder);
        assert_eq!(Folder::prepare(&path, 50).unwrap().port(), Some(4_711));
        fs::write(path.join(MARKER), r#"{"creators":50}"#).unwrap();
        assert_eq!(Folder::prepare(&path, 50).unwrap().port(), None);
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "x").unwrap();
        assert_eq!(Folder::prepare(dir.path(), 50).unwrap_err().exit(), Exit::Usage);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        fs::write(dir.path().join(MARKER), "not ours").unwrap();
        assert_eq!(Folder::prepare(dir.path(), 50).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn one_demo_at_a_time_works_in_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("demo");
        let first = Folder::prepare(&path, 50).unwrap();
        let failure = Folder::prepare(&path, 50).unwrap_err();
        assert_eq!(failure.exit(), Exit::Aborted);
        assert!(failure.to_string().contains("another demo is at work"), "{failure}");
        drop(first);
        assert!(!Folder::prepare(&path, 50).unwrap().is_new());
    }

    #[test]
    fn a_file_in_the_way_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "x").unwrap();
        assert_eq!(Folder::prepare(&path, 50).unwrap_err().exit(), Exit::Usage);
        assert_eq!(Folder::prepare(&path.join("below"), 50).unwrap_err().exit(), Exit::Usage);
    }
}
