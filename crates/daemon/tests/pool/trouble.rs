//! Bad input and trouble: what the user is told, and that nothing has changed by halves. The
//! whole list, with the tests of each point, is docs/troubles.md.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use haven_daemon::join::{JoinRequest, Token};
use haven_daemon::ops::membership;
use haven_daemon::orders::{HostFacts, NicFacts};
use haven_daemon::tls::make_request;
use haven_model::codes;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::{TestHost, TestPool, pool, post};

const MIB: u64 = 1 << 20;

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// References of all rows of the classes that joining and storage write, and who is a member.
async fn rows(pool: &TestPool) -> BTreeMap<&'static str, Vec<String>> {
    let mut all = BTreeMap::new();
    for class in ["host", "host_metrics", "host_cpu", "PIF", "PBD", "SR", "VDI", "VBD", "VM"] {
        let found = pool.ok(&format!("{class}.get_all"), &[]).await;
        let mut found: Vec<String> =
            found.as_array().unwrap().iter().map(|row| row.to_string()).collect();
        found.sort();
        all.insert(class, found);
    }
    let members = pool.hosts[0].daemon.state.identity.pool().unwrap().members;
    all.insert("members", members.iter().map(|member| format!("{member:?}")).collect());
    all
}

async fn token(pool: &TestPool) -> String {
    let made = post(&pool.socket(), "/haven/pool/token", &json!({})).await.unwrap();
    made["token"].as_str().unwrap().to_owned()
}

async fn join(host: &TestHost, token: &str) -> Result<Json, Json> {
    post(&host.socket(), "/haven/pool/join", &json!({ "token": token })).await
}

/// The code of a refused request of one of Haven's own routes.
fn code(error: &Json) -> String {
    error["error"]["message"].as_str().unwrap_or_default().to_owned()
}

/// A07, A15, E11: each obstacle of a join is told by name, leaves no row and uses up no token.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_join_changes_nothing_and_its_token_still_serves() {
    let pool = pool(2).await;
    let spare = pool.spare(None).await;
    let (word, state) = (token(&pool).await, &pool.hosts[0].daemon.state);
    let here = haven_daemon::agent::host_facts(state.agent().parts()).await;
    let good = JoinRequest {
        secret: Token::decode(&word).unwrap().secret,
        host: spare.daemon.state.identity.host(),
        name: "new".to_owned(),
        address: [192, 0, 2, 7].into(),
        api_port: 443,
        peer_port: 7443,
        csr_pem: make_request().unwrap().csr_pem,
        facts: HostFacts { wall_ms: now_ms(), ..here },
    };
    let dhcp = NicFacts {
        device: "eth0".to_owned(),
        addresses: vec!["192.0.2.7/24".to_owned()],
        dynamic: true,
        ..NicFacts::default()
    };
    type Change = Box<dyn Fn(&mut JoinRequest)>;
    let other = pool.hosts[1].daemon.state.identity.host();
    let obstacles: Vec<(&str, Change)> = vec![
        (codes::JOIN_TOKEN_INVALID, Box::new(|asked| asked.secret = "guessed".to_owned())),
        (codes::HOST_UUID_DUPLICATE, Box::new(move |asked| asked.host = other)),
        (
            codes::JOIN_CPU_VENDOR_MISMATCH,
            Box::new(|asked| asked.facts.cpu_vendor = "SomebodyElse".to_owned()),
        ),
        (codes::HOST_VERSION_MISMATCH, Box::new(|asked| asked.facts.version = "0.0.1".to_owned())),
        (codes::HOST_CLOCK_SKEW, Box::new(|asked| asked.facts.wall_ms -= 3_600_000)),
        (codes::HOST_IP_NOT_STATIC, Box::new(move |asked| asked.facts.nics = vec![dhcp.clone()])),
    ];
    let before = rows(&pool).await;
    for (expected, change) in obstacles {
        let mut asked = good.clone();
        change(&mut asked);
        let refused = membership::admit(state, asked, now_ms()).await.unwrap_err();
        assert_eq!(refused.code, expected);
        assert_eq!(rows(&pool).await, before, "{expected}");
    }
    join(&spare, &word).await.unwrap();
    assert_eq!(pool.ok("host.get_all", &[]).await.as_array().unwrap().len(), 3);
}

/// Scenario 37, and tokens that are wrong, damaged or used, as the new host sees it.
#[tokio::test(flavor = "multi_thread")]
async fn a_cloned_host_and_bad_tokens_are_refused_where_they_are_used() {
    let pool = pool(2).await;
    let original = pool.hosts[1].daemon.state.identity.host().0;
    let clone = pool.spare(Some(original)).await;
    assert_eq!(clone.daemon.state.identity.host().0, original);
    let (word, before) = (token(&pool).await, rows(&pool).await);
    let refused = join(&clone, &word).await.unwrap_err();
    assert_eq!(code(&refused), "HOST_UUID_DUPLICATE", "{refused}");
    assert!(clone.daemon.state.identity.pool().is_none(), "it stays a host without a pool");
    assert_eq!(code(&join(&clone, "no token").await.unwrap_err()), "JOIN_TOKEN_INVALID");
    let half = &word[..word.len() / 2];
    assert_eq!(code(&join(&clone, half).await.unwrap_err()), "JOIN_TOKEN_INVALID");
    // The coordinator's own fingerprint is in the token: another pool cannot answer for it.
    let mut forged = Token::decode(&word).unwrap();
    forged.secret = "guessed".to_owned();
    let refused = join(&clone, &forged.encode().unwrap()).await.unwrap_err();
    assert_eq!(code(&refused), "JOIN_TOKEN_INVALID", "{refused}");
    assert_eq!(rows(&pool).await, before);
    drop(clone);

    let (third, fourth) = (pool.spare(None).await, pool.spare(None).await);
    join(&third, &word).await.unwrap();
    let after = rows(&pool).await;
    assert_eq!(code(&join(&fourth, &word).await.unwrap_err()), "JOIN_TOKEN_USED");
    assert_eq!(rows(&pool).await, after);
    assert!(fourth.daemon.state.identity.pool().is_none());
}

fn nfs_of(host: &Json) -> [Json; 9] {
    let config = json!({ "server": "nas", "serverpath": "/vms" });
    let (none, name) = (json!(""), json!("shared"));
    [
        host.clone(),
        config,
        json!("0"),
        name,
        none.clone(),
        json!("nfs"),
        none,
        json!(true),
        json!({}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_one_host_cannot_reach_is_not_half_made() {
    let pool = pool(3).await;
    let hosts = pool.host_refs().await;
    let before = rows(&pool).await;
    pool.array.cut_off(2, true);
    let refused = pool.call("SR.create", &nfs_of(&hosts[0])).await.unwrap_err();
    assert_eq!(refused[0], "SR_BACKEND_FAILURE_73", "{refused:?}");
    assert!(refused[2].contains("host host2: ") && refused[2].contains("reached"), "{refused:?}");
    let until = Instant::now() + Duration::from_secs(10);
    // The rows go first, and then what the hosts attached.
    let detached = || {
        let known = |host: &TestHost| host.daemon.state.identity.pool();
        pool.hosts.iter().all(|host| known(host).is_some_and(|pool| pool.storage.is_empty()))
    };
    while rows(&pool).await != before || !detached() {
        let left = (rows(&pool).await, detached());
        assert!(Instant::now() < until, "left: {left:?}, before: {before:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    pool.array.cut_off(2, false);
    pool.ok("SR.create", &nfs_of(&hosts[0])).await;
}

/// It was attached everywhere, and one host has lost it: nothing is planned on that.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_the_repository_runs_none_of_its_vms_and_stops_arming() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let pbds = pool.ok("host.get_PBDs", &[hosts[1].clone()]).await;
    pool.ok("PBD.unplug", &[pbds[0].clone()]).await;
    pool.array.cut_off(1, true);
    let refused = pool.call("PBD.plug", &[pbds[0].clone()]).await.unwrap_err();
    assert!(refused[2].contains("host host1: "), "{refused:?}");
    assert_eq!(pool.ok("PBD.get_currently_attached", &[pbds[0].clone()]).await, false);
    let start = [vm.clone(), hosts[1].clone(), json!(false), json!(false)];
    let refused = pool.call("VM.start_on", &start).await.unwrap_err();
    assert!(refused[0].contains("SR"), "{refused:?}");
    assert_eq!(pool.ok("VM.get_possible_hosts", &[vm.clone()]).await, json!([hosts[0]]));
    let refused = pool.call("pool.enable_ha", &[json!([sr]), json!({})]).await.unwrap_err();
    assert_eq!(refused[0], "HA_HOST_CANNOT_ACCESS_STATEFILE");
    assert!(refused[1].contains("host1"), "{refused:?}");
    assert_eq!(pool.ok("VDI.get_all", &[]).await.as_array().unwrap().len(), 1, "no statefile");
    pool.start(&vm).await.unwrap();
    pool.array.cut_off(1, false);
    pool.ok("PBD.plug", &[pbds[0].clone()]).await;
}

fn disk(sr: &Json, mib: u64) -> Json {
    json!({
        "name_label": "more", "SR": sr, "virtual_size": mib * MIB, "type": "user",
        "sharable": false, "read_only": false, "other_config": {},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_repository_refuses_disks_copies_and_snapshots_and_keeps_what_is_there() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.start(&vm).await.unwrap();
    let uuid: Uuid = pool.ok("SR.get_uuid", &[sr.clone()]).await.as_str().unwrap().parse().unwrap();
    pool.array.set_capacity(uuid, 80 * MIB);
    let before = rows(&pool).await;
    let refused = pool.call("VDI.create", &[disk(&sr, 64)]).await.unwrap_err();
    assert_eq!(refused[0], "SR_FULL", "{refused:?}");
    let refused = pool.call("VM.copy", &[vm.clone(), json!("copy"), sr.clone()]).await.unwrap_err();
    assert!(["SR_FULL", "VM_BAD_POWER_STATE"].contains(&refused[0].as_str()), "{refused:?}");
    let templates = pool.ok("VM.get_by_name_label", &[json!("Linux")]).await;
    let made = pool.ok("VM.clone", &[templates[0].clone(), json!("new")]).await;
    let refused = pool.call("VM.provision", &[made.clone()]).await.unwrap_err();
    assert_eq!(refused[0], "SR_FULL", "{refused:?}");
    pool.ok("VM.destroy", &[made]).await;
    assert_eq!(rows(&pool).await, before);
    assert_eq!(pool.ok("VM.get_power_state", &[vm]).await, "Running");
    pool.array.set_capacity(uuid, 80 * MIB * MIB);
    pool.ok("VDI.create", &[disk(&sr, 64)]).await;
}

/// A guest that its disk stopped is said to stand still, once, and goes on by itself; a pause that
/// somebody asked for stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_on_a_full_disk_is_told_of_and_goes_on_when_there_is_room() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let (vm, paused) = (pool.vm("web1", &sr, 256).await, pool.vm("web2", &sr, 256).await);
    pool.start(&vm).await.unwrap();
    pool.start(&paused).await.unwrap();
    pool.ok("VM.pause", &[paused.clone()]).await;
    let uuid = pool.ok("VM.get_uuid", &[vm.clone()]).await;
    let id: Uuid = uuid.as_str().unwrap().parse().unwrap();
    pool.world.fill_disk(0, id);
    pool.wait("VM", &vm, "power_state", &json!("Paused")).await;
    let alarms = async || {
        let all = pool.ok("message.get_all_records", &[]).await;
        let all: Vec<Json> = all.as_object().unwrap().values().cloned().collect();
        all.into_iter().filter(|row| row["obj_uuid"] == uuid && row["name"] == "ALARM")
    };
    let text = alarms().await.next().unwrap()["body"].as_str().unwrap().to_owned();
    assert!(text.contains("web1 stands still") && text.contains("room on shared"), "{text}");
    // Two turns in vain.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(alarms().await.count(), 1, "told once");
    pool.world.make_room(0, id);
    pool.wait("VM", &vm, "power_state", &json!("Running")).await;
    assert_eq!(pool.ok("VM.get_power_state", &[paused]).await, "Paused");
}
