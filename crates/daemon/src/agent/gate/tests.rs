use haven_cluster::ids::{EpochNumber, Incarnation, Life};
use haven_drivers::hypervisor::StopMode;

use super::*;
use crate::agent::permit::{ArmedView, PermitGate};
use crate::identity::{Member, PoolMembership};
use crate::orders::Term;

/// A guard whose word the test sets.
#[derive(Debug, Default)]
struct Word(Mutex<Option<ArmedView>>);

impl PermitGate for Word {
    fn armed(&self) -> Option<ArmedView> {
        *self.0.lock().unwrap()
    }
}

struct Bench {
    dir: tempfile::TempDir,
    identity: Arc<IdentityStore>,
    gate: Gate,
    word: Arc<Word>,
    pool: Uuid,
    first: HostId,
    second: HostId,
}

fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let identity = Arc::new(IdentityStore::open(&dir.path().join("host.json")).unwrap());
    let [first, second] = [HostId(Uuid::new_v4()), HostId(Uuid::new_v4())];
    let pool = Uuid::new_v4();
    let member = |host: HostId| Member {
        host,
        name: host.0.to_string(),
        address: "127.0.0.1".parse().unwrap(),
        api_port: 1,
        peer_port: 2,
    };
    identity
        .update(|identity| {
            identity.pool = Some(PoolMembership {
                pool,
                coordinator: first,
                members: vec![member(first), member(second), member(identity.host)],
                storage: Vec::new(),
                arm: None,
                given_up: None,
            });
        })
        .unwrap();
    let word = Arc::new(Word::default());
    let authority = Authority::new(identity.clone(), word.clone());
    let gate = Gate::new(identity.clone(), authority, &dir.path().join("orders"));
    Bench { dir, identity, gate, word, pool, first, second }
}

impl Bench {
    /// The daemon is killed, and starts again.
    fn restart(&mut self) {
        let authority = Authority::new(self.identity.clone(), self.word.clone());
        self.gate = Gate::new(self.identity.clone(), authority, &self.dir.path().join("orders"));
    }

    fn order(&self, host: HostId, epoch: u64, life: u64, order: Order) -> OrderEnvelope {
        let coordinator = Life { host, incarnation: Incarnation(life) };
        let term = Term { epoch: EpochNumber(epoch), coordinator };
        OrderEnvelope { pool: self.pool, term, seq: 1, id: Uuid::new_v4(), order }
    }

    fn arm(&self, epoch: u64, coordinator: HostId, permit: bool) {
        let life = Life { host: coordinator, incarnation: Incarnation(7) };
        *self.word.0.lock().unwrap() = Some(ArmedView {
            me: None,
            epoch: Some((EpochNumber(epoch), life)),
            permit,
            may_act: false,
        });
    }
}

fn start(vm: Uuid, placement: u64) -> Order {
    // Only the identity of the domain matters here.
    let spec = serde_json::from_value(serde_json::json!({
        "uuid": vm, "name": "", "memory_bytes": 1, "vcpus": 1,
        "boot": {"firmware": {"order": ["hd"]}}, "cpu_model": "host",
        "disks": [], "nics": [], "watchdog_action": null
    }));
    Order::StartVm { spec: Box::new(spec.unwrap()), placement, paused: false }
}

#[test]
fn without_ha_only_the_named_coordinator_gives_orders_and_only_its_present_process() {
    let bench = bench();
    let stop = |vm| Order::StopVm { vm, mode: StopMode::Hard };
    let vm = Uuid::new_v4();
    let good = bench.order(bench.first, 0, 3, stop(vm));
    assert_eq!(bench.gate.arrive(&good, bench.first), Ok(()));
    assert_eq!(bench.gate.arrive(&good, bench.second), Err(Refusal::NotCoordinator));
    let other = bench.order(bench.second, 0, 9, stop(vm));
    assert_eq!(bench.gate.arrive(&other, bench.second), Err(Refusal::NotCoordinator));
    let mut foreign = good;
    foreign.pool = Uuid::new_v4();
    assert_eq!(bench.gate.arrive(&foreign, bench.first), Err(Refusal::WrongPool));
    let earlier = bench.order(bench.first, 0, 2, stop(vm));
    assert!(matches!(bench.gate.arrive(&earlier, bench.first), Err(Refusal::OlderEpoch { .. })));
}

#[test]
fn an_accepted_order_of_an_older_epoch_does_not_act() {
    let bench = bench();
    bench.arm(4, bench.first, true);
    let vm = Uuid::new_v4();
    let old = bench.order(bench.first, 4, 7, start(vm, 1));
    assert_eq!(bench.gate.arrive(&old, bench.first), Ok(()));
    // The guard has not heard of epoch 5 yet; the inventory of its coordinator is enough.
    let inventory = bench.order(bench.second, 5, 7, Order::Inventory);
    assert_eq!(bench.gate.arrive(&inventory, bench.second), Ok(()));
    let refused = bench.gate.begin(&old, bench.first).unwrap_err();
    assert!(matches!(refused, Refusal::OlderEpoch { .. }));
    assert!(bench.gate.acting(Uuid::nil()).is_empty());
}

#[test]
fn an_epoch_has_one_coordinator_life() {
    let bench = bench();
    bench.arm(4, bench.first, true);
    let rival = bench.order(bench.second, 4, 7, Order::Inventory);
    assert_eq!(bench.gate.arrive(&rival, bench.second), Err(Refusal::NotCoordinator));
    let outlived = bench.order(bench.first, 4, 6, Order::Inventory);
    assert_eq!(bench.gate.arrive(&outlived, bench.first), Err(Refusal::NotCoordinator));
}

/// It has left the membership, or is not in it yet: nobody guards what it would run.
#[test]
fn an_order_of_an_epoch_runs_nothing_on_a_host_without_a_guard() {
    let bench = bench();
    let vm = Uuid::new_v4();
    let begin = |epoch, order| {
        bench.gate.begin(&bench.order(bench.first, epoch, 7, order), bench.first).map(drop)
    };
    assert_eq!(begin(4, start(vm, 1)), Err(Refusal::NoPermit));
    assert_eq!(begin(4, Order::UnpauseVm { vm }), Err(Refusal::NoPermit));
    assert_eq!(begin(4, Order::StopVm { vm, mode: StopMode::Hard }), Ok(()));
    // The pool was disarmed, and says so.
    assert_eq!(begin(0, start(vm, 1)), Ok(()));
}

#[test]
fn armed_without_a_permit_nothing_starts_but_stopping_is_allowed() {
    let bench = bench();
    bench.arm(4, bench.first, false);
    let vm = Uuid::new_v4();
    let begin = |order| bench.gate.begin(&bench.order(bench.first, 4, 7, order), bench.first);
    assert_eq!(begin(start(vm, 1)).unwrap_err(), Refusal::NoPermit);
    assert_eq!(begin(Order::UnpauseVm { vm }).unwrap_err(), Refusal::NoPermit);
    assert!(begin(Order::StopVm { vm, mode: StopMode::Hard }).is_ok());
    bench.arm(4, bench.first, true);
    let begin = |order| bench.gate.begin(&bench.order(bench.first, 4, 7, order), bench.first);
    assert!(begin(start(vm, 1)).is_ok());
}

#[test]
fn a_closed_placement_stays_closed_and_the_next_one_may_start() {
    let bench = bench();
    let vm = Uuid::new_v4();
    let begin = |placement| {
        bench.gate.begin(&bench.order(bench.first, 0, 1, start(vm, placement)), bench.first)
    };
    let acting = begin(3).unwrap();
    assert!(!bench.gate.is_closed(vm, 3));
    assert_eq!(bench.gate.close_placement(vm, 3, Uuid::nil()), Ok(true));
    assert!(bench.gate.is_closed(vm, 3) && !bench.gate.is_closed(vm, 4));
    drop(acting);
    assert_eq!(bench.gate.close_placement(vm, 2, Uuid::nil()), Ok(false));
    assert_eq!(begin(3).unwrap_err(), Refusal::PlacementClosed { given: 3, closed: 3 });
    assert!(begin(4).is_ok());
}

/// The order was late, its migration was given up, and the VM has been elsewhere and is back: another host
/// may still have its way in open, and nobody knows that the VM leaves.
#[test]
fn an_order_for_an_earlier_migration_gives_nothing_away() {
    let bench = bench();
    let vm = Uuid::new_v4();
    let void = |given, closed| Err(Refusal::PlacementClosed { given, closed });
    assert_eq!(bench.gate.close_placement(vm, 3, Uuid::nil()), Ok(false));
    assert_eq!(bench.gate.give_away(vm, 3), void(3, 3));
    assert_eq!(bench.gate.give_away(vm, 4), Ok(()));
    assert!(bench.gate.is_closed(vm, 4) && !bench.gate.is_closed(vm, 5));
    assert_eq!(bench.gate.give_away(vm, 4), void(4, 4));
}

/// The permit that the daemon knows of may be a moment old: from asking to leave until the guard
/// refuses nothing starts (P10).
#[test]
fn a_host_that_leaves_starts_nothing() {
    let bench = bench();
    bench.arm(4, bench.first, true);
    let vm = Uuid::new_v4();
    let begin = |order| bench.gate.begin(&bench.order(bench.first, 4, 7, order), bench.first);
    let departure = bench.gate.depart().unwrap();
    assert_eq!(begin(start(vm, 1)).unwrap_err(), Refusal::NoPermit);
    assert!(begin(Order::StopVm { vm, mode: StopMode::Hard }).is_ok());
    drop(departure);
    assert!(begin(start(vm, 1)).is_ok());
}

/// A second command to leave that came to nothing opened the gate while the first was under way.
#[test]
fn only_who_closed_the_gate_to_leave_opens_it() {
    let bench = bench();
    bench.arm(4, bench.first, true);
    let first = bench.gate.depart().unwrap();
    assert!(matches!(bench.gate.depart(), Err(Refusal::Busy(_))));
    assert!(bench.gate.is_leaving());
    first.left();
    drop(bench.gate.depart().unwrap());
    assert!(bench.gate.is_leaving(), "it has left already");
    bench.gate.takes_part();
    assert!(!bench.gate.is_leaving());
}

/// The coordinator before gives its order again and again, and the guard has not heard of the newer
/// epoch yet (model of orders: `EpochKept`, `ClosedKept`).
#[test]
fn what_a_host_has_said_outlives_its_daemon() {
    let mut bench = bench();
    bench.arm(4, bench.first, true);
    let vm = Uuid::new_v4();
    let old = bench.order(bench.first, 4, 7, start(vm, 3));
    let close = Order::ClosePlacement { vm, placement: 3, life: 0 };
    let close = bench.order(bench.second, 5, 7, close);
    assert_eq!(bench.gate.arrive(&close, bench.second), Ok(()));
    assert_eq!(bench.gate.close_placement(vm, 3, close.id), Ok(false));
    bench.restart();
    let refused = bench.gate.arrive(&old, bench.first);
    assert!(matches!(refused, Err(Refusal::OlderEpoch { .. })), "{refused:?}");
    let again = bench.order(bench.second, 5, 7, start(vm, 3));
    let closed = Err(Refusal::PlacementClosed { given: 3, closed: 3 });
    assert_eq!(bench.gate.arrive(&again, bench.second), closed);
    let next = bench.order(bench.second, 5, 7, start(vm, 4));
    assert_eq!(bench.gate.arrive(&next, bench.second), Ok(()));
}

/// A placement that was closed in an older epoch needs no room for ever.
#[test]
fn only_placements_of_the_newest_epoch_are_kept() {
    let mut bench = bench();
    bench.arm(4, bench.first, true);
    let [vm, other] = [Uuid::new_v4(), Uuid::new_v4()];
    let ask = |epoch| bench.order(bench.first, epoch, 7, Order::Inventory);
    assert_eq!(bench.gate.arrive(&ask(4), bench.first), Ok(()));
    assert_eq!(bench.gate.close_placement(vm, 3, Uuid::nil()), Ok(false));
    bench.arm(5, bench.first, true);
    assert_eq!(bench.gate.arrive(&ask(5), bench.first), Ok(()));
    assert_eq!(bench.gate.close_placement(other, 3, Uuid::nil()), Ok(false));
    bench.restart();
    assert!(!bench.gate.is_closed(vm, 3) && bench.gate.is_closed(other, 3));
}

/// Of another boot, of another pool that was left, or damaged: nothing is taken over.
#[test]
fn what_is_not_of_this_boot_is_not_taken_over() {
    let mut bench = bench();
    bench.arm(4, bench.first, true);
    let vm = Uuid::new_v4();
    let close = |bench: &Bench| {
        let ask = bench.order(bench.first, 4, 7, Order::Inventory);
        assert_eq!(bench.gate.arrive(&ask, bench.first), Ok(()));
        assert_eq!(bench.gate.close_placement(vm, 3, Uuid::nil()), Ok(false));
    };
    close(&bench);
    let file = bench.dir.path().join("orders");
    let mut ledger = haven_block_io::Ledger::open(&file).unwrap();
    let text = ledger.payload().unwrap().replace("\"boot\":\"", "\"boot\":\"before-");
    ledger.write(&text).unwrap();
    bench.restart();
    assert!(!bench.gate.is_closed(vm, 3));
    std::fs::write(&file, "torn").unwrap();
    bench.restart();
    assert!(!bench.gate.is_closed(vm, 3));
    close(&bench);
    bench.restart();
    assert!(bench.gate.is_closed(vm, 3));
}
