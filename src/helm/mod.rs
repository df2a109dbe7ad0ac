//! Helm charts: the index of a chart repository, chart archives, and charts with values as Helm 4 reads them.
//!
//! Works on bytes handed in; opens nothing and unpacks nothing to disk. `source`, `resolve` and `bundle` import it.
//!
//! ```text
//! bytes ─ChartFiles→ Chart::load ─prepare(values)→ a chart whose dependencies are switched, and .Values
//! ```

mod archive;
mod capabilities;
mod chart;
mod chart_yaml;
mod dependencies;
mod files;
mod files_object;
mod glob;
#[cfg(test)]
mod hostile_tests;
mod ignore;
mod index;
mod manifests;
mod metadata;
mod render;
mod render_error;
#[cfg(test)]
mod render_tests;
mod schema;
mod schema_rules;
mod set;
mod tables;
#[cfg(test)]
mod tests;
mod values;

pub use archive::{ArchiveError, ChartArchive, Vendored};
pub use capabilities::{Capabilities, KubeVersion, KubeVersionError};
pub use chart::{Chart, ChartError, ChartFile};
pub use chart_yaml::{ChartYaml, ChartYamlError, Dependency, Maintainer, config_json};
pub use dependencies::prepare;
pub use files::ChartFiles;
pub use ignore::IgnoreError;
pub use index::{ChartIndex, ChartUrl, Entry, IndexError};
pub use manifests::{Document, show_only};
pub use render::{RenderSettings, Rendered, render};
pub use render_error::{Place, RenderError, TemplateFault, describe};
pub use schema::SchemaProblem;
pub use values::{ValuesError, ValuesSource, merge_values};
