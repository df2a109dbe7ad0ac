//! `haversack why`: the chains of references that lead to something.

use std::path::{Path, PathBuf};

use crate::artifact::ImageRef;
use crate::bundle::Sealed;
use crate::cli::build::read_lock;
use crate::cli::failure::Code;
use crate::cli::words::{json, out, safe};
use crate::cli::{Face, Failure};
use crate::lock::{Edge, Lock, Opaque, Verdict};

/// Say why something is carried: every chain of references that leads to it
///
/// Each chain begins in the inventory and ends in the file, line and field that names it; for a chart
/// that is the template. What was waived or could not be seen into is looked up too.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  haversack why quay.io/argoproj/argoexec:v4.0.6")]
pub(crate) struct Args {
    /// An image, chart, repository or file, or a part of its name
    #[arg(value_name = "REF")]
    reference: String,
    /// The lock [default: the one *.lock.json in this folder]
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    lock: Option<PathBuf>,
    /// Read the lock that a bundle claims to hold
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, face: Face) -> Result<(), Failure> {
    let lock = match (&args.bundle, &args.lock) {
        (Some(bundle), _) => Sealed::open(bundle)?.claimed()?.lock,
        (None, Some(lock)) => read_lock(lock)?,
        (None, None) => read_lock(&only_lock(Path::new("."))?)?,
    };
    let answers = answers(&lock, &args.reference);
    let opaque: Vec<&Opaque> =
        lock.opaque.iter().filter(|opaque| opaque.what.contains(&args.reference)).collect();
    if answers.is_empty() && opaque.is_empty() {
        return Err(unknown(&lock, &args.reference));
    }
    out(&if face.json { as_json(&answers, &opaque) } else { as_text(&answers, &opaque) });
    Ok(())
}

/// A pin and every chain that leads to it.
struct Answer {
    id: String,
    chains: Vec<Vec<Edge>>,
}

/// What is meant: a pin by its whole name, or else every pin whose name holds the text.
fn answers(lock: &Lock, reference: &str) -> Vec<Answer> {
    let canonical = ImageRef::parse(reference).map(|image| format!("image:{image}")).ok();
    let ids: Vec<String> = lock.pins().map(crate::lock::Pin::id).collect();
    let named = |id: &&String| {
        let name = id.split_once(':').map_or(id.as_str(), |(_, name)| name);
        id.as_str() == reference || name == reference || Some(*id) == canonical.as_ref()
    };
    let mut meant: Vec<String> = ids.iter().filter(named).cloned().collect();
    if meant.is_empty() {
        meant = ids.into_iter().filter(|id| id.contains(reference)).collect();
    }
    let chains = lock.chains();
    meant.into_iter().map(|id| Answer { chains: chains.all(&id), id }).collect()
}

/// The one lock in a folder.
fn only_lock(folder: &Path) -> Result<PathBuf, Failure> {
    let hint = "name it: --lock FILE, or --bundle DIR for the one in a bundle";
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
    let mut locks: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| PathBuf::from(entry.file_name()))
        .filter(|name| name.to_string_lossy().ends_with(".lock.json"))
        .collect();
    locks.sort();
    match locks.len() {
        1 => Ok(locks.remove(0)),
        0 => Err(Failure::new(Code::Usage, "there is no *.lock.json in this folder").hint(hint)),
        _ => {
            let names: Vec<_> = locks.iter().map(|lock| lock.display().to_string()).collect();
            let error = format!("there are several locks in this folder: {}", names.join(", "));
            Err(Failure::new(Code::Usage, error).hint(hint))
        }
    }
}

fn unknown(lock: &Lock, reference: &str) -> Failure {
    let score = |id: &str| strsim::jaro_winkler(reference, id.split_once(':').map_or(id, |p| p.1));
    let ids: Vec<String> = lock.pins().map(crate::lock::Pin::id).collect();
    let nearest = ids.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
    let failure = Failure::new(Code::Usage, format!("nothing in the lock is called {reference:?}"));
    match nearest.filter(|id| score(id) > 0.7) {
        Some(id) => failure.hint(format!("near it: {id}")),
        None => failure.hint("`haversack inspect` on a bundle lists everything"),
    }
}

fn as_json(answers: &[Answer], opaque: &[&Opaque]) -> String {
    let answers: Vec<_> = answers
        .iter()
        .map(|answer| serde_json::json!({ "id": answer.id, "chains": answer.chains }))
        .collect();
    json(&serde_json::json!({ "ok": true, "answers": answers, "opaque": opaque }))
}

fn as_text(answers: &[Answer], opaque: &[&Opaque]) -> String {
    let mut text = String::new();
    for answer in answers {
        text.push_str(&format!("{}\n", safe(&answer.id)));
        for chain in &answer.chains {
            for (depth, edge) in chain.iter().enumerate() {
                let found_in = if edge.from == "inventory" { "" } else { edge.from.as_str() };
                let place = format!("{} {}", edge.place, edge.field);
                let line = match (&edge.verdict, found_in) {
                    (Verdict::Certain, "") => place,
                    (Verdict::Certain, from) => format!("{from}: {place}"),
                    (Verdict::Implied(rule), from) => format!("{from}: {place} (rule {rule})"),
                    (Verdict::Candidate, from) => {
                        format!("{from}: {place} (candidate: its registry has it)")
                    }
                };
                let indent = "  ".repeat(depth + 1);
                text.push_str(&format!("{indent}{}\n", safe(line.trim())));
            }
        }
    }
    for opaque in opaque {
        let place = format!("{} {}", opaque.edge.place, opaque.edge.field);
        let end = match &opaque.waived {
            Some(reason) => format!("waived: {reason}"),
            None => format!("not seen into: {}", opaque.advice),
        };
        let lines = [safe(&opaque.what), safe(place.trim()), safe(&end)];
        text.push_str(&format!("{}\n  {}\n  {}\n", lines[0], lines[1], lines[2]));
    }
    text
}
