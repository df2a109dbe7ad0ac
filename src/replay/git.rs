//! Repositories: where they go, how their refs stand, and the push of the carried pack.

use std::io::{self, BufReader, Read};

use url::Url;

use crate::artifact::{Digest, Kind};
use crate::bundle::{Artifact, Verified};
use crate::git::{self, Advertisement, CommitGraph, Gitea, PackSource, RefUpdate, Remote};
use crate::limits;
use crate::lock::{Descriptor, RepoPin};
use crate::oci::{Manifest, Parsed};
use crate::replay::error::ReplayError;
use crate::replay::names::Wanted;
use crate::replay::plan::{GitPlan, RefPlan, RefState, open_blob, read_blob, split_url};
use crate::replay::site::{GitKind, GitSite, Site};
use crate::replay::{GitLogin, Reach};

/// Where each repository goes, without asking anyone.
pub(super) fn outline(
    verified: &Verified,
    site: &Site,
    artifacts: &[&Artifact],
    wanted: &mut Wanted,
) -> Result<Vec<GitPlan>, ReplayError> {
    if artifacts.is_empty() {
        return Ok(Vec::new());
    }
    let server = site.git.as_ref().ok_or(ReplayError::NoGit(artifacts.len()))?;
    let mut plans = Vec::new();
    for artifact in artifacts {
        let pin = verified.contents().lock.repos.iter().find(|pin| pin.id() == artifact.id);
        let pin = pin.ok_or_else(|| unsound(&artifact.id, "it is not in the lock"))?;
        let path = inside_repo(server, pin)?;
        let inside = format!("{}/{path}.git", server.url.trim_end_matches('/'));
        wanted.note(format!("{inside} (git)"), &pin.url);
        plans.push(GitPlan {
            id: pin.id(),
            inside,
            path,
            exists: false,
            has_branches: false,
            head: pin.head.clone(),
            refs: pin
                .refs
                .iter()
                .map(|r| RefPlan {
                    name: r.name.clone(),
                    object: r.object.clone(),
                    now: None,
                    state: RefState::New,
                })
                .collect(),
            bundle: layer(verified, artifact, 0)?,
        });
    }
    Ok(plans)
}

/// `owner/repo` inside: the site file's own mapping, or else the last two parts of the path outside.
fn inside_repo(server: &GitSite, pin: &RepoPin) -> Result<String, ReplayError> {
    if let Some(mapped) = server.repos.get(&pin.url) {
        return Ok(mapped.clone());
    }
    let path = match split_url(&pin.url) {
        Some((_, path)) => path,
        None => pin.url.split_once(':').map(|(_, path)| path.to_owned()).unwrap_or_default(),
    };
    let path = path.trim_matches('/').trim_end_matches(".git").to_owned();
    let mut parts = path.rsplit('/').filter(|part| !part.is_empty());
    let repo = parts.next().ok_or_else(|| ReplayError::NoName { url: pin.url.clone() })?;
    let outside = parts.next().unwrap_or("git");
    let owner = server.owners.get(outside).map_or(outside, String::as_str);
    let sound = |part: &str| {
        !part.starts_with(['.', '-'])
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    if !sound(owner) || !sound(repo) {
        return Err(ReplayError::NoName { url: pin.url.clone() });
    }
    Ok(format!("{owner}/{repo}"))
}

fn unsound(what: &str, detail: &str) -> ReplayError {
    ReplayError::Unsound { what: what.to_owned(), detail: detail.to_owned() }
}

/// A layer of a repository artifact: 0 is the git bundle file, 1 the list of commits.
fn layer(verified: &Verified, artifact: &Artifact, at: usize) -> Result<Descriptor, ReplayError> {
    let bytes = read_blob(verified, &artifact.descriptor.digest, limits::OCI_MANIFEST_BYTES_MAX)?;
    let manifest = Manifest::new(bytes.into(), &artifact.descriptor.media_type);
    match manifest.parse().map_err(|error| unsound(&artifact.id, &error.to_string()))? {
        Parsed::Image { layers, .. } => layers
            .into_iter()
            .nth(at)
            .map(|layer| layer.descriptor)
            .filter(|descriptor| verified.entry(&descriptor.digest).is_some())
            .ok_or_else(|| unsound(&artifact.id, "a layer is missing")),
        Parsed::Index { .. } => Err(unsound(&artifact.id, "it is an index")),
    }
}

/// Asks the git server how its refs stand: one request for each repository.
pub(super) async fn ask(
    verified: &Verified,
    mut plan: GitPlan,
    reach: &Reach,
    login: &GitLogin,
) -> Result<GitPlan, ReplayError> {
    let advertised = remote(&plan, reach, login)?.advertised().await?;
    plan.exists = advertised.exists;
    plan.has_branches = advertised.refs.keys().any(|name| is_branch(name));
    for r in &mut plan.refs {
        r.now = advertised.refs.get(&r.name).cloned();
        r.state = match &r.now {
            None => RefState::New,
            Some(now) if *now == r.object => RefState::Same,
            Some(_) => RefState::Diverged,
        };
    }
    if plan.refs.iter().any(|r| r.state == RefState::Diverged) {
        let graph = commits(verified, &plan)?;
        for r in plan.refs.iter_mut().filter(|r| r.state == RefState::Diverged) {
            let forward = is_branch(&r.name)
                && r.now.as_ref().is_some_and(|now| git::is_ancestor(&graph, now, &r.object));
            if forward {
                r.state = RefState::Forward;
            }
        }
    }
    Ok(plan)
}

fn commits(verified: &Verified, plan: &GitPlan) -> Result<CommitGraph, ReplayError> {
    let artifacts = &verified.contents().artifacts;
    let artifact = artifacts.iter().find(|a| a.kind == Kind::Repo && a.id == plan.id);
    let artifact = artifact.ok_or_else(|| unsound(&plan.id, "it is not in the bundle"))?;
    let layer = layer(verified, artifact, 1)?;
    let bytes = read_blob(verified, &layer.digest, limits::GIT_GRAPH_BYTES_MAX)?;
    Ok(CommitGraph::parse(&bytes)?)
}

fn remote(plan: &GitPlan, reach: &Reach, login: &GitLogin) -> Result<Remote, ReplayError> {
    let url =
        Url::parse(&plan.inside).map_err(|_| unsound(&plan.id, "its inside URL is no URL"))?;
    Ok(Remote::new(reach.network.clone(), url, login.clone()))
}

fn is_branch(name: &str) -> bool {
    name.starts_with("refs/heads/")
}

/// What came of a push.
#[derive(Default)]
pub(super) struct Pushed {
    /// How many refs were set.
    pub(super) refs_set: u64,
    /// What a person should look at.
    pub(super) warning: Option<String>,
}

/// Pushes what is missing, and reads the refs back.
pub(super) async fn push(
    verified: &Verified,
    site: &Site,
    plan: &GitPlan,
    reach: &Reach,
    login: &GitLogin,
) -> Result<Pushed, ReplayError> {
    let updates: Vec<RefUpdate> = plan
        .refs
        .iter()
        .filter(|r| r.state != RefState::Same)
        .map(|r| RefUpdate {
            name: r.name.clone(),
            old: r.now.clone(),
            new: Some(r.object.clone()),
        })
        .collect();
    if updates.is_empty() {
        return Ok(Pushed::default());
    }
    let Some(server) = &site.git else { return Err(ReplayError::NoGit(1)) };
    let remote = remote(plan, reach, login)?;
    let (owner, name) = plan.path.split_once('/').unwrap_or(("", &plan.path));
    let head = plan.head.clone().or_else(|| plan.refs.first().map(|r| r.name.clone()));
    let gitea = gitea(server, reach, login)?;
    if let (Some(gitea), Some(head)) = (&gitea, &head) {
        gitea.ensure_repo(owner, name, head).await?;
    }
    let noun = if updates.len() == 1 { "ref" } else { "refs" };
    reach.report.phase(format!("pushing {} {noun} to {}", updates.len(), plan.inside));
    let sender = RefSender { remote: &remote, plan, reach, pack: pack(verified, &plan.bundle)? };
    let (first, rest) = default_branch_first(plan, &updates);
    sender.send(&first, true).await?;
    // The pack that came with the default branch has the objects of all refs.
    if !rest.is_empty() && sender.send(&rest, false).await.is_err() {
        // This server kept only what the default branch needs.
        sender.send(&rest, true).await?;
    }
    let now = read_back(plan, &remote).await?;
    let mut pushed = Pushed { refs_set: updates.len() as u64, warning: None };
    if let (Some(gitea), Some(head)) = (&gitea, &plan.head) {
        gitea.set_default_branch(owner, name, head).await?;
    } else if let Some(head) = plan.head.as_ref().filter(|head| now.head.as_ref() != Some(head)) {
        pushed.warning = Some(format!(
            "{}: its default branch is {} and should be {head}: set it on the server",
            plan.inside,
            now.head.as_deref().unwrap_or("not set"),
        ));
    }
    Ok(pushed)
}

/// Splits a push in two where a new repository gets several branches.
///
/// No push can say which branch is the default one. Servers take the first that they get, so it goes alone.
fn default_branch_first(plan: &GitPlan, updates: &[RefUpdate]) -> (Vec<RefUpdate>, Vec<RefUpdate>) {
    let branches = updates.iter().filter(|update| is_branch(&update.name)).count();
    let head = plan.head.as_deref().filter(|_| !plan.has_branches && branches > 1);
    let (first, rest): (Vec<_>, Vec<_>) =
        updates.iter().cloned().partition(|update| head.is_none_or(|head| update.name == head));
    if first.is_empty() { (rest, first) } else { (first, rest) }
}

/// Sends ref updates, and the carried pack with them where it is needed.
struct RefSender<'a> {
    remote: &'a Remote,
    plan: &'a GitPlan,
    reach: &'a Reach,
    pack: PackSource,
}

impl RefSender<'_> {
    async fn send(&self, updates: &[RefUpdate], with_pack: bool) -> Result<(), ReplayError> {
        let pack = with_pack.then_some(&self.pack);
        let size_bytes = pack.map(|_| self.plan.bundle.size);
        let task = self.reach.report.task(self.plan.path.clone(), size_bytes);
        let statuses = self.remote.push(updates, true, pack, &task).await?;
        self.reach.report.checkpoint("refs-pushed");
        let refused: Vec<(String, String)> = statuses
            .into_iter()
            .filter_map(|status| status.refused.map(|reason| (status.name, reason)))
            .collect();
        if refused.is_empty() {
            return Ok(());
        }
        Err(ReplayError::RefsRefused { url: self.plan.inside.clone(), refused })
    }
}

/// The API of a Gitea, which takes the password of the site file as its token.
fn gitea(server: &GitSite, reach: &Reach, login: &GitLogin) -> Result<Option<Gitea>, ReplayError> {
    if server.kind != GitKind::Gitea {
        return Ok(None);
    }
    let base = Url::parse(&server.url).map_err(|_| unsound(&server.url, "it is no URL"))?;
    let Some((_, token)) = login else {
        // `Site::parse` refuses a gitea without credentials.
        return Ok(None);
    };
    Ok(Some(Gitea::new(reach.network.clone(), base, token.clone())))
}

/// Asks for the refs as a clone would see them, and compares.
async fn read_back(plan: &GitPlan, remote: &Remote) -> Result<Advertisement, ReplayError> {
    let now = remote.upload_pack_refs().await?;
    for r in &plan.refs {
        let got = now.refs.get(&r.name).cloned();
        if got.as_deref() != Some(r.object.as_str()) {
            return Err(ReplayError::ReadBack {
                what: format!("{} {}", plan.inside, r.name),
                want: r.object.clone(),
                got: got.unwrap_or_else(|| "nothing".to_owned()),
            });
        }
    }
    Ok(now)
}

/// The pack inside the carried git bundle file: everything after its header.
fn pack(verified: &Verified, bundle: &Descriptor) -> Result<PackSource, ReplayError> {
    let open = {
        let (verified, digest) = (verified.clone(), bundle.digest);
        move || after_header(&verified, &digest)
    };
    let (_, header_bytes) =
        open().map_err(|source| ReplayError::Bundle { digest: bundle.digest, source })?;
    let size_bytes = bundle.size.saturating_sub(header_bytes);
    Ok(PackSource::new(Some(size_bytes), move || open().map(|(reader, _)| reader)))
}

type PackReader = Box<dyn Read + Send>;

fn after_header(verified: &Verified, digest: &Digest) -> io::Result<(PackReader, u64)> {
    let mut reader = BufReader::with_capacity(1 << 18, open_blob(verified, digest)?);
    let header = git::read_header(&mut reader).map_err(io::Error::other)?;
    Ok((Box::new(reader), header.size_bytes))
}
