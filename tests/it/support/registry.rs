//! An OCI registry seen through plain HTTP: fills one with fixtures and looks at what is in it.
//!
//! Written from the distribution spec 1.1, apart from `src/oci`, so that the two can disagree.

use serde_json::Value;

use super::fixture::image::{Blob, Image};
use super::http::{self, Response};
use super::sha256_hex;

const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// A registry at a base URL, asked without credentials.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    base: String,
}

impl Registry {
    /// The registry at `http://host:port`.
    pub(crate) fn at(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned() }
    }

    /// `host:port`, as it stands in an image reference.
    pub(crate) fn host(&self) -> String {
        http::split(&self.base).0
    }

    /// Pushes config and layers, then the OCI manifest under `reference` (a tag or a digest).
    #[track_caller]
    pub(crate) fn push_image(&self, repo: &str, reference: &str, image: &Image) {
        self.push_blob(repo, &image.config);
        for layer in &image.layers {
            self.push_blob(repo, layer);
        }
        self.push_manifest(repo, reference, &image.manifest);
    }

    /// Pushes one blob by POST and one PUT, unless it is there.
    #[track_caller]
    pub(crate) fn push_blob(&self, repo: &str, blob: &Blob) {
        if self.ask("HEAD", &format!("{repo}/blobs/{}", blob.digest)).status == 200 {
            return;
        }
        let url = format!("{}/v2/{repo}/blobs/uploads/", self.base);
        let opened = http::request("POST", &url, &[], b"").expect(&[202]);
        let place = self.absolute(opened.header("location").expect("no Location"));
        let sign = if place.contains('?') { '&' } else { '?' };
        let url = format!("{place}{sign}digest={}", blob.digest);
        let kind = [("Content-Type", "application/octet-stream")];
        http::request("PUT", &url, &kind, &blob.bytes).expect(&[201]);
    }

    /// Puts an OCI manifest or index under `reference`.
    #[track_caller]
    pub(crate) fn push_manifest(&self, repo: &str, reference: &str, manifest: &Blob) {
        let url = format!("{}/v2/{repo}/manifests/{reference}", self.base);
        let kind = [("Content-Type", manifest.media_type.as_str())];
        http::request("PUT", &url, &kind, &manifest.bytes).expect(&[201]);
    }

    /// Gets the bytes of an OCI manifest; nothing when the registry says 404.
    #[track_caller]
    pub(crate) fn manifest(&self, repo: &str, reference: &str) -> Option<Vec<u8>> {
        self.found(&format!("{repo}/manifests/{reference}"))
    }

    /// Gets the bytes of a blob; nothing when the registry says 404.
    #[track_caller]
    pub(crate) fn blob(&self, repo: &str, digest: &str) -> Option<Vec<u8>> {
        self.found(&format!("{repo}/blobs/{digest}"))
    }

    /// The digest of what a tag points to, computed from its bytes.
    #[track_caller]
    pub(crate) fn digest(&self, repo: &str, tag: &str) -> Option<String> {
        self.manifest(repo, tag).map(|bytes| format!("sha256:{}", sha256_hex(&bytes)))
    }

    /// The tags of a repository, sorted; none when it does not exist.
    #[track_caller]
    pub(crate) fn tags(&self, repo: &str) -> Vec<String> {
        let Some(bytes) = self.found(&format!("{repo}/tags/list")) else { return Vec::new() };
        let list: Value = serde_json::from_slice(&bytes).unwrap();
        let mut tags: Vec<String> = list["tags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|tag| tag.as_str().map(str::to_owned))
            .collect();
        tags.sort();
        tags
    }

    /// The names of all repositories.
    #[track_caller]
    pub(crate) fn repositories(&self) -> Vec<String> {
        let url = format!("{}/v2/_catalog?n=1000", self.base);
        let list: Value = serde_json::from_slice(&http::get(&url).expect(&[200]).body).unwrap();
        let names = list["repositories"].as_array().into_iter().flatten();
        names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }

    /// The digests of what refers to `subject`, sorted: from the API, else from the tag schema.
    #[track_caller]
    pub(crate) fn referrers(&self, repo: &str, subject: &str) -> Vec<String> {
        let list = self
            .found(&format!("{repo}/referrers/{subject}"))
            .or_else(|| self.manifest(repo, &subject.replace(':', "-")));
        let Some(list) = list else { return Vec::new() };
        let list: Value = serde_json::from_slice(&list).unwrap();
        let mut digests: Vec<String> = list["manifests"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|entry| entry["digest"].as_str().map(str::to_owned))
            .collect();
        digests.sort();
        digests
    }

    /// Walks everything below `reference` and returns its digests, sorted; hashes every byte.
    #[track_caller]
    pub(crate) fn closure(&self, repo: &str, reference: &str) -> Vec<String> {
        self.walk(repo, reference, false)
    }

    /// The same for what a bundle carries: an index may lack platforms, but not all of them.
    #[track_caller]
    pub(crate) fn closure_of_present(&self, repo: &str, reference: &str) -> Vec<String> {
        self.walk(repo, reference, true)
    }

    /// Walks whatever has a tag: what a user can see must be whole at every instant.
    #[track_caller]
    pub(crate) fn assert_visible_is_whole(&self) {
        for repo in self.repositories() {
            for tag in self.tags(&repo) {
                self.closure_of_present(&repo, &tag);
            }
        }
    }

    #[track_caller]
    fn walk(&self, repo: &str, reference: &str, sparse: bool) -> Vec<String> {
        let mut digests = Vec::new();
        let mut open = vec![reference.to_owned()];
        let mut images = 0;
        while let Some(next) = open.pop() {
            let bytes = match self.manifest(repo, &next) {
                Some(bytes) => bytes,
                None if sparse && next != reference => continue,
                None => panic!("{repo}: no manifest {next}"),
            };
            digests.push(format!("sha256:{}", sha256_hex(&bytes)));
            let manifest: Value = serde_json::from_slice(&bytes).unwrap();
            for child in manifest["manifests"].as_array().into_iter().flatten() {
                open.push(child["digest"].as_str().unwrap().to_owned());
            }
            images += usize::from(manifest.get("config").is_some());
            let layers = manifest["layers"].as_array().into_iter().flatten();
            for part in layers.chain(manifest.get("config")) {
                let digest = part["digest"].as_str().unwrap();
                let bytes = self.blob(repo, digest);
                let bytes = bytes.unwrap_or_else(|| panic!("{repo}: no blob {digest}"));
                assert_eq!(digest, format!("sha256:{}", sha256_hex(&bytes)), "{repo}");
                digests.push(digest.to_owned());
            }
        }
        assert!(images > 0, "{repo}: nothing below {reference}");
        digests.sort();
        digests.dedup();
        digests
    }

    fn found(&self, path: &str) -> Option<Vec<u8>> {
        let response = self.ask("GET", path);
        (response.status != 404).then(|| response.expect(&[200]).body)
    }

    fn ask(&self, method: &str, path: &str) -> Response {
        let url = format!("{}/v2/{path}", self.base);
        http::request(method, &url, &[("Accept", ACCEPT)], b"")
    }

    fn absolute(&self, location: &str) -> String {
        if location.starts_with('/') {
            format!("{}{location}", self.base)
        } else {
            location.to_owned()
        }
    }
}
