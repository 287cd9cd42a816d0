//! What must not be kept or shown, and what stands in its place.

use crate::{fact::redact::is_credential, ident::Text};
use sha2::{Digest, Sha256};

/// SHA-256, hex.
pub fn digest_of(text: &[u8]) -> Text {
    let digest = Sha256::digest(text);
    digest.iter().map(|it| format!("{it:02x}")).collect::<String>().into()
}

/// Whether the value of an environment entry must not be written down, by its name or its look.
pub fn looks_secret(name: &str, value: &str) -> bool {
    is_credential(name, value)
}
