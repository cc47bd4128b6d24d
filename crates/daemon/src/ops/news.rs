//! What became of VMs, as alerts of the lowest priority: the history that consoles show.
//!
//! Owns: the wording. Each is written in the transaction that records what it tells, so that there
//! is never one without the other.

use haven_model::alerts::AlertMeta;
use haven_model::{ApiError, Host, MessageClass, Ref, Vm};
use haven_pooldb::{Image, Tx};
use serde_json::Value as Json;

use super::message;

/// Tells what became of a VM: `what` follows on its name, and `data` is what it says, for those
/// who have words of their own; the VM's name is added.
///
/// # Errors
/// The VM is gone.
pub fn of_vm(
    tx: &mut Tx<'_>,
    alert: AlertMeta,
    vm: Ref<Vm>,
    (what, mut data): (&str, Json),
) -> Result<(), ApiError> {
    let row = tx.require(vm)?;
    let about = (MessageClass::Vm, row.uuid.clone());
    let text = format!("VM '{}' {what}", row.name_label);
    data["vm"] = row.name_label.as_str().into();
    message::insert(tx, alert, about, message::body(&text, &data)).map(|_| ())
}

/// What a host is called.
#[must_use]
pub fn host_name(db: &Image, host: Ref<Host>) -> Json {
    db.get(host).map_or(Json::Null, |row| row.name_label.as_str().into())
}

/// `<name> (uuid: <uuid>)`.
#[must_use]
pub fn host(db: &Image, host: Ref<Host>) -> String {
    db.get(host).map_or_else(String::new, |row| format!("{} (uuid: {})", row.name_label, row.uuid))
}
