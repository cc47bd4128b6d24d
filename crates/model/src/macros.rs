//! The two declaration forms: `class!` and `wire_enum!`.
//!
//! A field is declared as
//! `name "wireName": Type = default, Qualifier Role, marks…;`
//! where the wire name is left out if it is the Rust name, and the default if there is none.

/// Name of a field on the wire: as given, else the Rust name.
macro_rules! wire_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $wire:literal) => {
        $wire
    };
}

/// Default of a field: as given, else that of its type.
macro_rules! default_of {
    ($ty:ty) => {
        <$ty as Default>::default()
    };
    ($ty:ty, $default:expr) => {
        <$ty>::from($default)
    };
}

/// Default of a field for the description: `None` if none is given.
macro_rules! default_meta {
    ($ty:ty) => {
        None
    };
    ($ty:ty, $default:expr) => {
        Some(|| $crate::Field::to_value(&<$ty>::from($default)))
    };
}

/// Declares a class.
macro_rules! class {
    (
        $(#[doc = $class_doc:literal])*
        $class:ident = $class_name:literal, $state:ident $(, $mark:ident)*;
        $(
            $(#[doc = $doc:literal])*
            $field:ident $($wire:literal)?: $ty:ty $(= $default:expr)?,
            $qualifier:ident $role:ident $(, $field_mark:ident)*;
        )*
    ) => {
        $(#[doc = $class_doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $class {
            $(
                $(#[doc = $doc])*
                pub $field: $ty,
            )*
        }

        impl Default for $class {
            fn default() -> Self {
                Self { $($field: default_of!($ty $(, $default)?),)* }
            }
        }

        impl $crate::Class for $class {
            const NAME: &'static str = $class_name;
            const META: &'static $crate::ClassMeta = &$crate::ClassMeta {
                name: $class_name,
                doc: concat!($($class_doc, "\n"),*),
                state: $crate::Lifecycle::$state,
                events: false,
                in_database: false,
                internal: false,
                fields: &[$(
                    $crate::FieldMeta::new(
                        (wire_name!($field $($wire)?), concat!($($doc, "\n"),*)),
                        <$ty as $crate::Field>::TYPE,
                        $crate::Qualifier::$qualifier,
                        $crate::RoleLevel::$role,
                        default_meta!($ty $(, $default)?),
                    )$(.$field_mark())*,
                )*],
                ref_type: &$crate::Type::Ref($class_name),
                record_type: &$crate::Type::Record($class_name),
                new_row: || Box::new(Self::default()),
            }$(.$mark())*;

            fn access() -> &'static [$crate::Access<Self>] {
                &[$(
                    $crate::Access {
                        get: |row| $crate::Field::to_value(&row.$field),
                        set: |row, value| $crate::class::assign(&mut row.$field, value),
                        write: |row, name, sink| {
                            $crate::class::write_member(&row.$field, name, sink);
                        },
                    },
                )*]
            }
        }

        impl $crate::Field for $class {
            const TYPE: $crate::Type = $crate::Type::Record($class_name);
            fn to_value(&self) -> $crate::Value {
                $crate::class::record(self)
            }
            fn from_value(value: $crate::Value) -> Result<Self, $crate::ValueError> {
                $crate::class::typed_from_record(value)
            }
        }
    };
}

/// Declares enums; the first value is the default.
macro_rules! wire_enum {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident = $wire:literal {
            $(#[doc = $first_doc:literal])*
            $first:ident = $first_wire:literal,
            $($(#[doc = $variant_doc:literal])* $variant:ident = $variant_wire:literal,)*
        }
    )*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
            pub enum $name {
                $(#[doc = $first_doc])*
                #[default]
                #[doc = concat!("`", $first_wire, "`")]
                $first,
                $(
                    $(#[doc = $variant_doc])*
                    #[doc = concat!("`", $variant_wire, "`")]
                    $variant,
                )*
            }

            impl $crate::WireEnum for $name {
                const META: &'static $crate::EnumMeta = &$crate::EnumMeta {
                    name: $wire,
                    values: &[$first_wire, $($variant_wire),*],
                    doc: concat!($($doc, "\n"),*),
                };
                const ALL: &'static [Self] = &[Self::$first, $(Self::$variant),*];
                fn as_str(self) -> &'static str {
                    match self {
                        Self::$first => $first_wire,
                        $(Self::$variant => $variant_wire,)*
                    }
                }
            }

            impl $name {
                /// Its name on the wire.
                #[must_use]
                pub fn as_str(self) -> &'static str {
                    $crate::WireEnum::as_str(self)
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(self.as_str())
                }
            }

            impl std::str::FromStr for $name {
                type Err = $crate::ValueError;
                fn from_str(text: &str) -> Result<Self, $crate::ValueError> {
                    $crate::WireEnum::from_name(text)
                }
            }
        )*

        /// All enums declared here.
        pub(super) const ENUMS: &[&$crate::EnumMeta] = &[$(<$name as $crate::WireEnum>::META),*];
    };
}
