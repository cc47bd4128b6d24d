//! Machines that count as running here though they have no process.
//!
//! Owns: what may still be written of them, for what they had sent may wait in the kernel for the path to come
//! back. Of a machine that was ordered to end because this host has lost its storage, until the host has let go
//! of that; of any other whose process is gone, whoever ended it, until that has landed ([`super::landed`]). Kept
//! on tmpfs for one boot of the host, which ends all that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
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

/// What a machine writes to: its repositories, each with the files; none: which ones is not known.
pub(super) type Tail = BTreeMap<Uuid, Vec<PathBuf>>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// Of machines that were ordered to end.
    left: Left,
    /// Of all that have a process, or whose writes have not landed.
    #[serde(default)]
    tails: BTreeMap<Uuid, Tail>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    boot: String,
    #[serde(flatten)]
    kept: Kept,
}

/// What is left of which machine. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    kept: Kept,
    ledger: Option<Ledger>,
    boot: String,
    /// Machines whose files this daemon has seen.
    seen: BTreeSet<Uuid>,
    /// Machines of which it was found once that what they wrote has not landed.
    told: BTreeSet<Uuid>,
    /// Somebody looks whether it has.
    proving: bool,
}

/// The right to look whether writes have landed; one at a time.
#[derive(Debug)]
pub(super) struct Proof(Ending);

impl Drop for Proof {
    fn drop(&mut self) {
        self.0.state().proving = false;
    }
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
        let kept = read.filter(|content| content.boot == boot).unwrap_or_default().kept;
        let state = State { kept, ledger: Some(ledger), boot, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it, durably before anybody acts on it.
    fn change(&self, change: impl FnOnce(&mut Kept)) -> Result<(), OrderError> {
        let mut state = self.state();
        let mut kept = state.kept.clone();
        change(&mut kept);
        if kept.left.len().max(kept.tails.len()) > ENDING_MAX {
            return Err(Refusal::Busy("too many machines are being ended".to_owned()).into());
        }
        let content = Content { boot: state.boot.clone(), kept };
        let text = serde_json::to_string(&content).map_err(internal)?;
        if let Some(ledger) = &mut state.ledger {
            ledger.write(&text).map_err(internal)?;
        }
        state.kept = content.kept;
        Ok(())
    }

    /// Remembers to what a machine writes. One that writes to nothing may have written before.
    pub(super) fn note(&self, vm: Uuid, tail: Tail) -> Result<(), OrderError> {
        let known = tail.is_empty() || self.state().kept.tails.get(&vm) == Some(&tail);
        if !known {
            self.change(|kept| drop(kept.tails.insert(vm, tail)))?;
        }
        self.state().seen.insert(vm);
        Ok(())
    }

    /// Nothing of it is on its way: nobody has to let go of its storage, which may be well again and in use.
    pub(super) fn forget(&self, vm: Uuid) -> Result<(), OrderError> {
        let mut state = self.state();
        state.seen.remove(&vm);
        state.told.remove(&vm);
        let known = state.kept.tails.contains_key(&vm) || state.kept.left.contains_key(&vm);
        drop(state);
        let change = |kept: &mut Kept| {
            kept.tails.remove(&vm);
            kept.left.remove(&vm);
        };
        if known { self.change(change) } else { Ok(()) }
    }

    /// Machines that execute, or wait, and whose files this daemon has not seen. The files of one that arrives are
    /// opened for writing at its end.
    pub(super) fn unseen(&self, processes: &[DomainInfo]) -> Vec<Uuid> {
        let mut state = self.state();
        state.seen.retain(|vm| processes.iter().any(|domain| domain.uuid == *vm));
        let here = processes.iter().filter(|domain| domain.state != DomainState::Incoming);
        here.map(|domain| domain.uuid).filter(|vm| !state.seen.contains(vm)).collect()
    }

    /// To what a machine wrote. Of one that was ordered to end, and was never seen to run, that is not known.
    pub(super) fn tail(&self, vm: Uuid) -> Tail {
        let state = self.state();
        let left = || {
            let srs = state.kept.left.get(&vm).into_iter().flatten();
            srs.map(|sr| (*sr, Vec::new())).collect()
        };
        state.kept.tails.get(&vm).cloned().unwrap_or_else(left)
    }

    /// Machines without a process whose writes may be on their way.
    pub(super) fn unproven(&self, processes: &[DomainInfo]) -> BTreeSet<Uuid> {
        let process = |vm: &Uuid| processes.iter().any(|domain| domain.uuid == *vm);
        let state = self.state();
        let known = state.kept.tails.keys().chain(state.kept.left.keys());
        known.filter(|vm| !process(vm)).copied().collect()
    }

    /// The right to look whether they have landed, if nobody has it.
    pub(super) fn proof(&self) -> Option<Proof> {
        let busy = std::mem::replace(&mut self.state().proving, true);
        (!busy).then(|| Proof(self.clone()))
    }

    /// What this machine wrote has not landed; whether that is new.
    pub(super) fn has_not_landed(&self, vm: Uuid) -> bool {
        self.state().told.insert(vm)
    }

    /// Whether this was found of all of them before.
    pub(super) fn all_told(&self, vms: &BTreeSet<Uuid>) -> bool {
        self.state().told.is_superset(vms)
    }

    /// What is left, beside these domains.
    pub(super) fn remains(&self, domains: &[DomainInfo]) -> BTreeMap<Uuid, Remains> {
        let process = |vm: &Uuid| domains.iter().any(|domain| domain.uuid == *vm);
        let state = self.state();
        let remains = state
            .kept
            .left
            .iter()
            .map(|(vm, srs)| (*vm, Remains { process: process(vm), srs: srs.clone() }));
        remains.collect()
    }

    /// The domains, with those of which only writes are left.
    pub(super) fn among(&self, mut domains: Vec<DomainInfo>) -> Vec<DomainInfo> {
        let ended = self.remains(&domains).into_iter();
        let ended = ended.filter(|(_, left)| !left.process && left.sight() == Sight::Here);
        let mut there: BTreeSet<Uuid> = ended.map(|(vm, _)| vm).collect();
        there.extend(self.unproven(&domains));
        domains.extend(there.into_iter().map(|uuid| {
            let (state, none) = (DomainState::Running, (0, 0, false));
            let (memory_bytes, cpu_time_ns, disk_error) = none;
            DomainInfo { uuid, state, memory_bytes, cpu_time_ns, disk_error }
        }));
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
            self.agent.ending.change(|kept| drop(kept.left.insert(*vm, srs.clone())))?;
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
        let gone = agent.ending.unproven(&domains);
        agent.ending.change(|kept| {
            for srs in kept.left.values_mut() {
                srs.remove(&sr);
            }
            kept.left.retain(|_, srs| !srs.is_empty());
            for (_, tail) in kept.tails.iter_mut().filter(|(vm, _)| gone.contains(vm)) {
                tail.remove(&sr);
            }
            kept.tails.retain(|_, tail| !tail.is_empty());
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
        ending.change(|kept| drop(kept.left.insert(vm, [sr].into()))).unwrap();
        // The daemon starts anew.
        let ending = Ending::open(&file);
        let seen = ending.among(Vec::new());
        assert_eq!((seen[0].uuid, seen[0].state), (vm, DomainState::Running));
        assert_eq!(ending.among(seen.clone()).len(), 1, "its process is there: it is listed once");
        assert!(ending.remains(&seen)[&vm].process);
        // What it wrote to is not known; whether all of it has landed is asked all the same.
        assert_eq!(ending.unproven(&[]), [vm].into());
        assert_eq!(ending.tail(vm), [(sr, Vec::new())].into());
        assert!(ending.unproven(&seen).is_empty());
        ending.forget(vm).unwrap();
        assert_eq!(Ending::open(&file).among(Vec::new()), []);
    }

    #[test]
    fn a_machine_whose_process_is_gone_is_there_until_its_writes_have_landed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ending");
        let (vm, plain, sr) = (Uuid::from_u128(1), Uuid::from_u128(3), Uuid::from_u128(2));
        let ending = Ending::open(&file);
        let domain = |uuid| DomainInfo {
            uuid,
            state: DomainState::Running,
            memory_bytes: 1,
            cpu_time_ns: 1,
            disk_error: false,
        };
        let processes = [domain(vm), domain(plain)];
        let incoming = DomainInfo { state: DomainState::Incoming, ..domain(vm) };
        assert!(ending.unseen(&[incoming]).is_empty());
        assert_eq!(ending.unseen(&processes), [vm, plain]);
        ending.note(vm, [(sr, vec!["/disk".into()])].into()).unwrap();
        ending.note(plain, Tail::new()).unwrap();
        assert!(ending.unseen(&processes).is_empty());
        assert_eq!(ending.among(processes.to_vec()), processes, "they are listed once");
        // The processes end, and the daemon starts anew.
        let ending = Ending::open(&file);
        let seen = ending.among(Vec::new());
        assert_eq!((seen.len(), seen[0].uuid, seen[0].state), (1, vm, DomainState::Running));
        assert_eq!(ending.remains(&[]), BTreeMap::new(), "nobody ordered it to end");
        assert!(ending.has_not_landed(vm) && !ending.has_not_landed(vm));
        ending.note(vm, Tail::new()).unwrap();
        assert_eq!(ending.among(Vec::new()).len(), 1, "without a process it writes to nothing");
        let proof = ending.proof();
        assert!(proof.is_some() && ending.proof().is_none(), "one at a time");
        drop(proof);
        assert!(ending.proof().is_some());
        ending.change(|kept| drop(kept.left.insert(vm, [sr].into()))).unwrap();
        ending.forget(vm).unwrap();
        assert_eq!(Ending::open(&file).among(Vec::new()), []);
    }

    /// A daemon from before wrote no tails.
    #[test]
    fn what_an_older_daemon_kept_is_read() {
        let text = r#"{"boot":"b","left":{"00000000-0000-0000-0000-000000000001":[]}}"#;
        let content: Content = serde_json::from_str(text).unwrap();
        assert_eq!((content.kept.left.len(), content.kept.tails.len()), (1, 0));
    }
}
