//! How far a task is: a bar on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::client::tasks::Progress;

const STEPS: u64 = 1000;
const REDRAW: Duration = Duration::from_millis(120);
/// Without a terminal, a line at most this often.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// A task that ends sooner needs no bar.
const QUICK: Duration = Duration::from_millis(400);

/// The progress of one task.
pub(crate) struct TaskProgress {
    label: String,
    begun: Instant,
    shown: Shown,
}

enum Shown {
    Nothing,
    Bar(Option<ProgressBar>),
    Lines { last: Instant },
}

impl TaskProgress {
    /// Begins to show; a bar appears only if the task takes a moment.
    pub(crate) fn start(label: &str, quiet: bool) -> Self {
        let shown = match (quiet, io::stderr().is_terminal()) {
            (true, _) => Shown::Nothing,
            (false, true) => Shown::Bar(None),
            (false, false) => Shown::Lines { last: Instant::now() },
        };
        Self { label: label.to_owned(), begun: Instant::now(), shown }
    }

    /// Ends; a finished bar goes away, because the result is printed below it.
    pub(crate) fn end(self, _succeeded: bool) {
        if let Shown::Bar(Some(bar)) = self.shown {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        // Progress that cannot be shown is no reason to fail.
        let _shown = writeln!(io::stderr(), "{}: {text}", self.label);
    }

    fn show(&mut self, done: f64, note: &str) {
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                if bar.is_none() && self.begun.elapsed() < QUICK {
                    return;
                }
                let bar = bar.get_or_insert_with(|| new_bar(&self.label));
                bar.set_position(steps(done));
                bar.set_message(note.to_owned());
            }
            Shown::Lines { last } => {
                if last.elapsed() >= LINE_EVERY {
                    *last = Instant::now();
                    let percent = steps(done) / (STEPS / 100);
                    let seconds = self.begun.elapsed().as_secs();
                    self.line(&format!("{percent} % after {seconds} s{note}"));
                }
            }
        }
    }
}

impl Progress for TaskProgress {
    fn at(&mut self, done: f64) {
        self.show(done, "");
    }

    fn waiting(&mut self) {
        self.show(0.0, " (waiting for the pool to answer)");
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to 0..=STEPS just before"
)]
fn steps(done: f64) -> u64 {
    (done.clamp(0.0, 1.0) * STEPS as f64) as u64
}

fn new_bar(label: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
    if let Ok(style) =
        ProgressStyle::with_template("{prefix} [{bar:30}] {percent:>3} % {elapsed}{msg}")
    {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(label.to_owned());
    bar.enable_steady_tick(REDRAW);
    bar
}
