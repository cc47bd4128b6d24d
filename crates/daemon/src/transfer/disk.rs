//! One disk's content, held by a task while it moves.

use std::sync::Arc;

use axum::body::Bytes;
use haven_model::{ApiError, Ref, Value, Vdi, codes};
use haven_pooldb::Image as Database;
use haven_tasks::TaskId;
use tokio::sync::mpsc;

use super::nbd::{Image, NbdError};
use crate::ops::{chain, own_volumes, spec, vdi};
use crate::state::AppState;
use crate::tasks::{Op, Plan};

/// Bytes that are read or written at a time.
const PIECE_BYTES: u64 = 1 << 20;
/// Pieces that wait for the other side.
pub(super) const PIECES_MAX: usize = 8;

/// Pieces of content; an error ends them.
pub type Pieces = mpsc::Receiver<Result<Bytes, ApiError>>;

/// The content of a disk on its way out.
#[derive(Debug)]
pub struct Content {
    /// How many bytes there will be.
    pub size: u64,
    /// The bytes.
    pub pieces: Pieces,
}

/// Where the image is, for this host.
pub(super) struct Place {
    pub(super) path: String,
    pub(super) format: String,
    pub(super) size: u64,
}

impl Place {
    /// Opens the image; exclusively, if it is to be written.
    pub(super) async fn open(&self, state: &AppState, write: bool) -> Result<Image, ApiError> {
        let dir = state.config.paths.run();
        let opened = Image::open(&dir, &self.path, &self.format, write).await;
        opened.map_err(|error| failed(&error))
    }
}

pub(super) fn place(db: &Database, state: &AppState, disk: Ref<Vdi>) -> Result<Place, ApiError> {
    own_volumes::usable(db, disk)?;
    let row = db.require(disk)?;
    vdi::unused(db, disk, "its content is moved")?;
    let here = state.this_host();
    let (on, _) = spec::sr_host(db, row.sr, here)?;
    if on != here {
        return Err(ApiError::with(codes::SR_NOT_ATTACHED, &[&row.sr]));
    }
    let format = row.sm_config.get(spec::FORMAT_KEY).cloned();
    Ok(Place {
        path: spec::path(db, row, &state.config.paths.sr_mount())?,
        format: format.unwrap_or_else(|| "qcow2".to_owned()),
        size: u64::try_from(row.virtual_size).unwrap_or(0),
    })
}

pub(super) fn failed(error: &NbdError) -> ApiError {
    ApiError::with(codes::SR_BACKEND_FAILURE, &[&"", error, &""])
}

/// The client went away before it had all.
#[must_use]
pub fn hung_up() -> ApiError {
    ApiError::not_allowed("the client hung up before it had the whole disk")
}

/// Begins to read a disk that no VM uses. The bytes come as fast as they are taken.
///
/// # Errors
/// It is in use, or this host has its repository not attached.
pub async fn export(
    state: &Arc<AppState>,
    task: TaskId,
    disk: Ref<Vdi>,
) -> Result<Content, ApiError> {
    state.check_may_act()?;
    let size = state.pool.read(|db| place(db, state, disk)).await??.size;
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    let (state, runner) = (state.clone(), state.runner()?.clone());
    let plan = Plan::new("export").shared(disk).step("read the disk", 1).cancellable();
    tokio::spawn(async move {
        let told = sender.clone();
        let read = move |op: Op| async move { read(&state, op, disk, sender).await };
        if let Err(error) = runner.run(task, plan, read).await {
            tracing::info!(%error, vdi = %disk, "an export broke off");
            // The client is gone, or hears of it.
            let _ = told.send(Err(error)).await;
        }
    });
    Ok(Content { size, pieces })
}

async fn read(
    state: &Arc<AppState>,
    mut op: Op,
    disk: Ref<Vdi>,
    sender: mpsc::Sender<Result<Bytes, ApiError>>,
) -> Result<Value, ApiError> {
    op.step().await?;
    let place = state.pool.read(|db| place(db, state, disk)).await??;
    let mut image = place.open(state, false).await?;
    let size = place.size.min(image.size);
    let mut at = 0;
    while at < size {
        op.check_cancelled()?;
        let length = PIECE_BYTES.min(size - at);
        let wanted = usize::try_from(length).map_err(ApiError::internal)?;
        let bytes = image.read(at, wanted).await.map_err(|error| failed(&error))?;
        if sender.send(Ok(Bytes::from(bytes))).await.is_err() {
            return Err(hung_up());
        }
        at += length;
        op.progress(part(at, size)).await;
    }
    image.close().await.map_err(|error| failed(&error))?;
    Ok(Value::void())
}

#[expect(clippy::cast_precision_loss, reason = "a part of the way, for people")]
pub(super) fn part(at: u64, of: u64) -> f64 {
    at as f64 / of.max(1) as f64
}

/// Writes a disk that no VM uses, from its beginning.
///
/// # Errors
/// It is in use, the content is larger than the disk, or its storage failed. What was written
/// until then stays.
pub async fn import(
    state: &Arc<AppState>,
    task: TaskId,
    disk: Ref<Vdi>,
    pieces: Pieces,
) -> Result<Value, ApiError> {
    state.check_may_act()?;
    state.pool.read(|db| writable(db, disk)).await??;
    let (state, runner) = (state.clone(), state.runner()?.clone());
    let plan = Plan::new("import").exclusive(disk).step("write the disk", 1).cancellable();
    let write = move |op: Op| async move { write(&state, op, disk, pieces).await };
    runner.run(task, plan, write).await
}

fn writable(db: &Database, disk: Ref<Vdi>) -> Result<(), ApiError> {
    let row = db.require(disk)?;
    vdi::writable(db, row.sr)?;
    if row.read_only || row.is_a_snapshot || !chain::children(db, row).is_empty() {
        return Err(ApiError::with(codes::VDI_READONLY, &[&disk]));
    }
    vdi::unused(db, disk, "import")
}

async fn write(
    state: &Arc<AppState>,
    mut op: Op,
    disk: Ref<Vdi>,
    mut pieces: Pieces,
) -> Result<Value, ApiError> {
    op.step().await?;
    let place = state.pool.read(|db| place(db, state, disk)).await??;
    state.pool.write(move |tx| chain::forget_pristine(tx, disk)).await?;
    let mut image = place.open(state, true).await?;
    let mut at: u64 = 0;
    while let Some(piece) = pieces.recv().await {
        op.check_cancelled()?;
        let piece = piece?;
        let end = at.saturating_add(piece.len() as u64);
        if end > image.size {
            return Err(ApiError::with(codes::VDI_TOO_SMALL, &[&disk, &end]));
        }
        image.write(at, &piece).await.map_err(|error| failed(&error))?;
        at = end;
        op.progress(part(at, image.size)).await;
    }
    if at == 0 {
        // A pipe whose length its client took for 0.
        return Err(ApiError::with(codes::IMPORT_ERROR, &[&"nothing was sent"]));
    }
    image.close().await.map_err(|error| failed(&error))?;
    Ok(Value::void())
}
