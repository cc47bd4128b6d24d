//! Who belongs to a pool and who coordinates it, as clients of XenAPI change it.

use std::time::{Duration, Instant};

use haven_daemon::ops::init::set_secret;
use haven_pooldb::Tx;
use serde_json::{Value as Json, json};

use crate::support::{PASSWORD, TestHost, TestPool, bare, login, pool, post, rpc};
use crate::xe::xe;

fn local(host: &TestHost) -> String {
    format!("unix:{}", host.socket().display())
}

fn remote(host: &TestHost) -> String {
    format!("127.0.0.1:{}", host.api_port())
}

/// The words of `xe pool-join` that lead to a pool.
fn to(pool: &TestPool, password: &str) -> Vec<String> {
    vec![
        "pool-join".to_owned(),
        format!("master-address={}", remote(&pool.hosts[0])),
        "master-username=root".to_owned(),
        format!("master-password={password}"),
    ]
}

async fn xe_join(host: &TestHost, words: &[String]) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    xe(&local(host), &words).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_joins_with_a_name_and_a_password() {
    let (pool, host) = (pool(1).await, bare().await);
    let refused = xe_join(&host, &to(&pool, "wrong")).await;
    assert!(
        refused.contains("Authentication failed") && refused.ends_with("exit 1\n"),
        "{refused}"
    );
    let nobody = vec![
        "pool-join".to_owned(),
        "master-address=127.0.0.1:1".to_owned(),
        "master-username=root".to_owned(),
        format!("master-password={PASSWORD}"),
    ];
    let refused = xe_join(&host, &nobody).await;
    assert!(refused.ends_with("exit 1\n"), "{refused}");
    assert!(host.daemon.state.identity.pool().is_none());
    let joined = xe_join(&host, &to(&pool, PASSWORD)).await;
    assert!(joined.contains("Host agent will restart") && joined.ends_with("exit 0\n"), "{joined}");
    assert_eq!(pool.ok("host.get_all", &[]).await.as_array().unwrap().len(), 2);
    let again = xe_join(&host, &to(&pool, PASSWORD)).await;
    assert!(again.ends_with("exit 1\n"), "{again}");
}

/// A host of XenServer is always in a pool, alone if need be.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_gives_up_an_empty_pool_of_its_own_and_no_other() {
    let (pool, host) = (pool(1).await, bare().await);
    let own = json!({ "name": "own", "password": "of the own" });
    post(&host.socket(), "/haven/pool/init", &own).await.unwrap();
    let session = login(&host.socket()).await;
    let join = |password: &str| {
        let address = remote(&pool.hosts[0]);
        vec![json!(session), json!(address), json!("root"), json!(password)]
    };
    let call = |method: &'static str, params: Vec<Json>| {
        let socket = host.socket();
        async move { rpc(&socket, method, &params).await }
    };
    let vm = json!({
        "name_label": "kept", "memory_static_max": 1 << 28, "memory_dynamic_max": 1 << 28,
        "memory_dynamic_min": 1 << 28, "memory_static_min": 1 << 28,
        "VCPUs_max": 1, "VCPUs_at_startup": 1,
    });
    let vm = call("VM.create", vec![json!(session), vm]).await.unwrap();
    let refused = call("pool.join", join(PASSWORD)).await.unwrap_err();
    assert!(refused[0] == "OPERATION_NOT_ALLOWED" && refused[1].contains("kept"), "{refused:?}");
    call("VM.destroy", vec![json!(session), vm]).await.unwrap();
    let refused = call("pool.join", join("wrong")).await.unwrap_err();
    assert_eq!(refused[0], "SESSION_AUTHENTICATION_FAILED");
    // The own pool is as it was, and still writes.
    call("network.create", vec![json!(session), json!({ "name_label": "n" })]).await.unwrap();
    call("pool.join", join(PASSWORD)).await.unwrap();
    assert_eq!(pool.ok("host.get_all", &[]).await.as_array().unwrap().len(), 2);
    let known = host.daemon.state.identity.pool().unwrap();
    assert_eq!(known.pool, pool.hosts[0].daemon.state.identity.pool().unwrap().pool);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_moves_without_high_availability() {
    let pool = pool(3).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let hosts = pool.host_refs().await;
    pool.ok("pool.designate_new_master", &[hosts[0].clone()]).await;
    pool.ok("pool.designate_new_master", &[hosts[1].clone()]).await;
    // All members lead to the new one, and it acts; one that has not heard yet sends away, or
    // forwards in vain. The former one may have written who is next, and still answer.
    let until = Instant::now() + Duration::from_secs(20);
    let next = pool.hosts[1].daemon.state.identity.host();
    for host in &pool.hosts {
        let named = || host.daemon.state.coordinator().map(|member| member.host);
        while named() != Some(next) || !pool.hosts[1].daemon.state.may_act() {
            assert!(Instant::now() < until, "{:?} leads", named());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let ask = async || {
            let root = [json!("root"), json!(PASSWORD)];
            let session = rpc(&host.socket(), "session.login_with_password", &root).await?;
            rpc(&host.socket(), "pool.get_all_records", &[session]).await
        };
        let pools = loop {
            match ask().await {
                Ok(pools) => break pools,
                Err(error) => assert!(Instant::now() < until, "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let master = pools.as_object().unwrap().values().next().unwrap()["master"].clone();
        assert_eq!(master, hosts[1]);
    }
    let session = login(&pool.hosts[2].socket()).await;
    let start = [json!(session), vm, hosts[0].clone(), json!(false), json!(false)];
    rpc(&pool.hosts[2].socket(), "VM.start_on", &start).await.unwrap();
    // A host that does not answer cannot have it.
    let socket = pool.hosts[1].socket();
    let params = [json!(login(&socket).await), json!("OpaqueRef:NULL")];
    let unknown = rpc(&socket, "pool.designate_new_master", &params).await;
    assert_eq!(unknown.unwrap_err()[0], "HANDLE_INVALID");
}

/// Whoever said that it has the role keeps it, whatever fails afterwards: the one before would go on with
/// its own database, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_was_taken_is_not_given_back_for_what_fails_afterwards() {
    let pool = pool(2).await;
    let hosts = pool.host_refs().await;
    let state = &pool.hosts[0].daemon.state;
    let spoil = |tx: &mut Tx<'_>| set_secret(tx, "pool/roster", "no roster");
    state.pool.write(spoil).await.unwrap();
    let told = pool.call("pool.designate_new_master", &[hosts[1].clone()]).await;
    let open =
        || pool.hosts.iter().map(|host| host.daemon.state.pool.is_open()).collect::<Vec<_>>();
    let until = Instant::now() + Duration::from_secs(20);
    while open() == [false, false] {
        assert!(Instant::now() < until, "{told:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(open(), [false, true], "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_without_its_coordinator_is_asked_itself() {
    let mut pool = pool(3).await;
    // The members' copies of the database come a moment after each change.
    let until = Instant::now() + Duration::from_secs(20);
    while !pool.hosts[1..].iter().all(|h| h.daemon.state.config.paths.replica().exists()) {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let member = remote(&pool.hosts[1]);
    let password = format!("password={PASSWORD}");
    let root = ["username=root", &password];
    let asked = xe(&member, &[&["host-is-in-emergency-mode"][..], &root].concat()).await;
    assert_eq!(asked, "false\nexit 0\n");
    let wrong = ["host-is-in-emergency-mode", "username=root", "password=wrong"];
    let refused = xe(&member, &wrong).await;
    assert!(refused.contains("Authentication failed"), "{refused}");
    drop(pool.hosts.remove(0));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let asked = xe(&member, &[&["host-is-in-emergency-mode"][..], &root].concat()).await;
    assert_eq!(asked, "true\nexit 0\n");
    let become_master = ["pool-emergency-transition-to-master"];
    let done = xe(&member, &[&become_master[..], &root].concat()).await;
    assert!(done.ends_with("exit 0\n"), "{done}");
    let recovered = xe(&member, &[&["pool-recover-slaves"][..], &root].concat()).await;
    assert!(recovered.ends_with("exit 0\n"), "{recovered}");
    let until = Instant::now() + Duration::from_secs(20);
    let me = pool.hosts[0].daemon.state.identity.host();
    while pool.hosts[1].daemon.state.identity.pool().unwrap().coordinator != me {
        assert!(Instant::now() < until, "{recovered}");
        let again = xe(&member, &[&["pool-recover-slaves"][..], &root].concat()).await;
        assert!(again.ends_with("exit 0\n"), "{again}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_has_its_own_certificates() {
    let pool = pool(2).await;
    let cert = include_str!("../../src/tls/testdata/rsa.pem");
    let key = include_str!("../../src/tls/testdata/rsa.key");
    for host in pool.host_refs().await {
        let before = pool.ok("host.get_server_certificate", &[host.clone()]).await;
        let install = "host.install_server_certificate";
        let wrong = [host.clone(), json!(cert), json!("none"), json!("")];
        let error = pool.call(install, &wrong).await.unwrap_err();
        assert_eq!(error[0], "SERVER_CERTIFICATE_KEY_INVALID");
        assert_eq!(pool.ok("host.get_server_certificate", &[host.clone()]).await, before);
        pool.ok(install, &[host.clone(), json!(cert), json!(key), json!("")]).await;
        let now = pool.ok("host.get_server_certificate", &[host.clone()]).await;
        assert_eq!(now.as_str().unwrap().trim(), cert.trim());
        pool.ok("host.reset_server_certificate", &[host.clone()]).await;
        assert_eq!(pool.ok("host.get_server_certificate", &[host.clone()]).await, before);
    }
    // The key is in no log.
    let log = std::fs::read_to_string(pool.hosts[0].daemon.state.config.paths.audit_log());
    assert!(!log.unwrap().contains("PRIVATE KEY"));
}
