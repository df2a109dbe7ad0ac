//! How sure it is that something is a reference.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How sure it is that what was found is a reference, and that the platform will follow it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Verdict {
    /// It stands where a reference must stand.
    #[default]
    Certain,
    /// A rule of the knowledge base concluded it; the rule's id.
    Implied(String),
    /// It looks like a reference in free text, and its registry has it.
    Candidate,
}

impl Verdict {
    /// Whether it is certain.
    pub fn is_certain(&self) -> bool {
        *self == Self::Certain
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certain => f.write_str("certain"),
            Self::Implied(rule) => write!(f, "implied:{rule}"),
            Self::Candidate => f.write_str("candidate"),
        }
    }
}

impl From<Verdict> for String {
    fn from(verdict: Verdict) -> Self {
        verdict.to_string()
    }
}

impl TryFrom<String> for Verdict {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("implied", rule)) => Ok(Self::Implied(rule.to_owned())),
            None if text == "certain" => Ok(Self::Certain),
            None if text == "candidate" => Ok(Self::Candidate),
            _ => Err(format!("{text:?} is none of certain, candidate, implied:RULE")),
        }
    }
}
