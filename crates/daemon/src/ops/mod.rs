//! The custom messages of the API, class by class, and what they share.
//!
//! Owns: the table of handlers. A message that is not in it and does not follow from fields is
//! answered `NOT_IMPLEMENTED`.

pub mod absent;
pub mod add_host;
pub mod admission;
pub mod alert;
pub mod allowed;
pub mod appliance;
pub mod certificate;
pub mod chain;
pub mod emergency;
pub mod errors;
pub mod event;
pub mod fencing;
pub mod ha_pause;
pub mod ha_policy;
pub mod ha_status;
pub mod host;
pub mod host_down;
pub mod host_drives;
pub mod host_power;
pub mod host_rows;
pub mod hotplug;
pub mod init;
pub mod join;
pub mod membership;
pub mod message;
pub mod motion;
pub mod network;
pub mod news;
pub mod options;
pub mod other_config;
pub mod own_volumes;
pub mod pbd;
pub mod pif;
pub mod placement;
pub mod pool;
pub mod pool_ha;
pub mod preferences;
pub mod quarantine;
pub mod readdress;
pub mod roster;
pub mod rows;
pub mod spec;
pub mod sr;
pub mod sr_test;
pub mod stats;
pub mod storage_marks;
pub mod subject;
mod table;
pub mod task;
pub mod told;
pub mod undo;
pub mod vbd;
pub mod vdi;
pub mod vdi_copy;
pub mod vdi_image;
pub mod vdi_move;
pub mod view;
pub mod vif;
pub mod vm;
pub mod vm_group;
pub mod what_if;

use std::sync::Arc;

use haven_model::{ApiError, Class, Ref, Value};
use haven_pooldb::Tx;

use crate::dispatch::Call;
use crate::tasks::BoxFuture;

pub use table::handler;

/// Messages of which [`crate::dispatch`] itself takes care.
const SESSIONS: [&str; 2] =
    ["session.login_with_password", "session.slave_local_login_with_password"];

/// Messages that clients may call and that answer `NOT_IMPLEMENTED`: what is not built.
pub fn unbuilt() -> impl Iterator<Item = &'static str> {
    let built = |name: &str| {
        handler(name).is_some() || emergency::answers(name) || SESSIONS.contains(&name)
    };
    haven_api::Registry::standard().unbuilt(built).map(|method| method.name.as_str())
}

/// What answers a message.
pub type Handler = fn(Arc<Call>) -> BoxFuture<Result<Value, ApiError>>;

/// Writes one field by its name.
///
/// # Errors
/// No such row or field, or the value does not fit.
pub fn set_field<C: Class>(
    tx: &mut Tx<'_>,
    row: Ref<C>,
    field: &str,
    value: Value,
) -> Result<(), ApiError> {
    let mut changed = tx.require(row)?.clone();
    match Class::set(&mut changed, field, value) {
        Some(Ok(())) => tx.update(row, |row: &mut C| *row = changed),
        Some(Err(error)) => Err(ApiError::bad_value(field, &error)),
        None => Err(ApiError::internal(format!("{} has no field {field}", C::NAME))),
    }
}
