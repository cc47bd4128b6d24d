//! Proofs of "yes" that need no packing, and hold in whatever order hosts fail and VMs come back.
//!
//! Every way in which items are placed gives an item to some host that can take it. So an item of
//! size `s` stays behind only when each host it could use was filled to less than `s`. Filling
//! host `h` so far takes more than `free(h) - s` bytes, and at least `free(h) / s` items (rounded
//! down, if none is larger than `s`). What there is to fill with are the items of the failed
//! hosts: when their bytes, or their number, do not suffice for all hosts, nothing stays behind.

use crate::hostset::HostSet;
use crate::model::{Model, Room};
use crate::state::State;

/// Distinct sets of able hosts that are looked at one by one.
const KINDS_MAX: usize = 8;
/// Fractions are counted in parts of this.
const UNIT: u128 = 1 << 20;

/// Items that can use the same hosts.
#[derive(Clone, Debug)]
struct Kind {
    hosts: HostSet,
    /// The largest of them on each host, resource by resource.
    largest: Vec<Room>,
    /// Hosts that other VMs of their groups can bar them from.
    barred: usize,
}

/// What each host would leave behind.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    kinds: Vec<Kind>,
    /// Position in `kinds` of each class of the model.
    kind_of: Vec<usize>,
    volume: Vec<Room>,
    count: Vec<u64>,
}

fn max(one: Room, other: Room) -> Room {
    Room { memory: one.memory.max(other.memory), vcpus: one.vcpus.max(other.vcpus) }
}

impl Profile {
    pub(crate) fn new(model: &Model<'_>) -> Self {
        let hosts = model.hosts.len();
        let kind = |set| Kind { hosts: set, largest: vec![Room::default(); hosts], barred: 0 };
        let classes = &model.classes;
        let (kinds, kind_of) = if classes.len() <= KINDS_MAX {
            (classes.iter().map(|set| kind(*set)).collect(), (0..classes.len()).collect())
        } else {
            // All together: what fits where every item may go fits.
            let common = classes.iter().copied().fold(model.all_hosts(), HostSet::and);
            (vec![kind(common)], vec![0; classes.len()])
        };
        let (volume, count) = (vec![Room::default(); hosts], vec![0; hosts]);
        let mut profile = Self { kinds, kind_of, volume, count };
        for (host, items) in model.on.iter().enumerate() {
            items.iter().for_each(|&item| profile.add(model, item, host));
        }
        for &item in model.doubles.iter().chain(&model.uncertain) {
            let holders = model.items.get(item).map(|item| item.holders).unwrap_or_default();
            holders.iter().for_each(|host| profile.add(model, item, host));
        }
        profile
    }

    fn add(&mut self, model: &Model<'_>, item: usize, host: usize) {
        let need = model.need(item);
        if let Some(volume) = self.volume.get_mut(host) {
            volume.give(need);
        }
        if let Some(count) = self.count.get_mut(host) {
            *count += 1;
        }
        let kind = self.kind_of(model, item);
        let Some(kind) = self.kinds.get_mut(kind) else { return };
        if let Some(largest) = kind.largest.get_mut(host) {
            *largest = max(*largest, need);
        }
        let groups = model.groups_of(item).iter().filter_map(|&group| model.group_sizes.get(group));
        kind.barred = kind.barred.max(groups.map(|size| size.saturating_sub(1)).sum());
    }

    /// Hosts of each kind of item.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = HostSet> {
        self.kinds.iter().map(|kind| kind.hosts)
    }

    /// Position among the kinds of an item's.
    pub(crate) fn kind_of(&self, model: &Model<'_>, item: usize) -> usize {
        let class = model.items.get(item).map_or(0, |item| item.class);
        self.kind_of.get(class).copied().unwrap_or(0)
    }

    /// The same with the items that were placed in a scenario.
    pub(crate) fn of(base: &Self, model: &Model<'_>, state: &State) -> Self {
        let mut profile = base.clone();
        let counted = state.moved.iter().filter(|(item, _)| model.counts(*item));
        counted.for_each(|&(item, host)| profile.add(model, item, host));
        profile
    }

    fn lost(&self, host: usize) -> (Room, u64) {
        let volume = self.volume.get(host).copied().unwrap_or_default();
        (volume, self.count.get(host).copied().unwrap_or(0))
    }

    /// Whether any `failures` hosts may fail, in any order. False says nothing.
    pub(crate) fn holds(&self, model: &Model<'_>, state: &State, failures: usize) -> bool {
        let hosts: Vec<usize> = state.alive.iter().collect();
        let top = |kind: &Kind| {
            hosts
                .iter()
                .filter_map(|&host| kind.largest.get(host))
                .fold(Room::default(), |a, b| max(a, *b))
        };
        let largest = self.kinds.iter().map(top).fold(Room::default(), max);
        self.kinds.iter().all(|kind| {
            let own = top(kind);
            if own.memory == 0 {
                return true;
            }
            let able = |host: usize| kind.hosts.contains(host);
            let slots = |host: usize| if able(host) { slots(state.room(host), largest) } else { 0 };
            let blocks = |host: usize| {
                if able(host) { beyond(state.room(host).memory, own.memory) } else { 0 }
            };
            let by_count = balance(&hosts, failures, kind.barred, slots, |host| self.lost(host).1);
            let by_volume = || {
                let lost = |host| self.lost(host).0.memory;
                !model.counts_vcpus && balance(&hosts, failures, kind.barred, blocks, lost)
            };
            by_count || by_volume()
        })
    }

    /// Whether just these hosts may fail, in any order. False says nothing.
    pub(crate) fn holds_for(&self, model: &Model<'_>, state: &State, failed: HostSet) -> bool {
        let (mut volume, mut count) = (Room::default(), 0);
        for host in failed.iter() {
            let (room, number) = self.lost(host);
            volume.give(room);
            count += number;
        }
        if count == 0 {
            return true;
        }
        let top = |kind: &Kind| {
            let largest = failed.iter().filter_map(|host| kind.largest.get(host));
            largest.fold(Room::default(), |a, b| max(a, *b))
        };
        let largest = self.kinds.iter().map(top).fold(Room::default(), max);
        self.kinds.iter().all(|kind| {
            let own = top(kind);
            if own.memory == 0 {
                return true;
            }
            let hosts = kind.hosts.and(state.alive).without(failed);
            let rooms = || hosts.iter().map(|host| state.room(host));
            if total(rooms().map(|room| slots(room, largest)), kind.barred) >= count {
                return true;
            }
            if model.counts_vcpus {
                return normalised(rooms(), own, volume, kind.barred);
            }
            let blocks = rooms().map(|room| beyond(room.memory, own.memory));
            total(blocks, kind.barred).saturating_add(own.memory) > volume.memory
        })
    }
}

/// How many items of a size a room certainly takes.
fn slots(room: Room, size: Room) -> u64 {
    let vcpus = room.vcpus.checked_div(size.vcpus).unwrap_or(u64::MAX);
    (room.memory / size.memory.max(1)).min(vcpus)
}

/// Bytes that fill a room so far that no item of a size fits any more.
fn beyond(free: u64, size: u64) -> u64 {
    (free + 1).saturating_sub(size)
}

/// The sum without the `barred` largest.
pub(crate) fn total(parts: impl Iterator<Item = u64>, barred: usize) -> u64 {
    if barred == 0 {
        return parts.fold(0, u64::saturating_add);
    }
    let mut parts: Vec<u64> = parts.collect();
    parts.sort_unstable();
    let kept = parts.len().saturating_sub(barred);
    parts.into_iter().take(kept).fold(0, u64::saturating_add)
}

/// Whether what is left takes what is lost, whichever `failures` hosts fail and whichever `barred`
/// others cannot be used.
fn balance(
    hosts: &[usize],
    failures: usize,
    barred: usize,
    gain: impl Fn(usize) -> u64,
    loss: impl Fn(usize) -> u64,
) -> bool {
    let mut swings: Vec<u64> =
        hosts.iter().map(|&host| gain(host).saturating_add(loss(host))).collect();
    swings.sort_unstable_by(|a, b| b.cmp(a));
    let swing = swings.into_iter().take(failures).fold(0, u64::saturating_add);
    total(hosts.iter().map(|&host| gain(host)), barred) >= swing
}

/// A host is full by memory or by processors. Counted in parts of all that there is to fill with,
/// of either, no more than two wholes can be used up.
fn normalised(rooms: impl Iterator<Item = Room>, size: Room, volume: Room, barred: usize) -> bool {
    let part = |free: u64, size: u64, volume: u64| {
        if size == 0 || volume == 0 {
            return u64::MAX;
        }
        let part = u128::from(beyond(free, size)) * UNIT / u128::from(volume);
        u64::try_from(part).unwrap_or(u64::MAX)
    };
    let parts = rooms.map(|room| {
        part(room.memory, size.memory, volume.memory).min(part(
            room.vcpus,
            size.vcpus,
            volume.vcpus,
        ))
    });
    u128::from(total(parts, barred)) > 2 * UNIT
}
