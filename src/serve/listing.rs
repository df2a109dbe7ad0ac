//! Lists, page by page: tags, repositories, referrers (distribution-spec, "Content Discovery").

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName};
use axum::response::Response;
use serde_json::{Value, json};

use crate::limits;
use crate::serve::ServeError;
use crate::serve::answer::{Code, Refusal, blocking, with_body};
use crate::serve::paths::{Name, Query};
use crate::serve::registry::{Registry, digest_of};

const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl Registry {
    /// `GET …/tags/list?n=&last=`.
    pub(super) async fn tags(&self, name: &Name, query: &Query) -> Result<Response, Refusal> {
        let (shelf, holder) = (Arc::clone(&self.shelf), name.clone());
        let tags = blocking(move || shelf.tags(&holder)).await?.ok_or_else(|| {
            Refusal::new(Code::NameUnknown, format!("this registry has no repository {name}"))
        })?;
        let (page, next) = Page::parse(query)?.cut(tags);
        let link = next.map(|rest| format!("</v2/{name}/tags/list?{rest}>; rel=\"next\""));
        Ok(list(&json!({"name": name.as_str(), "tags": page}), "application/json", link.as_deref()))
    }

    /// `GET /v2/_catalog?n=&last=`.
    pub(super) async fn catalog(&self, query: &Query) -> Result<Response, Refusal> {
        let shelf = Arc::clone(&self.shelf);
        let names = blocking(move || shelf.catalog()).await?;
        let (page, next) = Page::parse(query)?.cut(names);
        let link = next.map(|rest| format!("</v2/_catalog?{rest}>; rel=\"next\""));
        Ok(list(&json!({"repositories": page}), "application/json", link.as_deref()))
    }

    /// `GET …/referrers/<digest>?artifactType=`: an index, empty when nobody refers to it.
    pub(super) async fn referrers(
        &self,
        (name, subject): (&Name, &str),
        query: &Query,
    ) -> Result<Response, Refusal> {
        let subject = digest_of(subject)?;
        let wanted = query.get("artifactType").map(str::to_owned);
        let last = query.get("last").unwrap_or_default().to_owned();
        let (shelf, holder, filter) = (Arc::clone(&self.shelf), name.clone(), wanted.clone());
        let listed = blocking(move || {
            let mut entries = Vec::new();
            let mut size_bytes = 0;
            let mut previous = None;
            for hex in shelf.referrers(&holder, &subject)? {
                let Some(bytes) = (hex > last)
                    .then(|| shelf.referrer(&holder, &subject, &hex))
                    .transpose()?
                    .flatten()
                else {
                    continue;
                };
                let entry: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                let fits = filter.as_ref().is_none_or(|filter| entry["artifactType"] == **filter);
                if !entry.is_object() || !fits {
                    continue;
                }
                size_bytes += bytes.len();
                if size_bytes > limits::SERVE_REFERRERS_BYTES_MAX && previous.is_some() {
                    return Ok((entries, previous));
                }
                entries.push(entry);
                previous = Some(hex);
            }
            Ok::<_, ServeError>((entries, None))
        });
        let (entries, next) = listed.await?;
        let link = next.map(|hex| {
            let mut rest = url::form_urlencoded::Serializer::new(String::new());
            rest.append_pair("last", &hex);
            rest.extend_pairs(wanted.iter().map(|wanted| ("artifactType", wanted)));
            format!("</v2/{name}/referrers/{subject}?{}>; rel=\"next\"", rest.finish())
        });
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
        let mut response = list(&index, OCI_INDEX, link.as_deref());
        if wanted.is_some() {
            let applied = header::HeaderValue::from_static("artifactType");
            response.headers_mut().insert(OCI_FILTERS_APPLIED, applied);
        }
        Ok(response)
    }
}

/// Which part of a sorted list is asked for: at most `n` names after `last`.
struct Page {
    count: Option<usize>,
    last: Option<String>,
}

impl Page {
    fn parse(query: &Query) -> Result<Self, Refusal> {
        let count = match query.get("n").map(str::parse) {
            None => None,
            Some(Ok(count)) => Some(count),
            Some(Err(_)) => return Err(Refusal::new(Code::BadRequest, "n is not a number")),
        };
        Ok(Self { count, last: query.get("last").map(str::to_owned) })
    }

    /// The page, and the query of the next one.
    fn cut(&self, mut names: Vec<String>) -> (Vec<String>, Option<String>) {
        if let Some(last) = &self.last {
            names.drain(..names.partition_point(|name| name <= last));
        }
        let Some(count) = self.count.filter(|count| *count < names.len()) else {
            return (names, None);
        };
        names.truncate(count);
        // An empty page has no last name to go on from.
        let next = names.last().map(|last| format!("n={count}&last={last}"));
        (names, next)
    }
}

fn list(body: &Value, media_type: &str, link: Option<&str>) -> Response {
    let mut headers = vec![(header::CONTENT_TYPE, media_type)];
    headers.extend(link.map(|link| (header::LINK, link)));
    with_body(StatusCode::OK, &headers, Body::from(body.to_string()))
}
