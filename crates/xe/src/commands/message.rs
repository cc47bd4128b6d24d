//! Alerts, users and their roles.

use std::collections::BTreeMap;

use haven_model::Value;

use super::Entry;
use crate::facts::CommandSpec;
use crate::failure::Failure;
use crate::run::{Run, as_ref};

pub(super) const COMMANDS: &[Entry] = &[
    ("message-create", create, "Makes an alert about a machine, host, repository or the pool."),
    ("message-destroy", destroy, "Removes alerts."),
    ("message-destroy-all", destroy_all, "Removes all alerts before, after or of a priority."),
    ("subject-role-add", role_add, "Gives a user or group a role."),
    ("subject-role-remove", role_remove, "Takes a role from a user or group."),
    ("subject-add", subject_add, "Lets a user or group of the directory in; prints its uuid."),
    (
        "session-subject-identifier-logout-all",
        logout_all,
        "Ends the sessions of all users of the directory.",
    ),
    ("appliance-shutdown", appliance_shutdown, "Shuts an appliance down; --force switches it off."),
];

fn create(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let wrong = || Failure::text("priority is a number from 1 (worst) to 5");
    let priority: i64 = run.args.required("priority")?.parse().map_err(|_| wrong())?;
    let about =
        [("vm-uuid", "VM"), ("pool-uuid", "Pool"), ("sr-uuid", "SR"), ("host-uuid", "Host")];
    let about = about.iter().find_map(|(param, class)| Some((run.args.get(param)?, *class)));
    let Some((uuid, class)) = about.map(|(uuid, class)| (uuid.to_owned(), class)) else {
        return Err(Failure::text(
            "Say what it is about: vm-uuid, host-uuid, sr-uuid or pool-uuid",
        ));
    };
    let params = vec![
        Value::from(run.args.required("name")?),
        Value::Int(priority),
        Value::from(class),
        Value::from(uuid),
        Value::from(run.args.required("body")?),
    ];
    run.call("message.create", params).map(drop)
}

fn destroy(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let uuids: Vec<String> = match (run.args.get("uuid"), run.args.get("uuids")) {
        (Some(uuid), None) => vec![uuid.to_owned()],
        (None, Some(uuids)) => uuids.split(',').map(str::to_owned).collect(),
        (Some(_), Some(_)) => {
            return Err(Failure::text("Give uuid or uuids, not both"));
        }
        (None, None) => return Err(Failure::text("Give uuid or uuids")),
    };
    let mut messages = Vec::new();
    for uuid in uuids {
        messages.push(run.call("message.get_by_uuid", vec![Value::from(uuid)])?);
    }
    match messages.as_slice() {
        [one] => run.call("message.destroy", vec![one.clone()]).map(drop),
        _ => run.call("message.destroy_many", vec![Value::Set(messages)]).map(drop),
    }
}

fn destroy_all(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let mut filters = BTreeMap::new();
    for name in ["before", "after", "priority"] {
        if let Some(text) = run.args.get(name) {
            if name == "priority" && text.parse::<u64>().is_err() {
                return Err(Failure::text("priority is a number from 1 (worst) to 5"));
            }
            filters.insert(name.to_owned(), Value::from(text));
        }
    }
    run.call("message.destroy_all", vec![Value::Map(filters)]).map(drop)
}

fn change_role(run: &mut Run<'_>, method: &str) -> Result<(), Failure> {
    let subject = run.args.required("uuid")?.to_owned();
    let subject = run.call("subject.get_by_uuid", vec![Value::from(subject)])?;
    let role = match (run.args.get("role-name"), run.args.get("role-uuid")) {
        (None, None) => return Err(Failure::Missing("role-name or role-uuid".to_owned())),
        (Some(_), Some(_)) => {
            return Err(Failure::text("Give role-name or role-uuid, not both"));
        }
        (None, Some(uuid)) => {
            let uuid = Value::from(uuid);
            run.call("role.get_by_uuid", vec![uuid])?
        }
        (Some(name), None) => {
            let name = name.to_owned();
            let found = run.call("role.get_by_name_label", vec![Value::from(name.as_str())])?;
            match &found {
                Value::Set(found) if !found.is_empty() => Value::Ref(as_ref(&found[0])),
                _ => return Err(Failure::text(format!("Role {name} not found"))),
            }
        }
    };
    run.call(method, vec![subject, role]).map(drop)
}

fn role_add(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    change_role(run, "subject.add_to_roles")
}

fn role_remove(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    change_role(run, "subject.remove_from_roles")
}

fn subject_add(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let name = Value::from(run.args.required("subject-name")?);
    let id = run.call("auth.get_subject_identifier", vec![name])?;
    let info = run.call("auth.get_subject_information_from_identifier", vec![id.clone()])?;
    let record =
        BTreeMap::from([("subject_identifier".to_owned(), id), ("other_config".to_owned(), info)]);
    let made = run.call("subject.create", vec![Value::Map(record)])?;
    let uuid = run.call("subject.get_uuid", vec![made])?.to_string();
    run.printer.value(uuid.clone(), uuid.into());
    Ok(())
}

fn logout_all(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let all = run.call("session.get_all_subject_identifiers", Vec::new())?;
    let Value::Set(all) = all else { return Ok(()) };
    all.into_iter()
        .try_for_each(|id| run.call("session.logout_subject_identifier", vec![id]).map(drop))
}

fn appliance_shutdown(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let uuid = run.args.required("uuid")?.to_owned();
    let appliance = run.call("VM_appliance.get_by_uuid", vec![Value::from(uuid)])?;
    let force = run.args.flag("force")?;
    let method = if force { "VM_appliance.hard_shutdown" } else { "VM_appliance.clean_shutdown" };
    run.long(method, vec![appliance]).map(drop)
}
