//! Against CNCF distribution as Debian packages it. Not run where it is not installed, and says so.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;

use crate::artifact::{Digest, Repository, Tag, VerifyReader};
use crate::lock::Descriptor;
use crate::oci::auth::Keychain;
use crate::oci::error::OciError;
use crate::oci::manifest::{Annotations, artifact_manifest, media_type};
use crate::oci::store::Store;
use crate::oci::tests::script::{client, task};
use crate::oci::upload::{BlobPush, Pushed};
use crate::oci::wire::Registries;
use crate::secret::Secret;

/// bcrypt of `hunter2`.
const HTPASSWD: &str = "user:$2y$05$8Krjtdqu1/HN94m/oi4y/O2ei5uF/Mocpi/MGEf3FHyiL8ozigo/6\n";

/// A registry that ends with the test.
struct Registry {
    child: Child,
    host: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Registry {
    /// Starts one on a free port; `None` when it is not installed.
    fn start(dir: &Path) -> Option<Self> {
        let config = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {0}/data\n\
             http:\n  addr: 127.0.0.1:0\nauth:\n  htpasswd:\n    realm: test\n    path: {0}/htpasswd\n",
            dir.display()
        );
        std::fs::write(dir.join("htpasswd"), HTPASSWD).expect("write");
        std::fs::write(dir.join("config.yml"), config).expect("write");
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(dir.join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let host = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let after = line.split_once("listening on ")?.1;
            Some(after.split([',', '"', ' ']).next().unwrap_or(after).to_owned())
        })?;
        // Somebody has to read on, or the registry stops when the pipe is full.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Some(Self { child, host })
    }
}

fn blob(bytes: &[u8]) -> BlobPush {
    let (digest, size_bytes, kept) = (Digest::of(bytes), bytes.len() as u64, bytes.to_vec());
    let open = move || -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(VerifyReader::new(io::Cursor::new(kept.clone()), digest, size_bytes)))
    };
    BlobPush { digest, size_bytes, mount_from: None, open: Arc::new(open) }
}

/// Pushes an artifact with these layers under a tag.
async fn push(registries: &Registries, repository: &Repository, layers: &[Vec<u8>]) -> Digest {
    let descriptor = |media_type: &str, bytes: &[u8]| Descriptor {
        media_type: media_type.to_owned(),
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
    };
    for bytes in layers.iter().map(Vec::as_slice).chain([b"{}".as_slice()]) {
        let blob = blob(bytes);
        registries.push_blob(repository, &blob, &task()).await.expect("pushed");
        let again = registries.push_blob(repository, &blob, &task()).await.expect("asked");
        assert_eq!(again, Pushed::Already);
    }
    let parts: Vec<(Descriptor, Annotations)> =
        layers.iter().map(|bytes| (descriptor("x/layer", bytes), Annotations::new())).collect();
    let config = descriptor(media_type::EMPTY, b"{}");
    let manifest = artifact_manifest(Some("x/test"), &config, &parts, &Annotations::new());
    let bytes = Bytes::from(manifest);
    let answer = registries
        .push_manifest(repository, "v1", media_type::OCI_MANIFEST, bytes.clone())
        .await
        .expect("taken");
    assert!(!answer.subject_taken);
    let back = registries.read_back(repository, "v1").await.expect("asked").expect("there");
    assert_eq!((back.bytes, back.media_type.as_str()), (bytes, media_type::OCI_MANIFEST));
    back.digest
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that is not run must say so")]
async fn a_real_registry_takes_and_gives_everything() {
    let dir = tempfile::tempdir().expect("folder");
    let Some(registry) = Registry::start(dir.path()) else {
        eprintln!("not run: docker-registry is not installed");
        return;
    };
    let repository = |path: &str| Repository::new(&registry.host, path).expect("sound");
    let (one, two) = (repository("one/a"), repository("two/b"));
    let keychain =
        Keychain::anonymous().with(&registry.host, "user", Secret::new("hunter2".to_owned()));
    let registries = client(keychain);
    let layers = vec![vec![7; 3_000_000], vec![8; 262_144], b"small".to_vec()];
    let digest = push(&registries, &one, &layers).await;

    let mounted = BlobPush { mount_from: Some("one/a".to_owned()), ..blob(&layers[0]) };
    let mounted = registries.push_blob(&two, &mounted, &task()).await.expect("mounted");
    assert_eq!(mounted, Pushed::Mounted);

    let head = registries.head(&one, "v1").await.expect("asked").expect("there");
    assert_eq!(head.digest, digest);
    assert_eq!(registries.head(&one, "v2").await.expect("asked"), None);
    let tags = registries.tags(&one).await.expect("tags");
    assert_eq!(tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["v1"]);
    assert!(registries.referrers(&one, &digest).await.expect("asked").is_empty());

    let store = Store::open(dir.path().join("store")).expect("store");
    for bytes in &layers {
        let (digest, size) = (Digest::of(bytes), bytes.len() as u64);
        // A run that was ended left a beginning behind.
        store.begin(&digest, size).expect("begin").write(&bytes[..bytes.len() / 2]).expect("write");
        registries.fetch_blob(&one, &digest, size, &store, &task()).await.expect("fetched");
        assert_eq!(&store.read_bytes(&digest, size).expect("whole"), bytes);
    }
    let absent = Digest::of(b"absent");
    let error = registries.fetch_blob(&one, &absent, 6, &store, &task()).await.err();
    assert!(matches!(error, Some(OciError::Missing { .. })), "{error:?}");
    let error = client(Keychain::anonymous()).tags(&one).await.err();
    assert!(matches!(error, Some(OciError::Refused { anonymous: true, .. })), "{error:?}");
}
