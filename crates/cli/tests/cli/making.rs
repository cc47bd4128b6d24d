//! Machines, repositories and disks that are made, tried and taken away, against a server that plays a pool.

use crate::support::{Script, assert_golden, shown, small_pool};
use serde_json::{Value, json};

#[test]
fn create_makes_what_was_asked_for() {
    let pool = creating()
        .task("VM.provision", "")
        .answers("VM.get_allowed_VBD_devices", json!(["0", "1"]))
        .serve();
    let args = ["vm", "create", "--template", "tiny", "--name", "web2", "--sr", "vms"];
    let sizes = ["--memory", "256MiB", "--vcpus", "2", "--disk", "1GiB", "--ha", "restart"];
    let output = pool.haven(&[&args[..], &sizes[..]].concat());
    assert!(output.status.success(), "{}", shown(&output));
    assert_eq!(pool.calls("Async.VM.clone"), [json!(["OpaqueRef:t1", "web2"])]);
    let bytes = json!(256_u64 << 20);
    let limits = json!(["OpaqueRef:new", bytes, bytes, bytes, bytes]);
    assert_eq!(pool.calls("VM.set_memory_limits"), [limits]);
    let disks = &pool.calls("VM.add_to_other_config")[0][2];
    assert!(disks.as_str().unwrap().contains("size=\"1073741824\" sr=\"sr1-uuid\""), "{disks}");
    assert_eq!(pool.calls("VM.set_ha_restart_priority"), [json!(["OpaqueRef:new", "restart"])]);
}

/// W8: a machine that runs gets processors at once; one that is off, room for more.
#[test]
fn processors_are_set_live_or_with_room_for_more() {
    let void = json!("");
    let pool = small_pool()
        .answers("VM.set_VCPUs_number_live", void.clone())
        .answers("VM.set_VCPUs_max", void.clone())
        .answers("VM.set_VCPUs_at_startup", void)
        .serve();
    let set = |args: &[&str]| {
        let output = pool.haven(&[&["vm", "set"], args].concat());
        assert!(output.status.success(), "{}", shown(&output));
    };
    set(&["web1", "--vcpus", "3"]);
    assert_eq!(pool.calls("VM.set_VCPUs_number_live"), [json!(["OpaqueRef:v1", 3])]);
    set(&["bb22", "--vcpus", "2", "--vcpus-max", "8"]);
    assert_eq!(pool.calls("VM.set_VCPUs_max"), [json!(["OpaqueRef:v2", 8])]);
    assert_eq!(pool.calls("VM.set_VCPUs_at_startup"), [json!(["OpaqueRef:v2", 2])]);
}

/// W7: what a cloud image learns, its image and its home are written before its disks are made.
#[test]
fn create_tells_the_guest_who_may_sign_in_and_puts_an_image_into_its_drive() {
    let dir = tempfile::tempdir().unwrap();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ana";
    let file = dir.path().join("id.pub");
    std::fs::write(&file, key).unwrap();
    let iso = json!({"uuid": "ee66", "name_label": "debian.iso", "SR": "OpaqueRef:iso"});
    let library = json!({"uuid": "ff77", "name_label": "images", "type": "iso", "PBDs": []});
    let pool = creating()
        .task("VM.provision", "")
        .answers("SR.get_all_records", json!({"OpaqueRef:iso": library}))
        .answers("VDI.get_all_records", json!({"OpaqueRef:debian": iso}))
        .answers("VM.get_allowed_VBD_devices", json!(["1"]))
        .answers("VBD.create", json!("OpaqueRef:cd"))
        .answers("VM.set_affinity", json!(""))
        .serve();
    let args = ["vm", "create", "--template", "tiny", "--name", "web2", "--user", "ana"];
    let more = ["--ssh-key", file.to_str().unwrap(), "--cd", "debian.iso", "--affinity", "host2"];
    let output = pool.haven(&[&args[..], &more[..]].concat());
    assert!(output.status.success(), "{}", shown(&output));
    let written = pool.calls("VM.add_to_other_config");
    assert!(written.contains(&json!(["OpaqueRef:new", "cloud-init-user", "ana"])), "{written:?}");
    assert!(written.contains(&json!(["OpaqueRef:new", "cloud-init-ssh-keys", key])), "{written:?}");
    let drive = &pool.calls("VBD.create")[0][0];
    assert_eq!((&drive["VDI"], &drive["type"]), (&json!("OpaqueRef:debian"), &json!("CD")));
    assert_eq!(pool.calls("VM.set_affinity"), [json!(["OpaqueRef:new", "OpaqueRef:h2"])]);
    let missing = ["vm", "create", "--template", "tiny", "--cloud-init", "/not/there"];
    let output = pool.haven(&missing);
    assert!(!output.status.success() && shown(&output).contains("/not/there cannot be read"));
    assert_eq!(pool.calls("Async.VM.clone").len(), 1, "nothing is made before all is read");
}

#[test]
fn create_makes_several_with_names_that_nobody_has() {
    let pool = creating()
        .task("VM.provision", "")
        .answers("VM_group.get_all_records", json!({}))
        .answers("VM_group.create", json!("OpaqueRef:group"))
        .answers("VM.set_groups", json!(""))
        .serve();
    let args = ["vm", "create", "--template", "tiny", "--name", "web", "--count", "2", "--apart"];
    let output = pool.haven(&args);
    assert!(output.status.success(), "{}", shown(&output));
    let names: Vec<Value> =
        pool.calls("Async.VM.clone").iter().map(|call| call[1].clone()).collect();
    // This pool never shows what was made.
    assert_eq!(names, ["web-1", "web-1"]);
    assert_eq!(pool.calls("VM_group.create").len(), 1);
    let apart = json!(["OpaqueRef:new", ["OpaqueRef:group"]]);
    assert_eq!(pool.calls("VM.set_groups"), [apart.clone(), apart]);
}

/// W4: every host says how it reaches the place.
#[test]
fn a_place_is_tried_before_anything_is_created() {
    let good = json!({"name": "host1", "ok": true, "same_place": true, "found": [],
        "size": 2_i64 << 30, "used": 1_i64 << 30, "write_us": 900, "mib_per_s": 80});
    let bad = json!({"name": "host2", "ok": false,
        "error": {"message": "SR_BACKEND_FAILURE_73", "data": ["", "no route to host", ""]}});
    let pool = small_pool()
        .answers("/haven/storage/test", json!({"ok": false, "hosts": [good, bad]}))
        .serve();
    let args = ["sr", "test", "--type", "nfs", "--location", "192.0.2.9:/export"];
    let output = pool.haven(&args);
    assert_eq!(output.status.code(), Some(1));
    assert_golden("sr_test", &shown(&output));
}

/// W7: the pool fetches it; whoever asks sees its task.
#[test]
fn an_image_is_fetched_by_its_address_and_deleted_by_its_name() {
    let image = json!({"uuid": "im1", "name_label": "debian.iso", "SR": "OpaqueRef:sr1"});
    let script = || {
        small_pool()
            .answers("/haven/storage/fetch", json!({"task": "OpaqueRef:task-of-SR.fetch"}))
            .answers("VDI.get_name_label", json!("debian.iso"))
            .answers("VDI.get_uuid", json!("im1"))
            .answers("VDI.get_all_records", json!({"OpaqueRef:image": image}))
    };
    let url = "https://example.org/debian.iso";
    let pool = script().task("SR.fetch", "OpaqueRef:image").task("VDI.destroy", "").serve();
    let output = pool.haven(&["sr", "fetch", "vms", url, "--sha256", "ab"]);
    assert!(
        shown(&output).starts_with("exit 0\n--- out\ndebian.iso is in vms\n"),
        "{}",
        shown(&output)
    );
    let output = pool.haven(&["sr", "remove-image", "vms", "debian.iso", "-y"]);
    assert!(output.status.success(), "{}", shown(&output));
    assert_eq!(pool.calls("Async.VDI.destroy"), [json!(["OpaqueRef:image"])]);

    let error = ["IMAGE_CHECKSUM_WRONG", "ab", "cd"];
    let pool = script().task_fails("SR.fetch", &error).serve();
    let output = pool.haven(&["sr", "fetch", "vms", url]);
    assert_eq!(output.status.code(), Some(1));
    assert!(shown(&output).contains("another SHA-256"), "{}", shown(&output));
}

/// W4: a repository of earlier days comes back with its disks, or not at all.
#[test]
fn an_existing_repository_is_attached_or_forgotten_again() {
    let script = || {
        small_pool()
            .answers("SR.introduce", json!("OpaqueRef:old"))
            .answers("PBD.create", json!("OpaqueRef:new-pbd"))
            .task("SR.scan", "")
            .task("PBD.unplug", "")
            .task("SR.forget", "")
    };
    let uuid = "0e0e0e0e-0000-4000-8000-00000000000e";
    let args = ["sr", "attach", "old", "--uuid", uuid, "--type", "nfs", "--location", "nas:/vms"];
    let pool = script().task("PBD.plug", "").serve();
    let output = pool.haven(&args);
    assert!(output.status.success(), "{}", shown(&output));
    assert_eq!(pool.calls("SR.introduce")[0][0], uuid);
    assert_eq!(pool.calls("Async.PBD.plug").len(), 2, "on both hosts");
    let pool = script().task_fails("PBD.plug", &["SR_BACKEND_FAILURE_73", "", "no", ""]).serve();
    assert!(!pool.haven(&args).status.success());
    assert_eq!(pool.calls("Async.SR.forget"), [json!(["OpaqueRef:old"])]);
}

#[test]
fn a_repository_is_attached_where_it_is_not() {
    let pbd =
        |sr: &str, host: &str, on: bool| json!({"SR": sr, "host": host, "currently_attached": on});
    let pool = small_pool()
        .answers(
            "PBD.get_all_records",
            json!({
                "OpaqueRef:p1": pbd("OpaqueRef:sr1", "OpaqueRef:h1", true),
                "OpaqueRef:p2": pbd("OpaqueRef:sr1", "OpaqueRef:h2", false),
                "OpaqueRef:p3": pbd("OpaqueRef:other", "OpaqueRef:h2", false),
            }),
        )
        .task("PBD.plug", "")
        .serve();
    let output = pool.haven(&["sr", "repair", "vms"]);
    assert!(output.status.success(), "{}", shown(&output));
    assert_eq!(pool.calls("Async.PBD.plug"), [json!(["OpaqueRef:p2"])]);
}

/// A25: what was half made is taken away again.
#[test]
fn a_failed_create_leaves_nothing_behind() {
    let disk = json!({"VM": "OpaqueRef:new", "VDI": "OpaqueRef:vdi1", "type": "Disk"});
    let pool = creating()
        .task_fails("VM.provision", &["SR_FULL", "1", "2"])
        .answers("VM.get_allowed_VBD_devices", json!(["0", "1"]))
        .answers("VBD.get_all_records", json!({"OpaqueRef:vbd1": disk}))
        .answers("VDI.get_all_records", json!({"OpaqueRef:vdi1": {"name_label": "disk 0"}}))
        .task("VM.destroy", "")
        .task("VDI.destroy", "")
        .serve();
    let output =
        pool.haven(&["vm", "create", "--template", "tiny", "--name", "web2", "--disk", "1GiB"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(pool.calls("Async.VM.destroy"), [json!(["OpaqueRef:new"])], "{}", shown(&output));
    assert_eq!(pool.calls("Async.VDI.destroy"), [json!(["OpaqueRef:vdi1"])]);
}

#[test]
fn delete_keeps_disks_that_others_use() {
    let vbd = |vm: &str, vdi: &str| json!({"VM": vm, "VDI": vdi, "type": "Disk"});
    let pool = small_pool()
        .answers(
            "VBD.get_all_records",
            json!({
                "OpaqueRef:b1": vbd("OpaqueRef:v1", "OpaqueRef:own"),
                "OpaqueRef:b2": vbd("OpaqueRef:v1", "OpaqueRef:shared"),
                "OpaqueRef:b3": vbd("OpaqueRef:v2", "OpaqueRef:shared"),
            }),
        )
        .answers("VDI.get_all_records", json!({"OpaqueRef:own": {}, "OpaqueRef:shared": {}}))
        .task("VM.destroy", "")
        .task("VDI.destroy", "")
        .serve();
    assert!(pool.haven(&["vm", "delete", "web1", "--yes"]).status.success());
    assert_eq!(pool.calls("Async.VDI.destroy"), [json!(["OpaqueRef:own"])]);
    assert!(pool.haven(&["vm", "delete", "web1", "--yes", "--keep-disks"]).status.success());
    assert_eq!(pool.calls("Async.VDI.destroy").len(), 1);
}

fn creating() -> Script {
    let new = json!({"uuid": "dd55", "name_label": "web2", "VCPUs_max": 1, "is_a_template": false,
        "other_config": {}});
    let mut vms =
        json!({"OpaqueRef:t1": {"uuid": "cc44", "name_label": "tiny", "is_a_template": true}});
    vms["OpaqueRef:new"] = new.clone();
    let mut script = small_pool()
        .answers("VM.get_all_records", vms)
        .answers("VM.get_record", new)
        .task("VM.clone", "OpaqueRef:new");
    for setter in [
        "set_memory_limits",
        "set_VCPUs_max",
        "set_VCPUs_at_startup",
        "set_ha_restart_priority",
        "remove_from_other_config",
        "add_to_other_config",
    ] {
        script = script.answers(&format!("VM.{setter}"), json!(""));
    }
    script
}
