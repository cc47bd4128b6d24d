//! Decides where VMs run: placement of one VM, restart plans after host failures, evacuations, how
//! many host failures a pool tolerates, and whether a change may be admitted.
//!
//! Owns: the arithmetic of memory, processors, reachability and spread, and the words that explain
//! each answer. Never orders anything and never reads the database: callers hand in a view of the
//! pool ([`Pool`]) and get a decision. Same input, same answer.
//!
//! Where to read on: `game` for what "tolerates" means, `bound` and `ladder` for why most answers
//! are cheap, `pack` for the others, `breach` for explanations.

mod admit;
mod agile;
mod blows;
mod bound;
mod breach;
mod change;
mod evacuate;
mod game;
mod hostset;
mod ladder;
pub mod lint;
mod model;
mod objection;
mod pack;
mod place;
pub mod policy;
mod reason;
mod refute;
mod remedy;
mod restart;
mod state;
mod tolerance;
mod view;
mod words;

pub use admit::{Admission, Effect, Mode, admit, start_keeps};
pub use agile::{Bound, Widened, bound, widen};
pub use breach::{Breach, Named, Shortage};
pub use change::{Change, ChangeError};
pub use evacuate::{Evacuation, Move, evacuate, lint_evacuation};
pub use objection::{Binding, Doing, Objection, Operation, Told};
pub use place::{Outcome, Placement, Verdict, Why, place, tolerance_with};
pub use reason::{Purpose, Reason, verdict};
pub use remedy::{Missing, Relief, Remedy, Resource, Unit};
pub use restart::{Gate, Group, Plan, Ready, Rules, Start, Unplaced, restart_plan};
pub use tolerance::{Budget, Tolerance, survives, tolerance, tolerance_up_to};
pub use view::{CPU_MODEL_PREFIX, Host, Pin, Pool, Protection, Vm, memory_need};
pub use words::{Say, mib};
