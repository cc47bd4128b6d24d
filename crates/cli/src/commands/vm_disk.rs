//! `haven vm disk …` and `haven vm cd …`

use serde_json::{Value, json};

use super::vm::machine;
use crate::args::disk::{CdCommand, DiskCommand};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::prompt;
use crate::records::{NULL, Record};
use crate::render::Answer;
use crate::render::units::show_bytes;

/// Runs one verb of disks.
pub(super) async fn run(context: &mut Context, verb: DiskCommand) -> Outcome<()> {
    match verb {
        DiskCommand::Add { vm, size, name, sr, bus } => {
            add(context, &vm, (size, bus), name, sr).await
        }
        DiskCommand::Grow { vm, device, size } => grow(context, &vm, &device, size).await,
        DiskCommand::Move { vm, device, to, bandwidth } => {
            move_to(context, (&vm, &device), &to, bandwidth).await
        }
        DiskCommand::Remove { vm, device, keep, yes } => {
            remove(context, &vm, &device, (keep, yes)).await
        }
    }
}

/// Runs one verb of the drive.
pub(super) async fn run_cd(context: &mut Context, verb: CdCommand) -> Outcome<()> {
    match verb {
        CdCommand::Insert { vm, image, host_drive } => {
            insert(context, &vm, (image, host_drive)).await
        }
        CdCommand::Eject { vm } => eject(context, &vm).await,
    }
}

fn is_live(vm: &Record) -> bool {
    matches!(vm.text("power_state"), "Running" | "Paused")
}

fn no_such(what: &'static str, given: &str) -> Failure {
    Failure::NotFound { what, given: given.to_owned(), near: Vec::new() }
}

/// Attaches something to the first free device.
async fn attach(
    context: &mut Context,
    vm: &Record,
    vdi: &str,
    (kind, bus): (&str, Option<&str>),
) -> Outcome<Value> {
    let config = bus.map_or_else(|| json!({}), |bus| json!({ "bus": bus }));
    let devices = context.call("VM.get_allowed_VBD_devices", &[json!(vm.reference)]).await?;
    let record = json!({
        "VM": vm.reference, "VDI": vdi, "type": kind,
        "userdevice": devices.get(0).cloned().unwrap_or_else(|| json!("autodetect")),
        "mode": if kind == "CD" { "RO" } else { "RW" }, "bootable": kind == "CD",
        "empty": vdi == NULL, "unpluggable": true, "other_config": config,
        "qos_algorithm_type": "", "qos_algorithm_params": {},
    });
    context.call("VBD.create", &[record]).await
}

async fn add(
    context: &mut Context,
    given: &str,
    (size, bus): (u64, Option<String>),
    name: Option<String>,
    sr: Option<String>,
) -> Outcome<()> {
    let vm = machine(context, given).await?;
    let sr = match sr {
        Some(sr) => context.sr(&sr).await?.reference,
        None => context.pool().await?.text("default_SR").to_owned(),
    };
    let name = name.unwrap_or_else(|| format!("disk of {}", vm.name()));
    let record = json!({
        "name_label": name, "name_description": "", "SR": sr, "virtual_size": size,
        "type": "user", "sharable": false, "read_only": false, "other_config": {},
    });
    let vdi = context.run_and_wait(&format!("making {name}"), "VDI.create", &[record]).await?;
    let vdi = vdi.unwrap_or_default();
    let attached = match attach(context, &vm, &vdi, ("Disk", bus.as_deref())).await {
        Ok(vbd) if is_live(&vm) => context.call("VBD.plug", &[vbd]).await,
        other => other,
    };
    if let Err(failure) = attached {
        undo(context, &vm, &vdi).await;
        return Err(failure);
    }
    let uuid = context.call("VDI.get_uuid", &[json!(vdi)]).await?;
    let text = format!("machine {} has {name}, {}", vm.name(), show_bytes(bytes(size)));
    context.print(&Answer::done(text, json!({ "uuid": uuid, "name": name, "vm": vm.uuid() })))
}

fn bytes(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Takes away what was made; the first failure is the one to tell.
async fn undo(context: &mut Context, vm: &Record, vdi: &str) {
    context.forget("VBD");
    let vbds = context.all("VBD").await;
    let made = vbds.iter().flat_map(|vbds| vbds.iter());
    let made = made.filter(|vbd| vbd.text("VM") == vm.reference && vbd.text("VDI") == vdi);
    for vbd in made.map(|vbd| vbd.reference.clone()).collect::<Vec<_>>() {
        let _gone = context.call("VBD.destroy", &[json!(vbd)]).await;
    }
    let _gone = context.call("VDI.destroy", &[json!(vdi)]).await;
}

/// The connection of a machine with a disk.
async fn connection(context: &mut Context, vm: &Record, device: &str) -> Outcome<Record> {
    let vbds = context.all("VBD").await?;
    let found = vbds.iter().find(|vbd| {
        let named = vbd.text("userdevice") == device || vbd.text("device") == device;
        vbd.text("VM") == vm.reference && vbd.text("type") == "Disk" && named
    });
    found.cloned().ok_or_else(|| no_such("disk of the machine", device))
}

async fn grow(context: &mut Context, given: &str, device: &str, size: u64) -> Outcome<()> {
    let vm = machine(context, given).await?;
    let vbd = connection(context, &vm, device).await?;
    let label = format!("growing disk {device} of {}", vm.name());
    let params = [json!(vbd.text("VDI")), json!(size)];
    context.run(&label, "VDI.resize", &params).await?;
    if !context.waits() {
        return Ok(());
    }
    let text = format!("disk {device} of {} has {} now", vm.name(), show_bytes(bytes(size)));
    context.print(&Answer::done(text, json!({ "vm": vm.uuid(), "device": device, "size": size })))
}

async fn move_to(
    context: &mut Context,
    (given, device): (&str, &str),
    to: &str,
    bandwidth: Option<u64>,
) -> Outcome<()> {
    let vm = machine(context, given).await?;
    let vbd = connection(context, &vm, device).await?;
    let sr = context.sr(to).await?;
    let mut options = json!({});
    if let Some(mib_s) = bandwidth.filter(|_| is_live(&vm)) {
        options["bandwidth"] = mib_s.to_string().into();
    }
    let label = format!("moving disk {device} of {} to {}", vm.name(), sr.name());
    let params = [json!(vbd.text("VDI")), json!(sr.reference), options];
    context.run(&label, "VDI.pool_migrate", &params).await?;
    if !context.waits() {
        return Ok(());
    }
    let paused_ms = match is_live(&vm) {
        true => paused_ms(context, &vm).await,
        false => None,
    };
    let mut text = format!("disk {device} of {} is in {}", vm.name(), sr.name());
    if let Some(ms) = paused_ms {
        text.push_str(&format!("; the machine paused for {ms} ms"));
    }
    let value = json!({
        "vm": vm.uuid(), "device": device, "sr": sr.uuid(), "paused_ms": paused_ms,
    });
    context.print(&Answer::done(text, value))
}

/// The pause of the machine when a disk of it moved last.
async fn paused_ms(context: &mut Context, vm: &Record) -> Option<u64> {
    let metrics = context.call("VM.get_metrics", &[json!(vm.reference)]).await.ok()?;
    let noted = context.call("VM_metrics.get_other_config", &[metrics]).await.ok()?;
    noted.get("last_disk_move_pause_ms")?.as_str()?.parse().ok()
}

async fn remove(
    context: &mut Context,
    given: &str,
    device: &str,
    (keep, yes): (bool, bool),
) -> Outcome<()> {
    let vm = machine(context, given).await?;
    let vbd = connection(context, &vm, device).await?;
    if !keep {
        let loss = format!("Disk {device} of {} is deleted with what is on it.", vm.name());
        prompt::confirm(&loss, yes)?;
    }
    if vbd.flag("currently_attached") {
        context.run_and_wait("unplugging", "VBD.unplug", &[json!(vbd.reference)]).await?;
    }
    context.call("VBD.destroy", &[json!(vbd.reference)]).await?;
    if !keep {
        let label = format!("deleting disk {device}");
        context.run_and_wait(&label, "VDI.destroy", &[json!(vbd.text("VDI"))]).await?;
    }
    let text = format!("disk {device} of {} is {}", vm.name(), if keep { "free" } else { "gone" });
    context.print(&Answer::done(text, json!({ "vm": vm.uuid(), "device": device })))
}

/// The machine's drive.
async fn drive(context: &mut Context, vm: &Record) -> Outcome<Option<Record>> {
    let vbds = context.all("VBD").await?;
    let mut found = vbds.iter().filter(|v| v.text("VM") == vm.reference && v.text("type") == "CD");
    Ok(found.next().cloned())
}

/// An image of a library.
pub(super) async fn image(context: &mut Context, given: &str) -> Outcome<Record> {
    let srs = context.all("SR").await?;
    let holds_images = |sr: &Record| sr.text("content_type") == "iso" || sr.text("type") == "iso";
    let libraries: Vec<String> =
        srs.iter().filter(|sr| holds_images(sr)).map(|sr| sr.reference.clone()).collect();
    let fits = |vdi: &Record| libraries.iter().any(|sr| sr == vdi.text("SR"));
    context.find("VDI", "image", given, fits).await
}

/// A drive with an image in it, for a machine that has none.
pub(super) async fn add_drive(context: &mut Context, vm: &Record, image: &Record) -> Outcome<()> {
    attach(context, vm, &image.reference, ("CD", None)).await.map(|_| ())
}

/// A drive of a host, `sr0` or `HOST/sr0`: of the host where the machine runs or is at home, else
/// the only one of that name.
async fn host_drive(context: &mut Context, vm: &Record, given: &str) -> Outcome<Record> {
    let (named, device) = match given.rsplit_once('/') {
        Some((host, device)) => (Some(context.host(host).await?.reference), device),
        None => (None, given),
    };
    let mut found: Vec<(String, Record)> = Vec::new();
    let pbds = context.all("PBD").await?;
    let srs = context.all("SR").await?;
    let vdis = context.all("VDI").await?;
    for sr in srs.iter().filter(|sr| sr.text("type") == "udev") {
        let host = pbds.iter().find(|pbd| pbd.text("SR") == sr.reference);
        let host = host.map(|pbd| pbd.text("host").to_owned()).unwrap_or_default();
        let is = |vdi: &&Record| {
            vdi.text("SR") == sr.reference && vdi.entry("sm_config", "device") == Some(device)
        };
        found.extend(vdis.iter().filter(is).map(|vdi| (host.clone(), vdi.clone())));
    }
    if let Some(host) = named {
        found.retain(|(of, _)| *of == host);
    } else {
        for home in [vm.text("resident_on"), vm.text("affinity")] {
            if found.len() > 1 && found.iter().any(|(of, _)| of == home) {
                found.retain(|(of, _)| of == home);
            }
        }
    }
    match found.as_slice() {
        [(_, only)] => Ok(only.clone()),
        [] => Err(no_such("DVD drive of a host", given)),
        many => {
            let names: Vec<&str> = many.iter().map(|(_, vdi)| vdi.name()).collect();
            let text = format!("there is more than one: {}; say HOST/{device}", names.join(", "));
            Err(Failure::Local(text))
        }
    }
}

async fn insert(
    context: &mut Context,
    given: &str,
    (image, drive_of_host): (Option<String>, Option<String>),
) -> Outcome<()> {
    let vm = machine(context, given).await?;
    let image = match (image, drive_of_host) {
        (_, Some(drive)) => host_drive(context, &vm, &drive).await?,
        (image, None) => self::image(context, &image.unwrap_or_default()).await?,
    };
    let vbd = match drive(context, &vm).await? {
        Some(vbd) => {
            if !vbd.flag("empty") {
                context.call("VBD.eject", &[json!(vbd.reference)]).await?;
            }
            json!(vbd.reference)
        }
        None => attach(context, &vm, NULL, ("CD", None)).await?,
    };
    context.call("VBD.insert", &[vbd, json!(image.reference)]).await?;
    let text = format!("{} is in the drive of {}", image.name(), vm.name());
    context.print(&Answer::done(text, json!({ "vm": vm.uuid(), "image": image.uuid() })))
}

async fn eject(context: &mut Context, given: &str) -> Outcome<()> {
    let vm = machine(context, given).await?;
    let Some(vbd) = drive(context, &vm).await? else {
        return Err(Failure::Local(format!("machine {} has no drive", vm.name())));
    };
    context.call("VBD.eject", &[json!(vbd.reference)]).await?;
    let text = format!("the drive of {} is empty", vm.name());
    context.print(&Answer::done(text, json!({ "vm": vm.uuid() })))
}
