//! Membership and fencing: the protocol as pure decisions.
//!
//! For: `haven-guard` (which performs what the [`Machine`] asks) and `haven-sim` (which runs whole
//! pools of machines on simulated clocks, disks and networks). Owns: the formats of statefile and
//! datagram, the epoch chain, permits, the death rule, and the order of fencing. Never does: read
//! a clock, touch a file or a socket, start a thread, draw randomness that was not injected.
//!
//! # How the guard drives a machine
//!
//! 1. Without a configuration there is no machine (the guard is idle). `Format` needs none either:
//!    [`statefile::format_writes`] gives the blocks to write. For `Arm` the guard makes the next
//!    incarnation durable, sets its mark, and calls [`Machine::new`].
//! 2. Every event goes in by [`Machine::handle`]; then [`Machine::poll_output`] is called until it
//!    gives `None`, and the outputs are performed **in order**. They may be performed late, never
//!    reordered; the machine dates IO by the moment at which it asked.
//! 3. [`Machine::next_deadline`] says when to send [`Input::Timer`] at the latest.
//! 4. [`Machine::may_feed`] is the only place that decides whether the watchdog is fed. Ask at the
//!    moment of feeding, with the clock read after every loop proved that it met its deadline.
//! 5. After [`Output::Restart`], [`Output::Reset`] or [`Output::Left`] the machine is finished.
//!
//! A machine never blocks and never fails: what it cannot do safely ends in [`Output::Reset`].

mod admission;
pub mod alarm;
pub mod api;
mod block;
mod codec;
pub mod control;
mod coordinator;
mod datagram;
mod death;
mod debts;
mod disk;
mod fence;
mod health;
pub mod ids;
pub mod invariant;
pub mod keys;
pub mod machine;
pub mod mutation;
mod peer;
mod permit;
mod power;
mod proposal;
mod proposer;
mod putout;
mod quarantine;
mod record;
mod report;
mod rng;
pub mod statefile;
pub mod timing;
pub mod trace;
mod watch;

pub use api::{
    BlockRange, BootInfo, ConfigError, Input, IoFailed, IoId, Output, ReadBytes, SharedBlock,
};
pub use invariant::{Invariant, Violation};
pub use machine::Machine;
pub use record::{AREA_BYTES, AREA_COUNT};

/// Size of a statefile block and the unit of its IO.
pub const BLOCK_SIZE: usize = 4096;

pub use datagram::BARE_DATAGRAM_BYTES;
/// Largest datagram that a machine sends.
pub const DATAGRAM_BYTES_MAX: usize = 6 * 1024;
