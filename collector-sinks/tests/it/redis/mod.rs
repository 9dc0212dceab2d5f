mod conformance;
mod faults;
mod server;
