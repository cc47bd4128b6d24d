//! Commands that are one message of the API, as `facts/actions.txt` describes them.

use std::collections::BTreeMap;

use haven_api::{Method, Registry};
use haven_model::{ApiError, DateTime, Field as _, RefId, Type, Value, class_named, codes};

use crate::facts::{CommandSpec, Selects};
use crate::failure::Failure;
use crate::printer::Cell;
use crate::run::{Object, Run};
use crate::select::Selection;

/// Said when a dangerous command is not forced.
pub(crate) const NOT_FORCED: &str = "This can destroy data: say --force if it is meant";

/// Where an argument of the message comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Argument {
    /// The first of these parameters that is given; else the text, else the type's default.
    Param(Vec<&'static str>, Option<&'static str>),
    /// All parameters `name:key=value`.
    Map(&'static str),
    /// The contents of the file that the parameter names.
    File(&'static str),
    /// Always the same.
    Fixed(&'static str),
    /// An object that is found in another way.
    Object(&'static str),
    /// A record.
    Record(Vec<(&'static str, Argument)>),
}

/// What is printed of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    Nothing,
    Uuid,
    Text,
    List,
    Map,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) method: &'static str,
    pub(crate) arguments: Vec<Argument>,
    shows: Shows,
    long: bool,
    forced: bool,
    control: bool,
    templates: bool,
    one: bool,
}

impl Action {
    /// Reads a line of the file; none if it is no action.
    pub(crate) fn read(line: &'static str) -> Option<Self> {
        let (line, shows) = line.split_once(" -> ").unwrap_or((line, ""));
        let mut action = Self {
            method: "",
            arguments: Vec::new(),
            shows: match shows.trim() {
                "uuid" => Shows::Uuid,
                "text" => Shows::Text,
                "list" => Shows::List,
                "map" => Shows::Map,
                _ => Shows::Nothing,
            },
            long: false,
            forced: false,
            control: false,
            templates: false,
            one: false,
        };
        let mut words = line.split_whitespace().peekable();
        loop {
            match words.next()? {
                "long" => action.long = true,
                "force" => action.forced = true,
                "control" => action.control = true,
                "templates" => action.templates = true,
                "one" => action.one = true,
                method => {
                    action.method = method;
                    break;
                }
            }
        }
        while let Some(word) = words.next() {
            let Some(first) = word.strip_prefix('{') else {
                action.arguments.push(argument(word));
                continue;
            };
            let mut fields = Vec::new();
            let mut word = first;
            loop {
                let (field, source) = word.trim_end_matches('}').split_once('=')?;
                fields.push((field, argument(source)));
                if word.ends_with('}') {
                    break;
                }
                word = words.next()?;
            }
            action.arguments.push(Argument::Record(fields));
        }
        Some(action)
    }

    /// What the command selects by name or fields.
    fn selects(&self) -> Option<Selects> {
        let find = |arguments: &[Argument]| {
            arguments.iter().find_map(|argument| match argument {
                Argument::Object("vm") => Some(Selects::Vm),
                Argument::Object("host") => Some(Selects::Host),
                Argument::Object("sr") => Some(Selects::Sr),
                _ => None,
            })
        };
        find(&self.arguments).or_else(|| {
            self.arguments.iter().find_map(|argument| match argument {
                Argument::Record(fields) => {
                    let sources: Vec<Argument> = fields.iter().map(|(_, s)| s.clone()).collect();
                    find(&sources)
                }
                _ => None,
            })
        })
    }
}

fn argument(word: &'static str) -> Argument {
    if let Some(text) = word.strip_prefix('=') {
        return Argument::Fixed(text);
    }
    if let Some(object) = word.strip_prefix('@') {
        return Argument::Object(object);
    }
    if let Some(file) = word.strip_prefix('<') {
        return Argument::File(file);
    }
    if let Some(map) = word.strip_suffix(':') {
        return Argument::Map(map);
    }
    let (names, default) = match word.split_once('?') {
        Some((names, default)) => (names, Some(default)),
        None => (word, None),
    };
    Argument::Param(names.split('|').collect(), default)
}

/// What a value is when nothing is said of it.
fn default_of(ty: &Type) -> Value {
    match ty {
        Type::String | Type::Record(_) => Value::void(),
        Type::Int => Value::Int(0),
        Type::Float => Value::Float(0.0),
        Type::Bool => Value::Bool(false),
        Type::DateTime => DateTime::EPOCH.to_value(),
        Type::Ref(_) => Value::Ref(RefId::NULL),
        Type::Enum(meta) => Value::from(meta.values.first().copied().unwrap_or_default()),
        Type::Set(_) => Value::Set(Vec::new()),
        Type::Map(..) => Value::Map(BTreeMap::new()),
        Type::Option(_) => Value::Nil,
    }
}

impl CommandSpec {
    /// How the command selects objects: what it takes itself says nothing about them.
    pub(crate) fn selection(&self) -> Selection {
        let own = self.required.iter().map(|name| (*name).to_owned());
        Selection {
            own: own.chain(self.optional.iter().cloned()).collect(),
            ..Selection::default()
        }
    }
}

impl Run<'_> {
    /// Carries out a command that is one message.
    pub(crate) fn act(&mut self, spec: &CommandSpec, action: &Action) -> Result<(), Failure> {
        if action.forced && !self.args.flag("force")? {
            return Err(Failure::text(NOT_FORCED));
        }
        let unknown = || ApiError::with(codes::MESSAGE_METHOD_UNKNOWN, &[&action.method]);
        let method = Registry::standard().find(action.method).ok_or_else(unknown)?;
        let Some(what) = action.selects() else {
            return self.act_once(action, method, None);
        };
        let selection = Selection {
            control: action.control,
            templates: action.templates,
            one: action.one,
            ..spec.selection()
        };
        let each = |run: &mut Self, object: &Object| run.act_once(action, method, Some(object));
        self.for_each(what, &selection, each).map(drop)
    }

    fn act_once(
        &mut self,
        action: &Action,
        method: &Method,
        selected: Option<&Object>,
    ) -> Result<(), Failure> {
        let mut params = Vec::with_capacity(action.arguments.len());
        for (argument, param) in action.arguments.iter().zip(&method.params) {
            params.push(self.value_of(argument, param.name, &param.ty, selected)?);
        }
        let answer = if action.long {
            self.long(action.method, params)?
        } else {
            self.call(action.method, params)?
        };
        self.show(action.shows, method, &answer);
        Ok(())
    }

    fn value_of(
        &mut self,
        argument: &Argument,
        name: &str,
        ty: &Type,
        selected: Option<&Object>,
    ) -> Result<Value, Failure> {
        Ok(match argument {
            Argument::Fixed(text) => self.read_value(ty, name, text)?,
            Argument::Map(map) => {
                let pairs = self.args.map(map).into_iter();
                Value::Map(pairs.map(|(key, value)| (key, Value::from(value))).collect())
            }
            Argument::Param(names, default) => {
                let given = names.iter().find_map(|name| Some((*name, self.args.get(name)?)));
                let given = given.map(|(name, text)| (name, text.to_owned()));
                match given.or_else(|| default.map(|text| (name, text.to_owned()))) {
                    Some((name, text)) => self.read_value(ty, name, &text)?,
                    None => default_of(ty),
                }
            }
            Argument::File(param) => match self.args.get(param).map(str::to_owned) {
                Some(file) => {
                    let contents = self.file(&file)?;
                    let failed = format!("Failed to read {}", param.replace('-', " "));
                    Value::from(contents.ok_or_else(|| self.give_up(&failed))?)
                }
                None => default_of(ty),
            },
            Argument::Object(what) => Value::Ref(self.found(what, selected)?),
            Argument::Record(fields) => {
                let Type::Record(class) = ty else { return Ok(Value::Nil) };
                let meta = class_named(class).ok_or_else(|| ApiError::internal(class))?;
                let mut record = BTreeMap::new();
                for (field, source) in fields {
                    let known = meta.field(field).ok_or_else(|| ApiError::internal(field))?;
                    let value = self.value_of(source, field, &known.ty, selected)?;
                    record.insert((*field).to_owned(), value);
                }
                Value::Map(record)
            }
        })
    }

    fn found(&mut self, what: &str, selected: Option<&Object>) -> Result<RefId, Failure> {
        Ok(match what {
            "snapshot" => self.snapshot()?.id,
            "template" => self.template()?.id,
            "pool" => match self.args.get("uuid").map(str::to_owned) {
                Some(uuid) => self.by_uuid("pool", &uuid)?.id,
                None => self.pool()?.id,
            },
            "here" => self.host_or_coordinator("")?,
            "host-uuid" => self.host_or_coordinator("host-uuid")?,
            _ => selected.map_or(RefId::NULL, |object| object.id),
        })
    }

    fn show(&mut self, shows: Shows, method: &Method, answer: &Value) {
        match shows {
            Shows::Nothing => {}
            Shows::Uuid => {
                let uuids = self.uuids_of(method.result, answer);
                match (answer, uuids.first()) {
                    (Value::Set(_), _) | (_, None) => self.printer.list(uuids),
                    (_, Some(uuid)) => self.printer.value(uuid.clone(), uuid.clone().into()),
                }
            }
            Shows::Text => {
                let ty = method.result.unwrap_or(Type::String);
                let parts = self.parts_of(ty, answer, crate::facts::Kind::One);
                self.printer.value(parts.text(""), parts.data());
            }
            Shows::List => {
                let ty = method.result.unwrap_or(Type::String);
                let text = match self.parts_of(ty, answer, crate::facts::Kind::One) {
                    crate::record::Parts::Set(items) => items,
                    other => vec![other.text("")],
                };
                self.printer.list(text);
            }
            Shows::Map => self.show_map(method.result.unwrap_or(Type::String), answer),
        }
    }

    /// A map as one record; a set of records as a list of them.
    fn show_map(&mut self, ty: Type, answer: &Value) {
        match answer {
            Value::Set(records) => {
                let record = |record: &Value| match record {
                    Value::Record(fields) => {
                        fields.iter().map(|(name, v)| Cell::text(*name, v.to_string())).collect()
                    }
                    Value::Map(map) => {
                        map.iter().map(|(name, v)| Cell::text(name, v.to_string())).collect()
                    }
                    other => vec![Cell::text("value", other.to_string())],
                };
                self.printer.table(records.iter().map(record).collect());
            }
            other => {
                let cells = match self.parts_of(ty, other, crate::facts::Kind::Map) {
                    crate::record::Parts::Map(pairs) => {
                        pairs.into_iter().map(|(k, v)| Cell::text(k, v)).collect()
                    }
                    parts => vec![Cell::text("value", parts.text(""))],
                };
                self.printer.record(cells);
            }
        }
    }
}
