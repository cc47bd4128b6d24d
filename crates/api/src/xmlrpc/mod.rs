//! XML-RPC as XenAPI speaks it.
//!
//! Whole numbers are written as digits without a type; every answer is a struct with `Status`;
//! nothing is ever a fault. Member names are escaped like any other text.

mod parse;
mod write;

pub use parse::{decode_value, parse_call, parse_response};
pub use write::{encode_result, pieces, write_bare, write_call, write_failure, write_success};

/// Content type of answers; clients compare it as a whole.
pub const CONTENT_TYPE: &str = "text/xml";

/// A body that is no call or answer. Servers answer HTTP 500 to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// It is not well-formed, or not what it should be.
    #[error("the body is malformed: {0}")]
    Malformed(String),
}

impl DecodeError {
    pub(crate) fn malformed(what: impl std::fmt::Display) -> Self {
        Self::Malformed(what.to_string())
    }
}
