//! Why something could not be pinned.

use thiserror::Error;

use crate::helm::{ArchiveError, ChartError, RenderError};
use crate::lock::Edge;
use crate::source::SourceError;

/// One thing that could not be pinned, and why it was wanted.
#[derive(Debug, Error)]
#[error("{what} (wanted at {}, {})", .edge.place, .edge.field)]
pub struct Failure {
    /// What was asked for.
    pub what: String,
    /// Where it was asked for.
    pub edge: Edge,
    /// What went wrong.
    #[source]
    pub source: Cause,
}

/// Everything that could not be pinned.
#[derive(Debug, Error)]
#[error("{} of the things that the inventory leads to could not be pinned", .0.len())]
pub struct Failures(pub Vec<Failure>);

/// Why one thing could not be pinned.
#[derive(Debug, Error)]
pub enum Cause {
    /// It could not be had from outside.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A chart does not render.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The folder of a repository is not a sound chart.
    #[error("folder {path} is no sound chart")]
    Folder {
        /// Which folder.
        path: String,
        /// Why.
        source: ArchiveError,
    },
    /// What lies in the folder of a repository is no sound chart.
    #[error("folder {path} is no sound chart")]
    Chart {
        /// Which folder.
        path: String,
        /// Why.
        source: ChartError,
    },
    /// A values file that an Application names is not there.
    #[error("values file {path} is not in {place}")]
    NoValues {
        /// Which file.
        path: String,
        /// Where it was looked for.
        place: String,
    },
    /// A values file is not text.
    #[error("values file {path} is not UTF-8")]
    NoText {
        /// Which file.
        path: String,
    },
}
