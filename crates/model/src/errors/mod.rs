//! What went wrong, in the form that every client understands: a code and its parameters.
//!
//! The catalogue holds all codes of XenAPI and those of Haven, each with the names of its
//! parameters and a text for people, in several languages: what happened, why, what to do.

#[macro_use]
mod catalogue;

mod access;
mod general;
mod ha;
mod haven;
mod host;
mod language;
mod network;
mod storage;
mod updates;
mod vm;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

pub use catalogue::ErrorMeta;
pub use language::Language;

use crate::{Class, FieldMeta, Ref, ValueError};

/// All error codes as constants.
pub mod codes {
    pub use super::access::codes::*;
    pub use super::general::codes::*;
    pub use super::ha::codes::*;
    pub use super::haven::codes::*;
    pub use super::host::codes::*;
    pub use super::network::codes::*;
    pub use super::storage::codes::*;
    pub use super::updates::codes::*;
    pub use super::vm::codes::*;
}

/// The catalogue, by area; Haven's own codes are the last.
pub const ERRORS: &[&[ErrorMeta]] = &[
    access::ERRORS,
    general::ERRORS,
    ha::ERRORS,
    host::ERRORS,
    network::ERRORS,
    storage::ERRORS,
    updates::ERRORS,
    vm::ERRORS,
    haven::ERRORS,
];

/// The entry of a code.
#[must_use]
pub fn error_meta(code: &str) -> Option<&'static ErrorMeta> {
    ERRORS.iter().copied().flatten().find(|e| e.code == code)
}

/// An error of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiError {
    /// One of the codes of the catalogue.
    pub code: &'static str,
    /// Its parameters, in the order of the catalogue.
    pub params: Vec<String>,
}

#[derive(Deserialize)]
struct WireError {
    code: String,
    params: Vec<String>,
}

impl<'de> Deserialize<'de> for ApiError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let error = WireError::deserialize(deserializer)?;
        Ok(Self::from_wire(&error.code, error.params))
    }
}

impl ApiError {
    /// An error with this code of the catalogue.
    #[must_use]
    pub const fn new(code: &'static str, params: Vec<String>) -> Self {
        Self { code, params }
    }

    /// As [`new`](Self::new), with parameters of any type that can be shown.
    #[must_use]
    pub fn with(code: &'static str, params: &[&dyn fmt::Display]) -> Self {
        Self { code, params: params.iter().map(ToString::to_string).collect() }
    }

    /// An error that another server sent; a code we do not know becomes `INTERNAL_ERROR`.
    #[must_use]
    pub fn from_wire(code: &str, mut params: Vec<String>) -> Self {
        if let Some(meta) = error_meta(code) {
            return Self { code: meta.code, params };
        }
        params.insert(0, code.to_owned());
        Self { code: codes::INTERNAL_ERROR, params: vec![params.join(": ")] }
    }

    /// The row does not exist (any more).
    #[must_use]
    pub fn handle_invalid<C: Class>(reference: Ref<C>) -> Self {
        Self::with(codes::HANDLE_INVALID, &[&C::NAME, &reference])
    }

    /// No row of the class has this uuid.
    #[must_use]
    pub fn uuid_invalid<C: Class>(uuid: &str) -> Self {
        Self::with(codes::UUID_INVALID, &[&C::NAME, &uuid])
    }

    /// Something that should not happen did.
    #[must_use]
    pub fn internal(what: impl fmt::Display) -> Self {
        Self::with(codes::INTERNAL_ERROR, &[&what])
    }

    /// The operation makes no sense now.
    #[must_use]
    pub fn not_allowed(why: impl fmt::Display) -> Self {
        Self::with(codes::OPERATION_NOT_ALLOWED, &[&why])
    }

    /// A parameter or field has a value that does not fit.
    #[must_use]
    pub fn bad_value(field: &str, error: &ValueError) -> Self {
        match error {
            ValueError::Kind { .. } => Self::with(codes::FIELD_TYPE_ERROR, &[&field]),
            ValueError::Reference { class, text } => {
                Self::with(codes::HANDLE_INVALID, &[class, text])
            }
            ValueError::Variant { text, .. } => Self::with(codes::INVALID_VALUE, &[&field, text]),
        }
    }

    /// As [`bad_value`](Self::bad_value), for a field.
    #[must_use]
    pub fn bad_field(field: &FieldMeta, error: &ValueError) -> Self {
        Self::bad_value(field.name, error)
    }

    /// The text for people in English, with the parameters.
    #[must_use]
    pub fn explain(&self) -> String {
        self.explain_in(Language::English)
    }

    /// The text for people, with the parameters.
    #[must_use]
    pub fn explain_in(&self, language: Language) -> String {
        let Some(meta) = error_meta(self.code) else { return self.to_string() };
        let mut text = meta.text_in(language).to_owned();
        let named = meta.params.iter().copied().chain(std::iter::repeat("detail"));
        let details: Vec<String> =
            named.zip(&self.params).map(|(name, value)| format!("{name}: {value}")).collect();
        if !details.is_empty() {
            text.push_str(" (");
            text.push_str(&details.join(", "));
            text.push(')');
        }
        text
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.code, self.params.join(", "))
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::{ApiError, ERRORS, codes, error_meta};

    #[test]
    fn codes_are_unique_and_known() {
        let mut seen = std::collections::BTreeSet::new();
        for meta in ERRORS.iter().copied().flatten() {
            assert!(seen.insert(meta.code), "{} twice", meta.code);
            let text = meta.text;
            assert!(text.ends_with('.') && text.len() > 20, "{}: {text}", meta.code);
            assert!(text.starts_with(|c: char| c.is_uppercase()), "{}: {text}", meta.code);
        }
        assert!(error_meta(codes::HANDLE_INVALID).is_some());
    }

    #[test]
    fn explanations_name_the_parameters() {
        let error = ApiError::with(codes::VM_BAD_POWER_STATE, &[&"r", &"halted", &"running"]);
        let text = error.explain();
        assert!(text.contains("power state") && text.contains("expected: halted"), "{text}");
    }

    #[test]
    fn unknown_codes_survive_as_text() {
        let error = ApiError::from_wire("FROM_THE_FUTURE", vec!["x".into()]);
        assert_eq!(error.code, "INTERNAL_ERROR");
        assert_eq!(error.params, ["FROM_THE_FUTURE: x"]);
    }

    #[test]
    fn errors_survive_json() {
        let error = ApiError::with(codes::UUID_INVALID, &[&"VM", &"123"]);
        let text = serde_json::to_string(&error).unwrap();
        assert_eq!(serde_json::from_str::<ApiError>(&text).unwrap(), error);
    }
}
