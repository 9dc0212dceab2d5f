//! The keeper against a lock that fails by script, under paused time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinHandle;

use super::*;
use crate::lock::{MemoryLock, Released};

const TTL: Duration = Duration::from_secs(60);

/// What the service does with one renewal.
#[derive(Debug, Clone, Copy)]
enum Does {
    Answers,
    AnswersAfter(Duration),
    Fails,
    FailsAfter(Duration),
    RenewsAndFails,
    Hangs,
}

/// A memory lock whose renewals follow a plan, with a note of every call.
struct Scripted {
    inner: MemoryLock,
    plan: Box<dyn Fn(Instant) -> Does + Send + Sync>,
    hung: AtomicBool,
    renewals: Mutex<Vec<Vec<u128>>>,
    largest: AtomicUsize,
}

impl Scripted {
    fn new(plan: impl Fn(Instant) -> Does + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryLock::new(),
            plan: Box::new(plan),
            hung: AtomicBool::new(false),
            renewals: Mutex::default(),
            largest: AtomicUsize::new(0),
        })
    }

    fn renewals(&self) -> Vec<Vec<u128>> {
        self.renewals.lock().unwrap().clone()
    }

    fn note(&self, size: usize) {
        self.largest.fetch_max(size, Ordering::Relaxed);
    }
}

fn outage() -> Error {
    Error::new(ErrorKind::Unavailable, "the lock service is down")
}

#[async_trait]
impl Lock for Scripted {
    async fn try_acquire_many(&self, keys: &[LockKey], options: LeaseOptions) -> Result<Vec<Acquired>> {
        self.note(keys.len());
        if self.hung.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.inner.try_acquire_many(keys, options).await
    }

    async fn renew_many(&self, leases: &[Lease]) -> Result<Vec<Renewed>> {
        self.note(leases.len());
        self.renewals.lock().unwrap().push(leases.iter().map(Lease::owner).collect());
        match (self.plan)(Instant::now()) {
            Does::Answers => self.inner.renew_many(leases).await,
            Does::AnswersAfter(wait) => {
                let answers = self.inner.renew_many(leases).await;
                tokio::time::sleep(wait).await;
                answers
            }
            Does::Fails => Err(outage()),
            Does::FailsAfter(wait) => {
                tokio::time::sleep(wait).await;
                Err(outage())
            }
            Does::RenewsAndFails => self.inner.renew_many(leases).await.and(Err(outage())),
            Does::Hangs => std::future::pending().await,
        }
    }

    async fn release_many(&self, leases: Vec<Lease>) -> Result<Vec<Released>> {
        self.note(leases.len());
        self.inner.release_many(leases).await
    }
}

struct Running {
    keeper: Arc<Keeper>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(lock: Arc<dyn Lock>, ttl: Duration) -> Self {
        let keeper = Arc::new(Keeper::new(lock, LeaseOptions { ttl, min_hold: Duration::ZERO }));
        let stop = CancellationToken::new();
        let task = tokio::spawn(Arc::clone(&keeper).run(stop.clone()));
        Self { keeper, stop, task }
    }

    async fn acquire(&self, names: impl IntoIterator<Item = usize>) -> Vec<Lease> {
        let keys = names.into_iter().map(key).collect();
        let answers = self.keeper.acquire(keys).await.unwrap();
        granted(&answers).cloned().collect()
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

fn key(n: usize) -> LockKey {
    LockKey(format!("source:profile:{n}").into())
}

async fn is_free(lock: &MemoryLock, n: usize) -> bool {
    let options = LeaseOptions { ttl: Duration::from_millis(1), min_hold: Duration::ZERO };
    matches!(lock.try_acquire_many(&[key(n)], options).await.unwrap()[0], Acquired::Granted(_))
}

/// Renewals of one seed: anything until the outage, then no success any more.
fn random_plan(seed: u64, ttl: Duration) -> impl Fn(Instant) -> Does {
    let rng = Mutex::new(SmallRng::seed_from_u64(seed));
    let outage_at = Instant::now() + ttl.mul_f64(rng.lock().unwrap().random_range(0.0..4.0));
    move |now| {
        let mut rng = rng.lock().unwrap();
        let wait = ttl.mul_f64(rng.random_range(0.0..2.0));
        let choices = if now < outage_at { 0..7 } else { 0..4 };
        match rng.random_range(choices) {
            0 => Does::Fails,
            1 => Does::FailsAfter(wait),
            2 => Does::RenewsAndFails,
            3 => Does::Hangs,
            4 => Does::AnswersAfter(wait),
            _ => Does::Answers,
        }
    }
}

/// After the outage a renewal may still reach the service; its answer never reaches us.
async fn one_random_outage(seed: u64) {
    let mut rng = SmallRng::seed_from_u64(!seed);
    let ttl = Duration::from_millis(rng.random_range(500..120_000));
    let lock = Scripted::new(random_plan(seed, ttl));
    let running = Running::start(Arc::clone(&lock) as Arc<dyn Lock>, ttl);
    let mut lateness = tokio::task::JoinSet::new();
    for n in 0..rng.random_range(1..4) {
        let lease = running.acquire([n]).await.remove(0);
        lateness.spawn(async move {
            tokio::time::timeout(20 * lease.options().ttl, lease.lost().cancelled())
                .await
                .expect("loss is declared");
            Instant::now().saturating_duration_since(lease.valid_until())
        });
        tokio::time::sleep(ttl.mul_f64(rng.random_range(0.0..0.4))).await;
    }
    while let Some(late) = lateness.join_next().await {
        assert_eq!(
            late.unwrap(),
            Duration::ZERO,
            "seed {seed}: loss declared after valid_until, ttl {ttl:?}"
        );
    }
    assert_eq!(running.keeper.watched(), 0, "seed {seed}");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_declared_before_the_lease_ends_in_a_thousand_random_schedules() {
    for seed in 0..1_000 {
        one_random_outage(seed).await;
    }
}

/// Watches one lease and a rival at once: nobody else may get the key while the lease says it is held.
async fn rival_never_overlaps(seed: u64) {
    let ttl = Duration::from_secs(30);
    let lock = Scripted::new(random_plan(seed, ttl));
    let running = Running::start(Arc::clone(&lock) as Arc<dyn Lock>, ttl);
    let lease = running.acquire([0]).await.remove(0);
    while !is_free(&lock.inner, 0).await {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!lease.is_held(Instant::now()) && lease.lost().is_cancelled(), "seed {seed}: two holders");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_else_gets_a_key_while_its_lease_says_it_is_held() {
    for seed in 0..100 {
        rival_never_overlaps(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_hung_renewal_does_not_delay_the_declaration() {
    let lock = Scripted::new(|_| Does::Hangs);
    let running = Running::start(lock, TTL);
    let lease = running.acquire([0]).await.remove(0);
    let end = lease.valid_until();
    lease.lost().cancelled().await;
    let left = end.saturating_duration_since(Instant::now());
    assert!(left >= TTL / 25, "only {left:?} left to stop the work");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_held_lease_lives_as_long_as_it_is_renewed() {
    let lock = Scripted::new(|_| Does::Answers);
    let running = Running::start(Arc::clone(&lock) as Arc<dyn Lock>, TTL);
    let leases = running.acquire(0..3).await;
    tokio::time::sleep(20 * TTL).await;
    assert!(leases.iter().all(|lease| lease.is_held(Instant::now())));
    assert!(!is_free(&lock.inner, 1).await);
    let calls = lock.renewals().len();
    assert!(
        (55..=61).contains(&calls),
        "{calls} renewals in 20 ttl: every third of one, all leases together"
    );
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_once_is_tried_again_inside_the_interval() {
    let failed = AtomicBool::new(false);
    let lock = Scripted::new(
        move |_| if failed.swap(true, Ordering::Relaxed) { Does::Answers } else { Does::Hangs },
    );
    let running = Running::start(Arc::clone(&lock) as Arc<dyn Lock>, TTL);
    let lease = running.acquire([0]).await.remove(0);
    tokio::time::sleep(TTL / 2 + Duration::from_millis(10)).await;
    assert_eq!(lock.renewals().len(), 2);
    tokio::time::sleep(TTL).await;
    assert!(lease.is_held(Instant::now()));
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_service_calls_lost_is_lost_at_the_next_renewal() {
    let lock = Scripted::new(|_| Does::Answers);
    let running = Running::start(Arc::clone(&lock) as Arc<dyn Lock>, TTL);
    let leases = running.acquire(0..2).await;
    lock.inner.release_many(vec![leases[0].clone()]).await.unwrap();
    tokio::time::sleep(TTL / 3 + Duration::from_millis(10)).await;
    assert!(leases[0].lost().is_cancelled());
    assert!(!leases[1].lost().is_cancelled());
    assert_eq!(running.keeper.watched(), 1);
    assert!(is_free(&lock.inner, 0).await, "a renewal must not take the key again");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_not_renewed() {
    let lock = Scripted::new(|_| Does::Answers);
    let running = Running::start(Arc::clone(&lock) as Arc<dyn Lock>, TTL);
    let mut leases = running.acquire(0..2).await;
    let released = leases.remove(0);
    running.keeper.release(vec![released.clone()]).await;
    assert!(is_free(&lock.inner, 0).await);
    tokio::time::sleep(3 * TTL).await;
    assert!(lock.renewals().iter().all(|owners| !owners.contains(&released.owner())));
    assert!(lock.renewals().iter().any(|owners| owners.contains(&leases[0].owner())));
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_released_while_it_is_renewed_is_not_revived() {
    // The renewal reaches the service at once, its answer comes late.
    let lock = Scripted::new(|_| Does::AnswersAfter(TTL / 10));
    let running = Running::start(Arc::clone(&lock) as Arc<dyn Lock>, TTL);
    let lease = running.acquire([0]).await.remove(0);
    tokio::time::sleep(TTL / 3 + TTL / 20).await;
    assert_eq!(lock.renewals().len(), 1, "the renewal is under way");
    running.keeper.release(vec![lease.clone()]).await;
    let end = lease.valid_until();
    tokio::time::sleep(3 * TTL).await;
    assert_eq!(lock.renewals().len(), 1);
    assert_eq!(running.keeper.watched(), 0);
    assert_eq!(lease.valid_until(), end, "the late answer must not prolong it");
    assert!(is_free(&lock.inner, 0).await);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn when_the_loop_ends_nothing_is_held_and_nothing_granted() {
    for abort in [false, true] {
        let lock = Scripted::new(|_| Does::Answers);
        let running = Running::start(Arc::clone(&lock) as Arc<dyn Lock>, TTL);
        let leases = running.acquire(0..5).await;
        let keeper = Arc::clone(&running.keeper);
        if abort {
            running.task.abort();
            assert!(running.task.await.unwrap_err().is_cancelled());
        } else {
            running.end().await;
        }
        assert!(leases.iter().all(|lease| lease.lost().is_cancelled()));
        assert_eq!(keeper.watched(), 0);
        assert_eq!(keeper.acquire(vec![key(9)]).await.unwrap_err().kind(), ErrorKind::Cancelled);
        assert!(is_free(&lock.inner, 9).await, "what was granted too late is given back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_hangs_is_an_outage() {
    let lock = Scripted::new(|_| Does::Answers);
    let running = Running::start(Arc::clone(&lock) as Arc<dyn Lock>, TTL);
    lock.hung.store(true, Ordering::Relaxed);
    let asked = Instant::now();
    let error = running.keeper.acquire(vec![key(0)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(asked.elapsed() <= TTL / 2);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_call_has_more_than_500_keys_and_answers_keep_their_order() {
    let lock = Scripted::new(|_| Does::Answers);
    let running = Running::start(Arc::clone(&lock) as Arc<dyn Lock>, TTL);
    let taken = running.acquire([700]).await;
    let answers = running.keeper.acquire((0..1_201).map(key).collect()).await.unwrap();
    assert!(answers.iter().enumerate().all(|(n, answer)| match answer {
        Acquired::Granted(lease) => n != 700 && *lease.key() == key(n),
        Acquired::Held { .. } => n == 700,
    }));
    assert_eq!(running.keeper.watched(), 1_201);
    tokio::time::sleep(TTL).await;
    running.keeper.release(granted(&answers).chain(&taken).cloned().collect()).await;
    assert_eq!((running.keeper.watched(), lock.inner.kept()), (0, 0));
    assert_eq!(lock.largest.load(Ordering::Relaxed), 500);
    running.end().await;
}

/// Answers for one key too few.
struct Forgetful(MemoryLock);

#[async_trait]
impl Lock for Forgetful {
    async fn try_acquire_many(&self, keys: &[LockKey], options: LeaseOptions) -> Result<Vec<Acquired>> {
        self.0.try_acquire_many(&keys[1..], options).await
    }

    async fn renew_many(&self, _leases: &[Lease]) -> Result<Vec<Renewed>> {
        Ok(Vec::new())
    }

    async fn release_many(&self, leases: Vec<Lease>) -> Result<Vec<Released>> {
        self.0.release_many(leases).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_drops_an_answer_is_an_error_not_a_wrong_lease() {
    let running = Running::start(Arc::new(Forgetful(MemoryLock::new())), TTL);
    let error = running.keeper.acquire(vec![key(0), key(1)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert_eq!(running.keeper.watched(), 0);
    running.end().await;
}

/// Answers one call only, and as slowly as a machine that was suspended meanwhile.
struct Suspended {
    inner: MemoryLock,
    asleep: Duration,
    answered: AtomicUsize,
}

#[async_trait]
impl Lock for Suspended {
    async fn try_acquire_many(&self, keys: &[LockKey], options: LeaseOptions) -> Result<Vec<Acquired>> {
        if self.answered.fetch_add(1, Ordering::Relaxed) > 0 {
            return Err(outage());
        }
        let answers = self.inner.try_acquire_many(keys, options).await;
        tokio::time::advance(self.asleep).await;
        answers
    }

    async fn renew_many(&self, leases: &[Lease]) -> Result<Vec<Renewed>> {
        self.inner.renew_many(leases).await
    }

    async fn release_many(&self, leases: Vec<Lease>) -> Result<Vec<Released>> {
        self.inner.release_many(leases).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_whose_end_passed_before_it_arrived_is_none() {
    let (inner, answered) = (MemoryLock::new(), AtomicUsize::new(0));
    let running = Running::start(Arc::new(Suspended { inner, asleep: 2 * TTL, answered }), TTL);
    let answers = running.keeper.acquire(vec![key(0)]).await.unwrap();
    assert!(matches!(answers[..], [Acquired::Held { remaining: None }]));
    assert_eq!(running.keeper.watched(), 0);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_half_way_gives_back_what_was_granted() {
    let (inner, answered) = (MemoryLock::new(), AtomicUsize::new(0));
    let lock = Suspended { inner: inner.clone(), asleep: Duration::ZERO, answered };
    let running = Running::start(Arc::new(lock), TTL);
    let error = running.keeper.acquire((0..501).map(key).collect()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!((running.keeper.watched(), inner.kept()), (0, 0));
    running.end().await;
}

/// One of eight processes: takes the key, works, sometimes beyond its ttl, sometimes dies without a release.
async fn contend(lock: MemoryLock, seed: u64, inside: Arc<AtomicUsize>, turns: Arc<AtomicUsize>) {
    let ttl = Duration::from_secs(3);
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut running = Running::start(Arc::new(lock.clone()), ttl);
    for _ in 0..10 {
        let lease = loop {
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..400))).await;
            if let Some(lease) = running.acquire([0]).await.pop() {
                break lease;
            }
        };
        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two holders at once");
        turns.fetch_add(1, Ordering::SeqCst);
        let work = Duration::from_millis(rng.random_range(0..8_000));
        let died = rng.random_bool(0.2);
        tokio::select! {
            () = lease.lost().cancelled() => panic!("a renewed lease was lost"),
            () = tokio::time::sleep(work) => {}
        }
        inside.fetch_sub(1, Ordering::SeqCst);
        if died {
            running.end().await;
            running = Running::start(Arc::new(lock.clone()), ttl);
        } else {
            running.keeper.release(vec![lease]).await;
        }
    }
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn eight_contenders_never_overlap() {
    let (lock, inside, turns) =
        (MemoryLock::new(), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let mut contenders = tokio::task::JoinSet::new();
    for seed in 0..8 {
        contenders.spawn(contend(lock.clone(), seed, Arc::clone(&inside), Arc::clone(&turns)));
    }
    while let Some(ended) = contenders.join_next().await {
        ended.unwrap();
    }
    assert_eq!(turns.load(Ordering::SeqCst), 80);
}
