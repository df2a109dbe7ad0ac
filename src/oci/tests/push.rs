//! Uploads against registries that expire, move, mount, refuse and lose.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;

use crate::artifact::{Digest, VerifyReader};
use crate::oci::auth::Keychain;
use crate::oci::error::OciError;
use crate::oci::manifest::media_type;
use crate::oci::tests::script::{Server, Step, client, on, task};
use crate::oci::upload::{BlobPush, Pushed};
use crate::secret::Secret;

fn bytes() -> Vec<u8> {
    (0..600_000_u32).map(|at| (at % 241) as u8).collect()
}

fn blob() -> BlobPush {
    of(&bytes(), bytes())
}

/// A blob that is announced as `said` and read as `real`.
fn of(said: &[u8], real: Vec<u8>) -> BlobPush {
    let (digest, size_bytes) = (Digest::of(said), said.len() as u64);
    let open = move || -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(VerifyReader::new(io::Cursor::new(real.clone()), digest, size_bytes)))
    };
    BlobPush { digest, size_bytes, mount_from: None, open: Arc::new(open) }
}

fn absent() -> Step {
    on(&format!("HEAD /v2/a/b/blobs/{}", blob().digest), 404)
}

fn session(location: &str) -> Step {
    on("POST /v2/a/b/blobs/uploads/ ", 202).header("location", location)
}

fn put(path: &str, status: u16) -> Step {
    let digest = format!("digest=sha256%3A{}", blob().digest.hex());
    on(&format!("PUT {path}{digest} "), status).takes(&bytes())
}

async fn push(server: &Server, blob: &BlobPush) -> Result<Pushed, OciError> {
    let password = Secret::new("hunter2".to_owned());
    let keychain = Keychain::anonymous().with(&server.host, "u", password);
    let pushed = client(keychain).push_blob(&server.repository(), blob, &task()).await;
    server.done();
    pushed
}

#[tokio::test]
async fn what_is_there_is_not_sent_unless_its_size_is_wrong() {
    let line = format!("HEAD /v2/a/b/blobs/{}", blob().digest);
    let there = |size: &str| on(&line, 200).header("content-length", size);
    let server = Server::start(vec![there("600000")]).await;
    assert_eq!(push(&server, &blob()).await.expect("there"), Pushed::Already);
    let server = Server::start(vec![
        there("599999"),
        session("/up?_state=a%3D%3D"),
        put("/up?_state=a%3D%3D&", 201),
    ])
    .await;
    assert_eq!(push(&server, &blob()).await.expect("sent"), Pushed::Sent);
}

#[tokio::test]
async fn locations_are_followed_with_their_query_and_credentials_stay_home() {
    for location in ["/up?s=1", "http://{self}/up?s=1", "https://{self}/up?s=1"] {
        let server = Server::start(vec![
            absent(),
            on("POST /v2/a/b/blobs/uploads/ ", 401).header("www-authenticate", "Basic realm=x"),
            session(location).has("authorization"),
            put("/up?s=1&", 201).has("authorization: basic").has("content-length: 600000"),
        ])
        .await;
        assert_eq!(push(&server, &blob()).await.expect(location), Pushed::Sent);
    }
    let elsewhere = Server::start(vec![put("/up?s=1&", 201).lacks("authorization")]).await;
    let server = Server::start(vec![
        absent(),
        on("POST /v2/a/b/blobs/uploads/ ", 401).header("www-authenticate", "Basic realm=x"),
        session(&format!("http://evil:pw@{}/up?s=1", elsewhere.host)).has("authorization"),
    ])
    .await;
    assert_eq!(push(&server, &blob()).await.expect("sent"), Pushed::Sent);
    elsewhere.done();
}

#[tokio::test]
async fn a_token_that_ends_in_mid_upload_costs_one_repetition() {
    let bearer = r#"Bearer realm="http://{self}/token",service="reg""#;
    let token = |text: &str| on("GET /token", 200).gives(text.as_bytes());
    let line = format!("HEAD /v2/a/b/blobs/{}", blob().digest);
    let server = Server::start(vec![
        on(&line, 401).header("www-authenticate", bearer),
        token(r#"{"token":"t1","expires_in":900}"#).has("scope=repository%3aa%2fb%3apull%2cpush "),
        on(&line, 404).has("bearer t1"),
        session("/up/1").has("bearer t1"),
        put("/up/1?", 401).has("bearer t1").header("www-authenticate", bearer),
        token(r#"{"token":"t2","expires_in":900}"#),
        session("/up/2").has("bearer t2"),
        put("/up/2?", 201).has("bearer t2"),
    ])
    .await;
    assert_eq!(push(&server, &blob()).await.expect("sent"), Pushed::Sent);
}

#[tokio::test]
async fn mounts_are_taken_used_or_forgotten() {
    let from = "POST /v2/a/b/blobs/uploads/?mount=sha256%3A";
    let mounted = || BlobPush { mount_from: Some("c/d".to_owned()), ..blob() };
    let server = Server::start(vec![absent(), on(from, 201).has("&from=c%2fd ")]).await;
    assert_eq!(push(&server, &mounted()).await.expect("mounted"), Pushed::Mounted);
    let server =
        Server::start(vec![absent(), on(from, 202).header("location", "/up"), put("/up?", 201)])
            .await;
    assert_eq!(push(&server, &mounted()).await.expect("sent"), Pushed::Sent);
    for status in [404, 403, 400, 405] {
        let server =
            Server::start(vec![absent(), on(from, status), session("/up"), put("/up?", 204)]).await;
        assert_eq!(push(&server, &mounted()).await.expect("sent"), Pushed::Sent);
    }
}

#[tokio::test]
async fn a_session_that_breaks_is_left_for_a_new_one() {
    let server = Server::start(vec![
        absent(),
        session("/up/1"),
        put("/up/1?", 500),
        absent(),
        session("/up/2"),
        put("/up/2?", 404),
        absent(),
        session("/up/3"),
        // Takes it, but the answer is lost.
        put("/up/3?", 201).gives(b"").claims(0).header("content-length", "oops"),
        on("HEAD /v2/a/b/blobs/", 200).header("content-length", "600000"),
    ])
    .await;
    assert_eq!(push(&server, &blob()).await.expect("sent"), Pushed::Sent);
}

#[tokio::test]
async fn damage_on_our_side_is_named_and_never_completes_an_upload() {
    let mut bent = bytes();
    bent[599_999] ^= 1;
    let short = bytes()[..400_000].to_vec();
    for real in [bent, short] {
        let server =
            Server::start(vec![absent(), session("/up"), on("PUT /up?", 201).broken_body()]).await;
        // The damage may be found before the server has seen the request at all, so the script need not be played to its end.
        let registries = client(Keychain::anonymous());
        let pushed = registries.push_blob(&server.repository(), &of(&bytes(), real), &task()).await;
        let error = pushed.expect_err("damaged");
        assert!(matches!(error, OciError::Source { .. }) && error.is_damage(), "{error:?}");
    }
}

#[tokio::test]
async fn a_registry_that_wants_chunks_is_named_as_such() {
    let server = Server::start(vec![absent(), session("/up"), put("/up?", 413)]).await;
    let error = push(&server, &blob()).await.expect_err("refused");
    assert!(matches!(error, OciError::Monolithic { status: 413, .. }), "{error:?}");
    assert!(error.to_string().contains("600000 bytes in one request"), "{error}");
}

#[tokio::test]
async fn manifests_are_sent_as_they_are_or_refused_with_a_reason() {
    let body = Bytes::from_static(br#"{"schemaVersion":2}"#);
    let docker = media_type::DOCKER_MANIFEST;
    let digest = Digest::of(&body);
    let line = "PUT /v2/a/b/manifests/v1 ";
    let server = Server::start(vec![
        on(line, 404).gives(br#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}"#),
        on(line, 201).takes(&body).has(docker).header("oci-subject", "sha256:x"),
        on(line, 415).gives(b"no docker here"),
        on(line, 201).header("docker-content-digest", &Digest::of(b"converted").to_string()),
    ])
    .await;
    let registries = client(Keychain::anonymous());
    let repository = server.repository();
    let send = |reference: String| {
        let (registries, repository, body) = (&registries, &repository, body.clone());
        async move { registries.push_manifest(repository, &reference, docker, body).await }
    };
    assert!(send("v1".to_owned()).await.expect("taken").subject_taken);
    let error = send("v1".to_owned()).await.expect_err("refused");
    let text = error.to_string();
    assert!(text.contains(docker) && text.contains("no docker here"), "{text}");
    assert!(text.contains(&digest.to_string()), "{text}");
    assert!(matches!(send("v1".to_owned()).await, Err(OciError::Altered { .. })));
    assert!(matches!(send(Digest::of(b"x").to_string()).await, Err(OciError::Altered { .. })));
    server.done();
}
