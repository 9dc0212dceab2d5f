//! End-to-end suites: the workspace's structure, the real binary against the simulator, crashes.

mod again;
mod crash;
mod examples;
mod images;
mod jobs;
mod outage;
mod own_item;
mod python_sdk;
mod serve;
mod structure;
mod support;
