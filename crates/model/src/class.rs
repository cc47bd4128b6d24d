//! Classes as data: what the database, the wire and the documents need to know of them.

use std::any::Any;
use std::fmt::Debug;

use crate::{Field, Sink, Type, Value, ValueError};

/// Who may write a field, seen from the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qualifier {
    /// Any client with the role.
    Rw,
    /// Set at creation, then fixed for clients.
    StaticRo,
    /// The pool only.
    DynamicRo,
}

/// Least role that may call a message, from most to least powerful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleLevel {
    /// Everyone who is logged in.
    ReadOnly,
    /// A program that shows a client certificate.
    ClientCert,
    /// Uses virtual machines.
    VmOperator,
    /// Creates and changes virtual machines.
    VmAdmin,
    /// Also moves, starts elsewhere and snapshots them.
    VmPowerAdmin,
    /// Everything but users and roles.
    PoolOperator,
    /// Everything.
    PoolAdmin,
    /// Only root on this host, and the pool itself.
    LocalRootOnly,
    /// Nobody: there is no such message.
    Nobody,
}

impl RoleLevel {
    /// All roles that a user may have, most powerful first.
    pub const GRANTABLE: &'static [Self] = &[
        Self::PoolAdmin,
        Self::PoolOperator,
        Self::VmPowerAdmin,
        Self::VmAdmin,
        Self::VmOperator,
        Self::ClientCert,
        Self::ReadOnly,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::ClientCert => "client-cert",
            Self::VmOperator => "vm-operator",
            Self::VmAdmin => "vm-admin",
            Self::VmPowerAdmin => "vm-power-admin",
            Self::PoolOperator => "pool-operator",
            Self::PoolAdmin => "pool-admin",
            Self::LocalRootOnly => "local-root-only",
            Self::Nobody => "",
        }
    }

    /// The grantable role of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::GRANTABLE.iter().copied().find(|r| r.as_str() == name)
    }

    /// Whether a user with this role may do what asks for `needed`.
    #[must_use]
    pub fn permits(self, needed: Self) -> bool {
        needed != Self::Nobody && self >= needed
    }
}

/// How settled a class, field or message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// Settled.
    Published,
    /// May still change.
    Prototyped,
    /// Still works; do not use it in new programs.
    Deprecated,
    /// Gone; the name is kept.
    Removed,
}

impl Lifecycle {
    /// Its name in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Prototyped => "prototyped",
            Self::Deprecated => "deprecated",
            Self::Removed => "removed",
        }
    }
}

/// One field of a class.
#[derive(Debug, Clone, Copy)]
pub struct FieldMeta {
    /// Name on the wire.
    pub name: &'static str,
    /// What it says.
    pub doc: &'static str,
    /// Its type.
    pub ty: Type,
    /// Who may write it.
    pub qualifier: Qualifier,
    /// Least role that may write it.
    pub set_role: RoleLevel,
    /// Its default; a field without one must be given at creation (unless the pool fills it).
    pub default: Option<fn() -> Value>,
    /// How settled it is.
    pub state: Lifecycle,
    /// Whether writing it has an effect beyond the database.
    pub custom_setter: bool,
    /// Whether it is Haven's own and never shown on the wire.
    pub internal: bool,
}

impl FieldMeta {
    /// A published field.
    #[must_use]
    pub const fn new(
        names: (&'static str, &'static str),
        ty: Type,
        qualifier: Qualifier,
        set_role: RoleLevel,
        default: Option<fn() -> Value>,
    ) -> Self {
        Self {
            name: names.0,
            doc: names.1,
            ty,
            qualifier,
            set_role,
            default,
            state: Lifecycle::Published,
            custom_setter: false,
            internal: false,
        }
    }

    /// Marks the field as deprecated.
    #[must_use]
    pub const fn deprecated(mut self) -> Self {
        self.state = Lifecycle::Deprecated;
        self
    }
    /// Marks the field as prototyped.
    #[must_use]
    pub const fn prototyped(mut self) -> Self {
        self.state = Lifecycle::Prototyped;
        self
    }
    /// Marks the field as removed.
    #[must_use]
    pub const fn removed(mut self) -> Self {
        self.state = Lifecycle::Removed;
        self
    }
    /// Marks that writing the field has an effect beyond the database.
    #[must_use]
    pub const fn custom_setter(mut self) -> Self {
        self.custom_setter = true;
        self
    }
    /// Marks the field as Haven's own, never shown on the wire.
    #[must_use]
    pub const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }
}

/// One class.
#[derive(Debug, Clone, Copy)]
pub struct ClassMeta {
    /// Name on the wire, case and all.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// How settled it is.
    pub state: Lifecycle,
    /// Whether changes of its rows are events.
    pub events: bool,
    /// Whether it has rows.
    pub in_database: bool,
    /// Whether it is Haven's own and never shown on the wire.
    pub internal: bool,
    /// Its fields, in wire order.
    pub fields: &'static [FieldMeta],
    /// Type of references to it.
    pub ref_type: &'static Type,
    /// Type of its records.
    pub record_type: &'static Type,
    /// A row of defaults.
    pub new_row: fn() -> Box<dyn Row>,
}

impl ClassMeta {
    /// Position of the field `name`.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }

    /// The field `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static FieldMeta> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// Marks that changes of its rows are events.
    #[must_use]
    pub const fn events(mut self) -> Self {
        self.events = true;
        self
    }
    /// Marks that the class has rows.
    #[must_use]
    pub const fn database(mut self) -> Self {
        self.in_database = true;
        self
    }
    /// Marks the class as Haven's own, never shown on the wire.
    #[must_use]
    pub const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }
}

impl PartialEq for ClassMeta {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for ClassMeta {}

/// How to read and write one field of `C` without knowing its type.
#[derive(Debug)]
pub struct Access<C> {
    /// Reads.
    pub get: fn(&C) -> Value,
    /// Writes.
    pub set: fn(&mut C, Value) -> Result<(), ValueError>,
    /// Writes it as a member of that name, unless it is absent.
    pub write: fn(&C, &'static str, &mut dyn Sink),
}

/// A class of the API or of Haven's own tables; implemented by the `class!` macro.
pub trait Class: Default + Debug + Clone + PartialEq + Send + Sync + 'static {
    /// Name on the wire.
    const NAME: &'static str;
    /// Description.
    const META: &'static ClassMeta;
    /// Access to the fields, in the order of `META.fields`.
    fn access() -> &'static [Access<Self>];

    /// Value of the field `name`.
    fn get(&self, name: &str) -> Option<Value> {
        let access = Self::access().get(Self::META.index_of(name)?)?;
        Some((access.get)(self))
    }

    /// Writes the field `name`; `None` if there is no such field.
    fn set(&mut self, name: &str, value: Value) -> Option<Result<(), ValueError>> {
        let access = Self::access().get(Self::META.index_of(name)?)?;
        Some((access.set)(self, value))
    }
}

/// A row whose class is known only at run time.
pub trait Row: Any + Debug + Send + Sync {
    /// Its class.
    fn meta(&self) -> &'static ClassMeta;
    /// Value of the field at `index` (of `meta().fields`).
    fn value(&self, index: usize) -> Option<Value>;
    /// Writes the field at `index`; `None` if there is no such field.
    fn set_value(&mut self, index: usize, value: Value) -> Option<Result<(), ValueError>>;
    /// Writes its public record piece by piece.
    fn write(&self, sink: &mut dyn Sink);
    /// A copy.
    fn boxed(&self) -> Box<dyn Row>;
    /// Whether the other row is of the same class and says the same.
    fn same(&self, other: &dyn Row) -> bool;
    /// For downcasts.
    fn as_any(&self) -> &dyn Any;
    /// For downcasts.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<C: Class> Row for C {
    fn meta(&self) -> &'static ClassMeta {
        C::META
    }
    fn value(&self, index: usize) -> Option<Value> {
        C::access().get(index).map(|a| (a.get)(self))
    }
    fn set_value(&mut self, index: usize, value: Value) -> Option<Result<(), ValueError>> {
        C::access().get(index).map(|a| (a.set)(self, value))
    }
    fn write(&self, sink: &mut dyn Sink) {
        sink.begin_map();
        for (field, access) in C::META.fields.iter().zip(C::access()) {
            if !field.internal {
                (access.write)(self, field.name, sink);
            }
        }
        sink.end_map();
    }
    fn boxed(&self) -> Box<dyn Row> {
        Box::new(self.clone())
    }
    fn same(&self, other: &dyn Row) -> bool {
        other.as_any().downcast_ref::<C>() == Some(self)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The public record of a row, as the wire shows it.
#[must_use]
pub fn record(row: &dyn Row) -> Value {
    let fields = row.meta().fields.iter().enumerate().filter(|(_, f)| !f.internal);
    Value::Record(fields.filter_map(|(i, f)| Some((f.name, row.value(i)?))).collect())
}

/// A row from a record; members that are missing keep their defaults, unknown ones are ignored.
///
/// # Errors
/// The name of the field that does not fit, and why.
pub fn row_from_record(
    meta: &'static ClassMeta,
    record: Value,
) -> Result<Box<dyn Row>, (&'static str, ValueError)> {
    let members: Vec<(String, Value)> = match record {
        Value::Map(map) => map.into_iter().collect(),
        Value::Record(fields) => fields.into_iter().map(|(n, v)| (n.to_owned(), v)).collect(),
        other => {
            let got = other.kind().to_owned();
            let expected = Type::Record(meta.name).to_string();
            return Err((meta.name, ValueError::Kind { expected, got }));
        }
    };
    let mut row = (meta.new_row)();
    for (name, value) in members {
        if let Some(index) = meta.index_of(&name)
            && let Some(Err(error)) = row.set_value(index, value)
        {
            return Err((meta.fields.get(index).map_or(meta.name, |f| f.name), error));
        }
    }
    Ok(row)
}

/// Reads a whole record as a typed row.
///
/// # Errors
/// A field does not fit.
pub fn typed_from_record<C: Class>(value: Value) -> Result<C, ValueError> {
    let row = row_from_record(C::META, value).map_err(|(_, e)| e)?;
    row.as_any().downcast_ref::<C>().cloned().ok_or_else(|| ValueError::Kind {
        expected: C::NAME.to_owned(),
        got: row.meta().name.to_owned(),
    })
}

/// Writes a member unless it is absent; a name for the macro to call.
#[doc(hidden)]
pub fn write_member<T: Field>(field: &T, name: &'static str, sink: &mut dyn Sink) {
    if !field.is_absent() {
        sink.member(name);
        field.write(sink);
    }
}

/// As [`Field::from_value`]; a name for the macro to call.
#[doc(hidden)]
pub fn assign<T: Field>(place: &mut T, value: Value) -> Result<(), ValueError> {
    *place = T::from_value(value)?;
    Ok(())
}
