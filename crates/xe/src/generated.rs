//! `<class>-list` and `<class>-param-*`.

use std::collections::BTreeMap;

use haven_api::Registry;
use haven_model::{ApiError, FieldMeta, Type, Value, codes};

use crate::args::{number, truth};
use crate::facts::{Field, Kind, RecordClass, STANDARD_PARAMS, Source, Verb};
use crate::failure::Failure;
use crate::filter::{Target, target};
use crate::printer::Cell;
use crate::record::{Parts, expensive_cell, variant_text};
use crate::run::{Object, Run};

/// Records of a long list that are made before they are sent.
const RECORDS_AT_A_TIME: usize = 32;

impl Run<'_> {
    /// Carries out a generated command.
    pub(crate) fn generated(
        &mut self,
        verb: Verb,
        class: &'static RecordClass,
    ) -> Result<(), Failure> {
        if self.args.params.iter().any(|(name, _)| name.starts_with("database:")) {
            let text = "reading the database of another pool (database:)";
            return Err(ApiError::with(codes::NOT_IMPLEMENTED, &[&text]).into());
        }
        if verb == Verb::List {
            return self.list(class);
        }
        let uuid = self.args.required("uuid")?.to_owned();
        let object = self.by_uuid(class.meta.name, &uuid)?;
        match verb {
            Verb::ParamList => self.param_list(class, &object),
            Verb::ParamSet => self.param_set(class, &object),
            _ => {
                let name = self.args.required("param-name")?.to_owned();
                let field = class.field(&name).ok_or(Failure::NoField(name))?;
                match verb {
                    Verb::ParamGet => self.param_get(field, &object),
                    Verb::ParamAdd => self.param_add(field, &object),
                    Verb::ParamRemove => self.param_remove(field, &object),
                    _ => self.param_clear(field, &object),
                }
            }
        }
    }

    fn list(&mut self, class: &'static RecordClass) -> Result<(), Failure> {
        let own = class.filters.iter().map(|(name, value)| (*name, *value));
        let mut filters: Vec<(String, String)> =
            own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let given = self.args.params.iter();
        filters.extend(given.filter(|(name, _)| !is_standard(name) && name != "params").cloned());
        let all = self.all(class.meta)?;
        let everything = self.args.flag("all")?;
        let shown = if everything { all } else { self.filtered(class, all, &filters)? };
        let names: Option<Vec<String>> = match self.args.get("params") {
            Some("all") => None,
            Some(names) => Some(names.split(',').map(str::to_owned).collect()),
            None if class.listed.is_empty() => None,
            None => Some(class.listed.iter().map(|name| (*name).to_owned()).collect()),
        };
        if let Some(names) = &names
            && !names.iter().any(|name| class.field(name).is_some())
        {
            // A list of empty records would tell nobody what is wrong.
            return Err(Failure::text(format!("Unknown field '{}'", names.join(","))));
        }
        let chosen = |field: &&Field| {
            let asked = names.as_ref().is_none_or(|names| names.iter().any(|n| n == field.name));
            asked && !field.hidden
        };
        let fields: Vec<&Field> = class.fields.iter().filter(chosen).collect();
        for field in fields.iter().filter(|field| !field.expensive) {
            self.prepare(field, shown.len())?;
        }
        let mut rest = shown.chunks(RECORDS_AT_A_TIME);
        let first = self.rows(rest.next().unwrap_or_default(), &fields)?;
        self.printer.table(first);
        for objects in rest {
            // A client that does not read holds this thread, and not the whole list.
            self.flush()?;
            let more = self.rows(objects, &fields)?;
            self.printer.more(more);
        }
        Ok(())
    }

    fn rows(&mut self, objects: &[Object], fields: &[&Field]) -> Result<Vec<Vec<Cell>>, Failure> {
        let mut table = Vec::with_capacity(objects.len());
        for object in objects {
            let cell = |field: &&Field| {
                if field.expensive { Ok(expensive_cell(field)) } else { self.cell(field, object) }
            };
            table.push(fields.iter().map(cell).collect::<Result<_, _>>()?);
        }
        Ok(table)
    }

    fn param_list(&mut self, class: &'static RecordClass, object: &Object) -> Result<(), Failure> {
        let shown = class.fields.iter().filter(|field| !field.hidden);
        let cells = shown.map(|field| self.cell(field, object)).collect::<Result<_, _>>()?;
        self.printer.record(cells);
        Ok(())
    }

    fn param_get(&mut self, field: &Field, object: &Object) -> Result<(), Failure> {
        let cell = self.cell(field, object)?;
        let key = self.args.get("param-key").map(str::to_owned);
        match (key, self.parts(field, object)?) {
            (Some(key), Parts::Map(pairs)) => {
                let found = pairs.into_iter().find(|(k, _)| *k == key).map(|(_, value)| value);
                let missing = || Failure::text(format!("The map has no key {key}"));
                let value = found.ok_or_else(missing)?;
                self.printer.value(value.clone(), value.into());
            }
            _ => self.printer.value(cell.text, cell.data),
        }
        Ok(())
    }

    fn param_set(&mut self, class: &'static RecordClass, object: &Object) -> Result<(), Failure> {
        let params: Vec<(String, String)> = self
            .args
            .params
            .iter()
            .filter(|(name, _)| name != "uuid" && !is_standard(name))
            .cloned()
            .collect();
        // All names are looked at before anything is changed.
        for (name, _) in &params {
            settable(target(class, name)?)?;
        }
        for (name, text) in &params {
            match target(class, name)? {
                Target::Whole(field) => self.set_field(field, object, text)?,
                Target::Part(field, key) => self.set_pair(field, object, key, text)?,
            }
        }
        Ok(())
    }

    fn set_field(&mut self, field: &Field, object: &Object, text: &str) -> Result<(), Failure> {
        let meta = own(field)?;
        let value = self.read_value(&meta.ty, field.name, text)?;
        let method = format!("{}.set_{}", object.class.name, meta.name);
        self.call(&method, vec![Value::Ref(object.id), value]).map(drop)
    }

    fn set_pair(
        &mut self,
        field: &Field,
        object: &Object,
        key: &str,
        text: &str,
    ) -> Result<(), Failure> {
        let meta = own(field)?;
        // The record may be from before another pair of the same command line.
        let get = format!("{}.get_{}", object.class.name, meta.name);
        let map = self.call(&get, vec![Value::Ref(object.id)])?;
        if map.member(key).is_some() {
            self.remove_pair(&meta, object, key)?;
        }
        self.add_pair(field, object, key, text)
    }

    fn add_pair(
        &mut self,
        field: &Field,
        object: &Object,
        key: &str,
        text: &str,
    ) -> Result<(), Failure> {
        let meta = own(field)?;
        let value = match meta.ty {
            Type::Map(_, inner) => self.read_value(inner, field.name, text)?,
            _ => Value::from(text),
        };
        let method = format!("{}.add_to_{}", object.class.name, meta.name);
        if Registry::standard().find(&method).is_none() {
            return self.write_map(&meta, object, |map| drop(map.insert(key.to_owned(), value)));
        }
        self.call(&method, vec![Value::Ref(object.id), Value::from(key), value]).map(drop)
    }

    /// Writes a whole map, where the API knows no single pairs.
    fn write_map(
        &mut self,
        meta: &FieldMeta,
        object: &Object,
        change: impl FnOnce(&mut BTreeMap<String, Value>),
    ) -> Result<(), Failure> {
        let get = format!("{}.get_{}", object.class.name, meta.name);
        let mut map = match self.call(&get, vec![Value::Ref(object.id)])? {
            Value::Map(map) => map,
            _ => BTreeMap::new(),
        };
        change(&mut map);
        let set = format!("{}.set_{}", object.class.name, meta.name);
        self.call(&set, vec![Value::Ref(object.id), Value::Map(map)]).map(drop)
    }

    fn remove_pair(&mut self, meta: &FieldMeta, object: &Object, key: &str) -> Result<(), Failure> {
        let method = format!("{}.remove_from_{}", object.class.name, meta.name);
        if Registry::standard().find(&method).is_none() {
            return self.write_map(meta, object, |map| drop(map.remove(key)));
        }
        self.call(&method, vec![Value::Ref(object.id), Value::from(key)]).map(drop)
    }

    fn param_add(&mut self, field: &Field, object: &Object) -> Result<(), Failure> {
        match (field.kind, field.writable) {
            (Kind::One, _) => Err(Failure::text("Only sets and maps can be added to")),
            (_, false) => Err(Failure::text("The parameter cannot be changed")),
            (Kind::Set, true) => {
                let syntax = "When adding a key to a set, use the syntax: *-param-add \
                              param-name=<name> param-key=<key>";
                let missing = || Failure::text(syntax);
                let key = self.args.get("param-key").map(str::to_owned).ok_or_else(missing)?;
                self.change_set("add", field, object, &key)
            }
            (Kind::Map, true) => {
                let names = ["uuid", "param-name", "param-key"];
                let params = self.args.params.iter();
                let pairs: Vec<(String, String)> = params
                    .filter(|(name, _)| !names.contains(&name.as_str()) && !is_standard(name))
                    .cloned()
                    .collect();
                pairs.iter().try_for_each(|(key, value)| self.add_pair(field, object, key, value))
            }
        }
    }

    /// Adds to a set or removes from it; where the API knows only the whole set, writes that.
    fn change_set(
        &mut self,
        how: &str,
        field: &Field,
        object: &Object,
        item: &str,
    ) -> Result<(), Failure> {
        let meta = own(field)?;
        let Type::Set(inner) = meta.ty else {
            return Err(Failure::text(format!("{} is no set and no map", field.name)));
        };
        let value = self.read_value(inner, field.name, item)?;
        let class = object.class.name;
        let singular = meta.name.trim_end_matches('s');
        let singular = singular.strip_suffix("ie").map(|stem| format!("{stem}y"));
        let singular = singular.unwrap_or_else(|| meta.name.trim_end_matches('s').to_owned());
        let known = [meta.name, &singular].map(|name| format!("{class}.{how}_{name}"));
        let known = known.into_iter().find(|method| Registry::standard().find(method).is_some());
        if let Some(method) = known {
            return self.call(&method, vec![Value::Ref(object.id), value]).map(drop);
        }
        let get = format!("{class}.get_{}", meta.name);
        let mut items = match self.call(&get, vec![Value::Ref(object.id)])? {
            Value::Set(items) => items,
            _ => Vec::new(),
        };
        items.retain(|known| *known != value);
        if how == "add" {
            items.push(value);
        }
        let set = format!("{class}.set_{}", meta.name);
        self.call(&set, vec![Value::Ref(object.id), Value::Set(items)]).map(drop)
    }

    fn param_remove(&mut self, field: &Field, object: &Object) -> Result<(), Failure> {
        let key = self.args.required("param-key")?.to_owned();
        match (self.parts(field, object)?, field.writable) {
            (Parts::One(..), _) => Err(Failure::text("Only sets and maps can be removed from")),
            (_, false) => Err(Failure::text("The map cannot be changed")),
            (Parts::Set(items), true) if items.contains(&key) => {
                self.change_set("remove", field, object, &key)
            }
            (Parts::Set(_), true) => Err(Failure::text(format!("The set has no {key}"))),
            (Parts::Map(pairs), true) if pairs.iter().any(|(k, _)| *k == key) => {
                self.remove_pair(&own(field)?, object, &key)
            }
            (Parts::Map(_), true) => Err(Failure::text(format!("The map has no key {key}"))),
        }
    }

    fn param_clear(&mut self, field: &Field, object: &Object) -> Result<(), Failure> {
        if !field.writable {
            return Err(Failure::text("The parameter cannot be changed"));
        }
        match self.parts(field, object)? {
            Parts::Set(items) => {
                items.iter().try_for_each(|item| self.change_set("remove", field, object, item))
            }
            Parts::Map(pairs) => {
                let meta = own(field)?;
                pairs.iter().try_for_each(|(key, _)| self.remove_pair(&meta, object, key))
            }
            Parts::One(..) => self.set_field(field, object, "").map_err(|failure| match failure {
                Failure::Text(_) => Failure::text("The parameter cannot be empty"),
                other => other,
            }),
        }
    }

    /// Text as a value of that type: uuids become references, `4GiB` a number.
    pub(crate) fn read_value(
        &mut self,
        ty: &Type,
        name: &str,
        text: &str,
    ) -> Result<Value, Failure> {
        Ok(match ty {
            Type::Int => Value::Int(number(name, text)?),
            Type::Float => Value::Float(
                text.trim().parse().map_err(|_| Failure::text(format!("{name} is a number")))?,
            ),
            Type::Bool => Value::Bool(truth(name, text)?),
            Type::Ref(_) if text.is_empty() => Value::Ref(haven_model::RefId::NULL),
            Type::Ref(class) => {
                self.call(&format!("{class}.get_by_uuid"), vec![Value::from(text)])?
            }
            Type::Enum(meta) => {
                let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
                let wanted = plain(text);
                let same =
                    |v: &&&str| plain(v) == wanted || plain(&variant_text(meta.name, v)) == wanted;
                Value::from(meta.values.iter().find(same).map_or(text, |value| *value))
            }
            Type::Set(_) if text.is_empty() => Value::Set(Vec::new()),
            Type::Set(inner) => {
                let items = text.split(',').map(|item| self.read_value(inner, name, item));
                Value::Set(items.collect::<Result<_, _>>()?)
            }
            Type::Option(inner) => self.read_value(inner, name, text)?,
            Type::Map(..) | Type::Record(_) => Value::Map(
                text.split(',')
                    .filter_map(|pair| pair.split_once(':'))
                    .map(|(key, value)| (key.to_owned(), Value::from(value)))
                    .collect(),
            ),
            Type::String | Type::DateTime => Value::from(text),
        })
    }
}

/// Whether every command takes the parameter.
pub(crate) fn is_standard(name: &str) -> bool {
    STANDARD_PARAMS.contains(&name)
}

/// Whether `param-set` may change it.
fn settable(target: Target<'_>) -> Result<(), Failure> {
    match target {
        Target::Part(field, _) if field.kind == Kind::Set => {
            Err(Failure::text("A set is changed with param-add and param-remove"))
        }
        Target::Part(field, _) if !field.writable => {
            Err(Failure::text(format!("Map field '{}' is read-only.", field.name)))
        }
        Target::Whole(field) if field.kind == Kind::Map && field.writable => {
            Err(Failure::text(format!("{} is a map: write name:key=value.", field.name)))
        }
        Target::Whole(field) if field.kind != Kind::One || !field.writable => {
            Err(Failure::text(format!("Field '{}' is read-only.", field.name)))
        }
        _ => Ok(()),
    }
}

/// The field of the API that a field is; one of another object cannot be written.
fn own(field: &Field) -> Result<FieldMeta, Failure> {
    match field.source {
        Source::Own(meta) => Ok(*meta),
        // A setting of all hosts is set for the pool.
        Source::Rule("hosts", name) => {
            let hosts = haven_model::class_named("host").and_then(|host| host.field(name));
            hosts.copied().ok_or_else(|| ApiError::internal(name).into())
        }
        _ => Err(Failure::text(format!("Field '{}' is read-only.", field.name))),
    }
}
