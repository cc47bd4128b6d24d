//! Users, roles, sessions, tasks and the audit log, as somebody over the network meets them.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use haven_api::{Param, Registry, Request};
use haven_daemon::config::PamSettings;
use haven_daemon::dispatch::{self, Answer};
use haven_daemon::http::Origin;
use haven_model::{ApiError, RoleLevel, Type, Value};
use serde_json::json;

use crate::support::{PASSWORD, TestPool, pool, pool_with_pam};

const FROM: Origin = Origin::Remote(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));

/// A call as it comes from the network.
async fn ask(pool: &TestPool, name: &str, params: Vec<Value>) -> Result<Value, ApiError> {
    let request = Request { name: name.to_owned(), params };
    match dispatch::answer(&pool.hosts[0].daemon.state, FROM, request).await? {
        Answer::Value(value) => Ok(value.plain()),
        Answer::Names(names) => Ok(Value::Set(names.into_iter().map(Value::String).collect())),
    }
}

async fn login(pool: &TestPool, user: &str, password: &str) -> Result<Value, ApiError> {
    ask(pool, "session.login_with_password", [user, password].map(Value::from).to_vec()).await
}

/// A user with one role; answers the row and the user's session.
pub(crate) async fn user(pool: &TestPool, name: &str, role: &str) -> (serde_json::Value, Value) {
    let record = json!({
        "subject_identifier": name, "other_config": { "password": "s3cret!" }, "roles": [],
    });
    let subject = pool.ok("subject.create", &[record]).await;
    let roles = pool.ok("role.get_by_name_label", &[json!(role)]).await;
    pool.ok("subject.add_to_roles", &[subject.clone(), roles[0].clone()]).await;
    (subject, login(pool, name, "s3cret!").await.unwrap())
}

fn audit(pool: &TestPool) -> String {
    let path = pool.hosts[0].daemon.state.config.paths.audit_log();
    std::fs::read_to_string(path).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_log_in_with_their_own_password_and_may_what_their_role_allows() {
    let pool = pool(1).await;
    assert_eq!(login(&pool, "root", PASSWORD).await.map(|_| ()), Ok(()));
    let (subject, session) = user(&pool, "alice", "vm-operator").await;
    let kept = pool.ok("subject.get_other_config", &[subject.clone()]).await;
    assert_eq!(kept, json!({ "subject-name": "alice" }), "the password is not kept");
    let me = ask(&pool, "session.get_subject", vec![session.clone(), session.clone()]).await;
    assert_eq!(me.unwrap().to_string(), subject.as_str().unwrap());
    let may = ask(&pool, "session.get_rbac_permissions", vec![session.clone(), session.clone()]);
    let Ok(Value::Set(may)) = may.await else { panic!("a list") };
    assert!(may.contains(&Value::from("vm.start")) && !may.contains(&Value::from("vm.create")));
    // Looking is allowed, making is not; a label is, other keys are not.
    assert!(ask(&pool, "VM.get_all", vec![session.clone()]).await.is_ok());
    let pools = pool.ok("pool.get_all", &[]).await;
    let add = |key: &str| {
        let object = pools[0].as_str().unwrap_or_default();
        let params = [object, key, "x"].map(Value::from);
        ask(&pool, "pool.add_to_other_config", [vec![session.clone()], params.to_vec()].concat())
    };
    assert!(add("folder").await.is_ok());
    let refused = add("anything").await.unwrap_err();
    assert_eq!(refused.code, "RBAC_PERMISSION_DENIED");
    assert_eq!(refused.params[0], "pool.add_to_other_config");
    // Another role counts at once, in the open session too; without any it ends.
    let roles = pool.ok("role.get_all_records", &[]).await;
    let role = |name: &str| {
        let all = roles.as_object().unwrap().iter();
        let mut found = all.filter(|(_, row)| row["name_label"] == name);
        json!(found.next().unwrap().0)
    };
    pool.ok("subject.add_to_roles", &[subject.clone(), role("pool-operator")]).await;
    assert!(add("anything").await.is_ok());
    let twice = [subject.clone(), role("pool-operator")];
    let twice = pool.call("subject.add_to_roles", &twice).await.unwrap_err();
    assert_eq!(twice[0], "ROLE_ALREADY_EXISTS");
    for name in ["pool-operator", "vm-operator"] {
        pool.ok("subject.remove_from_roles", &[subject.clone(), role(name)]).await;
    }
    assert_eq!(add("folder").await.unwrap_err().code, "SESSION_INVALID");
    let none = login(&pool, "alice", "s3cret!").await.unwrap_err();
    assert_eq!(none.code, "SESSION_AUTHORIZATION_FAILED");
    pool.ok("subject.destroy", &[subject]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_says_who_did_what_on_what_and_keeps_no_secret() {
    let pool = pool(1).await;
    let (_, session) = user(&pool, "bob", "read-only").await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let denied =
        ask(&pool, "VM.destroy", vec![session, Value::from(vm.as_str().unwrap_or_default())]);
    assert_eq!(denied.await.unwrap_err().code, "RBAC_PERMISSION_DENIED");
    pool.start(&vm).await.unwrap();
    pool.ok("VM.add_to_other_config", &[vm.clone(), json!("db-password"), json!("s3cret!")]).await;
    let lines = loop {
        let lines = audit(&pool);
        if lines.contains("db-password") {
            break lines;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(!lines.contains("s3cret!") && !lines.contains(PASSWORD), "{lines}");
    let all: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let find = |call: &str, user: &str| {
        let mut found = all.iter().filter(|line| line["call"] == call && line["user"] == user);
        found.next().unwrap_or_else(|| panic!("{call} of {user} in {lines}"))
    };
    let refused = find("VM.destroy", "bob");
    assert_eq!(
        (&refused["result"], &refused["role"]),
        (&json!("RBAC_PERMISSION_DENIED"), &json!("read-only"))
    );
    assert_eq!(refused["objects"][0]["name"], "web1");
    assert_eq!(refused["from"], "192.0.2.7");
    let started = find("VM.start", "root");
    assert_eq!((&started["result"], &started["from"]), (&json!("ok"), &json!("local")));
    assert_eq!(find("session.login_with_password", "bob")["result"], "ok");
    assert!(!lines.contains("\"call\":\"VM.get_"), "looking is not written down");
}

/// A value that fits the type, and means nothing.
fn dummy(ty: &Type) -> Value {
    match ty {
        Type::Int => Value::Int(0),
        Type::Float => Value::Float(0.0),
        Type::Bool => Value::Bool(false),
        Type::DateTime => Value::DateTime(haven_model::DateTime::EPOCH),
        Type::Ref(_) => Value::Ref(haven_model::RefId::NULL),
        Type::Enum(meta) => Value::from(meta.values[0]),
        Type::Set(_) => Value::Set(Vec::new()),
        Type::Map(..) | Type::Record(_) => Value::Map(Default::default()),
        Type::Option(_) => Value::Nil,
        Type::String => Value::from(""),
    }
}

/// Every message that a role may not call is refused before anything happens, by the real
/// dispatcher; the same for the `Async.` forms.
#[tokio::test(flavor = "multi_thread")]
async fn no_role_may_call_what_is_above_it() {
    let pool = pool(1).await;
    let before = pool.hosts[0].daemon.state.pool.read(haven_pooldb::Image::generation).await;
    let mut refused = 0;
    let mut sessions = Vec::new();
    for role in
        ["pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "read-only"]
    {
        let (_, session) = user(&pool, &format!("u-{role}"), role).await;
        sessions.push((RoleLevel::from_name(role).unwrap(), session));
    }
    let quiet = pool.hosts[0].daemon.state.pool.read(haven_pooldb::Image::generation).await;
    assert!(before.unwrap() < *quiet.as_ref().unwrap());
    for (role, session) in &sessions {
        let methods = Registry::standard().methods();
        let above = methods.filter(|method| {
            let removed = method.state == haven_model::Lifecycle::Removed;
            method.needs_session && !role.permits(method.role) && !removed
        });
        for method in above {
            let params = method.params.iter().map(|param: &Param| dummy(&param.ty));
            let params: Vec<Value> = std::iter::once(session.clone()).chain(params).collect();
            let asynchronous = method.is_async.then(|| format!("Async.{}", method.name));
            for name in std::iter::once(method.name.clone()).chain(asynchronous) {
                let answer = ask(&pool, &name, params.clone()).await.unwrap_err();
                assert_eq!(answer.code, "RBAC_PERMISSION_DENIED", "{name} as {role:?}: {answer}");
                refused += 1;
            }
        }
    }
    assert!(refused > 4000, "{refused}");
    let since = quiet.unwrap();
    let changes = pool.hosts[0].daemon.state.pool.read(|db| db.changes_since(since)).await.unwrap();
    assert!(changes.adds.is_empty() && changes.dels.is_empty(), "{changes:?}");
    // The host's own reports go on meanwhile.
    let of_host = |class: &str| class.starts_with("host") || class.starts_with("PIF");
    assert!(changes.mods.iter().all(|(class, _)| of_host(class)), "{changes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_belong_to_their_session_and_can_be_cancelled() {
    let pool = pool(1).await;
    let (_, alice) = user(&pool, "alice", "vm-admin").await;
    let (_, bob) = user(&pool, "bob", "vm-admin").await;
    let create = |session: &Value| {
        let params = vec![session.clone(), Value::from("import"), Value::from("")];
        ask(&pool, "task.create", params)
    };
    let task = create(&alice).await.unwrap();
    let of = |method: &'static str, session: &Value| {
        ask(&pool, method, vec![session.clone(), task.clone()])
    };
    let other = of("task.cancel", &bob).await.unwrap_err();
    assert_eq!(
        (other.code, other.params[0].as_str()),
        ("RBAC_PERMISSION_DENIED", "task.cancel:any")
    );
    let progress = vec![alice.clone(), task.clone(), Value::Float(0.5)];
    ask(&pool, "task.set_progress", progress).await.unwrap();
    of("task.cancel", &alice).await.unwrap();
    assert_eq!(of("task.get_status", &bob).await.unwrap(), Value::from("cancelled"));
    of("task.destroy", &alice).await.unwrap();
    assert_eq!(of("task.get_status", &bob).await.unwrap_err().code, "HANDLE_INVALID");
    // The task of an Async call ends with its result as XML-RPC text.
    let vms = pool.ok("VM.get_by_name_label", &[json!("Linux")]).await;
    let task = pool.ok("Async.VM.clone", &[vms[0].clone(), json!("copy")]).await;
    pool.wait("task", &task, "status", &json!("success")).await;
    let record = pool.ok("task.get_record", &[task]).await;
    let result = record["result"].as_str().unwrap();
    assert!(result.starts_with("<value>OpaqueRef:"), "{result}");
    assert_eq!(record["allowed_operations"], json!([]));
    // Fields have Async forms only where they are declared.
    let none = pool.call("Async.VM.get_record", &[vms[0].clone()]).await.unwrap_err();
    assert_eq!(none[0], "MESSAGE_METHOD_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_clients_register_and_ask_for_the_next_events() {
    let pool = pool(1).await;
    let early = pool.call("event.next", &[]).await.unwrap_err();
    assert_eq!(early[0], "SESSION_NOT_REGISTERED");
    pool.ok("event.register", &[json!(["pool"])]).await;
    let object = pool.ok("pool.get_all", &[]).await[0].clone();
    let add = [object.clone(), json!("key"), json!("value")];
    let (seen, _) = tokio::join!(pool.ok("event.next", &[]), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        pool.ok("pool.add_to_other_config", &add).await
    });
    let events = seen.as_array().unwrap();
    assert_eq!((events.len(), &events[0]["operation"]), (1, &json!("mod")));
    assert_eq!(events[0]["snapshot"]["other_config"]["key"], "value");
    pool.ok("event.unregister", &[json!(["pool"])]).await;
    let late = pool.call("event.next", &[]).await.unwrap_err();
    assert_eq!(late[0], "SESSION_NOT_REGISTERED");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_passwords_is_shut_out_and_others_are_not() {
    let pool = pool(1).await;
    let began = std::time::Instant::now();
    let elsewhere = Origin::Remote(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8)));
    let good = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let params = ["root", PASSWORD].map(Value::from).to_vec();
        let request = Request { name: "session.login_with_password".to_owned(), params };
        dispatch::answer(&pool.hosts[0].daemon.state, elsewhere, request).await.is_ok()
    };
    let all = async {
        let mut answers = Vec::new();
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let state = pool.hosts[0].daemon.state.clone();
            running.spawn(async move {
                let params = ["root", "wrong"].map(Value::from).to_vec();
                let request = Request { name: "session.login_with_password".to_owned(), params };
                dispatch::answer(&state, FROM, request).await.unwrap_err()
            });
        }
        while let Some(answer) = running.join_next().await {
            answers.push(answer.unwrap());
        }
        answers
    };
    let (good, answers) = tokio::join!(good, all);
    assert!(good, "another address logs in meanwhile");
    assert!(began.elapsed() >= Duration::from_secs(5), "a wrong password is answered late");
    let throttled = answers.iter().filter(|error| error.params[1].contains("too many")).count();
    // Eight are looked at at a time, so that as many may have been when the last one counted.
    assert!((40 - 27..=40 - 20).contains(&throttled), "{throttled}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_honest_logins_from_one_address_at_the_same_time_all_succeed() {
    let pool = pool(1).await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let state = pool.hosts[0].daemon.state.clone();
        running.spawn(async move {
            let params = ["root", PASSWORD].map(Value::from).to_vec();
            let request = Request { name: "session.login_with_password".to_owned(), params };
            dispatch::answer(&state, FROM, request).await.map(drop)
        });
    }
    while let Some(answer) = running.join_next().await {
        assert_eq!(answer.unwrap(), Ok(()));
    }
}

/// The operating system's users, by a service that takes `nobody` with any password, and nobody
/// else; asked by the program itself, as in production.
#[tokio::test(flavor = "multi_thread")]
async fn users_of_the_operating_system_log_in_where_a_site_wants_it() {
    if !std::path::Path::new("/lib/x86_64-linux-gnu/security/pam_succeed_if.so").exists() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let lines = "auth requisite pam_succeed_if.so quiet user = nobody\n\
                 auth required pam_permit.so\naccount required pam_permit.so\n";
    std::fs::write(dir.path().join("haven"), lines).unwrap();
    let settings = |service: &str, role: &str| PamSettings {
        service: service.to_owned(),
        role: role.to_owned(),
        directory: Some(dir.path().to_owned()),
        helper: Some(env!("CARGO_BIN_EXE_havend").into()),
    };
    let pool = pool_with_pam(settings("haven", "pool-operator")).await;
    let session = login(&pool, "nobody", "anything").await.unwrap();
    // With the role of the settings, and no more.
    ask(&pool, "VM.get_all", vec![session.clone()]).await.unwrap();
    let refused = ask(&pool, "subject.get_all", vec![session.clone()]).await;
    let create = vec![
        session.clone(),
        Value::Map([("subject_identifier".into(), Value::from("eve"))].into()),
    ];
    assert!(refused.is_ok() && ask(&pool, "subject.create", create).await.is_err());
    // The service does not take root; the pool's own password is as good as ever.
    login(&pool, "root", PASSWORD).await.unwrap();
    let (root, stranger) = tokio::join!(login(&pool, "root", "x"), login(&pool, "daemon", "x"));
    assert_eq!(root.unwrap_err().code, "SESSION_AUTHENTICATION_FAILED");
    assert_eq!(stranger.unwrap_err().code, "SESSION_AUTHENTICATION_FAILED");
    // A user of the pool is nobody of the operating system, whatever the name.
    user(&pool, "nobody", "read-only").await;
    assert!(login(&pool, "nobody", "anything").await.is_err());
    assert!(!audit(&pool).contains("anything"), "a password in the log");
    // Without a role, and without a service file, nobody gets in this way.
    for (service, role, code) in [
        ("haven", "", "SESSION_AUTHORIZATION_FAILED"),
        ("missing", "pool-admin", "SESSION_AUTHENTICATION_FAILED"),
    ] {
        let pool = pool_with_pam(settings(service, role)).await;
        assert_eq!(login(&pool, "nobody", "anything").await.unwrap_err().code, code, "{service}");
    }
}
