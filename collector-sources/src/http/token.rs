//! Access tokens that expire: got once, kept until shortly before their end, and shared by all calls.

use std::time::Duration;

use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind, Result};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Secret;

/// The longest time before its end at which a token is no longer used.
const LONGEST_MARGIN: Duration = Duration::from_secs(5 * 60);

/// What a vendor gives for a credential.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The token.
    pub token: Secret,
    /// How long it is good for.
    pub lasts: Duration,
}

/// A token to send.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// The token.
    pub token: Secret,
    /// Whether it was got for this call. An older one that is refused may have died before its time; a new one that is
    /// refused says that the credential is.
    pub fresh: bool,
}

/// The token of one credential. Of many calls that need one at once, one gets it and the others wait for it; when that
/// fails, they all fail with it.
#[derive(Debug, Default)]
pub struct TokenCache {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Kept>,
    failed: Option<Failed>,
}

#[derive(Debug)]
struct Kept {
    token: Secret,
    until: Instant,
}

/// The last failure, for those who were waiting for what failed.
#[derive(Debug)]
struct Failed {
    at: Instant,
    kind: ErrorKind,
    message: String,
    wait: Option<Duration>,
}

impl TokenCache {
    /// The token, got by `grant` when there is none that lasts.
    ///
    /// # Errors
    /// What `grant` says, `Cancelled` or `Timeout` while waiting for somebody else who gets one.
    pub async fn get(&self, cx: &Context, grant: impl AsyncFnOnce() -> Result<Grant>) -> Result<Bearer> {
        let asked = cx.clock().monotonic();
        let mut state = cx.guard(async { Ok(self.state.lock().await) }).await.map_err(waiting)?;
        let now = cx.clock().monotonic();
        if let Some(kept) = state.token.as_ref().filter(|kept| now < kept.until) {
            return Ok(Bearer { token: kept.token.clone(), fresh: false });
        }
        if let Some(failed) = state.failed.as_ref().filter(|failed| asked < failed.at) {
            return Err(failed.again());
        }
        state.token = None;
        match grant().await {
            Ok(Grant { token, lasts }) => {
                let until = now + lasts.saturating_sub(LONGEST_MARGIN.min(lasts / 10));
                state.token = Some(Kept { token: token.clone(), until });
                state.failed = None;
                Ok(Bearer { token, fresh: true })
            }
            Err(error) => {
                // Who stopped waiting has not failed.
                if error.kind() != ErrorKind::Cancelled {
                    state.failed = Some(Failed::of(&error, cx.clock().monotonic()));
                }
                Err(error)
            }
        }
    }

    /// Forgets a token that was refused, unless there is another one by now.
    pub async fn forget(&self, refused: &Secret) {
        let mut state = self.state.lock().await;
        if state.token.as_ref().is_some_and(|kept| kept.token.expose() == refused.expose()) {
            state.token = None;
        }
    }
}

/// Nothing was sent by who waited, so nothing can have been charged.
fn waiting(error: Error) -> Error {
    Error::new(error.kind(), "stopped while another call was getting the access token")
}

impl Failed {
    fn of(error: &Error, at: Instant) -> Self {
        Self { at, kind: error.kind(), message: error.to_string(), wait: error.wait() }
    }

    fn again(&self) -> Error {
        let error = Error::new(self.kind, self.message.clone());
        match self.wait {
            Some(wait) => error.retry_after(wait),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn grant(number: usize) -> Result<Grant> {
        let token = Secret::from(format!("token{number}"));
        Ok(Grant { token, lasts: Duration::from_secs(7_200) })
    }

    #[tokio::test(start_paused = true)]
    async fn many_calls_get_one_token() {
        let (cache, count) = (TokenCache::default(), AtomicUsize::new(0));
        let cx = Context::detached();
        let get = || {
            cache.get(&cx, async || {
                tokio::task::yield_now().await;
                grant(count.fetch_add(1, Ordering::SeqCst))
            })
        };
        let (a, b, c) = tokio::join!(get(), get(), get());
        assert_eq!([a, b, c].map(|got| got.unwrap().fresh), [true, false, false]);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_replaced_before_it_ends_and_when_it_is_refused() {
        let (cache, cx) = (TokenCache::default(), Context::detached());
        let first = cache.get(&cx, async || grant(1)).await.unwrap();
        tokio::time::advance(Duration::from_secs(7_200 - 301)).await;
        assert!(!cache.get(&cx, async || grant(2)).await.unwrap().fresh);
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = cache.get(&cx, async || grant(2)).await.unwrap();
        assert_eq!((second.token.expose(), second.fresh), ("token2", true));
        cache.forget(&first.token).await;
        assert!(!cache.get(&cx, async || grant(3)).await.unwrap().fresh, "that one was replaced already");
        cache.forget(&second.token).await;
        assert_eq!(cache.get(&cx, async || grant(3)).await.unwrap().token.expose(), "token3");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_failure_fails_with_it_and_who_comes_later_asks_anew() {
        let (cache, count) = (TokenCache::default(), AtomicUsize::new(0));
        let cx = Context::detached();
        let get = || {
            cache.get(&cx, async || {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                Err(Error::new(ErrorKind::Unauthorized, "no").retry_after(Duration::from_secs(7)))
            })
        };
        let (a, b) = tokio::join!(get(), get());
        let [a, b] = [a, b].map(|got| got.unwrap_err());
        assert_eq!((a.kind(), b.kind(), b.wait()), (ErrorKind::Unauthorized, a.kind(), a.wait()));
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(get().await.is_err());
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_can_be_stopped() {
        let cache = TokenCache::default();
        let held = cache.state.lock().await;
        let stop = tokio_util::sync::CancellationToken::new();
        let cx = Context::detached().for_call("a".into(), stop.clone(), Duration::from_secs(9));
        stop.cancel();
        let error = cache.get(&cx, async || grant(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        drop(held);
    }
}
