//! Calls that are given up in the middle, at every place where they wait.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::case::{Checked, Violation, ensure};
use super::super::server::Answer;
use super::HostileHarness;
use super::stage::{CALL, PATIENCE, Stage, describe, shown};
use crate::clock::SystemClock;
use crate::context::{ByteBudget, Context};
use crate::error::ErrorKind;

/// Pieces an answer comes in: a place to wait before each.
const PIECES: usize = 6;

/// The pause before each piece.
const PAUSE: Duration = Duration::from_millis(2);

/// Places to wait after which a call that is not done is going round in circles.
const MOST_AWAITS: usize = 400;

/// How long nothing happens before a call waits for what never comes.
const QUIET: Duration = Duration::from_millis(150);

fn slowly(answer: Answer) -> Answer {
    let piece = answer.body.len().div_ceil(PIECES);
    answer.in_pieces(piece, PAUSE)
}

/// Polls until the future is done, or so many times.
async fn polled<F: Future>(future: &mut Pin<&mut F>, times: usize) -> Option<F::Output> {
    let mut left = times;
    std::future::poll_fn(|cx| {
        left = left.saturating_sub(1);
        match future.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn call(budget: &ByteBudget, stop: &CancellationToken) -> Context {
    let cx = Context::new(stop.clone(), Arc::new(SystemClock), budget.clone());
    cx.for_call("hostile".into(), stop.clone(), CALL)
}

pub(super) async fn drop_everywhere<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    for step in &stage.steps {
        let answer = stage.recorded(step)?;
        let (source, tasks) = (harness.source(&stage.server.url()), &step.tasks);
        let budget = ByteBudget::new(64 << 20);
        let (free, stop) = (budget.available(), CancellationToken::new());
        for awaits in 1.. {
            ensure!(awaits < MOST_AWAITS, "{} is not done after {awaits} awaits", shown(tasks));
            let slow = slowly(answer.clone());
            stage.server.respond(move |_| slow.clone());
            let cx = call(&budget, &stop);
            let done = {
                let mut fetch = pin!(source.fetch(&cx, tasks));
                polled(&mut fetch, awaits).await.is_some()
            };
            let held = free - budget.available();
            ensure!(
                held == 0,
                "dropped at await {awaits}, {} holds {held} bytes of the budget",
                shown(tasks)
            );
            let whole = answer.clone();
            stage.server.respond(move |_| whole.clone());
            let next = tokio::time::timeout(CALL, source.fetch(&cx, tasks)).await;
            let next = next.map_err(|_| {
                Violation::new(format!("the call after one that was dropped at await {awaits} does not end"))
            })?;
            let said = next.and_then(|payload| source.parse(tasks, &payload));
            let right = said.as_ref().is_ok_and(|page| stage.keys(page) == step.keys);
            ensure!(right, "the call after one that was dropped at await {awaits}: {}", describe(&said));
            if done {
                break;
            }
        }
    }
    Ok(())
}

pub(super) async fn stop_everywhere<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    for step in &stage.steps {
        let answer = stage.recorded(step)?;
        let (source, tasks) = (harness.source(&stage.server.url()), &step.tasks);
        for awaits in 1..MOST_AWAITS {
            // The last byte never comes, so a call that goes on goes on for ever.
            let stalled = answer.clone().stall_after(answer.body.len().saturating_sub(1));
            stage.server.respond(move |_| stalled.clone());
            let stop = CancellationToken::new();
            let cx = call(&ByteBudget::new(64 << 20), &stop);
            let mut fetch = pin!(source.fetch(&cx, tasks));
            let reached = tokio::time::timeout(QUIET, polled(&mut fetch, awaits)).await;
            if let Ok(Some(done)) = reached {
                let done = done.map(|payload| payload.body.len());
                return Err(Violation::new(format!(
                    "an answer whose last byte is missing was taken: {done:?}"
                )));
            }
            stop.cancel();
            let said = tokio::time::timeout(PATIENCE, fetch).await;
            let said = said.map_err(|_| {
                Violation::new(format!("{} goes on after it was stopped at await {awaits}", shown(tasks)))
            })?;
            let kind = said.as_ref().err().map(crate::error::Error::kind);
            let cancelled = kind == Some(ErrorKind::Cancelled);
            ensure!(cancelled, "a call stopped at await {awaits} must be `cancelled`: {said:?}");
            if reached.is_err() {
                break;
            }
        }
    }
    Ok(())
}
