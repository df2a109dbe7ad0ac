//! Bundles that a trusted key signed and that cannot be true: a builder's mistake, or a builder
//! taken over.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::artifact::{Digest, FileName};
use crate::bundle::sums::Sums;
use crate::bundle::tests::World;
use crate::bundle::verify::signature_name;
use crate::bundle::{Blame, Sealed, Verified, VerifyFailure};
use crate::report::Report;

/// Changes the contents or packs of a good bundle and signs the outcome.
fn forge(
    world: &World,
    change: impl FnOnce(&mut Value, &mut Vec<u8>),
) -> Result<Verified, VerifyFailure> {
    let dir = world.bundle();
    let path = |name: &str| dir.join(name);
    let mut contents: Value =
        serde_json::from_slice(&fs::read(path("bundle.json")).expect("contents")).expect("json");
    let mut pack = fs::read(path("pack-0001.tar.zst")).expect("pack");
    change(&mut contents, &mut pack);
    fs::write(path("pack-0001.tar.zst"), &pack).expect("write");
    let contents = serde_json::to_vec_pretty(&contents).expect("json");
    fs::write(path("bundle.json"), &contents).expect("write");
    resign(world, &dir, Digest::of(&contents), Digest::of(&pack));
    Sealed::open(&dir)?.verify(&world.trust, &Report::silent())
}

fn resign(world: &World, dir: &Path, contents: Digest, pack: Digest) {
    let sums = fs::read(dir.join("SHA256SUMS")).expect("list");
    let sums = Sums { contents, packs: vec![pack], ..Sums::parse(&sums).expect("list") };
    let text = sums.to_text().into_bytes();
    let name = signature_name(world.key.public().key_id());
    fs::write(dir.join(name), world.key.sign(&text)).expect("write");
    fs::write(dir.join("SHA256SUMS"), text).expect("write");
}

#[test]
fn the_forge_itself_makes_good_bundles() {
    let world = World::new();
    forge(&world, |_, _| {}).expect("good").deep(&Report::silent()).expect("whole");
}

#[test]
fn contents_that_cannot_be_true_are_refused() {
    let world = World::new();
    let huge = u64::MAX;
    let cases: &[(&str, &dyn Fn(&mut Value))] = &[
        ("offset behind the end", &|c| c["blobs"][0]["offset"] = json!(1_u64 << 40)),
        ("offset and length overflow", &|c| {
            c["blobs"][0]["offset"] = json!(huge);
            c["blobs"][0]["length"] = json!(huge);
        }),
        ("length overflows", &|c| c["blobs"][2]["length"] = json!(huge)),
        ("empty frame", &|c| c["blobs"][1]["length"] = json!(0)),
        ("overlap", &|c| c["blobs"][1]["offset"] = c["blobs"][0]["offset"].clone()),
        ("gap", &|c| {
            let offset = c["blobs"][2]["offset"].as_u64().expect("offset");
            c["blobs"][2]["offset"] = json!(offset + 1);
        }),
        ("negative", &|c| c["blobs"][0]["offset"] = json!(-1)),
        ("size beyond all bounds", &|c| c["blobs"][0]["size"] = json!(huge)),
        ("last blob left out", &|c| drop(c["blobs"].as_array_mut().expect("blobs").pop())),
        ("no blobs", &|c| c["blobs"] = json!([])),
        ("other order", &|c| c["blobs"].as_array_mut().expect("blobs").swap(0, 1)),
        ("a blob twice", &|c| c["blobs"][1]["digest"] = c["blobs"][0]["digest"].clone()),
        ("pack that is not listed", &|c| c["blobs"][2]["pack"] = json!("pack-0002.tar.zst")),
        ("pack outside", &|c| c["blobs"][2]["pack"] = json!("../pack-0001.tar.zst")),
        ("another digest algorithm", &|c| c["blobs"][0]["digest"] = json!("sha512:00")),
        ("unknown encoding", &|c| c["blobs"][0]["encoding"] = json!("delta")),
        ("unknown member", &|c| c["more"] = json!(1)),
        ("another format", &|c| c["format"] = json!("haversack-bundle/2")),
        ("another name", &|c| c["name"] = json!("other")),
        ("another version", &|c| c["version"] = json!("2.0")),
        ("another lock", &|c| c["lock"]["name"] = json!("other")),
        ("artifact without blob", &|c| {
            c["artifacts"][0]["descriptor"]["digest"] = json!(Digest::of(b"absent"));
        }),
        ("artifact of another size", &|c| c["artifacts"][0]["descriptor"]["size"] = json!(1)),
        ("artifact of no pin", &|c| c["artifacts"][0]["id"] = json!("image:other")),
        ("pin without artifact", &|c| c["artifacts"] = json!([])),
        ("not an object", &|c| *c = json!([])),
    ];
    for (what, change) in cases {
        let failure = forge(&world, |contents, _| change(contents)).err().expect(what);
        assert!(matches!(failure, VerifyFailure::Contents(_)), "{what}: {failure:?}");
        assert_eq!(failure.blame(), Blame::Damage);
    }
}

#[test]
fn json_made_to_hurt_the_parser_is_refused() {
    let world = World::new();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for bad in [deep.as_str(), "", "{", "\u{0}", "{\"format\":\"haversack-bundle/1\"}"] {
        let dir = world.bundle();
        fs::write(dir.join("bundle.json"), bad).expect("write");
        let pack = Digest::of(&fs::read(dir.join("pack-0001.tar.zst")).expect("pack"));
        resign(&world, &dir, Digest::of(bad.as_bytes()), pack);
        let sealed = Sealed::open(&dir).expect("open");
        assert!(matches!(sealed.claimed(), Err(VerifyFailure::Contents(_))));
        let failure = sealed.verify(&world.trust, &Report::silent()).err().expect("refused");
        assert!(matches!(failure, VerifyFailure::Contents(_)), "{failure:?}");
    }
}

/// What is wrong inside the packs shows when a blob is read, and all of it in `deep`.
fn inside(world: &World, change: impl FnOnce(&mut Value, &mut Vec<u8>)) -> Vec<String> {
    let verified = forge(world, change).expect("list and contents hold");
    for entry in &verified.contents().blobs {
        // Whatever the frame holds: never other bytes than the digest's.
        if let Ok(mut blob) = verified.blob(&entry.digest) {
            let mut bytes = Vec::new();
            if let Err(error) = blob.read_to_end(&mut bytes) {
                let kind = error.kind();
                let expected = [std::io::ErrorKind::InvalidData, std::io::ErrorKind::UnexpectedEof];
                assert!(expected.contains(&kind), "{kind:?}: {error}");
            } else {
                assert_eq!(Digest::of(&bytes), entry.digest);
            }
        }
    }
    let result = verified.deep(&Report::silent());
    let pack = FileName::parse("pack-0001.tar.zst").expect("name");
    match result {
        Ok(()) => Vec::new(),
        Err(VerifyFailure::Inside(damaged)) => {
            assert!(damaged.iter().all(|blob| blob.pack == pack));
            damaged.into_iter().map(|d| d.digest.map_or("ends".to_owned(), |d| d.hex())).collect()
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn flipped_bytes_inside_a_signed_pack_are_found_by_deep() {
    let world = World::new();
    let size = fs::metadata(world.bundle().join("pack-0001.tar.zst")).expect("pack").len();
    let size = usize::try_from(size).expect("small");
    // Every fifth byte: the list's own test flips them all, and this one signs anew each time.
    let silent: Vec<usize> = (0..size)
        .step_by(5)
        .filter(|at| inside(&world, |_, pack| pack[*at] ^= 1 << (at % 8)).is_empty())
        .collect();
    // A few bits of a zstd frame change nothing in what it holds (the window's size, an unused
    // bit).
    assert!(silent.len() <= 3, "{silent:?}");
}

#[test]
fn sizes_that_lie_do_not_reserve_memory_or_yield_more() {
    let world = World::new();
    let blob = world.input.blobs[1].0.hex();
    for size in [0_u64, 1, 100_000, 1 << 40] {
        assert_eq!(
            inside(&world, |c, _| c["blobs"][1]["size"] = json!(size)),
            std::slice::from_ref(&blob)
        );
    }
}

#[test]
fn blobs_that_are_not_listed_are_found() {
    let world = World::new();
    let left_out = |contents: &mut Value, _: &mut Vec<u8>| {
        drop(contents["blobs"].as_array_mut().expect("blobs").remove(0));
    };
    assert_eq!(inside(&world, left_out), ["ends"]);
}

#[test]
fn frames_that_nobody_asked_for_are_found() {
    let world = World::new();
    let splice = |contents: &mut Value, pack: &mut Vec<u8>, at: usize, more: &[u8]| {
        pack.splice(at..at, more.iter().copied());
        let blobs = contents["blobs"].as_array_mut().expect("blobs");
        for blob in blobs {
            let offset = blob["offset"].as_u64().expect("offset");
            let length = blob["length"].as_u64().expect("length");
            if offset >= at as u64 {
                blob["offset"] = json!(offset + more.len() as u64);
            } else if offset + length >= at as u64 {
                blob["length"] = json!(length + more.len() as u64);
            }
        }
    };
    // A skippable frame, and a whole end of archive, which would hide all members behind it from
    // tar.
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7];
    for more in [skippable.as_slice(), &crate::bundle::frame::END] {
        for at in 0..4 {
            let found = inside(&world, |contents, pack| {
                let offset = |at: usize| contents["blobs"][at]["offset"].as_u64();
                let place =
                    if at < 3 { offset(at).expect("offset") } else { pack.len() as u64 - 11 };
                let place = usize::try_from(place).expect("small");
                splice(contents, pack, place, more);
            });
            assert_eq!(found.len(), 1, "at {at}: {found:?}");
        }
    }
}
