//! Results on the screen: tables, JSON, YAML, errors, progress.

pub(crate) mod alerts;
pub(crate) mod errors;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod units;

mod answer;

pub(crate) use self::answer::{Answer, Cell, Row, print, write_stdout};
