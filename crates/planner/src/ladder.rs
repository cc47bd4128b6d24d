//! Proofs that what some hosts leave behind fits on the others, size by size.
//!
//! Items are placed from the largest to the smallest, each on some host that can take it. One of
//! size `s` stays behind only when each host that it could use has less than `s` left. What filled
//! them came before it, so none of it is smaller. A host with `free` of at least `s` is filled so
//! far by no less than `free - s + 1` bytes, and by no less than one such item. When all that comes
//! before it is less than what the hosts take so, it finds a place.
//!
//! Where processors count too, a host may refuse it for these as well, and then holds no less than
//! its free ones, less those of the item, and one more. What is placed has only so many altogether,
//! so there are only so many such hosts: the sum is taken without that many of the largest parts.
//!
//! This holds for one blow, and for every way of placing that begins with the largest.
//! [`crate::bound`] knows less about sizes, but holds for any order.

use crate::bound::{Profile, total};
use crate::hostset::HostSet;
use crate::model::Model;
use crate::state::State;

/// Steps of the ladder. Where there are more sizes than that, neighbours share one.
const RUNGS_MAX: usize = 32;

/// Hosts that may be full of virtual processors before they are full of memory.
const BUSY_MAX: usize = 4;

/// Sizes that are looked at together.
#[derive(Clone, Copy, Debug)]
struct Rung {
    largest: u64,
    smallest: u64,
}

/// Items that can use the same hosts.
#[derive(Clone, Debug)]
struct Kind {
    hosts: HostSet,
    /// Hosts that other VMs of their groups can bar them from.
    barred: usize,
    /// The most virtual processors of one of them.
    vcpus: u64,
}

/// Counted items of each host.
#[derive(Clone, Debug, Default)]
struct Held {
    /// For each host, at each rung: bytes.
    bytes: Vec<u64>,
    /// For each host: virtual processors.
    vcpus: Vec<u64>,
    /// For each kind, each host: the rungs at which there are any, as bits.
    present: Vec<u32>,
}

/// A pool before anything fails, rung by rung.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    /// From the largest to the smallest.
    rungs: Vec<Rung>,
    /// Rung and kind of each item.
    place_of: Vec<(usize, usize)>,
    kinds: Vec<Kind>,
    hosts: usize,
    held: Held,
}

impl Sizes {
    pub(crate) fn new(model: &Model<'_>, profile: &Profile) -> Self {
        // Items are numbered from the largest to the smallest.
        let mut sizes: Vec<u64> = model.items.iter().map(|item| item.need.memory).collect();
        sizes.dedup();
        let together = sizes.len().div_ceil(RUNGS_MAX).max(1);
        let ends = sizes
            .chunks(together)
            .filter_map(|chunk| Some(Rung { largest: *chunk.first()?, smallest: *chunk.last()? }));
        let rungs: Vec<Rung> = ends.collect();
        let mut rung = 0;
        let place_of = model.items.iter().enumerate().map(|(item, row)| {
            while rungs.get(rung).is_some_and(|at| at.smallest > row.need.memory) {
                rung += 1;
            }
            (rung, profile.kind_of(model, item))
        });
        let place_of = place_of.collect();
        let kind = |hosts| Kind { hosts, barred: 0, vcpus: 0 };
        let kinds: Vec<Kind> = profile.kinds().map(kind).collect();
        let hosts = model.hosts.len();
        let (bytes, present) = (vec![0; hosts * rungs.len()], vec![0; hosts * kinds.len()]);
        let held = Held::default();
        let mut sizes = Self { rungs, place_of, kinds, hosts, held };
        sizes.held = sizes.read(model, Held { bytes, vcpus: vec![0; hosts], present });
        sizes.read_rules(model);
        sizes
    }

    fn read(&self, model: &Model<'_>, mut held: Held) -> Held {
        for (host, items) in model.on.iter().enumerate() {
            items.iter().for_each(|&item| self.add(&mut held, model, item, host));
        }
        for &item in model.doubles.iter().chain(&model.uncertain) {
            let holders = model.items.get(item).map(|item| item.holders).unwrap_or_default();
            holders.iter().for_each(|host| self.add(&mut held, model, item, host));
        }
        held
    }

    fn read_rules(&mut self, model: &Model<'_>) {
        if model.groups.is_empty() && !model.counts_vcpus {
            return;
        }
        for item in (0..model.items.len()).filter(|&item| model.counts(item)) {
            let groups = model.groups_of(item).iter();
            let sizes = groups.filter_map(|&group| model.group_sizes.get(group));
            let barred = sizes.map(|size| size.saturating_sub(1)).sum();
            let (_, kind) = self.place_of.get(item).copied().unwrap_or_default();
            if let Some(kind) = self.kinds.get_mut(kind) {
                kind.barred = kind.barred.max(barred);
                kind.vcpus = kind.vcpus.max(model.need(item).vcpus);
            }
        }
    }

    fn add(&self, held: &mut Held, model: &Model<'_>, item: usize, host: usize) {
        let (rung, kind) = self.place_of.get(item).copied().unwrap_or_default();
        if let Some(bytes) = held.bytes.get_mut(host * self.rungs.len() + rung) {
            *bytes = bytes.saturating_add(model.need(item).memory);
        }
        if let Some(vcpus) = held.vcpus.get_mut(host) {
            *vcpus = vcpus.saturating_add(model.need(item).vcpus);
        }
        if let Some(rungs) = held.present.get_mut(kind * self.hosts + host) {
            *rungs |= 1 << rung;
        }
    }

    /// A moment of a scenario.
    pub(crate) fn at(&self, model: &Model<'_>, state: &State) -> Ladder<'_> {
        let mut held = self.held.clone();
        let counted = state.moved.iter().filter(|(item, _)| model.counts(*item));
        counted.for_each(|&(item, host)| self.add(&mut held, model, item, host));
        for sums in held.bytes.chunks_mut(self.rungs.len().max(1)) {
            let mut sum = 0u64;
            for bytes in sums {
                sum = sum.saturating_add(*bytes);
                *bytes = sum;
            }
        }
        let fill = fill(&self.rungs, self.hosts, state);
        let most = if model.counts_vcpus { BUSY_MAX } else { 0 };
        let moment = |kind: &Kind| Moment {
            sums: kind.sums(&fill, self.rungs.len(), state.alive, most),
            busy: if model.counts_vcpus { kind.busy(state) } else { Vec::new() },
        };
        let kinds = self.kinds.iter().map(moment).collect();
        Ladder { sizes: self, held, fill, kinds }
    }
}

/// For each host, at each rung: the least that fills it so far that it refuses an item.
fn fill(rungs: &[Rung], hosts: usize, state: &State) -> Vec<u64> {
    let mut fill = vec![0; hosts * rungs.len()];
    for (host, slots) in fill.chunks_mut(rungs.len().max(1)).enumerate() {
        let free = if state.alive.contains(host) { state.room(host).memory } else { 0 };
        for (slot, rung) in slots.iter_mut().zip(rungs) {
            if free >= rung.largest {
                *slot = (free - rung.largest + 1).max(rung.smallest);
            }
        }
    }
    fill
}

impl Kind {
    /// What fills all its hosts, at each rung, without those that rules may bar, and without up to
    /// `most` that may be full of virtual processors.
    fn sums(&self, fill: &[u64], rungs: usize, alive: HostSet, most: usize) -> Vec<u64> {
        let hosts = self.hosts.and(alive);
        let mut sums = vec![0u64; rungs * (most + 1)];
        for at in 0..rungs {
            let parts = hosts.iter().filter_map(|host| fill.get(host * rungs + at).copied());
            if self.barred + most == 0 {
                if let Some(sum) = sums.get_mut(at) {
                    *sum = total(parts, 0);
                }
                continue;
            }
            let mut parts: Vec<u64> = parts.collect();
            parts.sort_unstable();
            // Of all but the largest; then one more is left out at a time.
            let kept = parts.len().saturating_sub(self.barred);
            let mut sum = parts.iter().take(kept).fold(0u64, |sum, part| sum.saturating_add(*part));
            for busy in 0..=most {
                if let Some(slot) = sums.get_mut(busy * rungs + at) {
                    *slot = sum;
                }
                let next = kept.checked_sub(busy + 1).and_then(|last| parts.get(last));
                sum = sum.saturating_sub(next.copied().unwrap_or(sum));
            }
        }
        sums
    }

    /// The fewest virtual processors with which one, two, … of its hosts refuse one of its items
    /// for these.
    fn busy(&self, state: &State) -> Vec<u64> {
        let hosts = self.hosts.and(state.alive);
        let least = |host| (state.room(host).vcpus.saturating_add(1)).saturating_sub(self.vcpus);
        let mut parts: Vec<u64> = hosts.iter().map(least).collect();
        parts.sort_unstable();
        let mut sum = 0u64;
        for part in &mut parts {
            sum = sum.saturating_add(*part);
            *part = sum;
        }
        parts
    }
}

/// A kind of items at a moment.
#[derive(Clone, Debug)]
struct Moment {
    /// What fills all its hosts, at each rung; and again without one of them, two of them, ….
    sums: Vec<u64>,
    /// See [`Kind::busy`]; empty: processors do not count.
    busy: Vec<u64>,
}

impl Moment {
    /// How many hosts may be full of virtual processors when there are so many to be placed.
    fn busy_with(&self, vcpus: u64) -> usize {
        self.busy.partition_point(|least| *least <= vcpus)
    }
}

/// A moment of a scenario, rung by rung.
#[derive(Clone, Debug)]
pub(crate) struct Ladder<'s> {
    sizes: &'s Sizes,
    /// With the bytes of items of a rung's size or larger.
    held: Held,
    /// For each host, at each rung: the least that fills it so far that it refuses an item.
    fill: Vec<u64>,
    kinds: Vec<Moment>,
}

impl Ladder<'_> {
    /// Whether all that these hosts leave behind fits on the others when they fail at once. False
    /// says nothing.
    pub(crate) fn holds_for(&self, failed: HostSet) -> bool {
        let vcpus = failed.iter().filter_map(|host| self.held.vcpus.get(host));
        let vcpus = vcpus.fold(0u64, |sum, part| sum.saturating_add(*part));
        let mut kinds = self.sizes.kinds.iter().zip(&self.kinds).enumerate();
        kinds.all(|(at, (kind, moment))| {
            let skipped = moment.busy_with(vcpus) * self.sizes.rungs.len();
            let first = at * self.sizes.hosts;
            let present = failed.iter().filter_map(|host| self.held.present.get(first + host));
            let mut rungs = present.fold(0, |all, rungs| all | rungs);
            let gone = failed.and(kind.hosts);
            while rungs != 0 {
                let at = usize::try_from(rungs.trailing_zeros()).unwrap_or(0);
                rungs &= rungs - 1;
                let smallest = self.sizes.rungs.get(at).map_or(0, |rung| rung.smallest);
                let before = self.sum(&self.held.bytes, failed, at).saturating_sub(smallest);
                // Without a sum for so many busy hosts nothing is said.
                let all = moment.sums.get(skipped + at).copied().unwrap_or(0);
                if before >= all.saturating_sub(self.sum(&self.fill, gone, at)) {
                    return false;
                }
            }
            true
        })
    }

    fn sum(&self, table: &[u64], hosts: HostSet, rung: usize) -> u64 {
        let rungs = self.sizes.rungs.len();
        let parts = hosts.iter().filter_map(|host| table.get(host * rungs + rung));
        parts.fold(0u64, |sum, part| sum.saturating_add(*part))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::*;
    use crate::pack::{Way, quick};
    use crate::reason::Purpose;
    use crate::state::Work;
    use crate::view::{Host, Pool, Protection, Vm};

    fn id(number: u64) -> Uuid {
        Uuid::from_u128(u128::from(number))
    }

    /// Numbers by chance, the same for the same seed.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 33) % limit
        }
    }

    /// Hosts with two kinds of storage, VMs of sizes by chance, some to be kept apart; in every
    /// third pool processors count.
    fn pool(seed: u64) -> Pool {
        let dice = &mut Dice(seed);
        let hosts = 3 + dice.below(5);
        let ratio = (seed % 3 == 2).then(|| 100 + u32::try_from(dice.below(200)).unwrap());
        let cpus = 4 + u32::try_from(dice.below(12)).unwrap();
        let mut pool = Pool { vcpus_per_100_cpus: ratio, ..Pool::default() };
        for number in 1..=hosts {
            let memory = 20 + dice.below(40);
            let srs = (900..900 + 1 + dice.below(2)).map(id).collect();
            let row = Host { id: id(number), enabled: true, live: true, srs, ..Host::default() };
            pool.hosts.push(Host { memory_total: memory, memory_free: memory, cpus, ..row });
        }
        let sizes = 1 + dice.below(50);
        for number in 0..10 + dice.below(20) {
            let apart =
                if dice.below(8) == 0 { BTreeSet::from([id(700)]) } else { BTreeSet::new() };
            let srs = BTreeSet::from([id(900 + dice.below(8) / 7)]);
            let (memory, on) = (1 + dice.below(sizes) % 13, 1 + dice.below(hosts));
            let protection =
                if dice.below(6) == 0 { Protection::None } else { Protection::Restart };
            let vcpus = 1 + u32::try_from(dice.below(3)).unwrap();
            let row = Vm { id: id(1000 + number), memory, protection, apart, srs, ..Vm::default() };
            pool.vms.push(Vm { vcpus, ..row });
            let room = |host: &Host| {
                let vcpus_free = pool.vcpus_free(host);
                vcpus_free.is_none_or(|free| free > u64::from(vcpus))
                    && host.memory_free >= memory + 2
            };
            if pool.host(id(on)).is_some_and(room) {
                pool.occupy(id(1000 + number), id(on));
            }
            if dice.below(12) == 0 {
                let also = 1 + dice.below(hosts);
                let room = |host: &Host| {
                    let vcpus_free = pool.vcpus_free(host);
                    vcpus_free.is_none_or(|free| free >= u64::from(vcpus))
                        && host.memory_free >= memory
                };
                if pool.host(id(also)).is_some_and(room) {
                    pool.occupy(id(1000 + number), id(also));
                }
            }
        }
        pool.vms.retain(|vm| !vm.waits());
        pool
    }

    /// Whatever it says fits is placed by every way that begins with the largest, at the first
    /// blow and after one.
    #[test]
    fn what_the_ladder_promises_every_way_finds() {
        let (mut promised, mut more, mut counting) = (0u32, 0u32, 0u32);
        for seed in 0..1_500 {
            let pool = pool(seed);
            let model = Model::new(&pool, Purpose::Failover).unwrap();
            let base = Profile::new(&model);
            let sizes = Sizes::new(&model, &base);
            let mut state = State::new(&model);
            if seed % 2 == 1 {
                let items = state.fail(&model, [0].into_iter().collect());
                match quick(&model, &state, &items, Way::Tight, &mut Work::new(1 << 20)) {
                    Some(next) => state = next,
                    None => continue,
                }
            }
            let ladder = sizes.at(&model, &state);
            let profile = Profile::of(&base, &model, &state);
            for failed in (1..=2).flat_map(|size| state.alive.subsets(size)) {
                if !ladder.holds_for(failed) {
                    continue;
                }
                promised += 1;
                let new = !profile.holds_for(&model, &state, failed);
                more += u32::from(new);
                counting += u32::from(new && model.counts_vcpus);
                for way in [Way::Tight, Way::Wide] {
                    let mut next = state.clone();
                    let items = next.fail(&model, failed);
                    let found = quick(&model, &next, &items, way, &mut Work::new(1 << 20));
                    assert!(found.is_some(), "seed {seed}, {failed:?}, {way:?}");
                }
            }
        }
        assert!(promised > 2_000 && more > 200, "{promised}, {more} of them new");
        assert!(counting > 50, "{counting} of them where processors count");
    }
}
