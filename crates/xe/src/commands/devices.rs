//! Drives, disks and network interfaces, by uuid.

use std::collections::BTreeMap;

use haven_model::{RefId, Value};

use super::Entry;
use crate::facts::CommandSpec;
use crate::failure::Failure;
use crate::run::Run;

pub(super) const COMMANDS: &[Entry] = &[
    ("vbd-create", vbd_create, "Attaches a disk or an empty CD drive; prints its uuid."),
    ("vbd-unplug", vbd_unplug, "Takes a drive out of a running machine."),
    ("vif-create", vif_create, "Makes a network interface; mac=random chooses an address."),
    ("vif-unplug", vif_unplug, "Takes a network interface out of a running machine."),
    ("vdi-clone", vdi_clone, "Clones a disk on its repository; prints its uuid."),
    ("vdi-copy", vdi_copy, "Copies a disk to sr-uuid, or into into-vdi-uuid; prints its uuid."),
    ("vdi-resize", vdi_resize, "Makes a disk larger; online=true while a machine uses it."),
];

impl Run<'_> {
    fn reference_given(&mut self, class: &str, param: &str) -> Result<Option<Value>, Failure> {
        match self.args.get(param).map(str::to_owned) {
            Some(uuid) => {
                self.call(&format!("{class}.get_by_uuid"), vec![Value::from(uuid)]).map(Some)
            }
            None => Ok(None),
        }
    }

    fn given(&mut self, class: &str, param: &str) -> Result<Value, Failure> {
        let found = self.reference_given(class, param)?;
        found.ok_or_else(|| Failure::Missing(param.to_owned()))
    }

    fn print_uuid(&mut self, class: &str, made: Value) -> Result<(), Failure> {
        let uuid = self.call(&format!("{class}.get_uuid"), vec![made])?.to_string();
        self.printer.value(uuid.clone(), uuid.into());
        Ok(())
    }
}

fn vbd_create(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let vm = run.given("VM", "vm-uuid")?;
    let vdi = run.reference_given("VDI", "vdi-uuid")?;
    let empty = vdi.is_none();
    let mode = match run.args.get("mode").unwrap_or("rw").to_lowercase().as_str() {
        "ro" => "RO",
        "rw" => "RW",
        other => {
            let text = format!("Unknown mode: {other} (should be \"ro\" or \"rw\")");
            return Err(Failure::text(text));
        }
    };
    let kind = match run.args.get("type").unwrap_or("disk").to_lowercase().as_str() {
        "cd" => "CD",
        "disk" => "Disk",
        "floppy" => "Floppy",
        other => {
            let text = format!("Unknown type: {other} (should be \"cd\", \"disk\" or \"floppy\")");
            return Err(Failure::text(text));
        }
    };
    if kind == "Disk" && empty {
        return Err(Failure::text(
            "Without vdi-uuid there is only a drive to make: give type=CD, or a disk",
        ));
    }
    let unpluggable = match run.args.get("unpluggable") {
        Some(_) => run.args.flag("unpluggable")?,
        None => true,
    };
    let record = BTreeMap::from([
        ("VM".to_owned(), vm),
        ("VDI".to_owned(), vdi.unwrap_or(Value::Ref(RefId::NULL))),
        ("userdevice".to_owned(), Value::from(run.args.required("device")?)),
        ("bootable".to_owned(), Value::Bool(run.args.flag("bootable")?)),
        ("mode".to_owned(), Value::from(mode)),
        ("type".to_owned(), Value::from(kind)),
        ("unpluggable".to_owned(), Value::Bool(unpluggable)),
        ("empty".to_owned(), Value::Bool(empty)),
        ("other_config".to_owned(), Value::Map(BTreeMap::new())),
    ]);
    let made = run.call("VBD.create", vec![Value::Map(record)])?;
    run.print_uuid("VBD", made)
}

fn vbd_unplug(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let vbd = run.given("VBD", "uuid")?;
    let method = if run.args.flag("force")? { "VBD.unplug_force" } else { "VBD.unplug" };
    run.call(method, vec![vbd]).map(drop)
}

fn vif_unplug(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let vif = run.given("VIF", "uuid")?;
    let method = if run.args.flag("force")? { "VIF.unplug_force" } else { "VIF.unplug" };
    run.call(method, vec![vif]).map(drop)
}

fn vif_create(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let vm = run.given("VM", "vm-uuid")?;
    let network = run.given("network", "network-uuid")?;
    let mtu = run.call("network.get_MTU", vec![network.clone()])?;
    // The pool makes up an address itself if none is given.
    let mac = run.args.get("mac").filter(|mac| *mac != "random").unwrap_or_default();
    let record = BTreeMap::from([
        ("VM".to_owned(), vm),
        ("network".to_owned(), network),
        ("device".to_owned(), Value::from(run.args.required("device")?)),
        ("MAC".to_owned(), Value::from(mac)),
        ("MTU".to_owned(), mtu),
        ("other_config".to_owned(), Value::Map(BTreeMap::new())),
    ]);
    let made = run.call("VIF.create", vec![Value::Map(record)])?;
    run.print_uuid("VIF", made)
}

fn vdi_clone(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let vdi = run.given("VDI", "uuid")?;
    let pairs = run.args.map("driver-params").into_iter();
    let params = pairs.map(|(key, value)| (key, Value::from(value))).collect();
    let made = run.long("VDI.clone", vec![vdi, Value::Map(params)])?;
    for (param, field) in
        [("new-name-label", "name_label"), ("new-name-description", "name_description")]
    {
        if let Some(text) = run.args.get(param).map(str::to_owned) {
            run.call(&format!("VDI.set_{field}"), vec![made.clone(), Value::from(text)])?;
        }
    }
    run.print_uuid("VDI", made)
}

fn vdi_copy(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let vdi = run.given("VDI", "uuid")?;
    let nothing = || Value::Ref(RefId::NULL);
    let base = run.reference_given("VDI", "base-vdi-uuid")?.unwrap_or_else(nothing);
    let sr = run.reference_given("SR", "sr-uuid")?;
    let into = run.reference_given("VDI", "into-vdi-uuid")?;
    if sr.is_some() == into.is_some() {
        return Err(Failure::text(
            "Say where to: sr-uuid for a new disk there, or into-vdi-uuid for one that exists",
        ));
    }
    let (sr, into) = (sr.unwrap_or_else(nothing), into.unwrap_or_else(nothing));
    let made = run.long("VDI.copy", vec![vdi, sr, base, into])?;
    run.print_uuid("VDI", made)
}

fn vdi_resize(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let size = crate::args::number("disk-size", run.args.required("disk-size")?)?;
    let vdi = run.given("VDI", "uuid")?;
    let method = if run.args.flag("online")? { "VDI.resize_online" } else { "VDI.resize" };
    run.call(method, vec![vdi, Value::Int(size)]).map(drop)
}
