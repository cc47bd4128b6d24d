//! When what happened to a host that failed: for alerts, and for whoever wants to know how fast
//! the pool was. Wall-clock milliseconds of this coordinator; decides nothing.

use std::collections::BTreeMap;

use haven_cluster::control::{GuardState, PeerView};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The phases of one failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostTimes {
    /// Last sign of life, on network or disk.
    pub silent_ms: u64,
    /// An epoch without it was decided.
    pub put_out_ms: u64,
    /// Its VMs certainly run no more.
    pub dead_ms: Option<u64>,
}

/// The phases of one VM's restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmTimes {
    /// Those of its host.
    #[serde(flatten)]
    pub host: HostTimes,
    /// A place was found.
    pub placed_ms: u64,
    /// It runs again.
    pub started_ms: u64,
}

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    hosts: BTreeMap<Uuid, HostTimes>,
    /// Last sign of life of the members, as of the last look.
    alive: BTreeMap<Uuid, u64>,
}

impl Timeline {
    /// Looks at the guard's state at `wall_ms`.
    pub fn observe(&mut self, state: &GuardState, wall_ms: u64) {
        for peer in &state.peers {
            let host = peer.host.0;
            if peer.member {
                self.hosts.remove(&host);
                if let Some(age) = age_ms(peer) {
                    self.alive.insert(host, wall_ms.saturating_sub(age));
                }
                continue;
            }
            let Some(silent_ms) = self.alive.get(&host).copied() else { continue };
            let fresh = HostTimes { silent_ms, put_out_ms: wall_ms, dead_ms: None };
            let times = self.hosts.entry(host).or_insert(fresh);
            // Earlier lives of the host are in the list too.
            let dead = state
                .dead
                .iter()
                .any(|life| life.host == peer.host && life.incarnation >= peer.incarnation);
            if times.dead_ms.is_none() && dead {
                times.dead_ms = Some(wall_ms);
            }
        }
    }

    /// What is known of a host's failure.
    #[must_use]
    pub fn of(&self, host: Uuid) -> HostTimes {
        self.hosts.get(&host).copied().unwrap_or_default()
    }
}

/// Age of the newest sign of life.
fn age_ms(peer: &PeerView) -> Option<u64> {
    peer.heard_ms.iter().flatten().chain(peer.disk_ms.iter()).min().copied()
}

#[cfg(test)]
mod tests {
    use haven_cluster::control::GuardPhase;
    use haven_cluster::ids::{EpochNumber, HostId, Incarnation, Life};

    use super::*;

    fn state(member: bool, heard: u64, dead: bool) -> GuardState {
        let host = HostId(Uuid::from_u128(2));
        GuardState {
            sequence: 1,
            phase: GuardPhase::Member,
            may_act: true,
            dead: vec![Life { host, incarnation: Incarnation(u64::from(dead)) }],
            peers: vec![PeerView {
                host,
                incarnation: Incarnation(1),
                heard_ms: vec![Some(heard), None],
                disk_ms: Some(heard + 50),
                confirmed: EpochNumber(1),
                member,
                dead_in_ms: None,
                quarantined: false,
            }],
            ..GuardState::idle()
        }
    }

    #[test]
    fn the_phases_of_a_failure_are_kept_until_the_host_is_back() {
        let host = Uuid::from_u128(2);
        let mut timeline = Timeline::default();
        timeline.observe(&state(true, 100, false), 10_000);
        timeline.observe(&state(true, 900, false), 10_800);
        timeline.observe(&state(false, 1500, false), 11_400);
        timeline.observe(&state(false, 7000, true), 17_000);
        timeline.observe(&state(false, 8000, true), 18_000);
        let expected = HostTimes { silent_ms: 9900, put_out_ms: 11_400, dead_ms: Some(17_000) };
        assert_eq!(timeline.of(host), expected);
        timeline.observe(&state(true, 10, false), 20_000);
        assert_eq!(timeline.of(host), HostTimes::default());
    }
}
