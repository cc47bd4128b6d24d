//! Machines that were ordered to end because this host has lost their storage.
//!
//! Owns: what may still be written of them. Until the host has let go of the storage such a machine counts as
//! running here, whatever became of its process: what it had sent may wait in the kernel for the path to come
//! back. Kept on tmpfs for one boot of the host, which ends all that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use haven_block_io::Ledger;
use haven_drivers::hypervisor::{DomainInfo, DomainState, StopMode};
use haven_drivers::storage::SrSpec;
use haven_failover::Sight;
use haven_failover::storage::Remains;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::execute::{Case, DONE};
use super::facts::boot_id;
use super::lanes::Lane;
use crate::orders::{Order, OrderError, OrderResult, Refusal};

/// Machines that may be on their way out at the same time.
const ENDING_MAX: usize = 4096;

type Left = BTreeMap<Uuid, BTreeSet<Uuid>>;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    boot: String,
    left: Left,
}

/// What is left of which machine. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    left: Left,
    ledger: Option<Ledger>,
    boot: String,
}

impl Ending {
    /// What an earlier daemon of this boot has left in `file`.
    pub(super) fn open(file: &Path) -> Self {
        let boot = boot_id();
        let ledger = Ledger::open(file).unwrap_or_else(|error| {
            tracing::error!(%error, "machines that were being ended are forgotten");
            Ledger::empty(file)
        });
        let read = ledger.payload().and_then(|text| serde_json::from_str::<Content>(text).ok());
        let left = read.filter(|content| content.boot == boot).unwrap_or_default().left;
        let state = State { left, ledger: Some(ledger), boot };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it, durably before anybody acts on it.
    fn change(&self, change: impl FnOnce(&mut Left)) -> Result<(), OrderError> {
        let mut state = self.state();
        let mut left = state.left.clone();
        change(&mut left);
        if left.len() > ENDING_MAX {
            return Err(Refusal::Busy("too many machines are being ended".to_owned()).into());
        }
        let content = Content { boot: state.boot.clone(), left };
        let text = serde_json::to_string(&content).map_err(internal)?;
        if let Some(ledger) = &mut state.ledger {
            ledger.write(&text).map_err(internal)?;
        }
        state.left = content.left;
        Ok(())
    }

    /// What is left, beside these domains.
    pub(super) fn remains(&self, domains: &[DomainInfo]) -> BTreeMap<Uuid, Remains> {
        let process = |vm: &Uuid| domains.iter().any(|domain| domain.uuid == *vm);
        let state = self.state();
        let remains = state
            .left
            .iter()
            .map(|(vm, srs)| (*vm, Remains { process: process(vm), srs: srs.clone() }));
        remains.collect()
    }

    /// The domains, with those of which only writes are left.
    pub(super) fn among(&self, mut domains: Vec<DomainInfo>) -> Vec<DomainInfo> {
        for (vm, remains) in self.remains(&domains) {
            if !remains.process && remains.sight() == Sight::Here {
                let state = DomainState::Running;
                let none = (0, 0, false);
                let (memory_bytes, cpu_time_ns, disk_error) = none;
                domains.push(DomainInfo { uuid: vm, state, memory_bytes, cpu_time_ns, disk_error });
            }
        }
        domains
    }
}

fn internal(error: impl std::fmt::Display) -> OrderError {
    OrderError::failed("INTERNAL_ERROR", error.to_string())
}

impl Case {
    /// Ends a machine whose storage is lost. It counts as running until the host has let go of that.
    pub(super) async fn end_vm(&self) -> OrderResult {
        let Order::EndVm { vm, placement, srs } = &self.envelope.order else {
            return Err(Refusal::Invalid("not an order to end a machine".to_owned()).into());
        };
        {
            let _acting = self.begin()?;
            self.agent.windows.close(*vm);
            self.agent.gate.close_placement(*vm, *placement, self.envelope.id)?;
            self.agent.ending.change(|left| drop(left.insert(*vm, srs.clone())))?;
        }
        tracing::warn!(%vm, "a machine is ended because its storage is lost here");
        let vm = *vm;
        self.blocking(Lane::Vm, move |parts, _| {
            use haven_drivers::hypervisor::HypervisorError;
            match parts.hypervisor.stop(vm, StopMode::Hard) {
                Ok(()) | Err(HypervisorError::NotRunning(_)) => DONE,
                Err(error) => Err(OrderError::from(error)),
            }
        })
        .await
    }

    /// Detaches a repository that does not answer, so that nothing of this host reaches it any more, and says
    /// so only when that is proven. It is attached again by itself when it answers.
    pub(super) async fn let_go(&self) -> OrderResult {
        let Order::LetGoSr { sr } = &self.envelope.order else {
            return Err(Refusal::Invalid("not an order to let go".to_owned()).into());
        };
        let spec: SrSpec = sr.clone();
        let proven = self.blocking(Lane::Host, move |parts, _| {
            let let_go = parts.storage.driver(&spec.kind).and_then(|driver| driver.let_go(&spec));
            let_go.map_err(OrderError::from)
        });
        let proven = proven.await;
        // It may be detached without the proof, too. What still is there is found to be at the next attempt.
        self.agent.attached.forget(sr.uuid);
        proven?;
        let (agent, sr) = (&self.agent, sr.uuid);
        let domains = agent.hypervisor_domains().await?;
        let left = agent.ending.remains(&domains);
        let lives = left.iter().find(|(_, left)| left.process && left.srs.contains(&sr));
        if let Some((vm, _)) = lives {
            let text = format!("the process of machine {vm} is still there");
            return Err(OrderError::failed("HOST_IN_USE", text));
        }
        agent.ending.change(|left| {
            for srs in left.values_mut() {
                srs.remove(&sr);
            }
            left.retain(|_, srs| !srs.is_empty());
        })?;
        DONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_there_until_nothing_of_it_may_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ending");
        let (vm, sr) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let ending = Ending::open(&file);
        assert_eq!(ending.among(Vec::new()), []);
        ending.change(|left| drop(left.insert(vm, [sr].into()))).unwrap();
        // The daemon starts anew.
        let ending = Ending::open(&file);
        let seen = ending.among(Vec::new());
        assert_eq!((seen[0].uuid, seen[0].state), (vm, DomainState::Running));
        assert_eq!(ending.among(seen.clone()).len(), 1, "its process is there: it is listed once");
        assert!(ending.remains(&seen)[&vm].process);
        ending.change(Left::clear).unwrap();
        assert_eq!(Ending::open(&file).among(Vec::new()), []);
    }
}
