//! What was found in documents becomes what is asked for next.

use crate::argo::{Fact, FileFindings, Found, HelmSettings, RemoteFile, Source, SourceKind};
use crate::artifact::{ChartRepo, ImageRef};
use crate::inventory::{Inventory, Waiver};
use crate::lock::{AppNode, ChartPin, Edge, FilePin, ImagePin, Opaque, Verdict};
use crate::source::Revision;

use crate::resolve::request::{Release, Request};

/// What one request led to.
#[derive(Default)]
pub(super) struct Expansion {
    /// The id of the pin or app that things are found in.
    pub(super) from: String,
    pub(super) image: Option<ImagePin>,
    pub(super) chart: Option<ChartPin>,
    pub(super) file: Option<FilePin>,
    pub(super) repo: Option<(String, Revision)>,
    pub(super) app: Option<AppNode>,
    pub(super) opaque: Vec<Opaque>,
    pub(super) facts: Vec<Fact>,
    pub(super) next: Vec<(Request, Edge)>,
    pub(super) waivers: Vec<Waiver>,
    /// Whether charts found here may be rendered with placeholders.
    pub(super) placeholders: bool,
}

impl Expansion {
    /// Nothing yet, for what is found in `from`.
    pub(super) fn new(inventory: &Inventory, from: &str, release: Option<&Release>) -> Self {
        Self {
            from: from.to_owned(),
            waivers: inventory.waivers.clone(),
            placeholders: release.is_some_and(|release| release.placeholders),
            ..Self::default()
        }
    }

    /// Takes in what one file or document refers to.
    pub(super) fn take(&mut self, findings: FileFindings) {
        let FileFindings {
            images, candidates, files, file_candidates, opaque, sources, facts, ..
        } = findings;
        for image in images {
            self.image(image, Verdict::Certain);
        }
        for image in candidates {
            self.image(image, Verdict::Candidate);
        }
        for file in files {
            self.file(file, Verdict::Certain);
        }
        for file in file_candidates {
            self.file(file, Verdict::Candidate);
        }
        for found in opaque {
            self.opaque.push(Opaque::new(
                found.value.what,
                Edge::new(self.from.clone(), found.place, found.field),
                found.value.advice,
            ));
        }
        for source in sources {
            self.source(source);
        }
        self.facts.extend(facts);
    }

    fn image(&mut self, found: Found<ImageRef>, verdict: Verdict) {
        let edge = Edge { verdict, ..Edge::new(self.from.clone(), found.place, found.field) };
        let text = found.value.to_string();
        match waived(&self.waivers, |waiver| waiver.covers_image(&text, &edge.place)) {
            Some(reason) => {
                self.opaque.push(Opaque::left_behind(format!("image {text}"), edge, reason));
            }
            None => self.next.push((Request::Image(found.value), edge)),
        }
    }

    fn file(&mut self, found: Found<RemoteFile>, verdict: Verdict) {
        let edge = Edge { verdict, ..Edge::new(self.from.clone(), found.place, found.field) };
        let RemoteFile { url, digest } = found.value;
        let url = url.to_string();
        match waived(&self.waivers, |waiver| waiver.covers_file(&url, &edge.place)) {
            Some(reason) => {
                self.opaque.push(Opaque::left_behind(format!("file {url}"), edge, reason));
            }
            None => self.next.push((Request::File { url, digest }, edge)),
        }
    }

    fn source(&mut self, found: Found<Source>) {
        let edge = Edge::new(self.from.clone(), found.place, found.field);
        let Source { kind, helm, .. } = found.value;
        if let SourceKind::Oci { repository, revision, .. } = &kind {
            self.opaque.push(Opaque::new(
                format!("OCI source not unpacked: {repository}{}", pointer(revision)),
                edge.clone(),
                "list what it leads to in the inventory",
            ));
        }
        let placeholders = self.placeholders;
        let release = |helm| Release { helm, placeholders, by_argo: true, ..Release::default() };
        match request(kind, helm.map(release)) {
            Ok(request) => self.next.push((request, edge)),
            Err(what) => {
                self.opaque.push(Opaque::new(what, edge, "list what it leads to in the inventory"));
            }
        }
    }
}

/// The reason of the first waiver that fits.
pub(super) fn waived(waivers: &[Waiver], fits: impl Fn(&Waiver) -> bool) -> Option<String> {
    waivers.iter().find(|waiver| fits(waiver)).map(|waiver| waiver.reason.clone())
}

/// What a source asks for, or what about it cannot be asked for.
fn request(kind: SourceKind, release: Option<Release>) -> Result<Request, String> {
    let unsaid = || Release { helm: HelmSettings::default(), by_argo: true, ..Release::default() };
    Ok(match kind {
        SourceKind::Git { url, revision, path: Some(path), recurse } => {
            let release = release.unwrap_or_else(unsaid);
            Request::App { url: url.to_string(), revision, path, recurse, release }
        }
        SourceKind::Git { url, revision, path: None, .. } => {
            Request::Revision { url: url.to_string(), revision }
        }
        SourceKind::HelmHttp { repo, chart, version } => {
            Request::Chart { repo: ChartRepo::Http(repo), chart, version, release }
        }
        SourceKind::HelmOci { repository, version } => {
            let (path, chart) =
                repository.path().rsplit_once('/').unwrap_or(("", repository.path()));
            let repo = ChartRepo::Oci { host: repository.host().to_owned(), path: path.to_owned() };
            Request::Chart { repo, chart: chart.to_owned(), version, release }
        }
        SourceKind::Oci { repository, revision, .. } => {
            let text = format!("{repository}{}", pointer(&revision));
            Request::Image(ImageRef::parse(&text).map_err(|_| format!("OCI source {text}"))?)
        }
    })
}

/// `@sha256:…` or `:tag`.
fn pointer(revision: &str) -> String {
    let mark = if revision.starts_with("sha256:") { '@' } else { ':' };
    format!("{mark}{revision}")
}
