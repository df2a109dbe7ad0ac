//! Progress: bars on a terminal, plain lines elsewhere, nothing when asked to be quiet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::words::{err, safe, size};
use crate::report::{Event, Sink};

/// Bars shown at the same time; further tasks run without one.
const BARS_MAX: usize = 8;
/// Pause between two plain lines about the same phase.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Bars on standard error.
pub(super) fn bars() -> Arc<dyn Sink> {
    Arc::new(Bars { all: MultiProgress::new(), state: Mutex::default() })
}

/// Plain lines on standard error.
pub(super) fn lines() -> Arc<dyn Sink> {
    Arc::new(Lines {
        state: Mutex::new(LineState {
            phase: String::new(),
            done: 0,
            tasks: 0,
            last: Instant::now(),
        }),
    })
}

/// Warnings only.
pub(super) fn quiet() -> Arc<dyn Sink> {
    Arc::new(Quiet)
}

struct Quiet;

impl Sink for Quiet {
    fn event(&self, event: Event) {
        match event {
            Event::Warning(what) => err(&format!("warning: {}\n", safe(&what))),
            Event::Checkpoint(name) => crash_point(name),
            _ => {}
        }
    }
}

struct Bars {
    all: MultiProgress,
    state: Mutex<BTreeMap<u64, ProgressBar>>,
}

impl Bars {
    /// Prints a line above the bars. Without bars there is nothing to draw around, and the line ends itself.
    fn say(&self, bars: &BTreeMap<u64, ProgressBar>, line: &str) {
        if bars.is_empty() || self.all.println(line).is_err() {
            err(&format!("{line}\n"));
        }
    }
}

impl Sink for Bars {
    fn event(&self, event: Event) {
        let mut bars = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Phase(what) => self.say(&bars, &safe(&what)),
            Event::Note(what) => self.say(&bars, &format!("  {}", safe(&what))),
            Event::Warning(what) => self.say(&bars, &format!("warning: {}", safe(&what))),
            Event::Begin { task, what, size_bytes } if bars.len() < BARS_MAX => {
                let bar = self.all.add(match size_bytes {
                    Some(bytes) => ProgressBar::new(bytes)
                        .with_style(style("{bar:24} {bytes:>10}/{total_bytes:10} {msg}")),
                    None => {
                        ProgressBar::new_spinner().with_style(style("{spinner} {bytes:>10} {msg}"))
                    }
                });
                bar.set_message(safe(&what));
                bars.insert(task, bar);
            }
            Event::Begin { .. } => {}
            Event::Advance { task, bytes } => {
                if let Some(bar) = bars.get(&task) {
                    bar.inc(bytes);
                }
            }
            Event::End { task } => {
                if let Some(bar) = bars.remove(&task) {
                    bar.finish_and_clear();
                }
            }
            Event::Checkpoint(name) => crash_point(name),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

struct Lines {
    state: Mutex<LineState>,
}

struct LineState {
    phase: String,
    done: u64,
    tasks: u64,
    last: Instant,
}

impl Sink for Lines {
    fn event(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Phase(what) => {
                err(&format!("{}\n", safe(&what)));
                *state = LineState { phase: what, done: 0, tasks: 0, last: Instant::now() };
            }
            Event::Note(what) => err(&format!("  {}\n", safe(&what))),
            Event::Warning(what) => err(&format!("warning: {}\n", safe(&what))),
            Event::Begin { .. } => {}
            Event::Advance { bytes, .. } => {
                state.done += bytes;
                if state.last.elapsed() >= LINE_EVERY {
                    state.last = Instant::now();
                    err(&format!(
                        "{}: {} so far, {} tasks done\n",
                        safe(&state.phase),
                        size(state.done),
                        state.tasks
                    ));
                }
            }
            Event::End { .. } => state.tasks += 1,
            Event::Checkpoint(name) => crash_point(name),
        }
    }
}

/// Ends the process at the n-th passing of a named durable step: `HAVERSACK_CRASH_AT=NAME:N`.
///
/// For the fault tests, in debug builds only: what a `kill -9` at that instant leaves behind is what is tested.
#[cfg(debug_assertions)]
fn crash_point(name: &str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let Ok(wanted) = std::env::var("HAVERSACK_CRASH_AT") else { return };
    let (point, number) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    if point == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == number.parse().unwrap_or(1) {
        std::process::abort();
    }
}

#[cfg(not(debug_assertions))]
fn crash_point(_: &str) {}
