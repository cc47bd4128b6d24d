//! The optical drives of hosts, in the drives of machines.

use std::path::Path;
use std::time::{Duration, Instant};

use haven_drivers::hypervisor::DiskSpec;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::{TestHost, TestPool, pool, post};

fn root(host: &TestHost) -> &Path {
    host.daemon.state.config.paths.root()
}

/// A host gets a drive, with a disc of that name or without.
fn connect(host: &TestHost, device: &str, disc: Option<&str>) {
    let about = root(host).join("sys/block").join(device);
    std::fs::create_dir_all(about.join("device")).unwrap();
    std::fs::write(about.join("device/vendor"), "ASUS\n").unwrap();
    std::fs::write(about.join("device/model"), "DRW-24D5MT\n").unwrap();
    let place = root(host).join("dev");
    std::fs::create_dir_all(&place).unwrap();
    let mut image = vec![0_u8; if disc.is_some() { 20 * 2048 } else { 0 }];
    if let Some(name) = disc {
        image[16 * 2048..][..6].copy_from_slice(b"\x01CD001");
        image[16 * 2048 + 40..][..name.len()].copy_from_slice(name.as_bytes());
    }
    std::fs::write(place.join(device), image).unwrap();
}

fn disconnect(host: &TestHost, device: &str) {
    std::fs::remove_dir_all(root(host).join("sys/block").join(device)).unwrap();
    std::fs::remove_file(root(host).join("dev").join(device)).unwrap();
}

/// The images of this name, when there are so many.
async fn named(pool: &TestPool, class: &str, name: &str, count: usize) -> Vec<Json> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let found = pool.ok(&format!("{class}.get_by_name_label"), &[json!(name)]).await;
        let found = found.as_array().cloned().unwrap_or_default();
        if found.len() == count {
            return found;
        }
        assert!(Instant::now() < until, "{name}: {found:?} instead of {count}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn note(pool: &TestPool, vdi: &Json, key: &str) -> Json {
    pool.ok("VDI.get_sm_config", &[vdi.clone()]).await[key].clone()
}

async fn cd(pool: &TestPool, vm: &Json, vdi: &Json) -> Json {
    let vbd = json!({
        "VM": vm, "VDI": vdi, "userdevice": "3", "bootable": false, "mode": "RO",
        "type": "CD", "unpluggable": true, "empty": vdi == "OpaqueRef:NULL", "other_config": {},
    });
    pool.ok("VBD.create", &[vbd]).await
}

async fn medium(pool: &TestPool, host: usize, vm: &Json) -> DiskSpec {
    let id: Uuid = pool.ok("VM.get_uuid", &[vm.clone()]).await.as_str().unwrap().parse().unwrap();
    let disks = pool.world.hypervisor(host).spec(id).unwrap().disks;
    disks.into_iter().find(|disk| disk.cdrom).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drives_of_a_host_are_seen_with_their_discs_and_go_again() {
    let pool = pool(2).await;
    connect(&pool.hosts[1], "sr0", Some("DEBIAN 13"));
    let vdi = named(&pool, "VDI", "DVD drive sr0 of host1", 1).await[0].clone();
    let sr = pool.ok("VDI.get_SR", &[vdi.clone()]).await;
    for (field, value) in [("type", json!("udev")), ("content_type", json!("iso"))] {
        assert_eq!(pool.ok(&format!("SR.get_{field}"), &[sr.clone()]).await, value);
    }
    assert_eq!(pool.ok("SR.get_shared", &[sr.clone()]).await, false);
    assert_eq!(note(&pool, &vdi, "disc").await, "DEBIAN 13");
    assert_eq!(pool.ok("VDI.get_name_description", &[vdi.clone()]).await, "ASUS DRW-24D5MT");
    assert_eq!(pool.ok("VDI.get_virtual_size", &[vdi.clone()]).await, json!(40960));

    connect(&pool.hosts[1], "sr0", None);
    pool.wait("VDI", &vdi, "virtual_size", &json!(0)).await;
    assert_eq!(note(&pool, &vdi, "tray").await, "empty");
    pool.ok("SR.scan", &[sr.clone()]).await;
    // It is a part of the host.
    let pbd = pool.ok("SR.get_PBDs", &[sr.clone()]).await[0].clone();
    for (method, about) in [("SR.forget", &sr), ("SR.destroy", &sr), ("PBD.unplug", &pbd)] {
        let refused = pool.call(method, &[about.clone()]).await.unwrap_err();
        assert_eq!(refused[0], "OPERATION_NOT_ALLOWED", "{method}");
    }
    let disk = json!({
        "name_label": "no", "SR": sr, "virtual_size": 1 << 20, "type": "user",
        "sharable": false, "read_only": false, "other_config": {},
    });
    let refused = pool.call("VDI.create", &[disk]).await.unwrap_err();
    assert_eq!(refused[0], "SR_OPERATION_NOT_SUPPORTED");

    disconnect(&pool.hosts[1], "sr0");
    named(&pool, "VDI", "DVD drive sr0 of host1", 0).await;
    named(&pool, "SR", "DVD drives of host1", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_a_hosts_drive_stays_there_until_the_disc_is_ejected() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    connect(&pool.hosts[1], "sr0", Some("SETUP"));
    let vdi = named(&pool, "VDI", "DVD drive sr0 of host1", 1).await[0].clone();
    let vm = pool.vm("web1", &sr, 256).await;
    let vbd = cd(&pool, &vm, &vdi).await;
    let hosts = pool.host_refs().await;

    let params = [vm.clone(), hosts[0].clone(), json!(false), json!(false)];
    let refused = pool.call("VM.start_on", &params).await.unwrap_err();
    assert_eq!((refused[0].as_str(), refused[3].as_str()), ("VM_HOLDS_HOST_DRIVE", "host1"));
    pool.start(&vm).await.unwrap();
    assert_eq!(pool.ok("VM.get_resident_on", &[vm.clone()]).await, hosts[1]);
    let drive = medium(&pool, 1, &vm).await;
    assert_eq!((drive.path.as_str(), drive.read_only), ("/dev/sr0", true));

    for (method, more) in [
        ("VM.pool_migrate", vec![hosts[0].clone(), json!({})]),
        ("VM.assert_agile", vec![]),
        ("VM.set_ha_restart_priority", vec![json!("restart")]),
    ] {
        let params: Vec<Json> = [vm.clone()].into_iter().chain(more).collect();
        let refused = pool.call(method, &params).await.unwrap_err();
        assert_eq!(refused[0], "VM_HOLDS_HOST_DRIVE", "{method}: {refused:?}");
    }
    pool.ok("VBD.eject", &[vbd.clone()]).await;
    assert_eq!(medium(&pool, 1, &vm).await.path, "");
    pool.ok("VM.assert_agile", &[vm.clone()]).await;
    pool.ok("VM.pool_migrate", &[vm.clone(), hosts[0].clone(), json!({})]).await;
    pool.wait("VM", &vm, "resident_on", &hosts[0]).await;
    // On another host its disc cannot be reached.
    let refused = pool.call("VBD.insert", &[vbd, vdi]).await.unwrap_err();
    assert_eq!(refused[0], "VM_REQUIRES_SR");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_that_is_gone_keeps_its_machine_from_starting_and_says_so() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    connect(&pool.hosts[0], "sr0", Some("SETUP"));
    let vdi = named(&pool, "VDI", "DVD drive sr0 of host0", 1).await[0].clone();
    let vm = pool.vm("web1", &sr, 256).await;
    let vbd = cd(&pool, &vm, &vdi).await;
    disconnect(&pool.hosts[0], "sr0");
    pool.wait("VDI", &vdi, "missing", &json!(true)).await;
    let refused = pool.start(&vm).await.unwrap_err();
    assert_eq!(refused[0], "HOST_DRIVE_MISSING");
    assert_eq!((refused[2].as_str(), refused[3].as_str()), ("sr0", "host0"));
    pool.ok("VBD.eject", &[vbd]).await;
    named(&pool, "VDI", "DVD drive sr0 of host0", 0).await;
    pool.start(&vm).await.unwrap();
}

/// What is asked before a machine is made counts its disc, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_made_with_a_hosts_drive_has_room_there_alone() {
    let pool = pool(2).await;
    pool.nfs().await;
    connect(&pool.hosts[1], "sr0", Some("SETUP"));
    let sr = named(&pool, "SR", "DVD drives of host1", 1).await[0].clone();
    let sr = pool.ok("SR.get_uuid", &[sr]).await;
    let add = |more: Json| {
        let mut change =
            json!({ "change": "add", "memory": 1 << 28, "vcpus": 1, "policy": "none" });
        change.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "changes": [change.clone(), change] })
    };
    let asked = async |more: Json| {
        let answer = post(&pool.socket(), "/haven/ha/what-if", &add(more)).await.unwrap();
        let hosts = answer["placed"].as_array().unwrap().clone();
        hosts.into_iter().map(|each| each["host"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(asked(json!({ "cd_sr": sr })).await, ["host1", "host1"]);
    assert!(asked(json!({})).await.contains(&json!("host0")), "without it both take one");
}
