//! Power states of machines, and copies of them.

use haven_model::{Value, codes};

use super::Entry;
use crate::facts::{CommandSpec, Selects};
use crate::failure::Failure;
use crate::printer::Cell;
use crate::record::class;
use crate::run::{Object, Run};
use crate::select::Selection;

pub(super) const COMMANDS: &[Entry] = &[
    ("vm-start", start, "Starts machines; on= names the host."),
    ("vm-resume", resume, "Lets suspended machines go on; on= names the host."),
    ("vm-shutdown", shutdown, "Shuts machines down; --force switches them off."),
    ("vm-reboot", reboot, "Restarts machines; --force resets them."),
    ("vm-destroy", destroy, "Removes a machine, and leaves its disks."),
    ("vm-clone", clone, "Makes a machine with clones of the disks; prints its uuid."),
    ("vm-copy", copy, "Makes a machine with copies of the disks; prints its uuid."),
    ("vm-snapshot", snapshot, "Takes a snapshot; prints its uuid."),
    ("vm-snapshot-with-quiesce", quiesced, "Gone: use vm-snapshot."),
    ("vm-checkpoint", checkpoint, "Takes a snapshot with the memory; prints its uuid."),
    ("vm-is-bios-customized", bios, "Says whose BIOS strings a machine has."),
];

impl Run<'_> {
    /// Does something long to the selected machines.
    fn each_vm(
        &mut self,
        selection: &Selection,
        mut params: impl FnMut(&mut Self, &Object) -> Result<(&'static str, Vec<Value>), Failure>,
    ) -> Result<(), Failure> {
        let each = |run: &mut Self, vm: &Object| {
            let (method, params) = params(run, vm)?;
            let done = run.long(method, params);
            run.explain_no_host(vm, done)
        };
        self.for_each(Selects::Vm, selection, each).map(drop)
    }

    /// If there is no host for a machine, says why of each.
    fn explain_no_host(
        &mut self,
        vm: &Object,
        done: Result<Value, Failure>,
    ) -> Result<Value, Failure> {
        if done.as_ref().is_err_and(|failure| failure.is_api(codes::NO_HOSTS_AVAILABLE)) {
            self.printer.remark("No host can run this machine:");
            self.printer.remark("");
            let report = self.boot_report(vm)?;
            self.printer.record(report);
        }
        done
    }

    /// For each host whether a machine can start there.
    pub(super) fn boot_report(&mut self, vm: &Object) -> Result<Vec<Cell>, Failure> {
        let mut report = Vec::new();
        for host in self.all(class("host")?)? {
            let params = vec![Value::Ref(vm.id), Value::Ref(host.id)];
            let answer = match self.call("VM.assert_can_boot_here", params) {
                Ok(_) => "OK".to_owned(),
                Err(Failure::Gone) => return Err(Failure::Gone),
                Err(failure) => {
                    let why = failure.in_short(&mut |id| self.named(None, id));
                    format!("no: {}", why.replace('\n', " "))
                }
            };
            report.push(Cell::text(host.text("name_label"), answer));
        }
        Ok(report)
    }

    /// The host that `on=` names.
    fn host_on(&mut self) -> Result<Option<Value>, Failure> {
        match self.args.get("on").map(str::to_owned) {
            Some(name) => Ok(Some(Value::Ref(self.host_called(&name)?.id))),
            None => Ok(None),
        }
    }
}

fn start(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let paused = Value::Bool(run.args.flag("paused")?);
    let force = Value::Bool(run.args.flag("force")?);
    let host = run.host_on()?;
    let selection = Selection { control: true, ..spec.selection() };
    run.each_vm(&selection, |_, vm| {
        let mut params = vec![Value::Ref(vm.id)];
        let method = if host.is_some() { "VM.start_on" } else { "VM.start" };
        params.extend(host.clone());
        params.extend([paused.clone(), force.clone()]);
        Ok((method, params))
    })
}

fn resume(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let force = Value::Bool(run.args.flag("force")?);
    let host = run.host_on()?;
    run.each_vm(&spec.selection(), |_, vm| {
        let mut params = vec![Value::Ref(vm.id)];
        let method = if host.is_some() { "VM.resume_on" } else { "VM.resume" };
        params.extend(host.clone());
        params.extend([Value::Bool(false), force.clone()]);
        Ok((method, params))
    })
}

fn shutdown(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let method = if run.args.flag("force")? { "VM.hard_shutdown" } else { "VM.clean_shutdown" };
    run.each_vm(&spec.selection(), |_, vm| Ok((method, vec![Value::Ref(vm.id)])))
}

fn reboot(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let method = if run.args.flag("force")? { "VM.hard_reboot" } else { "VM.clean_reboot" };
    run.each_vm(&spec.selection(), |_, vm| Ok((method, vec![Value::Ref(vm.id)])))
}

fn destroy(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let uuid = run.args.required("uuid")?.to_owned();
    let vm = run.by_uuid("VM", &uuid)?;
    if vm.is("is_control_domain") {
        let why = "A control domain cannot be destroyed";
        return Err(haven_model::ApiError::not_allowed(why).into());
    }
    run.call("VM.destroy", vec![Value::Ref(vm.id)]).map(drop)
}

impl Run<'_> {
    /// Makes new machines out of the selected ones, describes the first, and prints their uuids.
    fn made_of(
        &mut self,
        selection: &Selection,
        method: &'static str,
        more: Vec<Value>,
    ) -> Result<(), Failure> {
        let name = self.args.required("new-name-label")?.to_owned();
        let made = self.for_each(Selects::Vm, selection, |run, vm| {
            let mut params = vec![Value::Ref(vm.id), Value::from(name.as_str())];
            params.extend(more.iter().cloned());
            run.long(method, params)
        })?;
        if let (Some(vm), Some(text)) = (made.first(), self.args.get("new-name-description")) {
            let params = vec![vm.clone(), Value::from(text)];
            self.call("VM.set_name_description", params)?;
        }
        let mut uuids = Vec::new();
        for vm in &made {
            uuids.push(self.call("VM.get_uuid", vec![vm.clone()])?.to_string());
        }
        self.printer.list(uuids);
        Ok(())
    }

    /// The repository that `sr-uuid` names; none if it is not given.
    pub(super) fn sr_given(&mut self) -> Result<Value, Failure> {
        match self.args.get("sr-uuid").map(str::to_owned) {
            Some(uuid) => self.call("SR.get_by_uuid", vec![Value::from(uuid)]),
            None => Ok(Value::Ref(haven_model::RefId::NULL)),
        }
    }
}

fn clone(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let selection = Selection { templates: true, ..spec.selection() };
    run.made_of(&selection, "VM.clone", Vec::new())
}

fn copy(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let sr = run.sr_given()?;
    let selection = Selection { templates: true, one: true, ..spec.selection() };
    run.made_of(&selection, "VM.copy", vec![sr])
}

fn snapshot(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let mut left_out = Vec::new();
    if let Some(uuids) = run.args.get("ignore-vdi-uuids").map(str::to_owned) {
        for uuid in uuids.split(',') {
            left_out.push(run.call("VDI.get_by_uuid", vec![Value::from(uuid)])?);
        }
    }
    run.made_of(&spec.selection(), "VM.snapshot", vec![Value::Set(left_out)])
}

fn quiesced(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    run.made_of(&spec.selection(), "VM.snapshot_with_quiesce", Vec::new())
}

fn checkpoint(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    run.made_of(&spec.selection(), "VM.checkpoint", Vec::new())
}

fn bios(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    run.for_each(Selects::Vm, &spec.selection(), |run, vm| {
        let strings = run.call("VM.get_bios_strings", vec![Value::Ref(vm.id)])?;
        let text = match strings.member("bios-vendor").map(ToString::to_string).as_deref() {
            None => "This machine has no BIOS strings yet.",
            Some("Xen" | "Haven") => "This VM is BIOS-generic.",
            Some(_) => "This VM is BIOS-customized.",
        };
        run.printer.list(vec![text.to_owned()]);
        Ok(())
    })
    .map(drop)
}
