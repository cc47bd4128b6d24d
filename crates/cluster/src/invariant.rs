//! What must never happen: every promise with a name that stays, and one predicate for all who ask.
//!
//! For: the simulator (after every event), the machine (in its own check), the tests, and in
//! production the daemon and the guard, whose alarms carry the name. Owns: the names, what they mean,
//! and how each is judged. Never does: say what follows; a run fails, a watchdog is fed no more, or
//! a person is told.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::control::EpochView;

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// See [`runs_once`].
    RunsOnce,
    /// See [`one_acts`].
    OneActs,
    /// See [`same_record`].
    OneChain,
    /// Of the pool's database.
    AckedWrites,
    /// Of the guard's words.
    Reasoned,
    /// See [`fenced_once`].
    FencedOnce,
    /// Of a pool that was healed.
    GoesOn,
    /// Of the coordinator's long operations.
    TasksEnd,
    /// Of storage.
    OneWorks,
    /// Of a host.
    OneGuard,
    /// Of a machine: its permit.
    PermitMember,
    /// Of a machine: its permit.
    PermitFence,
    /// Of a machine that was put out, with the isolation response `shutdown`.
    AskingPermit,
    /// Of a machine as an acceptor.
    AcceptedInstance,
    /// Of a machine as an acceptor.
    AcceptedPromise,
    /// Of a machine as an acceptor.
    ChainKnown,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::RunsOnce,
        Self::OneActs,
        Self::OneChain,
        Self::AckedWrites,
        Self::Reasoned,
        Self::FencedOnce,
        Self::GoesOn,
        Self::TasksEnd,
        Self::OneWorks,
        Self::OneGuard,
        Self::PermitMember,
        Self::PermitFence,
        Self::AskingPermit,
        Self::AcceptedInstance,
        Self::AcceptedPromise,
        Self::ChainKnown,
    ];

    /// Its name, in logs, alerts and documents. It stays as it is.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::RunsOnce => "S1",
            Self::OneActs => "S2",
            Self::OneChain => "fork",
            Self::AckedWrites => "I5",
            Self::Reasoned => "I6",
            Self::FencedOnce => "I7",
            Self::GoesOn => "liveness",
            Self::TasksEnd => "tasks",
            Self::OneWorks => "one-works",
            Self::OneGuard => "one-guard",
            Self::PermitMember => "permit-member",
            Self::PermitFence => "permit-fence",
            Self::AskingPermit => "asking-permit",
            Self::AcceptedInstance => "accepted-instance",
            Self::AcceptedPromise => "accepted-promise",
            Self::ChainKnown => "chain",
        }
    }

    /// What is promised.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::RunsOnce => "a VM runs on one host at most, at any instant",
            Self::OneActs => "one coordinator acts at most, at any instant",
            Self::OneChain => "all who show the decided record of a number show the same one",
            Self::AckedWrites => "a write that was acknowledged is not lost",
            Self::Reasoned => "every epoch comes with its reason",
            Self::FencedOnce => "nobody is fenced more than once for one incident",
            Self::GoesOn => "a pool whose faults have ceased gets well",
            Self::TasksEnd => "a task ends once, and what has ended holds nothing",
            Self::OneWorks => "nothing works on a disk on which an order of another operation acts",
            Self::OneGuard => "one guard at most runs on a host",
            Self::PermitMember => "only a member of the newest epoch it knows holds a permit",
            Self::PermitFence => "nobody holds a permit while it fences",
            Self::AskingPermit => "guests are asked for no longer than the permit lasts",
            Self::AcceptedInstance => "an accepted value is of the acceptor's instance",
            Self::AcceptedPromise => "nothing is accepted above the promise",
            Self::ChainKnown => "the machine knows the record before the acceptor's instance",
        }
    }

    /// It is broken: what was seen.
    #[must_use]
    pub const fn broken(self, text: String) -> Violation {
        Violation { invariant: self, text }
    }

    /// Demands that it holds of what is looked at now.
    ///
    /// # Errors
    /// It does not.
    pub fn demand(self, holds: bool) -> Result<(), Violation> {
        if holds { Ok(()) } else { Err(self.broken(format!("not so: {}", self.meaning()))) }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// No promise of this version has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no promise of this version")]
pub struct UnknownInvariant;

impl FromStr for Invariant {
    type Err = UnknownInvariant;

    fn from_str(id: &str) -> Result<Self, UnknownInvariant> {
        Self::ALL.into_iter().find(|known| known.id() == id).ok_or(UnknownInvariant)
    }
}

/// A promise that does not hold: a run fails, and in production a person must know at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant {invariant} is broken: {text}")]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What was seen.
    pub text: String,
}

/// S1, of those on which `vm` runs now.
///
/// # Errors
/// There is another one than the first.
pub fn runs_once<H: PartialEq + fmt::Display>(
    vm: impl fmt::Display,
    hosts: impl IntoIterator<Item = H>,
) -> Result<(), Violation> {
    match two(hosts) {
        None => Ok(()),
        Some((a, b)) => {
            Err(Invariant::RunsOnce.broken(format!("VM {vm} runs on {a} and on {b} at once")))
        }
    }
}

/// S2, of those whose daemons act as coordinator now.
///
/// # Errors
/// There is another one than the first.
pub fn one_acts<H: PartialEq + fmt::Display>(
    hosts: impl IntoIterator<Item = H>,
) -> Result<(), Violation> {
    match two(hosts) {
        None => Ok(()),
        Some((a, b)) => {
            Err(Invariant::OneActs.broken(format!("{a} and {b} act as coordinator at once")))
        }
    }
}

/// I7, of those who were fenced in one incident.
///
/// # Errors
/// One of them more than once.
pub fn fenced_once<H: Ord + fmt::Display>(
    hosts: impl IntoIterator<Item = H>,
) -> Result<(), Violation> {
    let mut seen = std::collections::BTreeSet::new();
    for host in hosts {
        if let Some(twice) = seen.replace(host) {
            return Err(Invariant::FencedOnce.broken(format!("{twice} is fenced more than once")));
        }
    }
    Ok(())
}

/// The first two that differ.
fn two<H: PartialEq>(hosts: impl IntoIterator<Item = H>) -> Option<(H, H)> {
    let mut hosts = hosts.into_iter();
    let first = hosts.next()?;
    let other = hosts.find(|host| *host != first)?;
    Some((first, other))
}

/// The chain does not fork: of two decided records with one number, shown by anybody at any time.
/// Records of other numbers, or of another arming, may differ.
///
/// # Errors
/// They differ in what both say. Who does not know the owner's host any more, or is too old to name
/// places, leaves that out; it is no other record.
pub fn same_record(known: &EpochView, told: &EpochView) -> Result<(), Violation> {
    // In full, so that a new field is not forgotten here.
    let EpochView {
        generation,
        number,
        members,
        coordinator,
        q,
        area_live,
        area_owner,
        area_next,
        armed,
        places,
        timing,
        tolerate,
    } = told;
    let other = known.generation != *generation || known.number != *number;
    let same = known.members == *members
        && known.coordinator == *coordinator
        && known.q == *q
        && known.area_live == *area_live
        && known.area_next == *area_next
        && known.armed == *armed
        && agree(known.area_owner, *area_owner)
        && agree(known.places, *places)
        && agree(known.timing, *timing)
        && agree(known.tolerate, *tolerate);
    if other || same {
        return Ok(());
    }
    let text = format!("epoch {} is both {known:?} and {told:?}", number.0);
    Err(Invariant::OneChain.broken(text))
}

fn agree<T: PartialEq>(known: Option<T>, told: Option<T>) -> bool {
    known.zip(told).is_none_or(|(known, told)| known == told)
}

/// The decided records that somebody was shown, of one arming, to hold each new one against.
#[derive(Debug)]
pub struct Chain {
    records: BTreeMap<u64, EpochView>,
    max: usize,
}

impl Chain {
    /// Keeps the newest `max` records.
    #[must_use]
    pub const fn keeping(max: usize) -> Self {
        Self { records: BTreeMap::new(), max }
    }

    /// Notes a record. With another arming the chain begins anew.
    ///
    /// # Errors
    /// See [`same_record`].
    pub fn note(&mut self, told: &EpochView) -> Result<(), Violation> {
        let before = self.records.values().next();
        if before.is_some_and(|record| record.generation != told.generation) {
            self.records.clear();
        }
        let Some(known) = self.records.get_mut(&told.number.0) else {
            self.records.insert(told.number.0, told.clone());
            while self.records.len() > self.max {
                self.records.pop_first();
            }
            return Ok(());
        };
        same_record(known, told)?;
        // One told it more fully than the one before.
        known.area_owner = known.area_owner.or(told.area_owner);
        known.places = known.places.or(told.places);
        known.timing = known.timing.or(told.timing);
        known.tolerate = known.tolerate.or(told.tolerate);
        Ok(())
    }

    /// Number of the newest record; 0: none.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.records.keys().next_back().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
