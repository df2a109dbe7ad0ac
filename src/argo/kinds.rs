//! The table of known fields: which fields of which custom resources and configuration files hold images.
//!
//! The table is `kinds.yaml`, a part of the program; this file reads it and applies it to one document.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::argo::reference::{self, is_template};
use crate::argo::walk::{At, Walk, join, shown};
use crate::argo::{Found, RemoteFile, facts};
use crate::artifact::{Digest, HttpUrl, ImageRef};
use crate::yaml::Node;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("kinds.yaml")));

/// What `kinds.yaml` says.
#[derive(Default)]
struct Table {
    kinds: BTreeMap<(String, String), Row>,
    configs: Vec<Config>,
    flags: BTreeSet<String>,
    annotations: BTreeSet<String>,
}

/// Fields of one kind.
#[derive(Default)]
struct Row {
    images: Vec<String>,
    pairs: Vec<(String, String)>,
    repositories: Vec<String>,
}

/// Fields of one text of a ConfigMap.
#[derive(Default)]
struct Config {
    key: String,
    name: String,
    images: Vec<String>,
    keys: Vec<String>,
    choices: Vec<Choice>,
    downloads: Vec<Download>,
}

/// A list of versions, each with images, of which another object chooses one.
struct Choice {
    of: String,
    list: String,
    name: String,
    images: Vec<String>,
}

/// A list of files that a program downloads when it starts.
struct Download {
    list: String,
    url: String,
    sha256: String,
}

impl Table {
    /// Reads the table. It is a part of the program: a test proves that all of it is understood.
    fn parse(text: &str) -> Self {
        let Ok(node) = Node::parse(text) else { return Self::default() };
        let mut table = Self::default();
        for group in list(&node, "kinds") {
            for row in list(group, "rows") {
                let key = (word(group, "group"), word(row, "kind"));
                table.kinds.insert(key, Row::read(row));
            }
        }
        table.configs = list(&node, "configs").iter().map(Config::read).collect();
        table.flags = list(&node, "flags").iter().map(|flag| word(flag, "name")).collect();
        table.annotations =
            list(&node, "annotations").iter().map(|mark| word(mark, "name")).collect();
        table
    }
}

impl Row {
    fn read(node: &Node) -> Self {
        let mut images = words(node, "images");
        images.extend(words(node, "packages"));
        let pair = |pair: &Node| {
            let part = |at: usize| pair.items().get(at).and_then(Node::text).map(str::to_owned);
            Some((part(0)?, part(1)?))
        };
        let pairs = list(node, "pairs").iter().filter_map(pair).collect();
        Self { images, pairs, repositories: words(node, "repository") }
    }
}

impl Config {
    fn read(node: &Node) -> Self {
        let choice = |node: &Node| Choice {
            of: word(node, "of"),
            list: word(node, "list"),
            name: word(node, "name"),
            images: words(node, "images"),
        };
        let download = |node: &Node| Download {
            list: word(node, "list"),
            url: word(node, "url"),
            sha256: word(node, "sha256"),
        };
        Self {
            key: word(node, "key"),
            name: word(node, "name"),
            images: words(node, "images"),
            keys: words(node, "keys"),
            choices: list(node, "choices").iter().map(choice).collect(),
            downloads: list(node, "downloads").iter().map(download).collect(),
        }
    }
}

/// Whether a flag without the word in its name takes an image.
pub(super) fn is_image_flag(name: &str) -> bool {
    TABLE.flags.contains(name)
}

/// Whether the value of an annotation is an image.
pub(super) fn is_image_annotation(name: &str) -> bool {
    TABLE.annotations.contains(name)
}

/// Reads the known fields of one object.
pub(super) fn object(walk: &mut Walk<'_>, at: &At<'_>, (version, kind): (&str, &str)) {
    let Some((group, _)) = version.split_once('/') else { return };
    let Some(row) = TABLE.kinds.get(&(group.to_owned(), kind.to_owned())) else { return };
    for path in &row.images {
        for found in select(at, path) {
            field(walk, &found);
        }
    }
    for (name, tag) in &row.pairs {
        pair(walk, at, (name, tag));
    }
    for path in &row.repositories {
        for found in select(at, path) {
            let Some(text) = found.node.text() else { continue };
            walk.opaque(&found, format!("{kind} watches {} for new images", shown(text)), WATCHED);
        }
    }
}

/// Reads one field that the table names.
fn field(walk: &mut Walk<'_>, at: &At<'_>) {
    let Some(text) = at.node.text().filter(|text| !text.is_empty()) else { return };
    // A package may also come from elsewhere than from a registry.
    if ["http://", "https://", "file://"].iter().any(|scheme| text.starts_with(scheme)) {
        return;
    }
    match reference::image(text) {
        Some(image) => {
            if at.in_config {
                facts::image(walk, at, image.clone());
            }
            walk.certain(at, Some(image));
        }
        None if is_template(text) => {
            walk.opaque(at, format!("image {} is filled in later", shown(text)), FILLED_LATER);
        }
        None => {}
    }
}

/// Joins a name and a tag that stand in two fields; both paths go through the same lists.
fn pair(walk: &mut Walk<'_>, at: &At<'_>, (name, tag): (&str, &str)) {
    let common = name.rfind("[].").map_or(0, |end| end + 3);
    let (list, name_rest) = name.split_at(common);
    let tag_rest = tag.strip_prefix(list).unwrap_or(tag);
    for parent in select(at, list.trim_end_matches('.')) {
        for found in select(&parent, name_rest) {
            let Some(base) = found.node.text().filter(|text| !text.is_empty()) else { continue };
            let tags = select(&parent, tag_rest);
            let tag = tags.first().and_then(|at| scalar(at.node)).filter(|tag| !tag.is_empty());
            let Some(tag) = tag else {
                // Without a tag the operator puts one in; with one in its name it is whole.
                if let Some(image) = reference::full(base) {
                    walk.certain(&found, Some(image));
                }
                continue;
            };
            let mark = if tag.starts_with("sha256:") { '@' } else { ':' };
            walk.certain(&found, reference::image(&format!("{base}{mark}{tag}")));
        }
    }
}

/// What a text of a ConfigMap is known for; true when nothing else in it is to be guessed at.
pub(super) fn config(walk: &mut Walk<'_>, root: &At<'_>, (object, key): (&str, &str)) -> bool {
    let mut known = false;
    let rows = TABLE.configs.iter().filter(|row| row.key == key && object.contains(&row.name));
    for row in rows {
        for path in &row.images {
            for found in select(root, path) {
                field(walk, &found);
            }
        }
        for path in &row.keys {
            for map in select(root, path) {
                for (name, _) in map.node.entries() {
                    let found = map.named(join(&map.field, name));
                    walk.certain(&found, reference::likely(name));
                }
            }
        }
        for choice in &row.choices {
            known |= choices(walk, root, choice);
        }
        for download in &row.downloads {
            known |= downloads(walk, root, download);
        }
    }
    known
}

fn choices(walk: &mut Walk<'_>, root: &At<'_>, choice: &Choice) -> bool {
    let lists = select(root, &choice.list);
    for entry in lists.iter().flat_map(At::items) {
        let version = entry.node.get(&choice.name).and_then(scalar).unwrap_or_default();
        let images: Vec<ImageRef> = choice
            .images
            .iter()
            .filter_map(|key| reference::image(entry.node.text_at(&[key])?))
            .collect();
        facts::choice(walk, &entry, (&choice.of, version), images);
    }
    !lists.is_empty()
}

fn downloads(walk: &mut Walk<'_>, root: &At<'_>, download: &Download) -> bool {
    let lists = select(root, &download.list);
    for entry in lists.iter().flat_map(At::items) {
        let Some(at) = entry.get(&download.url) else { continue };
        let Some(url) = at.node.text().and_then(|text| HttpUrl::parse(text).ok()) else { continue };
        let sha256 = entry.node.text_at(&[&download.sha256]);
        let digest = sha256.and_then(|hex| Digest::from_hex(hex.trim()).ok());
        let found: Found<RemoteFile> = walk.found(&at, RemoteFile { url, digest });
        walk.findings.files.push(found);
    }
    !lists.is_empty()
}

/// The nodes that a path leads to.
pub(super) fn select<'n>(at: &At<'n>, path: &str) -> Vec<At<'n>> {
    let mut found = vec![at.clone()];
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let key = part.trim_end_matches("[]").trim_end_matches("{}");
        if !key.is_empty() {
            found = found.iter().filter_map(|at| at.get(key)).collect();
        }
        if part.ends_with("[]") {
            found = found.iter().flat_map(At::items).collect();
        }
        if part.ends_with("{}") {
            let values = |at: &At<'n>| {
                let keys: Vec<&str> = at.node.entries().map(|(key, _)| key).collect();
                keys.into_iter().filter_map(|key| at.get(key)).collect::<Vec<_>>()
            };
            found = found.iter().flat_map(values).collect();
        }
    }
    found
}

/// A text or a whole number as text.
pub(super) fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        crate::yaml::Value::Text(text) => Some(text.clone()),
        crate::yaml::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn list<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}

fn words(node: &Node, key: &str) -> Vec<String> {
    list(node, key).iter().filter_map(Node::text).map(str::to_owned).collect()
}

fn word(node: &Node, key: &str) -> String {
    node.text_at(&[key]).unwrap_or_default().to_owned()
}

const FILLED_LATER: &str = "list the images that it becomes in the inventory";
const WATCHED: &str = "list the versions that shall be there in the inventory's images";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table_is_understood() {
        let node = Node::parse(include_str!("kinds.yaml")).expect("sound YAML");
        let rows: usize = list(&node, "kinds").iter().map(|group| list(group, "rows").len()).sum();
        assert_eq!(TABLE.kinds.len(), rows, "no kind twice");
        for group in list(&node, "kinds") {
            assert!(word(group, "source").starts_with("https://"), "{group:?}");
            for row in list(group, "rows") {
                let known = ["kind", "images", "packages", "pairs", "repository"];
                assert!(row.entries().all(|(key, _)| known.contains(&key)), "{row:?}");
            }
        }
        for (key, row) in &TABLE.kinds {
            let fields = row.images.len() + row.pairs.len() + row.repositories.len();
            assert!(fields > 0, "{key:?}");
        }
        assert_eq!(TABLE.configs.len(), list(&node, "configs").len());
        for config in list(&node, "configs").iter().chain(list(&node, "flags")) {
            assert!(word(config, "source").starts_with("https://"), "{config:?}");
        }
        assert!(!TABLE.flags.is_empty() && !TABLE.annotations.is_empty());
    }
}
