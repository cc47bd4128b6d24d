//! Which records fit what the command line says of their fields.

use crate::facts::{Field, Kind, RecordClass};
use crate::failure::Failure;
use crate::record::Parts;
use crate::run::{Object, Run};

/// From so many objects on, what their fields refer to is read at once.
const READ_AHEAD_FROM: usize = 8;

/// What the name of a parameter means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'c> {
    /// A whole field.
    Whole(&'c Field),
    /// A key of a map, or `contains` of a set.
    Part(&'c Field, &'c str),
}

/// Finds what `name` means: a field, `map:key`, or `map-key` as old scripts have it.
pub(crate) fn target<'c>(class: &'c RecordClass, name: &'c str) -> Result<Target<'c>, Failure> {
    if let Some(field) = class.field(name) {
        return Ok(Target::Whole(field));
    }
    let unknown = || Failure::text(format!("Unknown field '{name}'"));
    if let Some((field, key)) = name.split_once(':') {
        let field = class.field(field).ok_or_else(unknown)?;
        if field.kind == Kind::One {
            return Err(Failure::text(format!("Field '{}' is not a set or map", field.name)));
        }
        return Ok(Target::Part(field, key));
    }
    let longest = |kind| {
        let fits = |field: &&Field| field.kind == kind && key_of(field, name).is_some();
        class.fields.iter().filter(fits).max_by_key(|field| field.name.len())
    };
    let field = longest(Kind::Map).or_else(|| longest(Kind::Set)).ok_or_else(unknown)?;
    Ok(Target::Part(field, key_of(field, name).unwrap_or_default()))
}

fn key_of<'n>(field: &Field, name: &'n str) -> Option<&'n str> {
    name.strip_prefix(field.name)?.strip_prefix('-')
}

/// Addresses are the same in capitals.
fn same(field: &Field, a: &str, b: &str) -> bool {
    if field.name == "MAC" { a.eq_ignore_ascii_case(b) } else { a == b }
}

impl Run<'_> {
    /// The objects that fit all of `filters`.
    pub(crate) fn filtered(
        &mut self,
        class: &'static RecordClass,
        objects: Vec<Object>,
        filters: &[(String, String)],
    ) -> Result<Vec<Object>, Failure> {
        let mut objects = objects;
        for (name, wanted) in filters {
            if objects.is_empty() {
                break;
            }
            let target = target(class, name)?;
            let (Target::Whole(field) | Target::Part(field, _)) = target;
            self.prepare(field, objects.len())?;
            let mut fitting = Vec::with_capacity(objects.len());
            for object in objects {
                if self.fits(target, &object, wanted)? {
                    fitting.push(object);
                }
            }
            objects = fitting;
        }
        Ok(objects)
    }

    /// Reads at once what a field of many objects refers to.
    pub(crate) fn prepare(&mut self, field: &Field, objects: usize) -> Result<(), Failure> {
        let crate::facts::Source::Via { through, .. } = field.source else { return Ok(()) };
        match crate::facts::referred(through.ty) {
            Some(class) if objects >= READ_AHEAD_FROM => self.read_ahead(class),
            _ => Ok(()),
        }
    }

    pub(crate) fn fits(
        &mut self,
        target: Target<'_>,
        object: &Object,
        wanted: &str,
    ) -> Result<bool, Failure> {
        match target {
            Target::Whole(field) => {
                let text = self.parts(field, object)?.text(field.name);
                Ok(same(field, &text, wanted))
            }
            Target::Part(field, key) if field.kind == Kind::Set => {
                if key != "contains" {
                    return Err(Failure::text(
                        "Invalid syntax for set filtering (should be set-param:contains=key)",
                    ));
                }
                Ok(match self.parts(field, object)? {
                    Parts::Set(items) => items.iter().any(|item| same(field, item, wanted)),
                    _ => false,
                })
            }
            Target::Part(field, key) => Ok(match self.parts(field, object)? {
                Parts::Map(pairs) => pairs.iter().any(|(k, v)| k == key && v == wanted),
                _ => false,
            }),
        }
    }
}
