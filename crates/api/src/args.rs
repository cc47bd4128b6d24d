//! Arguments: checked against their types once, then taken out by handlers.

use std::collections::BTreeMap;

use haven_model::{
    ApiError, DateTime, Field, Ref, RefId, Session, Type, Value, ValueError, class_named, codes,
};

use crate::registry::Method;

fn mismatch(ty: Type, value: &Value) -> ValueError {
    ValueError::Kind { expected: ty.to_string(), got: value.kind().to_owned() }
}

fn reference(class: &'static str, value: Value) -> Result<Value, ValueError> {
    match value {
        Value::Ref(_) => Ok(value),
        Value::String(text) => {
            text.parse::<RefId>().map(Value::Ref).map_err(|_| ValueError::Reference { class, text })
        }
        other => Err(mismatch(Type::Ref(class), &other)),
    }
}

/// The value as one of that type: digits become numbers, text becomes references and times.
///
/// # Errors
/// It does not fit.
pub fn coerce(value: Value, ty: &Type) -> Result<Value, ValueError> {
    match ty {
        Type::String => String::from_value(value).map(Value::String),
        Type::Int => i64::from_value(value).map(Value::Int),
        Type::Float => f64::from_value(value).map(Value::Float),
        Type::Bool => bool::from_value(value).map(Value::Bool),
        Type::DateTime => DateTime::from_value(value).map(Value::DateTime),
        Type::Ref(class) => reference(class, value),
        Type::Enum(meta) => match value {
            Value::String(text) if meta.values.contains(&text.as_str()) => Ok(Value::String(text)),
            Value::String(text) => Err(ValueError::Variant { name: meta.name, text }),
            other => Err(mismatch(*ty, &other)),
        },
        Type::Set(item) => match value {
            Value::Set(items) => {
                let items = items.into_iter().map(|v| coerce(v, item));
                items.collect::<Result<_, _>>().map(Value::Set)
            }
            other => Err(mismatch(*ty, &other)),
        },
        Type::Map(key, item) => match value {
            Value::Map(map) => {
                let pairs = map.into_iter().map(|(k, v)| {
                    coerce(Value::String(k.clone()), key)?;
                    Ok((k, coerce(v, item)?))
                });
                pairs.collect::<Result<_, _>>().map(Value::Map)
            }
            other => Err(mismatch(*ty, &other)),
        },
        Type::Record(class) => match value {
            Value::Map(map) => record(class, map),
            other => Err(mismatch(*ty, &other)),
        },
        Type::Option(inner) => match value {
            Value::Nil => Ok(Value::Nil),
            other => coerce(other, inner),
        },
    }
}

/// Members that the class has are checked, others are left out.
fn record(class: &str, map: BTreeMap<String, Value>) -> Result<Value, ValueError> {
    let Some(meta) = class_named(class) else { return Ok(Value::Map(map)) };
    let mut checked = BTreeMap::new();
    for (name, value) in map {
        if let Some(field) = meta.field(&name).filter(|f| !f.internal) {
            checked.insert(name, coerce(value, &field.ty)?);
        }
    }
    Ok(Value::Map(checked))
}

/// The checked arguments of a call, without the session.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments(Vec<Value>);

impl Arguments {
    /// Checks `values` against the parameters of `method`; defaults fill what is left out.
    ///
    /// # Errors
    /// Too many, too few, or one that does not fit.
    pub fn check(method: &Method, values: Vec<Value>) -> Result<Self, ApiError> {
        let (given, required) = (values.len(), method.required());
        if given < required || given > method.params.len() {
            return Err(ApiError::with(
                codes::MESSAGE_PARAMETER_COUNT_MISMATCH,
                &[&method.name, &required, &given],
            ));
        }
        let mut checked = Vec::with_capacity(method.params.len());
        let mut values = values.into_iter();
        for param in &method.params {
            let value = match values.next() {
                Some(value) => {
                    coerce(value, &param.ty).map_err(|e| ApiError::bad_value(param.name, &e))?
                }
                None => crate::registry::default_of(param).unwrap_or(Value::Nil),
            };
            checked.push(value);
        }
        Ok(Self(checked))
    }

    /// The argument at `index` as a Rust type.
    ///
    /// # Errors
    /// The handler asks for another type than the message declares.
    pub fn get<T: Field>(&self, index: usize) -> Result<T, ApiError> {
        let value = self.value(index)?.clone();
        T::from_value(value).map_err(|e| ApiError::bad_value("argument", &e))
    }

    /// The argument at `index`.
    ///
    /// # Errors
    /// The handler asks for more arguments than the message declares.
    pub fn value(&self, index: usize) -> Result<&Value, ApiError> {
        self.0.get(index).ok_or_else(|| ApiError::internal(format!("no argument {index}")))
    }

    /// All of them.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.0
    }
}

/// The session of a call.
///
/// # Errors
/// The text is no reference; then no such session exists either.
pub(crate) fn session(value: &Value) -> Result<Ref<Session>, ApiError> {
    let text = value.as_str().unwrap_or_default();
    let id = match value {
        Value::Ref(id) => Ok(*id),
        _ => text.parse::<RefId>(),
    };
    match id {
        Ok(id) if !id.is_null() => Ok(Ref::from_id(id)),
        _ => Err(ApiError::with(codes::SESSION_INVALID, &[&text])),
    }
}
