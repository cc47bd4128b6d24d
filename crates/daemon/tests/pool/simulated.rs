//! A whole simulated pool behind one daemon.

use std::time::Duration;

use haven_daemon::simulate::Simulation;
use serde_json::json;

use crate::support::{login, rpc, simulated};

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_pool_is_filled_and_its_vms_move() {
    let host = simulated(Simulation::new(4, 20, false)).await;
    let socket = host.socket();
    let session = json!(login(&socket).await);
    let until = std::time::Instant::now() + Duration::from_secs(60);
    let live = loop {
        let metrics =
            rpc(&socket, "host_metrics.get_all_records", &[session.clone()]).await.unwrap();
        let live = metrics.as_object().unwrap().values().filter(|row| row["live"] == true).count();
        let vms = rpc(&socket, "VBD.get_all", &[session.clone()]).await.unwrap();
        if live == 4 && vms.as_array().unwrap().len() == 20 || std::time::Instant::now() > until {
            break live;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(live, 4);
    let running = json!(r#"field "power_state" = "Running""#);
    let vms = rpc(&socket, "VM.get_all_records_where", &[session.clone(), running]).await.unwrap();
    assert_eq!(vms.as_object().unwrap().len(), 18);
    let (vm, row) = vms.as_object().unwrap().iter().next().unwrap();
    let hosts = rpc(&socket, "host.get_all", &[session.clone()]).await.unwrap();
    let other = hosts.as_array().unwrap().iter().find(|host| **host != row["resident_on"]).unwrap();
    let params = [session.clone(), json!(vm), other.clone(), json!({})];
    rpc(&socket, "VM.pool_migrate", &params).await.unwrap();
    let now = rpc(&socket, "VM.get_resident_on", &[session, json!(vm)]).await.unwrap();
    assert_eq!(&now, other);
}
