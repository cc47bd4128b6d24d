//! What may run though nobody saw it begin: operations on a VM that is halted (or suspended) on
//! paper while a host still counts as one that may run it, and operations that were judged before
//! it was their turn.

use std::time::Duration;

use haven_daemon::ops::placement;
use haven_daemon::ops::vm::state::abandon;
use haven_drivers::hypervisor::sim::Delays;
use haven_drivers::hypervisor::{DomainState, Hypervisor, HypervisorEvent};
use haven_model::{Host, Ref, Vbd, Vdi, Vm, VmOperations, VmPowerState};
use haven_pooldb::Tx;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::{TestPool, login, pool, post, rpc};

const MIB: i64 = 1 << 20;

fn vm_ref(vm: &Json) -> Ref<Vm> {
    vm.as_str().unwrap().parse().unwrap()
}

fn host_ref(host: &Json) -> Ref<Host> {
    host.as_str().unwrap().parse().unwrap()
}

async fn id(pool: &TestPool, vm: &Json) -> Uuid {
    pool.ok("VM.get_uuid", &[vm.clone()]).await.as_str().unwrap().parse().unwrap()
}

async fn disk(pool: &TestPool, vm: &Json) -> (Json, Json) {
    let vbd = pool.ok("VM.get_VBDs", &[vm.clone()]).await[0].clone();
    let vdi = pool.ok("VBD.get_VDI", &[vbd.clone()]).await;
    (vbd, vdi)
}

async fn new_disk(pool: &TestPool, sr: &Json) -> Json {
    let disk = json!({
        "name_label": "more", "SR": sr, "virtual_size": 64 * MIB, "type": "user",
        "sharable": false, "read_only": false, "other_config": {},
    });
    pool.ok("VDI.create", &[disk]).await
}

async fn drive(pool: &TestPool, vm: &Json, vdi: &Json, device: &str) -> Json {
    let vbd = json!({
        "VM": vm, "VDI": vdi, "userdevice": device, "bootable": false, "mode": "RW",
        "type": "Disk", "unpluggable": true, "empty": false, "other_config": {},
    });
    pool.ok("VBD.create", &[vbd]).await
}

/// The VM runs on the second host, but the answer to its start got lost: on paper it is as before,
/// with the second host as the one that may run it.
async fn unseen(pool: &TestPool, vm: &Json, before: VmPowerState, busy: bool) {
    let vm = vm_ref(vm);
    let write = move |tx: &mut Tx<'_>| {
        tx.update(vm, |row: &mut Vm| {
            row.power_state = before;
            row.resident_on = Ref::NULL;
            if busy {
                row.current_operations.insert("task".to_owned(), VmOperations::Resume);
            }
        })?;
        for vbd in tx.require(vm)?.vbds.clone() {
            let attached = before == VmPowerState::Suspended;
            tx.update(vbd, |row: &mut Vbd| row.currently_attached = attached)?;
        }
        Ok(())
    };
    pool.hosts[0].daemon.state.pool.write(write).await.unwrap();
}

/// The same, and the second host answers nothing since.
async fn unseen_and_silent(pool: &mut TestPool, vm: &Json, before: VmPowerState) {
    let hosts = pool.host_refs().await;
    pool.ok("VM.start_on", &[vm.clone(), hosts[1].clone(), json!(false), json!(false)]).await;
    drop(pool.hosts.remove(1));
    unseen(pool, vm, before, false).await;
}

/// Its memory is thrown away, but the resumed guest may run: the place is not free.
#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_vm_that_may_run_on_a_silent_host_is_not_halted() {
    let mut pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    unseen_and_silent(&mut pool, &vm, VmPowerState::Suspended).await;
    let refused = pool.call("VM.hard_shutdown", &[vm.clone()]).await;
    if refused.is_ok() {
        // What would have come of it.
        let here = [vm.clone(), hosts[0].clone(), json!(false), json!(false)];
        pool.ok("VM.start_on", &here).await;
        assert!(pool.world.violations().is_empty(), "{:?}", pool.world.violations());
    }
    assert_eq!(refused.unwrap_err()[..2], ["HOST_OFFLINE", hosts[1].as_str().unwrap()]);
    assert_eq!(pool.ok("VM.get_power_state", &[vm]).await, "Suspended");
}

/// Resumed and stopped at the same moment: whoever comes second judges anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_waited_for_a_resume_stops_what_runs_by_then() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let delays = Delays { start: Duration::from_millis(400), ..Delays::default() };
    for round in 0..6 {
        pool.world.set_delays(Delays::default());
        let vm = pool.vm(&format!("web{round}"), &sr, 256).await;
        pool.start(&vm).await.unwrap();
        pool.ok("VM.suspend", &[vm.clone()]).await;
        pool.world.set_delays(delays);
        let resume = [vm.clone(), json!(false), json!(false)];
        let (_resumed, _stopped) = tokio::join!(
            pool.call("VM.resume", &resume),
            pool.call("VM.hard_shutdown", std::slice::from_ref(&vm)),
        );
        let said = pool.ok("VM.get_power_state", &[vm.clone()]).await;
        let vm_id = id(&pool, &vm).await;
        let runs = (0..2).any(|host| {
            let domains = pool.world.hypervisor(host).inventory().unwrap();
            domains.iter().any(|domain| domain.uuid == vm_id)
        });
        assert_eq!(runs, said != "Halted" && said != "Suspended", "it is {said}");
        if said == "Running" {
            pool.ok("VM.hard_shutdown", &[vm]).await;
        }
    }
}

/// The disk of a VM that may run is not free, and not frozen like that of one that does not.
#[tokio::test(flavor = "multi_thread")]
async fn the_disk_of_a_vm_that_may_run_on_a_silent_host_is_neither_free_nor_frozen() {
    let mut pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let (vbd, vdi) = disk(&pool, &vm).await;
    let snapshot = pool.ok("VM.snapshot", &[vm.clone(), json!("before")]).await;
    let place = pool.ok("VDI.get_location", &[vdi.clone()]).await;
    unseen_and_silent(&mut pool, &vm, VmPowerState::Halted).await;
    let offline = ["HOST_OFFLINE", hosts[1].as_str().unwrap()];
    let mut wrong = Vec::new();
    for (call, arguments) in [
        ("VM.snapshot", vec![vm.clone(), json!("now")]),
        ("VM.checkpoint", vec![vm.clone(), json!("now")]),
        ("VM.clone", vec![vm.clone(), json!("copy")]),
        ("VM.revert", vec![snapshot]),
    ] {
        match pool.call(call, &arguments).await {
            Err(refused) if refused.len() > 1 && refused[..2] == offline => {}
            other => wrong.push(format!("{call}: {other:?}")),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(pool.ok("VDI.get_location", &[vdi.clone()]).await, place, "it stays where it is");
    let refused = pool.call("VBD.destroy", &[vbd]).await;
    if refused.is_ok() {
        let other = pool.vm("web2", &sr, 256).await;
        drive(&pool, &other, &vdi, "1").await;
        assert!(pool.start(&other).await.is_err(), "the disk has two writers");
    }
    assert_eq!(refused.unwrap_err()[0], "OPERATION_NOT_ALLOWED");
    assert_eq!(pool.call("VDI.destroy", &[vdi]).await.unwrap_err()[0], "VDI_IN_USE");
}

/// A guest that ran on since its memory was saved cannot go back to it: its disks have changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_resume_that_is_given_up_after_the_guest_ran_does_not_bring_the_old_memory_back() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let hosts = pool.host_refs().await;
    let state = &pool.hosts[0].daemon.state;
    pool.ok("VM.start_on", &[vm.clone(), hosts[1].clone(), json!(false), json!(false)]).await;
    unseen(&pool, &vm, VmPowerState::Suspended, true).await;
    let image: Ref<Vdi> = new_disk(&pool, &sr).await.as_str().unwrap().parse().unwrap();
    let row = vm_ref(&vm);
    state
        .pool
        .write(move |tx| tx.update(row, |row: &mut Vm| row.suspend_vdi = image))
        .await
        .unwrap();
    abandon(state, row, true).await.unwrap();
    assert!(pool.world.hypervisor(1).inventory().unwrap().is_empty());
    assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Halted");
    assert_eq!(pool.ok("VM.get_suspend_VDI", &[vm]).await, "OpaqueRef:NULL");
}

/// The guest of a resume executes only when it is written down that its memory is used up.
#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_guest_executes_after_its_memory_was_written_off() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.start(&vm).await.unwrap();
    pool.ok("VM.suspend", &[vm.clone()]).await;
    let events = pool.world.hypervisor(0).events();
    pool.ok("VM.resume", &[vm.clone(), json!(false), json!(false)]).await;
    let mut states = Vec::new();
    while let Ok(event) = events.recv_timeout(Duration::from_millis(200)) {
        if let HypervisorEvent::Lifecycle { state, .. } = event {
            states.push(state);
        }
    }
    assert_eq!(states, [Some(DomainState::Paused), Some(DomainState::Running)]);
    assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Running");
    pool.ok("VM.suspend", &[vm.clone()]).await;
    pool.ok("VM.resume", &[vm.clone(), json!(true), json!(false)]).await;
    let found = pool.world.hypervisor(0).inventory().unwrap();
    assert_eq!(found[0].state, DomainState::Paused, "as was asked for");
    assert_eq!(pool.ok("VM.get_power_state", &[vm]).await, "Paused");
}

/// After a migration whose end nobody saw the guest is where no order about its devices goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_is_not_free_because_the_host_that_its_vm_left_knows_nothing_of_it() {
    let mut pool = pool(3).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.ok("VM.start_on", &[vm.clone(), hosts[1].clone(), json!(false), json!(false)]).await;
    let vdi = new_disk(&pool, &sr).await;
    let vbd = drive(&pool, &vm, &vdi, "1").await;
    pool.ok("VBD.plug", &[vbd.clone()]).await;
    drop(pool.hosts.remove(1));
    let state = pool.hosts[0].daemon.state.clone();
    let (from, to, lives) = (host_ref(&hosts[0]), host_ref(&hosts[1]), state.lives());
    let row = vm_ref(&vm);
    let open = move |tx: &mut Tx<'_>| {
        placement::set(tx, row, vec![lives.holder(from), lives.holder(to)])?;
        tx.update(row, |row: &mut Vm| row.resident_on = from)
    };
    state.pool.write(open).await.unwrap();
    let refused = pool.call("VBD.unplug", &[vbd.clone()]).await;
    assert_eq!(refused.unwrap_err()[..2], ["HOST_OFFLINE", hosts[1].as_str().unwrap()]);
    assert_eq!(pool.ok("VBD.get_currently_attached", &[vbd]).await, true);
    for (call, arguments) in [
        ("VDI.snapshot", vec![vdi.clone(), json!({})]),
        ("VDI.resize", vec![vdi, json!((128 * MIB).to_string())]),
    ] {
        let refused = pool.call(call, &arguments).await.unwrap_err();
        assert_eq!(refused[..2], ["HOST_OFFLINE", hosts[1].as_str().unwrap()], "{call}");
    }
}

/// Two machines get the same disk at the same moment: at most one of them.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_plugs_of_one_disk_at_once_at_most_one_wins() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let (one, two) = (pool.vm("web1", &sr, 256).await, pool.vm("web2", &sr, 256).await);
    pool.start(&one).await.unwrap();
    pool.start(&two).await.unwrap();
    pool.world.set_delays(Delays { query: Duration::from_millis(100), ..Delays::default() });
    for round in 1..8 {
        let vdi = new_disk(&pool, &sr).await;
        let device = round.to_string();
        let first = drive(&pool, &one, &vdi, &device).await;
        let second = drive(&pool, &two, &vdi, &device).await;
        let (a, b) = tokio::join!(
            pool.call("VBD.plug", std::slice::from_ref(&first)),
            pool.call("VBD.plug", std::slice::from_ref(&second)),
        );
        assert!(a.is_err() || b.is_err(), "both machines write to it");
    }
}

/// A repository goes with all its disks, or a machine runs with some of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_vm_does_not_run_with_disks_of_a_repository_that_is_being_destroyed() {
    let pool = pool(1).await;
    for pause in [5, 15, 30, 50, 80] {
        let sr = pool.nfs().await;
        let vm = pool.vm("web1", &sr, 256).await;
        let mut disks = Vec::new();
        for _ in 0..20 {
            disks.push(new_disk(&pool, &sr).await);
        }
        disks.sort_by_key(ToString::to_string);
        drive(&pool, &vm, &disks[0], "1").await;
        drive(&pool, &vm, &disks[19], "2").await;
        let (_, ()) = tokio::join!(pool.call("SR.destroy", std::slice::from_ref(&sr)), async {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let _refused = pool.start(&vm).await;
        });
        // One that started after a disk was deleted runs without it.
        let runs_with = pool.world.hypervisor(0).spec(id(&pool, &vm).await);
        for disk in runs_with.iter().flat_map(|spec| &spec.disks) {
            let there = pool.call("VDI.get_by_uuid", &[json!(disk.vdi.to_string())]).await;
            assert!(there.is_ok(), "a disk was deleted while its machine ran");
        }
        let _stopped = pool.call("VM.hard_shutdown", std::slice::from_ref(&vm)).await;
    }
}

/// A copy reads the disk from its beginning to its end.
async fn copy_begins(pool: &TestPool, vdi: &Json) -> tokio::task::JoinHandle<()> {
    let (socket, vdi) = (pool.socket(), vdi.clone());
    let session = json!(pool.session);
    let copy = tokio::spawn(async move {
        let copy = [session, vdi, json!("OpaqueRef:NULL"), json!("OpaqueRef:NULL")];
        let _undone = rpc(&socket, "VDI.copy", &copy).await;
    });
    while pool.array.copies() == 0 {
        assert!(!copy.is_finished(), "it was not copied");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    copy
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_does_not_start_while_its_disk_is_copied() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let (_, vdi) = disk(&pool, &vm).await;
    pool.array.set_copy_time(Duration::from_secs(2));
    let copy = copy_begins(&pool, &vdi).await;
    let refused = pool.start(&vm).await;
    assert!(refused.is_err() || pool.array.copies() == 0, "it writes to what is being copied");
    assert_eq!(refused.unwrap_err()[0], "OTHER_OPERATION_IN_PROGRESS");
    copy.await.unwrap();
    pool.start(&vm).await.unwrap();
}

/// What the coordinator before ordered goes on where it was ordered.
#[tokio::test(flavor = "multi_thread")]
async fn a_vm_does_not_start_while_its_disk_is_copied_for_the_coordinator_before() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let (_, vdi) = disk(&pool, &vm).await;
    pool.array.set_copy_time(Duration::from_secs(12));
    let copy = copy_begins(&pool, &vdi).await;
    let next = pool.hosts[1].daemon.state.clone();
    let paths = &next.config.paths;
    let known = || {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        [paths.replica(), paths.replica_log()]
            .into_iter()
            .any(|p| read(p).contains("copy the volume"))
    };
    while !known() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let named = json!({ "coordinator": next.identity.host().0.to_string() });
    post(&pool.hosts[1].socket(), "/haven/pool/promote", &json!({})).await.unwrap();
    post(&pool.hosts[0].socket(), "/haven/pool/follow", &named).await.unwrap();
    let socket = pool.hosts[1].socket();
    let session = json!(login(&socket).await);
    let start = [session, vm.clone(), json!(false), json!(false)];
    let mut held_up = 0;
    let until = std::time::Instant::now() + Duration::from_secs(60);
    while let Err(refused) = rpc(&socket, "VM.start", &start).await {
        held_up += usize::from(refused[0] == "OTHER_OPERATION_IN_PROGRESS");
        assert!(std::time::Instant::now() < until, "{refused:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(pool.array.copies(), 0, "it writes to what is being copied");
    assert!(held_up > 0);
    copy.await.unwrap();
}

/// A start that waits for its disks is no VM that runs there yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_on_which_a_start_acts_does_not_leave_the_pool() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let state = pool.hosts[0].daemon.state.clone();
    let row = vm_ref(&vm);
    pool.world.set_delays(Delays { start: Duration::from_secs(2), ..Delays::default() });
    let arguments = [vm.clone(), hosts[1].clone(), json!(false), json!(false)];
    let (started, ()) = tokio::join!(pool.call("VM.start_on", &arguments), async {
        let placed = || state.pool.read(|db| placement::number(db, row) > 0);
        while !placed().await.unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let refused = pool.call("pool.eject", &[hosts[1].clone()]).await;
        assert_eq!(refused.unwrap_err()[0], "HOST_HAS_RESIDENT_VMS");
    });
    assert!(started.is_ok(), "{started:?}");
    assert_eq!(pool.ok("VM.get_resident_on", &[vm]).await, hosts[1]);
}

/// Nobody would ever be asked again whether the VM runs there: it could not be started any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_may_run_a_vm_is_not_forgotten_before_it_is_declared_dead() {
    let mut pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    unseen_and_silent(&mut pool, &vm, VmPowerState::Halted).await;
    let metrics = pool.ok("host.get_metrics", &[hosts[1].clone()]).await;
    pool.wait("host_metrics", &metrics, "live", &json!(false)).await;
    let refused = pool.call("host.destroy", &[hosts[1].clone()]).await;
    assert_eq!(refused.unwrap_err()[0], "HOST_HAS_RESIDENT_VMS");
    pool.world.power_off(1);
    pool.ok("host.declare_dead", &[hosts[1].clone()]).await;
    pool.ok("host.destroy", &[hosts[1].clone()]).await;
    pool.start(&vm).await.unwrap();
}

/// Its source was declared dead while a VM moved: it is where it arrived, and can be stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_vm_whose_source_was_declared_dead_is_found_where_it_arrived() {
    let mut pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.ok("VM.start_on", &[vm.clone(), hosts[0].clone(), json!(false), json!(false)]).await;
    drop(pool.hosts.remove(1));
    let state = pool.hosts[0].daemon.state.clone();
    let (from, to, lives) = (host_ref(&hosts[1]), host_ref(&hosts[0]), state.lives());
    let row = vm_ref(&vm);
    let open = move |tx: &mut Tx<'_>| {
        placement::set(tx, row, vec![lives.holder(from), lives.holder(to)])?;
        tx.update(row, |row: &mut Vm| row.resident_on = from)
    };
    state.pool.write(open).await.unwrap();
    let metrics = pool.ok("host.get_metrics", &[hosts[1].clone()]).await;
    pool.wait("host_metrics", &metrics, "live", &json!(false)).await;
    pool.ok("host.declare_dead", &[hosts[1].clone()]).await;
    pool.ok("VM.hard_shutdown", &[vm.clone()]).await;
    assert!(pool.world.hypervisor(0).inventory().unwrap().is_empty());
    pool.start(&vm).await.unwrap();
}
