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
        Value::Int(value @ 0..) | Value::Int64(value @ 0..) => {
            u32::try_from(value & 0xffff_ffff).unwrap_or(0)
        }
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

#[cfg(test)]
mod tests {
    use crate::sprig::double::{run, shown};
    use crate::template::Value;

    #[test]
    fn sums_as_go_does() {
        for (name, text, wanted) in [
            ("sha1sum", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                "sha256sum",
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                "sha512sum",
                "abc",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            ("adler32sum", "abc", "38600999"),
            ("adler32sum", "", "1"),
            ("adler32sum", &"zqx".repeat(9000), "1977598793"),
        ] {
            assert_eq!(shown(name, &[text.into()]), wanted, "{name}");
        }
    }

    #[test]
    fn makes_entries_that_bcrypt_accepts() {
        let entry = shown("htpasswd", &["admin".into(), "pass".into()]);
        let digest = entry.strip_prefix("admin:").expect("user");
        assert!(digest.starts_with("$2a$10$") && digest.len() == 60, "{digest}");
        assert!(bcrypt::verify("pass", digest).expect("digest"));
        assert_eq!(shown("htpasswd", &["a:b".into(), "c".into()]), "invalid username: a:b");
        let long = "x".repeat(73);
        let words =
            "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes";
        assert_eq!(shown("bcrypt", &[long.as_str().into()]), words);
        assert_eq!(shown("bcrypt", &["".into()]).len(), 60);
        assert_eq!(shown("bcrypt", &["a\0b".into()]).len(), 60);
    }

    #[test]
    fn derives_the_passwords_that_sprig_derives() {
        for (counter, kind, password, user, site, wanted) in [
            (1, "long", "password", "user", "example.com", "ZedaFaxcZaso9*"),
            (2, "maximum", "password", "user", "example.com", "O8-6Bwz1*I5XVPPq)@H!"),
            (1, "medium", "p", "u", "s", "Rud1@Nel"),
            (1, "short", "p", "u", "s", "Rud1"),
            (1, "basic", "p", "u", "s", "tGf1NEr0"),
            (0, "pin", "", "", "", "2847"),
            (4_294_967_297, "pin", "", "", "", "1578"),
            (1, "long", "", "", "", "YavoDajh9;Zafn"),
            (1, "long", "correct horse", "Zoë", "münchen.de", "Sujb6!LefeNofo"),
            (1, "odd", "p", "u", "s", "cannot find password template odd"),
        ] {
            let counter = Value::Int(counter);
            let args = [counter, kind.into(), password.into(), user.into(), site.into()];
            assert_eq!(shown("derivePassword", &args), wanted);
        }
        let args = [Value::Int(-1), "pin".into(), "".into(), "".into(), "".into()];
        assert_eq!(shown("derivePassword", &args), "!expected unsigned integer; found -1");
    }

    #[test]
    fn decrypts_what_it_encrypts_and_what_sprig_encrypts() {
        for text in ["hello", "sixteen letters!", "a longer text of more than two blocks"] {
            let secret = run("encryptAES", &["pw".into(), text.into()]).expect("encrypted");
            assert_eq!(shown("decryptAES", &["pw".into(), secret]), text);
        }
        let foreign = "30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ=";
        assert_eq!(shown("decryptAES", &["secretkey".into(), foreign.into()]), "plaintext");
        assert_eq!(shown("encryptAES", &["pw".into(), "".into()]), "");
        assert_eq!(shown("decryptAES", &["pw".into(), "".into()]), "");
    }

    #[test]
    fn refuses_what_sprig_cannot_decrypt_in_its_words() {
        let zeros = |length: usize| "A".repeat(length);
        for (text, words) in [
            ("%%%", "illegal base64 data at input byte 0"),
            ("AAA", "illegal base64 data at input byte 0"),
            ("AAAAA", "illegal base64 data at input byte 4"),
            ("AAAA", "runtime error: slice bounds out of range [:16] with capacity 3"),
            ("AA\nAA", "runtime error: slice bounds out of range [:16] with capacity 3"),
            (&(zeros(22) + "=="), "runtime error: index out of range [-1]"),
            (&zeros(24), "crypto/cipher: input not full blocks"),
            (&(zeros(43) + "="), "runtime error: slice bounds out of range [:-96]"),
        ] {
            let outcome = shown("decryptAES", &["pw".into(), text.into()]);
            assert_eq!(outcome, format!("!{words}"), "{text}");
        }
    }
}
