//! `genPrivateKey`, and the keys that certificates are made with.
//!
//! A rendered chart is searched for references and never installed: keys and certificates need the right shape, not
//! strength. So:
//!
//! - New keys of certificates are ECDSA P-256, derived from the seed: cheap to make, and their signatures are real. Helm makes
//!   RSA keys of 2048 bits there.
//! - `genPrivateKey` gives one throw-away RSA or DSA key (`stock_keys`), and ECDSA and Ed25519 keys from the seed.
//! - A key that a chart brings along is taken as it is. When it is no P-256 key, signatures by it are filler of the right
//!   length, and so is the public half of an Ed25519 key.

use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use sha2::{Digest as _, Sha256};

use crate::limits::RENDER_CERTIFICATE_STEPS;
use crate::sprig::der::{
    BIT_STRING, INTEGER, NULL, OCTET_STRING, OID, Reader, bits, pem, read_base64, read_pem,
    sequence, tlv, unsigned,
};
use crate::sprig::{chance, stock_keys};
use crate::template::{Args, Fault, Function, Host, Value};

pub(super) const ALL: &[Function] = &[Function::fixed("genPrivateKey", 1, gen_private_key)];

/// 1.2.840.113549.1.1.1, rsaEncryption.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// 1.2.840.113549.1.1.11, sha256WithRSAEncryption.
const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
/// 1.2.840.10045.2.1, id-ecPublicKey.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// 1.2.840.10045.3.1.7, prime256v1.
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// 1.2.840.10045.4.3.2, ecdsa-with-SHA256.
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// 1.3.101.112, Ed25519.
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// A private key.
pub(super) struct Key {
    /// As it is given back to the template.
    pub(super) pem: String,
    kind: Kind,
}

enum Kind {
    P256(Box<SigningKey>),
    /// Modulus and exponent, each a DER integer's content.
    Rsa(Vec<u8>, Vec<u8>),
    Ed25519([u8; 32]),
    /// Another curve: its object identifier, and the public point.
    Curve(Vec<u8>, Vec<u8>),
    /// Signs nothing (Go: no `crypto.Signer`).
    Dsa,
}

fn gen_private_key(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    host.spend(RENDER_CERTIFICATE_STEPS)?;
    let stock =
        |label: &str, key: &str| pem(label, &read_base64(key.as_bytes()).unwrap_or_default());
    let key = match &*args.text(0)? {
        "" | "rsa" => stock("RSA PRIVATE KEY", stock_keys::RSA),
        "dsa" => stock("DSA PRIVATE KEY", stock_keys::DSA),
        "ecdsa" => Key::new(host).pem,
        "ed25519" => Key::ed25519(chance::bytes(host)).pem,
        other => format!("Unknown type {other}"),
    };
    Ok(key.into())
}

impl Key {
    /// A new P-256 key.
    pub(super) fn new(host: &mut dyn Host) -> Self {
        // One in 2^32 numbers is too large for a key: the next one is taken then.
        let secret = (0..4).find_map(|_| SecretKey::from_slice(&chance::bytes::<32>(host)).ok());
        // A source that gives nothing but zeros still gets a key.
        let secret = secret.or_else(|| SecretKey::from_slice(&[1; 32]).ok());
        secret.map_or_else(
            || Self { pem: String::new(), kind: Kind::Dsa },
            |secret| Self::p256(&secret),
        )
    }

    fn p256(secret: &SecretKey) -> Self {
        let signer = SigningKey::from(secret);
        let point = signer.verifying_key().to_sec1_point(false);
        let der = sequence(&[
            &unsigned(&[1]),
            &tlv(OCTET_STRING, &secret.to_bytes()),
            &tlv(0xa0, &tlv(OID, P256)),
            &tlv(0xa1, &bits(point.as_bytes())),
        ]);
        Self { pem: pem("EC PRIVATE KEY", &der), kind: Kind::P256(Box::new(signer)) }
    }

    fn ed25519(seed: [u8; 32]) -> Self {
        let algorithm = sequence(&[&tlv(OID, ED25519)]);
        let inner = tlv(OCTET_STRING, &tlv(OCTET_STRING, &seed));
        let der = sequence(&[&unsigned(&[0]), &algorithm, &inner]);
        Self { pem: pem("PRIVATE KEY", &der), kind: Kind::Ed25519(seed) }
    }

    /// Reads a key that a template brings along; the error is Go's, as far as it does not tell of Go's insides.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (label, der) = read_pem(text).ok_or("no PEM data in input")?;
        let malformed = |what: &str| format!("parsing {what} private key from PEM: malformed key");
        match label {
            "PRIVATE KEY" => pkcs8(&der)
                .ok_or_else(|| "decoding PEM as PKCS#8: malformed or unknown key".to_owned()),
            "RSA PRIVATE KEY" => rsa(&der).ok_or_else(|| malformed("RSA")),
            "EC PRIVATE KEY" => ec(&der, None).ok_or_else(|| malformed("EC")),
            "DSA PRIVATE KEY" => {
                let sound = Reader(&der).enter().is_some();
                let key = Self { pem: pem(label, &der), kind: Kind::Dsa };
                sound.then_some(key).ok_or_else(|| malformed("DSA"))
            }
            _ if label.ends_with(" PRIVATE KEY") => {
                Err(format!("invalid private key type {label}"))
            }
            _ => Err(format!("no private key data in PEM block of type {label}")),
        }
    }

    /// Its public half as a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7), and whether that is the true one.
    pub(super) fn public(&self) -> Option<(Vec<u8>, bool)> {
        let ec = |curve: &[u8], point: &[u8]| {
            sequence(&[&sequence(&[&tlv(OID, EC), &tlv(OID, curve)]), &bits(point)])
        };
        Some(match &self.kind {
            Kind::P256(key) => {
                (ec(P256, key.verifying_key().to_sec1_point(false).as_bytes()), true)
            }
            Kind::Curve(curve, point) => (ec(curve, point), false),
            Kind::Rsa(modulus, exponent) => {
                let key = sequence(&[&tlv(INTEGER, modulus), &tlv(INTEGER, exponent)]);
                let algorithm = sequence(&[&tlv(OID, RSA), &tlv(NULL, &[])]);
                (sequence(&[&algorithm, &bits(&key)]), true)
            }
            Kind::Ed25519(seed) => {
                let filler = Sha256::digest(seed);
                (sequence(&[&sequence(&[&tlv(OID, ED25519)]), &bits(&filler)]), false)
            }
            Kind::Dsa => return None,
        })
    }

    /// The AlgorithmIdentifier of its signatures.
    pub(super) fn algorithm(&self) -> Option<Vec<u8>> {
        Some(match &self.kind {
            Kind::P256(_) | Kind::Curve(..) => sequence(&[&tlv(OID, ECDSA_SHA256)]),
            Kind::Rsa(..) => sequence(&[&tlv(OID, RSA_SHA256), &tlv(NULL, &[])]),
            Kind::Ed25519(_) => sequence(&[&tlv(OID, ED25519)]),
            Kind::Dsa => return None,
        })
    }

    /// A signature over some bytes: a real one by a P-256 key, filler by any other.
    pub(super) fn sign(&self, host: &mut dyn Host, bytes: &[u8]) -> Vec<u8> {
        let mut filler = |length: usize| {
            let mut filler = vec![0; length];
            chance::fill(host, &mut filler);
            filler
        };
        match &self.kind {
            Kind::P256(key) => {
                let signature: DerSignature = key.sign(bytes);
                signature.as_bytes().to_vec()
            }
            Kind::Rsa(modulus, _) => {
                // The content of a positive integer may begin with a zero.
                filler(modulus.len() - usize::from(modulus.first() == Some(&0)))
            }
            Kind::Curve(..) => sequence(&[&unsigned(&filler(32)), &unsigned(&filler(32))]),
            Kind::Ed25519(_) | Kind::Dsa => filler(64),
        }
    }
}

/// PKCS #1 (RFC 8017, appendix A.1.2).
fn rsa(der: &[u8]) -> Option<Key> {
    let mut key = Reader(der).enter()?;
    key.take(INTEGER)?;
    let (modulus, exponent) = (key.take(INTEGER)?.content, key.take(INTEGER)?.content);
    let kind = Kind::Rsa(modulus.to_vec(), exponent.to_vec());
    (!modulus.is_empty()).then(|| Key { pem: pem("RSA PRIVATE KEY", der), kind })
}

/// SEC 1 (RFC 5915); inside PKCS #8 the curve is named outside.
fn ec(der: &[u8], outside: Option<&[u8]>) -> Option<Key> {
    let mut key = Reader(der).enter()?;
    key.take(INTEGER)?;
    let secret = key.take(OCTET_STRING)?.content;
    let named = key.take(0xa0).and_then(|item| Reader(item.content).take(OID));
    let curve = named.map(|item| item.content).or(outside)?;
    if curve == P256 {
        return SecretKey::from_slice(secret).ok().map(|secret| Key::p256(&secret));
    }
    let point = key.take(0xa1).and_then(|item| Reader(item.content).take(BIT_STRING));
    // Without a public half, a point of the right length stands in.
    let filler = || [&[4], secret, secret].concat();
    let point = point.map_or_else(filler, |bits| bits.content.get(1..).unwrap_or(&[]).to_vec());
    Some(Key { pem: pem("EC PRIVATE KEY", der), kind: Kind::Curve(curve.to_vec(), point) })
}

/// PKCS #8 (RFC 5958).
fn pkcs8(der: &[u8]) -> Option<Key> {
    let mut key = Reader(der).enter()?;
    key.take(INTEGER)?;
    let mut algorithm = key.enter()?;
    let inner = key.take(OCTET_STRING)?.content;
    match algorithm.take(OID)?.content {
        RSA => rsa(inner),
        EC => ec(inner, algorithm.take(OID).map(|curve| curve.content)),
        ED25519 => {
            let seed = Reader(inner).take(OCTET_STRING)?.content;
            seed.try_into().ok().map(Key::ed25519)
        }
        _ => None,
    }
}
