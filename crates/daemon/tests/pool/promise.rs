//! What an armed pool promises, and what it lets nobody break: the calls of XenAPI, admission
//! control, the alert that is raised once and taken back once (rows 61 to 65, 76, 77).

use haven_drivers::hypervisor::sim::Delays;
use serde_json::{Value as Json, json};

use crate::armed::Armed;
use crate::support::{get, get_in, post};

pub(crate) const WOULD_BREAK: &str = "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN";

/// A VM that takes so much of a host, in percent. Hosts are as large as the machine.
pub(crate) async fn vm(pool: &Armed, name: &str, percent: i64) -> Json {
    let all = pool.ok("host_metrics.get_all_records", &[]).await;
    let total = all.as_object().unwrap().values().next().unwrap()["memory_total"].clone();
    let mib = total.as_i64().unwrap() >> 20;
    // Without what the host keeps for itself.
    pool.vm(name, (mib - (mib / 8).min(1024)) * percent / 100).await
}

/// Three hosts; on two of them a protected VM of more than half a host.
pub(crate) async fn promised() -> (Armed, Vec<Json>) {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let mut vms = Vec::new();
    for number in 0..2 {
        let vm = vm(&pool, &format!("db{number}"), 60).await;
        start(&pool, &vm, number, false).await.unwrap();
        pool.ok("VM.set_ha_restart_priority", &[vm.clone(), json!("restart")]).await;
        vms.push(vm);
    }
    (pool, vms)
}

pub(crate) async fn start(
    pool: &Armed,
    vm: &Json,
    on: usize,
    force: bool,
) -> Result<Json, Vec<String>> {
    let host = pool.host(on).await;
    pool.call(0, "VM.start_on", &[vm.clone(), host, json!(false), json!(force)]).await
}

pub(crate) async fn tolerate(pool: &Armed, failures: i64) -> Result<Json, Vec<String>> {
    let row = pool.ok("pool.get_all", &[]).await[0].clone();
    pool.call(0, "pool.set_ha_host_failures_to_tolerate", &[row, json!(failures)]).await
}

pub(crate) async fn of_pool(pool: &Armed, field: &str) -> Json {
    let row = pool.ok("pool.get_all", &[]).await[0].clone();
    pool.ok(&format!("pool.get_{field}"), &[row]).await
}

/// Texts of the alerts of a name.
pub(crate) async fn alerts(pool: &Armed, name: &str) -> Vec<String> {
    let all = pool.ok("message.get_all_records", &[]).await;
    let rows = all.as_object().unwrap().values().filter(|row| row["name"] == name);
    rows.map(|row| row["body"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_of_xenapi_say_what_is_possible() {
    let (pool, vms) = promised().await;
    assert_eq!(pool.ok("pool.ha_compute_max_host_failures_to_tolerate", &[]).await, 1);
    for (failures, exists) in [(1, true), (2, false)] {
        let answer = pool.ok("pool.ha_failover_plan_exists", &[json!(failures)]).await;
        assert_eq!(answer, exists, "{failures}");
    }
    let call = "pool.ha_compute_hypothetical_max_host_failures_to_tolerate";
    let one = json!({ vms[0].as_str().unwrap(): "restart" });
    assert_eq!(pool.ok(call, &[one]).await, 1, "the other VM keeps its room");
    assert_eq!(pool.ok(call, &[json!({})]).await, 2, "nothing is protected");
    pool.ok("VM.assert_agile", &[vms[0].clone()]).await;
    // Row 65: more than possible is refused with the most that is.
    let error = tolerate(&pool, 2).await.unwrap_err();
    assert_eq!(error[0], "HA_NO_PLAN");
    assert!(error[1].starts_with("1 is the most that is possible now."), "{error:?}");
    assert!(error[1].contains(" MiB short after "), "{error:?}");
    assert_eq!(of_pool(&pool, "ha_host_failures_to_tolerate").await, 0);
    tolerate(&pool, 1).await.unwrap();
    assert_eq!(of_pool(&pool, "ha_plan_exists_for").await, 1);
    assert_eq!(of_pool(&pool, "ha_overcommitted").await, false);
    let error = pool.call(0, "pool.ha_prevent_restarts_for", &[json!(-1)]).await.unwrap_err();
    assert_eq!(error[0], "INVALID_VALUE");
    pool.ok("pool.ha_prevent_restarts_for", &[json!(60)]).await;
    pool.ok("pool.ha_prevent_restarts_for", &[json!(0)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_breaks_the_promise_unless_somebody_insists() {
    let (pool, _) = promised().await;
    tolerate(&pool, 1).await.unwrap();
    // Row 61: on the last host it would take the room of both others.
    let big = vm(&pool, "big", 45).await;
    let error = start(&pool, &big, 2, false).await.unwrap_err();
    assert_eq!(error[0], WOULD_BREAK);
    assert!(error[1].starts_with("insufficient resources to satisfy HA failover: "), "{error:?}");
    assert!(error[1].contains("db0 needs ") || error[1].contains("db1 needs "), "{error:?}");
    assert_eq!(pool.ok("VM.get_power_state", &[big.clone()]).await, "Halted");
    // Rows 63 and 71: neither the host nor its storage may go.
    let host = pool.host(2).await;
    let error = pool.call(0, "host.disable", &[host.clone()]).await.unwrap_err();
    assert_eq!(error[0], WOULD_BREAK, "{error:?}");
    assert_eq!(pool.ok("host.get_enabled", &[host.clone()]).await, true);
    // Options by the names that others gave them: the nearest right key, and nothing changes.
    let wrong = json!({ "admission": "off", "das.slotmeminmb": "512" });
    let error = post(&pool.socket(0), "/haven/ha/policy", &wrong).await.unwrap_err().to_string();
    assert!(error.contains("Bad HA advanced option key: das.slotmeminmb"), "{error}");
    assert!(error.contains("das.slotMemInMB"), "{error}");
    let (_, policy) = get(&pool.socket(0), "/haven/ha/policy").await;
    let policy: Json = serde_json::from_str(&policy).unwrap();
    assert_eq!((&policy["admission"], &policy["settings"]), (&json!("enforce"), &json!({})));
    // Somebody insists: it passes, and is told.
    start(&pool, &big, 2, true).await.unwrap();
    pool.until("it is overcommitted", async |pool| of_pool(pool, "ha_overcommitted").await == true)
        .await;
    // The standing alert may be there already; rows come in no order.
    let told = alerts(&pool, "HA_POOL_OVERCOMMITTED").await;
    assert!(told.iter().any(|text| text.contains("starting big")), "{told:?}");
}

/// A repository of its own kind, attached where `shared` says.
pub(crate) async fn repository(pool: &Armed, name: &str, kind: &str) -> Json {
    let shared = kind != "local";
    let config = match kind == "nfs" {
        true => json!({ "server": "nas", "serverpath": format!("/{name}") }),
        false => json!({ "location": format!("/{name}") }),
    };
    let (host, no) = (pool.host(0).await, json!(""));
    let kind = json!(kind);
    let params =
        [host, config, json!("0"), json!(name), no.clone(), kind, no, json!(shared), json!({})];
    pool.ok("SR.create", &params).await
}

pub(crate) async fn disk(pool: &Armed, vm: &Json, sr: &Json) -> Result<Json, Vec<String>> {
    let row = json!({
        "name_label": "more", "SR": sr, "virtual_size": 64 << 20, "type": "user",
        "sharable": false, "read_only": false, "other_config": {},
    });
    let vdi = pool.ok("VDI.create", &[row]).await;
    let vbd = json!({
        "VM": vm, "VDI": vdi, "userdevice": "1", "bootable": false, "mode": "RW",
        "type": "Disk", "unpluggable": true, "empty": false, "other_config": {},
    });
    pool.call(0, "VBD.create", &[vbd]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_and_storage_break_no_promise_either() {
    let (pool, vms) = promised().await;
    tolerate(&pool, 1).await.unwrap();
    // A disk that one host alone reaches would tie the VM to it.
    let local = repository(&pool, "own", "local").await;
    let error = disk(&pool, &vms[0], &local).await.unwrap_err();
    assert_eq!(error[0], "HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", "{error:?}");
    assert_eq!(error[1], local.as_str().unwrap());
    assert_eq!(pool.ok("VM.get_VBDs", &[vms[0].clone()]).await.as_array().unwrap().len(), 1);
    // One that all reach is fine; then the storage may not go from where it would be needed.
    let second = repository(&pool, "second", "nfs").await;
    disk(&pool, &vms[0], &second).await.unwrap();
    let host = pool.host(2).await;
    let pbds = pool.ok("PBD.get_all_records", &[]).await;
    let of_host = |row: &Json| row["SR"] == second && row["host"] == host;
    let (pbd, _) = pbds.as_object().unwrap().iter().find(|(_, row)| of_host(row)).unwrap();
    let pbd = json!(pbd);
    let error = pool.call(0, "PBD.unplug", &[pbd.clone()]).await.unwrap_err();
    assert_eq!(error[0], WOULD_BREAK, "{error:?}");
    assert_eq!(pool.ok("PBD.get_currently_attached", &[pbd]).await, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_promise_is_told_once_and_taken_back_once() {
    let (pool, _) = promised().await;
    tolerate(&pool, 1).await.unwrap();
    let warn = json!({ "admission": "warn" });
    post(&pool.socket(0), "/haven/ha/policy", &warn).await.unwrap();
    let big = vm(&pool, "big", 45).await;
    start(&pool, &big, 2, false).await.unwrap();
    pool.until("it is overcommitted", async |pool| of_pool(pool, "ha_overcommitted").await == true)
        .await;
    let standing = async |pool: &Armed| {
        let all = alerts(pool, "HA_POOL_OVERCOMMITTED").await;
        all.iter().filter(|text| text.starts_with("Fewer host failures")).count()
    };
    pool.until("it is told", async |pool| standing(pool).await > 0).await;
    // Row 76: a further step is told again, by whoever made it; the standing alert is not.
    let before = alerts(&pool, "HA_POOL_OVERCOMMITTED").await.len();
    let more = vm(&pool, "more", 10).await;
    start(&pool, &more, 2, false).await.unwrap();
    let after = alerts(&pool, "HA_POOL_OVERCOMMITTED").await;
    assert_eq!(after.len(), before + 1, "{after:?}");
    assert!(after.iter().any(|text| text.contains("starting more")), "{after:?}");
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(standing(&pool).await, 1);
    assert_eq!(alerts(&pool, "HA_POOL_DROP_IN_PLAN_EXISTS_FOR").await.len(), 1);
    // Row 77: room is there again.
    for vm in [big, more] {
        pool.ok("VM.hard_shutdown", &[vm]).await;
    }
    pool.until("the promise holds again", async |pool| {
        of_pool(pool, "ha_overcommitted").await == false
            && alerts(pool, "HA_POOL_OVERCOMMITTED").await.is_empty()
            && alerts(pool, "HA_POOL_DROP_IN_PLAN_EXISTS_FOR").await.is_empty()
    })
    .await;
    assert_eq!(of_pool(&pool, "ha_plan_exists_for").await, 1);
}

/// The same answer as data, and as a sentence in the language of who asks.
#[tokio::test(flavor = "multi_thread")]
async fn explanations_are_data_and_sentences_in_three_languages() {
    let (pool, _) = promised().await;
    let mut data = Vec::new();
    for (language, begins) in [
        ("en-GB,en;q=0.9", "The pool tolerates 1 host failure. With one more: "),
        ("es", "El pool tolera el fallo de 1 host. Con uno más: faltan "),
        ("zh-Hans-CN", "资源池可容忍 1 台主机故障。再多一台时："),
    ] {
        let (status, body) = get_in(&pool.socket(0), "/haven/ha/plan", language).await;
        assert_eq!(status, 200, "{body}");
        let answer: Json = serde_json::from_str(&body).unwrap();
        let text = answer["tolerance"]["text"].as_str().unwrap();
        assert!(text.starts_with(begins), "{text}");
        data.push(answer["tolerance"]["breach"].clone());
    }
    assert!(data[0]["shortage"]["need"].as_u64().is_some(), "{data:?}");
    assert!(data.iter().all(|other| *other == data[0]), "the data has no language");
}

/// What moves takes room on two hosts for a while. That breaks no promise of which anybody would be told, and a
/// start is not let in because of it that breaks the promise when the move has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_on_its_way_breaks_no_promise_and_hides_no_breach() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let mut vms = Vec::new();
    for (number, percent) in [(0, 40), (1, 80)] {
        let vm = vm(&pool, &format!("db{number}"), percent).await;
        start(&pool, &vm, number, false).await.unwrap();
        pool.ok("VM.set_ha_restart_priority", &[vm.clone(), json!("restart")]).await;
        vms.push(vm);
    }
    let more = vm(&pool, "more", 30).await;
    tolerate(&pool, 1).await.unwrap();
    let migrate = std::time::Duration::from_secs(4);
    pool.world.set_delays(Delays { migrate, ..Delays::default() });
    let order = [vms[0].clone(), pool.host(2).await, json!({})];
    let moves = pool.ok("VM.pool_migrate", &order);
    let beside = async {
        pool.until("it is on its way", async |pool| {
            let to = pool.ok("VM.get_scheduled_to_be_resident_on", &[vms[0].clone()]).await;
            to == pool.host(2).await
        })
        .await;
        let error = start(&pool, &more, 0, false).await.unwrap_err();
        assert_eq!(error[0], WOULD_BREAK, "{error:?}");
        // Long enough for several looks.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let vm = pool.ok("VM.get_resident_on", &[vms[0].clone()]).await;
        assert_eq!(vm, pool.host(0).await, "it is still on its way");
        assert_eq!(of_pool(&pool, "ha_plan_exists_for").await, 1);
        assert_eq!(of_pool(&pool, "ha_overcommitted").await, false);
    };
    tokio::join!(moves, beside);
    for name in ["HA_POOL_OVERCOMMITTED", "HA_POOL_DROP_IN_PLAN_EXISTS_FOR"] {
        assert_eq!(alerts(&pool, name).await, Vec::<String>::new());
    }
}
