//! The tables of commands and record classes, read once from the files in `facts/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use haven_model::{ClassMeta, FieldMeta, Type, class_named};

use crate::action::Action;

const COMMANDS: &str = include_str!("facts/commands.txt");
const CLASSES: &str = include_str!("facts/classes.txt");
const ACTIONS: &str = include_str!("facts/actions.txt");

/// Parameters that every command takes.
pub(crate) const STANDARD_PARAMS: &[&str] = &[
    "server",
    "password",
    "port",
    "username",
    "minimal",
    "force",
    "multiple",
    "all",
    "message-priority",
    "trace",
    "json",
];

/// Which objects a command can be given by name or by their fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selects {
    /// `vm=`.
    Vm,
    /// `host=`.
    Host,
    /// `sr=`.
    Sr,
}

/// What a command does to a record class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    List,
    ParamList,
    ParamGet,
    ParamSet,
    ParamAdd,
    ParamRemove,
    ParamClear,
}

/// A command.
#[derive(Debug)]
pub(crate) struct CommandSpec {
    pub(crate) name: String,
    pub(crate) required: Vec<&'static str>,
    pub(crate) optional: Vec<String>,
    pub(crate) selects: Option<Selects>,
    /// In the short list of `help`.
    pub(crate) common: bool,
    pub(crate) hidden: bool,
    /// On this very host, also in an emergency.
    pub(crate) local: bool,
    /// For a generated command: of which class.
    pub(crate) generated: Option<(Verb, &'static RecordClass)>,
    /// For a command that is one message.
    pub(crate) action: Option<Action>,
}

/// How a field may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A single value.
    One,
    /// A set.
    Set,
    /// A map.
    Map,
}

/// Where a field comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// A field of the object.
    Own(&'static FieldMeta),
    /// The name of the object that a field refers to.
    NameOf(&'static FieldMeta),
    /// A field of the object that a field refers to.
    Via { through: &'static FieldMeta, field: &'static FieldMeta, missing: &'static str },
    /// What a message answers.
    Call(&'static str),
    /// Always the same.
    Text(&'static str),
    /// A rule in code, and its argument.
    Rule(&'static str, &'static str),
}

/// A field as `xe` shows it.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) writable: bool,
    /// Asks for more than the record: not shown in lists.
    pub(crate) expensive: bool,
    pub(crate) hidden: bool,
    pub(crate) deprecated: bool,
    pub(crate) source: Source,
}

impl Field {
    /// The mark behind its name.
    pub(crate) fn mark(&self) -> &'static str {
        match (self.kind, self.writable) {
            (Kind::One, false) => " ( RO)",
            (Kind::One, true) => " ( RW)",
            (Kind::Set, false) => " (SRO)",
            (Kind::Set, true) => " (SRW)",
            (Kind::Map, false) => " (MRO)",
            (Kind::Map, true) => " (MRW)",
        }
    }
}

/// A record class.
#[derive(Debug)]
pub(crate) struct RecordClass {
    pub(crate) name: &'static str,
    pub(crate) meta: &'static ClassMeta,
    /// Filters that are always there.
    pub(crate) filters: Vec<(&'static str, &'static str)>,
    /// What lists show unless asked for more; everything if empty.
    pub(crate) listed: Vec<&'static str>,
    pub(crate) fields: Vec<Field>,
}

impl RecordClass {
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

static RECORDS: LazyLock<Vec<RecordClass>> = LazyLock::new(|| read_classes(CLASSES));
static TABLE: LazyLock<BTreeMap<String, CommandSpec>> = LazyLock::new(read_commands);

/// The record class of that name.
pub(crate) fn record_class(name: &str) -> Option<&'static RecordClass> {
    RECORDS.iter().find(|class| class.name == name)
}

/// All record classes.
pub(crate) fn record_classes() -> &'static [RecordClass] {
    &RECORDS
}

/// The command of that name.
pub(crate) fn command(name: &str) -> Option<&'static CommandSpec> {
    TABLE.get(name)
}

/// All commands, by name.
pub(crate) fn commands() -> impl Iterator<Item = &'static CommandSpec> {
    TABLE.values()
}

fn read_classes(text: &'static str) -> Vec<RecordClass> {
    let mut classes: Vec<RecordClass> = Vec::new();
    for line in lines(text) {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("record") => {
                let name = words.next().unwrap_or_default();
                let Some(meta) = words.next().and_then(class_named) else { continue };
                let like = words.nth(1).and_then(|other| classes.iter().find(|c| c.name == other));
                let fields =
                    like.map_or_else(Vec::new, |other| read_fields(other.name, meta, text));
                classes.push(RecordClass {
                    name,
                    meta,
                    filters: Vec::new(),
                    listed: Vec::new(),
                    fields,
                });
            }
            Some("where") => {
                if let Some(class) = classes.last_mut() {
                    class.filters = words.filter_map(|pair| pair.split_once('=')).collect();
                }
            }
            Some("list") => {
                if let Some(class) = classes.last_mut() {
                    class.listed = words.collect();
                }
            }
            _ => {
                if let Some(class) = classes.last_mut() {
                    class.fields.extend(read_field(class.meta, line));
                }
            }
        }
    }
    classes
}

/// The fields of another class of the file.
fn read_fields(class: &str, meta: &'static ClassMeta, text: &'static str) -> Vec<Field> {
    let head = format!("record {class} ");
    let body = lines(text).skip_while(|line| !line.starts_with(&head)).skip(1);
    let body = body.take_while(|line| !line.starts_with("record "));
    let fields = body.filter(|line| !line.starts_with("where ") && !line.starts_with("list "));
    fields.filter_map(|line| read_field(meta, line)).collect()
}

fn read_field(meta: &'static ClassMeta, line: &'static str) -> Option<Field> {
    let (spec, source) = match line.split_once(" = ") {
        Some((spec, source)) => (spec, Some(source)),
        None => (line, None),
    };
    let (name, kind) = spec.split_once(' ')?;
    let mut marks = kind.split(',');
    let kind = marks.next()?;
    let marks: Vec<&str> = marks.collect();
    let source = match source {
        Some(source) => read_source(meta, source)?,
        None => same_name(meta, name)?,
    };
    Some(Field {
        name,
        kind: match kind.as_bytes().first() {
            Some(b'S') => Kind::Set,
            Some(b'M') => Kind::Map,
            _ => Kind::One,
        },
        writable: kind.ends_with('W'),
        expensive: marks.contains(&"expensive"),
        hidden: marks.contains(&"hidden"),
        deprecated: marks.contains(&"deprecated"),
        source,
    })
}

/// The field of that name; or what it refers to.
fn same_name(meta: &'static ClassMeta, name: &str) -> Option<Source> {
    let wanted = name.replace('-', "_").to_lowercase();
    let field = |name: &str| meta.fields.iter().find(|f| f.name.to_lowercase() == name);
    if let Some(found) = field(&wanted) {
        return Some(Source::Own(found));
    }
    if let Some(one) = wanted.strip_suffix("_uuid") {
        return field(one).map(Source::Own);
    }
    if let Some(many) = wanted.strip_suffix("_uuids") {
        return field(many).or_else(|| field(&format!("{many}s"))).map(Source::Own);
    }
    field(wanted.strip_suffix("_name_label")?).map(Source::NameOf)
}

fn read_source(meta: &'static ClassMeta, source: &'static str) -> Option<Source> {
    if let Some(text) = source.strip_prefix("text") {
        return Some(Source::Text(text.trim_start()));
    }
    if let Some(method) = source.strip_prefix("call ") {
        return Some(Source::Call(method));
    }
    if let Some(rule) = source.strip_prefix('@') {
        let (name, argument) = rule.split_once(' ').unwrap_or((rule, ""));
        return Some(Source::Rule(name, argument));
    }
    let Some((through, rest)) = source.split_once('>') else {
        return meta.field(source).map(Source::Own);
    };
    let (path, missing) = rest.split_once(" ?").unwrap_or((rest.trim_end_matches(" ?"), ""));
    let (class, field) = path.split_once('.')?;
    let field = class_named(class)?.field(field)?;
    Some(Source::Via { through: meta.field(through)?, field, missing })
}

fn read_commands() -> BTreeMap<String, CommandSpec> {
    let actions: BTreeMap<&str, Action> = lines(ACTIONS)
        .filter_map(|line| line.split_once(" = "))
        .filter_map(|(name, action)| Some((name, Action::read(action)?)))
        .collect();
    let mut table = BTreeMap::new();
    for line in lines(COMMANDS) {
        let mut parts = line.split('|').map(str::trim);
        let mut words = || parts.next().unwrap_or_default().split_whitespace();
        let name = words().next().unwrap_or_default().to_owned();
        let required = words().collect();
        let optional = words().map(str::to_owned).collect();
        let flags: Vec<&str> = words().collect();
        let selects = flags.iter().find_map(|flag| match *flag {
            "vm" => Some(Selects::Vm),
            "host" => Some(Selects::Host),
            "sr" => Some(Selects::Sr),
            _ => None,
        });
        let action = actions.get(name.as_str()).cloned();
        let spec = CommandSpec {
            required,
            optional,
            selects,
            common: flags.contains(&"common"),
            hidden: flags.contains(&"hidden"),
            local: flags.contains(&"local"),
            generated: None,
            action,
            name: name.clone(),
        };
        table.insert(name, spec);
    }
    for class in RECORDS.iter() {
        for spec in generated(class) {
            table.insert(spec.name.clone(), spec);
        }
    }
    table
}

/// The commands of a record class.
fn generated(class: &'static RecordClass) -> Vec<CommandSpec> {
    let shown = || class.fields.iter().filter(|field| !field.hidden);
    let names = |fits: &dyn Fn(&Field) -> bool| -> Vec<String> {
        shown().filter(|f| fits(f)).map(|f| f.name.to_owned()).collect()
    };
    let mut settable = names(&|f| f.kind == Kind::One && f.writable);
    settable.extend(names(&|f| f.kind == Kind::Map && f.writable).iter().map(|n| format!("{n}:")));
    let addable = names(&|f| f.kind != Kind::One && f.writable);
    let clearable = names(&|f| f.writable || f.kind != Kind::One);
    let mut listing = vec!["params".to_owned(), "database:".to_owned()];
    listing.extend(names(&|_| true));
    listing.extend(names(&|f| f.kind == Kind::Set).iter().map(|n| format!("{n}:contains")));
    let database = || vec!["database:".to_owned()];
    let get = vec!["param-key".to_owned(), "database:".to_owned()];
    let make = |verb, name: &str, required: &[&'static str], optional| CommandSpec {
        name: format!("{}-{name}", class.name),
        required: required.to_vec(),
        optional,
        selects: None,
        common: verb == Verb::List && ["vm", "network", "sr"].contains(&class.name),
        hidden: false,
        local: false,
        generated: Some((verb, class)),
        action: None,
    };
    let mut made = vec![
        make(Verb::List, "list", &[], listing),
        make(Verb::ParamList, "param-list", &["uuid"], database()),
        make(Verb::ParamGet, "param-get", &["uuid", "param-name"], get),
    ];
    if !settable.is_empty() {
        made.push(make(Verb::ParamSet, "param-set", &["uuid"], settable));
    }
    if !addable.is_empty() {
        let key = vec!["param-key".to_owned()];
        made.push(make(Verb::ParamAdd, "param-add", &["uuid", "param-name"], key));
        let all = &["uuid", "param-name", "param-key"];
        made.push(make(Verb::ParamRemove, "param-remove", all, Vec::new()));
    }
    if !clearable.is_empty() {
        made.push(make(Verb::ParamClear, "param-clear", &["uuid", "param-name"], Vec::new()));
    }
    made
}

/// The class that a reference is to.
pub(crate) fn referred(ty: Type) -> Option<&'static str> {
    match ty {
        Type::Ref(class) => Some(class),
        Type::Set(inner) | Type::Map(_, inner) | Type::Option(inner) => referred(*inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
