//! `verify` and `inspect` from outside, and `replay` of what `verify` refuses: each damage has words of its own,
//! names the file, and reaches no server.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::carried::{Carried, Inside, copy, key_id, may_mount, not_run};
use crate::support::job;
use crate::support::scenario::{Scenario, filter};
use crate::support::sha256_hex;
use crate::support::tree;
use crate::support::world::World;

const COPY_AGAIN: &str =
    "copy the bundle again from its source, and try another medium if it happens again";
const CHANGED: &str =
    "copy the bundle again from its source; if that does not help, it was changed: do not use it";
const UNSIGNED: &str =
    "a bundle without a signature is never used: ask for it again from where it was built";

/// One way to spoil a bundle.
struct Damage {
    name: &'static str,
    spoil: fn(&Path),
    status: i32,
    error: &'static str,
    hint: &'static str,
}

/// Every damage that a person may meet. `KEY` stands for the signing key.
const DAMAGES: &[Damage] = &[
    Damage {
        name: "unsigned",
        spoil: |bundle| fs::remove_file(signature(bundle)).unwrap(),
        status: 5,
        error: "not signed",
        hint: UNSIGNED,
    },
    Damage {
        name: "a byte of the signature flipped",
        spoil: |bundle| flip(&signature(bundle), 40),
        status: 5,
        error: "signature of key KEY does not fit: the list or the signature was changed",
        hint: CHANGED,
    },
    Damage {
        name: "a cut signature",
        spoil: |bundle| fs::write(signature(bundle), "0").unwrap(),
        status: 5,
        error: "signature of key KEY does not fit: the list or the signature was changed",
        hint: CHANGED,
    },
    Damage {
        name: "a byte of the list flipped",
        spoil: |bundle| flip(&bundle.join("SHA256SUMS"), 100),
        status: 5,
        error: "signature of key KEY does not fit: the list or the signature was changed",
        hint: CHANGED,
    },
    Damage {
        name: "no list",
        spoil: |bundle| fs::remove_file(bundle.join("SHA256SUMS")).unwrap(),
        status: 6,
        error: "no SHA256SUMS in bundle: not a bundle, or not all of it was copied",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "a byte of the contents flipped",
        spoil: |bundle| flip(&bundle.join("bundle.json"), 500),
        status: 6,
        error: "damaged: bundle.json (digest sha256:[DIGEST] instead of sha256:[DIGEST])",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "a byte of a pack flipped",
        spoil: |bundle| flip(&bundle.join(PACK), 5_000),
        status: 6,
        error: "damaged: pack-0001.tar.zst (digest sha256:[DIGEST] instead of sha256:[DIGEST])",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "a cut pack",
        spoil: |bundle| {
            let file = fs::OpenOptions::new().write(true).open(bundle.join(PACK)).unwrap();
            file.set_len(4_096).unwrap();
        },
        status: 6,
        error: "damaged: pack-0001.tar.zst ([SIZE] instead of WHOLE: cut short)",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "an empty pack",
        spoil: |bundle| fs::write(bundle.join(PACK), "").unwrap(),
        status: 6,
        error: "damaged: pack-0001.tar.zst ([SIZE] instead of WHOLE: cut short)",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "a missing pack",
        spoil: |bundle| fs::remove_file(bundle.join(PACK)).unwrap(),
        status: 6,
        error: "missing: pack-0001.tar.zst",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "missing contents",
        spoil: |bundle| fs::remove_file(bundle.join("bundle.json")).unwrap(),
        status: 6,
        error: "missing: bundle.json",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "an extra file",
        spoil: |bundle| fs::write(bundle.join("pack-0002.tar.zst"), "x").unwrap(),
        status: 6,
        error: "\"pack-0002.tar.zst\" is in the folder and not in SHA256SUMS",
        hint: "a bundle holds exactly what its list names: take the file out of the folder, and ask how it came there",
    },
    Damage {
        name: "a file of the desktop",
        spoil: |bundle| fs::write(bundle.join(".DS_Store"), "x").unwrap(),
        status: 6,
        error: "\".DS_Store\" is no name of a file in a bundle",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "a name that would steer a terminal",
        spoil: |bundle| fs::write(bundle.join("a\u{1b}[2Jb"), "x").unwrap(),
        status: 6,
        error: "\"a\\u{1b}[2Jb\" is no name of a file in a bundle",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "a name in other case",
        spoil: |bundle| fs::write(bundle.join("Bundle.json"), "x").unwrap(),
        status: 6,
        error: "\"Bundle.json\" and \"bundle.json\" differ in case only",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "a symbolic link to the right bytes",
        spoil: |bundle| {
            let away = bundle.parent().unwrap().join("away");
            fs::rename(bundle.join(PACK), &away).unwrap();
            symlink(&away, bundle.join(PACK)).unwrap();
        },
        status: 6,
        error: "\"pack-0001.tar.zst\" is a symbolic link",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "the list as a symbolic link",
        spoil: |bundle| {
            let away = bundle.parent().unwrap().join("away");
            fs::rename(bundle.join("SHA256SUMS"), &away).unwrap();
            symlink(&away, bundle.join("SHA256SUMS")).unwrap();
        },
        status: 6,
        error: "\"SHA256SUMS\" is a symbolic link",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "a folder",
        spoil: |bundle| fs::create_dir(bundle.join("blobs")).unwrap(),
        status: 6,
        error: "\"blobs\" is a folder",
        hint: COPY_AGAIN,
    },
    Damage {
        name: "a pipe in place of a pack",
        spoil: |bundle| {
            fs::remove_file(bundle.join(PACK)).unwrap();
            let mut make = Command::new("mkfifo");
            make.arg(bundle.join(PACK));
            job::run(make).succeeded();
        },
        status: 6,
        error: "\"pack-0001.tar.zst\" is a device, pipe or socket",
        hint: COPY_AGAIN,
    },
];

const PACK: &str = "pack-0001.tar.zst";

fn signature(bundle: &Path) -> std::path::PathBuf {
    let mut entries = fs::read_dir(bundle).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.extension().is_some_and(|e| e == "p256")).unwrap()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// The words expected, with what only this bundle knows filled in.
fn words(damage: &Damage, carried: &Carried) -> String {
    let size = fs::metadata(carried.folder("1.0.0").join(PACK)).unwrap().len();
    let error = damage.error.replace("KEY", carried.key()).replace("WHOLE", &size.to_string());
    format!("error: {error}\nhint: {}\n", damage.hint)
}

#[test]
fn each_damage_has_its_own_words_and_exit_code() {
    let carried = Carried::fixtures();
    for damage in DAMAGES {
        let room = carried.hand_over();
        (damage.spoil)(&room.path("bundle"));
        eprintln!("{}", damage.name);
        room.run(["verify", "bundle", "--trust", "trust"])
            .status(damage.status)
            .stdout("")
            .stderr(&words(damage, &carried))
            .check();
    }
}

#[test]
fn json_says_the_same_on_standard_output() {
    let carried = Carried::fixtures();
    let room = carried.hand_over();
    fs::remove_file(room.path("bundle").join(PACK)).unwrap();
    let ended = room.run(["verify", "bundle", "--trust", "trust", "--json"]).status(6).check();
    let answer: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(answer["ok"], false);
    assert_eq!(answer["code"], 6);
    assert_eq!(answer["errors"], serde_json::json!(["missing: pack-0001.tar.zst"]));
    assert_eq!(answer["hints"].as_array().unwrap().len(), 1);
}

#[test]
fn a_replay_of_a_damaged_bundle_asks_nobody_and_writes_nothing() {
    let carried = Carried::fixtures();
    let mut inside = Inside::new(&carried);
    for damage in DAMAGES {
        inside.room = carried.hand_over();
        inside.site("", "");
        (damage.spoil)(&inside.room.path("bundle"));
        eprintln!("{}", damage.name);
        inside.replay().status(damage.status).stdout("").stderr(&words(damage, &carried)).check();
        inside.assert_untouched();
        inside.replay().arg("--plan").status(damage.status).stdout("").check();
        inside.assert_untouched();
    }
}

#[test]
fn a_bundle_signed_by_a_stranger_is_not_trusted() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    fs::remove_dir_all(inside.room.path("trust")).unwrap();
    let stranger = new_key(&inside.room, "stranger");
    let stderr = format!(
        "error: signed by key {}, trusted key {stranger}\n\
         hint: if you trust the signer, put its public key (*.pem) into the trust folder\n",
        carried.key()
    );
    inside
        .room
        .run(["verify", "bundle", "--trust", "trust"])
        .status(5)
        .stdout("")
        .stderr(&stderr)
        .check();
    inside.replay().status(5).stdout("").stderr(&stderr).check();
    inside.assert_untouched();
}

#[test]
fn a_bundle_resealed_by_a_stranger_is_not_trusted() {
    // The stranger changes a pack, writes a list that fits, and signs it with a key of his own.
    let carried = Carried::fixtures();
    let room = carried.hand_over();
    let world = World::empty();
    world.write_file("a.txt", b"a");
    let stranger = Carried::of(
        World::empty(),
        &format!(
            "haversack: 1\nname: platform\nfiles:\n  - url: {}\n    sha256: {}\n",
            world.file_url("a.txt"),
            sha256_hex(b"a")
        ),
    );
    fs::remove_dir_all(room.path("bundle")).unwrap();
    copy(&stranger.folder("1.0.0"), &room.path("bundle"));
    room.run(["verify", "bundle", "--trust", "trust"])
        .status(5)
        .stderr(&format!(
            "error: signed by key {}, trusted key {}\n\
             hint: if you trust the signer, put its public key (*.pem) into the trust folder\n",
            stranger.key(),
            carried.key()
        ))
        .check();
}

fn new_key(room: &Scenario, name: &str) -> String {
    room.write("passphrase", b"correct horse battery staple\n");
    let said = room.run(["keys", "generate", name, "--passphrase-file", "passphrase"]).check();
    fs::create_dir_all(room.path("trust")).unwrap();
    let public = format!("{name}.pub.pem");
    fs::rename(room.path(&public), room.path("trust").join(&public)).unwrap();
    key_id(&said.out())
}

#[test]
fn a_trust_folder_must_hold_public_keys_and_nothing_else_that_ends_in_pem() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let room = &inside.room;
    let refused = |stderr: &str| {
        room.run(["verify", "bundle", "--trust", "trust"])
            .status(2)
            .stdout("")
            .stderr(stderr)
            .check();
        inside.replay().status(2).stdout("").stderr(stderr).check();
        inside.assert_untouched();
    };
    let private = carried.room().path("release.key.pem");
    fs::copy(&private, room.path("trust/release.key.pem")).unwrap();
    refused(
        "error: trust/release.key.pem: a private key where a public key belongs\n\
         hint: keep private keys on the connected host, and put the public half (*.pub.pem) here\n",
    );
    fs::remove_dir_all(room.path("trust")).unwrap();
    fs::create_dir(room.path("trust")).unwrap();
    let empty = "error: no *.pem file in trust\n\
                 hint: put the public key of those who build your bundles there; they hand it over once\n";
    refused(empty);
    room.write("trust/README", b"no key");
    refused(empty);
    room.write("trust/x.pem", b"no key");
    refused("error: trust/x.pem: no PEM block with a public key in it\n");
    fs::remove_dir_all(room.path("trust")).unwrap();
    refused("error: trust: No such file or directory (os error 2)\n");
}

#[test]
fn a_sound_bundle_is_said_to_be_sound() {
    let carried = Carried::fixtures();
    let room = carried.hand_over();
    let before = tree::snapshot(&room.path("bundle"));
    let key = carried.key();
    room.run(["verify", "bundle", "--trust", "trust"])
        .stdout(&format!("platform 1.0.0 is sound: signed by {key}, [SIZE]\n"))
        .stderr("")
        .check();
    room.run(["verify", "bundle", "--trust", "trust", "--deep"])
        .stdout(&format!(
            "platform 1.0.0 is sound: signed by {key}, [SIZE], 50 blobs checked one by one\n"
        ))
        .stderr("")
        .check();
    let ended = room.run(["verify", "bundle", "--trust", "trust", "--deep", "--json"]).check();
    let answer: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(
        (&answer["ok"], &answer["name"], &answer["version"], &answer["deep"]),
        (&true.into(), &"platform".into(), &"1.0.0".into(), &true.into())
    );
    assert_eq!(answer["key"], key);
    let sums = fs::read(room.path("bundle/SHA256SUMS")).unwrap();
    assert_eq!(answer["bundle"], format!("sha256:{}", sha256_hex(&sums)));
    assert_eq!(tree::snapshot(&room.path("bundle")), before, "verify changed the bundle");
}

#[test]
fn a_second_key_in_the_trust_folder_does_no_harm() {
    let carried = Carried::fixtures();
    let room = carried.hand_over();
    new_key(&room, "other");
    room.run(["verify", "bundle", "--trust", "trust"]).stdout_has("is sound").check();
}

#[test]
fn folders_without_write_permission_are_verified_and_replayed() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let bundle = inside.room.path("bundle");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for entry in fs::read_dir(&bundle).unwrap() {
        mode(&entry.unwrap().path(), 0o444);
    }
    mode(&bundle, 0o555);
    inside.room.run(["verify", "bundle", "--trust", "trust", "--deep"]).check();
    inside.replay().check();
    // Or nobody could clear the room away.
    mode(&bundle, 0o755);
}

#[test]
fn a_read_only_medium_is_verified_and_replayed() {
    if !may_mount() {
        return not_run("a_read_only_medium_is_verified_and_replayed", "no mounts allowed here");
    }
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let script = "mount --bind bundle bundle && mount -o remount,bind,ro bundle && \
                  ! touch bundle/x 2>/dev/null && \"$0\" verify bundle --trust trust --deep && \
                  \"$0\" replay bundle --site site.yaml --trust trust --quiet";
    let plain = inside.room.command();
    let mut command = inside.room.command_named("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(plain.get_program());
    let ended = job::run(command).succeeded();
    assert!(ended.out().contains("is sound"), "{}", ended.both());
    assert_eq!(inside.receipt()["totals"]["manifestsSent"], 16);
}

#[test]
fn inspect_needs_no_trust_and_says_that_nothing_is_proven() {
    let carried = Carried::fixtures();
    let room = carried.hand_over();
    // The signature is gone: inspect shows what the list claims all the same.
    fs::remove_file(signature(&room.path("bundle"))).unwrap();
    let ended = room.run(["inspect", "bundle"]).stderr("").check();
    let out = filter(&ended.out(), room.room());
    assert_eq!(
        out.lines().next(),
        Some(
            "platform 1.0.0: 9 images, 2 charts, 2 repos, 1 file, [SIZE] in 50 blobs \
             (claimed; run `haversack verify` to prove it)"
        )
    );
    let host = carried.outside().host();
    for line in [
        format!("image  {host}/library/multi:2.0"),
        format!("chart  {host}/files/charts/web:1.2.0"),
        format!("repo   {host}/git/acme/platform.git"),
        format!("file   {host}/files/crds.yaml"),
    ] {
        let found = ended.out().lines().find(|l| l.starts_with(&line)).map(str::to_owned);
        let found = found.unwrap_or_else(|| panic!("no line {line:?}\n{}", ended.out()));
        assert!(found.contains("because platform.yaml:"), "{found}");
    }
}

#[test]
fn inspect_as_json_has_every_artifact_with_its_because() {
    let carried = Carried::fixtures();
    let room = carried.hand_over();
    let ended = room.run(["inspect", "bundle", "--json"]).stderr("").check();
    let answer: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((&answer["ok"], &answer["verified"]), (&true.into(), &false.into()));
    assert_eq!((&answer["name"], &answer["version"]), (&"platform".into(), &"1.0.0".into()));
    assert_eq!(answer["blobs"], 50);
    assert!(!answer["opaque"].as_array().unwrap().is_empty());
    let artifacts = answer["artifacts"].as_array().unwrap();
    assert_eq!(artifacts.len(), 14);
    for artifact in artifacts {
        assert!(artifact["bytes"].as_u64().unwrap() > 0, "{artifact}");
        assert!(artifact["digest"].as_str().unwrap().starts_with("sha256:"), "{artifact}");
        let because = artifact["because"].as_array().unwrap();
        assert!(because.iter().all(|edge| edge["place"].is_string()), "{artifact}");
        assert_eq!(because[0]["from"], "inventory", "{artifact}");
    }
}

#[test]
fn inspect_refuses_contents_that_the_list_does_not_cover() {
    let carried = Carried::fixtures();
    let room = carried.hand_over();
    flip(&room.path("bundle/bundle.json"), 500);
    room.run(["inspect", "bundle"])
        .status(6)
        .stdout("")
        .stderr(&format!(
            "error: damaged: bundle.json (digest sha256:[DIGEST] instead of sha256:[DIGEST])\n\
             hint: {COPY_AGAIN}\n"
        ))
        .check();
}
