//! Long operations: admission per object, steps with recorded undo, progress, cancel, and what
//! becomes of an operation when the coordinator changes.
//!
//! Owns: which operation holds which object, how far each has come, what must be undone, the journal's
//! rows, and what is durable before anybody is told ([`Turn`]).
//! Never performs a step: the driver does, and reports. Every task that was ever admitted ends
//! as [`Outcome::Done`], [`Outcome::Undone`], [`Outcome::Cancelled`] or [`Outcome::Failed`],
//! across any number of coordinators, because what is needed for its undo stands in the journal
//! before the step begins.

mod action;
mod claims;
mod engine;
pub mod journal;
mod turn;
mod types;

pub use action::{Action, Mark};
pub use claims::Busy;
pub use engine::Engine;
pub use turn::{Change, Turn};
pub use types::{
    Claim, Failure, Input, Mode, Object, Operation, Outcome, Output, Record, Step, TaskId, Undo,
};
