//! All messages by name: the declared ones, and those that follow from fields.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use haven_model::{
    CLASSES, ClassMeta, FieldMeta, Lifecycle, Qualifier, RoleLevel, Type, Value, class_named,
};

use crate::field_writes::{alert_operation, plain_operation};
use crate::messages::{MESSAGES, Message, MessageKind, Param};

/// How a message is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// By a handler of the daemon.
    Custom,
    /// By a handler of the daemon, which makes a row from a record.
    Create,
    /// By a handler of the daemon, which removes a row.
    Destroy,
    /// By reading this field.
    Get(usize),
    /// By writing this field.
    Set(usize),
    /// By adding a pair to this map.
    AddTo(usize),
    /// By removing a pair from this map.
    RemoveFrom(usize),
    /// By adding a value to this set.
    Add(usize),
    /// By removing a value from this set.
    Remove(usize),
    /// By listing the references.
    GetAll,
    /// By reading one record.
    GetRecord,
    /// By reading all records.
    GetAllRecords,
    /// By reading the records that fit an expression.
    GetAllRecordsWhere,
    /// By looking up a uuid.
    GetByUuid,
    /// By looking up a name.
    GetByNameLabel,
}

impl Operation {
    /// Whether [`crate::dispatch::read`] answers it.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(
            self,
            Self::Get(_)
                | Self::GetAll
                | Self::GetRecord
                | Self::GetAllRecords
                | Self::GetAllRecordsWhere
                | Self::GetByUuid
                | Self::GetByNameLabel
        )
    }

    /// Whether [`crate::dispatch::write`] answers it.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(
            self,
            Self::Set(_) | Self::AddTo(_) | Self::RemoveFrom(_) | Self::Add(_) | Self::Remove(_)
        )
    }
}

/// A message as it can be called.
#[derive(Debug, Clone)]
pub struct Method {
    /// Its full name, such as `VM.start`.
    pub name: String,
    /// Its class.
    pub class: &'static ClassMeta,
    /// Its parameters, without the session.
    pub params: Vec<Param>,
    /// Type of its result, if it has one.
    pub result: Option<Type>,
    /// Least role that may call it.
    pub role: RoleLevel,
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
    /// How it is answered.
    pub operation: Operation,
}

impl Method {
    /// Its name within its class.
    #[must_use]
    pub fn message(&self) -> &str {
        self.name.split_once('.').map_or(self.name.as_str(), |(_, message)| message)
    }

    /// How many parameters (without the session) must be given.
    #[must_use]
    pub fn required(&self) -> usize {
        self.params.iter().rposition(|p| p.default.is_none()).map_or(0, |last| last + 1)
    }
}

/// All messages by name.
#[derive(Debug)]
pub struct Registry {
    methods: BTreeMap<String, Method>,
    /// `VM_start` for `VM.start`.
    aliases: BTreeMap<String, String>,
}

impl Registry {
    /// The registry of XenAPI.
    #[must_use]
    pub fn standard() -> &'static Self {
        static STANDARD: LazyLock<Registry> = LazyLock::new(Registry::build);
        &STANDARD
    }

    fn build() -> Self {
        let mut registry = Self { methods: BTreeMap::new(), aliases: BTreeMap::new() };
        for class in CLASSES {
            for method in from_fields(class) {
                registry.add(method);
            }
        }
        // A declared message has precedence over one of the same name that follows from a field.
        for message in MESSAGES.iter().copied().flatten() {
            if let Some(method) = declared(message) {
                registry.add(method);
            }
        }
        registry
    }

    fn add(&mut self, method: Method) {
        self.aliases.insert(method.name.replacen('.', "_", 1), method.name.clone());
        self.methods.insert(method.name.clone(), method);
    }

    /// The message of that full name (or `Class_message`).
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Method> {
        let alias = || self.methods.get(self.aliases.get(name)?);
        self.methods.get(name).or_else(alias)
    }

    /// All messages, by name.
    pub fn methods(&self) -> impl Iterator<Item = &Method> {
        self.methods.values()
    }

    /// Messages that need a handler but have none, removed ones and those between XenAPI's own
    /// servers aside: what this server cannot do yet.
    pub fn unbuilt<'r>(
        &'r self,
        has_handler: impl Fn(&str) -> bool + 'r,
    ) -> impl Iterator<Item = &'r Method> {
        self.methods().filter(move |m| {
            let answered = m.operation.is_read() || m.operation.is_write();
            let wanted = !m.is_hidden && m.state != Lifecycle::Removed;
            wanted && !answered && !has_handler(&m.name)
        })
    }

    /// What `system.listMethods` answers: all names that clients may call.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let visible = || self.methods.values().filter(|m| !m.is_hidden);
        let mut names: Vec<String> = visible().map(|m| m.name.clone()).collect();
        names.extend(visible().filter(|m| m.is_async).map(|m| format!("Async.{}", m.name)));
        names.extend(["system.listMethods", "system.isAlive:*"].map(str::to_owned));
        names
    }
}

fn declared(message: &'static Message) -> Option<Method> {
    let class = class_named(message.class)?;
    let operation = plain_operation(class, message.name)
        .or_else(|| alert_operation(class, message.name))
        .unwrap_or(match message.kind {
            MessageKind::Custom => Operation::Custom,
            MessageKind::Create => Operation::Create,
            MessageKind::Destroy => Operation::Destroy,
        });
    Some(Method {
        name: format!("{}.{}", message.class, message.name),
        class,
        params: message.params.to_vec(),
        result: message.result,
        role: message.role,
        is_async: message.is_async,
        needs_session: message.needs_session,
        is_hidden: message.is_hidden,
        state: message.state,
        errors: message.errors,
        operation,
    })
}

/// Least role that may read rows of the class: secrets are not for everyone to look at.
#[must_use]
pub fn read_role(class: &ClassMeta) -> RoleLevel {
    if class.name == "secret" { RoleLevel::PoolOperator } else { RoleLevel::ReadOnly }
}

/// Makes the messages of one class that follow from its fields.
struct FromFields {
    class: &'static ClassMeta,
    methods: Vec<Method>,
}

impl FromFields {
    fn add(
        &mut self,
        name: String,
        params: &[(&'static str, Type)],
        result: Option<Type>,
        (role, state): (RoleLevel, Lifecycle),
        operation: Operation,
    ) {
        let params = params.iter().map(|(name, ty)| Param { name, ty: *ty, default: None });
        self.methods.push(Method {
            name: format!("{}.{name}", self.class.name),
            class: self.class,
            params: params.collect(),
            result,
            role,
            is_async: false,
            needs_session: true,
            is_hidden: false,
            state,
            errors: &[],
            operation,
        });
    }

    fn read(
        &mut self,
        name: &str,
        params: &[(&'static str, Type)],
        result: Type,
        operation: Operation,
    ) {
        let open = (read_role(self.class), self.class.state);
        self.add(name.to_owned(), params, Some(result), open, operation);
    }

    fn field(&mut self, index: usize, field: &'static FieldMeta) {
        let object = ("self", Type::Ref(self.class.name));
        let read = (read_role(self.class), field.state);
        let get = format!("get_{}", field.name);
        self.add(get, &[object], Some(field.ty), read, Operation::Get(index));
        if field.qualifier != Qualifier::Rw {
            return;
        }
        let write = (field.set_role, field.state);
        let class = self.class;
        let custom = |name: &str, operation| {
            let otherwise = if field.custom_setter { Operation::Custom } else { operation };
            plain_operation(class, name).unwrap_or(otherwise)
        };
        let name = format!("set_{}", field.name);
        let set = custom(&name, Operation::Set(index));
        self.add(name, &[object, ("value", field.ty)], None, write, set);
        match field.ty {
            Type::Map(key, value) => {
                let (key, value) = (("key", *key), ("value", *value));
                let names = ["add_to_", "remove_from_"].map(|verb| format!("{verb}{}", field.name));
                let [add_to, remove_from] = names;
                let add = custom(&add_to, Operation::AddTo(index));
                let remove = custom(&remove_from, Operation::RemoveFrom(index));
                self.add(add_to, &[object, key, value], None, write, add);
                self.add(remove_from, &[object, key], None, write, remove);
            }
            Type::Set(item) => {
                let value = ("value", *item);
                let [to_add, to_remove] =
                    ["add_", "remove_"].map(|verb| format!("{verb}{}", field.name));
                let add = custom(&to_add, Operation::Add(index));
                let remove = custom(&to_remove, Operation::Remove(index));
                self.add(to_add, &[object, value], None, write, add);
                self.add(to_remove, &[object, value], None, write, remove);
            }
            _ => {}
        }
    }
}

fn from_fields(class: &'static ClassMeta) -> Vec<Method> {
    if !class.in_database {
        return Vec::new();
    }
    let mut made = FromFields { class, methods: Vec::new() };
    for (index, field) in class.fields.iter().enumerate().filter(|(_, f)| !f.internal) {
        made.field(index, field);
    }
    let references = Type::Set(class.ref_type);
    let records = Type::Map(class.ref_type, class.record_type);
    let object = [("self", *class.ref_type)];
    made.read("get_record", &object, *class.record_type, Operation::GetRecord);
    if class.field("uuid").is_some() {
        let uuid = [("uuid", Type::String)];
        made.read("get_by_uuid", &uuid, *class.ref_type, Operation::GetByUuid);
    }
    if class.field("name_label").is_some() {
        let label = [("label", Type::String)];
        made.read("get_by_name_label", &label, references, Operation::GetByNameLabel);
    }
    if class.events {
        let expr = [("expr", Type::String)];
        made.read("get_all", &[], references, Operation::GetAll);
        made.read("get_all_records", &[], records, Operation::GetAllRecords);
        made.read("get_all_records_where", &expr, records, Operation::GetAllRecordsWhere);
    }
    made.methods
}

/// The default of a parameter that was left out.
pub(crate) fn default_of(param: &Param) -> Option<Value> {
    param.default.map(|make| make())
}
