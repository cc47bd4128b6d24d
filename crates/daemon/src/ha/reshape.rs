//! The membership changes while the pool is armed: hosts come and go, time-outs change.
//!
//! Owns: bringing the guards' configuration in line with who is in the pool, with what is to be
//! tolerated, and with the time-outs and isolation that a person chose. Level-triggered: a coordinator that died in the middle is followed by one that
//! finds the same difference. Its own guard comes first, which has the new places written and the
//! epoch decided; then the others; a host that is new is armed last.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use haven_cluster::control::{ArmConfig, GuardCommand, HostSpec, IsolationResponse};
use haven_cluster::ids::HostId;
use haven_cluster::timing::Timing;
use haven_model::{ApiError, Host, Pool, Ref, codes};
use haven_pooldb::Image;

use super::pool_check::{self, GUARD_PORT};
use super::slots::Slots;
use super::takeover::Ha;
use super::tell::{Told, is_silent, tell};
use super::{arm, mtu, stock};
use crate::agent::permit::PermitGate;
use crate::identity::Member;
use crate::ops::{errors, host, host_down, roster, rows};
use crate::orders::Order;

/// What `pool.ha_configuration` may change while the pool is armed: `profile` or `timeout`,
/// `isolation_addresses`, `isolation_response`, `late_write_s`. What is not named stays.
///
/// # Errors
/// High availability is off, a value means nothing, the watchdog of a host cannot bite that soon, or no
/// epoch was decided.
pub async fn set(ha: &Ha, config: BTreeMap<String, String>) -> Result<(), ApiError> {
    let _changing = ha.change(codes::HA_ENABLE_IN_PROGRESS).await?;
    // What is decided names the hosts of the pool, and this guard may not have been told of all.
    if is_decided(ha, &armed(ha)?) == Some(false) {
        look(ha, &mut Told::in_haste()).await?;
    }
    let present = armed(ha)?;
    let (wishes, merged) = ha.state.pool.read(|db| merge(db, config)).await??;
    let before_ms = present.timing.t_wd_ms;
    let next = ArmConfig {
        timing: wishes.timing,
        isolation_addresses: wishes.isolation,
        isolation_response: wishes.response,
        ..present
    };
    if next.timing.t_wd_ms < before_ms {
        arm::check_watchdogs(ha, &next).await?;
    }
    change(ha, &next).await?;
    let note = move |tx: &mut haven_pooldb::Tx<'_>| {
        let (pool, _) = rows::pool(tx)?;
        tx.update(pool, |row: &mut Pool| row.ha_configuration = merged)
    };
    ha.state.pool.write(note).await
}

type Merged = (pool_check::Wishes, BTreeMap<String, String>);

fn merge(db: &Image, config: BTreeMap<String, String>) -> Result<Merged, ApiError> {
    const KNOWN: [&str; 5] =
        ["profile", "timeout", "isolation_addresses", "isolation_response", "late_write_s"];
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

/// Looks for a difference between the pool and its guards at once, and mends it.
///
/// # Errors
/// As for [`look`]; what is not mended now is later.
pub async fn now(ha: &Ha) -> Result<(), ApiError> {
    let _changing = ha.change(codes::HA_ENABLE_IN_PROGRESS).await?;
    look(ha, &mut Told::in_haste()).await
}

/// Looks for a difference between the pool and its guards, and mends it. The caller holds the
/// lock on changing.
pub(super) async fn look(ha: &Ha, told: &mut Told) -> Result<(), ApiError> {
    let Ok(present) = armed(ha) else {
        *told = Told::default();
        return Ok(());
    };
    let seen = present.clone();
    let found = ha.state.pool.read(move |db| facts(db, &seen)).await??;
    let Facts { enabled, tolerate, mut slots, beats, without_watchdog, chosen } = found;
    if !enabled {
        return Ok(());
    }
    roster::settle(&ha.state).await?;
    let members = ha.state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let before = slots.clone();
    let mut next = reshaped(&present, &members, tolerate, &mut slots, &beats)?;
    match chosen {
        Some(chosen) => chosen.put_into(&mut next),
        // What the guards have stays.
        None => next.timing = decided_timing(ha).unwrap_or(next.timing),
    }
    if slots != before {
        keep_slots(ha, slots).await?;
    }
    // Who cannot be armed yet holds up nobody else. Who has a place was found fit before, by a coordinator
    // that did not come to tell this guard.
    let mut fresh = added(&present, &next);
    fresh.retain(|host| !has_place(ha, &next, *host));
    let unfit = unfit(ha, (&present, &next, &fresh), without_watchdog, told).await?;
    next.hosts.retain(|spec| !unfit.contains(&spec.host));
    if next != present || is_decided(ha, &next) == Some(false) {
        change(ha, &next).await?;
    }
    // The lives first: whoever has none because somebody sent it away is marked so by then.
    let lives = ha.link.state().as_deref().map(haven_failover::lives).unwrap_or_default();
    let gone = ha.state.pool.read(away).await?;
    tell(ha, &next, told, (&lives, &gone)).await;
    told.keep(|host| members.iter().any(|member| member.host == host));
    Ok(())
}

/// Which of the hosts `fresh` cannot be armed by this configuration yet.
async fn unfit(
    ha: &Ha,
    (present, next, fresh): (&ArmConfig, &ArmConfig, &[HostId]),
    without_watchdog: bool,
    told: &mut Told,
) -> Result<Vec<HostId>, ApiError> {
    let rests = |host: &HostId| told.rests(*host, is_silent(ha, *host), Instant::now());
    let (mut unfit, asked): (Vec<HostId>, Vec<HostId>) =
        fresh.iter().copied().partition(|host| rests(host));
    let peers = members_of(ha);
    let mut found = odd(ha, &asked, arm::hosts(present)).await?;
    let sound: Vec<HostId> =
        asked.iter().copied().filter(|host| found.iter().all(|(odd, _)| odd != host)).collect();
    found.extend(arm::preflight_of(ha, next, (&sound, &peers), without_watchdog).await);
    let fit = |host: &HostId| found.iter().all(|(unfit, _)| unfit != host);
    asked.iter().copied().filter(fit).for_each(|host| told.works(host));
    for (host, error) in found {
        let silent = is_silent(ha, host);
        if told.fails(host, (silent, &error.to_string()), Instant::now()) {
            tracing::warn!(host = %host.0, %error, "a new host cannot be armed yet; it is tried again");
        }
        unfit.push(host);
    }
    Ok(unfit)
}

/// Which of the hosts `fresh` have an MTU that no host that is armed has.
async fn odd(
    ha: &Ha,
    fresh: &[HostId],
    armed: Vec<HostId>,
) -> Result<Vec<(HostId, ApiError)>, ApiError> {
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    let fresh = fresh.to_vec();
    let judge = move |db: &Image| {
        let (_, pool) = rows::pool(db)?;
        Ok(mtu::strangers(db, &pool.ha_configuration, (&fresh, &armed)))
    };
    ha.state.pool.read(judge).await?
}

/// Hosts with a life in the newest epoch whose daemons report. No other one must be seen by who comes: one
/// that is off, or new itself, would keep it out.
fn members_of(ha: &Ha) -> Vec<HostId> {
    let lives = ha.link.state().as_deref().map(haven_failover::lives).unwrap_or_default();
    lives.into_keys().map(HostId).filter(|host| !is_silent(ha, *host)).collect()
}

/// Whether the newest epoch is what this configuration asks for; `None`: nobody knows. What was decided after its
/// call had failed is undone.
fn is_decided(ha: &Ha, config: &ArmConfig) -> Option<bool> {
    ha.link.state()?.epoch.as_ref()?.is_as(config)
}

/// The time-outs of the newest epoch.
fn decided_timing(ha: &Ha) -> Option<Timing> {
    ha.link.state()?.epoch.as_ref()?.timing
}

/// The places of a record that says nothing of places: any host may be admitted, and nobody was found fit.
const EVERY_PLACE: u64 = u64::MAX;

/// Whether the newest epoch may admit this host of a configuration, for it was found fit.
fn has_place(ha: &Ha, config: &ArmConfig, host: HostId) -> bool {
    let spec = config.hosts.iter().find(|spec| spec.host == host);
    let state = ha.link.state();
    let epoch = state.as_ref().and_then(|state| state.epoch.as_ref());
    epoch.zip(spec).is_some_and(|(epoch, spec)| {
        let member = epoch.members.iter().any(|life| life.host == host);
        let says = epoch.places.is_some_and(|places| places != EVERY_PLACE);
        member || says && !epoch.is_without(spec.slot)
    })
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
    slots: Slots,
    /// Addresses of the hosts on heartbeat networks besides the management network.
    beats: BTreeMap<HostId, Vec<IpAddr>>,
    /// Accepted when the pool was armed; whoever joins later is asked for no more.
    without_watchdog: bool,
    /// `None`: it cannot be told, and what the guards have stays.
    chosen: Option<Chosen>,
}

/// What a person chose for the armed pool ([`set`]). It holds also where this guard was not told of it: the
/// coordinator that had it decided may have died before it told anybody.
struct Chosen {
    timing: Timing,
    response: IsolationResponse,
    /// `None`: not named; what was found when the pool was armed stays.
    isolation: Option<Vec<IpAddr>>,
}

impl Chosen {
    fn of(db: &Image, configuration: &BTreeMap<String, String>) -> Option<Self> {
        let mut config = configuration.clone();
        // Addresses there are another matter, and one that is missing changes nothing here.
        config.remove("heartbeat_networks");
        let wishes = pool_check::wishes(db, &config).ok()?;
        let named = config.contains_key("isolation_addresses");
        let isolation = named.then_some(wishes.isolation);
        Some(Self { timing: wishes.timing, response: wishes.response, isolation })
    }

    fn put_into(self, config: &mut ArmConfig) {
        config.timing = self.timing;
        config.isolation_response = self.response;
        if let Some(isolation) = self.isolation {
            config.isolation_addresses = isolation;
        }
    }
}

fn facts(db: &Image, present: &ArmConfig) -> Result<Facts, ApiError> {
    let (_, pool) = rows::pool(db)?;
    let tolerate = u32::try_from(pool.ha_host_failures_to_tolerate).unwrap_or(0).max(1);
    let without_watchdog = pool.ha_configuration.get("watchdog").is_some_and(|w| w == "none");
    Ok(Facts {
        enabled: pool.ha_enabled,
        tolerate,
        slots: Slots::of(pool, present),
        beats: pool_check::beats_of(db, &pool.ha_configuration),
        without_watchdog,
        chosen: Chosen::of(db, &pool.ha_configuration),
    })
}

/// The configuration for these members: each in its place, at its present addresses.
fn reshaped(
    present: &ArmConfig,
    members: &[Member],
    tolerate: u32,
    slots: &mut Slots,
    beats: &BTreeMap<HostId, Vec<IpAddr>>,
) -> Result<ArmConfig, ApiError> {
    let member = |host: HostId| members.iter().find(|member| member.host == host);
    slots.keep(|host| member(host).is_some());
    let mut hosts: Vec<HostSpec> = Vec::new();
    // Those that the guards know first: places are given out in the order of joining.
    let known = present.hosts.iter().filter_map(|spec| member(spec.host));
    let new = members.iter().filter(|new| present.hosts.iter().all(|old| old.host != new.host));
    for member in known.chain(new) {
        let old = present.hosts.iter().find(|spec| spec.host == member.host);
        let addresses = addresses(member, old, beats.get(&member.host));
        hosts.push(HostSpec { host: member.host, slot: slots.place(member.host)?, addresses });
    }
    hosts.sort_by_key(|spec| spec.slot);
    Ok(ArmConfig { failures_to_tolerate: tolerate, hosts, ..present.clone() })
}

/// Where a member's guard listens. What cannot be said of its further networks now stays.
fn addresses(
    member: &Member,
    old: Option<&HostSpec>,
    beats: Option<&Vec<IpAddr>>,
) -> Vec<SocketAddr> {
    let further: Vec<SocketAddr> = match (beats, old) {
        (Some(found), _) => found.iter().map(|ip| SocketAddr::new(*ip, GUARD_PORT)).collect(),
        (None, Some(old)) => old.addresses.iter().skip(1).copied().collect(),
        (None, None) => Vec::new(),
    };
    std::iter::once(SocketAddr::new(member.address, GUARD_PORT)).chain(further).collect()
}

/// Hosts of `next` that `present` lacks.
fn added(present: &ArmConfig, next: &ArmConfig) -> Vec<HostId> {
    let known = arm::hosts(present);
    arm::hosts(next).into_iter().filter(|host| !known.contains(host)).collect()
}

/// Places are remembered before anybody could use them.
async fn keep_slots(ha: &Ha, slots: Slots) -> Result<(), ApiError> {
    let note = move |tx: &mut haven_pooldb::Tx<'_>| {
        let (pool, _) = rows::pool(tx)?;
        tx.update(pool, |row: &mut Pool| slots.write(row))
    };
    ha.state.pool.write(note).await
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use uuid::Uuid;

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
        let mut known = Slots::of(&Pool::default(), &empty);
        let none = BTreeMap::new();
        let mut reshape = |present: &ArmConfig, members: &[Member], tolerate| {
            reshaped(present, members, tolerate, &mut known, &none).unwrap()
        };
        let three = reshape(&empty, &[member(1), member(2), member(3)], 1);
        assert_eq!(slots(&three), [(host(1), 0), (host(2), 1), (host(3), 2)]);
        assert_eq!(reshape(&three, &[member(3), member(2), member(1)], 1), three);
        let two = reshape(&three, &[member(1), member(2)], 1);
        let back = reshape(&two, &[member(1), member(2), member(4)], 1);
        assert_eq!(slots(&back), [(host(1), 0), (host(2), 1), (host(4), 3)]);
        assert_eq!(added(&two, &back), [host(4)]);
        // A coordinator that missed all that: its guard knows the first three.
        let late = reshape(&three, &[member(1), member(2), member(4)], 2);
        assert_eq!(slots(&late), slots(&back));
        assert_eq!(late.failures_to_tolerate, 2);
    }

    #[test]
    fn a_host_that_was_given_another_address_keeps_its_place_and_its_further_networks() {
        let empty = tests_config(host(1));
        let mut known = Slots::of(&Pool::default(), &empty);
        let beats = BTreeMap::from([(host(2), vec![IpAddr::from([10, 9, 0, 2])])]);
        let both = [member(1), member(2)];
        let present = reshaped(&empty, &both, 1, &mut known, &beats).unwrap();
        let moved = Member { address: IpAddr::from([10, 0, 0, 77]), ..member(2) };
        let members = [member(1), moved];
        // What the database cannot say of the further network now is taken from before.
        let next = reshaped(&present, &members, 1, &mut known, &BTreeMap::new()).unwrap();
        assert_eq!(slots(&next), slots(&present));
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(next.hosts[1].addresses, [at("10.0.0.77:694"), at("10.9.0.2:694")]);
        assert_eq!(next.hosts[0], present.hosts[0]);
        assert!(added(&present, &next).is_empty());
    }
}
