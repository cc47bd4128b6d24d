//! A member that lost the heartbeat storage is drained before the guards put it out (rule 2 of the
//! membership).

use haven_cluster::alarm::Alarm;
use haven_drivers::hypervisor::HypervisorError;
use haven_drivers::hypervisor::sim::Delays;
use serde_json::{Value as Json, json};

use crate::armed::Armed;
use crate::promise::alerts;

/// A VM that runs on a host.
async fn machine(pool: &Armed, name: &str, on: usize) -> Json {
    let vm = pool.vm(name, 256).await;
    start(pool, &vm, on).await.unwrap();
    vm
}

async fn start(pool: &Armed, vm: &Json, on: usize) -> Result<Json, Vec<String>> {
    let host = pool.host(on).await;
    pool.call(0, "VM.start_on", &[vm.clone(), host, json!(false), json!(false)]).await
}

async fn runs_on(pool: &Armed, vm: &Json, number: usize) -> bool {
    let row = pool.ok("VM.get_record", &[vm.clone()]).await;
    assert_eq!(row["power_state"], "Running", "it never stops: {row}");
    row["resident_on"] == pool.host(number).await
}

/// The drains that were begun: host, status, and the error.
async fn drains(pool: &Armed) -> Vec<(Json, String, Json)> {
    let all = pool.ok("task.get_all_records", &[]).await;
    let rows = all.as_object().unwrap().values().filter(|row| row["name_label"] == "host.evacuate");
    let told = |row: &Json| {
        let status = row["status"].as_str().unwrap().to_owned();
        (row["name_description"].clone(), status, row["error_info"].clone())
    };
    rows.map(told).collect()
}

async fn mark(pool: &Armed, number: usize) -> Json {
    let host = pool.host(number).await;
    pool.ok("host.get_other_config", &[host]).await["haven_quarantine"].clone()
}

async fn ended(pool: &Armed, count: usize, status: &str) {
    pool.until("the drain has ended", async |pool| {
        let all = drains(pool).await;
        all.len() == count && all.iter().all(|(_, is, _)| is == status)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_lost_the_heartbeat_storage_is_drained() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let (web, db) = (machine(&pool, "web", 2).await, machine(&pool, "db", 2).await);
    let other = machine(&pool, "other", 1).await;
    pool.ok("VM.set_ha_restart_priority", &[db.clone(), json!("restart")]).await;
    let lost = [Alarm::Diskless(pool.guards.slot(2))];
    pool.guards.complain(0, &lost);
    pool.until("it is empty", async |pool| {
        !runs_on(pool, &web, 2).await && !runs_on(pool, &db, 2).await
    })
    .await;
    ended(&pool, 1, "success").await;
    assert_eq!(drains(&pool).await[0].0, "host2");
    // Nobody joined or left since it was armed: the alert names the host all the same.
    let told = alerts(&pool, "HA_STATEFILE_LOST").await;
    assert!(told.len() == 1 && told[0].contains(r#""host":"host2""#), "{told:?}");
    assert!(runs_on(&pool, &other, 1).await, "nobody else is moved");
    // It takes nothing meanwhile, and is not disabled for that.
    assert_eq!(mark(&pool, 2).await, "diskless");
    let enabled = pool.ok("host.get_enabled", &[pool.host(2).await]).await;
    assert_eq!(enabled, true);
    let late = pool.vm("late", 256).await;
    start(&pool, &late, 2).await.unwrap_err();
    pool.ok("VM.start", &[late.clone(), json!(false), json!(false)]).await;
    assert!(!runs_on(&pool, &late, 2).await);

    pool.guards.complain(0, &[]);
    pool.until("it takes machines again", async |pool| mark(pool, 2).await.is_null()).await;
    let again = machine(&pool, "again", 2).await;
    assert!(!runs_on(&pool, &web, 2).await && !runs_on(&pool, &db, 2).await, "nothing moves back");
    pool.guards.complain(0, &lost);
    pool.until("it is emptied once more", async |pool| !runs_on(pool, &again, 2).await).await;
    ended(&pool, 2, "success").await;
    pool.ok("pool.disable_ha", &[]).await;
    assert_eq!(mark(&pool, 2).await, Json::Null, "nobody would take it away");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_cannot_leave_runs_on_and_the_others_go() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let mut vms = Vec::new();
    for name in ["a", "b", "c"] {
        vms.push(machine(&pool, name, 2).await);
    }
    let text = "the disk hangs".to_owned();
    let failure = HypervisorError::Failed { call: "migrate".to_owned(), text };
    pool.world.fail_next(2, "migrate", failure);
    pool.guards.complain(0, &[Alarm::Diskless(pool.guards.slot(2))]);
    ended(&pool, 1, "failure").await;
    let mut stayed = 0;
    for vm in &vms {
        stayed += usize::from(runs_on(&pool, vm, 2).await);
    }
    assert_eq!(stayed, 1);
    let (_, _, error) = drains(&pool).await.remove(0);
    assert_eq!(error[0], "CANNOT_EVACUATE_HOST");
    assert!(error[1].as_str().unwrap().contains("the disk hangs"), "{error}");
    // Long enough for several looks: it is not tried again and again.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(drains(&pool).await.len(), 1);
}

/// More machines on the third host than move at the same time, and slowly; answers when the first move.
async fn under_way(pool: &Armed) -> Vec<Json> {
    pool.enable().await.unwrap();
    let mut vms = Vec::new();
    for number in 0..6 {
        vms.push(machine(pool, &format!("vm{number}"), 2).await);
    }
    let migrate = std::time::Duration::from_secs(6);
    pool.world.set_delays(Delays { migrate, ..Delays::default() });
    pool.guards.complain(0, &[Alarm::Diskless(pool.guards.slot(2))]);
    pool.until("some are on their way", async |pool| moving(pool).await > 0).await;
    vms
}

async fn moving(pool: &Armed) -> usize {
    let rows = pool.ok("VM.get_all_records", &[]).await;
    let moves = |row: &&Json| row["scheduled_to_be_resident_on"] != "OpaqueRef:NULL";
    rows.as_object().unwrap().values().filter(moves).count()
}

async fn left_on(pool: &Armed, vms: &[Json], number: usize) -> usize {
    let mut left = 0;
    for vm in vms {
        left += usize::from(runs_on(pool, vm, number).await);
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_has_its_storage_again_keeps_those_whose_turn_had_not_come() {
    let pool = Armed::new(3).await;
    let vms = under_way(&pool).await;
    pool.guards.complain(0, &[]);
    ended(&pool, 1, "success").await;
    assert_eq!(left_on(&pool, &vms, 2).await, 2, "four were on their way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_a_person_cancels_is_not_begun_again() {
    let pool = Armed::new(3).await;
    let vms = under_way(&pool).await;
    let all = pool.ok("task.get_all_records", &[]).await;
    let mut tasks = all.as_object().unwrap().iter();
    let (task, _) = tasks.find(|(_, row)| row["name_label"] == "host.evacuate").unwrap();
    pool.ok("task.cancel", &[json!(task)]).await;
    ended(&pool, 1, "cancelled").await;
    pool.until("those have arrived", async |pool| moving(pool).await == 0).await;
    // Long enough for several looks.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(drains(&pool).await.len(), 1);
    assert_eq!(left_on(&pool, &vms, 2).await, 2, "four were on their way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_came_and_went_too_often_is_marked_while_it_is_out() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.guards.complain(0, &[Alarm::Quarantined(pool.guards.slot(2))]);
    // Long enough for several looks.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(mark(&pool, 2).await, Json::Null, "a member is one");
    let host = pool.host(2).await;
    let marked = async |pool: &Armed| {
        pool.ok("host.get_other_config", &[host.clone()]).await["haven_quarantine"].clone()
    };
    pool.lose(2).await;
    pool.until("it is marked", async |pool| marked(pool).await == "flapping").await;
    pool.guards.complain(0, &[]);
    pool.until("somebody vouched for it", async |pool| marked(pool).await.is_null()).await;
}

/// The coordinator's own guard does not judge it, and its members only watch: whoever is named next
/// finds it without its storage.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_coordinator_drains_the_one_before() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let vm = machine(&pool, "web", 0).await;
    pool.guards.complain(1, &[Alarm::Diskless(pool.guards.slot(0))]);
    // Long enough for several looks.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(runs_on(&pool, &vm, 0).await, "who does not coordinate moves nothing");
    let first = pool.host(0).await;
    pool.guards.name(1);
    pool.until("it is empty", async |pool| {
        let at = pool.call(1, "VM.get_resident_on", &[vm.clone()]).await;
        at.is_ok_and(|at| at != first)
    })
    .await;
    assert_eq!(pool.call(1, "VM.get_power_state", &[vm]).await.unwrap(), "Running");
}
