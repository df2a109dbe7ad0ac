//! Plain files by URL.

use bytes::Bytes;

use crate::artifact::{Digest, Hasher};
use crate::limits;
use crate::lock::{Descriptor, FilePin};
use crate::net::{Answer, NetError, Tries};
use crate::oci::{self, Annotations, StoreError};

use crate::source::{Fetched, SourceError, Sources};

/// Artifact type of a carried file.
const FILE_ARTIFACT: &str = "application/vnd.haversack.file.v1";
const FILE_LAYER: &str = "application/octet-stream";
/// The config blob of an artifact that has none (image-spec, manifest.md, "Guidance for an Empty Descriptor").
const EMPTY_CONFIG: &[u8] = b"{}";

impl Sources {
    /// Fetches a file to learn its digest and size, and keeps it. `want` is the digest that a person wrote down.
    pub async fn pin_file(
        &self,
        url: &str,
        want: Option<Digest>,
    ) -> Result<(Digest, u64), SourceError> {
        self.download(url, limits::BLOB_BYTES_MAX, want).await
    }

    /// Fetches a pinned file and wraps it as an OCI artifact.
    pub async fn fetch_file(&self, pin: &FilePin) -> Result<Fetched, SourceError> {
        if !self.store.has(&pin.digest, pin.size) {
            self.pin_file(&pin.url, Some(pin.digest)).await?;
        }
        let layer =
            Descriptor { media_type: FILE_LAYER.to_owned(), digest: pin.digest, size: pin.size };
        let title = pin.url.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("file");
        self.wrap(
            FILE_ARTIFACT,
            vec![(layer, Some(title.to_owned()))],
            &[("org.opencontainers.image.source", &pin.url)],
        )
    }

    /// Makes the OCI manifest of an artifact that is ours: files and repositories.
    pub(super) fn wrap(
        &self,
        artifact_type: &str,
        layers: Vec<(Descriptor, Option<String>)>,
        annotations: &[(&str, &str)],
    ) -> Result<Fetched, SourceError> {
        let config = self.keep(oci::media_type::EMPTY, EMPTY_CONFIG)?;
        let layers: Vec<(Descriptor, Annotations)> = layers
            .into_iter()
            .map(|(layer, title)| {
                let title = title.map(|title| ("org.opencontainers.image.title".to_owned(), title));
                (layer, title.into_iter().collect())
            })
            .collect();
        let annotations: Annotations = annotations
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let manifest = oci::artifact_manifest(Some(artifact_type), &config, &layers, &annotations);
        let root = self.keep(oci::media_type::OCI_MANIFEST, &manifest)?;
        let mut blobs = vec![root.clone(), config];
        blobs.extend(layers.into_iter().map(|(layer, _)| layer));
        Ok(Fetched { root, blobs, layers: Vec::new() })
    }

    /// Keeps bytes that we made, and describes them.
    pub(super) fn keep(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, SourceError> {
        Ok(Descriptor {
            media_type: media_type.to_owned(),
            digest: self.store.put(bytes)?,
            size: bytes.len() as u64,
        })
    }

    /// Downloads a URL whole into the store under the digest it turns out to have, which must be the one wanted.
    ///
    /// Begins again when the answer is cut, and once when it is not what was wanted: a byte may turn on its way.
    pub(super) async fn download(
        &self,
        url: &str,
        bytes_max: u64,
        want: Option<Digest>,
    ) -> Result<(Digest, u64), SourceError> {
        let mut tries = Tries::new();
        let mut last_chance = false;
        loop {
            let answer = self.answer(url).await?;
            let error = match self.receive(answer, bytes_max, want).await? {
                Ok(got) => return Ok(got),
                Err(error) => error,
            };
            match &error {
                SourceError::Net(net) if net.is_temporary() => {}
                SourceError::Changed { .. } if !last_chance => last_chance = true,
                _ => return Err(error),
            }
            let Some(wait) = tries.next(None) else { return Err(error) };
            tokio::time::sleep(wait).await;
        }
    }

    /// Asks for a small text, again when the answer is cut.
    pub(super) async fn text(&self, url: &str, bytes_max: u64) -> Result<Bytes, SourceError> {
        let mut tries = Tries::new();
        loop {
            let error = match self.answer(url).await?.bytes(bytes_max).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => error,
            };
            match tries.next(None).filter(|_| error.is_temporary()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error.into()),
            }
        }
    }

    async fn answer(&self, url: &str) -> Result<Answer, SourceError> {
        let answer = self.network.send(|client| client.get(url)).await?;
        match answer.status().as_u16() {
            200 => Ok(answer),
            status => Err(SourceError::Status { url: answer.url(), status }),
        }
    }

    /// Moves one answer into the store; the inner error is one that another try may cure.
    async fn receive(
        &self,
        mut answer: Answer,
        bytes_max: u64,
        want: Option<Digest>,
    ) -> Result<Result<(Digest, u64), SourceError>, SourceError> {
        let what = answer.url();
        let task = self.report.task(&*what, answer.length());
        let scratch = self.store.scratch()?;
        let path = scratch.path().join("file");
        let io = |source| SourceError::Io { path: path.display().to_string(), source };
        let mut writer = tokio::fs::File::create_new(&path).await.map_err(io)?;
        let mut hasher = Hasher::new();
        loop {
            let piece = match answer.chunk().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(error) => return Ok(Err(error.into())),
            };
            hasher.update(&piece);
            if hasher.size_bytes() > bytes_max {
                return Err(NetError::Large { url: what, bytes_max }.into());
            }
            tokio::io::AsyncWriteExt::write_all(&mut writer, &piece).await.map_err(io)?;
            task.advance(piece.len() as u64);
        }
        tokio::io::AsyncWriteExt::flush(&mut writer).await.map_err(io)?;
        let (digest, size) = (hasher.clone().finish(), hasher.size_bytes());
        if let Some(want) = want.filter(|want| *want != digest) {
            return Ok(Err(SourceError::Changed { what, want, got: digest }));
        }
        let target = self.store.path(&digest);
        tokio::fs::rename(&path, &target)
            .await
            .map_err(|source| StoreError::Io { path: target, source })?;
        Ok(Ok((digest, size)))
    }
}
