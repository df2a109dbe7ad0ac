//! `haversack keys`: signing keys.

use std::path::{Path, PathBuf};

use crate::artifact::ReleaseName;
use crate::cli::failure::Code;
use crate::cli::words::{json, out};
use crate::cli::{Face, Failure, connect};
use crate::limits;
use crate::secret::Secret;
use crate::trust::SigningKey;

/// Make signing keys
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Generate(Generate),
}

/// Make a signing key (ECDSA P-256), encrypted with a passphrase, and its public half
///
/// NAME.key.pem stays on the connected host. NAME.pub.pem goes into the folder that `verify --trust`
/// and `replay --trust` read. Both are plain PEM that openssl reads.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  haversack keys generate release")]
struct Generate {
    /// Name of the two files
    name: String,
    /// Folder to write them to
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    passphrase: Passphrase,
}

/// Where a passphrase comes from: a file, or a question on the terminal. Never the command line itself.
#[derive(Debug, clap::Args)]
pub(super) struct Passphrase {
    /// File whose first line is the passphrase of the signing key; without it you are asked
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// The key that signs.
#[derive(Debug, clap::Args)]
pub(super) struct Signer {
    /// Signing key, PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: Passphrase,
}

impl Signer {
    /// Reads and opens the key.
    pub(super) fn key(&self) -> Result<SigningKey, Failure> {
        let pem = Secret::new(
            String::from_utf8(connect::read(&self.key, limits::KEY_BYTES_MAX)?).map_err(|_| {
                Failure::new(Code::Usage, format!("{}: not PEM", self.key.display()))
            })?,
        );
        let key = if SigningKey::is_encrypted(pem.expose()) {
            let question = format!("Passphrase of {}: ", self.key.display());
            SigningKey::from_encrypted_pem(pem.expose(), &self.passphrase.read(&question)?)
        } else {
            SigningKey::from_plain_pem(pem.expose())
        };
        key.map_err(|error| Failure::new(Code::Usage, format!("{}: {error}", self.key.display())))
    }
}

impl Passphrase {
    fn read(&self, question: &str) -> Result<Secret<String>, Failure> {
        let Some(path) = &self.passphrase_file else {
            return rpassword::prompt_password(question).map(Secret::new).map_err(|error| {
                Failure::new(Code::Usage, format!("no passphrase: {error}")).hint(
                    "without a terminal, put it into a file and name that with --passphrase-file",
                )
            });
        };
        let text =
            String::from_utf8(connect::read(path, limits::KEY_BYTES_MAX)?).unwrap_or_default();
        let text = Secret::new(text);
        let line = text.expose().lines().next().unwrap_or_default().to_owned();
        if line.is_empty() {
            return Err(Failure::new(
                Code::Usage,
                format!("{}: its first line is empty", path.display()),
            ));
        }
        Ok(Secret::new(line))
    }

    fn choose(&self) -> Result<Secret<String>, Failure> {
        let first = self.read("New passphrase: ")?;
        if first.expose().is_empty() {
            return Err(Failure::new(Code::Usage, "an empty passphrase protects nothing"));
        }
        if self.passphrase_file.is_none() && self.read("Again: ")?.expose() != first.expose() {
            return Err(Failure::new(Code::Usage, "the two passphrases differ"));
        }
        Ok(first)
    }
}

pub(crate) fn run(args: &Args, face: Face) -> Result<(), Failure> {
    let Verb::Generate(args) = &args.verb;
    let name = ReleaseName::parse(&args.name)
        .map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
    let dir = if args.dir == Path::new(".") { Path::new("") } else { &args.dir };
    let (secret, public) =
        (dir.join(format!("{name}.key.pem")), dir.join(format!("{name}.pub.pem")));
    for path in [&secret, &public] {
        if path.symlink_metadata().is_ok() {
            return Err(Failure::new(Code::Usage, format!("{} exists", path.display()))
                .hint("a key is never overwritten: choose another name"));
        }
    }
    let key = SigningKey::generate()?;
    let passphrase = args.passphrase.choose()?;
    write_secret(&secret, key.to_encrypted_pem(&passphrase)?.expose().as_bytes())?;
    connect::write(&public, key.public().to_pem()?.as_bytes()).inspect_err(|_| {
        // Half a pair helps nobody, and would be in the way of the next try.
        let _ = std::fs::remove_file(&secret);
    })?;
    let id = key.public().key_id();
    if face.json {
        out(&json(
            &serde_json::json!({ "ok": true, "key": secret, "public": public, "id": id.to_string() }),
        ));
    } else {
        out(&format!(
            "{}: signing key, keep it here\n{}: public key {id}, goes into the trust folder of every site\n",
            secret.display(),
            public.display()
        ));
    }
    Ok(())
}

/// Writes a new file that only its owner may read.
fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|error| Failure::file(path, &error))
}
