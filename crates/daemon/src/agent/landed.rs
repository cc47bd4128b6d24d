//! What machines wrote whose process is gone, and whether it has landed.
//!
//! Owns: to what each machine writes, read from its process while it has one; and the looks at what is left when it
//! has none any more, whoever ended it. On storage that answers that takes a moment and nobody notices. While
//! it does not, such a machine counts as running here ([`super::ending`]): a second one that is started elsewhere
//! would find late writes of the first one beneath it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use haven_drivers::hypervisor::{DomainInfo, StopMode};
use haven_model::codes;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use uuid::Uuid;

use super::ending::{Ending, Proof, Tail};
use super::execute::{Agent, AgentParts, DONE};
use super::vms::gone;
use crate::orders::{OrderError, OrderResult};

/// Longest wait of whoever lists machines for those that have just lost their process.
const PROOF_MAX: Duration = Duration::from_secs(1);
/// Orders that give a machine a process, or take it away, and look after its writes themselves.
const HANDLED: [&str; 6] =
    ["start_vm", "resume_vm", "stop_vm", "end_vm", "suspend_vm", "migrate_vm"];

/// Stops a machine. Done only when nothing that it wrote is on its way.
pub(super) fn stop(parts: &AgentParts, ending: &Ending, vm: Uuid, mode: StopMode) -> OrderResult {
    ending.note(vm, known_tail(parts, ending, vm))?;
    gone(parts.hypervisor.stop(vm, mode))?;
    if let Err((_, text)) = landed(parts, &ending.tail(vm), &BTreeSet::new()) {
        ending.has_not_landed(vm);
        tracing::warn!(%vm, text, "a machine has ended, and what it wrote may be on its way");
        return Err(OrderError::failed(codes::VM_WRITES_UNDER_WAY, text));
    }
    ending.forget(vm)?;
    DONE
}

/// Remembers to what a machine writes that has just begun.
pub(super) fn note(parts: &AgentParts, ending: &Ending, vm: Uuid) {
    if let Err(error) = ending.note(vm, known_tail(parts, ending, vm)) {
        tracing::warn!(%vm, %error, "to what a machine writes is not kept");
    }
}

/// To what a machine writes. What was seen before counts if that cannot be told any more.
fn known_tail(parts: &AgentParts, ending: &Ending, vm: Uuid) -> Tail {
    let files = parts.hypervisor.writes_to(vm);
    let before = ending.tail(vm);
    if files.is_none() && !before.is_empty() { before } else { tail(parts, files) }
}

/// These files by repository. Which ones they are may be unknown: then all of this host may be written to.
fn tail(parts: &AgentParts, files: Option<Vec<PathBuf>>) -> Tail {
    let storage = parts.identity.pool().map(|pool| pool.storage).unwrap_or_default();
    let disks: BTreeSet<Uuid> =
        storage.iter().filter(|sr| sr.kind != "iso").map(|sr| sr.uuid).collect();
    let Some(files) = files else { return disks.into_iter().map(|sr| (sr, Vec::new())).collect() };
    let mut tail = Tail::new();
    for file in files {
        let mut names = file.iter().filter_map(|name| name.to_str()?.parse::<Uuid>().ok());
        if let Some(sr) = names.find(|name| disks.contains(name)) {
            tail.entry(sr).or_default().push(file);
        }
    }
    tail
}

/// Waits until it has landed; or else why not, and at which repository. `lost` ones are not asked again.
fn landed(parts: &AgentParts, tail: &Tail, lost: &BTreeSet<Uuid>) -> Result<(), (Uuid, String)> {
    let storage = parts.identity.pool().map(|pool| pool.storage).unwrap_or_default();
    for (sr, files) in tail {
        // Nobody detaches storage with a disk of a machine that counts as running.
        let Some(spec) = storage.iter().find(|known| known.uuid == *sr) else { continue };
        if lost.contains(sr) {
            return Err((*sr, "its storage does not answer".to_owned()));
        }
        let driver = parts.storage.driver(&spec.kind);
        let landed = driver.and_then(|driver| driver.landed(spec, files));
        landed.map_err(|error| (*sr, error.text))?;
    }
    Ok(())
}

impl Agent {
    /// What has a process here, and, besides, with what may still be written of others.
    pub(super) async fn sight(&self) -> Result<(Vec<DomainInfo>, Vec<DomainInfo>), OrderError> {
        let processes = self.hypervisor_domains().await?;
        self.note_writes(&processes).await;
        self.look_for_writes(&processes).await;
        let domains = self.ending.among(processes.clone());
        Ok((processes, domains))
    }

    /// Those of these machines that no order looks after.
    fn unhandled(&self, mut vms: BTreeSet<Uuid>) -> BTreeSet<Uuid> {
        if !vms.is_empty() {
            let acting = self.gate.acting(Uuid::nil()).into_iter();
            let handled = acting.filter(|order| HANDLED.contains(&order.kind.as_str()));
            let handled: BTreeSet<Uuid> = handled.filter_map(|order| order.vm).collect();
            vms.retain(|vm| !handled.contains(vm));
        }
        vms
    }

    async fn note_writes(&self, processes: &[DomainInfo]) {
        let unseen = self.unhandled(self.ending.unseen(processes).into_iter().collect());
        if unseen.is_empty() {
            return;
        }
        let agent = self.clone();
        let noting = move || unseen.iter().for_each(|vm| note(&agent.parts, &agent.ending, *vm));
        if let Err(error) = spawn_blocking(noting).await {
            tracing::error!(%error, "to what machines write is not known");
        }
    }

    /// Looks whether what machines wrote has landed that have no process. Only for what is new somebody waits.
    async fn look_for_writes(&self, processes: &[DomainInfo]) {
        let left = self.unhandled(self.ending.unproven(processes));
        if left.is_empty() {
            return;
        }
        let known = self.ending.all_told(&left);
        let Some(proof) = self.ending.proof() else { return };
        let agent = self.clone();
        let looking = spawn_blocking(move || agent.prove(&left, proof));
        if !known {
            // One that takes longer ends by itself, and its end is reported.
            let _later = timeout(PROOF_MAX, looking).await;
        }
    }

    fn prove(&self, left: &BTreeSet<Uuid>, proof: Proof) {
        // The hypervisor forgets a machine before its last thread is gone.
        let there = self.parts.hypervisor.processes();
        let (mut lost, mut changed) = (BTreeSet::new(), false);
        for vm in left.iter().filter(|vm| !there.contains(vm)) {
            match landed(&self.parts, &self.ending.tail(*vm), &lost) {
                Ok(()) => match self.ending.forget(*vm) {
                    Ok(()) => changed = true,
                    Err(error) => tracing::warn!(%vm, %error, "it counts as running"),
                },
                Err((sr, text)) => {
                    lost.insert(sr);
                    if self.ending.has_not_landed(*vm) {
                        tracing::warn!(%vm, %sr, text, "what a machine wrote may be on its way");
                    }
                }
            }
        }
        drop(proof);
        if changed {
            self.news.notify_one();
        }
    }
}
