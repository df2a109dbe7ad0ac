//! The `index.yaml` of a chart repository.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use thiserror::Error;

use crate::artifact::{ChartRepo, HttpUrl, PlaceError, Repository, VersionRange, parse_version};
use crate::limits;

/// How many names or versions an error lists.
const LISTED_MAX: usize = 5;

/// Why a chart was not found in an index.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The index is larger than it may be.
    #[error("index.yaml is larger than {} bytes", limits::CHART_INDEX_BYTES_MAX)]
    Large,
    /// It is not the YAML of an index.
    #[error("index.yaml is not sound YAML of a chart repository")]
    Shape(#[source] Box<serde_saphyr::Error>),
    /// No chart of that name.
    #[error("no chart {chart:?} in the repository{}", listed("; near it:", .near))]
    Chart {
        /// Name asked for.
        chart: String,
        /// Names that are near, best first.
        near: Vec<String>,
    },
    /// The chart is there, but in no version that fits.
    #[error("no version of chart {chart:?} fits {range:?}{}", listed("; the newest are", .newest))]
    Version {
        /// Name asked for.
        chart: String,
        /// Range asked for.
        range: String,
        /// The newest versions there are, newest first.
        newest: Vec<String>,
    },
    /// The entry has no URL that can be fetched.
    #[error("chart {chart:?} {version:?} has no URL that can be fetched")]
    Url {
        /// Name asked for.
        chart: String,
        /// Version found.
        version: String,
        /// What is wrong with the first URL; `None` when there is none at all.
        source: Option<PlaceError>,
    },
}

fn listed(before: &str, names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("{before} {}", names.join(", ")) }
}

/// A parsed index: names, versions, URLs and digests of charts.
#[derive(Debug)]
pub struct ChartIndex {
    entries: BTreeMap<String, Vec<RawEntry>>,
}

/// A version of a chart that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Exact version, letter by letter as in the index.
    pub version: String,
    /// Where the archive is, in order of preference; at least one.
    pub urls: Vec<ChartUrl>,
    /// SHA-256 of the archive in hex, as the index claims it.
    pub digest: Option<String>,
}

/// Where a chart of an index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChartUrl {
    /// An archive.
    Http(HttpUrl),
    /// A repository of a registry, with its tag: some HTTP indexes point there.
    Oci(Repository, String),
}

#[derive(Debug, Deserialize)]
struct RawIndex {
    #[serde(default)]
    entries: Option<BTreeMap<String, Option<Vec<Option<RawEntry>>>>>,
}

#[derive(Debug, Deserialize)]
struct RawEntry {
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    urls: Option<Vec<String>>,
    #[serde(default)]
    digest: Option<String>,
}

impl ChartIndex {
    /// Reads an index. Fields that are not needed are passed over.
    pub fn parse(bytes: &[u8]) -> Result<Self, IndexError> {
        if bytes.len() as u64 > limits::CHART_INDEX_BYTES_MAX {
            return Err(IndexError::Large);
        }
        // The size is bounded above; these bounds only have to let the largest real indexes through.
        let options = serde_saphyr::options! {
            strict_booleans: true,
            budget: serde_saphyr::budget! {
                max_events: bytes.len(),
                max_nodes: bytes.len(),
                max_total_scalar_bytes: bytes.len(),
            },
        };
        let raw: RawIndex = serde_saphyr::from_slice_with_options(bytes, options)
            .map_err(|error| IndexError::Shape(Box::new(error)))?;
        let versions =
            |list: Option<Vec<_>>| list.unwrap_or_default().into_iter().flatten().collect();
        let entries = raw.entries.unwrap_or_default();
        Ok(Self {
            entries: entries.into_iter().map(|(name, list)| (name, versions(list))).collect(),
        })
    }

    /// The highest version of a chart in a range. Relative URLs are resolved against the repository's URL.
    pub fn find(
        &self,
        repo: &HttpUrl,
        chart: &str,
        range: &VersionRange,
    ) -> Result<Entry, IndexError> {
        let Some(entries) = self.entries.get(chart) else {
            return Err(IndexError::Chart { chart: chart.to_owned(), near: self.near(chart) });
        };
        let versions = || entries.iter().map(|entry| entry.version.as_deref().unwrap_or_default());
        let Some(found) = range.highest(versions()).and_then(|at| entries.get(at)) else {
            let newest = newest(versions());
            let (chart, range) = (chart.to_owned(), range.text().to_owned());
            return Err(IndexError::Version { chart, range, newest });
        };
        let version = found.version.clone().unwrap_or_default();
        let read: Vec<_> = found.urls.iter().flatten().map(|url| chart_url(repo, url)).collect();
        let source = read.iter().find_map(|url| url.as_ref().err().cloned());
        let urls: Vec<ChartUrl> = read.into_iter().flatten().collect();
        if urls.is_empty() {
            return Err(IndexError::Url { chart: chart.to_owned(), version, source });
        }
        let digest = found.digest.as_deref().map(|d| d.trim_start_matches("sha256:").to_owned());
        Ok(Entry { version, urls, digest: digest.filter(|digest| !digest.is_empty()) })
    }

    fn near(&self, chart: &str) -> Vec<String> {
        let mut near: Vec<_> = self
            .entries
            .keys()
            .map(|name| (strsim::damerau_levenshtein(name, chart), name))
            .filter(|(distance, name)| {
                *distance <= chart.len() / 2 || name.contains(chart) || chart.contains(*name)
            })
            .collect();
        near.sort();
        near.into_iter().take(LISTED_MAX).map(|(_, name)| name.clone()).collect()
    }
}

impl fmt::Display for ChartUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => url.fmt(f),
            Self::Oci(repository, tag) => write!(f, "oci://{repository}:{tag}"),
        }
    }
}

fn newest<'a>(versions: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<_> = versions.filter_map(|v| parse_version(v).map(|p| (p, v))).collect();
    all.sort();
    all.into_iter().rev().take(LISTED_MAX).map(|(_, text)| text.to_owned()).collect()
}

fn chart_url(repo: &HttpUrl, url: &str) -> Result<ChartUrl, PlaceError> {
    let Some(rest) = url.strip_prefix("oci://") else { return repo.join(url).map(ChartUrl::Http) };
    let (above, last) = rest.rsplit_once('/').ok_or(PlaceError::Path)?;
    let (chart, tag) = last.split_once(':').ok_or(PlaceError::Path)?;
    let repository = ChartRepo::oci(above)?.repository(chart).ok_or(PlaceError::Path)?;
    Ok(ChartUrl::Oci(repository, tag.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = r#"
apiVersion: v1
generated: "2026-08-01T00:00:00Z"
entries:
  argo-cd:
    - {version: 10.1.1, urls: ["https://cdn.example/argo-cd-10.1.1.tgz"], digest: "ab12", name: argo-cd, annotations: {x: y}}
    - {version: 10.10.0, urls: [charts/argo-cd-10.10.0.tgz]}
    - {version: 11.0.0-rc.1, urls: [x.tgz]}
    - {version: broken, urls: [x.tgz]}
    - {version: 2.0, urls: ["file:///etc/passwd"]}
  argo-events:
    - {version: 1.0.0, urls: ["oci://registry-1.docker.io/bitnamicharts/argo-events:1.0.0"], digest: "sha256:cd"}
  empty:
"#;

    fn find(chart: &str, range: &str) -> Result<Entry, IndexError> {
        let repo = HttpUrl::parse("https://h.example/argo").expect("sound");
        let range = VersionRange::parse(range).expect("sound");
        ChartIndex::parse(INDEX.as_bytes()).expect("sound").find(&repo, chart, &range)
    }

    #[test]
    fn finds_the_highest_version_that_fits() {
        let found = find("argo-cd", "10.1.1").expect("found");
        assert_eq!(found.digest.as_deref(), Some("ab12"));
        assert_eq!(found.urls[0].to_string(), "https://cdn.example/argo-cd-10.1.1.tgz");
        let found = find("argo-cd", "^10").expect("found");
        assert_eq!(found.version, "10.10.0");
        assert_eq!(found.urls[0].to_string(), "https://h.example/argo/charts/argo-cd-10.10.0.tgz");
        assert_eq!(find("argo-cd", "*").expect("found").version, "10.10.0");
        assert_eq!(find("argo-cd", ">=11.0.0-0").expect("found").version, "11.0.0-rc.1");
        let found = find("argo-events", "1.x").expect("found");
        assert_eq!(
            found.urls[0].to_string(),
            "oci://registry-1.docker.io/bitnamicharts/argo-events:1.0.0"
        );
        assert_eq!(found.digest.as_deref(), Some("cd"));
    }

    #[test]
    fn says_what_there_is_instead() {
        let text = |chart, range| find(chart, range).expect_err("none").to_string();
        assert_eq!(text("argocd", "*"), "no chart \"argocd\" in the repository; near it: argo-cd");
        assert_eq!(
            text("argo-cd", "^9"),
            "no version of chart \"argo-cd\" fits \"^9\"; the newest are 11.0.0-rc.1, 10.10.0, 10.1.1, 2.0"
        );
        assert_eq!(text("empty", "*"), "no version of chart \"empty\" fits \"*\"");
        assert!(matches!(
            find("argo-cd", "2.0"),
            Err(IndexError::Url { source: Some(PlaceError::Local), .. })
        ));
        assert!(matches!(ChartIndex::parse(b"entries: ["), Err(IndexError::Shape(_))));
    }

    #[test]
    fn a_large_index_is_read() {
        use std::fmt::Write as _;
        let mut text = "entries:\n".to_owned();
        for chart in 0..200 {
            let _ = writeln!(text, "  chart-{chart}:");
            for version in 0..300 {
                let _ = writeln!(
                    text,
                    "    - {{name: chart-{chart}, version: 1.{version}.0, urls: [a], keywords: [a, b], home: x}}"
                );
            }
        }
        let index = ChartIndex::parse(text.as_bytes()).expect("sound");
        let repo = HttpUrl::parse("https://h.example").expect("sound");
        let range = VersionRange::parse("^1").expect("sound");
        assert_eq!(index.find(&repo, "chart-7", &range).expect("found").version, "1.299.0");
    }
}
