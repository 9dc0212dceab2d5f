#![allow(dead_code)]
mod again;
mod support;
