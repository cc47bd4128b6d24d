//! Decides where VMs run: placement of one VM, restart plans after host failures, and how many
//! host failures a pool tolerates.
//!
//! Owns: the arithmetic of memory, reachability and spread, and the words that explain each
//! answer. Never orders anything and never reads the database: callers hand in a view of the
//! pool ([`Host`], [`Vm`]) and get a decision. Same input, same answer.

mod pack;
mod place;
mod restart;
mod tolerance;
mod view;

pub use place::{Outcome, Placement, Reason, Verdict, Why, place, verdict};
pub use restart::{Group, Plan, Start, Unplaced, restart_plan};
pub use tolerance::{AdmissionError, Tolerance, admit, tolerance};
pub use view::{Host, Protection, Vm, memory_need};
