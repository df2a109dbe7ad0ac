//! Keys: one that signs, one that checks, and the short name of both.

use std::fmt;

use p256::SecretKey;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{self, DerSignature};
use pkcs8::pkcs5::pbes2;
use pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
    EncryptedPrivateKeyInfoRef, LineEnding, SecretDocument,
};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::artifact::Digest;
use crate::secret::Secret;
use crate::trust::pem;

/// Rounds of PBKDF2-HMAC-SHA256 over a passphrase (OWASP password storage, 2023).
const PBKDF2_ROUNDS: u32 = 600_000;
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PLAIN: &str = "PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// Why a text is no key, or a key could not be made. Never holds key material.
#[derive(Debug, Error)]
pub enum KeyError {
    /// No randomness to be had.
    #[error("the operating system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// There is no key in the text.
    #[error("no PEM block with a {0} in it")]
    Missing(&'static str),
    /// It is not clear which key is meant.
    #[error("more than one key in it")]
    Several,
    /// The old OpenSSL encryption (`Proc-Type: 4,ENCRYPTED`), which derives its key with one round
    /// of MD5.
    #[error("key is encrypted in OpenSSL's old form, not PKCS#8")]
    OldEncryption,
    /// The key can only be read with a passphrase.
    #[error("key is encrypted")]
    Encrypted,
    /// The passphrase does not open it.
    #[error("wrong passphrase, or a damaged key")]
    Passphrase,
    /// Another algorithm or curve, or a damaged key.
    #[error("not an ECDSA P-256 key")]
    NotP256,
    /// A private key where a public one belongs.
    #[error("a private key where a public key belongs")]
    Private,
    /// The key could not be written down.
    #[error("key could not be encoded")]
    Encode,
}

/// The short name of a key: the first 16 hex digits of SHA-256 over its `SubjectPublicKeyInfo` in
/// DER (RFC 5480).
///
/// A hint for finding the right key, never a proof.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// Reads 16 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = text.len() == 16
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        sound.then(|| u64::from_str_radix(text, 16).ok().map(|id| Self(id.to_be_bytes())))?
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:016x}", u64::from_be_bytes(self.0)))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A private key. Wiped from memory when dropped.
pub struct SigningKey(SecretKey);

impl SigningKey {
    /// Makes a new key from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        // One try in 2^32 is not a scalar below the group order (FIPS 186-5, A.2.2).
        for _ in 0..8 {
            let mut bytes = Zeroizing::new([0; 32]);
            getrandom::fill(bytes.as_mut_slice()).map_err(KeyError::Random)?;
            if let Ok(key) = SecretKey::from_slice(bytes.as_slice()) {
                return Ok(Self(key));
            }
        }
        Err(KeyError::Encode)
    }

    /// Whether reading this text needs a passphrase.
    pub fn is_encrypted(pem: &str) -> bool {
        pem::blocks(pem).iter().any(|block| block.label == ENCRYPTED)
    }

    /// Reads an encrypted PKCS#8 key (RFC 5958, PBES2 of RFC 8018), or a plain one, where the
    /// passphrase is not used.
    pub fn from_encrypted_pem(pem: &str, passphrase: &Secret<String>) -> Result<Self, KeyError> {
        let block = private_block(pem)?;
        if block.label != ENCRYPTED {
            return Self::from_plain_pem(pem);
        }
        let document = decode(&block)?;
        let sealed = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
            .map_err(|_| KeyError::NotP256)?;
        let opened =
            sealed.decrypt(passphrase.expose().as_bytes()).map_err(|_| KeyError::Passphrase)?;
        SecretKey::from_pkcs8_der(opened.as_bytes()).map(Self).map_err(|_| KeyError::NotP256)
    }

    /// Reads a key without a passphrase: PKCS#8, or SEC 1 (RFC 5915) as `openssl ecparam -genkey`
    /// writes it.
    pub fn from_plain_pem(pem: &str) -> Result<Self, KeyError> {
        let block = private_block(pem)?;
        match block.label {
            PLAIN => SecretKey::from_pkcs8_der(decode(&block)?.as_bytes())
                .map(Self)
                .map_err(|_| KeyError::NotP256),
            SEC1 if block.text.contains("ENCRYPTED") => Err(KeyError::OldEncryption),
            SEC1 => SecretKey::from_sec1_der(decode(&block)?.as_bytes())
                .map(Self)
                .map_err(|_| KeyError::NotP256),
            ENCRYPTED => Err(KeyError::Encrypted),
            _ => Err(KeyError::NotP256),
        }
    }

    /// Writes an encrypted PKCS#8 key: PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC, which openssl
    /// 1.1.1 reads.
    pub fn to_encrypted_pem(
        &self,
        passphrase: &Secret<String>,
    ) -> Result<Secret<String>, KeyError> {
        let (mut salt, mut iv) = ([0; 16], [0; 16]);
        getrandom::fill(&mut salt).map_err(KeyError::Random)?;
        getrandom::fill(&mut iv).map_err(KeyError::Random)?;
        let scheme = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(PBKDF2_ROUNDS, &salt, iv)
            .map_err(|_| KeyError::Encode)?;
        let plain = self.0.to_pkcs8_der().map_err(|_| KeyError::Encode)?;
        let hidden = scheme
            .encrypt(passphrase.expose().as_bytes(), plain.as_bytes())
            .map_err(|_| KeyError::Encode)?;
        let encrypted_data = pkcs8::der::asn1::OctetStringRef::new(&hidden);
        let document: SecretDocument = EncryptedPrivateKeyInfoRef {
            encryption_algorithm: scheme.into(),
            encrypted_data: encrypted_data.map_err(|_| KeyError::Encode)?,
        }
        .try_into()
        .map_err(|_| KeyError::Encode)?;
        let text = document.to_pem(ENCRYPTED, LineEnding::LF).map_err(|_| KeyError::Encode)?;
        Ok(Secret::new(text.as_str().to_owned()))
    }

    /// The key that checks what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.public_key().into())
    }

    /// Signs some bytes: DER, the nonce derived as RFC 6979 says, so one key and one text make one
    /// signature.
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let signature: DerSignature = ecdsa::SigningKey::from(&self.0).sign(bytes);
        signature.as_bytes().to_vec()
    }
}

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ecdsa::VerifyingKey);

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----` (`SubjectPublicKeyInfo`, RFC 5480). Exactly one key, and
    /// no private one.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let blocks = pem::blocks(pem);
        if blocks.iter().any(pem::Block::is_private) {
            return Err(KeyError::Private);
        }
        match blocks.as_slice() {
            [block] if block.label == PUBLIC => {
                ecdsa::VerifyingKey::from_public_key_pem(block.text)
                    .map(Self)
                    .map_err(|_| KeyError::NotP256)
            }
            [_, _, ..] => Err(KeyError::Several),
            _ => Err(KeyError::Missing("public key")),
        }
    }

    /// Writes it as [`PublicKey::from_pem`] and openssl read it.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Encode)
    }

    /// Its short name. The same for every way in which one key can be written down.
    pub fn key_id(&self) -> KeyId {
        // The point is written uncompressed: prefix, then 65 bytes. Spelled out, so that it cannot
        // fail.
        const PREFIX: [u8; 26] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        let mut spki = PREFIX.to_vec();
        spki.extend_from_slice(self.0.to_sec1_point(false).as_bytes());
        let mut id = [0; 8];
        for (byte, pair) in id.iter_mut().zip(Digest::of(&spki).hex().as_bytes().chunks(2)) {
            let digit = |b: u8| if b.is_ascii_digit() { b - b'0' } else { b - b'a' + 10 };
            *byte = digit(pair[0]) << 4 | digit(pair[1]);
        }
        KeyId(id)
    }

    /// Whether this DER signature over these bytes was made with the private half.
    pub fn verify(&self, bytes: &[u8], signature: &[u8]) -> bool {
        DerSignature::from_bytes(signature)
            .is_ok_and(|signature| self.0.verify(bytes, &signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.key_id())
    }
}

/// The one private key in a text; `EC PARAMETERS`, which openssl puts before it, are passed over.
fn private_block(pem: &str) -> Result<pem::Block<'_>, KeyError> {
    let mut keys = pem::blocks(pem).into_iter().filter(pem::Block::is_private);
    match (keys.next(), keys.next()) {
        (Some(block), None) => Ok(block),
        (Some(_), Some(_)) => Err(KeyError::Several),
        (None, _) => Err(KeyError::Missing("private key")),
    }
}

fn decode(block: &pem::Block<'_>) -> Result<SecretDocument, KeyError> {
    let mut text = block.text.to_owned();
    let decoded = SecretDocument::from_pem(&text).map(|(_, document)| document);
    text.zeroize();
    decoded.map_err(|_| KeyError::NotP256)
}
