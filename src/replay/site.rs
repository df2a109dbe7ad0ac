//! The site file: where the isolated side's registry and git server are, and what a replay may do there.
//!
//! Written by the people inside, never carried. It names files and variables that hold credentials, and holds none itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use url::Url;

use crate::artifact::Repository;
use crate::inventory::{At, Keys, Problem, Problems, Reader, parse_yaml};
use crate::net;
use crate::yaml::Value;

const ROOT: Keys = Keys { required: &["haversack"], optional: &["registry", "git"] };
const REGISTRY: Keys = Keys {
    required: &["url"],
    optional: &["prefix", "caFile", "credentials", "allowTagMoves", "sparseIndex"],
};
const GIT: Keys = Keys {
    required: &["url"],
    optional: &["kind", "caFile", "credentials", "owners", "repos", "allowDiverged"],
};
const CREDENTIALS: Keys =
    Keys { required: &[], optional: &["user", "passwordFile", "passwordEnv", "dockerConfig"] };

/// The isolated side, checked.
#[derive(Clone, Debug)]
pub struct Site {
    /// The registry, if there is one.
    pub registry: Option<RegistrySite>,
    /// The git server, if there is one.
    pub git: Option<GitSite>,
}

/// The site's registry.
#[derive(Clone, Debug)]
pub struct RegistrySite {
    /// As written.
    pub url: String,
    /// Host, with port.
    pub host: String,
    /// Whether it speaks plain HTTP.
    pub plain: bool,
    /// First part of every inside name; may be empty.
    pub prefix: String,
    /// Its certificate authority, PEM.
    pub ca_file: Option<PathBuf>,
    /// How to log in.
    pub credentials: Credentials,
    /// Whether tags that name something else may be moved; yes, unless the site file says no. The plan shows each.
    pub allow_tag_moves: bool,
    /// What to do when it refuses an index whose other platforms are not carried.
    pub sparse_index: SparseIndex,
}

/// What to do when a registry refuses an index of which some platforms are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SparseIndex {
    /// Let the tags name the one platform that is carried, and say so.
    Platform,
    /// Stop.
    Refuse,
}

/// The site's git server.
#[derive(Clone, Debug)]
pub struct GitSite {
    /// Base URL; repositories are `URL/OWNER/REPO.git`.
    pub url: String,
    /// Host, with port.
    pub host: String,
    /// Whether it speaks plain HTTP.
    pub plain: bool,
    /// How repositories come to be.
    pub kind: GitKind,
    /// Its certificate authority, PEM.
    pub ca_file: Option<PathBuf>,
    /// How to log in.
    pub credentials: Credentials,
    /// Owner outside → owner inside.
    pub owners: BTreeMap<String, String>,
    /// URL outside → `owner/repo` inside.
    pub repos: BTreeMap<String, String>,
    /// Whether refs with other history may be overwritten.
    pub allow_diverged: bool,
}

/// How repositories come to be on a git server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitKind {
    /// By the first push.
    Plain,
    /// By the API of Gitea or Forgejo.
    Gitea,
}

/// Where credentials are. Never the credentials.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// There are none.
    None,
    /// A user, and a file that holds the password or token.
    File {
        /// User name.
        user: String,
        /// The file.
        path: PathBuf,
    },
    /// A user, and an environment variable that holds the password or token.
    Variable {
        /// User name.
        user: String,
        /// Name of the variable.
        variable: String,
    },
    /// A docker config file; `None` means the user's own.
    DockerConfig(Option<PathBuf>),
}

impl Site {
    /// Reads and checks a site file; all problems come back at once.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Problems> {
        let root = parse_yaml(file, bytes).map_err(|problem| Problems(vec![problem]))?;
        let at = At { node: &root, field: String::new() };
        let mut r = Reader { file, problems: Vec::new() };
        let mut site = Self { registry: None, git: None };
        if r.mapping(&at, &ROOT) {
            if let Some(at) = at.get("haversack")
                && at.node.value != Value::Integer(1)
            {
                r.add(&at, "must be 1, the format that this haversack reads", None);
            }
            site.registry = at.get("registry").and_then(|at| registry(&mut r, &at));
            site.git = at.get("git").and_then(|at| git(&mut r, &at));
            if at.get("registry").is_none() && at.get("git").is_none() {
                r.add(&at, "names no server", Some("give registry, git, or both".to_owned()));
            }
            // Plain HTTP is allowed by host: a host that is plain for one would be plain for both.
            if let (Some(registry), Some(git)) = (&site.registry, &site.git)
                && registry.host == git.host
                && registry.plain != git.plain
            {
                let hint = "write both with https, or give one of them a port of its own";
                let message = "registry and git name one host, one with https and one without";
                r.add(&at, message, Some(hint.to_owned()));
            }
        }
        let mut problems: Vec<Problem> = r.problems;
        problems.sort_by_key(|problem| (problem.line, problem.column));
        if problems.is_empty() { Ok(site) } else { Err(Problems(problems)) }
    }

    /// Takes relative paths as meant from a folder.
    pub fn rebase(&mut self, folder: &Path) {
        let registry = self.registry.iter_mut().map(|r| (&mut r.ca_file, &mut r.credentials));
        let git = self.git.iter_mut().map(|g| (&mut g.ca_file, &mut g.credentials));
        for (ca_file, credentials) in registry.chain(git) {
            if let Some(path) = ca_file {
                *path = folder.join(&*path);
            }
            match credentials {
                Credentials::File { path, .. } | Credentials::DockerConfig(Some(path)) => {
                    *path = folder.join(&*path);
                }
                _ => {}
            }
        }
    }

    /// The hosts that may be talked to: name, whether plain, certificate authority.
    pub fn hosts(&self) -> Vec<(String, bool, Option<PathBuf>)> {
        let registry = self.registry.iter().map(|r| (r.host.clone(), r.plain, r.ca_file.clone()));
        let git = self.git.iter().map(|g| (g.host.clone(), g.plain, g.ca_file.clone()));
        registry.chain(git).collect()
    }
}

fn registry(r: &mut Reader<'_>, at: &At<'_>) -> Option<RegistrySite> {
    if !r.mapping(at, &REGISTRY) {
        return None;
    }
    let server = at.get("url").and_then(|at| server(r, &at));
    let prefix = at.get("prefix").and_then(|at| r.parse(&at, prefix)).unwrap_or_default();
    let choices = [("platform", SparseIndex::Platform), ("refuse", SparseIndex::Refuse)];
    let sparse_index = choice(r, at, "sparseIndex", &choices).unwrap_or(SparseIndex::Platform);
    let credentials = credentials(r, at);
    let allow_tag_moves = flag(r, at, "allowTagMoves", true);
    let ca_file = at.get("caFile").and_then(|at| r.text(&at).map(PathBuf::from));
    let Server { text, url } = server?;
    if url.path() != "/" {
        let at = at.get("url")?;
        r.add(&at, "a registry has no path", Some("put it under prefix".to_owned()));
    }
    Some(RegistrySite {
        host: net::host_of(&url),
        plain: url.scheme() == "http",
        url: text,
        prefix,
        ca_file,
        credentials,
        allow_tag_moves,
        sparse_index,
    })
}

fn git(r: &mut Reader<'_>, at: &At<'_>) -> Option<GitSite> {
    if !r.mapping(at, &GIT) {
        return None;
    }
    let server = at.get("url").and_then(|at| server(r, &at));
    let choices = [("plain", GitKind::Plain), ("gitea", GitKind::Gitea)];
    let kind = choice(r, at, "kind", &choices).unwrap_or(GitKind::Plain);
    let credentials = credentials(r, at);
    if let (Credentials::DockerConfig(_), Some(at)) = (&credentials, at.get("credentials")) {
        r.add(
            &at,
            "a docker config holds no login for git",
            Some("give user and passwordFile".to_owned()),
        );
    }
    if kind == GitKind::Gitea
        && at.get("credentials").is_none()
        && let Some(at) = at.get("kind")
    {
        let hint = "give user, and passwordFile or passwordEnv with an access token".to_owned();
        r.add(&at, "a gitea needs credentials", Some(hint));
    }
    let allow_diverged = flag(r, at, "allowDiverged", false);
    let owners = r.texts(at, "owners");
    let repos = r.texts(at, "repos");
    for inside in repos.values() {
        let parts: Vec<&str> = inside.split('/').collect();
        if parts.len() != 2 || parts.iter().any(|part| !is_name(part)) {
            let at = at.get("repos")?;
            r.add(&at, format!("{inside:?} is not OWNER/REPO"), None);
        }
    }
    for owner in owners.values().filter(|owner| !is_name(owner)) {
        let at = at.get("owners")?;
        r.add(&at, format!("{owner:?} is not the name of an owner"), None);
    }
    let ca_file = at.get("caFile").and_then(|at| r.text(&at).map(PathBuf::from));
    let Server { text, url } = server?;
    Some(GitSite {
        host: net::host_of(&url),
        plain: url.scheme() == "http",
        url: text.trim_end_matches('/').to_owned(),
        kind,
        ca_file,
        credentials,
        owners,
        repos,
        allow_diverged,
    })
}

struct Server {
    text: String,
    url: Url,
}

fn server(r: &mut Reader<'_>, at: &At<'_>) -> Option<Server> {
    let text = r.text(at)?.to_owned();
    let url = Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = url else {
        r.add(at, "must be an http:// or https:// URL", None);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        r.add(at, "holds credentials", Some("name a file under credentials instead".to_owned()));
        return None;
    }
    if url.query().is_some() || url.fragment().is_some() {
        r.add(at, "must end after the path", None);
        return None;
    }
    Some(Server { text, url })
}

fn prefix(text: &str) -> Result<String, String> {
    let text = text.trim_matches('/');
    match Repository::new("registry", text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) if text.is_empty() => Ok(String::new()),
        Err(_) => Err(format!("{text:?} is not the beginning of a repository name")),
    }
}

fn credentials(r: &mut Reader<'_>, parent: &At<'_>) -> Credentials {
    let Some(at) = parent.get("credentials") else { return Credentials::None };
    if !r.mapping(&at, &CREDENTIALS) {
        return Credentials::None;
    }
    let mut text = |key: &str| at.get(key).and_then(|at| r.text(&at).map(str::to_owned));
    let (user, file, variable) = (text("user"), text("passwordFile"), text("passwordEnv"));
    let config = text("dockerConfig");
    match (user, file, variable, config) {
        (Some(user), Some(path), None, None) => Credentials::File { user, path: path.into() },
        (Some(user), None, Some(variable), None) => Credentials::Variable { user, variable },
        (None, None, None, Some(path)) => {
            Credentials::DockerConfig((path != "default").then(|| path.into()))
        }
        _ => {
            let hint = "give user and passwordFile, or user and passwordEnv, or dockerConfig alone";
            r.add(&at, "does not say where the credentials are", Some(hint.to_owned()));
            Credentials::None
        }
    }
}

fn flag(r: &mut Reader<'_>, parent: &At<'_>, key: &str, absent: bool) -> bool {
    let Some(at) = parent.get(key) else { return absent };
    if let Value::Bool(value) = at.node.value {
        return value;
    }
    r.add(&at, format!("must be true or false, not {}", at.node.kind()), None);
    false
}

fn choice<T: Copy>(
    r: &mut Reader<'_>,
    parent: &At<'_>,
    key: &str,
    choices: &[(&str, T)],
) -> Option<T> {
    let at = parent.get(key)?;
    let text = r.text(&at)?;
    let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        r.add(&at, format!("must be one of {}", words.join(", ")), None);
    }
    found
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(['.', '-'])
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_whole_site() {
        let text = "haversack: 1\nregistry:\n  url: https://registry.inside:5000\n  prefix: mirror\n  caFile: ca.pem\n  \
                    credentials: { user: u, passwordFile: secret/p }\ngit:\n  url: http://git.inside/\n  kind: gitea\n  \
                    credentials: { user: u, passwordEnv: TOKEN }\n  \
                    owners: { acme: platform }\n  repos: { \"https://x/a/b.git\": c/d }\n  allowDiverged: true\n";
        let mut site = Site::parse("site.yaml", text.as_bytes()).expect("sound");
        site.rebase(Path::new("/etc/haversack"));
        let registry = site.registry.as_ref().expect("registry");
        assert_eq!((registry.host.as_str(), registry.plain), ("registry.inside:5000", false));
        assert_eq!(registry.ca_file.as_deref(), Some(Path::new("/etc/haversack/ca.pem")));
        assert!(
            matches!(&registry.credentials, Credentials::File { user, path } if user == "u" && path.ends_with("secret/p"))
        );
        let git = site.git.as_ref().expect("git");
        assert_eq!(
            (git.kind, git.allow_diverged, git.url.as_str()),
            (GitKind::Gitea, true, "http://git.inside")
        );
    }

    #[test]
    fn all_problems_at_once() {
        let text = "haversack: 2\nregistry:\n  url: https://u:p@r/x\n  prefix: A\n  sparseIndex: no\ngit:\n  urll: x\n  \
                    allowDiverged: maybe\n  credentials: { user: x }\n";
        let problems = Site::parse("site.yaml", text.as_bytes()).expect_err("unsound");
        let lines: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 8, "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("did you mean \"url\"?")), "{lines:#?}");
        assert!(!lines.iter().any(|line| line.contains("u:p")), "{lines:#?}");
    }
    #[test]
    fn one_host_is_not_both_plain_and_not() {
        let site = |registry: &str, git: &str| {
            let text =
                format!("haversack: 1\nregistry: {{url: {registry}}}\ngit: {{url: {git}}}\n");
            Site::parse("site.yaml", text.as_bytes()).is_ok()
        };
        assert!(!site("\"https://in\"", "\"http://in\""));
        assert!(!site("\"http://in:5000\"", "\"https://in:5000\""));
        assert!(site("\"https://in\"", "\"http://in:3000\""));
        assert!(site("\"https://in\"", "\"https://in/git\""));
    }

    #[test]
    fn a_gitea_needs_a_token() {
        let text = "haversack: 1\ngit:\n  url: https://git.inside\n  kind: gitea\n";
        let problems = Site::parse("site.yaml", text.as_bytes()).expect_err("unsound").to_string();
        assert!(
            problems.starts_with("site.yaml:4:9: git.kind: a gitea needs credentials"),
            "{problems}"
        );
    }
}
