//! Values as JSON text, piece by piece; the same text as serde writes.

use std::fmt::Write as _;

use haven_model::{DateTime, RefId, Sink, Value};

use crate::pieces::TextSink;

/// Writes one value behind what stands in `out`.
pub(crate) fn write(out: String, value: &Value) -> String {
    let mut sink = JsonSink { out, more: false };
    value.write(&mut sink);
    sink.out
}

/// A sink with what stands before the value.
pub(crate) fn sink(before: String) -> Box<dyn TextSink> {
    Box::new(JsonSink { out: before, more: false })
}

impl TextSink for JsonSink {
    fn text_mut(&mut self) -> &mut String {
        &mut self.out
    }
}

struct JsonSink {
    out: String,
    /// Something stands before the next item or member.
    more: bool,
}

impl JsonSink {
    fn scalar(&mut self, text: &str) {
        self.out.push_str(text);
        self.more = true;
    }

    fn open(&mut self, bracket: char) {
        self.out.push(bracket);
        self.more = false;
    }

    fn close(&mut self, bracket: char) {
        self.out.push(bracket);
        self.more = true;
    }

    fn comma(&mut self) {
        if self.more {
            self.out.push(',');
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        let mut clean = 0;
        for (at, byte) in text.bytes().enumerate() {
            let short = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                0x08 => "\\b",
                0x0c => "\\f",
                0..=0x1f => "",
                _ => continue,
            };
            self.out.push_str(text.get(clean..at).unwrap_or_default());
            self.out.push_str(short);
            if short.is_empty() {
                // Writing to a string cannot fail; the same below.
                let _ = write!(self.out, "\\u{byte:04x}");
            }
            clean = at + 1;
        }
        self.out.push_str(text.get(clean..).unwrap_or_default());
        self.out.push('"');
    }

    /// What needs no escapes.
    fn plain(&mut self, value: impl std::fmt::Display) {
        let _ = write!(self.out, "\"{value}\"");
        self.more = true;
    }
}

impl Sink for JsonSink {
    fn nil(&mut self) {
        self.scalar("null");
    }
    fn bool(&mut self, truth: bool) {
        self.scalar(if truth { "true" } else { "false" });
    }
    fn int(&mut self, number: i64) {
        let _ = write!(self.out, "{number}");
        self.more = true;
    }
    fn float(&mut self, number: f64) {
        // JSON has no spelling for what is no number: serde's form of a value has one.
        let text = serde_json::to_string(&Value::Float(number));
        self.scalar(&text.unwrap_or_default());
    }
    fn text(&mut self, text: &str) {
        self.quoted(text);
        self.more = true;
    }
    fn datetime(&mut self, time: DateTime) {
        self.plain(time);
    }
    fn reference(&mut self, reference: RefId) {
        self.plain(reference);
    }
    fn begin_set(&mut self) {
        self.open('[');
    }
    fn item(&mut self) {
        self.comma();
    }
    fn end_set(&mut self) {
        self.close(']');
    }
    fn begin_map(&mut self) {
        self.open('{');
    }
    fn key(&mut self, key: &str) {
        self.comma();
        self.quoted(key);
        self.out.push(':');
    }
    fn end_map(&mut self) {
        self.close('}');
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use haven_model::{Row, SharedRow, Vm, record};

    use super::*;

    #[test]
    fn the_text_is_that_of_serde() {
        let awkward: String = (0..0x250_u32).filter_map(char::from_u32).collect();
        let vm = Vm {
            name_label: awkward.clone(),
            tags: vec!["a".into(), "\"b\"".into()],
            other_config: BTreeMap::from([(awkward, "1".into()), ("two".into(), "2".into())]),
            ..Vm::default()
        };
        let numbers = [0.0, -0.5, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let value = Value::Record(vec![
            ("row", record(&vm)),
            ("none", Value::Nil),
            ("empty", Value::Set(Vec::new())),
            ("nested", Value::Set(vec![Value::Map(BTreeMap::new()), Value::Nil, Value::Int(-7)])),
            ("numbers", Value::Set(numbers.map(Value::Float).to_vec())),
            ("when", Value::DateTime(DateTime(1_700_000_000))),
            ("what", Value::Set(vec![Value::Ref(RefId(7)), Value::Ref(RefId::NULL)])),
            ("truth", Value::Bool(true)),
        ]);
        assert_eq!(write(String::new(), &value), serde_json::to_string(&value).unwrap());
        let row: Arc<dyn Row> = Arc::new(vm);
        let shared = Value::Row(SharedRow(row.clone()));
        let expected = serde_json::to_string(&record(row.as_ref())).unwrap();
        assert_eq!(write(String::new(), &shared), expected);
    }

    #[test]
    fn every_class_is_written_as_its_record() {
        for meta in haven_model::stored_classes() {
            let row: Arc<dyn Row> = (meta.new_row)().into();
            let expected = serde_json::to_string(&record(row.as_ref())).unwrap();
            assert_eq!(
                write(String::new(), &Value::Row(SharedRow(row))),
                expected,
                "{}",
                meta.name
            );
        }
    }
}
