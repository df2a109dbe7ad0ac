//! Plain files, read-only: chart repositories and what else a platform downloads by URL.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use axum::extract::Request;
use axum::http::{Method, header};
use axum::response::Response;

use crate::serve::ServeError;
use crate::serve::answer::{Code, Refusal, blocking};
use crate::serve::durable::is_absent;
use crate::serve::range;

/// Answers a request below `/files/`; `rest` is its decoded path after that.
pub(super) async fn answer(root: &Path, rest: &str, request: Request) -> Result<Response, Refusal> {
    let method = request.method();
    if method != Method::GET && method != Method::HEAD {
        return Err(Refusal::new(Code::Unsupported, "files are read-only"));
    }
    let unknown = || Refusal::new(Code::NotFound, "no such file");
    let path = below(root, rest).ok_or_else(unknown)?;
    let folder = root.to_owned();
    let found = blocking(move || open(&folder, &path)).await?;
    let (file, size_bytes) = found.ok_or_else(unknown)?;
    let headers = [(header::CONTENT_TYPE, media_type(rest))];
    Ok(range::serve((method, request.headers()), file, size_bytes, &headers))
}

/// A path below the folder, when every part of it is a plain and visible name.
fn below(root: &Path, rest: &str) -> Option<PathBuf> {
    let mut path = root.to_owned();
    for part in rest.split('/') {
        if part.is_empty() || part.starts_with('.') || part.contains(['\\', '\0']) {
            return None;
        }
        path.push(part);
    }
    Some(path)
}

/// Opens a file unless a link leads out of the folder.
fn open(root: &Path, path: &Path) -> Result<Option<(File, u64)>, ServeError> {
    let real = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(ServeError::io(path)(error)),
    };
    // The folder was made canonical when the server started. Anything but a plain file could block
    // the reader.
    if !real.starts_with(root) || !real.is_file() {
        return Ok(None);
    }
    let file = File::open(&real).map_err(ServeError::io(&real))?;
    let size_bytes = file.metadata().map_err(ServeError::io(&real))?.len();
    Ok(Some((file, size_bytes)))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("yaml" | "yml") => "application/yaml",
        Some("json") => "application/json",
        Some("tgz" | "gz") => "application/gzip",
        Some("txt" | "md" | "prov") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        let root = Path::new("/srv");
        assert_eq!(below(root, "a/b.tgz"), Some(PathBuf::from("/srv/a/b.tgz")));
        for bad in ["", "..", "a/../b", "/etc", "a//b", ".git/x", "a\\..\\b", "a/"] {
            assert_eq!(below(root, bad), None, "{bad}");
        }
    }
}
