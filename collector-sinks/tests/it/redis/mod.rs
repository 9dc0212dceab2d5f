mod check;
mod conformance;
mod engine;
mod faults;
mod rate;
mod server;
mod tls;
