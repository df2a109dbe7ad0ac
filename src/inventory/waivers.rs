//! What a person decided to leave behind, and why.

use crate::inventory::pattern::glob;
use crate::inventory::reader::{At, Keys, Reader};

pub(super) const WAIVER: Keys =
    Keys { required: &["reason"], optional: &["image", "file", "opaque", "place"] };

/// A decision that something which was found is not carried, with its reason. Everything given must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// What is left behind.
    pub what: Waived,
    /// Where it was found, `argo-cd/templates/*`; anywhere when it is not given.
    pub place: Option<String>,
    /// Why, in the person's words. Recorded in the lock.
    pub reason: String,
}

/// Patterns in which `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waived {
    /// An image, `quay.io/acme/debug:*`.
    Image(String),
    /// The URL of a file.
    File(String),
    /// What an opaque place is called.
    Opaque(String),
    /// Whatever is found at the place.
    Anything,
}

impl Waiver {
    /// Whether it speaks of an image found at a place.
    pub fn covers_image(&self, reference: &str, place: &str) -> bool {
        let fits = match &self.what {
            Waived::Image(pattern) => glob(pattern, reference),
            Waived::Anything => true,
            Waived::File(_) | Waived::Opaque(_) => false,
        };
        fits && self.at(place)
    }

    /// Whether it speaks of a file found at a place.
    pub fn covers_file(&self, url: &str, place: &str) -> bool {
        let fits = match &self.what {
            Waived::File(pattern) => glob(pattern, url),
            Waived::Anything => true,
            Waived::Image(_) | Waived::Opaque(_) => false,
        };
        fits && self.at(place)
    }

    /// Whether it speaks of an opaque place.
    pub fn covers_opaque(&self, what: &str, place: &str) -> bool {
        let fits = match &self.what {
            Waived::Opaque(pattern) => glob(pattern, what),
            Waived::Anything => true,
            Waived::Image(_) | Waived::File(_) => false,
        };
        fits && self.at(place)
    }

    /// Lines change with every version of a chart: a pattern may leave them out.
    fn at(&self, place: &str) -> bool {
        let file = place.rsplit_once(':').map_or(place, |(file, _)| file);
        self.place.as_ref().is_none_or(|pattern| glob(pattern, place) || glob(pattern, file))
    }
}

pub(super) fn waivers(r: &mut Reader<'_>, root: &At<'_>) -> Vec<Waiver> {
    let mut waivers = Vec::new();
    for at in r.list(root, "waivers") {
        if !r.mapping(&at, &WAIVER) {
            continue;
        }
        let mut text = |key: &str| at.get(key).and_then(|at| r.parse(&at, pattern));
        let (image, file, opaque) = (text("image"), text("file"), text("opaque"));
        let (place, reason) = (text("place"), text("reason"));
        let mut kinds: Vec<Waived> =
            [image.map(Waived::Image), file.map(Waived::File), opaque.map(Waived::Opaque)]
                .into_iter()
                .flatten()
                .collect();
        if kinds.len() > 1 || (kinds.is_empty() && place.is_none()) {
            let hint = "write one entry for each thing that is waived".to_owned();
            r.add(&at, "give one of image, file and opaque, or a place alone", Some(hint));
            continue;
        }
        let what = kinds.pop().unwrap_or(Waived::Anything);
        let Some(reason) = reason else { continue };
        waivers.push(Waiver { what, place, reason });
    }
    waivers
}

fn pattern(text: &str) -> Result<String, String> {
    let odd = |c: char| c.is_control();
    match text.trim() {
        "" => Err("empty".to_owned()),
        text if text.len() > 4096 || text.contains(odd) => Err("too long or odd".to_owned()),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_may_be_left_out_and_kinds_are_not_mixed() {
        let waiver = |what, place: Option<&str>| Waiver {
            what,
            place: place.map(str::to_owned),
            reason: "tested by hand".to_owned(),
        };
        let image = waiver(Waived::Image("quay.io/acme/*".into()), None);
        assert!(image.covers_image("quay.io/acme/web:1", "a.yaml:3"));
        assert!(!image.covers_image("quay.io/other:1", "a.yaml:3"));
        assert!(!image.covers_file("quay.io/acme/x", "a.yaml:3"));
        assert!(!image.covers_opaque("quay.io/acme/x", "a.yaml:3"));
        let place = waiver(Waived::Anything, Some("redis-ha/templates/tests/*.yaml"));
        assert!(place.covers_image("x:1", "redis-ha/templates/tests/a.yaml:12"));
        assert!(place.covers_opaque("anything", "redis-ha/templates/tests/a.yaml:12"));
        assert!(!place.covers_image("x:1", "redis-ha/templates/a.yaml:12"));
        let line = waiver(Waived::Opaque("Kustom*".into()), Some("a.yaml:3"));
        assert!(line.covers_opaque("Kustomization", "a.yaml:3"));
        assert!(!line.covers_opaque("Kustomization", "a.yaml:4"));
    }
}
