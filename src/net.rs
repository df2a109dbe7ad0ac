//! The only maker of sockets.
//!
//! [`Network`] is a capability: a function without it cannot reach out. It talks to listed hosts only, over TLS
//! unless the user named the host as plain HTTP, bounds the requests in flight to each host, and repeats what a server
//! or a cable failed at, as long as a `Retry-After` says (RFC 9110 section 10.2.3) or with a growing pause.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::{RequestBuilder, Response, StatusCode, Url, redirect};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits;

/// Why the network could not be used.
#[derive(Debug, Error)]
pub enum NetError {
    /// The host is not on the list.
    #[error("host {0} is not one that this command may talk to")]
    Host(String),
    /// The URL is plain HTTP and the user did not say that this host may be.
    #[error("{0} would be asked over plain HTTP, which was not allowed for it")]
    Plain(String),
    /// The connection failed, was cut, or timed out.
    #[error("{url}: {}", transport_words(.source))]
    Transport {
        /// URL without its query.
        url: String,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// The server asked for a pause that is too long to sit out.
    #[error("{host} asks to come back in {seconds} s")]
    Busy {
        /// Which host.
        host: String,
        /// The pause it asked for.
        seconds: u64,
    },
    /// An upload stood still: nothing was taken, or nothing was answered.
    #[error("{url}: no sign of life for {seconds} s during an upload")]
    Silent {
        /// URL without its query.
        url: String,
        /// How long it stood still.
        seconds: u64,
    },
    /// The answer is larger than it may be.
    #[error("{url}: the answer is larger than {bytes_max} bytes")]
    Large {
        /// URL without its query.
        url: String,
        /// The bound.
        bytes_max: u64,
    },
    /// The client could not be set up: a CA file or proxy setting is wrong.
    #[error("the HTTP client could not be set up")]
    Setup(#[source] reqwest::Error),
    /// A port could not be opened.
    #[error("cannot listen on {address}")]
    Listen {
        /// Address asked for.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

fn transport_words(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "no connection"
    } else if error.is_redirect() {
        "redirected to where this command may not go"
    } else if error.is_builder() {
        "not a URL that can be asked"
    } else {
        "the connection broke"
    }
}

impl NetError {
    /// Whether trying again may help.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Transport { source, .. } => !source.is_builder() && !source.is_redirect(),
            Self::Silent { .. } => true,
            _ => false,
        }
    }
}

/// Which hosts may be talked to.
#[derive(Clone, Debug)]
pub enum Hosts {
    /// Any: the connected host follows the inventory wherever it leads.
    Any,
    /// These alone, as `host` or `host:port`: the isolated side.
    Only(BTreeSet<String>),
}

/// What a [`Network`] may do.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Hosts that may be talked to.
    pub hosts: Hosts,
    /// Hosts, as `host` or `host:port`, that may be asked over plain HTTP.
    pub plain_http: BTreeSet<String>,
    /// Further certificate authorities, PEM.
    pub authorities: Vec<Vec<u8>>,
    /// Requests in flight to one host.
    pub requests_per_host: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            hosts: Hosts::Any,
            plain_http: BTreeSet::new(),
            authorities: Vec::new(),
            requests_per_host: limits::REQUESTS_PER_HOST,
        }
    }
}

/// The capability to talk to the network. Cheap to clone.
#[derive(Clone)]
pub struct Network(Arc<Inner>);

struct Inner {
    client: reqwest::Client,
    uploads: reqwest::Client,
    policy: Policy,
    lanes: Mutex<BTreeMap<String, Arc<Lane>>>,
}

/// One host: how many requests are in flight, and until when it asked for silence.
struct Lane {
    slots: Arc<Semaphore>,
    quiet_until: Mutex<Option<Instant>>,
}

/// An answer, holding its host's slot until it is dropped.
pub struct Answer {
    response: Response,
    _slot: OwnedSemaphorePermit,
}

impl Network {
    /// Sets the client up.
    pub fn new(policy: Policy) -> Result<Self, NetError> {
        // A second call finds the provider installed, which is what it wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let both = |roots| {
            let client = builder(&policy, roots)?.read_timeout(limits::SILENCE_MAX).build();
            let uploads = builder(&policy, roots)?.build();
            Ok((client.map_err(NetError::Setup)?, uploads.map_err(NetError::Setup)?))
        };
        // A bare machine has no authorities of its own: then those given are the only ones, and plain HTTP works as ever.
        let (client, uploads) = both(Roots::System).or_else(|_| both(Roots::Given))?;
        Ok(Self(Arc::new(Inner { client, uploads, policy, lanes: Mutex::default() })))
    }

    /// `http` where the user said so, `https` everywhere else.
    pub fn scheme(&self, host: &str) -> &'static str {
        if listed(&self.0.policy.plain_http, host) { "http" } else { "https" }
    }

    /// Sends a request, and again while the failure looks temporary.
    ///
    /// `make` builds it anew for each try, so bodies must be re-openable. Any final status is an answer, not an error.
    pub async fn send<F>(&self, make: F) -> Result<Answer, NetError>
    where
        F: Fn(&reqwest::Client) -> RequestBuilder,
    {
        let mut tries = Tries::new();
        loop {
            let outcome = self.send_once(make(&self.0.client)).await;
            let pause = match &outcome {
                Ok(answer) if is_temporary(answer.status()) => {
                    retry_after(answer.response.headers())
                }
                Err(error) if error.is_temporary() => None,
                _ => return outcome,
            };
            let host = match &outcome {
                Ok(answer) => host_of(answer.response.url()),
                Err(_) => String::new(),
            };
            let Some(wait) = tries.next(pause) else { return outcome };
            drop(outcome);
            self.rest(&host, pause, wait).await?;
        }
    }

    /// Waits before a further try, for callers that count [`Tries`] themselves.
    ///
    /// `asked` is what the server named ([`Answer::retry_after`]), `wait` what [`Tries::next`] made of it.
    pub async fn rest(
        &self,
        host: &str,
        asked: Option<Duration>,
        wait: Duration,
    ) -> Result<(), NetError> {
        if wait > limits::RETRY_AFTER_MAX {
            return Err(NetError::Busy { host: host.to_owned(), seconds: wait.as_secs() });
        }
        match (asked, self.lane(host)) {
            // The server named a time: nobody may ask it before.
            (Some(_), Some(lane)) => lane.hush(wait),
            _ => tokio::time::sleep(wait).await,
        }
        Ok(())
    }

    /// Sends a request exactly once.
    pub async fn send_once(&self, request: RequestBuilder) -> Result<Answer, NetError> {
        let (client, request) = request.build_split();
        let request = request.map_err(|source| NetError::Transport {
            url: "request".to_owned(),
            source: source.without_url(),
        })?;
        allowed(&self.0.policy, request.url())?;
        let url = shown(request.url());
        let lane = self.lane_of(&host_of(request.url()));
        lane.wait_for_quiet().await;
        // The semaphore is never closed, so acquiring cannot fail.
        let slot = loop {
            if let Ok(slot) = Arc::clone(&lane.slots).acquire_owned().await {
                break slot;
            }
        };
        match client.execute(request).await {
            Ok(response) => Ok(Answer { response, _slot: slot }),
            Err(source) => Err(NetError::Transport { url, source: source.without_url() }),
        }
    }

    /// A request builder for [`Network::send_once`].
    pub fn client(&self) -> &reqwest::Client {
        &self.0.client
    }

    /// The same for large bodies going out.
    ///
    /// The other client counts silence from the first byte sent, so that it would cut an upload of two minutes short.
    /// Who uses this one watches over progress himself.
    pub fn upload_client(&self) -> &reqwest::Client {
        &self.0.uploads
    }

    fn lane(&self, host: &str) -> Option<Arc<Lane>> {
        (!host.is_empty()).then(|| self.lane_of(host))
    }

    fn lane_of(&self, host: &str) -> Arc<Lane> {
        let mut lanes = self.0.lanes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(lanes.entry(host.to_owned()).or_insert_with(|| {
            Arc::new(Lane {
                slots: Arc::new(Semaphore::new(self.0.policy.requests_per_host.max(1))),
                quiet_until: Mutex::new(None),
            })
        }))
    }
}

impl Lane {
    fn hush(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut quiet = self.quiet_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *quiet = Some(quiet.map_or(until, |old| old.max(until)));
    }

    async fn wait_for_quiet(&self) {
        let until = *self.quiet_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(until) = until {
            tokio::time::sleep_until(until.into()).await;
        }
    }
}

impl Answer {
    /// Status code.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// URL that answered in the end, without its query: fit for messages.
    pub fn url(&self) -> String {
        shown(self.response.url())
    }

    /// URL that answered in the end, whole.
    pub fn full_url(&self) -> &Url {
        self.response.url()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// All values of a header as text.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.response
            .headers()
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect()
    }

    /// `Retry-After`: how long the server asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.response.headers())
    }

    /// `Content-Length`, also of an answer to HEAD.
    pub fn length(&self) -> Option<u64> {
        self.header("content-length").and_then(|text| text.trim().parse().ok())
    }

    /// The next piece of the body.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, NetError> {
        match self.response.chunk().await {
            Ok(piece) => Ok(piece),
            Err(source) => {
                Err(NetError::Transport { url: self.url(), source: source.without_url() })
            }
        }
    }

    /// The whole body, at most `bytes_max` bytes of it.
    pub async fn bytes(mut self, bytes_max: u64) -> Result<Bytes, NetError> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            if (all.len() + piece.len()) as u64 > bytes_max {
                return Err(NetError::Large { url: self.url(), bytes_max });
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}

/// Counts tries and says how long to wait before the next one.
pub struct Tries {
    made: u32,
}

impl Tries {
    /// The first try is about to be made.
    pub fn new() -> Self {
        Self { made: 1 }
    }

    /// The pause before the next try; `None` when there have been enough.
    pub fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        if self.made >= limits::TRIES_MAX {
            return None;
        }
        let growing =
            limits::BACKOFF_FIRST.saturating_mul(1 << (self.made - 1)).min(limits::BACKOFF_MAX);
        self.made += 1;
        Some(asked.unwrap_or_else(|| growing.mul_f64(0.75 + jitter() / 2.0)))
    }
}

impl Default for Tries {
    fn default() -> Self {
        Self::new()
    }
}

/// A number from 0 to 1 that differs between processes and calls, so that clients do not come back in step.
fn jitter() -> f64 {
    let mut byte = [128_u8];
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

/// Statuses that a later try may cure.
pub fn is_temporary(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 499 | 500 | 502 | 503 | 504 | 522)
}

/// `Retry-After` in seconds, as a date, or (Docker Hub) as seconds since 1970.
fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    let now = SystemTime::now();
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if let Ok(seconds) = text.parse::<u64>() {
        let asked = Duration::from_secs(seconds);
        // More than 30 years is no pause but a date.
        return Some(if seconds > 1_000_000_000 {
            asked.saturating_sub(since_1970)
        } else {
            asked
        });
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Opens a port. The embedded servers are the only callers.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, NetError> {
    TcpListener::bind(address).await.map_err(|source| NetError::Listen { address, source })
}

/// Which certificate authorities count.
#[derive(Clone, Copy)]
enum Roots {
    /// The system's, and those given.
    System,
    /// Those given.
    Given,
}

fn builder(policy: &Policy, roots: Roots) -> Result<reqwest::ClientBuilder, NetError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("haversack/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(limits::CONNECT_TIME_MAX)
        .tcp_nodelay(true)
        .redirect(redirect_policy(policy.clone()));
    let mut given = Vec::new();
    for pem in &policy.authorities {
        given.extend(reqwest::Certificate::from_pem_bundle(pem).map_err(NetError::Setup)?);
    }
    builder = match roots {
        Roots::System => builder.tls_certs_merge(given),
        Roots::Given => builder.tls_certs_only(given),
    };
    Ok(builder)
}

fn redirect_policy(policy: Policy) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > limits::REDIRECTS_MAX {
            return attempt.error("too many redirects");
        }
        match allowed(&policy, attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(error) => attempt.error(error),
        }
    })
}

fn allowed(policy: &Policy, url: &Url) -> Result<(), NetError> {
    let host = host_of(url);
    if let Hosts::Only(hosts) = &policy.hosts
        && !listed(hosts, &host)
    {
        return Err(NetError::Host(host));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if listed(&policy.plain_http, &host) => Ok(()),
        _ => Err(NetError::Plain(host)),
    }
}

/// A list may name a host with its port, or without it for all ports.
fn listed(list: &BTreeSet<String>, host: &str) -> bool {
    list.contains(host) || host.rsplit_once(':').is_some_and(|(name, _)| list.contains(name))
}

/// `host` or `host:port` when the port is not the scheme's own.
pub fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// A URL for messages: no user, no password, no query.
pub fn shown(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), host_of(url), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str) -> Option<Duration> {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("retry-after", text.parse().expect("header"));
        retry_after(&headers)
    }

    #[test]
    fn reads_every_form_of_retry_after() {
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        let later = SystemTime::now() + Duration::from_secs(90);
        let near = |wait: Option<Duration>| wait.is_some_and(|w| (85..=91).contains(&w.as_secs()));
        assert!(near(after(&httpdate::fmt_http_date(later))));
        let epoch = later.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
        assert!(near(after(&epoch.to_string())));
        assert_eq!(after("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
    }

    #[test]
    fn lists_bind_hosts_and_schemes() {
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
        let policy = Policy {
            hosts: Hosts::Only(list(&["registry.inside:5000", "git.inside"])),
            plain_http: list(&["git.inside"]),
            ..Policy::default()
        };
        let ask = |url: &str| allowed(&policy, &Url::parse(url).expect("url"));
        assert!(ask("https://registry.inside:5000/v2/").is_ok());
        assert!(matches!(ask("https://registry.inside/v2/"), Err(NetError::Host(_))));
        assert!(matches!(ask("http://registry.inside:5000/v2/"), Err(NetError::Plain(_))));
        assert!(ask("http://git.inside:3000/x").is_ok());
        assert!(matches!(ask("https://example.com/"), Err(NetError::Host(_))));
        assert_eq!(shown(&Url::parse("https://u:p@h/x?token=1").expect("url")), "https://h/x");
    }

    #[test]
    fn tries_end() {
        let mut tries = Tries::new();
        assert_eq!(
            std::iter::from_fn(|| tries.next(Some(Duration::ZERO))).count() as u32,
            limits::TRIES_MAX - 1
        );
    }
}
