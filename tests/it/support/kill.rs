//! Kills a command in the middle, again and again, until it finishes.
//!
//! At a seeded instant, or at a named crash point: with `HAVERSACK_CRASH_AT=<point>:<n>` a debug
//! build ends itself, as if killed, when it passes the point for the n-th time.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::Duration;

use super::Dice;
use super::job::{Ended, Job, RUN_MAX};

/// The variable that names a crash point.
pub(crate) const CRASH_AT: &str = "HAVERSACK_CRASH_AT";
/// More passes of one crash point than any small fixture has.
const PASSES_MAX: u32 = 10_000;

/// What killing came to.
#[derive(Debug)]
pub(crate) struct Rounds {
    /// How often the command was really cut down.
    pub(crate) killed: u32,
    /// The run that finished.
    pub(crate) last: Ended,
}

/// Kills `command` up to `kills` times at instants below `delay_max`, then lets it finish.
///
/// A run that ends by itself before its instant ends the rounds; it must have succeeded.
#[track_caller]
pub(crate) fn at_random(
    seed: u64,
    kills: u32,
    delay_max: Duration,
    mut command: impl FnMut() -> Command,
) -> Rounds {
    let mut dice = Dice::new(seed);
    for killed in 0..kills {
        let delay = Duration::from_micros(dice.below(delay_max.as_micros() as u64));
        let ended = Job::start(command(), b"").finish_or_kill(delay);
        if ended.status.signal() != Some(9) {
            assert!(ended.status.success(), "seed {seed}, kill {killed}: {}", ended.both());
            return Rounds { killed, last: ended };
        }
    }
    let last = Job::start(command(), b"").finish(RUN_MAX);
    assert!(last.status.success(), "seed {seed}, after {kills} kills: {}", last.both());
    Rounds { killed: kills, last }
}

/// Runs `command` once with a crash at the n-th pass of `point`; true when it crashed there.
#[track_caller]
pub(crate) fn at_point(point: &str, n: u32, mut command: Command) -> bool {
    command.env(CRASH_AT, format!("{point}:{n}"));
    let ended = Job::start(command, b"").finish(RUN_MAX);
    if ended.status.signal().is_some() {
        return true;
    }
    assert!(ended.status.success(), "{point}:{n}: {}", ended.both());
    false
}

/// Crashes at every pass of `point` in turn; after each crash `after` runs and may check.
///
/// `fresh` makes a command whose work starts from nothing. Returns how many passes there are; a
/// point that is never passed is a mistake of the test.
#[track_caller]
pub(crate) fn sweep(
    point: &str,
    mut fresh: impl FnMut() -> Command,
    mut after: impl FnMut(u32),
) -> u32 {
    for n in 1..PASSES_MAX {
        if !at_point(point, n, fresh()) {
            assert!(n > 1, "{point} is never passed");
            return n - 1;
        }
        after(n);
    }
    panic!("{point} is passed more than {PASSES_MAX} times");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appends a line per round, and crashes when told to at the second of three steps.
    fn script(text: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", text]);
        shell
    }

    #[test]
    fn a_command_is_killed_until_it_finishes() {
        let rounds = at_random(1, 3, Duration::from_millis(20), || script("sleep 0.3; echo done"));
        assert_eq!(rounds.killed, 3);
        assert_eq!(rounds.last.out(), "done\n");
    }

    #[test]
    fn a_command_that_is_done_in_time_is_not_run_again() {
        let rounds = at_random(1, 3, Duration::from_mins(10), || script("echo done"));
        assert_eq!(rounds.killed, 0);
    }

    #[test]
    fn a_sweep_stops_after_the_last_pass() {
        let steps =
            "for n in 1 2 3; do [ \"$HAVERSACK_CRASH_AT\" = step:$n ] && kill -9 $$; done; :";
        let mut crashes = Vec::new();
        let passes = sweep("step", || script(steps), |n| crashes.push(n));
        assert_eq!((passes, crashes), (3, vec![1, 2, 3]));
    }
}
