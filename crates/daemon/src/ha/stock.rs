//! Asking many hosts, and what `host.json` must know of high availability.

use std::time::Duration;

use haven_cluster::control::ArmConfig;
use haven_cluster::ids::HostId;
use haven_model::{ApiError, Placement, Ref};
use haven_pooldb::Tx;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use super::takeover::Ha;
use crate::identity::{Member, PoolMembership};
use crate::orders::{Order, OrderError, OrderResult, PoolUpdate, Refusal};
use crate::state::Lives;

/// How often the members are told anew because they changed while they were told.
const TELLS_MAX: usize = 5;
/// Longest wait until hosts know that an arming ended: some reads of the statefile.
const UNBOUND_MAX: Duration = Duration::from_secs(10);
/// How often they are asked.
const UNBOUND_EVERY: Duration = Duration::from_millis(100);

/// Sends an order to every host at the same time; the answers in the order of the hosts.
pub(super) async fn ask_all(
    ha: &Ha,
    hosts: &[HostId],
    order: impl Fn(HostId) -> Order,
) -> Vec<(HostId, OrderResult)> {
    ask(ha, hosts, order, false).await
}

/// The same while the pool is being armed: by who coordinates it without high availability.
pub(super) async fn ask_unarmed(
    ha: &Ha,
    hosts: &[HostId],
    order: impl Fn(HostId) -> Order,
) -> Vec<(HostId, OrderResult)> {
    ask(ha, hosts, order, true).await
}

async fn ask(
    ha: &Ha,
    hosts: &[HostId],
    order: impl Fn(HostId) -> Order,
    unarmed: bool,
) -> Vec<(HostId, OrderResult)> {
    let mut questions = JoinSet::new();
    for host in hosts {
        let (host, order, orders) = (*host, order(*host), ha.state.orders.clone());
        questions.spawn(async move {
            let sent = match unarmed {
                true => orders.send_unarmed(host, order).await,
                false => orders.send(host, order).await,
            };
            (host, sent)
        });
    }
    let mut answers = questions.join_all().await;
    answers.sort_by_key(|(host, _)| *host);
    answers
}

/// Tells every member who is coordinator once high availability is off. A host that is down, or
/// misses it, learns the same from the last epoch when its guard leaves. Who is in the pool goes
/// along, and again when it changed meanwhile: an older list must not have the last word.
pub(super) async fn name_coordinator(ha: &Ha, coordinator: HostId) {
    tell_until_same(|| present(ha), |members| tell(ha, members, coordinator)).await;
}

fn present(ha: &Ha) -> Vec<Member> {
    ha.state.identity.pool().map(|pool| pool.members).unwrap_or_default()
}

async fn tell(ha: &Ha, members: Vec<Member>, coordinator: HostId) {
    let hosts: Vec<HostId> = members.iter().map(|member| member.host).collect();
    let update = PoolUpdate { coordinator, members };
    let order = |_| Order::UpdatePool(Box::new(update.clone()));
    for (host, answer) in ask_all(ha, &hosts, order).await {
        if let Err(error) = answer {
            tracing::warn!(host = %host.0, %error, "a host was not told who coordinates");
        }
    }
}

/// Tells what `now` says, until it says the same after the telling as before it.
async fn tell_until_same<F: Future<Output = ()>>(
    now: impl Fn() -> Vec<Member>,
    tell: impl Fn(Vec<Member>) -> F,
) {
    for _ in 0..TELLS_MAX {
        let told = now();
        tell(told.clone()).await;
        if now() == told {
            return;
        }
    }
}

/// Waits until no host that answers is bound by the epochs of an arming that ended: until its guard
/// has read the last one, it refuses what this host orders without an epoch.
pub(super) async fn wait_unbound(ha: &Ha, coordinator: HostId) {
    let mut bound: Vec<HostId> = present(ha).iter().map(|member| member.host).collect();
    let until = Instant::now() + UNBOUND_MAX;
    while !bound.is_empty() && Instant::now() < until {
        let update = PoolUpdate { coordinator, members: present(ha) };
        let order = |_| Order::UpdatePool(Box::new(update.clone()));
        let answers = ask_all(ha, &bound, order).await;
        let stale = |answer: &OrderResult| {
            matches!(answer, Err(OrderError::Refused(Refusal::OlderEpoch { .. })))
        };
        bound = answers.into_iter().filter(|(_, a)| stale(a)).map(|(host, _)| host).collect();
        if !bound.is_empty() {
            tokio::time::sleep(UNBOUND_EVERY).await;
        }
    }
    for host in bound {
        tracing::warn!(host = %host.0, "a host has not read yet that high availability is off");
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

/// This host is not armed any more, and coordinates the pool if anybody does.
///
/// # Errors
/// `host.json` cannot be written: it still says that this host is armed.
pub(super) fn forget_arm(ha: &Ha) -> Result<(), ApiError> {
    let me = ha.state.identity.host();
    set_arm(ha, |pool| {
        pool.arm = None;
        pool.coordinator = me;
    })
}

/// This host is not armed any more, and who coordinates the pool is for a person to say: what this
/// host has on its disk may be old.
///
/// # Errors
/// `host.json` cannot be written.
pub(super) fn forget_arm_only(ha: &Ha) -> Result<(), ApiError> {
    let me = ha.state.identity.host();
    set_arm(ha, |pool| {
        pool.arm = None;
        if pool.coordinator == me {
            pool.coordinator = HostId(Uuid::nil());
        }
    })
}

/// A person gave up this arming on this host.
///
/// # Errors
/// `host.json` cannot be written.
pub(super) fn give_up(ha: &Ha, generation: Uuid) -> Result<(), ApiError> {
    set_arm(ha, |pool| pool.given_up = Some(generation))
}

/// This host may be armed from now on.
///
/// # Errors
/// `host.json` cannot be written.
pub(super) fn remember_arm(ha: &Ha, arm: &ArmConfig) -> Result<(), ApiError> {
    let own = super::pool_check::for_host(arm, ha.state.identity.host());
    set_arm(ha, |pool| pool.arm = Some(own))
}

fn set_arm(ha: &Ha, change: impl FnOnce(&mut PoolMembership)) -> Result<(), ApiError> {
    let changed = ha.state.identity.update(|identity| {
        if let Some(pool) = &mut identity.pool {
            change(pool);
        }
    });
    changed.map_err(ApiError::internal)
}

/// The configuration by which this host is armed.
pub(super) fn arm_config(ha: &Ha) -> Option<Box<ArmConfig>> {
    ha.state.identity.pool().and_then(|pool| pool.arm)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use haven_model::Holder;
    use haven_pooldb::{Database, MemStore};

    use super::*;

    #[tokio::test]
    async fn a_list_that_changed_while_it_was_told_is_told_again() {
        let member = |n: u128| Member {
            host: HostId(Uuid::from_u128(n)),
            name: format!("h{n}"),
            address: std::net::IpAddr::from([10, 0, 0, 1]),
            api_port: 443,
            peer_port: 8445,
        };
        let (known, told) = (std::cell::RefCell::new(vec![member(1)]), std::cell::Cell::new(0));
        let last = std::cell::RefCell::new(Vec::new());
        tell_until_same(
            || known.borrow().clone(),
            |members| {
                told.set(told.get() + 1);
                // A host joins while the first telling is on its way.
                if told.get() == 1 {
                    known.borrow_mut().push(member(2));
                }
                *last.borrow_mut() = members;
                std::future::ready(())
            },
        )
        .await;
        assert_eq!(told.get(), 2);
        assert_eq!(*last.borrow(), [member(1), member(2)]);
    }

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
        let id = |n: u128| Uuid::from_u128(n);
        let lives = Lives::new(7, BTreeMap::from([(id(1), 3), (id(2), 5)]));
        db.transact(|tx| stamp_holders(tx, &lives)).unwrap();
        let stamped: Vec<u64> =
            db.get(placement).unwrap().holders.iter().map(|holder| holder.incarnation).collect();
        assert_eq!(stamped, [3, 5]);
    }
}
