//! What the guard's state allows its host at this instant.

use haven_cluster::control::{GuardPhase, GuardState, PermitView};
use haven_cluster::ids::{EpochNumber, Instant, Life};
use haven_cluster::mutation::{Mutation, removed};

/// The guard's view of an armed host. The permit was checked against `CLOCK_BOOTTIME` when this
/// was made: use it at once, do not keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArmedView {
    /// This host and life, once known.
    pub me: Option<Life>,
    /// The newest epoch that the guard knows, with its coordinator.
    pub epoch: Option<(EpochNumber, Life)>,
    /// A permit is valid now.
    pub permit: bool,
    /// This host is the coordinator and may act, permit included.
    pub may_act: bool,
}

/// Whether a permit is valid at `now` (`CLOCK_BOOTTIME` of this host).
#[must_use]
pub fn valid_at(permit: Option<PermitView>, now: Instant) -> bool {
    permit.is_some_and(|permit| now < permit.until)
}

/// What follows from the guard's state (`None`: it does not answer) and from `host.json`
/// (`configured`: it says that this host is armed). `None`: high availability is off.
#[must_use]
pub fn armed_view(state: Option<&GuardState>, configured: bool, now: Instant) -> Option<ArmedView> {
    let nothing = ArmedView { me: None, epoch: None, permit: false, may_act: false };
    let Some(state) = state else { return configured.then_some(nothing) };
    if state.phase == GuardPhase::Idle {
        return configured.then_some(nothing);
    }
    let permit = valid_at(state.permit, now);
    let fencing =
        matches!(state.phase, GuardPhase::Fencing(_)) && !removed(Mutation::LeavingStarts);
    Some(ArmedView {
        me: state.me,
        epoch: state.epoch.as_ref().map(|epoch| (epoch.number, epoch.coordinator)),
        permit: permit && !fencing,
        may_act: permit && state.may_act && !fencing && state.phase != GuardPhase::Dark,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::coordinator;

    #[test]
    fn a_permit_ends_by_the_clock_though_nobody_says_so() {
        let state = coordinator(1000);
        let before = armed_view(Some(&state), true, Instant(999)).unwrap();
        assert!(before.permit && before.may_act);
        let after = armed_view(Some(&state), true, Instant(1000)).unwrap();
        assert!(!after.permit && !after.may_act);
    }

    #[test]
    fn a_silent_or_fresh_guard_of_an_armed_host_gives_no_permit() {
        let armed = armed_view(None, true, Instant(1)).unwrap();
        assert!(!armed.permit && !armed.may_act);
        let fresh = GuardState { phase: GuardPhase::Idle, ..coordinator(1000) };
        assert!(!armed_view(Some(&fresh), true, Instant(1)).unwrap().permit);
        assert_eq!(armed_view(None, false, Instant(1)), None);
        assert_eq!(armed_view(Some(&fresh), false, Instant(1)), None);
    }

    #[test]
    fn in_the_dark_vms_run_on_but_nobody_acts() {
        let state = GuardState { phase: GuardPhase::Dark, ..coordinator(1000) };
        let view = armed_view(Some(&state), true, Instant(1)).unwrap();
        assert!(view.permit && !view.may_act);
    }

    #[test]
    fn a_host_that_fences_has_no_permit() {
        let state = GuardState { phase: GuardPhase::Fencing(String::new()), ..coordinator(1000) };
        assert!(!armed_view(Some(&state), true, Instant(1)).unwrap().permit);
    }
}
