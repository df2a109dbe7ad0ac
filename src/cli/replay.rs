//! `haversack replay`: verify, plan, apply.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::bundle::Sealed;
use crate::cli::failure::Code;
use crate::cli::words::{json, out, safe, size, table};
use crate::cli::{Face, Failure, block_on, connect};
use crate::limits;
use crate::net::{Hosts, Network, Policy};
use crate::oci::{Keychain, Registries};
use crate::replay::{Credentials, GitLogin, ManifestState, Plan, Reach, Receipt, RefState, Site};
use crate::report::{Report, count};
use crate::secret::Secret;
use crate::trust::Trust;

/// Put a bundle into the site's registry and git server
///
/// Verifies first; a bundle that is not proven is not touched. Then plans: what is there, what will
/// be sent, which tags move. Interrupted or killed, run it again: it finishes. A finished replay run
/// again only asks.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  haversack replay bundles/platform-1.0.0 --site site.yaml --trust trust/"
)]
pub(crate) struct Args {
    /// The bundle's folder
    bundle: PathBuf,
    /// The site file: where registry and git server are
    #[arg(long, value_name = "FILE")]
    site: PathBuf,
    /// Folder with the public keys (*.pem) that you trust
    #[arg(long, value_name = "DIR")]
    trust: PathBuf,
    /// Stop before anything is sent, and show the plan
    #[arg(long)]
    plan: bool,
    /// Where to write the receipt
    #[arg(long, value_name = "FILE", default_value = "receipt.json")]
    receipt: PathBuf,
}

pub(crate) fn run(args: &Args, face: Face) -> Result<(), Failure> {
    let report = face.report();
    let trust = Trust::load(&args.trust)?;
    let site = site(args)?;
    let verified = Sealed::open(&args.bundle)?.verify(&trust, &report)?;
    let (reach, login) = reach(&site, &report)?;
    // One runtime for both: connections live on the one that opened them.
    let (plan, receipt) = block_on(async {
        let plan = Plan::make(&verified, &site, &reach, &login).await?;
        if args.plan {
            return Ok::<_, Failure>((Some(plan), None));
        }
        Ok((None, Some(plan.apply(&verified, &site, &reach, &login).await?)))
    })?;
    if let Some(plan) = plan {
        out(&if face.json {
            json(&serde_json::json!({ "ok": true, "plan": plan }))
        } else {
            show_plan(&plan)
        });
    }
    let Some(receipt) = receipt else { return Ok(()) };
    connect::write(&args.receipt, &receipt.to_bytes()).map_err(|failure| {
        failure.hint("the replay itself is done; run it again with --receipt FILE, which sends nothing twice")
    })?;
    if face.json {
        out(&json(&serde_json::json!({ "ok": true, "receipt": receipt })));
    } else {
        out(&format!("{}receipt: {}\n", show_receipt(&receipt), args.receipt.display()));
    }
    Ok(())
}

fn site(args: &Args) -> Result<Site, Failure> {
    let bytes = connect::read(&args.site, limits::USER_FILE_BYTES_MAX)?;
    let name =
        args.site.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut site = Site::parse(&name, &bytes)?;
    // Paths in the site file are meant from the folder that it is in.
    if let Some(folder) = args.site.parent() {
        site.rebase(folder);
    }
    Ok(site)
}

/// Makes the clients: they talk to the site's hosts and to nobody else.
fn reach(site: &Site, report: &Report) -> Result<(Reach, GitLogin), Failure> {
    let mut hosts = BTreeSet::new();
    let mut plain_http = BTreeSet::new();
    let mut authorities = Vec::new();
    for (host, plain, ca_file) in site.hosts() {
        if plain {
            plain_http.insert(host.clone());
        }
        hosts.insert(host);
        if let Some(path) = ca_file {
            authorities.push(connect::authority(&path)?);
        }
    }
    let policy = Policy { hosts: Hosts::Only(hosts), plain_http, authorities, ..Policy::default() };
    let network = Network::new(policy)?;
    let mut keychain = Keychain::anonymous();
    if let Some(registry) = &site.registry {
        match &registry.credentials {
            Credentials::None => {}
            Credentials::DockerConfig(path) => {
                let path = path.clone().or_else(connect::docker_config);
                keychain = Keychain::docker_config(path.as_deref())
                    .map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
            }
            other => {
                if let Some((user, password)) = login(other)? {
                    keychain = keychain.with(&registry.host, &user, password);
                }
            }
        }
    }
    let git_login = match &site.git {
        Some(git) => login(&git.credentials)?,
        None => None,
    };
    let registries = Registries::new(network.clone(), keychain);
    Ok((Reach { registries, network, report: report.clone() }, git_login))
}

/// Reads a password from where the site file says it is.
fn login(credentials: &Credentials) -> Result<GitLogin, Failure> {
    match credentials {
        Credentials::None | Credentials::DockerConfig(_) => Ok(None),
        Credentials::File { user, path } => {
            let bytes = connect::read(path, limits::KEY_BYTES_MAX)?;
            let text = String::from_utf8(bytes)
                .map_err(|_| Failure::new(Code::Usage, format!("{}: not UTF-8", path.display())))?;
            let text = Secret::new(text);
            Ok(Some((
                user.clone(),
                Secret::new(text.expose().trim_end_matches(['\r', '\n']).to_owned()),
            )))
        }
        Credentials::Variable { user, variable } => match std::env::var(variable) {
            Ok(password) => Ok(Some((user.clone(), Secret::new(password)))),
            Err(_) => Err(Failure::new(
                Code::Usage,
                format!("environment variable {variable} is not set"),
            )
            .hint("the site file names it for a password")),
        },
    }
}

fn show_plan(plan: &Plan) -> String {
    let mut rows = Vec::new();
    for image in &plan.images {
        let stands = |state| matches!(state, ManifestState::There | ManifestState::GivenUp);
        let absent = image.manifests.iter().filter(|manifest| !stands(manifest.state)).count();
        let bytes: u64 =
            if absent > 0 { image.blobs.iter().map(|blob| blob.size).sum() } else { 0 };
        let state = match absent {
            0 => "there".to_owned(),
            _ => format!("send {} and up to {}", count(absent, "OCI manifest"), size(bytes)),
        };
        rows.push(vec![image.kind.to_string(), source(&image.id), image.inside.to_string(), state]);
        for tag in &image.tags {
            let state = match tag.now {
                None => "new tag",
                Some(_) if tag.moves => "tag MOVES",
                Some(_) => continue,
            };
            rows.push(vec![
                String::new(),
                String::new(),
                format!("  :{}", safe(&tag.tag)),
                state.to_owned(),
            ]);
        }
    }
    for repo in &plan.repos {
        let with = |state: RefState| repo.refs.iter().filter(|r| r.state == state).count();
        let state = format!(
            "{} new, {} forward, {} the same, {} DIVERGED",
            with(RefState::New),
            with(RefState::Forward),
            with(RefState::Same),
            with(RefState::Diverged)
        );
        rows.push(vec!["repo".to_owned(), source(&repo.id), safe(&repo.inside), state]);
    }
    format!("{}Nothing was sent.\n", table(&rows))
}

/// A pin's id without its kind, which has a column of its own.
fn source(id: &str) -> String {
    safe(id.split_once(':').map_or(id, |(_, source)| source))
}

fn show_receipt(receipt: &Receipt) -> String {
    let totals = &receipt.totals;
    let number = |n: u64, noun: &str| count(usize::try_from(n).unwrap_or(usize::MAX), noun);
    let mut text = format!(
        "{} {} replayed: {} ({} in {} sent, {} mounted, {} there), {}, {}, {}\n",
        receipt.name,
        receipt.version,
        count(receipt.images.len() + receipt.repos.len(), "artifact"),
        size(totals.bytes_sent),
        number(totals.blobs_sent, "blob"),
        totals.blobs_mounted,
        totals.blobs_already,
        number(totals.manifests_sent, "OCI manifest"),
        number(totals.tags_set, "tag"),
        number(totals.refs_set, "ref"),
    );
    for warning in &receipt.warnings {
        text.push_str(&format!("warning: {}\n", safe(warning)));
    }
    text
}
