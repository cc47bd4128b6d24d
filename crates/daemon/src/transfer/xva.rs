//! VMs as XVA files: a tar archive of `ova.xml` (the rows, as XML-RPC) and the disks in pieces.
//!
//! A piece `Ref:N/00000012` has 1 MiB of the disk from that MiB on; pieces of zeros are left out,
//! except the first and the last. Each is followed by its SHA-1 in `….checksum`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use haven_api::xmlrpc;
use haven_model::{
    ApiError, Class, Field, Network, Ref, RefId, Sr, Value, Vbd, VbdType, Vdi, Vif, Vm,
    VmOperations,
};
use haven_pooldb::Image as Database;
use haven_tasks::TaskId;
use sha1::{Digest, Sha1};
use tokio::sync::mpsc;

use super::disk::{PIECES_MAX, failed, hung_up, part, place};
use super::{Pieces, tar};
use crate::ops::{allowed, view};
use crate::state::AppState;
use crate::tasks::{Op, Plan};

/// Bytes of one piece of a disk.
pub(super) const CHUNK: usize = 1 << 20;
/// Name of the file with the rows.
pub(super) const ROWS: &str = "ova.xml";
/// Version of the format that is written, as XenServer counts.
const EXPORT_VERSION: &str = "2";

type Sender = mpsc::Sender<Result<Bytes, ApiError>>;

/// SHA-1 as text.
pub(super) fn checksum(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a file will hold.
struct Contents {
    rows: String,
    disks: Vec<(Ref<Vdi>, String)>,
}

/// Begins to write a VM that does not run, or a template or snapshot.
///
/// # Errors
/// It runs, or this host has a repository of its disks not attached.
pub async fn export(state: &Arc<AppState>, task: TaskId, vm: Ref<Vm>) -> Result<Pieces, ApiError> {
    state.check_may_act()?;
    let contents = state
        .pool
        .read(|db| {
            allowed::vm_operation(vm, db.require(vm)?, VmOperations::Export)?;
            let contents = describe(db, vm)?;
            contents.disks.iter().try_for_each(|(disk, _)| place(db, state, *disk).map(|_| ()))?;
            Ok::<_, ApiError>(contents)
        })
        .await??;
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    let mut plan = Plan::new(VmOperations::Export.as_str()).shared(vm).step("write rows", 1);
    for (disk, _) in &contents.disks {
        plan = plan.shared(*disk).step("write a disk", 10);
    }
    let (state, runner) = (state.clone(), state.runner()?.clone());
    tokio::spawn(async move {
        let told = sender.clone();
        let write = move |op: Op| async move { write(&state, op, contents, sender).await };
        if let Err(error) = runner.run(task, plan.cancellable(), write).await {
            tracing::info!(%error, %vm, "an export broke off");
            // The client is gone, or hears of it.
            let _ = told.send(Err(error)).await;
        }
    });
    Ok(pieces)
}

async fn write(
    state: &Arc<AppState>,
    mut op: Op,
    contents: Contents,
    sender: Sender,
) -> Result<Value, ApiError> {
    op.step().await?;
    send(&sender, tar::file(ROWS, contents.rows.as_bytes())).await?;
    for (disk, name) in contents.disks {
        op.step().await?;
        let place = state.pool.read(|db| place(db, state, disk)).await??;
        let mut image = place.open(state, false).await?;
        let size = place.size.min(image.size);
        let chunks = size.div_ceil(CHUNK as u64);
        for number in 0..chunks {
            op.check_cancelled()?;
            let at = number * CHUNK as u64;
            let length = usize::try_from((size - at).min(CHUNK as u64)).unwrap_or(CHUNK);
            let bytes = image.read(at, length).await.map_err(|error| failed(&error))?;
            let needed = number == 0 || number + 1 == chunks;
            if needed || bytes.iter().any(|byte| *byte != 0) {
                let file = format!("{name}/{number:08}");
                send(&sender, tar::file(&file, &bytes)).await?;
                let sum = checksum(&bytes);
                send(&sender, tar::file(&format!("{file}.checksum"), sum.as_bytes())).await?;
            }
            op.progress(part(number + 1, chunks)).await;
        }
        image.close().await.map_err(|error| failed(&error))?;
    }
    send(&sender, tar::end()).await?;
    Ok(Value::void())
}

async fn send(sender: &Sender, bytes: Bytes) -> Result<(), ApiError> {
    sender.send(Ok(bytes)).await.map_err(|_| hung_up())
}

/// The rows of a VM under names of their own: `Ref:0`, `Ref:1` and so on.
#[derive(Default)]
struct Rows {
    names: BTreeMap<RefId, String>,
    objects: Vec<(&'static str, String, Value)>,
}

impl Rows {
    fn add<C: Class + Field>(&mut self, db: &Database, row: Ref<C>) -> Option<String> {
        let value = db.get(row)?.to_value();
        if let Some(name) = self.names.get(&row.id()) {
            return Some(name.clone());
        }
        let name = format!("Ref:{}", self.objects.len());
        self.names.insert(row.id(), name.clone());
        self.objects.push((C::NAME, name.clone(), value));
        Some(name)
    }

    /// References to what is in the file get its names; others lead nowhere.
    fn rename(&self, value: Value) -> Value {
        match value {
            Value::Ref(id) => {
                let name = self.names.get(&id).cloned();
                Value::String(name.unwrap_or_else(|| "OpaqueRef:NULL".to_owned()))
            }
            Value::Set(all) => {
                let known = |value: &Value| match value {
                    Value::Ref(id) => self.names.contains_key(id),
                    _ => true,
                };
                let all = all.into_iter().filter(known);
                Value::Set(all.map(|value| self.rename(value)).collect())
            }
            Value::Map(all) => {
                Value::Map(all.into_iter().map(|(k, v)| (k, self.rename(v))).collect())
            }
            Value::Record(all) => {
                Value::Record(all.into_iter().map(|(k, v)| (k, self.rename(v))).collect())
            }
            other => other,
        }
    }
}

fn text(pairs: &[(&str, &str)]) -> Value {
    let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
    Value::Map(pairs.collect())
}

fn describe(db: &Database, vm: Ref<Vm>) -> Result<Contents, ApiError> {
    let row = db.require(vm)?;
    let mut rows = Rows::default();
    rows.add(db, vm);
    let mut disks = Vec::new();
    for (disk, disk_row, vbd) in view::disks(db, row) {
        if vbd.r#type == VbdType::Disk {
            rows.add::<Sr>(db, disk_row.sr);
            disks.extend(rows.add(db, disk).map(|name| (disk, name)));
        }
    }
    for vbd in &row.vbds {
        rows.add::<Vbd>(db, *vbd);
    }
    for vif in &row.vifs {
        rows.add::<Vif>(db, *vif);
        if let Some(vif) = db.get(*vif) {
            rows.add::<Network>(db, vif.network);
        }
    }
    let objects = rows.objects.iter().map(|(class, name, value)| {
        let snapshot = rows.rename(value.clone());
        let object = [
            ("class".to_owned(), Value::from(*class)),
            ("id".to_owned(), Value::String(name.clone())),
            ("snapshot".to_owned(), snapshot),
        ];
        Value::Map(object.into())
    });
    let version = text(&[
        ("hostname", "haven"),
        ("date", ""),
        ("product_version", env!("CARGO_PKG_VERSION")),
        ("product_brand", "Haven"),
        ("build_number", env!("CARGO_PKG_VERSION")),
        ("xapi_major", "1"),
        ("xapi_minor", "9"),
        ("export_vsn", EXPORT_VERSION),
    ]);
    let whole =
        [("version".to_owned(), version), ("objects".to_owned(), Value::Set(objects.collect()))];
    Ok(Contents { rows: xmlrpc::encode_result(&Value::Map(whole.into())), disks })
}
