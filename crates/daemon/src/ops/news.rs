//! What became of VMs, as alerts of the lowest priority: the history that consoles show.
//!
//! Owns: the wording. Each is written in the transaction that records what it tells, so that there
//! is never one without the other.

use haven_model::alerts::AlertMeta;
use haven_model::{ApiError, Host, MessageClass, Ref, Vm};
use haven_pooldb::{Image, Tx};

use super::message;

/// Tells what became of a VM: `what` follows on its name.
///
/// # Errors
/// The VM is gone.
pub fn of_vm(tx: &mut Tx<'_>, alert: AlertMeta, vm: Ref<Vm>, what: &str) -> Result<(), ApiError> {
    let row = tx.require(vm)?;
    let about = (MessageClass::Vm, row.uuid.clone());
    let body = format!("VM '{}' {what}", row.name_label);
    message::insert(tx, alert, about, body).map(|_| ())
}

/// `<name> (uuid: <uuid>)`.
#[must_use]
pub fn host(db: &Image, host: Ref<Host>) -> String {
    db.get(host).map_or_else(String::new, |row| format!("{} (uuid: {})", row.name_label, row.uuid))
}
