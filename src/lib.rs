//! idscope: which AWS identity does this pod really end with, why, and what repairs it?
//!
//! The modules form a ladder: a module may name only the modules above it here, and `tests/architecture.rs` fails the
//! build otherwise. Everything above `ui` is pure.

// words
pub mod ident;
pub mod iam;
pub mod fact;
// derived
pub mod graph;
pub mod identity;
pub mod plan;
pub mod check;
pub mod report;
// the person
pub mod command;
pub mod keymap;
pub mod config;
pub mod tree;
pub mod event;
pub mod model;
pub mod view;
// the world
pub mod ui;
pub mod source;
pub mod apply;
pub mod lab;
pub mod runtime;
pub mod cli;
