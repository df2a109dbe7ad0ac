//! A chart archive (`.tgz`), read member by member and never unpacked.
//!
//! Known attacks and what stands against each:
//!
//! - a small file that decompresses without end: the decompressed size is bounded, and so is the number of members;
//! - a header that claims a name of gigabytes: headers are read raw and bounded;
//! - `..`, absolute names, drive letters, backslashes, control characters: refused;
//! - links, devices: refused;
//! - charts packed in charts packed in charts: one level is looked into, and it shares the bounds of the outer one.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use thiserror::Error;

use crate::helm::chart_yaml::{ChartYaml, ChartYamlError, Dependency, requirements};
use crate::helm::ignore::IgnoreError;
use crate::limits;

/// Why bytes are no chart archive.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// It is not a gzip-compressed tar stream, or it is cut short.
    #[error("not a readable .tgz")]
    Read(#[source] io::Error),
    /// It decompresses to more than it may.
    #[error("holds more bytes than a chart may")]
    Large,
    /// One of its files is larger than Helm takes.
    #[error("holds {0:?}, which is larger than {max} bytes", max = limits::CHART_FILE_BYTES_MAX)]
    LargeFile(String),
    /// It has more members than it may.
    #[error("holds more than {} files", limits::CHART_ENTRIES_MAX)]
    Many,
    /// A member has a name that leads elsewhere.
    #[error("holds a file named {0:?}")]
    Name(String),
    /// A member is a link, a device or the like.
    #[error("holds {0:?}, which is no plain file")]
    Special(String),
    /// There is no `Chart.yaml` in its folder.
    #[error("holds no Chart.yaml")]
    NoChart,
    /// A rule of its `.helmignore` that cannot be read.
    #[error(".helmignore is not sound")]
    Ignore(#[from] IgnoreError),
    /// A `Chart.yaml` that is not sound.
    #[error("{file} is not sound")]
    Chart {
        /// Which one.
        file: String,
        /// Why.
        source: ChartYamlError,
    },
}

/// What a chart archive says and holds.
#[derive(Clone, Debug)]
pub struct ChartArchive {
    /// Its `Chart.yaml`, letter by letter.
    pub chart_yaml: String,
    /// Name of the chart.
    pub name: String,
    /// Version, letter by letter.
    pub version: String,
    /// Version of what it installs.
    pub app_version: Option<String>,
    /// Charts that it needs, from `Chart.yaml` or `requirements.yaml`.
    pub dependencies: Vec<Dependency>,
    /// Charts that lie in its `charts/`, as archives or folders, sorted.
    pub vendored: Vec<Vendored>,
    /// Whether it has templates, so that it leads to things that only rendering can tell.
    pub has_templates: bool,
}

/// A chart that lies inside another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vendored {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl ChartArchive {
    /// Reads an archive.
    pub fn read(mut bytes: impl Read) -> Result<Self, ArchiveError> {
        let budget = Budget::default();
        let mut parts = read_members(&mut bytes, &budget, true)?;
        parts.vendored.sort();
        parts.vendored.dedup();
        let chart_yaml = parts.chart_yaml.ok_or(ArchiveError::NoChart)?;
        let chart = parse_chart("Chart.yaml", &chart_yaml)?;
        let mut dependencies = chart.dependencies.unwrap_or_default();
        if let Some(text) = parts.requirements.filter(|_| dependencies.is_empty()) {
            let fail =
                |source| ArchiveError::Chart { file: "requirements.yaml".to_owned(), source };
            dependencies = requirements(&text).map_err(fail)?;
        }
        Ok(Self {
            chart_yaml,
            name: chart.name,
            version: chart.version,
            app_version: chart.app_version.filter(|version| !version.is_empty()),
            dependencies,
            vendored: parts.vendored,
            has_templates: parts.has_templates,
        })
    }

    /// The dependencies that `charts/` lacks. Names decide, as in Helm.
    pub fn missing_dependencies(&self) -> Vec<&Dependency> {
        let held = |name: &str| self.vendored.iter().any(|vendored| vendored.name == name);
        self.dependencies.iter().filter(|dependency| !held(&dependency.name)).collect()
    }
}

/// What is left of the bounds that an archive and all archives in it share.
#[derive(Clone)]
pub(super) struct Budget {
    bytes: Rc<Cell<u64>>,
    members: Rc<Cell<usize>>,
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(limits::CHART_CONTENT_BYTES_MAX)
    }
}

impl Budget {
    /// A budget of so many decompressed bytes, for as many members as any chart may have.
    pub(super) fn of(bytes: u64) -> Self {
        Self {
            bytes: Rc::new(Cell::new(bytes)),
            members: Rc::new(Cell::new(limits::CHART_ENTRIES_MAX)),
        }
    }

    /// Counts one member, and bytes that are counted nowhere else.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), ArchiveError> {
        let members = self.members.get().checked_sub(1).ok_or(ArchiveError::Many)?;
        let bytes = self.bytes.get().checked_sub(bytes as u64).ok_or(ArchiveError::Large)?;
        self.members.set(members);
        self.bytes.set(bytes);
        Ok(())
    }
}

/// Gets the name and the content of one plain file of an archive.
pub(super) type Visit<'a> = dyn FnMut(&str, &mut dyn Read) -> Result<(), ArchiveError> + 'a;

/// Goes over the plain files of an archive, in its order. The only reader of chart archives: every defence is in here.
pub(super) fn each_file(
    bytes: &mut dyn Read,
    budget: &Budget,
    visit: &mut Visit<'_>,
) -> Result<(), ArchiveError> {
    let counted = Counted { inner: MultiGzDecoder::new(bytes), left: Rc::clone(&budget.bytes) };
    let mut archive = tar::Archive::new(counted);
    let mut long_name: Option<Vec<u8>> = None;
    for entry in archive.entries().map_err(read_error)?.raw(true) {
        let mut entry = entry.map_err(read_error)?;
        budget.spend(0)?;
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
            let header = bounded(&mut entry, limits::CHART_NAME_BYTES_MAX)?;
            long_name = if kind.is_gnu_longname() {
                Some(header.split(|byte| *byte == 0).next().unwrap_or_default().to_vec())
            } else {
                pax_path(&header)
            };
            continue;
        }
        let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        let name = member_name(&name)?;
        match kind {
            tar::EntryType::Directory => {}
            tar::EntryType::Regular | tar::EntryType::Continuous => visit(&name, &mut entry)?,
            _ => return Err(ArchiveError::Special(name)),
        }
    }
    Ok(())
}

/// What one archive holds, as far as it matters.
#[derive(Default)]
struct Parts {
    chart_yaml: Option<String>,
    requirements: Option<String>,
    vendored: Vec<Vendored>,
    has_templates: bool,
}

fn read_members(
    bytes: &mut dyn Read,
    budget: &Budget,
    nested: bool,
) -> Result<Parts, ArchiveError> {
    let mut parts = Parts::default();
    each_file(bytes, budget, &mut |name, bytes| {
        member(name, bytes, &mut parts, nested.then_some(budget))
    })?;
    Ok(parts)
}

/// Takes from one member what matters.
fn member(
    name: &str,
    bytes: &mut dyn Read,
    parts: &mut Parts,
    nested: Option<&Budget>,
) -> Result<(), ArchiveError> {
    let path: Vec<&str> = name.split('/').skip(1).collect();
    match path.as_slice() {
        ["Chart.yaml"] => parts.chart_yaml = Some(text(name, bytes)?),
        ["requirements.yaml"] => parts.requirements = Some(text(name, bytes)?),
        ["templates", ..] => parts.has_templates = true,
        // Helm passes over these.
        ["charts", file, ..] if file.starts_with(['_', '.']) => {}
        ["charts", file] if file.ends_with(".tgz") => {
            let Some(budget) = nested else { return Ok(()) };
            let inner = read_members(bytes, budget, false)?;
            let chart_yaml = inner.chart_yaml.ok_or(ArchiveError::NoChart)?;
            parts.vendored.push(vendored(name, &chart_yaml)?);
        }
        ["charts", _, "Chart.yaml"] => parts.vendored.push(vendored(name, &text(name, bytes)?)?),
        _ => {}
    }
    Ok(())
}

fn vendored(file: &str, chart_yaml: &str) -> Result<Vendored, ArchiveError> {
    let chart = parse_chart(file, chart_yaml)?;
    Ok(Vendored { name: chart.name, version: chart.version })
}

fn parse_chart(file: &str, text: &str) -> Result<ChartYaml, ArchiveError> {
    let fail = |source| ArchiveError::Chart { file: file.to_owned(), source };
    ChartYaml::parse(text).map_err(fail)
}

fn text(file: &str, bytes: &mut dyn Read) -> Result<String, ArchiveError> {
    let bytes = bounded(bytes, limits::CHART_YAML_BYTES_MAX).map_err(|error| match error {
        ArchiveError::Large => {
            ArchiveError::Chart { file: file.to_owned(), source: ChartYamlError::Large }
        }
        other => other,
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|error| read_error(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// All bytes, when they are not too many.
fn bounded(bytes: &mut dyn Read, bytes_max: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut all = Vec::new();
    bytes.take(bytes_max + 1).read_to_end(&mut all).map_err(read_error)?;
    if all.len() as u64 > bytes_max { Err(ArchiveError::Large) } else { Ok(all) }
}

/// The `path` record of a pax header, which overrides the name in the next member's own header.
fn pax_path(header: &[u8]) -> Option<Vec<u8>> {
    let records = tar::PaxExtensions::new(header).flatten();
    records.filter(|r| r.key_bytes() == b"path").map(|r| r.value_bytes().to_vec()).last()
}

/// A member's name: relative, without `.` parts, in at least one folder.
pub(super) fn member_name(bytes: &[u8]) -> Result<String, ArchiveError> {
    let refuse = || ArchiveError::Name(String::from_utf8_lossy(bytes).chars().take(256).collect());
    let name = std::str::from_utf8(bytes).map_err(|_| refuse())?;
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let drive = parts.iter().any(|part| part.len() == 2 && part.ends_with(':'));
    let odd = |c: char| c == '\\' || c.is_control();
    if name.starts_with('/') || name.contains(odd) || drive || parts.contains(&"..") {
        return Err(refuse());
    }
    Ok(parts.join("/"))
}

pub(super) fn read_error(error: io::Error) -> ArchiveError {
    let too_large = error.get_ref().is_some_and(
        <dyn std::error::Error + std::marker::Send + std::marker::Sync + 'static>::is::<TooLarge>,
    );
    if too_large || error.to_string() == TooLarge.to_string() {
        return ArchiveError::Large;
    }
    ArchiveError::Read(error)
}

#[derive(Debug, Error)]
#[error("decompresses to more than it may")]
struct TooLarge;

/// Counts bytes down and fails when none are left.
struct Counted<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.get().checked_sub(count as u64) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::new(io::ErrorKind::InvalidData, TooLarge)),
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.2.3\nappVersion: v7\ndependencies:\n\
                         - {name: redis, version: 1.x, repository: 'https://h/c'}\n\
                         - {name: pg, version: ^2, repository: 'oci://h/c'}\n";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).expect("memory");
        gzip.finish().expect("memory")
    }

    fn header(name: &str, kind: tar::EntryType, size: usize) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        // Written by hand: the library refuses the names that these tests are about.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(size as u64);
        header.set_cksum();
        header
    }

    fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let header = header(name, tar::EntryType::Regular, bytes.len());
            tar.append(&header, *bytes).expect("memory");
        }
        gzip(&tar.into_inner().expect("memory"))
    }

    fn read(files: &[(&str, &[u8])]) -> Result<ChartArchive, ArchiveError> {
        ChartArchive::read(pack(files).as_slice())
    }

    #[test]
    fn tells_what_the_chart_says_and_what_it_lacks() {
        let inner = pack(&[("redis/Chart.yaml", b"name: redis\nversion: 1.4.0\n")]);
        let chart = read(&[
            ("web/Chart.yaml", CHART.as_bytes()),
            ("web/templates/a.yaml", b"{{ x }}"),
            ("web/charts/redis-1.4.0.tgz", &inner),
            ("web/charts/lib/Chart.yaml", b"name: lib\nversion: 0.1.0\n"),
            ("web/charts/lib/charts/deep/Chart.yaml", b"name: deep\nversion: 0.1.0\n"),
            ("web/charts/_off/Chart.yaml", b"name: pg\nversion: 0.1.0\n"),
        ])
        .expect("sound");
        assert_eq!((chart.name.as_str(), chart.version.as_str()), ("web", "1.2.3"));
        assert_eq!(chart.app_version.as_deref(), Some("v7"));
        assert_eq!(chart.chart_yaml, CHART);
        assert!(chart.has_templates);
        let vendored: Vec<_> =
            chart.vendored.iter().map(|v| format!("{} {}", v.name, v.version)).collect();
        assert_eq!(vendored, ["lib 0.1.0", "redis 1.4.0"]);
        let missing: Vec<_> = chart.missing_dependencies().iter().map(|d| d.name.clone()).collect();
        assert_eq!(missing, ["pg"]);
    }

    #[test]
    fn charts_of_helm_2_keep_their_dependencies_in_a_file_of_its_own() {
        let chart = read(&[
            ("old/Chart.yaml", b"apiVersion: v1\nname: old\nversion: 0.1.0\n"),
            (
                "old/requirements.yaml",
                b"dependencies: [{name: a, version: '1', repository: 'https://h'}]",
            ),
        ])
        .expect("sound");
        assert_eq!(chart.missing_dependencies()[0].name, "a");
        assert!(!chart.has_templates);
    }

    #[test]
    fn refuses_every_odd_member() {
        let chart = ("web/Chart.yaml", CHART.as_bytes());
        for name in ["../x", "web/../../x", "/etc/x", "C:/x", "web\\x", "web/a\nb"] {
            assert!(matches!(read(&[chart, (name, b"")]), Err(ArchiveError::Name(_))), "{name}");
        }
        for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Fifo] {
            let mut tar = tar::Builder::new(Vec::new());
            tar.append(&header("web/x", kind, 0), &b""[..]).expect("memory");
            let bytes = gzip(&tar.into_inner().expect("memory"));
            assert!(matches!(ChartArchive::read(bytes.as_slice()), Err(ArchiveError::Special(_))));
        }
        assert!(matches!(read(&[("Chart.yaml", CHART.as_bytes())]), Err(ArchiveError::NoChart)));
        let bad = read(&[("web/Chart.yaml", b"name: ../x\nversion: 1.0.0")]);
        assert!(matches!(bad, Err(ArchiveError::Chart { .. })));
    }

    #[test]
    fn refuses_what_is_cut_no_archive_or_too_much() {
        let whole = pack(&[("web/Chart.yaml", CHART.as_bytes())]);
        for cut in [0, 5, 20, whole.len() / 2] {
            assert!(ChartArchive::read(&whole[..cut]).is_err(), "cut at {cut}");
        }
        assert!(matches!(ChartArchive::read(&b"no gzip"[..]), Err(ArchiveError::Read(_))));
        let many: Vec<(&str, &[u8])> = vec![("web/x", b""); limits::CHART_ENTRIES_MAX + 1];
        assert!(matches!(read(&many), Err(ArchiveError::Many)));
        let large = vec![b' '; limits::CHART_YAML_BYTES_MAX as usize + 1];
        let error = read(&[("web/Chart.yaml", &large)]);
        assert!(matches!(error, Err(ArchiveError::Chart { source: ChartYamlError::Large, .. })));
        let long = header("x", tar::EntryType::GNULongName, 1 << 30);
        let mut bytes = long.as_bytes().to_vec();
        bytes.resize(1 << 20, b'a');
        assert!(matches!(ChartArchive::read(gzip(&bytes).as_slice()), Err(ArchiveError::Large)));
    }

    #[test]
    fn a_file_that_swells_is_stopped_at_the_bound() {
        let budget = Budget::default();
        budget.bytes.set(1 << 20);
        let bytes = pack(&[("web/values.yaml", &vec![b'a'; 4 << 20])]);
        let error = read_members(&mut bytes.as_slice(), &budget, true).err();
        assert!(matches!(error, Some(ArchiveError::Large)), "{error:?}");
    }

    #[test]
    fn long_names_are_read_in_both_forms() {
        let folder = "x".repeat(150);
        let mut tar = tar::Builder::new(Vec::new());
        let path = format!("web/charts/{folder}/Chart.yaml");
        let body = b"name: long\nversion: 1.0.0\n";
        let mut gnu = tar::Header::new_gnu();
        gnu.set_size(body.len() as u64);
        tar.append_data(&mut gnu, &path, &body[..]).expect("memory");
        tar.append_pax_extensions([("path", "web/Chart.yaml".as_bytes())]).expect("memory");
        tar.append(&header("ignored", tar::EntryType::Regular, CHART.len()), CHART.as_bytes())
            .expect("memory");
        let bytes = gzip(&tar.into_inner().expect("memory"));
        let chart = ChartArchive::read(bytes.as_slice()).expect("sound");
        assert_eq!((chart.name.as_str(), chart.vendored[0].name.as_str()), ("web", "long"));
    }
}
