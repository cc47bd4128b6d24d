//! Passwords: hashing and verifying, on threads of their own that give way to all others.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::{Semaphore, oneshot};

/// Verifications at the same time: each takes 19 MiB and a core for tens of milliseconds. One for so
/// many processors, two at most: a flood of logins must leave those who are in most of the host.
const PROCESSORS_OF_ONE: usize = 4;
const VERIFY_AT_ONCE_MAX: usize = 2;
/// How far their threads stand behind the others of this process: about a tenth of the weight. Not the
/// idle class, in which nobody could log in to a host whose guests compute.
const NICENESS: i32 = 10;

fn at_once(processors: usize) -> usize {
    processors.div_ceil(PROCESSORS_OF_ONE).clamp(1, VERIFY_AT_ONCE_MAX)
}

/// Why a password was not accepted or not hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is wrong, or there is no such user.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// It could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// Verifies passwords, a bounded number at a time. Who comes next is [`super::Desk`]'s to say.
#[derive(Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
        Self { turns: Arc::new(Semaphore::new(at_once(processors))) }
    }
}

impl Passwords {
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
    /// [`PasswordError::Wrong`]; [`PasswordError::Hash`] when there is no thread to be had.
    pub async fn verify(
        &self,
        hash: Option<String>,
        password: String,
    ) -> Result<(), PasswordError> {
        let failed = |error: &dyn std::fmt::Display| PasswordError::Hash(error.to_string());
        let turn = self.turns.clone().acquire_owned().await.map_err(|error| failed(&error))?;
        let (say, answer) = oneshot::channel();
        let work = move || {
            // It goes on when its client hangs up, and has its turn until it is done.
            let _turn = turn;
            // Of this thread alone. As good as it gets where the system does not allow it.
            let _nicer = rustix::process::setpriority_process(None, NICENESS);
            let _gone = say.send(matches(hash.as_deref(), &password));
        };
        let thread = std::thread::Builder::new().name("password".to_owned());
        thread.spawn(work).map_err(|error| failed(&error))?;
        match answer.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(PasswordError::Wrong),
        }
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

    #[test]
    fn a_small_host_hashes_one_at_a_time() {
        assert_eq!([1, 2, 4, 5, 8, 64].map(at_once), [1, 1, 1, 2, 2, 2]);
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_accepted() {
        let before = rustix::process::getpriority_process(None).unwrap();
        let passwords = Passwords::default();
        let hash = Passwords::hash("s3cret").unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert_eq!(passwords.verify(Some(hash.clone()), "s3cret".to_owned()).await, Ok(()));
        for (hash, password) in [(Some(hash), "wrong"), (None, "s3cret"), (None, "")] {
            let result = passwords.verify(hash, password.to_owned()).await;
            assert_eq!(result, Err(PasswordError::Wrong));
        }
        let own = rustix::process::getpriority_process(None).unwrap();
        assert_eq!(own, before, "only the threads that hash give way");
    }
}
