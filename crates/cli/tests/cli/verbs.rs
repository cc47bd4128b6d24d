//! The verbs against a server that plays a pool: what they ask it, and what they print.

use crate::support::{Script, assert_golden, haven_with_input, shown, small_pool};
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
        .answers(
            "network.get_all_records",
            json!({ "OpaqueRef:n1": { "uuid": "nn11", "name_label": "fast" } }),
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
    assert!(
        pool.haven(&["vm", "migrate", "web1", "--to", "host2", "--network", "fast"])
            .status
            .success()
    );
    let over = json!({"live": "true", "network": "nn11"});
    assert_eq!(
        pool.calls("Async.VM.pool_migrate").last(),
        Some(&json!(["OpaqueRef:v1", "OpaqueRef:h2", over]))
    );
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
fn how_a_guest_is_watched_stands_in_its_other_config() {
    let pool = small_pool()
        .answers("VM.remove_from_other_config", json!(""))
        .answers("VM.add_to_other_config", json!(""))
        .serve();
    let asked = ["--watch", "on", "--watch-interval", "1m", "--watch-resets", "5"];
    let own = ["--own-shutdown", "pool"];
    let words: Vec<&str> = ["vm", "set", "web1"].into_iter().chain(asked).chain(own).collect();
    let output = pool.haven(&words);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "machine web1: changed watch interval, watch resets, watch, own shutdown\n"
    );
    let entry = |key: &str, text: &str| json!(["OpaqueRef:v1", key, text]);
    assert_eq!(
        pool.calls("VM.add_to_other_config"),
        [
            entry("haven_watch_interval_s", "60"),
            entry("haven_watch_resets", "5"),
            entry("haven_watch", "on"),
        ]
    );
    let gone = pool.calls("VM.remove_from_other_config");
    assert_eq!(gone.last(), Some(&json!(["OpaqueRef:v1", "haven_own_shutdown"])));
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
