//! What a command prints, in the three forms.

use serde_json::{Map, Value as Json};

use crate::wire::Command;

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Records for people.
    Text,
    /// The first field of each record, on one line.
    Minimal,
    /// One JSON value.
    Json,
}

/// A field of a shown record.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) name: String,
    /// What stands behind the name, such as ` ( RO)`.
    pub(crate) mark: String,
    pub(crate) text: String,
    /// The same for programs.
    pub(crate) data: Json,
}

impl Cell {
    /// A cell of plain text.
    pub(crate) fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { name: name.into(), mark: String::new(), data: Json::String(text.clone()), text }
    }
}

/// Collects and shapes what is printed.
#[derive(Debug)]
pub(crate) struct Printer {
    pub(crate) mode: Mode,
    minimal: Vec<String>,
    json: Vec<Json>,
    /// Frames that are to be sent.
    pub(crate) out: Vec<Command>,
}

impl Printer {
    pub(crate) fn new(mode: Mode) -> Self {
        Self { mode, minimal: Vec::new(), json: Vec::new(), out: Vec::new() }
    }

    /// Records of a list.
    pub(crate) fn table(&mut self, records: Vec<Vec<Cell>>) {
        match self.mode {
            Mode::Text => self.show(&records),
            Mode::Minimal => self.firsts(&records),
            Mode::Json => {
                self.json.push(Json::Array(records.into_iter().map(object).collect()));
            }
        }
    }

    /// More records of the list that was begun last.
    pub(crate) fn more(&mut self, records: Vec<Vec<Cell>>) {
        match self.mode {
            Mode::Text => self.show(&records),
            Mode::Minimal => {
                let before = self.minimal.pop();
                self.firsts(&records);
                if let Some(mut line) = before {
                    if let Some(more) = self.minimal.pop() {
                        line.extend([",", &more]);
                    }
                    self.minimal.push(line);
                }
            }
            Mode::Json => {
                if let Some(Json::Array(list)) = self.json.last_mut() {
                    list.extend(records.into_iter().map(object));
                }
            }
        }
    }

    /// One record.
    pub(crate) fn record(&mut self, record: Vec<Cell>) {
        match self.mode {
            Mode::Text => self.show(&[record]),
            Mode::Minimal => self.firsts(&[record]),
            Mode::Json => self.json.push(object(record)),
        }
    }

    /// A list of texts, each on its line.
    pub(crate) fn list(&mut self, items: Vec<String>) {
        match self.mode {
            Mode::Text => self.out.extend(items.into_iter().map(Command::Print)),
            Mode::Minimal => {
                let escaped: Vec<String> = items.iter().map(|item| escaped(item)).collect();
                self.minimal.push(escaped.join(","));
            }
            Mode::Json => self.json.push(items.into()),
        }
    }

    /// One value.
    pub(crate) fn value(&mut self, text: String, data: Json) {
        match self.mode {
            Mode::Json => self.json.push(data),
            _ => self.list(vec![text]),
        }
    }

    /// A remark for people, between records.
    pub(crate) fn remark(&mut self, text: impl Into<String>) {
        if self.mode == Mode::Text {
            self.out.push(Command::Print(text.into()));
        }
    }

    /// Ends the output.
    pub(crate) fn finish(&mut self) {
        match self.mode {
            Mode::Text => {}
            // What was printed last comes first, as the original has it.
            Mode::Minimal => {
                self.minimal.reverse();
                self.out.push(Command::Print(self.minimal.join(",")));
            }
            Mode::Json => {
                let mut values = std::mem::take(&mut self.json);
                let value = match values.len() {
                    0 => return,
                    1 => values.remove(0),
                    _ => Json::Array(values),
                };
                self.out.push(Command::Print(value.to_string()));
            }
        }
    }

    fn show(&mut self, records: &[Vec<Cell>]) {
        self.out.extend(records.iter().map(|record| Command::Print(lines(record) + "\n")));
    }

    fn firsts(&mut self, records: &[Vec<Cell>]) {
        if records.first().is_some_and(|record| !record.is_empty()) {
            let firsts = records.iter().filter_map(|record| record.first());
            let escaped: Vec<String> = firsts.map(|cell| escaped(&cell.text)).collect();
            self.minimal.push(escaped.join(","));
        }
    }
}

fn object(record: Vec<Cell>) -> Json {
    let fields: Map<String, Json> =
        record.into_iter().map(|cell| (cell.name.trim_end().to_owned(), cell.data)).collect();
    Json::Object(fields)
}

/// The first name begins at the left, all others end where the values begin.
fn lines(record: &[Cell]) -> String {
    let labels: Vec<String> =
        record.iter().map(|cell| format!("{}{}", cell.name, cell.mark)).collect();
    // In bytes, as the original counts.
    let width = 4 + labels.iter().map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for (index, (label, cell)) in labels.iter().zip(record).enumerate() {
        let padding = " ".repeat(width.saturating_sub(label.len()));
        let (left, right) =
            if index == 0 { ("", padding.as_str()) } else { (padding.as_str(), "") };
        text.extend([left, label, right, ": ", &cell.text, "\n"]);
    }
    if text.is_empty() { "\n".to_owned() } else { text }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(',', "\\,")
}
