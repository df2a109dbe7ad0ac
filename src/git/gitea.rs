//! The little of Gitea's and Forgejo's API that a replay needs: make a repository, set its default branch.

use reqwest::{Client, Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::git::error::{GitError, words};
use crate::limits;
use crate::net::{Answer, Network, shown};
use crate::secret::Secret;

/// A Gitea or Forgejo server.
pub struct Gitea {
    network: Network,
    base: Url,
    token: Secret<String>,
}

/// What [`Gitea::ensure_repo`] found or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ensured {
    /// The repository was there.
    Existed,
    /// The repository was made.
    Created,
    /// The organisation and the repository were made.
    CreatedWithOwner,
}

#[derive(Deserialize)]
struct Repo {
    default_branch: Option<String>,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

impl Gitea {
    /// Takes the server's URL, as a browser would show its front page, and an access token with the scopes
    /// `write:repository`, `write:organization` and `read:user`.
    pub fn new(network: Network, base: Url, token: Secret<String>) -> Self {
        Self { network, base, token }
    }

    /// Makes a repository, and its organisation, where they are missing. Private, and empty.
    pub async fn ensure_repo(
        &self,
        owner: &str,
        repo: &str,
        default_branch: &str,
    ) -> Result<Ensured, GitError> {
        if self.repo(owner, repo).await?.is_some() {
            return Ok(Ensured::Existed);
        }
        let body = json!({
            "name": repo,
            "private": true,
            "auto_init": false,
            "default_branch": branch(default_branch),
        });
        let user = self.ask(Method::GET, &["user"], None).await?;
        let user: User = self.read(user, &[200]).await?;
        let to_user = user.login.eq_ignore_ascii_case(owner);
        let path: &[&str] = if to_user { &["user", "repos"] } else { &["orgs", owner, "repos"] };
        let mut answer = self.ask(Method::POST, path, Some(&body)).await?;
        let mut done = Ensured::Created;
        if !to_user && answer.status() == 404 {
            let organisation = json!({ "username": owner, "visibility": "private" });
            let made = self.ask(Method::POST, &["orgs"], Some(&organisation)).await?;
            self.expect(made, &[201, 409]).await?;
            answer = self.ask(Method::POST, path, Some(&body)).await?;
            done = Ensured::CreatedWithOwner;
        }
        // Somebody else may have made it since it was asked for.
        let existed = answer.status() == 409;
        self.expect(answer, &[201, 409]).await?;
        Ok(if existed { Ensured::Existed } else { done })
    }

    /// Makes `HEAD` name a branch that is there. True when it named another one before.
    pub async fn set_default_branch(
        &self,
        owner: &str,
        repo: &str,
        head: &str,
    ) -> Result<bool, GitError> {
        let known = self.repo(owner, repo).await?;
        if known.is_some_and(|known| known.default_branch.as_deref() == Some(branch(head))) {
            return Ok(false);
        }
        let body = json!({ "default_branch": branch(head) });
        let answer = self.ask(Method::PATCH, &["repos", owner, repo], Some(&body)).await?;
        self.expect(answer, &[200]).await.map(|_| true)
    }

    async fn repo(&self, owner: &str, repo: &str) -> Result<Option<Repo>, GitError> {
        let answer = self.ask(Method::GET, &["repos", owner, repo], None).await?;
        if answer.status() == 404 {
            return Ok(None);
        }
        self.read(answer, &[200]).await.map(Some)
    }

    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Answer, GitError> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().extend(["api", "v1"]).extend(path);
            }
            Err(()) => {
                return Err(GitError::Url { url: shown(&self.base), why: "not a server's URL" });
            }
        }
        let make = |client: &Client| self.request(client, &method, &url, body);
        self.network.send(make).await.map_err(GitError::net(&shown(&url)))
    }

    fn request(
        &self,
        client: &Client,
        method: &Method,
        url: &Url,
        body: Option<&Value>,
    ) -> RequestBuilder {
        let token = format!("token {}", self.token.expose());
        let mut request = client.request(method.clone(), url.clone());
        if let Ok(mut value) = reqwest::header::HeaderValue::from_str(&token) {
            value.set_sensitive(true);
            request = request.header("Authorization", value);
        }
        match body {
            Some(body) => request.header("Content-Type", "application/json").body(body.to_string()),
            None => request,
        }
    }

    async fn read<T: for<'de> Deserialize<'de>>(
        &self,
        answer: Answer,
        statuses: &[u16],
    ) -> Result<T, GitError> {
        let url = answer.url();
        let bytes = self.expect(answer, statuses).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| GitError::protocol(&url, format!("unexpected JSON: {error}")))
    }

    async fn expect(&self, answer: Answer, statuses: &[u16]) -> Result<Vec<u8>, GitError> {
        let (url, status) = (answer.url(), answer.status().as_u16());
        let bytes = answer.bytes(limits::ANSWER_BYTES_MAX).await.map_err(GitError::net(&url))?;
        if statuses.contains(&status) {
            return Ok(bytes.to_vec());
        }
        if matches!(status, 401 | 403) {
            return Err(GitError::Denied { url, status, offered: true });
        }
        Err(GitError::Status { url, status, words: words(&bytes) })
    }
}

fn branch(head: &str) -> &str {
    head.strip_prefix("refs/heads/").unwrap_or(head)
}
