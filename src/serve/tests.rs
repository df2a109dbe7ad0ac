//! The registry, from outside: each row of distribution-spec 1.1 by a plain HTTP client.

mod git;
mod registry;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use reqwest::{Client, Method, RequestBuilder, Response};

use crate::artifact::Digest;
use crate::git::{Git, GitOptions};
use crate::report::{Event, Report, Sink};
use crate::secret::Secret;
use crate::serve::{Options, Server, Sparse, Users, start};

/// A server on a free port over its own folder, and a client for it.
struct House {
    dir: tempfile::TempDir,
    server: Option<Server>,
    address: SocketAddr,
    client: Client,
    notes: Arc<Notes>,
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Sink for Notes {
    fn event(&self, event: Event) {
        if let Event::Note(text) | Event::Warning(text) = event {
            self.0.lock().expect("notes").push(text);
        }
    }
}

fn options(root: &Path) -> Options {
    Options {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        root: root.to_owned(),
        users: None,
        git: Git::new(GitOptions::default()),
        sparse: Sparse::Nothing,
        log: true,
    }
}

impl House {
    async fn open() -> Self {
        Self::open_with(|_| ()).await
    }

    async fn open_with(change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut options = options(dir.path());
        change(&mut options);
        let notes = Arc::new(Notes::default());
        let server = start(options, Report::new(notes.clone())).await.expect("start");
        // A second call finds the provider installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().expect("client");
        Self { dir, address: server.address(), server: Some(server), client, notes }
    }

    /// Stops the server and starts another one over the same folder.
    async fn restart(&mut self) {
        self.server.take().expect("running").stop().await;
        let report = Report::new(self.notes.clone());
        let server = start(options(self.dir.path()), report).await.expect("start again");
        self.address = server.address();
        self.server = Some(server);
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("method");
        self.client.request(method, self.url(path))
    }

    async fn status(&self, method: &str, path: &str) -> u16 {
        self.ask(method, path).send().await.expect("answer").status().as_u16()
    }

    async fn push_blob(&self, name: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = format!("/v2/{name}/blobs/uploads/?digest={digest}");
        let answer = self.ask("POST", &path).body(bytes.to_vec()).send().await.expect("answer");
        assert_eq!(answer.status(), 201);
        digest
    }

    async fn push_manifest(&self, name: &str, reference: &str, json: &str) -> Response {
        let value: serde_json::Value = serde_json::from_str(json).expect("json");
        let media_type = value["mediaType"].as_str().unwrap_or("application/octet-stream");
        self.ask("PUT", &format!("/v2/{name}/manifests/{reference}"))
            .header("content-type", media_type)
            .body(json.to_owned())
            .send()
            .await
            .expect("answer")
    }
}

fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name).map(|value| value.to_str().expect("text"));
    value.unwrap_or_default().to_owned()
}

fn ann() -> Users {
    Users::new([("ann".to_owned(), Secret::new("secret".to_owned()))])
}
