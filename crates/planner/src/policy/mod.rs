//! Other ways of reserving room, as vSphere has them: percentages, slots, dedicated hosts.
//!
//! They are rules of thumb; each report says beside them how many failures are really tolerated.

mod options;
mod reserve;
mod slots;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use options::{OPTIONS, OptionError, OptionMeta, Options, is_option};
pub use reserve::{Capacity, reserve};
pub use slots::{Slots, slots};

use crate::tolerance::{Budget, Tolerance, tolerance};
use crate::view::Pool;
use crate::words::{count, list, mib};

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

/// What a policy says of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether it is satisfied.
    pub satisfied: bool,
    /// Its arithmetic, in words.
    pub arithmetic: String,
    /// What distorts it, if anything.
    pub warning: Option<String>,
    /// How many failures are really tolerated.
    pub really: Tolerance,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.arithmetic)?;
        if let Some(warning) = &self.warning {
            write!(f, " Beware: {warning}")?;
        }
        write!(f, " {}", self.really)
    }
}

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
            let text = format!("{} to be tolerated.", count(to_usize(goal), "host failure"));
            (really.holds_now && really.failures >= goal, text, None)
        }
        Policy::Percentage { cpu, memory } => {
            let free = reserve(pool, options);
            let ok = free.cpu_percent >= *cpu && free.memory_percent >= *memory;
            let text = format!(
                "{} % of the processors and {} % of the memory ({} of {}) are free, {cpu} % and \
                 {memory} % are to be.",
                free.cpu_percent,
                free.memory_percent,
                mib(free.memory_free),
                mib(free.memory_total)
            );
            (ok, text, None)
        }
        Policy::Slots => {
            let slots = slots(pool, options);
            (slots.failures >= goal, slots.to_string(), slots.warning(pool))
        }
        Policy::FailoverHosts { hosts } => failover_hosts(pool, hosts),
    };
    Report { satisfied, arithmetic, warning, really }
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The pool with what the policy and the options change about it.
#[must_use]
pub fn prepared(pool: &Pool, policy: &Policy, options: &Options) -> Pool {
    let mut pool = pool.clone();
    if let Policy::FailoverHosts { hosts } = policy {
        for host in &mut pool.hosts {
            host.dedicated = hosts.contains(&host.id);
        }
    }
    if !options.keep_apart {
        pool.vms.iter_mut().for_each(|vm| vm.apart.clear());
    }
    pool
}

fn failover_hosts(pool: &Pool, hosts: &BTreeSet<Uuid>) -> (bool, String, Option<String>) {
    let named = |wanted: &dyn Fn(&crate::view::Host) -> bool| -> Vec<String> {
        let found = pool.hosts.iter().filter(|host| hosts.contains(&host.id) && wanted(host));
        found.map(|host| host.name.clone()).collect()
    };
    let used =
        named(&|host| pool.vms.iter().any(|vm| vm.holders().any(|holder| holder == host.id)));
    let lost = named(&|host| !host.live || !host.enabled || host.quarantined);
    let all = list(&named(&|_| true));
    if !lost.is_empty() {
        return (
            false,
            format!("{all} are kept for failovers, but {} cannot take over.", list(&lost)),
            None,
        );
    }
    if !used.is_empty() {
        return (
            false,
            format!("{all} are kept for failovers, but VMs run on {}.", list(&used)),
            None,
        );
    }
    (!hosts.is_empty(), format!("{all}: kept free for failovers."), None)
}
