//! The whole of `havend` but its process: what its parts do together when it starts, stays and stops.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use haven_daemon::config::{Config, HypervisorSettings, Paths, Settings};
use haven_daemon::daemon;
use haven_daemon::orders::Report;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::ports::free_port;
use crate::support::{TestPool, pool, post, rpc};

/// Longest wait for an answer, and for the end.
const WAIT: Duration = Duration::from_secs(30);
/// Parts that end by themselves at the start have ended by then.
const UP: Duration = Duration::from_millis(1_200);

fn config(root: &std::path::Path) -> Config {
    let settings = Settings {
        listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        name: Some("alone".to_owned()),
        api_port: free_port(),
        peer_port: free_port(),
        discovery_port: 0,
        hypervisor: HypervisorSettings::Sim,
        ..Settings::default()
    };
    Config { paths: Paths::new(root), settings }
}

/// `havend` once ended itself a moment after each start: a part that had nothing to clear away was done.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_stays_up_until_it_is_told_to_stop() {
    let root = tempfile::tempdir().unwrap();
    let config = config(root.path());
    std::fs::create_dir_all(config.paths.run()).unwrap();
    let (socket, stop) = (config.paths.api_socket(), CancellationToken::new());
    let served = tokio::spawn(daemon::run(config, stop.clone()));
    let begun = Instant::now();
    while tokio::net::UnixStream::connect(&socket).await.is_err() {
        assert!(!served.is_finished() && begun.elapsed() < WAIT, "nobody listens");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let body = json!({ "name": "alone", "password": "secret" });
    post(&socket, "/haven/pool/init", &body).await.unwrap();
    tokio::time::sleep(UP).await;
    assert!(!served.is_finished(), "it ended by itself");
    let login = [json!("root"), json!("")];
    let session = rpc(&socket, "session.login_with_password", &login).await.unwrap();
    let hosts = rpc(&socket, "host.get_all", &[session]).await.unwrap();
    assert_eq!(hosts.as_array().map(Vec::len), Some(1));
    stop.cancel();
    let ended = tokio::time::timeout(WAIT, served).await.unwrap().unwrap();
    assert!(ended.is_ok(), "{ended:?}");
}

/// A copy of a member reports under the member's name: that is told once, and nothing else of it counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_host_is_told_of_and_its_report_is_not_the_hosts() {
    let pool = pool(2).await;
    let state = &pool.hosts[0].daemon.state;
    let host = pool.hosts[1].daemon.state.identity.host();
    let copy = |sequence| Report {
        pool: state.identity.pool().unwrap().pool,
        host,
        sequence,
        events: Vec::new(),
        inventory: None,
        storage_faults: Vec::new(),
        twin: true,
        broken: Vec::new(),
        alarms: Vec::new(),
        storage: Vec::new(),
    };
    let begun = Instant::now();
    for sequence in 1..=3 {
        pool.hosts[0].daemon.reports.send(copy(sequence)).await.unwrap();
    }
    while told(&pool, "\"twin\"").await.is_empty() {
        assert!(begun.elapsed() < WAIT, "nobody is told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (_, status) = crate::support::get(&pool.socket(), "/haven/ha/status").await;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let problems = status["problems"].to_string();
    assert!(problems.contains("Another machine has the name of host1"), "{status}");
    let messages = told(&pool, "\"twin\"").await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0]["obj_uuid"], json!(host.0.to_string()));
    assert_eq!(messages[0]["name"], "HA_HEARTBEAT_APPROACHING_TIMEOUT");
}

/// Messages whose body has this in it.
async fn told(pool: &TestPool, what: &str) -> Vec<serde_json::Value> {
    let all = pool.ok("message.get_all_records", &[]).await;
    let about = |row: &&serde_json::Value| row["body"].as_str().unwrap().contains(what);
    all.as_object().unwrap().values().filter(about).cloned().collect()
}

/// A member's guard, or its daemon, saw a promise broken: whoever looks at the pool is told, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_promise_that_a_member_saw_broken_is_told_once() {
    let pool = pool(2).await;
    let state = &pool.hosts[0].daemon.state;
    let host = pool.hosts[1].daemon.state.identity.host();
    let begun = Instant::now();
    // Of reports that wait the newest counts, and the member itself reports meanwhile: one of these is taken in
    // more than once. A newer member may name a promise that is not known here.
    for sequence in 1..=20 {
        let report = Report {
            pool: state.identity.pool().unwrap().pool,
            host,
            sequence,
            events: Vec::new(),
            inventory: None,
            storage_faults: Vec::new(),
            twin: false,
            broken: ["fork", "S99", "fork"].map(str::to_owned).to_vec(),
            alarms: Vec::new(),
            storage: Vec::new(),
        };
        pool.hosts[0].daemon.reports.send(report).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    while told(&pool, "\"broken\"").await.is_empty() {
        assert!(begun.elapsed() < WAIT, "nobody is told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let messages = told(&pool, "\"broken\"").await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(
        (&messages[0]["name"], &messages[0]["obj_uuid"]),
        (&json!("ALARM"), &json!(host.0.to_string()))
    );
    let body = messages[0]["body"].as_str().unwrap();
    assert!(body.contains("Invariant fork is broken") && body.contains("host1"), "{body}");
}
