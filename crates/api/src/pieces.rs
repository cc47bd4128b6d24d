//! Long answers in pieces: each is made when it is taken, so that nobody holds a whole list as text.

use std::collections::btree_map;
use std::vec;

use haven_model::{Sink, Value};

/// A piece is about so long.
const PIECE_BYTES: usize = 32 << 10;
/// Room for what goes beyond: the longest usual row.
const SPARE_BYTES: usize = 16 << 10;

/// A sink whose text can be taken away.
pub(crate) trait TextSink: Sink + Send {
    /// What was written since it was taken last.
    fn text_mut(&mut self) -> &mut String;
}

/// The text of an answer, in pieces. Text of several pieces is the same as that in one.
pub struct Pieces {
    sink: Box<dyn TextSink>,
    value: Option<Value>,
    open: Vec<Open>,
    after: Option<String>,
}

/// A container that is being written.
enum Open {
    Set(vec::IntoIter<Value>),
    Map(btree_map::IntoIter<String, Value>),
    Record(vec::IntoIter<(&'static str, Value)>),
}

impl Pieces {
    /// What `sink` holds already, then `value`, then `after`.
    pub(crate) fn new(sink: Box<dyn TextSink>, value: Value, after: String) -> Self {
        Self { sink, value: Some(value), open: Vec::new(), after: Some(after) }
    }

    /// Whether everything was taken.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.after.is_none()
    }

    /// Begins a value; what holds others is only opened.
    fn begin(&mut self, value: Value) {
        match value {
            Value::Set(items) => {
                self.sink.begin_set();
                self.open.push(Open::Set(items.into_iter()));
            }
            Value::Map(map) => {
                self.sink.begin_map();
                self.open.push(Open::Map(map.into_iter()));
            }
            Value::Record(fields) => {
                self.sink.begin_map();
                self.open.push(Open::Record(fields.into_iter()));
            }
            other => other.write(self.sink.as_mut()),
        }
    }

    /// Writes a bit more; false: there is nothing more.
    fn step(&mut self) -> bool {
        if let Some(value) = self.value.take() {
            self.begin(value);
            return true;
        }
        let Some(open) = self.open.last_mut() else { return false };
        let sink = self.sink.as_mut();
        let next = match open {
            Open::Set(items) => items.next().inspect(|_| sink.item()),
            Open::Map(map) => map.next().map(|(key, value)| {
                sink.key(&key);
                value
            }),
            Open::Record(fields) => fields.find(|(_, v)| *v != Value::Nil).map(|(name, value)| {
                sink.member(name);
                value
            }),
        };
        match (next, &open) {
            (Some(value), _) => self.begin(value),
            (None, Open::Set(_)) => {
                sink.end_set();
                self.open.pop();
            }
            (None, Open::Map(_) | Open::Record(_)) => {
                sink.end_map();
                self.open.pop();
            }
        }
        true
    }
}

impl Iterator for Pieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.after.as_ref()?;
        while self.sink.text_mut().len() < PIECE_BYTES {
            if !self.step() {
                let mut text = std::mem::take(self.sink.text_mut());
                text += &self.after.take().unwrap_or_default();
                return Some(text);
            }
        }
        let room = String::with_capacity(PIECE_BYTES + SPARE_BYTES);
        Some(std::mem::replace(self.sink.text_mut(), room))
    }
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pieces").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use haven_model::{SharedRow, Vm};
    use serde_json::json;

    use super::*;
    use crate::{jsonrpc, xmlrpc};

    fn values() -> Vec<Value> {
        let row = |number: u32| {
            let vm = Vm { name_label: format!("vm <{number}> \"x\""), ..Vm::default() };
            Value::Row(SharedRow(Arc::new(vm)))
        };
        let list: BTreeMap<String, Value> =
            (0..400).map(|number| (format!("OpaqueRef:&{number}"), row(number))).collect();
        let events = Value::Record(vec![
            ("events", Value::Set((0..200).map(row).collect())),
            ("nothing", Value::Nil),
            ("valid_ref_counts", Value::Map(BTreeMap::from([("vm".into(), Value::Int(3))]))),
            ("token", Value::from("1,2")),
        ]);
        let nested =
            Value::Set(vec![Value::Set(Vec::new()), Value::Nil, Value::Map(BTreeMap::new())]);
        vec![Value::Map(list), events, nested, Value::Nil, Value::from("text"), row(7)]
    }

    #[test]
    fn pieces_make_the_text_that_is_written_at_once() {
        let to = jsonrpc::ReplyTo { version: jsonrpc::Version::V2, id: json!(7) };
        for value in values() {
            let whole = jsonrpc::write_response(&to, Ok(&value));
            let pieces: Vec<String> = jsonrpc::pieces(&to, value.clone()).collect();
            assert_eq!(pieces.concat(), whole);
            let longest = pieces.iter().map(String::len).max().unwrap_or_default();
            assert!(longest < PIECE_BYTES + SPARE_BYTES, "{longest}");
            let pieces: Vec<String> = xmlrpc::pieces(value.clone()).collect();
            assert_eq!(pieces.concat(), xmlrpc::write_success(&value));
        }
        assert!(jsonrpc::pieces(&to, values().remove(0)).count() > 10);
    }

    #[test]
    fn a_short_answer_is_one_piece() {
        let mut pieces = xmlrpc::pieces(Value::from("text"));
        assert!(!pieces.is_over());
        assert!(pieces.next().is_some());
        assert!(pieces.is_over());
        assert!(pieces.next().is_none());
    }
}
