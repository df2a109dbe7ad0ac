//! Keys and proofs from outside: against published vectors, against the `openssl` program, and
//! against mistakes.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

use crate::secret::Secret;
use crate::trust::{KeyError, KeyId, PublicKey, SigningKey, Trust, TrustError};

/// The private key of RFC 6979, appendix A.2.5, as openssl writes it.
const RFC6979: &str = "-----BEGIN PRIVATE KEY-----
MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCDJr6nYRbp1FmtcIVdn
sdaTTlDD2zbomxJ7imIrEg9nIQ==
-----END PRIVATE KEY-----
";

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// Runs openssl; says so on the screen when there is none.
fn openssl(dir: &Path, words: &str) -> Option<bool> {
    if let Ok(output) = Command::new("openssl").args(words.split(' ')).current_dir(dir).output() {
        Some(output.status.success())
    } else {
        let _ = writeln!(io::stderr(), "not run: openssl is absent");
        None
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn signs_as_rfc_6979_says() {
    let key = SigningKey::from_plain_pem(RFC6979).expect("the key of the RFC");
    let signature = key.sign(b"sample");
    // 30 46 02 21 00 <r> 02 21 00 <s>: both numbers begin with a high bit.
    assert_eq!(
        hex(&signature),
        "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
         022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    );
    assert!(key.public().verify(b"sample", &signature));
    assert!(!key.public().verify(b"simple", &signature));
    assert!(!key.public().verify(b"sample", &signature[1..]));
    assert!(!key.public().verify(b"sample", b""));
}

#[test]
fn a_key_comes_back_from_its_file_with_its_passphrase_only() {
    let key = SigningKey::generate().expect("key");
    let pem = key.to_encrypted_pem(&secret("correct horse")).expect("pem");
    assert!(SigningKey::is_encrypted(pem.expose()));
    let again = SigningKey::from_encrypted_pem(pem.expose(), &secret("correct horse"));
    assert_eq!(again.expect("same passphrase").public(), key.public());
    assert!(matches!(
        SigningKey::from_encrypted_pem(pem.expose(), &secret("wrong")),
        Err(KeyError::Passphrase | KeyError::NotP256)
    ));
    assert!(matches!(SigningKey::from_plain_pem(pem.expose()), Err(KeyError::Encrypted)));
    let public = key.public().to_pem().expect("pem");
    assert_eq!(PublicKey::from_pem(&public).expect("public"), key.public());
    assert_eq!(KeyId::parse(&key.public().key_id().to_string()), Some(key.public().key_id()));
    for bad in ["", "0123456789abcde", "0123456789ABCDEF", "+123456789abcdef", "0123456789abcdefg"]
    {
        assert_eq!(KeyId::parse(bad), None, "{bad}");
    }
}

#[test]
fn openssl_reads_our_keys_and_signatures() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let key = SigningKey::generate().expect("key");
    let pem = key.to_encrypted_pem(&secret("pass")).expect("pem");
    fs::write(dir.path().join("key.pem"), pem.expose()).expect("write");
    fs::write(dir.path().join("pub.pem"), key.public().to_pem().expect("pem")).expect("write");
    fs::write(dir.path().join("text"), b"signed").expect("write");
    fs::write(dir.path().join("sig"), key.sign(b"signed")).expect("write");
    let verify = "dgst -sha256 -verify pub.pem -signature sig text";
    let Some(good) = openssl(dir.path(), verify) else { return };
    assert!(good, "openssl refuses our signature");
    fs::write(dir.path().join("text"), b"Signed").expect("write");
    assert_eq!(openssl(dir.path(), verify), Some(false));
    let open = "pkey -in key.pem -passin pass:pass -pubout -outform DER -out pub.der";
    assert_eq!(openssl(dir.path(), open), Some(true), "openssl refuses our key file");
    let spki = fs::read(dir.path().join("pub.der")).expect("public key");
    let id = crate::artifact::Digest::of(&spki).hex()[..16].to_owned();
    assert_eq!(id, key.public().key_id().to_string());
}

#[test]
fn reads_every_form_of_key_that_openssl_makes() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let make = "ecparam -name prime256v1 -genkey -out sec1.pem";
    let Some(made) = openssl(dir.path(), make) else { return };
    assert!(made);
    for words in [
        "pkcs8 -topk8 -nocrypt -in sec1.pem -out plain.pem",
        "pkcs8 -topk8 -in sec1.pem -passout pass:x -out encrypted.pem",
        "pkcs8 -topk8 -v2prf hmacWithSHA512 -in sec1.pem -passout pass:x -out sha512.pem",
        "pkcs8 -topk8 -scrypt -in sec1.pem -passout pass:x -out scrypt.pem",
        "pkey -in sec1.pem -pubout -out public.pem",
        "ec -in sec1.pem -pubout -conv_form compressed -out short.pem",
        "ec -in sec1.pem -aes256 -passout pass:x -out old.pem",
        "ecparam -name secp384r1 -genkey -noout -out p384.pem",
        "genpkey -algorithm ed25519 -out ed25519.pem",
    ] {
        assert_eq!(openssl(dir.path(), words), Some(true), "{words}");
    }
    let text = |name: &str| fs::read_to_string(dir.path().join(name)).expect(name);
    let public = PublicKey::from_pem(&text("public.pem")).expect("public");
    for name in ["sec1.pem", "plain.pem", "encrypted.pem", "sha512.pem", "scrypt.pem"] {
        let key = SigningKey::from_encrypted_pem(&text(name), &secret("x")).expect(name);
        assert_eq!(key.public(), public, "{name}");
    }
    let short = PublicKey::from_pem(&text("short.pem")).expect("compressed point");
    assert_eq!(short.key_id(), public.key_id());
    let read = |name: &str| SigningKey::from_plain_pem(&text(name));
    assert!(matches!(read("old.pem"), Err(KeyError::OldEncryption)));
    assert!(matches!(read("p384.pem"), Err(KeyError::NotP256)));
    assert!(matches!(read("ed25519.pem"), Err(KeyError::NotP256)));
    assert!(matches!(read("public.pem"), Err(KeyError::Missing(_))));
}

#[test]
fn a_trust_folder_holds_public_keys_and_nothing_that_only_looks_like_one() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let load = || Trust::load(dir.path());
    assert!(matches!(Trust::load(&dir.path().join("absent")), Err(TrustError::Io { .. })));
    fs::write(dir.path().join("README"), "keys of the platform team").expect("write");
    assert!(matches!(load(), Err(TrustError::NoKeys(_))));
    let public = SigningKey::generate().expect("key").public().to_pem().expect("pem");
    fs::write(dir.path().join("a.pem"), &public).expect("write");
    fs::write(dir.path().join("b.pem"), format!("a comment\n{public}")).expect("write");
    assert_eq!(load().expect("keys").key_ids().len(), 1, "one key in two files counts once");

    let bad = dir.path().join("c.pem");
    let cases: [(&str, fn(&TrustError) -> bool); 4] = [
        (RFC6979, |e| matches!(e, TrustError::Key { source: KeyError::Private, .. })),
        ("", |e| matches!(e, TrustError::Key { source: KeyError::Missing(_), .. })),
        (&"x".repeat(70_000), |e| matches!(e, TrustError::Large { .. })),
        (&format!("{public}{public}"), |e| {
            matches!(e, TrustError::Key { source: KeyError::Several, .. })
        }),
    ];
    for (text, expected) in cases {
        fs::write(&bad, text).expect("write");
        let error = load().expect_err("refused");
        assert!(expected(&error), "{error:?}");
        assert!(error.to_string().len() < 500);
    }
    fs::write(&bad, [0xff, 0xfe]).expect("write");
    assert!(load().is_err());
    fs::remove_file(&bad).expect("remove");
    fs::create_dir(&bad).expect("folder");
    assert!(matches!(load(), Err(TrustError::Io { .. })));
}

#[test]
fn proves_with_a_trusted_key_and_tells_failures_apart() {
    let [ours, other, stranger] = [(); 3].map(|()| SigningKey::generate().expect("key"));
    let trust = Trust::of([ours.public(), other.public()]).expect("two keys");
    let signed = |key: &SigningKey, text: &[u8]| (key.public().key_id(), key.sign(text));
    let prove = |signatures: &[(KeyId, Vec<u8>)]| trust.prove(b"list", signatures);

    assert!(Trust::of([]).is_none());
    assert_eq!(prove(&[signed(&ours, b"list")]).expect("proof"), ours.public().key_id());
    let beside = [signed(&stranger, b"anything"), signed(&other, b"list")];
    assert_eq!(prove(&beside).expect("proof"), other.public().key_id());
    assert!(matches!(prove(&[]), Err(TrustError::Unsigned)));
    match prove(&[signed(&stranger, b"list")]) {
        Err(TrustError::UnknownKeys { signed, trusted }) => {
            assert_eq!(signed, [stranger.public().key_id()]);
            assert_eq!(trusted, [ours.public().key_id(), other.public().key_id()]);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(prove(&[signed(&ours, b"List")]), Err(TrustError::Wrong(_))));
    let mixed = [signed(&other, b"list"), signed(&ours, b"List")];
    assert!(matches!(prove(&mixed), Err(TrustError::Wrong(id)) if id == ours.public().key_id()));
    let borrowed = [(ours.public().key_id(), stranger.sign(b"list"))];
    assert!(matches!(prove(&borrowed), Err(TrustError::Wrong(_))));
}
