//! What `haven ha status` prints: phases, who hears whom, and the bounds that the timing gives.

use haven_cluster::control::{GuardPhase, GuardState, IsolationResponse};
use haven_cluster::timing::Timing;
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

/// What the time-outs promise, one sentence per kind of fault.
#[must_use]
pub fn bounds(timing: Timing, response: IsolationResponse) -> Vec<String> {
    let seconds = |ms: u64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
    let lease = u64::from(timing.t_lease_ms);
    let net = u64::from(timing.t_net_ms);
    let put = u64::from(timing.t_put_ms);
    let mut bounds = vec![
        format!(
            "A host loses power, or hangs: the restart of its protected VMs begins within {}.",
            seconds(timing.restart_bound_ms())
        ),
        format!(
            "A host loses network and storage: it stops its VMs within {}, before they are \
             started elsewhere.",
            seconds(lease.max(net))
        ),
        format!(
            "A host loses its network alone: the hosts agree which side stays, {} at the earliest.",
            seconds(put)
        ),
        format!(
            "The storage stalls for all: nothing happens while a majority of the hosts hear each \
             other; without one, hosts stop their VMs within {}.",
            seconds(lease)
        ),
        format!(
            "The guard of a host hangs: its watchdog resets the host within {}.",
            seconds(lease + u64::from(timing.t_wd_ms))
        ),
    ];
    if response == IsolationResponse::Shutdown {
        bounds.push(format!(
            "A host that has to give way still reaches its storage: it asks its VMs to shut down, \
             stops after {} at the latest those that have not, and only then are they started \
             elsewhere.",
            seconds(timing.guests_ms())
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
        assert!(asking[5].contains("after 9.0 s at the latest"), "{asking:?}");
        let plain = bounds(timing, IsolationResponse::Fence);
        assert_eq!(plain.len(), 5);
        assert!(plain[0].contains("within 22.") || plain[0].contains("within 23."), "{plain:?}");
        assert!(plain[4].contains("15.0 s"), "{plain:?}");
    }

    #[test]
    fn a_silent_guard_is_said_so() {
        assert!(summary(None).contains("does not answer"));
    }
}
