//! The result of a command, and its three forms.

use std::io::{self, ErrorKind, Write};

use serde_json::{Map, Value, json};

use super::table;
use crate::args::global::Format;
use crate::failure::{Failure, Outcome};

/// One value of a row: for programs and for people.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// Key in JSON and YAML; the column's title in capitals.
    pub(crate) key: &'static str,
    /// For programs.
    pub(crate) value: Value,
    /// For people.
    pub(crate) text: String,
    /// People are told otherwise: it stands in JSON and YAML only.
    pub(crate) for_programs: bool,
}

impl Cell {
    /// A text that is the same for both.
    pub(crate) fn text(key: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(key, Value::String(text.clone()), text)
    }

    /// A value with a form of its own for people.
    pub(crate) fn new(key: &'static str, value: impl Into<Value>, text: impl Into<String>) -> Self {
        Self { key, value: value.into(), text: text.into(), for_programs: false }
    }

    /// A number.
    pub(crate) fn number(key: &'static str, value: i64) -> Self {
        Self::new(key, value, value.to_string())
    }

    /// Yes or no.
    pub(crate) fn flag(key: &'static str, value: bool) -> Self {
        Self::new(key, value, if value { "yes" } else { "no" })
    }

    /// Several texts.
    pub(crate) fn list(key: &'static str, values: &[String]) -> Self {
        Self::new(key, json!(values), values.join(", "))
    }

    /// What a sentence beside it says, as data.
    pub(crate) fn data(key: &'static str, value: Option<&Value>) -> Self {
        let value = value.cloned().unwrap_or(Value::Null);
        Self { for_programs: true, ..Self::new(key, value, "") }
    }
}

/// One object, as its cells.
pub(crate) type Row = Vec<Cell>;

/// What a command has to say.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Many objects.
    Table { columns: Vec<&'static str>, rows: Vec<Row> },
    /// One object, and tables that belong to it.
    Object { row: Row, parts: Vec<(&'static str, Vec<Row>)> },
    /// Something was done.
    Done { text: String, value: Value },
}

impl Answer {
    /// Something was done.
    pub(crate) fn done(text: impl Into<String>, value: Value) -> Self {
        Self::Done { text: text.into(), value }
    }

    fn value(&self) -> Value {
        match self {
            Self::Table { rows, .. } => rows.iter().map(object).collect(),
            Self::Object { row, parts } => {
                let mut fields = fields(row);
                for (key, rows) in parts {
                    fields.insert((*key).to_owned(), rows.iter().map(object).collect());
                }
                Value::Object(fields)
            }
            Self::Done { value, .. } => value.clone(),
        }
    }

    fn for_people(&self) -> String {
        match self {
            Self::Table { columns, rows } => table::columns(columns, rows),
            Self::Object { row, parts } => {
                let mut text = table::fields(&seen(row));
                for (title, rows) in parts.iter().filter(|(_, rows)| !rows.is_empty()) {
                    let rows: Vec<Row> = rows.iter().map(seen).collect();
                    let columns: Vec<&'static str> =
                        rows.iter().take(1).flatten().map(|c| c.key).collect();
                    text.push_str(&format!("\n{title}:\n{}", table::columns(&columns, &rows)));
                }
                text
            }
            Self::Done { text, .. } => format!("{text}\n"),
        }
    }
}

fn fields(row: &Row) -> Map<String, Value> {
    row.iter().map(|cell| (cell.key.to_owned(), cell.value.clone())).collect()
}

/// The cells that people see.
fn seen(row: &Row) -> Row {
    row.iter().filter(|cell| !cell.for_programs).cloned().collect()
}

fn object(row: &Row) -> Value {
    Value::Object(fields(row))
}

/// Writes an answer to standard output. A reader that went away is not an error.
pub(crate) fn print(answer: &Answer, format: Format) -> Outcome<()> {
    let text = match format {
        Format::Table => answer.for_people(),
        Format::Json => serde_json::to_string_pretty(&answer.value())
            .map(|t| t + "\n")
            .map_err(|e| Failure::local("writing JSON", e))?,
        Format::Yaml => {
            serde_yaml::to_string(&answer.value()).map_err(|e| Failure::local("writing YAML", e))?
        }
    };
    write_stdout(&text)
}

/// Writes text to standard output at once.
pub(crate) fn write_stdout(text: &str) -> Outcome<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::local("writing the result", e)),
        _ => Ok(()),
    }
}
