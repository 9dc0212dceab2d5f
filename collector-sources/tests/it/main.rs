//! The adapters from outside: recorded answers, a scripted server, and the simulator.

#[cfg(feature = "ensembledata")]
mod ensembledata;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod scripted;
#[cfg(all(feature = "ensembledata", feature = "simulator"))]
mod simulated;
