//! From an envelope to an answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use haven_cluster::ids::HostId;
use haven_drivers::hypervisor::Hypervisor;
use haven_drivers::power::{Agents, Limits};
use haven_drivers::storage::{SrDriver, StorageError};
use tokio::sync::Notify;
use tokio::time::timeout;
use uuid::Uuid;

use super::answers::Answers;
use super::drives::Drives;
use super::ending::Ending;
use super::gate::{Acting, Gate};
use super::health::Health;
use super::images::Images;
use super::lanes::{Lane, Lanes};
use super::migration::Windows;
use super::permit::GuardPort;
use super::pulse::Boots;
use super::screens::Screens;
use super::storage::Attached;
use super::stuck::Stuck;
use crate::authority::Authority;
use crate::config::Config;
use crate::identity::IdentityStore;
use crate::orders::{Order, OrderEnvelope, OrderError, OrderReply, OrderResult};
use crate::peer_net::{Dialer, TlsStore};
use crate::replica::Replica;
use crate::stats::{Disk, Stats};
use crate::terminal::Terminals;

/// Storage drivers by `SR.type`.
#[derive(Clone, Debug, Default)]
pub struct StorageSet {
    drivers: BTreeMap<String, Arc<dyn SrDriver>>,
}

impl StorageSet {
    /// Adds the driver of a type.
    #[must_use]
    pub fn with(mut self, kind: &str, driver: Arc<dyn SrDriver>) -> Self {
        self.drivers.insert(kind.to_owned(), driver);
        self
    }

    /// The driver of a type.
    pub fn driver(&self, kind: &str) -> Result<Arc<dyn SrDriver>, StorageError> {
        self.drivers.get(kind).cloned().ok_or_else(|| StorageError {
            code: "SR_UNKNOWN_DRIVER".to_owned(),
            text: format!("this host has no driver for storage of type {kind}"),
        })
    }

    /// The types that this host can attach.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.drivers.keys().map(String::as_str)
    }
}

/// What an agent is made of.
#[derive(Clone, Debug)]
pub struct AgentParts {
    /// Paths and settings.
    pub config: Config,
    /// Who this host is.
    pub identity: Arc<IdentityStore>,
    /// Who may give orders.
    pub authority: Authority,
    /// The local guard.
    pub guard: Arc<dyn GuardPort>,
    /// The hypervisor.
    pub hypervisor: Arc<dyn Hypervisor>,
    /// The storage drivers.
    pub storage: StorageSet,
    /// Certificates.
    pub tls: TlsStore,
    /// The way to the other members.
    pub dialer: Dialer,
}

/// The agent. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Agent {
    pub(super) parts: Arc<AgentParts>,
    pub(super) gate: Gate,
    pub(super) lanes: Lanes,
    pub(super) windows: Windows,
    pub(super) attached: Attached,
    /// Images that were announced.
    pub(super) images: Images,
    /// Wakes the reporter.
    pub(super) news: Arc<Notify>,
    /// The power of other hosts.
    pub(super) power: Agents,
    pub(super) stats: Stats,
    /// Guests that a disk stopped.
    pub(super) stuck: Stuck,
    pub(super) boots: Boots,
    pub(super) screens: Screens,
    terminals: Terminals,
    /// This host was sent down: it reports no more, and its guard is not armed again.
    pub(super) going_down: Arc<AtomicBool>,
    answers: Answers,
    pub(super) drives: Drives,
    /// Whether storage answers.
    pub(super) health: Health,
    /// Machines that were ended because it does not.
    pub(super) ending: Ending,
    pub(super) replica: Replica,
}

/// An order with its right to act, handed from step to step.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) agent: Agent,
    pub(super) envelope: Arc<OrderEnvelope>,
    pub(super) sender: HostId,
}

impl Agent {
    /// An agent that has seen nothing yet.
    #[must_use]
    pub fn new(parts: AgentParts) -> Self {
        let kept = parts.config.paths.orders();
        let gate = Gate::new(parts.identity.clone(), parts.authority.clone(), &kept);
        let ending = Ending::open(&parts.config.paths.ending());
        let replica = Replica::new(&parts.config.paths);
        let stats = Stats::new(Disk::new(parts.config.paths.statistics()));
        let directories = vec![parts.config.settings.fence_agents.clone()];
        let terminals = Terminals::new(&parts.config.settings.host_console);
        Self {
            parts: Arc::new(parts),
            terminals,
            power: Agents::new(directories, Limits::default()),
            gate,
            lanes: Lanes::default(),
            windows: Windows::default(),
            attached: Attached::default(),
            images: Images::default(),
            news: Arc::default(),
            stats,
            stuck: Stuck::default(),
            boots: Boots::default(),
            screens: Screens::default(),
            going_down: Arc::default(),
            answers: Answers::default(),
            drives: Drives::default(),
            health: Health::default(),
            ending,
            replica,
        }
    }

    /// What this host and its guests used.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Consoles of this host itself.
    #[must_use]
    pub fn terminals(&self) -> &Terminals {
        &self.terminals
    }

    /// What it is made of.
    #[must_use]
    pub fn parts(&self) -> &AgentParts {
        &self.parts
    }

    /// Judges and carries out an order of `sender` (proven by its certificate).
    pub async fn carry_out(&self, envelope: OrderEnvelope, sender: HostId) -> OrderResult {
        let (id, kind) = (envelope.id, envelope.order.kind());
        let question = envelope.order.is_question();
        let vm = envelope.order.vm().map(|vm| vm.to_string());
        let changes_guest = vm.is_some() && !question;
        self.gate.arrive(&envelope, sender)?;
        let case = Case { agent: self.clone(), envelope: Arc::new(envelope), sender };
        let result =
            if question { case.run().await } else { self.answers.once(id, case.run()).await };
        match &result {
            Ok(_) if changes_guest => tracing::info!(%id, kind, vm, "order carried out"),
            Ok(_) => tracing::debug!(%id, kind, "order carried out"),
            Err(error) if question => tracing::debug!(%id, kind, %error, "not answered"),
            Err(error) => tracing::info!(%id, kind, %error, "order not carried out"),
        }
        result
    }
}

impl Case {
    async fn run(self) -> OrderResult {
        let order = &self.envelope.order;
        let changes_guests = order.vm().is_some() && !order.is_question();
        let result = self.dispatch().await;
        if changes_guests {
            self.agent.news.notify_one();
        }
        result
    }

    async fn dispatch(&self) -> OrderResult {
        match &self.envelope.order {
            Order::Inventory => self.inventory().await,
            Order::MigrateVm { vm, to, placement, pace, via } => {
                self.give_away(*vm, *placement)?;
                self.migrate(*vm, *to, (*pace, *via)).await
            }
            Order::Screenshot { vm } => self.screenshot(*vm).await,
            Order::GuestPulses { vms } => self.pulses(vms).await,
            Order::PrepareMigrateIn { vm, from, .. } => self.prepare_migrate_in(*vm, *from),
            Order::FinishMigrateIn { vm, placement } => self.finish_migrate_in(*vm, *placement),
            Order::ClosePlacement { vm, placement, life } => {
                self.close_placement(*vm, (*placement, *life)).await
            }
            Order::BeginImage { .. } => self.begin_image().await,
            Order::EndVm { .. } => self.end_vm().await,
            Order::LetGoSr { .. } => self.let_go().await,
            order if order.vm().is_some() => self.vm_order().await,
            Order::AttachSr { .. }
            | Order::DetachSr { .. }
            | Order::CreateSr { .. }
            | Order::ScanSr { .. }
            | Order::ProbeSr { .. }
            | Order::TestSr { .. }
            | Order::SeedVolume { .. }
            | Order::SrSpace { .. }
            | Order::CreateVolume { .. }
            | Order::CopyVolume { .. }
            | Order::ImportVolume { .. }
            | Order::OverlayVolume { .. }
            | Order::ResizeVolume { .. }
            | Order::DestroyVolume { .. }
            | Order::CreateRaw { .. }
            | Order::RemoveImage { .. } => self.storage_order().await,
            Order::Power(request) => self.power(request).await,
            _ => self.host_order().await,
        }
    }

    /// Enters the list of what acts; judged again.
    pub(super) fn begin(&self) -> Result<Acting, OrderError> {
        Ok(self.agent.gate.begin(&self.envelope, self.sender)?)
    }

    /// Waits for a place in `lane`, judges again, and runs blocking `work`. A call that outlives
    /// the order's deadline keeps its place, and counts as acting, until it returns.
    pub(super) async fn blocking<T, E>(
        &self,
        lane: Lane,
        work: impl FnOnce(&AgentParts, &Order) -> Result<T, E> + Send + 'static,
    ) -> Result<T, OrderError>
    where
        T: Send + 'static,
        E: Into<OrderError> + Send + 'static,
    {
        let place = self.agent.lanes.enter(lane).await?;
        let acting = self.begin()?;
        let case = self.clone();
        let running = tokio::task::spawn_blocking(move || {
            let result = work(&case.agent.parts, &case.envelope.order);
            drop((acting, place));
            result
        });
        match timeout(self.envelope.order.deadline(), running).await {
            Ok(Ok(result)) => result.map_err(Into::into),
            Ok(Err(error)) => Err(OrderError::failed("INTERNAL_ERROR", error.to_string())),
            Err(_) => Err(self.overdue()),
        }
    }

    fn overdue(&self) -> OrderError {
        let call = self.envelope.order.kind().to_owned();
        let seconds = self.envelope.order.deadline().as_secs();
        haven_drivers::hypervisor::HypervisorError::Deadline { call, seconds }.into()
    }
}

impl Agent {
    /// This host.
    #[must_use]
    pub fn host(&self) -> HostId {
        self.parts.identity.host()
    }

    /// Directory of an attached repository.
    #[must_use]
    pub fn attached_path(&self, sr: Uuid) -> Option<String> {
        self.attached.path(sr)
    }

    /// This member's copy of the pool database.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Which byte streams of migrations are open now.
    #[must_use]
    pub fn windows(&self) -> &Windows {
        &self.windows
    }
}

pub(super) const DONE: OrderResult = Ok(OrderReply::Done);
