//! A value of any type: what travels on the wire and what the database stores.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{DateTime, RefId, Row, Sink, record};

/// One value. Enums are strings; map keys are strings, as on the wire.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Absent (`<nil/>`, JSON `null`).
    Nil,
    /// Truth.
    Bool(bool),
    /// Whole number.
    Int(i64),
    /// Real number.
    Float(f64),
    /// Text, or the name of an enum's variant.
    String(String),
    /// Point in time.
    DateTime(DateTime),
    /// Reference to a row.
    Ref(RefId),
    /// Set (an array on the wire).
    Set(Vec<Value>),
    /// Map with its keys as text.
    Map(BTreeMap<String, Value>),
    /// Record: fields in the order of their class.
    Record(Vec<(&'static str, Value)>),
    /// The record of a stored row, which is only read when it is written.
    Row(SharedRow),
}

/// A stored row as a value: cheap to hand on, the same as the [`record`] of it.
#[derive(Debug, Clone)]
pub struct SharedRow(pub Arc<dyn Row>);

impl PartialEq for SharedRow {
    fn eq(&self, other: &Self) -> bool {
        self.0.same(other.0.as_ref())
    }
}

impl Value {
    /// What a message without a result answers.
    #[must_use]
    pub const fn void() -> Self {
        Self::String(String::new())
    }

    /// The text, if this is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(s) => Some(s),
            _ => None,
        }
    }

    /// Member `name` of a record or map.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.get(name),
            Self::Record(fields) => fields.iter().find(|(n, _)| *n == name).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The same of a stored row too, of which only this field is read.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Self> {
        match self {
            Self::Row(row) => {
                let meta = row.0.meta();
                let index = meta.index_of(name)?;
                let public = meta.fields.get(index).is_some_and(|field| !field.internal);
                row.0.value(index).filter(|_| public)
            }
            other => other.member(name).cloned(),
        }
    }

    /// What kind of value this is, for messages to people.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::DateTime(_) => "datetime",
            Self::Ref(_) => "ref",
            Self::Set(_) => "set",
            Self::Map(_) => "map",
            Self::Record(_) | Self::Row(_) => "record",
        }
    }

    /// The same without stored rows: each is taken apart into its fields.
    #[must_use]
    pub fn plain(self) -> Self {
        match self {
            Self::Row(row) => record(row.0.as_ref()),
            Self::Set(items) => Self::Set(items.into_iter().map(Self::plain).collect()),
            Self::Map(map) => Self::Map(map.into_iter().map(|(k, v)| (k, v.plain())).collect()),
            Self::Record(fields) => {
                Self::Record(fields.into_iter().map(|(n, v)| (n, v.plain())).collect())
            }
            other => other,
        }
    }

    /// Writes it piece by piece.
    pub fn write(&self, sink: &mut dyn Sink) {
        match self {
            Self::Nil => sink.nil(),
            Self::Bool(b) => sink.bool(*b),
            Self::Int(n) => sink.int(*n),
            Self::Float(x) => sink.float(*x),
            Self::String(s) => sink.text(s),
            Self::DateTime(t) => sink.datetime(*t),
            Self::Ref(r) => sink.reference(*r),
            Self::Set(items) => {
                sink.begin_set();
                for item in items {
                    sink.item();
                    item.write(sink);
                }
                sink.end_set();
            }
            Self::Map(map) => {
                sink.begin_map();
                for (key, value) in map {
                    sink.key(key);
                    value.write(sink);
                }
                sink.end_map();
            }
            Self::Record(fields) => {
                sink.begin_map();
                for (name, value) in fields.iter().filter(|(_, v)| *v != Self::Nil) {
                    sink.member(name);
                    value.write(sink);
                }
                sink.end_map();
            }
            Self::Row(row) => row.0.write(sink),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}
impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

/// Scalars as text, as `get_all_records_where` and error parameters show them.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => Ok(()),
            Self::Bool(b) => b.fmt(f),
            Self::Int(n) => n.fmt(f),
            Self::Float(x) => x.fmt(f),
            Self::String(s) => f.write_str(s),
            Self::DateTime(t) => t.fmt(f),
            Self::Ref(r) => r.fmt(f),
            Self::Set(_) | Self::Map(_) | Self::Record(_) | Self::Row(_) => {
                f.write_str(self.kind())
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nil => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Int(n) => serializer.serialize_i64(*n),
            // JSON has no spelling for these; the text is read back by `f64`'s field type.
            Self::Float(x) if x.is_nan() => serializer.serialize_str("NaN"),
            Self::Float(x) if x.is_infinite() => {
                serializer.serialize_str(if *x > 0.0 { "+Inf" } else { "-Inf" })
            }
            Self::Float(x) => serializer.serialize_f64(*x),
            Self::String(s) => serializer.serialize_str(s),
            Self::DateTime(t) => t.serialize(serializer),
            Self::Ref(r) => r.serialize(serializer),
            Self::Set(items) => serializer.collect_seq(items),
            Self::Map(map) => serializer.collect_map(map),
            Self::Row(row) => record(row.0.as_ref()).serialize(serializer),
            Self::Record(fields) => serializer
                .collect_map(fields.iter().filter(|(_, v)| *v != Self::Nil).map(|(n, v)| (n, v))),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }
    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Int(n))
    }
    fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<Value, E> {
        i64::try_from(n).map(Value::Int).map_err(E::custom)
    }
    fn visit_f64<E>(self, x: f64) -> Result<Value, E> {
        Ok(Value::Float(x))
    }
    fn visit_str<E>(self, s: &str) -> Result<Value, E> {
        Ok(Value::String(s.to_owned()))
    }
    fn visit_string<E>(self, s: String) -> Result<Value, E> {
        Ok(Value::String(s))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Set(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = access.next_entry()? {
            map.insert(key, value);
        }
        Ok(Value::Map(map))
    }
}
