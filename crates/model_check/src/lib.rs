//! A second opinion on the membership protocol: small models, explored exhaustively.
//!
//! Owns: nine abstract models written from `docs/protocol.md` and not from `crates/cluster`, so that a
//! mistake in one is not repeated in the other. [`permits`] asks whether a host that is declared dead
//! can still run VMs (S1) and whether two coordinators can act (S2); [`ballots`] asks whether two
//! values can be decided for one epoch, and [`statefiles`] the same over three statefiles; [`areas`]
//! asks whether an acknowledged write can be lost with the database's place; [`orders`], [`power`] and
//! [`guard`] what a host and its daemons do; [`policies`] who is restarted, where and when, and [`pools`]
//! whether a whole pool can always get well again. Each model takes a rule to leave out, and the tests demand
//! that a forbidden state is then reached.
//!
//! Never uses the production code, and knows nothing of formats, real times or networks: a message
//! that is lost, a disk that stalls and a host that is slow are all steps that are not taken.

pub mod areas;
pub mod ballots;
pub mod guard;
pub mod orders;
pub mod permits;
pub mod policies;
pub mod pools;
pub mod power;
pub mod reach;
mod report;
pub mod statefiles;
pub mod suite;

pub use report::{Report, explore};
