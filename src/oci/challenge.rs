//! `WWW-Authenticate`: what a registry wants to see before it answers (RFC 9110 section 11.6.1, RFC 6750 section 3).

use crate::limits;

/// A way to authenticate that we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password (RFC 7617).
    Basic,
    /// A token from a token service (distribution-spec, auth/token).
    Bearer(Bearer),
}

/// Where a token comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bearer {
    /// URL of the token service.
    pub(crate) realm: String,
    /// Name of the registry towards it.
    pub(crate) service: Option<String>,
    /// Access that the registry says is missing. A hint: some name less than they want.
    pub(crate) scope: Option<String>,
}

impl Challenge {
    /// Picks the best of all challenges in all header lines: Bearer before Basic, unknown schemes skipped.
    pub(crate) fn pick(lines: &[&str]) -> Option<Self> {
        let all: Vec<(String, Vec<(String, String)>)> =
            lines.iter().flat_map(|line| split(line)).collect();
        let bearer = all.iter().filter(|(scheme, _)| scheme == "bearer").find_map(|(_, fields)| {
            let field = |name: &str| {
                fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
            };
            let realm = field("realm")?;
            Some(Self::Bearer(Bearer { realm, service: field("service"), scope: field("scope") }))
        });
        let basic = || all.iter().any(|(scheme, _)| scheme == "basic").then_some(Self::Basic);
        bearer.or_else(basic)
    }
}

/// Splits one header line into schemes (lower case) and their fields.
///
/// Several challenges may share a line: a word that is followed by no `=` begins the next one.
fn split(line: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut all: Vec<(String, Vec<(String, String)>)> = Vec::new();
    if line.len() as u64 > limits::ANSWER_BYTES_MAX {
        return all;
    }
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
        if end == 0 {
            return all;
        }
        let word = rest[..end].to_ascii_lowercase();
        rest = &rest[end..];
        let after = rest.trim_start_matches([' ', '\t']);
        match (after.strip_prefix('='), all.last_mut()) {
            (Some(after), Some((_, fields))) => {
                let (value, left) = value(after.trim_start_matches([' ', '\t']));
                fields.push((word, value));
                rest = left;
            }
            // A field before any scheme: not a challenge.
            (Some(_), None) => return all,
            (None, _) => all.push((word, Vec::new())),
        }
    }
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        // Off-spec: some servers forget the quotes around URLs and scopes; a comma or a blank ends them.
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

fn is_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer(Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        })
    }

    #[test]
    fn reads_what_registries_send() {
        let line =
            r#"Bearer realm="https://auth.x/token",service="x",scope="repository:a/b:pull,push""#;
        let want = bearer("https://auth.x/token", Some("x"), Some("repository:a/b:pull,push"));
        assert_eq!(Challenge::pick(&[line]), Some(want));
        let both =
            r#"Basic realm="say \"hi\", x=y", Bearer realm="https://t", error="invalid_token""#;
        assert_eq!(Challenge::pick(&[both]), Some(bearer("https://t", None, None)));
        assert_eq!(Challenge::pick(&["Negotiate", "BASIC realm=x"]), Some(Challenge::Basic));
        assert_eq!(
            Challenge::pick(&["bearer REALM = https://t/x?y=1 ,service=s"]),
            Some(bearer("https://t/x?y=1", Some("s"), None))
        );
    }

    #[test]
    fn survives_what_nobody_should_send() {
        for line in [
            "",
            ",,,",
            "=",
            "realm=\"x\"",
            "Bearer realm=\"open",
            "Bearer",
            "\u{e9}",
            "Bearer \"",
            "\\",
        ] {
            let _ = Challenge::pick(&[line]);
        }
        assert_eq!(Challenge::pick(&["Bearer service=x"]), None);
    }
}
