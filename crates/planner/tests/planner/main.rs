//! The planner against examples, brute force, an integer program, and its own promises.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod admission;
mod brute;
mod docs;
mod examples;
mod execution;
mod golden;
mod oracle;
mod policies;
mod pools;
