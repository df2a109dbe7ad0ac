//! Holds the source against the drawing in `src/lib.rs`: who may import whom, who may do what, how large a file may be.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms by level. A room imports only from lower levels, and from its own name.
const LEVELS: [&[&str]; 6] = [
    &["artifact", "limits", "secret", "template", "yaml"],
    &["net", "report", "sprig"],
    &["argo", "git", "helm", "inventory", "lock", "oci", "trust"],
    &["bundle", "source"],
    &["build", "replay", "resolve", "serve"],
    &["cli"],
];

/// Neighbours on one level that one of them may import, each for a reason.
const NEIGHBOURS: [(&str, &str); 8] = [
    ("template", "limits"), // bounds of a run
    ("artifact", "limits"), // bounds of names
    ("net", "report"),      // a server says what it does
    ("oci", "lock"),        // a registry's answers are pinned as the lock's descriptors
    ("git", "lock"),        // refs are pinned as the lock's ref pins
    ("helm", "lock"),       // a chart is pinned as the lock's chart pin
    ("inventory", "helm"),  // version ranges are Helm's
    ("inventory", "argo"),  // rules of a person's own are rules of the knowledge base
];

/// The air gap: what stands inside never reaches for what fetches outside.
const INSIDE: [&str; 4] = ["bundle", "trust", "replay", "serve"];
const OUTSIDE: [&str; 3] = ["source", "resolve", "build"];

const LINES_MAX: usize = 600;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("readable folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Room, path below `src/`, text of each source file.
fn sources() -> Vec<(String, String, String)> {
    let src = src();
    let read = |path: PathBuf| {
        let below = path.strip_prefix(&src).expect("below src").to_string_lossy().into_owned();
        let room = below.split(['/', '.']).next().expect("a first part").to_owned();
        let text = fs::read_to_string(&path).expect("readable source");
        (room, below, text)
    };
    files(&src).into_iter().map(read).collect()
}

/// The code before the tests, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Rooms named by `crate::room` in one line; `use crate::{a, b}` too.
fn rooms_in(line: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for piece in line.split("crate::").skip(1) {
        let names: Vec<&str> = match piece.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or("").split(',').collect(),
            None => vec![piece],
        };
        for name in names {
            let name: String =
                name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            rooms.push(name);
        }
    }
    rooms
}

fn level(room: &str) -> Option<usize> {
    LEVELS.iter().position(|rooms| rooms.contains(&room))
}

fn imports() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut imports: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (room, file, text) in sources() {
        for (at, line) in code(&text) {
            for other in
                rooms_in(line).into_iter().filter(|other| *other != room && level(other).is_some())
            {
                let place = format!("src/{file}:{}", at + 1);
                imports.entry(room.clone()).or_default().entry(other).or_insert(place);
            }
        }
    }
    imports
}

#[test]
fn every_room_is_drawn() {
    let drawn: BTreeSet<&str> = LEVELS.iter().flat_map(|rooms| rooms.iter().copied()).collect();
    let there: BTreeSet<String> = sources()
        .into_iter()
        .map(|(room, ..)| room)
        .filter(|room| room != "lib" && room != "main")
        .collect();
    let there: BTreeSet<&str> = there.iter().map(String::as_str).collect();
    assert_eq!(there, drawn, "the rooms in src/ are not the rooms of the drawing");
}

#[test]
fn imports_go_down() {
    let mut wrong = Vec::new();
    for (room, others) in imports() {
        for (other, place) in others {
            let (Some(from), Some(to)) = (level(&room), level(&other)) else { continue };
            let neighbour = NEIGHBOURS.contains(&(room.as_str(), other.as_str()));
            if to > from || (to == from && !neighbour) {
                wrong.push(format!(
                    "{place}: {room} (level {}) imports {other} (level {})",
                    from + 1,
                    to + 1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_inside_never_reaches_the_outside() {
    let imports = imports();
    for start in INSIDE {
        let mut queue = VecDeque::from([vec![start.to_owned()]]);
        let mut seen = BTreeSet::new();
        while let Some(chain) = queue.pop_front() {
            let room = chain.last().expect("never empty").clone();
            assert!(
                !OUTSIDE.contains(&room.as_str()),
                "the air gap is broken: {}",
                chain.join(" -> ")
            );
            for other in imports.get(&room).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(other.clone()) {
                    queue.push_back(chain.iter().cloned().chain([other.clone()]).collect());
                }
            }
        }
    }
}

/// A word, the places where it may stand, and why nowhere else.
const RESERVED: [(&str, &[&str], &str); 14] = [
    ("TcpStream", &["net.rs"], "net.rs is the only maker of sockets"),
    ("TcpListener", &["net.rs", "serve/"], "net.rs is the only maker of sockets"),
    ("TcpListener::bind", &["net.rs"], "net.rs is the only maker of sockets"),
    ("UdpSocket", &[], "nobody needs one"),
    ("UnixStream", &[], "nobody needs one"),
    ("reqwest::Client::builder", &["net.rs"], "net.rs is the only maker of sockets"),
    ("reqwest::Client::new", &[], "net.rs is the only maker of sockets"),
    ("reqwest::get", &[], "net.rs is the only maker of sockets"),
    ("Command::new", &["git/"], "processes are started in git/ alone"),
    ("println!", &[], "cli/words.rs prints, with write!"),
    ("eprintln!", &[], "cli/words.rs prints, with write!"),
    ("env::var", &["cli/"], "cli is the only reader of the environment"),
    ("io::stdout", &["cli/"], "cli is the only room that prints"),
    ("process::exit", &[], "main.rs returns the exit code"),
];

#[test]
fn only_some_rooms_reach_out_print_or_start_processes() {
    let mut wrong = Vec::new();
    for (_, file, text) in sources() {
        if file.ends_with("tests.rs") || file.contains("/tests/") {
            continue;
        }
        for (at, line) in code(&text) {
            for (word, places, why) in RESERVED {
                if line.contains(word) && !places.iter().any(|place| file.starts_with(place)) {
                    wrong.push(format!("src/{file}:{}: {word}: {why}", at + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn imports_can_be_read() {
    let mut wrong = Vec::new();
    for (_, file, text) in sources() {
        for (at, line) in code(&text) {
            if line.contains("super::super") {
                wrong.push(format!("src/{file}:{}: write crate::room instead", at + 1));
            }
            if line.trim_start().starts_with("use crate::") && line.contains("::*") {
                wrong.push(format!("src/{file}:{}: name what is imported", at + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_stay_small() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for path in files(&root.join("src")).into_iter().chain(files(&root.join("tests"))) {
        let lines = fs::read_to_string(&path).expect("readable").lines().count();
        if lines > LINES_MAX {
            wrong.push(format!(
                "{}: {lines} lines",
                path.strip_prefix(root).expect("below").display()
            ));
        }
    }
    assert!(wrong.is_empty(), "longer than {LINES_MAX} lines:\n{}", wrong.join("\n"));
}

#[test]
fn no_file_is_forgotten() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/main.rs"))
        .expect("main.rs");
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it")) {
        let name = path.file_stem().expect("name").to_string_lossy().into_owned();
        let top = path.parent().is_some_and(|parent| parent.ends_with("it"));
        if top && name != "main" {
            assert!(text.contains(&format!("mod {name};")), "tests/it/{name}.rs is run by nobody");
        }
    }
}

#[test]
fn this_test_can_fail() {
    assert_eq!(rooms_in("use crate::{net, source::Sources};"), ["net", "source"]);
    assert_eq!(rooms_in("    crate::replay::git::ask(x).await"), ["replay"]);
    assert!(level("source") > level("oci"));
}
