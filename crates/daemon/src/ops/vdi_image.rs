//! Images of ISO libraries, which are files that somebody put there.

use std::sync::Arc;

use haven_model::{ApiError, Ref, Value, Vbd, Vdi, codes};
use haven_pooldb::Image;

use super::{errors, host, spec};
use crate::dispatch::Call;
use crate::orders::Order;
use crate::tasks::Plan;

/// Names of machines in an error.
const NAMES_MAX: usize = 5;

/// Whether a disk is one.
#[must_use]
pub fn is_one(db: &Image, disk: Ref<Vdi>) -> bool {
    db.get(disk).and_then(|row| db.get(row.sr)).is_some_and(|sr| sr.r#type == "iso")
}

/// `VDI.destroy(vdi)` of an image: the file goes. Whoever has it in a drive keeps it; a snapshot does
/// not count, its drive is empty afterwards.
pub async fn destroy(call: Arc<Call>, image: Ref<Vdi>) -> Result<Value, ApiError> {
    call.read(|db| in_no_drive(db, image)).await?;
    let state = call.state.clone();
    let plan = Plan::new("destroy").exclusive(image).step("delete the image", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        let here = state.this_host();
        let found = state.pool.read(|db| {
            in_no_drive(db, image)?;
            let row = db.require(image)?;
            let (on, sr) = spec::sr_host(db, row.sr, here)?;
            Ok::<_, ApiError>((on, Order::RemoveImage { sr, name: row.location.clone() }))
        });
        let (on, order) = found.await??;
        state.orders.send(host::id(on), order).await.map_err(|error| errors::order(on, error))?;
        let gone = state.pool.write(move |tx| {
            for vbd in tx.require(image)?.vbds.clone() {
                tx.update(vbd, |row: &mut Vbd| {
                    row.vdi = Ref::NULL;
                    row.empty = true;
                })?;
            }
            tx.remove(image)
        });
        gone.await.map(|()| Value::void())
    })
    .await
}

fn in_no_drive(db: &Image, image: Ref<Vdi>) -> Result<(), ApiError> {
    let vbds = db.require(image)?.vbds.iter().filter_map(|vbd| db.get(*vbd));
    let full = vbds.filter(|vbd| !vbd.empty).filter_map(|vbd| db.get(vbd.vm));
    let names: Vec<&str> =
        full.filter(|vm| !vm.is_a_snapshot).map(|vm| vm.name_label.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let shown = names.iter().take(NAMES_MAX).copied().collect::<Vec<_>>().join(", ");
    Err(ApiError::with(codes::IMAGE_IN_DRIVE, &[&image, &shown]))
}
