//! Examples of embedding the collector; each is a program of its own: `cargo run -p collector-examples --example own_item`.
