//! Helm charts as packages: the index of a chart repository, a chart archive and what `Chart.yaml` says.
//!
//! Works on bytes handed in; opens nothing and unpacks nothing to disk. Rendering is not here yet. `source`, `resolve`
//! and `bundle` import it.

mod archive;
mod chart_yaml;
mod index;

pub use archive::{ArchiveError, ChartArchive, Vendored};
pub use chart_yaml::{ChartYaml, ChartYamlError, Dependency, Maintainer, config_json};
pub use index::{ChartIndex, ChartUrl, Entry, IndexError};
