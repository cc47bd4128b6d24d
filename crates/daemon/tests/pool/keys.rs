//! The key of the heartbeats changes while the pool is armed.

use haven_cluster::keys::KeyStep;

use serde_json::json;

use crate::armed::Armed;
use crate::guards::Wants;
use crate::support::rpc;

/// Every guard holds one key, the same, of this number.
fn all_hold(pool: &Armed, number: u64) -> bool {
    let first = pool.guards.keys(0);
    let numbers = pool.guards.armed();
    first.as_ref().is_some_and(|keys| keys.key_number == number && keys.other_key.is_none())
        && numbers.into_iter().all(|guard| pool.guards.keys(guard) == first)
}

fn stage(step: &KeyStep) -> u8 {
    match step {
        KeyStep::Take(_) => 0,
        KeyStep::Accept(_) => 1,
        KeyStep::Send(_) => 2,
        KeyStep::Only(_) => 3,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_changes_on_all_hosts_and_nothing_is_decided() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let (epoch, before) = (pool.guards.epoch(), pool.guards.keys(0).unwrap());
    pool.call(0, "pool.rotate_secret", &[]).await.unwrap();
    assert!(all_hold(&pool, 1));
    assert_ne!(pool.guards.keys(0).unwrap().key, before.key);
    let stages: Vec<u8> = pool.guards.steps().iter().map(|(_, step)| stage(step)).collect();
    assert!(stages.is_sorted(), "all take one step before anybody takes the next: {stages:?}");
    assert_eq!((pool.guards.epoch(), pool.guards.members()), (epoch, vec![0, 1, 2]));
    // What a boot must know is on the disks.
    for host in 0..3 {
        assert_eq!(pool.armed_keys(host), pool.guards.keys(host), "host {host}");
    }
    for number in 2..6 {
        pool.call(0, "pool.rotate_secret", &[]).await.unwrap();
        assert!(all_hold(&pool, number), "change {number} is said to be done before it is");
    }
    assert_eq!(pool.guards.epoch(), epoch);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_off_is_told_when_it_is_back() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.lose(2).await;
    pool.until("it is out", async |pool| pool.guards.members() == [0, 1]).await;
    pool.call(0, "pool.rotate_secret", &[]).await.unwrap();
    assert!(all_hold(&pool, 1));
    pool.world.power_on(2);
    pool.start(2).await;
    pool.until("it holds the new key", async |pool| {
        pool.guards.members() == [0, 1, 2] && all_hold(pool, 1)
    })
    .await;
    assert_eq!(pool.armed_keys(2), pool.guards.keys(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_changes_while_a_member_does_not_answer_or_its_guard_is_old() {
    let mut pool = Armed::new(3).await;
    let off = pool.call(0, "pool.rotate_secret", &[]).await.unwrap_err();
    assert_eq!(off[0], "HA_NOT_ENABLED");
    pool.enable().await.unwrap();
    pool.guards.want(Wants { old: Some(1), ..Wants::default() });
    let old = pool.call(0, "pool.rotate_secret", &[]).await.unwrap_err();
    assert_eq!(old[0], "GUARD_TOO_OLD");
    pool.guards.want(Wants::default());
    // Its guard goes on.
    pool.kill(2).await;
    let silent = pool.call(0, "pool.rotate_secret", &[]).await.unwrap_err();
    assert_eq!(silent[0], "CANNOT_CONTACT_HOST");
    assert_eq!(pool.guards.steps(), []);
    assert!(all_hold(&pool, 0));
}

/// Its successor finds that all accept the new key, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_over_goes_on() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    // The coordinator's own guard does not come to send with it.
    pool.guards.want(Wants { keeps_its_key: Some(0), ..Wants::default() });
    let socket = pool.socket(0);
    let call = tokio::spawn(async move {
        let root = [json!("root"), json!("")];
        let session = rpc(&socket, "session.login_with_password", &root).await?;
        rpc(&socket, "pool.rotate_secret", &[session]).await
    });
    pool.until("others send with it", async |pool| {
        pool.guards.steps().iter().any(|(_, step)| stage(step) == 2)
    })
    .await;
    pool.kill(0).await;
    pool.guards.want(Wants::default());
    pool.guards.fail(0, 1);
    pool.until("all hold it alone", async |pool| {
        pool.guards.keys(1).is_some_and(|keys| keys.key_number == 1 && keys.other_key.is_none())
            && pool.guards.keys(1) == pool.guards.keys(2)
    })
    .await;
    call.abort();
}

/// Guards know no certificates: other ones cost nobody anything. That members go on with theirs when a host
/// gets another address is a test of moves.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_change_while_armed_and_nothing_is_decided() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let (epoch, members) = (pool.guards.epoch(), pool.guards.members());
    let cert = include_str!("../../src/tls/testdata/rsa.pem");
    let key = include_str!("../../src/tls/testdata/rsa.key");
    for number in 0..3 {
        let host = pool.host(number).await;
        let install = [host.clone(), json!(cert), json!(key), json!("")];
        pool.ok("host.install_server_certificate", &install).await;
        pool.ok("host.reset_server_certificate", &[host]).await;
    }
    pool.write(0, "after").await.unwrap();
    assert_eq!((pool.guards.epoch(), pool.guards.members()), (epoch, members));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_in_the_audit_log_or_in_the_database() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.call(0, "pool.rotate_secret", &[]).await.unwrap();
    let keys = serde_json::to_value(pool.guards.keys(0).unwrap()).unwrap();
    let secret = keys["key"].as_str().unwrap().to_owned();
    let audit = || std::fs::read_to_string(pool.hosts[0].config.paths.audit_log()).unwrap();
    // It is written beside the answer.
    pool.until("the call is in the log", async |_| audit().contains("pool.rotate_secret")).await;
    assert!(!audit().contains(&secret), "{}", audit());
    for class in ["pool", "task", "message", "host"] {
        let rows = pool.ok(&format!("{class}.get_all_records"), &[]).await.to_string();
        assert!(!rows.contains(&secret), "{class}");
    }
}
