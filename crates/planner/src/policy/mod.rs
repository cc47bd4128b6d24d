//! Other ways of reserving room, as vSphere has them: percentages, slots, dedicated hosts.
//!
//! They are rules of thumb; each report says beside them how many failures are really tolerated.

mod options;
mod reserve;
mod slots;

use std::collections::BTreeSet;

use haven_model::Language;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use options::{OPTIONS, OptionError, OptionMeta, Options, is_option};
pub use reserve::{Capacity, reserve};
pub use slots::{Distortion, Slots, slots};

use crate::tolerance::{Budget, Tolerance, tolerance};
use crate::view::{Host, Pool, Vm};
use crate::words::{Part, Say, amount, list, said_in_english, sentence};

/// How room for failovers is reserved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Policy {
    /// Every guaranteed VM must find a place after so many host failures: played through.
    #[default]
    Failures,
    /// So much of all resources stays free, in percent.
    Percentage {
        /// Of the processors.
        cpu: u32,
        /// Of the memory.
        memory: u32,
    },
    /// Slots of one size for all VMs: enough must be left after so many host failures.
    Slots,
    /// These hosts stay empty until one of the others fails.
    FailoverHosts {
        /// The hosts.
        hosts: BTreeSet<Uuid>,
    },
}

impl Policy {
    /// Its word, as clients name it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Percentage { .. } => "percentage",
            Self::Slots => "slots",
            Self::FailoverHosts { .. } => "failover-hosts",
        }
    }
}

/// The arithmetic of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Arithmetic {
    /// So many failures are played through.
    Failures {
        /// How many.
        goal: u32,
    },
    /// What is free, and what is to be.
    Percentage {
        /// What is free.
        free: Capacity,
        /// Percent of the processors.
        cpu: u32,
        /// Percent of the memory.
        memory: u32,
    },
    /// Slots.
    Slots(Slots),
    /// Hosts that are kept for failovers, by their names.
    FailoverHosts {
        /// All of them.
        hosts: Vec<String>,
        /// Those that cannot take over.
        lost: Vec<String>,
        /// Those on which VMs run.
        used: Vec<String>,
    },
}

/// What a policy says of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether it is satisfied.
    pub satisfied: bool,
    /// Its arithmetic.
    pub arithmetic: Arithmetic,
    /// What distorts it, if anything.
    pub warning: Option<Distortion>,
    /// How many failures are really tolerated.
    pub really: Tolerance,
}

impl Say for Arithmetic {
    fn say(&self, language: Language) -> String {
        let say = |key: &str, parts: &[(&str, Part)]| sentence(language, key, parts);
        match self {
            Self::Failures { goal } => say("policy-failures", &[("goal", (*goal).into())]),
            Self::Percentage { free, cpu, memory } => {
                let percent = |percent: u32| Part::from(percent.to_string());
                let parts = [
                    ("cpu", percent(free.cpu_percent)),
                    ("memory", percent(free.memory_percent)),
                    ("free", amount(free.memory_free, language).into()),
                    ("total", amount(free.memory_total, language).into()),
                    ("cpu-wanted", percent(*cpu)),
                    ("memory-wanted", percent(*memory)),
                ];
                say("policy-percentage", &parts)
            }
            Self::Slots(slots) => slots.say(language),
            Self::FailoverHosts { hosts, lost, used } => {
                let key = match (lost.is_empty(), used.is_empty()) {
                    (false, _) => "policy-hosts-lost",
                    (true, false) => "policy-hosts-used",
                    (true, true) => "policy-hosts",
                };
                let list = |names: &[String]| Part::from(list(names, language));
                say(key, &[("hosts", list(hosts)), ("lost", list(lost)), ("used", list(used))])
            }
        }
    }
}

impl Say for Report {
    fn say(&self, language: Language) -> String {
        let (arithmetic, really) = (self.arithmetic.say(language), self.really.say(language));
        let parts = [("arithmetic", arithmetic.into()), ("tolerance", really.into())];
        match &self.warning {
            None => sentence(language, "policy-report", &parts),
            Some(warning) => {
                let warning = Part::from(warning.say(language));
                let parts: Vec<(&str, Part)> =
                    parts.into_iter().chain([("warning", warning)]).collect();
                sentence(language, "policy-report-beware", &parts)
            }
        }
    }
}

said_in_english!(Arithmetic, Report);

/// What a policy says of a pool, for so many failures to be tolerated.
#[must_use]
pub fn report(
    pool: &Pool,
    policy: &Policy,
    options: &Options,
    goal: u32,
    budget: Budget,
) -> Report {
    let pool = &prepared(pool, policy, options);
    let really = tolerance(pool, budget);
    let (satisfied, arithmetic, warning) = match policy {
        Policy::Failures => {
            let satisfied = really.holds_now && really.failures >= goal;
            (satisfied, Arithmetic::Failures { goal }, None)
        }
        Policy::Percentage { cpu, memory } => {
            let free = reserve(pool, options);
            let satisfied = free.cpu_percent >= *cpu && free.memory_percent >= *memory;
            (satisfied, Arithmetic::Percentage { free, cpu: *cpu, memory: *memory }, None)
        }
        Policy::Slots => {
            let slots = slots(pool, options);
            let warning = slots.distortion(pool);
            (slots.failures >= goal, Arithmetic::Slots(slots), warning)
        }
        Policy::FailoverHosts { hosts } => {
            let (satisfied, arithmetic) = failover_hosts(pool, hosts);
            (satisfied, arithmetic, None)
        }
    };
    Report { satisfied, arithmetic, warning, really }
}

/// The pool with what the policy and the options change about it.
#[must_use]
pub fn prepared(pool: &Pool, policy: &Policy, options: &Options) -> Pool {
    let mut pool = pool.clone();
    pool.hosts.iter_mut().for_each(|host| prepare_host(host, policy));
    pool.vms.iter_mut().for_each(|vm| prepare_vm(vm, options));
    pool
}

/// What a policy changes about a host.
pub fn prepare_host(host: &mut Host, policy: &Policy) {
    if let Policy::FailoverHosts { hosts } = policy {
        host.dedicated = hosts.contains(&host.id);
    }
}

/// What the options change about a VM.
pub fn prepare_vm(vm: &mut Vm, options: &Options) {
    if !options.keep_apart {
        vm.apart.clear();
    }
}

fn failover_hosts(pool: &Pool, hosts: &BTreeSet<Uuid>) -> (bool, Arithmetic) {
    let named = |wanted: &dyn Fn(&Host) -> bool| -> Vec<String> {
        let found = pool.hosts.iter().filter(|host| hosts.contains(&host.id) && wanted(host));
        found.map(|host| host.name.clone()).collect()
    };
    let used =
        named(&|host| pool.vms.iter().any(|vm| vm.holders().any(|holder| holder == host.id)));
    let lost = named(&|host| !host.live || !host.enabled || host.quarantined);
    let satisfied = !hosts.is_empty() && lost.is_empty() && used.is_empty();
    (satisfied, Arithmetic::FailoverHosts { hosts: named(&|_| true), lost, used })
}
