//! A good bundle, read.

use std::fs;
use std::io::Read as _;
use std::thread;

use crate::artifact::Digest;
use crate::bundle::tests::{World, files, noise};
use crate::bundle::{Blame, PackOptions, Sealed, VerifyFailure};
use crate::report::Report;
use crate::trust::{SigningKey, Trust};

#[test]
fn yields_every_blob_to_many_threads() {
    let more: Vec<Vec<u8>> = (0..40_usize).map(|at| noise(at as u64 + 1, at * 30_000)).collect();
    let world = World::with(&more);
    let options = PackOptions { part_bytes: 1 << 20, ..PackOptions::default() };
    let sealed = world.build("bundles", options).expect("bundle");
    let verified = sealed.verify(&world.trust, &Report::silent()).expect("proof");
    assert_eq!(verified.key(), world.key.public().key_id());
    assert_eq!(verified.contents().blobs.len(), world.input.blobs.len());
    thread::scope(|scope| {
        for part in world.input.blobs.chunks(10) {
            let verified = verified.clone();
            scope.spawn(move || {
                for (digest, size_bytes) in part {
                    let mut bytes = Vec::new();
                    let mut blob = verified.blob(digest).expect("blob");
                    blob.read_to_end(&mut bytes).expect("bytes");
                    assert_eq!((Digest::of(&bytes), bytes.len() as u64), (*digest, *size_bytes));
                }
            });
        }
    });
    let absent = verified.blob(&Digest::of(b"absent")).err().expect("refused");
    assert!(matches!(absent, VerifyFailure::NoBlob(_)));
    verified.deep(&Report::silent()).expect("whole");
}

#[test]
fn says_what_it_claims_without_a_key() {
    let world = World::new();
    let sealed = Sealed::open(&world.bundle()).expect("open");
    let contents = sealed.claimed().expect("contents");
    assert_eq!(contents.lock, world.input.lock);
    assert_eq!(contents.artifacts, world.input.artifacts);
    // Showing does not need the packs.
    fs::remove_file(sealed.dir().join("pack-0001.tar.zst")).expect("remove");
    assert!(Sealed::open(sealed.dir()).expect("open").claimed().is_ok());
    // But it does not show contents that are not even the listed ones.
    fs::write(sealed.dir().join("bundle.json"), "{}").expect("write");
    let error = Sealed::open(sealed.dir()).expect("open").claimed().expect_err("refused");
    assert!(matches!(error, VerifyFailure::Damaged(_)));
}

#[test]
fn reads_without_writing() {
    let world = World::new();
    let dir = world.bundle();
    let before = files(&dir);
    let times =
        |dir: &std::path::Path| fs::metadata(dir).and_then(|meta| meta.modified()).expect("time");
    let touched = times(&dir);
    let before_permissions = fs::metadata(&dir).expect("folder").permissions();
    let mut permissions = before_permissions.clone();
    permissions.set_readonly(true);
    fs::set_permissions(&dir, permissions).expect("read-only");
    let verified = Sealed::open(&dir).expect("open").verify(&world.trust, &Report::silent());
    verified.expect("proof").deep(&Report::silent()).expect("whole");
    assert_eq!((files(&dir), times(&dir)), (before, touched));
    // So that the temporary folder can go.
    fs::set_permissions(&dir, before_permissions).expect("writable again");
}

#[test]
fn one_trusted_signer_among_others_is_enough() {
    let world = World::new();
    let dir = world.bundle();
    let stranger = SigningKey::generate().expect("key");
    let sums = fs::read(dir.join("SHA256SUMS")).expect("list");
    let id = stranger.public().key_id();
    fs::write(dir.join(format!("SHA256SUMS.{id}.p256")), stranger.sign(&sums)).expect("write");
    let open = || Sealed::open(&dir).expect("open");
    open().verify(&world.trust, &Report::silent()).expect("our key");
    let theirs = Trust::of([stranger.public()]).expect("trust");
    assert_eq!(open().verify(&theirs, &Report::silent()).expect("their key").key(), id);
    let nobody = Trust::of([SigningKey::generate().expect("key").public()]).expect("trust");
    let error = open().verify(&nobody, &Report::silent()).err().expect("refused");
    assert_eq!(error.blame(), Blame::Trust);
    assert!(error.to_string().contains(&id.to_string()), "{error}");
}

#[test]
fn a_bundle_of_nothing_is_still_a_bundle() {
    let mut world = World::new();
    world.input.blobs.clear();
    world.input.artifacts.clear();
    world.input.lock.images.clear();
    world.input.index_json = br#"{"schemaVersion":2,"manifests":[]}"#.to_vec();
    let sealed = Sealed::open(&world.bundle()).expect("open");
    let verified = sealed.verify(&world.trust, &Report::silent()).expect("proof");
    verified.deep(&Report::silent()).expect("whole");
}
