//! Lines for the journal: `<level>text`, on standard error.

use std::io::Write;

/// Something happened.
pub(crate) fn info(text: &str) {
    line(6, text);
}

/// Something is wrong but handled.
pub(crate) fn warn(text: &str) {
    line(4, text);
}

/// A person must act.
pub(crate) fn error(text: &str) {
    line(3, text);
}

fn line(level: u8, text: &str) {
    let ms = haven_block_io::boottime_ns() / 1_000_000;
    // Nobody can be told that nobody can be told.
    let _closed: std::io::Result<()> =
        writeln!(std::io::stderr().lock(), "<{level}>[{ms} ms] {text}");
}
