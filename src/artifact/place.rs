//! Where things come from: URLs of files, git repositories and chart repositories, proven before anything is asked.
//!
//! Dangerous forms that git or a URL library would take (`ext::`, `file://`, local paths, hosts and paths that begin with
//! `-`) never become one of these values, and neither do credentials. Errors do not repeat the text, because it may hold a secret.

use std::fmt;

use serde::Serialize;
use thiserror::Error;
use url::Url;

use super::image_ref::Repository;

/// Longest URL that is taken.
const LENGTH_MAX: usize = 4096;

/// Names of query parameters that carry secrets.
const SECRET_PARAMETERS: [&str; 12] = [
    "token",
    "access_token",
    "private_token",
    "job_token",
    "auth",
    "password",
    "passwd",
    "secret",
    "sig",
    "signature",
    "x-amz-signature",
    "x-goog-signature",
];

/// Why a text is no place to fetch from.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlaceError {
    /// Empty, too long, or with spaces or control characters.
    #[error("not a URL")]
    Malformed,
    /// It holds a user name, a password or a token.
    #[error("the URL holds credentials")]
    Credentials,
    /// A path on this machine.
    #[error("a local path is not a place that can be fetched again elsewhere")]
    Local,
    /// Another scheme. The second field says which ones are known.
    #[error("scheme {0:?} is not one of {1}")]
    Scheme(String, &'static str),
    /// The host is missing or malformed.
    #[error("the URL has no sound host")]
    Host,
    /// The path is missing, or would be taken for an option.
    #[error("the URL has no sound path")]
    Path,
    /// A `?query` or a `#fragment` where none belongs.
    #[error("a '?' or '#' does not belong into this URL")]
    Query,
}

/// An `http://` or `https://` URL without credentials, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct HttpUrl(String);

impl HttpUrl {
    /// Reads a URL.
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        check_http(text, "http, https").map(|_| Self(text.to_owned()))
    }

    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Resolves a reference that stands in a document at this folder: the last part of the path is a folder even
    /// without a final slash, as chart repositories mean it.
    pub fn join(&self, reference: &str) -> Result<Self, PlaceError> {
        let mut base = Url::parse(&self.0).map_err(|_| PlaceError::Malformed)?;
        if !base.path().ends_with('/') {
            let folder = format!("{}/", base.path());
            base.set_path(&folder);
        }
        let whole = base.join(reference).map_err(|_| PlaceError::Malformed)?;
        Self::parse(whole.as_str())
    }
}

/// The URL of a git repository: `https://`, `http://`, `ssh://` or `user@host:path`, as it was written.
///
/// A user name is allowed for ssh only, where it names the service (`git@`), not a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct GitUrl(String);

impl GitUrl {
    /// Reads a URL.
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        const SCHEMES: &str = "https, http, ssh, user@host:path";
        plain(text)?;
        match text.split_once("://") {
            Some(("ssh", rest)) => check_ssh(rest)?,
            Some(("http" | "https", _)) => {
                let url = check_http(text, SCHEMES)?;
                if url.query().is_some() || url.fragment().is_some() {
                    return Err(PlaceError::Query);
                }
                if url.path() == "/" {
                    return Err(PlaceError::Path);
                }
            }
            Some(("file", _)) => return Err(PlaceError::Local),
            Some((scheme, _)) => {
                return Err(PlaceError::Scheme(scheme_shown(scheme), SCHEMES));
            }
            None => check_scp(text)?,
        }
        Ok(Self(text.to_owned()))
    }

    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where charts come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChartRepo {
    /// A repository with an `index.yaml`; without a slash at its end.
    Http(HttpUrl),
    /// A registry: each chart is a repository below this path.
    Oci {
        /// Registry, `ghcr.io`.
        host: String,
        /// Path above the charts, `argoproj/argo-helm`; may be empty.
        path: String,
    },
}

impl ChartRepo {
    /// Reads `https://…`, `http://…` or `oci://host/path`.
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        const SCHEMES: &str = "https, http, oci";
        plain(text)?;
        if let Some(rest) = text.strip_prefix("oci://") {
            return Self::oci(rest);
        }
        let url = check_http(text, SCHEMES)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(PlaceError::Query);
        }
        Ok(Self::Http(HttpUrl(text.trim_end_matches('/').to_owned())))
    }

    /// Reads `host/path` without a scheme, as an Argo CD Application writes an OCI chart repository.
    pub fn oci(text: &str) -> Result<Self, PlaceError> {
        plain(text)?;
        let text = text.trim_end_matches('/');
        if text.contains('@') {
            return Err(PlaceError::Credentials);
        }
        let (host, path) = text.split_once('/').unwrap_or((text, ""));
        // The charts' names come below, so an empty path is sound.
        let proof = if path.is_empty() { "chart" } else { path };
        let proven = Repository::new(host, proof).map_err(|_| {
            if Repository::new(host, "chart").is_err() {
                PlaceError::Host
            } else {
                PlaceError::Path
            }
        })?;
        Ok(Self::Oci { host: proven.host().to_owned(), path: path.to_owned() })
    }

    /// The repository of one chart in the registry; `None` for an HTTP repository or a name that fits no registry.
    pub fn repository(&self, chart: &str) -> Option<Repository> {
        match self {
            Self::Http(_) => None,
            Self::Oci { host, path } if path.is_empty() => Repository::new(host, chart).ok(),
            Self::Oci { host, path } => Repository::new(host, &format!("{path}/{chart}")).ok(),
        }
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for ChartRepo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => url.fmt(f),
            Self::Oci { host, path } if path.is_empty() => write!(f, "oci://{host}"),
            Self::Oci { host, path } => write!(f, "oci://{host}/{path}"),
        }
    }
}

/// No spaces, no control characters, no backslash: nothing that two parsers read in two ways.
fn plain(text: &str) -> Result<(), PlaceError> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    if text.is_empty() || text.len() > LENGTH_MAX || text.contains(odd) {
        return Err(PlaceError::Malformed);
    }
    if text.starts_with(['/', '.', '~']) {
        return Err(PlaceError::Local);
    }
    Ok(())
}

/// A scheme worth showing; anything else before `://` may be part of a secret.
fn scheme_shown(scheme: &str) -> String {
    let sound = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.:".contains(&b));
    if sound && scheme.len() <= 16 { scheme.to_owned() } else { "…".to_owned() }
}

fn check_http(text: &str, schemes: &'static str) -> Result<Url, PlaceError> {
    plain(text)?;
    match text.split_once("://") {
        // The URL standard would read `https:///x` as host `x`; no person means that.
        Some(("http" | "https", rest)) if rest.starts_with('/') => return Err(PlaceError::Host),
        Some(("http" | "https", _)) => {}
        Some(("file", _)) => return Err(PlaceError::Local),
        Some((scheme, _)) => return Err(PlaceError::Scheme(scheme_shown(scheme), schemes)),
        None => return Err(PlaceError::Malformed),
    }
    let url = Url::parse(text).map_err(|_| PlaceError::Host)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(PlaceError::Credentials);
    }
    let secret = |name: &str| SECRET_PARAMETERS.iter().any(|s| name.eq_ignore_ascii_case(s));
    if url.query_pairs().any(|(name, _)| secret(&name)) {
        return Err(PlaceError::Credentials);
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(PlaceError::Host);
    }
    Ok(url)
}

/// `[user@]host[:port]/path`.
fn check_ssh(rest: &str) -> Result<(), PlaceError> {
    let (authority, path) = rest.split_once('/').ok_or(PlaceError::Path)?;
    let host = check_user(authority)?;
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    // `Repository` knows what a host with a port looks like.
    if name.starts_with('-') || Repository::new(host, "x").is_err() {
        return Err(PlaceError::Host);
    }
    check_git_path(path)
}

/// `[user@]host:path`.
fn check_scp(text: &str) -> Result<(), PlaceError> {
    let (authority, path) = text.split_once(':').ok_or(PlaceError::Local)?;
    if authority.contains('/') {
        return Err(PlaceError::Local);
    }
    let host = check_user(authority)?;
    // `ext::sh` and its kin are git's remote helpers: they run programs.
    if path.starts_with(':') {
        return Err(PlaceError::Scheme(scheme_shown(host), "https, http, ssh, user@host:path"));
    }
    // A single letter is a drive of Windows.
    if host.len() < 2 || Repository::new(host, "x").is_err() {
        return Err(PlaceError::Host);
    }
    check_git_path(path.trim_start_matches('/'))
}

/// Takes the user off; a password is refused.
fn check_user(authority: &str) -> Result<&str, PlaceError> {
    let Some((user, host)) = authority.rsplit_once('@') else { return Ok(authority) };
    let sound = user.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if user.is_empty() || user.starts_with('-') || !sound {
        return Err(PlaceError::Credentials);
    }
    Ok(host)
}

fn check_git_path(path: &str) -> Result<(), PlaceError> {
    if path.contains('@') && path.contains(':') {
        return Err(PlaceError::Credentials);
    }
    if path.is_empty() || path.starts_with('-') {
        return Err(PlaceError::Path);
    }
    if path.contains(['?', '#']) {
        return Err(PlaceError::Query);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_four_forms_of_git_urls() {
        for good in [
            "https://git.example.com/acme/platform.git",
            "http://127.0.0.1:5001/git/platform.git",
            "ssh://git@git.example.com:2222/acme/platform.git",
            "git@github.com:acme/platform.git",
            "git.example.com:acme/platform",
        ] {
            assert_eq!(GitUrl::parse(good).map(|u| u.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn refuses_dangerous_git_urls_and_says_why() {
        let scheme = |s: &str| PlaceError::Scheme(s.to_owned(), "https, http, ssh, user@host:path");
        for (bad, why) in [
            ("", PlaceError::Malformed),
            ("https://h/a b", PlaceError::Malformed),
            ("https://h/a\n", PlaceError::Malformed),
            ("C:\\repo", PlaceError::Malformed),
            ("C:/repo", PlaceError::Host),
            ("/srv/git/x.git", PlaceError::Local),
            ("../x", PlaceError::Local),
            ("folder/x", PlaceError::Local),
            ("file:///srv/x.git", PlaceError::Local),
            ("ext::sh", scheme("ext")),
            ("git://h/x", scheme("git")),
            ("s3://bucket/x", scheme("s3")),
            ("https://user@h/x", PlaceError::Credentials),
            ("https://user:pw@h/x", PlaceError::Credentials),
            ("ssh://git:pw@h/x", PlaceError::Credentials),
            ("https://h/x?private_token=abc", PlaceError::Credentials),
            ("ssh://-oProxyCommand=x/y", PlaceError::Host),
            ("-oProxyCommand=x:y", PlaceError::Host),
            ("git@h.example:-x", PlaceError::Path),
            ("https:///x/y", PlaceError::Host),
            ("https://h", PlaceError::Path),
            ("https://h/x#main", PlaceError::Query),
        ] {
            assert_eq!(GitUrl::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn reads_chart_repositories() {
        let shown = |text: &str| ChartRepo::parse(text).map(|r| r.to_string());
        assert_eq!(shown("https://h/charts/"), Ok("https://h/charts".to_owned()));
        assert_eq!(shown("oci://GHCR.io/argoproj"), Ok("oci://ghcr.io/argoproj".to_owned()));
        assert_eq!(shown("oci://127.0.0.1:5001"), Ok("oci://127.0.0.1:5001".to_owned()));
        assert_eq!(shown("oci://h/UPPER"), Err(PlaceError::Path));
        assert_eq!(shown("oci://u:p@h/x"), Err(PlaceError::Credentials));
        assert_eq!(shown("./charts"), Err(PlaceError::Local));
        assert!(shown("https://h/index.yaml?x=1").is_err() && shown("ghcr.io/x").is_err());
        let repo = ChartRepo::parse("oci://ghcr.io/a").expect("sound");
        assert_eq!(repo.repository("b").map(|r| r.to_string()), Some("ghcr.io/a/b".to_owned()));
    }

    #[test]
    fn joins_references_to_folders() {
        let base = HttpUrl::parse("https://h.example/charts").expect("sound");
        for (reference, whole) in [
            ("x-1.tgz", Some("https://h.example/charts/x-1.tgz")),
            ("../x-1.tgz", Some("https://h.example/x-1.tgz")),
            ("/x-1.tgz", Some("https://h.example/x-1.tgz")),
            ("https://cdn.example/x.tgz", Some("https://cdn.example/x.tgz")),
            ("file:///etc/passwd", None),
            ("https://u:p@cdn.example/x.tgz", None),
        ] {
            assert_eq!(base.join(reference).ok().as_ref().map(HttpUrl::as_str), whole);
        }
    }
}
