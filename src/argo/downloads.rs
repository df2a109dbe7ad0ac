//! Files that pods download when they start: URLs in commands, arguments, variables and scripts.
//!
//! Most URLs in documents are endpoints, not files. So a URL counts only by what stands around it (`curl -O`, `kubectl apply
//! -f`) together with how it looks (`….tar.gz`, `/releases/download/`); what has only one of both is a candidate.

use std::collections::BTreeMap;

use crate::argo::RemoteFile;
use crate::argo::reference::is_template;
use crate::argo::script::{self, Word};
use crate::argo::walk::{At, Walk, shown};
use crate::artifact::HttpUrl;

/// Ends of names of archives, programs and packages.
const ARCHIVES: [&str; 25] = [
    ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst", ".tar", ".zip", ".gz", ".xz", ".bz2",
    ".zst", ".jar", ".war", ".so", ".deb", ".rpm", ".apk", ".whl", ".wasm", ".exe", ".bin", ".gem",
    ".vsix", ".onnx", ".gguf",
];
/// Ends of names of documents, which may also be answers of a service.
const DOCUMENTS: [&str; 13] = [
    ".yaml",
    ".yml",
    ".json",
    ".sh",
    ".py",
    ".sql",
    ".crt",
    ".pem",
    ".txt",
    ".sha256",
    ".sha256sum",
    ".asc",
    ".sig",
];
/// Hosts that serve files only.
const FILE_HOSTS: [&str; 5] = [
    "raw.githubusercontent.com",
    "dl.k8s.io",
    "get.helm.sh",
    "gist.githubusercontent.com",
    "objects.githubusercontent.com",
];

/// How a URL looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    /// Inside of the cluster or the pod.
    Inner,
    /// Nothing says that it is a file.
    Endpoint,
    /// A document.
    Document,
    /// An archive or a program.
    Archive,
}

/// Reads what one mapping makes a pod download.
pub(super) fn mapping(walk: &mut Walk<'_>, at: &At<'_>) {
    if at.quiet {
        return;
    }
    if at.is_container {
        container(walk, at);
    } else if at.in_argo {
        argo(walk, at);
    }
}

/// Argo's own ways: artifacts by HTTP, triggers from a URL, Kargo's download step.
fn argo(walk: &mut Walk<'_>, at: &At<'_>) {
    let artifact = at.key() == "artifacts" && !at.field.contains("outputs.");
    let places = [
        (artifact, &["http", "url"][..]),
        (at.key() == "source", &["url", "path"]),
        (at.node.text_at(&["uses"]) == Some("http-download"), &["config", "url"]),
    ];
    for (here, path) in places {
        let Some(found) = at.at(path).filter(|_| here) else { continue };
        let Some(text) = found.node.text() else { continue };
        if look(text) > Look::Inner {
            whole(walk, &found, text, true, true);
        }
    }
}

fn container(walk: &mut Walk<'_>, at: &At<'_>) {
    let mut variables = BTreeMap::new();
    for variable in at.list("env") {
        let name = variable.node.text_at(&["name"]).unwrap_or_default().to_owned();
        let Some(value) = variable.get("value") else { continue };
        let Some(text) = value.node.text() else { continue };
        if text.contains('\n') {
            commands(walk, &value, text, &BTreeMap::new());
        } else if text.starts_with("http") {
            let sure = look(text) == Look::Archive;
            whole(walk, &value, text, sure, look(text) >= Look::Document);
        }
        variables.insert(name, vec![text.to_owned()]);
    }
    let items: Vec<At<'_>> = at.list("command").into_iter().chain(at.list("args")).collect();
    let mut words = Vec::new();
    for item in &items {
        let Some(text) = item.node.text() else { continue };
        if text.contains(char::is_whitespace) {
            commands(walk, item, text, &variables);
        } else {
            for value in script::expand(text, &variables) {
                words.push((item, value));
            }
        }
    }
    program(walk, &words);
    if let Some(source) = at.get("source")
        && let Some(text) = source.node.text()
    {
        commands(walk, &source, text, &variables);
    }
}

/// Reads a program that is started without a shell.
fn program(walk: &mut Walk<'_>, words: &[(&At<'_>, String)]) {
    let texts: Vec<&str> = words.iter().map(|(_, text)| text.as_str()).collect();
    for (index, (at, text)) in words.iter().enumerate() {
        if let Some(sure) = verdict(&texts, index) {
            whole(walk, at, url_of(text), sure, true);
        }
    }
}

/// Reads the commands of a shell script.
fn commands(walk: &mut Walk<'_>, at: &At<'_>, text: &str, outer: &BTreeMap<String, Vec<String>>) {
    let lines = text.trim_end().contains('\n');
    for command in script::commands(text, outer) {
        let at = if lines { at.lower(command.line) } else { at.clone() };
        let words: Vec<&Word> = command.words.iter().collect();
        for index in 0..words.len() {
            for value in &words[index].values {
                let mut texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
                texts[index] = value;
                let Some(sure) = verdict(&texts, index) else { continue };
                let url = url_of(value);
                if url.contains('$') {
                    if sure {
                        let what = format!("download {} put together in a script", shown(url));
                        walk.opaque(&at, what, SCRIPT);
                    }
                    continue;
                }
                whole(walk, &at, url, sure, true);
            }
        }
    }
}

/// Whether the word at an index is a URL that is downloaded: surely, perhaps (`Some(false)`), or not at all.
fn verdict(words: &[&str], index: usize) -> Option<bool> {
    let word = words.get(index)?;
    let url = url_of(word);
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return None;
    }
    let look = look(url);
    if look == Look::Inner {
        return None;
    }
    let program = words.iter().find(|word| !word.contains('=') && !PREFIXES.contains(word));
    let program = program.map(|word| word.rsplit('/').next().unwrap_or(word)).unwrap_or_default();
    let before = index.checked_sub(1).and_then(|at| words.get(at)).copied().unwrap_or_default();
    let flag = word.split_once("=http").map_or(before, |(flag, _)| flag);
    match program {
        "curl" | "wget" | "aria2c" => {
            let sends =
                ["-X", "-d", "--data", "--request", "--data-raw", "--data-binary", "-F", "--form"];
            if words.iter().any(|word| sends.iter().any(|send| word.starts_with(send))) {
                return None;
            }
            let option = ["-H", "--header", "-x", "--proxy", "-e", "--referer"].contains(&before);
            if option {
                return None;
            }
            Some(look > Look::Endpoint)
        }
        "kubectl" | "oc" => ["-f", "--filename", "-k"].contains(&flag).then_some(true),
        "helm" | "pip" | "pip3" | "tar" | "python" | "python3" | "rpm" | "dpkg" => {
            (look > Look::Endpoint).then_some(look == Look::Archive)
        }
        "git" => None,
        _ if word.starts_with("http") => {
            let named = ["-f", "--filename"].contains(&flag);
            let option = flag.starts_with('-') && !named;
            match look {
                Look::Archive => Some(true),
                Look::Document => Some(named || (!option && !url.ends_with(".json"))),
                _ => None,
            }
        }
        _ => (look == Look::Archive).then_some(true).or((look == Look::Document).then_some(false)),
    }
}

/// Words before the program's own name.
const PREFIXES: [&str; 14] = [
    "sudo", "if", "then", "else", "while", "until", "do", "!", "exec", "time", "env", "sh", "-c",
    "timeout",
];

/// The URL of a word: the whole word, or what follows `--flag=`.
fn url_of(word: &str) -> &str {
    let word = match word.split_once('=') {
        Some((flag, value)) if value.starts_with("http") && !flag.contains("://") => value,
        _ => word,
    };
    word.trim_matches(['"', '\'', ',', ')', '('])
}

fn whole(walk: &mut Walk<'_>, at: &At<'_>, text: &str, sure: bool, likely: bool) {
    if is_template(text) || look(text) == Look::Inner || !(sure || likely) {
        return;
    }
    if let Ok(url) = HttpUrl::parse(text) {
        push(walk, at, url, sure);
    }
}

fn push(walk: &mut Walk<'_>, at: &At<'_>, url: HttpUrl, sure: bool) {
    let found = walk.found(at, RemoteFile { url, digest: None });
    if sure {
        walk.findings.files.push(found);
    } else {
        walk.findings.file_candidates.push(found);
    }
}

fn look(url: &str) -> Look {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return Look::Inner };
    let (host, path) = rest.split_once(['/', '?', '#']).unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or(host).to_ascii_lowercase();
    let name = host.split(':').next().unwrap_or("");
    if is_inner(name) {
        return Look::Inner;
    }
    let path = path.split(['?', '#']).next().unwrap_or("").to_ascii_lowercase();
    let last = path.rsplit('/').next().unwrap_or("");
    if ARCHIVES.iter().any(|end| last.ends_with(end))
        || path.contains("releases/download/")
        || ["dl.k8s.io", "get.helm.sh"].contains(&name)
    {
        Look::Archive
    } else if path.contains(".well-known/") || last.is_empty() {
        Look::Endpoint
    } else if DOCUMENTS.iter().any(|end| last.ends_with(end)) || FILE_HOSTS.contains(&name) {
        Look::Document
    } else {
        Look::Endpoint
    }
}

/// Whether a host is of the pod, the cluster or the machine room. A name that is put in later is not.
fn is_inner(name: &str) -> bool {
    let numbers: Vec<u8> = name.split('.').filter_map(|part| part.parse().ok()).collect();
    if let [first, second, _, _] = numbers[..] {
        return matches!((first, second), (0 | 10 | 127, _) | (192, 168) | (169, 254))
            || (first == 172 && (16..32).contains(&second));
    }
    if name.contains('$') {
        return false;
    }
    !name.contains('.')
        || [".svc", ".local", ".localhost", ".internal"].iter().any(|end| name.ends_with(end))
        || name.contains(".svc.")
}

const SCRIPT: &str = "list the files that it downloads in the inventory's files";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_by_their_looks() {
        for (url, want) in [
            ("https://github.com/a/b/releases/download/v1/c_checksums.txt", Look::Archive),
            ("https://x.io/a.tar.gz?y=z", Look::Archive),
            ("https://dl.k8s.io/v1.30.0/bin/linux/amd64/kubectl", Look::Archive),
            ("https://x.io/crds/a.yaml", Look::Document),
            ("https://x.io/.well-known/openid-configuration.json", Look::Endpoint),
            ("https://issuer.x.io/", Look::Endpoint),
            ("https://x.io", Look::Endpoint),
            ("http://web.default.svc:80/a.yaml", Look::Inner),
            ("http://web.default.svc.cluster.local/a.yaml", Look::Inner),
            ("http://localhost:8080/a.tgz", Look::Inner),
            ("http://10.1.2.3/a.tgz", Look::Inner),
            ("ftp://x.io/a.tgz", Look::Inner),
        ] {
            assert_eq!(look(url), want, "{url}");
        }
    }

    #[test]
    fn what_stands_around_a_url_decides() {
        let judged = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            (0..words.len()).find_map(|index| verdict(&words, index))
        };
        for (line, want) in [
            ("kubectl apply --server-side -f https://x.io/a.yaml", Some(true)),
            ("kubectl apply --filename=https://x.io/a", Some(true)),
            ("kubectl --server https://api.x.io:6443 get pods", None),
            ("curl -sSLO https://x.io/a.tgz", Some(true)),
            ("curl -fsS https://x.io/health", Some(false)),
            ("curl -X POST https://hooks.x.io/a.json", None),
            ("curl https://kubernetes.default.svc/api", None),
            ("/app/run --plugin=https://x.io/p.so", Some(true)),
            ("/app/run --issuer=https://login.x.io/realms/a", None),
            ("/app/run --jwks=https://login.x.io/keys.json", Some(false)),
            ("/app/run https://x.io/a.yaml", Some(true)),
            ("git clone https://x.io/a.git", None),
            ("sh -c curl", None),
        ] {
            assert_eq!(judged(line), want, "{line}");
        }
    }
}
