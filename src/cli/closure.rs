//! Tables of what a lock holds: counts, verdicts, and what could not be seen into.

use crate::artifact::Kind;
use crate::cli::words::{safe, table};
use crate::lock::{Lock, Opaque, Pin, Verdict};
use crate::report::count;

/// `3 images, 1 chart, 1 repo, 0 files`.
pub(super) fn summary(lock: &Lock) -> String {
    let counts = [
        (lock.images.len(), "image"),
        (lock.charts.len(), "chart"),
        (lock.repos.len(), "repo"),
        (lock.files.len(), "file"),
    ];
    counts.map(|(number, noun)| count(number, noun)).join(", ")
}

/// How sure the pins are, counted by kind.
pub(super) fn verdicts(lock: &Lock) -> String {
    const KINDS: [Kind; 4] = [Kind::Image, Kind::Chart, Kind::Repo, Kind::File];
    let title = ["  verdict", "images", "charts", "repos", "files"].map(str::to_owned).to_vec();
    let mut rows = vec![title];
    for word in ["certain", "implied", "candidate"] {
        let number = |kind| lock.pins().filter(|pin| is(*pin, kind, word)).count().to_string();
        let mut row = vec![format!("  {word}")];
        row.extend(KINDS.map(number));
        rows.push(row);
    }
    let waived = lock.opaque.iter().filter(|opaque| opaque.waived.is_some()).count();
    let open = lock.opaque.len() - waived;
    let opaque = format!("  opaque: {}, {waived} waived\n", count(open, "place"));
    format!("\n{}{opaque}", table(&rows))
}

/// The same numbers for machines.
pub(super) fn verdicts_json(lock: &Lock) -> serde_json::Value {
    let number = |word: &str| lock.pins().filter(|pin| word_of(*pin) == word).count();
    let waived = lock.opaque.iter().filter(|opaque| opaque.waived.is_some()).count();
    serde_json::json!({
        "certain": number("certain"), "implied": number("implied"),
        "candidate": number("candidate"), "opaque": lock.opaque.len() - waived, "waived": waived,
    })
}

/// The pins that are not certain, each with what speaks for it.
pub(super) fn unsure(lock: &Lock) -> String {
    let rows: Vec<Vec<String>> = lock
        .pins()
        .filter(|pin| !pin.verdict().is_certain())
        .map(|pin| {
            let edge = pin.because().iter().min_by_key(|edge| &edge.verdict);
            let place = edge.map(|e| format!("{} {}", e.place, e.field)).unwrap_or_default();
            let id = pin.id();
            let name = id.split_once(':').map_or(id.as_str(), |(_, name)| name);
            let verdict = match pin.verdict() {
                Verdict::Implied(rule) => format!("implied by rule {rule}"),
                other => other.to_string(),
            };
            vec![format!("  {}", safe(name)), safe(&verdict), safe(place.trim())]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\nCarried, though no document says so for certain ({}):\n{}", rows.len(), table(&rows))
}

/// The places that could not be seen into, with what to do about each. Those that a person waived come last.
pub(super) fn opaque(opaque: &[Opaque]) -> String {
    let row = |o: &Opaque| {
        let place = format!("{} {}", o.edge.place, o.edge.field);
        let last = o.waived.as_ref().map_or(&o.advice, |reason| reason);
        vec![format!("  {}", safe(&o.what)), safe(place.trim()), safe(last)]
    };
    let rows = |waived: bool| {
        let all = opaque.iter().filter(|o| o.waived.is_some() == waived);
        all.map(row).collect::<Vec<_>>()
    };
    let (open, waived) = (rows(false), rows(true));
    let mut text = String::new();
    if !open.is_empty() {
        let number = count(open.len(), "place");
        text.push_str(&format!("\nNot seen into ({number}):\n{}", table(&open)));
    }
    if !waived.is_empty() {
        let number = count(waived.len(), "place");
        text.push_str(&format!("\nWaived ({number}):\n{}", table(&waived)));
    }
    text
}

fn is(pin: Pin<'_>, kind: Kind, word: &str) -> bool {
    pin.kind() == kind && word_of(pin) == word
}

fn word_of(pin: Pin<'_>) -> &'static str {
    match pin.verdict() {
        Verdict::Certain => "certain",
        Verdict::Implied(_) => "implied",
        Verdict::Candidate => "candidate",
    }
}
