//! Gathers the values that a chart is rendered with, from wherever an inventory or an Application says they are.

use crate::argo::ValuesPlace;
use crate::helm::{ChartFiles, RenderSettings, ValuesSource};
use crate::limits;
use crate::source::{RepoView, SourceError};

use crate::resolve::Closure;
use crate::resolve::charts::render_settings;
use crate::resolve::error::Cause;
use crate::resolve::request::Release;

/// Where a chart lies, which decides what a plain path in `valueFiles` means.
pub(super) enum Home<'a> {
    /// In a package: paths are paths in the package.
    Package {
        /// Name of the chart.
        name: &'a str,
        /// What it holds.
        files: &'a ChartFiles,
    },
    /// In a folder of a repository: paths start from the folder, or from the repository's root.
    Folder {
        /// Name of the chart.
        name: &'a str,
        /// The repository.
        view: &'a RepoView,
        /// The commit.
        commit: &'a str,
        /// The folder.
        path: &'a str,
    },
}

impl Home<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Package { name, .. } | Self::Folder { name, .. } => name,
        }
    }
}

impl Closure<'_> {
    /// Everything that rendering takes, but for the cluster. Helm's order: files, then values, then what is set.
    pub(super) async fn settings(
        &self,
        release: &Release,
        home: &Home<'_>,
    ) -> Result<RenderSettings, Cause> {
        let mut settings = render_settings(release, home.name());
        for name in &release.files {
            let text = self.values.get(name).cloned().ok_or_else(|| Cause::NoValues {
                path: name.clone(),
                place: "the inventory's folder".to_owned(),
            })?;
            settings.values.push(ValuesSource::File { name: name.clone(), text });
        }
        for place in &release.helm.files {
            match self.values_text(place, home).await {
                Ok((name, text)) => settings.values.push(ValuesSource::File { name, text }),
                Err(Cause::NoValues { .. }) if release.helm.ignore_missing => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(text) = &release.helm.values {
            let (name, text) = ("values".to_owned(), text.clone());
            settings.values.push(ValuesSource::Inline { name, text });
        }
        for parameter in &release.helm.parameters {
            let line = format!("{}={}", parameter.name, escaped(&parameter.value));
            settings.values.push(if parameter.force_string {
                ValuesSource::SetString(line)
            } else {
                ValuesSource::Set(line)
            });
        }
        for (name, place) in &release.helm.file_parameters {
            let (_, content) = self.values_text(place, home).await?;
            let path = format!("{name}=");
            settings.values.push(ValuesSource::SetFile { path, content });
        }
        Ok(settings)
    }

    /// The text of a values file, and its name for messages.
    async fn values_text(
        &self,
        place: &ValuesPlace,
        home: &Home<'_>,
    ) -> Result<(String, String), Cause> {
        let (name, bytes) = match (place, home) {
            (ValuesPlace::Chart(path), Home::Package { name, files }) => {
                let relative = join("", path).unwrap_or_default();
                let bytes = files.get(&relative).map(<[u8]>::to_vec);
                (path.clone(), bytes.ok_or_else(|| missing(path, format!("chart {name}")))?)
            }
            (ValuesPlace::Chart(path), Home::Folder { view, commit, path: folder, .. }) => {
                (path.clone(), in_repo(view, commit, folder, path).await?)
            }
            (ValuesPlace::Repo { url, revision, path }, _) => {
                let cell = self.view(&url.to_string()).await?;
                let Some(view) = cell.get() else {
                    return Err(missing(path, url.to_string()));
                };
                let selected = view.revision(revision)?;
                let commit = view.checkout(revision, &selected, self.sources).await?;
                (path.clone(), in_repo(view, &commit, "", path).await?)
            }
            (ValuesPlace::Url(url), _) => {
                let (digest, size) = self.sources.pin_file(url.as_str(), None).await?;
                if size > limits::USER_FILE_BYTES_MAX {
                    return Err(SourceError::Bound {
                        what: url.to_string(),
                        bound: limits::USER_FILE_BYTES_MAX,
                        unit: "bytes",
                    }
                    .into());
                }
                let bytes = self.sources.store.read_bytes(&digest, size);
                (url.to_string(), bytes.map_err(SourceError::Store)?)
            }
        };
        let path = name.clone();
        let text = String::from_utf8(bytes).map_err(|_| Cause::NoText { path })?;
        Ok((name, text))
    }
}

async fn in_repo(
    view: &RepoView,
    commit: &str,
    folder: &str,
    path: &str,
) -> Result<Vec<u8>, Cause> {
    let whole = if path.starts_with('/') { join("", path) } else { join(folder, path) };
    let outside = || missing(path, format!("{} at {commit}", view.url()));
    let whole = whole.ok_or_else(outside)?;
    view.file(commit, &whole).await?.ok_or_else(outside)
}

fn missing(path: &str, place: String) -> Cause {
    Cause::NoValues { path: path.to_owned(), place }
}

/// A path from a folder, without `.` and `..`; `None` when it leaves the root.
pub(super) fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Argo CD escapes commas of a parameter's value, because Helm would take them for a list's
/// (argo-cd `util/helm/cmd.go`, `cleanSetParameters`): those outside of braces that are not escaped yet.
fn escaped(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let mut escaped = String::with_capacity(value.len());
    let mut last = ' ';
    for c in value.chars() {
        if c == ',' && last != '\\' {
            escaped.push('\\');
        }
        escaped.push(c);
        last = c;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_their_root() {
        for (folder, path, want) in [
            ("apps/web", "values.yaml", Some("apps/web/values.yaml")),
            ("apps/web", "../values.yaml", Some("apps/values.yaml")),
            ("apps/web", "./a/./b.yaml", Some("apps/web/a/b.yaml")),
            ("", "/env/prod.yaml", Some("env/prod.yaml")),
            ("apps", "../../x", None),
        ] {
            assert_eq!(join(folder, path).as_deref(), want, "{folder} {path}");
        }
    }

    #[test]
    fn commas_of_parameters_are_no_lists() {
        assert_eq!(escaped("a,b"), "a\\,b");
        assert_eq!(escaped("a\\,b"), "a\\,b");
        assert_eq!(escaped("{a,b}"), "{a,b}");
    }
}
