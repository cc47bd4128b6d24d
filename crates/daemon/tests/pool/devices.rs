//! Devices of running VMs, and CD images.

use haven_drivers::hypervisor::{DiskBus, DomainSpec, HypervisorError};
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
    let library = pool.library().await;
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
    pool.ok("VIF.plug", &[vif.clone()]).await;
    let bridge = pool.ok("network.get_bridge", &[a]).await;
    assert_eq!(json!(spec(&pool, &vm).await.nics[0].bridge), bridge);
    pool.ok("VIF.move", &[vif.clone(), b.clone()]).await;
    let bridge = pool.ok("network.get_bridge", &[b]).await;
    assert_eq!(json!(spec(&pool, &vm).await.nics[0].bridge), bridge);
    pool.ok("VIF.unplug", &[vif.clone()]).await;
    assert!(spec(&pool, &vm).await.nics.is_empty());
    pool.ok("VIF.destroy", &[vif]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_cpus_change_while_a_vm_runs_within_their_limits() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.ok("VM.set_VCPUs_max", &[vm.clone(), json!(4)]).await;
    let live = "VM.set_VCPUs_number_live";
    assert_eq!(
        pool.call(live, &[vm.clone(), json!(2)]).await.unwrap_err()[0],
        "VM_BAD_POWER_STATE"
    );
    pool.start(&vm).await.unwrap();
    pool.ok(live, &[vm.clone(), json!(3)]).await;
    assert_eq!(spec(&pool, &vm).await.vcpus, 3);
    assert_eq!(pool.call(live, &[vm.clone(), json!(5)]).await.unwrap_err()[0], "INVALID_VALUE");
    let range = |min: i64, max: i64| [vm.clone(), json!(min * MIB), json!(max * MIB)];
    pool.ok("VM.set_memory_dynamic_range", &range(256, 256)).await;
    let order = pool.call("VM.set_memory_dynamic_range", &range(256, 512)).await.unwrap_err();
    assert_eq!(order[0], "MEMORY_CONSTRAINT_VIOLATION_ORDER");
    assert_eq!(spec(&pool, &vm).await.extra.memory_target, 256 << 20);
    pool.ok("VM.send_trigger", &[vm.clone(), json!("nmi")]).await;
    let unknown = pool.call("VM.send_trigger", &[vm.clone(), json!("sing")]).await.unwrap_err();
    assert_eq!(unknown[0], "INVALID_VALUE");
    let most = pool.ok("VM.maximise_memory", &[vm, json!(1024 * MIB), json!(false)]).await;
    assert!((800 * MIB..1024 * MIB).contains(&most.as_i64().unwrap()), "{most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_moves_by_ticket_and_a_refusal_says_why() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let hosts = pool.host_refs().await;
    let on = [vm.clone(), hosts[0].clone(), json!(false), json!(false)];
    pool.ok("VM.start_on", &on).await;
    let receive = [hosts[1].clone(), json!("OpaqueRef:NULL"), json!({})];
    let ticket = pool.ok("host.migrate_receive", &receive).await;
    let move_to =
        |ticket: &Json| [vm.clone(), ticket.clone(), json!(true), json!({}), json!({}), json!({})];
    pool.ok("VM.assert_can_migrate", &move_to(&ticket)).await;
    // A network in which the hosts have no addresses is no way.
    let network = json!({ "name_label": "fast", "name_description": "", "MTU": 1500,
        "other_config": {}, "bridge": "", "managed": true, "tags": [] });
    let network = pool.ok("network.create", &[network]).await;
    let receive = [hosts[1].clone(), network.clone(), json!({})];
    let over = pool.ok("host.migrate_receive", &receive).await;
    let no = pool.call("VM.assert_can_migrate", &move_to(&over)).await.unwrap_err();
    assert_eq!(no[0], "INTERFACE_HAS_NO_IP");
    let options = json!({ "live": "true", "network": network });
    let asked = [vm.clone(), hosts[1].clone(), options];
    let no = pool.call("VM.pool_migrate", &asked).await.unwrap_err();
    assert_eq!(no[0], "INTERFACE_HAS_NO_IP");
    let elsewhere = json!({ "host": "OpaqueRef:00000000-0000-0000-0000-00000000dead" });
    let no = pool.call("VM.assert_can_migrate", &move_to(&elsewhere)).await.unwrap_err();
    assert_eq!(no[0], "OPERATION_NOT_ALLOWED");
    pool.ok("host.disable", &[hosts[1].clone()]).await;
    let no = pool.call("VM.assert_can_migrate", &move_to(&ticket)).await.unwrap_err();
    assert_eq!(no[0], "HOST_DISABLED");
    pool.ok("host.enable", &[hosts[1].clone()]).await;
    assert_eq!(pool.ok("VM.migrate_send", &move_to(&ticket)).await, vm);
    assert_eq!(pool.ok("VM.get_resident_on", &[vm.clone()]).await, hosts[1]);
    pool.ok("VM.add_to_blocked_operations", &[vm.clone(), json!("pool_migrate"), json!("no")])
        .await;
    let allowed = pool.ok("VM.get_allowed_operations", &[vm]).await;
    assert!(!allowed.as_array().unwrap().contains(&json!("pool_migrate")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appliance_starts_and_stops_its_vms() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let (a, b) = (pool.vm("db", &sr, 256).await, pool.vm("web", &sr, 256).await);
    let record = json!({ "name_label": "shop", "name_description": "" });
    let appliance = pool.ok("VM_appliance.create", &[record]).await;
    for (order, vm) in [&a, &b].into_iter().enumerate() {
        pool.ok("VM.set_appliance", &[vm.clone(), appliance.clone()]).await;
        pool.ok("VM.set_order", &[vm.clone(), json!(order)]).await;
    }
    pool.ok("VM_appliance.start", &[appliance.clone(), json!(false)]).await;
    for vm in [&a, &b] {
        assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Running");
    }
    let failure = HypervisorError::Failed { call: "stop".into(), text: "no".into() };
    pool.world.fail_next(0, "stop", failure);
    let partly = pool.call("VM_appliance.hard_shutdown", &[appliance.clone()]).await.unwrap_err();
    assert_eq!(partly[0], "OPERATION_PARTIALLY_FAILED");
    assert_eq!(partly[2], b.as_str().unwrap(), "the last is stopped first");
    assert_eq!(pool.ok("VM.get_power_state", &[a.clone()]).await, "Halted");
    pool.ok("VM_appliance.shutdown", &[appliance.clone()]).await;
    pool.ok("VM_appliance.destroy", &[appliance]).await;
    assert_eq!(pool.ok("VM.get_appliance", &[a]).await, "OpaqueRef:NULL");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vlan_is_made_on_every_host_or_refused() {
    let pool = pool(2).await;
    let network = json!({ "name_label": "v7", "MTU": 1500, "other_config": {}, "bridge": "" });
    let network = pool.ok("network.create", &[network]).await;
    let pifs = pool.ok("PIF.get_all_records", &[]).await;
    let Some((below, row)) = pifs.as_object().unwrap().iter().next() else {
        // A machine without a physical interface.
        return;
    };
    let make = |tag: i64| [row["device"].clone(), network.clone(), json!(tag)];
    let bad = pool.call("pool.create_VLAN", &make(5000)).await.unwrap_err();
    assert_eq!(bad[0], "VLAN_TAG_INVALID");
    let made = pool.ok("pool.create_VLAN", &make(7)).await;
    assert_eq!(made.as_array().unwrap().len(), 2);
    let twice = pool.call("VLAN.create", &[json!(below), json!(7), network.clone()]).await;
    assert_eq!(twice.unwrap_err()[0], "PIF_VLAN_EXISTS");
    let pif = made[0].clone();
    let record = pool.ok("PIF.get_record", &[pif.clone()]).await;
    assert_eq!((&record["VLAN"], &record["currently_attached"]), (&json!(7), &json!(true)));
    let on_top = [pif.clone(), json!(8), network.clone()];
    assert_eq!(pool.call("VLAN.create", &on_top).await.unwrap_err()[0], "PIF_IS_VLAN");
    pool.ok("PIF.unplug", &[pif.clone()]).await;
    pool.ok("PIF.plug", &[pif.clone()]).await;
    for pif in made.as_array().unwrap() {
        pool.ok("PIF.destroy", &[pif.clone()]).await;
    }
    assert_eq!(pool.ok("VLAN.get_all", &[]).await, json!([]));
    pool.ok("network.destroy", &[network]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_goes_down_only_when_it_is_disabled_and_empty() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let hosts = pool.host_refs().await;
    let on = [vm.clone(), hosts[1].clone(), json!(false), json!(false)];
    pool.ok("VM.start_on", &on).await;
    let reboot = [hosts[1].clone()];
    assert_eq!(pool.call("host.reboot", &reboot).await.unwrap_err()[0], "HOST_NOT_DISABLED");
    pool.ok("host.disable", &reboot).await;
    assert_eq!(pool.call("host.reboot", &reboot).await.unwrap_err()[0], "HOST_IN_USE");
    pool.ok("host.evacuate", &[hosts[1].clone(), json!("OpaqueRef:NULL"), json!(0)]).await;
    pool.ok("host.reboot", &reboot).await;
    let metrics = pool.ok("host.get_metrics", &reboot).await;
    // It reports again, as it did not really go.
    pool.wait("host_metrics", &metrics, "live", &json!(true)).await;
    assert_eq!(pool.ok("pool.recover_slaves", &[]).await, json!([]));
    let found = pool.ok("PIF.get_all_records", &[]).await;
    let other = found.as_object().unwrap().iter().find(|(_, row)| row["management"] == false);
    if let Some((pif, _)) = other {
        let refused = pool.call("host.management_reconfigure", &[json!(pif)]).await.unwrap_err();
        assert_eq!(refused[0], "OPERATION_NOT_ALLOWED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_goes_to_another_repository_while_its_machine_is_off() {
    let pool = pool(1).await;
    let (first, host) = (pool.nfs().await, pool.host_refs().await[0].clone());
    let config = json!({ "server": "nas", "serverpath": "/more" });
    let second = [
        host,
        config,
        json!("0"),
        json!("more"),
        json!(""),
        json!("nfs"),
        json!(""),
        json!(true),
        json!({}),
    ];
    let second = pool.ok("SR.create", &second).await;
    let vm = pool.vm("web1", &first, 256).await;
    let vbd = pool.ok("VM.get_VBDs", &[vm.clone()]).await[0].clone();
    let old = pool.ok("VBD.get_VDI", &[vbd.clone()]).await;
    let to = |sr: &Json| [old.clone(), sr.clone(), json!({})];
    let refused = pool.call("VDI.pool_migrate", &to(&first)).await.unwrap_err();
    assert_eq!(refused[0], "OPERATION_NOT_ALLOWED");
    let snapshot = pool.ok("VM.snapshot", &[vm.clone(), json!("s")]).await;
    let refused = pool.call("VDI.pool_migrate", &to(&second)).await.unwrap_err();
    assert_eq!(refused[0], "OPERATION_NOT_ALLOWED", "{refused:?}");
    let frozen = pool.ok("VM.get_VBDs", &[snapshot.clone()]).await[0].clone();
    let frozen = pool.ok("VBD.get_VDI", &[frozen]).await;
    pool.ok("VM.destroy", &[snapshot]).await;
    pool.ok("VDI.destroy", &[frozen]).await;
    let new = pool.ok("VDI.pool_migrate", &to(&second)).await;
    assert_eq!(pool.ok("VBD.get_VDI", &[vbd]).await, new);
    assert_eq!(pool.ok("VDI.get_SR", &[new.clone()]).await, second);
    assert_eq!(pool.ok("VDI.get_name_label", &[new]).await, "disk");
    assert_eq!(pool.call("VDI.get_SR", &[old]).await.unwrap_err()[0], "HANDLE_INVALID");
    pool.start(&vm).await.unwrap();
}

/// What modules of Ansible do when they make a machine.
#[tokio::test(flavor = "multi_thread")]
async fn data_for_xenstore_is_kept_and_machines_are_fully_virtualised() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let entry = [vm.clone(), json!("vm-data/x"), json!("1")];
    pool.ok("VM.remove_from_xenstore_data", &entry[..2]).await;
    pool.ok("VM.add_to_xenstore_data", &entry).await;
    assert_eq!(pool.ok("VM.get_xenstore_data", &[vm.clone()]).await, json!({ "vm-data/x": "1" }));
    pool.ok("VM.set_xenstore_data", &[vm.clone(), json!({})]).await;
    pool.ok("VM.set_domain_type", &[vm.clone(), json!("hvm")]).await;
    let refused = pool.call("VM.set_domain_type", &[vm, json!("pv")]).await.unwrap_err();
    assert_eq!(refused[0], "OPERATION_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_removed_by_time_and_priority() {
    let pool = pool(1).await;
    let uuid = pool.ok("pool.get_all_records", &[]).await;
    let uuid = uuid.as_object().unwrap().values().next().unwrap()["uuid"].clone();
    for priority in [1, 3, 5] {
        let alert = [json!("X"), json!(priority), json!("Pool"), uuid.clone(), json!("b")];
        pool.ok("message.create", &alert).await;
    }
    let count = || async { pool.ok("message.get_all", &[]).await.as_array().unwrap().len() };
    let all = count().await;
    let wrong = pool.call("message.destroy_all", &[json!({ "since": "x" })]).await.unwrap_err();
    assert_eq!((wrong[0].as_str(), count().await), ("INVALID_VALUE", all));
    pool.ok("message.destroy_all", &[json!({ "priority": "3" })]).await;
    pool.ok("message.destroy_all", &[json!({ "before": "20000101T00:00:00Z" })]).await;
    assert_eq!(count().await, all - 1);
    pool.ok("message.destroy_all", &[json!({})]).await;
    assert_eq!(count().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interface_may_send_is_limited_at_once() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let network = pool.ok("network.get_all", &[]).await[0].clone();
    let vif = nic(&pool, &vm, &network).await;
    let limit = |kbps: &str| [vif.clone(), json!({ "kbps": kbps })];
    pool.ok("VIF.set_qos_algorithm_params", &limit("2048")).await;
    pool.ok("VIF.set_qos_algorithm_type", &[vif.clone(), json!("ratelimit")]).await;
    pool.start(&vm).await.unwrap();
    assert_eq!(spec(&pool, &vm).await.nics[0].send_kib_s, 2048, "it starts with it");
    pool.ok("VIF.set_qos_algorithm_params", &limit("512")).await;
    assert_eq!(spec(&pool, &vm).await.nics[0].send_kib_s, 512, "it is changed while it runs");
    for bad in ["0", "fast", "5000000"] {
        let refused = pool.call("VIF.set_qos_algorithm_params", &limit(bad)).await.unwrap_err();
        assert_eq!(refused[0], "INVALID_VALUE", "{bad}");
    }
    let other = pool.call("VIF.set_qos_algorithm_type", &[vif.clone(), json!("sfq")]).await;
    assert_eq!(other.unwrap_err()[0], "INVALID_VALUE");
    // What the hypervisor refuses is not written down.
    let stubborn = HypervisorError::Failed { call: "move nic".into(), text: "no tc".into() };
    pool.world.fail_next(0, "change", stubborn);
    pool.call("VIF.set_qos_algorithm_params", &limit("64")).await.unwrap_err();
    let params = pool.ok("VIF.get_qos_algorithm_params", &[vif.clone()]).await;
    assert_eq!(params, json!({ "kbps": "512" }));
    pool.ok("VIF.set_qos_algorithm_type", &[vif.clone(), json!("")]).await;
    assert_eq!(spec(&pool, &vm).await.nics[0].send_kib_s, 0);
}

/// What a VM takes from its row at the start only is noted then, so that people see what waits.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_vm_was_started_with_is_told_from_what_its_row_says() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    for message in ["VM.set_VCPUs_max", "VM.set_VCPUs_at_startup"] {
        pool.ok(message, &[vm.clone(), json!(4)]).await;
    }
    let cores = |text: &str| [vm.clone(), json!({ "cores-per-socket": text })];
    let wrong = pool.call("VM.set_platform", &cores("3")).await.unwrap_err();
    assert_eq!(wrong, ["VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE", "4", "3"]);
    pool.ok("VM.set_platform", &cores("2")).await;
    let odd = pool.call("VM.set_VCPUs_max", &[vm.clone(), json!(5)]).await.unwrap_err();
    assert_eq!(odd[0], "VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE");
    pool.start(&vm).await.unwrap();
    assert_eq!(spec(&pool, &vm).await.extra.cores_per_socket, 2);
    pool.ok("VM.remove_from_platform", &[vm.clone(), json!("cores-per-socket")]).await;
    let pair = [vm.clone(), json!("cores-per-socket"), json!("4")];
    pool.ok("VM.add_to_platform", &pair).await;
    let twice = pool.call("VM.add_to_platform", &pair).await.unwrap_err();
    assert_eq!(twice[0], "MAP_DUPLICATE_KEY");
    assert_eq!(spec(&pool, &vm).await.extra.cores_per_socket, 2, "it runs as it began");
    let booted = pool.ok("VM.get_last_booted_record", &[vm.clone()]).await;
    let booted: Json = serde_json::from_str(booted.as_str().unwrap()).unwrap();
    assert_eq!(booted["platform"], json!({ "cores-per-socket": "2" }));
    assert_eq!(booted["VCPUs_at_startup"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_has_the_bus_that_its_other_config_names_from_the_next_start_on() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let vbd = pool.ok("VM.get_VBDs", &[vm.clone()]).await[0].clone();
    let set = |text: &str| [vbd.clone(), json!("bus"), json!(text)];
    let refused = pool.call("VBD.add_to_other_config", &set("ide")).await.unwrap_err();
    assert_eq!((&*refused[0], &*refused[1]), ("INVALID_VALUE", "other_config:bus"));
    pool.ok("VBD.add_to_other_config", &set("sata")).await;
    let twice = pool.call("VBD.add_to_other_config", &set("scsi")).await.unwrap_err();
    assert_eq!(twice[0], "MAP_DUPLICATE_KEY");
    pool.start(&vm).await.unwrap();
    assert_eq!(spec(&pool, &vm).await.disks[0].bus, DiskBus::Sata);
    // Neither comes to a guest that runs and has no controller that takes it.
    let config = |bus: &str| json!({ "bus": bus });
    let vdi = new_disk(&pool, &sr).await;
    let second = drive(&pool, &vm, &vdi, "Disk", "1").await;
    for bus in ["sata", "scsi"] {
        pool.ok("VBD.set_other_config", &[second.clone(), config(bus)]).await;
        let refused = pool.call("VBD.plug", &[second.clone()]).await.unwrap_err();
        assert_eq!(refused[0], "OPERATION_NOT_ALLOWED", "{refused:?}");
    }
    let wrong = pool.call("VBD.set_other_config", &[second.clone(), config("usb")]).await;
    assert_eq!(wrong.unwrap_err()[0], "INVALID_VALUE");
    pool.ok("VBD.set_other_config", &[second.clone(), config("virtio")]).await;
    pool.ok("VBD.plug", &[second]).await;
    assert_eq!(spec(&pool, &vm).await.disks[1].bus, DiskBus::Virtio);
}
