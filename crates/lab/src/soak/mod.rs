//! `make soak`: random faults on a pool of real daemons and guests, by seed.
//!
//! Owns: which faults there are and who may stop because of each ([`faults`]), the log of every
//! decision ([`journal`]) and which faults explain what in it ([`explained`]), what a run comes to
//! ([`report`]), and a power device for the hosts ([`bmc`]). After each fault everything is healed and
//! the pool must be whole again; no disk may ever have had two writers.

mod bmc;
pub(crate) mod explained;
mod faults;
pub(crate) mod journal;
mod report;
mod run;

pub use bmc::Bmc;
pub use faults::{FAULTS, Kind, Stops, Victim};
pub use run::{Soak, soak};
