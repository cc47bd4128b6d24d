//! What this host's guard says, held against the promises that nothing may break.
//!
//! Owns: the records that the guard has shown in the life of this daemon. Never does: act on a broken
//! promise. The guard feeds its watchdog no more; people are told, by its alarms and by the log.

use std::collections::BTreeSet;

use haven_cluster::Invariant;
use haven_cluster::alarm::Alarm;
use haven_cluster::control::GuardState;
use haven_cluster::invariant::Chain;

/// Records that are kept: a host that comes back shows none that is older than those.
const RECORDS_MAX: usize = 64;

/// What was seen, and what of it must not be.
#[derive(Debug)]
pub(super) struct Promises {
    chain: Chain,
    broken: BTreeSet<Invariant>,
}

impl Default for Promises {
    fn default() -> Self {
        Self { chain: Chain::keeping(RECORDS_MAX), broken: BTreeSet::new() }
    }
}

impl Promises {
    /// Looks at what the guard says now. What is found stays among its alarms for as long as this
    /// daemon lives: a fork does not go away because the next record is shown.
    pub(super) fn look(&mut self, state: &mut GuardState) {
        for alarm in &state.alarms {
            if let Ok(Alarm::Broken(promise)) = alarm.parse() {
                self.note(promise, "the guard says so, and feeds its watchdog no more");
            }
        }
        let noted = state.epoch.as_ref().map_or(Ok(()), |epoch| self.chain.note(epoch));
        if let Err(violation) = noted {
            self.note(violation.invariant, &violation.text);
        }
        for promise in &self.broken {
            let sentence = Alarm::Broken(*promise).to_string();
            if !state.alarms.contains(&sentence) {
                state.alarms.push(sentence);
            }
        }
    }

    fn note(&mut self, promise: Invariant, text: &str) {
        if self.broken.insert(promise) {
            tracing::error!(invariant = promise.id(), "a promise is broken: {text}");
        }
    }
}

#[cfg(test)]
mod tests {
    use haven_cluster::control::EpochView;
    use haven_cluster::ids::{EpochNumber, HostId, Incarnation, Life};
    use uuid::Uuid;

    use super::*;

    fn shows(number: u64, q: u32) -> GuardState {
        let life = Life { host: HostId(Uuid::from_u128(1)), incarnation: Incarnation(2) };
        let epoch = EpochView {
            generation: Uuid::from_u128(9),
            number: EpochNumber(number),
            members: vec![life],
            coordinator: life,
            q,
            area_live: 0,
            area_owner: Some(life),
            area_next: None,
            armed: true,
            places: Some(1),
            timing: None,
            tolerate: None,
        };
        GuardState { epoch: Some(epoch), ..GuardState::idle() }
    }

    #[test]
    fn a_fork_that_the_guard_shows_is_an_alarm_that_stays() {
        let mut promises = Promises::default();
        let mut alarms = |mut state: GuardState| {
            promises.look(&mut state);
            state.alarms
        };
        assert_eq!(alarms(shows(4, 1)), Vec::<String>::new());
        assert_eq!(alarms(shows(4, 1)), Vec::<String>::new(), "the same again");
        assert_eq!(alarms(shows(5, 2)), Vec::<String>::new(), "another record");
        let said = vec![Alarm::Broken(Invariant::OneChain).to_string()];
        assert_eq!(alarms(shows(4, 2)), said);
        assert_eq!(alarms(shows(6, 2)), said);
    }

    #[test]
    fn what_the_guard_finds_in_itself_is_said_once_and_stays() {
        let mut promises = Promises::default();
        let said = vec![Alarm::Broken(Invariant::PermitFence).to_string()];
        let mut state = GuardState { alarms: said.clone(), ..GuardState::idle() };
        promises.look(&mut state);
        assert_eq!(state.alarms, said);
        let mut later = GuardState::idle();
        promises.look(&mut later);
        assert_eq!(later.alarms, said);
    }
}
