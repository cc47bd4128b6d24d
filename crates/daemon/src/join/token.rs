//! Join tokens: one host each, for a limited time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use haven_cluster::ids::HostId;
use haven_model::{ApiError, codes};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of a secret.
const SECRET_BYTES: usize = 24;

/// What the administrator carries to the new host, as one word.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Address of the coordinator's API, `address` or `address:port`.
    pub address: String,
    /// SHA-256 of the pool's CA, hexadecimal.
    pub ca_sha256: String,
    /// Proof for the coordinator.
    pub secret: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Token {
    /// The token as one word.
    pub fn encode(&self) -> Result<String, ApiError> {
        let json = serde_json::to_vec(self).map_err(ApiError::internal)?;
        Ok(URL_SAFE_NO_PAD.encode(json))
    }

    /// Reads the word; blanks around it are forgiven.
    pub fn decode(word: &str) -> Result<Self, ApiError> {
        let damaged = || ApiError::with(codes::JOIN_TOKEN_INVALID, &[&"it is not complete"]);
        let json = URL_SAFE_NO_PAD.decode(word.trim()).map_err(|_| damaged())?;
        serde_json::from_slice(&json).map_err(|_| damaged())
    }
}

/// What the pool keeps of a token: never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// SHA-256 of the secret, hexadecimal.
    pub secret_sha256: String,
    /// When it ends, milliseconds since 1970.
    pub expires_ms: u64,
    /// The host that it admitted.
    pub used_by: Option<HostId>,
}

impl TokenRecord {
    /// Is this the record of that secret?
    #[must_use]
    pub fn is_of(&self, secret: &str) -> bool {
        self.secret_sha256 == hash(secret)
    }
}

/// A new secret with its record.
#[must_use]
pub fn new_token(address: String, ca_sha256: String, expires_ms: u64) -> (Token, TokenRecord) {
    let bytes: [u8; SECRET_BYTES] = rand::random();
    let secret = URL_SAFE_NO_PAD.encode(bytes);
    let record = TokenRecord { secret_sha256: hash(&secret), expires_ms, used_by: None };
    (Token { address, ca_sha256, secret }, record)
}

fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
