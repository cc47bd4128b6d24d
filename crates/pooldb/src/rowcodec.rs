//! Rows as text: a JSON object of all fields but the references back, which are found again.

use std::collections::BTreeMap;

use haven_model::{ClassMeta, Row, Value, row_from_record};

use crate::StoreError;

/// The row as text; fields at the positions in `skip` are left out.
pub(crate) fn encode(row: &dyn Row, skip: &[usize]) -> Result<String, StoreError> {
    let fields = row.meta().fields.iter().enumerate().filter(|(i, _)| !skip.contains(i));
    let record = Value::Record(fields.filter_map(|(i, f)| Some((f.name, row.value(i)?))).collect());
    serde_json::to_string(&record).map_err(|e| StoreError::Io(e.to_string()))
}

/// The row of that text. A field it lacks has its default, one the class lacks is dropped: that
/// is how a database survives an upgrade.
pub(crate) fn decode(
    meta: &'static ClassMeta,
    reference: &dyn std::fmt::Display,
    body: &str,
) -> Result<Box<dyn Row>, StoreError> {
    let damaged = |field: &str, reason: String| StoreError::Damaged {
        class: meta.name.to_owned(),
        reference: reference.to_string(),
        field: field.to_owned(),
        reason,
    };
    let map: BTreeMap<String, Value> =
        serde_json::from_str(body).map_err(|e| damaged("", e.to_string()))?;
    row_from_record(meta, Value::Map(map)).map_err(|(field, e)| damaged(field, e.to_string()))
}
