//! One look: which guests are watched, what their hosts say, and what follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use haven_drivers::storage::SrSpec;
use haven_failover::watch::{Action, Pulse, Seen, WatchPolicy, WatchRecord, Why};
use haven_model::{ApiError, Host, Ref, VbdType, Vm, VmMetrics, VmPowerState};
use haven_pooldb::{Image, Tx};
use tokio::time::timeout;
use uuid::Uuid;

use super::{RESETS_AT_ONCE, Watcher, act, look_interval, settings, tell};
use crate::ops::{host, placement, rows, spec, view};
use crate::orders::{Order, OrderReply, Pulses};
use crate::state::AppState;

/// A host that takes longer to say how its guests are says nothing of them.
const LOOK_MAX: Duration = Duration::from_secs(12);

/// A VM that runs and is watched.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) vm: Ref<Vm>,
    pub(super) id: Uuid,
    pub(super) on: Ref<Host>,
    pub(super) policy: WatchPolicy,
    pub(super) record: WatchRecord,
    /// The number of its placement.
    pub(super) number: u64,
    /// Tells this start from others.
    start: u64,
    /// Where its disks are.
    pub(super) storage: Vec<SrSpec>,
    /// It runs, at one place, and nobody works on it.
    undisturbed: bool,
}

/// A guest that a host is asked about: its VM, its name there, and the number of its placement.
pub(super) type Asked = (Ref<Vm>, Uuid, u64);

/// What a host was asked, and what it said.
pub(super) struct Looked {
    /// The guests, by the number of their placement.
    guests: BTreeMap<Ref<Vm>, u64>,
    said: Option<Pulses>,
}

/// All VMs that are watched and that run somewhere.
pub(super) fn targets(db: &Image) -> Vec<Target> {
    db.iter::<Vm>().filter_map(|(vm, row)| target(db, vm, row)).collect()
}

fn target(db: &Image, vm: Ref<Vm>, row: &Vm) -> Option<Target> {
    let policy = settings::policy(row)?;
    if row.is_a_template || row.is_a_snapshot || row.is_control_domain {
        return None;
    }
    let on = row.resident_on.non_null()?;
    let start = db.get::<VmMetrics>(row.metrics).map(|metrics| metrics.start_time.unix_s());
    let alone = placement::holders(db, vm) == [on];
    let runs = row.power_state == VmPowerState::Running && row.current_operations.is_empty();
    Some(Target {
        vm,
        id: rows::uuid(&row.uuid).ok()?,
        on,
        policy,
        record: settings::record(row),
        number: placement::number(db, vm),
        start: u64::try_from(start?).unwrap_or_default(),
        storage: storage(db, row, on),
        undisturbed: runs && alone,
    })
}

/// The repositories of its disks, each once.
fn storage(db: &Image, row: &Vm, on: Ref<Host>) -> Vec<SrSpec> {
    let disks = view::disks(db, row).into_iter().filter(|(.., vbd)| vbd.r#type == VbdType::Disk);
    let srs: BTreeSet<_> = disks.map(|(_, vdi, _)| vdi.sr).collect();
    srs.into_iter().filter_map(|sr| spec::sr(db, sr, on).ok()).collect()
}

/// Those that can be looked at, by their host.
pub(super) fn by_host(targets: &[Target]) -> BTreeMap<Ref<Host>, Vec<Asked>> {
    let mut hosts: BTreeMap<Ref<Host>, Vec<_>> = BTreeMap::new();
    for target in targets {
        hosts.entry(target.on).or_default().push((target.vm, target.id, target.number));
    }
    hosts
}

/// Asks one host.
pub(super) async fn ask(state: &Arc<AppState>, on: Ref<Host>, guests: Vec<Asked>) -> Looked {
    let order = Order::GuestPulses { vms: guests.iter().map(|(_, id, _)| *id).collect() };
    let said = match timeout(LOOK_MAX, state.orders.send(host::id(on), order)).await {
        Ok(Ok(OrderReply::Pulses(pulses))) => Some(*pulses),
        Ok(Err(error)) => {
            tracing::debug!(%error, host = %on, "nothing is known of its guests");
            None
        }
        _ => None,
    };
    Looked { guests: guests.into_iter().map(|(vm, _, number)| (vm, number)).collect(), said }
}

impl Looked {
    /// What was seen of a guest, as of the placement under which it was asked for.
    fn seen(&self, target: &Target) -> Seen {
        let same = self.guests.get(&target.vm) == Some(&target.number);
        let Some(said) = self.said.as_ref().filter(|_| same && target.undisturbed) else {
            return Seen::Aside;
        };
        if target.storage.iter().any(|sr| said.faults.contains(&sr.uuid)) {
            return Seen::Aside;
        }
        let pulse = said.guests.iter().find(|pulse| pulse.vm == target.id);
        pulse.map_or(Seen::Aside, |pulse| {
            Seen::Runs(Pulse {
                start: target.start,
                counter: target.number,
                agent: pulse.agent,
                io: pulse.io,
                boots: pulse.boots,
            })
        })
    }
}

impl Watcher {
    /// What follows from one host's answer.
    pub(super) async fn judge(&mut self, on: Ref<Host>, looked: &Looked) -> Result<(), ApiError> {
        if !self.state.may_act() {
            return Ok(());
        }
        let targets = self.state.pool.read(targets).await?;
        self.expect();
        let (at, look) = (self.moment(), look_interval(&self.state));
        let mut news: Vec<(Target, WatchRecord, Action)> = Vec::new();
        for target in targets.into_iter().filter(|target| target.on == on) {
            if self.resetting.contains(&target.vm) || !looked.guests.contains_key(&target.vm) {
                continue;
            }
            let policy = settings::kept_by(target.policy, look);
            let watch = self.watches.entry(target.vm).or_default();
            let mut record = target.record.clone();
            match watch.look(at, &policy, &mut record, looked.seen(&target)) {
                Action::Reset(why) => self.reset(target, record, why),
                action if record != target.record => news.push((target, record, action)),
                _ => {}
            }
        }
        if news.is_empty() {
            return Ok(());
        }
        let write = move |tx: &mut Tx<'_>| {
            for (target, record, action) in &news {
                if tx.get(target.vm).is_none() {
                    continue;
                }
                settings::keep(tx, target.vm, record)?;
                tell::of(tx, target, *action)?;
            }
            Ok(())
        };
        self.state.pool.write(write).await
    }

    /// Lets a guest be reset beside whatever goes on. With many at once it is not the guests that are to
    /// blame: the others wait for their next turn.
    fn reset(&mut self, target: Target, record: WatchRecord, why: Why) {
        let vm = target.vm;
        if self.resetting.len() >= RESETS_AT_ONCE {
            self.watches.remove(&vm);
            return;
        }
        self.resetting.insert(vm);
        let (state, news) = (self.state.clone(), self.news.clone());
        tokio::spawn(async move {
            let done = act::reset(&state, target, record, why).await;
            if let Err(error) = &done {
                tracing::warn!(%vm, %error, "a guest that hangs was not reset");
            }
            // A watcher that is gone ends with the daemon.
            let _stopped: Result<(), _> = news.send(super::News::Reset(vm, done.is_ok())).await;
        });
    }
}
