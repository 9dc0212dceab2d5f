#![no_main]
collector_fuzz::target!("declarative");
