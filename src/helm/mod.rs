//! Helm charts as packages: the index of a chart repository, a chart archive and what `Chart.yaml` says.
//!
//! Works on bytes handed in; opens nothing and unpacks nothing to disk. `source`, `resolve`
//! and `bundle` import it.

mod archive;
mod chart_yaml;
mod files_object;
mod glob;
mod index;
mod manifests;
mod render;
mod render_error;
#[cfg(test)]
mod render_tests;

pub use archive::{ArchiveError, ChartArchive, Vendored};
pub use chart_yaml::{ChartYaml, ChartYamlError, Dependency, Maintainer, config_json};
pub use index::{ChartIndex, ChartUrl, Entry, IndexError};
pub use manifests::{Document, show_only};
pub use render::{RenderSettings, Rendered, render};
pub use render_error::{Place, RenderError, TemplateFault, describe};
