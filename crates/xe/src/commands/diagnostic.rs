//! Looking for what is wrong.

use haven_model::Value;

use super::Entry;
use crate::facts::{CommandSpec, Selects};
use crate::failure::Failure;
use crate::printer::Cell;
use crate::record::{class, records};
use crate::run::{Object, Run};

pub(super) const COMMANDS: &[Entry] = &[
    ("diagnostic-vm-status", vm_status, "Shows where a machine can run, and why not elsewhere."),
    ("diagnostic-vdi-status", vdi_status, "Shows who uses a disk."),
    ("diagnostic-timing-stats", timing, "Shows how long messages take."),
    ("diagnostic-license-status", license, "Shows the licences of the hosts: none are needed."),
    ("diagnostic-compact", nothing_to_do, "Kept for old scripts: there is nothing to compact."),
    ("diagnostic-gc-stats", nothing_to_do, "Kept for old scripts: there is nothing to show."),
    ("diagnostic-db-stats", db_stats, "Shows how many objects of each class there are."),
];

impl Run<'_> {
    fn show_vbds(&mut self, vbds: &[Object], names: &[&str]) -> Result<(), Failure> {
        for vbd in vbds {
            let cells = self.cells(records("vbd")?, vbd, names)?;
            self.printer.record(cells);
        }
        Ok(())
    }

    fn vbds_of(&mut self, object: &Object) -> Result<Vec<Object>, Failure> {
        let ids = object.references("VBDs");
        ids.into_iter().map(|id| self.object("VBD", id)).collect()
    }
}

fn vm_status(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let uuid = run.args.required("uuid")?.to_owned();
    let vm = run.by_uuid("VM", &uuid)?;
    let names = ["uuid", "name-label", "power-state", "possible-hosts"];
    let cells = run.cells(records("vm")?, &vm, &names)?;
    run.printer.record(cells);
    run.printer.remark("Disks:");
    let vbds = run.vbds_of(&vm)?;
    let names = [
        "uuid",
        "userdevice",
        "device",
        "vdi-uuid",
        "empty",
        "mode",
        "type",
        "storage-lock",
        "attachable",
    ];
    run.show_vbds(&vbds, &names)?;
    run.printer.remark("Hosts:");
    let report = run.boot_report(&vm)?;
    run.printer.record(report);
    let agile = match run.call("VM.assert_agile", vec![Value::Ref(vm.id)]) {
        Ok(_) => "It can run on every host.".to_owned(),
        Err(Failure::Gone) => return Err(Failure::Gone),
        Err(failure) => {
            let why = failure.in_short(&mut |id| run.named(None, id));
            format!("Bound to its host: {}", why.replace('\n', " "))
        }
    };
    run.printer.list(vec![agile]);
    Ok(())
}

fn vdi_status(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let uuid = run.args.required("uuid")?.to_owned();
    let vdi = run.by_uuid("VDI", &uuid)?;
    let names = ["uuid", "name-label", "sr-uuid", "mode", "read-only", "sharable", "storage-lock"];
    let cells = run.cells(records("vdi")?, &vdi, &names)?;
    run.printer.record(cells);
    let names = ["uuid", "userdevice", "device", "empty", "mode", "type", "storage-lock"];
    let vbds = run.vbds_of(&vdi)?;
    let (active, idle): (Vec<_>, Vec<_>) =
        vbds.into_iter().partition(|vbd| vbd.is("currently_attached"));
    run.printer.remark(if active.is_empty() {
        "No machine uses it now."
    } else {
        "Who uses it now:"
    });
    run.show_vbds(&active, &names)?;
    if !idle.is_empty() {
        run.printer.remark("Who has it:");
        run.show_vbds(&idle, &names)?;
    }
    Ok(())
}

fn timing(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let counts = Value::Bool(run.args.flag("counts")?);
    let mut table = Vec::new();
    for host in run.all(class("host")?)? {
        let mut cells = vec![
            Cell::text("host-uuid", host.uuid()),
            Cell::text("host-name-label", host.text("name_label")),
        ];
        let params = vec![Value::Ref(host.id), counts.clone()];
        match run.call("host.get_diagnostic_timing_stats", params) {
            Ok(Value::Map(stats)) => {
                cells.extend(stats.into_iter().map(|(k, v)| Cell::text(k, v.to_string())));
            }
            Ok(_) => {}
            Err(Failure::Gone) => return Err(Failure::Gone),
            Err(failure) => {
                let why = failure.in_short(&mut |id| run.named(None, id));
                cells.push(Cell::text("Error", why.replace('\n', " ")));
            }
        }
        table.push(cells);
    }
    run.printer.table(table);
    Ok(())
}

fn license(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let mut table = Vec::new();
    for host in run.all(class("host")?)? {
        table.push(vec![
            Cell::text("uuid", host.uuid()),
            Cell::text("name-label", host.text("name_label")),
            Cell::text("edition", host.text("edition")),
        ]);
    }
    run.printer.table(table);
    Ok(())
}

fn nothing_to_do(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    run.for_each(Selects::Host, &spec.selection(), |_, _| Ok(())).map(drop)
}

fn db_stats(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let mut cells = Vec::new();
    for class in crate::facts::record_classes() {
        if ["template", "snapshot"].contains(&class.name) {
            continue;
        }
        let all = run.call(&format!("{}.get_all", class.meta.name), Vec::new());
        if let Ok(Value::Set(all)) = all {
            cells.push(Cell::text(class.name, all.len().to_string()));
        }
    }
    run.printer.record(cells);
    Ok(())
}
