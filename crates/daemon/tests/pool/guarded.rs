//! Each operation that admission control guards, in each of its modes: refused with the constraint
//! that binds as data, and nothing changed; told of; not looked at (rows 61, 63, 64, 71, 76).

use serde_json::{Value as Json, json};

use crate::armed::Armed;
use crate::promise::{WOULD_BREAK, alerts, disk, promised, repository, start, tolerate, vm};
use crate::support::post;

type Answer = Result<Json, Vec<String>>;

async fn mode(pool: &Armed, admission: &str) {
    post(&pool.socket(0), "/haven/ha/policy", &json!({ "admission": admission })).await.unwrap();
}

/// The data behind an alert's sentence, of alerts about an operation that passed.
async fn told(pool: &Armed, operation: &str) -> Vec<Json> {
    let bodies = alerts(pool, "HA_POOL_OVERCOMMITTED").await;
    let data = bodies.iter().filter_map(|body| body.find(" {\"").map(|at| &body[at + 1..]));
    let data = data.map(|text| serde_json::from_str::<Json>(text).unwrap());
    data.filter(|data| data["doing"]["operation"] == operation).collect()
}

/// What every explanation holds: the failure, the VM, the resource, how much, what helps; and its
/// sentence in each language.
fn explained(data: &Json, operation: &str) {
    assert_eq!(data["doing"]["operation"], operation, "{data}");
    assert!(
        data["doing"]["object"]["name"].as_str().is_some_and(|name| !name.is_empty()),
        "{data}"
    );
    assert_eq!((&data["effect"], &data["goal"]), (&json!("breaks"), &json!(1)), "{data}");
    assert!(data["after"].as_u64() < Some(1), "{data}");
    let breach = &data["binding"]["breach"];
    assert!(breach["failed"].as_array().is_some(), "{data}");
    assert!(breach["vm"]["name"].as_str().is_some_and(|name| !name.is_empty()), "{data}");
    let missing = &breach["missing"];
    let number = |key: &str| missing[key].as_u64().unwrap();
    assert_eq!(number("short"), number("needed") - number("free"), "{data}");
    assert!(number("short") > 0, "{data}");
    let unit = match missing["resource"].as_str().unwrap() {
        "memory" => "bytes",
        other => other,
    };
    assert_eq!(missing["unit"], unit, "{data}");
    assert!(!breach["remedies"].as_array().unwrap().is_empty(), "{data}");
    for (language, word) in [("en", "insufficient"), ("es", "insuficientes"), ("zh-CN", "不足")] {
        let text = data["text"][language].as_str().unwrap();
        assert!(text.contains(word), "{language}: {text}");
    }
}

/// Tries something in each mode. What passes is undone with admission control off.
async fn in_all_modes(
    pool: &Armed,
    (operation, code): (&str, &str),
    act: impl AsyncFn(&Armed) -> Answer,
    undo: impl AsyncFn(&Armed, Json),
) {
    mode(pool, "enforce").await;
    let error = act(pool).await.unwrap_err();
    assert_eq!(error[0], code, "{operation}: {error:?}");
    if code == WOULD_BREAK {
        assert_eq!(error.len(), 3, "code, sentence, data: {error:?}");
        let data = serde_json::from_str(&error[2]).unwrap();
        explained(&data, operation);
        assert_eq!(data["text"]["en"], error[1].as_str(), "{operation}");
    }
    assert_eq!(told(pool, operation).await, Vec::<Json>::new(), "what is refused is not told of");
    mode(pool, "off").await;
    let done = act(pool).await.unwrap_or_else(|error| panic!("{operation}, off: {error:?}"));
    assert_eq!(told(pool, operation).await, Vec::<Json>::new(), "nobody looks");
    undo(pool, done).await;
    mode(pool, "warn").await;
    let done = act(pool).await.unwrap_or_else(|error| panic!("{operation}, warn: {error:?}"));
    let data = told(pool, operation).await;
    assert_eq!(data.len(), 1, "{operation}: {data:?}");
    explained(&data[0], operation);
    mode(pool, "off").await;
    undo(pool, done).await;
    mode(pool, "enforce").await;
}

/// A VM beside the protected ones.
async fn beside(pool: &Armed, name: &str, percent: i64, on: usize) -> Json {
    let made = vm(pool, name, percent).await;
    start(pool, &made, on, false).await.unwrap();
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_are_started_resumed_moved_and_protected_under_the_promise() {
    let (pool, _) = promised().await;
    let sleeper = beside(&pool, "sleeper", 45, 2).await;
    pool.ok("VM.suspend", &[sleeper.clone()]).await;
    let filler = beside(&pool, "filler", 25, 0).await;
    let lodger = beside(&pool, "lodger", 33, 1).await;
    beside(&pool, "small", 20, 2).await;
    tolerate(&pool, 1).await.unwrap();

    let big = vm(&pool, "big", 45).await;
    let stop = async |pool: &Armed, vm: &Json| pool.ok("VM.hard_shutdown", &[vm.clone()]).await;
    in_all_modes(&pool, ("start", WOULD_BREAK), async |pool| start(pool, &big, 2, false).await, {
        async |pool, _| drop(stop(pool, &big).await)
    })
    .await;
    // XenServer's own switch stands above it.
    let row = pool.ok("pool.get_all", &[]).await[0].clone();
    let allow = async |pool: &Armed, allowed: bool| {
        pool.ok("pool.set_ha_allow_overcommit", &[row.clone(), json!(allowed)]).await;
    };
    allow(&pool, true).await;
    start(&pool, &big, 2, false).await.unwrap();
    stop(&pool, &big).await;
    allow(&pool, false).await;
    assert_eq!(start(&pool, &big, 2, false).await.unwrap_err()[0], WOULD_BREAK);
    let resume = async |pool: &Armed| {
        let host = pool.host(2).await;
        pool.call(0, "VM.resume_on", &[sleeper.clone(), host, json!(false), json!(false)]).await
    };
    in_all_modes(&pool, ("resume", WOULD_BREAK), resume, async |pool, _| {
        pool.ok("VM.suspend", &[sleeper.clone()]).await;
    })
    .await;
    assert_eq!(pool.ok("VM.get_power_state", &[sleeper.clone()]).await, "Suspended");
    // Without a host: there is none where it keeps the promise.
    let anywhere = [sleeper.clone(), json!(false), json!(false)];
    assert_eq!(pool.call(0, "VM.resume", &anywhere).await.unwrap_err()[0], WOULD_BREAK);

    let to = async |pool: &Armed, number: usize| {
        let host = pool.host(number).await;
        pool.call(0, "VM.pool_migrate", &[filler.clone(), host, json!({})]).await
    };
    in_all_modes(&pool, ("migrate", WOULD_BREAK), async |pool| to(pool, 2).await, {
        async |pool, _| drop(to(pool, 0).await.unwrap())
    })
    .await;
    assert_eq!(pool.ok("VM.get_resident_on", &[filler.clone()]).await, pool.host(0).await);

    let protect = async |pool: &Armed, priority: &str| {
        let params = [lodger.clone(), json!(priority)];
        pool.call(0, "VM.set_ha_restart_priority", &params).await
    };
    in_all_modes(&pool, ("protect", WOULD_BREAK), async |pool| protect(pool, "restart").await, {
        async |pool, _| drop(protect(pool, "").await.unwrap())
    })
    .await;
    assert_eq!(pool.ok("VM.get_ha_restart_priority", &[lodger]).await, "");
}

/// Row 64. What runs takes no more than was counted at its start; what waits is counted.
#[tokio::test(flavor = "multi_thread")]
async fn machines_that_wait_grow_under_the_promise() {
    let (pool, vms) = promised().await;
    beside(&pool, "filler", 25, 0).await;
    beside(&pool, "small", 20, 2).await;
    pool.ok("pool.ha_prevent_restarts_for", &[json!(3600)]).await;
    let waits = vm(&pool, "waits", 10).await;
    let memory = pool.ok("VM.get_memory_static_max", &[waits.clone()]).await.as_i64().unwrap();
    pool.ok("VM.set_ha_restart_priority", &[waits.clone(), json!("restart")]).await;
    pool.ok("VM.set_ha_always_run", &[waits.clone(), json!(true)]).await;
    tolerate(&pool, 1).await.unwrap();

    let set = async |pool: &Armed, field: &str, value: i64| {
        pool.call(0, &format!("VM.set_{field}"), &[waits.clone(), json!(value)]).await
    };
    for field in ["memory", "memory_static_max"] {
        in_all_modes(
            &pool,
            ("resize", WOULD_BREAK),
            async |pool| set(pool, field, memory / 10 * 35).await,
            async |pool, _| drop(set(pool, "memory", memory).await.unwrap()),
        )
        .await;
        assert_eq!(pool.ok("VM.get_memory_static_max", &[waits.clone()]).await, memory);
        pool.ok("message.destroy_all", &[json!({})]).await;
    }
    // Processors count when the pool says how many may share one.
    let host = pool.host(2).await;
    let info = pool.ok("host.get_cpu_info", &[host]).await;
    let four_each = info["cpu_count"].as_str().unwrap().parse::<i64>().unwrap() * 4;
    set(&pool, "VCPUs_max", four_each).await.expect("nobody counts processors");
    set(&pool, "VCPUs_max", 1).await.unwrap();
    let ratio = json!({ "vcpus_per_100_cpus": "400" });
    post(&pool.socket(0), "/haven/ha/policy", &ratio).await.unwrap();
    let error = set(&pool, "VCPUs_max", four_each).await.unwrap_err();
    let data: Json = serde_json::from_str(&error[2]).unwrap();
    let missing = &data["binding"]["breach"]["missing"];
    assert_eq!((&missing["resource"], &missing["unit"]), (&json!("vcpus"), &json!("vcpus")));
    in_all_modes(
        &pool,
        ("resize", WOULD_BREAK),
        async |pool| set(pool, "VCPUs_max", four_each).await,
        async |pool, _| drop(set(pool, "VCPUs_max", 1).await.unwrap()),
    )
    .await;
    // What runs cannot grow past what was counted.
    let error = set_of(&pool, &vms[0], "memory", memory * 9).await.unwrap_err();
    assert_eq!(error[0], "VM_BAD_POWER_STATE", "{error:?}");
    let most = pool.ok("VM.get_memory_static_max", &[vms[0].clone()]).await.as_i64().unwrap();
    let error = set_of(&pool, &vms[0], "memory_target_live", most + (1 << 30)).await.unwrap_err();
    assert_eq!(error[0], "MEMORY_CONSTRAINT_VIOLATION_ORDER", "{error:?}");
    let error = set_of(&pool, &vms[0], "VCPUs_number_live", 9).await.unwrap_err();
    assert_eq!(error[0], "INVALID_VALUE", "{error:?}");
}

async fn set_of(pool: &Armed, vm: &Json, field: &str, value: i64) -> Answer {
    pool.call(0, &format!("VM.set_{field}"), &[vm.clone(), json!(value)]).await
}

/// Row 63.
#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_closed_emptied_and_removed_under_the_promise() {
    let (pool, vms) = promised().await;
    tolerate(&pool, 1).await.unwrap();
    let third = pool.host(2).await;
    let call = async |pool: &Armed, method: &str| pool.call(0, method, &[third.clone()]).await;
    in_all_modes(
        &pool,
        ("disable_host", WOULD_BREAK),
        async |pool| call(pool, "host.disable").await,
        async |pool, _| drop(call(pool, "host.enable").await.unwrap()),
    )
    .await;
    assert_eq!(pool.ok("host.get_enabled", &[third.clone()]).await, true);
    // It runs nothing and takes all: without it there is no room for either.
    let error = call(&pool, "pool.eject").await.unwrap_err();
    assert_eq!(error[0], WOULD_BREAK, "{error:?}");
    explained(&serde_json::from_str(&error[2]).unwrap(), "eject_host");

    let first = pool.host(0).await;
    let evacuate = async |pool: &Armed| pool.call(0, "host.evacuate", &[first.clone()]).await;
    in_all_modes(&pool, ("evacuate_host", WOULD_BREAK), evacuate, async |pool, _| {
        let runs = pool.ok("VM.get_resident_on", &[vms[0].clone()]).await;
        assert_eq!(runs, pool.host(2).await, "it was moved");
        let back = [vms[0].clone(), first.clone(), json!({})];
        pool.ok("VM.pool_migrate", &back).await;
    })
    .await;
    assert_eq!(pool.ok("VM.get_resident_on", &[vms[0].clone()]).await, first);
}

/// A port of a host, of the machine or made up: the daemon of a simulated host leaves both alone.
async fn port(pool: &Armed, number: usize) -> Json {
    let host = pool.host(number).await;
    let pifs = pool.ok("PIF.get_all_records", &[]).await;
    let here = |row: &Json| row["host"] == host && row["VLAN"] == -1;
    let found = pifs.as_object().unwrap().iter().find(|(_, row)| here(row));
    if let Some((pif, _)) = found {
        return json!(pif);
    }
    let host = host.as_str().unwrap().parse().unwrap();
    let state = pool.state(0);
    let made = state.pool.write(move |tx| {
        let network = tx.insert(haven_model::Network::default())?;
        let device = "port0".to_owned();
        tx.insert(haven_model::Pif { host, network, device, vlan: -1, ..Default::default() })
    });
    json!(made.await.unwrap().to_string())
}

/// An internal network.
async fn network(pool: &Armed, name: &str) -> Json {
    let row = json!({ "name_label": name, "MTU": 1500, "other_config": {}, "bridge": "" });
    pool.ok("network.create", &[row]).await
}

async fn nic(pool: &Armed, vm: &Json, device: &str, network: &Json) -> Answer {
    let row = json!({
        "VM": vm, "network": network, "device": device, "MAC": "", "MTU": 1500,
        "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    });
    pool.call(0, "VIF.create", &[row]).await
}

/// Row 71.
#[tokio::test(flavor = "multi_thread")]
async fn interfaces_and_networks_are_guarded() {
    let (pool, vms) = promised().await;
    let vlan = async |pool: &Armed, number: usize, tag: i64, network: &Json| {
        let below = port(pool, number).await;
        pool.call(0, "VLAN.create", &[below, json!(tag), network.clone()]).await
    };
    let everywhere = network(&pool, "everywhere").await;
    let mut vlans = Vec::new();
    for number in 0..3 {
        vlans.push(vlan(&pool, number, 7, &everywhere).await.unwrap());
    }
    let (somewhere, internal) =
        (network(&pool, "somewhere").await, network(&pool, "internal").await);
    vlan(&pool, 0, 8, &somewhere).await.unwrap();
    nic(&pool, &vms[0], "0", &everywhere).await.unwrap();
    nic(&pool, &vms[0], "1", &internal).await.unwrap();
    tolerate(&pool, 1).await.unwrap();

    let gone = async |pool: &Armed, vif: Json| drop(pool.ok("VIF.destroy", &[vif]).await);
    in_all_modes(
        &pool,
        ("add_nic", "HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED"),
        async |pool| nic(pool, &vms[0], "2", &somewhere).await,
        gone,
    )
    .await;
    pool.ok("message.destroy_all", &[json!({})]).await;
    let vifs = pool.ok("VIF.get_all_records", &[]).await;
    let first = |row: &Json| row["VM"] == vms[0] && row["device"] == "0";
    let (vif, _) = vifs.as_object().unwrap().iter().find(|(_, row)| first(row)).unwrap();
    in_all_modes(
        &pool,
        ("add_nic", "HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED"),
        async |pool| pool.call(0, "VIF.move", &[json!(vif), somewhere.clone()]).await,
        async |pool, _| drop(pool.ok("VIF.move", &[json!(vif), everywhere.clone()]).await),
    )
    .await;

    // The third host alone can take either of them: it may not lose their network.
    let third = pool.ok("VLAN.get_untagged_PIF", &[vlans[2].clone()]).await;
    in_all_modes(
        &pool,
        ("unplug_network", WOULD_BREAK),
        async |pool| pool.call(0, "PIF.unplug", &[third.clone()]).await,
        async |pool, _| drop(pool.ok("PIF.plug", &[third.clone()]).await),
    )
    .await;
    assert_eq!(pool.ok("PIF.get_currently_attached", &[third]).await, true);
    pool.ok("message.destroy_all", &[json!({})]).await;
    let last = std::sync::Mutex::new(vlans.remove(2));
    let now = || last.lock().unwrap().clone();
    in_all_modes(
        &pool,
        ("unplug_network", WOULD_BREAK),
        async |pool| pool.call(0, "VLAN.destroy", &[now()]).await,
        async |pool, _| {
            let again = vlan(pool, 2, 7, &everywhere).await.unwrap();
            *last.lock().unwrap() = again;
        },
    )
    .await;
    // A network that is made wherever it is needed is bound to hosts by its first port.
    in_all_modes(
        &pool,
        ("bind_network", WOULD_BREAK),
        async |pool| vlan(pool, 0, 9, &internal).await,
        async |pool, made| drop(pool.ok("VLAN.destroy", &[made]).await),
    )
    .await;
    assert_eq!(pool.ok("network.get_PIFs", &[internal]).await, json!([]), "nothing is left of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_discs_and_storage_are_guarded() {
    let (pool, vms) = promised().await;
    let (own, second) =
        (repository(&pool, "own", "local").await, repository(&pool, "second", "nfs").await);
    disk(&pool, &vms[0], &second).await.unwrap();
    let drive = json!({
        "VM": vms[0], "VDI": "OpaqueRef:NULL", "userdevice": "3", "bootable": false, "mode": "RO",
        "type": "CD", "unpluggable": true, "empty": true, "other_config": {},
    });
    let drive = pool.ok("VBD.create", &[drive]).await;
    let disc = json!({
        "name_label": "disc", "SR": own, "virtual_size": 1 << 20, "type": "user",
        "sharable": false, "read_only": true, "other_config": {},
    });
    let disc = pool.ok("VDI.create", &[disc]).await;
    tolerate(&pool, 1).await.unwrap();
    let code = "HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED";
    in_all_modes(
        &pool,
        ("add_disk", code),
        async |pool| {
            let vbd = json!({
                "VM": vms[0], "VDI": disc, "userdevice": "2", "bootable": false, "mode": "RO",
                "type": "Disk", "unpluggable": true, "empty": false, "other_config": {},
            });
            pool.call(0, "VBD.create", &[vbd]).await
        },
        async |pool, vbd| drop(pool.ok("VBD.destroy", &[vbd]).await),
    )
    .await;
    pool.ok("message.destroy_all", &[json!({})]).await;
    // Row 60.
    in_all_modes(
        &pool,
        ("add_disk", code),
        async |pool| pool.call(0, "VBD.insert", &[drive.clone(), disc.clone()]).await,
        async |pool, _| drop(pool.ok("VBD.eject", &[drive.clone()]).await),
    )
    .await;
    let host = pool.host(2).await;
    let pbds = pool.ok("PBD.get_all_records", &[]).await;
    let of_host = |row: &Json| row["SR"] == second && row["host"] == host;
    let (pbd, _) = pbds.as_object().unwrap().iter().find(|(_, row)| of_host(row)).unwrap();
    in_all_modes(
        &pool,
        ("unplug_storage", WOULD_BREAK),
        async |pool| pool.call(0, "PBD.unplug", &[json!(pbd)]).await,
        async |pool, _| drop(pool.ok("PBD.plug", &[json!(pbd)]).await),
    )
    .await;
}
