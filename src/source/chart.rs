//! Charts: from HTTP repositories by their `index.yaml`, and from OCI registries.
//!
//! A chart from an HTTP repository is carried in Helm's own OCI form (helm/community HIP-0006), made here without times, so
//! that the same archive always gives the same OCI manifest. A chart from a registry is carried verbatim.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use tokio::sync::OnceCell;

use crate::artifact::{ChartRepo, Digest, HttpUrl, Pointer, Repository, Tag, VersionRange};
use crate::helm::{ChartArchive, ChartIndex, ChartUrl, config_json};
use crate::limits;
use crate::lock::{ChartPin, Descriptor};
use crate::net::NetError;
use crate::oci::{self, Annotations, Manifest, Parsed, StoreError};

use crate::source::{Fetched, SourceError, Sources};

/// Media type of a chart's configuration blob.
const CHART_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// Media type of a chart's archive.
const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// A pinned chart and what its archive says about itself.
#[derive(Debug)]
pub struct PinnedChart {
    /// The pin, without its edges.
    pub pin: ChartPin,
    /// The archive's own description.
    pub archive: ChartArchive,
    /// The archive, `.tgz`.
    pub package: Vec<u8>,
}

impl Sources {
    /// Pins a chart: the highest version in the range, its digest, and its archive, which is kept.
    pub async fn pin_chart(
        &self,
        repo: &ChartRepo,
        chart: &str,
        range: &VersionRange,
    ) -> Result<PinnedChart, SourceError> {
        match repo {
            ChartRepo::Http(url) => self.pin_http_chart(url, chart, range).await,
            ChartRepo::Oci { .. } => {
                let repository = oci_repository(repo, chart)?;
                let tag = self.chart_tag(&repository, range).await?;
                self.pin_oci_chart(&repository, &tag, &repo.to_string(), chart).await
            }
        }
    }

    async fn pin_http_chart(
        &self,
        repo: &HttpUrl,
        chart: &str,
        range: &VersionRange,
    ) -> Result<PinnedChart, SourceError> {
        let index = self.chart_index(repo).await?;
        let failed = |source| SourceError::Index { url: repo.to_string(), source };
        let Some(index) = index.get() else {
            return Err(SourceError::NoChart { reference: format!("{repo} {chart}") });
        };
        let entry = index.find(repo, chart, range).map_err(failed)?;
        let url = match entry.urls.first() {
            Some(ChartUrl::Http(url)) => url.to_string(),
            // Some HTTP indexes only point into a registry: the chart is what is there.
            Some(ChartUrl::Oci(repository, tag)) => {
                let tag = Tag::parse(tag)
                    .ok_or(SourceError::NoChart { reference: repository.to_string() })?;
                let path = repository.path().strip_suffix(chart).unwrap_or(repository.path());
                let parent = format!("oci://{}/{}", repository.host(), path.trim_end_matches('/'));
                return self.pin_oci_chart(repository, &tag, &parent, chart).await;
            }
            None => return Err(SourceError::NoChart { reference: format!("{repo} {chart}") }),
        };
        // The index's own digest is optional and only as trustworthy as the index; when there, it must agree.
        let want = entry.digest.as_deref().and_then(|hex| Digest::from_hex(hex).ok());
        let (digest, size) = self.download(&url, limits::CHART_ARCHIVE_BYTES_MAX, want).await?;
        let package = self.store.read_bytes(&digest, size)?;
        let archive = read_archive(&digest, &package)?;
        let pin = ChartPin {
            repo: repo.to_string(),
            chart: chart.to_owned(),
            version: entry.version,
            url: Some(url),
            digest,
            size,
            attachments: Vec::new(),
            because: Vec::new(),
        };
        Ok(PinnedChart { pin, archive, package })
    }

    /// The index of a chart repository, fetched once a run: all charts of one lock come from the same index.
    async fn chart_index(&self, repo: &HttpUrl) -> Result<Arc<OnceCell<ChartIndex>>, SourceError> {
        let cell = {
            let mut indexes = self.shared.indexes.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(indexes.entry(repo.to_string()).or_default())
        };
        cell.get_or_try_init(|| self.fetch_index(repo)).await?;
        Ok(cell)
    }

    async fn fetch_index(&self, repo: &HttpUrl) -> Result<ChartIndex, SourceError> {
        let url = format!("{}/index.yaml", repo.as_str().trim_end_matches('/'));
        let bytes = self.text(&url, limits::CHART_INDEX_BYTES_MAX).await?;
        ChartIndex::parse(&bytes).map_err(|source| SourceError::Index { url, source })
    }

    async fn pin_oci_chart(
        &self,
        repository: &Repository,
        tag: &Tag,
        repo: &str,
        chart: &str,
    ) -> Result<PinnedChart, SourceError> {
        let reference = format!("{repository}:{tag}");
        let manifest = self
            .registries
            .manifest(repository, &Pointer::Tag(tag.clone()))
            .await?
            .ok_or_else(|| SourceError::Missing { reference: reference.clone() })?;
        let layer = chart_layer(&manifest)?.ok_or(SourceError::NoChart { reference })?;
        self.store.put(&manifest.bytes)?;
        if layer.size > limits::CHART_ARCHIVE_BYTES_MAX {
            let bytes_max = limits::CHART_ARCHIVE_BYTES_MAX;
            return Err(NetError::Large { url: repository.to_string(), bytes_max }.into());
        }
        let package = self.blob_bytes(repository, &layer).await?;
        let archive = read_archive(&layer.digest, &package)?;
        let attachments = self.attachments(repository, vec![manifest.digest]).await?;
        let pin = ChartPin {
            repo: repo.to_owned(),
            chart: chart.to_owned(),
            version: tag.as_str().replace('_', "+"),
            url: None,
            digest: manifest.digest,
            size: manifest.bytes.len() as u64,
            attachments,
            because: Vec::new(),
        };
        Ok(PinnedChart { pin, archive, package })
    }

    /// The tag of the highest version in a range. An exact version needs no list of tags, which some registries refuse.
    async fn chart_tag(
        &self,
        repository: &Repository,
        range: &VersionRange,
    ) -> Result<Tag, SourceError> {
        let literal =
            range.exact().map(|_| range.text().trim_start_matches('=').trim().replace('+', "_"));
        if let Some(tag) = literal.and_then(|text| Tag::parse(&text)) {
            return Ok(tag);
        }
        let tags = self.registries.tags(repository).await?;
        let versions: Vec<String> = tags.iter().map(|tag| tag.as_str().replace('_', "+")).collect();
        range
            .highest(versions.iter().map(String::as_str))
            .and_then(|at| tags.get(at).cloned())
            .ok_or_else(|| SourceError::Missing {
                reference: format!("{repository} version {range}"),
            })
    }

    /// Fetches a pinned chart in its OCI form.
    pub async fn fetch_chart(&self, pin: &ChartPin) -> Result<Fetched, SourceError> {
        if let Some(url) = &pin.url {
            self.fetch_http_chart(pin, url).await
        } else {
            let repo = ChartRepo::parse(&pin.repo)
                .map_err(|_| SourceError::NoChart { reference: pin.repo.clone() })?;
            let repository = oci_repository(&repo, &pin.chart)?;
            let root = Descriptor {
                media_type: oci::media_type::OCI_MANIFEST.to_owned(),
                digest: pin.digest,
                size: pin.size,
            };
            self.fetch_tree(&repository, &root, &pin.attachments, &BTreeSet::new()).await
        }
    }

    async fn fetch_http_chart(&self, pin: &ChartPin, url: &str) -> Result<Fetched, SourceError> {
        let archive = read_archive(&pin.digest, &self.archive_bytes(pin, url).await?)?;
        let config_bytes = config_json(&archive.chart_yaml)?;
        let config = self.keep(CHART_CONFIG, &config_bytes)?;
        let layer =
            Descriptor { media_type: CHART_LAYER.to_owned(), digest: pin.digest, size: pin.size };
        let annotations = [
            ("org.opencontainers.image.title", &pin.chart),
            ("org.opencontainers.image.version", &pin.version),
        ];
        let annotations: Annotations =
            annotations.map(|(key, value)| (key.to_owned(), value.clone())).into_iter().collect();
        let layers = [(layer.clone(), Annotations::new())];
        let manifest = oci::artifact_manifest(None, &config, &layers, &annotations);
        let root = self.keep(oci::media_type::OCI_MANIFEST, &manifest)?;
        Ok(Fetched { root: root.clone(), blobs: vec![root, config, layer], layers: Vec::new() })
    }

    /// The archive of a pinned chart. One that is damaged in the store is fetched anew.
    async fn archive_bytes(&self, pin: &ChartPin, url: &str) -> Result<Vec<u8>, SourceError> {
        if self.store.has(&pin.digest, pin.size) {
            match self.store.read_bytes(&pin.digest, pin.size) {
                Err(StoreError::Damaged { .. }) => self.store.remove(&pin.digest)?,
                read => return Ok(read?),
            }
        }
        self.download(url, limits::CHART_ARCHIVE_BYTES_MAX, Some(pin.digest)).await?;
        Ok(self.store.read_bytes(&pin.digest, pin.size)?)
    }
}

fn read_archive(digest: &Digest, bytes: &[u8]) -> Result<ChartArchive, SourceError> {
    ChartArchive::read(bytes).map_err(|source| SourceError::Archive { digest: *digest, source })
}

/// The repository of one chart: Helm appends the chart's name to the registry path.
fn oci_repository(repo: &ChartRepo, chart: &str) -> Result<Repository, SourceError> {
    repo.repository(chart)
        .ok_or_else(|| SourceError::Missing { reference: format!("{repo}/{chart}") })
}

fn chart_layer(manifest: &Manifest) -> Result<Option<Descriptor>, SourceError> {
    Ok(match manifest.parse()? {
        Parsed::Image { layers, .. } => {
            layers.into_iter().map(|layer| layer.descriptor).find(|d| d.media_type == CHART_LAYER)
        }
        Parsed::Index { .. } => None,
    })
}
