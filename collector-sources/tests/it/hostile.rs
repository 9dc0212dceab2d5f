//! Every adapter against vendors on their worst day.

#[cfg(feature = "ensembledata")]
mod ensembledata;
