//! `make bench-kills`: real daemons that die while they acknowledge writes, on an armed pool.
//!
//! Owns: writers that know what was acknowledged to them ([`ledger`], [`writer`]), and who is killed
//! when ([`run`]). After each death whoever coordinates next is asked what it has: everything that was
//! acknowledged, and nothing that nobody wrote. The simulated twin, which stops at every single
//! block, is `crates/daemon/tests/volume_faults`.

mod ledger;
mod run;
mod writer;

pub use run::{Kills, kills, strike};
