//! Every message that follows from fields does what its name says, through both encodings.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test should say where it cannot go on")]

use haven_api::jsonrpc::{ReplyTo, Version};
use haven_api::{Call, Operation, Registry, Request, Resolved, coerce, dispatch, jsonrpc, xmlrpc};
use haven_model::{ApiError, RefId, Session, Type, Value, stored_classes};
use haven_pooldb::{Database, MemStore};
use proptest::prelude::*;

/// A database with one row of every class.
fn database() -> Database {
    let mut next = 1000;
    let ids = move || {
        next += 1;
        next
    };
    let mut db = Database::open(Box::new(MemStore::default()), Box::new(ids)).unwrap();
    db.transact(|tx| {
        for class in stored_classes() {
            let id = tx.new_id();
            tx.insert_row(id, (class.new_row)())?;
        }
        Ok(())
    })
    .unwrap();
    db
}

/// Some value of that type.
fn sample(ty: &Type) -> Value {
    match ty {
        Type::String => Value::from("some <text> & \"more\""),
        Type::Int => Value::Int(42),
        Type::Float => Value::Float(0.25),
        Type::Bool => Value::Bool(true),
        Type::DateTime => Value::from("20250102T03:04:05Z"),
        Type::Ref(_) => Value::Ref(RefId(77)),
        Type::Enum(meta) => Value::from(*meta.values.last().unwrap()),
        Type::Set(item) => Value::Set(vec![sample(item)]),
        Type::Map(key, value) => Value::Map([(sample(key).to_string(), sample(value))].into()),
        Type::Record(_) => Value::Map(std::collections::BTreeMap::new()),
        Type::Option(inner) => sample(inner),
    }
}

/// The request as a server gets it: through one encoding or the other.
fn on_the_wire(name: &str, params: &[Value], xml: bool) -> Request {
    if xml {
        xmlrpc::parse_call(xmlrpc::write_call(name, params).as_bytes()).unwrap()
    } else {
        jsonrpc::parse_call(jsonrpc::write_call(name, params, 1).as_bytes()).unwrap().0
    }
}

/// The answer as a client gets it.
fn back(answer: &Value, xml: bool) -> Value {
    if xml {
        return xmlrpc::parse_response(xmlrpc::write_success(answer).as_bytes()).unwrap().unwrap();
    }
    let to = ReplyTo { version: Version::V2, id: 1.into() };
    jsonrpc::parse_response(jsonrpc::write_response(&to, Ok(answer)).as_bytes()).unwrap().unwrap()
}

fn answer(db: &mut Database, call: &Call<'_>) -> Option<Result<Value, ApiError>> {
    if let Some(answer) = dispatch::read(db, call) {
        return Some(answer);
    }
    let done = db.transact(|tx| Ok(dispatch::write(tx, call))).unwrap();
    done.value
}

fn exchange(db: &mut Database, name: &str, args: &[Value], xml: bool) -> Value {
    let mut params = vec![Value::Ref(RefId(1))];
    params.extend_from_slice(args);
    let resolved = Registry::standard().resolve(on_the_wire(name, &params, xml));
    let Ok(Resolved::Call(call)) = resolved else { panic!("{name}: {resolved:?}") };
    let result = answer(db, &call).unwrap_or_else(|| panic!("{name} is not answered"));
    let value = back(&result.unwrap_or_else(|e| panic!("{name}: {e}")), xml);
    match &call.method.result {
        Some(ty) => coerce(value, ty).unwrap_or_else(|e| panic!("{name}: {e}")),
        None => value,
    }
}

/// The arguments of a message about the only row of its class.
fn arguments(db: &Database, name: &str) -> Vec<Value> {
    let method = Registry::standard().find(name).unwrap();
    let (id, row) = db.rows(method.class.name).next().unwrap();
    let own = |index: usize, name: &str| match name {
        _ if index == 0 && method.params[0].ty == *method.class.ref_type => Some(Value::Ref(id)),
        "uuid" => row.value(row.meta().index_of("uuid")?),
        "expr" => Some(Value::from("true")),
        _ => None,
    };
    let params = method.params.iter().enumerate();
    params.map(|(i, p)| own(i, p.name).unwrap_or_else(|| sample(&p.ty))).collect()
}

#[test]
fn every_message_from_fields() {
    let mut count = 0;
    for xml in [true, false] {
        let mut db = database();
        for method in Registry::standard().methods() {
            let live = method.state != haven_model::Lifecycle::Removed;
            if !live || !(method.operation.is_read() || method.operation.is_write()) {
                continue;
            }
            let args = arguments(&db, &method.name);
            exchange(&mut db, &method.name, &args, xml);
            count += 1;
            // What was set is what is got, unless it is a reference back, which nobody sets.
            if let Operation::Set(index) = method.operation {
                let field = &method.class.fields[index];
                let get = format!("{}.get_{}", method.class.name, field.name);
                if Registry::standard().find(&get).unwrap().state == haven_model::Lifecycle::Removed
                {
                    continue;
                }
                let got = exchange(&mut db, &get, &args[..1], xml);
                assert_eq!(got, coerce(args[1].clone(), &field.ty).unwrap(), "{}", method.name);
            }
        }
    }
    assert!(count > 2000, "{count}");
}

/// Anything as a parameter.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        ".{0,12}".prop_map(Value::String),
        Just(Value::from("OpaqueRef:NULL")),
        Just(Value::Ref(RefId(1001))),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Set),
            prop::collection::btree_map(".{0,6}", inner, 0..3).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever the parameters, there is an answer or an error of the catalogue, never a panic
    /// and never an internal error.
    #[test]
    fn no_parameters_confuse_it(
        which in any::<prop::sample::Index>(),
        params in prop::collection::vec(any_value(), 0..5),
    ) {
        let names: Vec<_> = Registry::standard().methods().map(|m| m.name.as_str()).collect();
        let name = (*which.get(&names)).to_owned();
        let mut params = params;
        params.insert(0, Value::Ref(RefId(1)));
        let error = match Registry::standard().resolve(Request { name, params }) {
            Ok(Resolved::Call(call)) => answer(&mut database(), &call).and_then(Result::err),
            Ok(_) => None,
            Err(error) => Some(error),
        };
        if let Some(error) = error {
            prop_assert_ne!(error.code, haven_model::codes::INTERNAL_ERROR, "{:?}", error.params);
        }
    }
}

#[test]
fn sessions_are_rows_but_no_events() {
    use haven_model::Class;
    assert!(!Session::META.events && Session::META.in_database);
}
