//! Mocks with expectations, by [`mockall`]: for tests that ask which calls were made with what.
//!
//! For behaviour, [`fakes`](super::fakes) and [`faults`](super::faults) read better; a store is best stood in for by
//! [`MemoryStore`](crate::store::MemoryStore).

#![allow(missing_docs, reason = "mockall writes the expectation methods and gives them no documentation")]

use std::time::Duration;

use async_trait::async_trait;
use mockall::mock;

use crate::context::Context;
use crate::error::Result;
use crate::id::{Ids, Name};
use crate::lock::{Acquired, Lease, LeaseOptions, Lock, LockKey, Released, Renewed};
use crate::retry::{Attempt, Decision, RetryPolicy};
use crate::sink::{BatchLimits, Change, Position, Sink, Written};
use crate::source::{CallSpec, Source};
use crate::task::{Page, Payload, Query, Task};

mock! {
    /// A mocked [`Source`].
    #[derive(Debug)]
    pub Source<I: Send + Sync + 'static> {}

    #[async_trait]
    impl<I: Send + Sync + 'static> Source for Source<I> {
        type Item = I;
        fn name(&self) -> &str;
        fn kinds(&self) -> Vec<Name>;
        fn call(&self, kind: &str) -> CallSpec;
        fn seed(&self, query: &Query) -> Result<Vec<Task>>;
        fn lookup(&self, ids: &Ids) -> Option<Task>;
        async fn check(&self, cx: &Context) -> Result<()>;
        async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload>;
        fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<I>>;
    }
}

mock! {
    /// A mocked [`Sink`].
    #[derive(Debug)]
    pub Sink<T: Send + Sync + 'static> {}

    #[async_trait]
    impl<T: Send + Sync + 'static> Sink<T> for Sink<T> {
        fn name(&self) -> &str;
        fn limits(&self) -> BatchLimits;
        async fn open(&self, cx: &Context, position: Option<Position>) -> Result<()>;
        async fn check(&self, cx: &Context) -> Result<()>;
        async fn write(&self, cx: &Context, batch: &[Change<T>]) -> Result<Written>;
    }
}

mock! {
    /// A mocked [`Lock`].
    #[derive(Debug)]
    pub Lock {}

    #[async_trait]
    impl Lock for Lock {
        async fn try_acquire_many(&self, keys: &[LockKey], options: LeaseOptions) -> Result<Vec<Acquired>>;
        async fn renew_many(&self, leases: &[Lease]) -> Result<Vec<Renewed>>;
        async fn release_many(&self, leases: Vec<Lease>) -> Result<Vec<Released>>;
    }
}

mock! {
    /// A mocked [`RetryPolicy`].
    #[derive(Debug)]
    pub RetryPolicy {}

    impl RetryPolicy for RetryPolicy {
        fn decide<'a>(&self, attempt: &Attempt<'a>) -> Decision;
        fn cap(&self) -> Duration;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    #[tokio::test]
    async fn mocks_stand_in_for_the_traits() {
        let mut lock = MockLock::new();
        lock.expect_renew_many().times(1).returning(|_| Err(Error::new(ErrorKind::Unavailable, "down")));
        let lock: Box<dyn Lock> = Box::new(lock);
        assert_eq!(lock.renew_many(&[]).await.unwrap_err().kind(), ErrorKind::Unavailable);

        let mut sink = MockSink::<u8>::new();
        sink.expect_write().withf(|_, batch| batch.is_empty()).returning(|_, _| Ok(Written::all_stored(0)));
        let sink: Box<dyn Sink<u8>> = Box::new(sink);
        assert!(sink.write(&Context::detached(), &[]).await.unwrap().outcomes.is_empty());

        let mut source = MockSource::<u8>::new();
        source.expect_kinds().returning(|| vec!["profile".into()]);
        let source: Box<dyn Source<Item = u8>> = Box::new(source);
        assert_eq!(source.kinds().len(), 1);

        let mut retry = MockRetryPolicy::new();
        retry.expect_decide().returning(|attempt| Decision::GiveUp(attempt.number.to_string()));
        let error = Error::new(ErrorKind::Timeout, "late");
        let attempt = Attempt { number: 3, elapsed: Duration::ZERO, error: &error, random: 0.0 };
        assert_eq!(retry.decide(&attempt), Decision::GiveUp("3".into()));
    }
}
