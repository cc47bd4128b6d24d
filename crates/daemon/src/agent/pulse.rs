//! How guests are that are watched: whether their agents answer, what they read, write and send, and
//! how often they booted.
//!
//! Owns: the count of boots, and how many guests are asked at once. Judges nothing: that is the
//! coordinator's, by `haven_failover::watch`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use haven_drivers::hypervisor::{DomainState, DomainStats, HypervisorEvent, REBOOTED};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};
use uuid::Uuid;

use super::execute::{Agent, Case};
use crate::orders::{GuestPulse, OrderError, OrderReply, OrderResult, Pulses};

/// Agents that are asked at the same time. One that hangs holds its place for two seconds.
const PINGS_AT_ONCE: usize = 8;
/// Whose turn has not come by then is not asked at this look: nothing is said of it.
const LOOK_MAX: Duration = Duration::from_secs(8);
/// Guests whose boots are counted.
const COUNTED_MAX: usize = 4096;

/// The hypervisor may reset a machine more than once for one reboot; none boots twice in so short a time.
const ONE_BOOT: Duration = Duration::from_secs(1);

/// How often guests booted since they came here, and when last.
#[derive(Clone, Debug, Default)]
pub(super) struct Boots {
    counted: Arc<Mutex<BTreeMap<Uuid, (u64, Instant)>>>,
}

impl Boots {
    /// Takes an event in.
    pub(super) fn note(&self, event: &HypervisorEvent) {
        self.note_at(event, Instant::now());
    }

    fn note_at(&self, event: &HypervisorEvent, now: Instant) {
        let HypervisorEvent::Lifecycle { vm, state, detail } = event else { return };
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_none() {
            counted.remove(vm);
        } else if detail == REBOOTED && (counted.len() < COUNTED_MAX || counted.contains_key(vm)) {
            let (count, last) = counted.entry(*vm).or_insert((0, now));
            if *count == 0 || now.duration_since(*last) >= ONE_BOOT {
                (*count, *last) = (*count + 1, now);
            }
        }
    }

    fn of(&self, vm: Uuid) -> u64 {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.get(&vm).map_or(0, |(count, _)| *count)
    }
}

/// What a guest does by itself; what it receives others send.
fn moved(stats: &DomainStats) -> u64 {
    let disks = stats.disks.iter().map(|disk| {
        disk.reads.wrapping_add(disk.writes).wrapping_add(disk.read_bytes + disk.written_bytes)
    });
    let nics = stats.nics.iter().map(|nic| nic.tx_bytes);
    disks.chain(nics).fold(0, u64::wrapping_add)
}

impl Case {
    /// Of those that do not execute, or could not be asked in time, nothing is said.
    pub(super) async fn pulses(&self, vms: &[Uuid]) -> OrderResult {
        let agent = &self.agent;
        let acting = self.begin()?;
        let executes: Vec<Uuid> = agent
            .hypervisor_domains()
            .await?
            .iter()
            .filter(|domain| domain.state == DomainState::Running && vms.contains(&domain.uuid))
            .map(|domain| domain.uuid)
            .collect();
        let hypervisor = agent.parts.hypervisor.clone();
        let counters = spawn_blocking(move || hypervisor.statistics());
        let internal =
            |error: tokio::task::JoinError| OrderError::failed("INTERNAL_ERROR", error.to_string());
        let counters = counters.await.map_err(internal)??;
        let mut guests = Vec::new();
        for (vm, answers) in agent.ping(executes).await {
            // The counters of one that has just come are told at the next look.
            let Some(stats) = counters.iter().find(|stats| stats.uuid == vm) else { continue };
            let boots = agent.boots.of(vm);
            guests.push(GuestPulse { vm, agent: answers, io: moved(stats), boots });
        }
        drop(acting);
        let faults = agent.attached.faults().into_iter().map(|(sr, _)| sr);
        let faults = faults.chain(agent.health.silent()).collect();
        Ok(OrderReply::Pulses(Box::new(Pulses { guests, faults })))
    }
}

impl Agent {
    /// Which agents answer. Who could not be asked is left out.
    async fn ping(&self, vms: Vec<Uuid>) -> Vec<(Uuid, bool)> {
        let (places, until) = (Arc::new(Semaphore::new(PINGS_AT_ONCE)), Instant::now() + LOOK_MAX);
        let mut asked = JoinSet::new();
        for vm in vms {
            let (places, hypervisor) = (places.clone(), self.parts.hypervisor.clone());
            asked.spawn(async move {
                let place = places.acquire_owned().await.ok()?;
                if Instant::now() >= until {
                    return None;
                }
                let answer = spawn_blocking(move || {
                    let answer = hypervisor.guest_answers(vm);
                    drop(place);
                    answer
                });
                Some((vm, answer.await.ok()?.ok()?))
            });
        }
        let mut answers = Vec::new();
        while let Ok(Some(answer)) = tokio::time::timeout(LOOK_MAX, asked.join_next()).await {
            answers.extend(answer.ok().flatten());
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use haven_drivers::hypervisor::{DiskStats, NicStats};

    use super::*;

    #[test]
    fn boots_are_counted_until_the_guest_goes() {
        let (boots, vm) = (Boots::default(), Uuid::from_u128(1));
        let event = |state, detail: &str| HypervisorEvent::Lifecycle {
            vm,
            state,
            detail: detail.to_owned(),
        };
        let begun = Instant::now();
        let reboot = |after_ms| {
            let at = begun + Duration::from_millis(after_ms);
            boots.note_at(&event(Some(DomainState::Running), REBOOTED), at);
        };
        boots.note(&event(Some(DomainState::Running), "started"));
        assert_eq!(boots.of(vm), 0);
        [0, 50].into_iter().for_each(reboot);
        assert_eq!(boots.of(vm), 1, "a guest that panicked is reset twice for one reboot");
        [5000, 5050].into_iter().for_each(reboot);
        assert_eq!(boots.of(vm), 2);
        boots.note(&event(None, "shut down"));
        assert_eq!(boots.of(vm), 0);
    }

    #[test]
    fn what_a_guest_receives_is_no_sign_of_life() {
        let stats = |rx_bytes, tx_bytes, reads| DomainStats {
            disks: vec![DiskStats { reads, ..DiskStats::default() }],
            nics: vec![NicStats { rx_bytes, tx_bytes }],
            ..DomainStats::default()
        };
        assert_eq!(moved(&stats(1, 1, 1)), moved(&stats(99, 1, 1)));
        assert_ne!(moved(&stats(1, 1, 1)), moved(&stats(1, 2, 1)));
        assert_ne!(moved(&stats(1, 1, 1)), moved(&stats(1, 1, 2)));
    }
}
