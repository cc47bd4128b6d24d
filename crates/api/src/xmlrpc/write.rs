//! Writing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use haven_model::{ApiError, Value};

/// `event.from` counts references in typed integers, the only ones in the protocol.
const TYPED_INTS_MEMBER: &str = "valid_ref_counts";

/// Escapes text; control characters that XML cannot carry are dropped.
fn text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(c),
            // Left as it is, every parser would turn it into a line feed.
            '\r' => out.push_str("&#13;"),
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => {}
            c => out.push(c),
        }
    }
}

/// As C's `%.16g`.
fn double(x: f64) -> String {
    if !x.is_finite() {
        return x.to_string();
    }
    let scientific = format!("{x:.15e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let decimals = usize::try_from(15 - exponent).unwrap_or(0);
        return trimmed(&format!("{x:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// One member of a struct, with its value as `write` writes it.
fn member(out: &mut String, name: &str, write: impl FnOnce(&mut String)) {
    out.push_str("<member><name>");
    text(out, name);
    out.push_str("</name><value>");
    write(out);
    out.push_str("</value></member>");
}

fn typed_ints(out: &mut String, counts: &BTreeMap<String, Value>) {
    out.push_str("<struct>");
    for (name, count) in counts {
        member(out, name, |out| {
            out.push_str("<i4>");
            text(out, &count.to_string());
            out.push_str("</i4>");
        });
    }
    out.push_str("</struct>");
}

fn value(out: &mut String, value: &Value) {
    out.push_str("<value>");
    inside(out, value);
    out.push_str("</value>");
}

/// What stands between `<value>` and `</value>`.
fn inside(out: &mut String, value: &Value) {
    match value {
        Value::Nil => out.push_str("<nil/>"),
        Value::Bool(b) => {
            out.push_str(if *b { "<boolean>1</boolean>" } else { "<boolean>0</boolean>" });
        }
        Value::Float(x) => {
            out.push_str("<double>");
            out.push_str(&double(*x));
            out.push_str("</double>");
        }
        Value::DateTime(t) => {
            // Writing to a string cannot fail.
            let _ = write!(out, "<dateTime.iso8601>{t}</dateTime.iso8601>");
        }
        Value::String(s) => text(out, s),
        Value::Int(_) | Value::Ref(_) => text(out, &value.to_string()),
        Value::Set(items) => {
            out.push_str("<array><data>");
            for item in items {
                self::value(out, item);
            }
            out.push_str("</data></array>");
        }
        Value::Map(map) => {
            out.push_str("<struct>");
            for (name, value) in map {
                // Only records are looked at by name: a map of the user may have any key.
                member(out, name, |out| inside(out, value));
            }
            out.push_str("</struct>");
        }
        Value::Record(fields) => {
            out.push_str("<struct>");
            for (name, value) in fields.iter().filter(|(_, v)| *v != Value::Nil) {
                member(out, name, |out| match value {
                    Value::Map(counts) if *name == TYPED_INTS_MEMBER => typed_ints(out, counts),
                    _ => inside(out, value),
                });
            }
            out.push_str("</struct>");
        }
    }
}

fn response(answer: &Value) -> String {
    let mut out = String::from("<?xml version=\"1.0\"?><methodResponse><params><param>");
    value(&mut out, answer);
    out.push_str("</param></params></methodResponse>");
    out
}

/// The answer to a call that went well.
#[must_use]
pub fn write_success(result: &Value) -> String {
    let mut out = String::from("<?xml version=\"1.0\"?><methodResponse><params><param>");
    out.push_str("<value><struct>");
    member(&mut out, "Status", |out| out.push_str("Success"));
    member(&mut out, "Value", |out| inside(out, result));
    out.push_str("</struct></value></param></params></methodResponse>");
    out
}

/// The answer to a call that failed.
#[must_use]
pub fn write_failure(error: &ApiError) -> String {
    let mut description = vec![Value::from(error.code)];
    description.extend(error.params.iter().map(|p| Value::from(p.as_str())));
    response(&Value::Record(vec![
        ("Status", Value::from("Failure")),
        ("ErrorDescription", Value::Set(description)),
    ]))
}

/// An answer without the status wrapper, as `system.listMethods` has it.
#[must_use]
pub fn write_bare(answer: &Value) -> String {
    response(answer)
}

/// The `result` of a task: the value alone. Clients of either encoding get this.
#[must_use]
pub fn encode_result(result: &Value) -> String {
    let mut out = String::new();
    value(&mut out, result);
    out
}

/// A call, as clients make it.
#[must_use]
pub fn write_call(name: &str, params: &[Value]) -> String {
    let mut out = String::from("<?xml version=\"1.0\"?><methodCall><methodName>");
    text(&mut out, name);
    out.push_str("</methodName><params>");
    for param in params {
        out.push_str("<param>");
        value(&mut out, param);
        out.push_str("</param>");
    }
    out.push_str("</params></methodCall>");
    out
}

#[cfg(test)]
mod tests {
    use super::double;

    #[test]
    fn doubles_as_c_writes_them() {
        for (x, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e15, "1000000000000000"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.0 / 3.0, "0.3333333333333333"),
        ] {
            assert_eq!(double(x), text);
        }
    }
}
