//! `collector serve`: workers, scheduler and admin listener, until a signal.
//!
//! Whatever roles it has, each process registers with its version and configuration, and looks after runs that schedules
//! began: whoever began one may be gone.

mod admin;
mod jobs;

use std::net::SocketAddr;
use std::sync::Arc;

use collector_core::clock::{Clock as _, SystemClock};
use collector_core::creator::Creators;
use collector_core::id::{Digest, Name};
use collector_core::pipeline::Handle;
use collector_core::store::Server;
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::admin::{Admin, Phase, State};
use super::{Session, read_text};
use crate::args::{Role, Serve};
use crate::compose::{self, AnyStore};
use crate::config::{Config, JsonlPlace};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::monitor::Monitor;
use crate::notify::Notifier;
use crate::upkeep;

/// What is printed once it serves, with `--json` as one line.
#[derive(Debug, Serialize)]
struct Serving<'a> {
    /// The name it is registered under.
    server: &'a str,
    /// What it does.
    roles: Vec<String>,
    /// Where the admin listener is, such as `http://127.0.0.1:9464`.
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<String>,
    /// The jobs whose slots it fires, each with its schedule.
    schedules: Vec<(String, String)>,
}

pub(super) async fn execute(session: &Session, args: &Serve) -> Result<Exit> {
    let text = read_text(&args.file.config)?;
    let env = |name: &str| std::env::var(name).ok();
    let mut config = session.parse_config(&args.file.config, &text, Some(&env))?;
    for warning in &config.warnings {
        session.output.note(&format!("warning: {warning}"));
    }
    if let Some(drain) = args.drain {
        config.run.drain = drain;
    }
    check(session, args, &config)?;
    let config = Arc::new(config);
    let monitor = Arc::new(Monitor::new(&config));
    let state = Arc::new(State::of(Arc::clone(&monitor)));
    let admin = match args.roles.contains(&Role::Admin) {
        // Before anything else: who asks meanwhile hears that it is not ready.
        true => Some(Admin::listen(args.admin, Arc::clone(&state)).await?),
        false => None,
    };
    let address = admin.as_ref().map(Admin::address);
    let served = serve(session, args, &config, &text, &monitor, (&state, address)).await;
    if let Some(admin) = admin {
        admin.stop().await;
    }
    served
}

/// What can be refused before anything is written or asked.
fn check(session: &Session, args: &Serve, config: &Config) -> Result<()> {
    let has = |role| args.roles.contains(&role);
    if !has(Role::Worker) && !has(Role::Scheduler) {
        return Err(Failure::usage("--roles: an admin listener alone serves nothing")
            .advise("add worker, scheduler or both: --roles worker,scheduler,admin"));
    }
    if session.output.is_json() && config.jsonl == Some(JsonlPlace::Stdout) {
        return Err(Failure::usage("--json and JSON Lines both want standard output")
            .advise("write JSON Lines to a file: [jsonl] path = \"creators.jsonl\""));
    }
    let mut scheduled = config.jobs.iter().filter(|job| job.timing.is_some()).peekable();
    if has(Role::Scheduler) && scheduled.peek().is_none() {
        return Err(Failure::usage("no job has a schedule, so there is nothing to begin by itself").advise(
            "write schedule = \"0 3 * * *\" and timezone = \"Asia/Seoul\" under [[jobs]], or serve with --roles worker",
        ));
    }
    for job in scheduled {
        compose::rehearse(config, job)?;
    }
    for note in jobs::surprises(config) {
        session.output.note(&note);
    }
    Ok(())
}

/// Serves until a signal, or until our own side fails.
async fn serve(
    session: &Session,
    args: &Serve,
    config: &Arc<Config>,
    text: &str,
    monitor: &Monitor,
    (state, address): (&State, Option<SocketAddr>),
) -> Result<Exit> {
    let store = compose::open_store(&config.store).await?;
    monitor.reached(&store);
    let engine = compose::serving(config, &store, monitor.meter.clone())?;
    for job in &config.jobs {
        // Also of those that others begin.
        engine.expects(&compose::served(job))?;
    }
    let handle = match args.roles.contains(&Role::Worker) {
        true => Some(Arc::new(engine.start().await?)),
        false => None,
    };
    handle.iter().for_each(|handle| monitor.watch(handle));
    let handle = handle.as_deref();
    let told = Telling::start(config, &store, monitor)?;
    let name = handle.map_or_else(own_name, |handle| Name::clone(handle.worker()));
    let jobs = if args.roles.contains(&Role::Scheduler) { jobs::scheduled(config) } else { Vec::new() };
    let schedules = jobs.iter().map(|one| (one.schedule.name.to_string(), one.schedule.when.to_string()));
    let schedules: Vec<_> = schedules.collect();
    let scheduler = engine.scheduler(server(config, text, &name), jobs)?;
    // Who hears that it serves finds its schedules in the store.
    scheduler.enlist(SystemClock.now()).await?;
    state.is(Phase::Ready);
    announce(session, args, &name, address, schedules)?;
    let stop = session.stop.child_token();
    let failed = tokio::select! {
        biased;
        // What a look is about is written or it is not; nobody waits for a store that is away.
        () = stop.cancelled() => None,
        () = scheduler.run(handle, &stop) => None,
        error = failure(handle) => Some(error),
        never = upkeep::serving(config, &store, &*session.clock, &name, &stop), if handle.is_some() => match never {},
    };
    state.is(Phase::Draining);
    let drained = match handle {
        Some(handle) => handle.shutdown().await,
        None => Ok(()),
    };
    told.stop().await;
    match failed {
        Some(error) => Err(error.into()),
        None => {
            drained?;
            scheduler.leave(SystemClock.now()).await?;
            Ok(Exit::Complete)
        }
    }
}

/// This process, as others see it.
fn server(config: &Config, text: &str, name: &Name) -> Server {
    let version = env!("CARGO_PKG_VERSION");
    Server {
        id: Name::clone(name),
        version: version.to_owned(),
        // A new program with the same file is newer, too.
        config: Digest::of(format!("{version}\n{text}").as_bytes()),
        ttl: config.run.worker_ttl,
    }
}

/// Tells somebody what goes wrong, if anybody is to be told.
struct Telling {
    stop: CancellationToken,
    work: Option<JoinHandle<()>>,
}

impl Telling {
    fn start(config: &Arc<Config>, store: &AnyStore, monitor: &Monitor) -> Result<Self> {
        let stop = CancellationToken::new();
        if !config.notify.is_somebody_told() {
            return Ok(Self { stop, work: None });
        }
        let meter = monitor.meter.clone();
        let lock = compose::shared_lock(config)?;
        let notifier = Notifier::new(config, Arc::clone(store), lock, move || meter.leases_lost())?;
        let work = tokio::spawn(notifier.run(stop.clone()));
        Ok(Self { stop, work: Some(work) })
    }

    /// Lets it say what it has to say.
    async fn stop(self) {
        self.stop.cancel();
        if let Some(work) = self.work {
            // One that panicked has nothing more to say.
            drop(work.await);
        }
    }
}

/// The name of a process that does no work.
fn own_name() -> Name {
    format!("{}-{:016x}", std::process::id(), rand::random::<u64>()).into()
}

fn announce(
    session: &Session,
    args: &Serve,
    name: &Name,
    address: Option<SocketAddr>,
    schedules: Vec<(String, String)>,
) -> Result<()> {
    let roles = args.roles.iter().map(|role| format!("{role:?}").to_lowercase()).collect();
    let admin = address.map(|address| format!("http://{address}"));
    let serving = Serving { server: name, roles, admin, schedules };
    if session.output.is_json() {
        return session.output.print(&serving, |_| String::new());
    }
    let admin = serving.admin.as_deref().map(|admin| format!(", {admin}")).unwrap_or_default();
    let roles = serving.roles.join(", ");
    session.output.note(&format!("serving as {name}: {roles}{admin}"));
    for (name, when) in &serving.schedules {
        session.output.note(&format!("  {name}: {when}"));
    }
    Ok(())
}

/// Waits until our own side fails.
async fn failure(handle: Option<&Handle<Creators>>) -> collector_core::error::Error {
    match handle {
        Some(handle) => handle.failure().await,
        None => std::future::pending().await,
    }
}
