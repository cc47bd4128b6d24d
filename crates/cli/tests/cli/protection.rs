//! Hosts, membership and what protects the pool, against a server that plays one.

use crate::support::{Script, assert_golden, haven_in, haven_with_input, shown, small_pool};
use serde_json::{Value, json};

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
        "--late-write",
        "4",
    ]);
    assert!(output.status.success(), "{}", shown(&output));
    assert_eq!(
        pool.calls("Async.pool.enable_ha"),
        [
            json!([["OpaqueRef:sr1"], {"profile": "fast", "isolation_addresses": "192.0.2.254", "isolation_response": "hold", "late_write_s": "4"}])
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
        .task_fails("host.destroy", &["HOST_IS_LIVE", "OpaqueRef:h2"])
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

/// What keeps further machines away from a host is seen where hosts are listed.
#[test]
fn hosts_say_what_the_guards_hold_against_them() {
    let host = |n: u32, mark: &str| {
        json!({"uuid": format!("h{n}-uuid"), "name_label": format!("host{n}"), "enabled": true,
            "metrics": format!("OpaqueRef:hm{n}"), "other_config": {"haven_quarantine": mark}})
    };
    let hosts = json!({"OpaqueRef:h1": host(1, "diskless"), "OpaqueRef:h2": host(2, "flapping")});
    let pool = small_pool().answers("host.get_all_records", hosts).serve();
    let listed = pool.haven(&["--output", "json", "host", "list"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let states: Vec<_> = listed.as_array().unwrap().iter().map(|host| &host["state"]).collect();
    assert_eq!(states, ["draining", "quarantined"]);
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

/// W12: what the console does about drills and pauses, in words of the command line.
#[test]
fn a_drill_asks_first_and_a_rehearsal_says_what_it_found() {
    let findings = json!([{"case": "network", "host": "h2", "network": 1}, {"case": "room", "host": "h1", "vm": "web1"}]);
    let pool = small_pool()
        .answers("/haven/ha/drill", json!({"passed": false, "findings": findings}))
        .answers("/haven/ha/pause", json!({"by": "root"}))
        .serve();
    let told = shown(&pool.haven(&["ha", "drill"]));
    assert!(told.contains("h2 is not heard on heartbeat network 1"), "{told}");
    assert!(told.contains("without h1 there is no room for web1"), "{told}");
    let refused = pool.haven(&["ha", "drill", "--host", "h2"]);
    assert_eq!(refused.status.code(), Some(2), "{}", shown(&refused));
    assert!(pool.haven(&["ha", "drill", "--host", "h2", "--yes"]).status.success());
    assert_eq!(pool.calls("/haven/ha/drill"), [json!({}), json!({"host": "h2"})]);
    assert!(pool.haven(&["ha", "pause", "15m", "--reason", "new switch"]).status.success());
    assert!(pool.haven(&["ha", "resume"]).status.success());
    let asked = [json!({"seconds": 900, "reason": "new switch"}), json!({"seconds": 0})];
    assert_eq!(pool.calls("/haven/ha/pause"), asked);
}

/// W1, W3: who is there in the network.
#[test]
fn hosts_and_pools_that_were_found_are_listed() {
    let place = |name: &str, address: &str| {
        json!({"host": "1", "name": name, "address": address, "version": "0.1.0",
            "fingerprint": "ab12"})
    };
    let mut school = place("h1", "192.0.2.1");
    school["pool"] = json!("0d1c");
    school["pool_name"] = json!("Escuela 干净");
    school["ca_sha256"] = json!("cd34");
    let found = json!({"hosts": [place("host3", "192.0.2.3:8443")], "pools": [school]});
    let pool = small_pool().answers("/haven/pool/waiting", found).serve();
    let texts: Vec<String> =
        ["host", "pool"].map(|noun| shown(&pool.haven(&[noun, "find"]))).to_vec();
    assert_golden("found", &texts.join("\n"));
}

#[test]
fn a_host_without_a_console_says_why() {
    let pool = small_pool().answers("/haven/host/console", json!({"refusal": "no_login"})).serve();
    let output = pool.haven(&["host", "console", "host1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(shown(&output).contains("/bin/login"), "{}", shown(&output));
}
