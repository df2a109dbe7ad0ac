//! The registry: which request is which row of distribution-spec 1.1, "Endpoints".

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::Response;

use crate::artifact::Digest;
use crate::serve::Sparse;
use crate::serve::answer::{Code, Refusal, with_body};
use crate::serve::paths::{Name, Query, Route};
use crate::serve::shelf::Shelf;
use crate::serve::uploads::Uploads;

pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// An OCI registry over a [`Shelf`].
pub(super) struct Registry {
    pub(super) shelf: Arc<Shelf>,
    pub(super) uploads: Uploads,
    pub(super) sparse: Sparse,
}

impl Registry {
    /// Answers a request below `/v2/`; `rest` is its decoded path after that.
    pub(super) async fn answer(&self, rest: &str, request: Request) -> Result<Response, Refusal> {
        let mut response = self.dispatch(rest, request).await?;
        stamp(&mut response);
        Ok(response)
    }

    async fn dispatch(&self, rest: &str, request: Request) -> Result<Response, Refusal> {
        let route = Route::parse(rest)
            .ok_or_else(|| Refusal::new(Code::NameUnknown, "no such endpoint"))?;
        let (parts, body) = request.into_parts();
        let query = Query::parse(parts.uri.query());
        let headers = &parts.headers;
        let method = &parts.method;
        // axum answers HEAD without the body.
        let reads = method == Method::GET || method == Method::HEAD;
        match route {
            Route::Base if reads => Ok(base()),
            Route::Catalog if reads => self.catalog(&query).await,
            Route::Tags(name) if reads => self.tags(&named(name)?, &query).await,
            Route::Referrers(name, subject) if reads => {
                self.referrers((&named(name)?, subject), &query).await
            }
            Route::Manifest(name, reference) => {
                let name = named(name)?;
                match *method {
                    Method::GET | Method::HEAD => self.manifest(&name, reference, method).await,
                    Method::PUT => {
                        self.push_manifest((&name, reference), &query, (headers, body)).await
                    }
                    Method::DELETE => self.delete_manifest(&name, reference).await,
                    _ => Err(unsupported()),
                }
            }
            Route::Uploads(name) if method == Method::POST => {
                self.begin_upload(&named(name)?, &query, body).await
            }
            Route::Upload(name, id) => {
                let name = named(name)?;
                match *method {
                    Method::GET => self.upload_status(&name, id).await,
                    Method::PATCH => self.continue_upload((&name, id), headers, body).await,
                    Method::PUT => self.finish_upload((&name, id), &query, (headers, body)).await,
                    Method::DELETE => self.cancel_upload(&name, id).await,
                    _ => Err(unsupported()),
                }
            }
            Route::Blob(name, digest) => {
                let name = named(name)?;
                match *method {
                    Method::GET | Method::HEAD => self.blob(&name, digest, (method, headers)).await,
                    Method::DELETE => self.delete_blob(&name, digest).await,
                    _ => Err(unsupported()),
                }
            }
            _ => Err(unsupported()),
        }
    }
}

/// Says which registry protocol this is; old clients ask for it on every answer.
pub(super) fn stamp(response: &mut Response) {
    response.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
}

fn base() -> Response {
    with_body(StatusCode::OK, &[(header::CONTENT_TYPE, "application/json")], Body::from("{}"))
}

fn named(text: &str) -> Result<Name, Refusal> {
    Name::parse(text).ok_or_else(|| {
        Refusal::new(Code::NameInvalid, format!("{text:?} is not the name of a repository"))
    })
}

fn unsupported() -> Refusal {
    Refusal::new(Code::Unsupported, "this endpoint does not do that")
}

/// Reads a digest out of a URL.
pub(super) fn digest_of(text: &str) -> Result<Digest, Refusal> {
    Digest::parse(text).map_err(|error| Refusal::new(Code::DigestInvalid, error.to_string()))
}
