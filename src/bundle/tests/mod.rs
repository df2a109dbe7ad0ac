//! The bundle from outside: built from a store, carried, and read again or refused.

mod building;
mod lying;
mod reading;
mod recipe;
mod refusing;

use std::cell::OnceCell;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::artifact::{Digest, ImageRef, Kind, ReleaseName};
use crate::bundle::{Artifact, BundleError, Draft, DraftInput, PackOptions, Sealed};
use crate::lock::{self, Descriptor, Edge, ImagePin, Lock};
use crate::oci::Store;
use crate::report::{Event, Report, Sink};
use crate::trust::{SigningKey, Trust};

/// The private key of RFC 6979, appendix A.2.5: public, so that whoever reads FORMAT.md can make
/// its bundle.
const RFC6979: &str = "-----BEGIN PRIVATE KEY-----
MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCDJr6nYRbp1FmtcIVdn
sdaTTlDD2zbomxJ7imIrEg9nIQ==
-----END PRIVATE KEY-----
";

/// A store with one small image in it, and everything that makes a bundle of it.
struct World {
    dir: tempfile::TempDir,
    store: Store,
    input: DraftInput,
    key: SigningKey,
    trust: Trust,
    good: OnceCell<Vec<(String, Vec<u8>)>>,
}

/// Bytes that do not compress, the same in every run.
fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// A layer as registries hold them: a tar with one file, in gzip.
fn layer(content: &[u8]) -> (Vec<u8>, Digest) {
    let mut header = tar::Header::new_ustar();
    header.set_path("hello").expect("path");
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut archive = tar::Builder::new(Vec::new());
    archive.append(&header, content).expect("tar");
    let plain = archive.into_inner().expect("tar");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&plain).expect("gzip");
    (gzip.finish().expect("gzip"), Digest::of(&plain))
}

fn key() -> SigningKey {
    SigningKey::from_plain_pem(RFC6979).expect("key")
}

impl World {
    fn new() -> Self {
        Self::with(&[])
    }

    /// The image, and some more blobs that nothing refers to.
    fn with(more: &[Vec<u8>]) -> Self {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = Store::open(dir.path().join("store")).expect("store");
        let mut blobs = Vec::new();
        let mut put = |bytes: &[u8]| {
            let digest = store.put(bytes).expect("put");
            blobs.push((digest, bytes.len() as u64));
            digest
        };
        let (layer, diff_id) = layer(b"hello, inside\n");
        let layer_digest = put(&layer);
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        });
        let config = config.to_string();
        let config_digest = put(config.as_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config_digest, "size": config.len(),
            },
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                "digest": layer_digest, "size": layer.len(),
            }],
        });
        let manifest = manifest.to_string();
        let manifest_digest = put(manifest.as_bytes());
        for bytes in more {
            put(bytes);
        }
        let descriptor = Descriptor {
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            digest: manifest_digest,
            size: manifest.len() as u64,
        };
        let input = input(descriptor, blobs);
        let key = key();
        let trust = Trust::of([key.public()]).expect("trust");
        Self { dir, store, input, key, trust, good: OnceCell::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Builds into a folder of this name.
    fn build(&self, folder: &str, options: PackOptions) -> Result<Sealed, BundleError> {
        let report = Report::silent();
        let dir = self.path(folder);
        Draft::write(self.input.clone(), &self.store, &dir, options, &report)?
            .seal(std::slice::from_ref(&self.key))
    }

    /// A good bundle, fresh each time; built the first time only.
    fn bundle(&self) -> PathBuf {
        let good = self.good.get_or_init(|| {
            files(self.build("good", PackOptions::default()).expect("bundle").dir())
        });
        let dir = self.path("bundle");
        if fs::symlink_metadata(&dir).is_ok() {
            fs::remove_dir_all(&dir).expect("remove");
        }
        fs::create_dir(&dir).expect("folder");
        for (name, bytes) in good {
            fs::write(dir.join(name), bytes).expect("write");
        }
        dir
    }
}

fn input(descriptor: Descriptor, blobs: Vec<(Digest, u64)>) -> DraftInput {
    let reference = ImageRef::parse("registry.example.com/acme/hello:1.0").expect("reference");
    let edge = Edge::new("inventory", "hello.yaml:4", "images[0]");
    let pin = ImagePin {
        reference: reference.clone(),
        descriptor: descriptor.clone(),
        manifests: Vec::new(),
        attachments: Vec::new(),
        because: vec![edge],
    };
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": descriptor.media_type, "digest": descriptor.digest,
            "size": descriptor.size,
            "annotations": { "org.opencontainers.image.ref.name": reference.to_string() },
        }],
    });
    let artifact = Artifact {
        id: pin.id(),
        kind: Kind::Image,
        name: reference.to_string(),
        bytes: descriptor.size,
        descriptor,
    };
    let lock = Lock {
        format: lock::FORMAT.to_owned(),
        name: ReleaseName::parse("hello").expect("name"),
        version: Some(ReleaseName::parse("1.0").expect("version")),
        inventory: Digest::of(b"inventory"),
        platforms: Vec::new(),
        images: vec![pin],
        charts: Vec::new(),
        repos: Vec::new(),
        files: Vec::new(),
        opaque: Vec::new(),
        apps: Vec::new(),
        values: Vec::new(),
    };
    DraftInput { lock, artifacts: vec![artifact], blobs, index_json: index.to_string().into() }
}

/// Every file of a folder with its bytes, sorted by name.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(dir)
        .expect("folder")
        .map(|entry| {
            let entry = entry.expect("entry");
            let bytes = fs::read(entry.path()).expect("file");
            (entry.file_name().into_string().expect("name"), bytes)
        })
        .collect();
    files.sort();
    files
}

/// Remembers the names of checkpoints and notes.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Sink for Heard {
    fn event(&self, event: Event) {
        let words = match event {
            Event::Checkpoint(name) => name.to_owned(),
            Event::Note(note) => note,
            _ => return,
        };
        self.0.lock().expect("lock").push(words);
    }
}

impl Heard {
    fn report(&self) -> Report {
        Report::new(Arc::new(self.clone()))
    }

    fn words(&self) -> Vec<String> {
        self.0.lock().expect("lock").clone()
    }
}

/// Runs a program that this machine may lack: then says so on the screen, past the test runner's
/// capture.
fn run(program: &str, args: &[&str], dir: &Path) -> Option<(bool, String)> {
    if let Ok(output) = Command::new(program).args(args).current_dir(dir).output() {
        let text = [output.stdout, output.stderr].concat();
        Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    } else {
        not_run(program);
        None
    }
}

fn not_run(program: &str) {
    let _ = writeln!(io::stderr(), "not run: {program} is absent");
}

/// Whether all of some programs are here.
fn have(programs: &[&str]) -> bool {
    programs.iter().all(|program| run(program, &["--version"], Path::new("/")).is_some())
}
