//! The commands against a database: argument list and state of the pool, to text and exit code.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say where")]

mod fuzz;
mod golden;
mod state;
