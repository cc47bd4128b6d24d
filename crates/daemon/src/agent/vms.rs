//! Orders about guests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use haven_cluster::ids::EpochNumber;
use haven_drivers::hypervisor::{Consent, DomainInfo, HypervisorError, MigrateProgress, StopMode};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::execute::{Agent, AgentParts, Case, DONE};
use super::facts::boot_id;
use super::gate::Gate;
use super::landed;
use super::lanes::Lane;
use crate::orders::{Inventory, Order, OrderError, OrderReply, OrderResult, Refusal};

impl Case {
    pub(super) async fn vm_order(&self) -> OrderResult {
        let lane = match &self.envelope.order {
            Order::MigrateProgress { .. } | Order::CancelJob { .. } | Order::DiskState { .. } => {
                Lane::Ask
            }
            Order::StopVm { mode: StopMode::Clean { .. }, .. }
            | Order::SuspendVm { .. }
            | Order::ResumeVm { .. } => Lane::VmLong,
            Order::ChangeVm { change, .. } if change.is_long() => Lane::VmLong,
            Order::StartVm { .. } => Lane::Start,
            _ => Lane::Vm,
        };
        let (gate, given) = (self.agent.gate.clone(), self.envelope.term.epoch);
        let ending = self.agent.ending.clone();
        self.blocking(lane, move |parts, order| {
            let hypervisor = &parts.hypervisor;
            let done = |result: Result<(), HypervisorError>| {
                result.map(|()| OrderReply::Done).map_err(OrderError::from)
            };
            match order {
                Order::StartVm { spec, paused, .. } => {
                    let consent = consent(parts, order, (gate, given));
                    let started = hypervisor.start_with(spec, *paused, consent);
                    landed::note(parts, &ending, spec.uuid);
                    done(started)
                }
                Order::StopVm { vm, mode } => landed::stop(parts, &ending, *vm, *mode),
                Order::RebootVm { vm, clean } => done(hypervisor.reboot(*vm, *clean)),
                Order::PauseVm { vm } => done(hypervisor.pause(*vm)),
                Order::UnpauseVm { vm } => done(hypervisor.unpause(*vm)),
                Order::SuspendVm { vm, path } => {
                    // It is drained before its memory is saved.
                    hypervisor.suspend(*vm, path).map_err(OrderError::from)?;
                    ending.forget(*vm).map(|()| OrderReply::Done)
                }
                Order::ResumeVm { spec, path, paused, .. } => done(hypervisor.resume_with(
                    spec,
                    path,
                    *paused,
                    consent(parts, order, (gate, given)),
                )),
                Order::ChangeVm { vm, change } => {
                    let changed = hypervisor.change(*vm, change);
                    landed::note(parts, &ending, *vm);
                    done(changed)
                }
                Order::CancelJob { vm } => done(hypervisor.cancel_job(*vm)),
                Order::MigrateProgress { vm } => {
                    Ok(OrderReply::Progress(progress(hypervisor.migrate_progress(*vm))?))
                }
                Order::DiskState { vm, target } => {
                    Ok(OrderReply::Disk(Box::new(hypervisor.disk_state(*vm, target)?)))
                }
                Order::GuestAgent { vm, command } => {
                    Ok(OrderReply::Text(hypervisor.guest_agent(*vm, command)?))
                }
                other => {
                    Err(Refusal::Invalid(format!("{} is not for guests", other.kind())).into())
                }
            }
        })
        .await
    }

    /// Closes older terms, which happened on arrival, and says what runs. What acts is listed
    /// before the hypervisor is asked: an order that ends in between is in one list or in both.
    pub(super) async fn inventory(&self) -> OrderResult {
        self.agent.windows.close_older(self.envelope.term);
        let acting = self.agent.gate.acting(self.envelope.id);
        let _acting = self.begin()?;
        let mut inventory = self.agent.take_inventory().await?;
        inventory.acting = acting;
        Ok(OrderReply::Inventory(Box::new(inventory)))
    }

    pub(super) async fn close_placement(
        &self,
        vm: Uuid,
        (placement, life): (u64, u64),
    ) -> OrderResult {
        let _acting = self.begin()?;
        // A migration that comes later finds the memory stream closed.
        self.agent.windows.close(vm);
        let acts = self.agent.gate.close_placement(vm, placement, self.envelope.id)?;
        let domains = self.agent.domains().await?;
        let runs = domains.iter().any(|domain| domain.uuid == vm);
        // Asked after the domains: what is gone was not ended by a fence that began meanwhile.
        let present = self.agent.life();
        if life != 0 && present != life {
            return Err(Refusal::OtherLife { asked: life, present }.into());
        }
        Ok(OrderReply::Running(acts || runs))
    }

    pub(super) fn finish_migrate_in(&self, vm: Uuid, placement: u64) -> OrderResult {
        let _acting = self.begin()?;
        self.agent.windows.close(vm);
        if placement != 0 {
            self.agent.gate.close_placement(vm, placement, self.envelope.id)?;
        }
        DONE
    }

    /// A VM that is sent elsewhere is not started here by anything that was ordered before, and not
    /// sent by what was ordered for an earlier migration.
    pub(super) fn give_away(&self, vm: Uuid, placement: u64) -> Result<(), OrderError> {
        let _acting = self.begin()?;
        if placement != 0 {
            self.agent.gate.give_away(vm, placement)?;
        }
        Ok(())
    }
}

/// May the guest of this order execute? Asked by the driver immediately before it does: opening
/// its disks may have taken longer than the permit lasts, or than the coordinator waits; its
/// placement was closed meanwhile; or this host has left the membership in which it was `given`.
fn consent(parts: &AgentParts, order: &Order, (gate, given): (Gate, EpochNumber)) -> Consent {
    let (authority, until) = (parts.authority.clone(), Instant::now() + order.deadline());
    let place = order.vm().zip(order.placement());
    let leaves = gate.clone();
    let leaves = move || leaves.is_leaving();
    let closed = move || place.is_some_and(|(vm, placement)| gate.is_closed(vm, placement));
    let permit = move || match authority.armed() {
        Some(armed) => armed.permit && !leaves(),
        None => given == EpochNumber(0),
    };
    Arc::new(move || Instant::now() < until && permit() && !closed())
}

impl Agent {
    /// What runs here now.
    pub async fn take_inventory(&self) -> Result<Inventory, OrderError> {
        self.look().await.map(|(inventory, _)| inventory)
    }

    /// The same, and which machines of it have no process.
    pub(super) async fn look(&self) -> Result<(Inventory, BTreeSet<Uuid>), OrderError> {
        let acting = self.gate.acting(Uuid::nil());
        let config = &self.parts.config;
        self.drives.look(config.paths.root(), config.report_interval());
        let (processes, domains) = self.sight().await?;
        // Asked after the domains: what is gone was not ended by a fence that began meanwhile.
        let life = self.life();
        let left = without_process(&domains, &processes);
        let inventory = Inventory {
            life,
            domains,
            acting,
            attached: self.attached.list(),
            boot_id: boot_id(),
            memory_free: self.parts.hypervisor.memory_free(),
            drives: self.drives.seen(),
            ending: self.ending.remains(&processes),
        };
        Ok((inventory, left))
    }

    /// The life under whose permit this host speaks; 0: without one.
    fn life(&self) -> u64 {
        let armed = self.parts.authority.armed().filter(|armed| armed.permit);
        armed.and_then(|armed| armed.me).map_or(0, |me| me.incarnation.0)
    }

    /// What runs here, or may still be written here.
    pub(super) async fn domains(&self) -> Result<Vec<DomainInfo>, OrderError> {
        self.sight().await.map(|(_, domains)| domains)
    }

    /// What has a process here.
    pub(super) async fn hypervisor_domains(&self) -> Result<Vec<DomainInfo>, OrderError> {
        let place = self.lanes.enter(Lane::Ask).await?;
        let hypervisor = self.parts.hypervisor.clone();
        let asked = spawn_blocking(move || {
            let domains = hypervisor.inventory();
            drop(place);
            domains
        });
        match tokio::time::timeout(Order::Inventory.deadline(), asked).await {
            Ok(Ok(domains)) => Ok(domains?),
            Ok(Err(error)) => Err(OrderError::failed("INTERNAL_ERROR", error.to_string())),
            Err(_) => Err(HypervisorError::Deadline {
                call: "inventory".to_owned(),
                seconds: Order::Inventory.deadline().as_secs(),
            }
            .into()),
        }
    }
}

/// Machines that are listed for what they wrote alone.
fn without_process(domains: &[DomainInfo], processes: &[DomainInfo]) -> BTreeSet<Uuid> {
    let uuids = |domains: &[DomainInfo]| domains.iter().map(|domain| domain.uuid).collect();
    let (listed, alive): (BTreeSet<Uuid>, BTreeSet<Uuid>) = (uuids(domains), uuids(processes));
    &listed - &alive
}

/// A guest that has arrived at its new host is not under way any more.
fn progress(
    asked: Result<Option<MigrateProgress>, HypervisorError>,
) -> Result<Option<MigrateProgress>, HypervisorError> {
    match asked {
        Err(HypervisorError::NotRunning(_)) => Ok(None),
        other => other,
    }
}

/// A guest that does not run is stopped.
pub(super) fn gone(result: Result<(), HypervisorError>) -> Result<(), HypervisorError> {
    match result {
        Err(HypervisorError::NotRunning(_)) => Ok(()),
        other => other,
    }
}
