//! The command line's own words: every help page at once, completions, man pages, and a reader that goes away.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use clap::CommandFactory as _;

use haversack::cli::Cli;

use crate::support::job::Job;
use crate::support::scenario::Scenario;

/// Every verb that does something: `build`, `keys generate`, …
fn verbs() -> Vec<Vec<String>> {
    fn below(command: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
        for verb in command.get_subcommands() {
            let path = [path, &[verb.get_name().to_owned()]].concat();
            if verb.has_subcommands() {
                below(verb, &path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    below(&Cli::command(), &[], &mut found);
    found
}

fn help(room: &Scenario, verb: &[String]) -> String {
    let args = verb.iter().map(String::as_str).chain(["--help"]);
    room.run(args).stderr("").check().out()
}

#[test]
fn the_whole_help_is_as_it_was_last_read() {
    let room = Scenario::new();
    let mut all = help(&room, &[]);
    for verb in verbs() {
        let name = verb.join(" ");
        all.push_str(&format!("\n======== haversack {name} --help\n\n{}", help(&room, &verb)));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/help.txt");
    if std::env::var_os("HAVERSACK_WRITE_HELP").is_some() {
        fs::write(&path, &all).expect("writable");
    }
    let have = fs::read_to_string(&path).unwrap_or_default();
    let differs = have.lines().zip(all.lines()).find(|(have, want)| have != want);
    assert!(
        have == all,
        "tests/it/help.txt is out of date, first at {differs:?}; write it anew, and read the difference, with\n    \
         HAVERSACK_WRITE_HELP=1 cargo test --test it help"
    );
}

#[test]
fn every_verb_has_an_example_that_works_as_typed() {
    let room = Scenario::new();
    for verb in verbs() {
        let help = help(&room, &verb);
        let example = help.split_once("Example:\n").map(|(_, text)| text.trim());
        let example = example.unwrap_or_else(|| panic!("{verb:?} has no example:\n{help}"));
        let line = example.lines().next().expect("a line");
        assert!(line.starts_with(&format!("haversack {}", verb.join(" "))), "{line}");
        crate::docs::assert_parses("the help", line);
    }
}

#[test]
fn the_short_help_fits_a_screen() {
    let room = Scenario::new();
    let help = room.run(["-h"]).stderr("").check().out();
    assert!(help.lines().count() <= 40, "{} lines\n{help}", help.lines().count());
    let wide = help.lines().find(|line| line.chars().count() > 100);
    assert_eq!(wide, None);
}

#[test]
fn completions_know_the_verbs_and_their_flags() {
    let room = Scenario::new();
    for (shell, begins) in
        [("bash", "_haversack()"), ("zsh", "#compdef haversack"), ("fish", "# Print an optspec")]
    {
        let script = room.run(["completions", shell]).stderr("").check().out();
        assert!(script.starts_with(begins), "{shell}: {}", script.lines().next().unwrap_or(""));
        for word in ["replay", "allow-anyone", "passphrase-file"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
    room.run(["completions", "tcsh"]).status(2).stderr_has("bash, elvish, fish").check();
}

#[test]
fn bash_takes_its_completions() {
    let room = Scenario::new();
    let script = room.run(["completions", "bash"]).check().stdout;
    let mut bash = std::process::Command::new("bash");
    bash.arg("-n").current_dir(room.path(""));
    match bash.stdin(Stdio::null()).status() {
        Ok(_) => {
            let mut bash = std::process::Command::new("bash");
            bash.args(["-n", "/dev/stdin"]);
            Job::start(bash, &script).finish(crate::support::job::RUN_MAX).succeeded();
        }
        Err(_) => println!("not run: there is no bash"),
    }
}

#[test]
fn every_verb_has_a_man_page() {
    let room = Scenario::new();
    let listed = room.run(["man", "man1"]).stderr("").check().out();
    for verb in std::iter::once(String::new()).chain(verbs().iter().map(|verb| verb.join("-"))) {
        let name =
            if verb.is_empty() { "haversack".to_owned() } else { format!("haversack-{verb}") };
        let page = room.read(&format!("man1/{name}.1"));
        assert!(page.contains(&format!(".TH {name} 1")), "{name}: {page:.200}");
        assert!(listed.contains(&format!("man1/{name}.1\n")), "{listed}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let room = Scenario::new();
    for args in [&["schema"][..], &["completions", "bash"], &["--help"]] {
        let mut command = room.command();
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        // Like `| head -1`: the pipe is closed before all is read.
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut said).expect("UTF-8");
        let status = child.wait().expect("ends");
        assert!(status.success() && said.is_empty(), "{args:?}: {status}\n{said}");
    }
}
