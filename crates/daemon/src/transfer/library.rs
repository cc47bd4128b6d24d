//! CD images on their way into an ISO library.

use std::sync::Arc;

use haven_model::{ApiError, Field as _, Ref, Sr, Value, Vdi, codes};
use haven_pooldb::Image as Database;
use haven_tasks::TaskId;

use super::Pieces;
use super::disk::part;
use super::sink::Sink;
use crate::ops::{spec, sr};
use crate::state::AppState;
use crate::tasks::{Op, Plan};

/// So much is written at a time.
const WRITTEN_BYTES: usize = 4 << 20;
/// Largest image; what is larger is no CD, and fills a library by mistake.
const IMAGE_BYTES_MAX: u64 = 256 << 30;
/// A sector of a CD.
const SECTOR_BYTES: usize = 2048;
/// Sectors in which a CD or DVD says what it is (ECMA-119, ECMA-167).
const DESCRIPTORS: std::ops::Range<usize> = 16..32;
/// What stands there, after one byte.
const MARKS: [&[u8]; 4] = [b"CD001", b"BEA01", b"NSR02", b"NSR03"];

/// An image that somebody sends.
#[derive(Clone, Debug)]
pub struct Image {
    /// The library.
    pub sr: Ref<Sr>,
    /// Its file name there.
    pub name: String,
    /// Its size in bytes, if that is known.
    pub size: Option<u64>,
}

/// Takes an image into a library. It is seen there, under its name, when all of it has come; if it
/// breaks off nothing of it stays. The disk of the image is the task's result.
///
/// # Errors
/// This is no ISO library, no host that lives can write it, it has an image of this name, or
/// what came is no image of a CD.
pub async fn import(
    state: &Arc<AppState>,
    task: TaskId,
    image: Image,
    pieces: Pieces,
) -> Result<Value, ApiError> {
    state.check_may_act()?;
    let sr = image.sr;
    state.pool.read(|db| check(db, sr)).await??;
    let plan = Plan::new("import").shared(sr).step("write the image", 20).step("look", 1);
    let (state, runner) = (state.clone(), state.runner()?.clone());
    let work = move |op: Op| async move { take(&state, op, image, pieces).await };
    runner.run(task, plan.cancellable(), work).await
}

/// Whether images can be put there.
///
/// # Errors
/// This is no ISO library.
pub(super) fn check(db: &Database, sr: Ref<Sr>) -> Result<(), ApiError> {
    match db.require(sr)?.r#type.as_str() {
        "iso" => Ok(()),
        _ => Err(ApiError::with(codes::SR_OPERATION_NOT_SUPPORTED, &[&sr])),
    }
}

/// Writes what comes into the library, as the operation's next step, and looks at it there.
///
/// # Errors
/// As [`import`], and what comes instead of a piece.
pub(super) async fn take(
    state: &Arc<AppState>,
    mut op: Op,
    image: Image,
    mut pieces: Pieces,
) -> Result<Value, ApiError> {
    op.step().await?;
    let (here, sr) = (state.this_host(), image.sr);
    let place = state.pool.read(|db| spec::sr_host(db, sr, here)).await??;
    if image.size.is_some_and(|size| size > IMAGE_BYTES_MAX) {
        return Err(too_large());
    }
    let mut sink = Sink::begin(state, place, &image).await?;
    let (mut buffer, mut at) = (Vec::with_capacity(WRITTEN_BYTES), 0_u64);
    loop {
        let piece = tokio::select! {
            piece = pieces.recv() => piece.transpose()?,
            () = op.interrupted() => None,
        };
        op.check_cancelled()?;
        let is_end = piece.is_none();
        buffer.extend_from_slice(&piece.unwrap_or_default());
        if !is_end && buffer.len() < WRITTEN_BYTES {
            continue;
        }
        if at == 0 {
            is_image(&image.name, &buffer)?;
        }
        at += buffer.len() as u64;
        if at > IMAGE_BYTES_MAX {
            return Err(too_large());
        }
        sink.write(std::mem::replace(&mut buffer, Vec::with_capacity(WRITTEN_BYTES))).await?;
        op.progress(part(at, image.size.unwrap_or(at))).await;
        if is_end {
            break;
        }
    }
    op.check_cancelled()?;
    sink.finish().await?;
    op.step().await?;
    sr::refresh(state, sr).await?;
    let found = state.pool.read(move |db| named(db, sr, &image.name)).await?;
    Ok(found.map_or_else(Value::void, |disk| disk.to_value()))
}

fn too_large() -> ApiError {
    let why = format!("an image has {} GiB at most", IMAGE_BYTES_MAX >> 30);
    ApiError::with(codes::IMPORT_ERROR, &[&why])
}

fn named(db: &Database, sr: Ref<Sr>, name: &str) -> Option<Ref<Vdi>> {
    let disks = db.get(sr)?.vdis.iter().copied();
    disks.into_iter().find(|disk| db.get(*disk).is_some_and(|row| row.location == name))
}

/// Whether this is how a CD begins; what is called `.img` may be anything.
fn is_image(name: &str, begin: &[u8]) -> Result<(), ApiError> {
    if begin.is_empty() {
        return Err(ApiError::with(codes::IMPORT_ERROR, &[&"nothing was sent"]));
    }
    let says = |sector: usize| {
        let at = sector * SECTOR_BYTES + 1;
        begin.get(at..at + 5).is_some_and(|mark| MARKS.contains(&mark))
    };
    if !name.to_lowercase().ends_with(".iso") || DESCRIPTORS.into_iter().any(says) {
        return Ok(());
    }
    let why = format!(
        "{name} is no image of a CD or DVD: a page of a web site that was saved, or a download \
         that broke off, looks like this"
    );
    Err(ApiError::with(codes::IMPORT_ERROR, &[&why]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cd_says_what_it_is() {
        let mut cd = vec![0_u8; 20 * SECTOR_BYTES];
        assert!(is_image("a.iso", &cd).is_err());
        assert!(is_image("a.img", &cd).is_ok());
        cd[16 * SECTOR_BYTES + 1..][..5].copy_from_slice(b"CD001");
        assert!(is_image("A.ISO", &cd).is_ok());
        let mut dvd = vec![0_u8; 20 * SECTOR_BYTES];
        dvd[18 * SECTOR_BYTES + 1..][..5].copy_from_slice(b"NSR02");
        assert!(is_image("a.iso", &dvd).is_ok());
        assert!(is_image("a.iso", b"<html>not found</html>").is_err());
        assert!(is_image("a.img", b"").is_err());
    }
}
