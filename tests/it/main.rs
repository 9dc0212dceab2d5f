//! End-to-end suites: the workspace's structure, the real binary against the simulator, crashes.

mod accounts;
mod again;
mod crash;
mod erasing;
mod examples;
mod images;
mod jobs;
mod keeping;
mod outage;
mod own_item;
mod python_sdk;
mod reindex;
mod serve;
mod structure;
mod support;
