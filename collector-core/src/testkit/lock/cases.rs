//! The cases: one function each.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::super::case::{Checked, Violation, ensure};
use super::LockHarness;
use crate::error::{Error, ErrorKind};
use crate::lock::{Acquired, Lease, LeaseOptions, Lock, LockKey, Released, Renewed};

const CONTENDERS: usize = 8;
const ROUNDS: usize = 20;

/// Tries to reach the service again after an outage, a tenth of a ttl apart.
const RECONNECTS: usize = 100;

type Handle = Arc<dyn Lock>;

pub(super) async fn partial<H: LockHarness + ?Sized>(harness: &H) -> Checked {
    let (a, b) = (harness.handle().await, harness.handle().await);
    let (keys, options) = (keys(6), plain(harness));
    ensure!(acquire(&a, &[], options).await?.is_empty(), "no keys must give no answers");
    let taken = leases(acquire(&a, &[keys[4].clone(), keys[1].clone()], options).await?)?;
    let answers = acquire(&b, &keys, options).await?;
    let held: Vec<_> = answers.iter().map(|answer| matches!(answer, Acquired::Held { .. })).collect();
    ensure!(
        held == [false, true, false, false, true, false],
        "keys 1 and 4 are held, the other four are free; held were {held:?}"
    );
    release_all(&a, vec![taken[1].clone()]).await?;
    let renewed = renew_all(&a, &taken).await?;
    ensure!(
        renewed == [Renewed::Held, Renewed::Lost],
        "of a held and a released lease, in this order, the renewals were {renewed:?}"
    );
    let released = released(&a, vec![taken[1].clone(), taken[0].clone()]).await?;
    ensure!(
        released == [Released::NotOurs, Released::Freed],
        "of a released and a held lease, in this order, the releases were {released:?}"
    );
    Ok(())
}

pub(super) async fn refused<H: LockHarness + ?Sized>(harness: &H) -> Checked {
    let (a, b) = (harness.handle().await, harness.handle().await);
    let (key, options) = (key(), plain(harness));
    let both = acquire(&a, &[key.clone(), key.clone()], options).await?;
    ensure!(
        matches!(both[..], [Acquired::Granted(_), Acquired::Held { .. }]),
        "one key asked for twice in a call must be granted once"
    );
    must_be_held(&a, &key, options).await?;
    must_be_held(&b, &key, options).await
}

pub(super) async fn independent<H: LockHarness + ?Sized>(harness: &H) -> Checked {
    let handle = harness.handle().await;
    let base = key();
    // Alike for a store that folds case, cuts, trims, splits at `:` or reads `{…}` and `*` as syntax.
    let names = ["", "x", "X", ":x", "x ", "é", "e\u{301}", "x*", "{x}", "x:y", "x/y", "x\"'`;--"];
    let mut keys: Vec<_> = names.iter().map(|name| LockKey(format!("{base}{name}").into())).collect();
    keys.push(LockKey(format!("{base}{}", "long".repeat(60)).into()));
    keys.push(LockKey(format!("{base}{}!", "long".repeat(60)).into()));
    for (n, chunk) in keys.chunks(5).enumerate() {
        let count = leases(acquire(&handle, chunk, plain(harness)).await?)?.len();
        ensure!(count == chunk.len(), "{count} of {} different keys were granted (chunk {n})", chunk.len());
    }
    Ok(())
}

pub(super) async fn release<H: LockHarness + ?Sized>(harness: &H) -> Checked {
    let (a, b) = (harness.handle().await, harness.handle().await);
    let (key, options) = (key(), plain(harness));
    let lease = must_be_granted(&a, &key, options).await?;
    release_all(&a, vec![lease.clone()]).await?;
    must_be_granted(&b, &key, options).await?;
    let again = released(&a, vec![lease]).await?;
    ensure!(again == [Released::NotOurs], "a second release said {again:?}");
    must_be_held(&a, &key, options).await
}

pub(super) async fn expires<H: LockHarness + ?Sized>(harness: &H) -> Checked {
    let (a, b) = (harness.handle().await, harness.handle().await);
    let (key, options) = (key(), plain(harness));
    must_be_granted(&a, &key, options).await?;
    harness.pass(options.ttl.mul_f64(1.2)).await;
    must_be_granted(&b, &key, options).await.map(drop)
}

pub(super) async fn not_before<H: LockHarness + ?Sized>(harness: &H) -> Checked {
    let (a, b) = (harness.handle().await, harness.handle().await);
    let (key, options) = (key(), plain(harness));
    let asked = Instant::now();
    let lease = must_be_granted(&a, &key, options).await?;
    let latest = Instant::now() + options.ttl;
    ensure!(lease.since() >= asked, "the lease says it began before it was asked for");
    ensure!(lease.valid_until() < latest, "the lease says it is valid for longer than its ttl");
    for _ in 0..2 {
        harness.pass(options.ttl.mul_f64(0.3)).await;
        must_be_held_in_time(&b, &key, options, asked + options.ttl).await?;
    }
    Ok(())
}

pub(super) async fn renew<H: LockHarness + ?Sized>(harness: &H) -> Checked {
    let (a, b) = (harness.handle().await, harness.handle().await);
    let (key, options) = (key(), plain(harness));
    let mut asked = Instant::now();
    let lease = must_be_granted(&a, &key, options).await?;
    for _ in 0..3 {
        harness.pass(options.ttl.mul_f64(0.6)).await;
        let late = Instant::now() >= asked + options.ttl.mul_f64(0.9);
        let answers = renew_all(&a, std::slice::from_ref(&lease)).await?;
        ensure!(!late, "inconclusive: the machine is too slow for a ttl of {:?}; raise `ttl()`", options.ttl);
        ensure!(answers == [Renewed::Held], "a lease in time was not renewed: {answers:?}");
        asked = Instant::now();
    }
    harness.pass(options.ttl.mul_f64(0.6)).await;
    must_be_held_in_time(&b, &key, options, asked + options.ttl).await?;
    harness.pass(options.ttl.mul_f64(0.6)).await;
    must_be_granted(&b, &key, options).await.map(drop)
}

pub(super) async fn no_revival<H: LockHarness + ?Sized>(harness: &H) -> Checked {
    let (a, b) = (harness.handle().await, harness.handle().await);
    let (keys, options) = (keys(3), plain(harness));
    let expired = must_be_granted(&a, &keys[0], options).await?;
    harness.pass(options.ttl.mul_f64(1.2)).await;
    must_be_lost(&a, &expired, "expired").await?;
    must_be_granted(&b, &keys[0], options).await?;

    let freed = must_be_granted(&a, &keys[1], options).await?;
    release_all(&a, vec![freed.clone()]).await?;
    must_be_lost(&a, &freed, "released").await?;
    must_be_granted(&b, &keys[1], options).await?;

    let held = LeaseOptions { min_hold: options.ttl.mul_f64(0.5), ..options };
    let kept = must_be_granted(&a, &keys[2], held).await?;
    release_all(&a, vec![kept.clone()]).await?;
    must_be_lost(&a, &kept, "released, still in its min_hold").await?;
    harness.pass(options.ttl.mul_f64(0.7)).await;
    must_be_granted(&b, &keys[2], options).await.map(drop)
}

pub(super) async fn stale_owner<H: LockHarness + ?Sized>(harness: &H) -> Checked {
    let (a, b) = (harness.handle().await, harness.handle().await);
    let (key, options) = (key(), plain(harness));
    let old = must_be_granted(&a, &key, options).await?;
    harness.pass(options.ttl.mul_f64(1.2)).await;
    let new = must_be_granted(&b, &key, options).await?;
    ensure!(old.owner() != new.owner(), "two holders have the same owner number");
    must_be_lost(&a, &old, "taken over").await?;
    let answers = released(&a, vec![old]).await?;
    ensure!(answers == [Released::NotOurs], "who lost the key could release it: {answers:?}");
    must_be_held(&a, &key, options).await?;
    let answers = renew_all(&b, std::slice::from_ref(&new)).await?;
    ensure!(answers == [Renewed::Held], "the new holder lost the key to the old one: {answers:?}");
    release_all(&b, vec![new]).await
}

pub(super) async fn min_hold<H: LockHarness + ?Sized>(harness: &H) -> Checked {
    let (a, b) = (harness.handle().await, harness.handle().await);
    let (keys, options) = (keys(3), plain(harness));
    let with = |part: f64| LeaseOptions { min_hold: options.ttl.mul_f64(part), ..options };

    let asked = Instant::now();
    let shorter = must_be_granted(&a, &keys[0], with(0.6)).await?;
    let longer = must_be_granted(&a, &keys[1], with(2.0)).await?;
    let over = must_be_granted(&a, &keys[2], with(0.2)).await?;
    release_all(&a, vec![shorter, longer]).await?;
    must_be_held_in_time(&b, &keys[0], options, asked + options.ttl.mul_f64(0.6)).await?;

    harness.pass(options.ttl.mul_f64(0.75)).await;
    must_be_granted(&b, &keys[0], options).await?;
    release_all(&a, vec![over]).await?;
    must_be_granted(&b, &keys[2], options).await?;

    harness.pass(options.ttl.mul_f64(0.5)).await;
    must_be_held_in_time(&b, &keys[1], options, asked + options.ttl * 2).await?;
    harness.pass(options.ttl).await;
    must_be_granted(&b, &keys[1], options).await.map(drop)
}

pub(super) async fn contenders<H: LockHarness + ?Sized>(harness: &H) -> Checked {
    let mut handles = Vec::new();
    for _ in 0..CONTENDERS {
        handles.push(harness.handle().await);
    }
    // A key that expired meanwhile would be granted twice by right.
    let options = LeaseOptions { ttl: harness.ttl() * 100, min_hold: Duration::ZERO };
    let key = key();
    for round in 0..ROUNDS {
        let winners = one_round(&handles, &key, options).await?;
        ensure!(
            winners.len() == 1,
            "round {round}: {} of {CONTENDERS} contenders got the key",
            winners.len()
        );
        release_all(&handles[round % CONTENDERS], winners).await?;
    }
    Ok(())
}

async fn one_round(handles: &[Handle], key: &LockKey, options: LeaseOptions) -> Checked<Vec<Lease>> {
    let mut tries = JoinSet::new();
    for handle in handles {
        let (handle, key) = (Arc::clone(handle), key.clone());
        tries.spawn(async move { acquire(&handle, &[key], options).await });
    }
    let mut winners = Vec::new();
    while let Some(answers) = tries.join_next().await {
        let answers = answers.map_err(|error| Violation::new(format!("a contender panicked: {error}")))??;
        winners.extend(answers.into_iter().filter_map(granted));
    }
    Ok(winners)
}

pub(super) async fn outage<H: LockHarness + ?Sized>(harness: &H) -> Checked {
    let (a, b) = (harness.handle().await, harness.handle().await);
    let (keys, mut options) = (keys(2), plain(harness));
    options.ttl *= 100;
    let lease = must_be_granted(&a, &keys[0], options).await?;
    ensure!(harness.outage(true).await, "the harness cannot make the service unreachable; declare it");
    let checked = during_outage(&a, &keys, &lease, options).await;
    harness.outage(false).await;
    checked?;
    reconnect(harness, &b, options).await?;
    must_be_held(&b, &keys[0], options).await
}

async fn during_outage(lock: &Handle, keys: &[LockKey], lease: &Lease, options: LeaseOptions) -> Checked {
    must_be_outage("acquire", lock.try_acquire_many(keys, options).await)?;
    must_be_outage("renew", lock.renew_many(std::slice::from_ref(lease)).await)?;
    must_be_outage("release", lock.release_many(vec![lease.clone()]).await)
}

fn must_be_outage<T: std::fmt::Debug>(call: &str, answer: Result<T, Error>) -> Checked {
    match answer {
        Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) => Ok(()),
        other => Err(Violation::new(format!("{call} during an outage must be `Unavailable`, was {other:?}"))),
    }
}

async fn reconnect<H: LockHarness + ?Sized>(harness: &H, lock: &Handle, options: LeaseOptions) -> Checked {
    for _ in 0..RECONNECTS {
        if lock.try_acquire_many(&[key()], options).await.is_ok() {
            return Ok(());
        }
        harness.pass(harness.ttl() / 10).await;
    }
    Err(Violation::new("the lock does not find its service again after an outage"))
}

fn plain<H: LockHarness + ?Sized>(harness: &H) -> LeaseOptions {
    LeaseOptions { ttl: harness.ttl(), min_hold: Duration::ZERO }
}

/// A key nobody else uses, so that the service may be shared and the suite run again at once.
fn key() -> LockKey {
    LockKey(format!("conformance:{:032x}", rand::random::<u128>()).into())
}

fn keys(count: usize) -> Vec<LockKey> {
    std::iter::repeat_with(key).take(count).collect()
}

fn broke(call: &str, error: &Error) -> Violation {
    Violation::new(format!("{call} failed: {error:?}"))
}

async fn acquire(lock: &Handle, keys: &[LockKey], options: LeaseOptions) -> Checked<Vec<Acquired>> {
    let answers = lock.try_acquire_many(keys, options).await.map_err(|error| broke("acquire", &error))?;
    ensure!(answers.len() == keys.len(), "{} keys, {} answers", keys.len(), answers.len());
    for (key, answer) in keys.iter().zip(&answers) {
        match answer {
            Acquired::Granted(lease) => {
                ensure!(lease.key() == key, "asked for {key}, got a lease of {}", lease.key());
                ensure!(lease.options() == options, "the lease of {key} has other options than asked for");
            }
            Acquired::Held { .. } => {}
        }
    }
    Ok(answers)
}

fn granted(answer: Acquired) -> Option<Lease> {
    match answer {
        Acquired::Granted(lease) => Some(lease),
        Acquired::Held { .. } => None,
    }
}

fn leases(answers: Vec<Acquired>) -> Checked<Vec<Lease>> {
    let (asked, leases) = (answers.len(), answers.into_iter().filter_map(granted).collect::<Vec<_>>());
    ensure!(leases.len() == asked, "only {} of {asked} free keys were granted", leases.len());
    Ok(leases)
}

async fn must_be_granted(lock: &Handle, key: &LockKey, options: LeaseOptions) -> Checked<Lease> {
    let answer = acquire(lock, std::slice::from_ref(key), options).await?.pop();
    answer.and_then(granted).ok_or_else(|| Violation::new("a free key was refused"))
}

async fn must_be_held(lock: &Handle, key: &LockKey, options: LeaseOptions) -> Checked {
    let answer = acquire(lock, std::slice::from_ref(key), options).await?.pop();
    ensure!(matches!(answer, Some(Acquired::Held { .. })), "a held key was granted again");
    Ok(())
}

/// A key granted after `end` was granted by right: the machine was too slow to tell.
async fn must_be_held_in_time(lock: &Handle, key: &LockKey, options: LeaseOptions, end: Instant) -> Checked {
    let held = must_be_held(lock, key, options).await;
    match held {
        Err(_) if Instant::now() >= end => Err(Violation::new(format!(
            "inconclusive: the machine is too slow for a ttl of {:?}; raise `ttl()`",
            options.ttl
        ))),
        held => held,
    }
}

async fn must_be_lost(lock: &Handle, lease: &Lease, why: &str) -> Checked {
    let answers = renew_all(lock, std::slice::from_ref(lease)).await?;
    ensure!(answers == [Renewed::Lost], "a lease that was {why} was renewed");
    Ok(())
}

async fn renew_all(lock: &Handle, leases: &[Lease]) -> Checked<Vec<Renewed>> {
    let answers = lock.renew_many(leases).await.map_err(|error| broke("renew", &error))?;
    ensure!(answers.len() == leases.len(), "{} leases, {} renewals", leases.len(), answers.len());
    Ok(answers)
}

async fn released(lock: &Handle, leases: Vec<Lease>) -> Checked<Vec<Released>> {
    let asked = leases.len();
    let answers = lock.release_many(leases).await.map_err(|error| broke("release", &error))?;
    ensure!(answers.len() == asked, "{asked} leases, {} releases", answers.len());
    Ok(answers)
}

async fn release_all(lock: &Handle, leases: Vec<Lease>) -> Checked {
    let answers = released(lock, leases).await?;
    ensure!(
        answers.iter().all(|answer| *answer == Released::Freed),
        "held leases were not freed: {answers:?}"
    );
    Ok(())
}
