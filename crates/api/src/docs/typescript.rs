//! Types for clients in TypeScript: records, enums, and every message with its parameters as the
//! JSON encoding has them.

use std::fmt::Write as _;

use haven_model::alerts::{PROTECTION, PROTECTION_REFUSALS};
use haven_model::{CLASSES, ClassMeta, ENUMS, EnumMeta, Type};

use super::Page;
use crate::registry::{Method, Registry};

const HEAD: &str = "\
// Made from the declarations of the server; do not edit.

/** A reference: `OpaqueRef:` and a uuid, or `OpaqueRef:NULL`. */
export type Ref<C extends string> = string & { readonly class?: C };
/** A time: `20250102T03:04:05Z`. */
export type DateTime = string;
/** A change of a row, as `event.from` reports it; deletes have no snapshot. */
export interface ObjectEvent {
  id: string;
  timestamp: string;
  class: string;
  operation: event_operation;
  ref: string;
  snapshot?: unknown;
}
/** What `event.from` answers. */
export interface EventBatch {
  events: Array<ObjectEvent>;
  valid_ref_counts: Record<string, number>;
  token: string;
}
";

/// Messages whose real result is richer than the declared one.
const RESULTS: &[(&str, &str)] = &[("event.from", "EventBatch")];

/// Names that cannot label a parameter.
const RESERVED: &[&str] = &[
    "class",
    "default",
    "delete",
    "enum",
    "export",
    "import",
    "interface",
    "new",
    "package",
    "private",
    "protected",
    "public",
    "static",
];

fn ty(of: &Type) -> String {
    match of {
        Type::String => "string".to_owned(),
        Type::Int | Type::Float => "number".to_owned(),
        Type::Bool => "boolean".to_owned(),
        Type::DateTime => "DateTime".to_owned(),
        Type::Ref(class) => format!("Ref<\"{class}\">"),
        Type::Enum(meta) => meta.name.to_owned(),
        Type::Set(item) => format!("Array<{}>", ty(item)),
        // JSON has text keys only; enums keep their names.
        Type::Map(key, value) => match **key {
            Type::Enum(meta) => format!("Partial<Record<{}, {}>>", meta.name, ty(value)),
            _ => format!("Record<string, {}>", ty(value)),
        },
        Type::Record(class) => format!("Records[\"{class}\"]"),
        Type::Option(inner) => format!("{} | undefined", ty(inner)),
    }
}

fn enumeration(out: &mut String, meta: &EnumMeta) {
    let values: Vec<_> = meta.values.iter().map(|v| format!("\"{v}\"")).collect();
    // Writing to a string cannot fail.
    let _ = write!(out, "\nexport type {} =\n  | {};\n", meta.name, values.join("\n  | "));
}

fn doc(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("*/", "* /")
}

fn record(out: &mut String, class: &ClassMeta) {
    let _ = write!(out, "  /** {} */\n  \"{}\": {{\n", doc(class.doc), class.name);
    for field in class.fields.iter().filter(|f| !f.internal) {
        let _ = writeln!(out, "    /** {} */", doc(field.doc));
        let mark = if matches!(field.ty, Type::Option(_)) { "?" } else { "" };
        let _ = writeln!(out, "    {}{mark}: {};", field.name, ty(&field.ty));
    }
    out.push_str("  };\n");
}

fn method(out: &mut String, method: &Method) {
    let required = method.required();
    let params: Vec<_> = method
        .params
        .iter()
        .enumerate()
        .map(|(index, p)| {
            let mark = if index >= required { "?" } else { "" };
            // Creation takes what the caller knows; the server fills in the rest.
            let of = match p.ty {
                Type::Record(_) => format!("Partial<{}>", ty(&p.ty)),
                _ => ty(&p.ty),
            };
            let tail = if RESERVED.contains(&p.name) { "_" } else { "" };
            format!("{}{tail}{mark}: {of}", p.name)
        })
        .collect();
    let known = RESULTS.iter().find(|(name, _)| *name == method.name);
    let declared = || method.result.as_ref().map_or_else(|| "\"\"".to_owned(), ty);
    let result = known.map_or_else(declared, |(_, result)| (*result).to_owned());
    let params = params.join(", ");
    let _ = writeln!(out, "  \"{}\": {{ params: [{params}]; result: {result} }};", method.name);
}

/// What protection tells of and refuses, as values: the console has the words.
fn protection(out: &mut String) {
    out.push_str("\n/** What protection tells of; of each the case, where one is meant. */\n");
    out.push_str("export const PROTECTION_ALERTS = [\n");
    for (kind, case) in PROTECTION {
        let (name, priority) = (kind.name, kind.priority);
        let _ = writeln!(out, "  {{ name: \"{name}\", priority: {priority}, only: \"{case}\" }},");
    }
    out.push_str("] as const;\n\n/** Why protection refuses. */\n");
    out.push_str("export const PROTECTION_REFUSALS = [\n");
    for code in PROTECTION_REFUSALS {
        let _ = writeln!(out, "  \"{code}\",");
    }
    out.push_str("] as const;\n");
}

/// The types, as one module. Parameters are without the session.
#[must_use]
pub fn typescript() -> Page {
    let mut text = HEAD.to_owned();
    for meta in ENUMS.iter().copied().flatten() {
        enumeration(&mut text, meta);
    }
    text.push_str("\n/** Records by class. */\nexport interface Records {\n");
    for class in CLASSES {
        record(&mut text, class);
    }
    text.push_str("}\n\nexport type ClassName = keyof Records;\n");
    text.push_str("\n/** Messages by name. */\nexport interface Methods {\n");
    for m in Registry::standard().methods().filter(|m| !m.is_hidden) {
        method(&mut text, m);
    }
    text.push_str("}\n\nexport type MethodName = keyof Methods;\n");
    protection(&mut text);
    Page { name: "xenapi.ts".to_owned(), text }
}
