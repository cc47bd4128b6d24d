//! A pool in the middle of a scenario: some hosts are gone, some VMs were restarted.

use crate::hostset::HostSet;
use crate::model::{Model, Room};

/// Work that an answer may cost, in placements tried. It stands for time where there is no clock:
/// a million take about 20 ms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    left: u64,
}

impl Work {
    pub(crate) const fn new(left: u64) -> Self {
        Self { left }
    }

    /// Spends some; false when it is used up.
    pub(crate) fn spend(&mut self, amount: usize) -> bool {
        let amount = u64::try_from(amount).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(amount);
        self.left > 0
    }

    pub(crate) const fn is_over(self) -> bool {
        self.left == 0
    }
}

/// Hosts by their free memory. Ascending; among equals the last is the one of the lowest number.
type Ranked = Vec<(u64, u32)>;

/// A moment of a scenario.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) free: Vec<Room>,
    pub(crate) alive: HostSet,
    /// Hosts with a member of each group, dead ones among them.
    pub(crate) groups: Vec<HostSet>,
    /// Items that were placed in this scenario, and where.
    pub(crate) moved: Vec<(usize, usize)>,
    ranked: Ranked,
}

impl Clone for State {
    fn clone(&self) -> Self {
        Self {
            free: self.free.clone(),
            alive: self.alive,
            groups: self.groups.clone(),
            moved: self.moved.clone(),
            ranked: self.ranked.clone(),
        }
    }

    /// Millions of moments are looked at: the memory of the last one is used again.
    fn clone_from(&mut self, other: &Self) {
        self.free.clone_from(&other.free);
        self.alive = other.alive;
        self.groups.clone_from(&other.groups);
        self.moved.clone_from(&other.moved);
        self.ranked.clone_from(&other.ranked);
    }
}

fn rank(host: usize) -> u32 {
    u32::MAX - u32::try_from(host).unwrap_or(u32::MAX)
}

fn unrank(rank: u32) -> usize {
    usize::try_from(u32::MAX - rank).unwrap_or(usize::MAX)
}

impl State {
    pub(crate) fn new(model: &Model<'_>) -> Self {
        let mut ranked: Ranked =
            model.free.iter().enumerate().map(|(host, room)| (room.memory, rank(host))).collect();
        ranked.sort_unstable();
        Self {
            free: model.free.clone(),
            alive: model.all_hosts(),
            groups: model.groups.clone(),
            moved: Vec::new(),
            ranked,
        }
    }

    pub(crate) fn room(&self, host: usize) -> Room {
        self.free.get(host).copied().unwrap_or_default()
    }

    /// Hosts go; answers the counted items that end with them, largest first.
    pub(crate) fn fail(&mut self, model: &Model<'_>, hosts: HostSet) -> Vec<usize> {
        let mut dead = Vec::new();
        self.fail_into(model, hosts, &mut dead);
        dead
    }

    /// The same into memory that is there already.
    pub(crate) fn fail_into(&mut self, model: &Model<'_>, hosts: HostSet, dead: &mut Vec<usize>) {
        dead.clear();
        let hosts = hosts.and(self.alive);
        let before = self.alive;
        self.alive = before.without(hosts);
        for host in hosts.iter() {
            dead.extend_from_slice(model.on.get(host).map(Vec::as_slice).unwrap_or_default());
        }
        self.moved.retain(|&(item, host)| {
            let stays = !hosts.contains(host);
            if !stays && model.counts(item) {
                dead.push(item);
            }
            stays
        });
        for &item in &model.doubles {
            let holders = model.items.get(item).map(|item| item.holders).unwrap_or_default();
            let refuge = model.able(item).and(holders);
            if !refuge.and(before).is_empty() && refuge.and(self.alive).is_empty() {
                dead.push(item);
            }
        }
        for &item in &model.uncertain {
            let holders = model.items.get(item).map(|item| item.holders).unwrap_or_default();
            if holders.within(before) && !holders.within(self.alive) {
                dead.push(item);
            }
        }
        self.ranked.retain(|&(_, key)| !hosts.contains(unrank(key)));
        // A few sorted runs, which this merges.
        dead.sort();
    }

    /// Whether a host can take an item now.
    pub(crate) fn fits(&self, model: &Model<'_>, item: usize, host: usize) -> bool {
        self.alive.contains(host)
            && model.able(item).contains(host)
            && self.room(host).holds(model.need(item))
            && self.is_apart(model, item, host)
    }

    fn is_apart(&self, model: &Model<'_>, item: usize, host: usize) -> bool {
        let mut groups = model.groups_of(item).iter();
        !groups.any(|&group| self.groups.get(group).is_some_and(|there| there.contains(host)))
    }

    /// Places an item, whether it fits or not.
    pub(crate) fn place(&mut self, model: &Model<'_>, item: usize, host: usize) {
        let key = (self.room(host).memory, rank(host));
        let at = self.ranked.partition_point(|entry| *entry < key);
        self.settle(model, item, host, at);
    }

    /// Places an item on the host at a position of the ranking.
    fn settle(&mut self, model: &Model<'_>, item: usize, host: usize, at: usize) {
        if let Some(room) = self.free.get_mut(host) {
            room.take(model.need(item));
        }
        let key = (self.room(host).memory, rank(host));
        if let Some(lower) = self.ranked.get_mut(..=at) {
            if let Some(last) = lower.last_mut() {
                *last = key;
            }
            let to = lower.len().saturating_sub(1);
            let to = lower.get(..to).map_or(0, |rest| rest.partition_point(|entry| *entry < key));
            if let Some(range) = lower.get_mut(to..) {
                range.rotate_right(1);
            }
        }
        for &group in model.groups_of(item) {
            if let Some(there) = self.groups.get_mut(group) {
                there.insert(host);
            }
        }
        self.moved.push((item, host));
    }

    /// Gives an item to the fullest host that can take it; false when none can.
    pub(crate) fn place_tight(&mut self, model: &Model<'_>, item: usize, work: &mut Work) -> bool {
        let memory = model.need(item).memory;
        let from = self.ranked.partition_point(|&(free, _)| free < memory);
        let candidates = self.ranked.get(from..).unwrap_or_default();
        let found = candidates.iter().position(|&(_, key)| self.fits(model, item, unrank(key)));
        work.spend(1 + found.unwrap_or(candidates.len()));
        self.settle_found(model, item, found.map(|offset| from + offset))
    }

    /// Gives an item to the emptiest host that can take it; false when none can.
    pub(crate) fn place_wide(&mut self, model: &Model<'_>, item: usize, work: &mut Work) -> bool {
        let memory = model.need(item).memory;
        let candidates = self.ranked.iter().rev().take_while(|&&(free, _)| free >= memory);
        let mut looked = 0;
        let found = candidates
            .inspect(|_| looked += 1)
            .position(|&(_, key)| self.fits(model, item, unrank(key)));
        work.spend(1 + looked);
        self.settle_found(model, item, found.map(|back| self.ranked.len() - 1 - back))
    }

    fn settle_found(&mut self, model: &Model<'_>, item: usize, at: Option<usize>) -> bool {
        let found = at.and_then(|at| Some((at, self.ranked.get(at)?.1)));
        let Some((at, key)) = found else { return false };
        self.settle(model, item, unrank(key), at);
        true
    }
}
