//! Credentials by registry: given explicitly, or from a docker config file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use docker_credential::{CredentialRetrievalError, DockerCredential};

use crate::limits;
use crate::oci::error::OciError;
use crate::secret::Secret;

/// What a registry knows us by.
#[derive(Clone)]
pub(crate) enum Credential {
    /// User and password.
    Password(String, Secret<String>),
    /// A refresh token that `docker login` was given.
    Identity(Secret<String>),
}

/// Credentials by registry host. Cheap to clone.
#[derive(Clone)]
pub struct Keychain {
    explicit: Arc<BTreeMap<String, Credential>>,
    config: Option<Arc<Secret<Vec<u8>>>>,
    /// What the config gave, so that a helper runs once for each host.
    found: Arc<Mutex<BTreeMap<String, Option<Credential>>>>,
}

impl Keychain {
    /// Knows no credentials.
    pub fn anonymous() -> Self {
        Self { explicit: Arc::default(), config: None, found: Arc::default() }
    }

    /// Takes credentials from a docker config file: `auths`, `credHelpers`, `credsStore` and identity tokens.
    ///
    /// The file is read now; credential helpers run when a registry asks for credentials. `None` knows none.
    pub fn docker_config(path: Option<&Path>) -> Result<Self, OciError> {
        let Some(path) = path else { return Ok(Self::anonymous()) };
        let fail = |source| OciError::Config { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(fail)?;
        file.take(limits::USER_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fail)?;
        let bytes = Secret::new(bytes);
        if bytes.expose().len() as u64 > limits::USER_FILE_BYTES_MAX {
            return Err(fail(io::Error::new(io::ErrorKind::InvalidData, "too large")));
        }
        // Parsed for its form alone: the error of a typed reading could quote a secret.
        if serde_json::from_slice::<serde::de::IgnoredAny>(bytes.expose()).is_err() {
            return Err(fail(io::Error::new(io::ErrorKind::InvalidData, "not JSON")));
        }
        Ok(Self { config: Some(Arc::new(bytes)), ..Self::anonymous() })
    }

    /// Adds credentials for one registry; these win over the docker config.
    #[must_use]
    pub fn with(mut self, host: &str, user: &str, password: Secret<String>) -> Self {
        let credential = Credential::Password(user.to_owned(), password);
        Arc::make_mut(&mut self.explicit).insert(canonical(host), credential);
        self
    }

    /// The credentials for a registry. Blocks while a helper runs.
    pub(crate) fn find(&self, host: &str) -> Result<Option<Credential>, OciError> {
        let host = canonical(host);
        if let Some(credential) = self.explicit.get(&host) {
            return Ok(Some(credential.clone()));
        }
        let Some(config) = &self.config else { return Ok(None) };
        // The lock is held while the helper runs, so that eight requests do not open eight password prompts.
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = found.get(&host) {
            return Ok(known.clone());
        }
        let credential = ask_config(config.expose(), &host)?;
        found.insert(host, credential.clone());
        Ok(credential)
    }
}

/// Docker Hub has three names and one set of credentials.
fn canonical(host: &str) -> String {
    let bare = host.trim_start_matches("https://").trim_start_matches("http://");
    let bare = bare.split('/').next().unwrap_or(bare).to_ascii_lowercase();
    match bare.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        _ => bare,
    }
}

fn ask_config(config: &[u8], host: &str) -> Result<Option<Credential>, OciError> {
    let key = if host == "docker.io" { "https://index.docker.io/v1/" } else { host };
    let fail =
        |what: &str| Err(OciError::Credential { host: host.to_owned(), what: what.to_owned() });
    match docker_credential::get_credential_from_reader(config, key) {
        Ok(DockerCredential::IdentityToken(token)) => {
            Ok(Some(Credential::Identity(Secret::new(token))))
        }
        // A user of this name marks the password as an identity token (docker/cli, config/types).
        Ok(DockerCredential::UsernamePassword(user, token)) if user == "<token>" => {
            Ok(Some(Credential::Identity(Secret::new(token))))
        }
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(Some(Credential::Password(user, Secret::new(password))))
        }
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        // docker-credential-helpers says so in these words when it has nothing for a host.
        Err(CredentialRetrievalError::HelperFailure { stdout, stderr, .. })
            if stdout.contains("credentials not found")
                || stderr.contains("credentials not found") =>
        {
            Ok(None)
        }
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            fail(&format!("{helper} failed"))
        }
        Err(CredentialRetrievalError::HelperCommunicationError) => {
            fail("the credential helper could not be run")
        }
        Err(CredentialRetrievalError::MalformedHelperResponse) => {
            fail("the credential helper's answer is malformed")
        }
        Err(CredentialRetrievalError::CredentialDecodingError) => {
            fail("\"auth\" is not base64 of user:password")
        }
        Err(CredentialRetrievalError::CredentialMismatchError) => {
            fail("\"auth\" contradicts \"username\" and \"password\"")
        }
        Err(_) => fail("the file does not have the expected shape"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn user(keychain: &Keychain, host: &str) -> Option<(String, String)> {
        match keychain.find(host).expect("readable")? {
            Credential::Password(user, password) => Some((user, password.expose().clone())),
            Credential::Identity(token) => Some(("identity".to_owned(), token.expose().clone())),
        }
    }

    #[test]
    fn a_docker_config_is_read_and_explicit_credentials_win() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("config.json");
        // "u:p" and "hub:secret" in base64.
        let text = r#"{"auths":{"reg.test:5000":{"auth":"dTpw"},"https://index.docker.io/v1/":
            {"auth":"aHViOnNlY3JldA=="},"acr.test":{"auth":"dTpw","identitytoken":"refresh"}}}"#;
        fs::write(&path, text).expect("write");
        let keychain = Keychain::docker_config(Some(&path)).expect("config");
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(user(&keychain, "reg.test:5000"), pair("u", "p"));
        assert_eq!(user(&keychain, "docker.io"), pair("hub", "secret"));
        assert_eq!(user(&keychain, "acr.test"), pair("identity", "refresh"));
        assert_eq!(user(&keychain, "reg.test"), None);
        let keychain = keychain.with("reg.test:5000", "me", Secret::new("mine".to_owned()));
        assert_eq!(user(&keychain, "reg.test:5000"), pair("me", "mine"));
    }

    #[test]
    fn a_broken_config_says_so_without_quoting_it() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("config.json");
        fs::write(&path, r#"{"auths": "hunter2"#).expect("write");
        let error = Keychain::docker_config(Some(&path)).err().expect("refused");
        assert!(!format!("{error:?}").contains("hunter2"));
        fs::write(&path, r#"{"auths":{"h.test":{"auth":"aHVudGVyMg=="}}}"#).expect("write");
        let keychain = Keychain::docker_config(Some(&path)).expect("JSON");
        let error = keychain.find("h.test").err().expect("no colon");
        assert!(matches!(&error, OciError::Credential { .. }));
        assert!(!format!("{error:?}").contains("hunter2"));
        assert!(Keychain::docker_config(Some(&dir.path().join("absent"))).is_err());
    }
}
