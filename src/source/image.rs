//! Images and other artifacts in registries: index, platforms, attachments, layers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::artifact::{Digest, ImageRef, Platform, Pointer, Repository};
use crate::limits;
use crate::lock::{Attachment, Descriptor, Edge, ImagePin, PlatformPin};
use crate::oci::{Child, Manifest, OciError, Parsed, StoreError, media_type};

use crate::source::{Fetched, Layer, SourceError, Sources};

/// Cosign's tag scheme: `sha256-<hex>` and one of these.
const COSIGN_SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];
/// Says which manifest an attestation in an index is about (BuildKit).
const ATTESTATION_SUBJECT: &str = "vnd.docker.reference.digest";

impl Sources {
    /// Pins an image: its index, the platforms asked for, and everything attached to either.
    pub async fn pin_image(
        &self,
        reference: &ImageRef,
        platforms: &[Platform],
    ) -> Result<ImagePin, SourceError> {
        let repository = &reference.repository;
        let root = self
            .registries
            .manifest(repository, &reference.pointer)
            .await?
            .ok_or_else(|| SourceError::Missing { reference: reference.to_string() })?;
        // What is no OCI manifest is not kept.
        let parsed = root.parse()?;
        self.store.put(&root.bytes)?;
        let mut subjects = vec![root.digest];
        let mut manifests = Vec::new();
        match parsed {
            Parsed::Index { manifests: children, .. } => {
                manifests = choose(reference, &children, platforms)?;
                subjects.extend(manifests.iter().filter(|pin| pin.carried).map(|pin| pin.digest));
            }
            Parsed::Image { config, .. } => {
                self.check_platform(reference, &config, platforms).await?;
            }
        }
        let attachments = self.attachments(repository, subjects).await?;
        Ok(ImagePin {
            reference: reference.clone(),
            descriptor: root.descriptor(),
            manifests,
            attachments,
            because: Vec::<Edge>::new(),
        })
    }

    /// Refuses an image for one platform that is none of those asked for. What is no image has no platform.
    async fn check_platform(
        &self,
        reference: &ImageRef,
        config: &Descriptor,
        platforms: &[Platform],
    ) -> Result<(), SourceError> {
        /// The part of a configuration that says where the image runs (image-spec, config.md).
        #[derive(serde::Deserialize)]
        struct Config {
            os: String,
            architecture: String,
            variant: Option<String>,
        }
        let is_image = media_type::is_image_config(&config.media_type);
        if platforms.is_empty() || !is_image || config.size > limits::OCI_MANIFEST_BYTES_MAX {
            return Ok(());
        }
        let bytes = self.blob_bytes(&reference.repository, config).await?;
        let Ok(Config { os, architecture, variant }) = serde_json::from_slice(&bytes) else {
            return Ok(());
        };
        let fits = |p: &Platform| p.fits(&os, &architecture, variant.as_deref());
        if os.is_empty() || architecture.is_empty() || platforms.iter().any(fits) {
            return Ok(());
        }
        Err(SourceError::Platform {
            reference: reference.to_string(),
            wanted: platforms.iter().map(ToString::to_string).collect(),
            found: vec![words(&os, &architecture, variant.as_deref())],
        })
    }

    /// Finds cosign tags and referrers of some OCI manifests, and of what those lead to.
    pub(super) async fn attachments(
        &self,
        repository: &Repository,
        subjects: Vec<Digest>,
    ) -> Result<Vec<Attachment>, SourceError> {
        let mut seen: BTreeSet<Digest> = subjects.iter().copied().collect();
        let mut found = Vec::new();
        let mut front = subjects;
        for _ in 0..limits::REFERRERS_DEPTH_MAX {
            let lists: Vec<Vec<Attachment>> = stream::iter(front)
                .map(|subject| self.attached_to(repository, subject))
                .buffered(limits::REQUESTS_PER_HOST)
                .try_collect()
                .await?;
            let new: Vec<Attachment> = lists.into_iter().flatten().collect();
            front = new
                .iter()
                .map(|a| a.descriptor.digest)
                .filter(|digest| seen.insert(*digest))
                .collect();
            found.extend(new);
            if front.is_empty() {
                break;
            }
        }
        // Deeper ones would be left out without a word, and nothing is.
        if !front.is_empty() {
            let what = format!("the chain of referrers in {repository}");
            let bound = limits::REFERRERS_DEPTH_MAX as u64;
            return Err(SourceError::Bound { what, bound, unit: "levels" });
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    async fn attached_to(
        &self,
        repository: &Repository,
        subject: Digest,
    ) -> Result<Vec<Attachment>, SourceError> {
        let mut found = Vec::new();
        for suffix in COSIGN_SUFFIXES {
            let tag = format!("sha256-{}.{suffix}", subject.hex());
            let head = match self.registries.head(repository, &tag).await {
                // Some registries answer 403 for a tag that is not there; the image itself they did give out.
                Err(OciError::Refused { status: 403, .. }) => None,
                other => other?,
            };
            if let Some(head) = head {
                found.push(Attachment {
                    subject,
                    tag: Some(tag),
                    artifact_type: None,
                    descriptor: Descriptor {
                        media_type: head.media_type,
                        digest: head.digest,
                        size: head.size_bytes,
                    },
                });
            }
        }
        for referrer in self.registries.referrers(repository, &subject).await? {
            found.push(Attachment {
                subject,
                tag: None,
                artifact_type: referrer.artifact_type,
                descriptor: referrer.descriptor,
            });
        }
        Ok(found)
    }

    /// Fetches the OCI manifests of a pinned image, which name its layers.
    pub async fn fetch_image(&self, pin: &ImagePin) -> Result<Fetched, SourceError> {
        let skipped = pin.manifests.iter().filter(|p| !p.carried).map(|p| p.digest).collect();
        self.fetch_tree(&pin.reference.repository, &pin.descriptor, &pin.attachments, &skipped)
            .await
    }

    /// Fetches a tree of OCI manifests and names all blobs below it, in a fixed order.
    pub(super) async fn fetch_tree(
        &self,
        repository: &Repository,
        root: &Descriptor,
        attachments: &[Attachment],
        skipped: &BTreeSet<Digest>,
    ) -> Result<Fetched, SourceError> {
        let mut blobs: Vec<Descriptor> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut layers: Vec<Descriptor> = Vec::new();
        let mut queue: Vec<(Descriptor, usize)> = vec![(root.clone(), 0)];
        queue.extend(attachments.iter().map(|a| (a.descriptor.clone(), 0)));
        let mut at = 0;
        while let Some((descriptor, depth)) = queue.get(at).cloned() {
            at += 1;
            if skipped.contains(&descriptor.digest) || !seen.insert(descriptor.digest) {
                continue;
            }
            if depth > limits::INDEX_DEPTH_MAX || at > limits::INDEX_ENTRIES_MAX {
                let what = format!("nesting of {repository}@{}", root.digest);
                return Err(SourceError::Bound {
                    what,
                    bound: limits::INDEX_DEPTH_MAX as u64,
                    unit: "levels",
                });
            }
            let manifest = self.stored_manifest(repository, &descriptor).await?;
            blobs.push(descriptor);
            match manifest.parse()? {
                Parsed::Index { manifests, .. } => {
                    queue.extend(manifests.into_iter().map(|child| (child.descriptor, depth + 1)));
                }
                Parsed::Image { config, layers: own, .. } => {
                    layers.push(config);
                    layers.extend(own.into_iter().filter(|l| !l.foreign).map(|l| l.descriptor));
                }
            }
        }
        layers.retain(|layer| seen.insert(layer.digest));
        blobs.extend(layers.iter().cloned());
        let at = |descriptor| Layer { repository: repository.clone(), descriptor };
        let layers = layers.into_iter().map(at).collect();
        Ok(Fetched { root: root.clone(), blobs, layers })
    }

    /// An OCI manifest from the store, or else from the registry.
    pub(super) async fn stored_manifest(
        &self,
        repository: &Repository,
        want: &Descriptor,
    ) -> Result<Manifest, SourceError> {
        if want.size <= limits::OCI_MANIFEST_BYTES_MAX && self.store.has(&want.digest, want.size) {
            match self.store.read_bytes(&want.digest, want.size) {
                Ok(bytes) => return Ok(Manifest::new(bytes.into(), &want.media_type)),
                Err(_) => self.store.remove(&want.digest)?,
            }
        }
        let manifest =
            self.registries.manifest(repository, &Pointer::Digest(want.digest)).await?.ok_or_else(
                || SourceError::Missing { reference: format!("{repository}@{}", want.digest) },
            )?;
        self.store.put(&manifest.bytes)?;
        Ok(manifest)
    }

    /// A small blob, fetched unless it is in the store. One that was damaged there is fetched anew.
    pub(super) async fn blob_bytes(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<Vec<u8>, SourceError> {
        let layer = Layer { repository: repository.clone(), descriptor: blob.clone() };
        self.fetch_layer(&layer).await?;
        match self.store.read_bytes(&blob.digest, blob.size) {
            Err(StoreError::Damaged { .. }) => {
                self.store.remove(&blob.digest)?;
                self.fetch_layer(&layer).await?;
                Ok(self.store.read_bytes(&blob.digest, blob.size)?)
            }
            read => Ok(read?),
        }
    }

    /// Fetches one blob, unless it is in the store or somebody else just fetches it.
    pub async fn fetch_layer(&self, layer: &Layer) -> Result<(), SourceError> {
        let Layer { repository, descriptor: layer } = layer;
        let lock = {
            let mut under_way =
                self.shared.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(under_way.entry(layer.digest).or_default())
        };
        let _alone = lock.lock().await;
        if self.store.has(&layer.digest, layer.size) {
            return Ok(());
        }
        let what = format!("{} {}", repository.path(), layer.digest.short());
        let task = self.report.task(what, Some(layer.size));
        self.registries
            .fetch_blob(repository, &layer.digest, layer.size, &self.store, &task)
            .await?;
        self.report.checkpoint("blob-fetched");
        Ok(())
    }
}

/// Marks the children of an index that are carried: the platforms asked for, and attestations about them.
fn choose(
    reference: &ImageRef,
    children: &[Child],
    platforms: &[Platform],
) -> Result<Vec<PlatformPin>, SourceError> {
    let subject_of = |child: &Child| -> Option<Digest> {
        child.annotations.get(ATTESTATION_SUBJECT).and_then(|text| Digest::parse(text).ok())
    };
    let fits = |child: &Child| match &child.platform {
        None => true,
        Some((os, arch, variant)) => {
            platforms.is_empty() || platforms.iter().any(|p| p.fits(os, arch, variant.as_deref()))
        }
    };
    let mut carried: BTreeMap<Digest, bool> = BTreeMap::new();
    for child in children.iter().filter(|child| subject_of(child).is_none()) {
        let entry = carried.entry(child.descriptor.digest).or_default();
        *entry |= fits(child);
    }
    for child in children {
        if let Some(subject) = subject_of(child) {
            let with_subject = carried.get(&subject).copied().unwrap_or(platforms.is_empty());
            let entry = carried.entry(child.descriptor.digest).or_default();
            *entry |= with_subject;
        }
    }
    if !children.is_empty() && !carried.values().any(|carried| *carried) {
        return Err(SourceError::Platform {
            reference: reference.to_string(),
            wanted: platforms.iter().map(ToString::to_string).collect(),
            found: children.iter().map(platform_words).collect(),
        });
    }
    Ok(children
        .iter()
        .map(|child| PlatformPin {
            platform: platform_words(child),
            digest: child.descriptor.digest,
            carried: carried.get(&child.descriptor.digest).copied().unwrap_or(true),
        })
        .collect())
}

fn platform_words(child: &Child) -> String {
    match &child.platform {
        None => "any".to_owned(),
        Some((os, arch, variant)) => words(os, arch, variant.as_deref()),
    }
}

fn words(os: &str, architecture: &str, variant: Option<&str>) -> String {
    match variant {
        None => format!("{os}/{architecture}"),
        Some(variant) => format!("{os}/{architecture}/{variant}"),
    }
}
