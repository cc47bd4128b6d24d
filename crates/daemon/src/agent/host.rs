//! Orders about the host itself and its membership in the pool.

use std::sync::atomic::Ordering;
use std::time::Duration;

use haven_cluster::control::{ArmConfig, GuardCommand};
use haven_cluster::ids::HostId;
use haven_cluster::keys::Rekey;
use haven_drivers::network;

use super::execute::{AgentParts, Case, DONE};
use super::facts;
use super::gate::Departure;
use super::lanes::Lane;
use crate::config::HypervisorSettings;
use crate::orders::{Order, OrderError, OrderReply, OrderResult, PoolUpdate, Refusal};
use crate::tls::HostTls;

/// Code of an order for a guard that does not answer.
const GUARD_SILENT: &str = "HA_HEARTBEAT_DAEMON_STARTUP_FAILED";
/// Code of a step of a change of keys that cannot be taken yet.
const NOT_READY: &str = "HA_KEYS_NOT_READY";

/// Another configuration of the same arming says nothing of keys: each host has them from elsewhere.
fn reconfigured(config: &ArmConfig, before: Option<&ArmConfig>) -> Box<ArmConfig> {
    let same = before.filter(|before| before.generation == config.generation);
    let keys = same.map_or(&config.keys, |before| &before.keys).clone();
    Box::new(ArmConfig { keys, ..config.clone() })
}

impl Case {
    pub(super) async fn host_order(&self) -> OrderResult {
        if matches!(self.envelope.order, Order::EnsureBridge { .. } | Order::DropBridge { .. }) {
            return self.blocking(Lane::Host, bridge).await;
        }
        let _acting = self.begin()?;
        let parts = &self.agent.parts;
        match &self.envelope.order {
            Order::HostFacts => Ok(OrderReply::Facts(Box::new(facts::host_facts(parts).await))),
            Order::Statistics(query) => {
                let (agent, query) = (self.agent.clone(), query.clone());
                let answer =
                    tokio::task::spawn_blocking(move || agent.stats.answer(agent.host().0, &query));
                Ok(OrderReply::Statistics(Box::new(answer.await.map_err(internal)?)))
            }
            Order::HaPreflight(request) => {
                Ok(OrderReply::Preflight(parts.guard.preflight((**request).clone()).await))
            }
            Order::GuardKeys => match parts.guard.holds() {
                Some(holds) => Ok(OrderReply::Keys(holds)),
                None => Err(OrderError::failed(GUARD_SILENT, "the guard of this host is silent")),
            },
            Order::Guard(command) => self.guard((**command).clone()).await,
            Order::StoreReplica { .. } | Order::UpdateReplica { .. } => self.replica().await,
            Order::UpdatePool(update) => self.update_pool(update),
            Order::RequestCertificate | Order::TakeCertificate { .. } => self.certificate().await,
            Order::EjectHost => self.eject().await,
            Order::GoDown { restart } => {
                self.agent.go_down(*restart).await.map(|()| OrderReply::Done)
            }
            other => Err(Refusal::Invalid(format!("{} is not for hosts", other.kind())).into()),
        }
    }

    /// What a boot must know is durable before the guard acts on it, and taken back when the
    /// guard refuses.
    async fn guard(&self, command: GuardCommand) -> OrderResult {
        // Between the guard's farewell and the note of it nobody arms it again.
        let _resting = self.agent.parts.guard.rest();
        let given_up = self.agent.parts.identity.pool().and_then(|pool| pool.given_up);
        if let GuardCommand::Arm(config) | GuardCommand::Reconfigure(config) = &command
            && given_up == Some(config.generation)
        {
            let text = "this host was disarmed in an emergency; disable high availability in \
                        the pool and enable it again";
            return Err(OrderError::failed("HA_NOT_ENABLED", text));
        }
        if matches!(command, GuardCommand::Arm(_) | GuardCommand::Reconfigure(_))
            && self.agent.going_down.load(Ordering::SeqCst)
        {
            return Err(OrderError::failed("HOST_OFFLINE", "this host is going down"));
        }
        let mut departure = None;
        if matches!(command, GuardCommand::Exclude) {
            departure = Some(self.agent.lets_nothing_in()?);
            self.tell_load().await?;
        }
        let before = self.agent.parts.identity.pool().and_then(|pool| pool.arm);
        let after = match &command {
            GuardCommand::Arm(config) => Some(config.clone()),
            GuardCommand::Reconfigure(config) => Some(reconfigured(config, before.as_deref())),
            GuardCommand::Rekey(change) => self.rekeyed(before.as_deref(), change)?,
            GuardCommand::Disarm | GuardCommand::EmergencyDisarm => None,
            _ => before.clone(),
        };
        if after.is_some() {
            self.remember_arm(after.clone())?;
        }
        let arms = matches!(command, GuardCommand::Arm(_));
        let refused = self.agent.parts.guard.command(command).await;
        match refused {
            Ok(()) => {
                if arms {
                    self.agent.gate.takes_part();
                }
                departure.into_iter().for_each(Departure::left);
                self.remember_arm(after)?;
                DONE
            }
            Err(refusal) => {
                drop(departure);
                self.remember_arm(before)?;
                Err(OrderError::Failed { code: refusal.code, text: refusal.text })
            }
        }
    }

    /// The arming after a step of a change of keys.
    fn rekeyed(
        &self,
        before: Option<&ArmConfig>,
        change: &Rekey,
    ) -> Result<Option<Box<ArmConfig>>, OrderError> {
        let Some(arm) = before.filter(|arm| arm.generation == change.generation) else {
            return Err(OrderError::failed("HA_NOT_ENABLED", "this host is not armed so"));
        };
        // What its guard holds counts, where it is not what was noted.
        let held = self.agent.parts.guard.holds().and_then(|holds| holds.keys);
        let kept = held.and_then(|held| arm.keys.seen_as(&held));
        let keys = kept.unwrap_or_else(|| arm.keys.clone()).after(&change.step);
        let keys = keys.map_err(|wrong| OrderError::failed(NOT_READY, wrong.to_string()))?;
        Ok(Some(Box::new(ArmConfig { keys, ..arm.clone() })))
    }

    /// Tells the guard how many VMs run: what was said last may be of before the last one left.
    async fn tell_load(&self) -> Result<(), OrderError> {
        let running = self.agent.take_inventory().await?.domains.len();
        let running = u32::try_from(running).unwrap_or(u32::MAX);
        let load = GuardCommand::Load { running, protected: running };
        let told = self.agent.parts.guard.command(load).await;
        told.map_err(|refusal| OrderError::failed(&refusal.code, refusal.text))
    }

    fn remember_arm(&self, arm: Option<Box<ArmConfig>>) -> Result<(), OrderError> {
        let changed = self.agent.parts.identity.update(|identity| {
            if let Some(pool) = &mut identity.pool {
                pool.arm = arm;
            }
        });
        changed.map_err(internal)
    }

    async fn replica(&self) -> OrderResult {
        let (replica, envelope) = (self.agent.replica.clone(), self.envelope.clone());
        let kept = tokio::task::spawn_blocking(move || match &envelope.order {
            Order::StoreReplica { generation, snapshot } => {
                replica.store(envelope.term, *generation, snapshot).map(|()| OrderReply::Done)
            }
            Order::UpdateReplica { generation, on, batch } => {
                replica.follow(envelope.term, *generation, (on, batch)).map(OrderReply::Kept)
            }
            _ => Ok(OrderReply::Done),
        });
        kept.await.map_err(internal)?.map_err(internal)
    }

    fn update_pool(&self, update: &PoolUpdate) -> OrderResult {
        let here = self.agent.host();
        let lists = |host: HostId| update.members.iter().any(|member| member.host == host);
        if !lists(here) || !lists(update.coordinator) {
            let text = "the list of members lacks this host or the coordinator".to_owned();
            return Err(Refusal::Invalid(text).into());
        }
        let changed = self.agent.parts.identity.update(|identity| {
            if let Some(pool) = &mut identity.pool {
                pool.members.clone_from(&update.members);
                pool.coordinator = update.coordinator;
            }
        });
        changed.map_err(internal)?;
        DONE
    }

    /// The key stays here, and the connections that are open: only new ones see the new names.
    async fn certificate(&self) -> OrderResult {
        let parts = &self.agent.parts;
        let (dir, store, host) = (parts.config.paths.tls(), parts.tls.clone(), self.agent.host());
        let order = self.envelope.order.clone();
        let done = tokio::task::spawn_blocking(move || match &order {
            Order::TakeCertificate { certificate } => {
                let renewed = HostTls::renew(&dir, host, certificate)?;
                store.set(renewed).map(|()| OrderReply::Done)
            }
            _ => HostTls::request(&dir).map(OrderReply::Text),
        });
        done.await.map_err(internal)?.map_err(internal)
    }

    /// Nothing runs here, and nobody counts on this host.
    async fn check_idle(&self) -> Result<(), OrderError> {
        let inventory = self.agent.take_inventory().await?;
        if !inventory.domains.is_empty() {
            return Err(resident());
        }
        if self.agent.parts.authority.armed().is_some() {
            return Err(OrderError::failed(
                "HA_IS_ENABLED",
                "high availability is on; turn it off before a host leaves the pool",
            ));
        }
        Ok(())
    }

    async fn eject(&self) -> OrderResult {
        let left = match self.agent.gate.set_ejecting(true) {
            // A start that waits for its disks is no domain yet.
            true => Err(resident()),
            false => self.check_idle().await,
        };
        let left = match left {
            Ok(()) => self.agent.leave_pool().await,
            Err(error) => Err(error),
        };
        self.agent.gate.set_ejecting(false);
        left.map(|()| OrderReply::Done)
    }
}

/// Attempts to leave while something that looks like a VM is there: libvirt asks QEMU what it can
/// do by starting it.
const LEAVE_ATTEMPTS_MAX: u32 = 5;
/// Pause between them.
const LEAVE_PAUSE: Duration = Duration::from_secs(1);
/// From the answer to the end of this host.
const POWER_PAUSE: Duration = Duration::from_secs(1);
/// A host that is still there so long after its end was ordered takes part again.
const DOWN_MAX: Duration = Duration::from_secs(600);

impl super::Agent {
    /// This host is to leave the membership in order: no guest begins to execute, and none arrives. One
    /// whose process is there already is seen by the guard, which then refuses.
    fn lets_nothing_in(&self) -> Result<Departure, Refusal> {
        let departure = self.gate.depart()?;
        self.windows.cut();
        Ok(departure)
    }

    async fn is_empty(&self) -> Result<(), OrderError> {
        let (processes, domains) = self.sight().await?;
        let Some(vm) = domains.first().map(|domain| domain.uuid) else { return Ok(()) };
        let text = match processes.iter().any(|domain| domain.uuid == vm) {
            true => format!("VM {vm} runs on the host; move or stop it first"),
            false => format!(
                "what VM {vm} wrote may still be on its way to storage that does not answer; try again \
                 when it does"
            ),
        };
        Err(OrderError::failed("HOST_IN_USE", text))
    }

    /// Leaves the membership in order and goes down, a moment after this returned.
    pub async fn go_down(&self, restart: bool) -> Result<(), OrderError> {
        let armed = self.parts.authority.armed().is_some();
        let departure = armed.then(|| self.lets_nothing_in()).transpose()?;
        self.is_empty().await?;
        // A host on its way down must not come back as a new life for a moment.
        let resting = self.parts.guard.rest();
        self.going_down.store(true, Ordering::SeqCst);
        if let Some(departure) = departure {
            let excluded = self.exclude().await;
            if excluded.is_err() {
                self.going_down.store(false, Ordering::SeqCst);
            }
            excluded?;
            departure.left();
        }
        let name = if restart { "reboot" } else { "poweroff" };
        let command = self.parts.config.paths.power_command(name);
        let simulated =
            !matches!(self.parts.config.settings.hypervisor, HypervisorSettings::Libvirt { .. });
        // What simulates its guests is no host of its own; a test lays a command down for it.
        if simulated && (command.starts_with("/sbin") || !command.exists()) {
            self.going_down.store(false, Ordering::SeqCst);
            return Ok(());
        }
        tracing::warn!(command = %command.display(), "this host goes down in order");
        let going_down = self.going_down.clone();
        tokio::spawn(async move {
            tokio::time::sleep(POWER_PAUSE).await;
            match tokio::process::Command::new(&command).status().await {
                Ok(status) if status.success() => tokio::time::sleep(DOWN_MAX).await,
                other => tracing::error!(?other, "this host does not go down"),
            }
            going_down.store(false, Ordering::SeqCst);
            drop(resting);
        });
        Ok(())
    }

    async fn exclude(&self) -> Result<(), OrderError> {
        let none = GuardCommand::Load { running: 0, protected: 0 };
        let mut last = None;
        for _ in 0..LEAVE_ATTEMPTS_MAX {
            let told = self.parts.guard.command(none.clone()).await;
            let left = match told {
                Ok(()) => self.parts.guard.command(GuardCommand::Exclude).await,
                Err(refusal) => Err(refusal),
            };
            match left {
                Ok(()) => return Ok(()),
                Err(refusal) => {
                    last = Some(OrderError::failed(&refusal.code, refusal.text));
                    tokio::time::sleep(LEAVE_PAUSE).await;
                }
            }
        }
        last.map_or(Ok(()), Err)
    }

    /// Back to an unconfigured host. What is attached is detached as far as it answers.
    pub async fn leave_pool(&self) -> Result<(), OrderError> {
        let parts = &self.parts;
        let pool = parts.identity.update(|identity| identity.pool.take()).map_err(internal)?;
        for sr in pool.map(|pool| pool.storage).unwrap_or_default() {
            self.detach_quietly(sr).await;
        }
        let paths = &parts.config.paths;
        if let Err(error) = self.replica.remove() {
            tracing::warn!(%error, "cannot remove the copy of the database");
        }
        match std::fs::remove_file(paths.database()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, "cannot remove the database");
            }
            _ => {}
        }
        self.gate.forget_terms();
        parts.tls.clear();
        HostTls::forget(&paths.tls()).map_err(internal)
    }
}

fn bridge(parts: &AgentParts, order: &Order) -> OrderResult {
    // Guests that are simulated have no network, and the machine's own is not theirs to change.
    if !matches!(parts.config.settings.hypervisor, HypervisorSettings::Libvirt { .. }) {
        return DONE;
    }
    let port = |uplink: &String, vlan: u16| match (uplink.as_str(), vlan) {
        ("", _) => None,
        (device, 0) => Some(network::Uplink::Device(device.to_owned())),
        (device, tag) => Some(network::Uplink::Vlan { device: device.to_owned(), tag }),
    };
    let done = match order {
        Order::EnsureBridge { bridge, uplink, mtu, vlan } => {
            network::ensure(bridge, port(uplink, *vlan).as_ref(), *mtu)
        }
        Order::DropBridge { bridge, uplink, vlan } => {
            network::remove(bridge, port(uplink, *vlan).as_ref())
        }
        other => {
            return Err(Refusal::Invalid(format!("{} is not for bridges", other.kind())).into());
        }
    };
    done.map_err(|error| OrderError::failed("HOST_CANNOT_ATTACH_NETWORK", error.to_string()))?;
    DONE
}

fn resident() -> OrderError {
    OrderError::failed("HOST_HAS_RESIDENT_VMS", "VMs run on the host; move or stop them first")
}

fn internal(error: impl std::fmt::Display) -> OrderError {
    OrderError::failed("INTERNAL_ERROR", error.to_string())
}
