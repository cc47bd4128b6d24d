//! Asking many hosts, and what a new coordinator does first.

use haven_cluster::control::ArmConfig;
use haven_cluster::ids::HostId;
use haven_model::{ApiError, Placement, Ref};
use haven_pooldb::Tx;
use tokio::task::JoinSet;

use super::takeover::Ha;
use crate::identity::Member;
use crate::ops::rows;
use crate::orders::{Order, OrderResult, PoolUpdate};
use crate::state::Lives;

/// Sends an order to every host at the same time; the answers in the order of the hosts.
pub(super) async fn ask_all(
    ha: &Ha,
    hosts: &[HostId],
    order: impl Fn(HostId) -> Order,
) -> Vec<(HostId, OrderResult)> {
    let mut questions = JoinSet::new();
    for host in hosts {
        let (host, order, orders) = (*host, order(*host), ha.state.orders.clone());
        questions.spawn(async move { (host, orders.send(host, order).await) });
    }
    let mut answers = questions.join_all().await;
    answers.sort_by_key(|(host, _)| *host);
    answers
}

/// Tells every member who is coordinator once high availability is off. A host that is down, or
/// misses it, learns the same from the last epoch when its guard leaves.
pub(super) async fn name_coordinator(ha: &Ha, members: &[Member], coordinator: HostId) {
    let update = PoolUpdate { coordinator, members: members.to_vec() };
    let hosts: Vec<HostId> = members.iter().map(|member| member.host).collect();
    let order = |_| Order::UpdatePool(Box::new(update.clone()));
    for (host, answer) in ask_all(ha, &hosts, order).await {
        if let Err(error) = answer {
            tracing::warn!(host = %host.0, %error, "a host was not told who coordinates");
        }
    }
}

/// Every holder gets the life that its host has now. Arming does this for all of them: guests
/// ran on while high availability was off, so what the holders say of lives before is void.
///
/// # Errors
/// A row cannot be written.
pub(super) fn stamp_holders(tx: &mut Tx<'_>, lives: &Lives) -> Result<(), ApiError> {
    let held = |row: &Placement| !row.holders.is_empty();
    let rows: Vec<Ref<Placement>> =
        tx.iter::<Placement>().filter(|(_, row)| held(row)).map(|(r, _)| r).collect();
    for reference in rows {
        tx.update(reference, |row: &mut Placement| {
            row.holders = row.holders.iter().map(|holder| lives.holder(holder.host)).collect();
        })?;
    }
    Ok(())
}

/// This host is not armed any more.
pub(super) fn forget_arm(ha: &Ha) {
    let forgotten = ha.state.identity.update(|identity| {
        if let Some(pool) = &mut identity.pool {
            pool.arm = None;
        }
    });
    if let Err(error) = forgotten {
        tracing::error!(%error, "host.json still says that this host is armed");
    }
}

/// The configuration by which this host is armed.
pub(super) fn arm_config(ha: &Ha) -> Option<Box<ArmConfig>> {
    ha.state.identity.pool().and_then(|pool| pool.arm)
}

/// What a new coordinator does first: every member says what it runs, under the new epoch, which
/// voids whatever older orders wait there; then the tasks of the one before go on or are undone.
///
/// A pool that is armed though its record says "off" lost its coordinator in the middle of being
/// armed: nobody knows in which lives its VMs run, so it is disarmed.
pub(super) async fn take_up(ha: &Ha) -> Result<(), ApiError> {
    crate::coordinator::settle(&ha.state).await?;
    let enabled = ha.state.pool.read(|db| rows::pool(db).map(|(_, pool)| pool.ha_enabled));
    if !enabled.await?? {
        tracing::warn!("high availability was never turned on completely; turning it off");
        let ha = ha.clone();
        tokio::spawn(async move {
            if let Err(error) = super::arm::disable(&ha).await {
                tracing::error!(%error, "the half-armed pool could not be disarmed");
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use haven_model::Holder;
    use haven_pooldb::{Database, MemStore};

    use super::*;

    #[test]
    fn arming_gives_every_holder_the_life_of_now() {
        let store = Box::new(MemStore::default());
        let mut db = Database::open(store, crate::coordinator::ids()).unwrap();
        let host = |n: u128| Ref::from_u128(n);
        let holders = vec![
            Holder { host: host(1), incarnation: 0 },
            Holder { host: host(2), incarnation: 4 },
        ];
        let row = Placement { holders, ..Placement::default() };
        let placement = db.transact(|tx| tx.insert(row)).unwrap().value;
        let id = |n: u128| uuid::Uuid::from_u128(n);
        let lives = Lives::new(7, BTreeMap::from([(id(1), 3), (id(2), 5)]));
        db.transact(|tx| stamp_holders(tx, &lives)).unwrap();
        let stamped: Vec<u64> =
            db.get(placement).unwrap().holders.iter().map(|holder| holder.incarnation).collect();
        assert_eq!(stamped, [3, 5]);
    }
}
