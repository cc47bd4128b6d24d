//! The decisions of failover: what to do with VMs and their database as members come and go.
//!
//! For: the pool daemon, which performs them, and the simulator, which asks the same functions. Owns:
//! the order in which a pool is armed ([`arming`]), whether an order may act on a host ([`Orders`]), what
//! the guard's state allows ([`armed_view`]), what a coordinator does about the database
//! ([`database_step`]) and about the guards' keys ([`rekey`]), which VMs a death stopped ([`fate`]), in
//! which order a migration is carried out ([`Migration`]) and where a VM is that was on its way
//! ([`Search`]), when nothing acts for a coordinator before any more ([`Silence`]), of whose daemons people are told that
//! they are silent ([`Absences`]), who is right when a host
//! runs something else than the database has ([`divergence`]), which VMs are to be started ([`wanted`]), how
//! that is carried out ([`Restarts`]), what becomes of VMs whose storage one host has lost ([`storage`]), what
//! nobody may do to the volumes on which all this stands ([`volumes`]), when a span of time is over though
//! clocks are set ([`span`]), and what follows when a guest hangs, loops or ends
//! ([`watch`]). Never does: read a clock, send, write, or choose a host for a VM (`haven-planner` does).

mod absence;
pub mod arming;
pub mod arrival;
mod decide;
pub mod divergence;
pub mod migration;
mod orders;
mod permit;
pub mod rekey;
pub mod reminder;
pub mod restarts;
mod search;
mod silence;
pub mod span;
pub mod storage;
#[cfg(test)]
mod testing;
pub mod volumes;
mod wanted;
pub mod watch;

pub use absence::Absences;
pub use arrival::{Presence, Report, Sight, Verdict, presence, verdict};
pub use decide::{Attempts, Fate, Held, Step, database_step, fate, is_dead, lives, outsiders};
pub use migration::Migration;
pub use orders::{Closed, Duty, Orders, Refusal, Sender, Term};
pub use permit::{ArmedView, armed_view, valid_at};
pub use restarts::Restarts;
pub use search::{Answer, Found, Next, Question, Search};
pub use silence::{Silence, carries_out_nothing};
pub use wanted::{Facts, wanted};
