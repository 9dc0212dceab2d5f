//! The SQL store: the contract, and what is particular to it.

mod conformance;
