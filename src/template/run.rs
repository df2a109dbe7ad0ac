//! One run of templates: what it was told, what it has used up, and what the chart demanded.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::limits;
use crate::template::Fault;

/// The text that stands for a value which the chart demands and nobody gave.
pub const PLACEHOLDER: &str = "haversack-placeholder";

/// What `required` and `fail` do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demands {
    /// They are errors, as in Helm.
    #[default]
    Refuse,
    /// They are noted, and [`PLACEHOLDER`] goes on in their place: the person allowed it.
    Placeholders,
    /// They are noted, so that the caller can report all of them as errors at once.
    Collect,
}

/// What a run is told.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Decides what `randAlphaNum` and the like give.
    pub seed: u64,
    /// Seconds since 1970 that count as now.
    pub now: i64,
    /// What `required` and `fail` do.
    pub demands: Demands,
}

/// Something that the chart cannot do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The chart's own words.
    pub message: String,
    /// The file that demands it.
    pub template: String,
    /// Line in that file, from 1.
    pub line: usize,
    /// What is missing, as the template spells it: `.Values.api.secret`. For `fail` the whole call.
    pub at: String,
}

/// The counters of a run. All templates of one chart share one, so that its bounds hold for the chart.
pub struct Run {
    options: RunOptions,
    demands: Vec<Demand>,
    sequence: u64,
    steps: u64,
    clock_at: u64,
    started: Instant,
    time_max: Duration,
    written: u64,
    depth: usize,
    included: HashMap<Rc<str>, usize>,
    pub(super) trace: Trace,
}

/// How much has been said about one error on its way out.
#[derive(Default)]
pub(super) struct Trace {
    pub(super) errors: usize,
    pub(super) bytes: usize,
}

impl Run {
    /// A run that has used nothing up.
    pub fn new(options: RunOptions) -> Self {
        Self {
            sequence: options.seed,
            options,
            demands: Vec::new(),
            steps: 0,
            clock_at: limits::RENDER_CLOCK_STEPS,
            started: Instant::now(),
            time_max: limits::RENDER_TIME_MAX,
            written: 0,
            depth: 0,
            included: HashMap::new(),
            trace: Trace::default(),
        }
    }

    /// Sets a shorter time than the bound of charts.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { time_max: time.min(limits::RENDER_TIME_MAX), ..self }
    }

    /// What the chart demanded and was not given, in the order in which it asked.
    pub fn demands(&self) -> &[Demand] {
        &self.demands
    }

    pub(super) fn options(&self) -> &RunOptions {
        &self.options
    }

    /// Notes a demand, once.
    pub(super) fn note(&mut self, demand: Demand) -> Result<(), Fault> {
        if self.demands.contains(&demand) {
            return Ok(());
        }
        if self.demands.len() >= limits::RENDER_DEMANDS_MAX {
            return Err(Fault::Bound("demands of a chart"));
        }
        self.demands.push(demand);
        Ok(())
    }

    /// Counts what a function is about to make.
    pub(super) fn make(&mut self, units: u64) -> Result<(), Fault> {
        if units > limits::RENDER_VALUE_UNITS_MAX {
            return Err(Fault::Bound("size of one value"));
        }
        self.spend(units)
    }

    /// Counts steps, and looks at the clock now and then.
    pub(super) fn spend(&mut self, units: u64) -> Result<(), Fault> {
        self.steps = self.steps.saturating_add(units);
        if self.steps >= self.clock_at { self.look() } else { Ok(()) }
    }

    fn look(&mut self) -> Result<(), Fault> {
        let next = self.steps.saturating_add(limits::RENDER_CLOCK_STEPS);
        self.clock_at = next.min(limits::RENDER_STEPS_MAX + 1);
        if self.steps > limits::RENDER_STEPS_MAX {
            // Whoever asks again is refused again.
            self.clock_at = 0;
            return Err(Fault::Bound("steps of templates"));
        }
        if self.started.elapsed() > self.time_max {
            self.clock_at = 0;
            return Err(Fault::Bound("time of templates"));
        }
        Ok(())
    }

    /// Counts bytes before they are written.
    pub(super) fn write(&mut self, bytes: usize) -> Result<(), Fault> {
        self.written = self.written.saturating_add(bytes as u64);
        if self.written > limits::RENDER_OUTPUT_BYTES_MAX {
            return Err(Fault::Bound("bytes written by templates"));
        }
        self.spend(bytes as u64)
    }

    /// One level deeper. To be followed by [`Run::leave`], also when what happens there fails.
    pub(super) fn enter(&mut self) -> Result<(), Fault> {
        if self.depth >= limits::RENDER_DEPTH_MAX {
            return Err(Fault::Bound("depth of templates"));
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// One more `include` of a name inside an `include` of it; Helm's bound. To be followed by [`Run::included`].
    pub(super) fn include(&mut self, name: &Rc<str>) -> Result<(), Fault> {
        let Some(count) = self.included.get_mut(name) else {
            self.included.insert(Rc::clone(name), 1);
            return Ok(());
        };
        if *count > limits::RENDER_INCLUDES_MAX {
            let words = "rendering template has a nested reference name";
            return Err(Fault::said(format!("{words}: {name}: unable to execute template")));
        }
        *count += 1;
        Ok(())
    }

    pub(super) fn included(&mut self, name: &Rc<str>) {
        if let Some(count) = self.included.get_mut(name) {
            *count = count.saturating_sub(1);
        }
    }

    /// The next number of the sequence: SplitMix64 (Steele, Lea, Flood 2014).
    pub(super) fn random(&mut self) -> u64 {
        self.sequence = self.sequence.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.sequence;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::{Demand, Demands, Run, RunOptions};
    use crate::limits;

    #[test]
    fn chance_is_decided_by_the_seed() {
        let mut run = Run::new(RunOptions { seed: 0, ..RunOptions::default() });
        // The reference implementation's first numbers for seed 0.
        assert_eq!(run.random(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(run.random(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn what_is_used_up_stays_used_up() {
        let mut run = Run::new(RunOptions::default());
        assert!(run.spend(limits::RENDER_STEPS_MAX).is_ok());
        assert!(run.spend(1).is_err());
        assert!(run.spend(1).is_err());
        assert!(run.spend(u64::MAX).is_err());
    }

    #[test]
    fn one_demand_is_noted_once() {
        let demand = Demand {
            message: "set it".into(),
            template: "t".into(),
            line: 1,
            at: ".Values.it".into(),
        };
        let mut run = Run::new(RunOptions { demands: Demands::Collect, ..RunOptions::default() });
        run.note(demand.clone()).unwrap();
        run.note(demand.clone()).unwrap();
        assert_eq!(run.demands(), [demand]);
    }
}
