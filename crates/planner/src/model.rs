//! A pool in the form in which failures are played through: numbers and sets instead of names.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use uuid::Uuid;

use crate::hostset::{HOSTS_MAX, HostSet};
use crate::reason::{Purpose, eligible};
use crate::view::{Pool, Protection, Vm};

/// What a VM takes, or a host has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) memory: u64,
    pub(crate) vcpus: u64,
}

impl Room {
    pub(crate) fn holds(self, need: Self) -> bool {
        self.memory >= need.memory && self.vcpus >= need.vcpus
    }

    pub(crate) fn take(&mut self, need: Self) {
        self.memory = self.memory.saturating_sub(need.memory);
        self.vcpus = self.vcpus.saturating_sub(need.vcpus);
    }

    pub(crate) fn give(&mut self, need: Self) {
        self.memory = self.memory.saturating_add(need.memory);
        self.vcpus = self.vcpus.saturating_add(need.vcpus);
    }
}

/// A VM. Items are numbered from the largest to the smallest.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) need: Room,
    /// Index into [`Model::classes`].
    pub(crate) class: usize,
    /// Range of [`Model::memberships`].
    groups: (usize, usize),
    pub(crate) vm: &'a Vm,
    /// Hosts of the model that hold room for it.
    pub(crate) holders: HostSet,
    /// It must be restarted: it counts in plans.
    pub(crate) counted: bool,
}

/// The pool in numbers.
#[derive(Clone, Debug)]
pub(crate) struct Model<'a> {
    pub(crate) pool: &'a Pool,
    /// Index into the pool's hosts, for each live host, by identity.
    pub(crate) hosts: Vec<usize>,
    pub(crate) free: Vec<Room>,
    pub(crate) items: Vec<Item<'a>>,
    /// Hosts that can ever take the items of a class.
    pub(crate) classes: Vec<HostSet>,
    /// Groups of all items, one after the other.
    memberships: Vec<usize>,
    /// Hosts with a member, for each group of VMs to be kept apart.
    pub(crate) groups: Vec<HostSet>,
    /// Hosts that the members of each group can bar, at most.
    pub(crate) group_sizes: Vec<usize>,
    /// Counted items by the one host whose failure ends them.
    pub(crate) on: Vec<Vec<usize>>,
    /// Counted items that two hosts or more could go on with.
    pub(crate) doubles: Vec<usize>,
    /// Counted items on two hosts or more, none of which may start them again: any failure there
    /// may be the end of them.
    pub(crate) uncertain: Vec<usize>,
    /// Counted items that run nowhere.
    pub(crate) waiting: Vec<usize>,
    /// The VM for which a host is looked for.
    pub(crate) candidate: Option<usize>,
    pub(crate) counts_vcpus: bool,
}

type ClassKey<'v> = (
    &'v std::collections::BTreeSet<Uuid>,
    &'v std::collections::BTreeSet<Uuid>,
    &'v std::collections::BTreeSet<String>,
    &'v std::collections::BTreeSet<String>,
    &'v Option<crate::view::Pin>,
    &'v std::collections::BTreeSet<Uuid>,
);

impl<'a> Model<'a> {
    /// Reads the pool. `None`: it has more hosts than a plan can tell apart.
    pub(crate) fn new(pool: &'a Pool, purpose: Purpose) -> Option<Self> {
        Self::with_candidate(pool, None, purpose)
    }

    /// The same with a VM that is on no host yet, and of which the pool may know already.
    pub(crate) fn with_candidate(
        pool: &'a Pool,
        candidate: Option<&'a Vm>,
        purpose: Purpose,
    ) -> Option<Self> {
        let mut hosts: Vec<usize> = (0..pool.hosts.len())
            .filter(|&at| pool.hosts.get(at).is_some_and(|host| host.live))
            .collect();
        if hosts.len() > HOSTS_MAX {
            return None;
        }
        hosts.sort_by_key(|&at| pool.hosts.get(at).map(|host| host.id));
        let free = hosts.iter().filter_map(|&at| pool.hosts.get(at)).map(|host| Room {
            memory: host.memory_free,
            vcpus: pool.vcpus_free(host).unwrap_or(u64::MAX),
        });
        let mut model = Self {
            pool,
            free: free.collect(),
            on: vec![Vec::new(); hosts.len()],
            hosts,
            items: Vec::with_capacity(pool.vms.len()),
            classes: Vec::new(),
            memberships: Vec::new(),
            groups: Vec::new(),
            group_sizes: Vec::new(),
            doubles: Vec::new(),
            uncertain: Vec::new(),
            waiting: Vec::new(),
            candidate: None,
            counts_vcpus: pool.vcpus_per_100_cpus.is_some(),
        };
        model.read_vms(candidate, purpose);
        Some(model)
    }

    fn read_vms(&mut self, candidate: Option<&'a Vm>, purpose: Purpose) {
        let indices: BTreeMap<Uuid, usize> =
            (0..self.hosts.len()).filter_map(|at| Some((self.host(at)?.id, at))).collect();
        let others = self.pool.vms.iter().filter(|vm| candidate.is_none_or(|new| new.id != vm.id));
        let mut order: Vec<(Reverse<u64>, Reverse<u32>, Uuid, &'a Vm)> = others
            .chain(candidate)
            .map(|vm| (Reverse(vm.memory), Reverse(vm.vcpus), vm.id, vm))
            .collect();
        order.sort_unstable_by_key(|&(memory, vcpus, id, _)| (memory, vcpus, id));
        let mut classes: BTreeMap<ClassKey<'a>, usize> = BTreeMap::new();
        let mut last: Option<(ClassKey<'a>, usize)> = None;
        let mut groups: BTreeMap<Uuid, usize> = BTreeMap::new();
        for (.., vm) in order {
            let features = (&vm.cpu_features, &vm.runs_with);
            let key = (&vm.srs, &vm.networks, features.0, features.1, &vm.pin, &vm.avoid);
            let class = match last {
                Some((known, class)) if known == key => class,
                _ => *classes.entry(key).or_insert_with(|| {
                    let able = (0..self.hosts.len()).filter(|&at| {
                        self.host(at)
                            .is_some_and(|host| eligible(self.pool, vm, host, purpose).is_ok())
                    });
                    let able: HostSet = able.collect();
                    self.classes.iter().position(|known| *known == able).unwrap_or_else(|| {
                        self.classes.push(able);
                        self.classes.len() - 1
                    })
                }),
            };
            last = Some((key, class));
            if candidate.is_some_and(|new| new.id == vm.id) {
                self.candidate = Some(self.items.len());
            }
            self.add(vm, class, &indices, &mut groups);
        }
    }

    fn add(
        &mut self,
        vm: &'a Vm,
        class: usize,
        indices: &BTreeMap<Uuid, usize>,
        groups: &mut BTreeMap<Uuid, usize>,
    ) {
        let item = self.items.len();
        let is_new = self.candidate == Some(item);
        let held = vm.holders().filter(|_| !is_new);
        let holders: HostSet = held.filter_map(|id| indices.get(&id).copied()).collect();
        let counted = vm.protection == Protection::Restart;
        let first = self.memberships.len();
        for group in &vm.apart {
            let group = *groups.entry(*group).or_insert_with(|| {
                self.groups.push(HostSet::EMPTY);
                self.group_sizes.push(0);
                self.groups.len() - 1
            });
            self.memberships.push(group);
            if let Some(present) = self.groups.get_mut(group) {
                *present = present.or(holders);
            }
            if let Some(size) = self.group_sizes.get_mut(group) {
                // One that is held by several hosts bars each of them, and one more once it is
                // started anew.
                *size += if holders.len() > 1 { holders.len() + 1 } else { 1 };
            }
        }
        let need = Room { memory: vm.memory.max(1), vcpus: u64::from(vm.vcpus) };
        let groups = (first, self.memberships.len());
        self.items.push(Item { need, class, groups, vm, holders, counted });
        if counted && !is_new {
            self.file(item, holders, class);
        }
    }

    /// Which failure ends a counted item. One that is on its way between two hosts goes on at
    /// the other, in the room that is held there, if that host may run it at all.
    fn file(&mut self, item: usize, holders: HostSet, class: usize) {
        let refuge = self.class_hosts(class).and(holders);
        match (holders.len(), refuge.len()) {
            (0, _) => self.waiting.push(item),
            (_, 2..) => self.doubles.push(item),
            (1, _) | (_, 1) => {
                let home = if refuge.is_empty() { holders } else { refuge };
                let home = home.iter().next().and_then(|home| self.on.get_mut(home));
                home.into_iter().for_each(|list| list.push(item));
            }
            (_, 0) => self.uncertain.push(item),
        }
    }

    pub(crate) fn host(&self, at: usize) -> Option<&'a crate::view::Host> {
        self.hosts.get(at).and_then(|&at| self.pool.hosts.get(at))
    }

    pub(crate) fn vm(&self, item: usize) -> Option<&'a Vm> {
        self.items.get(item).map(|item| item.vm)
    }

    pub(crate) fn need(&self, item: usize) -> Room {
        self.items.get(item).map(|item| item.need).unwrap_or_default()
    }

    pub(crate) fn class_hosts(&self, class: usize) -> HostSet {
        self.classes.get(class).copied().unwrap_or_default()
    }

    /// Whether an item must be restarted after a failure.
    pub(crate) fn counts(&self, item: usize) -> bool {
        self.items.get(item).is_some_and(|item| item.counted)
    }

    /// Hosts that can ever take an item.
    pub(crate) fn able(&self, item: usize) -> HostSet {
        self.items.get(item).map(|item| self.class_hosts(item.class)).unwrap_or_default()
    }

    pub(crate) fn groups_of(&self, item: usize) -> &[usize] {
        let range = self.items.get(item).map_or((0, 0), |item| item.groups);
        self.memberships.get(range.0..range.1).unwrap_or_default()
    }

    pub(crate) fn all_hosts(&self) -> HostSet {
        (0..self.hosts.len()).collect()
    }
}
