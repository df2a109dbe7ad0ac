//! What was done: `receipt.json`, for the log book and for the connected side.

use std::time::SystemTime;

use serde::Serialize;

use crate::artifact::{Digest, ReleaseName};
use crate::bundle::Verified;
use crate::replay::git::Pushed;
use crate::replay::plan::{GitPlan, ImagePlan};
use crate::replay::registry::Tally;
use crate::replay::site::Site;

/// The first member of every receipt.
const FORMAT: &str = "haversack-receipt/1";

/// The record of one replay.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Always `haversack-receipt/1`.
    pub format: &'static str,
    /// Name of the bundle.
    pub name: ReleaseName,
    /// Version of the bundle.
    pub version: String,
    /// Digest of its `SHA256SUMS`: names exactly this bundle.
    pub bundle: Digest,
    /// The key that signed it.
    pub key: String,
    /// When the replay ended (RFC 9110 section 5.6.7).
    pub finished: String,
    /// The site's registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// The site's git server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
    /// Registry content.
    pub images: Vec<ImageReceipt>,
    /// Repositories.
    pub repos: Vec<RepoReceipt>,
    /// Counts of what went over.
    pub totals: Totals,
    /// What a person should look at.
    pub warnings: Vec<String>,
}

/// One artifact in the registry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageReceipt {
    /// The pin's id.
    pub id: String,
    /// Repository inside.
    pub inside: String,
    /// Tags and what they name.
    pub tags: Vec<TagReceipt>,
    /// Digest of the artifact.
    pub digest: Digest,
    /// Whether anything had to be sent.
    pub changed: bool,
}

/// One tag.
#[derive(Debug, Serialize)]
pub struct TagReceipt {
    /// The tag.
    pub tag: String,
    /// What it names.
    pub digest: Digest,
}

/// One repository on the git server.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepoReceipt {
    /// The pin's id.
    pub id: String,
    /// URL inside.
    pub inside: String,
    /// Refs and the objects they name.
    pub refs: Vec<RefReceipt>,
    /// Whether anything had to be sent.
    pub changed: bool,
}

/// One ref.
#[derive(Debug, Serialize)]
pub struct RefReceipt {
    /// Full name.
    pub name: String,
    /// What it names.
    pub object: String,
}

/// Counts of what went over.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Blobs sent.
    pub blobs_sent: u64,
    /// Blobs that the registry took over from another of its repositories.
    pub blobs_mounted: u64,
    /// Blobs that were there.
    pub blobs_already: u64,
    /// Bytes of blobs sent.
    pub bytes_sent: u64,
    /// OCI manifests sent.
    pub manifests_sent: u64,
    /// Tags set.
    pub tags_set: u64,
    /// Refs set.
    pub refs_set: u64,
}

/// What happened to one artifact.
#[derive(Default)]
pub(super) struct Done {
    /// OCI manifests sent.
    pub(super) sent: Vec<Digest>,
    /// Tags as they stand now.
    pub(super) tags: Vec<(String, Digest)>,
    /// How many tags had to be set.
    pub(super) tags_set: u64,
    /// The index that the registry does not take without all its platforms.
    pub(super) without_index: Option<Digest>,
}

impl Receipt {
    pub(super) fn new(verified: &Verified, site: &Site) -> Self {
        let contents = verified.contents();
        Self {
            format: FORMAT,
            name: contents.name.clone(),
            version: contents.version.to_string(),
            bundle: verified.sums_digest(),
            key: verified.key().to_string(),
            finished: String::new(),
            registry: site.registry.as_ref().map(|registry| registry.url.clone()),
            git: site.git.as_ref().map(|git| git.url.clone()),
            images: Vec::new(),
            repos: Vec::new(),
            totals: Totals::default(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn count(&mut self, tally: &Tally, bytes: u64) {
        self.totals.blobs_sent += tally.sent;
        self.totals.blobs_mounted += tally.mounted;
        self.totals.blobs_already += tally.already;
        self.totals.bytes_sent += bytes;
    }

    pub(super) fn note_image(&mut self, plan: &ImagePlan, done: Done) {
        if let Some(index) = done.without_index {
            self.warnings.push(format!(
                "{}: the registry does not take index {index} without all its platforms; its tags name the one \
                 platform that is carried, and references by the index digest do not work inside",
                plan.id
            ));
        }
        self.totals.manifests_sent += done.sent.len() as u64;
        self.totals.tags_set += done.tags_set;
        let root = plan.tags.first().map(|tag| tag.digest);
        let last =
            plan.manifests.iter().rfind(|m| m.subject.is_none()).map(|m| m.descriptor.digest);
        self.images.push(ImageReceipt {
            id: plan.id.clone(),
            inside: plan.inside.to_string(),
            changed: !done.sent.is_empty() || done.tags_set > 0,
            digest: root.or(last).unwrap_or_else(|| Digest::of(&[])),
            tags: done.tags.into_iter().map(|(tag, digest)| TagReceipt { tag, digest }).collect(),
        });
    }

    pub(super) fn note_repo(&mut self, plan: &GitPlan, pushed: Pushed) {
        self.totals.refs_set += pushed.refs_set;
        self.warnings.extend(pushed.warning);
        let refs = plan.refs.iter();
        self.repos.push(RepoReceipt {
            id: plan.id.clone(),
            inside: plan.inside.clone(),
            refs: refs
                .map(|r| RefReceipt { name: r.name.clone(), object: r.object.clone() })
                .collect(),
            changed: pushed.refs_set > 0,
        });
    }

    pub(super) fn close(mut self) -> Self {
        self.finished = httpdate::fmt_http_date(SystemTime::now());
        self
    }

    /// The bytes of `receipt.json`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}
