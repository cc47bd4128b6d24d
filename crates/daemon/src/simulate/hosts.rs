//! The hosts that are not there.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use haven_cluster::ids::HostId;
use haven_drivers::host_info::{CpuTicks, Load, Memory, NicBytes};
use haven_drivers::hypervisor::sim::grown;
use haven_drivers::storage::{SrDriver, SrSpec};
use haven_model::{ApiError, Host, Pbd, Ref, Sr, Vdi};
use haven_pooldb::Image;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::{MEMORY_BYTES, Simulation};
use crate::agent::permit::NeverArmed;
use crate::agent::{Agent, AgentParts};
use crate::authority::Authority;
use crate::config::{Config, Paths};
use crate::identity::{IdentityStore, Member};
use crate::ops::{pbd, rows, spec};
use crate::orders::{HostFacts, NicFacts, Order, OrderEnvelope, OrderReply, OrderResult, Report};
use crate::peer_net::{Dialer, TlsStore};
use crate::state::{AppState, now};
use crate::stats::STEP_S;

/// Processors of a simulated host.
const CPUS: u64 = 32;
/// Shortest interval of the reports of one simulated host.
const REPORT_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// A host in this process.
#[derive(Clone, Debug)]
pub struct SimPeer {
    agent: Agent,
    facts: Arc<HostFacts>,
}

impl SimPeer {
    /// Its identity.
    #[must_use]
    pub fn host(&self) -> HostId {
        self.agent.host()
    }

    /// How the others reach it: not at all.
    #[must_use]
    pub fn member(&self) -> Member {
        Member {
            host: self.host(),
            name: self.facts.hostname.clone(),
            address: address(&self.facts),
            api_port: 443,
            peer_port: 7443,
        }
    }

    /// What it is made of.
    #[must_use]
    pub fn facts(&self) -> &HostFacts {
        &self.facts
    }

    /// Carries out an order.
    pub async fn carry_out(&self, envelope: OrderEnvelope, sender: HostId) -> OrderResult {
        match envelope.order {
            Order::HostFacts => Ok(OrderReply::Facts(Box::new(HostFacts::clone(&self.facts)))),
            // Nobody will ever be promoted here.
            Order::StoreReplica { .. } => Ok(OrderReply::Done),
            Order::UpdateReplica { .. } => Ok(OrderReply::Kept(true)),
            _ => self.agent.carry_out(envelope, sender).await,
        }
    }

    async fn report(&self, sequence: u64) -> Option<Report> {
        let pool = self.agent.parts().identity.pool()?.pool;
        let inventory = self.agent.take_inventory().await.ok().map(|mut inventory| {
            let used: u64 = inventory.domains.iter().map(|domain| domain.memory_bytes).sum();
            inventory.memory_free = MEMORY_BYTES.saturating_sub(used);
            Box::new(inventory)
        });
        Some(Report {
            pool,
            host: self.host(),
            sequence,
            events: Vec::new(),
            inventory,
            storage_faults: Vec::new(),
            twin: false,
            broken: Vec::new(),
            alarms: Vec::new(),
            storage: Vec::new(),
        })
    }
}

/// Starts the hosts and makes them members. They are the same ones after every start.
pub(super) fn start(
    simulation: &Simulation,
    state: &Arc<AppState>,
) -> Result<Vec<SimPeer>, ApiError> {
    let mut pool = state.identity.pool().ok_or_else(|| ApiError::internal("no pool"))?;
    let root = state.config.paths.below("/var/lib/haven/sim");
    let mut peers = Vec::new();
    for number in 1..simulation.hosts {
        let peer = peer(simulation, state, &root.join(number.to_string()), number)
            .map_err(ApiError::internal)?;
        if pool.member(peer.host()).is_none() {
            pool.members.push(peer.member());
        }
        peers.push(peer);
    }
    state
        .identity
        .update(|identity| identity.pool = Some(pool.clone()))
        .map_err(ApiError::internal)?;
    let this = state.identity.host();
    simulation.world.name(0, this.0);
    for (number, peer) in peers.iter().enumerate() {
        simulation.world.name(number + 1, peer.host().0);
        let membership = pool.clone();
        let joined = peer.agent.parts().identity.update(|identity| {
            identity.pool = Some(membership);
        });
        joined.map_err(ApiError::internal)?;
        state.orders.add_simulated(peer.clone());
    }
    Ok(peers)
}

fn peer(
    simulation: &Simulation,
    state: &AppState,
    root: &Path,
    number: usize,
) -> Result<SimPeer, crate::identity::IdentityError> {
    let config = Config { paths: Paths::new(root), settings: state.config.settings.clone() };
    let identity = Arc::new(IdentityStore::open(&config.paths.host_json())?);
    let authority = Authority::new(identity.clone(), Arc::new(NeverArmed));
    let tls = TlsStore::default();
    let drivers = simulation.drivers(number);
    let facts = facts(&identity, number, drivers.hypervisor.capabilities().ok());
    let agent = Agent::new(AgentParts {
        config,
        identity: identity.clone(),
        authority,
        guard: Arc::new(NeverArmed),
        hypervisor: drivers.hypervisor,
        storage: drivers.storage,
        dialer: Dialer::new(identity, tls.clone()),
        tls,
    });
    Ok(SimPeer { agent, facts: Arc::new(facts) })
}

fn facts(
    identity: &IdentityStore,
    number: usize,
    hypervisor: Option<haven_drivers::hypervisor::Capabilities>,
) -> HostFacts {
    // Addresses of the loopback network at which nobody listens.
    let last = u8::try_from(number % 256).unwrap_or(0);
    let third = u8::try_from(1 + number / 256).unwrap_or(1);
    let address = Ipv4Addr::new(127, 0, third, last);
    let nic = NicFacts {
        device: "eth0".to_owned(),
        mac: format!("02:00:00:00:{third:02x}:{last:02x}"),
        mtu: 1500,
        carrier: true,
        speed: 10_000,
        physical: true,
        addresses: vec![format!("{address}/8")],
        ..NicFacts::default()
    };
    HostFacts {
        host: identity.host().0,
        hostname: format!("sim-{number:02}"),
        boot_id: format!("sim-{number}"),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: "6.12.0-sim".to_owned(),
        hypervisor,
        cpu_count: u32::try_from(CPUS).unwrap_or(1),
        cpu_sockets: 2,
        cpu_vendor: "AuthenticAMD".to_owned(),
        cpu_model: "Simulated processor".to_owned(),
        cpu_flags: "fpu vme svm".to_owned(),
        cpu_mhz: 2400.0,
        memory_total: MEMORY_BYTES,
        memory_free: MEMORY_BYTES,
        nics: vec![nic],
        ..HostFacts::default()
    }
}

fn address(facts: &HostFacts) -> IpAddr {
    let first = facts.nics.first().and_then(|nic| nic.addresses.first());
    let text = first.and_then(|text| text.split('/').next()).unwrap_or_default();
    text.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// Takes samples for all of them, as the hosts themselves would; runs for ever.
pub(super) async fn collect(peers: &[SimPeer]) {
    let began = Instant::now();
    let mut ticks = interval(Duration::from_secs(STEP_S.unsigned_abs()));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let time = now().unix_s();
        for (number, peer) in peers.iter().enumerate() {
            let guests = peer.agent.parts().hypervisor.statistics().unwrap_or_default();
            let used: u64 = guests.iter().map(|guest| guest.memory_bytes).sum();
            let load = load(number as u64, began.elapsed().as_secs_f64(), used);
            peer.agent.stats().take(Instant::now(), time - time % STEP_S, load, guests);
            tokio::task::yield_now().await;
        }
    }
}

fn load(seed: u64, seconds: f64, used: u64) -> Load {
    const TICKS: f64 = 100.0;
    let busy = |cpu: u64| grown(seconds, seed + cpu, TICKS / 4.0);
    let total = ticks(seconds * TICKS);
    let cpus = (0..CPUS).map(|cpu| CpuTicks { total, idle: total.saturating_sub(busy(cpu)) });
    let nic =
        NicBytes { rx_bytes: grown(seconds, seed, 20e6), tx_bytes: grown(seconds, seed + 1, 12e6) };
    Load {
        cpus: cpus.collect(),
        load: 8.0,
        memory: Memory { total: MEMORY_BYTES, free: MEMORY_BYTES.saturating_sub(used) },
        nics: std::iter::once(("eth0".to_owned(), nic)).collect(),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made-up figures")]
fn ticks(count: f64) -> u64 {
    count as u64
}

/// Puts volumes in place, and has every host attach its storage.
pub(super) async fn attach_storage(
    simulation: &Simulation,
    state: &Arc<AppState>,
) -> Result<(), ApiError> {
    let this = state.this_host();
    let volumes = state.pool.read(|db| volumes(db, this)).await??;
    let driver = simulation.array.driver(0);
    for (sr, volumes) in volumes {
        let failed = |error: haven_drivers::storage::StorageError| ApiError::internal(error.text);
        driver.create(&sr).map_err(failed)?;
        driver.attach(&sr).map_err(failed)?;
        for (vdi, size) in volumes {
            driver.create_volume(&sr, vdi, size).map_err(failed)?;
        }
    }
    let pbds: Vec<Ref<Pbd>> =
        state.pool.read(|db| db.iter::<Pbd>().map(|(pbd, _)| pbd).collect()).await?;
    for one in pbds {
        pbd::attach(state, one).await?;
    }
    Ok(())
}

type Volumes = Vec<(Uuid, u64)>;

fn volumes(db: &Image, host: Ref<Host>) -> Result<Vec<(SrSpec, Volumes)>, ApiError> {
    db.iter::<Sr>()
        .map(|(sr, row)| {
            let volumes = row.vdis.iter().filter_map(|vdi| db.get::<Vdi>(*vdi)).filter_map(|vdi| {
                Some((rows::uuid(&vdi.uuid).ok()?, u64::try_from(vdi.virtual_size).ok()?))
            });
            Ok((spec::sr(db, sr, host)?, volumes.collect()))
        })
        .collect()
}

/// Reports for all of them, spread over the interval; runs for ever.
pub(super) async fn report(state: &AppState, peers: &[SimPeer], reports: &mpsc::Sender<Report>) {
    let count = u32::try_from(peers.len()).unwrap_or(u32::MAX).max(1);
    let each = state.config.report_interval().max(REPORT_INTERVAL_MIN) / count;
    let mut ticks = interval(each.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for sequence in 1_u64.. {
        for peer in peers {
            ticks.tick().await;
            if let Some(report) = peer.report(sequence).await
                && reports.send(report).await.is_err()
            {
                return;
            }
        }
        if peers.is_empty() {
            std::future::pending::<()>().await;
        }
    }
}
