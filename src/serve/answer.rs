//! Answers that are not the thing asked for: which status, which error code, which words.

use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;

use crate::serve::ServeError;

/// Error codes of distribution-spec 1.1, "Error Codes", and two of ours for what it does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    BlobUnknown,
    UploadInvalid,
    UploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    SizeInvalid,
    Unauthorized,
    Unsupported,
    TooManyRequests,
    /// Nothing of that name, outside the registry.
    NotFound,
    /// The request makes no sense, outside the registry.
    BadRequest,
    /// This server failed.
    Unknown,
}

impl Code {
    fn parts(self) -> (&'static str, StatusCode) {
        match self {
            Self::BlobUnknown => ("BLOB_UNKNOWN", StatusCode::NOT_FOUND),
            Self::UploadInvalid => ("BLOB_UPLOAD_INVALID", StatusCode::BAD_REQUEST),
            Self::UploadUnknown => ("BLOB_UPLOAD_UNKNOWN", StatusCode::NOT_FOUND),
            Self::DigestInvalid => ("DIGEST_INVALID", StatusCode::BAD_REQUEST),
            Self::ManifestBlobUnknown => ("MANIFEST_BLOB_UNKNOWN", StatusCode::BAD_REQUEST),
            Self::ManifestInvalid => ("MANIFEST_INVALID", StatusCode::BAD_REQUEST),
            Self::ManifestUnknown => ("MANIFEST_UNKNOWN", StatusCode::NOT_FOUND),
            Self::NameInvalid => ("NAME_INVALID", StatusCode::BAD_REQUEST),
            Self::NameUnknown => ("NAME_UNKNOWN", StatusCode::NOT_FOUND),
            Self::SizeInvalid => ("SIZE_INVALID", StatusCode::PAYLOAD_TOO_LARGE),
            Self::Unauthorized => ("UNAUTHORIZED", StatusCode::UNAUTHORIZED),
            Self::Unsupported => ("UNSUPPORTED", StatusCode::METHOD_NOT_ALLOWED),
            Self::TooManyRequests => ("TOOMANYREQUESTS", StatusCode::TOO_MANY_REQUESTS),
            Self::NotFound => ("NOT_FOUND", StatusCode::NOT_FOUND),
            Self::BadRequest => ("BAD_REQUEST", StatusCode::BAD_REQUEST),
            Self::Unknown => ("UNKNOWN", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// A request that was not granted.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: Code,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What went wrong inside, for the operator; never sent.
    fault: Option<Box<ServeError>>,
}

impl Refusal {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        let (_, status) = code.parts();
        let message = message.into();
        Self { status, code, message, headers: Vec::new(), fault: None }
    }

    /// The same words under another status.
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// What the operator should hear of.
    pub(super) fn take_fault(&mut self) -> Option<Box<ServeError>> {
        self.fault.take()
    }

    /// As distribution-spec, "Error Codes", has it.
    pub(super) fn into_json(self) -> Response {
        let (word, _) = self.code.parts();
        let body = json!({"errors": [{"code": word, "message": self.message, "detail": null}]});
        self.dressed("application/json", body.to_string())
    }

    /// As git shows it to a person.
    pub(super) fn into_text(self) -> Response {
        let text = format!("{}\n", self.message);
        self.dressed("text/plain; charset=utf-8", text)
    }

    fn dressed(self, media_type: &'static str, body: String) -> Response {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    }
}

impl From<ServeError> for Refusal {
    fn from(error: ServeError) -> Self {
        let full = matches!(
            &error,
            ServeError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull
        );
        let mut refusal = if full {
            Self::new(Code::Unknown, "the disk of this server is full")
                .status(StatusCode::INSUFFICIENT_STORAGE)
        } else {
            Self::new(Code::Unknown, "this server failed; its operator finds the reason in its log")
        };
        refusal.fault = Some(Box::new(error));
        refusal
    }
}

/// Runs work that touches the disk away from the threads that wait on the network.
pub(super) async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Refusal>
where
    T: Send + 'static,
    E: Into<Refusal> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(_) => Err(ServeError::Worker.into()),
    }
}

/// A response without a body.
pub(super) fn empty(status: StatusCode, headers: &[(HeaderName, &str)]) -> Response {
    with_body(status, headers, Body::empty())
}

/// A response with a body. Header values that are no header values are left out.
pub(super) fn with_body(
    status: StatusCode,
    headers: &[(HeaderName, &str)],
    body: Body,
) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().append(name.clone(), value);
        }
    }
    response
}

/// A header of the request as text.
pub(super) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}
