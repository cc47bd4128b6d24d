//! Storage beside the statefile's that hosts lose (rows 52, 53).

use std::time::Duration;

use haven_drivers::hypervisor::{CRASHED, HypervisorError};
use haven_drivers::storage::sim::SimFault;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::armed::Armed;
use crate::promise::{alerts, disk, repository, start};
use crate::support::post;

/// A pool of three with a second repository, which gives up lost storage after some seconds.
struct Lossy {
    pool: Armed,
    sr: Json,
    uuid: Uuid,
}

impl Lossy {
    async fn new() -> Self {
        Self::of("nfs").await
    }

    async fn of(kind: &str) -> Self {
        let pool = Armed::new(3).await;
        pool.enable().await.unwrap();
        let sr = repository(&pool, "second", kind).await;
        let uuid = pool.ok("SR.get_uuid", &[sr.clone()]).await;
        let uuid = uuid.as_str().unwrap().parse().unwrap();
        let policy = json!({ "storage_lost": "move", "storage_lost_after_s": "10" });
        post(&pool.socket(0), "/haven/ha/policy", &policy).await.unwrap();
        Self { pool, sr, uuid }
    }

    /// A VM that runs on a host; with a disk on the second repository, perhaps.
    async fn vm(&self, name: &str, on: usize, (second, protected): (bool, bool)) -> Json {
        let vm = self.pool.vm(name, 256).await;
        if second {
            disk(&self.pool, &vm, &self.sr).await.unwrap();
        }
        start(&self.pool, &vm, on, false).await.unwrap();
        if protected {
            let restart = [vm.clone(), json!("restart")];
            self.pool.ok("VM.set_ha_restart_priority", &restart).await;
        }
        vm
    }

    fn lose(&self, hosts: &[usize], fault: Option<SimFault>) {
        hosts.iter().for_each(|host| self.pool.array.set_fault(self.uuid, *host, fault));
    }

    /// How often a case was told.
    async fn told(&self, case: &str) -> usize {
        let said = format!(r#""case":"{case}""#);
        alerts(&self.pool, "ALARM").await.iter().filter(|body| body.contains(&said)).count()
    }

    async fn once_told(&self, case: &str) {
        self.pool.until(case, async |_| self.told(case).await > 0).await;
    }

    async fn runs_on(&self, vm: &Json) -> Option<usize> {
        let row = self.pool.ok("VM.get_record", &[vm.clone()]).await;
        for number in 0..3 {
            let runs = row["power_state"] == "Running";
            if runs && row["resident_on"] == self.pool.host(number).await {
                return Some(number);
            }
        }
        None
    }

    /// Its process ends, and nobody asked for that.
    async fn kill(&self, host: usize, vm: &Json) {
        let id = self.pool.ok("VM.get_uuid", &[vm.clone()]).await;
        self.pool.world.end_domain(host, id.as_str().unwrap().parse().unwrap(), CRASHED);
    }

    /// People are told, and nothing is moved.
    async fn only_told(&self) {
        let policy = json!({ "storage_lost": "tell" });
        post(&self.pool.socket(0), "/haven/ha/policy", &policy).await.unwrap();
    }

    async fn fails(&self, method: &str, params: &[Json]) -> Vec<String> {
        self.pool.call(0, method, params).await.unwrap_err()
    }

    async fn once_halted(&self, vm: &Json) {
        let state = async || self.pool.ok("VM.get_power_state", &[vm.clone()]).await;
        self.pool.until("it is halted", async |_| state().await == "Halted").await;
    }

    async fn reason(&self, vm: &Json) -> Json {
        let config = self.pool.ok("VM.get_other_config", &[vm.clone()]).await;
        config["haven_waits_for_storage"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_of_storage_that_one_host_lost_run_elsewhere() {
    let lossy = Lossy::new().await;
    let web = lossy.vm("web", 2, (true, true)).await;
    let db = lossy.vm("db", 2, (true, true)).await;
    let plain = lossy.vm("plain", 2, (true, false)).await;
    let other = lossy.vm("other", 2, (false, true)).await;
    let elsewhere = lossy.vm("elsewhere", 1, (true, true)).await;
    let before = lossy.pool.world.starts(2);
    lossy.lose(&[2], Some(SimFault::Stalled));
    lossy.once_told("storage_lost").await;
    assert_eq!(lossy.runs_on(&web).await, Some(2), "it hangs there for now");
    assert_eq!(lossy.reason(&web).await, "second");
    for vm in [&web, &db] {
        lossy
            .pool
            .until("it runs elsewhere", async |_| lossy.runs_on(vm).await.is_some_and(|on| on != 2))
            .await;
        lossy.pool.until("nothing hinders it", async |_| lossy.reason(vm).await.is_null()).await;
    }
    let ended =
        async |_: &Armed| lossy.pool.ok("VM.get_power_state", &[plain.clone()]).await == "Halted";
    lossy.pool.until("it is ended as by the failure of its host, and not protected", ended).await;
    assert_eq!(lossy.runs_on(&other).await, Some(2));
    assert_eq!(lossy.runs_on(&elsewhere).await, Some(1));
    assert_eq!(lossy.pool.world.starts(2), before, "nothing is started where the storage is lost");
    assert_eq!(lossy.pool.world.violations(), []);
    assert_eq!(lossy.told("storage_lost").await, 1);
    lossy.lose(&[2], None);
    lossy.once_told("storage_back").await;
    assert_eq!(lossy.told("storage_lost").await, 1);
    // It takes such machines again.
    let again = lossy.vm("again", 2, (true, true)).await;
    assert_eq!(lossy.runs_on(&again).await, Some(2));
    assert!(lossy.runs_on(&web).await.is_some_and(|on| on != 2), "nothing moves back");
}

/// What would be ended could not be given up: nobody can prove that nothing of it is on its way.
#[tokio::test(flavor = "multi_thread")]
async fn machines_of_storage_that_cannot_be_let_go_of_are_not_ended() {
    let lossy = Lossy::of("file").await;
    let web = lossy.vm("web", 2, (true, true)).await;
    lossy.lose(&[2], Some(SimFault::Stalled));
    lossy.once_told("storage_lost").await;
    // Longer than the policy's delay.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(lossy.runs_on(&web).await, Some(2));
    assert_eq!(lossy.told("storage_held").await, 0);
    lossy.lose(&[2], None);
    lossy.once_told("storage_back").await;
    assert_eq!(lossy.pool.world.violations(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_cannot_be_ended_is_told_and_runs_nowhere_else() {
    let lossy = Lossy::new().await;
    let web = lossy.vm("web", 2, (true, true)).await;
    let failure = HypervisorError::Deadline { call: "destroy".to_owned(), seconds: 30 };
    lossy.pool.world.fail_next(2, "stop", failure);
    lossy.lose(&[2], Some(SimFault::Stalled));
    lossy.once_told("storage_stuck").await;
    // Long enough for several looks.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(lossy.runs_on(&web).await, Some(2));
    assert_eq!(lossy.pool.world.starts(0) + lossy.pool.world.starts(1), 0);
    assert_eq!(lossy.told("storage_stuck").await, 1);
    lossy
        .pool
        .until("its process is gone at last", async |_| {
            lossy.runs_on(&web).await.is_some_and(|on| on != 2)
        })
        .await;
    assert_eq!(lossy.pool.world.violations(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_is_lost_everywhere_moves_nobody_and_is_told_once() {
    let lossy = Lossy::new().await;
    let hangs = lossy.vm("hangs", 1, (true, true)).await;
    let dies = lossy.vm("dies", 2, (true, true)).await;
    lossy.lose(&[0, 1, 2], Some(SimFault::Stalled));
    lossy.once_told("storage_lost_everywhere").await;
    lossy.kill(2, &dies).await;
    // Longer than the policy's delay.
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(lossy.runs_on(&hangs).await, Some(1));
    let starts: u64 = (0..3).map(|host| lossy.pool.world.starts(host)).sum();
    assert_eq!(starts, 2, "nobody tries where no storage is");
    assert_eq!(lossy.told("storage_lost").await, 0);
    assert_eq!(lossy.told("storage_lost_everywhere").await, 1);
    for vm in [&hangs, &dies] {
        assert_eq!(lossy.reason(vm).await, "second");
    }
    assert_eq!(lossy.runs_on(&dies).await, Some(2), "what it wrote may be on its way");
    lossy.lose(&[0, 1, 2], None);
    let starts = |pool: &Armed| (0..3).map(|host| pool.world.starts(host)).sum::<u64>();
    lossy.pool.until("it is started again", async |pool| starts(pool) == 3).await;
    lossy.pool.until("it runs again", async |_| lossy.runs_on(&dies).await.is_some()).await;
    lossy.once_told("storage_back").await;
    assert_eq!(lossy.runs_on(&hangs).await, Some(1), "it went on where it was");
    assert_eq!(lossy.told("storage_lost_everywhere").await, 1);
    for vm in [&hangs, &dies] {
        lossy.pool.until("nothing hinders it", async |_| lossy.reason(vm).await.is_null()).await;
    }
}

/// What it had sent may wait in the kernel of its host, and land under a second start of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_stopped_by_hand_while_its_storage_hangs_is_not_halted_before_its_writes()
{
    let lossy = Lossy::new().await;
    lossy.only_told().await;
    let web = lossy.vm("web", 2, (true, true)).await;
    let other = lossy.vm("other", 2, (false, true)).await;
    lossy.lose(&[2], Some(SimFault::Stalled));
    let host = lossy.pool.host(2).await;
    for _ in 0..2 {
        let refused = lossy.fails("VM.hard_shutdown", &[web.clone()]).await;
        assert_eq!(refused[0], "VM_WRITES_UNDER_WAY", "{refused:?}");
        assert_eq!([&refused[1], &refused[2]], [web.as_str().unwrap(), host.as_str().unwrap()]);
    }
    // Longer than some reports take.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(lossy.runs_on(&web).await, Some(2));
    let elsewhere = [web.clone(), lossy.pool.host(1).await, json!(false), json!(false)];
    assert_eq!(lossy.fails("VM.start_on", &elsewhere).await[0], "VM_BAD_POWER_STATE");
    assert_eq!(
        lossy.fails("VM.power_state_reset", &[web.clone()]).await[0],
        "OPERATION_NOT_ALLOWED"
    );
    // A machine with no disk there is stopped as ever.
    lossy.pool.ok("VM.hard_shutdown", &[other.clone()]).await;
    lossy.lose(&[2], None);
    lossy.once_halted(&web).await;
    assert_eq!(lossy.runs_on(&web).await, None, "somebody wanted it down");
    lossy.pool.ok("VM.start_on", &elsewhere).await;
    assert_eq!(lossy.pool.world.violations(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_stopped_by_hand_is_halted_when_its_host_has_let_go() {
    let lossy = Lossy::new().await;
    let web = lossy.vm("web", 2, (true, true)).await;
    lossy.lose(&[2], Some(SimFault::Stalled));
    let refused = lossy.fails("VM.hard_shutdown", &[web.clone()]).await;
    assert_eq!(refused[0], "VM_WRITES_UNDER_WAY", "{refused:?}");
    lossy.once_halted(&web).await;
    assert_eq!(lossy.pool.world.starts(0) + lossy.pool.world.starts(1), 0, "nobody wants it up");
    let elsewhere = [web.clone(), lossy.pool.host(1).await, json!(false), json!(false)];
    lossy.pool.ok("VM.start_on", &elsewhere).await;
    assert_eq!(lossy.pool.world.violations(), []);
}

/// Nobody asked for its end; nobody waits for it longer than on storage that answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_dies_while_its_storage_hangs_is_started_elsewhere_after_its_writes() {
    let lossy = Lossy::new().await;
    lossy.only_told().await;
    let web = lossy.vm("web", 2, (true, true)).await;
    // Only a crash is a reason to start it again.
    let own_end = [web.clone(), json!("haven_own_shutdown"), json!("respect")];
    lossy.pool.ok("VM.add_to_other_config", &own_end).await;
    lossy.lose(&[2], Some(SimFault::Stalled));
    lossy.kill(2, &web).await;
    // Longer than some reports take.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(lossy.runs_on(&web).await, Some(2));
    assert_eq!(lossy.pool.world.starts(0) + lossy.pool.world.starts(1), 0);
    lossy.lose(&[2], None);
    let starts = |pool: &Armed| (0..3).map(|host| pool.world.starts(host)).sum::<u64>();
    lossy.pool.until("it is started again", async |pool| starts(pool) == 2).await;
    assert_eq!(lossy.pool.world.violations(), []);
}
