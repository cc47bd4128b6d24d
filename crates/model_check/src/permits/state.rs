//! What is true of the pool at one instant.

/// Hosts that a state has room for.
pub const HOSTS_MAX: usize = 3;
/// Epochs that a state has room for.
pub(super) const EPOCHS_MAX: usize = 4;

/// An epoch: who is in it, and who coordinates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// A set of bits.
    pub members: u8,
    /// Host number.
    pub coordinator: u8,
}

impl Record {
    pub(super) fn has(self, host: usize) -> bool {
        self.members & (1 << host) != 0
    }
}

/// One life of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Host {
    /// Index of the newest epoch that it knows.
    pub know: u8,
    /// It knows of a proposal in phase 2 for the epoch after that.
    pub warned: bool,
    /// Ticks that its permit is valid for; at 0 it ends now, and may just be renewed.
    pub permit: u8,
    /// Cycle in flight: ticks that a permit of it would be valid for, plus one. 0: none.
    pub cycle: u8,
    /// VMs run.
    pub running: bool,
    /// It writes the database and gives orders.
    pub acting: bool,
    /// It has begun to fence, or is down; this life gets no permit any more.
    pub fencing: bool,
    /// Ticks that VMs have outlived the permit.
    pub over: u8,
    /// Epoch that its block confirms.
    pub shown: u8,
    /// Its block bears a tombstone.
    pub tombstone: bool,
    /// Members whose votes are fresh, as a set of bits.
    pub votes: u8,
}

/// What the watcher knows of a host. An age is ticks plus one, up to what any rule asks; 0: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The block has changed since it was read.
    pub changed: bool,
    /// Ticks since the read that first saw the block as it is.
    pub still: u8,
    /// Age of the news that the host confirms this epoch or a newer one.
    pub confirmed: [u8; EPOCHS_MAX],
    /// Age of the verdict that it is dead.
    pub dead: u8,
}

/// The pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Decided epochs; the rest of the room is empty.
    pub chain: [Record; EPOCHS_MAX],
    /// Index of the newest.
    pub newest: u8,
    /// The value in phase 2 for the next one.
    pub pending: Option<Record>,
    /// Index of the newest epoch whose decision can be read from the disk: the last or the one before.
    pub published: u8,
    /// Ticks that may still pass, where the exploration is bounded in time; else 0 for ever.
    pub ticks: u8,
    /// The hosts.
    pub hosts: [Host; HOSTS_MAX],
    /// The watcher's view of each, itself included.
    pub seen: [Seen; HOSTS_MAX],
}

impl State {
    /// The founders run VMs under the first epoch; host 0 coordinates.
    pub(super) fn first(founders: u8, ticks: u8) -> Self {
        let mut state = Self {
            chain: [Record::default(); EPOCHS_MAX],
            newest: 0,
            pending: None,
            published: 0,
            ticks,
            hosts: [Host::default(); HOSTS_MAX],
            seen: [Seen::default(); HOSTS_MAX],
        };
        state.chain[0] = Record { members: founders, coordinator: 0 };
        for (number, host) in state.hosts.iter_mut().enumerate() {
            if founders & (1 << number) != 0 {
                host.permit = super::LEASE;
                host.running = true;
                host.acting = number == 0;
            }
        }
        state
    }

    /// Index of the newest epoch.
    pub(super) fn newest(&self) -> usize {
        usize::from(self.newest)
    }

    /// The epoch that a host knows.
    pub(super) fn epoch(&self, host: usize) -> Record {
        self.chain[usize::from(self.hosts[host].know)]
    }

    /// The value in phase 2 that a reader of the disk finds beyond an epoch.
    pub(super) fn phase_two_after(&self, epoch: usize) -> Option<Record> {
        if epoch == self.newest() { self.pending } else { Some(self.chain[epoch + 1]) }
    }

    /// This life was a member once and is not now.
    pub(super) fn was_put_out(&self, host: usize) -> bool {
        let ever = self.chain[..=self.newest()].iter().any(|record| record.has(host));
        ever && !self.chain[self.newest()].has(host)
    }
}
