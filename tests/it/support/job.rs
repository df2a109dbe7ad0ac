//! A child process that cannot outlive its test: output read by threads, time bounded.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longest run of one command in a test.
pub(crate) const RUN_MAX: Duration = Duration::from_mins(3);
const POLL: Duration = Duration::from_millis(5);

/// What a finished child left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How it ended; a kill shows as a signal.
    pub(crate) status: ExitStatus,
    /// All it wrote to standard output.
    pub(crate) stdout: Vec<u8>,
    /// All it wrote to standard error.
    pub(crate) stderr: Vec<u8>,
    /// Wall time from start to end.
    pub(crate) took: Duration,
}

impl Ended {
    /// Standard output as text.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Both streams, for a message.
    pub(crate) fn both(&self) -> String {
        format!("{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.out(), self.err())
    }

    /// Ends the test unless the child said it succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert!(self.status.success(), "{}", self.both());
        self
    }
}

/// A running child.
pub(crate) struct Job {
    child: Child,
    started: Instant,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Job {
    /// Starts `command`, feeds it `stdin` and reads both its outputs.
    #[track_caller]
    pub(crate) fn start(mut command: Command, stdin: &[u8]) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let (mut input, bytes) = (child.stdin.take().unwrap(), stdin.to_vec());
        // A child that never reads its input is no fault of the test.
        thread::spawn(move || drop(input.write_all(&bytes)));
        let stdout = Some(drain(child.stdout.take().unwrap()));
        let stderr = Some(drain(child.stderr.take().unwrap()));
        Self { child, started: Instant::now(), stdout, stderr }
    }

    /// Waits until the child ends; after `limit` it is killed and the test ends.
    #[track_caller]
    pub(crate) fn finish(mut self, limit: Duration) -> Ended {
        let done = self.wait(limit);
        if !done {
            let _ = self.child.kill();
        }
        let ended = self.collect();
        assert!(done, "still running after {limit:?}\n{}", ended.both());
        ended
    }

    /// Lets the child run for `delay`, then sends SIGKILL; says how it ended.
    pub(crate) fn finish_or_kill(mut self, delay: Duration) -> Ended {
        if !self.wait(delay) {
            let _ = self.child.kill();
        }
        self.collect()
    }

    /// Sends SIGINT, as Ctrl-C does, and waits for the end.
    #[track_caller]
    pub(crate) fn interrupt(self) -> Ended {
        let mut kill = Command::new("kill");
        kill.args(["-INT", &self.child.id().to_string()]);
        assert!(kill.status().unwrap().success());
        self.finish(RUN_MAX)
    }

    fn wait(&mut self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        loop {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            thread::sleep(left.min(POLL));
        }
    }

    fn collect(mut self) -> Ended {
        let status = self.child.wait().unwrap();
        Ended {
            status,
            stdout: self.stdout.take().unwrap().join().unwrap(),
            stderr: self.stderr.take().unwrap().join().unwrap(),
            took: self.started.elapsed(),
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end.
#[track_caller]
pub(crate) fn run(command: Command) -> Ended {
    Job::start(command, b"").finish(RUN_MAX)
}

fn drain(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

#[test]
fn a_child_is_fed_and_read() {
    let ended = Job::start(Command::new("cat"), b"hello").finish(RUN_MAX).succeeded();
    assert_eq!(ended.out(), "hello");
}

#[test]
fn a_killed_child_shows_its_signal() {
    use std::os::unix::process::ExitStatusExt as _;
    let mut sleep = Command::new("sleep");
    sleep.arg("30");
    let ended = Job::start(sleep, b"").finish_or_kill(Duration::from_millis(20));
    assert_eq!(ended.status.signal(), Some(9));
}
