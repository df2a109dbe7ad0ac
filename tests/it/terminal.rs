//! What a person sees on a terminal. `script` (bsdutils) gives the program one.

use crate::support::binary;
use crate::support::carried::{not_run, program};
use crate::support::job::{Job, RUN_MAX};
use crate::support::scenario::{Scenario, filter};
use crate::support::world::World;

/// Runs one command line on a terminal and returns what a person would see, without the drawing.
fn on_a_terminal(room: &Scenario, args: &str) -> Option<String> {
    program("script")?;
    let mut command = room.command_named("script");
    command.env("TERM", "xterm").env("SHELL", "/bin/sh");
    command.args(["-qec", &format!("{} {args}", binary().display()), "/dev/null"]);
    let ended = Job::start(command, b"").finish(RUN_MAX);
    Some(filter(&ended.out().replace("\r\n", "\n"), room.room()))
}

#[test]
fn an_error_has_a_line_of_its_own() {
    let world = World::empty();
    let host = world.host();
    let text = format!("haversack: 1\nname: x\nimages: [\"{host}/acme/none:1\"]\n");
    let room = Scenario::new().file("x.yaml", &text);
    let Some(seen) = on_a_terminal(&room, &format!("lock x.yaml --plain-http {host}")) else {
        return not_run("an_error_has_a_line_of_its_own", "no script on the PATH");
    };
    let wanted = "pinning 1 reference\n\
        error: image 127.0.0.1:[PORT]/acme/none:1 (wanted at x.yaml:3, images[0]): \
        127.0.0.1:[PORT]/acme/none:1: the registry has no such image\n";
    assert_eq!(seen, wanted);
}

#[test]
fn bars_are_gone_when_the_result_is_printed() {
    let world = World::start();
    let room = Scenario::new().file("platform.yaml", &world.inventory());
    room.write("pass", b"correct horse battery staple\n");
    let host = world.host();
    let line = format!("lock platform.yaml --plain-http {host}");
    let Some(seen) = on_a_terminal(&room, &line) else {
        return not_run("bars_are_gone_when_the_result_is_printed", "no script on the PATH");
    };
    let result = "platform.lock.json: 9 images, 2 charts, 2 repos, 1 file\n";
    let at = seen.find(result).unwrap_or_else(|| panic!("{seen:?}"));
    // What stands before it on its line was erased, or there was nothing.
    let before = seen[..at].rsplit('\n').next().unwrap_or_default();
    assert!(before.is_empty() || before.ends_with("\u{1b}[2K"), "{before:?}");
}
