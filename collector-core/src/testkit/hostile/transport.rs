//! Answers that are refused, cut, bloated or late.

use std::time::Duration;

use super::super::case::{Checked, Violation, ensure};
use super::super::server::Answer;
use super::HostileHarness;
use super::bomb;
use super::stage::{CALL, SHORT, Stage, Step, describe, must_fail, shown};
use crate::clock::SystemClock;
use crate::context::{ByteBudget, Context};
use crate::error::{Error, ErrorKind};

/// The wait a vendor asks for.
const WAIT: Duration = Duration::from_secs(40);

/// What a wait read from a date may be off: dates have whole seconds, and machines are busy.
const OFF: Duration = Duration::from_secs(15);

/// Places at which a document is cut.
const CUTS: usize = 100;

/// The size of a big page; the suite's own tests play it hundreds of times.
const BIG: usize = if cfg!(test) { 1 << 20 } else { 10 << 20 };

/// What no answer may be read as: it is tried again, or a person looks at it.
const NO_ANSWER: &[ErrorKind] = &[ErrorKind::Unavailable, ErrorKind::Malformed, ErrorKind::Blocked];

fn too_many() -> Answer {
    Answer::status(429).body("slow down")
}

fn http_date(in_secs: i64) -> String {
    let at = jiff::Timestamp::now().as_second() + in_secs;
    let at = jiff::Timestamp::from_second(at).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

pub(super) async fn retry_after_seconds<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let answer = || too_many().header("retry-after", WAIT.as_secs().to_string());
    refused(harness, answer, Some(Duration::ZERO)).await
}

pub(super) async fn retry_after_date<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let answer = || {
        let wait = i64::try_from(WAIT.as_secs()).unwrap_or_default();
        too_many().header("date", http_date(0)).header("retry-after", http_date(wait))
    };
    refused(harness, answer, Some(OFF)).await
}

pub(super) async fn rate_limit_reset<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let answer = || {
        let reset = too_many().header("x-ratelimit-limit", "10").header("x-ratelimit-remaining", "0");
        reset.header("x-ratelimit-reset", WAIT.as_secs().to_string())
    };
    refused(harness, answer, Some(Duration::ZERO)).await
}

pub(super) async fn bare_429<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let answer = || {
        let page = too_many().header("content-type", "text/html; charset=utf-8");
        page.body("<html><h1>429 Too Many Requests</h1></html>")
    };
    refused(harness, answer, None).await
}

/// Every call of the recording, refused for speed: the kind is right, and the wait is off by no more than that.
async fn refused<H: HostileHarness + ?Sized>(
    harness: &H,
    answer: impl Fn() -> Answer,
    off: Option<Duration>,
) -> Checked {
    let stage = Stage::set(harness).await?;
    for step in &stage.steps {
        let refusal = answer();
        let said = stage.ask(step, move |_| refusal.clone()).await;
        let error = must_fail(&said, &[ErrorKind::RateLimited], "a 429")?;
        let Some(off) = off else { continue };
        let wait = error.wait();
        let kept = wait.is_some_and(|wait| wait + off >= WAIT && wait <= WAIT + off);
        ensure!(kept, "the vendor asks to wait {WAIT:?}, the error says {wait:?}: {error:?}");
    }
    Ok(())
}

pub(super) async fn truncated_json<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    let mut cut = 0;
    for step in &stage.steps {
        let body = stage.recorded(step)?.body;
        let whole = body.trim_ascii_end().len();
        if !matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) {
            continue;
        }
        cut += 1;
        for keep in (0..whole).step_by((whole / CUTS).max(1)) {
            let answer = stage.recorded(step)?.body(body.slice(..keep));
            let what = format!("JSON cut after {keep} of {whole} bytes");
            must_fail(&stage.parse(step, &super::stage::payload(&answer), &what)?, NO_ANSWER, &what)?;
        }
        let half = move |answer: Answer| answer.clone().body(answer.body.slice(..whole / 2));
        must_fail(&stage.ask(step, half).await, NO_ANSWER, "JSON of which half was sent")?;
    }
    ensure!(cut > 0, "no answer of the recording is JSON: declare the exception");
    Ok(())
}

pub(super) async fn html_page<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    let pages = [
        "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
        "<!DOCTYPE html>\n<html><body>We are down for maintenance. Be back soon!</body></html>",
    ];
    for step in &stage.steps {
        for page in pages {
            let said = stage.ask(step, move |_| Answer::html(page)).await;
            must_fail(&said, NO_ANSWER, "HTML with status 200 from somebody in between")?;
        }
    }
    Ok(())
}

pub(super) async fn compression_bomb<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    let step = first(&stage)?;
    let cap = harness.max_body();
    let bomb = bomb::gzip_of_zeros(cap + (4 << 20));
    let small = bomb.len();
    let packed = move |answer: Answer| answer.header("content-encoding", "gzip").body(bomb.clone());
    match stage.fetch(step, CALL, packed).await? {
        Err(error) => {
            let kept = error.kind() == ErrorKind::Malformed && error.is_maybe_charged();
            ensure!(kept, "a body beyond the cap must be `malformed` and perhaps charged: {error:?}");
        }
        Ok(payload) => {
            let got = payload.body.len();
            // Whoever does not unpack it gets what was sent.
            ensure!(got <= small, "{small} bytes were unpacked to {got}, the cap is {cap}");
        }
    }
    Ok(())
}

pub(super) async fn slow_drip<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    let step = first(&stage)?;
    // So long that also a machine that stands still for a minute does not see its end.
    let endless = |answer: Answer| {
        let body = [answer.body.as_ref(), &[b' '; 10_000]].concat();
        answer.body(body).drip(SHORT / 6)
    };
    let said = stage.fetch(step, SHORT, endless).await?;
    let error = failed(said, step, "a byte now and then")?;
    let right = error.kind() == ErrorKind::Timeout && error.is_maybe_charged();
    ensure!(right, "an answer that is late must be `timeout` and perhaps charged: {error:?}");
    Ok(())
}

pub(super) async fn reset_mid_body<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    for step in &stage.steps {
        let half = |answer: Answer| {
            let half = answer.body.len() / 2;
            answer.reset_after(half)
        };
        let error = failed(stage.fetch(step, CALL, half).await?, step, "a connection reset in mid-body")?;
        let right = error.kind() == ErrorKind::Unavailable && error.is_maybe_charged();
        ensure!(right, "a reset in mid-body must be `unavailable` and perhaps charged: {error:?}");
    }
    Ok(())
}

pub(super) async fn big_page<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    let step = first(&stage)?;
    let bloated = bloat(&stage.recorded(step)?);
    stage
        .ask(step, |answer| answer)
        .await
        .map_err(|error| Violation::new(format!("a small page: {error:?}")))?;
    let budget = ByteBudget::new(64 << 20);
    let free = budget.available();
    let cx =
        Context::new(tokio_util::sync::CancellationToken::new(), std::sync::Arc::new(SystemClock), budget);
    let cx = cx.for_call("hostile".into(), cx.stop().clone(), CALL);
    stage.server.respond(move |_| bloated.clone());
    let payload = stage.source.fetch(&cx, &step.tasks).await;
    let payload =
        payload.map_err(|error| Violation::new(format!("a page of 10 MB was not taken: {error:?}")))?;
    let said = stage.parse(step, &payload, "a page of 10 MB")?;
    let keys = said.as_ref().map(|page| stage.keys(page));
    ensure!(
        keys.is_ok_and(|keys| keys == step.keys),
        "a page of 10 MB was read differently: {}",
        describe(&said)
    );
    drop(payload);
    let held = free - cx.byte_budget().available();
    ensure!(held == 0, "{held} bytes of the budget are held after the answer was dropped");
    Ok(())
}

/// The answer with 10 MB of what nobody asked for: a comment in a page, members of an object, or blanks.
fn bloat(answer: &Answer) -> Answer {
    let body = &answer.body;
    let html = body.trim_ascii_start().first() == Some(&b'<');
    let filler = if html {
        format!("<!-- {} -->", "x".repeat(BIG))
    } else if body.trim_ascii_start().first() == Some(&b'{') {
        let member = format!("\"filler\":{{\"text\":\"{}\",\"list\":[0,1.5,null]}}", "x".repeat(1_000));
        let mut filler = String::with_capacity(BIG + 2_000);
        filler.push('{');
        let mut number = 0;
        while filler.len() < BIG {
            filler.push_str(&member.replacen("filler", &format!("filler_{number}"), 1));
            filler.push(',');
            number += 1;
        }
        let rest = body.trim_ascii_start().get(1..).unwrap_or_default();
        return answer.clone().body([filler.as_bytes(), rest].concat());
    } else {
        " ".repeat(BIG)
    };
    answer.clone().body([body.as_ref(), filler.as_bytes()].concat())
}

fn first<'s, H: HostileHarness + ?Sized>(stage: &'s Stage<'_, H>) -> Checked<&'s Step> {
    let with_people = stage.steps.iter().find(|step| !step.keys.is_empty());
    with_people.ok_or_else(|| Violation::new("no answer of the recording shows anybody"))
}

fn failed(said: crate::error::Result<crate::task::Payload>, step: &Step, what: &str) -> Checked<Error> {
    match said {
        Err(error) => Ok(error),
        Ok(payload) => {
            let (call, length) = (shown(&step.tasks), payload.body.len());
            Err(Violation::new(format!("{call}: {what} was taken for an answer of {length} bytes")))
        }
    }
}
