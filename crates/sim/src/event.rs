//! What can happen, in the order of virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use haven_cluster::IoId;
use haven_cluster::control::GuardState;
use haven_failover::rekey::Holds;

use crate::arming::ArmingEvent;
use crate::data::DataOrder;
use crate::database::AreaFlying;
use crate::disk::{Answer, WriteOp};
use crate::guests::GuestEvent;
use crate::keys::KeyAsk;
use crate::manager::Order;
use crate::motion::{Ask, Told};
use crate::power::PowerStep;
use crate::reshape::Farewell;
use crate::stream::Handover;

/// Everything that happens. Each is moved several times: what is long and not the most frequent lies in a
/// box.
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
        /// Which life of the daemon: a connection ends with it.
        down: u64,
        state: Box<GuardState>,
    },
    Manage {
        host: usize,
        boot: u64,
    },
    Order(Box<Order>),
    Drained {
        host: usize,
        life: u64,
        epoch: u64,
    },
    /// A daemon that was stopped in order has closed its database.
    Closes {
        host: usize,
        life: u64,
        deaths: u64,
    },
    /// The daemon has read the live area, or tries to.
    AreaRead {
        host: usize,
        boot: u64,
        life: u64,
        epoch: u64,
        tries: u32,
    },
    /// The coordinator's own copy of what was durable is on its disk.
    OwnCopy {
        host: usize,
        boot: u64,
        /// Which life of the daemon: what it had not written ends with it.
        down: u64,
        copy: Box<crate::database::Copy>,
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
    /// A question about a VM with two holders, and its answer.
    Ask(Box<Ask>),
    Answer(Box<Ask>, Told),
    /// A host has copied a disk.
    CopyEnds {
        host: usize,
        boot: u64,
        task: u128,
        ask: Box<Ask>,
    },
    /// The memory of a VM that is sent is at its destination.
    Copied {
        host: usize,
        boot: u64,
        vm: u32,
        since: u64,
    },
    /// The destination is asked to go on with it.
    GoesOn(Handover),
    /// Its hypervisor looks whether what it has received will ever be whole.
    Stranded(Handover),
    /// What a host is to do because it lost data storage, and its answer.
    Data(Box<DataOrder>),
    DataAnswer(Box<DataOrder>, bool),
    /// A guest's agent was asked.
    AgentAsked {
        host: usize,
        boot: u64,
        vm: u32,
    },
    /// The answer to an order: the VM does not run, and will not under this placement.
    NotRunning(Box<Order>),
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
    /// A host hears of a change of the pool.
    Configure {
        host: usize,
        boot: u64,
        number: u64,
    },
    /// The daemon that takes a host out of the pool waits for that it may.
    Farewell(Farewell),
    /// It leaves addresses that it has no more.
    Unlisten {
        host: usize,
        boot: u64,
    },
    /// A daemon that was killed runs again.
    DaemonStarts {
        host: usize,
        boot: u64,
    },
    /// The guard notices that its daemon is silent.
    DaemonMissed {
        host: usize,
        boot: u64,
        down: u64,
    },
    /// A host is asked for its guard's keys, or told to change them; and its answer.
    KeyAsk(Box<KeyAsk>),
    KeyAnswer {
        by: usize,
        round: (u64, u64),
        from: usize,
        holds: Box<Holds>,
    },
    Step(PowerStep),
    Arming(ArmingEvent),
    /// Something about a guest.
    Guest(GuestEvent),
    Fault(usize),
}

/// Bits of a key for the place of an event, and for the order in which it was queued.
const PLACE_BITS: u32 = 24;
const ORDER_BITS: u32 = 40;

/// Events that are further away than this when they are queued lie apart, in nanoseconds: the faults
/// of a storm, most of all.
const FAR: u64 = 10_000_000_000;

/// Events by their moment; of one moment, in the order in which they were queued. Only small keys
/// are moved about; the events lie still.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Moment, order and place in one number, which is compared at once.
    near: BinaryHeap<Reverse<u128>>,
    /// The same of those that were queued long before their moment.
    far: BinaryHeap<Reverse<u128>>,
    /// The moment of the newest event that was taken.
    now: u64,
    order: u64,
    places: Vec<Option<Event>>,
    free: Vec<u32>,
}

impl Queue {
    pub(crate) fn push(&mut self, at: u64, event: Event) {
        self.order += 1;
        let place = if let Some(place) = self.free.pop() {
            if let Some(free) = self.places.get_mut(place as usize) {
                *free = Some(event);
            }
            place
        } else {
            self.places.push(Some(event));
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        };
        let order = u128::from(self.order) << PLACE_BITS | u128::from(place);
        let keys = if at > self.now + FAR { &mut self.far } else { &mut self.near };
        keys.push(Reverse(u128::from(at) << (ORDER_BITS + PLACE_BITS) | order));
    }

    /// The next event and its moment, if that is not after `deadline`.
    pub(crate) fn pop(&mut self, deadline: u64) -> Option<(u64, Event)> {
        let first = |keys: &BinaryHeap<Reverse<u128>>| keys.peek().map_or(u128::MAX, |key| key.0);
        let far = first(&self.far) < first(&self.near);
        let next = if far { self.far.peek_mut()? } else { self.near.peek_mut()? };
        let at = u64::try_from(next.0 >> (ORDER_BITS + PLACE_BITS)).unwrap_or(u64::MAX);
        if at > deadline {
            return None;
        }
        let Reverse(key) = PeekMut::pop(next);
        self.now = at;
        let place = u32::try_from(key & ((1 << PLACE_BITS) - 1)).unwrap_or(u32::MAX);
        self.free.push(place);
        let event = self.places.get_mut(place as usize).and_then(Option::take)?;
        Some((at, event))
    }
}
const _: () = assert!(size_of::<Event>() <= 72);
