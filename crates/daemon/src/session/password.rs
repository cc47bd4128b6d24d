//! Passwords: hashing, verifying, and the pause after a wrong one.

use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

/// Verifications at the same time: each takes memory and a core for tens of milliseconds.
const VERIFY_AT_ONCE_MAX: usize = 2;
/// Logins that may wait for a verification; more are refused at once.
const VERIFY_WAITING_MAX: usize = 64;
/// Pause before a wrong password is answered.
const WRONG_PASSWORD_PAUSE: Duration = Duration::from_secs(5);

/// Why a password was not accepted or not hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is wrong, or there is no such user.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// Too many logins at the same time.
    #[error("too many logins are waiting; try again")]
    Busy,
    /// It could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// Verifies passwords, a bounded number at a time.
#[derive(Debug)]
pub struct Passwords {
    verify: Semaphore,
    waiting: Semaphore,
    pause: Duration,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::with_pause(WRONG_PASSWORD_PAUSE)
    }
}

impl Passwords {
    /// With another pause after a wrong password.
    #[must_use]
    pub fn with_pause(pause: Duration) -> Self {
        Self {
            verify: Semaphore::new(VERIFY_AT_ONCE_MAX),
            waiting: Semaphore::new(VERIFY_WAITING_MAX),
            pause,
        }
    }

    /// The hash to store for a password.
    ///
    /// # Errors
    /// When no randomness or memory could be had.
    pub fn hash(password: &str) -> Result<String, PasswordError> {
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|error| PasswordError::Hash(error.to_string()))
    }

    /// Whether `password` belongs to `hash`; a user without a hash takes as long as a wrong
    /// password, so that names cannot be told from each other.
    ///
    /// # Errors
    /// [`PasswordError::Wrong`] after a pause, [`PasswordError::Busy`] at once.
    pub async fn verify(
        &self,
        hash: Option<String>,
        password: String,
    ) -> Result<(), PasswordError> {
        let right = {
            let _waiting = self.waiting.try_acquire().map_err(|_| PasswordError::Busy)?;
            let _turn = self.verify.acquire().await.map_err(|_| PasswordError::Busy)?;
            tokio::task::spawn_blocking(move || matches(hash.as_deref(), &password))
                .await
                .unwrap_or(false)
        };
        if right {
            return Ok(());
        }
        tokio::time::sleep(self.pause).await;
        Err(PasswordError::Wrong)
    }
}

fn matches(hash: Option<&str>, password: &str) -> bool {
    let Some(hash) = hash else {
        // Spends the same time; its result is of no interest.
        return Passwords::hash(password).is_err() && password.is_empty();
    };
    PasswordHash::new(hash)
        .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_accepted() {
        let passwords = Passwords::with_pause(Duration::from_millis(50));
        let hash = Passwords::hash("s3cret").unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert_eq!(passwords.verify(Some(hash.clone()), "s3cret".to_owned()).await, Ok(()));
        let before = std::time::Instant::now();
        for (hash, password) in [(Some(hash), "wrong"), (None, "s3cret"), (None, "")] {
            let result = passwords.verify(hash, password.to_owned()).await;
            assert_eq!(result, Err(PasswordError::Wrong));
        }
        assert!(before.elapsed() >= Duration::from_millis(150), "each wrong one pauses");
    }
}
