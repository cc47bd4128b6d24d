//! VMs from XVA files, of Haven and of XenServer (with their checksums in SHA-1).

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_api::xmlrpc;
use haven_model::{
    ApiError, Class, Field, Network, Ref, Sr, Value, Vbd, VbdMode, VbdType, Vdi, Vif, Vm, codes,
};
use haven_pooldb::{Image as Database, Tx};
use haven_tasks::TaskId;
use uuid::Uuid;

use super::disk::{failed, part, place};
use super::nbd::Image;
use super::xva::{CHUNK, ROWS, checksum};
use super::{Pieces, tar};
use crate::ops::vm::create;
use crate::ops::vm::state::Undo;
use crate::ops::{network, rows, vbd, vdi, vif};
use crate::state::{AppState, fresh};
use crate::tasks::{Op, Plan};

/// Largest file of rows.
const ROWS_BYTES_MAX: usize = 16 << 20;
/// Fields of a VM that its file decides.
const VM_FIELDS: &[&str] = &[
    "name_label",
    "name_description",
    "user_version",
    "is_a_template",
    "memory_static_max",
    "memory_dynamic_max",
    "memory_dynamic_min",
    "memory_static_min",
    "VCPUs_params",
    "VCPUs_max",
    "VCPUs_at_startup",
    "actions_after_shutdown",
    "actions_after_reboot",
    "actions_after_crash",
    "PV_bootloader",
    "PV_kernel",
    "PV_ramdisk",
    "PV_args",
    "PV_bootloader_args",
    "PV_legacy_args",
    "HVM_boot_policy",
    "HVM_boot_params",
    "platform",
    "other_config",
    "recommendations",
    "xenstore_data",
    "tags",
    "order",
    "start_delay",
    "shutdown_delay",
];
const VDI_FIELDS: &[&str] = &["name_label", "name_description", "type", "other_config", "tags"];
const VBD_FIELDS: &[&str] = &["userdevice", "bootable", "mode", "type", "other_config"];
const VIF_FIELDS: &[&str] = &["device", "MTU", "other_config"];

/// How a VM comes in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Where its disks go; the pool's default when null.
    pub sr: Ref<Sr>,
    /// It comes back: its interfaces keep their addresses.
    pub restore: bool,
}

fn damaged(what: impl std::fmt::Display) -> ApiError {
    ApiError::with(codes::IMPORT_ERROR, &[&what])
}

/// Reads a VM from a file.
///
/// # Errors
/// The file is damaged or breaks off, or there is no room; nothing of it stays then.
pub async fn import(
    state: &Arc<AppState>,
    task: TaskId,
    options: Options,
    pieces: Pieces,
) -> Result<Value, ApiError> {
    state.check_may_act()?;
    let sr = state.pool.read(|db| repository(db, options.sr)).await??;
    let vm = Ref::<Vm>::from_uuid(fresh());
    let options = Options { sr, ..options };
    let plan = Plan::new("import").exclusive(vm).step("read rows", 1).step("read disks", 20);
    let (state, runner) = (state.clone(), state.runner()?.clone());
    let read = move |op: Op| async move { read(&state, op, vm, options, pieces).await };
    runner.run(task, plan.cancellable(), read).await
}

fn repository(db: &Database, asked: Ref<Sr>) -> Result<Ref<Sr>, ApiError> {
    let sr = if asked.is_null() { rows::pool(db)?.1.default_sr } else { asked };
    if db.get(sr).is_none() {
        return Err(ApiError::new(codes::DEFAULT_SR_NOT_FOUND, vec![sr.to_string()]));
    }
    vdi::writable(db, sr)?;
    Ok(sr)
}

async fn read(
    state: &Arc<AppState>,
    mut op: Op,
    vm: Ref<Vm>,
    options: Options,
    pieces: Pieces,
) -> Result<Value, ApiError> {
    let mut file = tar::Reader::new(pieces);
    op.step_undo(&Undo::DropVm { vm }).await?;
    let first = file.next(ROWS_BYTES_MAX).await?.ok_or_else(|| damaged("the file is empty"))?;
    if first.name != ROWS {
        let params: [&dyn std::fmt::Display; 2] = [&ROWS, &first.name];
        return Err(ApiError::with(codes::IMPORT_ERROR_UNEXPECTED_FILE, &params));
    }
    let objects = objects(&String::from_utf8_lossy(&first.content))?;
    let described = objects.clone();
    state.pool.write(move |tx| make_vm(tx, vm, &described, options)).await?;
    op.step().await?;
    let mut disks = BTreeMap::new();
    for object in objects.iter().filter(|object| object.class == "VDI") {
        let disk = Ref::<Vdi>::from_uuid(fresh());
        op.step_undo(&Undo::DropVdi { vdi: disk }).await?;
        vdi::make(state, disk, disk_row(disk, object, options.sr)?).await?;
        disks.insert(object.id.clone(), disk);
    }
    let (devices, known) = (objects.clone(), disks.clone());
    state.pool.write(move |tx| make_drives(tx, vm, &devices, &known)).await?;
    fill(state, &op, &mut file, &disks).await?;
    op.commit().await;
    Ok(Value::Set(vec![vm.to_value()]))
}

/// A row of the file.
#[derive(Clone, Debug)]
struct Object {
    class: String,
    id: String,
    fields: BTreeMap<String, Value>,
}

impl Object {
    fn text(&self, field: &str) -> &str {
        match self.fields.get(field) {
            Some(Value::String(text)) => text,
            _ => "",
        }
    }

    /// Copies the listed fields. A value that this version does not know is left at its default.
    fn fill<C: Class>(&self, row: &mut C, fields: &[&str]) {
        for (name, value) in self.fields.iter().filter(|(name, _)| fields.contains(&name.as_str()))
        {
            let mut tries = vec![value.clone()];
            if let Value::String(text) = value {
                tries.extend(text.parse().map(Value::Int));
                tries.extend(text.parse().map(Value::Float));
                tries.extend(text.parse().map(Value::Bool));
            }
            let taken = tries.into_iter().any(|value| matches!(row.set(name, value), Some(Ok(()))));
            if !taken {
                tracing::info!(class = C::NAME, field = name, "a value of an XVA file is left out");
            }
        }
    }
}

fn objects(text: &str) -> Result<Vec<Object>, ApiError> {
    let whole = xmlrpc::decode_value(text.trim()).map_err(damaged)?;
    let Value::Map(mut whole) = whole else { return Err(damaged("ova.xml is no struct")) };
    let Some(Value::Set(all)) = whole.remove("objects") else {
        return Err(damaged("ova.xml has no objects"));
    };
    let object = |value: Value| {
        let Value::Map(mut parts) = value else { return None };
        let mut text = |key: &str| match parts.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (class, id) = (text("class")?, text("id")?);
        let Some(Value::Map(fields)) = parts.remove("snapshot") else { return None };
        Some(Object { class, id, fields })
    };
    let read: Option<Vec<Object>> = all.into_iter().map(object).collect();
    read.ok_or_else(|| damaged("an object of ova.xml is incomplete"))
}

fn make_vm(
    tx: &mut Tx<'_>,
    vm: Ref<Vm>,
    objects: &[Object],
    options: Options,
) -> Result<(), ApiError> {
    let mut found = objects.iter().filter(|object| object.class == "VM");
    let object = found.next().ok_or_else(|| damaged("the file has no VM"))?;
    let mut row = Vm::default();
    object.fill(&mut row, VM_FIELDS);
    create::insert_as(tx, vm, row)?;
    for object in objects.iter().filter(|o| o.class == "VIF" && o.text("VM") == object.id) {
        let mut row = Vif { vm, ..Vif::default() };
        object.fill(&mut row, VIF_FIELDS);
        row.network = network_of(tx, objects, object.text("network"))?;
        if options.restore {
            row.mac = object.text("MAC").to_owned();
        }
        vif::insert(tx, row)?;
    }
    Ok(())
}

/// The network of that uuid, bridge or name; a new internal one if there is none.
fn network_of(tx: &mut Tx<'_>, objects: &[Object], id: &str) -> Result<Ref<Network>, ApiError> {
    let object = objects.iter().find(|object| object.class == "network" && object.id == id);
    let text = |field: &str| object.map(|object| object.text(field).to_owned()).unwrap_or_default();
    let (uuid, bridge, name) = (text("uuid"), text("bridge"), text("name_label"));
    if let Some(found) = tx.find_uuid::<Network>(&uuid) {
        return Ok(found);
    }
    let by = |same: &dyn Fn(&Network) -> bool| {
        tx.iter::<Network>().find(|(_, row)| same(row)).map(|(found, _)| found)
    };
    let found = by(&|row| !name.is_empty() && row.name_label == name)
        .or_else(|| by(&|row| !bridge.is_empty() && row.bridge == bridge));
    if let Some(found) = found {
        return Ok(found);
    }
    let bridge = network::free_bridge(tx);
    let (uuid, mtu) = (fresh().to_string(), 1500);
    tx.insert(Network { uuid, bridge, mtu, name_label: name, ..Network::default() })
}

fn disk_row(disk: Ref<Vdi>, object: &Object, sr: Ref<Sr>) -> Result<Vdi, ApiError> {
    let size = object.text("virtual_size").parse();
    let size = size.map_err(|_| damaged("a disk has no size"))?;
    let mut row = vdi::new_row(disk, sr, vdi::size(size)?);
    object.fill(&mut row, VDI_FIELDS);
    Ok(row)
}

fn make_drives(
    tx: &mut Tx<'_>,
    vm: Ref<Vm>,
    objects: &[Object],
    disks: &BTreeMap<String, Ref<Vdi>>,
) -> Result<(), ApiError> {
    let owner = objects.iter().find(|object| object.class == "VM");
    let owner = owner.map(|object| object.id.as_str()).unwrap_or_default();
    for object in objects.iter().filter(|o| o.class == "VBD" && o.text("VM") == owner) {
        let mut row = Vbd { vm, ..Vbd::default() };
        object.fill(&mut row, VBD_FIELDS);
        match (disks.get(object.text("VDI")), row.r#type) {
            (Some(disk), VbdType::Disk) => row.vdi = *disk,
            (_, VbdType::Disk) => continue,
            _ => row.mode = VbdMode::Ro,
        }
        vbd::insert(tx, row)?;
    }
    Ok(())
}

/// Writes the pieces of the disks as they come.
async fn fill(
    state: &Arc<AppState>,
    op: &Op,
    file: &mut tar::Reader,
    disks: &BTreeMap<String, Ref<Vdi>>,
) -> Result<(), ApiError> {
    let mut open: Option<(String, Image)> = None;
    let mut last: Option<String> = None;
    let mut finished = 0u64;
    while let Some(entry) = file.next(CHUNK).await? {
        op.check_cancelled()?;
        let (name, number) = entry.name.split_once('/').ok_or_else(|| damaged("a stray file"))?;
        if let Some(sum) = number.strip_suffix(".checksum") {
            let told = String::from_utf8_lossy(&entry.content).trim().to_owned();
            if last.as_deref().is_some_and(|sum| sum != told) {
                tracing::warn!(piece = sum, "a piece of an XVA file is damaged");
                return Err(ApiError::new(codes::IMPORT_ERROR_SOME_CHECKSUMS_FAILED, Vec::new()));
            }
            continue;
        }
        // Other sums than SHA-1 cannot be checked here.
        if number.contains('.') {
            continue;
        }
        let number: u64 = number.parse().map_err(|_| damaged("a piece has no number"))?;
        let lost = || ApiError::with(codes::IMPORT_ERROR_FAILED_TO_FIND_OBJECT, &[&name]);
        let disk = *disks.get(name).ok_or_else(lost)?;
        if open.as_ref().is_none_or(|(known, _)| known != name) {
            if let Some((_, image)) = open.take() {
                image.close().await.map_err(|error| failed(&error))?;
                finished += 1;
                op.progress(part(finished, disks.len() as u64)).await;
            }
            let place = state.pool.read(|db| place(db, state, disk)).await??;
            open = Some((name.to_owned(), place.open(state, true).await?));
        }
        let Some((_, image)) = &mut open else { return Err(lost()) };
        let at = number.saturating_mul(CHUNK as u64);
        if at.saturating_add(entry.content.len() as u64) > image.size {
            return Err(damaged("a piece lies beyond the end of its disk"));
        }
        image.write(at, &entry.content).await.map_err(|error| failed(&error))?;
        last = Some(checksum(&entry.content));
    }
    if let Some((_, image)) = open {
        image.close().await.map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// A repository or VM that a query names by reference or uuid.
#[must_use]
pub fn named<C: Class>(db: &Database, asked: &str) -> Option<Ref<C>> {
    let by_ref = asked.parse::<Ref<C>>().ok().filter(|found| db.get(*found).is_some());
    by_ref.or_else(|| Uuid::try_parse(asked).ok().and_then(|_| db.find_uuid::<C>(asked)))
}
