//! A guard's state for the tests of this crate.

use haven_cluster::control::{EpochView, GuardPhase, GuardState, PermitKind, PermitView};
use haven_cluster::ids::{EpochNumber, HostId, Incarnation, Instant, Life};
use uuid::Uuid;

pub(crate) fn life(host: u128, incarnation: u64) -> Life {
    Life { host: HostId(Uuid::from_u128(host)), incarnation: Incarnation(incarnation) }
}

/// Of the coordinator of two, in epoch 3, with a permit until then.
pub(crate) fn coordinator(until: u64) -> GuardState {
    GuardState {
        sequence: 1,
        phase: GuardPhase::Member,
        me: Some(life(1, 4)),
        epoch: Some(EpochView {
            generation: Uuid::nil(),
            number: EpochNumber(3),
            members: vec![life(1, 4), life(2, 9)],
            coordinator: life(1, 4),
            q: 2,
            area_live: 2,
            area_owner: None,
            area_next: None,
            armed: true,
            places: None,
            timing: None,
            tolerate: None,
        }),
        permit: Some(PermitView { kind: PermitKind::Disk, until: Instant(until) }),
        may_act: true,
        ..GuardState::idle()
    }
}
