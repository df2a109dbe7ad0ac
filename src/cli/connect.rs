//! What the verbs of the connected side share: where to keep things and how to reach out.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::{Path, PathBuf};

use crate::cli::Failure;
use crate::cli::failure::Code;
use crate::git::{Git, GitOptions};
use crate::inventory::Inventory;
use crate::limits;
use crate::net::{Network, Policy};
use crate::oci::{Keychain, Registries, Store};
use crate::report::Report;
use crate::source::{Clients, Sources};

/// How to reach the outside.
#[derive(Debug, clap::Args)]
pub(super) struct Reach {
    /// Host (or host:port) of a registry that speaks plain HTTP; repeat for more
    #[arg(long, value_name = "HOST")]
    plain_http: Vec<String>,
    /// Further certificate authority, PEM; repeat for more
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// Folder that keeps what was fetched, for later builds [default: ~/.cache/haversack]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Docker config with registry logins [default: ~/.docker/config.json]
    #[arg(long, value_name = "FILE")]
    docker_config: Option<PathBuf>,
}

impl Reach {
    /// Opens the store and makes the clients. Charts and files that the person wrote with `http://` come from `plain_hosts`.
    pub(super) fn sources(
        &self,
        plain_hosts: Vec<String>,
        report: Report,
    ) -> Result<Sources, Failure> {
        let mut authorities = Vec::new();
        for path in &self.ca {
            authorities.push(authority(path)?);
        }
        let store = Store::open(self.store.clone().map_or_else(default_store, Ok)?)?;
        let git = Git::new(GitOptions {
            ca_file: self.git_authorities(&authorities, &store)?,
            ..GitOptions::default()
        });
        // For registries, which are sent logins, only the flag decides; `http://` in an inventory is about that URL's kind.
        let flagged: BTreeSet<String> = self.plain_http.iter().cloned().collect();
        let mut plain_http = flagged.clone();
        plain_http.extend(plain_hosts);
        let policy = Policy { authorities, ..Policy::default() };
        let registry_network = Network::new(Policy { plain_http: flagged, ..policy.clone() })?;
        let network = Network::new(Policy { plain_http, ..policy })?;
        let config = self.docker_config.clone().or_else(docker_config);
        let keychain = Keychain::docker_config(config.as_deref())
            .map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
        let registries = Registries::new(registry_network, keychain);
        Ok(Sources::new(Clients { registries, network, git }, store, report))
    }

    /// The one file of authorities that git takes, by its whole path: git runs in folders of its own.
    fn git_authorities(
        &self,
        authorities: &[Vec<u8>],
        store: &Store,
    ) -> Result<Option<PathBuf>, Failure> {
        let path = match self.ca.as_slice() {
            [] => return Ok(None),
            [path] => path.clone(),
            _ => {
                let path = store.root().join("authorities.pem");
                write(&path, &authorities.join(&b'\n'))?;
                path
            }
        };
        std::path::absolute(&path).map(Some).map_err(|error| Failure::file(&path, &error))
    }
}

/// Reads certificates. A file without any would be passed over in silence, and the connection fail for no clear reason.
pub(super) fn authority(path: &Path) -> Result<Vec<u8>, Failure> {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    let bytes = read(path, limits::KEY_BYTES_MAX * 16)?;
    if bytes.windows(BEGIN.len()).any(|window| window == BEGIN) {
        return Ok(bytes);
    }
    Err(Failure::new(Code::Usage, format!("{}: no certificate in it (PEM)", path.display())))
}

fn default_store() -> Result<PathBuf, Failure> {
    let cache = env::var_os("XDG_CACHE_HOME")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .or_else(|| home().map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("haversack")).ok_or_else(|| {
        Failure::new(Code::Usage, "no home folder to keep fetched things in")
            .hint("name one with --store DIR")
    })
}

fn home() -> Option<PathBuf> {
    env::var_os("HOME").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The user's docker config, if there is one.
pub(super) fn docker_config() -> Option<PathBuf> {
    let folder = env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| home().map(|home| home.join(".docker")));
    folder.map(|folder| folder.join("config.json")).filter(|file| file.is_file())
}

/// Reads a file that the person named, up to a bound.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let fail = |error: std::io::Error| Failure::file(path, &error);
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .map_err(fail)?
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Failure::new(
            Code::Usage,
            format!("{}: larger than {bytes_max} bytes", path.display()),
        ));
    }
    Ok(bytes)
}

/// Reads a file that the person named, or standard input for `-`.
pub(super) fn read_or_input(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    if path.as_os_str() != "-" {
        return read(path, bytes_max);
    }
    let mut bytes = Vec::new();
    let input = std::io::stdin().lock().take(bytes_max + 1).read_to_end(&mut bytes);
    input.map_err(|error| Failure::file(path, &error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(Failure::usage(format!("standard input: larger than {bytes_max} bytes")));
    }
    Ok(bytes)
}

/// Writes a file so that it is there whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    // The error adds the temporary file's random name, which is not the one that the person knows.
    let fail = |error: std::io::Error| {
        let words = error.to_string();
        let words = words.split(" at path ").next().unwrap_or_default();
        Failure::new(Code::Usage, format!("{}: {words}", path.display()))
    };
    let folder =
        path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::new(Code::Usage, format!("{}: no such folder", folder.display())));
    }
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(fail)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let readable = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(readable).map_err(fail)?;
    }
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}

/// Reads and checks an inventory.
pub(super) fn inventory(path: &Path) -> Result<Inventory, Failure> {
    let bytes = read(path, limits::USER_FILE_BYTES_MAX)?;
    let name = path
        .file_name()
        .map_or_else(|| "inventory".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Inventory::parse(&name, &bytes)?)
}

/// Reads the values files that an inventory names, by their paths in it. All that cannot be read are named at once.
pub(super) fn values(
    path: &Path,
    inventory: &Inventory,
) -> Result<BTreeMap<String, String>, Failure> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut values = BTreeMap::new();
    let mut problems = Vec::new();
    for chart in &inventory.charts {
        for name in &chart.value.values {
            let at = |words: &str| format!("{}: {}.values: {words}", chart.place, chart.field);
            match read(&folder.join(name), limits::USER_FILE_BYTES_MAX).map(String::from_utf8) {
                Ok(Ok(text)) => drop(values.insert(name.clone(), text)),
                Ok(Err(_)) => problems.push(at(&format!("{name}: not UTF-8 text"))),
                Err(failure) => problems.push(at(&failure.errors.join("; "))),
            }
        }
    }
    if problems.is_empty() {
        return Ok(values);
    }
    Err(Failure { code: Code::Inventory, errors: problems, hints: Vec::new() }
        .hint("values files are named relative to the inventory's folder"))
}

/// Where an inventory's lock is: beside it, under the bundle's name.
pub(super) fn lock_path(path: &Path, inventory: &Inventory) -> PathBuf {
    path.with_file_name(format!("{}.lock.json", inventory.name))
}
