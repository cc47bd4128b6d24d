//! Asking many hosts, and what a new coordinator does first.

use haven_cluster::control::ArmConfig;
use haven_cluster::ids::HostId;
use haven_model::{ApiError, Holder, Placement, Ref};
use haven_pooldb::Tx;
use tokio::task::JoinSet;

use super::takeover::Ha;
use crate::identity::Member;
use crate::ops::errors;
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

/// Tells every member who is coordinator once high availability is off.
pub(super) async fn name_coordinator(
    ha: &Ha,
    members: &[Member],
    coordinator: HostId,
) -> Result<(), ApiError> {
    let update = PoolUpdate { coordinator, members: members.to_vec() };
    let hosts: Vec<HostId> = members.iter().map(|member| member.host).collect();
    let order = |_| Order::UpdatePool(Box::new(update.clone()));
    for (host, answer) in ask_all(ha, &hosts, order).await {
        answer.map_err(|error| errors::order(Ref::from_uuid(host.0), error))?;
    }
    Ok(())
}

/// Holders that were named while high availability was off have no life yet.
pub(super) fn stamp_holders(tx: &mut Tx<'_>, lives: &Lives) -> Result<(), ApiError> {
    let unstamped = |row: &Placement| row.holders.iter().any(|holder| holder.incarnation == 0);
    let rows: Vec<Ref<Placement>> =
        tx.iter::<Placement>().filter(|(_, row)| unstamped(row)).map(|(r, _)| r).collect();
    for reference in rows {
        tx.update(reference, |row: &mut Placement| {
            let stamp = |holder: &Holder| match holder.incarnation {
                0 => lives.holder(holder.host),
                _ => *holder,
            };
            row.holders = row.holders.iter().map(stamp).collect();
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
pub(super) async fn take_up(ha: &Ha) -> Result<(), ApiError> {
    crate::coordinator::settle(&ha.state).await
}
