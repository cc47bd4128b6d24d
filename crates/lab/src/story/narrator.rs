//! Tells a person what goes on, while it goes on.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a condition is looked at while waiting.
const POLL: Duration = Duration::from_millis(50);
/// A sign of life while waiting.
const DOT: Duration = Duration::from_secs(1);

/// Writes lines with the time since the beginning.
#[derive(Debug)]
pub struct Narrator {
    begun: Instant,
}

impl Default for Narrator {
    fn default() -> Self {
        Self { begun: Instant::now() }
    }
}

impl Narrator {
    /// One line.
    pub fn say(&self, text: &str) {
        put(&format!("[{:6.1} s] {text}\n", self.begun.elapsed().as_secs_f64()));
    }

    /// A headline.
    pub fn chapter(&self, text: &str) {
        put("\n");
        self.say(&format!("== {text}"));
    }

    /// Does one step, saying what and how long it took.
    pub fn step<T>(&self, what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
        put(&format!("[{:6.1} s] {what} …", self.begun.elapsed().as_secs_f64()));
        let begun = Instant::now();
        match run() {
            Ok(value) => {
                put(&format!(" {:.1} s\n", begun.elapsed().as_secs_f64()));
                Ok(value)
            }
            Err(error) => {
                put(" FAILED\n");
                Err(error).with_context(|| what.to_owned())
            }
        }
    }
}

/// Waits until `look` gives something, with a dot per second.
pub fn wait_for<T>(
    what: &str,
    wait: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = Instant::now();
    let mut dot = begun + DOT;
    loop {
        let outcome = look();
        if let Ok(Some(value)) = outcome {
            return Ok(value);
        }
        let now = Instant::now();
        if now > begun + wait {
            let why = outcome.err().map(|e| format!(": {e:#}")).unwrap_or_default();
            bail!("{what}: not within {} s{why}", wait.as_secs());
        }
        if now > dot {
            dot += DOT;
            put(".");
        }
        thread::sleep(POLL);
    }
}

/// A figure, for whoever collects them.
pub(crate) fn figure(name: &str, value: f64, unit: &str) {
    put(&format!("figure {name} {value:.3} {unit}\n"));
}

fn put(text: &str) {
    let mut out = std::io::stdout();
    // Whoever closed our output does not want to be told.
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}
