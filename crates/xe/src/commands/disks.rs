//! Disks and CDs of machines.

use std::collections::BTreeMap;

use haven_model::{ApiError, RefId, Value, codes};

use super::Entry;
use crate::facts::{CommandSpec, Selects};
use crate::failure::Failure;
use crate::record::{class, records};
use crate::run::{Object, Run, as_ref};

pub(super) const COMMANDS: &[Entry] = &[
    ("vm-disk-list", disk_list, "Lists the disks of machines."),
    ("vm-cd-list", cd_list, "Lists the CDs of machines."),
    ("snapshot-disk-list", snapshot_disk_list, "Lists the disks of a snapshot."),
    ("vm-disk-add", disk_add, "Makes a disk and attaches it to machines."),
    ("vm-disk-remove", disk_remove, "Removes a disk of machines for good."),
    ("vm-cd-add", cd_add, "Attaches a CD to machines."),
    ("vm-cd-remove", cd_remove, "Removes a CD of machines; <EMPTY> is an empty drive."),
    ("vm-cd-insert", cd_insert, "Inserts a CD into the empty drive of machines."),
    ("vm-cd-eject", cd_eject, "Ejects the CD of machines."),
    ("cd-list", all_cds, "Lists the CDs of all ISO repositories."),
    ("vm-vif-list", vif_list, "Lists the network interfaces of machines."),
    ("vm-crashdump-list", crashdump_list, "Lists the crash dumps of machines."),
];

/// Content of repositories with CDs.
const ISO: &str = "iso";

impl Run<'_> {
    /// The drives of a machine that are of a type.
    fn drives(&mut self, vm: &Object, kind: &str) -> Result<Vec<Object>, Failure> {
        let mut drives = Vec::new();
        for id in vm.references("VBDs") {
            let vbd = self.object("VBD", id)?;
            if kind.is_empty() || vbd.text("type") == kind {
                drives.push(vbd);
            }
        }
        Ok(drives)
    }

    /// The fields that `param` asks for, else these.
    fn chosen(&self, param: &str, class: &str, default: &[&str]) -> Result<Vec<String>, Failure> {
        Ok(match self.args.get(param) {
            Some("all") => {
                let shown = records(class)?.fields.iter().filter(|field| !field.hidden);
                shown.map(|field| field.name.to_owned()).collect()
            }
            Some(names) => names.split(',').map(str::to_owned).collect(),
            None => default.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    fn list_drives(&mut self, vm: &Object, cds: bool) -> Result<(), Failure> {
        let (kind, label) = if cds { ("CD", "CD") } else { ("Disk", "Disk") };
        let empty: &[&str] = if cds { &["empty"] } else { &[] };
        let of_vbd = [&["uuid", "vm-name-label", "userdevice"], empty].concat();
        let of_vbd = self.chosen("vbd-params", "vbd", &of_vbd)?;
        let of_vdi = ["uuid", "name-label", "virtual-size", "sr-name-label"];
        let of_vdi = self.chosen("vdi-params", "vdi", &of_vdi)?;
        let names = |list: &'_ [String]| -> Vec<String> { list.to_vec() };
        let (of_vbd, of_vdi) = (names(&of_vbd), names(&of_vdi));
        let of_vbd: Vec<&str> = of_vbd.iter().map(String::as_str).collect();
        let of_vdi: Vec<&str> = of_vdi.iter().map(String::as_str).collect();
        for (number, vbd) in self.drives(vm, kind)?.into_iter().enumerate() {
            self.printer.remark(format!("{label} {number} VBD:"));
            let cells = self.cells(records("vbd")?, &vbd, &of_vbd)?;
            self.printer.record(cells);
            if !vbd.is("empty") && !vbd.reference("VDI").is_null() {
                let vdi = self.object("VDI", vbd.reference("VDI"))?;
                self.printer.remark(format!("{label} {number} VDI:"));
                let cells = self.cells(records("vdi")?, &vdi, &of_vdi)?;
                self.printer.record(cells);
            }
        }
        Ok(())
    }

    /// CDs of that name.
    fn cds_called(&mut self, name: &str) -> Result<Vec<RefId>, Failure> {
        let named = self.call("VDI.get_by_name_label", vec![Value::from(name)])?;
        let Value::Set(named) = named else { return Ok(Vec::new()) };
        let mut cds = Vec::new();
        for id in named.iter().map(as_ref) {
            if self.is_cd(id)? {
                cds.push(id);
            }
        }
        Ok(cds)
    }

    fn is_cd(&mut self, vdi: RefId) -> Result<bool, Failure> {
        let sr = self.object("VDI", vdi)?.reference("SR");
        let sr = self.record("SR", sr)?;
        Ok(sr.as_ref().and_then(|sr| sr.member("content_type")) == Some(&Value::from(ISO)))
    }

    /// Makes a drive and plugs it in if the machine runs.
    fn attach(&mut self, vm: &Object, vdi: RefId, cd: bool, owned: bool) -> Result<(), Failure> {
        let device = self.args.required("device")?.to_owned();
        let mut config = BTreeMap::new();
        if owned {
            config.insert("owner".to_owned(), Value::void());
        }
        let record = BTreeMap::from([
            ("VM".to_owned(), Value::Ref(vm.id)),
            ("VDI".to_owned(), Value::Ref(vdi)),
            ("userdevice".to_owned(), Value::from(device)),
            ("bootable".to_owned(), Value::Bool(false)),
            ("mode".to_owned(), Value::from(if cd { "RO" } else { "RW" })),
            ("type".to_owned(), Value::from(if cd { "CD" } else { "Disk" })),
            ("unpluggable".to_owned(), Value::Bool(true)),
            ("empty".to_owned(), Value::Bool(false)),
            ("other_config".to_owned(), Value::Map(config)),
        ]);
        let vbd = self.call("VBD.create", vec![Value::Map(record)])?;
        // A machine that does not run takes it at its next start.
        let _plugged = self.call("VBD.plug", vec![vbd]);
        Ok(())
    }
}

fn disk_list(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    run.for_each(Selects::Vm, &spec.selection(), |run, vm| run.list_drives(vm, false)).map(drop)
}

fn cd_list(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    run.for_each(Selects::Vm, &spec.selection(), |run, vm| run.list_drives(vm, true)).map(drop)
}

fn snapshot_disk_list(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let snapshot = run.snapshot()?;
    run.list_drives(&snapshot, false)
}

fn disk_add(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let size = crate::args::number("disk-size", run.args.required("disk-size")?)?;
    let sr = match as_ref(&run.sr_given()?) {
        RefId::NULL => run.pool()?.reference("default_SR"),
        given => given,
    };
    if sr.is_null() {
        let text = "The pool has no default repository: give sr-uuid";
        return Err(Failure::text(text));
    }
    run.for_each(Selects::Vm, &spec.selection(), |run, vm| {
        let hint = BTreeMap::from([("vmhint".to_owned(), Value::from(vm.uuid()))]);
        let record = BTreeMap::from([
            ("name_label".to_owned(), Value::from("Made with xe")),
            ("name_description".to_owned(), Value::from("Made with xe")),
            ("SR".to_owned(), Value::Ref(sr)),
            ("virtual_size".to_owned(), Value::Int(size)),
            ("type".to_owned(), Value::from("user")),
            ("sharable".to_owned(), Value::Bool(false)),
            ("read_only".to_owned(), Value::Bool(false)),
            ("other_config".to_owned(), Value::Map(BTreeMap::new())),
            ("sm_config".to_owned(), Value::Map(hint)),
        ]);
        let vdi = run.call("VDI.create", vec![Value::Map(record)])?;
        let attached = run.attach(vm, as_ref(&vdi), false, true);
        if attached.is_err() {
            // Nothing by halves.
            let _destroyed = run.call("VDI.destroy", vec![vdi]);
        }
        attached
    })
    .map(drop)
}

fn disk_remove(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let device = run.args.required("device")?.to_owned();
    run.for_each(Selects::Vm, &spec.selection(), |run, vm| {
        let drives = run.drives(vm, "")?;
        let drive = drives.iter().find(|vbd| vbd.text("userdevice") == device);
        let drive = drive.ok_or_else(|| Failure::text("The machine has no such disk"))?;
        run.call("VBD.destroy", vec![Value::Ref(drive.id)])?;
        run.call("VDI.destroy", vec![Value::Ref(drive.reference("VDI"))]).map(drop)
    })
    .map(drop)
}

fn cd_add(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let name = run.args.required("cd-name")?.to_owned();
    let found = run.cds_called(&name)?.first().copied();
    let cd = found.ok_or_else(|| Failure::text(format!("CD {name} not found!")))?;
    run.for_each(Selects::Vm, &spec.selection(), |run, vm| run.attach(vm, cd, true, false))
        .map(drop)
}

fn cd_remove(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let name = run.args.required("cd-name")?.to_owned();
    run.for_each(Selects::Vm, &spec.selection(), |run, vm| {
        for drive in run.drives(vm, "")? {
            let vdi = drive.reference("VDI");
            let fits = if vdi.is_null() {
                name == "<EMPTY>"
            } else {
                run.is_cd(vdi)? && run.object("VDI", vdi)?.text("name_label") == name
            };
            if fits {
                return run.call("VBD.destroy", vec![Value::Ref(drive.id)]).map(drop);
            }
        }
        Err(Failure::text("The machine has no such disk"))
    })
    .map(drop)
}

fn cd_insert(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let name = run.args.required("cd-name")?.to_owned();
    let cds = run.cds_called(&name)?;
    let cd = match cds.as_slice() {
        [] => return Err(Failure::text(format!("CD {name} not found"))),
        [one] => *one,
        _ => {
            return Err(Failure::text(format!(
                "Several images are called {name}: use vbd-insert with uuids"
            )));
        }
    };
    run.for_each(Selects::Vm, &spec.selection(), |run, vm| {
        let mut drives = run.drives(vm, "CD")?;
        drives.retain(|drive| drive.is("empty"));
        match drives.as_slice() {
            [] => Err(ApiError::with(codes::VM_NO_EMPTY_CD_VBD, &[&vm.id]).into()),
            [drive] => run.call("VBD.insert", vec![Value::Ref(drive.id), Value::Ref(cd)]).map(drop),
            _ => Err(Failure::text("The machine has several empty drives: use vbd-insert")),
        }
    })
    .map(drop)
}

fn cd_eject(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    run.for_each(Selects::Vm, &spec.selection(), |run, vm| match run.drives(vm, "CD")?.as_slice() {
        [] => Err(Failure::text("No CDs found")),
        [drive] => run.call("VBD.eject", vec![Value::Ref(drive.id)]).map(drop),
        _ => Err(Failure::text("The machine has several images in its drives: use vbd-eject")),
    })
    .map(drop)
}

fn all_cds(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let names = run.args.get("params").unwrap_or("name-label,uuid").to_owned();
    let shown = records("vdi")?;
    let names: Vec<&str> = match names.as_str() {
        "all" => shown.fields.iter().filter(|field| !field.hidden).map(|f| f.name).collect(),
        names => names.split(',').collect(),
    };
    let mut table = Vec::new();
    for vdi in run.all(class("VDI")?)? {
        if run.is_cd(vdi.id)? {
            table.push(run.cells(shown, &vdi, &names)?);
        }
    }
    run.printer.table(table);
    Ok(())
}

fn vif_list(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let names = ["uuid", "device", "MAC", "network-uuid", "network-name-label", "vm-name-label"];
    run.for_each(Selects::Vm, &spec.selection(), |run, vm| {
        let mut table = Vec::new();
        for id in vm.references("VIFs") {
            let vif = run.object("VIF", id)?;
            table.push(run.cells(records("vif")?, &vif, &names)?);
        }
        run.printer.table(table);
        Ok(())
    })
    .map(drop)
}

fn crashdump_list(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    run.for_each(Selects::Vm, &spec.selection(), |run, vm| {
        let mut table = Vec::new();
        for id in vm.references("crash_dumps") {
            let dump = run.object("crashdump", id)?;
            let vdi = run.named(Some("VDI"), dump.reference("VDI"));
            table.push(vec![
                crate::printer::Cell::text("uuid", dump.uuid()),
                crate::printer::Cell::text("vdi-uuid", vdi.map(|v| v.uuid).unwrap_or_default()),
            ]);
        }
        run.printer.table(table);
        Ok(())
    })
    .map(drop)
}
