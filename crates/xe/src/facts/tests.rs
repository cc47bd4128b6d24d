use std::collections::BTreeSet;

use haven_api::Registry;
use haven_model::{Type, class_named};

use super::{ACTIONS, Kind, Source, command, commands, lines, record_classes};
use crate::action::{Action, Argument};
use crate::commands::names;

/// All lines of the file of classes were understood.
#[test]
fn every_class_has_all_its_fields() {
    let fields: usize = record_classes().iter().map(|class| class.fields.len()).sum();
    let written = lines(super::CLASSES)
        .filter(|l| !["record ", "where ", "list "].iter().any(|word| l.starts_with(word)))
        .count();
    let vm = record_classes().iter().find(|class| class.name == "vm").unwrap().fields.len();
    assert_eq!((record_classes().len(), fields), (55, written + 2 * vm));
}

/// What `xe` can set, the API can set too.
#[test]
fn every_writable_field_has_its_messages() {
    let registry = Registry::standard();
    let mut missing = Vec::new();
    for class in record_classes() {
        for field in class.fields.iter().filter(|field| field.writable) {
            let Source::Own(meta) = field.source else { continue };
            let verbs: &[&str] = match field.kind {
                Kind::One => &["set"],
                Kind::Set => &["add", "remove"],
                Kind::Map => &["add_to", "remove_from"],
            };
            // Else the whole set or map is written.
            let whole = format!("{}.set_{}", class.meta.name, meta.name);
            for verb in verbs {
                let method = format!("{}.{verb}_{}", class.meta.name, meta.name);
                let single = method.trim_end_matches('s').to_owned();
                if [&method, &single, &whole].iter().all(|name| registry.find(name).is_none()) {
                    missing.push(format!("{} {}: {method}", class.name, field.name));
                }
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

fn sources(argument: &Argument, ty: Type, problems: &mut Vec<String>) {
    if let Argument::Record(fields) = argument {
        let Type::Record(class) = ty else {
            problems.push(format!("{ty} is no record"));
            return;
        };
        for (field, _) in fields {
            if class_named(class).and_then(|meta| meta.field(field)).is_none() {
                problems.push(format!("{class} has no field {field}"));
            }
        }
    }
}

#[test]
fn every_action_fits_its_command_and_its_message() {
    let registry = Registry::standard();
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for line in lines(ACTIONS) {
        let (name, text) = line.split_once(" = ").unwrap();
        assert!(seen.insert(name), "{name} twice");
        let Some(action) = Action::read(text) else {
            problems.push(format!("{name}: not understood"));
            continue;
        };
        if command(name).is_none() {
            problems.push(format!("{name}: no such command"));
        }
        let Some(method) = registry.find(action.method) else {
            problems.push(format!("{name}: no message {}", action.method));
            continue;
        };
        let given = action.arguments.len();
        if given < method.required() || given > method.params.len() {
            problems.push(format!("{name}: {given} arguments for {}", action.method));
        }
        for (argument, param) in action.arguments.iter().zip(&method.params) {
            let mut found = Vec::new();
            sources(argument, param.ty, &mut found);
            problems.extend(found.iter().map(|problem| format!("{name}: {problem}")));
        }
    }
    assert_eq!(problems, Vec::<String>::new());
}

/// Each command is carried out in exactly one way; those in none are known.
#[test]
fn what_is_not_built_is_known() {
    let by_hand: BTreeSet<&str> = names().collect();
    for name in &by_hand {
        let spec = command(name).unwrap_or_else(|| panic!("no command {name}"));
        assert!(spec.action.is_none(), "{name} in two ways");
    }
    let unbuilt: Vec<&str> = commands()
        .filter(|c| c.generated.is_none() && c.action.is_none())
        .map(|c| c.name.as_str())
        .filter(|name| !by_hand.contains(name))
        .collect();
    assert_eq!(unbuilt, UNBUILT);
}

/// Commands that answer NOT_IMPLEMENTED before they ask anybody.
const UNBUILT: &[&str] = &[
    "blob-create",
    "blob-get",
    "blob-put",
    "caller-query-usage",
    "diagnostic-net-stats",
    "host-notify",
    "host-signal-networking-change",
    "host-update-firewalld-service-status",
    "hostdriver-select",
    "observer-create",
    "patch-upload",
    "pool-retrieve-wlb-diagnostics",
    "pool-retrieve-wlb-report",
    "pool-sync-bundle",
    "update-upload",
];
