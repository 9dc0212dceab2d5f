//! The change log: the contract, and what is particular to a file.

mod conformance;
mod file;
