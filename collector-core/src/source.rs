//! Where creators come from.

use std::time::Duration;

use async_trait::async_trait;

use crate::context::Context;
use crate::error::Result;
use crate::id::{Ids, Name};
use crate::task::{Cost, Page, Payload, Query, Task};

/// What a kind of call is for; hydration is claimed before discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Fills in somebody already known: profiles, posts.
    Hydration,
    /// Finds somebody new: search pages, lists.
    Discovery,
}

/// How calls of one kind are made.
#[derive(Debug, Clone, PartialEq)]
pub struct CallSpec {
    /// What it is for.
    pub role: Role,
    /// The most tasks one call can serve; at least 1.
    pub tasks: usize,
    /// The most a call can cost, reserved before it is made.
    pub worst_cost: Cost,
    /// When a call is given up.
    pub timeout: Duration,
}

impl CallSpec {
    /// One task a call, one unit at most, 30 seconds.
    pub fn new(role: Role) -> Self {
        Self { role, tasks: 1, worst_cost: Cost::units(1), timeout: Duration::from_secs(30) }
    }

    /// With up to `tasks` tasks a call.
    #[must_use]
    pub fn batch(mut self, tasks: usize) -> Self {
        self.tasks = tasks.max(1);
        self
    }

    /// With this worst cost.
    #[must_use]
    pub fn worst_cost(mut self, cost: Cost) -> Self {
        self.worst_cost = cost;
        self
    }

    /// With this timeout.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// One configured adapter instance.
///
/// # Contract
/// Checked by `testkit::source`; the case's name stands in brackets.
/// 1. `name`, `kinds`, `call`, `seed`, `lookup`, `follows` and `parse` are pure: same input, same result \[`Pure`\].
/// 2. `seed` gives tasks with distinct ids, at most [`Query::MAX_ROOTS`], and refuses with `ConfigInvalid` what
///    it cannot honour \[`Seeds`\].
/// 3. Following `follow_ups` from the roots reaches every item once and ends when the vendor says so: an empty
///    page with a cursor is not the end, a repeated cursor is an error \[`Pages`, `EmptyPage`, `RepeatedCursor`\].
/// 4. `parse` gives one outcome per task, in order; one bad item does not lose the page \[`Outcomes`, `BadItem`\].
/// 5. `fetch` makes one exchange. Any complete answer is `Ok`, whatever its status; `Err` says whether the call
///    may have been charged. It neither retries nor sleeps \[`OneExchange`, `CutBody`, `Timeout`\].
/// 6. A failure of the vendor has the right kind whether it came as status or inside a 200 \[`Kinds`\].
/// 7. A call ends at once when `cx.stop()` fires \[`Stops`\].
/// 8. No secret appears in any error, `Debug` or kept header \[`Secrets`\].
/// 9. `parse` never panics, whatever the bytes \[`Hostile`\].
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// What it yields.
    type Item: Send + Sync + 'static;

    /// The instance's name: constant, unique in a pipeline.
    fn name(&self) -> &str;

    /// Every kind of task it can get.
    fn kinds(&self) -> Vec<Name>;

    /// How calls of `kind` are made. For a kind it does not know, anything.
    fn call(&self, kind: &str) -> CallSpec;

    /// The root tasks for a query; empty when nothing in it concerns this source.
    ///
    /// One query goes to several sources: each leaves alone the parts it has no use for, and a part that all of them leave
    /// alone is refused by the engine.
    ///
    /// # Errors
    /// `ConfigInvalid` naming the part of the query it understands and cannot honour.
    fn seed(&self, query: &Query) -> Result<Vec<Task>>;

    /// The task that asks about one known thing, if this source can.
    fn lookup(&self, ids: &Ids) -> Option<Task>;

    /// How many tasks of which kind the answer to a task leads to at most, for an estimate of what a run costs. By default none
    /// are told of; what a [`Role::Discovery`] leads to nobody can count.
    fn follows(&self, _task: &Task) -> Vec<(Name, u64)> {
        Vec::new()
    }

    /// What the account has used up in the vendor's present window, where the vendor tells it for nothing; by default
    /// nobody tells. It is compared with what was booked, so that somebody else who spends with the same credential is
    /// noticed.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    async fn used(&self, _cx: &Context) -> Result<Option<Cost>> {
        Ok(None)
    }

    /// Tries address and credentials, without cost where the vendor allows.
    ///
    /// # Errors
    /// What a call would say: `Unauthorized`, `Unavailable`, `ConfigInvalid` …
    async fn check(&self, cx: &Context) -> Result<()>;

    /// One exchange for 1..n tasks of one kind.
    ///
    /// # Errors
    /// When no complete answer came: `Unavailable`, `Timeout`, `Cancelled` …
    async fn fetch(&self, cx: &Context, tasks: &[Task]) -> Result<Payload>;

    /// Reads an answer. Pure, so that a stored answer can be read again next year.
    ///
    /// # Errors
    /// When the whole answer is a failure; the kind feeds retry, breaker and parking like one of `fetch`.
    fn parse(&self, tasks: &[Task], payload: &Payload) -> Result<Page<Self::Item>>;
}
