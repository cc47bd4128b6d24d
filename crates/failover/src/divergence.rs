//! What a host says that it runs, against what the database has.
//!
//! Owns: which of the two is right. A VM is where it executes, on a host that holds a permit: the database
//! follows. Never does: ask a second time, which the caller does before anything is written, for a report
//! may be older than what an operation wrote; or stop one of two, for nobody knows which has the newer
//! disks.

use haven_model::{Holder, Host, Ref};

use crate::arrival::Sight;

/// What the database has of a VM.
#[derive(Clone, Copy, Debug)]
pub struct Known<'k> {
    /// Where it runs.
    pub resident: Option<Ref<Host>>,
    /// Who may run it.
    pub holders: &'k [Holder],
    /// An operation works on it, and writes itself what becomes of it.
    pub busy: bool,
}

/// Where a host's word differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differs {
    /// It does not, or it is not this host's word that counts.
    No,
    /// It is to run there, and does not.
    Absent,
    /// It runs there, the database has it nowhere, and nobody else may run it.
    Found,
    /// It runs there, and the database has it on this host.
    Elsewhere(Ref<Host>),
}

/// Compares what `reporter` sees of a VM.
#[must_use]
pub fn differs(reporter: Ref<Host>, sight: Sight, known: &Known<'_>) -> Differs {
    match (sight, known.resident) {
        _ if known.busy => Differs::No,
        (Sight::Nothing, Some(host)) if host == reporter => Differs::Absent,
        (Sight::Here, Some(host)) if host != reporter => Differs::Elsewhere(host),
        (Sight::Here, None) if is_free_for(reporter, known) => Differs::Found,
        _ => Differs::No,
    }
}

/// Nobody but this host may run the VM, which the database has nowhere. It is a holder after a start
/// whose end nobody saw.
#[must_use]
pub fn is_free_for(reporter: Ref<Host>, known: &Known<'_>) -> bool {
    known.resident.is_none() && known.holders.iter().all(|holder| holder.host == reporter)
}

/// Only the reporter could run it, so that it ended if it is absent there. After a migration whose end
/// nobody saw the other end may: its own report, its death or a power-state reset tells, not this one's
/// silence. And `astray`, when another member says that it runs there.
#[must_use]
pub fn may_have_ended(reporter: Ref<Host>, known: &Known<'_>, astray: bool) -> bool {
    !known.busy
        && !astray
        && known.resident == Some(reporter)
        && known.holders.iter().all(|holder| holder.host == reporter)
}

/// A host's word that a VM of its ended counts if it is said under the permit of the life that held it:
/// one that fences itself has killed its VMs, and so has one that came back.
#[must_use]
pub fn speaks_for(held: Holder, life: u64) -> bool {
    held.incarnation == life && life != 0
}

/// What is done about a VM that is elsewhere than the database has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Nothing: it is not there (any more), or not whole.
    Nothing,
    /// The database follows, and a person is told.
    Here,
    /// It runs on both: a person is told, and neither is stopped.
    Both,
}

/// Judges what both hosts said when they were asked: `there` is where the database has it.
#[must_use]
pub fn resolve(here: Sight, there: Sight) -> Resolved {
    match (here, there) {
        (Sight::Nothing | Sight::Incoming, _) => Resolved::Nothing,
        (Sight::Here, Sight::Nothing) => Resolved::Here,
        (Sight::Here, _) => Resolved::Both,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(id: u128) -> Ref<Host> {
        Ref::from_u128(id)
    }

    fn held(id: u128) -> Holder {
        Holder { host: host(id), incarnation: 3 }
    }

    #[test]
    fn only_the_life_that_held_a_vm_can_say_that_it_ended() {
        let held = |incarnation| Holder { host: host(1), incarnation };
        assert!(speaks_for(held(4), 4));
        assert!(!speaks_for(held(4), 0), "it fences, or its permit is over");
        assert!(!speaks_for(held(4), 5), "it came back");
        assert!(!speaks_for(held(0), 0));
    }

    #[test]
    fn an_absent_vm_has_not_ended_while_another_host_may_run_it() {
        let (alone, both) = ([held(1)], [held(1), held(2)]);
        let known = |holders| Known { resident: Some(host(1)), holders, busy: false };
        assert_eq!(differs(host(1), Sight::Nothing, &known(&alone)), Differs::Absent);
        assert!(may_have_ended(host(1), &known(&alone), false));
        assert!(!may_have_ended(host(1), &known(&both), false));
        assert!(!may_have_ended(host(2), &known(&alone), false));
        assert!(!may_have_ended(host(1), &known(&alone), true), "another one says that it runs it");
        let busy = Known { busy: true, ..known(&alone) };
        assert_eq!(differs(host(1), Sight::Nothing, &busy), Differs::No);
        assert!(!may_have_ended(host(1), &busy, false));
    }

    #[test]
    fn what_runs_unknown_to_the_database_is_taken_over_only_where_nobody_else_may_run_it() {
        let (one, both) = ([held(1)], [held(1), held(2)]);
        let known = |holders| Known { resident: None, holders, busy: false };
        let sees = |reporter, known: &Known<'_>| differs(host(reporter), Sight::Here, known);
        assert_eq!(sees(1, &known(&[])), Differs::Found);
        assert_eq!(sees(1, &known(&one)), Differs::Found, "a start whose end nobody saw");
        assert_eq!(sees(2, &known(&one)), Differs::No);
        assert_eq!(sees(1, &known(&both)), Differs::No);
        let elsewhere = Known { resident: Some(host(2)), ..known(&both) };
        assert_eq!(sees(1, &elsewhere), Differs::Elsewhere(host(2)));
        assert_eq!(differs(host(1), Sight::Incoming, &elsewhere), Differs::No);
    }

    #[test]
    fn the_database_follows_what_executes_and_neither_of_two_is_stopped() {
        assert_eq!(resolve(Sight::Here, Sight::Nothing), Resolved::Here);
        assert_eq!(resolve(Sight::Here, Sight::Here), Resolved::Both);
        assert_eq!(resolve(Sight::Here, Sight::Incoming), Resolved::Both);
        assert_eq!(resolve(Sight::Nothing, Sight::Here), Resolved::Nothing);
        assert_eq!(resolve(Sight::Incoming, Sight::Nothing), Resolved::Nothing);
    }
}
