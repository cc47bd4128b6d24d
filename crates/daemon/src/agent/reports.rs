//! Tells the coordinator what happens here, without being asked.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use haven_cluster::ids::HostId;
use haven_drivers::hypervisor::HypervisorEvent;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::execute::Agent;
use crate::order_client::OrderClient;
use crate::orders::Report;

/// Events that wait for a coordinator. Older ones go first: the inventory says what counts.
const EVENTS_MAX: usize = 1024;

impl Agent {
    /// Reports after every event and at every interval, until `stop`. The coordinator's own
    /// reports go to `local`.
    pub async fn keep_reporting(
        self,
        client: OrderClient,
        local: mpsc::Sender<Report>,
        stop: CancellationToken,
    ) {
        let mut events = follow(self.parts.hypervisor.events());
        let mut waiting: Vec<HypervisorEvent> = Vec::new();
        let mut ticks = interval(self.parts.config.report_interval());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sequence = 0;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Some(event) = events.recv() => self.take_event(event, &mut waiting),
                () = self.news.notified() => {}
                _ = ticks.tick() => {}
            }
            while let Ok(event) = events.try_recv() {
                self.take_event(event, &mut waiting);
            }
            let excess = waiting.len().saturating_sub(EVENTS_MAX);
            waiting.drain(..excess);
            let Some(coordinator) = self.parts.authority.coordinator() else { continue };
            // A word of it now would be taken for its return.
            if self.going_down.load(Ordering::SeqCst) {
                continue;
            }
            sequence += 1;
            let Some(report) = self.report(sequence, &waiting).await else { continue };
            let told = report.events.clone();
            match self.deliver(coordinator, report, &client, &local).await {
                Ok(()) => waiting.retain(|event| !told.contains(event)),
                Err(error) => tracing::debug!(%error, "report not delivered"),
            }
        }
    }

    fn take_event(&self, event: HypervisorEvent, waiting: &mut Vec<HypervisorEvent>) {
        self.boots.note(&event);
        waiting.push(event);
    }

    async fn report(&self, sequence: u64, events: &[HypervisorEvent]) -> Option<Report> {
        let pool = self.parts.identity.get().pool.as_ref()?.pool;
        let mut left = BTreeSet::new();
        let inventory = match self.look().await {
            Ok((inventory, without_process)) => {
                left = without_process;
                // Which of them are protected only the coordinator knows.
                let running = u32::try_from(inventory.domains.len()).unwrap_or(u32::MAX);
                self.parts.guard.load(running, running);
                self.go_on_with_stuck(&inventory.domains);
                Some(Box::new(inventory))
            }
            Err(error) => {
                tracing::warn!(%error, "no inventory for the report");
                None
            }
        };
        Some(Report {
            pool,
            host: self.host(),
            sequence,
            // How it ended belongs to the inventory from which it is gone.
            events: events.iter().filter(|event| !is_early(event, &left)).cloned().collect(),
            inventory,
            storage_faults: self.attached.faults(),
            twin: self.parts.guard.is_twin(),
            broken: self.parts.guard.broken().iter().map(ToString::to_string).collect(),
            alarms: self.parts.guard.own_alarms(),
            storage: self.storage_health(),
        })
    }

    async fn deliver(
        &self,
        coordinator: HostId,
        report: Report,
        client: &OrderClient,
        local: &mpsc::Sender<Report>,
    ) -> Result<(), String> {
        if coordinator == self.host() {
            return local.try_send(report).map_err(|error| error.to_string());
        }
        client.report(coordinator, &report).await
    }
}

/// Whether an event is told later: that a machine has ended which is `left` for what it wrote.
fn is_early(event: &HypervisorEvent, left: &BTreeSet<Uuid>) -> bool {
    matches!(event, HypervisorEvent::Lifecycle { vm, state: None, .. } if left.contains(vm))
}

/// Carries events from the driver's thread into the runtime.
fn follow(events: Receiver<HypervisorEvent>) -> mpsc::Receiver<HypervisorEvent> {
    let (sender, receiver) = mpsc::channel(EVENTS_MAX);
    let work = move || {
        while let Ok(event) = events.recv() {
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("hypervisor-events".to_owned()).spawn(work)
    {
        tracing::error!(%error, "no thread for hypervisor events; only intervals report");
    }
    receiver
}
