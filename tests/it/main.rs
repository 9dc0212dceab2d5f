//! End-to-end suites: the workspace's structure, the real binary against the simulator, crashes.

mod crash;
mod examples;
mod images;
mod outage;
mod own_item;
mod structure;
mod support;
