//! Arguments as they may be written down.

use std::collections::BTreeMap;

use haven_api::Method;
use haven_model::{Type, Value};

/// Longest argument that is kept, in characters.
const CHARS_MAX: usize = 200;
/// What stands for a secret.
const HIDDEN: &str = "(hidden)";
/// Parts of names whose values are secrets.
const SECRET_NAMES: &[&str] =
    &["pwd", "pass", "secret", "chap", "token", "private", "credential", "auth_key", "cloud-init"];

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// The arguments by name, without references (those are objects) and without secrets.
#[must_use]
pub fn arguments(method: &Method, values: &[Value]) -> BTreeMap<String, String> {
    // Of this class nothing is fit to be seen.
    let hidden = method.class.name == "secret";
    let shown = |(index, (param, value)): (usize, (&haven_api::Param, &Value))| {
        if matches!(param.ty, Type::Ref(_)) {
            return None;
        }
        // `add_to_<map>(self, key, value)`: the key says what the value is.
        let key = values.get(1).and_then(Value::as_str).filter(|_| index == 2);
        let secret = hidden || is_secret(param.name) || key.is_some_and(is_secret);
        let text = if secret { HIDDEN.to_owned() } else { text(value) };
        Some((param.name.to_owned(), shortened(text)))
    };
    method.params.iter().zip(values).enumerate().filter_map(shown).collect()
}

fn text(value: &Value) -> String {
    let pair = |name: &str, value: &Value| {
        let value = if is_secret(name) { HIDDEN.to_owned() } else { text(value) };
        format!("{name}: {value}")
    };
    match value {
        Value::Set(items) => items.iter().map(text).collect::<Vec<_>>().join("; "),
        Value::Map(map) => map.iter().map(|(k, v)| pair(k, v)).collect::<Vec<_>>().join("; "),
        Value::Record(fields) => {
            fields.iter().map(|(name, v)| pair(name, v)).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use haven_api::Registry;

    use super::*;

    fn shown(method: &str, values: &[Value]) -> BTreeMap<String, String> {
        arguments(Registry::standard().find(method).unwrap(), values)
    }

    fn map(key: &str, value: &str) -> Value {
        Value::Map(BTreeMap::from([(key.to_owned(), Value::from(value))]))
    }

    #[test]
    fn secrets_are_hidden_wherever_they_hide() {
        let null = || Value::Ref(haven_model::RefId::NULL);
        let all = [
            shown("session.change_password", &[Value::from("s3cret"), Value::from("s3cret")]),
            shown("secret.set_value", &[null(), Value::from("s3cret")]),
            shown("PBD.set_device_config", &[null(), map("chappassword", "s3cret")]),
            shown("subject.create", &[map("other_config", "x"), map("password", "s3cret")]),
            shown(
                "SR.add_to_other_config",
                &[null(), Value::from("api-token"), Value::from("s3cret")],
            ),
            shown(
                "VM.add_to_other_config",
                &[null(), Value::from("cloud-init-user-data"), Value::from("s3cret")],
            ),
            shown("pool.join", &["a", "b", "s3cret"].map(Value::from)),
        ];
        for shown in &all {
            assert!(!format!("{shown:?}").contains("s3cret"), "{shown:?}");
            assert!(!shown.is_empty());
        }
        let plain = shown("VM.add_to_other_config", &[null(), Value::from("a"), Value::from("b")]);
        assert_eq!(plain["value"], "b");
    }
}
