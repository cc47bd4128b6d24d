//! Restarts of the simulated pools: what the coordinator's daemon knows of VMs besides their placements.
//!
//! Owns: the rows that say how each VM is protected, as operators configured it. Which VMs are to be started
//! is production code (`haven_failover::wanted`).

use haven_failover::{Facts, Fate, wanted};
use haven_model::VmPowerState;
use haven_planner::{Protection, Vm as PlannedVm};
use uuid::Uuid;

use crate::database::Placed;
use crate::world::World;

/// What the database says of a VM, as operators left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VmRow {
    /// Nobody stopped it who may.
    pub(crate) always_run: bool,
    pub(crate) protection: Protection,
    /// Lower ones start first.
    pub(crate) order: i64,
    /// The next order waits so long after it, in seconds.
    pub(crate) start_delay_s: u64,
    /// How it is when it has no process.
    pub(crate) at_rest: VmPowerState,
}

impl Default for VmRow {
    fn default() -> Self {
        Self {
            always_run: true,
            protection: Protection::Restart,
            order: 0,
            start_delay_s: 0,
            at_rest: VmPowerState::Halted,
        }
    }
}

impl World {
    /// A VM's row.
    pub(crate) fn row(&self, vm: u32) -> VmRow {
        self.manager.rows.get(&vm).copied().unwrap_or_default()
    }

    /// Whether the manager has to start it: what died with its host counts as written off.
    pub(crate) fn is_wanted(&self, vm: u32, placed: &Placed, fate: Option<&Fate>) -> bool {
        let row = self.row(vm);
        wanted(&Facts {
            always_run: row.always_run,
            protection: row.protection,
            template: false,
            power_state: row.at_rest,
            busy: false,
            held: placed.holder.is_some() && fate != Some(&Fate::Lost),
        })
    }

    /// A VM as the planner sees it: each takes one unit of a host's memory.
    pub(crate) fn planned_vm(&self, vm: u32) -> PlannedVm {
        let row = self.row(vm);
        PlannedVm {
            id: Uuid::from_u128(u128::from(vm)),
            name: format!("vm {vm}"),
            memory: 1,
            protection: row.protection,
            order: row.order,
            start_delay_s: row.start_delay_s,
            srs: self.storage_of(vm),
            ..PlannedVm::default()
        }
    }
}
