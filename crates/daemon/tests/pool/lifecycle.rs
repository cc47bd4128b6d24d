//! One host: sessions, events, the life of a VM.

use haven_drivers::hypervisor::sim::Delays;
use serde_json::{Value as Json, json};

use crate::support::{PASSWORD, TestPool, pool, rpc};

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_is_made_started_seen_and_stopped() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let all = pool.ok("event.from", &[json!(["vm"]), json!(""), json!(0.0)]).await;
    let token = all["token"].clone();
    pool.start(&vm).await.unwrap();
    let record = pool.ok("VM.get_record", &[vm.clone()]).await;
    assert_eq!(record["power_state"], "Running");
    assert_eq!(record["resident_on"], pool.host_refs().await[0]);
    assert_eq!(record["last_boot_CPU_flags"]["model"], "qemu64");
    assert!(record["current_operations"].as_object().unwrap().is_empty());
    assert_eq!(record["consoles"].as_array().unwrap().len(), 2);
    let news = pool.ok("event.from", &[json!(["vm"]), token, json!(5.0)]).await;
    let events = news["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["ref"], vm);
    assert_eq!(events[0]["operation"], "mod");
    assert_eq!(events[0]["snapshot"]["power_state"], "Running");

    let again = pool.start(&vm).await.unwrap_err();
    assert_eq!(again[0], "VM_BAD_POWER_STATE");
    assert_eq!(again[2..], ["halted", "running"]);
    pool.ok("VM.pause", &[vm.clone()]).await;
    assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Paused");
    pool.ok("VM.unpause", &[vm.clone()]).await;
    pool.ok("VM.clean_shutdown", &[vm.clone()]).await;
    assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Halted");
    assert_eq!(pool.ok("VM.get_resident_on", &[vm.clone()]).await, "OpaqueRef:NULL");
    pool.ok("VM.destroy", &[vm.clone()]).await;
    let gone = pool.call("VM.get_record", &[vm.clone()]).await.unwrap_err();
    assert_eq!(gone, ["HANDLE_INVALID", "VM", vm.as_str().unwrap()]);
}

/// The names of the news about a VM, sorted, and their texts.
async fn news(pool: &TestPool, vm: &Json) -> (Vec<String>, String) {
    let uuid = pool.ok("VM.get_uuid", &[vm.clone()]).await;
    let all = pool.ok("message.get", &[json!("VM"), uuid, json!("19700101T00:00:00Z")]).await;
    let all = all.as_object().unwrap();
    assert!(all.values().all(|message| message["priority"] == "5" || message["priority"] == 5));
    let mut names: Vec<String> =
        all.values().map(|message| message["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    (names, json!(all).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_vm_is_told_in_news() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let hosts = pool.host_refs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let on = |host: &Json| [vm.clone(), host.clone(), json!(false), json!(false)];
    pool.ok("VM.start_on", &on(&hosts[0])).await;
    for message in ["VM.pause", "VM.unpause", "VM.clean_reboot", "VM.hard_reboot"] {
        pool.ok(message, &[vm.clone()]).await;
    }
    pool.ok("VM.pool_migrate", &[vm.clone(), hosts[1].clone(), json!({})]).await;
    let snapshot = pool.ok("VM.snapshot", &[vm.clone(), json!("before")]).await;
    pool.ok("VM.checkpoint", &[vm.clone(), json!("now")]).await;
    pool.ok("VM.suspend", &[vm.clone()]).await;
    pool.ok("VM.resume_on", &on(&hosts[1])).await;
    pool.ok("VM.clean_shutdown", &[vm.clone()]).await;
    pool.ok("VM.revert", &[snapshot]).await;
    pool.ok("VM.clone", &[vm.clone(), json!("web2")]).await;
    let expected = [
        "VM_CHECKPOINTED",
        "VM_CLONED",
        "VM_MIGRATED",
        "VM_PAUSED",
        "VM_REBOOTED",
        "VM_REBOOTED",
        "VM_RESUMED",
        "VM_SHUTDOWN",
        "VM_SNAPSHOTTED",
        "VM_SNAPSHOT_REVERTED",
        "VM_STARTED",
        "VM_SUSPENDED",
        "VM_UNPAUSED",
    ];
    let (names, texts) = news(&pool, &vm).await;
    assert_eq!(names, expected);
    let from = pool.ok("host.get_uuid", &[hosts[0].clone()]).await;
    let to = pool.ok("host.get_uuid", &[hosts[1].clone()]).await;
    let from = format!("(uuid: {}) to ", from.as_str().unwrap());
    assert!(texts.contains("VM 'web1' migrated from ") && texts.contains(&from), "{texts}");
    assert!(texts.contains(to.as_str().unwrap()), "{texts}");
    // What programs with words of their own read: names, and which snapshot.
    for data in
        [r#"\"vm\":\"web1\""#, r#"\"from\":"#, r#"\"snapshot\":\"before\""#, r#"\"to\":\"web2\""#]
    {
        assert!(texts.contains(data), "{data}: {texts}");
    }
    // A refused operation is no news.
    pool.call("VM.pause", &[vm.clone()]).await.unwrap_err();
    assert_eq!(news(&pool, &vm).await.0.len(), expected.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_starts_at_once_exactly_one_wins() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let (a, b) = tokio::join!(pool.start(&vm), pool.start(&vm));
    let lost = match (a, b) {
        (Ok(_), Err(lost)) | (Err(lost), Ok(_)) => lost,
        both => panic!("{both:?}"),
    };
    assert!(
        ["OTHER_OPERATION_IN_PROGRESS", "VM_BAD_POWER_STATE"].contains(&lost[0].as_str()),
        "{lost:?}"
    );
    assert_eq!(pool.world.starts(0), 1);
    assert!(pool.world.violations().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_leaves_the_vm_halted_and_says_why() {
    use haven_drivers::hypervisor::HypervisorError;
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let failure =
        HypervisorError::Failed { call: "start".to_owned(), text: "no such machine".to_owned() };
    pool.world.fail_next(0, "start", failure);
    let error = pool.start(&vm).await.unwrap_err();
    assert_eq!(error[0], "FAILED_TO_START_EMULATOR");
    assert!(error[3].contains("no such machine"), "{error:?}");
    let record = pool.ok("VM.get_record", &[vm.clone()]).await;
    assert_eq!(record["power_state"], "Halted");
    assert_eq!(record["scheduled_to_be_resident_on"], "OpaqueRef:NULL");
    pool.start(&vm).await.unwrap();
}

/// The plug can be pulled while a guest that does not react is being asked.
#[tokio::test(flavor = "multi_thread")]
async fn pulling_the_plug_ends_a_shutdown_that_the_guest_ignores() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.start(&vm).await.unwrap();
    let uuid = pool.ok("VM.get_uuid", &[vm.clone()]).await.as_str().unwrap().parse().unwrap();
    pool.world.ignore_shutdown(0, uuid);
    let deaf = std::time::Duration::from_secs(60);
    pool.world.set_delays(Delays { deaf, ..Delays::default() });
    let task = pool.ok("Async.VM.clean_shutdown", &[vm.clone()]).await;
    let current = async || pool.ok("VM.get_current_operations", &[vm.clone()]).await;
    while current().await.as_object().unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    pool.ok("VM.hard_shutdown", &[vm.clone()]).await;
    assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Halted");
    assert!(current().await.as_object().unwrap().is_empty());
    pool.wait("task", &task, "status", &json!("cancelled")).await;
    pool.start(&vm).await.unwrap();
}

/// Scenario 88: the guest shuts itself down.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_shuts_itself_down_is_halted() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.start(&vm).await.unwrap();
    let uuid = pool.ok("VM.get_uuid", &[vm.clone()]).await;
    let uuid = uuid.as_str().unwrap().parse().unwrap();
    pool.world.end_domain(0, uuid, "shutdown by guest");
    pool.wait("VM", &vm, "power_state", &json!("Halted")).await;
    pool.start(&vm).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_async_call_answers_a_task_with_its_result_as_xml() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let task = pool.ok("Async.VM.clone", &[vm, json!("web2")]).await;
    pool.wait("task", &task, "status", &json!("success")).await;
    let record = pool.ok("task.get_record", &[task]).await;
    assert_eq!(record["name_label"], "Async.VM.clone");
    assert_eq!(record["progress"], 1.0);
    let result = record["result"].as_str().unwrap();
    let clone = result.strip_prefix("<value>").and_then(|r| r.strip_suffix("</value>")).unwrap();
    assert_eq!(pool.ok("VM.get_name_label", &[json!(clone)]).await, "web2");
    let disks = pool.ok("VM.get_VBDs", &[json!(clone)]).await;
    assert_eq!(disks.as_array().unwrap().len(), 1);
    let bad = pool.ok("Async.VM.resume", &[json!(clone), json!(false), json!(false)]).await;
    pool.wait("task", &bad, "status", &json!("failure")).await;
    let info = pool.ok("task.get_error_info", &[bad]).await;
    assert_eq!(info[0], "VM_BAD_POWER_STATE");
}

#[tokio::test(flavor = "multi_thread")]
async fn suspend_keeps_the_memory_and_resume_uses_it() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    pool.start(&vm).await.unwrap();
    pool.ok("VM.suspend", &[vm.clone()]).await;
    assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Suspended");
    assert_ne!(pool.ok("VM.get_suspend_VDI", &[vm.clone()]).await, "OpaqueRef:NULL");
    pool.ok("VM.resume", &[vm.clone(), json!(false), json!(false)]).await;
    assert_eq!(pool.ok("VM.get_power_state", &[vm.clone()]).await, "Running");
    assert_eq!(pool.ok("VM.get_suspend_VDI", &[vm]).await, "OpaqueRef:NULL");
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_become_vms_with_their_disks() {
    let pool = pool(1).await;
    pool.nfs().await;
    let found = pool.ok("VM.get_by_name_label", &[json!("Linux")]).await;
    let vm = pool.ok("VM.clone", &[found[0].clone(), json!("new")]).await;
    pool.ok("VM.provision", &[vm.clone()]).await;
    let record = pool.ok("VM.get_record", &[vm.clone()]).await;
    assert_eq!(record["is_a_template"], false);
    assert_eq!(record["VBDs"].as_array().unwrap().len(), 1);
    assert!(record["other_config"].get("disks").is_none());
    pool.start(&vm).await.unwrap();
    let refused = pool.start(&found[0]).await.unwrap_err();
    assert_eq!(refused[0], "VM_IS_TEMPLATE");
}

/// W7: what a guest learns at its first boot goes in by `other_config` and becomes a disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_provisioned_with_what_it_learns_at_its_first_boot() {
    let pool = pool(1).await;
    pool.nfs().await;
    let found = pool.ok("VM.get_by_name_label", &[json!("Linux")]).await;
    let vm = pool.ok("VM.clone", &[found[0].clone(), json!("new")]).await;
    let set = |key: &str, text: &str| [vm.clone(), json!(key), json!(text)];
    pool.ok("VM.add_to_other_config", &set("cloud-init-user", "Not A User")).await;
    let refused = pool.call("VM.provision", &[vm.clone()]).await.unwrap_err();
    assert_eq!(refused[..2], ["INVALID_VALUE", "cloud-init-user"], "{refused:?}");
    let disks = pool.ok("VM.get_VBDs", &[vm.clone()]).await;
    assert_eq!(disks, json!([]), "nothing is made by halves");
    pool.ok("VM.remove_from_other_config", &[vm.clone(), json!("cloud-init-user")]).await;
    pool.ok("VM.add_to_other_config", &set("cloud-init-user", "ana")).await;
    pool.ok("VM.provision", &[vm.clone()]).await;
    let record = pool.ok("VM.get_record", &[vm.clone()]).await;
    let config = record["other_config"].as_object().unwrap();
    assert!(!config.keys().any(|key| key.starts_with("cloud-init")), "{config:?}");
    let mut names = Vec::new();
    for vbd in record["VBDs"].as_array().unwrap() {
        let vdi = pool.ok("VBD.get_VDI", &[vbd.clone()]).await;
        names.push(pool.ok("VDI.get_name_label", &[vdi]).await);
    }
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, ["cloud-init", "disk 0"]);
    pool.start(&vm).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_and_unknown_messages_are_named() {
    let pool = pool(1).await;
    let call = |method: &'static str, params: Vec<Json>| {
        let socket = pool.socket();
        async move { rpc(&socket, method, &params).await }
    };
    let own = json!(pool.session);
    assert_eq!(pool.ok("session.get_auth_user_name", &[own.clone()]).await, "root");
    assert_eq!(pool.ok("session.get_is_local_superuser", &[own.clone()]).await, true);
    let unknown = pool.call("VM.sing", &[]).await.unwrap_err();
    assert_eq!(unknown, ["MESSAGE_METHOD_UNKNOWN", "VM.sing"]);
    let unbuilt = pool.call("VM.csvm", &[json!("OpaqueRef:NULL")]).await.unwrap_err();
    assert_eq!(unbuilt[0], "NOT_IMPLEMENTED");
    let other = json!(crate::support::login(&pool.socket()).await);
    let waiting = tokio::spawn(call(
        "event.from",
        vec![other.clone(), json!(["pool"]), json!("99999999999999999999,0"), json!(30.0)],
    ));
    drop(waiting);
    call("session.logout", vec![other.clone()]).await.unwrap();
    let ended = call("VM.get_all", vec![other]).await.unwrap_err();
    assert_eq!(ended[0], "SESSION_INVALID");
    assert!(PASSWORD.len() > 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_to_other_config_is_an_event_at_once() {
    let pool = pool(1).await;
    let pools = pool.ok("pool.get_all", &[]).await;
    let object = pools[0].clone();
    let token = pool.ok("event.inject", &[json!("pool"), object.clone()]).await;
    let wait = [json!(["pool"]), token, json!(10.0)];
    let injected = pool.ok("event.from", &wait).await;
    assert_eq!(injected["events"].as_array().unwrap().len(), 1, "the injected change is seen");
    let wait = [json!(["pool"]), injected["token"].clone(), json!(10.0)];
    let add = [object.clone(), json!("key"), json!("value")];
    let (seen, _) = tokio::join!(pool.ok("event.from", &wait), async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        pool.ok("pool.add_to_other_config", &add).await
    });
    let snapshot = &seen["events"][0]["snapshot"];
    assert_eq!(snapshot["other_config"]["key"], "value");
    let twice = pool.call("pool.add_to_other_config", &add).await.unwrap_err();
    assert_eq!(twice[0], "MAP_DUPLICATE_KEY");
}
