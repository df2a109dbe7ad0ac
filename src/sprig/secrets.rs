//! Digests, passwords and AES: `sha256sum`, `bcrypt`, `htpasswd`, `derivePassword`, `encryptAES` and their kin.

use std::fmt::Write as _;

use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::limits::{RENDER_BCRYPT_STEPS, RENDER_SCRYPT_STEPS};
use crate::sprig::chance;
use crate::sprig::der::read_base64;
use crate::template::{Args, Fault, Function, Host, Value};

pub(super) const ALL: &[Function] = &[
    Function::fixed("sha1sum", 1, digest::<Sha1>),
    Function::fixed("sha256sum", 1, digest::<Sha256>),
    Function::fixed("sha512sum", 1, digest::<Sha512>),
    Function::fixed("adler32sum", 1, adler32),
    Function::fixed("bcrypt", 1, |host, args| Ok(bcrypt(host, args.bytes(0)?)?.into())),
    Function::fixed("htpasswd", 2, htpasswd),
    Function::fixed("derivePassword", 5, derive_password),
    Function::fixed("encryptAES", 2, encrypt_aes),
    Function::fixed("decryptAES", 2, decrypt_aes),
];

/// Go's `bcrypt.DefaultCost`.
const BCRYPT_COST: u32 = 10;
/// Longest password that bcrypt takes.
const BCRYPT_BYTES_MAX: usize = 72;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn digest<D: Digest>(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let bytes = args.bytes(0)?;
    host.spend(bytes.len() as u64)?;
    Ok(hex(&D::digest(bytes)).into())
}

/// Adler-32 (RFC 1950), as a decimal number.
fn adler32(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let bytes = args.bytes(0)?;
    host.spend(bytes.len() as u64)?;
    let (a, b) = bytes.iter().fold((1_u32, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    Ok((b << 16 | a).to_string().into())
}

fn bcrypt(host: &mut dyn Host, password: &[u8]) -> Result<String, Fault> {
    if password.len() > BCRYPT_BYTES_MAX {
        let words = "bcrypt: password length exceeds 72 bytes";
        return Ok(format!("failed to encrypt string with bcrypt: {words}"));
    }
    host.spend(RENDER_BCRYPT_STEPS)?;
    let salt = chance::bytes::<16>(host);
    Ok(match bcrypt::hash_with_salt(password, BCRYPT_COST, salt) {
        Ok(parts) => parts.format_for_version(bcrypt::Version::TwoA),
        Err(error) => format!("failed to encrypt string with bcrypt: {error}"),
    })
}

fn htpasswd(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (user, password) = (args.text(0)?, args.bytes(1)?);
    if user.contains(':') {
        return Ok(format!("invalid username: {user}").into());
    }
    Ok(format!("{user}:{}", bcrypt(host, password)?).into())
}

/// Templates of passwords by type: the Master Password algorithm.
const TEMPLATES: [(&str, &[&str]); 6] = [
    ("maximum", &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"]),
    (
        "long",
        &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
    ),
    ("medium", &["CvcnoCvc", "CvcCvcno"]),
    ("short", &["Cvcn"]),
    ("basic", &["aaanaaan", "aannaaan", "aaannaaa"]),
    ("pin", &["nnnn"]),
];

/// The letters that a letter of a template stands for.
fn letters(of: u8) -> &'static [u8] {
    match of {
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

fn derive_password(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    const SEED: &[u8] = b"com.lyndir.masterpassword";
    /// N = 2^15, r = 8, p = 2.
    const COST: (u8, u32, u32) = (15, 8, 2);
    let counter = match args.any(0) {
        // A uint32 in Go, which cuts a larger literal.
        Value::Int(value @ 0..) | Value::Int64(value @ 0..) => (*value & 0xffff_ffff) as u32,
        Value::Float(value) if *value >= 0.0 && value.fract() == 0.0 => *value as u32,
        other => {
            return Err(Fault::said(format!("expected unsigned integer; found {other:?}")));
        }
    };
    let kind = args.text(1)?;
    let (password, user, site) = (args.bytes(2)?, args.bytes(3)?, args.bytes(4)?);
    let Some((_, templates)) = TEMPLATES.iter().find(|(name, _)| *name == kind) else {
        return Ok(format!("cannot find password template {kind}").into());
    };
    host.spend(RENDER_SCRYPT_STEPS)?;
    host.spend((password.len() + user.len() + site.len()) as u64)?;
    let length = |text: &[u8]| (text.len() as u32).to_be_bytes();
    let failed = |error: &dyn std::fmt::Display| format!("failed to derive password: {error}");
    let salt = [SEED, &length(user), user].concat();
    let mut key = [0; 64];
    let done =
        scrypt::Params::new(COST.0, COST.1, COST.2).map_err(|error| failed(&error)).and_then(
            |cost| scrypt::scrypt(password, &salt, &cost, &mut key).map_err(|error| failed(&error)),
        );
    let mac = match (done, Hmac::<Sha256>::new_from_slice(&key)) {
        (Err(words), _) => return Ok(words.into()),
        (_, Err(error)) => return Ok(failed(&error).into()),
        (Ok(()), Ok(mac)) => mac,
    };
    let site = [SEED, &length(site), site, &counter.to_be_bytes()].concat();
    let seed = mac.chain_update(site).finalize().into_bytes();
    let (first, rest) = (usize::from(seed[0]), &seed[1..]);
    let template = templates[first % templates.len()];
    let pick = |(of, seed): (u8, &u8)| {
        let letters = letters(of);
        char::from(letters[usize::from(*seed) % letters.len()])
    };
    Ok(template.bytes().zip(rest).map(pick).collect::<String>().into())
}

const BLOCK: usize = 16;

/// AES-256 with a password as its key, cut or filled with zeros, as Sprig does it.
fn cipher(password: &[u8]) -> Aes256 {
    let mut key = [0; 32];
    key.iter_mut().zip(password).for_each(|(to, from)| *to = *from);
    Aes256::new(&key.into())
}

fn xor(mut block: [u8; BLOCK], with: &[u8; BLOCK]) -> [u8; BLOCK] {
    block.iter_mut().zip(with).for_each(|(to, from)| *to ^= from);
    block
}

/// CBC with PKCS #7 padding and a random start in front, as base64.
fn encrypt_aes(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (password, text) = (args.bytes(0)?, args.bytes(1)?);
    if text.is_empty() {
        return Ok(Value::text(""));
    }
    host.spend(text.len() as u64)?;
    let padding = BLOCK - text.len() % BLOCK;
    let padded = [text, &[padding as u8; BLOCK][..padding]].concat();
    let cipher = cipher(password);
    let mut before = chance::bytes::<BLOCK>(host);
    let mut out = before.to_vec();
    for block in padded.as_chunks::<BLOCK>().0 {
        let mut block = xor(*block, &before).into();
        cipher.encrypt_block(&mut block);
        before = block.into();
        out.extend_from_slice(&before);
    }
    Ok(STANDARD.encode(out).into())
}

fn decrypt_aes(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (password, text) = (args.bytes(0)?, args.bytes(1)?);
    if text.is_empty() {
        return Ok(Value::text(""));
    }
    host.spend(text.len() as u64)?;
    let bytes = read_base64(text).map_err(Fault::Said)?;
    // Sprig does not look at lengths: these are the words of the panics that follow.
    let Some((mut before, rest)) = bytes.split_first_chunk::<BLOCK>() else {
        let length = bytes.len();
        return Err(Fault::said(format!(
            "runtime error: slice bounds out of range [:16] with capacity {length}"
        )));
    };
    let (blocks, []) = rest.as_chunks::<BLOCK>() else {
        return Err(Fault::said("crypto/cipher: input not full blocks"));
    };
    let cipher = cipher(password);
    let mut out = Vec::with_capacity(rest.len());
    for encrypted in blocks {
        let mut block = (*encrypted).into();
        cipher.decrypt_block(&mut block);
        out.extend_from_slice(&xor(block.into(), before));
        before = encrypted;
    }
    let Some(padding) = out.last().map(|last| usize::from(*last)) else {
        return Err(Fault::said("runtime error: index out of range [-1]"));
    };
    if padding > out.len() {
        let over = padding - out.len();
        return Err(Fault::said(format!("runtime error: slice bounds out of range [:-{over}]")));
    }
    out.truncate(out.len() - padding);
    Ok(Value::from_bytes(out))
}
