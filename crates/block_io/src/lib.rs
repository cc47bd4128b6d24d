//! Blocks, watchdog, clock and small durable files of one host.
//!
//! What for: everything that the guard (and the coordinator's pool database) does to shared
//! volumes and to the machine, without ever letting a stuck device stop the caller.
//!
//! Owns: direct aligned block IO ([`BlockFile`], [`Area`]), the abandonable IO threads
//! ([`IoLanes`]), the watchdog device ([`Watchdog`]) and what is known of one without arming it
//! ([`WatchdogFacts`]), whether this is a host of Xen ([`Hypervisor`]), durable ledgers ([`Ledger`]),
//! what the kernel has under way to file systems of other machines ([`Writes`]), the mark of this boot
//! ([`mark`]) and `CLOCK_BOOTTIME` ([`boottime_ns`]).
//!
//! Never does: decide anything. No protocol, no layout of the volumes, no async.

mod area;
mod block;
mod clock;
mod file;
mod lanes;
mod ledger;
pub mod mark;
mod sys;
mod watchdog;
mod watchdog_facts;
mod writes;
mod xen;

pub use area::{Area, AreaError, Blocks, SEALS, open_volume};
pub use block::{BLOCK_SIZE, BlockBuffer};
pub use clock::{boottime_ns, sleep_until_boottime_ns};
pub use file::{BlockFile, BlockIoError, OpenMode};
pub use lanes::{IoDone, IoLanes, IoOperation, IoRefused, LANES_MAX};
pub use ledger::{Ledger, LedgerError};
pub use watchdog::{Watchdog, WatchdogError};
pub use watchdog_facts::{NoWatchdog, WatchdogFacts, watchdog_path};
pub use writes::{Look, Request, Tail, Writes};
pub use xen::Hypervisor;
