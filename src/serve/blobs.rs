//! Blobs on their way out (distribution-spec, "Pulling blobs" and "Deleting blobs").

use std::sync::Arc;

use axum::http::header;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;

use crate::artifact::Digest;
use crate::serve::answer::{Code, Refusal, blocking, empty};
use crate::serve::paths::Name;
use crate::serve::range;
use crate::serve::registry::{CONTENT_DIGEST, Registry, digest_of};

fn unknown(name: &Name, digest: &Digest) -> Refusal {
    Refusal::new(Code::BlobUnknown, format!("{name} holds no blob {digest}"))
}

impl Registry {
    /// `GET` and `HEAD …/blobs/<digest>`, whole or one range.
    pub(super) async fn blob(
        &self,
        name: &Name,
        digest: &str,
        asked: (&Method, &HeaderMap),
    ) -> Result<Response, Refusal> {
        let digest = digest_of(digest)?;
        let (shelf, holder) = (Arc::clone(&self.shelf), name.clone());
        let found = blocking(move || shelf.open_blob(&holder, &digest)).await?;
        let (file, size_bytes) = found.ok_or_else(|| unknown(name, &digest))?;
        let (text, etag) = (digest.to_string(), format!("\"{digest}\""));
        let headers = [
            (header::CONTENT_TYPE, "application/octet-stream"),
            (CONTENT_DIGEST, text.as_str()),
            (header::ETAG, etag.as_str()),
        ];
        Ok(range::serve(asked, file, size_bytes, &headers))
    }

    /// `DELETE …/blobs/<digest>`: this repository holds it no longer; others may.
    pub(super) async fn delete_blob(&self, name: &Name, digest: &str) -> Result<Response, Refusal> {
        let digest = digest_of(digest)?;
        let (shelf, holder) = (Arc::clone(&self.shelf), name.clone());
        if blocking(move || shelf.unlink_blob(&holder, &digest)).await? {
            Ok(empty(StatusCode::ACCEPTED, &[(header::CONTENT_LENGTH, "0")]))
        } else {
            Err(unknown(name, &digest))
        }
    }
}
