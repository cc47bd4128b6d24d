//! Disks that move while their machine runs: what fails on the way, and what somebody leaves open.

use haven_daemon::ops::motion::{self, Mark};
use haven_daemon::ops::placement;
use haven_drivers::hypervisor::sim::Delays;
use haven_drivers::hypervisor::{
    DiskCopy, DiskFormat, DomainChange, DomainState, Hypervisor, HypervisorError,
};
use haven_model::{Ref, Vbd, Vdi};
use haven_pooldb::Tx;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::{TestPool, pool};

/// A machine that runs, with its disk in the first of two repositories.
struct Bench {
    pool: TestPool,
    vm: Json,
    id: Uuid,
    vbd: Json,
    old: Json,
    second: Json,
}

async fn repository(pool: &TestPool, name: &str) -> Json {
    let config = json!({ "server": "nas", "serverpath": format!("/{name}") });
    let host = pool.host_refs().await[0].clone();
    let (empty, nfs) = (json!(""), json!("nfs"));
    let args =
        [host, config, json!("0"), json!(name), empty.clone(), nfs, empty, json!(true), json!({})];
    pool.ok("SR.create", &args).await
}

impl Bench {
    async fn new() -> Self {
        let pool = pool(1).await;
        let (first, second) = (pool.nfs().await, repository(&pool, "more").await);
        let vm = pool.vm("web1", &first, 256).await;
        pool.start(&vm).await.unwrap();
        let id = pool.ok("VM.get_uuid", &[vm.clone()]).await;
        let id = id.as_str().unwrap().parse().unwrap();
        let vbd = pool.ok("VM.get_VBDs", &[vm.clone()]).await[0].clone();
        let old = pool.ok("VBD.get_VDI", &[vbd.clone()]).await;
        Self { pool, vm, id, vbd, old, second }
    }

    async fn go(&self) -> Result<Json, Vec<String>> {
        let args = [self.old.clone(), self.second.clone(), json!({})];
        self.pool.call("VDI.pool_migrate", &args).await
    }

    fn fail(&self, call: &str) {
        let error = HypervisorError::Failed { call: call.to_owned(), text: "no".to_owned() };
        self.pool.world.fail_next(0, call, error);
    }

    /// The file that the guest writes to, and whether it executes.
    fn guest(&self) -> (String, bool) {
        let host = self.pool.world.hypervisor(0);
        let disk = host.disk_state(self.id, "vda").unwrap();
        assert_eq!(disk.copy, None, "no copy is left");
        (disk.path, disk.executes)
    }

    async fn path(&self, vdi: &Json) -> String {
        let sr = self.pool.ok("VDI.get_SR", &[vdi.clone()]).await;
        let sr = self.pool.ok("SR.get_uuid", &[sr]).await;
        let location = self.pool.ok("VDI.get_location", &[vdi.clone()]).await;
        format!("{}/{}", sr.as_str().unwrap(), location.as_str().unwrap())
    }

    /// The guest executes on the disk that the database names; nothing else is left.
    async fn is_well(&self, on: &Json) {
        assert_eq!(&self.pool.ok("VBD.get_VDI", &[self.vbd.clone()]).await, on);
        let (path, executes) = self.guest();
        assert!(executes && path.ends_with(&self.path(on).await), "{path} {executes}");
        // What is left behind is deleted beside what goes on.
        let begun = std::time::Instant::now();
        let all = loop {
            let all = self.pool.ok("VDI.get_all_records", &[]).await;
            let all: Vec<Json> = all.as_object().unwrap().values().cloned().collect();
            if all.len() == 1 {
                break all;
            }
            assert!(begun.elapsed().as_secs() < 30, "{all:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        assert_eq!(all[0]["managed"], true);
        assert_eq!(all[0]["sm_config"].get("moving"), None);
        assert_eq!(self.pool.ok("VM.get_power_state", &[self.vm.clone()]).await, "Running");
    }

    /// A move as a daemon leaves it that dies.
    async fn left_open(&self, at: Stage) -> Json {
        let to = Ref::<Vdi>::from_uuid(Uuid::new_v4());
        let (vm, vbd, from, sr): (Ref<haven_model::Vm>, Ref<Vbd>, Ref<Vdi>, Ref<haven_model::Sr>) =
            (parse(&self.vm), parse(&self.vbd), parse(&self.old), parse(&self.second));
        let state = &self.pool.hosts[0].daemon.state;
        let write = move |tx: &mut Tx<'_>| {
            let (on, old) = (tx.require(vm)?.resident_on, tx.require(from)?.clone());
            let placement = placement::number(tx, vm);
            let mark = Mark { vbd, from, to, on, placement, runs: true };
            let row = haven_daemon::ops::vdi::new_row(to, sr, old.virtual_size);
            tx.insert_with(to, Vdi { managed: false, ..row })?;
            for disk in [from, to] {
                tx.update(disk, |row: &mut Vdi| {
                    let text = serde_json::to_string(&mark).unwrap();
                    row.sm_config.insert("moving".to_owned(), text);
                })?;
            }
            if at >= Stage::Committed {
                tx.update(vbd, |row: &mut Vbd| row.vdi = to)?;
                tx.update(to, |row: &mut Vdi| row.managed = true)?;
            }
            Ok(())
        };
        state.pool.write(write).await.unwrap();
        let host = self.pool.world.hypervisor(0);
        let new = json!(to.to_string());
        let path = format!("/run/sr-mount/{}", self.path(&new).await);
        let now = host.disk_state(self.id, "vda").unwrap().path;
        let path =
            now.replace(&self.path(&self.old).await, path.trim_start_matches("/run/sr-mount/"));
        let copy = DiskCopy {
            target: "vda".to_owned(),
            path,
            format: DiskFormat::Qcow2,
            bandwidth_mib_s: 0,
        };
        host.change(self.id, &DomainChange::CopyDisk(copy)).unwrap();
        if at >= Stage::Paused {
            while !host.disk_state(self.id, "vda").unwrap().copy.unwrap().ready {}
            host.pause(self.id).unwrap();
        }
        if at >= Stage::Pivoted {
            let end = DomainChange::EndCopy { target: "vda".to_owned(), pivot: true };
            host.change(self.id, &end).unwrap();
        }
        new
    }

    async fn sweep(&self) {
        motion::sweep(self.pool.hosts[0].daemon.state.clone()).await;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Copying,
    Paused,
    Committed,
    Pivoted,
}

fn parse<T: std::str::FromStr>(reference: &Json) -> T
where
    T::Err: std::fmt::Debug,
{
    reference.as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_moves_while_its_machine_runs() {
    let bench = Bench::new().await;
    bench.pool.world.set_delays(Delays { copy_looks: 3, ..Delays::default() });
    let new = bench.go().await.unwrap();
    assert_eq!(bench.pool.ok("VDI.get_SR", &[new.clone()]).await, bench.second);
    assert_eq!(bench.pool.ok("VDI.get_name_label", &[new.clone()]).await, "disk");
    bench.is_well(&new).await;
    let metrics = bench.pool.ok("VM.get_metrics", &[bench.vm.clone()]).await;
    let noted = bench.pool.ok("VM_metrics.get_other_config", &[metrics]).await;
    assert!(noted["last_disk_move_pause_ms"].as_str().is_some(), "{noted}");
    bench.pool.ok("VM.hard_shutdown", &[bench.vm.clone()]).await;
    bench.pool.start(&bench.vm).await.unwrap();
    bench.is_well(&new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_on_the_way_the_machine_runs_with_its_old_disk() {
    let bench = Bench::new().await;
    bench.fail("copy_disk");
    assert_eq!(bench.go().await.unwrap_err()[0], "SR_BACKEND_FAILURE");
    bench.is_well(&bench.old).await;
    bench.fail("pause");
    bench.go().await.unwrap_err();
    bench.is_well(&bench.old).await;
    // The database named the new disk by then.
    bench.fail("pivot");
    assert_eq!(bench.go().await.unwrap_err()[0], "VDI_COPY_FAILED");
    bench.is_well(&bench.old).await;
    // Nobody knows whether it did, at first.
    let unsure = HypervisorError::Deadline { call: "pivot".to_owned(), seconds: 1 };
    bench.pool.world.fail_next(0, "pivot", unsure);
    let new = bench.go().await.unwrap();
    bench.is_well(&new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_storage_fails_is_given_up() {
    let bench = Bench::new().await;
    bench.pool.world.set_delays(Delays { copy_looks: 1 << 19, ..Delays::default() });
    let breaks = async {
        let host = bench.pool.world.hypervisor(0);
        while host.disk_state(bench.id, "vda").unwrap().copy.is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        // Nothing else happens to the machine meanwhile.
        let moved = bench.pool.call("VM.hard_reboot", &[bench.vm.clone()]).await.unwrap_err();
        assert_eq!(moved[0], "OTHER_OPERATION_IN_PROGRESS");
        bench.pool.world.fail_copies(0, bench.id);
    };
    let (moved, ()) = tokio::join!(bench.go(), breaks);
    assert_eq!(moved.unwrap_err()[0], "VDI_COPY_FAILED");
    bench.is_well(&bench.old).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_cancelled_leaves_nothing() {
    let bench = Bench::new().await;
    bench.pool.world.set_delays(Delays { copy_looks: 1 << 19, ..Delays::default() });
    let args = [bench.old.clone(), bench.second.clone(), json!({})];
    let task = bench.pool.ok("Async.VDI.pool_migrate", &args).await;
    let host = bench.pool.world.hypervisor(0);
    while host.disk_state(bench.id, "vda").unwrap().copy.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    bench.pool.ok("task.cancel", &[task.clone()]).await;
    bench.pool.wait("task", &task, "status", &json!("cancelled")).await;
    bench.is_well(&bench.old).await;
}

/// What a daemon left that died is ended by what the database says.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_left_open_is_ended_by_what_the_database_says() {
    for stage in [Stage::Copying, Stage::Paused, Stage::Committed, Stage::Pivoted] {
        let bench = Bench::new().await;
        let new = bench.left_open(stage).await;
        bench.sweep().await;
        let on = if stage >= Stage::Committed { new } else { bench.old.clone() };
        bench.pool.wait("VM", &bench.vm, "power_state", &json!("Running")).await;
        // The daemon's own sweep may have been first.
        bench.pool.wait("VM", &bench.vm, "current_operations", &json!({})).await;
        bench.sweep().await;
        bench.is_well(&on).await;
    }
}

/// A guest that died meanwhile has what the database says, and starts with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_on_the_machine_ends_the_move_first() {
    for stage in [Stage::Paused, Stage::Committed] {
        let bench = Bench::new().await;
        let new = bench.left_open(stage).await;
        bench.pool.ok("VM.hard_reboot", &[bench.vm.clone()]).await;
        let on = if stage >= Stage::Committed { new } else { bench.old.clone() };
        let (path, executes) = bench.guest();
        assert!(executes && path.ends_with(&bench.path(&on).await), "{path}");
        let state = bench.pool.world.hypervisor(0).inventory().unwrap()[0].state;
        assert_eq!(state, DomainState::Running);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_move_is_refused_with_the_reason() {
    let bench = Bench::new().await;
    let first = bench.pool.ok("VDI.get_SR", &[bench.old.clone()]).await;
    let there = [bench.old.clone(), first, json!({})];
    let refused = bench.pool.call("VDI.pool_migrate", &there).await.unwrap_err();
    assert_eq!(refused[0], "OPERATION_NOT_ALLOWED");
    let odd = [bench.old.clone(), bench.second.clone(), json!({ "bandwidth": "fast" })];
    let refused = bench.pool.call("VDI.pool_migrate", &odd).await.unwrap_err();
    assert_eq!(refused[0], "INVALID_VALUE");
    bench.pool.ok("VM.snapshot", &[bench.vm.clone(), json!("before")]).await;
    let refused = bench.go().await.unwrap_err();
    assert_eq!(refused[0], "OPERATION_NOT_ALLOWED");
    assert!(refused[1].contains("remove them first (disk)"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_takes_its_disks_along_to_another_host() {
    let pool = pool(2).await;
    let (first, second) = (pool.nfs().await, repository(&pool, "more").await);
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &first, 256).await;
    pool.ok("VM.start_on", &[vm.clone(), hosts[0].clone(), json!(false), json!(false)]).await;
    let vbd = pool.ok("VM.get_VBDs", &[vm.clone()]).await[0].clone();
    let disk = || async { pool.ok("VBD.get_VDI", &[vbd.clone()]).await };
    let sr = pool.ok("SR.get_uuid", &[second.clone()]).await;
    let go = |sr: Json| [vm.clone(), hosts[1].clone(), json!({ "live": "true", "disks_to": sr })];
    let odd = pool.call("VM.pool_migrate", &go(json!("nowhere"))).await.unwrap_err();
    assert_eq!(odd[0], "UUID_INVALID");
    // What the destination does not have cannot be reached by what runs there.
    let pbds = pool.ok("SR.get_PBDs", &[second.clone()]).await;
    let pbd = pbds.as_array().unwrap()[1].clone();
    let mut there = pbd.clone();
    for pbd in pbds.as_array().unwrap() {
        if pool.ok("PBD.get_host", &[pbd.clone()]).await == hosts[1] {
            there = pbd.clone();
        }
    }
    pool.ok("PBD.unplug", &[there.clone()]).await;
    let refused = pool.call("VM.pool_migrate", &go(sr.clone())).await.unwrap_err();
    assert_eq!(refused[0], "OPERATION_NOT_ALLOWED", "{refused:?}");
    pool.ok("PBD.plug", &[there]).await;
    pool.ok("VM.pool_migrate", &go(sr)).await;
    assert_eq!(pool.ok("VM.get_resident_on", &[vm.clone()]).await, hosts[1]);
    assert_eq!(pool.ok("VDI.get_SR", &[disk().await]).await, second);
    // And back, as XenServer's tools ask for it.
    let receive = [hosts[0].clone(), json!("OpaqueRef:NULL"), json!({})];
    let ticket = pool.ok("host.migrate_receive", &receive).await;
    let map = json!({ disk().await.as_str().unwrap(): first });
    let send = [vm.clone(), ticket, json!(true), map, json!({}), json!({})];
    pool.ok("VM.migrate_send", &send).await;
    assert_eq!(pool.ok("VM.get_resident_on", &[vm]).await, hosts[0]);
    assert_eq!(pool.ok("VDI.get_SR", &[disk().await]).await, first);
    assert!(pool.world.violations().is_empty());
}
