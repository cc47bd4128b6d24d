//! What must hold in the pool before high availability is armed, as far as the database knows it;
//! and the configuration that follows. Pure.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use haven_cluster::control::{ArmConfig, HostSpec, IsolationResponse, StatefileSpec};
use haven_cluster::ids::HostId;
use haven_cluster::keys::{Keys, Secret};
use haven_cluster::timing::{Profile, Timing};
use haven_model::{
    ApiError, Host, HostMetrics, IpConfigurationMode, Network, Pbd, Pif, Ref, Sr, codes,
};
use haven_pooldb::Image;
use uuid::Uuid;

use super::area::METADATA_BYTES;
use crate::identity::Member;
use crate::ops::{rows, spec};

/// Size of a statefile.
pub const STATEFILE_BYTES: u64 = 4 << 20;
/// Port of the guards.
pub const GUARD_PORT: u16 = 694;
/// Most heartbeat networks besides the management network.
const HEARTBEAT_NETWORKS_MAX: usize = 3;
/// Fewest hosts: one alone has nobody to take over.
const HOSTS_MIN: usize = 2;
/// Up to this many seconds of `timeout` the fast profile is meant.
const FAST_TIMEOUT_S: u64 = 10;
/// Up to this many the default one.
const DEFAULT_TIMEOUT_S: u64 = 40;

/// The repositories of the statefiles and all hosts, if the pool can be armed.
///
/// # Errors
/// The first thing that is in the way, as a catalogue error.
pub fn check(db: &Image, wanted: &[Ref<Sr>]) -> Result<Vec<Ref<Sr>>, ApiError> {
    let (_, pool) = rows::pool(db)?;
    if pool.ha_enabled {
        return Err(ApiError::with(codes::HA_IS_ENABLED, &[]));
    }
    check_anew(db, wanted)
}

/// The same for a pool that is armed, and to be armed anew.
///
/// # Errors
/// The first thing that is in the way, as a catalogue error.
pub fn check_anew(db: &Image, wanted: &[Ref<Sr>]) -> Result<Vec<Ref<Sr>>, ApiError> {
    let hosts: Vec<(Ref<Host>, &Host)> = db.iter::<Host>().collect();
    if hosts.len() < HOSTS_MIN {
        return Err(ApiError::with(codes::HA_TOO_FEW_HOSTS, &[]));
    }
    for (host, row) in &hosts {
        let live = db.get::<HostMetrics>(row.metrics).is_some_and(|metrics| metrics.live);
        if !live {
            return Err(ApiError::with(codes::HOST_OFFLINE, &[host]));
        }
    }
    let srs = self::wanted(db, wanted);
    let chosen = match srs.len() {
        0 => return Err(ApiError::with(codes::CANNOT_CREATE_STATE_FILE, &[])),
        // Two statefiles would be worse than one: both must answer.
        1 | 2 => srs.into_iter().take(1).collect(),
        _ => srs.into_iter().take(3).collect::<Vec<_>>(),
    };
    for sr in &chosen {
        check_sr(db, *sr, &hosts)?;
    }
    Ok(chosen)
}

/// The repositories that are meant: the named ones, else what there is.
#[must_use]
pub fn wanted(db: &Image, named: &[Ref<Sr>]) -> Vec<Ref<Sr>> {
    if named.is_empty() { candidates(db) } else { named.to_vec() }
}

/// Shared repositories for disks, the default one first.
fn candidates(db: &Image) -> Vec<Ref<Sr>> {
    let default = rows::pool(db).map(|(_, pool)| pool.default_sr).unwrap_or_default();
    let usable = |row: &Sr| row.shared && row.content_type != "iso" && row.r#type != "iso";
    let mut srs: Vec<_> = db.iter::<Sr>().filter(|(_, row)| usable(row)).collect();
    srs.sort_by_key(|(sr, _)| (*sr != default, *sr));
    srs.into_iter().map(|(sr, _)| sr).take(1).collect()
}

fn check_sr(db: &Image, sr: Ref<Sr>, hosts: &[(Ref<Host>, &Host)]) -> Result<(), ApiError> {
    let row = db.require(sr)?;
    if !row.shared {
        return Err(ApiError::with(codes::HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED, &[&sr]));
    }
    let attached = |host: Ref<Host>| {
        let pbds = row.pbds.iter().filter_map(|pbd| db.get::<Pbd>(*pbd));
        pbds.into_iter().any(|pbd| pbd.host == host && pbd.currently_attached)
    };
    for (host, host_row) in hosts {
        if !attached(*host) {
            let text = format!(
                "host {} has {} not attached; plug its PBD there",
                host_row.name_label, row.name_label
            );
            return Err(ApiError::from_wire(codes::HA_HOST_CANNOT_ACCESS_STATEFILE, vec![text]));
        }
    }
    let size = u64::try_from(row.physical_size).unwrap_or(0);
    let free = size.saturating_sub(u64::try_from(row.physical_utilisation).unwrap_or(0));
    let needed = METADATA_BYTES + STATEFILE_BYTES;
    if size > 0 && free < needed {
        return Err(ApiError::with(codes::HA_SR_NO_SPACE, &[&sr, &needed, &free]));
    }
    Ok(())
}

/// The directory of system volumes of a repository on a host.
///
/// # Errors
/// The host has no PBD for it.
pub fn sr_spec(
    db: &Image,
    sr: Ref<Sr>,
    host: Ref<Host>,
) -> Result<haven_drivers::storage::SrSpec, ApiError> {
    spec::sr(db, sr, host)
}

/// What the administrator may say in `configuration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// Time-outs.
    pub timing: Timing,
    /// Gateways; from the management PIFs when nothing is said.
    pub isolation: Vec<IpAddr>,
    /// What a cut-off host does.
    pub response: IsolationResponse,
    /// Addresses of each host on heartbeat networks besides the management network.
    pub beats: BTreeMap<HostId, Vec<IpAddr>>,
    /// Hosts without a watchdog are accepted.
    pub without_watchdog: bool,
}

/// Reads the configuration: `profile` (`fast`, `default`, `conservative`) or XenAPI's `timeout`
/// (seconds, mapped to a profile), `isolation_addresses`, `isolation_response`,
/// `heartbeat_networks` (uuids of networks that carry beats besides the management network),
/// `late_write_s` (seconds for which a write of a host that was reset may still land, where that is more
/// than the profile says), and `watchdog`, which is `none` where hosts without one are accepted.
///
/// # Errors
/// A value that means nothing.
pub fn wishes(db: &Image, config: &BTreeMap<String, String>) -> Result<Wishes, ApiError> {
    // What the policy says of room and restarts is refused as a whole, before anything changes.
    crate::ops::ha_policy::HaPolicy::read(config)?;
    let invalid =
        |field: &str, value: &str| ApiError::with(codes::INVALID_VALUE, &[&field, &value]);
    let profile = match (config.get("profile").map(String::as_str), config.get("timeout")) {
        (Some("fast"), _) => Profile::Fast,
        (Some("default"), _) | (None, None) => Profile::Default,
        (Some("conservative"), _) => Profile::Conservative,
        (Some(other), _) => return Err(invalid("profile", other)),
        (None, Some(text)) => match text.parse::<u64>() {
            Ok(seconds) if seconds <= FAST_TIMEOUT_S => Profile::Fast,
            Ok(seconds) if seconds <= DEFAULT_TIMEOUT_S => Profile::Default,
            Ok(_) => Profile::Conservative,
            Err(_) => return Err(invalid("timeout", text)),
        },
    };
    let response = match config.get("isolation_response").map(String::as_str) {
        None | Some("fence") => IsolationResponse::Fence,
        Some("shutdown") => IsolationResponse::Shutdown,
        Some("hold") => IsolationResponse::Hold,
        Some(other) => return Err(invalid("isolation_response", other)),
    };
    let isolation = match config.get("isolation_addresses") {
        Some(text) => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            let parsed =
                words.map(|word| word.parse().map_err(|_| invalid("isolation_addresses", word)));
            parsed.collect::<Result<_, _>>()?
        }
        None => gateways(db),
    };
    let without_watchdog = match config.get("watchdog").map(String::as_str) {
        None | Some("required") => false,
        Some("none") => true,
        Some(other) => return Err(invalid("watchdog", other)),
    };
    let networks = config.get("heartbeat_networks").map(String::as_str).unwrap_or_default();
    let beats = beats(db, networks)?;
    let timing = timing(profile, config.get("late_write_s").map(String::as_str))?;
    Ok(Wishes { timing, isolation, response, beats, without_watchdog })
}

/// The time-outs of a profile, with a longer wait for late writes.
fn timing(profile: Profile, late_s: Option<&str>) -> Result<Timing, ApiError> {
    let timing = Timing::of(profile);
    let Some(text) = late_s.filter(|text| !text.is_empty()) else { return Ok(timing) };
    let range = timing.late_range();
    let late_ms = text.parse::<u32>().ok().and_then(|late_s| late_s.checked_mul(1_000));
    let t_late_ms = late_ms.filter(|ms| range.contains(ms)).ok_or_else(|| {
        let (least, most) = (range.start() / 1_000, range.end() / 1_000);
        let text = format!("{text} ({least} to {most} with this profile)");
        ApiError::with(codes::INVALID_VALUE, &[&"late_write_s", &text])
    })?;
    Ok(Timing { t_late_ms, ..timing })
}

/// The addresses of every host on the named networks, network by network.
fn beats(db: &Image, networks: &str) -> Result<BTreeMap<HostId, Vec<IpAddr>>, ApiError> {
    let mut found: BTreeMap<HostId, Vec<IpAddr>> = BTreeMap::new();
    let uuids: Vec<&str> =
        networks.split(',').map(str::trim).filter(|uuid| !uuid.is_empty()).collect();
    if uuids.len() > HEARTBEAT_NETWORKS_MAX {
        let text = format!("{networks} (at most {HEARTBEAT_NETWORKS_MAX})");
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"heartbeat_networks", &text]));
    }
    for uuid in uuids {
        let network = db.find_uuid::<Network>(uuid);
        let network = network.ok_or_else(|| ApiError::uuid_invalid::<Network>(uuid))?;
        for (host, _) in db.iter::<Host>() {
            let pif = db.iter::<Pif>().find(|(_, pif)| pif.host == host && pif.network == network);
            let missing = || ApiError::with(codes::INTERFACE_HAS_NO_IP, &[&uuid]);
            let (_, pif) = pif.ok_or_else(missing)?;
            if pif.management {
                continue;
            }
            if pif.ip_configuration_mode == IpConfigurationMode::Dhcp {
                return Err(ApiError::with(codes::HOST_IP_NOT_STATIC, &[&pif.device]));
            }
            let address = pif.ip.parse().map_err(|_| missing())?;
            let host = HostId(Uuid::from_u128(host.id().0));
            found.entry(host).or_default().push(address);
        }
    }
    Ok(found)
}

/// The addresses of every host on the heartbeat networks that were chosen when the pool was armed.
/// Hosts of which that cannot be said now are left out.
#[must_use]
pub fn beats_of(db: &Image, config: &BTreeMap<String, String>) -> BTreeMap<HostId, Vec<IpAddr>> {
    let networks = config.get("heartbeat_networks").map(String::as_str).unwrap_or_default();
    beats(db, networks).unwrap_or_default()
}

fn gateways(db: &Image) -> Vec<IpAddr> {
    let management = db.iter::<Pif>().filter(|(_, pif)| pif.management);
    let mut found: Vec<IpAddr> =
        management.filter_map(|(_, pif)| pif.gateway.parse().ok()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// What all guards have in common; `host` is filled in per host.
#[must_use]
pub fn arm_config(
    members: &[Member],
    coordinator: HostId,
    statefiles: Vec<StatefileSpec>,
    wishes: &Wishes,
    (generation, key, failures_to_tolerate): (Uuid, Secret, u32),
) -> ArmConfig {
    let mut members: Vec<&Member> = members.iter().collect();
    members.sort_by_key(|member| member.host);
    let hosts = (0..).zip(members).map(|(slot, member)| HostSpec {
        host: member.host,
        slot,
        addresses: std::iter::once(member.address)
            .chain(wishes.beats.get(&member.host).into_iter().flatten().copied())
            .map(|address| SocketAddr::new(address, GUARD_PORT))
            .collect(),
    });
    ArmConfig {
        generation,
        host: coordinator,
        keys: Keys::one(key),
        statefiles,
        hosts: hosts.collect(),
        timing: wishes.timing,
        failures_to_tolerate,
        isolation_addresses: wishes.isolation.clone(),
        isolation_response: wishes.response,
        first_coordinator: coordinator,
    }
}

/// The same for another host.
#[must_use]
pub fn for_host(config: &ArmConfig, host: HostId) -> Box<ArmConfig> {
    Box::new(ArmConfig { host, ..config.clone() })
}

/// A configuration of two hosts, for tests.
#[cfg(test)]
pub(super) fn tests_config(first: HostId) -> ArmConfig {
    ArmConfig {
        generation: Uuid::nil(),
        host: first,
        keys: Keys::one(String::new()),
        statefiles: Vec::new(),
        hosts: Vec::new(),
        timing: Timing::of(Profile::Fast),
        failures_to_tolerate: 1,
        isolation_addresses: Vec::new(),
        isolation_response: IsolationResponse::Fence,
        first_coordinator: first,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use haven_model::Pool;
    use haven_pooldb::{Database, MemStore, Tx};

    use super::*;

    pub(in crate::ha) fn database(
        build: impl FnOnce(&mut Tx<'_>) -> Result<(), ApiError>,
    ) -> Database {
        let ids = Box::new(|| Uuid::new_v4().as_u128());
        let mut db = Database::open(Box::new(MemStore::default()), ids).unwrap();
        db.transact(build).unwrap();
        db
    }

    /// A pool of hosts with one shared repository that they have attached.
    fn pool(tx: &mut Tx<'_>, hosts: u32) -> Result<Ref<Sr>, ApiError> {
        let shared = Sr { shared: true, physical_size: 1 << 40, ..Sr::default() };
        let sr = tx.insert(shared)?;
        tx.insert(Pool { default_sr: sr, ..Pool::default() })?;
        for _ in 0..hosts {
            let metrics = tx.insert(HostMetrics { live: true, ..HostMetrics::default() })?;
            let host = tx.insert(Host { metrics, ..Host::default() })?;
            tx.insert(Pbd { host, sr, currently_attached: true, ..Pbd::default() })?;
        }
        Ok(sr)
    }

    #[test]
    fn a_sound_pool_may_be_armed_and_finds_its_repository() {
        let db = database(|tx| pool(tx, 2).map(|_| ()));
        let srs = check(&db, &[]).unwrap();
        assert_eq!(srs.len(), 1);
        assert_eq!(check(&db, &[srs[0], srs[0]]).unwrap().len(), 1, "two count as one");
    }

    fn code(build: impl FnOnce(&mut Tx<'_>) -> Result<(), ApiError>) -> String {
        check(&database(build), &[]).unwrap_err().code.to_string()
    }

    #[test]
    fn what_is_in_the_way_has_a_name() {
        assert_eq!(code(|tx| pool(tx, 1).map(|_| ())), "HA_TOO_FEW_HOSTS");
        let armed = code(|tx| {
            pool(tx, 2)?;
            let (reference, _) = rows::pool(tx)?;
            tx.update(reference, |row: &mut Pool| row.ha_enabled = true)
        });
        assert_eq!(armed, "HA_IS_ENABLED");
        let down = code(|tx| {
            pool(tx, 2)?;
            tx.insert(Host::default()).map(|_| ())
        });
        assert_eq!(down, "HOST_OFFLINE");
        let detached = code(|tx| {
            pool(tx, 2)?;
            let metrics = tx.insert(HostMetrics { live: true, ..HostMetrics::default() })?;
            tx.insert(Host { metrics, ..Host::default() }).map(|_| ())
        });
        assert_eq!(detached, "HA_HOST_CANNOT_ACCESS_STATEFILE");
        let full = code(|tx| {
            let sr = pool(tx, 2)?;
            tx.update(sr, |row: &mut Sr| row.physical_utilisation = (1 << 40) - 1)
        });
        assert_eq!(full, "HA_SR_NO_SPACE");
        let local = code(|tx| {
            let sr = pool(tx, 2)?;
            tx.update(sr, |row: &mut Sr| row.shared = false)
        });
        assert_eq!(local, "CANNOT_CREATE_STATE_FILE");
    }

    #[test]
    fn a_repository_of_one_host_is_refused_by_name() {
        let db = database(|tx| {
            let sr = pool(tx, 2)?;
            tx.update(sr, |row: &mut Sr| row.shared = false)
        });
        let sr = db.iter::<Sr>().next().unwrap().0;
        let error = check(&db, &[sr]).unwrap_err();
        assert_eq!(error.code, "HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED");
    }

    #[test]
    fn wishes_are_understood_or_refused() {
        let db = database(|tx| {
            pool(tx, 2)?;
            let pif = |gateway: &str, management| Pif {
                gateway: gateway.to_owned(),
                management,
                ..Pif::default()
            };
            tx.insert(pif("10.0.0.1", true))?;
            tx.insert(pif("10.9.9.9", false)).map(|_| ())
        });
        let say = |pairs: &[(&str, &str)]| {
            let map = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            wishes(&db, &map)
        };
        let plain = say(&[]).unwrap();
        assert_eq!(plain.timing, Timing::of(Profile::Default));
        assert_eq!(plain.isolation, ["10.0.0.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(say(&[("timeout", "5")]).unwrap().timing, Timing::of(Profile::Fast));
        assert_eq!(say(&[("timeout", "60")]).unwrap().timing, Timing::of(Profile::Conservative));
        let late = |profile, seconds| say(&[("profile", profile), ("late_write_s", seconds)]);
        let slow = late("conservative", "30").unwrap().timing;
        assert_eq!(slow, Timing { t_late_ms: 30_000, ..Timing::of(Profile::Conservative) });
        assert_eq!(slow.check(), Ok(()));
        assert_eq!(late("default", "10").unwrap().timing.check(), Ok(()));
        assert_eq!(late("fast", "").unwrap().timing, Timing::of(Profile::Fast));
        let refused = late("fast", "30").unwrap_err().to_string();
        assert!(refused.contains("4 to 4 with this profile"), "{refused}");
        // Sooner than the profile has it would be no safety.
        assert!(late("default", "4").is_err() && late("default", "soon").is_err());
        let two = say(&[("isolation_addresses", "10.0.0.1, fe80::1")]).unwrap();
        assert_eq!(two.isolation.len(), 2);
        assert!(say(&[("profile", "reckless")]).is_err());
        assert!(say(&[("isolation_response", "pray")]).is_err());
        assert!(say(&[("isolation_addresses", "gateway")]).is_err());
        assert!(!plain.without_watchdog && say(&[("watchdog", "none")]).unwrap().without_watchdog);
        assert!(say(&[("watchdog", "later")]).is_err());
    }

    #[test]
    fn beats_go_over_further_networks_where_every_host_has_a_fixed_address() {
        let uuid = Uuid::new_v4().to_string();
        let make = |modes: [IpConfigurationMode; 2]| {
            let uuid = uuid.clone();
            database(move |tx| {
                pool(tx, 2)?;
                let network = tx.insert(Network { uuid, ..Network::default() })?;
                let hosts: Vec<Ref<Host>> = tx.iter::<Host>().map(|(host, _)| host).collect();
                for (number, (host, mode)) in (1..).zip(hosts.into_iter().zip(modes)) {
                    let ip = match mode {
                        IpConfigurationMode::None => String::new(),
                        _ => format!("10.88.0.{number}"),
                    };
                    tx.insert(Pif {
                        host,
                        network,
                        ip,
                        ip_configuration_mode: mode,
                        ..Pif::default()
                    })?;
                }
                Ok(())
            })
        };
        use IpConfigurationMode::{Dhcp, None as Bare, Static};
        let good = beats(&make([Static, Static]), &uuid).unwrap();
        assert_eq!(good.len(), 2);
        assert!(good.values().all(|addresses| addresses.len() == 1));
        let code = |db: &Database, text: &str| beats(db, text).unwrap_err().code;
        assert_eq!(code(&make([Static, Dhcp]), &uuid), codes::HOST_IP_NOT_STATIC);
        assert_eq!(code(&make([Static, Bare]), &uuid), codes::INTERFACE_HAS_NO_IP);
        assert_eq!(code(&make([Static, Static]), "eth7"), codes::UUID_INVALID);
        assert!(beats(&make([Static, Static]), "").unwrap().is_empty());
    }

    #[test]
    fn slots_do_not_depend_on_the_order_of_members() {
        let member = |host: u128| Member {
            host: HostId(Uuid::from_u128(host)),
            name: String::new(),
            address: IpAddr::from([10, 0, 0, u8::try_from(host).unwrap()]),
            api_port: 443,
            peer_port: 7443,
        };
        let db = database(|tx| pool(tx, 2).map(|_| ()));
        let wishes = wishes(&db, &BTreeMap::new()).unwrap();
        let me = HostId(Uuid::from_u128(2));
        let make = |members: &[Member]| {
            arm_config(members, me, Vec::new(), &wishes, (Uuid::nil(), String::new().into(), 1))
        };
        let config = make(&[member(2), member(1)]);
        assert_eq!(config, make(&[member(1), member(2)]));
        assert_eq!(config.hosts[0].addresses, ["10.0.0.1:694".parse().unwrap()]);
        assert_eq!(for_host(&config, config.hosts[0].host).host, config.hosts[0].host);
    }
}
