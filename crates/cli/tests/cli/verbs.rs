//! The verbs against a server that plays a pool: what they ask it, and what they print.

use crate::support::{Script, assert_golden, haven_in, haven_with_input, shown, small_pool};
use serde_json::{Value, json};

#[test]
fn lists_in_all_formats() {
    let pool = small_pool().serve();
    let mut text = String::new();
    for args in [
        &["vm", "list"][..],
        &["host", "list"],
        &["sr", "list"],
        &["template", "list"],
        &["pool", "show"],
        &["host", "show", "host1"],
        &["sr", "show", "vms"],
        &["--output", "json", "vm", "list"],
        &["--output", "yaml", "host", "list"],
    ] {
        text.push_str(&format!("$ haven {}\n{}\n", args.join(" "), shown(&pool.haven(args))));
    }
    assert_golden("lists", &text);
}

#[test]
fn power_verbs_call_the_api_and_say_where_the_machine_runs() {
    let pool = small_pool()
        .task("VM.start_on", "")
        .task("VM.clean_shutdown", "")
        .task("VM.hard_reboot", "")
        .answers("VM.get_resident_on", json!("OpaqueRef:h2"))
        .serve();
    let started = pool.haven(&["vm", "start", "bb22", "--on", "host2"]);
    assert_eq!(
        String::from_utf8_lossy(&started.stdout),
        "machine db is running on host2\n",
        "{}",
        shown(&started)
    );
    assert_eq!(
        pool.calls("Async.VM.start_on"),
        [json!(["OpaqueRef:v2", "OpaqueRef:h2", false, false])]
    );
    assert!(pool.haven(&["vm", "stop", "web1"]).status.success());
    assert!(pool.haven(&["vm", "reboot", "--force", "web1"]).status.success());
    assert_eq!(pool.calls("Async.VM.hard_reboot"), [json!(["OpaqueRef:v1"])]);
    assert_eq!(pool.calls("session.logout").len(), 3);
}

#[test]
fn one_machine_that_fails_does_not_keep_the_others_from_stopping() {
    let pool = small_pool()
        .task("VM.hard_shutdown", "")
        .answers("Async.VM.hard_shutdown OpaqueRef:v2", json!("OpaqueRef:bad"))
        .answers(
            "task.get_record OpaqueRef:bad",
            json!({"status": "failure", "error_info": ["VM_BAD_POWER_STATE", "OpaqueRef:v2", "running", "halted"]}),
        )
        .serve();
    let output = pool.haven(&["vm", "stop", "--force", "bb22", "web1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("web1 is stopped"),
        "{}",
        shown(&output)
    );
}

#[test]
fn migrate_names_the_host_and_asks_for_a_live_move() {
    let pool = small_pool()
        .task("VM.pool_migrate", "")
        .answers(
            "/haven/migrations",
            json!([{"vm": "zz99", "downtime_ms": 9}, {"vm": "aa11", "downtime_ms": 61}]),
        )
        .serve();
    let output = pool.haven(&["vm", "migrate", "web1", "--to", "host2"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "machine web1 runs on host2; it paused for 61 ms\n"
    );
    assert_eq!(
        pool.calls("Async.VM.pool_migrate"),
        [json!(["OpaqueRef:v1", "OpaqueRef:h2", {"live": "true"}])]
    );
}

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

/// W3: what joining would refuse is told before, one by one.
#[test]
fn a_host_is_checked_before_it_is_added() {
    let good = json!({"id": "version", "state": "good", "detail": "0.1.0"});
    let skewed = json!({"id": "clock", "state": "bad", "detail": "95000 ms",
        "error": {"message": "HOST_CLOCK_SKEW", "data": ["95", "30"]}});
    let answer = |checks: Value, ok: bool| {
        json!({"name": "host3", "address": "192.0.2.3", "fingerprint": "ab12", "ok": ok,
            "checks": checks})
    };
    let pool = small_pool()
        .answers("/haven/pool/check-host", answer(json!([good, skewed]), false))
        .answers("/haven/pool/add-host", json!({}))
        .serve();
    let output = pool.haven(&["host", "add", "192.0.2.3", "--code", "ABCD-EFGH"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(pool.calls("/haven/pool/add-host").is_empty(), "it is not added");
    assert_golden("host_check", &shown(&output));
    let pool = small_pool()
        .answers("/haven/pool/check-host", answer(json!([good]), true))
        .answers("/haven/pool/add-host", json!({}))
        .serve();
    let output = pool.haven(&["host", "add", "192.0.2.3", "--code", "ABCD-EFGH"]);
    assert!(output.status.success(), "{}", shown(&output));
    let added = &pool.calls("/haven/pool/add-host")[0];
    assert_eq!(added["fingerprint"], "ab12", "the host that was checked is the one that joins");
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

#[test]
fn vm_set_changes_each_setting_and_protection_last() {
    let pool = small_pool()
        .answers("VM.set_order", json!(""))
        .answers("VM.set_start_delay", json!(""))
        .answers("VM.set_ha_restart_priority", json!(""))
        .serve();
    let output = pool.haven(&[
        "vm",
        "set",
        "web1",
        "--ha",
        "best-effort",
        "--order",
        "3",
        "--start-delay",
        "2m",
    ]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "machine web1: changed order, start delay, ha\n"
    );
    assert_eq!(pool.calls("VM.set_order"), [json!(["OpaqueRef:v1", 3])]);
    assert_eq!(pool.calls("VM.set_start_delay"), [json!(["OpaqueRef:v1", 120])]);
    assert_eq!(pool.calls("VM.set_ha_restart_priority"), [json!(["OpaqueRef:v1", "best-effort"])]);
}

#[test]
fn ha_enable_says_what_it_turns_on() {
    let pool = small_pool()
        .task("pool.enable_ha", "")
        .answers("pool.set_ha_host_failures_to_tolerate", json!(""))
        .serve();
    let output = pool.haven(&[
        "ha",
        "enable",
        "--heartbeat-sr",
        "vms",
        "--profile",
        "fast",
        "--failures",
        "1",
        "--isolation-address",
        "192.0.2.254",
        "--isolation-response",
        "hold",
    ]);
    assert!(output.status.success(), "{}", shown(&output));
    assert_eq!(
        pool.calls("Async.pool.enable_ha"),
        [
            json!([["OpaqueRef:sr1"], {"profile": "fast", "isolation_addresses": "192.0.2.254", "isolation_response": "hold"}])
        ]
    );
    assert_eq!(pool.calls("pool.set_ha_host_failures_to_tolerate"), [json!(["OpaqueRef:p", 1])]);
}

#[test]
fn ha_status_shows_hosts_statefiles_and_promises() {
    let pool = small_pool()
        .answers(
            "/haven/ha/status",
            json!({
                "enabled": true, "state": "armed", "profile": "fast", "coordinator": "h1-uuid", "epoch": 7,
                "tolerance": {"wanted": 1, "possible": 1}, "protected": 3, "problems": [],
                "bounds": ["power loss: restart begins within 7 s"],
                "hosts": [{"name": "host1", "state": "member", "network": true, "storage": true, "permit": "disk"},
                    {"name": "host2", "state": "dying", "network": false, "storage": false, "permit": ""}],
                "statefiles": [{"sr": "s-1", "state": "good", "latency_us": 2100}],
            }),
        )
        .serve();
    assert_golden("ha_status", &shown(&pool.haven(&["ha", "status"])));
}

#[test]
fn a_refused_ha_enable_changes_nothing() {
    let pool = small_pool()
        .task_fails("pool.enable_ha", &["HA_HOST_IS_ARMED"])
        .answers("pool.set_ha_host_failures_to_tolerate", json!(""))
        .serve();
    assert_eq!(
        pool.haven(&["ha", "enable", "--heartbeat-sr", "vms", "--failures", "1"]).status.code(),
        Some(1)
    );
    assert_eq!(
        pool.calls("pool.set_ha_host_failures_to_tolerate"),
        [json!(["OpaqueRef:p", 1]), json!(["OpaqueRef:p", 0])]
    );
}

#[test]
fn a_lost_host_is_declared_dead_and_forgotten_on_request() {
    let pool = small_pool()
        .answers("host.declare_dead", json!(""))
        .fails("host.destroy", &["HOST_IS_LIVE", "OpaqueRef:h2"])
        .serve();
    assert!(pool.haven(&["host", "declare-dead", "host2", "--yes"]).status.success());
    assert_eq!(pool.calls("host.declare_dead"), [json!(["OpaqueRef:h2"])]);
    let refused = pool.haven(&["host", "forget", "host2", "--yes"]);
    assert!(
        refused.status.code() == Some(1) && shown(&refused).contains("host2"),
        "{}",
        shown(&refused)
    );
}

#[test]
fn a_host_is_promoted_only_on_a_clear_word() {
    let pool = Script::default()
        .answers("/haven/pool/promote", json!({"coordinator": "h2"}))
        .answers("/haven/pool/follow", json!({"coordinator": "h2"}))
        .serve();
    assert_eq!(pool.haven(&["pool", "promote"]).status.code(), Some(2));
    assert!(pool.calls("/haven/pool/promote").is_empty());
    let promoted = pool.haven(&["pool", "promote", "--yes"]);
    assert!(shown(&promoted).contains("haven pool follow h2"), "{}", shown(&promoted));
    assert!(pool.haven(&["pool", "follow", "h2"]).status.success());
    assert_eq!(pool.calls("/haven/pool/follow"), [json!({"coordinator": "h2"})]);
    assert_eq!(pool.calls("/haven/pool/promote"), [json!({})]);
}

#[test]
fn pools_are_made_and_joined_with_a_token() {
    let pool = Script::default()
        .answers("/haven/pool/init", json!({"pool_uuid": "p"}))
        .answers("/haven/pool/token", json!({"token": "abc", "expires_s": 1800}))
        .answers("/haven/pool/join", json!({"pool_uuid": "p"}))
        .serve();
    let init = haven_with_input(
        &pool.socket(),
        &["pool", "init", "--name", "prod", "--password-stdin"],
        "secret\n",
    );
    assert!(init.status.success(), "{}", shown(&init));
    assert_eq!(pool.calls("/haven/pool/init"), [json!({"name": "prod", "password": "secret"})]);
    let token = pool.haven(&["pool", "token", "--valid", "30m"]);
    assert_eq!(String::from_utf8_lossy(&token.stdout), "abc\n");
    assert_eq!(pool.calls("/haven/pool/token"), [json!({"valid_s": 1800})]);
    let join = haven_with_input(&pool.socket(), &["pool", "join", "-"], "abc\n");
    assert!(join.status.success(), "{}", shown(&join));
    assert_eq!(pool.calls("/haven/pool/join"), [json!({"token": "abc"})]);
}

#[test]
fn a_lost_session_is_opened_again() {
    let seen = std::sync::atomic::AtomicU32::new(0);
    let pool = small_pool()
        .handles("VM.get_all_records", move |_| {
            if seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
                return Err(vec!["SESSION_INVALID".to_owned(), "OpaqueRef:session".to_owned()]);
            }
            Ok(json!({}))
        })
        .serve();
    assert!(pool.haven(&["vm", "list"]).status.success());
    assert_eq!(pool.calls("session.login_with_password").len(), 2);
}

#[test]
fn a_coordinator_that_takes_over_is_waited_for() {
    let seen = std::sync::atomic::AtomicU32::new(0);
    let pool = small_pool()
        .handles("VM.get_all_records", move |_| {
            if seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2 {
                return Err(vec!["HOST_STILL_BOOTING".to_owned()]);
            }
            Ok(json!({}))
        })
        .serve();
    assert!(pool.haven(&["vm", "list"]).status.success());
    assert_eq!(pool.calls("VM.get_all_records").len(), 3);
}

#[test]
fn no_wait_prints_the_task() {
    let pool = small_pool()
        .task("VM.clean_shutdown", "")
        .answers("task.get_uuid", json!("t-uuid"))
        .serve();
    let output = pool.haven(&["--no-wait", "vm", "stop", "web1"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "task t-uuid\n");
    assert!(pool.calls("task.get_record").is_empty());
}

#[test]
fn watch_prints_changes_and_not_what_was_there_before() {
    let vm = |state: &str| json!({"uuid": "aa11", "name_label": "web1", "power_state": state});
    let event = |operation: &str, state: &str| json!([{"class": "vm", "operation": operation, "ref": "OpaqueRef:v1", "snapshot": vm(state)}]);
    let (before, after) = (event("add", "Halted"), event("mod", "Running"));
    let pool = Script::default()
        .handles("event.from", move |params: &[Value]| {
            let first = params[1] == json!("");
            let events = if first { before.clone() } else { after.clone() };
            Ok(json!({"events": events, "token": "7", "valid_ref_counts": {}}))
        })
        .serve();
    let output = pool.haven(&["event", "watch", "--class", "vm", "--count", "1"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let (time, told) = told.split_once(' ').unwrap();
    assert_eq!(
        told,
        "mod vm           web1  power_state: Halted → Running\n",
        "{}",
        shown(&output)
    );
    assert!(time.len() == 9 && time.ends_with('Z'), "{time}");
    // Names of other objects are asked for before.
    assert!(pool.calls("event.from").contains(&json!([["vm"], "7", 30.0])));
}

#[test]
fn a_console_carries_bytes_both_ways_until_the_key_that_leaves() {
    let pool = small_pool()
        .answers(
            "console.get_all_records",
            json!({
                "OpaqueRef:c1": {"uuid": "rfb", "VM": "OpaqueRef:v1", "protocol": "rfb"},
                "OpaqueRef:c2": {"uuid": "serial", "VM": "OpaqueRef:v1", "protocol": "vt100"},
            }),
        )
        .serve();
    // The server echoes; what is typed after ^] must not reach it.
    let output = haven_with_input(&pool.socket(), &["vm", "console", "web1"], "date\n\x1dlost");
    assert!(output.status.success(), "{}", shown(&output));
    let connects = pool.calls("CONNECT");
    assert_eq!(connects, [json!("/console?uuid=serial&session_id=OpaqueRef:session")]);
    assert_eq!(pool.wait_for("typed"), [json!("date\n")]);
    let halted = pool.haven(&["vm", "console", "bb22"]);
    assert!(shown(&halted).contains("VM_BAD_POWER_STATE"), "{}", shown(&halted));
}

#[test]
fn power_control_is_set_without_the_password_in_the_command_line_and_tested() {
    let status = json!({"agents": [{"agent": "fence_ipmilan", "level": 1,
        "parameters": {"ip": "10.0.0.5"}, "secrets": ["password"]}], "after_fencing": "switch_on"});
    let test = json!([{"from": "host1", "power": "on", "error": null, "ms": 412},
        {"from": "host3", "power": null, "error": "no answer within 15 s", "ms": 15002}]);
    let pool = small_pool()
        .answers("host.set_power_on_mode", json!(""))
        .task("host.power_on", "")
        .handles("host.call_plugin", move |params| {
            let answer = if params[2] == "status" { &status } else { &test };
            Ok(json!(answer.to_string()))
        })
        .serve();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, "hunter2\n").unwrap();
    let file = file.to_str().unwrap();
    let set = pool.haven(&[
        "host",
        "fencing",
        "set",
        "host2",
        "--agent",
        "fence_ipmilan",
        "-p",
        "ip=10.0.0.5",
        "-p",
        "lanplus=1",
        "--secret-file",
        file,
        "--stay-off",
    ]);
    assert!(set.status.success(), "{}", shown(&set));
    let config = json!({"ip": "10.0.0.5", "lanplus": "1", "password": "hunter2",
        "after_fencing": "stay_off"});
    assert_eq!(
        pool.calls("host.set_power_on_mode"),
        [json!(["OpaqueRef:h2", "fence_ipmilan", config])]
    );
    let mut text = shown(&set);
    for args in [
        &["host", "fencing", "status", "host2"][..],
        &["host", "fencing", "test", "host2"],
        &["host", "fencing", "clear", "host2"],
        &["host", "power-on", "host2"],
        &["host", "fencing", "set", "host2", "--agent", "fence_ipmilan", "-p", "ip"],
        &["host", "fencing", "set", "host2", "--agent", "fence_ipmilan", "-p", "passwd=x"],
    ] {
        text.push_str(&format!("$ haven {}\n{}\n", args.join(" "), shown(&pool.haven(args))));
    }
    assert!(!text.contains("hunter2"));
    assert_golden("fencing", &text);
}

#[test]
fn ha_what_if_shows_what_would_start_where_and_policy_what_is_wrong() {
    let tolerance = |failures: i64, text: &str| json!({"failures": failures, "at_most": failures, "exact": true, "text": text});
    let pool = small_pool()
        .answers(
            "/haven/ha/what-if",
            json!({
                "wanted": 1,
                "enough": false,
                "before": tolerance(1, "The pool tolerates 1 host failure."),
                "after": tolerance(0, "The pool tolerates 0 host failures. With one more: 1,536 MiB short after host2 fails: db needs 4,096 MiB, the largest free block is 2,560 MiB, on host1; add memory or a host, or lower the restart priority of db."),
                "plan": {"groups": [{"order": 0, "starts": [
                    {"number": 1, "vm": "web1", "host": "host2", "protection": "restart"},
                ]}], "behind": [
                    {"vm": "lab", "protection": "best_effort", "held_back": true, "why": "host2: possible"},
                ]},
            }),
        )
        .answers(
            "/haven/ha/policy",
            json!({"policy": "failures", "admission": "warn", "satisfied": true, "text": "1 host failure to be tolerated.", "settings": {"admission": "warn"}}),
        )
        .serve();
    let mut text = String::new();
    for args in [
        &["ha", "what-if", "--fail", "host1", "--grow", "db=4GiB", "--failures", "1"][..],
        &["ha", "policy", "admission=warn", "das.slotMemInMB="],
    ] {
        text.push_str(&format!("$ haven {}\n{}\n", args.join(" "), shown(&pool.haven(args))));
    }
    assert_eq!(
        pool.calls("/haven/ha/what-if"),
        [json!({
            "changes": [
                {"change": "fail", "hosts": ["host1"]},
                {"change": "grow", "vm": "db", "memory": 4_294_967_296_u64},
            ],
            "failures": 1,
        })]
    );
    assert_eq!(
        pool.calls("/haven/ha/policy"),
        [json!({"admission": "warn", "das.slotMemInMB": null})]
    );
    assert_golden("ha_plan", &text);
}

/// What binds is data for programs, and a sentence in the language of the person.
#[test]
fn what_binds_is_data_and_a_sentence_in_ones_language() {
    let breach = json!({
        "failed": [[{"id": "h2", "name": "host2"}]],
        "vm": {"id": "v", "name": "db"},
        "missing": {"resource": "memory", "unit": "bytes", "needed": 3, "free": 1, "short": 2},
        "remedies": [{"remedy": "lower_priority", "vm": {"id": "v", "name": "db"}}],
    });
    let tolerance = json!({
        "failures": 0, "at_most": 0, "exact": true, "text": "0 with what binds", "breach": breach,
    });
    let data = json!({
        "doing": {"operation": "start", "object": {"id": "w", "name": "web1"}},
        "binding": {"breach": breach},
        "text": {"en": "2 MiB short", "es": "faltan 2 MiB", "zh-CN": "缺少 2 MiB"},
    });
    let refusal = ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN", "2 MiB short", &data.to_string()];
    let asked = json!({
        "wanted": 1, "enough": false, "before": tolerance, "after": tolerance, "plan": null,
    });
    let explained = json!({
        "vm": "web1", "protection": "restart", "order": 0, "memory": 1, "tolerance": tolerance,
        "hosts": [{"host": "host2", "runs_here": false, "can": false, "why": "is disabled",
            "reason": "disabled"}], "on_failure": null,
    });
    let pool = small_pool()
        .answers("/haven/ha/plan", json!({"wanted": 1, "tolerance": tolerance, "failures": []}))
        .answers("/haven/ha/what-if", asked)
        .answers("/haven/ha/explain", explained)
        .task_fails("VM.start", &refusal)
        .serve();
    let json_of = |args: &[&str]| {
        let args: Vec<&str> = ["--output", "json", "ha"].iter().chain(args).copied().collect();
        let output = pool.haven(&args);
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{args:?}"))
    };
    assert_eq!(json_of(&["plan"])["tolerance"]["breach"], breach);
    let asked = json_of(&["what-if", "--fail", "host1"]);
    assert_eq!((&asked["before"]["breach"], &asked["after"]["breach"]), (&breach, &breach));
    let explained = json_of(&["explain", "web1"]);
    assert_eq!(explained["tolerance"]["breach"], breach);
    assert_eq!(explained["hosts"][0]["reason"], "disabled");
    let shown_plan = shown(&pool.haven(&["ha", "plan"]));
    assert!(!shown_plan.contains("breach") && shown_plan.contains("0 with what binds"));

    for (language, said) in [("C", "2 MiB short"), ("es_ES.UTF-8", "faltan"), ("zh_CN", "缺少")] {
        let text = shown(&haven_in(language, &pool.socket(), &["vm", "start", "web1"]));
        assert!(text.contains(&format!("detail: {said}")), "{language}: {text}");
        assert!(!text.contains('{'), "{language}: {text}");
    }
    let output = pool.haven(&["--output", "json", "vm", "start", "web1"]);
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["data"], data);
}
