//! Removing machines with their disks.

use haven_model::{RefId, Value};

use super::Entry;
use crate::facts::{CommandSpec, Selects};
use crate::failure::Failure;
use crate::run::{Object, Run};

pub(super) const COMMANDS: &[Entry] = &[
    ("vm-uninstall", machines, "Removes machines with their snapshots and disks, after asking."),
    ("snapshot-uninstall", snapshot, "Removes a snapshot with its disks, after asking."),
    ("template-uninstall", template, "Removes a template with its disks, after asking."),
];

/// Marks disks that belong to their machine.
const OWNER: &str = "owner";

/// A machine and what goes with it.
struct Doomed {
    vm: Object,
    disks: Vec<Object>,
    suspended: Option<Object>,
}

fn machines(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let mut vms = run.for_each(Selects::Vm, &spec.selection(), |_, vm| Ok(vm.clone()))?;
    let snapshots: Vec<RefId> = vms.iter().flat_map(|vm| vm.references("snapshots")).collect();
    for snapshot in snapshots {
        vms.push(run.object("VM", snapshot)?);
    }
    uninstall(run, vms)
}

fn snapshot(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let snapshot = run.snapshot()?;
    uninstall(run, vec![snapshot])
}

fn template(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let template = run.template()?;
    uninstall(run, vec![template])
}

fn uninstall(run: &mut Run<'_>, vms: Vec<Object>) -> Result<(), Failure> {
    let mut doomed = Vec::new();
    for vm in vms {
        doomed.push(Doomed {
            disks: disks_of(run, &vm)?,
            suspended: disk(run, vm.reference("suspend_VDI"))?,
            vm,
        });
    }
    run.say("These will be destroyed")?;
    for one in &doomed {
        run.say(format!("VM : {} ({})", one.vm.uuid(), one.vm.text("name_label")))?;
        for disk in one.disks.iter().chain(&one.suspended) {
            let shared = disk.references("VBDs").len() > 1;
            let warning = if shared { " (other machines use it too)" } else { "" };
            run.say(format!("VDI: {} ({}) {warning}", disk.uuid(), disk.text("name_label")))?;
        }
    }
    if run.args.flag("force")? || run.confirmed()? {
        for one in &doomed {
            destroy(run, one)?;
        }
        run.say("All objects destroyed")?;
    }
    Ok(())
}

/// The disks that belong to a machine.
fn disks_of(run: &mut Run<'_>, vm: &Object) -> Result<Vec<Object>, Failure> {
    let mut disks = Vec::new();
    for id in vm.references("VBDs") {
        let Some(record) = run.record("VBD", id)? else { continue };
        let owned = record.member("other_config").is_some_and(|map| map.member(OWNER).is_some());
        let vdi = record.member("VDI").map(crate::run::as_ref).unwrap_or_default();
        if owned {
            disks.extend(disk(run, vdi)?);
        }
    }
    Ok(disks)
}

fn disk(run: &mut Run<'_>, id: RefId) -> Result<Option<Object>, Failure> {
    let Some(record) = run.record("VDI", id)? else { return Ok(None) };
    Ok(Some(Object { class: crate::record::class("VDI")?, id, record }))
}

fn destroy(run: &mut Run<'_>, doomed: &Doomed) -> Result<(), Failure> {
    let vm = Value::Ref(doomed.vm.id);
    if doomed.vm.text("power_state") != "Halted" {
        run.long("VM.hard_shutdown", vec![vm.clone()])?;
    }
    run.call("VM.destroy", vec![vm])?;
    for disk in &doomed.disks {
        run.call("VDI.destroy", vec![Value::Ref(disk.id)])?;
    }
    if let Some(disk) = &doomed.suspended {
        // It may have gone with the machine.
        let _destroyed = run.call("VDI.destroy", vec![Value::Ref(disk.id)]);
    }
    Ok(())
}
