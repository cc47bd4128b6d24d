//! The model says what XenAPI says: every class, field, type, default, qualifier, role,
//! lifecycle, enum, relation, error and alert against XenAPI's own list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use haven_model::alerts::ALERTS;
use haven_model::errors::ERRORS;
use haven_model::relations::{ONE_SIDED, RELATIONS};
use haven_model::{CLASSES, Class, ClassMeta, FieldMeta, Qualifier, RoleLevel, Value, Vm};
use serde_json::Value as Json;

static FACTS: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_str(include_str!("xenapi.json")).unwrap_or_default());

fn list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or("")
}

fn flag(json: &Json, key: &str) -> bool {
    json.get(key).and_then(Json::as_bool).unwrap_or(false)
}

fn by_name(items: &[Json]) -> BTreeMap<&str, &Json> {
    items.iter().map(|i| (text(i, "name"), i)).collect()
}

/// The facts write ints as digits and floats as they come.
fn default_text(value: &Value) -> Json {
    match value {
        Value::Int(n) => Json::String(n.to_string()),
        #[expect(clippy::cast_possible_truncation, reason = "defaults are small whole numbers")]
        Value::Float(x) => Json::from(*x as i64),
        Value::Set(items) => Json::Array(items.iter().map(default_text).collect()),
        Value::DateTime(t) if t.0 == 0 => Json::from("19700101T00:00:00Z"),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

fn check_field(class: &str, ours: &FieldMeta, theirs: &Json) {
    let id = format!("{class}.{}", ours.name);
    assert_eq!(ours.ty.to_string(), text(theirs, "type"), "type of {id}");
    let qualifier = match ours.qualifier {
        Qualifier::Rw => "RW",
        Qualifier::StaticRo => "StaticRO",
        Qualifier::DynamicRo => "DynamicRO",
    };
    assert_eq!(qualifier, text(theirs, "qualifier"), "qualifier of {id}");
    assert_eq!(ours.set_role.as_str(), text(theirs, "set_role"), "role of {id}");
    let state = theirs.get("state").and_then(Json::as_str).unwrap_or("published");
    assert_eq!(ours.state.as_str(), state, "state of {id}");
    assert_eq!(ours.custom_setter, flag(theirs, "custom_setter"), "setter of {id}");
    let default = ours.default.map(|f| default_text(&f()));
    assert_eq!(default.as_ref(), theirs.get("default"), "default of {id}");
}

fn check_class(ours: &ClassMeta, theirs: &Json) {
    assert_eq!(ours.state.as_str(), text(theirs, "state"), "state of {}", ours.name);
    assert_eq!(ours.events, flag(theirs, "events"), "events of {}", ours.name);
    assert_eq!(ours.in_database, flag(theirs, "in_database"), "rows of {}", ours.name);
    let public: Vec<_> = ours.fields.iter().filter(|f| !f.internal).collect();
    let names: Vec<_> = public.iter().map(|f| f.name).collect();
    let expected: Vec<_> = list(theirs, "fields").iter().map(|f| text(f, "name")).collect();
    assert_eq!(names, expected, "fields of {}", ours.name);
    for (field, facts) in public.iter().zip(list(theirs, "fields")) {
        check_field(ours.name, field, facts);
    }
}

#[test]
fn classes_and_fields() {
    let facts = list(&FACTS, "classes");
    assert_eq!(CLASSES.len(), facts.len());
    for (ours, theirs) in CLASSES.iter().zip(facts) {
        assert_eq!(ours.name, text(theirs, "name"));
        check_class(ours, theirs);
    }
}

#[test]
fn enums() {
    let ours: BTreeMap<_, _> =
        haven_model::ENUMS.iter().copied().flatten().map(|e| (e.name, e.values)).collect();
    let theirs = by_name(list(&FACTS, "enums"));
    assert_eq!(ours.len(), theirs.len());
    for (name, facts) in theirs {
        let values: Vec<_> = list(facts, "values").iter().filter_map(Json::as_str).collect();
        assert_eq!(ours.get(name).copied(), Some(values.as_slice()), "{name}");
    }
}

#[test]
fn relations() {
    let ours: BTreeSet<_> = RELATIONS
        .iter()
        .map(|r| (format!("{}.{}", r.class, r.field), format!("{}.{}", r.target, r.back)))
        .collect();
    let mut theirs = BTreeSet::new();
    for pair in list(&FACTS, "relations") {
        let [a, b] = pair.as_array().map(Vec::as_slice).unwrap_or(&[]) else { panic!("{pair}") };
        let (a, b) = (a.as_str().unwrap(), b.as_str().unwrap());
        if a == b {
            assert!(ONE_SIDED.iter().any(|(c, f)| format!("{c}.{f}") == a), "{a}");
        } else {
            theirs.insert((a.to_owned(), b.to_owned()));
        }
    }
    assert_eq!(ours, theirs);
    for relation in RELATIONS {
        for (class, field, other) in [
            (relation.class, relation.field, relation.target),
            (relation.target, relation.back, relation.class),
        ] {
            let meta = haven_model::class_named(class).expect(class);
            let ty = meta.field(field).expect(field).ty.to_string();
            let refers = ty == format!("ref {other}") || ty == format!("set(ref {other})");
            assert!(refers, "{class}.{field}: {ty}");
        }
    }
}

#[test]
fn errors() {
    let ours: BTreeMap<_, _> =
        ERRORS.iter().copied().flatten().map(|e| (e.code, e.params)).collect();
    for theirs in list(&FACTS, "errors") {
        let params: Vec<_> = list(theirs, "params").iter().filter_map(Json::as_str).collect();
        let name = text(theirs, "name");
        assert_eq!(ours.get(name).copied(), Some(params.as_slice()), "{name}");
    }
    let own = ERRORS.last().map_or(&[][..], |area| area);
    for code in ours.keys() {
        let theirs = list(&FACTS, "errors").iter().any(|error| text(error, "name") == *code);
        // XenServer's storage manager numbers its errors; the list has the numbers apart.
        let storage = code.starts_with("SR_BACKEND_FAILURE_");
        assert!(theirs || storage || own.iter().any(|error| error.code == *code), "{code}");
    }
}

#[test]
fn alerts() {
    let ours: Vec<_> = ALERTS.iter().map(|a| (a.name, a.priority)).collect();
    let theirs: Vec<_> = list(&FACTS, "alert_messages")
        .iter()
        .map(|a| (text(a, "name"), a.get("priority").and_then(Json::as_i64).unwrap_or(0)))
        .collect();
    assert_eq!(ours, theirs);
}

#[test]
fn roles() {
    let ours: Vec<_> = RoleLevel::GRANTABLE.iter().map(|r| r.as_str()).collect();
    let theirs: Vec<_> = list(&FACTS, "roles").iter().filter_map(Json::as_str).collect();
    assert_eq!(ours, theirs);
    assert!(RoleLevel::PoolAdmin.permits(RoleLevel::VmOperator));
    assert!(!RoleLevel::VmOperator.permits(RoleLevel::VmAdmin));
    assert!(!RoleLevel::PoolAdmin.permits(RoleLevel::LocalRootOnly));
    assert!(!RoleLevel::LocalRootOnly.permits(RoleLevel::Nobody));
}

/// Every field of every class survives a trip through values, and defaults are what they claim.
#[test]
fn defaults_agree_with_rows() {
    for meta in CLASSES {
        let row = (meta.new_row)();
        let mut copy = (meta.new_row)();
        for (index, field) in meta.fields.iter().enumerate() {
            let value = row.value(index).expect("field exists");
            if let Some(default) = field.default {
                assert_eq!(value, default(), "{}.{}", meta.name, field.name);
            }
            copy.set_value(index, value).expect("field exists").expect("own value fits");
        }
        assert!(row.same(copy.as_ref()), "{}", meta.name);
    }
}

#[test]
fn records_are_read_back() {
    let vm = Vm { name_label: "a".into(), vcpus_max: 4, ..Vm::default() };
    let record = haven_model::record(&vm);
    let json: Value = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    let row = haven_model::row_from_record(Vm::META, json).unwrap();
    assert_eq!(row.as_any().downcast_ref::<Vm>(), Some(&vm));
}

/// The reference pages are made of these.
#[test]
fn everything_is_documented() {
    for meta in haven_model::ENUMS.iter().copied().flatten() {
        assert!(meta.doc.trim().ends_with('.') && !meta.doc.contains(meta.name), "{}", meta.name);
    }
    for class in CLASSES.iter().chain(haven_model::haven::HAVEN_CLASSES) {
        assert!(class.doc.trim().ends_with('.'), "{}", class.name);
        for field in class.fields {
            let doc = field.doc.trim();
            assert!(doc.ends_with('.') && doc.len() > 4, "{}.{}: {doc}", class.name, field.name);
        }
    }
}
