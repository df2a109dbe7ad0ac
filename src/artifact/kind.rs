//! The four kinds of thing that a bundle carries.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an artifact is. Everything carried is an OCI artifact; the kind says what it means to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A container image or any other artifact that lives in an OCI registry.
    Image,
    /// A Helm chart.
    Chart,
    /// A git repository.
    Repo,
    /// A plain file.
    File,
}

impl Kind {
    /// All kinds, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Image, Self::Chart, Self::Repo, Self::File];

    /// The word used in files and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Chart => "chart",
            Self::Repo => "repo",
            Self::File => "file",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
