//! Blobs, lists and questions against servers that cut, lie and differ.

use crate::artifact::{Digest, Pointer, Tag, VerifyError};
use crate::oci::auth::Keychain;
use crate::oci::error::OciError;
use crate::oci::manifest::media_type;
use crate::oci::store::Store;
use crate::oci::tests::script::{Server, Step, client, on, task};

fn blob() -> Vec<u8> {
    (0..700_000_u32).map(|at| (at % 251) as u8).collect()
}

/// Fetches [`blob`] from a server that plays this script.
async fn fetch(steps: Vec<Step>) -> Result<Vec<u8>, OciError> {
    let dir = tempfile::tempdir().expect("folder");
    let store = Store::open(dir.path()).expect("store");
    let server = Server::start(steps).await;
    let (digest, size) = (Digest::of(&blob()), blob().len() as u64);
    let registries = client(Keychain::anonymous());
    let fetched = registries.fetch_blob(&server.repository(), &digest, size, &store, &task()).await;
    server.done();
    fetched.map(|()| store.read_bytes(&digest, size).expect("whole"))
}

fn get(status: u16) -> Step {
    on(&format!("GET /v2/a/b/blobs/{} ", Digest::of(&blob())), status)
}

#[tokio::test]
async fn a_cut_blob_goes_on_where_it_stopped() {
    let (all, size) = (blob(), blob().len());
    let fetched = fetch(vec![
        get(200).lacks("range:").gives(&all[..300_000]).claims(size),
        get(206)
            .has("range: bytes=300000-\r\n")
            .header("content-range", &format!("bytes 300000-{}/{size}", size - 1))
            .gives(&all[300_000..500_000])
            .claims(size - 300_000),
        get(503).has("range: bytes=500000-"),
        get(206)
            .has("range: bytes=500000-")
            .header("content-range", &format!("bytes 500000-{}/{size}", size - 1))
            .gives(&all[500_000..]),
    ])
    .await;
    assert_eq!(fetched.expect("whole"), all);
}

#[tokio::test]
async fn a_server_without_ranges_sends_it_all_again() {
    let (all, size) = (blob(), blob().len());
    let fetched = fetch(vec![
        get(200).gives(&all[..300_000]).claims(size),
        get(200).has("range:").gives(&all),
    ])
    .await;
    assert_eq!(fetched.expect("whole"), all);
}

#[tokio::test]
async fn wrong_bytes_are_asked_for_once_more_and_then_refused() {
    let (all, mut bad) = (blob(), blob());
    bad[5] ^= 1;
    let fetched = fetch(vec![get(200).gives(&bad), get(200).lacks("range:").gives(&all)]).await;
    assert_eq!(fetched.expect("second try"), all);
    let error = fetch(vec![get(200).gives(&bad), get(200).gives(&bad)]).await.err();
    let error = error.expect("refused");
    let damaged = matches!(error, OciError::Damaged { source: VerifyError::Wrong { .. }, .. });
    assert!(damaged && error.is_damage(), "{error:?}");
}

#[tokio::test]
async fn a_length_that_lies_is_no_blob() {
    let all = blob();
    let long = [all.as_slice(), b"more"].concat();
    let error = fetch(vec![get(200).gives(&long), get(200).gives(&long)]).await.err();
    let error = error.expect("too long");
    assert!(
        matches!(error, OciError::Damaged { source: VerifyError::Long { .. }, .. }),
        "{error:?}"
    );
    // Another range than asked for is not pasted in.
    let size = all.len();
    let fetched = fetch(vec![
        get(200).gives(&all[..300_000]).claims(size),
        get(206).header("content-range", &format!("bytes 0-9/{size}")).gives(&all[..10]),
        get(200).lacks("range:").gives(&all),
    ])
    .await;
    assert_eq!(fetched.expect("from zero"), all);
}

#[tokio::test]
async fn a_missing_blob_is_named() {
    let error = fetch(vec![get(404)]).await.expect_err("missing");
    assert!(matches!(&error, OciError::Missing { .. }));
    assert!(error.to_string().contains("/a/b@sha256:"), "{error}");
}

#[tokio::test]
async fn a_redirect_to_storage_carries_no_credentials() {
    let storage = Server::start(vec![
        on("GET /signed?x=1", 403).lacks("authorization"),
        on("GET /signed?x=2", 200).lacks("authorization").gives(&blob()),
    ])
    .await;
    let to = |n: u8| {
        get(307)
            .has("authorization: basic")
            .header("location", &format!("http://{}/signed?x={n}", storage.host))
    };
    let server =
        Server::start(vec![get(401).header("www-authenticate", "Basic realm=x"), to(1), to(2)])
            .await;
    let keychain = Keychain::anonymous().with(
        &server.host,
        "u",
        crate::secret::Secret::new("hunter2".to_owned()),
    );
    let dir = tempfile::tempdir().expect("folder");
    let store = Store::open(dir.path()).expect("store");
    let (digest, size) = (Digest::of(&blob()), blob().len() as u64);
    let registries = client(keychain);
    let repository = server.repository();
    registries.fetch_blob(&repository, &digest, size, &store, &task()).await.expect("fetched");
    server.done();
    storage.done();
}

#[tokio::test]
async fn head_without_a_digest_is_answered_by_get() {
    let body = br#"{"schemaVersion":2,"manifests":[]}"#;
    let index = media_type::OCI_INDEX;
    let server = Server::start(vec![
        on("HEAD /v2/a/b/manifests/v1", 200).header("content-type", index),
        on("GET /v2/a/b/manifests/v1", 200).header("content-type", index).gives(body),
        on("HEAD /v2/a/b/manifests/v1", 200)
            .header("content-type", index)
            .header("content-length", "34")
            .header("docker-content-digest", &Digest::of(body).to_string()),
        on("HEAD /v2/a/b/manifests/v2", 404),
    ])
    .await;
    let registries = client(Keychain::anonymous());
    let repository = server.repository();
    let one = registries.head(&repository, "v1").await.expect("answer").expect("there");
    let two = registries.head(&repository, "v1").await.expect("answer").expect("there");
    assert_eq!(one, two);
    assert_eq!((one.digest, one.size_bytes), (Digest::of(body), 34));
    assert_eq!(registries.head(&repository, "v2").await.expect("answer"), None);
    assert!(registries.head(&repository, "../x").await.is_err());
    server.done();
}

#[tokio::test]
async fn bytes_that_do_not_match_the_pointer_are_refused() {
    let want = Digest::of(b"asked for");
    let line = format!("GET /v2/a/b/manifests/{want}");
    let server =
        Server::start(vec![on(&line, 200).gives(b"{}"), on(&line, 200).gives(b"{}")]).await;
    let pointer = Pointer::Both(Tag::parse("v1").expect("tag"), want);
    let error = client(Keychain::anonymous()).manifest(&server.repository(), &pointer).await.err();
    assert!(matches!(error, Some(OciError::Damaged { .. })), "{error:?}");
    server.done();
}

#[tokio::test]
async fn tags_are_read_page_by_page_and_never_from_elsewhere() {
    let server = Server::start(vec![
        on("GET /v2/a/b/tags/list ", 200)
            .header("link", "<http://elsewhere.test/v2/a/b/tags/list?last=b&n=2>; rel=\"next\"")
            .gives(br#"{"name":"a/b","tags":["a","b","not a tag"]}"#),
        on("GET /v2/a/b/tags/list?last=b&n=2 ", 200)
            .header("link", "</x>; rel=prev, </v2/a/b/tags/list?last=c>; rel=\"next\"")
            .gives(br#"{"tags":["c"]}"#),
        on("GET /v2/a/b/tags/list?last=c ", 200).gives(br#"{"tags":null}"#),
        on("GET /v2/a/b/tags/list ", 200)
            .header("link", "</v2/a/b/tags/list>; rel=next")
            .gives(b"{}"),
    ])
    .await;
    let registries = client(Keychain::anonymous());
    let tags = registries.tags(&server.repository()).await.expect("tags");
    assert_eq!(tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
    let error = registries.tags(&server.repository()).await.err();
    assert!(matches!(error, Some(OciError::Protocol { .. })), "{error:?}");
    server.done();
}

#[tokio::test]
async fn referrers_come_from_the_api_or_from_the_tag() {
    let subject = Digest::of(b"subject");
    let entry = |text: &str| {
        format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"m","digest":"{}","size":1,"artifactType":"sig"}}]}}"#,
            Digest::of(text.as_bytes())
        )
    };
    let api = format!("GET /v2/a/b/referrers/{subject}");
    let tag = format!("GET /v2/a/b/manifests/sha256-{} ", subject.hex());
    let index = media_type::OCI_INDEX;
    let server = Server::start(vec![
        on(&api, 200)
            .header("content-type", index)
            .header("link", &format!("</v2/a/b/referrers/{subject}?page=2>; rel=\"next\""))
            .gives(entry("one").as_bytes()),
        on(&format!("{api}?page=2"), 200)
            .header("content-type", index)
            .gives(entry("two").as_bytes()),
        on(&api, 404),
        on(&tag, 200).header("content-type", index).gives(entry("three").as_bytes()),
        on(&api, 200).header("content-type", "text/html").gives(b"<html>"),
        on(&tag, 404),
    ])
    .await;
    let registries = client(Keychain::anonymous());
    let repository = server.repository();
    let found = registries.referrers(&repository, &subject).await.expect("API");
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|one| one.artifact_type.as_deref() == Some("sig")));
    let found = registries.referrers(&repository, &subject).await.expect("tag");
    assert_eq!(found[0].descriptor.digest, Digest::of(b"three"));
    assert!(registries.referrers(&repository, &subject).await.expect("none").is_empty());
    server.done();
}
