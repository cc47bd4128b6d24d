//! The reference, one page a class.

use std::fmt::Write as _;

use haven_model::alerts::ALERTS;
use haven_model::errors::ERRORS;
use haven_model::{CLASSES, ClassMeta, ENUMS, FieldMeta, Lifecycle, Qualifier, Type};

use super::Page;
use crate::access::STANDARD_ROLES;
use crate::registry::{Method, Operation, Registry};

/// A type with links to what it names.
fn linked(ty: &Type) -> String {
    match ty {
        Type::Ref(class) => format!("ref [{class}]({class}.md)"),
        Type::Record(class) => format!("record [{class}]({class}.md)"),
        Type::Enum(meta) => format!("[{}](enums.md#{})", meta.name, meta.name),
        Type::Set(item) => format!("set of {}", linked(item)),
        Type::Map(key, value) => format!("map of {} to {}", linked(key), linked(value)),
        Type::Option(inner) => format!("{}, may be absent", linked(inner)),
        plain => plain.to_string(),
    }
}

/// One line, and safe in a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn state(state: Lifecycle) -> String {
    match state {
        Lifecycle::Published => String::new(),
        other => format!(" *({})*", other.as_str()),
    }
}

fn writers(field: &FieldMeta) -> &'static str {
    match field.qualifier {
        Qualifier::Rw => field.set_role.as_str(),
        Qualifier::StaticRo => "at creation",
        Qualifier::DynamicRo => "the pool",
    }
}

fn default(field: &FieldMeta) -> String {
    let text = field.default.map(|make| serde_json::to_string(&make()).unwrap_or_default());
    text.map_or_else(String::new, |t| format!("`{}`", cell(&t)))
}

fn signature(method: &Method) -> String {
    let required = method.required();
    let params = method.params.iter().enumerate().map(|(index, p)| {
        let mark = if index >= required { "?" } else { "" };
        format!("{}{mark}: {}", p.name, p.ty)
    });
    let session = method.needs_session.then(|| "session".to_owned());
    let all: Vec<_> = session.into_iter().chain(params).collect();
    let result = method.result.map_or_else(String::new, |t| format!(" → {t}"));
    format!("{}({}){result}", method.message(), all.join(", "))
}

fn fields(out: &mut String, class: &ClassMeta) {
    let public: Vec<_> = class.fields.iter().filter(|f| !f.internal).collect();
    if public.is_empty() {
        return;
    }
    out.push_str(
        "\n## Fields\n\n| field | type | default | written by | |\n|---|---|---|---|---|\n",
    );
    for field in public {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| `{}`{} | {} | {} | {} | {} |",
            field.name,
            state(field.state),
            linked(&field.ty),
            default(field),
            writers(field),
            cell(field.doc),
        );
    }
}

fn message(out: &mut String, method: &Method) {
    let _ = write!(out, "\n### {}{}\n\n```\n", method.message(), state(method.state));
    let _ = writeln!(out, "{}\n```\n", signature(method));
    let asynchronous = if method.is_async { ", also as a task (`Async.`)" } else { "" };
    let _ = writeln!(out, "Least role: {}{asynchronous}.", method.role.as_str());
    if !method.errors.is_empty() {
        let errors = method.errors.iter().map(|e| format!("[{e}](errors.md#{})", e.to_lowercase()));
        let _ = writeln!(out, "\nErrors: {}.", errors.collect::<Vec<_>>().join(", "));
    }
}

fn class_page(registry: &Registry, class: &ClassMeta) -> Page {
    let mut text = format!("# {}{}\n\n{}\n", class.name, state(class.state), cell(class.doc));
    fields(&mut text, class);
    let own: Vec<_> = registry.methods().filter(|m| m.class == class && !m.is_hidden).collect();
    let declared = |m: &&&Method| {
        matches!(m.operation, Operation::Custom | Operation::Create | Operation::Destroy)
    };
    if own.iter().any(|m| declared(&m)) {
        text.push_str("\n## Messages\n");
        for method in own.iter().filter(declared) {
            message(&mut text, method);
        }
    }
    let mechanical: Vec<_> =
        own.iter().filter(|m| !declared(m)).map(|m| format!("`{}`", m.message())).collect();
    if !mechanical.is_empty() {
        let _ = writeln!(text, "\n## Messages from fields\n\n{}", mechanical.join(", "));
    }
    Page { name: format!("{}.md", class.name), text }
}

fn index() -> Page {
    let mut text = "# API reference\n\nXenAPI, as this server speaks it. See also \
                    [enums](enums.md), [errors](errors.md), [alerts](alerts.md) and [roles](roles.md).\n\n\
                    | class | |\n|---|---|\n"
        .to_owned();
    for class in CLASSES {
        let (name, doc) = (class.name, cell(class.doc));
        let _ = writeln!(text, "| [{name}]({name}.md){} | {doc} |", state(class.state));
    }
    Page { name: "README.md".to_owned(), text }
}

fn enums_page() -> Page {
    let mut all: Vec<_> = ENUMS.iter().copied().flatten().collect();
    all.sort_by_key(|e| e.name);
    let mut text = "# Enums\n".to_owned();
    for meta in all {
        let values: Vec<_> = meta.values.iter().map(|v| format!("`{v}`")).collect();
        let _ = write!(text, "\n## {}\n\n{}\n\n{}\n", meta.name, cell(meta.doc), values.join(", "));
    }
    Page { name: "enums.md".to_owned(), text }
}

fn errors_page() -> Page {
    let mut all: Vec<_> = ERRORS.iter().copied().flatten().collect();
    all.sort_by_key(|e| e.code);
    let mut text = "# Errors\n".to_owned();
    for meta in all {
        let _ = write!(text, "\n## {}\n\n{}\n", meta.code, meta.text);
        if !meta.params.is_empty() {
            let _ = writeln!(text, "\nParameters: {}.", meta.params.join(", "));
        }
    }
    Page { name: "errors.md".to_owned(), text }
}

fn alerts_page() -> Page {
    let mut text = "# Alerts\n\nNames of messages that the pool writes; priority 1 is the most \
                    urgent, 5 is information.\n\n| name | priority |\n|---|---|\n"
        .to_owned();
    for alert in ALERTS {
        let _ = writeln!(text, "| {} | {} |", alert.name, alert.priority);
    }
    Page { name: "alerts.md".to_owned(), text }
}

/// Every message with the least role that may call it: what each role adds to the one below.
fn roles_page(registry: &Registry) -> Page {
    let mut text =
        "# Roles\n\nEvery role may also do what the roles below it may. Reading is open to \
                    all of them.\n"
            .to_owned();
    for role in STANDARD_ROLES {
        let _ = write!(text, "\n## {}\n\n{}.\n", role.level.as_str(), role.description);
        let mut last = "";
        for m in registry.methods().filter(|m| m.role == role.level && !m.is_hidden) {
            if m.operation.is_read() {
                continue;
            }
            if m.class.name != last {
                last = m.class.name;
                let _ = write!(text, "\n- [{last}]({last}.md):");
            }
            let _ = write!(text, " `{}`", m.message());
        }
        text.push('\n');
    }
    Page { name: "roles.md".to_owned(), text }
}

/// All pages of the reference.
#[must_use]
pub fn markdown() -> Vec<Page> {
    let registry = Registry::standard();
    let mut pages = vec![index(), enums_page(), errors_page(), alerts_page(), roles_page(registry)];
    pages.extend(CLASSES.iter().map(|class| class_page(registry, class)));
    pages
}
