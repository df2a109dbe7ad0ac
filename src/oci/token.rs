//! Access: what to put into `Authorization`, for which registry and which scope.
//!
//! 1. The first request to a registry goes out bare; its 401 says which way to authenticate, and that is remembered.
//! 2. Basic: the registry's credentials, to the registry alone.
//! 3. Bearer: a token for exactly the scopes at hand, from the token service (distribution-spec, auth/token), with the
//!    password as Basic or the identity token by POST (auth/oauth). One token serves all requests of its scopes until
//!    shortly before it ends, and one request at a time asks for it.
//! 4. A 401 at any later moment throws the token away and gets a new one, a bounded number of times.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Body, RequestBuilder, Url};
use serde::Deserialize;
use tokio::sync::Mutex as AsyncMutex;
use zeroize::Zeroizing;

use crate::limits;
use crate::net::{self, Answer, Network};
use crate::oci::auth::{Credential, Keychain};
use crate::oci::challenge::{Bearer, Challenge};
use crate::oci::error::{Masks, OciError, Place, Said};

/// Life of a token that does not name its own (distribution-spec, auth/token).
const LIFE_DEFAULT: Duration = Duration::from_mins(1);
/// A token this close to its end is not used for a new request.
const LIFE_MARGIN: Duration = Duration::from_secs(10);

/// What goes into `Authorization`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Grant(HeaderValue);

impl Grant {
    fn new(scheme: &str, secret: &str) -> Option<Self> {
        let text = Zeroizing::new(format!("{scheme} {secret}"));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    fn basic(user: &str, password: &str) -> Option<Self> {
        let pair = Zeroizing::new(format!("{user}:{password}"));
        Self::new("Basic", &Zeroizing::new(STANDARD.encode(pair.as_bytes())))
    }

    /// Adds it to a request.
    pub(crate) fn onto(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(AUTHORIZATION, self.0.clone())
    }
}

/// Scopes of one request, the most important one first: some servers read only that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scopes(Vec<String>);

impl Scopes {
    pub(crate) fn pull(place: &Place) -> Self {
        Self(vec![format!("repository:{}:pull", place.repository.path())])
    }

    pub(crate) fn push(place: &Place) -> Self {
        Self(vec![format!("repository:{}:pull,push", place.repository.path())])
    }

    pub(crate) fn and_pull(mut self, path: &str) -> Self {
        self.add(&format!("repository:{path}:pull"));
        self
    }

    fn add(&mut self, scope: &str) -> bool {
        let new = !scope.is_empty() && !self.0.iter().any(|known| known == scope);
        if new {
            self.0.push(scope.to_owned());
        }
        new
    }

    pub(crate) fn text(&self) -> String {
        self.0.join(" ")
    }
}

struct Token {
    grant: Grant,
    until: Instant,
}

type Slot = Arc<AsyncMutex<Option<Token>>>;

/// Access to all registries.
pub(crate) struct Access {
    network: Network,
    keychain: Keychain,
    challenges: Mutex<HashMap<String, Challenge>>,
    tokens: Mutex<HashMap<(String, Scopes), Slot>>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<f64>,
}

impl Access {
    pub(crate) fn new(network: Network, keychain: Keychain) -> Self {
        Self { network, keychain, challenges: Mutex::default(), tokens: Mutex::default() }
    }

    /// What to send along; `None` as long as the registry has not asked for anything, or nothing is known.
    pub(crate) async fn grant(
        &self,
        place: &Place,
        scopes: &Scopes,
    ) -> Result<Option<Grant>, OciError> {
        let host = place.repository.host();
        let challenge = {
            let known = self.challenges.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(host).cloned()
        };
        match challenge {
            None => Ok(None),
            Some(Challenge::Basic) => match self.credential(host).await? {
                Some(Credential::Password(user, password)) => {
                    Ok(Grant::basic(&user, password.expose()))
                }
                _ => Ok(None),
            },
            Some(Challenge::Bearer(bearer)) => {
                let slot = self.slot(host, scopes);
                let mut token = slot.lock().await;
                if let Some(token) = token.as_ref().filter(|token| token.until > Instant::now()) {
                    return Ok(Some(token.grant.clone()));
                }
                let fresh = self.fetch(place, scopes, &bearer).await?;
                let grant = fresh.grant.clone();
                *token = Some(fresh);
                Ok(Some(grant))
            }
        }
    }

    /// Learns from a 401; false when asking again cannot help.
    ///
    /// `sent` is what the refused request carried. When another request renewed the token meanwhile, that one is used.
    pub(crate) async fn refused(
        &self,
        place: &Place,
        scopes: &mut Scopes,
        answer: (&[&str], Option<&Grant>),
    ) -> Result<bool, OciError> {
        let (lines, sent) = answer;
        let host = place.repository.host();
        let Some(challenge) = Challenge::pick(lines) else { return Ok(false) };
        let news = {
            let mut known = self.challenges.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(host.to_owned(), challenge.clone()).as_ref() != Some(&challenge)
        };
        match challenge {
            // The same password would be refused again.
            Challenge::Basic => {
                let known = self.credential(host).await?.is_some();
                Ok(known && (sent.is_none() || news))
            }
            Challenge::Bearer(bearer) => {
                if let Some(sent) = sent {
                    let slot = self.slot(host, scopes);
                    let mut token = slot.lock().await;
                    if token.as_ref().is_some_and(|token| token.grant == *sent) {
                        *token = None;
                    }
                    drop(token);
                    // A fresh token was not enough: take the registry's own idea of the scope along.
                    for scope in bearer.scope.as_deref().unwrap_or_default().split(' ') {
                        scopes.add(scope);
                    }
                }
                Ok(true)
            }
        }
    }

    /// Whether nothing is known to show to this registry.
    pub(crate) async fn is_anonymous(&self, host: &str) -> bool {
        matches!(self.credential(host).await, Ok(None))
    }

    /// What must not be repeated of a server's words: all that this registry was or could be shown.
    pub(crate) async fn masks(&self, host: &str) -> Masks {
        let mut masks = Masks::default();
        match self.credential(host).await {
            Ok(Some(Credential::Password(user, password))) => {
                let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
                masks.add(&Zeroizing::new(STANDARD.encode(pair.as_bytes())));
                masks.add(password.expose());
            }
            Ok(Some(Credential::Identity(token))) => masks.add(token.expose()),
            _ => {}
        }
        let slots: Vec<Slot> = {
            let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            tokens.iter().filter(|((at, _), _)| at == host).map(|(_, slot)| slot.clone()).collect()
        };
        for slot in slots {
            // One that is being fetched is not known to the server yet.
            let Ok(token) = slot.try_lock() else { continue };
            let secret = token.as_ref().and_then(|token| token.grant.0.to_str().ok());
            masks.add(secret.and_then(|text| text.split(' ').nth(1)).unwrap_or_default());
        }
        masks
    }

    async fn credential(&self, host: &str) -> Result<Option<Credential>, OciError> {
        let (keychain, host) = (self.keychain.clone(), host.to_owned());
        // A credential helper may run.
        tokio::task::spawn_blocking(move || keychain.find(&host)).await.unwrap_or(Ok(None))
    }

    fn slot(&self, host: &str, scopes: &Scopes) -> Slot {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tokens.entry((host.to_owned(), scopes.clone())).or_default())
    }

    async fn fetch(
        &self,
        place: &Place,
        scopes: &Scopes,
        bearer: &Bearer,
    ) -> Result<Token, OciError> {
        let realm = self.realm(place, bearer)?;
        let credential = self.credential(place.repository.host()).await?;
        let answer = if let Some(Credential::Identity(token)) = &credential {
            let form = form(bearer, scopes, token.expose());
            self.network.send(|client| post(client, &realm, &form)).await
        } else {
            let url = question(realm, scopes, bearer);
            let grant = match &credential {
                Some(Credential::Password(user, secret)) => Grant::basic(user, secret.expose()),
                _ => None,
            };
            let ask = |client: &reqwest::Client| match &grant {
                Some(grant) => grant.onto(client.get(url.clone())),
                None => client.get(url.clone()),
            };
            self.network.send(ask).await
        };
        let answer = answer.map_err(OciError::net(place))?;
        let masks = self.masks(place.repository.host()).await;
        read_token(place, scopes, (answer, masks, credential.is_none())).await
    }

    fn realm(&self, place: &Place, bearer: &Bearer) -> Result<Url, OciError> {
        let unsound = || OciError::protocol(place, "the realm of its challenge is not a URL");
        let mut realm = Url::parse(&bearer.realm).map_err(|_| unsound())?;
        let _ = (realm.set_username(""), realm.set_password(None));
        realm.set_fragment(None);
        // A registry that is asked over TLS may not move the credentials to plain HTTP.
        let plain_registry = self.network.scheme(api_host(place.repository.host())) == "http";
        if realm.scheme() != "https" && !plain_registry {
            let realm = net::shown(&realm);
            return Err(OciError::UnsafeRealm { place: Box::new(place.clone()), realm });
        }
        Ok(realm)
    }
}

/// The host that speaks the registry protocol for a registry of this name.
pub(crate) fn api_host(host: &str) -> &str {
    match host {
        "docker.io" | "index.docker.io" => "registry-1.docker.io",
        other => other,
    }
}

/// The realm with service and scopes added to its query.
fn question(mut realm: Url, scopes: &Scopes, bearer: &Bearer) -> Url {
    let mut query = realm.query_pairs_mut();
    if let Some(service) = &bearer.service {
        query.append_pair("service", service);
    }
    for scope in &scopes.0 {
        query.append_pair("scope", scope);
    }
    drop(query);
    realm
}

fn form(bearer: &Bearer, scopes: &Scopes, token: &str) -> Zeroizing<String> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token")
        .append_pair("client_id", "haversack")
        .append_pair("service", bearer.service.as_deref().unwrap_or_default())
        .append_pair("scope", &scopes.text())
        .append_pair("refresh_token", token);
    Zeroizing::new(form.finish())
}

/// The body goes out as a stream on purpose: a stream cannot be sent twice, so that no redirect (307, 308) can have the
/// identity token sent on to another host.
fn post(client: &reqwest::Client, realm: &Url, form: &str) -> RequestBuilder {
    let bytes = Bytes::copy_from_slice(form.as_bytes());
    let length = bytes.len();
    let body = futures_util::stream::iter([Ok::<_, std::io::Error>(bytes)]);
    client
        .post(realm.clone())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(CONTENT_LENGTH, length)
        .body(Body::wrap_stream(body))
}

async fn read_token(
    place: &Place,
    scopes: &Scopes,
    answer: (Answer, Masks, bool),
) -> Result<Token, OciError> {
    let (answer, masks, anonymous) = answer;
    let (status, by) = (answer.status(), net::host_of(answer.full_url()));
    let body = answer.bytes(limits::ANSWER_BYTES_MAX).await.map_err(OciError::net(place))?;
    let place = Box::new(place.clone());
    if !status.is_success() {
        let said = Said::read(&body, &masks);
        let status = status.as_u16();
        return Err(if matches!(status, 400 | 401 | 403) {
            let (scope, message) = (scopes.text(), said.message);
            OciError::Refused { place, by, status, scope, anonymous, message }
        } else {
            OciError::Server { place, status, code: said.code, message: said.message }
        });
    }
    let unsound = |what: &str| OciError::protocol(&place, format!("token service {by}: {what}"));
    // The reader's own error could quote the token.
    let told: TokenAnswer = serde_json::from_slice(&body).map_err(|_| unsound("no token"))?;
    let life = match told.expires_in {
        Some(seconds) if seconds.is_finite() && seconds > 0.0 => {
            Duration::from_secs_f64(seconds.min(limits::TOKEN_LIFE_MAX.as_secs_f64()))
        }
        _ => LIFE_DEFAULT,
    };
    let secret = [told.token, told.access_token].into_iter().flatten().find(|t| !t.is_empty());
    let secret = Zeroizing::new(secret.ok_or_else(|| unsound("no token"))?);
    let grant = Grant::new("Bearer", &secret).ok_or_else(|| unsound("not a token"))?;
    Ok(Token { grant, until: Instant::now() + life.saturating_sub(LIFE_MARGIN.min(life / 4)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Repository;
    use crate::net::Policy;

    #[test]
    fn a_registry_over_tls_cannot_have_credentials_sent_in_the_clear() {
        let network = Network::new(Policy {
            plain_http: ["lab.test".to_owned(), "auth.test".to_owned()].into(),
            ..Policy::default()
        });
        let access = Access::new(network.expect("client"), Keychain::anonymous());
        let realm = |host: &str, realm: &str| {
            let repository = Repository::new(host, "a").expect("sound");
            let bearer = Bearer { realm: realm.to_owned(), ..Bearer::default() };
            access.realm(&Place::new(&repository, "v1"), &bearer)
        };
        assert!(matches!(
            realm("reg.test", "http://auth.test/token?service=x"),
            Err(OciError::UnsafeRealm { realm, .. }) if realm == "http://auth.test/token"
        ));
        assert!(matches!(realm("reg.test", "file:///x"), Err(OciError::UnsafeRealm { .. })));
        assert!(realm("reg.test", "/token").is_err());
        assert!(realm("lab.test", "http://auth.test/token").is_ok());
        let bare = realm("reg.test", "https://user:pw@auth.test/token#x").expect("sound");
        assert_eq!(bare.as_str(), "https://auth.test/token");
    }

    #[test]
    fn a_grant_is_not_shown() {
        let grant = Grant::basic("user", "hunter2").expect("sound");
        assert!(!format!("{:?}", grant.0).contains("dXNl"));
        assert!(Grant::new("Bearer", "two\nlines").is_none());
    }
}
