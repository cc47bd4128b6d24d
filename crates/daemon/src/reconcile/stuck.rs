//! Alerts about guests that a disk stopped.

use std::collections::BTreeSet;

use haven_model::{ApiError, Message, MessageClass, Ref, Vm, alerts};
use haven_pooldb::Tx;

use crate::ops::{message, view};
use crate::state::now;

/// A guest that stops again and again is told of once in so many seconds.
const TOLD_S: i64 = 600;

/// Says why a guest stands still, and what to do.
///
/// # Errors
/// The VM is gone.
pub(super) fn tell(tx: &mut Tx<'_>, vm: Ref<Vm>) -> Result<(), ApiError> {
    let row = tx.require(vm)?;
    let (uuid, name) = (row.uuid.clone(), row.name_label.clone());
    let since = now().unix_s() - TOLD_S;
    let told = tx.iter::<Message>().any(|(_, message)| {
        message.obj_uuid == uuid
            && message.name == alerts::ALARM.name
            && message.timestamp.unix_s() > since
    });
    tracing::warn!(%vm, name, "a disk refused a write, and the VM stands still");
    if told {
        return Ok(());
    }
    let srs: BTreeSet<&str> = view::disks(tx, row)
        .into_iter()
        .filter_map(|(_, vdi, _)| Some(tx.get(vdi.sr)?.name_label.as_str()))
        .collect();
    let srs = srs.into_iter().collect::<Vec<_>>().join(", ");
    let text = format!(
        "{name} stands still: a disk refused a write, most often because its storage is full. \
         Make room on {srs}, or mend it; the machine then goes on by itself, and has lost nothing."
    );
    message::insert(tx, alerts::ALARM, (MessageClass::Vm, uuid), text).map(drop)
}
