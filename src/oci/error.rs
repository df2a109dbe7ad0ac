//! Why a registry could not give or take something, and where.

use std::fmt;
use std::io;
use std::path::PathBuf;

use oci_distribution::errors::OciEnvelope;
use thiserror::Error;

use crate::artifact::{Digest, Repository, VerifyError};
use crate::limits;
use crate::net::NetError;
use crate::oci::manifest::ManifestError;
use crate::oci::store::{StoreError, damage};
use crate::secret::Secret;

/// One thing in one repository of one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Registry and path.
    pub repository: Repository,
    /// Tag, digest, or a word such as `tags`.
    pub reference: String,
}

impl Place {
    #[expect(clippy::unnecessary_box_returns, reason = "it lives in errors, which stay small")]
    pub(crate) fn new(repository: &Repository, reference: impl fmt::Display) -> Box<Self> {
        Box::new(Self { repository: repository.clone(), reference: reference.to_string() })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.reference.contains(':') { '@' } else { ':' };
        write!(f, "{}{mark}{}", self.repository, self.reference)
    }
}

/// Why a registry could not give or take something.
#[derive(Debug, Error)]
pub enum OciError {
    /// The registry does not have it.
    #[error("{place} is not there")]
    Missing {
        /// What was asked for.
        place: Box<Place>,
    },
    /// The registry or its token service did not let us (401 or 403).
    #[error("{place}: {by} refused access for {scope:?}{}: status {status}{}", as_whom(*.anonymous), words(.message))]
    Refused {
        /// What was asked for.
        place: Box<Place>,
        /// The host that refused.
        by: String,
        /// 401 or 403.
        status: u16,
        /// The access that was asked for.
        scope: String,
        /// No credentials are known for the registry.
        anonymous: bool,
        /// The server's own words, cleaned.
        message: String,
    },
    /// The registry wants its credentials sent over plain HTTP.
    #[error("{place}: the registry wants credentials sent to {realm} over plain HTTP")]
    UnsafeRealm {
        /// What was asked for.
        place: Box<Place>,
        /// The token service, without its query.
        realm: String,
    },
    /// What the registry sent is not what was announced.
    #[error("{place}: the registry sent something else")]
    Damaged {
        /// What was asked for.
        place: Box<Place>,
        /// What is wrong with it.
        source: VerifyError,
    },
    /// What the registry says it took is not what was sent.
    #[error("{place}: the registry keeps digest {got} instead of {want}")]
    Altered {
        /// What was sent.
        place: Box<Place>,
        /// Digest of what was sent.
        want: Digest,
        /// Digest that the registry names.
        got: Digest,
    },
    /// What was to be sent could not be read on our side: the bundle is damaged or its medium broke.
    #[error("blob {digest} cannot be read")]
    Source {
        /// Which blob.
        digest: Digest,
        /// Why not; a [`VerifyError`] inside when it is damaged.
        source: io::Error,
    },
    /// The network failed.
    #[error("{place}")]
    Net {
        /// What was asked for.
        place: Box<Place>,
        /// How.
        source: NetError,
    },
    /// The registry said no.
    #[error("{place}: the registry answered status {status}{}{}", code_words(.code), words(.message))]
    Server {
        /// What was asked for.
        place: Box<Place>,
        /// HTTP status.
        status: u16,
        /// Error code of the distribution-spec, or empty.
        code: String,
        /// The server's own words, cleaned.
        message: String,
    },
    /// The registry takes no blob in one request, which is the only way we send one.
    #[error(
        "{place}: the registry does not take this blob of {size_bytes} bytes in one request: status {status}{}",
        words(.message)
    )]
    Monolithic {
        /// Which blob.
        place: Box<Place>,
        /// Its size.
        size_bytes: u64,
        /// HTTP status.
        status: u16,
        /// The server's own words, cleaned.
        message: String,
    },
    /// The registry does not take this kind of OCI manifest. Nothing is converted, because that would change digests.
    #[error(
        "{place}: the registry does not take {digest} of media type {media_type}: status {status}{}{}",
        code_words(.code), words(.message)
    )]
    Unsupported {
        /// Under which name it was sent.
        place: Box<Place>,
        /// Its digest.
        digest: Digest,
        /// Its media type.
        media_type: String,
        /// HTTP status.
        status: u16,
        /// Error code of the distribution-spec, or empty.
        code: String,
        /// The server's own words, cleaned.
        message: String,
    },
    /// The answer makes no sense.
    #[error("{place}: the registry's answer makes no sense: {what}")]
    Protocol {
        /// What was asked for.
        place: Box<Place>,
        /// What is wrong with the answer.
        what: String,
    },
    /// It is larger than it may be.
    #[error("{place} is larger than {bytes_max} bytes")]
    Large {
        /// What was asked for.
        place: Box<Place>,
        /// The bound.
        bytes_max: u64,
    },
    /// An OCI manifest is not sound.
    #[error("OCI manifest {digest}")]
    Manifest {
        /// Which one.
        digest: Digest,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The store on our side failed.
    #[error("store")]
    Store(#[from] StoreError),
    /// The docker config file cannot be used.
    #[error("docker config {}", .path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The docker config has an entry for this registry that gives no credentials.
    #[error("no credentials for {host} from the docker config: {what}")]
    Credential {
        /// Which registry.
        host: String,
        /// What went wrong, without anything the helper said.
        what: String,
    },
    /// A text is neither tag nor digest.
    #[error("{reference:?} in {repository} is neither a tag nor a sha256 digest")]
    Reference {
        /// Where.
        repository: Repository,
        /// The text.
        reference: String,
    },
}

impl OciError {
    /// Whether bytes were wrong, on either side.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. }
            | Self::Manifest { .. }
            | Self::Store(StoreError::Damaged { .. }) => true,
            Self::Source { source, .. } => damage(source).is_some(),
            _ => false,
        }
    }

    pub(crate) fn net(place: &Place) -> impl FnOnce(NetError) -> Self {
        let place = Box::new(place.clone());
        move |source| match source {
            NetError::Large { bytes_max, .. } => Self::Large { place, bytes_max },
            source => Self::Net { place, source },
        }
    }

    pub(crate) fn protocol(place: &Place, what: impl Into<String>) -> Self {
        Self::Protocol { place: Box::new(place.clone()), what: what.into() }
    }
}

fn as_whom(anonymous: bool) -> &'static str {
    if anonymous { " to an unknown user" } else { "" }
}

fn words(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn code_words(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" {code}") }
}

/// Shortest secret that is looked for in a server's words.
const MASKED_BYTES_MIN: usize = 4;

/// What a server said about a failure: code and message, both cleaned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Said {
    /// Reads an error body: the distribution-spec's envelope, a token service's `details`, or any text.
    ///
    /// A server may repeat what it was sent: our own secrets are taken out before anything is cut short.
    pub(crate) fn read(body: &[u8], masks: &Masks) -> Self {
        let clean = |text: &str| clean(&masks.hide(text));
        if let Ok(envelope) = serde_json::from_slice::<OciEnvelope>(body) {
            let code = envelope
                .errors
                .first()
                .and_then(|first| serde_json::to_value(&first.code).ok()?.as_str().map(clean));
            let messages: Vec<&str> =
                envelope.errors.iter().map(|error| error.message.as_str()).collect();
            return Self { code: code.unwrap_or_default(), message: clean(&messages.join("; ")) };
        }
        let told: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let field = |name: &str| told.as_ref()?.get(name)?.as_str().map(clean);
        let message = field("details").or_else(|| field("error_description")).or(field("message"));
        Self {
            code: String::new(),
            message: message.unwrap_or_else(|| clean(&String::from_utf8_lossy(body))),
        }
    }
}

/// Secrets that a server could repeat in its words.
#[derive(Default)]
pub(crate) struct Masks(Vec<Secret<String>>);

impl Masks {
    /// Adds one more. What is too short to be a secret would only garble the words.
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.len() >= MASKED_BYTES_MIN {
            self.0.push(Secret::new(secret.to_owned()));
        }
    }

    /// The text with `***` for every secret.
    fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "***"))
    }
}

/// Makes a foreign text fit for one line of a terminal: no control characters, bounded.
pub(crate) fn clean(text: &str) -> String {
    let mut all: String = text
        .trim()
        .chars()
        .take(limits::SERVER_WORDS_CHARS_MAX)
        .flat_map(|letter| {
            // Besides control characters also those that turn the direction of text or are not seen at all.
            let hidden = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
            if letter.is_control() || hidden {
                letter.escape_default().collect::<Vec<char>>()
            } else {
                vec![letter]
            }
        })
        .collect();
    if text.trim().chars().count() > limits::SERVER_WORDS_CHARS_MAX {
        all.push('…');
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_words_are_cleaned_and_bounded() {
        let none = Masks::default();
        let said =
            Said::read(br#"{"errors":[{"code":"DENIED","message":"no\u001b[31m way"}]}"#, &none);
        assert_eq!(said.code, "DENIED");
        assert_eq!(said.message, "no\\u{1b}[31m way");
        let said = Said::read(b"<html>\r\n<b>sorry</b>", &none);
        assert_eq!(said.message, "<html>\\r\\n<b>sorry</b>");
        assert!(clean(&"x".repeat(10_000)).chars().count() <= limits::SERVER_WORDS_CHARS_MAX + 1);
        assert_eq!(Said::read(br#"{"details":"wrong password"}"#, &none).message, "wrong password");
    }

    #[test]
    fn a_server_that_repeats_our_secrets_is_masked_before_it_is_cut() {
        let mut masks = Masks::default();
        masks.add("hunter22");
        masks.add("ab");
        let long = format!("{}hunter22", "x".repeat(limits::SERVER_WORDS_CHARS_MAX - 4));
        let said = Said::read(long.as_bytes(), &masks);
        assert!(!said.message.contains("hunt"), "{}", said.message);
        let body = br#"{"errors":[{"code":"DENIED","message":"ab: hunter22?"}]}"#;
        assert_eq!(Said::read(body, &masks).message, "ab: ***?");
    }
}
