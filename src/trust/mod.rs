//! Who may be believed: signing keys, the keys a person trusts, and the one proof that a list was
//! signed by one of them.
//!
//! A signature is ECDSA P-256 with SHA-256 in DER (FIPS 186-5), because every `openssl` from 1.1.1
//! on checks it, hosts in FIPS mode included. There is one proof, [`Trust::prove`], and no way to
//! ask for less.
//!
//! Never here: what the signed bytes mean, passphrase prompts, the environment. Imported by
//! `bundle`, `replay`, `serve` and `cli`; imports `artifact`, `limits` and `secret` only.

mod keys;
mod pem;
mod policy;
#[cfg(test)]
mod tests;

pub use keys::{KeyError, KeyId, PublicKey, SigningKey};
pub use policy::{Trust, TrustError};
