//! OCI manifests that somebody bent, and those that we write.

use bytes::Bytes;

use crate::artifact::Digest;
use crate::lock::Descriptor;
use crate::oci::error::OciError;
use crate::oci::manifest::{
    Annotations, Manifest, ManifestError, Parsed, Referrer, artifact_manifest, media_type,
    referrers_index,
};

const D: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn read(text: &str, announced: &str) -> Result<Parsed, ManifestError> {
    let text = text.replace("$D", D);
    match Manifest::new(Bytes::from(text), announced).parse() {
        Err(OciError::Manifest { source, .. }) => Err(source),
        Err(other) => panic!("{other:?}"),
        Ok(parsed) => Ok(parsed),
    }
}

#[test]
fn sound_ones_are_read() {
    let image = r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",
        "config":{"mediaType":"c","digest":"$D","size":2},
        "layers":[{"mediaType":"l","digest":"$D","size":2,"urls":["http://evil"]},
          {"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"$D","size":2}]}"#;
    for announced in
        [media_type::DOCKER_MANIFEST, "application/json", "", "text/plain; charset=utf-8"]
    {
        let Ok(Parsed::Image { layers, subject: None, .. }) = read(image, announced) else {
            panic!("{announced}")
        };
        assert_eq!(layers.iter().map(|l| l.foreign).collect::<Vec<_>>(), [false, true]);
    }
    let index = r#"{"schemaVersion":2,"manifests":[
        {"mediaType":"m","digest":"$D","size":2,"platform":{"os":"linux","architecture":"arm","variant":"v7"}},
        {"mediaType":"m","digest":"$D","size":2,"artifactType":"sbom","annotations":{"a":"b"}}],
        "subject":{"mediaType":"m","digest":"$D","size":2},"unknown":[1]}"#;
    let announced = "application/vnd.oci.image.index.v1+json; charset=utf-8";
    let Ok(Parsed::Index { manifests, subject: Some(_), .. }) = read(index, announced) else {
        panic!("index")
    };
    let platform = Some(("linux".to_owned(), "arm".to_owned(), Some("v7".to_owned())));
    assert_eq!(manifests[0].platform, platform);
    assert_eq!(manifests[1].artifact_type.as_deref(), Some("sbom"));
}

#[test]
fn bent_ones_are_refused_for_the_right_reason() {
    type Reason = fn(&ManifestError) -> bool;
    let oci = media_type::OCI_MANIFEST;
    let cases: [(&str, &str, Reason); 14] = [
        (r#"{"schemaVersion":2,"layers":[],"manifests":[]}"#, oci, |e| {
            matches!(e, ManifestError::Ambiguous)
        }),
        (
            r#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"$D","size":2},"manifests":[]}"#,
            media_type::OCI_INDEX,
            |e| matches!(e, ManifestError::Ambiguous),
        ),
        (r#"{"schemaVersion":2,"manifests":[]}"#, oci, |e| {
            matches!(e, ManifestError::Contradiction { .. })
        }),
        (
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","layers":[]}"#,
            oci,
            |e| matches!(e, ManifestError::Contradiction { .. }),
        ),
        (r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#, "application/json", |e| {
            matches!(e, ManifestError::Schema1)
        }),
        ("{}", "application/vnd.docker.distribution.manifest.v1+prettyjws", |e| {
            matches!(e, ManifestError::Schema1)
        }),
        (r#"{"schemaVersion":3,"layers":[]}"#, oci, |e| matches!(e, ManifestError::Version)),
        (r#"{"schemaVersion":2}"#, oci, |e| matches!(e, ManifestError::Incomplete(_))),
        (
            r#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"sha512:00","size":2}}"#,
            oci,
            |e| matches!(e, ManifestError::Digest(_)),
        ),
        (r#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"$D","size":-1}}"#, oci, |e| {
            matches!(e, ManifestError::Size { .. })
        }),
        (
            r#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"$D","size":9000000000000000}}"#,
            oci,
            |e| matches!(e, ManifestError::Size { .. }),
        ),
        (r#"{"schemaVersion":2,"layers":[],"layers":[]}"#, oci, |e| {
            matches!(e, ManifestError::Shape(_))
        }),
        (
            r#"{"schemaVersion":2,"layers":[]}"#,
            "application/vnd.oci.artifact.manifest.v1+json",
            |e| matches!(e, ManifestError::Unknown(_)),
        ),
        ("<html>", oci, |e| matches!(e, ManifestError::Shape(_))),
    ];
    for (text, announced, fits) in cases {
        let error = read(text, announced).expect_err(text);
        assert!(fits(&error), "{text}: {error:?}");
    }
    let entry = format!(r#"{{"mediaType":"m","digest":"{D}","size":2}}"#);
    let long = vec![entry; crate::limits::INDEX_ENTRIES_MAX + 1].join(",");
    let text = format!(r#"{{"schemaVersion":2,"manifests":[{long}]}}"#);
    assert!(matches!(read(&text, media_type::OCI_INDEX), Err(ManifestError::Long(_))));
    let deep = format!(r#"{{"schemaVersion":2,"layers":[],"x":{}}}"#, "[".repeat(100_000));
    assert!(matches!(read(&deep, oci), Err(ManifestError::Shape(_))));
}

#[test]
fn what_we_write_has_one_form_and_can_be_read() {
    let descriptor = |text: &str| Descriptor {
        media_type: media_type::OCI_MANIFEST.to_owned(),
        digest: Digest::of(text.as_bytes()),
        size: text.len() as u64,
    };
    let entry = |text: &str| Referrer {
        descriptor: descriptor(text),
        artifact_type: Some("application/spdx+json".to_owned()),
        annotations: Annotations::from([("k".to_owned(), text.to_owned())]),
    };
    let bytes = referrers_index(&[entry("a"), entry("b"), entry("a")]);
    assert_eq!(bytes, referrers_index(&[entry("b"), entry("a")]));
    let manifest = Manifest::new(Bytes::from(bytes), "");
    assert_eq!(manifest.media_type, media_type::OCI_INDEX);
    let Ok(Parsed::Index { manifests, .. }) = manifest.parse() else { panic!("index") };
    assert_eq!(manifests.len(), 2);
    assert!(manifests.iter().all(|child| child.artifact_type.is_some()));

    let layer = (descriptor("l"), Annotations::from([("t".to_owned(), "x.tgz".to_owned())]));
    let none = Annotations::new();
    let bytes = artifact_manifest(None, &descriptor("c"), &[layer], &none);
    let text = String::from_utf8(bytes.clone()).expect("text");
    assert!(text.starts_with(r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"#), "{text}");
    let manifest = Manifest::new(Bytes::from(bytes), media_type::OCI_MANIFEST);
    let Ok(Parsed::Image { layers, .. }) = manifest.parse() else { panic!("image") };
    assert_eq!(layers[0].annotations["t"], "x.tgz");
}
