//! Several hosts: joining, migration, evacuation, protection, the copies of the database.

use std::time::Duration;

use haven_cluster::ids::{EpochNumber, HostId, Incarnation, Life};
use haven_daemon::coordinator;
use haven_daemon::ops::placement;
use haven_daemon::ops::vm::state::{Undo, abandon};
use haven_daemon::orders::Term;
use haven_daemon::tasks::{Op, Plan};
use haven_drivers::hypervisor::sim::Delays;
use haven_model::{Host, Ref, Task, TaskJournal, TaskStatusType, Value, Vm};
use haven_pooldb::{Image, Snapshot, Tx};
use haven_tasks as machine;
use serde_json::json;

use crate::support::{TestPool, login, pool, post, rpc};

#[tokio::test(flavor = "multi_thread")]
async fn hosts_join_and_attach_the_shared_storage() {
    let pool = pool(3).await;
    let hosts = pool.ok("host.get_all", &[]).await;
    assert_eq!(hosts.as_array().unwrap().len(), 3);
    let sr = pool.nfs().await;
    let pbds = pool.ok("SR.get_PBDs", &[sr]).await;
    assert_eq!(pbds.as_array().unwrap().len(), 3);
    for pbd in pbds.as_array().unwrap() {
        assert_eq!(pool.ok("PBD.get_currently_attached", &[pbd.clone()]).await, true);
    }
    for host in pool.host_refs().await {
        let metrics = pool.ok("host.get_metrics", &[host]).await;
        pool.wait("host_metrics", &metrics, "live", &json!(true)).await;
    }
    // Root of a member reaches the coordinator through its own socket.
    let member = pool.hosts[1].socket();
    let session = login(&member).await;
    let all = rpc(&member, "host.get_all", &[json!(session)]).await.unwrap();
    assert_eq!(all.as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_migrates_live_and_says_how_long_it_paused() {
    let pool = pool(3).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let start = [vm.clone(), hosts[0].clone(), json!(false), json!(false)];
    pool.ok("VM.start_on", &start).await;
    let options = json!({ "live": "true" });
    pool.ok("VM.pool_migrate", &[vm.clone(), hosts[2].clone(), options]).await;
    assert_eq!(pool.ok("VM.get_resident_on", &[vm.clone()]).await, hosts[2]);
    let metrics = pool.ok("VM.get_metrics", &[vm.clone()]).await;
    let notes = pool.ok("VM_metrics.get_other_config", &[metrics]).await;
    assert!(notes["last_migration_downtime_ms"].as_str().unwrap().parse::<u64>().is_ok());
    assert!(pool.world.violations().is_empty());
    // The reports of all hosts agree afterwards.
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(pool.ok("VM.get_resident_on", &[vm.clone()]).await, hosts[2]);
    assert_eq!(pool.ok("VM.get_power_state", &[vm]).await, "Running");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_host_takes_no_vm() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let free = pool.ok("host.compute_free_memory", &[hosts[1].clone()]).await.as_i64().unwrap();
    let most = free / (1 << 20) * 9 / 10;
    let big = pool.vm("big", &sr, most).await;
    pool.ok("VM.start_on", &[big, hosts[1].clone(), json!(false), json!(false)]).await;
    let vm = pool.vm("web1", &sr, most / 2).await;
    pool.ok("VM.start_on", &[vm.clone(), hosts[0].clone(), json!(false), json!(false)]).await;
    let refused =
        pool.call("VM.pool_migrate", &[vm.clone(), hosts[1].clone(), json!({})]).await.unwrap_err();
    assert_eq!(refused[0], "HOST_NOT_ENOUGH_FREE_MEMORY");
    assert_eq!(pool.ok("VM.get_resident_on", &[vm]).await, hosts[0]);
    let third = pool.vm("web2", &sr, most).await;
    let nowhere = pool.start(&third).await.unwrap_err();
    assert_eq!(nowhere[0], "NO_HOSTS_AVAILABLE");
    let reasons = nowhere[1..].join(" ");
    assert!(reasons.contains("host0: ") && reasons.contains("host1: "), "{reasons}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_migration_leaves_the_vm_where_it_was() {
    use haven_drivers::hypervisor::HypervisorError;
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.ok("VM.start_on", &[vm.clone(), hosts[0].clone(), json!(false), json!(false)]).await;
    let failure =
        HypervisorError::Failed { call: "migrate".to_owned(), text: "link down".to_owned() };
    pool.world.fail_next(0, "migrate", failure);
    let error =
        pool.call("VM.pool_migrate", &[vm.clone(), hosts[1].clone(), json!({})]).await.unwrap_err();
    assert_eq!(error[0], "VM_MIGRATE_FAILED", "{error:?}");
    let record = pool.ok("VM.get_record", &[vm.clone()]).await;
    assert_eq!(record["resident_on"], hosts[0]);
    assert_eq!(record["scheduled_to_be_resident_on"], "OpaqueRef:NULL");
    pool.ok("VM.pool_migrate", &[vm, hosts[1].clone(), json!({})]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_host_is_evacuated() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let mut vms = Vec::new();
    for number in 0..3 {
        let vm = pool.vm(&format!("vm{number}"), &sr, 128).await;
        let start = [vm.clone(), hosts[1].clone(), json!(false), json!(false)];
        pool.ok("VM.start_on", &start).await;
        vms.push(vm);
    }
    pool.ok("host.disable", &[hosts[1].clone()]).await;
    pool.ok("host.evacuate", &[hosts[1].clone()]).await;
    for vm in &vms {
        assert_eq!(pool.ok("VM.get_resident_on", &[vm.clone()]).await, hosts[0]);
    }
    let refused = pool.call("pool.eject", &[hosts[0].clone()]).await.unwrap_err();
    assert_eq!(refused[0], "HOST_HAS_RESIDENT_VMS");
    pool.ok("pool.eject", &[hosts[1].clone()]).await;
    assert_eq!(pool.ok("host.get_all", &[]).await.as_array().unwrap().len(), 1);
    assert!(pool.hosts[1].daemon.state.identity.pool().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_on_local_storage_cannot_be_protected() {
    let pool = pool(2).await;
    let hosts = pool.host_refs().await;
    let params = [
        hosts[1].clone(),
        json!({ "location": "/srv" }),
        json!("0"),
        json!("local"),
        json!(""),
        json!("local"),
        json!(""),
        json!(false),
        json!({}),
    ];
    let sr = pool.ok("SR.create", &params).await;
    let vm = pool.vm("db1", &sr, 256).await;
    let error =
        pool.call("VM.set_ha_restart_priority", &[vm.clone(), json!("restart")]).await.unwrap_err();
    assert_eq!(error[0], "VM_DISK_NOT_SHARED");
    assert_eq!(error[1], vm.as_str().unwrap());
    assert_eq!(error[3], sr.as_str().unwrap());
    let possible = pool.ok("VM.get_possible_hosts", &[vm]).await;
    assert_eq!(possible, json!([hosts[1]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_keep_copies_of_the_database_and_one_can_take_over_by_hand() {
    let pool = pool(2).await;
    pool.nfs().await;
    copied(&pool, 0, 1).await;
    // The coordinator is lost while high availability is off: a member takes over by hand.
    let member = pool.hosts[1].socket();
    let session = login(&member).await;
    let before = rpc(&member, "SR.get_by_name_label", &[json!(session), json!("shared")]).await;
    let old = json!({ "coordinator": pool.hosts[1].daemon.state.identity.host().0.to_string() });
    post(&member, "/haven/pool/promote", &json!({})).await.unwrap();
    post(&pool.socket(), "/haven/pool/follow", &old).await.unwrap();
    let session = login(&member).await;
    let after = rpc(&member, "SR.get_by_name_label", &[json!(session), json!("shared")]).await;
    assert_eq!(before.unwrap(), after.unwrap());
    let pools = rpc(&member, "pool.get_all_records", &[json!(session)]).await.unwrap();
    let master = pools.as_object().unwrap().values().next().unwrap()["master"].clone();
    let address = rpc(&member, "host.get_uuid", &[json!(session), master]).await.unwrap();
    assert_eq!(address, old["coordinator"]);
    // The old one follows: its own socket leads to the new coordinator now.
    let session = login(&pool.socket()).await;
    let hosts = rpc(&pool.socket(), "host.get_all", &[json!(session)]).await.unwrap();
    assert_eq!(hosts.as_array().unwrap().len(), 2);
}

/// Waits until a member has the database as its coordinator has it now, or later.
async fn copied(pool: &TestPool, coordinator: usize, member: usize) {
    let [from, to] = [coordinator, member].map(|host| pool.hosts[host].daemon.state.clone());
    let texts = |all: &Snapshot, class: &str| {
        let rows = all.rows.iter().filter(|row| row.class == class);
        rows.map(|row| row.body.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    let all = from.pool.read(|db| db.export()).await.unwrap().unwrap();
    let until = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        let copy = to.agent().replica().load().unwrap_or_default();
        // The pool names its coordinator, so a copy of another's is none; nor does a PBD change.
        let same = |class: &str| texts(&copy, class) == texts(&all, class);
        if copy.generation >= all.generation && ["pool", "PBD", "host"].into_iter().all(same) {
            return;
        }
        let (has, wants) = (copy.generation, all.generation);
        assert!(std::time::Instant::now() < until, "host {member} has {has} of {wants}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_sent_what_changed_and_everything_when_they_missed_some() {
    let pool = pool(3).await;
    pool.nfs().await;
    for member in [1, 2] {
        copied(&pool, 0, member).await;
    }
    let state = pool.hosts[1].daemon.state.clone();
    let whole = std::fs::read(state.config.paths.replica()).unwrap();
    let pool_ref = pool.ok("pool.get_all", &[]).await[0].clone();
    for name in ["one", "two"] {
        pool.ok("pool.set_name_label", &[pool_ref.clone(), json!(name)]).await;
        copied(&pool, 0, 1).await;
    }
    assert_eq!(std::fs::read(state.config.paths.replica()).unwrap(), whole, "changes alone came");
    let log = std::fs::read_to_string(state.config.paths.replica_log()).unwrap();
    assert!(log.lines().count() >= 2 && log.len() < whole.len(), "{log}");
    // This member has something else than its coordinator believes.
    let restored: Snapshot = serde_json::from_slice(&whole).unwrap();
    let copy = state.agent().replica().clone();
    let nobody = Life { host: HostId(uuid::Uuid::nil()), incarnation: Incarnation(0) };
    let term = Term { epoch: EpochNumber(0), coordinator: nobody };
    copy.store(term, restored.generation, std::str::from_utf8(&whole).unwrap()).unwrap();
    pool.ok("pool.set_name_label", &[pool_ref.clone(), json!("three")]).await;
    copied(&pool, 0, 1).await;
    copied(&pool, 0, 2).await;
    // Another coordinator knows nothing of what the members have.
    let new = json!({ "coordinator": state.identity.host().0.to_string() });
    post(&pool.hosts[1].socket(), "/haven/pool/promote", &json!({})).await.unwrap();
    // Its first copies are refused: nobody follows it yet.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    for host in [0, 2] {
        post(&pool.hosts[host].socket(), "/haven/pool/follow", &new).await.unwrap();
    }
    for member in [0, 2] {
        copied(&pool, 1, member).await;
    }
}

/// Scenario 85: the coordinator dies while a VM is being migrated; its successor finds the task
/// in the journal.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_found_in_the_journal_is_ended_where_the_vm_runs() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.ok("VM.start_on", &[vm.clone(), hosts[0].clone(), json!(false), json!(false)]).await;
    let parse = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let vm_ref: Ref<Vm> = parse(&vm).parse().unwrap();
    let [from, to]: [Ref<Host>; 2] =
        [parse(&hosts[0]).parse().unwrap(), parse(&hosts[1]).parse().unwrap()];
    let task = Ref::<Task>::from_uuid(uuid::Uuid::new_v4());
    let id = uuid::Uuid::from_u128(task.id().0);
    let undo = serde_json::to_string(&Undo::EndMigration { vm: vm_ref, from, to }).unwrap();
    let object =
        machine::Object { class: "VM".to_owned(), id: uuid::Uuid::from_u128(vm_ref.id().0) };
    let record = machine::Record {
        task: machine::TaskId(id),
        operation: machine::Operation {
            name: "pool_migrate".to_owned(),
            claims: vec![machine::Claim { object, mode: machine::Mode::Exclusive }],
            steps: vec![machine::Step { name: "copy memory".to_owned(), weight: 1 }],
            cancellable: true,
            wait_ms: 0,
        },
        step: Some(0),
        undo: vec![machine::Undo(undo)],
        committed: false,
    };
    let state = &pool.hosts[0].daemon.state;
    let lives = state.lives();
    state
        .pool
        .write(move |tx| {
            placement::set(tx, vm_ref, vec![lives.holder(from), lives.holder(to)])?;
            tx.insert_with(task, Task { uuid: id.to_string(), ..Task::default() })?;
            let orphan = Task { status: TaskStatusType::Pending, ..Task::default() };
            tx.insert(Task { name_label: "orphan".to_owned(), ..orphan })?;
            let steps = serde_json::to_string(&record).unwrap();
            tx.insert(TaskJournal { task, steps, ..TaskJournal::default() })?;
            Ok(())
        })
        .await
        .unwrap();
    coordinator::settle(state).await.unwrap();
    let task = json!(task.to_string());
    pool.wait("task", &task, "status", &json!("failure")).await;
    let why = pool.ok("task.get_error_info", &[task]).await;
    assert!(why[1].as_str().unwrap().contains("the coordinator changed"), "{why}");
    let orphan = pool.ok("task.get_by_name_label", &[json!("orphan")]).await;
    assert_eq!(pool.ok("task.get_status", &[orphan[0].clone()]).await, "failure");
    let holders = state.pool.read(|db| placement::holders(db, vm_ref)).await.unwrap();
    assert_eq!(holders, [from]);
    assert_eq!(pool.ok("VM.get_resident_on", &[vm.clone()]).await, hosts[0]);
    let options = json!({ "live": "true" });
    pool.ok("VM.pool_migrate", &[vm, hosts[1].clone(), options]).await;
}

/// A step begins when the journal has it, however long that takes: the next coordinator is to know of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_stands_in_the_journal_before_it_begins() {
    let pool = pool(1).await;
    let state = pool.hosts[0].daemon.state.clone();
    let plan = Plan::new("test").step("first", 1).step("second", 1);
    let seen = state.clone();
    let body = move |mut op: Op| async move {
        for step in 0..2 {
            // Whatever is to be durable now waits for this one.
            let busy = seen.clone();
            let slow = tokio::spawn(async move {
                let pause = Duration::from_millis(300);
                let write = move |_: &mut Tx<'_>| {
                    std::thread::sleep(pause);
                    Ok(())
                };
                busy.pool.write(write).await
            });
            tokio::time::sleep(Duration::from_millis(100)).await;
            op.step_undo(&step).await?;
            let (task, at) = (op.task(), format!("\"step\":{step}"));
            let stands = move |db: &Image| {
                db.iter::<TaskJournal>().any(|(_, row)| row.task == task && row.steps.contains(&at))
            };
            assert!(seen.pool.read(stands).await?, "step {step} begins and the journal has it not");
            slow.await.unwrap()?;
        }
        Ok(Value::Nil)
    };
    let id = machine::TaskId(uuid::Uuid::new_v4());
    state.runner().unwrap().run(id, plan, body).await.unwrap();
    let left = state.pool.read(|db| db.iter::<TaskJournal>().count()).await.unwrap();
    assert_eq!(left, 0, "what has ended stands there no more");
}

/// The order to start it arrived, its answer got lost, and the host answers nothing since: the VM
/// is halted on paper, and may run there.
#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_may_run_on_a_silent_host_is_started_nowhere_else() {
    let mut pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.ok("VM.start_on", &[vm.clone(), hosts[1].clone(), json!(false), json!(false)]).await;
    drop(pool.hosts.remove(1));
    let state = pool.hosts[0].daemon.state.clone();
    let vm_ref: Ref<Vm> = vm.as_str().unwrap().parse().unwrap();
    let halt = move |tx: &mut Tx<'_>| {
        tx.update(vm_ref, |row: &mut Vm| {
            row.power_state = haven_model::VmPowerState::Halted;
            row.resident_on = Ref::NULL;
        })
    };
    state.pool.write(halt).await.unwrap();
    let refused = pool.start(&vm).await.unwrap_err();
    assert_eq!(refused[..2], ["HOST_OFFLINE", hosts[1].as_str().unwrap()], "{refused:?}");
    assert_eq!(pool.world.starts(0), 0);
    assert!(pool.world.violations().is_empty());
}

/// A migration whose end nobody saw: the guest arrived, and the host that has it answers nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_may_have_moved_to_a_silent_host_is_not_taken_for_stopped() {
    let mut pool = pool(3).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.ok("VM.start_on", &[vm.clone(), hosts[1].clone(), json!(false), json!(false)]).await;
    drop(pool.hosts.remove(1));
    let state = pool.hosts[0].daemon.state.clone();
    let vm_ref: Ref<Vm> = vm.as_str().unwrap().parse().unwrap();
    let parse = |host: &serde_json::Value| -> Ref<Host> { host.as_str().unwrap().parse().unwrap() };
    let (from, to, lives) = (parse(&hosts[0]), parse(&hosts[1]), state.lives());
    let open = move |tx: &mut Tx<'_>| {
        placement::set(tx, vm_ref, vec![lives.holder(from), lives.holder(to)])?;
        tx.update(vm_ref, |row: &mut Vm| row.resident_on = from)
    };
    state.pool.write(open).await.unwrap();
    for call in ["VM.hard_shutdown", "VM.suspend", "VM.hard_reboot"] {
        let refused = pool.call(call, &[vm.clone()]).await.unwrap_err();
        assert_eq!(refused[..2], ["HOST_OFFLINE", hosts[1].as_str().unwrap()], "{call}");
    }
    let options = json!({ "force": "true" });
    let moved = [vm.clone(), hosts[2].clone(), options];
    let refused = pool.call("VM.pool_migrate", &moved).await.unwrap_err();
    assert_eq!(refused[..2], ["HOST_OFFLINE", hosts[1].as_str().unwrap()]);
    assert_eq!(pool.ok("VM.get_power_state", &[vm]).await, "Running");
    let held = state.pool.read(|db| placement::holders(db, vm_ref)).await.unwrap();
    assert_eq!(held, [from, to]);
    assert!(pool.world.violations().is_empty());
}

/// A start that waits for its disks is no domain yet: nothing can be stopped, and it is no proof
/// that the VM runs nowhere. It does not become one any more either.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_still_acts_keeps_its_place_and_comes_to_nothing() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let vm_ref: Ref<Vm> = vm.as_str().unwrap().parse().unwrap();
    let state = pool.hosts[0].daemon.state.clone();
    pool.world.set_delays(Delays { start: Duration::from_secs(3), ..Delays::default() });
    let arguments = [vm.clone(), hosts[1].clone(), json!(false), json!(false)];
    let (started, ()) = tokio::join!(pool.call("VM.start_on", &arguments), async {
        let placed = || state.pool.read(|db| placement::number(db, vm_ref) > 0);
        while !placed().await.unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let refused = abandon(&state, vm_ref, true).await.unwrap_err();
        assert!(refused.to_string().contains("still acts"), "{refused}");
        assert!(!state.pool.read(|db| placement::holders(db, vm_ref).is_empty()).await.unwrap());
    });
    assert!(started.is_err(), "{started:?}");
    assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Halted");
    pool.world.set_delays(Delays::default());
    pool.start(&vm).await.unwrap();
    assert!(pool.world.violations().is_empty());
}
