//! What a status means when the vendor says nothing more, and how long it asks us to wait.

use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::error::{Error, ErrorKind};
use collector_core::task::Payload;

/// Longer waits mean the same as this one, and stay within what timers can hold.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 86_400);

/// The kind of failure a status stands for; `None` for a success.
pub fn status_kind(status: u16) -> Option<ErrorKind> {
    match status {
        200..=299 => None,
        401 | 403 => Some(ErrorKind::Unauthorized),
        404 | 410 => Some(ErrorKind::NotFound),
        408 | 425 | 500.. => Some(ErrorKind::Unavailable),
        429 => Some(ErrorKind::RateLimited),
        300..=499 => Some(ErrorKind::Rejected),
        // Below 200 no complete answer ends.
        0..=199 => Some(ErrorKind::Malformed),
    }
}

/// The failure an answer's status stands for, with the wait the other side asked for; `None` for a success.
///
/// A redirect gets here when it was not followed because it leads to another host.
pub fn status_error(payload: &Payload) -> Option<Error> {
    let kind = status_kind(payload.status)?;
    let message = match payload.status {
        300..=399 => "the answer is a redirect to another host, which is not followed: correct the address",
        _ => "the answer's status is a failure",
    };
    Some(waiting(Error::new(kind, message).with("status", payload.status), payload))
}

/// `error` with the wait the answer asks for, if it does.
pub fn waiting(error: Error, payload: &Payload) -> Error {
    match retry_after(payload, payload.at) {
        Some(wait) => error.retry_after(wait),
        None => error,
    }
}

/// How long the other side asks us to wait, counted from `now`.
///
/// Reads `Retry-After` as seconds or in any of the three HTTP date forms; a date is compared with the answer's own
/// `Date`, so that a clock that runs differently there does not shorten the wait. A past date is no wait at all.
/// Without it, a 429's `x-ratelimit-reset` counts: seconds from now, or a moment in unix time.
pub fn retry_after(payload: &Payload, now: Timestamp) -> Option<Duration> {
    let asked = payload.header("retry-after").map(str::trim);
    let wait = match asked {
        Some(value) => seconds(value).or_else(|| Some(until(http_date(value)?, payload, now))),
        None if payload.status == 429 => reset(payload, now),
        None => None,
    };
    wait.map(|wait| wait.min(LONGEST_WAIT))
}

fn seconds(value: &str) -> Option<Duration> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    // Digits that do not fit are still a wait, and a long one.
    digits.then(|| Duration::from_secs(value.parse().unwrap_or(u64::MAX)))
}

fn http_date(value: &str) -> Option<Timestamp> {
    let time = httpdate::parse_http_date(value).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_secs(i64::try_from(since.as_secs()).ok()?))
}

fn until(moment: Timestamp, payload: &Payload, now: Timestamp) -> Duration {
    let sent = payload.header("date").and_then(http_date);
    let now_there = sent.map_or(now, |sent| sent + now.since(payload.at));
    moment.since(now_there)
}

fn reset(payload: &Payload, now: Timestamp) -> Option<Duration> {
    let value = payload.header("x-ratelimit-reset")?.trim();
    let number: i64 = value.parse().ok().filter(|number| *number >= 0)?;
    Some(match number {
        // From here on the number is too large for a wait and is a moment: seconds, or milliseconds.
        1_000_000_000_000.. => until(Timestamp::from_millis(number), payload, now),
        1_000_000_000.. => until(Timestamp::from_secs(number), payload, now),
        _ => Duration::from_secs(number.unsigned_abs()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1994-11-06T08:49:07Z: half a minute before the dates below.
    const NOW: Timestamp = Timestamp::from_secs(784_111_747);

    fn answer(status: u16, headers: &[(&str, &str)]) -> Payload {
        let mut payload = Payload::new("", NOW);
        payload.status = status;
        payload.headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        payload
    }

    fn wait(headers: &[(&str, &str)]) -> Option<u64> {
        retry_after(&answer(429, headers), NOW).map(|wait| wait.as_secs())
    }

    #[test]
    fn every_status_has_the_kind_of_the_table() {
        use ErrorKind::*;
        for (status, kind) in [
            (200, None),
            (204, None),
            (301, Some(Rejected)),
            (400, Some(Rejected)),
            (401, Some(Unauthorized)),
            (403, Some(Unauthorized)),
            (404, Some(NotFound)),
            (408, Some(Unavailable)),
            (410, Some(NotFound)),
            (422, Some(Rejected)),
            (425, Some(Unavailable)),
            (429, Some(RateLimited)),
            (500, Some(Unavailable)),
            (503, Some(Unavailable)),
            (520, Some(Unavailable)),
            (999, Some(Unavailable)),
            (100, Some(Malformed)),
        ] {
            assert_eq!(status_kind(status), kind, "{status}");
            assert_eq!(status_error(&answer(status, &[])).map(|error| error.kind()), kind, "{status}");
        }
    }

    #[test]
    fn seconds_and_all_three_date_forms_are_read() {
        assert_eq!(wait(&[("retry-after", "30")]), Some(30));
        assert_eq!(wait(&[("retry-after", " 0 ")]), Some(0));
        for date in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(wait(&[("retry-after", date)]), Some(30), "{date}");
        }
    }

    #[test]
    fn a_past_date_is_no_wait_and_nonsense_is_no_answer() {
        assert_eq!(wait(&[("retry-after", "Sat, 05 Nov 1994 08:49:37 GMT")]), Some(0));
        for nonsense in ["", "soon", "-5", "1.5", "Sun, 06 Nov"] {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
    }

    #[test]
    fn a_wait_beyond_all_bounds_is_cut() {
        let longest = Some(LONGEST_WAIT.as_secs());
        assert_eq!(wait(&[("retry-after", "99999999999999999999999")]), longest);
        assert_eq!(wait(&[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")]), longest);
    }

    #[test]
    fn a_date_counts_by_the_clock_of_whoever_sent_it() {
        let there =
            [("retry-after", "Sun, 06 Nov 1994 09:49:37 GMT"), ("date", "Sun, 06 Nov 1994 09:49:07 GMT")];
        assert_eq!(wait(&there), Some(30), "their clock is an hour ahead of ours");
        let later = NOW + Duration::from_secs(10);
        assert_eq!(retry_after(&answer(429, &there), later), Some(Duration::from_secs(20)));
    }

    #[test]
    fn a_rate_limits_reset_counts_for_a_429_only() {
        assert_eq!(wait(&[("x-ratelimit-reset", "12")]), Some(12));
        assert_eq!(wait(&[("x-ratelimit-reset", "12"), ("retry-after", "3")]), Some(3));
        assert_eq!(retry_after(&answer(200, &[("x-ratelimit-reset", "12")]), NOW), None);
        let now = Timestamp::from_secs(1_800_000_000);
        let mut epoch = answer(429, &[("x-ratelimit-reset", "1800000007")]);
        epoch.at = now;
        assert_eq!(retry_after(&epoch, now), Some(Duration::from_secs(7)));
        epoch.headers[0].1 = "1800000007000".into();
        assert_eq!(retry_after(&epoch, now), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[("x-ratelimit-reset", "-1")]), None);
    }

    #[test]
    fn an_error_carries_the_wait_and_the_status() {
        let error = status_error(&answer(503, &[("retry-after", "9")])).unwrap();
        assert_eq!(error.wait(), Some(Duration::from_secs(9)));
        assert!(error.to_string().contains("503"), "{error}");
    }
}
