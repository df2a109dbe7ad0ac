//! The files of one chart, held in memory: from an archive, or from a folder that somebody else read.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use crate::helm::ArchiveError;
use crate::helm::archive::{Budget, each_file, member_name, read_error};
use crate::helm::ignore::IgnoreRules;
use crate::limits;

/// The files of a chart by their paths below the chart's folder, in the order in which they came.
///
/// Names are checked and sizes bounded. Charts packed inside are files like any other; [`crate::helm::Chart`] opens them.
#[derive(Clone, Debug, Default)]
pub struct ChartFiles {
    files: Vec<(String, Arc<[u8]>)>,
    places: HashMap<String, usize>,
    bytes: u64,
}

impl ChartFiles {
    /// Reads an archive (`.tgz`). Each file lies below one folder, whatever its name. `.helmignore` is not asked, as in Helm.
    pub fn from_archive(mut bytes: impl Read) -> Result<Self, ArchiveError> {
        Self::from_archive_within(&mut bytes, &Budget::of(limits::CHART_LOADED_BYTES_MAX))
    }

    /// Reads an archive on the account of the one that it lies in.
    pub(super) fn from_archive_within(
        bytes: &mut dyn Read,
        budget: &Budget,
    ) -> Result<Self, ArchiveError> {
        let mut files = Self::default();
        each_file(bytes, budget, &mut |name, bytes| {
            let Some((_, path)) = name.split_once('/') else {
                return Err(ArchiveError::Name(name.to_owned()));
            };
            let mut content = Vec::new();
            let most = limits::CHART_FILE_BYTES_MAX;
            bytes.take(most + 1).read_to_end(&mut content).map_err(read_error)?;
            if content.len() as u64 > most {
                return Err(ArchiveError::LargeFile(name.to_owned()));
            }
            files.put(path.to_owned(), &content);
            Ok(())
        })?;
        if files.files.is_empty() { Err(ArchiveError::NoChart) } else { Ok(files) }
    }

    /// Takes files by their paths below the chart's folder, as they come.
    pub fn from_entries(
        entries: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<Self, ArchiveError> {
        let budget = Budget::of(limits::CHART_LOADED_BYTES_MAX);
        let mut files = Self::default();
        for (name, bytes) in entries {
            files.add(&name, &bytes, &budget)?;
        }
        Ok(files)
    }

    /// Takes the files of a folder as Helm does: in the order of a walk, without those that `.helmignore` names.
    pub fn from_folder(
        entries: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<Self, ArchiveError> {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
        let rules = entries.iter().find(|(name, _)| name == ".helmignore");
        let rules = rules.map(|(_, bytes)| String::from_utf8_lossy(bytes)).unwrap_or_default();
        let rules = IgnoreRules::parse(&rules)?;
        Self::from_entries(entries.into_iter().filter(|(name, _)| !rules.ignores(name)))
    }

    /// Adds the archive of a dependency, as `charts/NAME`, which must end in `.tgz` to be seen as one.
    pub fn insert_archive(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        let budget = Budget::of(limits::CHART_LOADED_BYTES_MAX.saturating_sub(self.bytes));
        let name = member_name(format!("charts/{name}").as_bytes())?;
        // The archive is bounded as a whole chart, not as a file: Helm would have unpacked it.
        budget.spend(bytes.len())?;
        self.put(name, bytes);
        Ok(())
    }

    /// The files, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), &**bytes))
    }

    /// The file of a path.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.places.get(path).and_then(|at| self.files.get(*at)).map(|(_, bytes)| &**bytes)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The files with their shared bytes, in order.
    pub(super) fn shared(&self) -> impl Iterator<Item = (&str, &Arc<[u8]>)> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), bytes))
    }

    /// How many bytes the files have.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn add(&mut self, name: &str, bytes: &[u8], budget: &Budget) -> Result<(), ArchiveError> {
        let name = member_name(name.as_bytes())?;
        if name.is_empty() {
            return Err(ArchiveError::Name(name));
        }
        if bytes.len() as u64 > limits::CHART_FILE_BYTES_MAX {
            return Err(ArchiveError::LargeFile(name));
        }
        budget.spend(bytes.len())?;
        self.put(name, bytes);
        Ok(())
    }

    /// Of two files with one name the later one counts, in the place of the first.
    fn put(&mut self, name: String, bytes: &[u8]) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let place = *self.places.entry(name.clone()).or_insert(self.files.len());
        match self.files.get_mut(place) {
            Some((_, old)) => *old = bytes.into(),
            None => self.files.push((name, bytes.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
            Vec::new(),
            flate2::Compression::fast(),
        ));
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            // Written by hand: the library refuses the names that these tests are about.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            tar.append(&header, *bytes).expect("memory");
        }
        let mut gzip = tar.into_inner().expect("memory");
        gzip.flush().expect("memory");
        gzip.finish().expect("memory")
    }

    #[test]
    fn files_of_an_archive_lie_below_one_folder() {
        let bytes = pack(&[
            ("web/Chart.yaml", b"\xef\xbb\xbfname: web"),
            ("other/./values.yaml", b"a"),
            ("web/values.yaml", b"b"),
            ("web/templates/.hidden", b""),
        ]);
        let files = ChartFiles::from_archive(bytes.as_slice()).expect("sound");
        let names: Vec<_> = files.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Chart.yaml", "values.yaml", "templates/.hidden"]);
        assert_eq!(files.get("Chart.yaml"), Some(&b"name: web"[..]));
        assert_eq!(files.get("values.yaml"), Some(&b"b"[..]));
    }

    #[test]
    fn hostile_archives_are_refused() {
        for name in ["Chart.yaml", "web/../../x", "/etc/x", "web\\x", "web/C:/x"] {
            let read = ChartFiles::from_archive(pack(&[(name, b"")]).as_slice());
            assert!(matches!(read, Err(ArchiveError::Name(_))), "{name}");
        }
        let large = vec![b'a'; limits::CHART_FILE_BYTES_MAX as usize + 1];
        let read = ChartFiles::from_archive(pack(&[("web/x", &large)]).as_slice());
        assert!(matches!(read, Err(ArchiveError::LargeFile(name)) if name == "web/x"));
        let five = vec![b'a'; limits::CHART_FILE_BYTES_MAX as usize];
        let names: Vec<String> = (0..21).map(|at| format!("web/{at}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), five.as_slice())).collect();
        let read = ChartFiles::from_archive(pack(&many).as_slice());
        assert!(matches!(read, Err(ArchiveError::Large)));
        assert!(ChartFiles::from_archive(pack(&[]).as_slice()).is_err());
        let entries = [("../x".to_owned(), Vec::new())];
        assert!(matches!(ChartFiles::from_entries(entries), Err(ArchiveError::Name(_))));
    }

    #[test]
    fn a_dependency_can_be_put_in() {
        let inner = pack(&[("sub/Chart.yaml", b"name: sub\nversion: 1.0.0\n")]);
        let top = ("Chart.yaml".to_owned(), b"name: top\nversion: 1.0.0\n".to_vec());
        let mut files = ChartFiles::from_entries([top]).expect("sound");
        files.insert_archive("sub-1.0.0.tgz", &inner).expect("sound");
        let chart = crate::helm::Chart::load(&files).expect("sound");
        assert_eq!(chart.dependencies[0].name, "sub");
        assert!(matches!(files.insert_archive("../x.tgz", &inner), Err(ArchiveError::Name(_))));
    }

    /// Charts in charts share one budget: each of these swells to just under what one may hold.
    #[test]
    fn packed_charts_share_one_budget() {
        let five = vec![b'a'; limits::CHART_FILE_BYTES_MAX as usize];
        let names: Vec<String> = (0..11).map(|at| format!("s/{at}")).collect();
        let mut inner: Vec<_> = names.iter().map(|name| (name.as_str(), five.as_slice())).collect();
        inner.push(("s/Chart.yaml", b"name: s\nversion: 1.0.0\n"));
        let inner = pack(&inner);
        let outer = pack(&[
            ("web/Chart.yaml", b"name: web\nversion: 1.0.0\n"),
            ("web/charts/a.tgz", &inner),
            ("web/charts/b.tgz", &inner),
        ]);
        let files = ChartFiles::from_archive(outer.as_slice()).expect("sound so far");
        let error = crate::helm::Chart::load(&files).expect_err("too large");
        let large = |source: &ArchiveError| matches!(source, ArchiveError::Large);
        assert!(matches!(&error, crate::helm::ChartError::Archive { source, .. } if large(source)));
    }
}
