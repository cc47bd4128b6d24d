//! The registry says what XenAPI says: every declared message with its parameters, defaults,
//! result, role, errors and marks; and what follows from fields is there.

use haven_api::messages::{MESSAGES, Message, MessageKind};
use haven_api::{Operation, Registry};
use haven_model::{Value, codes};
use serde_json::Value as Json;

fn facts() -> Json {
    serde_json::from_str(include_str!("../../model/tests/xenapi.json")).unwrap_or_default()
}

fn list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or("")
}

fn flag(json: &Json, key: &str, absent: bool) -> bool {
    json.get(key).and_then(Json::as_bool).unwrap_or(absent)
}

fn default_text(value: &Value) -> Json {
    match value {
        Value::Int(n) => Json::String(n.to_string()),
        #[expect(clippy::cast_possible_truncation, reason = "defaults are small whole numbers")]
        Value::Float(x) => Json::from(*x as i64),
        Value::Set(items) => Json::Array(items.iter().map(default_text).collect()),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

fn check_params(id: &str, ours: &Message, theirs: &Json) {
    let params = list(theirs, "params");
    assert_eq!(ours.params.len(), params.len(), "parameters of {id}");
    for (ours, theirs) in ours.params.iter().zip(params) {
        let parts = theirs.as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(Some(ours.name), parts.first().and_then(Json::as_str), "{id}");
        let ty = parts.get(1).and_then(Json::as_str).unwrap_or("");
        let ty = if ty == "secret_string" { "string" } else { ty };
        assert_eq!(ours.ty.to_string(), ty, "{id}.{}", ours.name);
        let default = ours.default.map(|make| default_text(&make()));
        let expected = parts.get(2).and_then(|d| d.get("default"));
        // One default in the facts is a list although the parameter is an enum.
        let odd = id == "host.create" && ours.name == "latest_synced_updates_applied";
        assert!(odd || default.as_ref() == expected, "default of {id}.{}", ours.name);
    }
}

fn check_message(ours: &Message, theirs: &Json) {
    let id = format!("{}.{}", ours.class, ours.name);
    check_params(&id, ours, theirs);
    let result = ours.result.map(|t| t.to_string());
    let expected = theirs.get("result").and_then(Json::as_str);
    let expected = expected.map(|t| if t == "secret_string" { "string" } else { t });
    assert_eq!(result.as_deref(), expected, "result of {id}");
    assert_eq!(ours.role.as_str(), text(theirs, "role"), "role of {id}");
    let kind = match ours.kind {
        MessageKind::Custom => "custom",
        MessageKind::Create => "create",
        MessageKind::Destroy => "destroy",
    };
    assert_eq!(kind, text(theirs, "kind"), "kind of {id}");
    assert_eq!(ours.is_async, flag(theirs, "async", false), "async of {id}");
    assert_eq!(ours.needs_session, flag(theirs, "session", true), "session of {id}");
    assert_eq!(ours.is_hidden, flag(theirs, "hidden", false), "hidden of {id}");
    let state = theirs.get("state").and_then(Json::as_str).unwrap_or("published");
    assert_eq!(ours.state.as_str(), state, "state of {id}");
    let errors: Vec<_> = list(theirs, "errors").iter().filter_map(Json::as_str).collect();
    assert_eq!(ours.errors, errors, "errors of {id}");
}

#[test]
fn declared_messages() {
    let facts = facts();
    let mut known = 0;
    for class in list(&facts, "classes") {
        let ours: Vec<_> =
            MESSAGES.iter().copied().flatten().filter(|m| m.class == text(class, "name")).collect();
        let theirs = list(class, "messages");
        assert_eq!(ours.len(), theirs.len(), "messages of {}", text(class, "name"));
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_eq!(ours.name, text(theirs, "name"));
            check_message(ours, theirs);
            known += 1;
        }
    }
    assert_eq!(known, MESSAGES.iter().map(|area| area.len()).sum::<usize>());
}

#[test]
fn creation_takes_what_the_fields_say() {
    for class in list(&facts(), "classes") {
        let name = text(class, "name");
        let meta = haven_model::class_named(name).unwrap_or_else(|| panic!("{name}"));
        for message in list(class, "messages").iter().filter(|m| text(m, "kind") == "create") {
            for arg in list(message, "ctor_args") {
                let field = arg.get(0).and_then(Json::as_str).unwrap_or("");
                // XenAPI's own exception: consoles are made with a port that is then read-only.
                let found = meta.field(field).is_some() || (name, field) == ("console", "port");
                assert!(found, "{name}.{field}");
            }
        }
    }
}

#[test]
fn what_follows_from_fields() {
    let registry = Registry::standard();
    for (name, expected) in [
        ("VM.get_name_label", true),
        ("VM.set_name_label", true),
        ("VM.set_power_state", false),
        ("VM.add_tags", true),
        ("VM.remove_tags", true),
        ("VM.add_to_VCPUs_params", true),
        ("VM.get_all_records_where", true),
        ("VM.get_by_name_label", true),
        ("VBD.get_by_name_label", false),
        ("pool.get_by_uuid", true),
        ("session.get_all", false),
        ("session.get_uuid", true),
        ("event.get_record", false),
        ("task.get_session", false),
        ("PIF.get_bond_slave_of", true),
        ("VM_start", true),
        ("VM_guest_metrics_get_record", true),
    ] {
        assert_eq!(registry.find(name).is_some(), expected, "{name}");
    }
    let operation = |name| registry.find(name).map(|m| m.operation);
    assert!(matches!(operation("VM.set_name_label"), Some(Operation::Set(_))));
    assert!(matches!(operation("VM.add_to_other_config"), Some(Operation::AddTo(_))));
    assert_eq!(operation("VM.set_is_a_template"), Some(Operation::Custom));
    assert_eq!(operation("VM.start"), Some(Operation::Custom));
    assert_eq!(operation("VM.create"), Some(Operation::Create));
    assert_eq!(operation("message.get_all"), Some(Operation::GetAll));
}

/// A message that only writes its field has exactly the parameters that writing takes.
#[test]
fn field_writes_have_the_right_parameters() {
    for method in Registry::standard().methods() {
        let expected = match method.operation {
            Operation::Set(i) | Operation::Add(i) | Operation::Remove(i) => (2, i),
            Operation::AddTo(i) => (3, i),
            Operation::RemoveFrom(i) => (2, i),
            Operation::Get(i) => (1, i),
            _ => continue,
        };
        assert_eq!(method.params.len(), expected.0, "{}", method.name);
        let field = method.class.fields[expected.1];
        if matches!(method.operation, Operation::Set(_)) {
            assert_eq!(method.params[1].ty, field.ty, "{}", method.name);
        }
        assert!(method.name.ends_with(field.name), "{} and {}", method.name, field.name);
    }
}

#[test]
fn every_message_can_be_listed_and_found() {
    let registry = Registry::standard();
    let names = registry.names();
    assert!(names.len() > 2400, "{}", names.len());
    for name in ["VM.start", "Async.VM.start", "system.listMethods", "pool.get_all_records"] {
        assert!(names.iter().any(|n| n == name), "{name}");
    }
    assert!(!names.iter().any(|n| n == "host.propose_new_master"), "hidden");
    for name in names.iter().filter(|n| !n.starts_with("system.")) {
        let plain = name.strip_prefix("Async.").unwrap_or(name);
        assert!(registry.find(plain).is_some(), "{name}");
    }
    assert_eq!(codes::NOT_IMPLEMENTED, "NOT_IMPLEMENTED");
}

#[test]
fn access() {
    let facts = facts();
    let names = |key| list(&facts, key).iter().filter_map(Json::as_str).collect::<Vec<_>>();
    assert_eq!(haven_api::access::MEMBER_CALLS, names("slave_whitelist"));
    assert_eq!(haven_api::access::EMERGENCY_CALLS, names("emergency_calls"));
    let theirs = list(&facts, "http_actions");
    assert_eq!(haven_api::access::HTTP_ACTIONS.len(), theirs.len());
    for (ours, theirs) in haven_api::access::HTTP_ACTIONS.iter().zip(theirs) {
        assert_eq!(ours.name, text(theirs, "name"));
        assert_eq!((ours.method, ours.path), (text(theirs, "method"), text(theirs, "uri")));
        assert_eq!(ours.role.as_str(), text(theirs, "min_role"), "{}", ours.name);
        assert_eq!(ours.open, flag(theirs, "no_rbac_check", false), "{}", ours.name);
    }
}
