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
    // Hosts that have just started attach their storage: rows that say so may be taken back once.
    while let Err(error) = rpc(&socket, "VM.pool_migrate", &params).await {
        assert!(error[0] == "VM_REQUIRES_SR" && std::time::Instant::now() < until, "{error:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let now = rpc(&socket, "VM.get_resident_on", &[session, json!(vm)]).await.unwrap();
    assert_eq!(&now, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_and_guests_show_what_they_use_over_time() {
    let host = simulated(Simulation::new(2, 4, false)).await;
    let socket = host.socket();
    let session = json!(login(&socket).await);
    let until = std::time::Instant::now() + Duration::from_secs(60);
    let (vm, uuid, on) = loop {
        let vms = rpc(&socket, "VM.get_all_records", &[session.clone()]).await.unwrap();
        let there = |row: &&serde_json::Value| row["resident_on"] != "OpaqueRef:NULL";
        if let Some((vm, row)) = vms.as_object().unwrap().iter().find(|(_, row)| there(row)) {
            break (json!(vm), row["uuid"].clone(), row["resident_on"].clone());
        }
        assert!(std::time::Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let on = rpc(&socket, "host.get_uuid", &[session.clone(), on]).await.unwrap();
    // Two samples make a rate.
    let get = |path: String| {
        let socket = socket.clone();
        async move { crate::support::get(&socket, &path).await }
    };
    let path =
        format!("/rrd_updates?start=-600&host=true&json=true&host_uuid={}", on.as_str().unwrap());
    let updates = loop {
        let (status, body) = get(path.clone()).await;
        assert_eq!(status, 200, "{body}");
        let updates: serde_json::Value = serde_json::from_str(&body).unwrap();
        let wanted = format!("AVERAGE:vm:{}:cpu0", uuid.as_str().unwrap());
        let legend = updates["meta"]["legend"].as_array().unwrap().clone();
        if legend.contains(&json!(wanted)) {
            break updates;
        }
        assert!(std::time::Instant::now() < until, "{body}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(updates["meta"]["step"], 5);
    let columns = updates["meta"]["columns"].as_u64().unwrap();
    assert_eq!(updates["data"][0]["values"].as_array().unwrap().len() as u64, columns);
    let (_, xml) = get(format!("/vm_rrd?uuid={}", uuid.as_str().unwrap())).await;
    assert!(xml.contains("<rrd>") && xml.contains("<name>cpu0</name>"), "{xml}");
    let value = [session.clone(), vm.clone(), json!("memory")];
    let memory = rpc(&socket, "VM.query_data_source", &value).await.unwrap();
    assert_eq!(memory, json!(268_435_456.0));
    // What is measured is recorded; what is not, cannot be.
    rpc(&socket, "VM.record_data_source", &value).await.unwrap();
    let unknown = [session.clone(), vm.clone(), json!("moods")];
    let refused = rpc(&socket, "VM.record_data_source", &unknown).await.unwrap_err();
    assert!(format!("{refused:?}").contains("INVALID_VALUE"), "{refused:?}");
    let srs = rpc(&socket, "SR.get_all", &[session.clone()]).await.unwrap();
    let of_sr = [session.clone(), srs[0].clone(), json!("io")];
    let refused = rpc(&socket, "SR.query_data_source", &of_sr).await.unwrap_err();
    assert!(format!("{refused:?}").contains("INVALID_VALUE"), "{refused:?}");
    let sources = rpc(&socket, "VM.get_data_sources", &[session, vm]).await.unwrap();
    assert!(sources.as_array().unwrap().iter().any(|source| source["units"] == "B/s"));
    let (missing, _) = get("/vm_rrd?uuid=nothing".to_owned()).await;
    assert_eq!(missing, 404);
}
