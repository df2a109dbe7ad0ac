use std::time::Duration;

use futures_util::stream;
use serde_json::{Value, json};

use super::{House, ann, header, options};
use crate::artifact::Digest;
use crate::limits;
use crate::report::Report;
use crate::serve::{ServeError, Sparse, start};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn noise(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

fn image(config: Digest, layers: &[Digest]) -> Value {
    let child = |kind: &str, digest: &Digest| {
        let media_type = format!("application/vnd.oci.image.{kind}");
        json!({"mediaType": media_type, "digest": digest, "size": 1})
    };
    let layer = |digest: &Digest| child("layer.v1.tar", digest);
    json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": child("config.v1+json", &config),
        "layers": layers.iter().map(layer).collect::<Vec<_>>(),
    })
}

async fn push_image(house: &House, name: &str, tag: &str) -> (String, Digest) {
    let config = house.push_blob(name, b"{}").await;
    let layer = house.push_blob(name, format!("layer of {tag}").as_bytes()).await;
    let text = image(config, &[layer]).to_string();
    let answer = house.push_manifest(name, tag, &text).await;
    assert_eq!(answer.status(), 201);
    let digest = Digest::of(text.as_bytes());
    assert_eq!(header(&answer, "docker-content-digest"), digest.to_string());
    (text, digest)
}

async fn json_of(house: &House, path: &str) -> Value {
    let answer = house.ask("GET", path).send().await.expect("answer");
    assert_eq!(answer.status(), 200, "{path}");
    serde_json::from_slice(&answer.bytes().await.expect("body")).expect("json")
}

#[tokio::test]
async fn says_that_it_is_a_registry() {
    let house = House::open().await;
    let answer = house.ask("GET", "/v2/").send().await.expect("answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "docker-distribution-api-version"), "registry/2.0");
    assert_eq!(house.status("HEAD", "/v2/").await, 200);
    assert_eq!(house.status("GET", "/v2").await, 200);
    assert_eq!(house.status("POST", "/v2/").await, 405);
    assert_eq!(house.notes.0.lock().expect("notes")[0], "GET /v2/ 200");
}

#[tokio::test]
async fn errors_are_the_ones_of_the_specification() {
    let house = House::open().await;
    let absent = Digest::of(b"absent");
    for (method, path, status, code) in [
        ("GET", format!("/v2/a/blobs/{absent}"), 404, "BLOB_UNKNOWN"),
        ("GET", "/v2/a/blobs/sha256:12".to_owned(), 400, "DIGEST_INVALID"),
        ("GET", "/v2/a/manifests/v1".to_owned(), 404, "MANIFEST_UNKNOWN"),
        ("GET", "/v2/a/manifests/.bad".to_owned(), 404, "MANIFEST_UNKNOWN"),
        ("GET", "/v2/a/tags/list".to_owned(), 404, "NAME_UNKNOWN"),
        ("GET", "/v2/A/tags/list".to_owned(), 400, "NAME_INVALID"),
        ("GET", "/v2/a%2f..%2f..%2fb/tags/list".to_owned(), 400, "NAME_INVALID"),
        ("GET", "/v2/_uploads/tags/list".to_owned(), 400, "NAME_INVALID"),
        ("GET", "/v2/a/referrers/sha256:12".to_owned(), 400, "DIGEST_INVALID"),
        ("PATCH", "/v2/a/blobs/uploads/17".to_owned(), 404, "BLOB_UPLOAD_UNKNOWN"),
        ("PUT", "/v2/a/manifests/.bad".to_owned(), 400, "MANIFEST_INVALID"),
        ("PUT", "/v2/a/manifests/v1".to_owned(), 400, "MANIFEST_INVALID"),
        ("POST", "/v2/a/manifests/v1".to_owned(), 405, "UNSUPPORTED"),
        ("GET", "/v2/a".to_owned(), 404, "NAME_UNKNOWN"),
    ] {
        let answer = house.ask(method, &path).send().await.expect("answer");
        assert_eq!(answer.status(), status, "{method} {path}");
        let body: Value =
            serde_json::from_slice(&answer.bytes().await.expect("body")).expect("json");
        assert_eq!(body["errors"][0]["code"], code, "{method} {path}");
    }
}

#[tokio::test]
async fn blobs_come_back_whole_and_in_ranges() {
    let house = House::open().await;
    let bytes = noise(3 * limits::SERVE_PIECE_BYTES + 17);
    let digest = house.push_blob("team/app", &bytes).await;
    let path = format!("/v2/team/app/blobs/{digest}");

    let answer = house.ask("HEAD", &path).send().await.expect("answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-length"), bytes.len().to_string());
    assert_eq!(header(&answer, "docker-content-digest"), digest.to_string());
    let answer = house.ask("GET", &path).send().await.expect("answer");
    assert_eq!(answer.bytes().await.expect("body"), bytes);

    let size = bytes.len();
    for (range, first, last) in [
        ("bytes=5-9".to_owned(), 5, 9),
        (format!("bytes={}-", size - 4), size - 4, size - 1),
        ("bytes=-3".to_owned(), size - 3, size - 1),
        ("bytes=600000-99999999".to_owned(), 600_000, size - 1),
    ] {
        let answer = house.ask("GET", &path).header("range", &range).send().await.expect("answer");
        assert_eq!(answer.status(), 206, "{range}");
        assert_eq!(header(&answer, "content-range"), format!("bytes {first}-{last}/{size}"));
        assert_eq!(header(&answer, "content-length"), (last - first + 1).to_string());
        assert_eq!(answer.bytes().await.expect("body"), bytes[first..=last]);
    }
    for range in [format!("bytes={size}-"), "bytes=500-0".to_owned()] {
        let answer = house.ask("GET", &path).header("range", &range).send().await.expect("answer");
        assert_eq!(answer.status(), 416, "{range}");
        assert_eq!(header(&answer, "content-range"), format!("bytes */{size}"));
    }
    // Another repository does not hold it.
    assert_eq!(house.status("HEAD", &format!("/v2/other/blobs/{digest}")).await, 404);
}

#[tokio::test]
async fn uploads_in_pieces_keep_their_order() {
    let house = House::open().await;
    let bytes = noise(100_000);
    let digest = Digest::of(&bytes);
    let answer = house.ask("POST", "/v2/a/blobs/uploads/").send().await.expect("answer");
    assert_eq!(answer.status(), 202);
    let place = header(&answer, "location");
    assert_eq!(header(&answer, "range"), "0-0");
    assert!(place.ends_with(&header(&answer, "docker-upload-uuid")));

    let piece = |range: &str, bytes: &[u8]| {
        house.ask("PATCH", &place).header("content-range", range).body(bytes.to_vec()).send()
    };
    let answer = piece("0-39999", &bytes[..40_000]).await.expect("answer");
    assert_eq!((answer.status().as_u16(), header(&answer, "range")), (202, "0-39999".to_owned()));
    // A piece that leaves a gap, and one whose length is not what it says, change nothing.
    for range in ["50000-59999", "40000-49998", "0-9999"] {
        let answer = piece(range, &bytes[50_000..60_000]).await.expect("answer");
        assert_eq!(answer.status(), 416, "{range}");
        assert_eq!(header(&answer, "range"), "0-39999");
        assert_eq!(header(&answer, "location"), place);
    }
    // One of unknown length that is too long is taken back.
    let long = reqwest::Body::wrap_stream(stream::iter([Ok::<_, std::io::Error>(noise(20_000))]));
    let request = house.ask("PATCH", &place).header("content-range", "40000-49999").body(long);
    assert_eq!(request.send().await.expect("answer").status(), 416);
    let answer = house.ask("GET", &place).send().await.expect("answer");
    assert_eq!((answer.status().as_u16(), header(&answer, "range")), (204, "0-39999".to_owned()));
    // A piece without a range is appended.
    let answer = house.ask("PATCH", &place).body(bytes[40_000..90_000].to_vec()).send().await;
    assert_eq!(header(&answer.expect("answer"), "range"), "0-89999");

    let last = house
        .ask("PUT", &format!("{place}?digest={digest}"))
        .header("content-range", "80000-89999")
        .body(bytes[90_000..].to_vec());
    assert_eq!(last.send().await.expect("answer").status(), 416);
    let last = house
        .ask("PUT", &format!("{place}?digest={digest}"))
        .header("content-range", "90000-99999")
        .body(bytes[90_000..].to_vec());
    let answer = last.send().await.expect("answer");
    assert_eq!(answer.status(), 201);
    assert_eq!(header(&answer, "location"), format!("/v2/a/blobs/{digest}"));
    let path = format!("/v2/a/blobs/{digest}");
    let answer = house.ask("GET", &path).send().await.expect("answer");
    assert_eq!(answer.bytes().await.expect("body"), bytes);
    assert_eq!(house.status("GET", &place).await, 404);
}

#[tokio::test]
async fn wrong_bytes_are_never_kept() {
    let house = House::open().await;
    let digest = Digest::of(b"right");
    let path = format!("/v2/a/blobs/uploads/?digest={digest}");
    let answer = house.ask("POST", &path).body("wrong").send().await.expect("answer");
    assert_eq!(answer.status(), 400);
    let answer = house.ask("POST", "/v2/a/blobs/uploads/").send().await.expect("answer");
    let place = header(&answer, "location");
    let put = format!("{place}?digest={digest}");
    let answer = house.ask("PUT", &put).body("wrong").send().await.expect("answer");
    assert_eq!(answer.status(), 400);
    assert_eq!(house.status("HEAD", &format!("/v2/a/blobs/{digest}")).await, 404);
    assert!(!house.dir.path().join("blobs/sha256").join(digest.hex()).exists());
    let left = std::fs::read_dir(house.dir.path().join("registry/_uploads")).expect("folder");
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn uploads_can_be_cancelled_and_are_bound_to_their_repository() {
    let house = House::open().await;
    let answer = house.ask("POST", "/v2/a/blobs/uploads/").send().await.expect("answer");
    let place = header(&answer, "location");
    assert_eq!(house.status("GET", &place.replace("/v2/a/", "/v2/b/")).await, 404);
    assert_eq!(house.status("DELETE", &place).await, 204);
    for method in ["GET", "PATCH", "DELETE"] {
        assert_eq!(house.status(method, &place).await, 404, "{method}");
    }
}

#[tokio::test]
async fn blobs_are_mounted_from_other_repositories() {
    let house = House::open().await;
    let digest = house.push_blob("from/here", b"shared").await;
    let mount = |rest: &str| format!("/v2/to/there/blobs/uploads/?mount={digest}{rest}");
    assert_eq!(house.status("POST", &mount("&from=not/here")).await, 202);
    assert_eq!(house.status("POST", &mount("&from=..")).await, 202);
    assert_eq!(house.status("HEAD", &format!("/v2/to/there/blobs/{digest}")).await, 404);
    assert_eq!(house.status("POST", &mount("&from=from/here")).await, 201);
    assert_eq!(house.status("HEAD", &format!("/v2/to/there/blobs/{digest}")).await, 200);
    // Deleting it in one place leaves it in the other.
    assert_eq!(house.status("DELETE", &format!("/v2/from/here/blobs/{digest}")).await, 202);
    assert_eq!(house.status("HEAD", &format!("/v2/from/here/blobs/{digest}")).await, 404);
    assert_eq!(house.status("HEAD", &format!("/v2/to/there/blobs/{digest}")).await, 200);
}

#[tokio::test]
async fn manifests_come_back_byte_for_byte() {
    let house = House::open().await;
    let (text, digest) = push_image(&house, "a", "v1").await;
    for reference in ["v1".to_owned(), digest.to_string()] {
        for method in ["GET", "HEAD"] {
            let path = format!("/v2/a/manifests/{reference}");
            let answer = house.ask(method, &path).send().await.expect("answer");
            assert_eq!(answer.status(), 200);
            assert_eq!(header(&answer, "content-type"), MANIFEST);
            assert_eq!(header(&answer, "content-length"), text.len().to_string());
            assert_eq!(header(&answer, "docker-content-digest"), digest.to_string());
            let body = answer.text().await.expect("body");
            assert_eq!(body, if method == "GET" { text.as_str() } else { "" });
        }
    }
    // A tag goes alone; a digest takes its tags along.
    let answer = house.push_manifest("a", &format!("{digest}?tag=x&tag=y"), &text).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers().get_all("oci-tag").iter().count(), 2);
    assert_eq!(house.status("DELETE", "/v2/a/manifests/x").await, 202);
    assert_eq!(house.status("HEAD", "/v2/a/manifests/x").await, 404);
    assert_eq!(house.status("HEAD", "/v2/a/manifests/y").await, 200);
    assert_eq!(house.status("DELETE", &format!("/v2/a/manifests/{digest}")).await, 202);
    for reference in ["v1".to_owned(), "y".to_owned(), digest.to_string()] {
        assert_eq!(house.status("HEAD", &format!("/v2/a/manifests/{reference}")).await, 404);
    }
    assert_eq!(house.status("DELETE", &format!("/v2/a/manifests/{digest}")).await, 404);
}

#[tokio::test]
async fn manifests_that_name_what_is_not_there_are_refused() {
    let house = House::open().await;
    let config = house.push_blob("a", b"{}").await;
    let text = image(config, &[Digest::of(b"not there")]).to_string();
    let answer = house.push_manifest("a", "v1", &text).await;
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.expect("body").contains("MANIFEST_BLOB_UNKNOWN"));
    let foreign = text.replace("image.layer.v1.tar", "image.layer.nondistributable.v1.tar");
    assert_eq!(house.push_manifest("a", "v1", &foreign).await.status(), 201);

    let child = json!({"mediaType": MANIFEST, "digest": Digest::of(b"no"), "size": 2});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}).to_string();
    let answer = house.push_manifest("a", "v2", &index).await;
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.expect("body").contains("MANIFEST_UNKNOWN"));
    let sparse = House::open_with(|options| options.sparse = Sparse::Platforms).await;
    assert_eq!(sparse.push_manifest("a", "v2", &index).await.status(), 201);
    sparse.push_blob("a", b"{}").await;
    assert_eq!(sparse.push_manifest("a", "v1", &text).await.status(), 400);
}

#[tokio::test]
async fn manifests_that_could_be_taken_for_two_things_are_refused() {
    let house = House::open().await;
    let config = house.push_blob("a", b"{}").await;
    let good = image(config, &[]);
    let other = Digest::of(b"other");
    let answer = house.push_manifest("a", &other.to_string(), &good.to_string()).await;
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.expect("body").contains("DIGEST_INVALID"));
    let mut both = good.clone();
    both["manifests"] = json!([]);
    assert_eq!(house.push_manifest("a", "v1", &both.to_string()).await.status(), 400);
    let put = house.ask("PUT", "/v2/a/manifests/v1").header("content-type", INDEX);
    assert_eq!(put.body(good.to_string()).send().await.expect("answer").status(), 400);
    let mut large = good.clone();
    large["annotations"] = json!({"x": "x".repeat(limits::SERVE_MANIFEST_BYTES_MAX)});
    assert_eq!(house.push_manifest("a", "v1", &large.to_string()).await.status(), 413);
    large["annotations"] = json!({"x": "x".repeat(4_000_000)});
    assert_eq!(house.push_manifest("a", "v1", &large.to_string()).await.status(), 201);
}

#[tokio::test]
async fn lists_are_sorted_and_paged() {
    let house = House::open().await;
    let (text, _) = push_image(&house, "a", "v1").await;
    for tag in ["v3", "v2", "V0", "_x"] {
        assert_eq!(house.push_manifest("a", tag, &text).await.status(), 201);
    }
    push_image(&house, "a/b", "v1").await;
    push_image(&house, "0", "v1").await;
    house.push_blob("only/blobs", b"x").await;
    let tags = json_of(&house, "/v2/a/tags/list").await;
    assert_eq!(tags, json!({"name": "a", "tags": ["V0", "_x", "v1", "v2", "v3"]}));
    assert_eq!(json_of(&house, "/v2/a/tags/list?last=v1").await["tags"], json!(["v2", "v3"]));
    let answer = house.ask("GET", "/v2/a/tags/list?n=2").send().await.expect("answer");
    let link = header(&answer, "link");
    assert_eq!(link, "</v2/a/tags/list?n=2&last=_x>; rel=\"next\"");
    let next = json_of(&house, "/v2/a/tags/list?n=2&last=_x").await;
    assert_eq!(next["tags"], json!(["v1", "v2"]));
    let answer = house.ask("GET", "/v2/a/tags/list?n=0").send().await.expect("answer");
    assert_eq!(header(&answer, "link"), "");
    assert_eq!(house.status("GET", "/v2/a/tags/list?n=x").await, 400);
    let names = json_of(&house, "/v2/_catalog").await;
    assert_eq!(names["repositories"], json!(["0", "a", "a/b"]));
    assert_eq!(json_of(&house, "/v2/_catalog?n=1&last=0").await["repositories"], json!(["a"]));
    let page = house.ask("GET", "/").send().await.expect("answer").text().await.expect("body");
    assert!(page.contains(">a/b</a>"), "{page}");
}

#[tokio::test]
async fn referrers_are_listed_and_filtered() {
    let house = House::open().await;
    let subject = Digest::of(b"not even there yet");
    let path = format!("/v2/a/referrers/{subject}");
    assert_eq!(json_of(&house, &path).await["manifests"], json!([]));
    let config = house.push_blob("a", b"{}").await;
    let mut digests = Vec::new();
    for kind in ["application/x-signature", ""] {
        let mut referrer = image(config, &[]);
        referrer["subject"] = json!({"mediaType": MANIFEST, "digest": subject, "size": 3});
        referrer["artifactType"] = json!(kind);
        referrer["annotations"] = json!({"note": kind});
        let text = referrer.to_string();
        let digest = Digest::of(text.as_bytes());
        let answer = house.push_manifest("a", &digest.to_string(), &text).await;
        assert_eq!(header(&answer, "oci-subject"), subject.to_string());
        digests.push(digest);
    }
    let all = json_of(&house, &path).await;
    assert_eq!((&all["mediaType"], &all["schemaVersion"]), (&json!(INDEX), &json!(2)));
    assert_eq!(all["manifests"].as_array().expect("list").len(), 2);

    let filtered = format!("{path}?artifactType=application/x-signature");
    let answer = house.ask("GET", &filtered).send().await.expect("answer");
    assert_eq!(header(&answer, "oci-filters-applied"), "artifactType");
    assert_eq!(header(&answer, "content-type"), INDEX);
    let list = json_of(&house, &filtered).await;
    assert_eq!(list["manifests"][0]["digest"], json!(digests[0]));
    assert_eq!(list["manifests"][0]["annotations"]["note"], "application/x-signature");
    let fallback = format!("{path}?artifactType=application/vnd.oci.image.config.v1%2Bjson");
    assert_eq!(json_of(&house, &fallback).await["manifests"][0]["digest"], json!(digests[1]));

    assert_eq!(house.status("DELETE", &format!("/v2/a/manifests/{}", digests[0])).await, 202);
    assert_eq!(json_of(&house, &path).await["manifests"].as_array().expect("list").len(), 1);
}

#[tokio::test]
async fn only_users_write() {
    let house = House::open_with(|options| options.users = Some(ann())).await;
    let answer = house.ask("GET", "/v2/").send().await.expect("answer");
    assert_eq!(answer.status(), 401);
    assert!(header(&answer, "www-authenticate").starts_with("Basic realm="));
    let digest = Digest::of(b"x");
    let path = format!("/v2/a/blobs/uploads/?digest={digest}");
    assert_eq!(house.ask("POST", &path).body("x").send().await.expect("answer").status(), 401);
    let wrong = house.ask("POST", &path).basic_auth("ann", Some("Secret")).body("x");
    assert_eq!(wrong.send().await.expect("answer").status(), 401);
    let right = house.ask("POST", &path).basic_auth("ann", Some("secret")).body("x");
    assert_eq!(right.send().await.expect("answer").status(), 201);
    assert_eq!(house.status("GET", &format!("/v2/a/blobs/{digest}")).await, 200);
    assert_eq!(house.status("DELETE", &format!("/v2/a/blobs/{digest}")).await, 401);
    let git = "/git/a/b/info/refs?service=git-receive-pack";
    assert_eq!(house.status("GET", git).await, 401);
    assert_eq!(house.status("POST", "/git/a/b/git-receive-pack").await, 401);
    let notes = house.notes.0.lock().expect("notes").join("\n");
    assert!(!notes.contains("ecret"), "{notes}");
}

#[tokio::test]
async fn many_pushes_of_the_same_things_end_well() {
    let house = std::sync::Arc::new(House::open().await);
    let mut tasks = Vec::new();
    for at in 0..8 {
        let house = std::sync::Arc::clone(&house);
        tasks.push(tokio::spawn(async move {
            let bytes = noise(700_000);
            let config = house.push_blob("a/b/c", b"{}").await;
            let layer = house.push_blob("a/b/c", &bytes).await;
            let mut image = image(config, &[layer]);
            image["annotations"] = json!({"at": (at % 2).to_string()});
            let answer = house.push_manifest("a/b/c", "latest", &image.to_string()).await;
            assert_eq!(answer.status(), 201);
        }));
    }
    for task in tasks {
        task.await.expect("push");
    }
    let layer = Digest::of(&noise(700_000));
    let path = format!("/v2/a/b/c/blobs/{layer}");
    let bytes = house.ask("GET", &path).send().await.expect("answer").bytes().await.expect("body");
    assert_eq!(Digest::of(&bytes), layer);
    assert_eq!(house.status("GET", "/v2/a/b/c/manifests/latest").await, 200);
}

#[tokio::test]
async fn a_restart_keeps_what_was_acknowledged_and_nothing_else() {
    let mut house = House::open().await;
    let (text, digest) = push_image(&house, "a", "v1").await;
    let answer = house.ask("POST", "/v2/a/blobs/uploads/").send().await.expect("answer");
    let place = header(&answer, "location");
    let patched = house.ask("PATCH", &place).body(noise(9000)).send().await.expect("answer");
    assert_eq!(patched.status(), 202);
    let uploads = house.dir.path().join("registry/_uploads");
    // What `kill -9` leaves.
    std::fs::write(uploads.join("new-left"), "left").expect("left over");
    let busy = start(options(house.dir.path()), Report::silent()).await;
    assert!(matches!(busy, Err(ServeError::Busy(_))));
    house.restart().await;
    assert_eq!(std::fs::read_dir(&uploads).expect("folder").count(), 0);
    assert_eq!(house.status("GET", &place).await, 404);
    let path = format!("/v2/a/manifests/{digest}");
    let answer = house.ask("GET", &path).send().await.expect("answer");
    assert_eq!(answer.text().await.expect("body"), text);
    assert_eq!(json_of(&house, "/v2/a/tags/list").await["tags"], json!(["v1"]));
}

#[tokio::test]
async fn a_piece_that_was_cut_short_can_be_gone_on_from() {
    let house = House::open().await;
    let bytes = noise(2_000_000);
    let digest = Digest::of(&bytes);
    let answer = house.ask("POST", "/v2/a/blobs/uploads/").send().await.expect("answer");
    let place = header(&answer, "location");
    let half = bytes[..1_500_000].to_vec();
    let broken = stream::unfold(Some(half), |half| async move {
        if half.is_none() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Some((half.ok_or_else(|| std::io::Error::other("the cable")), None))
    });
    let request = house.ask("PATCH", &place).body(reqwest::Body::wrap_stream(broken));
    assert!(request.send().await.is_err());
    let answer = house.ask("GET", &place).send().await.expect("answer");
    let range = header(&answer, "range");
    let got: usize = range.trim_start_matches("0-").parse::<usize>().expect("range") + 1;
    assert!((1_000_000..=1_500_000).contains(&got), "{range}");
    let rest = house.ask("PUT", &format!("{place}?digest={digest}")).body(bytes[got..].to_vec());
    assert_eq!(rest.send().await.expect("answer").status(), 201);
}

#[tokio::test]
async fn a_blob_that_was_damaged_is_healed_by_pushing_it_again() {
    let house = House::open().await;
    let (text, digest) = push_image(&house, "a", "v1").await;
    let layer = house.push_blob("a", b"layer of v1").await;
    for digest in [layer, digest] {
        let path = house.dir.path().join("blobs/sha256").join(digest.hex());
        let size = std::fs::metadata(&path).expect("blob").len();
        std::fs::write(path, vec![b'x'; usize::try_from(size).expect("small")]).expect("damage");
    }
    assert_eq!(house.status("GET", "/v2/a/manifests/v1").await, 500);
    house.push_blob("a", b"layer of v1").await;
    assert_eq!(house.push_manifest("a", "v1", &text).await.status(), 201);
    assert_eq!(house.status("GET", "/v2/a/manifests/v1").await, 200);
    let path = format!("/v2/a/blobs/{layer}");
    let answer = house.ask("GET", &path).send().await.expect("answer");
    assert_eq!(answer.text().await.expect("body"), "layer of v1");
}

#[tokio::test]
async fn files_are_handed_out_and_nothing_beside_them() {
    let house = House::open().await;
    let files = house.dir.path().join("files");
    std::fs::create_dir(files.join("charts")).expect("folder");
    std::fs::write(files.join("charts/index.yaml"), "apiVersion: v1\n").expect("file");
    std::fs::write(house.dir.path().join("secret"), "secret").expect("file");
    std::os::unix::fs::symlink("../secret", files.join("link")).expect("link");
    let answer = house.ask("GET", "/files/charts/index.yaml").send().await.expect("answer");
    assert_eq!(answer.text().await.expect("body"), "apiVersion: v1\n");
    let part = house.ask("GET", "/files/charts/index.yaml").header("range", "bytes=0-9");
    let answer = part.send().await.expect("answer");
    assert_eq!((answer.status().as_u16(), answer.text().await.expect("body").len()), (206, 10));
    for path in ["charts", "", "link", "..%2fsecret", "charts/..%2f..%2fsecret", "none"] {
        assert_eq!(house.status("GET", &format!("/files/{path}")).await, 404, "{path}");
    }
    assert_eq!(house.status("PUT", "/files/new").await, 405);
}
