//! Whether a role may make a call: by message, and for some keys of maps by key.
//!
//! Owns: the rules of keys. Never knows a user or a session: a role is handed in.

use haven_model::{ApiError, RefId, RoleLevel, Value, codes};
use haven_pooldb::Image;

use crate::call::Call;
use crate::registry::{Method, Operation};

/// A key of a map that other roles may write than the map as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRule {
    /// Class on the wire; `None`: every class that has the field.
    pub class: Option<&'static str>,
    /// The map.
    pub field: &'static str,
    /// The key; one that ends in `*` stands for all that begin with what is before.
    pub key: &'static str,
    /// Least role that may write it.
    pub role: RoleLevel,
}

const fn any(field: &'static str, key: &'static str, role: RoleLevel) -> KeyRule {
    KeyRule { class: None, field, key, role }
}

const fn of(
    class: &'static str,
    field: &'static str,
    key: &'static str,
    role: RoleLevel,
) -> KeyRule {
    KeyRule { class: Some(class), field, key, role }
}

/// The rules of keys: what clients sort and label with is for everyone who operates VMs; what
/// reaches through to the hardware or the host's own files is for administrators alone.
pub const KEY_RULES: &[KeyRule] = &[
    any("other_config", "folder", RoleLevel::VmOperator),
    any("other_config", "XenCenter.CustomFields.*", RoleLevel::VmOperator),
    of("pool", "other_config", "EMPTY_FOLDERS", RoleLevel::VmOperator),
    of("network", "other_config", "XenCenterCreateInProgress", RoleLevel::VmOperator),
    of("task", "other_config", "applies_to", RoleLevel::VmOperator),
    of("task", "other_config", "XenCenterUUID", RoleLevel::VmOperator),
    of("task", "other_config", "XenCenterMeddlingActionTitle", RoleLevel::VmOperator),
    of("VM", "other_config", "pci", RoleLevel::PoolAdmin),
    of("VM", "platform", "hvm_serial", RoleLevel::PoolAdmin),
];

fn rule(class: &str, field: &str, key: &str) -> Option<&'static KeyRule> {
    KEY_RULES.iter().find(|rule| {
        let fits = match rule.key.strip_suffix('*') {
            Some(start) => key.starts_with(start),
            None => rule.key == key,
        };
        fits && rule.field == field && rule.class.is_none_or(|named| named == class)
    })
}

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// Least role.
    pub role: RoleLevel,
    /// Its name as a permission: the message in lower case, with the key that decided.
    pub permission: String,
}

/// The least role that may make this call.
#[must_use]
pub fn needed(call: &Call<'_>) -> Needed {
    let method = call.method;
    let whole = || Needed { role: method.role, permission: method.name.to_lowercase() };
    let (Operation::AddTo(index) | Operation::RemoveFrom(index)) = method.operation else {
        return whole();
    };
    let field = method.class.fields.get(index).map_or("", |field| field.name);
    let key = call.args.value(1).map(ToString::to_string).unwrap_or_default();
    match rule(method.class.name, field, &key) {
        None => whole(),
        Some(rule) => Needed {
            role: rule.role,
            permission: format!("{}/key:{}", method.name.to_lowercase(), rule.key),
        },
    }
}

/// Whether `role` may make this call.
///
/// # Errors
/// `RBAC_PERMISSION_DENIED` with the permission that is missing.
pub fn check(role: RoleLevel, call: &Call<'_>) -> Result<(), ApiError> {
    let needed = needed(call);
    if role.permits(needed.role) { Ok(()) } else { Err(denied(role, &needed)) }
}

/// The refusal.
#[must_use]
pub fn denied(role: RoleLevel, needed: &Needed) -> ApiError {
    let why = format!("the role {} is needed, the session has {}", name(needed.role), name(role));
    ApiError::with(codes::RBAC_PERMISSION_DENIED, &[&needed.permission, &why])
}

fn name(role: RoleLevel) -> &'static str {
    match role {
        RoleLevel::Nobody => "none",
        RoleLevel::LocalRootOnly => "root",
        other => other.as_str(),
    }
}

/// Whether the method writes a map as a whole some of whose keys are for a higher role.
#[must_use]
pub fn has_guarded_keys(method: &Method) -> bool {
    guarded(method).next().is_some()
}

fn guarded(method: &Method) -> impl Iterator<Item = &'static KeyRule> {
    let field = match method.operation {
        Operation::Set(index) => method.class.fields.get(index).map_or("", |field| field.name),
        _ => "",
    };
    let (class, role) = (method.class.name, method.role);
    KEY_RULES.iter().filter(move |rule| {
        rule.field == field && rule.class.is_none_or(|named| named == class) && rule.role > role
    })
}

/// Whether `role` may write the map as a whole: keys that are for a higher role must stay as
/// they are.
///
/// # Errors
/// `RBAC_PERMISSION_DENIED` with the key.
pub fn check_whole(role: RoleLevel, image: &Image, call: &Call<'_>) -> Result<(), ApiError> {
    let Operation::Set(index) = call.method.operation else { return Ok(()) };
    let (Ok(Value::Ref(id)), Ok(Value::Map(new))) = (call.args.value(0), call.args.value(1)) else {
        return Ok(());
    };
    let old = image.row(call.method.class.name, RefId(id.0)).and_then(|row| row.value(index));
    let Some(Value::Map(old)) = old else { return Ok(()) };
    for rule in guarded(call.method) {
        if old.get(rule.key) != new.get(rule.key) && !role.permits(rule.role) {
            let permission = format!("{}/key:{}", call.method.name.to_lowercase(), rule.key);
            return Err(denied(role, &Needed { role: rule.role, permission }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use haven_model::{RoleLevel, Value};

    use super::{check, needed};
    use crate::{Registry, Request, Resolved};

    const SESSION: &str = "OpaqueRef:00000000-0000-0000-0000-000000000001";

    fn role(name: &str, key: &str) -> RoleLevel {
        let mut params = vec![Value::from(SESSION), Value::from("OpaqueRef:NULL"), key.into()];
        if name.contains("add_to") {
            params.push(Value::from("x"));
        }
        let request = Request { name: name.to_owned(), params };
        match Registry::standard().resolve(request).unwrap() {
            Resolved::Call(call) => {
                let found = needed(&call).role;
                assert!(check(found, &call).is_ok());
                assert!(check(RoleLevel::ReadOnly, &call).is_err());
                found
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn some_keys_are_for_others_than_their_map() {
        for (name, key, expected) in [
            ("pool.add_to_other_config", "x", RoleLevel::PoolOperator),
            ("pool.add_to_other_config", "folder", RoleLevel::VmOperator),
            ("pool.remove_from_other_config", "folder", RoleLevel::VmOperator),
            ("pool.add_to_other_config", "XenCenter.CustomFields.owner", RoleLevel::VmOperator),
            ("VM.add_to_other_config", "x", RoleLevel::VmAdmin),
            ("VM.add_to_other_config", "pci", RoleLevel::PoolAdmin),
            ("VM.add_to_platform", "hvm_serial", RoleLevel::PoolAdmin),
            ("VM.add_to_platform", "acpi", RoleLevel::VmAdmin),
        ] {
            assert_eq!(role(name, key), expected, "{name} {key}");
        }
    }
}
