//! Roles × messages: every message against XenAPI's own list, for every role.

use haven_api::{Operation, Registry, Request, Resolved, rbac};
use haven_model::{Lifecycle, RefId, RoleLevel, Type, Value};
use serde_json::Value as Json;

fn facts() -> Json {
    serde_json::from_str(include_str!("../../model/tests/xenapi.json")).unwrap_or_default()
}

fn named<'a>(list: &'a Json, key: &str, name: &str) -> Option<&'a Json> {
    list.get(key)?.as_array()?.iter().find(|item| item["name"] == name)
}

/// The least role that XenAPI's list says; of what follows from fields by the field.
fn expected(facts: &Json, method: &haven_api::Method) -> Option<String> {
    let class = named(facts, "classes", method.class.name)?;
    if let Some(message) = named(class, "messages", method.message()) {
        return message["role"].as_str().map(str::to_owned);
    }
    // The one class whose rows are not for everyone to look at.
    let read = if method.class.name == "secret" { "pool-operator" } else { "read-only" };
    match method.operation {
        operation if operation.is_read() => Some(read.to_owned()),
        Operation::Set(index)
        | Operation::AddTo(index)
        | Operation::RemoveFrom(index)
        | Operation::Add(index)
        | Operation::Remove(index) => {
            let field = named(class, "fields", method.class.fields[index].name)?;
            field["set_role"].as_str().map(str::to_owned)
        }
        // Written by a handler of its own, but declared by its field.
        Operation::Custom => {
            let name = method.message();
            let starts = ["set_", "add_to_", "remove_from_", "add_", "remove_"];
            let field = starts
                .iter()
                .find_map(|start| named(class, "fields", name.strip_prefix(start)?))?;
            field["set_role"].as_str().map(str::to_owned)
        }
        _ => None,
    }
}

fn dummy(ty: &Type) -> Value {
    match ty {
        Type::Int => Value::Int(0),
        Type::Float => Value::Float(0.0),
        Type::Bool => Value::Bool(false),
        Type::DateTime => Value::DateTime(haven_model::DateTime::EPOCH),
        Type::Ref(_) => Value::Ref(RefId::NULL),
        Type::Enum(meta) => Value::from(meta.values[0]),
        Type::Set(_) => Value::Set(Vec::new()),
        Type::Map(..) | Type::Record(_) => Value::Map(Default::default()),
        Type::Option(_) => Value::Nil,
        Type::String => Value::from(""),
    }
}

#[test]
fn every_message_asks_for_the_role_that_xenapi_says_and_no_lower_one_may_call_it() {
    let facts = facts();
    let order: Vec<&str> =
        facts["roles"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    let session = Value::Ref(RefId(1));
    let mut cells = 0;
    for method in Registry::standard().methods() {
        let role =
            expected(&facts, method).unwrap_or_else(|| panic!("no facts of {}", method.name));
        assert_eq!(method.role.as_str(), role, "{}", method.name);
        if method.state == Lifecycle::Removed || !method.needs_session {
            continue;
        }
        let params = method.params.iter().map(|param| dummy(&param.ty));
        let params = std::iter::once(session.clone()).chain(params).collect();
        let request = Request { name: method.name.clone(), params };
        let Ok(Resolved::Call(call)) = Registry::standard().resolve(request) else {
            panic!("{} does not take its own types", method.name)
        };
        let needed = order.iter().position(|name| *name == role);
        for (rank, name) in order.iter().enumerate() {
            let allowed = rbac::check(RoleLevel::from_name(name).unwrap(), &call).is_ok();
            // The first of the list may most; what is for root alone is not in it.
            assert_eq!(
                allowed,
                needed.is_some_and(|needed| rank <= needed),
                "{} as {name}",
                method.name
            );
            cells += 1;
        }
        assert!(rbac::check(RoleLevel::LocalRootOnly, &call).is_ok(), "root: {}", method.name);
    }
    assert!(cells > 14_000, "{cells}");
}
