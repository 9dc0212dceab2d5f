//! The tables. Tuned for writing: sequential keys, one B-tree per pass, finished work outside the hot indexes.
//!
//! Type words in braces are the [dialect](super::dialect)'s, `@` is the table prefix. Times are milliseconds since
//! the epoch, hashes 16 bytes, structures JSON. `stored` stands in back quotes: MySQL reserves the word, and SQLite takes
//! them too.

/// What each version of the schema adds to the one before; version 1 is the first entry.
pub(super) const VERSIONS: &[&[&str]] = &[FIRST, LISTS, WAITING, AGAIN, SLOTS];

const FIRST: &[&str] = &[
    // Numbers that only grow, and totals that would be slow to count. See `counters.rs`.
    "CREATE TABLE @counter (id {serial}, n {int} NOT NULL){rows}",
    // For `state` see `workers.rs`.
    "CREATE TABLE @worker (id {serial}, name {name} NOT NULL UNIQUE, state {int} NOT NULL, beat {int} NOT NULL, \
     ttl {int} NOT NULL){rows}",
    // One per source and kind, with the number of its open tasks.
    "CREATE TABLE @lane (id {serial}, source {name} NOT NULL, kind {name} NOT NULL, open {int} NOT NULL, \
     UNIQUE (source, kind)){rows}",
    "CREATE TABLE @run (id {serial}, job {text} NOT NULL, spec {hash} NOT NULL, fresh_for {int} NOT NULL, \
     began {int} NOT NULL, ended {int}, ending {name}, last_commit {int} NOT NULL, open {int} NOT NULL, \
     tasks {int} NOT NULL, fresh {int} NOT NULL, done {int} NOT NULL, absent {int} NOT NULL, dead {int} NOT NULL, \
     answers {int} NOT NULL, retries {int} NOT NULL, items {int} NOT NULL, changed {int} NOT NULL, \
     unchanged {int} NOT NULL, malformed {int} NOT NULL, units {int} NOT NULL, requests {int} NOT NULL){rows}",
    "CREATE INDEX @run_by_spec ON @run (spec)",
    // `extra` is JSON of what the columns do not carry, mostly nothing.
    "CREATE TABLE @task (id {serial}, hash {hash} NOT NULL UNIQUE, lane {int} NOT NULL, run {int} NOT NULL, \
     state {int} NOT NULL, priority {int} NOT NULL, not_before {int}, attempts {int} NOT NULL, \
     first_attempt {int}, depth {int} NOT NULL, worker {int}, claim {int}, subject {text} NOT NULL, \
     extra {text}, finished_at {int}){rows}",
    "CREATE INDEX @task_ready ON @task (state, lane, priority DESC, id){where state = 0}",
    "CREATE INDEX @task_waiting ON @task (state, lane, not_before){where state = 1}",
    "CREATE INDEX @task_claimed ON @task (state, worker){where state = 2}",
    // Further runs that wait for a task which another run opened.
    "CREATE TABLE @run_task (task {int} NOT NULL, run {int} NOT NULL, PRIMARY KEY (task, run)){clustered}",
    "CREATE INDEX @run_task_by_run ON @run_task (run)",
    // `request` is the hash of the call's task ids; the newest row of a request is compared with the next answer.
    "CREATE TABLE @payload (id {serial}, request {hash} NOT NULL, fingerprint {hash} NOT NULL, \
     source {name} NOT NULL, status {int} NOT NULL, headers {text} NOT NULL, malformed {text}, \
     codec {int} NOT NULL, body {bytes} NOT NULL, first_at {int} NOT NULL, last_at {int} NOT NULL, \
     times {int} NOT NULL){rows}",
    "CREATE INDEX @payload_by_request ON @payload (request, id)",
    "CREATE TABLE @payload_entity (payload {int} NOT NULL, entity {int} NOT NULL, \
     PRIMARY KEY (payload, entity)){clustered}",
    // Who owns which identity. Hashes lie all over the tree, so what is new is collected in a small one first; where
    // both have a hash, the new one is right. See `aliases.rs`.
    "CREATE TABLE @alias (hash {hash} NOT NULL PRIMARY KEY, entity {int} NOT NULL){clustered}",
    "CREATE TABLE @alias_new (hash {hash} NOT NULL PRIMARY KEY, entity {int} NOT NULL){clustered}",
    // The merged view is not kept: it is a function of the sightings. `lost` and `facts` are mostly NULL: none.
    "CREATE TABLE @entity (id {serial}, version {int} NOT NULL, merged_into {int}, digest {hash} NOT NULL, \
     ids {text} NOT NULL, lost {text}, facts {text}){rows}",
    "CREATE TABLE @side (id {serial}, source {name} NOT NULL, aspect {name} NOT NULL, UNIQUE (source, aspect)){rows}",
    "CREATE TABLE @sighting (entity {int} NOT NULL, side {int} NOT NULL, seen_at {int} NOT NULL, payload {int}, \
     item {text} NOT NULL, PRIMARY KEY (entity, side)){clustered}",
    "CREATE TABLE @history (entity {int} NOT NULL, day {int} NOT NULL, figures {text} NOT NULL, \
     PRIMARY KEY (entity, day)){clustered}",
    // `id` is the sink's bit in `owed`; `active` is 1 for those the last worker to open named; `place` is the position.
    "CREATE TABLE @sink (id {serial}, name {name} NOT NULL UNIQUE, active {int} NOT NULL, wanted {int} NOT NULL, \
     `stored` {int} NOT NULL, superseded {int} NOT NULL, rejected {int} NOT NULL, place {text}){rows}",
    // One row per entity that some sink does not have at its newest version; `since` is the commit of the oldest
    // wish that is still owed, `worker` 0 means nobody's.
    "CREATE TABLE @pending (entity {serial}, version {int} NOT NULL, owed {int} NOT NULL, since {int} NOT NULL, \
     worker {int} NOT NULL){rows}",
    // Which of them are not to be offered to a sink before some time.
    "CREATE TABLE @postponed (entity {int} NOT NULL, sink {int} NOT NULL, not_before {int} NOT NULL, \
     PRIMARY KEY (entity, sink)){clustered}",
    "CREATE INDEX @postponed_by_time ON @postponed (sink, not_before)",
    "CREATE TABLE @budget (account {name} NOT NULL, begins {int} NOT NULL, units {int} NOT NULL, \
     requests {int} NOT NULL, PRIMARY KEY (account, begins)){clustered}",
    "CREATE TABLE @parked (account {name} NOT NULL PRIMARY KEY, until {int}, kind {name} NOT NULL, \
     reason {text} NOT NULL, since {int} NOT NULL){clustered}",
    // `task` or `entity` says what was given up.
    "CREATE TABLE @dead (id {serial}, part {name} NOT NULL, what {text} NOT NULL, task {int}, entity {int}, \
     kind {name} NOT NULL, message {text} NOT NULL, payload {int}, run {int}, died_at {int} NOT NULL){rows}",
    "CREATE INDEX @dead_by_task ON @dead (task)",
];

/// Named lists of people: who, as JSON, in order.
const LISTS: &[&str] = &[
    "CREATE TABLE @list (name {name} NOT NULL PRIMARY KEY, changed {int} NOT NULL){clustered}",
    "CREATE TABLE @list_member (list {name} NOT NULL, place {int} NOT NULL, ids {text} NOT NULL, \
     since {int} NOT NULL, PRIMARY KEY (list, place)){clustered}",
];

/// Why a worker does not get on, as JSON.
const WAITING: &[&str] = &["ALTER TABLE @worker ADD COLUMN waiting {text}"];

/// What answers were answers to, how they were filled, who is kept out.
const AGAIN: &[&str] = &[
    // The tasks as JSON: an answer is read again after they are gone.
    "ALTER TABLE @payload ADD COLUMN tasks {text}",
    "CREATE TABLE @note (name {name} NOT NULL PRIMARY KEY, value {text} NOT NULL){clustered}",
    "CREATE TABLE @fill (source {name} NOT NULL, kind {name} NOT NULL, day {int} NOT NULL, answers {int} NOT NULL, \
     items {int} NOT NULL, filled {text} NOT NULL, PRIMARY KEY (source, kind, day)){clustered}",
    // Keyed hashes of identities that were erased, and of which kinds more was known. See `barred.rs`.
    "CREATE TABLE @barred (hash {hash} NOT NULL PRIMARY KEY, kinds {text} NOT NULL){clustered}",
];

/// When jobs run by themselves. See `slots.rs`.
const SLOTS: &[&str] = &[
    // How new each configuration is that somebody served with.
    "CREATE TABLE @config (hash {hash} NOT NULL PRIMARY KEY, generation {int} NOT NULL){clustered}",
    "CREATE TABLE @server (name {name} NOT NULL PRIMARY KEY, version {name} NOT NULL, generation {int} NOT NULL, \
     beat {int} NOT NULL, ttl {int} NOT NULL){clustered}",
    // `last` is the newest slot that was decided about, `run` that of the newest that was fired.
    "CREATE TABLE @schedule (name {name} NOT NULL PRIMARY KEY, moments {text} NOT NULL, since {int} NOT NULL, \
     last {int}, run {int}, paused {text}, turn {int} NOT NULL){clustered}",
    // One that was fired has a run, those from `planned` to `until` that were skipped have a reason.
    "CREATE TABLE @slot (schedule {name} NOT NULL, planned {int} NOT NULL, until {int} NOT NULL, run {int}, \
     reason {name}, settled {int} NOT NULL, PRIMARY KEY (schedule, planned)){clustered}",
];
