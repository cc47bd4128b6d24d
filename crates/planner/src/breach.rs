//! What stands in the way: which failure, which VM, which resource, how much is missing.

use haven_model::Language;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::game::Stuck;
use crate::hostset::HostSet;
use crate::model::Model;
use crate::reason::{Purpose, Reason, eligible};
use crate::refute::{Refutation, refute};
use crate::remedy::{self, Missing, Remedy, Unit};
use crate::state::{State, Work};
use crate::view::Vm;
use crate::words::{Part, Say, amount, list, row, said_in_english, sentence, thousands};

/// Work for an explanation.
const WORK: u64 = 1_000_000;

/// A host or VM with its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Named {
    /// Its uuid.
    pub id: Uuid,
    /// Its `name_label`.
    pub name: String,
}

/// What there is too little of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "resource")]
pub enum Shortage {
    /// All free memory together, in bytes.
    Memory {
        /// What all VMs to be restarted need.
        need: u64,
        /// What the hosts that may take them have.
        free: u64,
    },
    /// Memory on any one host, in bytes: together there may be enough.
    Block {
        /// What the VM needs.
        need: u64,
        /// The most that one host has left when the others are placed.
        free: u64,
        /// That host.
        on: Option<Named>,
    },
    /// Virtual processors, with the pool's ratio.
    Vcpus {
        /// What is needed.
        need: u64,
        /// What is left.
        free: u64,
    },
    /// Hosts that satisfy a rule which keeps VMs apart.
    Apart {
        /// Name of the rule's group.
        group: String,
        /// Members to be placed.
        members: u64,
        /// Hosts without a member.
        hosts: u64,
    },
    /// Perhaps nothing: neither a way of placing was found nor proven that there is none.
    Undecided,
    /// No host that is left may take the VM at all, whatever its room.
    Hosts {
        /// Why not, host by host.
        reasons: Vec<(Named, Reason)>,
    },
}

/// The constraint that binds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// Hosts that fail, blow by blow; those of one blow at the same moment.
    pub failed: Vec<Vec<Named>>,
    /// The first VM that stays behind.
    pub vm: Named,
    /// What it lacks.
    pub shortage: Shortage,
    /// Bytes by which what is to be restarted exceeds all that is free, or 0.
    pub excess: u64,
    /// Whether it is proven that no way of placing helps.
    pub proven: bool,
    /// How much of what is missing; `None`: it is not known whether anything is.
    pub missing: Option<Missing>,
    /// What would help, the nearest first.
    pub remedies: Vec<Remedy>,
}

impl Breach {
    /// Bytes that are missing, where memory is what is missing.
    #[must_use]
    pub fn short_bytes(&self) -> Option<u64> {
        self.missing.filter(|missing| missing.unit == Unit::Bytes).map(|missing| missing.short)
    }

    /// Bytes that are missing altogether: on one host, or on all together, whichever is more.
    #[must_use]
    pub fn missing_bytes(&self) -> u64 {
        self.short_bytes().unwrap_or(0).max(self.excess)
    }

    /// After which failures, in words.
    fn occasion(&self, language: Language) -> String {
        let blow = |hosts: &Vec<Named>| {
            let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
            list(&names, language)
        };
        let hosts = self.failed.iter().map(blow).reduce(|before, next| {
            let parts = [("before", before.into()), ("next", next.into())];
            sentence(language, "occasion-then", &parts)
        });
        let key = match self.failed.as_slice() {
            [] => "occasion-now",
            [one] if one.len() == 1 => "occasion-one",
            [_] => "occasion-once",
            _ => "occasion-turns",
        };
        sentence(language, key, &[("hosts", hosts.unwrap_or_default().into())])
    }

    /// How much is short.
    fn short(&self, language: Language) -> String {
        let say = |key: &str, missing: String| {
            let vm = self.vm.name.as_str();
            sentence(language, key, &[("missing", missing.into()), ("vm", vm.into())])
        };
        match &self.shortage {
            Shortage::Memory { need, free } | Shortage::Block { need, free, .. } => {
                say("short", amount(need.saturating_sub(*free), language))
            }
            Shortage::Vcpus { need, free } => {
                say("short-vcpus", thousands(need.saturating_sub(*free), language))
            }
            Shortage::Apart { .. } | Shortage::Hosts { .. } => say("short-host", String::new()),
            Shortage::Undecided => say("short-undecided", String::new()),
        }
    }

    /// In detail why.
    fn detail(&self, language: Language) -> String {
        let say = |key: &str, parts: &[(&str, Part)]| sentence(language, key, parts);
        let bytes = |bytes: &u64| Part::from(amount(*bytes, language));
        let vm = || Part::from(self.vm.name.as_str());
        match &self.shortage {
            Shortage::Memory { need, free } => {
                say("detail-memory", &[("need", bytes(need)), ("free", bytes(free))])
            }
            Shortage::Block { need, free, on } => {
                let host = on.as_ref().map_or(String::new(), |host| host.name.clone());
                let key = if on.is_some() { "detail-block-on" } else { "detail-block" };
                let parts = [("need", bytes(need)), ("free", bytes(free)), ("host", host.into())];
                let parts: Vec<(&str, Part)> = parts.into_iter().chain([("vm", vm())]).collect();
                say(key, &parts)
            }
            Shortage::Vcpus { need, free } => {
                let number = |number: &u64| Part::from(thousands(*number, language));
                say("detail-vcpus", &[("need", number(need)), ("free", number(free))])
            }
            Shortage::Apart { group, members, hosts } => {
                let group = Part::from(group.as_str());
                let parts = [("members", (*members).into()), ("hosts", (*hosts).into())];
                let parts: Vec<(&str, Part)> =
                    parts.into_iter().chain([("group", group)]).collect();
                say("detail-apart", &parts)
            }
            Shortage::Undecided => say("detail-undecided", &[]),
            Shortage::Hosts { reasons } if reasons.is_empty() => say("detail-no-host", &[]),
            Shortage::Hosts { reasons } => {
                let refuses = |(host, why): &(Named, Reason)| {
                    let host = Part::from(host.name.as_str());
                    say("host-refuses", &[("host", host), ("why", why.say(language).into())])
                };
                row(reasons.iter().map(refuses), language)
            }
        }
    }
}

impl Say for Breach {
    fn say(&self, language: Language) -> String {
        let proven = self.proven || self.shortage == Shortage::Undecided;
        let parts = [
            ("short", self.short(language).into()),
            ("occasion", self.occasion(language).into()),
            ("detail", self.detail(language).into()),
            ("remedy", remedy::said(self, language).into()),
        ];
        sentence(language, if proven { "breach" } else { "breach-unproven" }, &parts)
    }
}

said_in_english!(Breach);

fn named(model: &Model<'_>, host: usize) -> Option<Named> {
    model.host(host).map(|host| Named { id: host.id, name: host.name.clone() })
}

pub(crate) fn name_vm(vm: &Vm) -> Named {
    Named { id: vm.id, name: vm.name.clone() }
}

/// Explains why something stays behind.
pub(crate) fn explain(model: &Model<'_>, stuck: &Stuck, proven: bool) -> Option<Breach> {
    let refuted = refute(model, &stuck.state, &stuck.items);
    let (rest, left) = fill(model, stuck);
    let first = match refuted {
        Some(Refutation::Nowhere { item }) => item,
        Some(Refutation::Apart { group, .. }) => {
            let member = |&&item: &&usize| model.groups_of(item).contains(&group);
            stuck.items.iter().rev().find(member).copied()?
        }
        _ => left.first().or(stuck.items.first()).copied()?,
    };
    let vm = model.vm(first)?;
    // What stands behind a doubt lies in a further failure, when all of this fits.
    let shortage = match refuted.is_none() && left.is_empty() {
        true => Shortage::Undecided,
        false => shortage(model, stuck, &rest, first, refuted),
    };
    let failed =
        stuck.blows.iter().map(|blow| blow.iter().filter_map(|host| named(model, host)).collect());
    let missing = remedy::missing(&shortage);
    let relief = missing.map(|missing| remedy::relief(model, stuck, first, missing));
    let vm = name_vm(vm);
    Some(Breach {
        failed: failed.collect(),
        excess: excess(model, stuck),
        proven,
        missing,
        remedies: remedy::remedies(&shortage, &vm, relief.unwrap_or_default()),
        vm,
        shortage,
    })
}

/// By how much all that is to be placed exceeds all that is free.
fn excess(model: &Model<'_>, stuck: &Stuck) -> u64 {
    let able = stuck.items.iter().map(|&item| model.able(item));
    let hosts = able.fold(HostSet::EMPTY, HostSet::or).and(stuck.state.alive);
    let need: u64 = stuck.items.iter().map(|&item| model.need(item).memory).sum();
    let free: u64 = hosts.iter().map(|host| stuck.state.room(host).memory).sum();
    need.saturating_sub(free)
}

/// Places what can be placed, the largest first; answers what stays behind.
fn fill(model: &Model<'_>, stuck: &Stuck) -> (State, Vec<usize>) {
    let mut state = stuck.state.clone();
    let mut work = Work::new(WORK);
    let left = stuck
        .items
        .iter()
        .copied()
        .filter(|&item| !state.place_tight(model, item, &mut work))
        .collect();
    (state, left)
}

fn shortage(
    model: &Model<'_>,
    stuck: &Stuck,
    rest: &State,
    item: usize,
    refuted: Option<Refutation>,
) -> Shortage {
    let able = model.able(item).and(stuck.state.alive);
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    match refuted {
        _ if able.is_empty() => Shortage::Hosts { reasons: reasons(model, stuck, item) },
        Some(Refutation::Memory { need, free }) => Shortage::Memory { need, free },
        Some(Refutation::Vcpus { need, free }) => Shortage::Vcpus { need, free },
        Some(Refutation::Apart { group, items, hosts }) => Shortage::Apart {
            group: group_name(model, item, group),
            members: count(items),
            hosts: count(hosts),
        },
        Some(Refutation::Nowhere { .. }) => block(model, &stuck.state, item),
        Some(Refutation::Blocks { .. }) | None => block(model, rest, item),
    }
}

/// The largest block that is left for an item.
fn block(model: &Model<'_>, state: &State, item: usize) -> Shortage {
    let need = model.need(item);
    let able = model.able(item).and(state.alive);
    let roomy = able.iter().filter(|&host| state.room(host).memory >= need.memory);
    let vcpus = roomy.map(|host| state.room(host).vcpus).max();
    if let Some(free) = vcpus {
        if free < need.vcpus {
            return Shortage::Vcpus { need: need.vcpus, free };
        }
        let group = model.groups_of(item).first().copied().unwrap_or(0);
        return Shortage::Apart { group: group_name(model, item, group), members: 1, hosts: 0 };
    }
    let best = able.iter().max_by_key(|&host| (state.room(host).memory, std::cmp::Reverse(host)));
    let free = best.map_or(0, |host| state.room(host).memory);
    let on = best.and_then(|host| named(model, host));
    Shortage::Block { need: need.memory, free, on }
}

fn group_name(model: &Model<'_>, item: usize, group: usize) -> String {
    let position = model.groups_of(item).iter().position(|&other| other == group).unwrap_or(0);
    let id = model.vm(item).and_then(|vm| vm.apart.iter().nth(position));
    id.map(|id| model.pool.name_of(*id)).unwrap_or_default()
}

fn reasons(model: &Model<'_>, stuck: &Stuck, item: usize) -> Vec<(Named, Reason)> {
    let Some(vm) = model.vm(item) else { return Vec::new() };
    let hosts =
        stuck.state.alive.iter().filter_map(|at| Some((named(model, at)?, model.host(at)?)));
    hosts
        .filter_map(|(name, host)| {
            Some((name, eligible(model.pool, vm, host, Purpose::Failover).err()?))
        })
        .collect()
}
