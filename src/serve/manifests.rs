//! OCI manifests and indexes (distribution-spec, "Pulling manifests", "Pushing manifests",
//! "Deleting manifests").
//!
//! They are kept byte for byte. What is checked: the digest, that the JSON has the shape of an OCI
//! manifest, that it is not an image and an index at once (CVE-2021-41190), that its media type is
//! the one it was sent as, and that what it names is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::artifact::{Digest, Tag};
use crate::limits;
use crate::oci::media_type::OCI_MANIFEST;
use crate::serve::answer::{Code, Refusal, blocking, empty, header_text, with_body};
use crate::serve::paths::{Name, Query, Reference};
use crate::serve::registry::{CONTENT_DIGEST, Registry, digest_of};
use crate::serve::shelf::{Held, Pushed, Shelf};
use crate::serve::uploads::drain;
use crate::serve::{ServeError, Sparse};

const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");

/// The parts of an OCI manifest or index that a registry looks at (image-spec, manifest.md and
/// image-index.md).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Child>,
    layers: Option<Vec<Child>>,
    manifests: Option<Vec<Child>>,
    subject: Option<Child>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Child {
    #[serde(default)]
    media_type: String,
    digest: String,
}

/// An entry of a referrers list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrer<'a> {
    media_type: &'a str,
    digest: Digest,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a BTreeMap<String, String>>,
}

fn unknown(name: &Name, reference: &str) -> Refusal {
    Refusal::new(Code::ManifestUnknown, format!("{name} holds no OCI manifest {reference}"))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::ManifestInvalid, message)
}

impl Registry {
    /// `GET` and `HEAD …/manifests/<reference>`. `Accept` is not asked: there is one form of each,
    /// the one that was pushed.
    pub(super) async fn manifest(
        &self,
        name: &Name,
        reference: &str,
        method: &Method,
    ) -> Result<Response, Refusal> {
        let pointer = Reference::parse(reference).ok_or_else(|| unknown(name, reference))?;
        let (shelf, holder) = (Arc::clone(&self.shelf), name.clone());
        let with_bytes = method == Method::GET;
        let found = blocking(move || {
            let Some(held) = find(&shelf, &holder, pointer)? else { return Ok(None) };
            let bytes = if with_bytes { shelf.manifest_bytes(&held)? } else { Vec::new() };
            Ok::<_, ServeError>(Some((held, bytes)))
        });
        let (held, bytes) = found.await?.ok_or_else(|| unknown(name, reference))?;
        let (digest, etag) = (held.digest.to_string(), format!("\"{}\"", held.digest));
        let headers = [
            (header::CONTENT_TYPE, held.media_type.as_str()),
            (CONTENT_DIGEST, digest.as_str()),
            (header::ETAG, etag.as_str()),
        ];
        let mut response = with_body(StatusCode::OK, &headers, Body::from(bytes));
        response.headers_mut().insert(header::CONTENT_LENGTH, held.size_bytes.into());
        Ok(response)
    }

    /// `PUT …/manifests/<reference>`, with further tags as `?tag=`.
    pub(super) async fn push_manifest(
        &self,
        (name, reference): (&Name, &str),
        query: &Query,
        (headers, body): (&HeaderMap, Body),
    ) -> Result<Response, Refusal> {
        let (want, tags) = targets(reference, query)?;
        let media_type = header_text(headers, "content-type")
            .map(|text| text.split(';').next().unwrap_or_default().trim().to_owned());
        let bytes = collect(body, headers).await?;
        let digest = Digest::of(&bytes);
        if want.is_some_and(|want| want != digest) {
            let message = format!("the OCI manifest has digest {digest}, not {reference}");
            return Err(Refusal::new(Code::DigestInvalid, message));
        }
        let shape = read(&bytes)?;
        let media_type = media_type_of(media_type, &shape)?;
        let subject = match &shape.subject {
            Some(subject) => {
                let entry = referrer(&shape, &media_type, digest, bytes.len())?;
                Some((child_digest(subject)?, entry))
            }
            None => None,
        };
        let pushed = Pushed { digest, media_type, bytes, tags, subject };
        let (shelf, holder, sparse) = (Arc::clone(&self.shelf), name.clone(), self.sparse);
        let pushed = blocking(move || {
            let check = || check(&shelf, &holder, &shape, sparse);
            shelf.push(&holder, &pushed, check)?;
            Ok::<_, Refusal>(pushed)
        });
        Ok(created(name, query, &pushed.await?))
    }

    /// `DELETE …/manifests/<reference>`: a tag alone, or an OCI manifest with all its tags.
    pub(super) async fn delete_manifest(
        &self,
        name: &Name,
        reference: &str,
    ) -> Result<Response, Refusal> {
        let pointer = Reference::parse(reference).ok_or_else(|| unknown(name, reference))?;
        let (shelf, holder) = (Arc::clone(&self.shelf), name.clone());
        let deleted = blocking(move || match pointer {
            Reference::Tag(tag) => shelf.remove_tag(&holder, &tag),
            Reference::Digest(digest) => {
                let Some(held) = shelf.manifest(&holder, digest)? else { return Ok(false) };
                // One that is damaged can be deleted all the same; its entry as a referrer then
                // leads nowhere.
                let bytes = shelf.manifest_bytes(&held).unwrap_or_default();
                let subject = read(&bytes).ok().and_then(|shape| shape.subject);
                let subject = subject.and_then(|subject| Digest::parse(&subject.digest).ok());
                shelf.remove_manifest(&holder, &digest, subject)
            }
        });
        if deleted.await? {
            Ok(empty(StatusCode::ACCEPTED, &[(header::CONTENT_LENGTH, "0")]))
        } else {
            Err(unknown(name, reference))
        }
    }
}

fn find(shelf: &Shelf, name: &Name, pointer: Reference) -> Result<Option<Held>, ServeError> {
    let digest = match pointer {
        Reference::Digest(digest) => Some(digest),
        Reference::Tag(tag) => shelf.tag(name, &tag)?,
    };
    match digest {
        Some(digest) => shelf.manifest(name, digest),
        None => Ok(None),
    }
}

/// The digest that was announced, and the tags to be set.
fn targets(reference: &str, query: &Query) -> Result<(Option<Digest>, Vec<Tag>), Refusal> {
    let no_tag = |text: &str| invalid(format!("{text:?} is not a tag"));
    let mut tags = Vec::new();
    let mut want = None;
    if reference.contains(':') {
        want = Some(digest_of(reference)?);
    } else {
        tags.push(Tag::parse(reference).ok_or_else(|| no_tag(reference))?);
    }
    for tag in query.all("tag") {
        tags.push(Tag::parse(tag).ok_or_else(|| no_tag(tag))?);
    }
    if tags.len() > limits::SERVE_TAGS_PER_PUSH_MAX {
        let message = format!("more than {} tags at once", limits::SERVE_TAGS_PER_PUSH_MAX);
        return Err(invalid(message).status(StatusCode::URI_TOO_LONG));
    }
    Ok((want, tags))
}

async fn collect(body: Body, headers: &HeaderMap) -> Result<Vec<u8>, Refusal> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    loop {
        let piece: Bytes = match timeout(limits::SILENCE_MAX, stream.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(None) => return Ok(bytes),
            Ok(Some(Err(_))) => return Err(invalid("the body was cut short")),
            Err(_) => {
                let refusal = invalid("the body stopped coming");
                return Err(refusal.status(StatusCode::REQUEST_TIMEOUT));
            }
        };
        if bytes.len() + piece.len() > limits::SERVE_MANIFEST_BYTES_MAX {
            drain(Body::from_stream(stream), headers).await;
            let message =
                format!("the OCI manifest exceeds {} bytes", limits::SERVE_MANIFEST_BYTES_MAX);
            return Err(invalid(message).status(StatusCode::PAYLOAD_TOO_LARGE));
        }
        bytes.extend_from_slice(&piece);
    }
}

fn read(bytes: &[u8]) -> Result<Shape, Refusal> {
    let shape: Shape = serde_json::from_slice(bytes)
        .map_err(|error| invalid(format!("not the JSON of an OCI manifest: {error}")))?;
    if shape.schema_version == Some(1) {
        return Err(invalid("Docker's schema 1 is not supported: push the image anew"));
    }
    if shape.manifests.is_some() && (shape.config.is_some() || shape.layers.is_some()) {
        return Err(invalid("it is an image manifest and an index at once"));
    }
    Ok(shape)
}

/// The media type under which it is handed out.
fn media_type_of(sent_as: Option<String>, shape: &Shape) -> Result<String, Refusal> {
    let inside = shape.media_type.as_deref().filter(|text| !text.is_empty());
    match (sent_as.filter(|text| !text.is_empty()), inside) {
        (Some(sent_as), Some(inside)) if sent_as != inside => {
            Err(invalid(format!("sent as {sent_as}, but its mediaType is {inside}")))
        }
        (Some(sent_as), _) => Ok(sent_as),
        (None, Some(inside)) => Ok(inside.to_owned()),
        (None, None) => Ok(OCI_MANIFEST.to_owned()),
    }
}

fn child_digest(child: &Child) -> Result<Digest, Refusal> {
    Digest::parse(&child.digest).map_err(|error| invalid(error.to_string()))
}

/// Layers that are fetched from elsewhere and need not be here (image-spec, layer.md).
fn is_foreign(child: &Child) -> bool {
    child.media_type.contains(".nondistributable.") || child.media_type.contains(".foreign.")
}

fn check(shelf: &Shelf, name: &Name, shape: &Shape, sparse: Sparse) -> Result<(), Refusal> {
    for child in shape.config.iter().chain(shape.layers.iter().flatten()) {
        let digest = child_digest(child)?;
        let may_lack = sparse == Sparse::Anything || is_foreign(child);
        if !may_lack && shelf.blob(name, &digest).is_none() {
            let message = format!("{name} holds no blob {digest}, which this OCI manifest names");
            return Err(Refusal::new(Code::ManifestBlobUnknown, message));
        }
    }
    for child in shape.manifests.iter().flatten() {
        let digest = child_digest(child)?;
        // Build caches are indexes of plain blobs.
        let held = sparse != Sparse::Nothing
            || shelf.manifest(name, digest)?.is_some()
            || shelf.blob(name, &digest).is_some();
        if !held {
            let message = format!("{name} holds no OCI manifest {digest}, which this index names");
            let refusal = Refusal::new(Code::ManifestUnknown, message);
            return Err(refusal.status(StatusCode::BAD_REQUEST));
        }
    }
    Ok(())
}

/// The entry of a referrers list (distribution-spec, "Listing Referrers").
fn referrer(
    shape: &Shape,
    media_type: &str,
    digest: Digest,
    size: usize,
) -> Result<Vec<u8>, Refusal> {
    let own = shape.artifact_type.as_deref().filter(|text| !text.is_empty());
    let config = shape.config.as_ref().map(|config| config.media_type.as_str());
    let artifact_type = own.or(config).filter(|text| !text.is_empty());
    let annotations = shape.annotations.as_ref();
    let entry = Referrer { media_type, digest, size, artifact_type, annotations };
    serde_json::to_vec(&entry).map_err(|error| invalid(error.to_string()))
}

fn created(name: &Name, query: &Query, pushed: &Pushed) -> Response {
    let digest = pushed.digest.to_string();
    let location = format!("/v2/{name}/manifests/{digest}");
    let subject = pushed.subject.as_ref().map(|(subject, _)| subject.to_string());
    let mut headers = vec![
        (header::LOCATION, location.as_str()),
        (CONTENT_DIGEST, digest.as_str()),
        (header::CONTENT_LENGTH, "0"),
    ];
    if let Some(subject) = &subject {
        headers.push((OCI_SUBJECT, subject));
    }
    headers.extend(query.all("tag").map(|tag| (OCI_TAG, tag)));
    empty(StatusCode::CREATED, &headers)
}
