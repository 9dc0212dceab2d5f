//! A source that asks nobody: with it an engine delivers what sinks are owed, and buys nothing.

use async_trait::async_trait;
use collector_core::context::Context;
use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::{Ids, Name};
use collector_core::source::{CallSpec, Role, Source};
use collector_core::task::{Page, Payload, Query, Task};

/// The one kind of task it would get; nobody has such tasks.
const KIND: &str = "nothing";

/// See the [module page](self).
#[derive(Debug)]
pub(super) struct Idle;

fn refused() -> Error {
    Error::new(ErrorKind::Rejected, "this source asks nobody")
}

#[async_trait]
impl Source for Idle {
    type Item = CreatorSighting;

    fn name(&self) -> &'static str {
        "transfer"
    }

    fn kinds(&self) -> Vec<Name> {
        vec![KIND.into()]
    }

    fn call(&self, _kind: &str) -> CallSpec {
        CallSpec::new(Role::Discovery)
    }

    fn seed(&self, _query: &Query) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }

    fn lookup(&self, _ids: &Ids) -> Option<Task> {
        None
    }

    async fn check(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    async fn fetch(&self, _cx: &Context, _tasks: &[Task]) -> Result<Payload> {
        Err(refused())
    }

    fn parse(&self, _tasks: &[Task], _payload: &Payload) -> Result<Page<CreatorSighting>> {
        Err(refused())
    }
}
