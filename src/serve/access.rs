//! Who may write. Reading is open to everyone; writing asks for a user when there are any.

use axum::http::HeaderMap;
use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::artifact::{Digest, Hasher};
use crate::secret::Secret;
use crate::serve::answer::{Code, Refusal, header_text};

/// Users and their passwords. Only salted digests are kept.
#[derive(Clone)]
pub struct Users {
    salt: [u8; 32],
    known: Vec<Digest>,
}

impl Users {
    /// Takes users with their passwords.
    ///
    /// The salt is new in each process, so what is kept is of no use to anybody who reads its
    /// memory later.
    pub fn new(users: impl IntoIterator<Item = (String, Secret<String>)>) -> Self {
        let mut salt = [0; 32];
        // Without a random salt the digests are weaker in memory, but access is decided no
        // differently.
        let _ = getrandom::fill(&mut salt);
        let mut known = Vec::new();
        for (user, password) in users {
            let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
            known.push(salted(&salt, pair.as_bytes()));
        }
        Self { salt, known }
    }

    /// Whether `user:password` is known. Takes the same time whichever part is wrong.
    fn knows(&self, pair: &[u8]) -> bool {
        let asked = salted(&self.salt, pair);
        self.known.iter().fold(false, |found, known| found | same(known, &asked))
    }
}

fn salted(salt: &[u8; 32], pair: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(salt);
    hasher.update(pair);
    hasher.finish()
}

/// Compares without stopping at the first difference.
fn same(left: &Digest, right: &Digest) -> bool {
    let (left, right) = (left.hex(), right.hex());
    left.bytes().zip(right.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// What a request wants to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// Read anything.
    Read,
    /// Write, or find out whether one may.
    Write,
}

/// Grants or refuses. Wrong credentials are refused even for reading, so that a login with a typo
/// is noticed.
pub(super) fn admit(users: Option<&Users>, want: Want, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(users) = users else { return Ok(()) };
    match credentials(headers) {
        Given::Nothing if want == Want::Read => Ok(()),
        Given::Pair(pair) if users.knows(&pair) => Ok(()),
        _ => Err(Refusal::new(Code::Unauthorized, "authentication required")
            .header(header::WWW_AUTHENTICATE, "Basic realm=\"haversack\", charset=\"UTF-8\"")),
    }
}

enum Given {
    Nothing,
    Pair(Zeroizing<Vec<u8>>),
    Other,
}

/// Basic credentials (RFC 7617). Some clients send an empty pair where they have none.
fn credentials(headers: &HeaderMap) -> Given {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Given::Nothing;
    }
    let pair = header_text(headers, "authorization")
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok());
    match pair {
        Some(pair) if pair == b":" => Given::Nothing,
        Some(pair) => Given::Pair(Zeroizing::new(pair)),
        None => Given::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(users: Option<&Users>, want: Want, credentials: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(text) = credentials {
            let value = format!("Basic {}", STANDARD.encode(text));
            headers.insert(header::AUTHORIZATION, value.parse().expect("header"));
        }
        admit(users, want, &headers).is_ok()
    }

    #[test]
    fn reading_is_open_and_writing_is_not() {
        let users = Users::new([("ann".to_owned(), Secret::new("s3:cret".to_owned()))]);
        assert!(ask(None, Want::Write, None));
        assert!(ask(Some(&users), Want::Read, None));
        assert!(ask(Some(&users), Want::Read, Some(":")));
        assert!(!ask(Some(&users), Want::Read, Some("ann:wrong")));
        assert!(!ask(Some(&users), Want::Write, None));
        assert!(!ask(Some(&users), Want::Write, Some(":")));
        assert!(!ask(Some(&users), Want::Write, Some("ann:s3")));
        assert!(ask(Some(&users), Want::Write, Some("ann:s3:cret")));
    }
}
