//! Sends registry content: each blob once, mounted where else it is wanted, then OCI manifests, then tags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::artifact::{Digest, Repository};
use crate::bundle::Verified;
use crate::limits;
use crate::lock::Descriptor;
use crate::oci::{
    BlobPush, Manifest, OciError, Parsed, Pushed, Referrer, media_type, referrers_index,
};
use crate::replay::Reach;
use crate::replay::error::ReplayError;
use crate::replay::plan::{ImagePlan, ManifestPlan, ManifestState, open_blob, read_blob};
use crate::replay::receipt::{Done, Receipt};
use crate::replay::site::SparseIndex;

/// Sends everything that the plan found absent.
pub(super) struct Sender<'a> {
    pub(super) verified: &'a Verified,
    pub(super) reach: &'a Reach,
    pub(super) sparse: SparseIndex,
}

impl Sender<'_> {
    /// Blobs: the first repository that wants one gets its bytes, the others a mount.
    pub(super) async fn blobs(
        &self,
        plans: &[ImagePlan],
        receipt: &mut Receipt,
    ) -> Result<(), ReplayError> {
        let mut homes: BTreeMap<Digest, (Descriptor, Vec<&Repository>)> = BTreeMap::new();
        for plan in plans.iter().filter(|plan| plan.has_absent()) {
            for blob in &plan.blobs {
                let (_, repositories) =
                    homes.entry(blob.digest).or_insert_with(|| (blob.clone(), Vec::new()));
                if !repositories.contains(&&plan.inside) {
                    repositories.push(&plan.inside);
                }
            }
        }
        if homes.is_empty() {
            return Ok(());
        }
        self.reach.report.phase(format!("sending {} blobs", homes.len()));
        let outcomes: Vec<Sent> = stream::iter(homes.into_values())
            .map(|(blob, repositories)| self.blob(blob, repositories))
            .buffer_unordered(limits::REQUESTS_PER_HOST)
            .try_collect()
            .await?;
        for sent in outcomes {
            receipt.count(&sent.0, sent.1);
        }
        Ok(())
    }

    async fn blob(
        &self,
        blob: Descriptor,
        repositories: Vec<&Repository>,
    ) -> Result<Sent, ReplayError> {
        let mut total = Sent::default();
        let mut home: Option<&Repository> = None;
        for repository in repositories {
            let verified = self.verified.clone();
            let digest = blob.digest;
            let push = BlobPush {
                digest,
                size_bytes: blob.size,
                mount_from: home.map(|home| home.path().to_owned()),
                open: Arc::new(move || {
                    open_blob(&verified, &digest)
                        .map(|r| Box::new(r) as Box<dyn std::io::Read + Send>)
                }),
            };
            let task = self
                .reach
                .report
                .task(format!("{} {}", repository.path(), digest.short()), Some(blob.size));
            let pushed = self.reach.registries.push_blob(repository, &push, &task).await?;
            if pushed != Pushed::Already {
                self.reach.report.checkpoint("blob-sent");
            }
            total.add(&pushed, blob.size);
            home = home.or(Some(repository));
        }
        Ok(total)
    }

    /// OCI manifests of one artifact, children first, referrers last.
    pub(super) async fn manifests(
        &self,
        plan: &ImagePlan,
        done: &mut Done,
    ) -> Result<(), ReplayError> {
        let mut orphans: BTreeMap<Digest, Vec<Referrer>> = BTreeMap::new();
        for manifest in &plan.manifests {
            let digest = manifest.descriptor.digest;
            if matches!(manifest.state, ManifestState::There | ManifestState::GivenUp) {
                continue;
            }
            let bytes =
                Bytes::from(read_blob(self.verified, &digest, limits::OCI_MANIFEST_BYTES_MAX)?);
            if let (ManifestState::Unlisted, Some(subject)) = (manifest.state, manifest.subject) {
                let entry = referrer(&manifest.descriptor, &bytes)?;
                orphans.entry(subject).or_default().push(entry);
                continue;
            }
            let kind = &manifest.descriptor.media_type;
            let reference = digest.to_string();
            let put = self
                .reach
                .registries
                .push_manifest(&plan.inside, &reference, kind, bytes.clone())
                .await;
            match put {
                Ok(answer) => {
                    if let Some(subject) = manifest.subject
                        && !answer.subject_taken
                    {
                        orphans
                            .entry(subject)
                            .or_default()
                            .push(referrer(&manifest.descriptor, &bytes)?);
                    }
                    self.read_back(&plan.inside, &reference, digest).await?;
                    done.sent.push(digest);
                    self.reach.report.checkpoint("manifest-sent");
                }
                Err(error) if manifest.sparse && is_refusal(&error) => {
                    self.give_up_index(plan, manifest, error, done)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        for (subject, referrers) in orphans {
            self.tag_schema(&plan.inside, subject, referrers).await?;
            done.tags_set += 1;
        }
        Ok(())
    }

    /// Leaves a sparse index out where the site allows it and exactly one platform is carried.
    fn give_up_index(
        &self,
        plan: &ImagePlan,
        manifest: &ManifestPlan,
        error: OciError,
        done: &mut Done,
    ) -> Result<(), ReplayError> {
        if self.sparse == SparseIndex::Refuse || plan.single_child(manifest).is_none() {
            return Err(ReplayError::Sparse { reference: plan.id.clone(), source: error });
        }
        done.without_index = Some(manifest.descriptor.digest);
        Ok(())
    }

    /// Tags, last of all.
    pub(super) async fn tags(&self, plan: &ImagePlan, done: &mut Done) -> Result<(), ReplayError> {
        for tag in &plan.tags {
            let Some(mut manifest) =
                plan.manifests.iter().find(|m| m.descriptor.digest == tag.digest)
            else {
                continue;
            };
            if done.without_index == Some(tag.digest) || manifest.state == ManifestState::GivenUp {
                let only = plan.single_child(manifest);
                done.without_index = Some(tag.digest);
                match plan.manifests.iter().find(|m| Some(m.descriptor.digest) == only) {
                    Some(child) => manifest = child,
                    None => continue,
                }
            }
            let digest = manifest.descriptor.digest;
            if tag.now == Some(digest) {
                done.tags.push((tag.tag.clone(), digest));
                continue;
            }
            let bytes =
                Bytes::from(read_blob(self.verified, &digest, limits::OCI_MANIFEST_BYTES_MAX)?);
            let kind = &manifest.descriptor.media_type;
            self.reach.registries.push_manifest(&plan.inside, &tag.tag, kind, bytes).await?;
            self.read_back(&plan.inside, &tag.tag, digest).await?;
            done.tags.push((tag.tag.clone(), digest));
            done.tags_set += 1;
            self.reach.report.checkpoint("tag-set");
        }
        Ok(())
    }

    /// Asks again for what was sent: "201 Created" is no proof.
    async fn read_back(
        &self,
        repository: &Repository,
        reference: &str,
        want: Digest,
    ) -> Result<(), ReplayError> {
        let got = self.reach.registries.read_back(repository, reference).await?;
        match got {
            Some(manifest) if manifest.digest == want => Ok(()),
            other => Err(ReplayError::ReadBack {
                what: format!("{repository} {reference}"),
                want: want.to_string(),
                got: other
                    .map_or_else(|| "nothing".to_owned(), |manifest| manifest.digest.to_string()),
            }),
        }
    }

    /// Keeps the list of referrers by tag, for a registry without the referrers API (distribution-spec, "Unavailable Referrers API").
    async fn tag_schema(
        &self,
        repository: &Repository,
        subject: Digest,
        referrers: Vec<Referrer>,
    ) -> Result<(), ReplayError> {
        let registries = &self.reach.registries;
        let tag = format!("sha256-{}", subject.hex());
        let mut known = registries.referrers(repository, &subject).await?;
        let have: BTreeSet<Digest> = known.iter().map(|r| r.descriptor.digest).collect();
        known.extend(referrers.into_iter().filter(|r| !have.contains(&r.descriptor.digest)));
        let index = Bytes::from(referrers_index(&known));
        let want = Digest::of(&index);
        registries.push_manifest(repository, &tag, media_type::OCI_INDEX, index).await?;
        self.read_back(repository, &tag, want).await
    }
}

/// Whether a registry said no to an OCI manifest that it understood, as it does when parts are missing.
fn is_refusal(error: &OciError) -> bool {
    matches!(
        error,
        OciError::Unsupported { .. }
            | OciError::Server { status: 400..=499, .. }
            | OciError::Missing { .. }
    )
}

/// What the list of referrers says about one of them (distribution-spec, "Listing Referrers").
fn referrer(descriptor: &Descriptor, bytes: &Bytes) -> Result<Referrer, ReplayError> {
    let manifest = Manifest::new(bytes.clone(), &descriptor.media_type);
    let (artifact_type, annotations) = match manifest.parse()? {
        Parsed::Image { artifact_type, config, annotations, .. } => {
            (artifact_type.or(Some(config.media_type)), annotations)
        }
        Parsed::Index { artifact_type, annotations, .. } => (artifact_type, annotations),
    };
    Ok(Referrer { descriptor: descriptor.clone(), artifact_type, annotations })
}

/// What became of blobs: how many were sent, mounted or found, and how many bytes went over.
#[derive(Default)]
pub(super) struct Sent(pub(super) Tally, pub(super) u64);

/// Counts of blobs.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) mounted: u64,
    pub(super) already: u64,
}

impl Sent {
    fn add(&mut self, pushed: &Pushed, size_bytes: u64) {
        match pushed {
            Pushed::Sent => {
                self.0.sent += 1;
                self.1 += size_bytes;
            }
            Pushed::Mounted => self.0.mounted += 1,
            Pushed::Already => self.0.already += 1,
        }
    }
}
