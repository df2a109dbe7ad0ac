//! Tokens, passwords, pauses, bad moments.

use std::time::{Duration, Instant, SystemTime};

use crate::artifact::{Pointer, Tag};
use crate::oci::auth::Keychain;
use crate::oci::error::OciError;
use crate::oci::manifest::media_type;
use crate::oci::tests::script::{Server, client, on};
use crate::secret::Secret;

const MANIFEST: &[u8] = br#"{"schemaVersion":2,"config":{"mediaType":"x/y","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
const BEARER: &str =
    r#"Bearer realm="http://{self}/token?x=1",service="reg",scope="repository:a/b:pull""#;

fn tag() -> Pointer {
    Pointer::Tag(Tag::parse("v1").expect("tag"))
}

fn found() -> crate::oci::tests::script::Step {
    on("GET /v2/a/b/manifests/v1", 200)
        .header("content-type", media_type::OCI_MANIFEST)
        .gives(MANIFEST)
}

fn known(server: &Server) -> Keychain {
    Keychain::anonymous().with(&server.host, "user", Secret::new("hunter2".to_owned()))
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_with_the_exact_scope() {
    let server = Server::start(vec![
        on("GET /v2/a/b/manifests/v1", 401)
            .lacks("authorization")
            .header("www-authenticate", BEARER),
        on("GET /token?x=1&service=reg&scope=repository%3Aa%2Fb%3Apull ", 200)
            .has("authorization: basic dxnlcjpodw50zxiy")
            .gives(br#"{"token":"t1","expires_in":300}"#),
        found().has("authorization: bearer t1"),
        found().has("authorization: bearer t1"),
    ])
    .await;
    let registries = client(known(&server));
    for _ in 0..2 {
        let manifest = registries.manifest(&server.repository(), &tag()).await.expect("answer");
        assert_eq!(manifest.expect("there").bytes, MANIFEST);
    }
    server.done();
}

#[tokio::test]
async fn a_token_that_ends_is_renewed() {
    let server = Server::start(vec![
        on("GET /v2/", 401).header("www-authenticate", BEARER),
        on("GET /token", 200).gives(br#"{"token":"t1","expires_in":300}"#),
        found().has("bearer t1"),
        on("GET /v2/", 401).has("bearer t1").header("www-authenticate", BEARER),
        on("GET /token", 200).gives(br#"{"access_token":"t2"}"#),
        found().has("bearer t2"),
    ])
    .await;
    let registries = client(Keychain::anonymous());
    for _ in 0..2 {
        assert!(registries.manifest(&server.repository(), &tag()).await.expect("answer").is_some());
    }
    server.done();
}

#[tokio::test]
async fn an_identity_token_is_posted() {
    let server = Server::start(vec![]).await;
    server.then(vec![
        on("GET /v2/", 401).header("www-authenticate", BEARER),
        on("POST /token?x=1 ", 200)
            .lacks("authorization")
            .takes(
                b"grant_type=refresh_token&client_id=haversack&service=reg\
                  &scope=repository%3Aa%2Fb%3Apull&refresh_token=refresh",
            )
            .gives(br#"{"access_token":"t1"}"#),
        found().has("bearer t1"),
    ]);
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("config.json");
    let text = format!(r#"{{"auths":{{"{}":{{"identitytoken":"refresh"}}}}}}"#, server.host);
    std::fs::write(&path, text).expect("write");
    let registries = client(Keychain::docker_config(Some(&path)).expect("config"));
    assert!(registries.manifest(&server.repository(), &tag()).await.expect("answer").is_some());
    server.done();
}

#[tokio::test]
async fn an_identity_token_does_not_follow_a_redirect() {
    let other = Server::start(vec![]).await;
    let server = Server::start(vec![
        on("GET /v2/", 401).header("www-authenticate", BEARER),
        on("POST /token", 307).header("location", &format!("http://{}/steal", other.host)),
    ])
    .await;
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("config.json");
    let text = format!(r#"{{"auths":{{"{}":{{"identitytoken":"refresh"}}}}}}"#, server.host);
    std::fs::write(&path, text).expect("write");
    let registries = client(Keychain::docker_config(Some(&path)).expect("config"));
    assert!(registries.manifest(&server.repository(), &tag()).await.is_err());
    server.done();
    other.done();
}

#[tokio::test]
async fn a_refusal_says_who_refused_what_and_no_secret() {
    let server = Server::start(vec![
        on("GET /v2/", 401).header("www-authenticate", "Basic realm=\"x\""),
        on("GET /v2/", 401)
            .has("authorization: basic")
            .header("www-authenticate", "Basic realm=\"x\"")
            .gives(br#"{"errors":[{"code":"UNAUTHORIZED","message":"wrong\u0007 password"}]}"#),
    ])
    .await;
    let error = client(known(&server)).manifest(&server.repository(), &tag()).await.err();
    let error = error.expect("refused");
    let OciError::Refused { ref by, status: 401, ref scope, anonymous: false, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!((by, scope.as_str()), (&server.host, "repository:a/b:pull"));
    let text = format!("{error} {error:?}");
    assert!(text.contains("wrong\\u{7} password") && text.contains("a/b:v1"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("dXNlcjpodW50ZXIy"));
    server.done();
}

#[tokio::test]
async fn without_credentials_the_refusal_says_so() {
    let server = Server::start(vec![
        on("GET /v2/", 401).header("www-authenticate", "Basic realm=\"x\""),
        on("GET /v2/", 401).header("www-authenticate", BEARER),
        on("GET /token", 403).lacks("authorization").gives(br#"{"details":"who are you"}"#),
    ])
    .await;
    let registries = client(Keychain::anonymous());
    for _ in 0..2 {
        let error = registries.manifest(&server.repository(), &tag()).await.expect_err("refused");
        assert!(matches!(error, OciError::Refused { anonymous: true, .. }), "{error:?}");
    }
    server.done();
}

#[tokio::test]
async fn retry_after_is_obeyed_in_seconds_and_as_a_date() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3));
    let server = Server::start(vec![
        on("GET /v2/", 429).header("retry-after", "1"),
        on("GET /v2/", 429).header("retry-after", &date),
        found(),
    ])
    .await;
    let before = Instant::now();
    let registries = client(Keychain::anonymous());
    assert!(registries.manifest(&server.repository(), &tag()).await.expect("answer").is_some());
    assert!(before.elapsed() > Duration::from_millis(1900), "{:?}", before.elapsed());
    server.done();
}

#[tokio::test]
async fn bad_moments_are_sat_out_and_cut_answers_asked_for_again() {
    let server = Server::start(vec![
        on("GET /v2/", 500),
        on("GET /v2/", 503),
        found().gives(&MANIFEST[..20]).claims(MANIFEST.len()),
        found(),
    ])
    .await;
    let registries = client(Keychain::anonymous());
    let manifest = registries.manifest(&server.repository(), &tag()).await.expect("answer");
    assert_eq!(manifest.expect("there").bytes, MANIFEST);
    server.done();
}
