//! How a message is declared:
//! `name(parameter: Type = default, …) -> Result, LeastRole, marks… fails [CODES];`

use haven_model::{Lifecycle, RoleLevel, Type, Value};

/// A parameter of a message.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// What it is when it is left out; only trailing parameters can be.
    pub default: Option<fn() -> Value>,
}

/// What a declared message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// Something of its own.
    Custom,
    /// Makes a row from a record.
    Create,
    /// Removes a row.
    Destroy,
}

/// A declared message.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    /// Its class.
    pub class: &'static str,
    /// Its name within the class.
    pub name: &'static str,
    /// Its parameters, without the session.
    pub params: &'static [Param],
    /// Type of its result, if it has one.
    pub result: Option<Type>,
    /// Least role that may call it.
    pub role: RoleLevel,
    /// What it is.
    pub kind: MessageKind,
    /// Whether `Async.` calls of it exist.
    pub is_async: bool,
    /// Whether its first parameter on the wire is a session.
    pub needs_session: bool,
    /// Whether it is between members of the pool only.
    pub is_hidden: bool,
    /// How settled it is.
    pub state: Lifecycle,
    /// Errors it is known to give, besides those of every message.
    pub errors: &'static [&'static str],
}

impl Message {
    pub(super) const fn new(
        names: (&'static str, &'static str),
        params: &'static [Param],
        result: Option<Type>,
        role: RoleLevel,
        errors: &'static [&'static str],
    ) -> Self {
        Self {
            class: names.0,
            name: names.1,
            params,
            result,
            role,
            kind: MessageKind::Custom,
            is_async: false,
            needs_session: true,
            is_hidden: false,
            state: Lifecycle::Published,
            errors,
        }
    }
    pub(super) const fn create(mut self) -> Self {
        self.kind = MessageKind::Create;
        self
    }
    pub(super) const fn destroy(mut self) -> Self {
        self.kind = MessageKind::Destroy;
        self
    }
    pub(super) const fn asynchronous(mut self) -> Self {
        self.is_async = true;
        self
    }
    pub(super) const fn no_session(mut self) -> Self {
        self.needs_session = false;
        self
    }
    pub(super) const fn hidden(mut self) -> Self {
        self.is_hidden = true;
        self
    }
    pub(super) const fn deprecated(mut self) -> Self {
        self.state = Lifecycle::Deprecated;
        self
    }
    pub(super) const fn prototyped(mut self) -> Self {
        self.state = Lifecycle::Prototyped;
        self
    }
    pub(super) const fn removed(mut self) -> Self {
        self.state = Lifecycle::Removed;
        self
    }
}

/// Default of a parameter.
macro_rules! param_default {
    ($ty:ty) => {
        None
    };
    ($ty:ty, $default:expr) => {
        Some(|| haven_model::Field::to_value(&<$ty>::from($default)))
    };
}

/// Type of a result.
macro_rules! result_type {
    () => {
        None
    };
    ($ty:ty) => {
        Some(<$ty as haven_model::Field>::TYPE)
    };
}

/// Declares the messages of some classes.
macro_rules! messages {
    ($($class:ident {
        $(
            $name:ident($($param:ident: $ty:ty $(= $default:expr)?),* $(,)?) $(-> $result:ty)?,
            $role:ident $(, $mark:ident)* $(fails [$($error:ident),*])?;
        )*
    })*) => {
        pub(super) const MESSAGES: &[$crate::messages::Message] = &[$($(
            $crate::messages::Message::new(
                (<$class as haven_model::Class>::NAME, stringify!($name)),
                &[$($crate::messages::Param {
                    name: stringify!($param),
                    ty: <$ty as haven_model::Field>::TYPE,
                    default: param_default!($ty $(, $default)?),
                }),*],
                result_type!($($result)?),
                haven_model::RoleLevel::$role,
                &[$($(haven_model::codes::$error),*)?],
            )$(.$mark())*,
        )*)*];
    };
}
