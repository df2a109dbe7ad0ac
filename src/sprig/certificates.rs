//! `genCA`, `genSelfSignedCert`, `genSignedCert`, their `WithKey` forms, and `buildCustomCert`.
//!
//! X.509 certificates (RFC 5280) with the extensions that Go writes. `keys` says what is real in them.

use std::any::Any;
use std::net::IpAddr;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::limits::RENDER_CERTIFICATE_STEPS;
use crate::sprig::chance;
use crate::sprig::der::{
    OCTET_STRING, OID, Reader, SEQUENCE, SET, bits, pem, read_base64, read_pem, sequence, tlv,
    unsigned,
};
use crate::sprig::keys::Key;
use crate::template::{Args, Element, Fault, Function, Host, Kind, Object, Value};

pub(super) const ALL: &[Function] = &[
    Function::fixed("genCA", 2, gen_ca),
    Function::fixed("genCAWithKey", 3, gen_ca),
    Function::fixed("genSelfSignedCert", 4, gen_self_signed),
    Function::fixed("genSelfSignedCertWithKey", 5, gen_self_signed),
    Function::fixed("genSignedCert", 5, gen_signed),
    Function::fixed("genSignedCertWithKey", 6, gen_signed),
    Function::fixed("buildCustomCert", 2, build_custom),
];

/// A certificate and its key, `sprig.certificate`.
#[derive(Clone, Debug)]
struct Certificate {
    cert: String,
    key: String,
}

/// What is asked for.
struct Request {
    name: String,
    /// Contents of the alternative names, tags included.
    alternatives: Vec<u8>,
    days: i64,
    authority: bool,
}

/// Who signs.
struct Issuer {
    /// The DER of its name.
    name: Vec<u8>,
    /// What its certificate says identifies its key.
    key_id: Option<Vec<u8>>,
    key: Key,
}

fn gen_ca(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (name, days) = (args.text(0)?.into_owned(), args.int(1)?);
    let key = key(host, args, 2)?;
    make(host, &Request { name, alternatives: Vec::new(), days, authority: true }, &key, None)
}

fn gen_self_signed(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let request = request(host, args)?;
    let key = key(host, args, 4)?;
    make(host, &request()?, &key, None)
}

fn gen_signed(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let request = request(host, args)?;
    let authority = match args.any(4).as_object::<Certificate>() {
        Some(authority) => authority,
        None if args.any(4).is_nil() => return Err(Fault::said(NIL_AUTHORITY)),
        None => return Err(wrong(args.any(4), "sprig.certificate")),
    };
    let key = key(host, args, 5)?;
    let issuer = Issuer::of(authority).map_err(Fault::Said)?;
    make(host, &request()?, &key, Some(&issuer))
}

const NIL_AUTHORITY: &str = "invalid value; expected sprig.certificate";

/// Takes what is given, base64 of PEM, when it is a certificate and a key.
fn build_custom(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (cert, key) = (args.bytes(0)?, args.bytes(1)?);
    host.spend((cert.len() + key.len()) as u64)?;
    let text = |base64: &[u8], what: &str| {
        let bytes = read_base64(base64)
            .map_err(|_| Fault::said(format!("unable to decode base64 {what}")))?;
        Ok::<_, Fault>(String::from_utf8_lossy(&bytes).into_owned())
    };
    let cert = text(cert, "certificate")?;
    let key = text(key, "private key")?;
    let (_, der) = read_pem(&cert).ok_or_else(|| Fault::said("unable to decode certificate"))?;
    if Parent::parse(&der).is_none() {
        return Err(Fault::said(format!("error parsing certificate: decodedCert.Bytes: {BAD}")));
    }
    Key::parse(&key).map_err(|error| Fault::said(format!("error parsing private key: {error}")))?;
    Ok(Certificate { cert, key }.into_value())
}

const BAD: &str = "x509: malformed certificate";

/// The key that is given at a place, else a new one.
fn key(host: &mut dyn Host, args: Args<'_>, at: usize) -> Result<Key, Fault> {
    host.spend(RENDER_CERTIFICATE_STEPS)?;
    if at >= args.len() {
        return Ok(Key::new(host));
    }
    let text = args.text(at)?;
    host.spend(text.len() as u64)?;
    Key::parse(&text).map_err(|error| Fault::said(format!("parsing private key: {error}")))
}

/// Name, addresses, alternative names and days. The types are looked at now, as Go does before it calls.
fn request<'a>(
    host: &mut dyn Host,
    args: Args<'a>,
) -> Result<impl FnOnce() -> Result<Request, Fault> + use<'a>, Fault> {
    let (name, days) = (args.text(0)?.into_owned(), args.int(3)?);
    let (addresses, names) = (items(args.any(1))?, items(args.any(2))?);
    host.spend((addresses.len() + names.len()) as u64)?;
    Ok(move || {
        let addresses = addresses.iter().map(address).collect::<Result<Vec<_>, _>>()?.concat();
        let names = names.iter().map(alternative).collect::<Result<Vec<_>, _>>()?.concat();
        let alternatives = [names, addresses].concat();
        Ok(Request { name, alternatives, days, authority: false })
    })
}

/// An argument of type `[]interface {}`; nil is an empty one.
fn items(value: &Value) -> Result<&[Value], Fault> {
    match value {
        Value::Nil => Ok(&[]),
        Value::List(list) if list.of == Element::Any => Ok(&list.items),
        other => Err(wrong(other, "[]interface {}")),
    }
}

fn wrong(value: &Value, wanted: &str) -> Fault {
    Fault::said(format!("wrong type for value; expected {wanted}; got {}", value.type_name()))
}

fn address(value: &Value) -> Result<Vec<u8>, Fault> {
    let Some(text) = value.as_text() else {
        return Err(Fault::said(format!("error parsing ip: {value:?} is not a string")));
    };
    let address = text.parse::<IpAddr>().map(|address| address.to_canonical());
    Ok(match address {
        Ok(IpAddr::V4(address)) => tlv(0x87, &address.octets()),
        Ok(IpAddr::V6(address)) => tlv(0x87, &address.octets()),
        Err(_) => return Err(Fault::said(format!("error parsing ip: {text}"))),
    })
}

fn alternative(value: &Value) -> Result<Vec<u8>, Fault> {
    match value.as_text() {
        Some(name) if name.is_ascii() => Ok(tlv(0x82, name.as_bytes())),
        Some(name) => Err(Fault::said(format!(
            "error creating certificate: x509: {name:?} cannot be encoded as an IA5String"
        ))),
        None => Err(Fault::said(format!(
            "error processing alternate dns name: {value:?} is not a string"
        ))),
    }
}

/// Makes a certificate; without an issuer it signs itself.
fn make(
    host: &mut dyn Host,
    request: &Request,
    key: &Key,
    issuer: Option<&Issuer>,
) -> Result<Value, Fault> {
    let signer = issuer.map_or(key, |issuer| &issuer.key);
    let (Some((public, _)), Some(algorithm)) = (key.public(), signer.algorithm()) else {
        return Err(Fault::said(
            "error creating certificate: x509: certificate private key does not implement \
             crypto.Signer",
        ));
    };
    let subject = name(&request.name);
    let now = host.now();
    let end = now.saturating_add(request.days.saturating_mul(86_400));
    let extensions = extensions(request, &public, issuer);
    let unsigned_part = sequence(&[
        &tlv(0xa0, &unsigned(&[2])),
        &unsigned(&chance::bytes::<16>(host)),
        &algorithm,
        issuer.map_or(&subject, |issuer| &issuer.name),
        &sequence(&[&time(now), &time(end)]),
        &subject,
        &public,
        &tlv(0xa3, &extensions),
    ]);
    let signature = bits(&signer.sign(host, &unsigned_part));
    let der = sequence(&[&unsigned_part, &algorithm, &signature]);
    Ok(Certificate { cert: pem("CERTIFICATE", &der), key: key.pem.clone() }.into_value())
}

/// A name that has nothing but a common name; without one it is empty.
fn name(common: &str) -> Vec<u8> {
    if common.is_empty() {
        return sequence(&[]);
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&b);
    // PrintableString where it will do, else UTF8String.
    let tag = if common.bytes().all(plain) { 0x13 } else { 0x0c };
    let attribute = sequence(&[&tlv(OID, &[0x55, 4, 3]), &tlv(tag, common.as_bytes())]);
    sequence(&[&tlv(SET, &attribute)])
}

/// UTCTime up to 2049, GeneralizedTime elsewhere (RFC 5280, section 4.1.2.5). Years beyond four digits are cut.
fn time(seconds: i64) -> Vec<u8> {
    /// 0000-01-01 and 9999-12-31T23:59:59.
    const RANGE: (i64, i64) = (-62_167_219_200, 253_402_300_799);
    let seconds = seconds.clamp(RANGE.0, RANGE.1);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 0000-03-01, in eras of 400 years, each year from March on.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let rest = format!("{month:02}{date:02}{hour:02}{minute:02}{second:02}Z");
    match year {
        1950..2050 => tlv(0x17, format!("{:02}{rest}", year % 100).as_bytes()),
        _ => tlv(0x18, format!("{year:04}{rest}").as_bytes()),
    }
}

/// The extensions, in Go's order.
fn extensions(request: &Request, public: &[u8], issuer: Option<&Issuer>) -> Vec<u8> {
    const TRUE: &[u8] = &[1, 1, 0xff];
    let extension = |oid: &[u8], critical: bool, content: &[u8]| {
        let critical = if critical { TRUE } else { &[] };
        sequence(&[&tlv(OID, oid), critical, &tlv(OCTET_STRING, content)])
    };
    // digitalSignature, keyEncipherment; keyCertSign for an authority.
    let usage: &[u8] = if request.authority { &[3, 2, 2, 0xa4] } else { &[3, 2, 5, 0xa0] };
    // serverAuth, clientAuth.
    let purpose = |last: u8| tlv(OID, &[0x2b, 6, 1, 5, 5, 7, 3, last]);
    let mut all = vec![
        extension(&[0x55, 29, 15], true, usage),
        extension(&[0x55, 29, 37], false, &sequence(&[&purpose(1), &purpose(2)])),
        extension(&[0x55, 29, 19], true, &sequence(&[if request.authority { TRUE } else { &[] }])),
    ];
    if request.authority {
        let id = &Sha256::digest(public)[..20];
        all.push(extension(KEY_ID, false, &tlv(OCTET_STRING, id)));
    }
    if let Some(id) = issuer.and_then(|issuer| issuer.key_id.as_ref()) {
        all.push(extension(&[0x55, 29, 35], false, &sequence(&[&tlv(0x80, id)])));
    }
    if !request.alternatives.is_empty() {
        let nameless = request.name.is_empty();
        all.push(extension(&[0x55, 29, 17], nameless, &tlv(SEQUENCE, &request.alternatives)));
    }
    tlv(SEQUENCE, &all.concat())
}

/// 2.5.29.14, subjectKeyIdentifier.
const KEY_ID: &[u8] = &[0x55, 29, 14];

/// What a certificate of an issuer says.
struct Parent<'a> {
    name: &'a [u8],
    public: &'a [u8],
    key_id: Option<&'a [u8]>,
}

impl<'a> Parent<'a> {
    fn parse(der: &'a [u8]) -> Option<Self> {
        let mut certificate = Reader(der).enter()?;
        let mut inner = certificate.enter()?;
        // Algorithm and signature are there; what they say is nobody's business.
        certificate.next()?;
        certificate.next()?;
        inner.take(0xa0);
        // Serial number, algorithm, issuer, validity.
        let _issuer = (inner.next()?, inner.next()?, inner.next()?, inner.next()?);
        let name = inner.take(SEQUENCE)?.whole;
        let public = inner.take(SEQUENCE)?.whole;
        let extensions = std::iter::from_fn(|| inner.next()).find(|item| item.tag == 0xa3);
        let mut extensions = extensions.and_then(|item| Reader(item.content).enter());
        let mut key_id = None;
        while let Some(mut extension) = extensions.as_mut().and_then(Reader::enter) {
            if extension.take(OID)?.content == KEY_ID {
                let content = extension.take(OCTET_STRING)?.content;
                key_id = Some(Reader(content).take(OCTET_STRING)?.content);
            }
        }
        Some(Self { name, public, key_id })
    }
}

impl Issuer {
    fn of(authority: &Certificate) -> Result<Self, String> {
        let (_, der) = read_pem(&authority.cert).ok_or("unable to decode certificate")?;
        let parent = Parent::parse(&der)
            .ok_or_else(|| format!("error parsing certificate: decodedSignerCert.Bytes: {BAD}"))?;
        let key = Key::parse(&authority.key)
            .map_err(|error| format!("error parsing private key: {error}"))?;
        if key.public().is_some_and(|(public, known)| known && public != parent.public) {
            let words = "x509: provided PrivateKey doesn't match parent's PublicKey";
            return Err(format!("error creating certificate: {words}"));
        }
        let key_id = parent.key_id.map(<[u8]>::to_vec);
        Ok(Self { name: parent.name.to_vec(), key_id, key })
    }
}

impl Certificate {
    fn into_value(self) -> Value {
        Value::Object(Rc::new(self))
    }
}

impl Object for Certificate {
    fn type_name(&self) -> &'static str {
        "sprig.certificate"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(Value::text(self.cert.as_str())),
            "Key" => Some(Value::text(self.key.as_str())),
            _ => None,
        }
    }

    fn call(&self, _: &mut dyn Host, _: &str, _: &[Value]) -> Option<Result<Value, Fault>> {
        None
    }

    fn print(&self) -> String {
        format!("{{{} {}}}", self.cert, self.key)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use p256::ecdsa::signature::Verifier as _;
    use p256::ecdsa::{DerSignature, VerifyingKey};

    use super::{Parent, time};
    use crate::sprig::der::{BIT_STRING, Reader, read_pem};
    use crate::sprig::double::{Double, run, shown};
    use crate::template::Value;

    fn field(value: &Value, name: &str) -> String {
        let Value::Object(object) = value else { panic!("no object: {value:?}") };
        object.field(name).expect(name).as_text().expect(name).to_owned()
    }

    fn encoded(text: &str) -> Value {
        STANDARD.encode(text).into()
    }

    /// Whether one certificate is signed with the key of another.
    fn signed(by: &str, certificate: &str) -> bool {
        let (by, certificate) =
            (read_pem(by).expect("pem").1, read_pem(certificate).expect("pem").1);
        let mut public = Reader(Parent::parse(&by).expect("parent").public).enter().expect("key");
        public.next().expect("algorithm");
        let point = public.take(BIT_STRING).expect("point").content;
        let key = VerifyingKey::from_sec1_bytes(&point[1..]).expect("P-256");
        let mut parts = Reader(&certificate).enter().expect("certificate");
        let message = parts.next().expect("message").whole;
        parts.next().expect("algorithm");
        let signature = parts.take(BIT_STRING).expect("signature").content;
        key.verify(message, &DerSignature::from_bytes(&signature[1..]).expect("DER")).is_ok()
    }

    #[test]
    fn makes_an_authority_that_signs() {
        let mut host = Double::default();
        let authority = host.run("genCA", &["ca".into(), Value::Int(365)]).expect("ca");
        assert_eq!(authority.type_name(), "sprig.certificate");
        let addresses = Value::list(vec!["10.0.0.1".into(), "::1".into()]);
        let names = Value::list(vec!["a.example".into()]);
        let args = ["leaf".into(), addresses, names, Value::Int(10), authority.clone()];
        let leaf = host.run("genSignedCert", &args).expect("leaf");
        let (ca, cert) = (field(&authority, "Cert"), field(&leaf, "Cert"));
        assert!(signed(&ca, &ca) && signed(&ca, &cert) && !signed(&cert, &cert));
        assert!(field(&leaf, "Key").starts_with("-----BEGIN EC PRIVATE KEY-----\n"));
        let custom = [encoded(&ca), encoded(&field(&authority, "Key"))];
        let custom = host.run("buildCustomCert", &custom).expect("custom");
        assert_eq!(field(&custom, "Cert"), ca);
    }

    #[test]
    fn makes_certificates_with_keys_of_every_kind() {
        for (kind, label) in [
            ("", "RSA PRIVATE KEY"),
            ("rsa", "RSA PRIVATE KEY"),
            ("ecdsa", "EC PRIVATE KEY"),
            ("ed25519", "PRIVATE KEY"),
        ] {
            let key = run("genPrivateKey", &[kind.into()]).expect("key");
            let start = format!("-----BEGIN {label}-----\n");
            assert!(key.as_text().expect("text").starts_with(&start), "{kind}");
            let args = ["x".into(), Value::Int(365), key.clone()];
            let authority = run("genCAWithKey", &args).expect(kind);
            assert_eq!(field(&authority, "Key"), key.as_text().expect("text"), "{kind}");
            let args = ["y".into(), Value::Nil, Value::Nil, Value::Int(1), authority, key.clone()];
            let leaf = run("genSignedCertWithKey", &args).expect(kind);
            assert!(field(&leaf, "Cert").starts_with("-----BEGIN CERTIFICATE-----\n"));
            let args = ["y".into(), Value::Nil, Value::Nil, Value::Int(1), key];
            run("genSelfSignedCertWithKey", &args).expect(kind);
        }
        assert_eq!(shown("genPrivateKey", &["odd".into()]), "Unknown type odd");
        let dsa = run("genPrivateKey", &["dsa".into()]).expect("key");
        assert!(dsa.as_text().expect("text").starts_with("-----BEGIN DSA PRIVATE KEY-----\n"));
        assert_eq!(
            shown("genCAWithKey", &["x".into(), Value::Int(365), dsa]),
            "!error creating certificate: x509: certificate private key does not implement \
             crypto.Signer"
        );
    }

    #[test]
    fn makes_the_same_certificate_from_the_same_seed() {
        let make = || field(&run("genCA", &["x".into(), Value::Int(1)]).expect("ca"), "Cert");
        assert_eq!(make(), make());
    }

    #[test]
    fn refuses_what_sprig_refuses_in_its_words() {
        let one = || Value::list(vec![Value::Int(1)]);
        let bad = || Value::list(vec!["1.2.3".into()]);
        let self_signed = |addresses: Value, names: Value, days: Value| {
            shown("genSelfSignedCert", &["x".into(), addresses, names, days])
        };
        let (nil, days) = (|| Value::Nil, || Value::Int(365));
        let wrong = "!wrong type for value; expected";
        for (outcome, words) in [
            (self_signed(one(), nil(), days()), "!error parsing ip: 1 is not a string"),
            (self_signed(bad(), nil(), days()), "!error parsing ip: 1.2.3"),
            (
                self_signed(nil(), one(), days()),
                "!error processing alternate dns name: 1 is not a string",
            ),
            (
                self_signed(nil(), Value::list(vec!["ü".into()]), days()),
                "!error creating certificate: x509: \"ü\" cannot be encoded as an IA5String",
            ),
            (
                self_signed(nil(), Value::texts(["a"]), days()),
                &format!("{wrong} []interface {{}}; got []string"),
            ),
            (self_signed(nil(), nil(), "1".into()), &format!("{wrong} int; got string")),
            (
                shown("genSignedCert", &["x".into(), nil(), nil(), days(), Value::map::<&str>([])]),
                &format!("{wrong} sprig.certificate; got map[string]interface {{}}"),
            ),
            (
                shown("genCAWithKey", &["x".into(), days(), "foo".into()]),
                "!parsing private key: no PEM data in input",
            ),
            (
                shown("buildCustomCert", &["%".into(), "".into()]),
                "!unable to decode base64 certificate",
            ),
            (
                shown("buildCustomCert", &["".into(), "%".into()]),
                "!unable to decode base64 private key",
            ),
            (shown("buildCustomCert", &["".into(), "".into()]), "!unable to decode certificate"),
        ] {
            assert_eq!(outcome, words);
        }
    }

    #[test]
    fn refuses_a_pair_of_certificate_and_key_that_does_not_match() {
        let mut host = Double::default();
        let mut make = || host.run("genCA", &["x".into(), Value::Int(1)]).expect("ca");
        let (one, two) = (make(), make());
        let args = [encoded(&field(&one, "Cert")), encoded(&field(&two, "Key"))];
        let pair = run("buildCustomCert", &args).expect("pair");
        let args = ["x".into(), Value::Nil, Value::Nil, Value::Int(1), pair];
        assert_eq!(
            shown("genSignedCert", &args),
            "!error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey"
        );
    }

    #[test]
    fn survives_damaged_keys_and_certificates() {
        let authority = run("genCA", &["x".into(), Value::Int(1)]).expect("ca");
        for name in ["Cert", "Key"] {
            let (label, der) = {
                let text = field(&authority, name);
                let (label, der) = read_pem(&text).expect("pem");
                (label.to_owned(), der)
            };
            for at in 0..der.len() {
                let mut flipped = der.clone();
                flipped[at] ^= 0x80;
                for der in [&flipped[..], &der[..at]] {
                    let text = encoded(&super::pem(&label, der));
                    let other =
                        encoded(&field(&authority, if name == "Cert" { "Key" } else { "Cert" }));
                    let args = if name == "Cert" { [text, other] } else { [other, text] };
                    let _ = run("buildCustomCert", &args).map(|pair| {
                        let args = ["x".into(), Value::Nil, Value::Nil, Value::Int(1), pair];
                        shown("genSignedCert", &args)
                    });
                }
            }
        }
    }

    #[test]
    fn writes_times_in_both_forms() {
        let text = |seconds| String::from_utf8_lossy(&time(seconds)[2..]).into_owned();
        assert_eq!(text(0), "700101000000Z");
        assert_eq!(text(1_700_000_000), "231114221320Z");
        assert_eq!(text(951_782_400), "000229000000Z");
        assert_eq!(text(2_524_608_000), "20500101000000Z");
        assert_eq!(text(-631_152_001), "19491231235959Z");
        assert_eq!(text(i64::MAX), "99991231235959Z");
        assert_eq!(text(i64::MIN), "00000101000000Z");
        assert!(matches!(run("genCA", &["x".into(), Value::Int(i64::MAX)]), Ok(Value::Object(_))));
    }
}
