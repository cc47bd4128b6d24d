//! What `haven ha status` prints: phases, who hears whom, and the bounds that the timing gives.

use haven_cluster::control::{GuardPhase, GuardState, IsolationResponse};
use haven_cluster::timing::{COPY_MS, Timing};
use serde::Serialize;

use super::takeover::Ha;
use super::{link::LinkState, stock};

/// High availability of this host, as it sees the pool.
#[derive(Clone, Debug, Serialize)]
pub struct HaStatus {
    /// `host.json` says that this host is armed.
    pub armed: bool,
    /// One sentence about the guard.
    pub summary: String,
    /// The guard's state as it said it last; `None`: it does not answer.
    pub guard: Option<GuardState>,
    /// The time-outs, while armed.
    pub timing: Option<Timing>,
    /// One sentence per kind of fault: what happens, and how soon.
    pub bounds: Vec<String>,
    /// The same as numbers, for clients that have words of their own.
    pub limits: Option<Limits>,
    /// What is wrong with the metadata volume.
    pub metadata: Option<String>,
}

impl Ha {
    /// The status now.
    #[must_use]
    pub fn status(&self) -> HaStatus {
        let arm = stock::arm_config(self);
        let guard: LinkState = self.link.state();
        let timing = arm.as_ref().map(|arm| arm.timing);
        HaStatus {
            armed: arm.is_some(),
            summary: summary(guard.as_deref()),
            guard: guard.map(|state| GuardState::clone(&state)),
            timing,
            bounds: arm
                .as_ref()
                .map(|arm| bounds(arm.timing, arm.isolation_response))
                .unwrap_or_default(),
            limits: arm.as_ref().map(|arm| Limits::of(arm.timing, arm.isolation_response)),
            metadata: self.health.sentence(),
        }
    }
}

/// One sentence about the guard's state.
#[must_use]
pub fn summary(state: Option<&GuardState>) -> String {
    let Some(state) = state else { return "The guard of this host does not answer.".to_owned() };
    let epoch = state.epoch.as_ref();
    let members = epoch.map_or(0, |epoch| epoch.members.len());
    let number = epoch.map_or(0, |epoch| epoch.number.0);
    match &state.phase {
        GuardPhase::Idle => "High availability is off on this host.".to_owned(),
        GuardPhase::Joining(what) => format!("This host waits for {what}."),
        GuardPhase::Member if state.permit.is_none() => {
            format!("This host is one of {members} members (epoch {number}), without a permit.")
        }
        GuardPhase::Member => {
            format!("This host is one of {members} members (epoch {number}) and may run VMs.")
        }
        GuardPhase::Dark => {
            "No host hears another: VMs run on, nothing is started or moved.".to_owned()
        }
        GuardPhase::AskingGuests(why) => {
            format!("This host asks its VMs to shut down, before it stops them: {why}.")
        }
        GuardPhase::Fencing(why) => format!("This host stops its VMs: {why}."),
    }
}

/// What the time-outs promise, in milliseconds, by kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// A host loses power or hangs: its protected VMs begin to restart within.
    pub restart_ms: u64,
    /// The same when the host is the coordinator: another one takes over first.
    pub takeover_ms: u64,
    /// A host loses network and storage: it stops its VMs within.
    pub isolated_ms: u64,
    /// A host loses its network alone: the hosts agree on who stays at the earliest after.
    pub network_ms: u64,
    /// The storage stalls for all, and no majority of hosts hears each other: VMs stop within.
    pub storage_ms: u64,
    /// The guard of a host hangs: the watchdog resets the host within.
    pub watchdog_ms: u64,
    /// A host gives way and asks its VMs to shut down first: those that have not are stopped after.
    pub guests_ms: Option<u64>,
}

impl Limits {
    /// Those of a timing.
    #[must_use]
    pub fn of(timing: Timing, response: IsolationResponse) -> Self {
        let lease = u64::from(timing.t_lease_ms);
        Self {
            restart_ms: timing.restart_bound_ms(),
            takeover_ms: timing.takeover_bound_ms(),
            isolated_ms: lease.max(u64::from(timing.t_net_ms)),
            network_ms: timing.t_put_ms.into(),
            storage_ms: lease,
            watchdog_ms: lease + u64::from(timing.t_wd_ms),
            guests_ms: (response == IsolationResponse::Shutdown).then(|| timing.guests_ms()),
        }
    }
}

/// What the time-outs promise, one sentence per kind of fault.
#[must_use]
pub fn bounds(timing: Timing, response: IsolationResponse) -> Vec<String> {
    let seconds = |ms: u64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
    let limits = Limits::of(timing, response);
    let mut bounds = vec![
        format!(
            "A host loses power, or hangs: the restart of its protected VMs begins within {}.",
            seconds(limits.restart_ms)
        ),
        format!(
            "The coordinator loses power, or hangs: another host takes over, and the restart begins \
             within {}. {} of that are for the copy of the pool database, which takes longer if it is \
             large and the storage slow.",
            seconds(limits.takeover_ms),
            seconds(COPY_MS)
        ),
        format!(
            "A host loses network and storage: it stops its VMs within {}, before they are \
             started elsewhere.",
            seconds(limits.isolated_ms)
        ),
        format!(
            "A host loses its network alone: the hosts agree which side stays, {} at the earliest.",
            seconds(limits.network_ms)
        ),
        format!(
            "The storage stalls for all: nothing happens to hosts that hear each other while they \
             are more than half of all, and more than the failures to survive; else hosts stop their \
             VMs within {}.",
            seconds(limits.storage_ms)
        ),
        format!(
            "The guard of a host hangs: its watchdog resets the host within {}.",
            seconds(limits.watchdog_ms)
        ),
    ];
    bounds.push(format!(
        "A write of a host that was reset is taken to land within {} at the latest.",
        seconds(timing.t_late_ms.into())
    ));
    if let Some(guests) = limits.guests_ms {
        bounds.push(format!(
            "A host that has to give way still reaches its storage: it asks its VMs to shut down, \
             stops after {} at the latest those that have not, and only then are they started \
             elsewhere.",
            seconds(guests)
        ));
    }
    bounds
}

#[cfg(test)]
mod tests {
    use haven_cluster::timing::Profile;

    use super::*;

    #[test]
    fn the_bounds_of_the_default_profile_are_the_documented_ones() {
        let timing = Timing::of(Profile::Default);
        let asking = bounds(timing, IsolationResponse::Shutdown);
        assert!(asking[7].contains("after 9.0 s at the latest"), "{asking:?}");
        let plain = bounds(timing, IsolationResponse::Fence);
        assert_eq!(plain.len(), 7);
        assert!(plain[0].contains("within 22.") || plain[0].contains("within 23."), "{plain:?}");
        assert!(plain[5].contains("15.0 s"), "{plain:?}");
        assert!(plain[6].contains("land within 5.0 s"), "{plain:?}");
    }

    /// Scenario 2: the bound of the coordinator is larger, and printed.
    #[test]
    fn the_loss_of_the_coordinator_has_a_larger_bound_of_its_own() {
        for profile in [Profile::Fast, Profile::Default, Profile::Conservative] {
            let timing = Timing::of(profile);
            let limits = Limits::of(timing, IsolationResponse::Fence);
            assert_eq!(limits.takeover_ms, timing.takeover_bound_ms());
            assert!(limits.takeover_ms > limits.restart_ms);
        }
        let said = bounds(Timing::of(Profile::Default), IsolationResponse::Fence);
        assert!(said[1].starts_with("The coordinator loses power"), "{said:?}");
        assert!(said[1].contains("within 25.") || said[1].contains("within 26."), "{said:?}");
    }

    #[test]
    fn a_silent_guard_is_said_so() {
        assert!(summary(None).contains("does not answer"));
    }
}
