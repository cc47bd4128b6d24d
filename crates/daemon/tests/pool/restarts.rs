//! What died with its host is started again: in order, behind its gates, elsewhere when a start
//! fails, best-effort last (rows 78, 80 and 82).

use std::collections::BTreeMap;

use haven_drivers::hypervisor::HypervisorError;
use haven_drivers::hypervisor::sim::Delays;
use serde_json::{Value as Json, json};

use crate::armed::Armed;
use crate::support::post;

/// The host that is lost. It does not coordinate.
const LOST: usize = 2;

/// An armed pool of three hosts, and what runs on the last of them.
struct Failover {
    pool: Armed,
    vms: BTreeMap<String, Json>,
}

impl Failover {
    async fn new() -> Self {
        let pool = Armed::new(3).await;
        pool.enable().await.unwrap();
        Self { pool, vms: BTreeMap::new() }
    }

    async fn ok(&self, method: &str, params: &[Json]) -> Json {
        self.pool.ok(method, params).await
    }

    /// A VM that runs on the host that will be lost.
    async fn vm(&mut self, name: &str, priority: &str, order: i64, delay_s: i64) {
        let vm = self.pool.vm(name, 256).await;
        self.ok("VM.set_order", &[vm.clone(), json!(order)]).await;
        self.ok("VM.set_start_delay", &[vm.clone(), json!(delay_s)]).await;
        let host = self.pool.host(LOST).await;
        self.ok("VM.start_on", &[vm.clone(), host, json!(false), json!(false)]).await;
        self.ok("VM.set_ha_restart_priority", &[vm.clone(), json!(priority)]).await;
        self.vms.insert(name.to_owned(), vm);
    }

    async fn policy(&self, settings: Json) {
        post(&self.pool.socket(0), "/haven/ha/policy", &settings).await.unwrap();
    }

    /// The host is lost; answers when each VM ran again, in milliseconds, and where.
    async fn lose(&mut self) -> BTreeMap<String, (u64, Json)> {
        self.pool.lose(LOST).await;
        let vms = self.vms.clone();
        self.pool
            .until("all run again", async |pool| {
                for vm in vms.values() {
                    if times(pool, vm).await.is_none() {
                        return false;
                    }
                }
                true
            })
            .await;
        let mut found = BTreeMap::new();
        for (name, vm) in &self.vms {
            let on = self.ok("VM.get_resident_on", &[vm.clone()]).await;
            found.insert(name.clone(), (times(&self.pool, vm).await.unwrap(), on));
        }
        assert!(self.pool.world.violations().is_empty());
        found
    }
}

/// When a VM ran again, if it does.
async fn times(pool: &Armed, vm: &Json) -> Option<u64> {
    at(pool, vm, "started_ms").await
}

/// When a phase of its restart was, if it runs again.
async fn at(pool: &Armed, vm: &Json, phase: &str) -> Option<u64> {
    let row = pool.call(0, "VM.get_record", std::slice::from_ref(vm)).await.ok()?;
    let text = row["other_config"]["haven_restart_times"].as_str()?;
    let times: Json = serde_json::from_str(text).unwrap();
    (row["power_state"] == "Running").then(|| times[phase].as_u64().unwrap())
}

/// Five levels of priority and best effort: each waits for the one before, and its delay is kept.
/// The agents answer, so nobody waits for the time-out of ten minutes.
#[tokio::test(flavor = "multi_thread")]
async fn five_priorities_start_in_order_and_best_effort_last() {
    let mut failover = Failover::new().await;
    failover.policy(json!({ "restart_ready": "agent" })).await;
    for order in [3, 1, 4, 0, 2] {
        let delay = if order == 1 { 1 } else { 0 };
        failover.vm(&format!("level{order}"), "restart", order, delay).await;
    }
    failover.vm("play", "best-effort", 0, 0).await;
    let start = std::time::Duration::from_millis(120);
    failover.pool.world.set_delays(Delays { start, ..Delays::default() });
    let ran = failover.lose().await;
    let when: Vec<u64> = (0..5).map(|order| ran[&format!("level{order}")].0).collect();
    assert!(when.windows(2).all(|pair| pair[0] < pair[1]), "{when:?}");
    assert!(when[2] >= when[1] + 1000, "its delay is kept: {when:?}");
    assert!(ran["play"].0 > when[4], "best effort comes last: {ran:?}");
}

/// Row 78: a guest whose agent never answers holds the others up for its time-out and no longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_nobody_opens_is_passed_when_its_time_is_over() {
    let mut failover = Failover::new().await;
    failover.policy(json!({ "restart_ready": "agent", "restart_timeout_s": "2" })).await;
    failover.vm("first", "restart", 0, 0).await;
    failover.vm("second", "restart", 1, 0).await;
    for host in 0..LOST {
        for _ in 0..200 {
            let mute = HypervisorError::Failed { call: "agent".into(), text: "silent".into() };
            failover.pool.world.fail_next(host, "guest_agent", mute);
        }
    }
    let ran = failover.lose().await;
    // Its time begins with the group, and that after all were placed: how late the first guest is on a
    // slow machine says nothing.
    let placed = at(&failover.pool, &failover.vms["second"], "placed_ms").await.unwrap();
    let waited = ran["second"].0.saturating_sub(placed);
    assert!(waited >= 1_990, "the second began {waited} ms after it was placed");
    assert!(ran["first"].0 <= ran["second"].0, "{ran:?}");
}

/// Row 80: what cannot start on one host is planned anew and starts on another.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_is_planned_anew_elsewhere() {
    let mut failover = Failover::new().await;
    failover.vm("web", "restart", 0, 0).await;
    let vm = failover.vms["web"].clone();
    let lost = failover.pool.host(LOST).await;
    let planned = failover
        .ok("pool.ha_compute_vm_failover_plan", &[json!([lost]), json!([vm])])
        .await[vm.as_str().unwrap()]["host"]
        .clone();
    let mut first = 0;
    for number in 0..LOST {
        if failover.pool.host(number).await == planned {
            first = number;
        }
    }
    let broken = HypervisorError::Failed { call: "start".into(), text: "no room for it".into() };
    failover.pool.world.fail_next(first, "start", broken);
    let ran = failover.lose().await;
    let other = failover.pool.host(1 - first).await;
    assert_eq!(ran["web"].1, other, "it failed on {first}");
    assert_eq!(failover.pool.world.starts(first), 0);
}
