//! Snapshots, clones and copies: which volumes there are, and what a VM runs with.

use haven_drivers::hypervisor::HypervisorError;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::{TestPool, pool};

/// The VM's only disk.
async fn disk(pool: &TestPool, vm: &Json) -> Json {
    for vbd in pool.ok("VM.get_VBDs", &[vm.clone()]).await.as_array().unwrap() {
        if pool.ok("VBD.get_type", &[vbd.clone()]).await == "Disk" {
            return pool.ok("VBD.get_VDI", &[vbd.clone()]).await;
        }
    }
    panic!("no disk");
}

async fn location(pool: &TestPool, vdi: &Json) -> String {
    pool.ok("VDI.get_location", &[vdi.clone()]).await.as_str().unwrap().to_owned()
}

async fn uuid(pool: &TestPool, vm: &Json) -> Uuid {
    pool.ok("VM.get_uuid", &[vm.clone()]).await.as_str().unwrap().parse().unwrap()
}

/// Paths of the disks that the VM runs with.
async fn runs_with(pool: &TestPool, vm: &Json) -> Vec<String> {
    let spec = pool.world.hypervisor(0).spec(uuid(pool, vm).await).unwrap();
    spec.disks.into_iter().map(|disk| disk.path).collect()
}

/// Disks of the repository that clients see, and base copies.
async fn volumes(pool: &TestPool) -> (usize, usize) {
    let all = pool.ok("VDI.get_all_records", &[]).await;
    let managed = all.as_object().unwrap().values().filter(|row| row["managed"] == true).count();
    (managed, all.as_object().unwrap().len() - managed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_vm_is_snapshotted_goes_on_above_and_comes_back() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let own = disk(&pool, &vm).await;
    let before = location(&pool, &own).await;
    pool.start(&vm).await.unwrap();
    let snapshot = pool.ok("VM.snapshot", &[vm.clone(), json!("good"), json!([])]).await;

    let record = pool.ok("VM.get_record", &[snapshot.clone()]).await;
    assert_eq!(record["is_a_snapshot"], true);
    assert_eq!(record["is_a_template"], true);
    assert_eq!(record["snapshot_of"], vm);
    assert_eq!(record["snapshot_info"]["power-state-at-snapshot"], "Running");
    assert_eq!(pool.ok("VM.get_snapshots", &[vm.clone()]).await, json!([snapshot]));
    let frozen = disk(&pool, &snapshot).await;
    assert_eq!(pool.ok("VDI.get_snapshot_of", &[frozen.clone()]).await, own);
    // What was written until now stays where it was; the VM writes elsewhere from now on.
    assert_eq!(location(&pool, &frozen).await, before);
    let above = location(&pool, &own).await;
    assert_ne!(above, before);
    let paths = runs_with(&pool, &vm).await;
    assert!(paths[0].ends_with(&above), "{paths:?} {above}");
    assert_eq!(volumes(&pool).await, (2, 0));

    // A scan finds both volumes where they belong.
    pool.ok("SR.scan", &[sr.clone()]).await;
    assert_eq!(volumes(&pool).await, (2, 0));

    pool.ok("VM.revert", &[snapshot.clone()]).await;
    assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Halted");
    assert_eq!(disk(&pool, &vm).await, own, "the disk keeps its identity");
    let back = location(&pool, &own).await;
    assert!(back != above && back != before);
    let below = pool.ok("VDI.get_sm_config", &[own.clone()]).await;
    assert_eq!(below["backing"], before);
    assert_eq!(volumes(&pool).await, (2, 0), "what was written since is gone");
    pool.start(&vm).await.unwrap();
    assert!(runs_with(&pool, &vm).await[0].ends_with(&back));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_needed_stays_as_a_base_until_it_is_not() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let snapshot = pool.ok("VM.snapshot", &[vm.clone(), json!("s"), json!([])]).await;
    let frozen = disk(&pool, &snapshot).await;
    pool.ok("VM.destroy", &[snapshot.clone()]).await;
    pool.ok("VDI.destroy", &[frozen.clone()]).await;
    assert_eq!(volumes(&pool).await, (1, 1));
    let refused = pool.call("VDI.destroy", &[frozen]).await.unwrap_err();
    assert_eq!(refused[0], "VDI_NOT_MANAGED");
    pool.start(&vm).await.unwrap();
    pool.ok("VM.hard_shutdown", &[vm.clone()]).await;
    let own = disk(&pool, &vm).await;
    pool.ok("VM.destroy", &[vm]).await;
    pool.ok("VDI.destroy", &[own]).await;
    assert_eq!(volumes(&pool).await, (0, 0));
    pool.ok("SR.scan", &[sr]).await;
    assert_eq!(volumes(&pool).await, (0, 0), "nothing is left on the storage");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_the_hypervisor_refuses_changes_nothing() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let own = disk(&pool, &vm).await;
    let before = location(&pool, &own).await;
    pool.start(&vm).await.unwrap();
    let failure = HypervisorError::Failed { call: "snapshot".into(), text: "no".into() };
    pool.world.fail_next(0, "change", failure);
    pool.call("VM.snapshot", &[vm.clone(), json!("s"), json!([])]).await.unwrap_err();
    assert_eq!(location(&pool, &own).await, before);
    assert_eq!(pool.ok("VM.get_snapshots", &[vm.clone()]).await, json!([]));
    assert_eq!(volumes(&pool).await, (1, 0));
    pool.ok("VM.snapshot", &[vm, json!("s"), json!([])]).await;
}

/// The guest may write to either volume: a restart from the upper one is right in both cases.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_whose_outcome_is_unknown_leaves_the_vm_on_the_upper_volume() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let own = disk(&pool, &vm).await;
    let before = location(&pool, &own).await;
    pool.start(&vm).await.unwrap();
    let unknown = HypervisorError::Deadline { call: "snapshot".into(), seconds: 60 };
    pool.world.fail_next(0, "change", unknown);
    pool.call("VM.snapshot", &[vm.clone(), json!("s"), json!([])]).await.unwrap_err();
    let above = location(&pool, &own).await;
    assert_ne!(above, before);
    let below = pool.ok("VDI.get_sm_config", &[own.clone()]).await;
    assert_eq!(below["backing"], before);
    assert_eq!(volumes(&pool).await, (1, 1), "nobody may take the lower one for a snapshot");
    pool.ok("VM.hard_shutdown", &[vm.clone()]).await;
    pool.start(&vm).await.unwrap();
    assert!(runs_with(&pool, &vm).await[0].ends_with(&above));
}

#[tokio::test(flavor = "multi_thread")]
async fn clones_share_one_base_and_copies_share_nothing() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let own = disk(&pool, &vm).await;
    let mut clones = Vec::new();
    for number in 0..40 {
        clones.push(pool.ok("VM.clone", &[vm.clone(), json!(format!("c{number}"))]).await);
    }
    assert_eq!(volumes(&pool).await, (41, 1), "however many, the chain grows by one");
    let base = pool.ok("VDI.get_sm_config", &[own]).await["backing"].clone();
    let first = disk(&pool, &clones[0]).await;
    assert_eq!(pool.ok("VDI.get_sm_config", &[first.clone()]).await["backing"], base);
    let copy = pool.ok("VM.copy", &[clones[0].clone(), json!("copy"), sr]).await;
    let copied = disk(&pool, &copy).await;
    assert!(pool.ok("VDI.get_sm_config", &[copied]).await.get("backing").is_none());
    // Once it ran it is frozen again.
    pool.start(&clones[0]).await.unwrap();
    pool.ok("VM.hard_shutdown", &[clones[0].clone()]).await;
    pool.ok("VM.clone", &[clones[0].clone(), json!("again")]).await;
    assert_ne!(pool.ok("VDI.get_sm_config", &[first]).await["backing"], base);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_brings_the_memory_back() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.start(&vm).await.unwrap();
    let checkpoint = pool.ok("VM.checkpoint", &[vm.clone(), json!("with memory")]).await;
    assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Running");
    assert_eq!(pool.ok("VM.get_power_state", &[checkpoint.clone()]).await, "Suspended");
    for _ in 0..2 {
        pool.ok("VM.revert", &[checkpoint.clone()]).await;
        assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Suspended");
        pool.ok("VM.resume", &[vm.clone(), json!(false), json!(false)]).await;
        assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Running");
    }
    let image = pool.ok("VM.get_suspend_VDI", &[checkpoint.clone()]).await;
    let refused = pool.call("VDI.destroy", &[image.clone()]).await.unwrap_err();
    assert_eq!(refused[0], "VDI_IN_USE");
    pool.ok("VM.destroy", &[checkpoint]).await;
    let gone = pool.call("VDI.get_uuid", &[image]).await.unwrap_err();
    assert_eq!(gone[0], "HANDLE_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_runs_nowhere_and_a_template_has_none_to_go_back_to() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let snapshot = pool.ok("VM.snapshot", &[vm.clone(), json!("s"), json!([])]).await;
    let template = [snapshot.clone(), json!(false)];
    assert_eq!(pool.start(&snapshot).await.unwrap_err()[0], "VM_IS_TEMPLATE");
    let refused = pool.call("VM.set_is_a_template", &template).await.unwrap_err();
    assert_eq!(refused[0], "OPERATION_NOT_ALLOWED");
    assert_eq!(
        pool.call("VM.revert", &[vm.clone()]).await.unwrap_err()[0],
        "OPERATION_NOT_ALLOWED"
    );
    // A VM of its own comes of it by a clone.
    let made = pool.ok("VM.clone", &[snapshot.clone(), json!("made")]).await;
    let record = pool.ok("VM.get_record", &[made.clone()]).await;
    assert_eq!(
        (record["is_a_snapshot"].clone(), record["is_a_template"].clone()),
        (json!(false), json!(true))
    );
    pool.ok("VM.set_is_a_template", &[made.clone(), json!(false)]).await;
    pool.start(&made).await.unwrap();
    // The snapshot outlives its VM, which cannot come back then.
    pool.ok("VM.destroy", &[vm]).await;
    assert_eq!(pool.call("VM.revert", &[snapshot]).await.unwrap_err()[0], "VM_REVERT_FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_are_snapshotted_cloned_and_grown_under_their_vm() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let own = disk(&pool, &vm).await;
    pool.start(&vm).await.unwrap();
    let snapshot = pool.ok("VDI.snapshot", &[own.clone(), json!({})]).await;
    assert_eq!(pool.ok("VDI.get_is_a_snapshot", &[snapshot.clone()]).await, true);
    assert!(runs_with(&pool, &vm).await[0].ends_with(&location(&pool, &own).await));
    let size = 128i64 << 20;
    pool.ok("VDI.resize_online", &[own.clone(), json!(size)]).await;
    assert_eq!(pool.ok("VDI.get_virtual_size", &[own.clone()]).await, json!(size));
    let shrunk = pool.call("VDI.resize", &[own.clone(), json!(1 << 20)]).await.unwrap_err();
    assert_eq!(shrunk[0], "INVALID_VALUE");
    let used = pool.call("VDI.clone", &[own, json!({})]).await.unwrap_err();
    assert_eq!(used[0], "VDI_IN_USE");
    let clone = pool.ok("VDI.clone", &[snapshot.clone(), json!({})]).await;
    let below = pool.ok("VDI.get_sm_config", &[clone]).await;
    assert_eq!(below["backing"], location(&pool, &snapshot).await);
}

/// Whoever writes to a snapshot changes every disk above it.
#[tokio::test(flavor = "multi_thread")]
async fn no_vm_starts_with_a_snapshot_that_it_may_write_to() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let (vm, other) = (pool.vm("web1", &sr, 256).await, pool.vm("web2", &sr, 256).await);
    let own = disk(&pool, &vm).await;
    let snapshot = pool.ok("VDI.snapshot", &[own, json!({})]).await;
    let drive = |mode: &str| {
        json!({
            "VM": other, "VDI": snapshot, "userdevice": "1", "bootable": false, "mode": mode,
            "type": "Disk", "unpluggable": true, "empty": false, "other_config": {},
        })
    };
    let vbd = pool.ok("VBD.create", &[drive("RW")]).await;
    assert_eq!(pool.start(&other).await.unwrap_err()[0], "VDI_READONLY");
    pool.ok("VBD.destroy", &[vbd]).await;
    pool.start(&other).await.unwrap();
    let vbd = pool.ok("VBD.create", &[drive("RW")]).await;
    assert_eq!(pool.call("VBD.plug", &[vbd.clone()]).await.unwrap_err()[0], "VDI_IN_USE");
    pool.ok("VBD.destroy", &[vbd]).await;
    let vbd = pool.ok("VBD.create", &[drive("RO")]).await;
    pool.ok("VBD.plug", &[vbd]).await;
}
