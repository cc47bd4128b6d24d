//! Records as `xe` shows them.

use haven_model::{RefId, Type, Value};
use serde_json::Value as Json;

use crate::facts::{Field, Kind, RecordClass, Source, record_class, referred};
use crate::failure::Failure;
use crate::printer::Cell;
use crate::run::{Object, Run, as_ref};

/// Shown for a reference to nothing.
const NOBODY: &str = "<not in database>";
const INVALID: &str = "<invalid reference>";
const EXPENSIVE: &str = "<expensive field>";

/// A value, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Parts {
    One(String, Json),
    Set(Vec<String>),
    Map(Vec<(String, String)>),
}

impl Parts {
    fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::One(text.clone(), Json::String(text))
    }

    /// As one text.
    pub(crate) fn text(&self, field: &str) -> String {
        match self {
            Self::One(text, _) => text.clone(),
            Self::Set(items) => items.join(separator(field)),
            Self::Map(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}: {v}")).collect();
                pairs.join("; ")
            }
        }
    }

    pub(crate) fn data(self) -> Json {
        match self {
            Self::One(_, data) => data,
            Self::Set(items) => items.into(),
            Self::Map(pairs) => {
                Json::Object(pairs.into_iter().map(|(k, v)| (k, Json::String(v))).collect())
            }
        }
    }
}

/// Some sets have always been shown with commas.
fn separator(field: &str) -> &'static str {
    match field {
        "tags" | "hosts" | "after-apply-guidance" => ", ",
        _ => "; ",
    }
}

/// Names of enums' values as `xe` has them, where they differ from the API's.
pub(crate) fn variant_text(name: &str, text: &str) -> String {
    match name {
        "vm_power_state" => text.to_lowercase(),
        "console_protocol" => text.to_uppercase(),
        "domain_type" => text.replace('_', "-"),
        "vdi_type" => capitalised(text),
        "on_normal_exit" | "on_crash_behaviour" | "on_softreboot_behavior" => {
            capitalised(&text.replace("coredump", "core dump").replace('_', " "))
        }
        _ => text.to_owned(),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl Run<'_> {
    /// A field of an object.
    pub(crate) fn parts(&mut self, field: &Field, object: &Object) -> Result<Parts, Failure> {
        match field.source {
            Source::Own(meta) => {
                let value = object.field(meta.name).unwrap_or(Value::Nil);
                let parts = self.parts_of(meta.ty, &value, field.kind);
                Ok(if field.name == "last-boot-record" {
                    Parts::plain(format!("'{}'", parts.text("")))
                } else {
                    parts
                })
            }
            Source::NameOf(meta) => {
                let id = object.reference(meta.name);
                let named = self.named(referred(meta.ty), id);
                let label = named.and_then(|named| named.label);
                Ok(Parts::plain(label.unwrap_or_else(|| NOBODY.to_owned())))
            }
            Source::Via { through, field: far, missing } => {
                let id = object.reference(through.name);
                let class = referred(through.ty).unwrap_or_default();
                let record = self.record(class, id)?;
                let value = record.as_ref().and_then(|record| record.member(far.name));
                Ok(match value {
                    Some(value) => {
                        let value = value.clone();
                        self.parts_of(far.ty, &value, field.kind)
                    }
                    None => Parts::plain(missing),
                })
            }
            Source::Call(method) => self.answer_of(method, object, field.kind),
            Source::Text(text) => Ok(Parts::plain(text)),
            Source::Rule(rule, argument) => self.by_rule(rule, argument, object),
        }
    }

    fn answer_of(
        &mut self,
        method: &'static str,
        object: &Object,
        kind: Kind,
    ) -> Result<Parts, Failure> {
        let result = haven_api::Registry::standard().find(method).and_then(|m| m.result);
        match self.call(method, vec![Value::Ref(object.id)]) {
            Ok(value) => Ok(self.parts_of(result.unwrap_or(Type::String), &value, kind)),
            Err(Failure::Gone) => Err(Failure::Gone),
            // One field must not hide all others.
            Err(failure) if failure.is_api(haven_model::codes::HANDLE_INVALID) => {
                Ok(Parts::plain(INVALID))
            }
            Err(_) if matches!(kind, Kind::Set) => Ok(Parts::Set(Vec::new())),
            Err(_) => Ok(Parts::plain("<unknown>")),
        }
    }

    /// A value as text.
    pub(crate) fn parts_of(&mut self, ty: Type, value: &Value, kind: Kind) -> Parts {
        match (ty, value) {
            (Type::Option(inner), value) => self.parts_of(*inner, value, kind),
            (Type::Set(inner), Value::Set(items)) => {
                Parts::Set(items.iter().map(|item| self.one(*inner, item).0).collect())
            }
            // What goes on now: only what, not in which task.
            (Type::Map(_, inner), Value::Map(pairs)) if kind == Kind::Set => {
                Parts::Set(pairs.values().map(|value| self.one(*inner, value).0).collect())
            }
            (Type::Map(key, inner), Value::Map(pairs)) => {
                let pair = |(k, v): (&String, &Value)| {
                    let key = self.one(*key, &Value::from(k.as_str())).0;
                    (key, self.one(*inner, v).0)
                };
                Parts::Map(pairs.iter().map(pair).collect())
            }
            (ty, value) => {
                let (text, data) = self.one(ty, value);
                Parts::One(text, data)
            }
        }
    }

    fn one(&mut self, ty: Type, value: &Value) -> (String, Json) {
        let text = match (ty, value) {
            (Type::Ref(class), value) => match self.named(Some(class), as_ref(value)) {
                Some(named) => named.uuid,
                None => return (NOBODY.to_owned(), Json::Null),
            },
            (Type::Enum(meta), Value::String(text)) => variant_text(meta.name, text),
            (_, Value::Bool(truth)) => return (truth.to_string(), Json::Bool(*truth)),
            (_, Value::Int(number)) => return (number.to_string(), (*number).into()),
            (_, Value::Float(number)) => return (format!("{number:.3}"), (*number).into()),
            (Type::Set(inner), Value::Set(items)) => {
                let items: Vec<String> =
                    items.iter().map(|item| self.one(*inner, item).0).collect();
                items.join("; ")
            }
            (_, other) => other.to_string(),
        };
        (text.clone(), Json::String(text))
    }

    /// Fields that need more than a look at one value.
    fn by_rule(&mut self, rule: &str, argument: &str, object: &Object) -> Result<Parts, Failure> {
        match rule {
            "sr-types" => {
                let drivers = self.all(class("SM")?)?;
                Ok(Parts::Set(drivers.iter().map(|driver| driver.text("type")).collect()))
            }
            "hosts" => {
                let mut values: Vec<String> =
                    self.all(class("host")?)?.iter().map(|host| host.text(argument)).collect();
                values.sort();
                values.dedup();
                Ok(Parts::plain(values.join("; ")))
            }
            "sr-host" => self.host_of_sr(object),
            "attachable" => {
                let answer = self.call("VBD.assert_attachable", vec![Value::Ref(object.id)]);
                Ok(match answer {
                    Ok(_) => Parts::One("true".to_owned(), Json::Bool(true)),
                    Err(Failure::Gone) => return Err(Failure::Gone),
                    Err(failure) => {
                        let mut name = |id| self.named(None, id);
                        let why = failure.in_short(&mut name).replace('\n', " ");
                        Parts::plain(format!("false (error: {why})"))
                    }
                })
            }
            "resolution" => {
                let (x, y) = (object.text("max_resolution_x"), object.text("max_resolution_y"));
                Ok(Parts::plain(format!("{x}x{y}")))
            }
            other => self.driver_rule(other, object),
        }
    }

    /// The one host that sees a repository.
    fn host_of_sr(&mut self, sr: &Object) -> Result<Parts, Failure> {
        let pbds = sr.references("PBDs");
        if pbds.len() > 1 {
            return Ok(Parts::plain("<shared>"));
        }
        let id = match pbds.first() {
            Some(pbd) => self.object("PBD", *pbd)?.reference("host"),
            None => RefId::NULL,
        };
        let named = self.named(Some("host"), id).and_then(|named| named.label);
        Ok(Parts::plain(named.unwrap_or_else(|| NOBODY.to_owned())))
    }

    /// Device drivers of hosts and their variants.
    fn driver_rule(&mut self, rule: &str, object: &Object) -> Result<Parts, Failure> {
        let mut variants = |field: &str| -> Result<Parts, Failure> {
            let mut texts = Vec::new();
            for id in object.references("variants") {
                texts.push(self.object("Driver_variant", id)?.text(field));
            }
            Ok(Parts::plain(texts.join("; ")))
        };
        match rule {
            "variants-name" => return variants("name"),
            "variants-status" => return variants("status"),
            "variants-present" => return variants("hardware_present"),
            _ => {}
        }
        let field = if rule.starts_with("active") { "active_variant" } else { "selected_variant" };
        if rule.ends_with("-name") {
            let record = self.record("Driver_variant", object.reference(field))?;
            let name = record.as_ref().and_then(|record| record.member("name"));
            return Ok(Parts::plain(name.map_or_else(|| NOBODY.to_owned(), ToString::to_string)));
        }
        let driver = self.record("Host_driver", object.reference("driver"))?;
        let chosen = driver.as_ref().and_then(|driver| driver.member(field)).map(as_ref);
        let chosen = chosen == Some(object.id);
        Ok(Parts::One(chosen.to_string(), Json::Bool(chosen)))
    }

    /// A field as it is printed.
    pub(crate) fn cell(&mut self, field: &Field, object: &Object) -> Result<Cell, Failure> {
        let parts = self.parts(field, object)?;
        Ok(cell_of(field, parts))
    }

    /// The fields of that names, in the order of the class.
    pub(crate) fn cells(
        &mut self,
        class: &'static RecordClass,
        object: &Object,
        names: &[&str],
    ) -> Result<Vec<Cell>, Failure> {
        let fields = class.fields.iter().filter(|field| names.contains(&field.name));
        fields.map(|field| self.cell(field, object)).collect()
    }
}

/// The class of that name.
pub(crate) fn class(name: &str) -> Result<&'static haven_model::ClassMeta, Failure> {
    haven_model::class_named(name)
        .ok_or_else(|| haven_model::ApiError::internal(format!("no class {name}")).into())
}

/// The record class of that name.
pub(crate) fn records(name: &str) -> Result<&'static RecordClass, Failure> {
    record_class(name)
        .ok_or_else(|| haven_model::ApiError::internal(format!("no record class {name}")).into())
}

fn cell_of(field: &Field, parts: Parts) -> Cell {
    let deprecated = if field.deprecated { " [DEPRECATED]" } else { "" };
    Cell {
        name: field.name.to_owned(),
        mark: format!("{}{deprecated}", field.mark()),
        text: parts.text(field.name),
        data: parts.data(),
    }
}

/// A field whose value would cost too much in a list.
pub(crate) fn expensive_cell(field: &Field) -> Cell {
    cell_of(field, Parts::plain(EXPENSIVE))
}
