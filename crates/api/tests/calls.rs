//! Calls against a database, from request to answer.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say where")]

use haven_api::events::{self, Subscription};
use haven_api::{Registry, Request, Resolved, dispatch};
use haven_model::{ApiError, DateTime, Message, Ref, Session, Value, Vbd, Vm, codes};
use haven_pooldb::{Database, MemStore};

fn database() -> Database {
    let mut next = 1000;
    let ids = move || {
        next += 1;
        next
    };
    Database::open(Box::new(MemStore::default()), Box::new(ids)).unwrap()
}

fn session() -> Value {
    Value::String(Ref::<Session>::from_u128(1).to_string())
}

fn resolve(name: &str, args: &[Value]) -> Result<Resolved<'static>, ApiError> {
    let mut params = vec![session()];
    params.extend_from_slice(args);
    Registry::standard().resolve(Request { name: name.to_owned(), params })
}

/// Resolves and answers a call that follows from fields.
fn call(db: &mut Database, name: &str, args: &[Value]) -> Result<Value, ApiError> {
    let Resolved::Call(call) = resolve(name, args)? else { panic!("{name}") };
    if let Some(answer) = dispatch::read(db, &call) {
        return answer.map(Value::plain);
    }
    let done = db.transact(|tx| {
        let none = || Err(ApiError::with(codes::NOT_IMPLEMENTED, &[&name]));
        dispatch::write(tx, &call).unwrap_or_else(none)
    });
    done.map(|d| d.value).map_err(ApiError::from)
}

fn code(result: Result<Value, ApiError>) -> (&'static str, Vec<String>) {
    let error = result.unwrap_err();
    (error.code, error.params)
}

fn with_vm() -> (Database, Ref<Vm>, Value) {
    let mut db = database();
    let row = Vm { name_label: "web".into(), uuid: "u-1".into(), ..Vm::default() };
    let vm = db.transact(|tx| tx.insert(row)).unwrap().value;
    (db, vm, Value::String(vm.to_string()))
}

#[test]
fn reading() {
    let (mut db, vm, text) = with_vm();
    assert_eq!(
        call(&mut db, "VM.get_name_label", std::slice::from_ref(&text)),
        Ok(Value::from("web"))
    );
    assert_eq!(call(&mut db, "VM.get_all", &[]), Ok(Value::Set(vec![Value::Ref(vm.id())])));
    assert_eq!(call(&mut db, "VM.get_by_uuid", &["u-1".into()]), Ok(Value::Ref(vm.id())));
    let named = call(&mut db, "VM.get_by_name_label", &["web".into()]);
    assert_eq!(named, Ok(Value::Set(vec![Value::Ref(vm.id())])));
    let record = call(&mut db, "VM.get_record", &[text]).unwrap();
    assert_eq!(record.member("uuid"), Some(&Value::from("u-1")));
    assert_eq!(record.member("order"), Some(&Value::Int(0)));
    let all = call(&mut db, "VM.get_all_records", &[]).unwrap();
    assert_eq!(all.member(&vm.to_string()), Some(&record));
    for (expr, found) in [(r#"field "name__label" = "web""#, true), ("false", false)] {
        let some = call(&mut db, "VM.get_all_records_where", &[expr.into()]).unwrap();
        assert_eq!(some.member(&vm.to_string()).is_some(), found, "{expr}");
    }
}

#[test]
fn writing() {
    let (mut db, vm, text) = with_vm();
    let name = [text.clone(), "db".into()];
    assert_eq!(call(&mut db, "VM.set_name_label", &name), Ok(Value::void()));
    assert_eq!(db.get(vm).unwrap().name_label, "db");
    let pair = [text.clone(), "k".into(), "v".into()];
    call(&mut db, "VM.add_to_other_config", &pair).unwrap();
    assert_eq!(
        code(call(&mut db, "VM.add_to_other_config", &pair)),
        ("MAP_DUPLICATE_KEY", vec!["VM".into(), "other_config".into(), "u-1".into(), "k".into()])
    );
    let key = [text.clone(), "k".into()];
    call(&mut db, "VM.remove_from_other_config", &key).unwrap();
    call(&mut db, "VM.remove_from_other_config", &key).expect("an absent key is no error");
    for _ in 0..2 {
        call(&mut db, "VM.add_tags", &[text.clone(), "t".into()]).unwrap();
    }
    assert_eq!(db.get(vm).unwrap().tags, ["t"]);
    call(&mut db, "VM.remove_tags", &[text.clone(), "t".into()]).unwrap();
    call(&mut db, "VM.set_order", &[text, "7".into()]).unwrap();
    let row = db.get(vm).unwrap();
    assert!(row.tags.is_empty() && row.other_config.is_empty() && row.order == 7);
}

#[test]
fn refusals() {
    let (mut db, vm, text) = with_vm();
    let missing = Value::String(Ref::<Vm>::from_u128(99).to_string());
    let gone = missing.as_str().unwrap().to_owned();
    for (name, args, expected) in [
        ("VM.no_such", vec![], ("MESSAGE_METHOD_UNKNOWN", vec!["VM.no_such".into()])),
        ("Async.VM.get_all", vec![], ("MESSAGE_METHOD_UNKNOWN", vec!["Async.VM.get_all".into()])),
        (
            "VM.start",
            vec![text.clone()],
            ("MESSAGE_PARAMETER_COUNT_MISMATCH", vec!["VM.start".into(), "3".into(), "1".into()]),
        ),
        ("VM.get_record", vec![missing], ("HANDLE_INVALID", vec!["VM".into(), gone])),
        (
            "VM.get_record",
            vec!["Ref:1".into()],
            ("HANDLE_INVALID", vec!["VM".into(), "Ref:1".into()]),
        ),
        ("VM.get_by_uuid", vec!["x".into()], ("UUID_INVALID", vec!["VM".into(), "x".into()])),
        (
            "VM.set_order",
            vec![text.clone(), "x".into()],
            ("FIELD_TYPE_ERROR", vec!["value".into()]),
        ),
        (
            "VM.set_actions_after_reboot",
            vec![text.clone(), "explode".into()],
            ("INVALID_VALUE", vec!["value".into(), "explode".into()]),
        ),
        (
            "VM.start",
            vec![text.clone(), true.into(), "true".into()],
            ("FIELD_TYPE_ERROR", vec!["force".into()]),
        ),
        ("VMPP.protect_now", vec![text.clone()], ("MESSAGE_REMOVED", vec![])),
        (
            "VM.start",
            vec![text, true.into(), true.into()],
            ("NOT_IMPLEMENTED", vec!["VM.start".into()]),
        ),
    ] {
        assert_eq!(code(call(&mut db, name, &args)), expected, "{name} {args:?}");
    }
    let bad = Request { name: "VM.get_all".into(), params: vec!["nonsense".into()] };
    let error = Registry::standard().resolve(bad).unwrap_err();
    assert_eq!((error.code, error.params), ("SESSION_INVALID", vec!["nonsense".to_owned()]));
    assert!(db.contains(vm));
}

#[test]
fn defaults_and_special_names() {
    let login = |params: &[&str]| {
        let params = params.iter().map(|p| Value::from(*p)).collect();
        let name = "session.login_with_password".to_owned();
        Registry::standard().resolve(Request { name, params })
    };
    let Ok(Resolved::Call(call)) = login(&["root", "secret"]) else { panic!("login") };
    assert_eq!(call.args.get::<String>(2).unwrap(), "1.1");
    assert!(call.session.is_none());
    assert!(login(&["root"]).is_err() && login(&["1", "2", "3", "4", "5"]).is_err());
    let Ok(Resolved::Call(call)) = resolve(
        "Async.VM.start",
        &[Value::String(Ref::<Vm>::from_u128(5).to_string()), false.into(), false.into()],
    ) else {
        panic!("start")
    };
    assert!(call.is_async && call.method.name == "VM.start");
    assert_eq!(call.args.get::<Ref<Vm>>(0).unwrap(), Ref::from_u128(5));
    assert!(matches!(resolve("system.listMethods", &[]), Ok(Resolved::ListMethods)));
    assert!(matches!(resolve("system.isAlive:x", &[]), Ok(Resolved::IsAlive(_))));
    assert!(matches!(resolve("VM_get_all", &[]), Ok(Resolved::Call(_))));
}

#[test]
fn creation_takes_only_what_clients_may_say() {
    use haven_model::Class;
    let record = Value::Map(
        [
            ("name_label", Value::from("a")),
            ("VCPUs_max", Value::from("2")),
            ("uuid", Value::from("forged")),
            ("nonsense", Value::from("x")),
        ]
        .map(|(k, v)| (k.to_owned(), v))
        .into(),
    );
    let row = dispatch::new_row(Vm::META, record).unwrap();
    let vm = row.as_any().downcast_ref::<Vm>().unwrap();
    assert_eq!((vm.name_label.as_str(), vm.vcpus_max, vm.uuid.as_str()), ("a", 2, ""));
    let bad = Value::Map([("VCPUs_max".to_owned(), Value::from("many"))].into());
    let error = dispatch::new_row(Vm::META, bad).unwrap_err();
    assert_eq!((error.code, error.params), ("FIELD_TYPE_ERROR", vec!["VCPUs_max".to_owned()]));
}

fn wanted(classes: &[&str]) -> Subscription {
    let classes: Vec<_> = classes.iter().map(|c| (*c).to_owned()).collect();
    Subscription::parse(&classes).unwrap()
}

/// (operation, class) of each event.
fn shapes(batch: &events::EventBatch) -> Vec<(String, String)> {
    let Some(Value::Set(events)) = batch.value.member("events") else { panic!("{batch:?}") };
    let text = |e: &Value, n: &str| e.member(n).unwrap().to_string();
    events.iter().map(|e| (text(e, "operation"), text(e, "class"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn event_feed() {
    let (mut db, vm, _) = with_vm();
    let all = wanted(&["*"]);
    let first = events::from(&db, &all, 0);
    assert_eq!(shapes(&first), pairs(&[("add", "vm")]));
    let token = first.value.member("token").unwrap().to_string();
    assert_eq!(token, "00000000000000000001,00000000000000000001");
    let since = events::parse_token(&token).unwrap();
    assert_eq!(events::from(&db, &all, since).events, 0);

    let vbd = db.transact(|tx| tx.insert(Vbd { vm, ..Vbd::default() })).unwrap().value;
    db.transact(|tx| {
        tx.insert(Message { timestamp: DateTime(5), ..Message::default() })?;
        tx.insert(Session::default())
    })
    .unwrap();
    let second = events::from(&db, &all, since);
    assert_eq!(shapes(&second), pairs(&[("add", "message"), ("add", "vbd"), ("mod", "vm")]));
    let counts = second.value.member("valid_ref_counts").unwrap();
    assert_eq!(counts.member("vm"), Some(&Value::Int(1)));
    assert_eq!(counts.member("task"), Some(&Value::Int(0)));
    assert_eq!(counts.member("session"), None);
    assert_eq!(shapes(&events::from(&db, &wanted(&["VBD"]), since)), pairs(&[("add", "vbd")]));
    let one = format!("vm/{vm}");
    assert_eq!(shapes(&events::from(&db, &wanted(&[&one]), since)), pairs(&[("mod", "vm")]));

    let since = db.generation();
    db.transact(|tx| tx.remove(vbd)).unwrap();
    let third = events::from(&db, &all, since);
    assert_eq!(shapes(&third), pairs(&[("mod", "vm"), ("del", "vbd")]));
}

#[test]
fn event_parameters() {
    assert!(wanted(&["task"]).is_tasks_only());
    assert!(!wanted(&["task", "vm"]).is_tasks_only() && !wanted(&["*"]).is_tasks_only());
    let error = Subscription::parse(&["vm/x".to_owned()]).unwrap_err();
    assert_eq!(error.code, codes::EVENT_SUBSCRIPTION_PARSE_FAILURE);
    for token in ["x", "1", "1,x", ",", "-1,0"] {
        let error = events::parse_token(token).unwrap_err();
        assert_eq!(error.code, codes::EVENT_FROM_TOKEN_PARSE_FAILURE, "{token}");
    }
    assert_eq!(events::parse_token(&events::token(42)), Ok(42));
}
