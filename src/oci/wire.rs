//! Requests and answers: access renewed when it is refused, cut answers asked for again, lists walked page by page.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::{Client, RequestBuilder, StatusCode, Url};

use crate::artifact::Digest;
use crate::limits;
use crate::net::{self, Answer, NetError, Network, Tries};
use crate::oci::auth::Keychain;
use crate::oci::error::{OciError, Place, Said};
use crate::oci::token::{Access, Grant, Scopes, api_host};

/// The client for all registries. Cheap to clone.
#[derive(Clone)]
pub struct Registries(Arc<Inner>);

struct Inner {
    network: Network,
    access: Access,
}

impl Registries {
    /// A client with these credentials on this network.
    pub fn new(network: Network, keychain: Keychain) -> Self {
        Self(Arc::new(Inner { access: Access::new(network.clone(), keychain), network }))
    }

    pub(crate) fn network(&self) -> &Network {
        &self.0.network
    }

    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }

    /// `{scheme}://{host}/v2/{path}/{rest}`.
    pub(crate) fn url(&self, place: &Place, rest: &str) -> Result<Url, OciError> {
        let host = api_host(place.repository.host());
        let scheme = self.network().scheme(host);
        let text = format!("{scheme}://{host}/v2/{}/{rest}", place.repository.path());
        Url::parse(&text).map_err(|_| OciError::protocol(place, "its name makes no URL"))
    }

    /// Sends a request with access to these scopes, renewing the token when it is refused.
    ///
    /// Also gives what was sent along, for a caller that is refused later on.
    pub(crate) async fn ask<F>(
        &self,
        place: &Place,
        mut scopes: Scopes,
        make: &F,
    ) -> Result<(Answer, Option<Grant>), OciError>
    where
        F: Fn(&Client) -> RequestBuilder,
    {
        let mut renewals = 0;
        loop {
            let grant = self.access().grant(place, &scopes).await?;
            let send = |client: &Client| match &grant {
                Some(grant) => grant.onto(make(client)),
                None => make(client),
            };
            let answer = self.network().send(send).await.map_err(OciError::net(place))?;
            if answer.status() != StatusCode::UNAUTHORIZED || renewals >= limits::TOKEN_RENEWALS_MAX
            {
                return Ok((answer, grant));
            }
            renewals += 1;
            let lines: Vec<String> =
                answer.headers("www-authenticate").into_iter().map(str::to_owned).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            if !self.access().refused(place, &mut scopes, (&lines, grant.as_ref())).await? {
                return Ok((answer, grant));
            }
            // Read to the end, so that the connection and the host's slot are free for the token.
            let _ = answer.bytes(limits::ANSWER_BYTES_MAX).await;
        }
    }

    /// Sends a request and reads the whole answer, again when it is cut.
    pub(crate) async fn read<F>(
        &self,
        place: &Place,
        scopes: Scopes,
        what: (&F, u64),
    ) -> Result<Reply, OciError>
    where
        F: Fn(&Client) -> RequestBuilder,
    {
        let (make, bytes_max) = what;
        let mut tries = Tries::new();
        loop {
            let (answer, _) = self.ask(place, scopes.clone(), make).await?;
            let host = net::host_of(answer.full_url());
            let error = match Reply::read(answer, bytes_max).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            match tries.next(None).filter(|_| error.is_temporary()) {
                Some(wait) => {
                    self.network().rest(&host, None, wait).await.map_err(OciError::net(place))?;
                }
                None => return Err(OciError::net(place)(error)),
            }
        }
    }

    /// The error behind an answer that is none of the expected ones.
    pub(crate) async fn failure(&self, place: &Place, scopes: &Scopes, reply: Reply) -> OciError {
        let masks = self.access().masks(place.repository.host()).await;
        let Said { code, message } = Said::read(&reply.bytes, &masks);
        let status = reply.status.as_u16();
        let by = net::host_of(&reply.url);
        let place = Box::new(place.clone());
        match status {
            401 | 403 => {
                let anonymous = self.access().is_anonymous(place.repository.host()).await;
                let scope = scopes.text();
                OciError::Refused { place, by, status, scope, anonymous, message }
            }
            404 => OciError::Missing { place },
            _ => OciError::Server { place, status, code, message },
        }
    }

    /// The same for an answer that nobody has read yet.
    pub(crate) async fn failure_of(
        &self,
        place: &Place,
        scopes: &Scopes,
        answer: Answer,
    ) -> OciError {
        match Reply::read(answer, limits::ANSWER_BYTES_MAX).await {
            Ok(reply) => self.failure(place, scopes, reply).await,
            Err(error) => OciError::net(place)(error),
        }
    }
}

/// An answer read to its end.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) url: Url,
    pub(crate) bytes: Bytes,
    pub(crate) content_type: String,
    pub(crate) digest: Option<Digest>,
    links: Vec<String>,
    pub(crate) subject: bool,
}

impl Reply {
    async fn read(answer: Answer, bytes_max: u64) -> Result<Self, NetError> {
        let text = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        let mut reply = Self {
            status: answer.status(),
            url: answer.full_url().clone(),
            bytes: Bytes::new(),
            content_type: text("content-type"),
            digest: Digest::parse(&text("docker-content-digest")).ok(),
            links: answer.headers("link").into_iter().map(str::to_owned).collect(),
            subject: answer.header("oci-subject").is_some(),
        };
        // An error page may be of any size: what is kept of it is bounded, and the status stays the news.
        reply.bytes = match answer.bytes(bytes_max).await {
            Err(_) if !reply.status.is_success() => Bytes::new(),
            read => read?,
        };
        Ok(reply)
    }
}

/// Walks the pages of a list.
pub(crate) struct Pages {
    origin: Url,
    next: Option<Url>,
    seen: BTreeSet<String>,
}

impl Pages {
    pub(crate) fn new(first: Url) -> Self {
        Self { origin: first.clone(), next: Some(first), seen: BTreeSet::new() }
    }

    pub(crate) fn next(&mut self, place: &Place) -> Result<Option<Url>, OciError> {
        let Some(url) = self.next.take() else { return Ok(None) };
        if !self.seen.insert(url.to_string()) || self.seen.len() > limits::PAGES_MAX {
            return Err(OciError::protocol(place, "its pages go round in circles"));
        }
        Ok(Some(url))
    }

    /// Takes the next page from `Link` (RFC 8288).
    ///
    /// Path and query only: behind a proxy the host is often wrong, and a foreign one has nothing to say here.
    pub(crate) fn follow(&mut self, reply: &Reply) {
        self.next = reply.links.iter().find_map(|line| next_link(line)).and_then(|target| {
            let target = reply.url.join(&target).ok()?;
            let mut url = self.origin.clone();
            url.set_path(target.path());
            url.set_query(target.query());
            Some(url)
        });
    }
}

/// The target with `rel="next"` in one header line, which may hold several.
fn next_link(line: &str) -> Option<String> {
    let mut rest = line;
    while let Some((target, after)) = rest.split_once('<')?.1.split_once('>') {
        let fields = after.split('<').next().unwrap_or_default();
        let is_next = fields.split([';', ',']).any(|field| {
            let field = field.trim().to_ascii_lowercase();
            field.strip_prefix("rel=").is_some_and(|rel| rel.trim_matches('"') == "next")
        });
        if is_next {
            return Some(target.to_owned());
        }
        rest = after;
    }
    None
}

/// Whether two URLs have the same scheme, host and port.
pub(crate) fn is_own(url: &Url, origin: &Url) -> bool {
    url.origin() == origin.origin()
}
