//! What goes into a [`crate::Machine`] and what comes out.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::BLOCK_SIZE;
use crate::block::Padded;
pub use crate::block::SharedBlock;
use crate::control::{GuardCommand, GuardReply};
use crate::ids::{HostId, Incarnation, Instant};

/// Names one IO that the machine asked for; never reused within one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IoId(pub u64);

/// What a machine must know of its start.
#[derive(Clone, Debug)]
pub struct BootInfo {
    /// This host; must be in the configuration.
    pub host: HostId,
    /// This start of the guard: already durable on the local disk, above all earlier ones.
    pub incarnation: Incarnation,
    /// The clock now.
    pub now: Instant,
    /// The clock when the *machine* started (0 on real hosts): nothing is written to a statefile
    /// until `t_late` after it.
    pub booted_at: Instant,
    /// VMs that run on this host already (at the first arming; 0 after a boot). While it is not 0
    /// the wait for the first permit is under the same discipline as the permit itself.
    pub running: u32,
}

/// A run of blocks of a statefile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRange {
    /// First block (offset / 4096).
    pub first: u32,
    /// Number of blocks, at least 1.
    pub count: u32,
}

/// What a read brought: all its ranges, one after the other.
#[derive(Clone, Copy, Debug)]
pub enum ReadBytes<'a> {
    /// As the disk gives it.
    Flat(&'a [u8]),
    /// Block by block, as a simulated disk keeps it. A block that is the same memory as what was
    /// read there before is not checked and decoded again.
    Shared(&'a [SharedBlock]),
}

impl<'a> From<&'a [u8]> for ReadBytes<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Flat(bytes)
    }
}

impl<'a> ReadBytes<'a> {
    /// Whole blocks in it.
    pub(crate) fn blocks(self) -> usize {
        match self {
            Self::Flat(bytes) => bytes.len() / BLOCK_SIZE,
            Self::Shared(blocks) => blocks.len(),
        }
    }
    /// `count` blocks from `first` on; less at the end.
    pub(crate) fn part(self, first: usize, count: usize) -> Self {
        match self {
            Self::Flat(bytes) => {
                let end = bytes.len().min((first + count) * BLOCK_SIZE);
                Self::Flat(bytes.get(first * BLOCK_SIZE..end).unwrap_or_default())
            }
            Self::Shared(blocks) => {
                let end = blocks.len().min(first + count);
                Self::Shared(blocks.get(first..end).unwrap_or_default())
            }
        }
    }
    /// The bytes in one piece.
    pub(crate) fn bytes(self) -> Padded<'a> {
        match self {
            Self::Flat(bytes) => bytes.into(),
            Self::Shared(blocks) => Padded::concat(blocks),
        }
    }
    /// All bytes in one piece, as a disk gives them.
    #[must_use]
    pub fn to_vec(self) -> Vec<u8> {
        let blocks = match self {
            Self::Flat(bytes) => return bytes.to_vec(),
            Self::Shared(blocks) => blocks,
        };
        let mut all = Vec::with_capacity(blocks.len() * BLOCK_SIZE);
        for block in blocks {
            let end = all.len() + block.len();
            all.extend_from_slice(block.head());
            all.resize(end, 0);
        }
        all
    }
    /// Keeps what is needed to know these blocks again; nothing of bytes that are not shared.
    pub(crate) fn keep(self, kept: &mut Vec<SharedBlock>) {
        kept.clear();
        if let Self::Shared(blocks) = self {
            kept.extend_from_slice(blocks);
        }
    }
    /// These are the very blocks that were kept.
    pub(crate) fn is(self, kept: &[SharedBlock]) -> bool {
        match self {
            Self::Flat(_) => false,
            Self::Shared(blocks) => {
                blocks.len() == kept.len()
                    && blocks.iter().zip(kept).all(|(one, other)| one.is(other))
            }
        }
    }
}

/// An IO that returned without success. Whether a failed write reached the medium is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoFailed;

/// An event.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The clock reached [`crate::Machine::next_deadline`] (or any other moment; harmless).
    Timer,
    /// Bytes that arrived on heartbeat network `network` (index into `HostSpec::addresses`).
    Datagram {
        /// Index of the network.
        network: u8,
        /// The payload, not trusted.
        bytes: &'a [u8],
    },
    /// A read returned: the blocks of all ranges, concatenated in the order asked.
    ReadDone {
        /// The IO.
        io: IoId,
        /// Exactly the bytes asked for, or failure.
        result: Result<ReadBytes<'a>, IoFailed>,
    },
    /// A write returned; success means durable on the medium (O_DIRECT and O_DSYNC).
    WriteDone {
        /// The IO.
        io: IoId,
        /// Success, or failure of unknown effect.
        result: Result<(), IoFailed>,
    },
    /// Answer to [`Output::WatchdogArm`]: the real bite time, or that there is no working one.
    WatchdogArmed {
        /// Milliseconds from the last feed to the bite at the latest.
        bite_ms: Result<u32, IoFailed>,
    },
    /// A request of the pool daemon; answered by one [`Output::Reply`] with the same id, at once
    /// or later. `Format`, `Arm` and `Status` are the guard's own affair.
    Command {
        /// Id of the request.
        id: u64,
        /// What to do.
        command: GuardCommand,
    },
    /// Result of the latest probe of the isolation addresses (any of them answered).
    Isolation {
        /// One of them answered.
        reached: bool,
    },
    /// Answer to [`Output::Fence`]. `clean`: gate closed, every VM process gone, the group empty.
    /// Send it when known; the watchdog is not fed meanwhile.
    Fenced {
        /// Whether nothing is left.
        clean: bool,
    },
    /// The pool daemon answers (or no longer answers) the guard's health check.
    HavendHealth {
        /// Whether it does.
        alive: bool,
    },
}

/// A command of the machine to the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram.
    Send {
        /// Index of the network.
        network: u8,
        /// Peer's address on it.
        to: SocketAddr,
        /// Payload, at most [`crate::DATAGRAM_BYTES_MAX`]. [`crate::Machine::reuse`] takes its room
        /// back.
        bytes: Vec<u8>,
    },
    /// Read blocks of statefile `statefile` (index into `ArmConfig::statefiles`).
    Read {
        /// To be named in [`Input::ReadDone`].
        io: IoId,
        /// Index of the statefile.
        statefile: u8,
        /// Which blocks; ascending, disjoint. One atomic answer for all.
        ranges: Arc<[BlockRange]>,
    },
    /// Write consecutive blocks. Writes may be performed in parallel with reads.
    Write {
        /// To be named in [`Input::WriteDone`].
        io: IoId,
        /// Index of the statefile.
        statefile: u8,
        /// First block.
        block: u32,
        /// A multiple of 4096 bytes.
        bytes: SharedBlock,
    },
    /// Open and arm the watchdog with a bite time of at most `bite_ms`, and feed it from now on
    /// when [`crate::Machine::may_feed`] says so. Asked again for an armed one: change its bite
    /// time. Answer by [`Input::WatchdogArmed`].
    WatchdogArm {
        /// The longest bite time that the timing allows.
        bite_ms: u32,
    },
    /// Disarm the watchdog and close it (magic close).
    WatchdogDisarm,
    /// Close the gate, kill all VM processes, wait until the whole group is empty, answer by
    /// [`Input::Fenced`].
    Fence {
        /// Why, as a sentence.
        reason: String,
    },
    /// Reset this machine at once (sysrq, then stop feeding). Nothing follows.
    Reset {
        /// Why, as a sentence.
        reason: String,
    },
    /// Fencing is complete and the tombstone is durable: make an incarnation above `above` (and
    /// above the local counter) durable and start a new machine with the same configuration.
    /// Nothing follows.
    Restart {
        /// The new incarnation must be greater.
        above: Incarnation,
    },
    /// This host left the membership in order (disarmed or excluded): remove the mark, and for
    /// `disarmed` forget the configuration. VMs are not touched. Nothing follows.
    Left {
        /// The whole pool was disarmed (or this host by emergency), not only this host excluded.
        disarmed: bool,
    },
    /// Answer to a command.
    Reply(GuardReply),
    /// What this host had decided and why, as a sentence for the journal.
    Note(String),
    /// [`crate::Machine::state`] changed; push it.
    StateChanged,
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// `host` is not among `hosts`.
    #[error("this host is not in the list of hosts")]
    NotListed,
    /// Slots must be distinct and below 64.
    #[error("slot {0} is out of range or given twice")]
    BadSlot(u16),
    /// One or three statefiles.
    #[error("{0} statefiles given: one or three are possible")]
    StatefileCount(usize),
    /// The key is not 32 hexadecimal bytes.
    #[error("the key is not 32 bytes in hexadecimal")]
    BadKey,
    /// The genesis record does not fit into a superblock.
    #[error("the configuration is too long for a superblock")]
    TooLong,
    /// A relation between the time-outs does not hold.
    #[error(transparent)]
    Timing(#[from] crate::timing::TimingError),
}
