//! Machines out of templates.

use haven_model::{RefId, Value};

use super::Entry;
use crate::facts::CommandSpec;
use crate::failure::Failure;
use crate::record::class;
use crate::run::{Object, Run, as_ref};

pub(super) const COMMANDS: &[Entry] =
    &[("vm-install", install, "Makes a machine out of a template; prints its uuid.")];

const DESCRIPTION: &str = "Installed with xe";

fn install(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let name = run.args.required("new-name-label")?.to_owned();
    let template = template(run)?;
    if !template.is("is_a_template") {
        return Err(Failure::text("That is no template"));
    }
    let sr = repository(run, &template)?;
    let disks_on = disks_on(run, &template, sr)?;
    let params = vec![Value::Ref(template.id), Value::from(name)];
    let vm = match sr {
        Some(sr) => run.long("VM.copy", [params, vec![Value::Ref(sr)]].concat())?,
        None => run.long("VM.clone", params)?,
    };
    let vm = Value::Ref(as_ref(&vm));
    match finish(run, &vm, &template, sr, &disks_on) {
        Ok(uuid) => {
            run.printer.value(uuid.clone(), uuid.into());
            Ok(())
        }
        Err(failure) => {
            // Nothing by halves.
            let _destroyed = run.call("VM.destroy", vec![vm]);
            Err(failure)
        }
    }
}

fn finish(
    run: &mut Run<'_>,
    vm: &Value,
    template: &Object,
    sr: Option<RefId>,
    disks_on: &str,
) -> Result<String, Failure> {
    let with = |value: Value| vec![vm.clone(), value];
    run.call("VM.set_name_description", with(Value::from(DESCRIPTION)))?;
    let suspend = sr.unwrap_or_else(|| template.reference("suspend_SR"));
    run.call("VM.set_suspend_SR", with(Value::Ref(suspend)))?;
    let config = run.call("VM.get_other_config", vec![vm.clone()])?;
    if let Some(disks) = config.member("disks").map(ToString::to_string) {
        let disks = on_repository(&disks, disks_on);
        run.call("VM.remove_from_other_config", with(Value::from("disks")))?;
        let pair = vec![vm.clone(), Value::from("disks"), Value::from(disks)];
        run.call("VM.add_to_other_config", pair)?;
    }
    match run.long("VM.provision", vec![vm.clone()]) {
        // A template without a plan for disks has nothing to provision.
        Err(failure)
            if failure.is_api(haven_model::codes::NOT_IMPLEMENTED)
                && config.member("disks").is_none() => {}
        other => drop(other?),
    }
    if let Some(uuid) = run.args.get("copy-bios-strings-from").map(str::to_owned) {
        let host = run.by_uuid("host", &uuid)?;
        run.call("VM.copy_bios_strings", with(Value::Ref(host.id)))?;
    }
    Ok(run.call("VM.get_uuid", vec![vm.clone()])?.to_string())
}

/// The plan with all its disks on another repository.
fn on_repository(disks: &str, sr: &str) -> String {
    let mut parts = disks.split("sr=\"");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once('"').map_or("", |(_, rest)| rest);
        text.extend(["sr=\"", sr, "\"", rest]);
    }
    text
}

/// The template, by uuid or name.
fn template(run: &mut Run<'_>) -> Result<Object, Failure> {
    if let Some(uuid) = run.args.get("template-uuid").map(str::to_owned) {
        return run.by_uuid("VM", &uuid).map_err(|_| Failure::text("There is no such template"));
    }
    let names = ["template-name-label", "template-name", "template"];
    let Some(wanted) = names.iter().find_map(|n| run.args.get(n)).map(str::to_owned) else {
        return Err(Failure::text(
            "Say which template: template-uuid, template-name-label or template",
        ));
    };
    let all = run.all(class("VM")?)?;
    if run.args.get("template").is_some()
        && let Some(found) = all.iter().find(|vm| vm.uuid() == wanted)
    {
        return Ok(found.clone());
    }
    let fits = |vm: &&Object| {
        vm.is("is_a_template") && !vm.is("is_control_domain") && vm.text("name_label") == wanted
    };
    let found: Vec<&Object> = all.iter().filter(fits).collect();
    match found.as_slice() {
        [] => Err(Failure::text("No template is called that")),
        [one] => Ok((*one).clone()),
        _ => Err(Failure::text("Several templates are called that: give template-uuid")),
    }
}

/// The repository that the command line names.
fn repository(run: &mut Run<'_>, template: &Object) -> Result<Option<RefId>, Failure> {
    let uuid = run.args.get("sr-uuid").map(str::to_owned);
    let name = run.args.get("sr-name-label").map(str::to_owned);
    if template.is("is_a_snapshot") && (uuid.is_some() || name.is_some()) {
        return Err(Failure::text(
            "Do not use the sr-name-label or sr-uuid argument when installing from a snapshot. By \
             default, it will install each new disk on the same SR as the corresponding snapshot \
             disks.",
        ));
    }
    let by_uuid = match uuid {
        Some(uuid) => Some(as_ref(&run.call("SR.get_by_uuid", vec![Value::from(uuid)])?)),
        None => None,
    };
    let Some(name) = name else { return Ok(by_uuid) };
    let named = run.call("SR.get_by_name_label", vec![Value::from(name)])?;
    let named: Vec<RefId> = match &named {
        Value::Set(found) => found.iter().map(as_ref).collect(),
        _ => Vec::new(),
    };
    match (named.as_slice(), by_uuid) {
        ([], _) => Err(Failure::text("No repository is called that")),
        (named, Some(sr)) if named.contains(&sr) => Ok(Some(sr)),
        (_, Some(_)) => Err(Failure::text("sr-uuid and sr-name-label name different repositories")),
        ([one], None) => Ok(Some(*one)),
        _ => Err(Failure::text("Several repositories are called that: give sr-uuid")),
    }
}

/// Uuid of the repository for disks that the template plans.
fn disks_on(run: &mut Run<'_>, template: &Object, sr: Option<RefId>) -> Result<String, Failure> {
    let default = run.pool()?.reference("default_SR");
    let found = run.named(Some("SR"), sr.unwrap_or(default));
    let plans = template.field("other_config").and_then(|map| map.field("disks"));
    match (found, plans) {
        (Some(named), _) => Ok(named.uuid),
        (None, None) => Ok(String::new()),
        (None, Some(_)) => Err(Failure::text(
            "Failed to find a valid default SR for the Pool. Please provide an sr-name-label or \
             sr-uuid parameter.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::on_repository;

    #[test]
    fn all_disks_of_a_plan_move() {
        let plan = r#"<provision><disk device="0" size="1" sr="" bootable="true"/><disk sr="x"/></provision>"#;
        let moved = on_repository(plan, "u");
        assert_eq!(moved.matches(r#"sr="u""#).count(), 2, "{moved}");
        assert!(moved.contains(r#"device="0""#) && moved.ends_with("</provision>"), "{moved}");
        assert_eq!(on_repository("<provision/>", "u"), "<provision/>");
    }
}
