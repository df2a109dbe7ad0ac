//! Drafts and seals: same bytes every time, and nothing half done in sight.

use std::fs;

use crate::artifact::{Digest, VerifyError};
use crate::bundle::tests::{Heard, World, files, have, noise, run};
use crate::bundle::{Blame, BundleError, CHECKPOINTS, Draft, Flush, PackOptions, Sealed};
use crate::limits;
use crate::report::Report;
use crate::trust::SigningKey;

const SMALL_PARTS: PackOptions =
    PackOptions { part_bytes: 1 << 20, level: 6, threads: 1, flush: Flush::ToDisk };

/// Blobs of every kind: empty, squeezable small and large, compressed, and what does not compress.
fn mixed() -> Vec<Vec<u8>> {
    let text: Vec<u8> =
        noise(3, 6 << 20).iter().map(|byte| b"abcdefgh"[usize::from(byte & 7)]).collect();
    let mut blobs = vec![Vec::new(), b"x".to_vec(), text];
    blobs.push([b"\x1f\x8b\x08".as_slice(), &noise(4, 5 << 20)].concat());
    blobs.extend((10..40).map(|seed| noise(seed, 50_000)));
    blobs
}

#[test]
fn two_builds_are_the_same_bytes_whatever_the_folder_and_threads() {
    let world = World::with(&mixed());
    let again = World::with(&mixed());
    let one = world.build("here", SMALL_PARTS).expect("bundle");
    let four = again.build("far/away", PackOptions { threads: 4, ..SMALL_PARTS }).expect("bundle");
    let (one, four) = (files(one.dir()), files(four.dir()));
    let packs = one.iter().filter(|(name, _)| name.starts_with("pack-")).count();
    assert!(packs > 3, "{packs} packs");
    for ((name, bytes), (name_again, bytes_again)) in one.iter().zip(&four) {
        assert_eq!(name, name_again);
        assert!(bytes == bytes_again, "{name} differs");
    }
    assert_eq!(one.len(), four.len());
}

#[test]
fn packs_keep_to_the_part_size_unless_one_blob_is_larger() {
    let world = World::with(&mixed());
    let sealed = world.build("bundles", SMALL_PARTS).expect("bundle");
    let contents = sealed.claimed().expect("contents");
    for (name, bytes) in files(sealed.dir()) {
        let inside = contents.blobs.iter().filter(|blob| blob.pack.as_str() == name).count();
        assert!(bytes.len() as u64 <= SMALL_PARTS.part_bytes || inside <= 1, "{name}");
    }
    let digests: Vec<Digest> = contents.blobs.iter().map(|blob| blob.digest).collect();
    let wanted: Vec<Digest> = world.input.blobs.iter().map(|(digest, _)| *digest).collect();
    assert_eq!(digests, wanted, "the order is the caller's");
    // Compressed data is carried as it is, the rest gets smaller.
    let by_size = |size: u64| contents.blobs.iter().find(|blob| blob.size == size).expect("blob");
    assert!(by_size((5 << 20) + 3).length > 5 << 20);
    assert!(by_size(6 << 20).length < 3 << 20);
}

#[test]
fn steps_come_in_their_order_and_nothing_is_left_lying_around() {
    let world = World::new();
    let heard = Heard::default();
    let dir = world.path("bundles");
    let options = PackOptions::default();
    let draft = Draft::write(world.input.clone(), &world.store, &dir, options, &heard.report());
    let draft = draft.expect("draft");
    assert!(dir.join(".hello-1.0.draft").is_dir());
    assert!(!dir.join("hello-1.0").exists(), "nothing in place before the end");
    let keys = [SigningKey::generate().expect("key"), SigningKey::generate().expect("key")];
    let sealed = draft.seal(&keys).expect("sealed");
    assert_eq!(heard.words(), CHECKPOINTS);
    let left: Vec<_> =
        fs::read_dir(&dir).expect("folder").map(|e| e.expect("entry").file_name()).collect();
    assert_eq!(left, ["hello-1.0"]);
    assert_eq!(files(sealed.dir()).len(), 5, "list, contents, one pack, two signatures");
}

#[test]
fn what_a_killed_run_left_is_cleared_and_a_running_one_is_respected() {
    let world = World::new();
    let dir = world.path("bundles");
    for stale in [".hello-1.0.draft", ".hello-0.9.draft"] {
        fs::create_dir_all(dir.join(stale)).expect("folder");
        fs::write(dir.join(stale).join("pack-0001.tar.zst"), "half").expect("write");
    }
    fs::write(dir.join(".hello-1.0.lock"), "").expect("write");
    let write = || {
        let report = Report::silent();
        Draft::write(world.input.clone(), &world.store, &dir, PackOptions::default(), &report)
    };
    let draft = write().expect("draft");
    assert!(!dir.join(".hello-0.9.draft").exists(), "drafts of other versions do not pile up");
    assert!(matches!(write(), Err(BundleError::Busy(_))));
    drop(draft);
    assert_eq!(fs::read_dir(&dir).expect("folder").count(), 0, "an unsealed draft goes");
    write().expect("draft").seal(std::slice::from_ref(&world.key)).expect("sealed");
}

#[test]
fn the_same_bundle_again_is_fine_and_another_one_is_not() {
    let world = World::new();
    let build = || world.build("bundles", PackOptions::default()).expect("bundle");
    let first = files(build().dir());
    assert_eq!(files(build().dir()), first);

    let other = SigningKey::generate().expect("key");
    let report = Report::silent();
    let dir = world.path("bundles");
    let write = |input| Draft::write(input, &world.store, &dir, PackOptions::default(), &report);
    write(world.input.clone()).expect("draft").seal(&[other]).expect("second signature");
    let signed = files(&dir.join("hello-1.0"));
    assert_eq!(signed.len(), first.len() + 1, "a signature that was lacking is added");
    assert!(first.iter().all(|file| signed.contains(file)));

    let mut changed = world.input.clone();
    changed.lock.inventory = Digest::of(b"another inventory");
    let refused = write(changed).expect("draft").seal(std::slice::from_ref(&world.key));
    let error = refused.expect_err("refused");
    assert!(matches!(error, BundleError::Exists(_)), "{error:?}");
    assert_eq!(error.blame(), Blame::Input);
    assert_eq!(files(&dir.join("hello-1.0")), signed);
}

#[test]
fn damage_in_the_store_is_named_and_nothing_is_sealed() {
    let world = World::with(&mixed());
    for at in [0, 1, 5, 6, 20] {
        let (digest, size_bytes) = world.input.blobs[at];
        let path = world.store.path(&digest);
        let whole = fs::read(&path).expect("blob");
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        let cases = [
            Some(changed),
            Some(whole[..whole.len() - 1].to_vec()),
            Some([&whole[..], b"!"].concat()),
            None,
        ];
        for (case, bytes) in cases.into_iter().enumerate() {
            match bytes {
                Some(bytes) => fs::write(&path, bytes).expect("damage"),
                None => fs::remove_file(&path).expect("remove"),
            }
            let error = world.build("bundles", SMALL_PARTS).expect_err("refused");
            let named = match (&error, case) {
                (BundleError::Damaged { digest, source }, 0..3) => {
                    let right = match source {
                        VerifyError::Wrong { .. } => case == 0,
                        VerifyError::Short { want, .. } => case == 1 && *want == size_bytes,
                        VerifyError::Long { .. } => case == 2,
                    };
                    assert!(right, "{source:?}");
                    *digest
                }
                (BundleError::Source { digest, .. }, 3) => *digest,
                _ => panic!("blob {at}, case {case}: {error:?}"),
            };
            assert_eq!(named, digest);
            assert_eq!(fs::read_dir(world.path("bundles")).expect("folder").count(), 0);
        }
        fs::write(&path, whole).expect("mend");
    }
    world.build("bundles", SMALL_PARTS).expect("mended");
}

#[test]
fn input_that_cannot_be_true_is_refused_before_the_first_byte() {
    let world = World::new();
    let dir = world.path("bundles");
    let report = Report::silent();
    let refuse = |change: &dyn Fn(&mut World), options: PackOptions| {
        let mut other = World::new();
        change(&mut other);
        let written = Draft::write(other.input, &world.store, &dir, options, &report);
        let error = written.err().expect("refused");
        assert_eq!(error.blame(), Blame::Input, "{error:?}");
        assert!(fs::read_dir(&dir).map_or(0, Iterator::count) == 0, "{error:?}");
    };
    let plain = PackOptions::default();
    refuse(&|world| world.input.artifacts.clear(), plain);
    refuse(&|world| world.input.artifacts[0].id.push('x'), plain);
    refuse(&|world| world.input.artifacts[0].name.push('x'), plain);
    refuse(&|world| world.input.artifacts[0].descriptor.size += 1, plain);
    refuse(&|world| world.input.artifacts.push(world.input.artifacts[0].clone()), plain);
    refuse(&|world| world.input.blobs.truncate(2), plain);
    refuse(&|world| world.input.blobs.push(world.input.blobs[0]), plain);
    refuse(&|world| world.input.index_json = b"{}".to_vec(), plain);
    refuse(&|world| world.input.lock.format.push('x'), plain);
    refuse(&|world| world.input.blobs.push((Digest::of(b"?"), limits::PACK_BYTES_MAX)), plain);
    refuse(&|world| world.input.blobs.push((Digest::of(b"?"), u64::MAX)), plain);
    refuse(&|_| {}, PackOptions { level: 20, ..plain });
    refuse(&|_| {}, PackOptions { level: 0, ..plain });
    refuse(&|_| {}, PackOptions { part_bytes: 1000, ..plain });
    refuse(&|_| {}, PackOptions { part_bytes: limits::PACK_BYTES_MAX + 1, ..plain });
    let draft = Draft::write(world.input.clone(), &world.store, &dir, plain, &report);
    let unsigned = draft.expect("draft").seal(&[]);
    assert!(matches!(unsigned, Err(BundleError::NoSigner)));
    assert!(Sealed::open(&dir.join("hello-1.0")).is_err());
}

#[test]
fn plain_tools_open_every_pack() {
    if !have(&["tar", "zstd"]) {
        return;
    }
    let world = World::with(&mixed());
    let sealed = world.build("bundles", SMALL_PARTS).expect("bundle");
    let out = world.path("out");
    fs::create_dir(&out).expect("folder");
    for (name, _) in files(sealed.dir()).iter().filter(|(name, _)| name.starts_with("pack-")) {
        let pack = sealed.dir().join(name);
        let pack = pack.to_str().expect("path");
        let (sound, words) = run("zstd", &["-t", "-q", pack], &out).expect("zstd");
        assert!(sound, "{words}");
        let (sound, words) = run("tar", &["--zstd", "-xf", pack], &out).expect("tar");
        assert!(sound && words.is_empty(), "{words}");
    }
    for (digest, size_bytes) in &world.input.blobs {
        let bytes = fs::read(out.join("blobs/sha256").join(digest.hex())).expect("blob");
        assert_eq!((Digest::of(&bytes), bytes.len() as u64), (*digest, *size_bytes));
    }
    assert_eq!(fs::read(out.join("index.json")).expect("index"), world.input.index_json);
    let image = "oci:.:registry.example.com/acme/hello:1.0";
    if let Some((sound, words)) = run("skopeo", &["inspect", image], &out) {
        assert!(sound, "{words}");
        assert!(words.contains(&world.input.artifacts[0].descriptor.digest.to_string()));
    }
}
