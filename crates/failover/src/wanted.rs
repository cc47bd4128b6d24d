//! Which VMs are to run and do not.

use haven_cluster::mutation::{Mutation, removed};
use haven_model::VmPowerState;
use haven_planner::Protection;

/// What decides whether a VM is started after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// It was started, and nobody who may stop it has (`VM.ha_always_run`).
    pub always_run: bool,
    /// How it is protected.
    pub protection: Protection,
    /// It is no VM, but what VMs are made from.
    pub template: bool,
    /// As the database has it, once what died with its host was written off.
    pub power_state: VmPowerState,
    /// Somebody works on it: it is being started, or copied.
    pub busy: bool,
    /// A host is named that may run it.
    pub held: bool,
}

/// Whether it must run, does not, and may be started: a VM that is suspended or paused is where its
/// owner left it, and one that some host may run still is not started twice.
#[must_use]
pub fn wanted(facts: &Facts) -> bool {
    facts.always_run
        && facts.protection != Protection::None
        && !facts.template
        && facts.power_state == VmPowerState::Halted
        && !facts.busy
        && (!facts.held || removed(Mutation::HolderIgnored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_alone_keeps_a_vm_from_being_started() {
        let lost = Facts {
            always_run: true,
            protection: Protection::BestEffort,
            template: false,
            power_state: VmPowerState::Halted,
            busy: false,
            held: false,
        };
        assert!(wanted(&lost));
        assert!(wanted(&Facts { protection: Protection::Restart, ..lost }));
        for state in [VmPowerState::Running, VmPowerState::Paused, VmPowerState::Suspended] {
            assert!(!wanted(&Facts { power_state: state, ..lost }));
        }
        for other in [
            Facts { always_run: false, ..lost },
            Facts { protection: Protection::None, ..lost },
            Facts { template: true, ..lost },
            Facts { busy: true, ..lost },
            Facts { held: true, ..lost },
        ] {
            assert!(!wanted(&other), "{other:?}");
        }
    }
}
