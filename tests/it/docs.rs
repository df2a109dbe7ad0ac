//! The documentation against the program: what is shown can be typed, what is linked exists, what is listed is true.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;

use haversack::argo::Knowledge;
use haversack::cli::Cli;
use haversack::inventory::Inventory;
use haversack::replay::Site;

use crate::support::scenario::Scenario;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page, by its path below the root.
fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    for folder in ["", "docs", "inventory", "bundles"] {
        for entry in fs::read_dir(root().join(folder)).expect(folder) {
            let path = entry.expect("entry").path();
            if path.extension().is_some_and(|ending| ending == "md") {
                let below =
                    path.strip_prefix(root()).expect("below").to_string_lossy().into_owned();
                pages.insert(below, fs::read_to_string(&path).expect("UTF-8"));
            }
        }
    }
    assert!(pages.len() >= 11, "{:?}", pages.keys());
    pages
}

/// A fenced block: its info string, its first line's number, its text.
struct Block {
    info: String,
    line: usize,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (at, line) in page.lines().enumerate() {
        if let Some(info) = line.strip_prefix("```") {
            open = !open;
            if open {
                blocks.push(Block { info: info.to_owned(), line: at + 2, text: String::new() });
            }
        } else if open && let Some(block) = blocks.last_mut() {
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    assert!(!open, "a block without an end");
    blocks
}

/// The page without its fenced blocks.
fn prose(page: &str) -> String {
    let mut inside = false;
    let keep = |line: &&str| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    };
    page.lines().filter(keep).map(|line| format!("{line}\n")).collect()
}

/// The code spans of the prose that begin with a word.
fn spans(page: &str, word: &str) -> Vec<String> {
    let prose = prose(page);
    let spans = prose.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    spans.filter(|span| span.starts_with(word)).map(str::to_owned).collect()
}

/// What clap says of a command line as a person types it, up to a pipe, a redirection or a comment.
fn parse(line: &str) -> Result<(), clap::Error> {
    let stops = ["|", ">", "#", "&&", "&"];
    let words = line.split_whitespace().take_while(|word| !stops.contains(word));
    Cli::try_parse_from(words).map(drop)
}

/// Ends the test unless a command line can be typed as it stands.
#[track_caller]
pub(crate) fn assert_parses(place: &str, line: &str) {
    if let Err(error) = parse(line) {
        let help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        assert!(help, "{place}: {line}\n{error}");
    }
}

#[test]
fn every_command_line_can_be_typed() {
    let mut count = 0;
    for (page, text) in pages() {
        for block in blocks(&text) {
            for (at, line) in block.text.lines().enumerate() {
                let line = line.strip_prefix("$ ").unwrap_or(line);
                if line.starts_with("haversack ") {
                    assert_parses(&format!("{page}:{}", block.line + at), line);
                    count += 1;
                }
            }
        }
        for span in spans(&text, "haversack ") {
            // In a sentence a verb may stand for itself.
            match parse(&span) {
                Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {}
                _ => assert_parses(&page, &span),
            }
            count += 1;
        }
    }
    assert!(count > 30, "only {count} command lines were found");
}

#[test]
fn wrong_command_lines_are_found() {
    assert!(parse("haversack verify b --trust t > out.txt").is_ok());
    for wrong in ["haversack veryfy b", "haversack verify b --trus t --deeep", "haversack lock"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut count = 0;
    for (page, text) in &pages {
        let folder = Path::new(page).parent().expect("a parent");
        for link in prose(text).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if path.is_empty() { PathBuf::from(page) } else { plain(&folder.join(path)) };
            assert!(root().join(&target).exists(), "{page}: {link} leads nowhere");
            if !anchor.is_empty() {
                let text = fs::read_to_string(root().join(&target)).expect("a page");
                assert!(anchors(&text).contains(anchor), "{page}: {link}: no such heading");
            }
            count += 1;
        }
    }
    assert!(count > 20, "only {count} links were found");
}

/// Takes `..` out of a path.
fn plain(path: &Path) -> PathBuf {
    path.iter().fold(PathBuf::new(), |mut plain, part| {
        match part.to_str() {
            Some("..") => drop(plain.pop()),
            Some(".") => {}
            _ => plain.push(part),
        }
        plain
    })
}

/// The names that forges give to headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = prose(page);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| -> String {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_yaml_block_is_what_it_says() {
    let mut counts = BTreeMap::new();
    for (page, text) in pages() {
        for block in blocks(&text).iter().filter(|block| block.info.starts_with("yaml")) {
            let place = format!("{page}:{}", block.line);
            let text = &block.text;
            let whole = match block.info.as_str() {
                "yaml inventory" | "yaml site" => text.clone(),
                "yaml inventory-part" => {
                    let asks = ["images:", "charts:", "repos:", "apps:", "files:"];
                    let asks = asks.iter().any(|key| text.lines().any(|l| l.starts_with(key)));
                    let rest = if asks { "" } else { "images: [example.com/part:1]\n" };
                    format!("haversack: 1\nname: part\n{rest}{text}")
                }
                "yaml site-part" => format!("haversack: 1\n{text}"),
                other => panic!("{place}: ```{other}: is it an inventory or a site?"),
            };
            let outcome = if block.info.contains("site") {
                Site::parse("site.yaml", whole.as_bytes()).map(drop)
            } else {
                Inventory::parse("inventory.yaml", whole.as_bytes()).map(drop)
            };
            outcome.unwrap_or_else(|problems| panic!("{place}:\n{problems}"));
            *counts.entry(block.info.clone()).or_insert(0) += 1;
        }
    }
    assert_eq!(counts.len(), 4, "{counts:?}");
}

/// Every key of the inventory and of the site file has its place in the documentation.
#[test]
fn every_key_is_explained() {
    let pages = pages();
    let schema = haversack::inventory::schema();
    let mut keys: BTreeSet<String> = BTreeSet::new();
    let types = schema["$defs"].as_object().expect("types").values().chain([&schema]);
    for properties in types.filter_map(|kind| kind["properties"].as_object()) {
        keys.extend(properties.keys().cloned());
    }
    assert!(keys.len() > 15, "{keys:?}");
    for key in keys {
        let page = &pages["docs/inventory.md"];
        let shown = page.contains(&format!("`{key}`")) || page.contains(&format!(" {key}:"));
        assert!(shown, "inventory key {key}");
    }
    let source = fs::read_to_string(root().join("src/replay/site.rs")).expect("site.rs");
    let tables = source.split("#[derive").next().expect("the tables of keys");
    let keys: Vec<&str> = tables.split('"').skip(1).step_by(2).collect();
    assert!(keys.contains(&"allowDiverged"), "{keys:?}");
    for key in keys {
        assert!(pages["docs/site.md"].contains(key), "site key {key}");
    }
}

#[test]
fn every_built_in_rule_is_listed() {
    let page = &pages()["docs/charts.md"];
    let knowledge = Knowledge::with(Vec::new());
    let rules: Vec<&str> = knowledge.rules().iter().map(|rule| rule.id.as_str()).collect();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let listed: Vec<&str> = rows.map(|(id, _)| id).filter(|id| id.contains('/')).collect();
    assert_eq!(listed, rules);
    for rule in knowledge.rules() {
        assert!(page.contains(&format!("({})", rule.source)), "source of {}", rule.id);
    }
}

#[test]
fn every_make_target_exists_and_is_explained() {
    let makefile = fs::read_to_string(root().join("Makefile")).expect("Makefile");
    let lines: Vec<&str> = makefile.lines().collect();
    let mut targets = BTreeSet::new();
    for pair in lines.windows(2) {
        let name = pair[1].split(':').next().unwrap_or("");
        let word = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b"-0123456789".contains(&b));
        if word && pair[1].contains(':') {
            assert!(pair[0].starts_with("# "), "make {name} has no comment above it");
            targets.insert(name);
        }
    }
    for (page, text) in pages() {
        let named = spans(&text, "make ").into_iter().chain(
            blocks(&text)
                .into_iter()
                .flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>()),
        );
        for line in named.filter(|line| line.starts_with("make ")) {
            let target = line.split_whitespace().nth(1).expect("a target");
            assert!(targets.contains(target), "{page}: make {target}");
        }
    }
    let readme = fs::read_to_string(root().join("README.md")).expect("README");
    let first: Vec<&str> = readme.lines().filter(|l| l.starts_with("make ")).take(2).collect();
    assert!(first[0].starts_with("make demo") && first[1].starts_with("make test"), "{first:?}");
}

#[test]
fn exit_codes_are_the_ones_of_the_help() {
    let help = Scenario::new().run(["--help"]).check().out();
    let (_, listed) = help.split_once("Exit codes:").expect("the help lists exit codes");
    let listed = listed.replace('\n', " ");
    let listed: Vec<String> = listed
        .trim()
        .trim_end_matches('.')
        .split(", ")
        .map(|code| code.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let page = &pages()["docs/errors.md"];
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(headings, listed);
}

/// Messages that docs/errors.md explains are in the program; those with a number or a name in them by their words.
#[test]
fn no_explained_message_is_made_up() {
    let sources: String = {
        let mut folders = vec![root().join("src")];
        let mut text = String::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("folder") {
                let path = entry.expect("entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    text.push_str(&fs::read_to_string(path).expect("source"));
                }
            }
        }
        text
    };
    for words in [
        "the inventory was changed after it was locked",
        "no lock",
        "exists with other contents: give this one another version",
        "the registry has no such image",
        "it changed at its source, or the digest was written down wrongly",
        "which the server does not give out any more",
        "wrong passphrase, or a damaged key",
        "a private key where a public key belongs",
        "is served by another process",
        "not signed",
        "does not fit: the list or the signature was changed",
        "is in the folder and not in SHA256SUMS",
        "not a bundle, or not all of it was copied",
        "is damaged where it is kept",
        "refs have other history inside than in the bundle",
        "tags inside point to something else",
        "the registry refuses an index whose other platforms are not carried",
        "the server lacks",
        "inside names are wanted by more than one source",
        "no certificate in it (PEM)",
        "found in Chart.yaml, but missing in charts/",
        "is no name of a release",
        "is not a version of Kubernetes",
        "give the values: --values or --set",
        "renders to no sound YAML",
        "is no sound chart",
        "values files are named relative to the inventory's folder",
        "changed after the inventory was locked",
        "there are several locks in this folder",
        "nothing in the lock is called",
    ] {
        assert!(pages()["docs/errors.md"].contains(words), "docs/errors.md lacks {words:?}");
        assert!(sources.contains(words), "no source says {words:?}");
    }
}
