//! Bundles that were damaged, cut, swapped or stuffed: refused, each for its own reason, never with
//! a panic.

use std::fs;
use std::path::{Path, PathBuf};

use crate::artifact::VerifyError;
use crate::bundle::tests::{World, files, noise};
use crate::bundle::{Blame, Sealed, VerifyFailure};
use crate::report::Report;
use crate::trust::{SigningKey, Trust, TrustError};

fn verify(dir: &Path, trust: &Trust) -> Result<(), VerifyFailure> {
    Sealed::open(dir)?.verify(trust, &Report::silent()).map(|_| ())
}

/// A bundle that a test may spoil.
fn spoiled(world: &World, spoil: impl FnOnce(&Path)) -> VerifyFailure {
    let dir = world.bundle();
    spoil(&dir);
    verify(&dir, &world.trust).expect_err("refused")
}

fn signature(dir: &Path) -> PathBuf {
    let names = files(dir).into_iter().map(|(name, _)| name);
    dir.join(names.into_iter().find(|name| name.ends_with(".p256")).expect("signature"))
}

#[test]
fn every_flipped_byte_is_found() {
    let world = World::new();
    let dir = world.bundle();
    let whole = files(&dir);
    let size: usize = whole.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(size < 8_000, "{size} bytes take too long");
    for (name, bytes) in &whole {
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(dir.join(name), &changed).expect("write");
            let failure = verify(&dir, &world.trust).expect_err("refused");
            let blame = if name.starts_with("SHA256SUMS") { Blame::Trust } else { Blame::Damage };
            assert_eq!(failure.blame(), blame, "{name}, byte {at}: {failure:?}");
            if blame == Blame::Damage {
                assert!(failure.to_string().contains(name.as_str()), "{failure}");
            }
        }
        fs::write(dir.join(name), bytes).expect("write");
    }
    verify(&dir, &world.trust).expect("whole again");
}

#[test]
fn every_cut_is_found() {
    let world = World::with(&[noise(7, 200_000)]);
    let dir = world.bundle();
    for (name, bytes) in files(&dir) {
        let step = bytes.len().div_ceil(512).max(1);
        for length in (0..bytes.len()).step_by(step) {
            fs::write(dir.join(&name), &bytes[..length]).expect("write");
            let failure = verify(&dir, &world.trust).expect_err("refused");
            if name.starts_with("pack-") {
                let VerifyFailure::Damaged(damaged) = &failure else { panic!("{failure:?}") };
                let short = VerifyError::Short { want: bytes.len() as u64, got: length as u64 };
                assert_eq!(damaged[0].fault, short);
            }
        }
        fs::write(dir.join(&name), [&bytes[..], b"\n"].concat()).expect("write");
        verify(&dir, &world.trust).expect_err("longer");
        fs::write(dir.join(&name), bytes).expect("write");
    }
    verify(&dir, &world.trust).expect("whole again");
}

#[test]
fn all_damaged_files_are_named_at_once() {
    let world = World::with(&[noise(1, 900_000), noise(2, 900_000), noise(3, 900_000)]);
    let options = crate::bundle::PackOptions { part_bytes: 1 << 20, ..Default::default() };
    let sealed = world.build("parts", options).expect("bundle");
    for name in ["bundle.json", "pack-0001.tar.zst", "pack-0003.tar.zst"] {
        let path = sealed.dir().join(name);
        let mut bytes = fs::read(&path).expect("file");
        bytes[100] ^= 1;
        fs::write(path, bytes).expect("write");
    }
    match verify(sealed.dir(), &world.trust) {
        Err(VerifyFailure::Damaged(damaged)) => {
            let names: Vec<&str> = damaged.iter().map(|file| file.name.as_str()).collect();
            assert_eq!(names, ["bundle.json", "pack-0001.tar.zst", "pack-0003.tar.zst"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_folder_holds_what_is_listed_and_nothing_else() {
    let world = World::new();
    let put = |name: &'static str| move |dir: &Path| fs::write(dir.join(name), "x").expect("write");
    let refuse = |spoil: &dyn Fn(&Path)| {
        let failure = spoiled(&world, spoil);
        assert_eq!(failure.blame(), Blame::Damage, "{failure:?}");
        failure
    };
    for extra in ["README", "pack-0002.tar.zst", "SHA256SUMS.sig", "SHA256SUMS.0123.p256"] {
        let failure = refuse(&put(extra));
        assert!(matches!(&failure, VerifyFailure::Extra(name) if name == extra), "{failure:?}");
    }
    for odd in [".hidden", "a b", "-rf", "a\nb", "\u{1b}[2J", "ünsafe", "SHA256SUMS~"] {
        let failure = refuse(&put(odd));
        assert!(matches!(&failure, VerifyFailure::OddName(name) if name == odd), "{failure:?}");
        assert!(failure.to_string().chars().all(|c| !c.is_control()), "{failure}");
    }
    for clash in ["Bundle.json", "sha256sums", "PACK-0001.tar.zst"] {
        let failure = refuse(&put(clash));
        assert!(matches!(failure, VerifyFailure::CaseClash(..)), "{failure:?}");
    }
    let failure = refuse(&|dir| fs::create_dir(dir.join("more")).expect("folder"));
    assert!(matches!(&failure, VerifyFailure::Folder(name) if name == "more"), "{failure:?}");
    for missing in ["bundle.json", "pack-0001.tar.zst"] {
        let failure = refuse(&|dir| fs::remove_file(dir.join(missing)).expect("remove"));
        match &failure {
            VerifyFailure::Missing(names) => assert_eq!(names[0].as_str(), missing),
            _ => panic!("{failure:?}"),
        }
    }
    let failure = refuse(&|dir| fs::remove_file(dir.join("SHA256SUMS")).expect("remove"));
    assert!(matches!(failure, VerifyFailure::NoSums(_)), "{failure:?}");
}

#[cfg(unix)]
#[test]
fn links_and_devices_are_never_followed() {
    use std::os::unix::fs::symlink;

    let world = World::new();
    for name in ["bundle.json", "pack-0001.tar.zst", "SHA256SUMS"] {
        let moved = world.path("elsewhere");
        let failure = spoiled(&world, |dir| {
            fs::rename(dir.join(name), &moved).expect("move");
            symlink(&moved, dir.join(name)).expect("link");
        });
        assert!(matches!(&failure, VerifyFailure::Symlink(link) if link == name), "{failure:?}");
    }
    let failure = spoiled(&world, |dir| {
        let signature = signature(dir);
        fs::rename(&signature, world.path("sig")).expect("move");
        symlink(world.path("sig"), signature).expect("link");
    });
    assert!(matches!(failure, VerifyFailure::Symlink(_)), "{failure:?}");
    let failure = spoiled(&world, |dir| symlink("nowhere", dir.join("dangling")).expect("link"));
    assert!(matches!(failure, VerifyFailure::Symlink(_)), "{failure:?}");
    for name in ["bundle.json", "pipe"] {
        let made = |dir: &Path| {
            let _ = fs::remove_file(dir.join(name));
            crate::bundle::tests::run("mkfifo", &[name], dir).expect("mkfifo")
        };
        let failure = spoiled(&world, |dir| assert!(made(dir).0));
        assert!(matches!(failure, VerifyFailure::Special(_)), "{failure:?}");
    }
}

#[test]
fn unproven_is_refused_before_anything_is_parsed() {
    let world = World::new();
    let failure = spoiled(&world, |dir| {
        fs::remove_file(signature(dir)).expect("remove");
        // Were this looked at, another failure would be told.
        fs::write(dir.join("bundle.json"), "{").expect("write");
    });
    assert!(matches!(failure, VerifyFailure::Trust(TrustError::Unsigned)), "{failure:?}");
    assert_eq!(failure.blame(), Blame::Trust);

    let stranger = SigningKey::generate().expect("key");
    let failure = spoiled(&world, |dir| {
        let sums = fs::read(dir.join("SHA256SUMS")).expect("list");
        let id = stranger.public().key_id();
        fs::remove_file(signature(dir)).expect("remove");
        fs::write(dir.join(format!("SHA256SUMS.{id}.p256")), stranger.sign(&sums)).expect("write");
    });
    assert!(matches!(failure, VerifyFailure::Trust(TrustError::UnknownKeys { .. })));

    let failure = spoiled(&world, |dir| {
        let sums = fs::read(dir.join("SHA256SUMS")).expect("list");
        fs::write(signature(dir), stranger.sign(&sums)).expect("write");
    });
    assert!(matches!(failure, VerifyFailure::Trust(TrustError::Wrong(_))), "{failure:?}");
    for size in [0, 70_000] {
        let failure = spoiled(&world, |dir| {
            fs::write(signature(dir), vec![0; size]).expect("write");
        });
        assert!(
            matches!(
                failure,
                VerifyFailure::Trust(TrustError::Wrong(_)) | VerifyFailure::Large { .. }
            ),
            "{failure:?}"
        );
    }
    let failure = spoiled(&world, |dir| {
        let file = fs::File::create(dir.join("SHA256SUMS")).expect("list");
        file.set_len(64 << 20).expect("huge");
    });
    assert!(matches!(failure, VerifyFailure::Large { .. }), "{failure:?}");
}

#[test]
fn lists_that_a_trusted_key_signed_are_still_held_to_the_grammar() {
    let world = World::new();
    let cases: [&dyn Fn(String) -> String; 8] = [
        &|_| String::new(),
        &|text| text.lines().take(3).map(|line| format!("{line}\n")).collect(),
        &|text| text.replace('\n', "\r\n"),
        &|text| text.replace("haversack-bundle/1", "another-tool/1"),
        &|text| text.clone() + text.lines().last().expect("line") + "\n",
        &|text| text.replace("bundle.json", "../bundle.json"),
        &|text| text.replace("# version", "# previous=x\n# version"),
        &|text| text.replace("name=hello", "name=other"),
    ];
    for (case, change) in cases.iter().enumerate() {
        let failure = spoiled(&world, |dir| {
            let text = fs::read_to_string(dir.join("SHA256SUMS")).expect("list");
            let text = change(text);
            fs::write(signature(dir), world.key.sign(text.as_bytes())).expect("write");
            fs::write(dir.join("SHA256SUMS"), text).expect("write");
        });
        assert!(
            matches!(failure, VerifyFailure::Sums(_) | VerifyFailure::Contents(_)),
            "case {case}: {failure:?}"
        );
        assert_eq!(failure.blame(), Blame::Damage);
    }
}
