//! What a text by itself says: a full image reference, a name that says "image", a sentinel, a list of several.
//!
//! Everything that guesses is here, so that the guesses can be read and tested in one place.

use crate::artifact::ImageRef;

/// Most references that are taken from one value.
const PER_VALUE_MAX: usize = 256;
/// Longest value that is split.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// Schemes that people put before image references.
const SCHEMES: [&str; 3] = ["docker://", "oci://", "docker-pullable://"];

/// Ends of names that hold the word, but mean something about an image.
const ABOUT_IMAGES: [&str; 20] = [
    "policy",
    "policies",
    "secret",
    "secrets",
    "credentials",
    "digest",
    "tag",
    "registry",
    "repository",
    "prefix",
    "suffix",
    "type",
    "size",
    "updater",
    "id",
    "format",
    "version",
    "enabled",
    "timeout",
    "catalog",
];

/// Whether something has to be put in for parts of a text.
pub(super) fn is_template(text: &str) -> bool {
    ["{{", "$(", "${", "[["].iter().any(|mark| text.contains(mark))
}

/// Reads a text whose place says that it is an image.
///
/// Bare words are taken (`nginx`), but neither templates nor paths.
pub(super) fn image(text: &str) -> Option<ImageRef> {
    let text = bare(text);
    let plain = !text.is_empty() && !is_template(text) && !is_sentinel(text);
    plain.then(|| ImageRef::parse(text).ok()).flatten()
}

/// Reads a text under a key that says "image", where nothing else proves it: a bare word is not enough.
pub(super) fn likely(text: &str) -> Option<ImageRef> {
    let text = bare(text);
    let shaped = text.contains(['/', ':']) && !text.starts_with(['/', '.', ':']);
    if !shaped || text.contains("://") || is_picture(text) || is_inner(text) {
        return None;
    }
    // `host:8080` is an address, `12:30` a time, `a/b` may be anything.
    let pointed = text.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
    let (name, tag) = text.rsplit_once(':').unwrap_or((text, ""));
    let address = !name.contains('/') && !tag.is_empty() && name.contains('.');
    let numbers = name.bytes().all(|b| b.is_ascii_digit());
    if address || numbers || !(pointed || has_host(text)) {
        return None;
    }
    image(text)
}

/// Reads a text that is a full reference wherever it stands: a host with a dot or a port, a path, and a tag or digest.
pub(super) fn full(text: &str) -> Option<ImageRef> {
    let text = bare(text);
    if !has_host(text) || is_inner(text) || is_template(text) {
        return None;
    }
    let (_, rest) = text.split_once('/')?;
    let last = rest.rsplit('/').next()?;
    if !last.contains(':') && !rest.contains("@sha256:") {
        return None;
    }
    ImageRef::parse(text).ok()
}

/// Words of a free text that are full references.
pub(super) fn words(text: &str) -> impl Iterator<Item = (u64, ImageRef)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
    lines
        .flat_map(|(row, line)| {
            let words =
                line.split(|c: char| c.is_whitespace() || "\"'`<>()[]{},;=|&\\".contains(c));
            words.map(move |word| (row as u64, word))
        })
        .filter_map(|(row, word)| full(word.trim_end_matches(['.', ':', '!'])).map(|i| (row, i)))
        .take(PER_VALUE_MAX)
}

/// The references in a value that may hold several: one, or some divided by commas, spaces or line ends, each perhaps
/// with a key before it (`4.2.0=quay.io/…`). Empty when any part is none.
pub(super) fn several(text: &str) -> Vec<ImageRef> {
    if text.len() > VALUE_BYTES_MAX {
        return Vec::new();
    }
    let parts = text.split(|c: char| c.is_whitespace() || ",;".contains(c));
    let parts = parts.filter(|part| !part.is_empty()).take(PER_VALUE_MAX);
    let read = |part: &str| {
        let value = part.split_once('=').map_or(part, |(_, value)| value);
        likely(value.trim_matches(['"', '\'']))
    };
    let found: Option<Vec<ImageRef>> = parts.map(read).collect();
    found.unwrap_or_default()
}

/// Whether a name says that its value is an image: `image`, `natsImage`, `RELATED_IMAGE_X`, `acme-http01-solver-image`.
pub(super) fn says_image(name: &str) -> bool {
    let words = name_words(name);
    let Some(at) = words.iter().rposition(|word| word == "image" || word == "images") else {
        return false;
    };
    // Only the last word can turn it round: `imagePullPolicy`, but not `RELATED_IMAGE_PULL_REQUEST`.
    let related = words.first().is_some_and(|word| word == "related");
    let about = words.last().is_some_and(|last| ABOUT_IMAGES.contains(&last.as_str()));
    let pull = words.get(at + 1).is_some_and(|word| word == "pull");
    related || !(about || pull)
}

/// The words of a name, lower case: divided by marks and by capital letters.
fn name_words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars().take(256) {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && lower) {
            words.push(String::new());
        }
        if c.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
        lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Words that stand where an image is put in by somebody else.
pub(super) fn is_sentinel(text: &str) -> bool {
    ["auto", "none", "null", "default", "true", "false", "image", "placeholder"].contains(&text)
        || (text.starts_with('<') && text.ends_with('>'))
}

/// Without blanks around it and without a scheme of images.
fn bare(text: &str) -> &str {
    let text = text.trim();
    SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text)
}

/// Whether the first part is a host by its looks: a dot between labels and letters at the end, or a port.
fn has_host(text: &str) -> bool {
    let Some((first, _)) = text.split_once('/') else { return false };
    let (name, port) = first.split_once(':').map_or((first, None), |(n, p)| (n, Some(p)));
    let port = port.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    let label = name.rsplit('.').next().unwrap_or("");
    let dotted = name.contains('.')
        && label.len() >= 2
        && label.bytes().all(|b| b.is_ascii_alphabetic())
        && !name.starts_with('.');
    let numbers = name.split('.').count() == 4 && name.split('.').all(|n| n.parse::<u8>().is_ok());
    (dotted || ((numbers || name == "localhost" || !name.is_empty()) && port))
        && !name.contains("..")
}

/// Whether the host can only be a service of the cluster, or is the name of a file.
fn is_inner(text: &str) -> bool {
    let first = text.split('/').next().unwrap_or("");
    let name = first.split(':').next().unwrap_or("");
    [".svc", ".cluster.local", ".yaml", ".json"].iter().any(|end| name.ends_with(end))
        || name.contains(".svc.")
}

/// Whether it names a picture.
fn is_picture(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    [".png", ".svg", ".jpg", ".jpeg", ".gif", ".ico", ".webp", ".iso", ".qcow2", ".img"]
        .iter()
        .any(|end| lower.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_references_need_host_path_and_pointer() {
        for yes in [
            "quay.io/a/b:v1",
            "registry:5000/a:1",
            "10.0.0.1:5000/a/b:1",
            "docker://ghcr.io/a/b:1",
            "ghcr.io/a/b@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ] {
            assert!(full(yes).is_some(), "{yes}");
        }
        for no in [
            "quay.io/a/b",
            "nats:2.10",
            "library/nats:2.10",
            "prometheus.monitoring.svc:9090/api/v1:x",
            "a.default.svc.cluster.local/x:80",
            "https://quay.io/a:1",
            "quay.io/$(X):1",
            "{{ x }}/y:1",
            "./a.b/c:1",
            "v1.2/x:1",
            "",
            "/",
            ":",
        ] {
            assert!(full(no).is_none(), "{no}");
        }
    }

    #[test]
    fn names_that_say_image() {
        for yes in [
            "image",
            "natsImage",
            "ARGO_EVENTS_IMAGE",
            "RELATED_IMAGE_X_TAG",
            "collector-image",
            "OPERATOR_IMAGE_NAME",
            "thanos-default-base-image",
            "imageName",
            "STRIMZI_KAFKA_IMAGES",
        ] {
            assert!(says_image(yes), "{yes}");
        }
        for no in [
            "imagePullPolicy",
            "imagePullSecrets",
            "imagine",
            "executor-image-pull-policy",
            "IMAGE_PULL_SECRET",
            "imageTag",
            "",
            "name",
            "imageID",
            "image-registry",
        ] {
            assert!(!says_image(no), "{no}");
        }
    }

    #[test]
    fn several_in_one_value() {
        let shown = |text: &str| several(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            shown("4.2.0=quay.io/a/kafka:1\n4.2.1=quay.io/a/kafka:2\n"),
            ["quay.io/a/kafka:1", "quay.io/a/kafka:2"]
        );
        assert_eq!(shown("a.io/x:1,a.io/y:2 a.io/z:3").len(), 3);
        assert_eq!(shown("nats:2.10.10"), ["docker.io/library/nats:2.10.10"]);
        assert!(shown("quay.io/a/b:1 and more").is_empty());
        assert!(shown("http://x.io/y").is_empty());
        assert!(shown("web.default.svc:8080").is_empty());
    }

    #[test]
    fn words_of_free_text() {
        let text = "# a.io/comment:1\nrun \"a.io/x:1\" or a.io/y:2.\nhttps://a.io/z:3";
        let found: Vec<_> = words(text).map(|(row, i)| format!("{row} {i}")).collect();
        assert_eq!(found, ["1 a.io/x:1", "1 a.io/y:2"]);
    }
}
