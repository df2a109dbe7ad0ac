//! What is there, what will be sent, which tags move, which names collide. Asks only, sends nothing.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use crate::artifact::{Digest, Kind, Repository};
use crate::bundle::{Artifact, Blob, Verified, VerifyFailure};
use crate::limits;
use crate::lock::{Attachment, Descriptor, Pin};
use crate::oci::{Manifest, Parsed};
use crate::replay::ask::ask;
use crate::replay::error::ReplayError;
use crate::replay::names::{Wanted, inside_path};
use crate::replay::site::{Site, SparseIndex};
use crate::replay::{GitLogin, Reach};

/// Everything a replay will do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Registry content, in the order of the bundle.
    pub images: Vec<ImagePlan>,
    /// Repositories.
    pub repos: Vec<GitPlan>,
}

/// One artifact on its way into the registry.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImagePlan {
    /// The pin's id.
    pub id: String,
    /// Image, chart or file.
    pub kind: Kind,
    /// Repository inside, host first.
    #[serde(serialize_with = "as_text")]
    pub inside: Repository,
    /// OCI manifests, children before parents, referrers after their subjects.
    pub manifests: Vec<ManifestPlan>,
    /// Other blobs, each once.
    pub blobs: Vec<Descriptor>,
    /// Tags, set last.
    pub tags: Vec<TagPlan>,
}

/// One OCI manifest.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestPlan {
    /// What it is.
    #[serde(flatten)]
    pub descriptor: Descriptor,
    /// How the registry stands to it.
    pub state: ManifestState,
    /// Whether it is an index of which some platforms are not carried.
    pub sparse: bool,
    /// The subject, when it is a referrer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
}

/// How the registry stands to an OCI manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ManifestState {
    /// It does not have it.
    Absent,
    /// It has it.
    There,
    /// It has this referrer, but keeps no list of referrers itself, and the list kept by tag lacks it.
    Unlisted,
    /// An earlier replay found that it does not take this sparse index, and let the tags name its one platform.
    GivenUp,
}

/// One tag.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TagPlan {
    /// The tag.
    pub tag: String,
    /// What it will name.
    pub digest: Digest,
    /// What it names now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Digest>,
    /// Whether it names something else now, and not what an earlier replay of the same made it name.
    pub moves: bool,
}

/// One repository on its way to the git server.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GitPlan {
    /// The pin's id.
    pub id: String,
    /// URL inside.
    pub inside: String,
    /// `owner/repo` inside.
    pub path: String,
    /// Whether the repository is there.
    pub exists: bool,
    /// Whether it has branches.
    #[serde(skip)]
    pub has_branches: bool,
    /// The default branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Refs.
    pub refs: Vec<RefPlan>,
    /// The git bundle file.
    #[serde(skip)]
    pub bundle: Descriptor,
}

/// One ref.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefPlan {
    /// Full name.
    pub name: String,
    /// What it will name.
    pub object: String,
    /// What it names now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// What that means.
    pub state: RefState,
}

/// How a ref inside stands to the one carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RefState {
    /// Not there yet.
    New,
    /// There, the same.
    Same,
    /// There, and the carried one only adds to it.
    Forward,
    /// There with other history.
    Diverged,
}

impl Plan {
    /// Asks the site what it has and works out what is to be done.
    pub async fn make(
        verified: &Verified,
        site: &Site,
        reach: &Reach,
        login: &GitLogin,
    ) -> Result<Self, ReplayError> {
        let contents = verified.contents();
        let (repos, others): (Vec<_>, Vec<_>) =
            contents.artifacts.iter().partition(|artifact| artifact.kind == Kind::Repo);
        let pins = contents.lock.pins_by_id();
        let mut wanted = Wanted::default();
        if !others.is_empty() && site.registry.is_none() {
            return Err(ReplayError::NoRegistry(others.len()));
        }
        let mut images = Vec::new();
        for artifact in others {
            images.push(outline(verified, site, artifact, pins.get(&artifact.id), &mut wanted)?);
        }
        let git = crate::replay::git::outline(verified, site, &repos, &mut wanted)?;
        let collisions = wanted.collisions();
        if !collisions.is_empty() {
            return Err(ReplayError::Collisions(collisions));
        }
        reach.report.phase(format!("asking the site about {} artifacts", images.len() + git.len()));
        let sparse =
            site.registry.as_ref().map_or(SparseIndex::Platform, |registry| registry.sparse_index);
        let images = stream::iter(images)
            .map(|plan| ask(plan, reach, sparse))
            .buffered(limits::REQUESTS_PER_HOST)
            .try_collect()
            .await?;
        let mut repos = Vec::new();
        for plan in git {
            repos.push(crate::replay::git::ask(verified, plan, reach, login).await?);
        }
        Ok(Self { images, repos })
    }

    /// Refs whose history inside is another one.
    pub fn diverged(&self) -> Vec<String> {
        self.repos
            .iter()
            .flat_map(|repo| repo.refs.iter().map(move |r| (repo, r)))
            .filter(|(_, r)| r.state == RefState::Diverged)
            .map(|(repo, r)| format!("{} {}", repo.inside, r.name))
            .collect()
    }

    /// Tags that name something else now.
    pub fn moving(&self) -> Vec<String> {
        self.images
            .iter()
            .flat_map(|image| image.tags.iter().map(move |tag| (image, tag)))
            .filter(|(_, tag)| tag.moves)
            .map(|(image, tag)| format!("{}:{}", image.inside, tag.tag))
            .collect()
    }
}

/// What an artifact consists of and where it will be, without asking anyone.
fn outline(
    verified: &Verified,
    site: &Site,
    artifact: &Artifact,
    pin: Option<&Pin<'_>>,
    wanted: &mut Wanted,
) -> Result<ImagePlan, ReplayError> {
    let registry = site.registry.as_ref().ok_or(ReplayError::NoRegistry(1))?;
    let place = place(pin, artifact)?;
    let path = inside_path(&registry.prefix, &place.host, &place.path);
    let unsound = |detail: String| ReplayError::Unsound { what: artifact.id.clone(), detail };
    let inside =
        Repository::new(&registry.host, &path).map_err(|error| unsound(error.to_string()))?;
    wanted.note(format!("{inside} (registry)"), &format!("{}/{}", place.host, place.path));
    let mut plan = ImagePlan {
        id: artifact.id.clone(),
        kind: artifact.kind,
        inside,
        manifests: Vec::new(),
        blobs: Vec::new(),
        tags: place.tags.iter().map(|tag| TagPlan::new(tag, artifact.descriptor.digest)).collect(),
    };
    for tag in &plan.tags {
        wanted.note(
            format!("{}:{} (tag)", plan.inside, tag.tag),
            &format!("{}/{}@{}", place.host, place.path, tag.digest),
        );
    }
    walk(verified, &artifact.descriptor, &mut plan, &mut BTreeSet::new())?;
    for attachment in &place.attachments {
        walk(verified, &attachment.descriptor, &mut plan, &mut BTreeSet::new())?;
        if let Some(tag) = &attachment.tag {
            plan.tags.push(TagPlan::new(tag, attachment.descriptor.digest));
        }
    }
    order(&mut plan);
    Ok(plan)
}

/// Referrers come after what they refer to; everything else keeps its order, children first.
fn order(plan: &mut ImagePlan) {
    let mut seen = BTreeSet::new();
    plan.manifests.retain(|manifest| seen.insert(manifest.descriptor.digest));
    let mut seen = BTreeSet::new();
    plan.blobs.retain(|blob| seen.insert(blob.digest));
    plan.manifests.sort_by_key(|manifest| manifest.subject.is_some());
}

/// Where an artifact comes from, in the terms of inside names.
struct Place {
    host: String,
    path: String,
    tags: Vec<String>,
    attachments: Vec<Attachment>,
}

fn place(pin: Option<&Pin<'_>>, artifact: &Artifact) -> Result<Place, ReplayError> {
    let unsound = |detail: &str| ReplayError::Unsound {
        what: artifact.id.clone(),
        detail: detail.to_owned(),
    };
    match *pin.ok_or_else(|| unsound("it is not in the lock"))? {
        Pin::Image(pin) => Ok(Place {
            host: pin.reference.repository.host().to_owned(),
            path: pin.reference.repository.path().to_owned(),
            tags: pin.reference.tag().map(ToString::to_string).into_iter().collect(),
            attachments: pin.attachments.clone(),
        }),
        Pin::Chart(pin) => {
            let (host, path) =
                split_url(&pin.repo).ok_or_else(|| unsound("its repository is no URL"))?;
            Ok(Place {
                host,
                path: format!("{path}/{}", pin.chart),
                tags: vec![pin.version.replace('+', "_")],
                attachments: pin.attachments.clone(),
            })
        }
        Pin::File(pin) => {
            let (host, path) = split_url(&pin.url).ok_or_else(|| unsound("its URL has no host"))?;
            Ok(Place { host, path, tags: vec![pin.digest.short()], attachments: Vec::new() })
        }
        Pin::Repo(_) => Err(unsound("repositories do not go into the registry")),
    }
}

/// Host with port, and path, of a URL.
pub(super) fn split_url(url: &str) -> Option<(String, String)> {
    let (_, rest) = url.split_once("://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    (!host.is_empty()).then(|| (host.to_owned(), path.trim_matches('/').to_owned()))
}

/// Adds an OCI manifest and all below it, children first. What the bundle does not hold makes an index sparse.
fn walk(
    verified: &Verified,
    descriptor: &Descriptor,
    plan: &mut ImagePlan,
    open: &mut BTreeSet<Digest>,
) -> Result<(), ReplayError> {
    let unsound = |detail: String| ReplayError::Unsound {
        what: format!("OCI manifest {}", descriptor.digest),
        detail,
    };
    if open.len() > limits::INDEX_DEPTH_MAX || !open.insert(descriptor.digest) {
        return Err(unsound("its nesting has no end".to_owned()));
    }
    let bytes = read_blob(verified, &descriptor.digest, limits::OCI_MANIFEST_BYTES_MAX)?;
    let manifest = Manifest::new(bytes.into(), &descriptor.media_type);
    let mut sparse = false;
    let subject = match manifest.parse().map_err(|error| unsound(error.to_string()))? {
        Parsed::Index { manifests, subject, .. } => {
            for child in manifests {
                if verified.entry(&child.descriptor.digest).is_some() {
                    walk(verified, &child.descriptor, plan, open)?;
                } else {
                    sparse = true;
                }
            }
            subject
        }
        Parsed::Image { config, layers, subject, .. } => {
            let layers = layers.into_iter().filter(|l| !l.foreign).map(|l| l.descriptor);
            for blob in std::iter::once(config).chain(layers) {
                if verified.entry(&blob.digest).is_none() {
                    return Err(unsound(format!("blob {} is not in the bundle", blob.digest)));
                }
                plan.blobs.push(blob);
            }
            subject
        }
    };
    open.remove(&descriptor.digest);
    plan.manifests.push(ManifestPlan {
        descriptor: descriptor.clone(),
        state: ManifestState::Absent,
        sparse,
        subject: subject.map(|subject| subject.digest),
    });
    Ok(())
}

/// Opens a blob of the bundle; its reader proves size and digest.
pub(super) fn open_blob(verified: &Verified, digest: &Digest) -> std::io::Result<Blob> {
    verified.blob(digest).map_err(|failure| match failure {
        VerifyFailure::Io { source, .. } => source,
        other => std::io::Error::new(std::io::ErrorKind::InvalidData, other),
    })
}

/// Reads a small blob of the bundle whole.
pub(super) fn read_blob(
    verified: &Verified,
    digest: &Digest,
    bytes_max: u64,
) -> Result<Vec<u8>, ReplayError> {
    use std::io::Read as _;
    let fail = |source| ReplayError::Bundle { digest: *digest, source };
    let mut bytes = Vec::new();
    open_blob(verified, digest)
        .map_err(fail)?
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    if bytes.len() as u64 > bytes_max {
        return Err(fail(std::io::Error::other(format!("larger than {bytes_max} bytes"))));
    }
    Ok(bytes)
}

impl TagPlan {
    fn new(tag: &str, digest: Digest) -> Self {
        Self { tag: tag.to_owned(), digest, now: None, moves: false }
    }
}

impl ImagePlan {
    /// Whether there is anything to do about an OCI manifest.
    pub(super) fn has_unsettled(&self) -> bool {
        let stands = |state| matches!(state, ManifestState::There | ManifestState::GivenUp);
        self.manifests.iter().any(|manifest| !stands(manifest.state))
    }

    /// Whether an OCI manifest is to be sent, and so perhaps blobs.
    pub(super) fn has_absent(&self) -> bool {
        self.manifests.iter().any(|manifest| manifest.state == ManifestState::Absent)
    }

    /// The one platform of a sparse index that is carried; `None` when there are more.
    pub(super) fn single_child(&self, index: &ManifestPlan) -> Option<Digest> {
        let mut others = self
            .manifests
            .iter()
            .filter(|m| m.subject.is_none() && m.descriptor.digest != index.descriptor.digest)
            .filter(|m| !self.tags.iter().any(|tag| tag.digest == m.descriptor.digest));
        let only = others.next()?.descriptor.digest;
        others.next().is_none().then_some(only)
    }
}

fn as_text<T: ToString, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}
