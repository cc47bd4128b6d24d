//! Devices of running VMs, and CD images.

use haven_drivers::hypervisor::{DomainSpec, HypervisorError};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::{TestPool, pool};

const MIB: i64 = 1 << 20;

async fn spec(pool: &TestPool, vm: &Json) -> DomainSpec {
    let id: Uuid = pool.ok("VM.get_uuid", &[vm.clone()]).await.as_str().unwrap().parse().unwrap();
    pool.world.hypervisor(0).spec(id).unwrap()
}

async fn new_disk(pool: &TestPool, sr: &Json) -> Json {
    let disk = json!({
        "name_label": "more", "SR": sr, "virtual_size": 64 * MIB, "type": "user",
        "sharable": false, "read_only": false, "other_config": {},
    });
    pool.ok("VDI.create", &[disk]).await
}

async fn drive(pool: &TestPool, vm: &Json, vdi: &Json, kind: &str, device: &str) -> Json {
    let mode = if kind == "CD" { "RO" } else { "RW" };
    let vbd = json!({
        "VM": vm, "VDI": vdi, "userdevice": device, "bootable": false, "mode": mode,
        "type": kind, "unpluggable": true, "empty": vdi == "OpaqueRef:NULL", "other_config": {},
    });
    pool.ok("VBD.create", &[vbd]).await
}

async fn nic(pool: &TestPool, vm: &Json, network: &Json) -> Json {
    let vif = json!({
        "VM": vm, "network": network, "device": "autodetect", "MAC": "", "MTU": 1500,
        "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    });
    pool.ok("VIF.create", &[vif]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_is_plugged_into_a_running_vm_and_out_again() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.start(&vm).await.unwrap();
    let vdi = new_disk(&pool, &sr).await;
    let vbd = drive(&pool, &vm, &vdi, "Disk", "1").await;
    assert_eq!(spec(&pool, &vm).await.disks.len(), 1);
    assert_eq!(pool.ok("VBD.get_allowed_operations", &[vbd.clone()]).await, json!(["plug"]));
    pool.ok("VBD.plug", &[vbd.clone()]).await;
    assert_eq!(spec(&pool, &vm).await.disks[1].target, "vdb");
    assert_eq!(pool.ok("VBD.get_currently_attached", &[vbd.clone()]).await, true);
    let twice = pool.call("VBD.plug", &[vbd.clone()]).await.unwrap_err();
    assert_eq!(twice[0], "DEVICE_ALREADY_ATTACHED");
    assert_eq!(pool.call("VDI.destroy", &[vdi.clone()]).await.unwrap_err()[0], "VDI_IN_USE");
    assert_eq!(
        pool.call("VBD.destroy", &[vbd.clone()]).await.unwrap_err()[0],
        "DEVICE_ALREADY_ATTACHED"
    );

    let stubborn = HypervisorError::Failed { call: "detach disk".into(), text: "kept".into() };
    pool.world.fail_next(0, "change", stubborn);
    let kept = pool.call("VBD.unplug", &[vbd.clone()]).await.unwrap_err();
    assert_eq!(kept[0], "DEVICE_DETACH_REJECTED");
    assert_eq!(pool.ok("VBD.get_currently_attached", &[vbd.clone()]).await, true);

    pool.ok("VBD.unplug", &[vbd.clone()]).await;
    assert_eq!(spec(&pool, &vm).await.disks.len(), 1);
    pool.ok("VBD.destroy", &[vbd]).await;
    pool.ok("VDI.destroy", &[vdi]).await;
}

/// The VM may have the disk: it must not go to another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_plug_whose_outcome_is_unknown_counts_as_done() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let (vm, other) = (pool.vm("web1", &sr, 256).await, pool.vm("web2", &sr, 256).await);
    pool.start(&vm).await.unwrap();
    pool.start(&other).await.unwrap();
    let vdi = new_disk(&pool, &sr).await;
    let vbd = drive(&pool, &vm, &vdi, "Disk", "1").await;
    let second = drive(&pool, &other, &vdi, "Disk", "1").await;
    let unknown = HypervisorError::Deadline { call: "attach disk".into(), seconds: 60 };
    pool.world.fail_next(0, "change", unknown);
    pool.call("VBD.plug", &[vbd.clone()]).await.unwrap_err();
    assert_eq!(pool.ok("VBD.get_currently_attached", &[vbd.clone()]).await, true);
    assert_eq!(pool.call("VBD.plug", &[second.clone()]).await.unwrap_err()[0], "VDI_IN_USE");
    // The hypervisor knows no such device: then it is out, and free.
    pool.ok("VBD.unplug", &[vbd]).await;
    pool.ok("VBD.plug", &[second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_of_a_library_go_into_the_drive_of_a_running_vm() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let host = pool.host_refs().await[0].clone();
    let params = [
        host,
        json!({ "location": "nas:/isos" }),
        json!("0"),
        json!("images"),
        json!(""),
        json!("iso"),
        json!("iso"),
        json!(true),
        json!({}),
    ];
    let library = pool.ok("SR.create", &params).await;
    let id: Uuid =
        pool.ok("SR.get_uuid", &[library.clone()]).await.as_str().unwrap().parse().unwrap();
    pool.array.add_image(id, "debian.iso", 1000);
    pool.ok("SR.scan", &[library.clone()]).await;
    let found = pool.ok("VDI.get_by_name_label", &[json!("debian.iso")]).await;
    let image = found[0].clone();
    assert_eq!(pool.ok("VDI.get_read_only", &[image.clone()]).await, true);
    let disk = json!({
        "name_label": "no", "SR": library, "virtual_size": MIB, "type": "user",
        "sharable": false, "read_only": false, "other_config": {},
    });
    let refused = pool.call("VDI.create", &[disk]).await.unwrap_err();
    assert_eq!(refused[0], "SR_OPERATION_NOT_SUPPORTED");

    let vm = pool.vm("web1", &sr, 256).await;
    let cd = drive(&pool, &vm, &json!("OpaqueRef:NULL"), "CD", "3").await;
    pool.start(&vm).await.unwrap();
    assert_eq!(pool.call("VBD.eject", &[cd.clone()]).await.unwrap_err()[0], "VBD_IS_EMPTY");
    pool.ok("VBD.insert", &[cd.clone(), image.clone()]).await;
    let inserted = spec(&pool, &vm).await.disks.into_iter().find(|disk| disk.cdrom).unwrap();
    assert!(inserted.path.ends_with("/debian.iso") && inserted.read_only, "{inserted:?}");
    let full = pool.call("VBD.insert", &[cd.clone(), image]).await.unwrap_err();
    assert_eq!(full[0], "VBD_NOT_EMPTY");
    pool.ok("VBD.eject", &[cd]).await;
    let ejected = spec(&pool, &vm).await.disks.into_iter().find(|disk| disk.cdrom).unwrap();
    assert_eq!(ejected.path, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn interfaces_are_plugged_moved_and_unplugged() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.start(&vm).await.unwrap();
    let network =
        |name: &str| json!({ "name_label": name, "MTU": 1500, "other_config": {}, "bridge": "" });
    let a = pool.ok("network.create", &[network("a")]).await;
    let b = pool.ok("network.create", &[network("b")]).await;
    let vif = nic(&pool, &vm, &a).await;
    assert!(spec(&pool, &vm).await.nics.is_empty());
    // The host of a test may not make bridges; then this says so and nothing is plugged in.
    if let Err(error) = pool.call("VIF.plug", &[vif.clone()]).await {
        assert_eq!(error[0], "HOST_CANNOT_ATTACH_NETWORK");
        assert!(spec(&pool, &vm).await.nics.is_empty());
        return;
    }
    let bridge = pool.ok("network.get_bridge", &[a]).await;
    assert_eq!(json!(spec(&pool, &vm).await.nics[0].bridge), bridge);
    pool.ok("VIF.move", &[vif.clone(), b.clone()]).await;
    let bridge = pool.ok("network.get_bridge", &[b]).await;
    assert_eq!(json!(spec(&pool, &vm).await.nics[0].bridge), bridge);
    pool.ok("VIF.unplug", &[vif.clone()]).await;
    assert!(spec(&pool, &vm).await.nics.is_empty());
    pool.ok("VIF.destroy", &[vif]).await;
}
