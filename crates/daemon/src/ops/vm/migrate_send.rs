//! Migration as `VM.migrate_send` has it, within the pool: what can move and why not.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{
    ApiError, Field, Host, Network, Ref, Sr, Value, Vdi, Vif, Vm, VmOperations, codes,
};
use haven_planner as planner;
use haven_pooldb::Image;

use super::way::{self, Way};
use super::{disks, migrate, query};
use crate::dispatch::Call;
use crate::ops::{allowed, view};

/// Keys of what `host.migrate_receive` answers: the destination, and the network.
const HOST_KEY: &str = "host";
const NETWORK_KEY: &str = "network";

/// `host.migrate_receive(host, network, options)`: a ticket for `VM.migrate_send` to this host.
pub async fn migrate_receive(call: Arc<Call>) -> Result<Value, ApiError> {
    let (to, network): (Ref<Host>, Ref<Network>) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| {
        if !db.require(to)?.enabled {
            return Err(ApiError::with(codes::HOST_DISABLED, &[&to]));
        }
        if !network.is_null() {
            db.require(network)?;
        }
        let word = |key: &str, text: String| (key.to_owned(), Value::from(text.as_str()));
        let ticket = [word(HOST_KEY, to.to_string()), word(NETWORK_KEY, network.to_string())];
        Ok(Value::Map(ticket.into()))
    })
    .await
}

/// A host, and the network on which memory goes there.
type Target = (Ref<Host>, Way);

/// Where the ticket leads, on which network, and which disks move first, if all that can be.
fn judge(db: &Image, call: &Call) -> Result<(Ref<Vm>, Target, Vec<disks::Moved>), ApiError> {
    let (vm, ticket): (Ref<Vm>, BTreeMap<String, String>) = (call.arg(0)?, call.arg(1)?);
    let live: bool = call.arg(2)?;
    let wanted: BTreeMap<Ref<Vdi>, Ref<Sr>> = call.arg(3)?;
    let nics: BTreeMap<Ref<Vif>, Ref<Network>> = call.arg(4)?;
    let options: BTreeMap<String, String> = call.arg_or(5, BTreeMap::new())?;
    let row = db.require(vm)?;
    allowed::vm_operation(vm, row, VmOperations::MigrateSend)?;
    let no = |why: &str| ApiError::not_allowed(why.to_owned());
    if !live || options.get("copy").is_some_and(|copy| copy == "true") {
        return Err(no("only running VMs move, and they move as a whole: use VM.copy for a copy"));
    }
    let to = ticket.get(HOST_KEY).and_then(|text| text.parse().ok());
    let to: Ref<Host> = to.filter(|host| db.get(*host).is_some()).ok_or_else(|| {
        no("the destination is no host of this pool: VMs move between hosts of one pool only")
    })?;
    let network = ticket.get(NETWORK_KEY).and_then(|text| text.parse().ok());
    let way = match network.filter(|network: &Ref<Network>| !network.is_null()) {
        Some(network) => Way::Only(network),
        None => Way::Usual,
    };
    way::via(db, (row.resident_on, to), way)?;
    let moves = disks::some(db, (vm, to), &wanted)?;
    for (vif, network) in nics {
        if db.require(vif)?.network != network {
            return Err(no("interfaces keep their network while a VM moves: use VIF.move after"));
        }
    }
    if row.resident_on != to && moves.is_empty() {
        let wanted = planner::Vm { affinity: None, ..view::vm(db, vm, row) };
        query::fits(db, vm, &wanted, (to, planner::Purpose::Ordinary))?;
    }
    Ok((vm, (to, way), moves))
}

/// `VM.assert_can_migrate(vm, dest, live, vdi_map, vif_map, options)`.
pub async fn assert_can_migrate(call: Arc<Call>) -> Result<Value, ApiError> {
    call.read(|db| judge(db, &call)).await?;
    Ok(Value::void())
}

/// `VM.migrate_send(vm, dest, live, vdi_map, vif_map, options)`.
pub async fn migrate_send(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, (to, way), moves) = call.read(|db| judge(db, &call)).await?;
    let how = migrate::How { way, ..migrate::How::default() };
    migrate::migrate_with(&call.state, call.task_id(), vm, (to, how), moves).await?;
    Ok(vm.to_value())
}
