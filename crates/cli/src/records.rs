//! Records of the API as they come: a reference and a JSON object.
//!
//! Missing fields read as empty, so that an older or newer server does not break a table.

use serde_json::Value;

/// The null reference.
pub(crate) const NULL: &str = "OpaqueRef:NULL";

/// One object.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Its reference.
    pub(crate) reference: String,
    /// Its fields.
    pub(crate) fields: Value,
}

impl Record {
    pub(crate) fn new(reference: &str, fields: Value) -> Self {
        Self { reference: reference.to_owned(), fields }
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// Numbers may also come as strings of digits.
    pub(crate) fn int(&self, field: &str) -> i64 {
        let value = self.fields.get(field);
        value
            .and_then(|v| v.as_i64().or_else(|| v.as_str().and_then(|s| s.parse().ok())))
            .unwrap_or_default()
    }

    pub(crate) fn float(&self, field: &str) -> f64 {
        let value = self.fields.get(field);
        value
            .and_then(|v| v.as_f64().or_else(|| v.as_str().and_then(|s| s.parse().ok())))
            .unwrap_or_default()
    }

    pub(crate) fn flag(&self, field: &str) -> bool {
        self.fields.get(field).and_then(Value::as_bool).unwrap_or_default()
    }

    pub(crate) fn list(&self, field: &str) -> &[Value] {
        self.fields.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The references in a set field.
    pub(crate) fn refs(&self, field: &str) -> Vec<&str> {
        self.list(field).iter().filter_map(Value::as_str).filter(|r| *r != NULL).collect()
    }

    /// A reference field, unless it is null.
    pub(crate) fn reference_in(&self, field: &str) -> Option<&str> {
        Some(self.text(field)).filter(|r| !r.is_empty() && *r != NULL)
    }

    /// One entry of a map field.
    pub(crate) fn entry(&self, field: &str, key: &str) -> Option<&str> {
        self.fields.get(field)?.get(key)?.as_str()
    }

    pub(crate) fn name(&self) -> &str {
        self.text("name_label")
    }

    pub(crate) fn uuid(&self) -> &str {
        self.text("uuid")
    }
}
