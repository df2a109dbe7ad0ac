//! What a proxy saw: for "the second replay sends questions only" and for counting requests.

use crate::support::wire::Head;

/// What a path of a registry or git server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// `/v2/`.
    Base,
    /// `/v2/<name>/blobs/<digest>`.
    Blob,
    /// `/v2/<name>/blobs/uploads/…`.
    Upload,
    /// `/v2/<name>/manifests/<reference>`.
    Manifest,
    /// `/v2/<name>/tags/list`.
    Tags,
    /// `/v2/<name>/referrers/<digest>`.
    Referrers,
    /// `<repo>/info/refs`.
    GitRefs,
    /// `<repo>/git-upload-pack`: a question, though asked by POST.
    GitFetch,
    /// `<repo>/git-receive-pack`.
    GitPush,
    /// Anything else: tokens, files, APIs.
    Other,
}

impl Kind {
    /// The kind of a path, its query included.
    pub(crate) fn of(path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let v2 = path.starts_with("/v2/");
        match path {
            "/v2" | "/v2/" => Self::Base,
            p if v2 && p.contains("/blobs/uploads") => Self::Upload,
            p if v2 && p.contains("/blobs/") => Self::Blob,
            p if v2 && p.contains("/manifests/") => Self::Manifest,
            p if v2 && p.ends_with("/tags/list") => Self::Tags,
            p if v2 && p.contains("/referrers/") => Self::Referrers,
            p if p.ends_with("/info/refs") => Self::GitRefs,
            p if p.ends_with("/git-upload-pack") => Self::GitFetch,
            p if p.ends_with("/git-receive-pack") => Self::GitPush,
            _ => Self::Other,
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// What the path is for.
    pub(crate) kind: Kind,
    /// Bytes of body that the client sent.
    pub(crate) body_bytes: u64,
    /// All header fields, for the search for leaked credentials.
    pub(crate) headers: Vec<(String, String)>,
    /// A rule had a hand in it.
    pub(crate) faulty: bool,
    /// Status of the answer; 0 when there was none.
    pub(crate) status: u16,
}

impl Seen {
    /// A request as it arrived, not yet answered.
    pub(crate) fn new(head: &Head, body_bytes: u64, faulty: bool) -> Self {
        let path = head.word(1).to_owned();
        Self {
            method: head.word(0).to_owned(),
            kind: Kind::of(&path),
            path,
            body_bytes,
            headers: head.headers.clone(),
            faulty,
            status: 0,
        }
    }

    /// It changes something on the server, or tries to.
    pub(crate) fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD") && self.kind != Kind::GitFetch
    }
}

/// Requests in order of arrival.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(pub(crate) Vec<Seen>);

impl Log {
    /// How many requests of this method and kind.
    pub(crate) fn count(&self, method: &str, kind: Kind) -> usize {
        self.0.iter().filter(|seen| seen.method == method && seen.kind == kind).count()
    }

    /// All requests that change something.
    pub(crate) fn writes(&self) -> Vec<&Seen> {
        self.0.iter().filter(|seen| seen.is_write()).collect()
    }

    /// Bytes of body sent towards the server.
    pub(crate) fn sent_bytes(&self) -> u64 {
        self.0.iter().map(|seen| seen.body_bytes).sum()
    }

    /// Ends the test if anything was sent that is not a question.
    #[track_caller]
    pub(crate) fn assert_questions_only(&self) {
        let writes: Vec<String> =
            self.writes().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
        assert!(writes.is_empty(), "not only questions: {writes:#?}");
    }

    /// One line per request.
    pub(crate) fn lines(&self) -> String {
        self.0.iter().fold(String::new(), |text, seen| {
            let note = if seen.faulty { " (fault)" } else { "" };
            format!("{text}{} {} {}{note}\n", seen.method, seen.path, seen.status)
        })
    }
}

#[test]
fn a_path_says_what_it_is_for() {
    for (path, kind) in [
        ("/v2/", Kind::Base),
        ("/v2/a/b/blobs/sha256:00", Kind::Blob),
        ("/v2/a/b/blobs/uploads/?mount=sha256:00", Kind::Upload),
        ("/v2/a/blobs/manifests/1.0", Kind::Blob),
        ("/v2/a/manifests/1.0", Kind::Manifest),
        ("/git/a/b.git/info/refs?service=git-upload-pack", Kind::GitRefs),
        ("/git/a/b.git/git-upload-pack", Kind::GitFetch),
        ("/token?scope=x", Kind::Other),
    ] {
        assert_eq!(Kind::of(path), kind, "{path}");
    }
}
