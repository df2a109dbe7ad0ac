//! The client for all registries: OCI manifests, tags and referrers. Blobs are in `fetch.rs` and `upload.rs`.

use std::collections::BTreeSet;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, StatusCode};
use serde::Deserialize;

use crate::artifact::{Digest, Pointer, Repository, Tag, VerifyError};
use crate::limits;
use crate::net::{self, Tries};
use crate::oci::error::{OciError, Place, Said};
use crate::oci::manifest::{Manifest, Parsed, Referrer, media_type};
use crate::oci::token::Scopes;
use crate::oci::wire::{Pages, Registries, is_own};

/// Everything that an OCI manifest may come as. Schema 1 is left out on purpose.
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";
/// Pauses before an OCI manifest is given up whose blobs the registry does not see yet.
const UNSEEN_BLOB_TRIES: usize = 3;

/// What HEAD tells about an OCI manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Digest.
    pub digest: Digest,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Media type.
    pub media_type: String,
}

/// What a registry answered to an OCI manifest that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutAnswer {
    /// The registry keeps the referrers of its subject itself (`OCI-Subject`).
    pub subject_taken: bool,
}

impl Registries {
    /// Gets an OCI manifest; `None` when the registry does not have it.
    ///
    /// Its digest is ours, computed from the bytes, and is what the pointer names when that has one.
    pub async fn manifest(
        &self,
        repository: &Repository,
        pointer: &Pointer,
    ) -> Result<Option<Manifest>, OciError> {
        let (reference, want) = match pointer {
            Pointer::Tag(tag) => (tag.to_string(), None),
            Pointer::Digest(digest) | Pointer::Both(_, digest) => {
                (digest.to_string(), Some(*digest))
            }
        };
        let place = Place::new(repository, &reference);
        let url = self.url(&place, &format!("manifests/{reference}"))?;
        let mut last_chance = false;
        loop {
            let make = |client: &Client| client.get(url.clone()).header(ACCEPT, ACCEPTED);
            let reply =
                self.read(&place, Scopes::pull(&place), (&make, limits::OCI_MANIFEST_BYTES_MAX));
            let reply = reply.await?;
            match reply.status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(None),
                _ => return Err(self.failure(&place, &Scopes::pull(&place), reply).await),
            }
            let manifest = Manifest::new(reply.bytes, &reply.content_type);
            match want.or(reply.digest) {
                Some(want) if want != manifest.digest => {
                    if last_chance {
                        let source = VerifyError::Wrong { want, got: manifest.digest };
                        return Err(OciError::Damaged { place, source });
                    }
                    last_chance = true;
                }
                _ => return Ok(Some(manifest)),
            }
        }
    }

    /// Asks about an OCI manifest without getting it, where the registry allows that; `None` when it does not have it.
    pub async fn head(
        &self,
        repository: &Repository,
        tag_or_digest: &str,
    ) -> Result<Option<Head>, OciError> {
        let pointer = pointer(repository, tag_or_digest)?;
        let place = Place::new(repository, tag_or_digest);
        let url = self.url(&place, &format!("manifests/{tag_or_digest}"))?;
        let make = |client: &Client| client.head(url.clone()).header(ACCEPT, ACCEPTED);
        let (answer, _) = self.ask(&place, Scopes::pull(&place), &make).await?;
        match answer.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            // An answer to HEAD has no words; GET fails with some, or works.
            _ => {
                drop(answer);
                return self.head_by_get(repository, &pointer).await;
            }
        }
        let told = answer.header("content-type").unwrap_or_default();
        let told = told.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let known = media_type::is_index(&told) || media_type::is_manifest(&told);
        let digest =
            answer.header("docker-content-digest").and_then(|text| Digest::parse(text).ok());
        match (digest, answer.length()) {
            (Some(digest), Some(size_bytes)) if known => match pointer {
                Pointer::Digest(want) if want != digest => {
                    let source = VerifyError::Wrong { want, got: digest };
                    Err(OciError::Damaged { place, source })
                }
                _ => Ok(Some(Head { digest, size_bytes, media_type: told })),
            },
            _ => {
                drop(answer);
                self.head_by_get(repository, &pointer).await
            }
        }
    }

    async fn head_by_get(
        &self,
        repository: &Repository,
        pointer: &Pointer,
    ) -> Result<Option<Head>, OciError> {
        let manifest = self.manifest(repository, pointer).await?;
        Ok(manifest.map(|manifest| Head {
            digest: manifest.digest,
            size_bytes: manifest.size_bytes(),
            media_type: manifest.media_type,
        }))
    }

    /// Whether the registry has a blob of this digest and size in this repository.
    pub async fn has_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        size_bytes: u64,
    ) -> Result<bool, OciError> {
        let place = Place::new(repository, digest);
        self.holds(&place, Scopes::pull(&place), size_bytes).await
    }

    pub(crate) async fn holds(
        &self,
        place: &Place,
        scopes: Scopes,
        size_bytes: u64,
    ) -> Result<bool, OciError> {
        let url = self.url(place, &format!("blobs/{}", place.reference))?;
        let make = |client: &Client| client.head(url.clone());
        let (answer, _) = self.ask(place, scopes.clone(), &make).await?;
        let own = is_own(answer.full_url(), &url);
        match answer.status().as_u16() {
            200 => Ok(answer.length() == Some(size_bytes)),
            // A storage service that was redirected to signs its URLs for GET alone.
            401 | 403 if !own => Ok(false),
            401 | 403 | 429 | 500..=599 => Err(self.failure_of(place, &scopes, answer).await),
            _ => Ok(false),
        }
    }

    /// All tags of a repository, in the registry's order. Names that are no tags are left out.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, OciError> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let place = Place::new(repository, "tags");
        let first = self.url(&place, "tags/list")?;
        let mut tags = Vec::new();
        let mut pages = Pages::new(first);
        while let Some(url) = pages.next(&place)? {
            let make = |client: &Client| client.get(url.clone());
            let read =
                self.read(&place, Scopes::pull(&place), (&make, limits::TAGS_PAGE_BYTES_MAX));
            let reply = read.await?;
            if reply.status != StatusCode::OK {
                return Err(self.failure(&place, &Scopes::pull(&place), reply).await);
            }
            let page: Page = serde_json::from_slice(&reply.bytes)
                .map_err(|_| OciError::protocol(&place, "the list of tags is not one"))?;
            tags.extend(page.tags.unwrap_or_default().iter().filter_map(|tag| Tag::parse(tag)));
            if tags.len() > limits::TAGS_MAX {
                return Err(OciError::protocol(&place, "it has more tags than can be listed"));
            }
            pages.follow(&reply);
        }
        Ok(tags)
    }

    /// Everything that names this OCI manifest as its subject (distribution-spec, "Listing Referrers").
    ///
    /// Asks the referrers API, and the tag `sha256-<hex>` where the registry has none. Sorted, each entry once.
    pub async fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Referrer>, OciError> {
        match self.referrers_by_api(repository, subject).await? {
            Some(found) => Ok(found),
            None => self.referrers_by_tag(repository, subject).await,
        }
    }

    /// What the referrers API lists; `None` when the registry has none.
    pub async fn referrers_by_api(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Option<Vec<Referrer>>, OciError> {
        let place = Place::new(repository, subject);
        let mut pages = Pages::new(self.url(&place, &format!("referrers/{subject}"))?);
        let mut found = BTreeSet::new();
        let mut first = true;
        while let Some(url) = pages.next(&place)? {
            let make =
                |client: &Client| client.get(url.clone()).header(ACCEPT, media_type::OCI_INDEX);
            let read =
                self.read(&place, Scopes::pull(&place), (&make, limits::OCI_MANIFEST_BYTES_MAX));
            let reply = read.await?;
            let is_index = reply.content_type.starts_with(media_type::OCI_INDEX);
            match reply.status.as_u16() {
                200 if is_index => {}
                // No such API, said in one of many ways; some catch-all pages even say 200.
                200 | 400 | 403..=406 | 410 | 415 | 501 if first => return Ok(None),
                _ => return Err(self.failure(&place, &Scopes::pull(&place), reply).await),
            }
            first = false;
            found.extend(children(&Manifest::new(reply.bytes.clone(), media_type::OCI_INDEX))?);
            if found.len() > limits::INDEX_ENTRIES_MAX {
                return Err(OciError::protocol(&place, "it has more referrers than can be listed"));
            }
            pages.follow(&reply);
        }
        Ok(Some(found.into_iter().collect()))
    }

    /// What the tag `sha256-<hex>` lists, which clients keep where there is no API.
    pub async fn referrers_by_tag(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Referrer>, OciError> {
        let Some(tag) = Tag::parse(&format!("sha256-{}", subject.hex())) else {
            return Ok(Vec::new());
        };
        let manifest = match self.manifest(repository, &Pointer::Tag(tag)).await {
            // Artifactory answers 403 for a tag that is not there, also to those who may pull the rest.
            Err(OciError::Refused { status: 403, .. }) => return Ok(Vec::new()),
            other => other?,
        };
        match manifest {
            // A tag of this name may also be somebody's ordinary image, or even the subject itself.
            Some(manifest)
                if media_type::is_index(&manifest.media_type) && manifest.digest != *subject =>
            {
                let found: BTreeSet<Referrer> = children(&manifest)?.into_iter().collect();
                Ok(found.into_iter().collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Sends an OCI manifest under a tag or its digest, byte for byte.
    pub async fn push_manifest(
        &self,
        repository: &Repository,
        reference: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<PutAnswer, OciError> {
        let digest = Digest::of(&bytes);
        if let Pointer::Digest(want) = pointer(repository, reference)?
            && want != digest
        {
            let place = Place::new(repository, reference);
            return Err(OciError::Altered { place, want: digest, got: want });
        }
        let place = Place::new(repository, reference);
        let url = self.url(&place, &format!("manifests/{reference}"))?;
        let scopes = Scopes::push(&place);
        let mut tries = Tries::new();
        let mut unseen = 0;
        loop {
            let make = |client: &Client| {
                client.put(url.clone()).header(CONTENT_TYPE, media_type).body(bytes.clone())
            };
            let reply =
                self.read(&place, scopes.clone(), (&make, limits::ANSWER_BYTES_MAX)).await?;
            if matches!(reply.status.as_u16(), 200 | 201 | 202 | 204) {
                return match reply.digest {
                    Some(got) if got != digest => {
                        Err(OciError::Altered { place, want: digest, got })
                    }
                    _ => Ok(PutAnswer { subject_taken: reply.subject }),
                };
            }
            let status = reply.status.as_u16();
            let masks = self.access().masks(repository.host()).await;
            let said = Said::read(&reply.bytes, &masks);
            // Nexus shows a blob only some moments after it took it.
            if said.code.ends_with("BLOB_UNKNOWN") && unseen < UNSEEN_BLOB_TRIES {
                unseen += 1;
                if let Some(wait) = tries.next(None) {
                    let host = net::host_of(&url);
                    self.network().rest(&host, None, wait).await.map_err(OciError::net(&place))?;
                    continue;
                }
            }
            let odd = matches!(said.code.as_str(), "MANIFEST_INVALID" | "UNSUPPORTED");
            if status == 415 || (odd && (400..500).contains(&status)) {
                let media_type = media_type.to_owned();
                let Said { code, message } = said;
                return Err(OciError::Unsupported {
                    place,
                    digest,
                    media_type,
                    status,
                    code,
                    message,
                });
            }
            return Err(self.failure(&place, &scopes, reply).await);
        }
    }

    /// Gets back what was pushed under a tag or digest: "201 Created" is no proof.
    pub async fn read_back(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Result<Option<Manifest>, OciError> {
        self.manifest(repository, &pointer(repository, reference)?).await
    }
}

fn pointer(repository: &Repository, reference: &str) -> Result<Pointer, OciError> {
    let tag = Tag::parse(reference).map(Pointer::Tag);
    tag.or_else(|| Digest::parse(reference).ok().map(Pointer::Digest)).ok_or_else(|| {
        OciError::Reference { repository: repository.clone(), reference: reference.to_owned() }
    })
}

fn children(index: &Manifest) -> Result<Vec<Referrer>, OciError> {
    match index.parse()? {
        Parsed::Index { manifests, .. } => Ok(manifests
            .into_iter()
            .map(|child| Referrer {
                descriptor: child.descriptor,
                artifact_type: child.artifact_type,
                annotations: child.annotations,
            })
            .collect()),
        Parsed::Image { .. } => Ok(Vec::new()),
    }
}
