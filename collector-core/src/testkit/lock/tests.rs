//! The suite itself: a right lock passes every case, and every case fails for a lock that breaks its promise.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::*;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Acquired, Lease, LeaseOptions, LockKey, MemoryLock, Released, Renewed};

const TTL: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Sound,
    GrantsHeld,
    Reentrant,
    AllOrNothing,
    AnswersReversed,
    RenewsReversed,
    FoldsCase,
    CutsKeys,
    NeverReleases,
    FreedAnyway,
    NeverExpires,
    ExpiresEarly,
    LongLease,
    RenewsNothing,
    RenewsForEver,
    RevivesExpired,
    RevivesReleased,
    RevivesKept,
    ForeignRelease,
    ForeignRenewal,
    IgnoresMinHold,
    MinHoldEndsWithTtl,
    MinHoldFromRelease,
    ChecksThenSets,
    HeldWhenDown,
    LostWhenDown,
    FreedWhenDown,
}

use Flaw::*;

/// Which cases must catch which flaw.
const CAUGHT: &[(Flaw, &[Case])] = &[
    (GrantsHeld, &[Case::Partial, Case::Refused, Case::NotBefore, Case::StaleOwner, Case::Contenders]),
    (Reentrant, &[Case::Refused]),
    (AllOrNothing, &[Case::Partial]),
    (AnswersReversed, &[Case::Partial]),
    (RenewsReversed, &[Case::Partial]),
    (FoldsCase, &[Case::Independent]),
    (CutsKeys, &[Case::Independent]),
    (NeverReleases, &[Case::Release]),
    (FreedAnyway, &[Case::Release, Case::StaleOwner]),
    (NeverExpires, &[Case::Expires]),
    (ExpiresEarly, &[Case::NotBefore]),
    (LongLease, &[Case::NotBefore]),
    (RenewsNothing, &[Case::Renew]),
    (RenewsForEver, &[Case::Renew]),
    (RevivesExpired, &[Case::NoRevival]),
    (RevivesReleased, &[Case::NoRevival]),
    (RevivesKept, &[Case::NoRevival]),
    (ForeignRelease, &[Case::StaleOwner]),
    (ForeignRenewal, &[Case::StaleOwner]),
    (IgnoresMinHold, &[Case::MinHold]),
    (MinHoldEndsWithTtl, &[Case::MinHold]),
    (MinHoldFromRelease, &[Case::MinHold]),
    (ChecksThenSets, &[Case::Contenders]),
    (HeldWhenDown, &[Case::Outage]),
    (LostWhenDown, &[Case::Outage]),
    (FreedWhenDown, &[Case::Outage]),
];

#[derive(Clone, Copy)]
struct Taken {
    owner: u128,
    process: usize,
    since: Instant,
    until: Instant,
    released: bool,
}

struct Service {
    flaw: Flaw,
    keys: Mutex<HashMap<String, Taken>>,
    down: AtomicBool,
    processes: Mutex<usize>,
}

struct Handle {
    service: Arc<Service>,
    process: usize,
}

impl Handle {
    fn has(&self, flaw: Flaw) -> bool {
        self.service.flaw == flaw
    }

    fn name(&self, key: &LockKey) -> String {
        match self.service.flaw {
            FoldsCase => key.0.to_lowercase(),
            CutsKeys => key.0.chars().take(200).collect(),
            _ => key.0.to_string(),
        }
    }

    fn reach(&self) -> Result<()> {
        match self.service.down.load(Ordering::Relaxed) {
            true => Err(Error::new(ErrorKind::Unavailable, "down")),
            false => Ok(()),
        }
    }

    fn taken(&self, key: &LockKey) -> Option<Taken> {
        let now = Instant::now();
        let taken = self.service.keys.lock().unwrap().get(&self.name(key)).copied()?;
        let life = taken.until - taken.since;
        let until = match self.service.flaw {
            NeverExpires if !taken.released => taken.until + 1_000 * TTL,
            ExpiresEarly if !taken.released => taken.since + life / 2,
            _ => taken.until,
        };
        (now < until).then_some(taken)
    }

    fn set(&self, key: &LockKey, taken: Taken) {
        self.service.keys.lock().unwrap().insert(self.name(key), taken);
    }

    async fn acquire(&self, key: &LockKey, options: LeaseOptions) -> Acquired {
        let now = Instant::now();
        let taken = self.taken(key);
        if self.has(ChecksThenSets) {
            tokio::task::yield_now().await;
        }
        let reentrant = taken.is_some_and(|taken| self.has(Reentrant) && taken.process == self.process);
        if taken.is_some() && !self.has(GrantsHeld) && !reentrant {
            return Acquired::Held { remaining: None };
        }
        let (owner, process) = (rand::random(), self.process);
        self.set(key, Taken { owner, process, since: now, until: now + options.ttl, released: false });
        let asked = if self.has(LongLease) { now + options.ttl } else { now };
        Acquired::Granted(Lease::granted(key.clone(), owner, options, asked))
    }

    fn renew(&self, lease: &Lease) -> Renewed {
        let now = Instant::now();
        let kept = self.service.keys.lock().unwrap().get(&self.name(lease.key())).copied();
        let ours = kept.filter(|taken| taken.owner == lease.owner() || self.has(ForeignRenewal));
        let life = match self.service.flaw {
            RenewsForEver => 1_000 * TTL,
            _ => lease.options().ttl,
        };
        let Some(mut taken) = ours else {
            // A released key is forgotten, so only an expired or freed one can be brought back here.
            if self.has(RevivesReleased) && kept.is_none() {
                let taken = Taken {
                    owner: lease.owner(),
                    process: self.process,
                    since: now,
                    until: now + life,
                    released: false,
                };
                self.set(lease.key(), taken);
                return Renewed::Held;
            }
            return Renewed::Lost;
        };
        if (taken.released && !self.has(RevivesKept)) || (now >= taken.until && !self.has(RevivesExpired)) {
            return Renewed::Lost;
        }
        if !self.has(RenewsNothing) {
            taken.until = now + life;
        }
        self.set(lease.key(), taken);
        Renewed::Held
    }

    fn release(&self, lease: &Lease) -> Released {
        let now = Instant::now();
        let ours = self
            .taken(lease.key())
            .filter(|taken| !taken.released && (taken.owner == lease.owner() || self.has(ForeignRelease)));
        let Some(mut taken) = ours else {
            return if self.has(FreedAnyway) { Released::Freed } else { Released::NotOurs };
        };
        let hold = lease.options().min_hold;
        taken.until = match self.service.flaw {
            NeverReleases => taken.until,
            IgnoresMinHold => now,
            MinHoldEndsWithTtl => (taken.since + hold).min(taken.until),
            MinHoldFromRelease => now + hold,
            _ => taken.since + hold,
        };
        taken.released = true;
        if taken.until <= now {
            self.service.keys.lock().unwrap().remove(&self.name(lease.key()));
        } else {
            self.set(lease.key(), taken);
        }
        Released::Freed
    }
}

#[async_trait]
impl Lock for Handle {
    async fn try_acquire_many(&self, keys: &[LockKey], options: LeaseOptions) -> Result<Vec<Acquired>> {
        let held = || keys.iter().map(|_| Acquired::Held { remaining: None }).collect();
        match self.reach() {
            Err(_) if self.has(HeldWhenDown) => return Ok(held()),
            reached => reached?,
        }
        if self.has(AllOrNothing) && keys.iter().any(|key| self.taken(key).is_some()) {
            return Ok(held());
        }
        let mut answers = Vec::new();
        for key in keys {
            answers.push(self.acquire(key, options).await);
        }
        if self.has(AnswersReversed) {
            answers.reverse();
        }
        Ok(answers)
    }

    async fn renew_many(&self, leases: &[Lease]) -> Result<Vec<Renewed>> {
        match self.reach() {
            Err(_) if self.has(LostWhenDown) => return Ok(vec![Renewed::Lost; leases.len()]),
            reached => reached?,
        }
        let mut answers: Vec<_> = leases.iter().map(|lease| self.renew(lease)).collect();
        if self.has(RenewsReversed) {
            answers.reverse();
        }
        Ok(answers)
    }

    async fn release_many(&self, leases: Vec<Lease>) -> Result<Vec<Released>> {
        match self.reach() {
            Err(_) if self.has(FreedWhenDown) => return Ok(vec![Released::Freed; leases.len()]),
            reached => reached?,
        }
        Ok(leases.iter().map(|lease| self.release(lease)).collect())
    }
}

struct Twin(Arc<Service>);

impl Twin {
    fn with(flaw: Flaw) -> Self {
        let (keys, processes) = (Mutex::default(), Mutex::new(0));
        Self(Arc::new(Service { flaw, keys, down: AtomicBool::new(false), processes }))
    }
}

#[async_trait]
impl LockHarness for Twin {
    async fn handle(&self) -> Arc<dyn Lock> {
        let mut processes = self.0.processes.lock().unwrap();
        *processes += 1;
        Arc::new(Handle { service: Arc::clone(&self.0), process: *processes })
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn outage(&self, on: bool) -> bool {
        self.0.down.store(on, Ordering::Relaxed);
        true
    }

    fn ttl(&self) -> Duration {
        TTL
    }
}

struct InMemory(MemoryLock);

impl InMemory {
    fn paused() -> Self {
        tokio::time::pause();
        Self(MemoryLock::new())
    }
}

#[async_trait]
impl LockHarness for InMemory {
    async fn handle(&self) -> Arc<dyn Lock> {
        Arc::new(self.0.clone())
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn outage(&self, _on: bool) -> bool {
        false
    }
}

mod memory {
    use super::InMemory;
    crate::lock_conformance!(InMemory::paused(), without: { Outage: "it lives in this process" });
}

mod twin {
    use super::{Flaw, Twin};
    crate::lock_conformance!({
        tokio::time::pause();
        Twin::with(Flaw::Sound)
    });
}

#[tokio::test(start_paused = true)]
async fn every_flaw_is_caught_by_its_cases() {
    for (flaw, cases) in CAUGHT {
        for case in *cases {
            let checked = case.check(&Twin::with(*flaw)).await;
            assert!(checked.is_err(), "{case:?} does not notice {flaw:?}");
            let violation = checked.unwrap_err().to_string();
            assert!(!violation.contains("inconclusive"), "{case:?} on {flaw:?}: {violation}");
        }
    }
}

#[test]
fn every_case_fails_for_some_flaw() {
    for case in Case::ALL {
        assert!(CAUGHT.iter().any(|(_, cases)| cases.contains(case)), "no lock breaks {case:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_the_harness_cannot_make_is_not_passed_silently() {
    assert!(Case::Outage.check(&InMemory(MemoryLock::new())).await.is_err());
}
