//! Why a chart does not render, with every place that a person has to look at.

use std::fmt;

use thiserror::Error;

use crate::helm::{ChartError, KubeVersionError, ValuesError};
use crate::template::{Demand, ExecError, Fault, ParseError};

/// Why a chart does not render.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The chart is not sound, or its values are not what its schema asks for.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// A values file or flag is not sound.
    #[error(transparent)]
    Values(#[from] ValuesError),
    /// The release's name is none that Kubernetes takes.
    #[error("{0:?} is no name of a release: small letters, digits, '-' and '.', 53 at most")]
    Release(String),
    /// The version of the cluster is none.
    #[error(transparent)]
    KubeVersion(#[from] KubeVersionError),
    /// It asks for another version of Kubernetes.
    #[error("{chart}: asks for Kubernetes {range}, and is rendered for {version}")]
    Cluster {
        /// The chart.
        chart: String,
        /// The versions that it takes.
        range: String,
        /// The version that it is rendered for.
        version: String,
    },
    /// A template cannot be parsed, or failed.
    #[error("{chart}: {fault}")]
    Template {
        /// The chart.
        chart: String,
        /// Where, and why.
        fault: TemplateFault,
    },
    /// Values that the chart demands are missing.
    #[error("{chart}: {}", demanded(demands))]
    Demands {
        /// The chart.
        chart: String,
        /// All of them.
        demands: Vec<Demand>,
    },
    /// What a template renders to is no YAML document.
    #[error("{chart}: {file}{}: renders to no sound YAML: {message}", at(*line))]
    Document {
        /// The chart.
        chart: String,
        /// The template.
        file: String,
        /// Its line.
        line: Option<u32>,
        /// Why.
        message: String,
    },
    /// The system gave no thread.
    #[error("no thread to render in")]
    Thread(#[source] std::io::Error),
}

impl RenderError {
    /// Whether it is about a value that the chart demands.
    pub(super) fn is_demand(&self) -> bool {
        matches!(self, Self::Template { fault, .. } if fault.is_demand)
    }
}

fn at(line: Option<u32>) -> String {
    line.map(|line| format!(":{line}")).unwrap_or_default()
}

fn demanded(demands: &[Demand]) -> String {
    demands.iter().map(describe).collect::<Vec<_>>().join("; ")
}

/// A demand for people: where it stands, what is missing, and the chart's own words.
pub fn describe(demand: &Demand) -> String {
    let Demand { message, template, line, at } = demand;
    format!("{template}:{line}: {message} <{at}>")
}

/// Where a template failed, from the inside out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// What went wrong, in Go's words.
    pub message: String,
    /// The place where it did, and then the places that led there, one for each include.
    pub places: Vec<Place>,
    /// Whether `required` or `fail` said it.
    pub is_demand: bool,
}

/// A place in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The template's file: `argo-cd/templates/_helpers.tpl`.
    pub file: String,
    /// Line, from 1; 0 when it is not known.
    pub line: usize,
    /// Column, from 1; 0 when it is not known.
    pub column: usize,
    /// What stands there, as Go spells it.
    pub at: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        if self.at.is_empty() { Ok(()) } else { write!(f, " <{}>", self.at) }
    }
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, place) in self.places.iter().enumerate() {
            match count {
                0 => write!(f, "{place}: {}", self.message)?,
                // A recursion without end has thousands of them.
                1..=PLACES_SHOWN => write!(f, ", from {place}")?,
                _ => return write!(f, ", and {} more", self.places.len() - count),
            }
        }
        Ok(())
    }
}

const PLACES_SHOWN: usize = 12;

impl From<ParseError> for TemplateFault {
    fn from(error: ParseError) -> Self {
        let place = Place { file: error.template, line: error.line, column: 0, at: String::new() };
        Self { message: error.message, places: vec![place], is_demand: false }
    }
}

impl From<&ExecError> for TemplateFault {
    fn from(error: &ExecError) -> Self {
        let mut places = Vec::new();
        let mut next = error;
        loop {
            places.push(Place {
                file: next.template.clone(),
                line: next.line,
                column: if next.line == 0 { 0 } else { next.column + 1 },
                at: next.at.clone(),
            });
            match &next.cause {
                Fault::Template(inner) => next = inner,
                cause => {
                    places.reverse();
                    let message = format!("{}{cause}", next.doing);
                    let is_demand = matches!(cause, Fault::Demand(_));
                    return Self { message, places, is_demand };
                }
            }
        }
    }
}
