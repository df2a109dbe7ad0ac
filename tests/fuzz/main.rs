//! Throws damaged input at everything that reads what others wrote: `make fuzz`.
//!
//! Each target takes bytes and must come back: no panic, no stack that runs over, no run without an end. Seeds are the files in
//! `tests/fuzz/corpus/TARGET/` (kept: what once broke something stays there under a name that says what), and, where it is
//! there, `../shared/corpus`. Mutations come from a seed that is printed, so that a run can be repeated.
//!
//! ```text
//! cargo test --test fuzz -- [--seconds N] [--seed N] [--target NAME] [--replay FILE]
//! ```
//!
//! `make test` replays the kept corpus alone (`--seconds 0`). An input that breaks something is left in `target/fuzz/`.

#![allow(clippy::print_stdout)] // its face is the terminal

mod calls;
mod mutate;
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use mutate::Mutator;
use targets::{TARGETS, Target};

struct Options {
    seconds: u64,
    seed: u64,
    target: Option<String>,
    replay: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = options();
    let known = |target: &&Target| options.target.as_ref().is_none_or(|name| name == target.name);
    let targets: Vec<&Target> = TARGETS.iter().filter(known).collect();
    if targets.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        println!("no such target; there are {}", names.join(", "));
        return ExitCode::FAILURE;
    }
    let share = Duration::from_secs(options.seconds) / u32::try_from(targets.len()).unwrap_or(1);
    let broken: usize = targets.iter().map(|target| run(target, &options, share)).sum();
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options() -> Options {
    let mut options = Options { seconds: 0, seed: 1, target: None, replay: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        match word.as_str() {
            "--seconds" => options.seconds = value().parse().expect("--seconds N"),
            "--seed" => options.seed = value().parse().expect("--seed N"),
            "--target" => options.target = Some(value()),
            "--replay" => options.replay = Some(value().into()),
            // What the test runner adds for targets with a harness.
            _ => {}
        }
    }
    options
}

/// Runs one target: first every seed as it is, then mutations until the time is over. Returns how many inputs broke it.
fn run(target: &Target, options: &Options, share: Duration) -> usize {
    let seeds = match &options.replay {
        Some(file) => vec![fs::read(file).expect("readable file")],
        None => seeds(target, options.seconds > 0),
    };
    let mut broken = 0;
    let mut runs = 0_u64;
    let begun = Instant::now();
    for seed in &seeds {
        broken += usize::from(!survives(target, seed));
        runs += 1;
    }
    let mut mutator = Mutator::new(options.seed, &seeds);
    while begun.elapsed() < share && broken < 10 {
        broken += usize::from(!survives(target, &mutator.next()));
        runs += 1;
    }
    let outcome = if broken == 0 { "ok".to_owned() } else { format!("{broken} BROKEN") };
    println!(
        "fuzz {:<12} {runs:>8} inputs from {} seeds (seed {}): {outcome}",
        target.name,
        seeds.len(),
        options.seed
    );
    broken
}

/// Whether a target comes back from an input in time and without a panic. The input lies on disk while it runs, so that it is
/// there even if the process dies.
fn survives(target: &Target, input: &[u8]) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
    fs::create_dir_all(&folder).expect("target folder");
    let last = folder.join(format!("{}.last", target.name));
    fs::write(&last, input).expect("target folder");
    let begun = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let slow = begun.elapsed() > target.time_max;
    if outcome.is_ok() && !slow {
        return true;
    }
    let why = if slow { "slow" } else { "panic" };
    let kept = folder.join(format!("{}.{why}.{:016x}", target.name, fingerprint(input)));
    fs::rename(&last, &kept).expect("target folder");
    println!("fuzz {}: {why}: input kept as {}", target.name, kept.display());
    false
}

/// The kept corpus of a target, and, where there is time for them, some real files when they are there.
fn seeds(target: &Target, real: bool) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = root.join("tests/fuzz/corpus").join(target.name);
    let mut seeds: Vec<Vec<u8>> =
        files(&kept).iter().filter_map(|file| fs::read(file).ok()).collect();
    assert!(!seeds.is_empty(), "{}: no kept corpus", kept.display());
    if !real {
        return seeds;
    }
    let shared = root.join("../shared/corpus");
    let wanted = |file: &PathBuf| {
        let name = file.to_string_lossy();
        target.real.iter().any(|part| name.contains(part))
    };
    let real: Vec<PathBuf> = files(&shared).into_iter().filter(wanted).collect();
    let step = (real.len() / 200).max(1);
    let small = |bytes: &Vec<u8>| bytes.len() < 64 << 10;
    seeds.extend(real.iter().step_by(step).filter_map(|file| fs::read(file).ok()).filter(small));
    seeds
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    found.sort();
    found
}

/// FNV-1a: names a kept input, no more.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
