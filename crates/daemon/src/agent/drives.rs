//! The optical drives of this host, as reports tell of them.
//!
//! Owns: what was last seen in each. Looking happens on threads of their own, one a drive: a drive
//! that never answers keeps its thread, and nobody waits for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use haven_drivers::host_info::optical::{self, Drive, Found, Look, Tray};

/// A drive that has not answered for so long is one of which nothing is known.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Threads that may be away at the same time: a broken drive may come and go.
const THREADS_MAX: usize = 2 * optical::DRIVES_MAX;

/// Looks into one drive.
type Reader = Arc<dyn Fn(&str, &Look) -> Look + Send + Sync>;

/// The drives of this host. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Drives {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Since when somebody lists them, or when they were listed last.
    listing: bool,
    listed: Option<Instant>,
    drives: Option<BTreeMap<String, Known>>,
    threads: usize,
}

#[derive(Clone, Debug, Default)]
struct Known {
    model: String,
    look: Look,
    /// Since when its thread is away.
    away: Option<Instant>,
}

impl Drives {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen last; `None`: nobody has looked yet.
    pub(super) fn seen(&self) -> Option<Vec<Drive>> {
        let state = self.state();
        let drive = |(device, known): (&String, &Known)| Drive {
            device: device.clone(),
            model: known.model.clone(),
            tray: match known.away {
                Some(since) if since.elapsed() > ANSWER_MAX => Tray::Unknown,
                _ => known.look.tray.clone(),
            },
        };
        state.drives.as_ref().map(|drives| drives.iter().map(drive).collect())
    }

    /// Looks again in a while, unless somebody looks or looked within `pause`.
    pub(super) fn look(&self, root: &Path, pause: Duration) {
        {
            let mut state = self.state();
            if state.listing || state.listed.is_some_and(|at| at.elapsed() < pause) {
                return;
            }
            state.listing = true;
        }
        let (drives, root) = (self.clone(), root.to_owned());
        let place = root.clone();
        let reader: Reader = Arc::new(move |device, before| optical::look(&place, device, before));
        let work = move || drives.listed(optical::drives(&root), &reader);
        if let Err(error) = spawn(work) {
            tracing::warn!(%error, "no thread to look at the optical drives");
            self.state().listing = false;
        }
    }

    fn listed(&self, found: Vec<Found>, reader: &Reader) {
        let mut free = Vec::new();
        {
            let mut state = self.state();
            (state.listing, state.listed) = (false, Some(Instant::now()));
            let mut before = state.drives.take().unwrap_or_default();
            let mut now = BTreeMap::new();
            for found in found {
                let mut known = before.remove(&found.device).unwrap_or_default();
                known.model = found.model;
                if known.away.is_none() && state.threads < THREADS_MAX {
                    state.threads += 1;
                    known.away = Some(Instant::now());
                    free.push((found.device.clone(), known.look.clone()));
                }
                now.insert(found.device, known);
            }
            state.drives = Some(now);
        }
        for (device, before) in free {
            let (drives, reader, name) = (self.clone(), reader.clone(), device.clone());
            let work = move || drives.looked(&name, Some(reader(&name, &before)));
            if let Err(error) = spawn(work) {
                tracing::warn!(%error, "no thread to look into an optical drive");
                self.looked(&device, None);
            }
        }
    }

    fn looked(&self, device: &str, look: Option<Look>) {
        let mut state = self.state();
        state.threads = state.threads.saturating_sub(1);
        if let Some(known) = state.drives.as_mut().and_then(|drives| drives.get_mut(device)) {
            known.away = None;
            known.look = look.unwrap_or_default();
        }
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name("optical-drive".to_owned()).spawn(work).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    fn found(device: &str) -> Found {
        Found { device: device.to_owned(), model: "DVD".to_owned() }
    }

    fn empty() -> Look {
        optical::look(Path::new("/nowhere"), "sr0", &Look::default())
    }

    #[test]
    fn a_drive_that_does_not_answer_keeps_one_thread_and_no_other_drive_waiting() {
        let drives = Drives::default();
        assert_eq!(drives.seen(), None, "nobody looked");
        let (release, hangs) = channel::<()>();
        let (hangs, asked) = (Mutex::new(hangs), Arc::new(AtomicUsize::new(0)));
        let (told, answers) = channel::<()>();
        let count = asked.clone();
        let reader: Reader = Arc::new(move |device, _| {
            if device == "sr0" {
                count.fetch_add(1, Ordering::SeqCst);
                let _gone = hangs.lock().unwrap().recv();
            }
            let _gone = told.send(());
            empty()
        });
        for _ in 0..3 {
            drives.listed(vec![found("sr0"), found("sr1")], &reader);
            answers.recv().unwrap();
            while drives.state().drives.as_ref().unwrap()["sr1"].away.is_some() {
                std::thread::yield_now();
            }
        }
        let trays: Vec<Tray> = drives.seen().unwrap().into_iter().map(|d| d.tray).collect();
        assert_eq!(trays, [Tray::Unknown, Tray::Empty]);
        drop(release);
        answers.recv().unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1, "one thread was away with it");
        drives.listed(Vec::new(), &reader);
        assert_eq!(drives.seen(), Some(Vec::new()), "both were taken away");
    }
}
