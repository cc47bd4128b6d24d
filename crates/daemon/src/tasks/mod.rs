//! Runs long operations: the driver of the task machine.
//!
//! Owns: the machine's loop, the journal in the pool database, `current_operations` of what is
//! held, and the progress of task rows. Never knows what a step does: an operation is a future
//! that announces its steps through [`Op`].

pub(crate) mod journal;
mod op;
mod runner;

use std::future::Future;
use std::pin::Pin;

pub use op::{Op, Plan};
pub use runner::{Runner, UndoFn};

/// A future on the heap.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
