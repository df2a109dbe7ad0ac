//! Git repositories: a mirror in the store, and a bundle file in the bundle.

use std::collections::{BTreeMap, BTreeSet};

use crate::artifact::VersionRange;
use crate::git::{GitError, Inspection, Mirror, RemoteRefs, TreeEntry};
use crate::limits;
use crate::lock::{Descriptor, RefPin, RepoPin};

use crate::source::{Fetched, SourceError, Sources};

/// Artifact type of a carried repository.
const REPO_ARTIFACT: &str = "application/vnd.haversack.repo.v1";
/// Media type of its first layer: a file as `git bundle create` makes it.
const REPO_BUNDLE_LAYER: &str = "application/vnd.haversack.git-bundle.v2";
/// Media type of its second layer: every commit with its parents, so that the isolated side can tell a fast-forward.
const REPO_COMMITS_LAYER: &str = "application/vnd.haversack.git-commits.v1";

/// What a revision of a repository turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The refs to carry for it.
    pub pins: Vec<RefPin>,
    /// The branch that `HEAD` names, if it is among the pins.
    pub head: Option<String>,
}

/// A repository as it was seen once during a run: all requests of one run see the same refs.
pub struct RepoView {
    mirror: Mirror,
    remote: RemoteRefs,
    url: String,
}

impl Sources {
    /// Opens a repository's mirror and asks for its refs.
    pub async fn view_repo(&self, url: &str) -> Result<RepoView, SourceError> {
        let mirror = Mirror::open(&self.git, self.store.root(), url).await?;
        let remote = mirror.remote_refs().await?;
        Ok(RepoView { mirror, remote, url: url.to_owned() })
    }

    /// Fetches a pinned repository and writes its bundle file.
    pub async fn fetch_repo(&self, pin: &RepoPin) -> Result<Fetched, SourceError> {
        let mirror = Mirror::open(&self.git, self.store.root(), &pin.url).await?;
        mirror.fetch(&pin.refs, &self.report).await?;
        let scratch = self.store.scratch()?;
        let file = scratch.path().join("repo.bundle");
        mirror.write_bundle(&pin.refs, pin.head.as_deref(), &file).await?;
        let (digest, size) = self.store.adopt(&file)?;
        let bundle = Descriptor { media_type: REPO_BUNDLE_LAYER.to_owned(), digest, size };
        let graph = mirror.commits(&pin.refs).await?;
        let commits = self.keep(REPO_COMMITS_LAYER, &graph)?;
        let layers =
            vec![(bundle, Some("repo.bundle".to_owned())), (commits, Some("commits".to_owned()))];
        self.wrap(REPO_ARTIFACT, layers, &[("org.opencontainers.image.source", &pin.url)])
    }
}

impl RepoView {
    /// The URL under which the repository was first asked for, which names it in the lock.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Finds what some names or patterns mean, and fails for those that mean nothing.
    pub fn select(&self, wanted: &[String]) -> Result<Revision, SourceError> {
        let mut selection = Mirror::select(&self.remote, wanted);
        let mut missing = Vec::new();
        for name in std::mem::take(&mut selection.unmatched) {
            // Argo CD takes a version range for a tag: the highest that fits.
            match self.highest_tag(&name) {
                Some(pin) => selection.pins.push(pin),
                None => missing.push(name),
            }
        }
        if missing.is_empty() {
            selection.pins.sort();
            selection.pins.dedup();
            return Ok(Revision { pins: selection.pins, head: selection.head });
        }
        let nearest = self.nearest(&missing);
        Err(SourceError::Revision { url: self.url.clone(), wanted: missing, nearest })
    }

    /// Finds what a revision of an Argo CD source means: `HEAD`, a branch, a tag, a commit, or the highest tag in a range.
    ///
    /// No name of a ref holds `*` or `?`, so that `1.*` is a range here and never a pattern.
    pub fn revision(&self, revision: &str) -> Result<Revision, SourceError> {
        if !revision.contains(['*', '?']) {
            return self.select(&[revision.to_owned()]);
        }
        if let Some(pin) = self.highest_tag(revision) {
            return Ok(Revision { pins: vec![pin], head: None });
        }
        let wanted = vec![revision.to_owned()];
        let nearest = self.nearest(&wanted);
        Err(SourceError::Revision { url: self.url.clone(), wanted, nearest })
    }

    fn highest_tag(&self, range: &str) -> Option<RefPin> {
        let range = VersionRange::parse(range).ok()?;
        let tags: Vec<(&str, &str)> = self
            .remote
            .refs
            .iter()
            .filter_map(|(name, at)| Some((name.strip_prefix("refs/tags/")?, at.object.as_str())))
            .collect();
        let at = range.highest(tags.iter().map(|(tag, _)| *tag))?;
        let (tag, object) = tags.get(at)?;
        Some(RefPin { name: format!("refs/tags/{tag}"), object: (*object).to_owned() })
    }

    fn nearest(&self, wanted: &[String]) -> Vec<String> {
        let score =
            |name: &str| wanted.iter().map(|w| strsim::jaro_winkler(w, name)).fold(0.0, f64::max);
        let mut near: Vec<(f64, &str)> = self
            .remote
            .short_names()
            .map(|name| (score(name), name))
            .filter(|(score, _)| *score > 0.7)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
    }

    /// Fetches a revision's objects and returns its commits, each once, and how many were left out as too many.
    ///
    /// A tag of something that is no commit has none.
    pub async fn commits(
        &self,
        revision: &Revision,
        sources: &Sources,
    ) -> Result<(Vec<String>, usize), SourceError> {
        self.mirror.fetch(&revision.pins, &sources.report).await?;
        let objects: BTreeSet<&str> = revision.pins.iter().map(|pin| pin.object.as_str()).collect();
        let left_out = objects.len().saturating_sub(limits::GIT_INSPECTED_MAX);
        let mut commits = BTreeSet::new();
        for object in objects.into_iter().take(limits::GIT_INSPECTED_MAX) {
            match self.mirror.resolve(object).await {
                Ok(commit) => drop(commits.insert(commit)),
                Err(GitError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok((commits.into_iter().collect(), left_out))
    }

    /// Fetches a revision's objects and returns the commit that Argo CD would take for its name.
    pub async fn checkout(
        &self,
        name: &str,
        revision: &Revision,
        sources: &Sources,
    ) -> Result<String, SourceError> {
        self.mirror.fetch(&revision.pins, &sources.report).await?;
        let first = || revision.pins.first().map(|pin| pin.object.clone());
        let object = self.remote.commit_of(name).or_else(first).unwrap_or_default();
        Ok(self.mirror.resolve(&object).await?)
    }

    /// The YAML and JSON files below a path of a commit, with their contents.
    pub async fn documents(
        &self,
        commit: &str,
        path: &str,
    ) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        self.read(commit, path, |entry| is_document(&entry.path)).await
    }

    /// All plain files below a path of a commit, with their contents. Links are left out: they may lead anywhere.
    pub async fn folder(
        &self,
        commit: &str,
        path: &str,
    ) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        self.read(commit, path, TreeEntry::is_file).await
    }

    /// The content of one file of a commit; `None` when there is no such file.
    pub async fn file(&self, commit: &str, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let mut entries = self.mirror.list(commit, path).await?;
        entries.retain(|entry| entry.path == path && entry.is_file());
        let read = self.mirror.read(&entries, limits::USER_FILE_BYTES_MAX).await?;
        Ok(read.into_iter().next().map(|(_, bytes)| bytes))
    }

    async fn read(
        &self,
        commit: &str,
        path: &str,
        wanted: impl Fn(&TreeEntry) -> bool,
    ) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        let path = path.trim_matches('/');
        let path = if path == "." { "" } else { path.trim_start_matches("./") };
        let mut entries = self.mirror.list(commit, path).await?;
        if entries.is_empty() && !path.is_empty() {
            let (url, path) = (self.url.clone(), path.to_owned());
            return Err(SourceError::Path { url, path, commit: commit.to_owned() });
        }
        entries.retain(wanted);
        if entries.len() > limits::APP_FILES_MAX {
            let what = format!("{}/{path}", self.url);
            return Err(SourceError::Bound {
                what,
                bound: limits::APP_FILES_MAX as u64,
                unit: "files",
            });
        }
        Ok(self.mirror.read(&entries, limits::DOCUMENT_BYTES_MAX).await?.into_iter().collect())
    }

    /// What a commit refers to outside itself: submodules and large files.
    pub async fn inspect(&self, commit: &str) -> Result<Inspection, SourceError> {
        Ok(self.mirror.inspect(commit).await?)
    }
}

fn is_document(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    [".yaml", ".yml", ".json"].iter().any(|ending| path.ends_with(ending))
}
