//! Users, snapshots, disks and copies: what the verbs ask of the pool.

use serde_json::{Value, json};

use crate::support::{Script, haven_with_input, shown, small_pool};

fn with_users() -> Script {
    let role = |name: &str| json!({ "uuid": format!("{name}-uuid"), "name_label": name });
    small_pool()
        .answers(
            "role.get_all_records",
            json!({ "OpaqueRef:admin": role("pool-admin"), "OpaqueRef:look": role("read-only"),
                "OpaqueRef:vm": role("vm-admin") }),
        )
        .answers(
            "subject.get_all_records",
            json!({ "OpaqueRef:ann": { "uuid": "ann-uuid", "subject_identifier": "ann",
                "roles": ["OpaqueRef:admin"] } }),
        )
}

#[test]
fn users_come_with_a_role_and_go() {
    let pool = with_users()
        .answers("subject.create", json!("OpaqueRef:bob"))
        .answers("subject.get_uuid", json!("bob-uuid"))
        .answers("subject.add_to_roles", json!(""))
        .answers("subject.remove_from_roles", json!(""))
        .answers("subject.destroy", json!(""))
        .answers("/haven/users/password", json!({}))
        .serve();
    let listed = pool.haven(&["user", "list"]);
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.contains("ann") && text.contains("pool-admin"), "{}", shown(&listed));
    let add = ["user", "add", "bob", "--role", "vm-admin", "--password-stdin"];
    let added = haven_with_input(&pool.socket(), &add, "s3cret\n");
    assert!(added.status.success(), "{}", shown(&added));
    let record = json!([{ "subject_identifier": "bob", "other_config": { "password": "s3cret" },
        "roles": ["OpaqueRef:vm"] }]);
    assert_eq!(pool.calls("subject.create"), [record]);
    // Nobody is without a role in between.
    assert!(pool.haven(&["user", "role", "ann", "read-only"]).status.success());
    assert_eq!(pool.calls("subject.add_to_roles"), [json!(["OpaqueRef:ann", "OpaqueRef:look"])]);
    let removed = pool.calls("subject.remove_from_roles");
    assert_eq!(removed, [json!(["OpaqueRef:ann", "OpaqueRef:admin"])]);
    let set = haven_with_input(&pool.socket(), &["user", "password", "--password-stdin"], "n3w\n");
    assert!(set.status.success(), "{}", shown(&set));
    let sent = pool.calls("/haven/users/password");
    assert_eq!(sent, [json!({ "user": "root", "password": "n3w" })]);
    // Not by the beginning of a name, and not without asking.
    assert_eq!(pool.haven(&["user", "remove", "an", "--yes"]).status.code(), Some(3));
    assert_eq!(pool.haven(&["user", "remove", "ann"]).status.code(), Some(2));
    assert!(pool.calls("subject.destroy").is_empty());
    assert!(pool.haven(&["user", "remove", "ann", "--yes"]).status.success());
    assert_eq!(pool.calls("subject.destroy"), [json!(["OpaqueRef:ann"])]);
}

fn with_snapshot(pool: Script) -> Script {
    let machine = |uuid: &str, name: &str, snapshot: bool, of: &str| {
        json!({ "uuid": uuid, "name_label": name, "is_a_snapshot": snapshot, "snapshot_of": of,
            "is_a_template": snapshot, "is_control_domain": false, "power_state": "Halted",
            "snapshot_time": "20260101T00:00:00Z" })
    };
    pool.answers(
        "VM.get_all_records",
        json!({ "OpaqueRef:v1": machine("aa11", "web1", false, "OpaqueRef:NULL"),
            "OpaqueRef:s1": machine("ss11", "before", true, "OpaqueRef:v1") }),
    )
}

#[test]
fn snapshots_are_taken_listed_reverted_and_removed() {
    let disk = json!({ "VM": "OpaqueRef:s1", "VDI": "OpaqueRef:d1", "type": "Disk" });
    let pool = with_snapshot(small_pool())
        .task("VM.snapshot", "OpaqueRef:s2")
        .task("VM.checkpoint", "OpaqueRef:s2")
        .task("VM.revert", "")
        .task("VM.destroy", "")
        .task("VDI.destroy", "")
        .answers("VM.get_uuid", json!("ss22"))
        .answers("VBD.get_all_records", json!({ "OpaqueRef:b1": disk }))
        .answers("VDI.get_all_records", json!({ "OpaqueRef:d1": { "name_label": "disk 0" } }))
        .serve();
    assert!(pool.haven(&["vm", "snapshot", "create", "web1", "x"]).status.success());
    assert!(pool.haven(&["vm", "snapshot", "create", "web1", "y", "--memory"]).status.success());
    assert_eq!(pool.calls("Async.VM.snapshot"), [json!(["OpaqueRef:v1", "x"])]);
    assert_eq!(pool.calls("Async.VM.checkpoint"), [json!(["OpaqueRef:v1", "y"])]);
    let listed = pool.haven(&["--output", "json", "vm", "snapshot", "list", "web1"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!((&listed[0]["vm"], &listed[0]["name"]), (&json!("web1"), &json!("before")));
    assert_eq!(pool.haven(&["vm", "snapshot", "revert", "before"]).status.code(), Some(2));
    assert!(pool.calls("Async.VM.revert").is_empty());
    assert!(pool.haven(&["vm", "snapshot", "revert", "before", "--yes"]).status.success());
    assert_eq!(pool.calls("Async.VM.revert"), [json!(["OpaqueRef:s1"])]);
    // A machine is no snapshot.
    let wrong = pool.haven(&["vm", "snapshot", "remove", "web1", "--yes"]);
    assert_eq!(wrong.status.code(), Some(3), "{}", shown(&wrong));
    assert!(pool.haven(&["vm", "snapshot", "remove", "before", "--yes"]).status.success());
    assert_eq!(pool.calls("Async.VM.destroy"), [json!(["OpaqueRef:s1"])]);
    assert_eq!(pool.calls("Async.VDI.destroy"), [json!(["OpaqueRef:d1"])]);
}

#[test]
fn a_disk_that_cannot_be_attached_is_taken_away_again() {
    let pool = small_pool()
        .task("VDI.create", "OpaqueRef:d1")
        .answers("VM.get_allowed_VBD_devices", json!(["1", "2"]))
        .fails("VBD.create", &["DEVICE_ALREADY_EXISTS", "1"])
        .answers("VBD.get_all_records", json!({}))
        .answers("VDI.destroy", json!(""))
        .serve();
    let added = pool.haven(&["vm", "disk", "add", "web1", "1GiB", "--name", "data"]);
    assert_eq!(added.status.code(), Some(1), "{}", shown(&added));
    assert_eq!(pool.calls("Async.VDI.create")[0][0]["SR"], "OpaqueRef:sr1");
    assert_eq!(pool.calls("VDI.destroy"), [json!(["OpaqueRef:d1"])]);
}

#[test]
fn a_machine_that_runs_gets_its_disk_at_once() {
    let pool = small_pool()
        .task("VDI.create", "OpaqueRef:d1")
        .answers("VM.get_allowed_VBD_devices", json!(["1", "2"]))
        .answers("VBD.create", json!("OpaqueRef:b1"))
        .answers("VBD.plug", json!(""))
        .answers("VDI.get_uuid", json!("d1-uuid"))
        .serve();
    let added = pool.haven(&["vm", "disk", "add", "web1", "1GiB"]);
    assert!(added.status.success(), "{}", shown(&added));
    assert_eq!(pool.calls("VBD.create")[0][0]["userdevice"], "1");
    assert_eq!(pool.calls("VBD.plug"), [json!(["OpaqueRef:b1"])]);
}

#[test]
fn a_disk_moves_under_its_machine_and_the_pause_is_told() {
    let vbd = json!({ "uuid": "bb", "VM": "OpaqueRef:v1", "VDI": "OpaqueRef:d1", "type": "Disk",
        "userdevice": "0", "device": "xvda" });
    let pool = small_pool()
        .answers("VBD.get_all_records", json!({ "OpaqueRef:b1": vbd }))
        .task("VDI.pool_migrate", "OpaqueRef:d2")
        .answers("VM.get_metrics", json!("OpaqueRef:m1"))
        .answers("VM_metrics.get_other_config", json!({ "last_disk_move_pause_ms": "61" }))
        .serve();
    let args = ["vm", "disk", "move", "web1", "0", "--to", "vms", "--bandwidth", "80"];
    let moved = pool.haven(&args);
    let text = String::from_utf8_lossy(&moved.stdout).into_owned();
    assert_eq!(
        text,
        "disk 0 of web1 is in vms; the machine paused for 61 ms\n",
        "{}",
        shown(&moved)
    );
    let asked = json!(["OpaqueRef:d1", "OpaqueRef:sr1", { "bandwidth": "80" }]);
    assert_eq!(pool.calls("Async.VDI.pool_migrate"), [asked]);
}

#[test]
fn images_go_into_the_drive_of_a_machine_without_one() {
    let library = json!({ "uuid": "iso-uuid", "name_label": "isos", "type": "iso",
        "content_type": "iso" });
    let pool = small_pool()
        .answers("SR.get_all_records", json!({ "OpaqueRef:isos": library }))
        .answers(
            "VDI.get_all_records",
            json!({ "OpaqueRef:i": { "uuid": "i-uuid", "name_label": "linux.iso",
                "SR": "OpaqueRef:isos" } }),
        )
        .answers("VBD.get_all_records", json!({}))
        .answers("VM.get_allowed_VBD_devices", json!(["3"]))
        .answers("VBD.create", json!("OpaqueRef:drive"))
        .answers("VBD.insert", json!(""))
        .serve();
    let inserted = pool.haven(&["vm", "cd", "insert", "web1", "linux.iso"]);
    assert!(inserted.status.success(), "{}", shown(&inserted));
    assert_eq!(pool.calls("VBD.create")[0][0]["empty"], true);
    assert_eq!(pool.calls("VBD.insert"), [json!(["OpaqueRef:drive", "OpaqueRef:i"])]);
}

/// E67: of two hosts with a drive of that name it is that of the machine's own host.
#[test]
fn the_drive_of_a_host_goes_into_the_drive_of_a_machine() {
    let drives = |host: u32| {
        json!({ "uuid": format!("u{host}"), "name_label": format!("DVD drives of host{host}"),
            "type": "udev", "content_type": "iso", "shared": false })
    };
    let drive = |host: u32| {
        json!({ "uuid": format!("d{host}"), "name_label": format!("DVD drive sr0 of host{host}"),
            "SR": format!("OpaqueRef:u{host}"), "sm_config": { "device": "sr0" } })
    };
    let at = |host: u32| {
        json!({ "SR": format!("OpaqueRef:u{host}"), "host": format!("OpaqueRef:h{host}"),
            "currently_attached": true })
    };
    let pool = small_pool()
        .answers(
            "SR.get_all_records",
            json!({ "OpaqueRef:u1": drives(1), "OpaqueRef:u2": drives(2) }),
        )
        .answers("PBD.get_all_records", json!({ "OpaqueRef:p1": at(1), "OpaqueRef:p2": at(2) }))
        .answers(
            "VDI.get_all_records",
            json!({ "OpaqueRef:d1": drive(1), "OpaqueRef:d2": drive(2) }),
        )
        .answers("VBD.get_all_records", json!({}))
        .answers("VM.get_allowed_VBD_devices", json!(["3"]))
        .answers("VBD.create", json!("OpaqueRef:cd"))
        .answers("VBD.insert", json!(""))
        .serve();
    let inserted = pool.haven(&["vm", "cd", "insert", "web1", "--host-drive", "sr0"]);
    assert!(inserted.status.success(), "{}", shown(&inserted));
    let named = pool.haven(&["vm", "cd", "insert", "web1", "--host-drive", "host2/sr0"]);
    assert!(named.status.success(), "{}", shown(&named));
    let put = pool.calls("VBD.insert");
    assert_eq!(put[0], json!(["OpaqueRef:cd", "OpaqueRef:d1"]), "web1 runs on host1");
    assert_eq!(put[1], json!(["OpaqueRef:cd", "OpaqueRef:d2"]));
    let none = pool.haven(&["vm", "cd", "insert", "web1", "--host-drive", "sr7"]);
    assert!(!none.status.success() && shown(&none).contains("sr7"), "{}", shown(&none));
}

#[test]
fn copies_share_their_disks_unless_told_otherwise() {
    let pool = small_pool()
        .task("VM.clone", "OpaqueRef:c")
        .task("VM.copy", "OpaqueRef:c")
        .answers("VM.get_uuid", json!("c-uuid"))
        .serve();
    assert!(pool.haven(&["vm", "clone", "web1", "web2"]).status.success());
    assert!(pool.haven(&["vm", "clone", "web1", "web3", "--full"]).status.success());
    assert!(pool.haven(&["vm", "clone", "web1", "web4", "--full", "vms"]).status.success());
    assert_eq!(pool.calls("Async.VM.clone"), [json!(["OpaqueRef:v1", "web2"])]);
    let copies = pool.calls("Async.VM.copy");
    assert_eq!(copies[0], json!(["OpaqueRef:v1", "web3", "OpaqueRef:NULL"]));
    assert_eq!(copies[1], json!(["OpaqueRef:v1", "web4", "OpaqueRef:sr1"]));
}
