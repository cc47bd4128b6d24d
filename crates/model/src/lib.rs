//! The data model of a pool: XenAPI's classes, enums, error codes and alerts as Rust types, and
//! a few tables of Haven's own.
//!
//! Owns: the declarations ([`classes`], [`enums`], [`haven`], [`errors`], [`alerts`],
//! [`relations`]), typed references ([`Ref`]), and [`Value`], the form every field has in common.
//! A test compares them with XenAPI's own list, name by name.
//!
//! Never: keeps rows, decides anything, reads a clock, makes up references.
//!
//! ```
//! use haven_model::{Class, Value, classes::Vm};
//!
//! let vm = Vm { name_label: "web1".into(), ..Vm::default() };
//! assert_eq!(vm.get("name_label"), Some(Value::from("web1")));
//! assert_eq!(Vm::META.field("VCPUs_max").map(|f| f.ty.to_string()), Some("int".into()));
//! ```

#[macro_use]
mod macros;

pub mod alerts;
pub mod class;
pub mod classes;
mod datetime;
pub mod enums;
pub mod errors;
mod field;
pub mod haven;
mod reference;
pub mod relations;
mod sink;
mod value;

pub use class::{
    Access, Class, ClassMeta, FieldMeta, Lifecycle, Qualifier, RoleLevel, Row, record,
    row_from_record,
};
pub use classes::*;
pub use datetime::{BadDateTime, DateTime};
pub use enums::*;
pub use errors::{ApiError, ErrorMeta, Language, codes, error_meta};
pub use field::{EnumMeta, Field, Key, Type, ValueError, WireEnum};
pub use haven::{HavenSecret, Holder, Placement, TaskJournal};
pub use reference::{BadRef, Ref, RefId, uuid_text};
pub use sink::Sink;
pub use value::{SharedRow, Value};

/// All classes that have rows: XenAPI's and Haven's own.
pub fn stored_classes() -> impl Iterator<Item = &'static ClassMeta> {
    let all = CLASSES.iter().chain(haven::HAVEN_CLASSES).copied();
    // Messages are kept apart by XenAPI's own server, but are rows like any other here.
    all.filter(|c| c.in_database || c.name == Message::NAME)
}

/// The class of that exact name.
#[must_use]
pub fn class_named(name: &str) -> Option<&'static ClassMeta> {
    CLASSES.iter().chain(haven::HAVEN_CLASSES).copied().find(|c| c.name == name)
}
