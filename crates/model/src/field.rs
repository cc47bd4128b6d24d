//! Types a field or parameter may have, and their conversion from and to [`Value`].
//!
//! Reading is as lenient as XenAPI's own server: whole numbers may come as digits in a string
//! (the XML-RPC encoding does that), times and references as text. Truth values may not.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Class, DateTime, Ref, RefId, Sink, Value};

/// The type of a field or parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text.
    String,
    /// 64-bit whole number.
    Int,
    /// Real number.
    Float,
    /// Truth.
    Bool,
    /// Point in time.
    DateTime,
    /// Reference to a row of the named class.
    Ref(&'static str),
    /// One of a closed list of names.
    Enum(&'static EnumMeta),
    /// Set of values.
    Set(&'static Type),
    /// Map.
    Map(&'static Type, &'static Type),
    /// A whole record of the named class.
    Record(&'static str),
    /// A value that may be absent.
    Option(&'static Type),
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::Bool => f.write_str("bool"),
            Self::DateTime => f.write_str("datetime"),
            Self::Ref(class) => write!(f, "ref {class}"),
            Self::Enum(meta) => write!(f, "enum {}", meta.name),
            Self::Set(of) => write!(f, "set({of})"),
            Self::Map(key, value) => write!(f, "map({key},{value})"),
            Self::Record(class) => write!(f, "record {class}"),
            Self::Option(of) => write!(f, "option({of})"),
        }
    }
}

/// An enum of the API.
#[derive(Debug, PartialEq, Eq)]
pub struct EnumMeta {
    /// Its name on the wire.
    pub name: &'static str,
    /// Its values, in declaration order.
    pub values: &'static [&'static str],
    /// What it says.
    pub doc: &'static str,
}

/// Why a value does not fit a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Another kind of value was expected.
    #[error("expected {expected}, got {got}")]
    Kind {
        /// What was expected.
        expected: String,
        /// What came.
        got: String,
    },
    /// A reference that is not of this server's making.
    #[error("{text:?} is no reference to a {class}")]
    Reference {
        /// Class the reference should be of.
        class: &'static str,
        /// The text that came.
        text: String,
    },
    /// The enum has no such value.
    #[error("{text:?} is no {name}")]
    Variant {
        /// Name of the enum.
        name: &'static str,
        /// The text that came.
        text: String,
    },
}

impl ValueError {
    fn kind(expected: Type, got: &Value) -> Self {
        Self::Kind { expected: expected.to_string(), got: got.kind().to_owned() }
    }
}

/// A Rust type that a field or parameter may have.
pub trait Field: Sized {
    /// Its description.
    const TYPE: Type;
    /// As a value.
    fn to_value(&self) -> Value;
    /// Writes it piece by piece: what [`Field::to_value`] would be.
    fn write(&self, sink: &mut dyn Sink) {
        self.to_value().write(sink);
    }
    /// Whether it is an option without a value, which records leave out.
    fn is_absent(&self) -> bool {
        false
    }
    /// From a value.
    ///
    /// # Errors
    /// The value does not fit.
    fn from_value(value: Value) -> Result<Self, ValueError>;
}

/// A field type that may be the key of a map.
pub trait Key: Field + Ord {
    /// The key as text.
    fn to_key(&self) -> String;
    /// Writes it as the key of a map.
    fn write_key(&self, sink: &mut dyn Sink) {
        sink.key(&self.to_key());
    }
    /// The key from text.
    ///
    /// # Errors
    /// The text does not fit.
    fn from_key(text: String) -> Result<Self, ValueError> {
        Self::from_value(Value::String(text))
    }
}

impl Field for String {
    const TYPE: Type = Type::String;
    fn to_value(&self) -> Value {
        Value::String(self.clone())
    }
    fn write(&self, sink: &mut dyn Sink) {
        sink.text(self);
    }
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value {
            Value::String(s) => Ok(s),
            // An XML-RPC client may type what looks like a number as one.
            Value::Int(_) | Value::DateTime(_) | Value::Ref(_) => Ok(value.to_string()),
            other => Err(ValueError::kind(Self::TYPE, &other)),
        }
    }
}
impl Key for String {
    fn to_key(&self) -> String {
        self.clone()
    }
    fn write_key(&self, sink: &mut dyn Sink) {
        sink.key(self);
    }
}

impl Field for i64 {
    const TYPE: Type = Type::Int;
    fn to_value(&self) -> Value {
        Value::Int(*self)
    }
    fn write(&self, sink: &mut dyn Sink) {
        sink.int(*self);
    }
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match &value {
            Value::Int(n) => Ok(*n),
            Value::String(s) => s.trim().parse().map_err(|_| ValueError::kind(Self::TYPE, &value)),
            other => Err(ValueError::kind(Self::TYPE, other)),
        }
    }
}
impl Key for i64 {
    fn to_key(&self) -> String {
        self.to_string()
    }
}

/// Counters of Haven's own tables; they never reach 2⁶³.
impl Field for u64 {
    const TYPE: Type = Type::Int;
    fn to_value(&self) -> Value {
        Value::Int(i64::try_from(*self).unwrap_or(i64::MAX))
    }
    fn from_value(value: Value) -> Result<Self, ValueError> {
        let kind = ValueError::kind(Self::TYPE, &value);
        i64::from_value(value).and_then(|n| Self::try_from(n).map_err(|_| kind))
    }
}

fn float_from_text(text: &str) -> Option<f64> {
    match text.trim() {
        "NaN" | "nan" => Some(f64::NAN),
        "+Inf" | "Inf" | "inf" | "Infinity" => Some(f64::INFINITY),
        "-Inf" | "-inf" | "-Infinity" => Some(f64::NEG_INFINITY),
        other => other.parse().ok(),
    }
}

impl Field for f64 {
    const TYPE: Type = Type::Float;
    fn to_value(&self) -> Value {
        Value::Float(*self)
    }
    fn write(&self, sink: &mut dyn Sink) {
        sink.float(*self);
    }
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match &value {
            Value::Float(x) => Ok(*x),
            #[expect(clippy::cast_precision_loss, reason = "a float field takes an int as such")]
            Value::Int(n) => Ok(*n as f64),
            Value::String(s) => {
                float_from_text(s).ok_or_else(|| ValueError::kind(Self::TYPE, &value))
            }
            other => Err(ValueError::kind(Self::TYPE, other)),
        }
    }
}

impl Field for bool {
    const TYPE: Type = Type::Bool;
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
    fn write(&self, sink: &mut dyn Sink) {
        sink.bool(*self);
    }
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value {
            Value::Bool(b) => Ok(b),
            other => Err(ValueError::kind(Self::TYPE, &other)),
        }
    }
}

impl Field for DateTime {
    const TYPE: Type = Type::DateTime;
    fn to_value(&self) -> Value {
        Value::DateTime(*self)
    }
    fn write(&self, sink: &mut dyn Sink) {
        sink.datetime(*self);
    }
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match &value {
            Value::DateTime(t) => Ok(*t),
            Value::String(s) => s.parse().map_err(|_| ValueError::kind(Self::TYPE, &value)),
            other => Err(ValueError::kind(Self::TYPE, other)),
        }
    }
}

impl<C: Class> Field for Ref<C> {
    const TYPE: Type = Type::Ref(C::NAME);
    fn to_value(&self) -> Value {
        Value::Ref(self.id())
    }
    fn write(&self, sink: &mut dyn Sink) {
        sink.reference(self.id());
    }
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value {
            Value::Ref(id) => Ok(Self::from_id(id)),
            Value::String(text) => text
                .parse::<RefId>()
                .map(Self::from_id)
                .map_err(|_| ValueError::Reference { class: C::NAME, text }),
            other => Err(ValueError::kind(Self::TYPE, &other)),
        }
    }
}
impl<C: Class> Key for Ref<C> {
    fn to_key(&self) -> String {
        self.to_string()
    }
}

impl<T: Field> Field for Vec<T> {
    const TYPE: Type = Type::Set(&T::TYPE);
    fn to_value(&self) -> Value {
        Value::Set(self.iter().map(Field::to_value).collect())
    }
    fn write(&self, sink: &mut dyn Sink) {
        sink.begin_set();
        for item in self {
            sink.item();
            item.write(sink);
        }
        sink.end_set();
    }
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value {
            Value::Set(items) => items.into_iter().map(T::from_value).collect(),
            other => Err(ValueError::kind(Self::TYPE, &other)),
        }
    }
}

impl<K: Key, V: Field> Field for BTreeMap<K, V> {
    const TYPE: Type = Type::Map(&K::TYPE, &V::TYPE);
    fn to_value(&self) -> Value {
        Value::Map(self.iter().map(|(k, v)| (k.to_key(), v.to_value())).collect())
    }
    fn write(&self, sink: &mut dyn Sink) {
        sink.begin_map();
        for (key, value) in self {
            key.write_key(sink);
            value.write(sink);
        }
        sink.end_map();
    }
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value {
            Value::Map(map) => {
                map.into_iter().map(|(k, v)| Ok((K::from_key(k)?, V::from_value(v)?))).collect()
            }
            other => Err(ValueError::kind(Self::TYPE, &other)),
        }
    }
}

impl<T: Field> Field for Option<T> {
    const TYPE: Type = Type::Option(&T::TYPE);
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Nil, Field::to_value)
    }
    fn write(&self, sink: &mut dyn Sink) {
        match self {
            Some(value) => value.write(sink),
            None => sink.nil(),
        }
    }
    fn is_absent(&self) -> bool {
        self.as_ref().is_none_or(Field::is_absent)
    }
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value {
            Value::Nil => Ok(None),
            other => T::from_value(other).map(Some),
        }
    }
}

/// An enum of the API; implemented by the `wire_enum!` macro.
pub trait WireEnum: Copy + Ord + 'static {
    /// Its description.
    const META: &'static EnumMeta;
    /// All its values, in the order of `META.values`.
    const ALL: &'static [Self];
    /// Its name on the wire.
    fn as_str(self) -> &'static str;

    /// The value of that name.
    ///
    /// # Errors
    /// There is none.
    fn from_name(text: &str) -> Result<Self, ValueError> {
        let variant = Self::ALL.iter().copied().find(|v| v.as_str() == text);
        variant.ok_or_else(|| ValueError::Variant { name: Self::META.name, text: text.to_owned() })
    }
}

impl<E: WireEnum> Field for E {
    const TYPE: Type = Type::Enum(E::META);
    fn to_value(&self) -> Value {
        Value::String(self.as_str().to_owned())
    }
    fn write(&self, sink: &mut dyn Sink) {
        sink.text(self.as_str());
    }
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value {
            Value::String(text) => E::from_name(&text),
            other => Err(ValueError::kind(Self::TYPE, &other)),
        }
    }
}
impl<E: WireEnum> Key for E {
    fn to_key(&self) -> String {
        self.as_str().to_owned()
    }
    fn write_key(&self, sink: &mut dyn Sink) {
        sink.key(self.as_str());
    }
}
