//! What can happen, in the order of virtual time.

use haven_cluster::IoId;
use haven_cluster::control::GuardState;

use crate::database::AreaFlying;
use crate::disk::{Answer, WriteOp};
use crate::manager::Order;
use crate::power::PowerStep;

/// Everything that happens.
#[derive(Debug)]
pub(crate) enum Event {
    Timer {
        host: usize,
        boot: u64,
    },
    Datagram {
        host: usize,
        network: u8,
        bytes: Vec<u8>,
    },
    /// A write reaches the medium: `tag` finds it among the host's flying writes.
    Land {
        host: usize,
        boot: u64,
        io: IoId,
        life: u64,
    },
    /// A write that outlived its host reaches the medium, perhaps torn.
    LateLand {
        op: WriteOp,
        length: usize,
    },
    /// A read collects its next range.
    ReadPart {
        host: usize,
        boot: u64,
        tag: u64,
    },
    IoAnswer {
        host: usize,
        boot: u64,
        life: u64,
        io: IoId,
        file: u8,
        result: Answer,
    },
    Feed {
        host: usize,
        boot: u64,
        arms: u64,
    },
    /// The feed itself, after the check: the two are not one instant.
    FeedLands {
        host: usize,
        boot: u64,
    },
    Bite {
        host: usize,
        boot: u64,
    },
    KillVm {
        host: usize,
        boot: u64,
        vm: u32,
    },
    Fenced {
        host: usize,
        life: u64,
        clean: bool,
    },
    Power {
        host: usize,
        on: bool,
    },
    GuardStart {
        host: usize,
        boot: u64,
    },
    Told {
        host: usize,
        boot: u64,
        state: Box<GuardState>,
    },
    Manage {
        host: usize,
        boot: u64,
    },
    Order(Order),
    Drained {
        host: usize,
        life: u64,
        epoch: u64,
    },
    /// The daemon has read the live area, or tries to.
    AreaRead {
        host: usize,
        boot: u64,
        life: u64,
        epoch: u64,
        tries: u32,
    },
    /// An operation reaches the metadata volume.
    AreaLand {
        host: usize,
        boot: u64,
        id: u64,
    },
    /// One that outlived its host does, perhaps in part.
    AreaLate {
        flying: Box<AreaFlying>,
        length: usize,
    },
    /// The process of a VM that was being started is there.
    Appears {
        host: usize,
        boot: u64,
        vm: u32,
        since: u64,
    },
    /// A client writes to the database.
    Client,
    /// The answer to an order: the VM does not run, and will not under this placement.
    NotRunning(Order),
    Probe {
        host: usize,
        boot: u64,
    },
    /// A guard starts and finds the mark of an earlier one of this boot.
    MarkFound {
        host: usize,
        boot: u64,
    },
    Resume {
        host: usize,
    },
    Step(PowerStep),
    Fault(usize),
}

#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) at: u64,
    pub(crate) order: u64,
    pub(crate) event: Event,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
