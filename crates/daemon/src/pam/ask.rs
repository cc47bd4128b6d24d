//! Asking the other process, with a deadline and a bound.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::helper::{ARGUMENT, NO, QUESTION_BYTES_MAX, YES};
use crate::config::PamSettings;

/// Longest wait for PAM; a module may ask a directory server.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Questions at a time; more wait for as long as an answer may take.
const AT_ONCE_MAX: usize = 8;

/// PAM, where a site wants it.
#[derive(Debug)]
pub struct Pam {
    settings: PamSettings,
    turns: Semaphore,
}

impl Pam {
    /// As it is set up; none without a service.
    #[must_use]
    pub fn of(settings: &PamSettings) -> Option<Self> {
        let settings = (!settings.service.is_empty()).then(|| settings.clone())?;
        Some(Self { settings, turns: Semaphore::new(AT_ONCE_MAX) })
    }

    /// What a user other than root may do.
    #[must_use]
    pub fn settings(&self) -> &PamSettings {
        &self.settings
    }

    /// Whether PAM accepts a user with this password. No, too, when it cannot be asked.
    pub async fn accepts(&self, user: &str, password: &str) -> bool {
        let whole = !user.contains('\0') && !password.contains('\0');
        if !whole || user.is_empty() || user.len() + password.len() > QUESTION_BYTES_MAX {
            return false;
        }
        let Ok(Ok(_turn)) = timeout(ANSWER_MAX, self.turns.acquire()).await else { return false };
        match timeout(ANSWER_MAX, self.ask(user, password)).await {
            Ok(Ok(status)) if status.code() == Some(i32::from(YES)) => true,
            Ok(Ok(status)) if status.code() == Some(i32::from(NO)) => false,
            Ok(Ok(status)) => {
                tracing::warn!(
                    %status, service = self.settings.service,
                    "PAM could not be asked: is its service file installed?"
                );
                false
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "PAM could not be asked");
                false
            }
            Err(_) => {
                tracing::warn!(service = self.settings.service, "PAM did not answer in time");
                false
            }
        }
    }

    async fn ask(&self, user: &str, password: &str) -> std::io::Result<ExitStatus> {
        let program = match &self.settings.helper {
            Some(program) => program.clone(),
            // What this process runs, also when the file was replaced by a newer one since.
            None => PathBuf::from("/proc/self/exe"),
        };
        let mut child = Command::new(program)
            .arg(ARGUMENT)
            .arg(&self.settings.service)
            .args(&self.settings.directory)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(format!("{user}\0{password}\0").as_bytes()).await?;
        }
        child.wait().await
    }
}
