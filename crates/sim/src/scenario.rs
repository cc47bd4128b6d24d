//! Helpers of the fixed scenarios: one fault at a known moment, and how long the answer took.

use haven_cluster::control::GuardPhase;
use haven_cluster::timing::Timing;

use crate::faults::Fault;
use crate::options::Options;
use crate::world::World;

/// The metadata volume among the paths of a host.
#[must_use]
pub fn path_to_metadata() -> u8 {
    crate::database::METADATA
}

impl World {
    /// A pool that formed and runs all its VMs.
    #[must_use]
    pub fn formed(options: Options, seed: u64) -> Self {
        let mut world = Self::new(options, seed);
        world.power_on_all();
        world.demand_health(120_000, "the pool does not form");
        // Long enough for the first epochs to be closed.
        world.run_for(60_000);
        world
    }

    /// The host whose daemon acts as coordinator.
    #[must_use]
    pub fn coordinator(&self) -> Option<usize> {
        (0..self.hosts.len()).find(|host| self.hosts.get(*host).is_some_and(|h| h.acting(self.now)))
    }

    /// A host that is powered, permitted and not coordinator.
    #[must_use]
    pub fn worker(&self) -> Option<usize> {
        let acting = self.coordinator();
        (0..self.hosts.len()).find(|host| {
            Some(*host) != acting && self.hosts.get(*host).is_some_and(|h| h.permitted(self.now))
        })
    }

    /// VMs that run somewhere.
    #[must_use]
    pub fn running(&self) -> usize {
        self.hosts.iter().map(|host| host.vms.len()).sum()
    }

    /// All VMs run somewhere.
    #[must_use]
    pub fn all_run(&self) -> bool {
        self.running() == self.options.vms as usize
    }

    /// The VMs that run on a host.
    #[must_use]
    pub fn vms_on(&self, host: usize) -> Vec<u32> {
        self.hosts.get(host).map_or_else(Vec::new, |h| h.vms.iter().copied().collect())
    }

    /// VMs on a host.
    #[must_use]
    pub fn running_on(&self, host: usize) -> usize {
        self.hosts.get(host).map_or(0, |h| h.vms.len())
    }

    /// VMs whose start was ordered on a host and that do not execute yet.
    #[must_use]
    pub fn starting_on(&self, host: usize) -> usize {
        self.hosts.get(host).map_or(0, |h| h.starting.len())
    }

    /// Those of them whose daemon agreed already.
    #[must_use]
    pub fn agreed_on(&self, host: usize) -> usize {
        let Some(h) = self.hosts.get(host) else { return 0 };
        h.starting.values().filter(|starting| starting.agreed).count()
    }

    /// Number of resets and of fencings so far.
    #[must_use]
    pub fn casualties(&self) -> (usize, usize) {
        (self.resets.len(), self.fences.len())
    }

    /// The daemon of `host` was told a valid permit.
    #[must_use]
    pub fn permitted(&self, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|h| h.permitted(self.now))
    }

    /// The host has no guard any more: it left the membership.
    #[must_use]
    pub fn left(&self, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|h| h.idle)
    }

    /// Some daemon was told that the present life of `host` is dead.
    #[must_use]
    pub fn known_dead(&self, host: usize) -> bool {
        let Some((gone, incarnation)) = self
            .hosts
            .get(host)
            .map(|h| h.incarnation)
            .and_then(|incarnation| Some((self.config.hosts.get(host)?.host, incarnation)))
        else {
            return false;
        };
        self.hosts.iter().filter_map(|h| h.told.as_ref()).any(|state| {
            state.dead.iter().any(|life| life.host == gone && life.incarnation.0 >= incarnation)
        })
    }

    /// Lets `fault` happen now and gives the virtual milliseconds until `done`, or the limit.
    pub fn time(&mut self, fault: Fault, limit_ms: u64, done: impl FnMut(&Self) -> bool) -> u64 {
        let start = self.now_ms();
        self.inject(0, fault);
        self.run_for(1);
        let end = self.run_until(start + limit_ms, done);
        end - start
    }

    /// The newest epoch of which the daemon of `host` was told.
    #[must_use]
    pub fn epoch_of(&self, host: usize) -> u64 {
        let told = self.hosts.get(host).and_then(|h| h.told.as_ref());
        told.and_then(|state| state.epoch.as_ref()).map_or(0, |epoch| epoch.number.0)
    }

    /// The guard of `host` knows a value in phase 2 that is not decided.
    #[must_use]
    pub fn is_deciding(&self, host: usize) -> bool {
        let machine = self.hosts.get(host).and_then(|h| h.machine.as_ref());
        machine.is_some_and(haven_cluster::machine::Machine::phase2_known)
    }

    /// The blocks of a host's present ballot, first and second copy.
    #[must_use]
    pub fn ballot_blocks(&self, host: usize) -> [u32; 2] {
        let parity = self.hosts.get(host).map_or(0, |h| h.incarnation % 2);
        let place = 4 * self.slot_of(host) + 2 * u32::try_from(parity).unwrap_or(0);
        [256 + place, 512 + place]
    }

    /// Nothing of the ballot of a host's present life is rotten, on any statefile.
    #[must_use]
    pub fn ballot_is_whole(&self, host: usize) -> bool {
        let blocks = self.ballot_blocks(host);
        self.volumes.iter().all(|volume| blocks.iter().all(|block| volume.is_whole(*block)))
    }

    /// Sets the drift of a host's clock, in parts per million; before it is powered on.
    pub fn set_drift(&mut self, host: usize, ppm: i64) {
        if let Some(h) = self.hosts.get_mut(host) {
            h.drift = ppm;
        }
    }

    /// The path of `host` is stalled.
    #[must_use]
    pub fn stalled(&self, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|h| h.path(0) == crate::disk::Path::Stalled)
    }

    /// The newest write of a client that was acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.metadata.acked
    }

    /// How often a person chose a copy of the pool database.
    #[must_use]
    pub fn recovered(&self) -> u64 {
        self.metadata.recovered
    }

    /// The daemon of `host` begins to fill an area: it is being emptied.
    #[must_use]
    pub fn empties_area(&self, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|h| h.db.empties())
    }

    /// The daemon of `host` was told that its guard fences.
    #[must_use]
    pub fn fences(&self, host: usize) -> bool {
        let told = self.hosts.get(host).and_then(|h| h.told.as_ref());
        told.is_some_and(|state| matches!(state.phase, GuardPhase::Fencing(_)))
    }

    /// What the daemon of `host` was told that its guard does.
    #[must_use]
    pub fn phase(&self, host: usize) -> Option<&GuardPhase> {
        self.hosts.get(host)?.told.as_ref().map(|state| &state.phase)
    }

    /// The host is no member of the pool.
    #[must_use]
    pub fn is_taken_out(&self, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|h| h.shaped.removed)
    }

    /// The coordinator of the record that disarmed the pool, if some daemon was told of it.
    #[must_use]
    pub fn last_coordinator(&self) -> Option<usize> {
        let told = self.hosts.iter().filter_map(|h| h.told.as_ref()?.epoch.as_ref());
        let last = told.filter(|epoch| !epoch.armed).map(|epoch| epoch.coordinator.host).next();
        last.and_then(|host| self.index_of(host))
    }

    /// The newest epoch that the acting coordinator knows would admit the host.
    #[must_use]
    pub fn has_place(&self, host: usize) -> bool {
        !self.is_out(host)
    }

    /// The time-outs of the newest epoch that the guard of `host` knows.
    #[must_use]
    pub fn timing_of(&self, host: usize) -> Option<Timing> {
        let machine = self.hosts.get(host)?.machine.as_ref()?;
        Some(machine.timing())
    }

    /// Hosts of the pool, up or down.
    #[must_use]
    pub fn host_count(&self) -> usize {
        self.hosts.len()
    }

    /// The daemon of `host` was told that it is a member in this life.
    #[must_use]
    pub fn is_member(&self, host: usize) -> bool {
        let told = self.hosts.get(host).and_then(|h| h.told.as_ref());
        told.is_some_and(|state| {
            let epoch = state.epoch.as_ref();
            epoch.is_some_and(|e| e.armed && state.me.is_some_and(|me| e.members.contains(&me)))
        })
    }

    /// Every powered host says that no host hears another.
    #[must_use]
    pub fn dark(&self) -> bool {
        let mut told = self.hosts.iter().filter(|h| h.powered).map(|h| h.told.as_ref());
        told.all(|state| state.is_some_and(|state| state.phase == GuardPhase::Dark))
    }

    /// What the guard of a host wants a person to know.
    #[must_use]
    pub fn alarms_of(&self, host: usize) -> &[String] {
        let told = self.hosts.get(host).and_then(|h| h.told.as_deref());
        told.map_or(&[], |state| &state.alarms)
    }

    /// What the guards want a person to know.
    pub fn alarms(&self) -> impl Iterator<Item = &String> {
        self.hosts.iter().filter_map(|h| h.told.as_ref()).flat_map(|state| &state.alarms)
    }

    /// The faults that happened, with their moments in nanoseconds.
    #[must_use]
    pub fn happened(&self) -> &[(u64, Fault)] {
        &self.chaos.happened
    }

    /// The newest epoch that anybody showed.
    #[must_use]
    pub fn newest_epoch(&self) -> u64 {
        self.chain.newest()
    }

    /// Changes how the power devices behave.
    pub fn set_device(&mut self, device: crate::PowerDevice) {
        self.options.power_fencing = device;
    }

    /// How long `host` takes from power to the start of its guard, from now on.
    pub fn set_boot(&mut self, host: usize, ms: u64) {
        if let Some(h) = self.hosts.get_mut(host) {
            h.boot_ms = Some(ms);
        }
    }

    /// Makes `host` the coordinator of a formed pool.
    pub fn make_coordinator(&mut self, host: usize) {
        if self.coordinator() != Some(host) {
            self.time(Fault::HandOver(host), 10_000, |w| w.coordinator() == Some(host));
        }
        // Long enough for the epochs of the former one to be closed.
        self.run_for(40_000);
    }
}
