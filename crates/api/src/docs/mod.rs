//! Reference pages and client types, made from the same declarations that the server runs on.

mod errors;
mod markdown;
mod typescript;

pub use errors::error_texts;
pub use markdown::markdown;
pub use typescript::typescript;

/// A file that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its name, such as `VM.md`.
    pub name: String,
    /// Its text.
    pub text: String,
}
