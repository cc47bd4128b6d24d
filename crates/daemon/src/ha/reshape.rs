//! The membership changes while the pool is armed: hosts come and go, time-outs change.
//!
//! Owns: bringing the guards' configuration in line with who is in the pool and with what is to
//! be tolerated. Level-triggered: a coordinator that died in the middle is followed by one that
//! finds the same difference. Its own guard comes first, which has the new places written and the
//! epoch decided; then the others; a host that is new is armed last.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use haven_cluster::control::{ArmConfig, GuardCommand, HostSpec};
use haven_cluster::ids::HostId;
use haven_model::{ApiError, Host, Pool, Ref, codes};
use haven_pooldb::Image;
use uuid::Uuid;

use super::pool_check::{self, GUARD_PORT};
use super::takeover::Ha;
use super::{arm, stock};
use crate::agent::permit::PermitGate;
use crate::identity::Member;
use crate::ops::{errors, host, host_down, rows};
use crate::orders::Order;

/// Slots of a statefile.
const SLOTS_MAX: u16 = 64;
/// First slot that was never given out since the pool was armed, in `pool.other_config`. A slot
/// belongs to one host for as long.
const NEXT_SLOT_KEY: &str = "haven_ha_next_slot";

/// Which configuration each host was told, and in which of its lives.
pub(super) type Told = BTreeMap<HostId, (u64, ArmConfig)>;

/// What `pool.ha_configuration` may change while the pool is armed: `profile` or `timeout`,
/// `isolation_addresses`, `isolation_response`. What is not named stays.
///
/// # Errors
/// High availability is off, a value means nothing, or no epoch was decided.
pub async fn set(ha: &Ha, config: BTreeMap<String, String>) -> Result<(), ApiError> {
    let _changing = ha.change(codes::HA_ENABLE_IN_PROGRESS).await?;
    let present = armed(ha)?;
    let (wishes, merged) = ha.state.pool.read(|db| merge(db, config)).await??;
    let next = ArmConfig {
        timing: wishes.timing,
        isolation_addresses: wishes.isolation,
        isolation_response: wishes.response,
        ..present
    };
    change(ha, &next).await?;
    let note = move |tx: &mut haven_pooldb::Tx<'_>| {
        let (pool, _) = rows::pool(tx)?;
        tx.update(pool, |row: &mut Pool| row.ha_configuration = merged)
    };
    ha.state.pool.write(note).await
}

type Merged = (pool_check::Wishes, BTreeMap<String, String>);

fn merge(db: &Image, config: BTreeMap<String, String>) -> Result<Merged, ApiError> {
    const KNOWN: [&str; 4] = ["profile", "timeout", "isolation_addresses", "isolation_response"];
    if let Some(key) = config.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"configuration", key]));
    }
    let (_, pool) = rows::pool(db)?;
    let mut merged = pool.ha_configuration.clone();
    if config.contains_key("timeout") {
        // It names a profile, too.
        merged.remove("profile");
    }
    merged.extend(config);
    Ok((pool_check::wishes(db, &merged)?, merged))
}

fn armed(ha: &Ha) -> Result<ArmConfig, ApiError> {
    let present = stock::arm_config(ha).filter(|_| ha.link.armed().is_some());
    let present = present.ok_or_else(|| ApiError::with(codes::HA_NOT_ENABLED, &[]))?;
    ha.state.check_may_act()?;
    Ok(*present)
}

/// Has this host's guard decide a configuration; the others are told by [`tell`].
async fn change(ha: &Ha, next: &ArmConfig) -> Result<(), ApiError> {
    let me = ha.state.identity.host();
    let command = GuardCommand::Reconfigure(pool_check::for_host(next, me));
    let sent = ha.state.orders.send(me, Order::Guard(Box::new(command))).await;
    sent.map_err(|error| errors::order(Ref::from_uuid(me.0), error))?;
    tracing::info!(hosts = next.hosts.len(), ?next.timing, "the guards' configuration changed");
    Ok(())
}

/// Looks for a difference between the pool and its guards, and mends it. The caller holds the
/// lock on changing.
pub(super) async fn look(ha: &Ha, told: &mut Told) -> Result<(), ApiError> {
    let Ok(present) = armed(ha) else {
        told.clear();
        return Ok(());
    };
    let Facts { enabled, tolerate, floor, without_watchdog } = ha.state.pool.read(facts).await??;
    if !enabled {
        return Ok(());
    }
    let members = ha.state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let next = reshaped(&present, &members, tolerate, floor)?;
    if next != present {
        keep_slots(ha, &next).await?;
        let fresh = added(&present, &next);
        arm::preflight_of(ha, &next, &fresh, without_watchdog).await?;
        change(ha, &next).await?;
    }
    // The lives first: whoever has none because somebody sent it away is marked so by then.
    let lives = ha.link.state().as_deref().map(super::decide::lives).unwrap_or_default();
    let gone = ha.state.pool.read(away).await?;
    tell(ha, &next, told, (&lives, &gone)).await;
    Ok(())
}

/// Hosts that somebody sent away: they come back by themselves.
fn away(db: &Image) -> Vec<HostId> {
    let hosts = db.iter::<Host>().map(|(found, _)| found);
    hosts.filter(|found| host_down::is_away(db, *found)).map(host::id).collect()
}

/// What the database says of the armed pool.
struct Facts {
    enabled: bool,
    tolerate: u32,
    /// The lowest slot that was never given to anybody.
    floor: u16,
    /// Accepted when the pool was armed; whoever joins later is asked for no more.
    without_watchdog: bool,
}

fn facts(db: &Image) -> Result<Facts, ApiError> {
    let (_, pool) = rows::pool(db)?;
    let tolerate = u32::try_from(pool.ha_host_failures_to_tolerate).unwrap_or(0).max(1);
    let floor = pool.other_config.get(NEXT_SLOT_KEY).and_then(|text| text.parse().ok());
    let without_watchdog = pool.ha_configuration.get("watchdog").is_some_and(|w| w == "none");
    Ok(Facts { enabled: pool.ha_enabled, tolerate, floor: floor.unwrap_or(0), without_watchdog })
}

/// The configuration for these members. A host that stays keeps its slot.
fn reshaped(
    present: &ArmConfig,
    members: &[Member],
    tolerate: u32,
    floor: u16,
) -> Result<ArmConfig, ApiError> {
    let member = |host: HostId| members.iter().any(|member| member.host == host);
    let mut next = ArmConfig { failures_to_tolerate: tolerate, ..present.clone() };
    next.hosts.retain(|spec| member(spec.host));
    let highest = present.hosts.iter().map(|spec| spec.slot + 1).max().unwrap_or(0);
    let mut slot = highest.max(floor);
    for member in members {
        if present.hosts.iter().any(|spec| spec.host == member.host) {
            continue;
        }
        if slot >= SLOTS_MAX {
            let text = "all places of the statefile were used; disable high availability and \
                        enable it again";
            return Err(ApiError::not_allowed(text));
        }
        let addresses = vec![SocketAddr::new(member.address, GUARD_PORT)];
        next.hosts.push(HostSpec { host: member.host, slot, addresses });
        slot += 1;
    }
    Ok(next)
}

/// Hosts of `next` that `present` lacks.
fn added(present: &ArmConfig, next: &ArmConfig) -> Vec<HostId> {
    let known = arm::hosts(present);
    arm::hosts(next).into_iter().filter(|host| !known.contains(host)).collect()
}

/// Slots are remembered before anybody could use them.
async fn keep_slots(ha: &Ha, next: &ArmConfig) -> Result<(), ApiError> {
    let free = next.hosts.iter().map(|spec| spec.slot + 1).max().unwrap_or(0);
    let note = move |tx: &mut haven_pooldb::Tx<'_>| {
        let (pool, row) = rows::pool(tx)?;
        let known = row.other_config.get(NEXT_SLOT_KEY).and_then(|text| text.parse().ok());
        let free = free.max(known.unwrap_or(0));
        tx.update(pool, |row: &mut Pool| {
            row.other_config.insert(NEXT_SLOT_KEY.to_owned(), free.to_string());
        })
    };
    ha.state.pool.write(note).await
}

/// Every other host gets the configuration, once in each of its lives; one whose guard is not
/// armed yet is armed by it.
async fn tell(
    ha: &Ha,
    config: &ArmConfig,
    told: &mut Told,
    (lives, away): (&BTreeMap<Uuid, u64>, &[HostId]),
) {
    let me = ha.state.identity.host();
    let life = |host: HostId| lives.get(&host.0).copied().unwrap_or(0);
    let news: Vec<HostId> = arm::hosts(config)
        .into_iter()
        .filter(|host| *host != me && !away.contains(host))
        .filter(|host| told.get(host) != Some(&(life(*host), config.clone())))
        .collect();
    let order = |host| {
        let own = pool_check::for_host(config, host);
        let command = match life(host) {
            // Nobody knows a life of it: its guard may never have been armed.
            0 => GuardCommand::Arm(own),
            _ => GuardCommand::Reconfigure(own),
        };
        Order::Guard(Box::new(command))
    };
    for (host, answer) in stock::ask_all(ha, &news, order).await {
        match answer {
            Ok(_) => {
                told.insert(host, (life(host), config.clone()));
            }
            // A host that is off is told when it is back.
            Err(error) => tracing::debug!(host = %host.0, %error, "a guard was not told yet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::ha::pool_check::tests_config;

    fn host(n: u8) -> HostId {
        HostId(Uuid::from_u128(u128::from(n)))
    }

    fn member(n: u8) -> Member {
        Member {
            host: host(n),
            name: format!("h{n}"),
            address: IpAddr::from([10, 0, 0, n]),
            api_port: 443,
            peer_port: 7443,
        }
    }

    fn slots(config: &ArmConfig) -> Vec<(HostId, u16)> {
        config.hosts.iter().map(|spec| (spec.host, spec.slot)).collect()
    }

    #[test]
    fn hosts_come_and_go_and_no_slot_is_given_out_twice() {
        let empty = tests_config(host(1));
        let three = reshaped(&empty, &[member(1), member(2), member(3)], 1, 0).unwrap();
        assert_eq!(slots(&three), [(host(1), 0), (host(2), 1), (host(3), 2)]);
        let same = reshaped(&three, &[member(3), member(2), member(1)], 1, 3).unwrap();
        assert_eq!(same, three);
        let two = reshaped(&three, &[member(1), member(2)], 1, 3).unwrap();
        let back = reshaped(&two, &[member(1), member(2), member(4)], 1, 3).unwrap();
        assert_eq!(slots(&back), [(host(1), 0), (host(2), 1), (host(4), 3)]);
        assert_eq!(added(&two, &back), [host(4)]);
        assert!(reshaped(&two, &[member(1), member(5)], 1, SLOTS_MAX).is_err());
        assert_eq!(reshaped(&two, &[member(1)], 2, 3).unwrap().failures_to_tolerate, 2);
    }
}
