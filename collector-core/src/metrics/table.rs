//! The table: what is measured, under which name, and what it means.

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It only grows while the process lives.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counted by size, with sum and count.
    Histogram,
}

impl Form {
    /// Its name in the exposition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) labels: &'static [&'static str],
    pub(super) unit: &'static str,
    pub(super) meaning: &'static str,
}

impl Metric {
    /// Its name. That of a histogram gets `_bucket`, `_sum` and `_count` in the exposition.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What kind of number it is.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Its labels, in the order in which they are written.
    pub fn labels(&self) -> &'static [&'static str] {
        self.labels
    }

    /// What one is of.
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// What it means.
    pub fn meaning(&self) -> &'static str {
        self.meaning
    }
}

/// Every label there is, and what its values are.
pub const LABELS: &[(&str, &str)] = &[
    ("account", "a vendor account, by its name in the configuration"),
    ("end", "how a run ended: `complete`, `partial` or `cancelled`"),
    ("job", "a job, by its name in the configuration"),
    ("kind", "a kind of call, by the name its source gives it (`profile`, `hashtag`, …)"),
    (
        "outcome",
        "what came of it, a word: of a call `answered` or an error's kind, of a task `done`, `absent`, `dead` or `again`, of a \
         change `stored`, `rejected` or `owed`, of an item `changed` or `unchanged`, of a slot `fired` or why it was \
         skipped",
    ),
    ("part", "a source or a sink, by its name"),
    ("place", "what is kept there: `store`, `images`, `search` or `jsonl`"),
    (
        "reason",
        "why, in words of a closed set: an error's kind (`quota_exhausted`, `blocked`, …), or what a worker waits for \
         (`lock unreachable`, `search behind`, …); `none` when there is no reason",
    ),
    ("sink", "a sink, by its name"),
    ("source", "a source, by its name in the configuration"),
    ("state", "of a breaker: `closed`, `open` or `half_open`"),
    ("version", "the program's version"),
];

macro_rules! table {
    ($($id:ident = $form:ident $name:literal [$($label:literal),*] $unit:literal: $meaning:expr;)*) => {
        $(
            pub(super) static $id: Metric = Metric {
                name: $name,
                form: Form::$form,
                labels: &[$($label),*],
                unit: $unit,
                meaning: $meaning,
            };
        )*
        /// Every metric there is, in the order of the exposition.
        pub static TABLE: &[&Metric] = &[$(&$id),*];
    };
}

table! {
    BUILD_INFO = Gauge "collector_build_info" ["version"] "1":
        "Always 1; tells the version of the process.";
    STARTED = Gauge "collector_process_start_time_seconds" [] "seconds":
        "When the process began to work, since the epoch.";
    STORE_UP = Gauge "collector_store_up" [] "0 or 1":
        "Whether the store answered when it was asked for this exposition. While it is 0, what only the store knows is left out.";
    WORKERS = Gauge "collector_workers" [] "workers":
        "Workers that are alive, all replicas together, as the store knows them.";
    WAITING = Gauge "collector_waiting" ["reason"] "0 or 1":
        "1 while this process does not get on, with the one reason, in the same words as in the log and in `collector status`; \
         else 0 with the reason `none`.";

    CALLS = Counter "collector_calls_total" ["source", "kind", "outcome"] "calls":
        "Calls that ended, by what came of them. `lock_lost`: the lease ended while the call was running.";
    CALL_SECONDS = Histogram "collector_call_duration_seconds" ["source", "kind"] "seconds":
        "How long calls took, failed ones included.";
    UNITS = Counter "collector_units_total" ["source", "kind"] "units":
        "The vendor's units that calls cost, or may have cost.";
    REQUESTS = Counter "collector_requests_total" ["source", "kind"] "requests":
        "Requests that calls sent, those for access tokens included.";
    IN_FLIGHT = Gauge "collector_in_flight" ["account"] "calls":
        "Calls that are running.";
    IN_FLIGHT_LIMIT = Gauge "collector_in_flight_limit" ["account"] "calls":
        "Calls that may run at once at present; the engine adapts it.";
    CALL_RATE = Gauge "collector_call_rate" ["account"] "calls a second":
        "The rate that is kept at present, told by the configuration or learned; +Inf when none is known.";
    BREAKER = Gauge "collector_breaker" ["account", "state"] "0 or 1":
        "1 for the state the account's breaker is in, 0 for the others.";
    PARKED = Gauge "collector_account_parked" ["account", "reason"] "0 or 1":
        "1 while the account is kept out, with the kind of the reason; else 0 with the reason `none`.";
    PARKED_UNTIL = Gauge "collector_account_parked_until_seconds" ["account"] "seconds":
        "When the account is let in again, since the epoch; 0 when it is not kept out, +Inf when a person has to act.";
    UNITS_SPENT = Gauge "collector_account_units_spent" ["account"] "units":
        "Units booked in the present window of the account's budget, all replicas together.";
    UNITS_LEFT = Gauge "collector_account_units_left" ["account"] "units":
        "Units left in the present window; +Inf when they are not limited.";
    REQUESTS_LEFT = Gauge "collector_account_requests_left" ["account"] "requests":
        "Requests left in the present window; +Inf when they are not limited.";

    TASKS = Counter "collector_tasks_total" ["source", "kind", "outcome"] "tasks":
        "Verdicts on tasks that this process committed: `done`, `absent` (answered: there is nothing), `dead` (given up), \
         `again` (asked again later).";
    TASKS_OPEN = Gauge "collector_tasks_open" ["source", "kind"] "tasks":
        "Tasks that are not answered yet, claimed ones included, as the store knows them.";
    DEAD_LETTERS = Gauge "collector_dead_letters" ["part", "reason"] "letters":
        "Dead letters that are kept, by the source or sink and the kind of the failure.";
    RUNS = Counter "collector_runs_total" ["end"] "runs":
        "Runs that this process ended.";
    SLOTS = Counter "collector_slots_total" ["job", "outcome"] "slots":
        "Planned firings of schedules that this process decided about: `fired`, or why they were skipped. A range of slots that \
         were skipped together counts once.";
    JOB_LAST_END = Gauge "collector_job_last_end_seconds" ["job", "end"] "seconds":
        "When the job's latest run of that end was over, since the epoch; of the latest 20 runs in the store.";

    ITEMS = Counter "collector_items_total" ["outcome"] "items":
        "Things said in answers: `changed` told something new, `unchanged` did not.";
    COMMIT_SECONDS = Histogram "collector_commit_duration_seconds" [] "seconds":
        "How long the transactions took that write answers.";
    RECORDS = Gauge "collector_records" [] "records":
        "Living records in the store.";
    SINK_CHANGES = Counter "collector_sink_changes_total" ["sink", "outcome"] "changes":
        "Changes that a sink answered: `stored`, `rejected` (for good), `owed` (offered again).";
    SINK_FAILURES = Counter "collector_sink_failures_total" ["sink", "reason"] "writes":
        "Writes that failed as a whole; the changes stay pending.";
    SINK_PENDING = Gauge "collector_sink_pending" ["sink"] "changes":
        "Changes that the sink does not have yet, as the store knows them.";
    SINK_LAG = Gauge "collector_sink_lag_seconds" ["sink"] "seconds":
        "How long the oldest change waits that this process committed and the sink does not have yet; 0 when it has all.";

    TAKEN_OVER = Counter "collector_claims_taken_over_total" [] "claims":
        "Claims that this process took over from dead workers.";
    DECLARED_DEAD = Counter "collector_declared_dead_total" [] "times":
        "How often this process was silent for so long that others took over from it.";

    DISK_USED = Gauge "collector_disk_used_bytes" ["place"] "bytes":
        "What a place on this machine takes.";
    DISK_FREE = Gauge "collector_disk_free_bytes" ["place"] "bytes":
        "What is free on the disk of that place.";
}
