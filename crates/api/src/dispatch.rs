//! Answers to the messages that follow from fields.

use std::sync::Arc;

use haven_model::{ApiError, ClassMeta, RefId, Row, SharedRow, Value, codes, row_from_record};
use haven_pooldb::{Image, Tx};

use crate::call::Call;
use crate::query::Query;
use crate::registry::Operation;

fn reference(call: &Call<'_>, index: usize) -> Result<RefId, ApiError> {
    match call.args.value(index)? {
        Value::Ref(id) => Ok(*id),
        other => Err(ApiError::internal(format!("{} is no reference", other.kind()))),
    }
}

fn text(call: &Call<'_>, index: usize) -> Result<String, ApiError> {
    call.args.get::<String>(index)
}

fn handle_invalid(class: &ClassMeta, id: RefId) -> ApiError {
    ApiError::with(codes::HANDLE_INVALID, &[&class.name, &id])
}

/// The row itself, not its fields: who writes the answer reads them, when the database has long
/// been let go.
fn pair((id, row): (RefId, &Arc<dyn Row>)) -> (String, Value) {
    (id.to_string(), Value::Row(SharedRow(row.clone())))
}

/// Answers a message that only reads; `None` if `call` is not one
/// (see [`Operation::is_read`]).
///
/// # Errors
/// The object does not exist, or the expression makes no sense.
pub fn read(image: &Image, call: &Call<'_>) -> Option<Result<Value, ApiError>> {
    let method = call.method;
    method.operation.is_read().then(|| read_operation(image, call, method.operation))
}

fn read_operation(image: &Image, call: &Call<'_>, operation: Operation) -> Result<Value, ApiError> {
    let class = call.method.class;
    let row = || {
        let id = reference(call, 0)?;
        image.row(class.name, id).ok_or_else(|| handle_invalid(class, id))
    };
    Ok(match operation {
        Operation::Get(index) => row()?
            .value(index)
            .ok_or_else(|| ApiError::internal(format!("{} has no field {index}", class.name)))?,
        Operation::GetRecord => {
            let id = reference(call, 0)?;
            let row = image.shared(class.name, id).ok_or_else(|| handle_invalid(class, id))?;
            Value::Row(SharedRow(row))
        }
        Operation::GetAll => {
            Value::Set(image.rows(class.name).map(|(id, _)| Value::Ref(id)).collect())
        }
        Operation::GetAllRecords => Value::Map(image.shared_rows(class.name).map(pair).collect()),
        Operation::GetAllRecordsWhere => {
            let query = Query::parse(class, &text(call, 0)?)?;
            let rows = image.shared_rows(class.name);
            let rows = rows.filter(|(id, row)| query.matches(*id, row.as_ref()));
            Value::Map(rows.map(pair).collect())
        }
        Operation::GetByUuid => {
            let uuid = text(call, 0)?;
            let found = image.find_row(class.name, &uuid);
            let missing = || ApiError::with(codes::UUID_INVALID, &[&class.name, &uuid]);
            Value::Ref(found.ok_or_else(missing)?)
        }
        Operation::GetByNameLabel => {
            let found = image.rows_named(class.name, &text(call, 0)?);
            Value::Set(found.into_iter().map(Value::Ref).collect())
        }
        _ => return Err(ApiError::internal("not a reading message")),
    })
}

/// Carries out a message that only writes its field; `None` if `call` is not one
/// (see [`Operation::is_write`]).
///
/// # Errors
/// The object does not exist, or the key is in the map already.
pub fn write(tx: &mut Tx<'_>, call: &Call<'_>) -> Option<Result<Value, ApiError>> {
    let operation = call.method.operation;
    operation.is_write().then(|| write_operation(tx, call, operation))
}

fn write_operation(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    operation: Operation,
) -> Result<Value, ApiError> {
    let class = call.method.class;
    let id = reference(call, 0)?;
    let argument = call.args.value(1)?;
    tx.update_row(class.name, id, &mut |row| match operation {
        Operation::Set(index) => assign(row, index, argument.clone()),
        Operation::AddTo(index) => {
            let value = call.args.value(2)?.clone();
            change_map(row, index, |map| {
                let key = argument.to_string();
                if map.contains_key(&key) {
                    return Err(key);
                }
                map.insert(key, value);
                Ok(())
            })
        }
        Operation::RemoveFrom(index) => change_map(row, index, |map| {
            map.remove(&argument.to_string());
            Ok(())
        }),
        Operation::Add(index) => change_set(row, index, |set| {
            if !set.contains(argument) {
                set.push(argument.clone());
            }
        }),
        Operation::Remove(index) => change_set(row, index, |set| set.retain(|v| v != argument)),
        _ => Err(ApiError::internal("not a writing message")),
    })?;
    Ok(Value::void())
}

fn field_name(row: &dyn Row, index: usize) -> &'static str {
    row.meta().fields.get(index).map_or("", |f| f.name)
}

fn assign(row: &mut dyn Row, index: usize, value: Value) -> Result<(), ApiError> {
    let name = field_name(row, index);
    match row.set_value(index, value) {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(ApiError::bad_value(name, &error)),
        None => Err(ApiError::internal(format!("{} has no field {index}", row.meta().name))),
    }
}

fn change_map(
    row: &mut dyn Row,
    index: usize,
    change: impl FnOnce(&mut std::collections::BTreeMap<String, Value>) -> Result<(), String>,
) -> Result<(), ApiError> {
    let mut map = match row.value(index) {
        Some(Value::Map(map)) => map,
        _ => return Err(ApiError::internal("the field is no map")),
    };
    change(&mut map).map_err(|key| {
        let uuid = row.meta().index_of("uuid").and_then(|i| row.value(i)).unwrap_or(Value::Nil);
        ApiError::with(
            codes::MAP_DUPLICATE_KEY,
            &[&row.meta().name, &field_name(row, index), &uuid, &key],
        )
    })?;
    assign(row, index, Value::Map(map))
}

fn change_set(
    row: &mut dyn Row,
    index: usize,
    change: impl FnOnce(&mut Vec<Value>),
) -> Result<(), ApiError> {
    let mut set = match row.value(index) {
        Some(Value::Set(set)) => set,
        _ => return Err(ApiError::internal("the field is no set")),
    };
    change(&mut set);
    assign(row, index, Value::Set(set))
}

/// A row from the record of a `create` message: only what clients may say is taken from it.
///
/// # Errors
/// A member does not fit its field.
pub fn new_row(class: &'static ClassMeta, given: Value) -> Result<Box<dyn Row>, ApiError> {
    let Value::Map(mut members) = given else {
        return Err(ApiError::with(codes::FIELD_TYPE_ERROR, &[&class.name]));
    };
    members.retain(|name, _| {
        let field = class.field(name);
        field.is_some_and(|f| f.qualifier != haven_model::Qualifier::DynamicRo && !f.internal)
    });
    row_from_record(class, Value::Map(members)).map_err(|(name, e)| ApiError::bad_value(name, &e))
}
