//! One command line in a closed room: its own folder, its own HOME, nothing from the machine.
//!
//! ```ignore
//! Scenario::new()
//!     .file("inventory.yaml", "haversack: 1\nnmae: x\n")
//!     .run(["lock", "inventory.yaml"])
//!     .status(3)
//!     .stderr("inventory.yaml:2: unknown key …\n")
//!     .check();
//! ```
//!
//! What differs from run to run is replaced before it is compared; see [`filter`].

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::job::{Ended, Job, RUN_MAX};
use super::{binary, tree};

/// A temporary folder in which commands are run, one after the other.
pub(crate) struct Scenario {
    dir: TempDir,
}

impl Scenario {
    /// An empty folder with a HOME and a TMPDIR beside the work folder.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["home", "tmp", "work"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir }
    }

    /// Writes a file, with the folders above it; text is unindented.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.write(path, unindent(text).as_bytes());
        self
    }

    /// Writes bytes as they are.
    pub(crate) fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Reads a file of the work folder as text.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        let path = self.path(path);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// A path in the work folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("work").join(path)
    }

    /// The whole room: work, home and tmp.
    pub(crate) fn room(&self) -> &Path {
        self.dir.path()
    }

    /// The program with these arguments, not yet run.
    pub(crate) fn run<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Step<'_> {
        Step {
            scenario: self,
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            stdin: Vec::new(),
            status: 0,
            stdout: None,
            stderr: None,
            stdout_parts: Vec::new(),
            stderr_parts: Vec::new(),
        }
    }

    /// The program in this room, for tests that start it themselves.
    pub(crate) fn command(&self) -> Command {
        self.command_named(binary())
    }

    /// Another program in this room.
    pub(crate) fn command_named(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path(""))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path().join("home"))
            .env("TMPDIR", self.dir.path().join("tmp"))
            .env("LC_ALL", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    /// Ends the test if a planted secret is found anywhere in the room.
    #[track_caller]
    pub(crate) fn assert_nowhere(&self, secret: &str) {
        let found = tree::canary(self.room(), secret);
        assert!(found.is_empty(), "{secret:?} was found: {found:#?}");
    }
}

/// One command with what is expected of it; nothing happens before [`Step::check`].
#[must_use = "a step that is not checked is not run"]
pub(crate) struct Step<'s> {
    scenario: &'s Scenario,
    args: Vec<OsString>,
    env: Vec<(String, String)>,
    stdin: Vec<u8>,
    status: i32,
    stdout: Option<String>,
    stderr: Option<String>,
    stdout_parts: Vec<String>,
    stderr_parts: Vec<String>,
}

impl Step<'_> {
    /// One more argument.
    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// A variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What the command reads from standard input; otherwise nothing.
    pub(crate) fn stdin(mut self, bytes: &[u8]) -> Self {
        bytes.clone_into(&mut self.stdin);
        self
    }

    /// The exit code; 0 unless said.
    pub(crate) fn status(mut self, status: i32) -> Self {
        self.status = status;
        self
    }

    /// The whole of standard output, filtered; text is unindented.
    pub(crate) fn stdout(mut self, text: &str) -> Self {
        self.stdout = Some(unindent(text));
        self
    }

    /// The whole of standard error, filtered; text is unindented.
    pub(crate) fn stderr(mut self, text: &str) -> Self {
        self.stderr = Some(unindent(text));
        self
    }

    /// A part of standard output, filtered.
    pub(crate) fn stdout_has(mut self, part: &str) -> Self {
        self.stdout_parts.push(part.to_owned());
        self
    }

    /// A part of standard error, filtered.
    pub(crate) fn stderr_has(mut self, part: &str) -> Self {
        self.stderr_parts.push(part.to_owned());
        self
    }

    /// Runs the command and compares; returns everything unfiltered.
    #[track_caller]
    pub(crate) fn check(self) -> Ended {
        let mut command = self.scenario.command();
        command.args(&self.args).envs(self.env);
        let ended = Job::start(command, &self.stdin).finish(RUN_MAX);
        let room = self.scenario.room();
        let (out, err) = (filter(&ended.out(), room), filter(&ended.err(), room));
        let all =
            || format!("{:?}: {}\n--- stdout\n{out}\n--- stderr\n{err}", self.args, ended.status);
        assert_eq!(ended.status.code(), Some(self.status), "exit code\n{}", all());
        for (what, got, whole) in [("stdout", &out, &self.stdout), ("stderr", &err, &self.stderr)] {
            if let Some(whole) = whole {
                assert!(got == whole, "{what} is not\n{whole}\n{}", all());
            }
        }
        for (what, got, parts) in
            [("stdout", &out, &self.stdout_parts), ("stderr", &err, &self.stderr_parts)]
        {
            for part in parts {
                assert!(got.contains(part), "{what} lacks {part:?}\n{}", all());
            }
        }
        ended
    }
}

/// Takes the common indent off every line, and an empty first line.
pub(crate) fn unindent(text: &str) -> String {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let indent = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    let mut lines: Vec<&str> =
        text.split('\n').map(|line| line.get(indent..).unwrap_or("")).collect();
    if lines.len() > 1 && lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
        lines.push("");
    }
    lines.join("\n")
}

/// Replaces what differs from run to run.
///
/// The room's path becomes `[ROOM]`; a port of 127.0.0.1 `[PORT]`; 64 hex digits `[DIGEST]`, 40
/// `[COMMIT]`; `12.3 MiB` `[SIZE]`; `1.2s`, `350 ms` `[TIME]`; `2026-01-02T03:04:05Z` `[DATE]`.
pub(crate) fn filter(text: &str, room: &Path) -> String {
    let room = room.to_str().unwrap();
    let text = text.replace(room, "[ROOM]");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("127.0.0.1:") {
            let digits = digits(after);
            if digits > 0 {
                out.push_str("127.0.0.1:[PORT]");
                rest = &after[digits..];
                continue;
            }
        }
        let word = out.chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric() || c == '.');
        let found = if word { None } else { variable(rest) };
        if let Some((len, name)) = found {
            out.push_str(name);
            rest = &rest[len..];
        } else {
            let next = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..next]);
            rest = &rest[next..];
        }
    }
    out
}

/// The length and the name of a variable thing at the start of `rest`.
fn variable(rest: &str) -> Option<(usize, &'static str)> {
    let hex = rest.bytes().take_while(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).count();
    match hex {
        64 => return Some((64, "[DIGEST]")),
        40 => return Some((40, "[COMMIT]")),
        _ => {}
    }
    let number = number(rest);
    if number == 0 {
        return None;
    }
    if let Some(date) = date(rest) {
        return Some((date, "[DATE]"));
    }
    let after = &rest[number..];
    let space = usize::from(after.starts_with(' '));
    let unit = after[space..].bytes().take_while(u8::is_ascii_alphabetic).count();
    let len = number + space + unit;
    match &after[space..space + unit] {
        "B" | "KiB" | "MiB" | "GiB" | "TiB" | "kB" | "MB" | "GB" | "bytes" => Some((len, "[SIZE]")),
        "s" | "ms" | "us" | "min" => Some((len, "[TIME]")),
        _ => None,
    }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Digits, and a fraction if there is one.
fn number(text: &str) -> usize {
    let whole = digits(text);
    match text[whole..].strip_prefix('.').map(digits) {
        Some(fraction) if whole > 0 && fraction > 0 => whole + 1 + fraction,
        _ => whole,
    }
}

/// `YYYY-MM-DDTHH:MM:SS`, a fraction, and `Z` (RFC 3339).
fn date(text: &str) -> Option<usize> {
    const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    let head = text.as_bytes().get(..SHAPE.len())?;
    let fits = head.iter().zip(SHAPE).all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        _ => byte == shape,
    });
    let end = text.get(SHAPE.len()..)?.find('Z')?;
    let fraction = &text[SHAPE.len()..SHAPE.len() + end];
    let plain = fraction.is_empty()
        || fraction.strip_prefix('.').is_some_and(|f| !f.is_empty() && digits(f) == f.len());
    (fits && plain).then_some(SHAPE.len() + end + 1)
}

#[test]
fn what_varies_is_named_and_the_rest_is_kept() {
    let text = format!(
        "/r/x/work/a.yaml at 127.0.0.1:40123/v2/ sha256:{} {} 12.3 MiB in 350ms on \
         2026-01-02T03:04:05.678Z; v1.2.0 3 images café",
        "0".repeat(64),
        "a".repeat(40)
    );
    assert_eq!(
        filter(&text, Path::new("/r/x")),
        "[ROOM]/work/a.yaml at 127.0.0.1:[PORT]/v2/ sha256:[DIGEST] [COMMIT] [SIZE] in [TIME] on \
         [DATE]; v1.2.0 3 images café"
    );
}

#[test]
fn text_is_unindented_by_its_smallest_indent() {
    assert_eq!(unindent("\n    a:\n      - b\n\n    c\n    "), "a:\n  - b\n\nc\n");
    assert_eq!(unindent("plain"), "plain");
}
