//! FORMAT.md, held against the program: its worked example and its recipe, run as it stands there.

use std::fs;
use std::path::Path;

use crate::bundle::PackOptions;
use crate::bundle::tests::{World, files, have, noise, run};
use crate::trust::SigningKey;

const FORMAT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/FORMAT.md"));

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_worked_example_is_what_the_program_writes() {
    let world = World::new();
    let dir = world.bundle();
    let read = |name: &str| fs::read(dir.join(name)).expect(name);
    // After a change of the format: name a folder, run this test, and bring the files' text into FORMAT.md.
    if let Some(out) = std::env::var_os("HAVERSACK_WRITE_EXAMPLE") {
        for entry in fs::read_dir(&dir).expect("bundle").flatten() {
            fs::copy(entry.path(), Path::new(&out).join(entry.file_name())).expect("copy");
        }
    }
    let told = |text: &str| assert!(FORMAT.contains(text), "FORMAT.md lacks:\n{text}");

    let id = world.key.public().key_id().to_string();
    told(&id);
    told(&world.key.public().to_pem().expect("pem"));
    told(&String::from_utf8(read("SHA256SUMS")).expect("text"));
    let signature = hex(&read(&format!("SHA256SUMS.{id}.p256")));
    assert!(FORMAT.replace('\n', "").contains(&signature), "FORMAT.md lacks:\n{signature}");
    let contents = String::from_utf8(read("bundle.json")).expect("text");
    told(&contents[contents.find("  \"artifacts\"").expect("artifacts")..]);

    let pack = read("pack-0001.tar.zst");
    told(&format!("`pack-0001.tar.zst` ({} bytes)", pack.len()));
    let (_, frames) = FORMAT.split_once("the beginning of each frame:").expect("frames");
    let (_, block) = frames.split_once("```text\n").expect("block");
    let (block, _) = block.split_once("```").expect("end");
    for line in block.lines() {
        let mut words = line.split_whitespace();
        let offset: usize = words.next().expect("offset").parse().expect("number");
        assert!(hex(&pack[offset..]).starts_with(words.next().expect("hex")), "{line}");
    }
}

/// The recipe's text: the only `sh` block of FORMAT.md.
fn recipe() -> &'static str {
    let mut blocks = FORMAT.split("```sh\n").skip(1);
    let block = blocks.next().and_then(|block| block.split_once("```\n")).expect("recipe").0;
    assert!(blocks.next().is_none(), "one block only");
    block
}

/// Runs the recipe; what it said is given back with whether it was content.
fn verify(world: &World, bundle: &Path, out: &str) -> (bool, String) {
    fs::write(world.path("recipe.sh"), recipe()).expect("recipe");
    let key = world.key.public().to_pem().expect("pem");
    fs::write(world.path("key.pem"), key).expect("key");
    let bundle = bundle.to_str().expect("path");
    let words = ["recipe.sh", "key.pem", bundle, out];
    run("sh", &words, world.dir.path()).expect("sh")
}

fn tools() -> bool {
    have(&["sha256sum", "tar", "zstd"]) && run("openssl", &["version"], Path::new("/")).is_some()
}

#[test]
fn the_recipe_verifies_and_unpacks_a_good_bundle() {
    if !tools() {
        return;
    }
    let more: Vec<Vec<u8>> = (1..5).map(|seed| noise(seed, 600_000)).collect();
    let world = World::with(&more);
    let options = PackOptions { part_bytes: 1 << 20, ..PackOptions::default() };
    let sealed = world.build("bundles", options).expect("bundle");
    assert!(files(sealed.dir()).len() > 5);
    let (good, words) = verify(&world, sealed.dir(), "out");
    assert!(good && words.starts_with("VERIFIED"), "{words}");
    let out = world.path("out");
    assert_eq!(fs::read(out.join("index.json")).expect("index"), world.input.index_json);
    let blobs = files(&out.join("blobs/sha256"));
    assert_eq!(blobs.len(), world.input.blobs.len());
    for (digest, size_bytes) in &world.input.blobs {
        let found = blobs.iter().find(|(name, _)| *name == digest.hex()).expect("blob");
        assert_eq!(found.1.len() as u64, *size_bytes);
    }
    let image = "oci:out:registry.example.com/acme/hello:1.0";
    if let Some((good, words)) = run("skopeo", &["inspect", image], world.dir.path()) {
        assert!(good, "{words}");
    }
    let (good, words) = verify(&world, sealed.dir(), "out");
    assert!(!good && words.contains("exists"), "{words}");
}

#[test]
fn the_recipe_refuses_what_the_program_refuses() {
    if !tools() {
        return;
    }
    let world = World::new();
    let refuse = |what: &str, spoil: &dyn Fn(&Path)| {
        let dir = world.bundle();
        spoil(&dir);
        let (good, words) = verify(&world, &dir, "out");
        assert!(!good && words.contains("REFUSED"), "{what}: {words}");
        assert!(!world.path("out").exists(), "{what}: unpacked all the same");
    };
    let whole = files(&world.bundle());
    for (name, bytes) in &whole {
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            refuse(&format!("{name}, byte {at}"), &|dir| {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                fs::write(dir.join(name), changed).expect("write");
            });
        }
        let cut = &bytes[..bytes.len() - 1];
        refuse(&format!("{name} cut"), &|dir| fs::write(dir.join(name), cut).expect("write"));
        refuse(&format!("no {name}"), &|dir| fs::remove_file(dir.join(name)).expect("remove"));
    }
    for extra in ["README", ".hidden", "a b", "pack-0002.tar.zst", "bundle.json\n", "SHA256SUMS.x"]
    {
        refuse(extra, &|dir| fs::write(dir.join(extra), "x").expect("write"));
    }
    refuse("folder", &|dir| fs::create_dir(dir.join("more")).expect("folder"));
    refuse("odd name", &|dir| {
        let path = dir.join("pack-0001.tar.zst");
        fs::rename(path, dir.join("pack-0001.tar.zst\n")).expect("rename");
    });
    #[cfg(unix)]
    for name in ["SHA256SUMS", "bundle.json", "pack-0001.tar.zst"] {
        refuse(&format!("{name} as a link"), &|dir| {
            fs::rename(dir.join(name), world.path("moved")).expect("move");
            std::os::unix::fs::symlink(world.path("moved"), dir.join(name)).expect("link");
        });
    }
    let stranger = SigningKey::generate().expect("key");
    refuse("a stranger's signature", &|dir| {
        let sums = fs::read(dir.join("SHA256SUMS")).expect("list");
        let name = format!("SHA256SUMS.{}.p256", world.key.public().key_id());
        fs::write(dir.join(name), stranger.sign(&sums)).expect("write");
    });
    refuse_signed_lists(&world, &refuse);
}

/// Lists that the trusted key did sign, and that are no lists of a bundle.
fn refuse_signed_lists(world: &World, refuse: &dyn Fn(&str, &dyn Fn(&Path))) {
    let cases: [(&str, &dyn Fn(&str) -> String); 7] = [
        ("another magic", &|text| text.replace("haversack-bundle/1", "other/1")),
        ("CR LF", &|text| text.replace('\n', "\r\n")),
        ("a name twice", &|text| text.to_owned() + text.lines().last().expect("line") + "\n"),
        ("a comment", &|text| text.to_owned() + "# more\n"),
        ("a name outside", &|text| text.replace("bundle.json", "../bundle.json")),
        ("no files", &|text| text.lines().take(3).map(|line| format!("{line}\n")).collect()),
        ("previous", &|text| text.replace("# version", "# previous=x\n# version")),
    ];
    for (what, change) in cases {
        refuse(what, &|dir| {
            let text = fs::read_to_string(dir.join("SHA256SUMS")).expect("list");
            let text = change(&text);
            let name = format!("SHA256SUMS.{}.p256", world.key.public().key_id());
            fs::write(dir.join(name), world.key.sign(text.as_bytes())).expect("write");
            fs::write(dir.join("SHA256SUMS"), text).expect("write");
        });
    }
}
