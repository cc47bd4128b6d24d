//! Snapshots and templates as objects of their own.

use haven_model::Value;

use super::Entry;
use crate::facts::CommandSpec;
use crate::failure::Failure;
use crate::run::Run;

pub(super) const COMMANDS: &[Entry] = &[
    ("snapshot-clone", clone, "Makes a machine out of a snapshot; prints its uuid."),
    ("snapshot-copy", copy, "Makes a machine with copies of a snapshot's disks; prints its uuid."),
    ("snapshot-destroy", destroy, "Removes a snapshot, and leaves its disks."),
];

impl Run<'_> {
    fn made_of_snapshot(&mut self, method: &str, more: Vec<Value>) -> Result<(), Failure> {
        let name = self.args.required("new-name-label")?.to_owned();
        let snapshot = self.snapshot()?;
        let mut params = vec![Value::Ref(snapshot.id), Value::from(name)];
        params.extend(more);
        let made = self.long(method, params)?;
        if let Some(text) = self.args.get("new-name-description") {
            let params = vec![made.clone(), Value::from(text)];
            self.call("VM.set_name_description", params)?;
        }
        let uuid = self.call("VM.get_uuid", vec![made])?.to_string();
        self.printer.value(uuid.clone(), uuid.into());
        Ok(())
    }
}

fn clone(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    run.made_of_snapshot("VM.clone", Vec::new())
}

fn copy(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let sr = run.sr_given()?;
    run.made_of_snapshot("VM.copy", vec![sr])
}

fn destroy(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let snapshot = run.snapshot()?;
    if snapshot.text("power_state") != "Halted" {
        run.long("VM.hard_shutdown", vec![Value::Ref(snapshot.id)])?;
    }
    run.call("VM.destroy", vec![Value::Ref(snapshot.id)]).map(drop)
}
