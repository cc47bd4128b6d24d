//! `haven vm …`: list, show, migrate, console, delete; the other verbs are in the files beside this.

use serde_json::{Value, json};

use super::{template, vm_create, vm_disk, vm_power, vm_set, vm_snapshot};
use crate::args::vm::{MigratePace, VmCommand};
use crate::console;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::prompt;
use crate::records::{NULL, Record};
use crate::render::units::show_bytes;
use crate::render::{Answer, Cell, Row};

/// Whether a VM record is a machine, not a template, snapshot or host.
pub(super) fn is_machine(vm: &Record) -> bool {
    !vm.flag("is_a_template") && !vm.flag("is_a_snapshot") && !vm.flag("is_control_domain")
}

/// The machine that `given` means.
pub(super) async fn machine(context: &mut Context, given: &str) -> Outcome<Record> {
    context.find("VM", "machine", given, is_machine).await
}

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: VmCommand) -> Outcome<()> {
    match verb {
        VmCommand::List => list(context).await,
        VmCommand::Show { vm } => show(context, &vm).await,
        VmCommand::Create(options) => vm_create::run(context, *options).await,
        VmCommand::Set(options) => vm_set::run(context, *options).await,
        VmCommand::Migrate { vm, to, pace } => migrate(context, &vm, (&to, &pace)).await,
        VmCommand::Console { vm } => attach(context, &vm).await,
        VmCommand::Clone { vm, name, full } => clone(context, &vm, &name, full).await,
        VmCommand::Snapshot(verb) => vm_snapshot::run(context, verb).await,
        VmCommand::Disk(verb) => vm_disk::run(context, verb).await,
        VmCommand::Cd(verb) => vm_disk::run_cd(context, verb).await,
        VmCommand::Delete { vms, keep_disks, yes } => delete(context, &vms, keep_disks, yes).await,
        power => vm_power::run(context, power).await,
    }
}

async fn list(context: &mut Context) -> Outcome<()> {
    let vms = context.all("VM").await?;
    let mut rows = Vec::new();
    for vm in vms.iter().filter(|vm| is_machine(vm)) {
        rows.push(row(context, vm).await?);
    }
    let columns = vec!["name", "state", "host", "memory", "vcpus", "ha", "order", "uuid"];
    context.print(&Answer::Table { columns, rows })
}

async fn row(context: &mut Context, vm: &Record) -> Outcome<Row> {
    let host = match vm.reference_in("resident_on") {
        Some(host) => context.name_of("host", host).await?,
        None => String::new(),
    };
    let ha = match vm.text("ha_restart_priority") {
        "" => "none",
        other => other,
    };
    Ok(vec![
        Cell::text("name", vm.name()),
        Cell::text("state", vm.text("power_state").to_lowercase()),
        Cell::text("host", host),
        Cell::new("memory", vm.int("memory_static_max"), show_bytes(vm.int("memory_static_max"))),
        Cell::number("vcpus", vm.int("VCPUs_max")),
        Cell::text("ha", ha),
        Cell::number("order", vm.int("order")),
        Cell::text("uuid", vm.uuid()),
    ])
}

async fn show(context: &mut Context, given: &str) -> Outcome<()> {
    let vm = machine(context, given).await?;
    let mut cells = row(context, &vm).await?;
    cells.push(Cell::number("start_delay_s", vm.int("start_delay")));
    cells.extend(watched(&vm).map(|word| Cell::text("watch", word)));
    cells.push(Cell::list("addresses", &addresses(context, &vm).await?));
    cells.push(Cell::text("description", vm.text("name_description")));
    if let Some(storage) = vm.entry("other_config", "haven_waits_for_storage") {
        cells.push(Cell::text("waits_for_storage", storage));
    }
    let disks = disks(context, &vm).await?;
    let interfaces = interfaces(context, &vm).await?;
    context.print(&Answer::Object {
        row: cells,
        parts: vec![("disks", disks), ("interfaces", interfaces)],
    })
}

/// How its guest is watched, if it is.
fn watched(vm: &Record) -> Option<&'static str> {
    let config = vm.fields.get("other_config")?;
    config.get("haven_watch")?.as_str().filter(|word| *word == "on")?;
    let state = config.get("haven_watch_state").and_then(|text| text.as_str()).unwrap_or("{}");
    let state: Value = serde_json::from_str(state).unwrap_or_default();
    Some(match state.get("standing").and_then(|standing| standing.as_str()) {
        Some("unmonitored") => "unmonitored: its agent has not answered",
        Some("left_alone") => "left alone: its resets are used up",
        _ => "on",
    })
}

async fn addresses(context: &mut Context, vm: &Record) -> Outcome<Vec<String>> {
    let Some(reference) = vm.reference_in("guest_metrics") else { return Ok(Vec::new()) };
    let metrics = context.all("VM_guest_metrics").await?;
    let networks =
        metrics.iter().find(|m| m.reference == reference).and_then(|m| m.fields.get("networks"));
    let mut found: Vec<String> = networks
        .and_then(|n| n.as_object())
        .map(|n| n.values().filter_map(|a| a.as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    found.dedup();
    Ok(found)
}

async fn disks(context: &mut Context, vm: &Record) -> Outcome<Vec<Row>> {
    let vbds = context.all("VBD").await?;
    let vdis = context.all("VDI").await?;
    let mut rows = Vec::new();
    for vbd in vbds.iter().filter(|v| v.text("VM") == vm.reference) {
        let vdi = vdis.iter().find(|v| v.reference == vbd.text("VDI"));
        let sr = match vdi {
            Some(vdi) => context.name_of("SR", vdi.text("SR")).await?,
            None => String::new(),
        };
        let size = vdi.map_or(-1, |v| v.int("virtual_size"));
        rows.push(vec![
            Cell::text("device", vbd.text("userdevice")),
            Cell::text("kind", vbd.text("type").to_lowercase()),
            Cell::text("disk", vdi.map_or("", |v| v.name())),
            Cell::new("size", size, show_bytes(size)),
            Cell::text("sr", sr),
            Cell::text("uuid", vdi.map_or("", |v| v.uuid())),
        ]);
    }
    Ok(rows)
}

async fn interfaces(context: &mut Context, vm: &Record) -> Outcome<Vec<Row>> {
    let vifs = context.all("VIF").await?;
    let mut rows = Vec::new();
    for vif in vifs.iter().filter(|v| v.text("VM") == vm.reference) {
        rows.push(vec![
            Cell::text("device", vif.text("device")),
            Cell::text("mac", vif.text("MAC")),
            Cell::text("network", context.name_of("network", vif.text("network")).await?),
        ]);
    }
    Ok(rows)
}

/// The options of `VM.pool_migrate`.
fn options(pace: &MigratePace) -> Value {
    let mut options = json!({ "live": "true" });
    let given = [
        ("bandwidth", pace.bandwidth.map(|mib_s| mib_s.to_string())),
        ("compress", pace.compress.then(|| "true".to_owned())),
        ("auto_converge", pace.full_speed.then(|| "false".to_owned())),
        ("force", pace.force.then(|| "true".to_owned())),
    ];
    for (key, value) in given {
        if let Some(value) = value {
            options[key] = value.into();
        }
    }
    options
}

async fn migrate(
    context: &mut Context,
    given: &str,
    (to, pace): (&str, &MigratePace),
) -> Outcome<()> {
    let vm = machine(context, given).await?;
    let host = context.host(to).await?;
    if vm.text("resident_on") == host.reference && pace.disks_to.is_none() {
        let text = format!("machine {} runs on {} already", vm.name(), host.name());
        let value = json!({ "uuid": vm.uuid(), "host": host.name(), "paused_ms": 0 });
        return context.print(&Answer::done(text, value));
    }
    let label = format!("migrating {} to {}", vm.name(), host.name());
    let mut asked = options(pace);
    if let Some(network) = &pace.network {
        asked["network"] = context.network(network).await?.uuid().into();
    }
    if let Some(sr) = &pace.disks_to {
        asked["disks_to"] = context.sr(sr).await?.uuid().into();
    }
    let params = [json!(vm.reference), json!(host.reference), asked];
    context.run(&label, "VM.pool_migrate", &params).await?;
    if !context.waits() {
        return Ok(());
    }
    let paused_ms = paused_ms(context, &vm).await;
    let mut text = format!("machine {} runs on {}", vm.name(), host.name());
    if let Some(ms) = paused_ms {
        text.push_str(&format!("; it paused for {ms} ms"));
    }
    let value = json!({ "uuid": vm.uuid(), "host": host.name(), "paused_ms": paused_ms });
    context.print(&Answer::done(text, value))
}

async fn clone(
    context: &mut Context,
    given: &str,
    name: &str,
    full: Option<String>,
) -> Outcome<()> {
    let fits = |vm: &Record| is_machine(vm) || template::is_template(vm);
    let vm = context.find("VM", "machine", given, fits).await?;
    let label = format!("copying {}", vm.name());
    let mut params = vec![json!(vm.reference), json!(name)];
    let method = match full.as_deref() {
        None => "VM.clone",
        Some("") => {
            params.push(json!(NULL));
            "VM.copy"
        }
        Some(sr) => {
            params.push(json!(context.sr(sr).await?.reference));
            "VM.copy"
        }
    };
    let Some(made) = context.run(&label, method, &params).await? else { return Ok(()) };
    let uuid = context.call("VM.get_uuid", &[json!(made)]).await?;
    let text = format!("machine {name} is made: {}", uuid.as_str().unwrap_or_default());
    context.print(&Answer::done(text, json!({ "uuid": uuid, "name": name })))
}

/// How long the machine stood still, as its host measured. Nice to know; the migration succeeded
/// whether it is known or not.
async fn paused_ms(context: &mut Context, vm: &Record) -> Option<u64> {
    let migrations = context.rpc.get("/haven/migrations").await.ok()?;
    let of_vm = migrations
        .as_array()?
        .iter()
        .find(|m| m.get("vm").is_some_and(|uuid| uuid == vm.uuid()))?;
    of_vm.get("downtime_ms")?.as_u64()
}

async fn attach(context: &mut Context, given: &str) -> Outcome<()> {
    let vm = machine(context, given).await?;
    let consoles = context.all("console").await?;
    let serial =
        consoles.iter().find(|c| c.text("VM") == vm.reference && c.text("protocol") == "vt100");
    let Some(serial) = serial else {
        let state = vm.text("power_state");
        return Err(match state {
            "Running" | "Paused" => {
                Failure::Local(format!("machine {} has no serial console", vm.name()))
            }
            _ => Failure::api(&[
                "VM_BAD_POWER_STATE".to_owned(),
                vm.name().to_owned(),
                "Running".to_owned(),
                state.to_owned(),
            ]),
        });
    };
    let stream = context.rpc.console(serial.uuid()).await?;
    console::run(stream, vm.name()).await
}

async fn delete(
    context: &mut Context,
    given: &[String],
    keep_disks: bool,
    yes: bool,
) -> Outcome<()> {
    let mut vms = Vec::new();
    for one in given {
        vms.push(machine(context, one).await?);
    }
    let names: Vec<&str> = vms.iter().map(Record::name).collect();
    let disks = if keep_disks { "Their disks stay." } else { "Their disks are deleted with them." };
    prompt::confirm(&format!("Deleting {}. {disks}", names.join(", ")), yes)?;
    for vm in &vms {
        destroy(context, vm, keep_disks).await?;
    }
    let uuids: Vec<&str> = vms.iter().map(Record::uuid).collect();
    context.print(&Answer::done(format!("deleted {}", names.join(", ")), json!({ "uuids": uuids })))
}

/// Destroys a machine and, unless they are to be kept, the disks that only it uses.
pub(super) async fn destroy(context: &mut Context, vm: &Record, keep_disks: bool) -> Outcome<()> {
    let disks = if keep_disks { Vec::new() } else { own_disks(context, vm).await? };
    let label = format!("deleting {}", vm.name());
    context.run_and_wait(&label, "VM.destroy", &[json!(vm.reference)]).await?;
    for disk in disks {
        let label = format!("deleting {}", disk.name());
        context.run_and_wait(&label, "VDI.destroy", &[json!(disk.reference)]).await?;
    }
    Ok(())
}

/// Disks that no other machine uses.
async fn own_disks(context: &mut Context, vm: &Record) -> Outcome<Vec<Record>> {
    let vbds = context.all("VBD").await?;
    let vdis = context.all("VDI").await?;
    let used: Vec<&str> = vbds
        .iter()
        .filter(|b| {
            b.text("VM") == vm.reference && b.text("type") == "Disk" && b.text("VDI") != NULL
        })
        .map(|b| b.text("VDI"))
        .collect();
    let others = |vdi: &Record| {
        vbds.iter().any(|b| b.text("VDI") == vdi.reference && b.text("VM") != vm.reference)
    };
    Ok(vdis
        .iter()
        .filter(|v| used.contains(&v.reference.as_str()) && !others(v))
        .cloned()
        .collect())
}
